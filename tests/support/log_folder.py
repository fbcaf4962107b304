"""A stopped node's log as the folder of files that it would export, under its own signed head."""

from pathlib import Path

from support.nodes import ceg

from gateway.storage.database import Read, load_queries
from gateway.storage.read_only import ReadOnlyDatabase
from gateway.system import package_folder
from gateway.transferlog.folder import export_files
from gateway.transferlog.tiles import rows_reader


def export(node, folder: Path) -> Path:
    """`node` has a `config` and a `database`."""
    note = ceg("log", "head", "--config", node.config, "--json").document
    database = ReadOnlyDatabase.open(node.database, load_queries(package_folder() / "storage" / "sql" / "queries.sql"))

    def leaves(first: int, end: int) -> list[bytes]:
        return [row[1] for row in database.rows(Read("log_entries_range", {"first": first, "end": end}))]

    for path, data in export_files(note["size"], note["checkpoint"], rows_reader(lambda _id: None, leaves), leaves):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder
