"""`ceg log archive` and `ceg log restore`: the log as a folder with a manifest, the same bytes each time; and back, verified."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from gateway.app import DATABASE_FILE
from gateway.cli.exits import ExitCode
from gateway.cli.faults import CliError
from gateway.cli.helps import about
from gateway.cli.log_audit import LeafQuestions, verifiers_of
from gateway.cli.options import AsJson, Config, DryRun, NoColor, RegistryKey, TrustPath
from gateway.cli.screen import Screen, facts
from gateway.cli.sources import open_node, settings_of, trust_of
from gateway.federation.registry import TrustFile
from gateway.storage.database import Read, load_queries
from gateway.storage.schema import upgrade
from gateway.storage.sqlite import SqliteDatabase
from gateway.system import package_folder
from gateway.transferlog.archive import archive_files, verify_archive
from gateway.transferlog.folder import folder_entries
from gateway.transferlog.tiles import rows_reader
from gateway.transfers.log_export import put_file
from gateway.transfers.log_keeping import restore_log

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="档案目录。 / The archive's folder.")]
Progress = Callable[[int, int], None]


def archive(folder: Folder, config: Config = None, as_json: AsJson = False, no_color: NoColor = False) -> None:
    """Write every file of the log and a manifest into an empty or new folder."""
    screen = Screen.open(as_json, no_color)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CliError("cli.file_exists", "目录已存在且非空", "the folder is there already and is not empty", file=str(folder))
    document = asyncio.run(_archive(folder, config))
    screen.emit(document, lambda console: _draw(console, "已归档 archived", document))


async def _archive(folder: Path, config: Path | None) -> dict[str, Any]:
    async with open_node(config, None) as node:
        ledger = await node.ledger()
        size, root = await node.reading.head()

        def row(id: int) -> bytes | None:
            found = node.database.rows(Read("log_tiles_by_id", {"ids": f"[{id}]"}))
            return found[0][1] if found else None

        def leaves(first: int, end: int) -> list[bytes]:
            return [each[1] for each in node.database.rows(Read("log_entries_range", {"first": first, "end": end}))]

        count = 0
        for path, data in archive_files(size, root, ledger.note(size, root), rows_reader(row, leaves), leaves):
            put_file(folder, path, data)
            count += 1
    return {"folder": str(folder), "size": size, "root": root.hex(), "files": count}


def restore(
    folder: Folder,
    config: Config = None,
    trust_file: TrustPath = None,
    registry_key: RegistryKey = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Verify the archive; then put its log into the configured node's database, which holds none of it yet, or its beginning."""
    screen = Screen.open(as_json, no_color)
    trust = trust_of(screen, config, trust_file, registry_key)
    with screen.progress("核验 Verifying") as progress:
        document = _verified(folder, trust, progress)
    if document["finding"] is None and not dry_run:
        document["written"] = asyncio.run(_restore(folder, config, document))
    screen.emit(document, lambda console: _draw(console, "核验通过 verified" if dry_run else "已恢复 restored", document))
    if document["finding"] is not None:
        raise typer.Exit(ExitCode.FINDINGS)


def _verified(folder: Path, trust: TrustFile, progress: Progress) -> dict[str, Any]:
    manifest, report = verify_archive(_reader(folder), verifiers_of(trust), check=LeafQuestions(trust, None), progress=progress)
    finding = None if report.finding is None else {"index": report.finding.index, "code": report.finding.code, "en": report.finding.en}
    return {
        "folder": str(folder), "size": manifest.size, "root": manifest.root, "files": len(manifest.files) + 1, "finding": finding,
        "written": 0,
    }  # fmt: skip


def _reader(folder: Path) -> Callable[[str], bytes]:
    def read(path: str) -> bytes:
        return (folder / path).read_bytes()

    return read


async def _restore(folder: Path, config: Path | None, document: dict[str, Any]) -> int:
    leaves: Iterator[bytes] = (raw for _, raw in folder_entries(_reader(folder), document["size"]))
    async with opened(settings_of(config).node.data_folder / DATABASE_FILE) as database:
        return await restore_log(database, leaves, document["size"], bytes.fromhex(document["root"]))


@asynccontextmanager
async def opened(file: Path) -> AsyncIterator[SqliteDatabase]:
    """A migrated database, for writing.  Raises StorageError."""
    upgrade(file)
    database = await SqliteDatabase.open(file, load_queries(package_folder() / "storage" / "sql" / "queries.sql"))
    try:
        yield database
    finally:
        await database.close()


def _draw(console: Console, word: str, document: dict[str, Any]) -> None:
    rows = [("目录 Folder", document["folder"]), ("叶 Leaves", str(document["size"])), ("根 Root", document["root"])]
    rows.append(("文件 Files", str(document["files"])))
    if "written" in document:
        rows.append(("写入的叶 Leaves written", str(document["written"])))
    console.print(facts(rows))
    finding = document.get("finding")
    if finding is not None:
        console.print(f"发现问题 FOUND: {finding['code']} 叶 leaf {finding['index']}\n{finding['en']}", style="bold red")
        return
    console.print(word, style="bold green")


COMMANDS = (
    (
        "archive",
        archive,
        about(
            "把存证日志写成档案:各文件与清单。",
            "Write the log as an archive: its files and a manifest.",
            "ceg log archive out/log-2026 --config gateway.toml",
            "ceg log archive out/log-2026 --config gateway.toml --json",
            more_zh="同样大小的日志,每次得到同样的字节。清单列出各文件的 SHA-256;检查点由日志私钥签名。",
            more_en="The same size gives the same bytes each time. "
            "The manifest lists every file's SHA-256; the log's key signs the checkpoint.",
        ),
    ),
    (
        "restore",
        restore,
        about(
            "核验档案,并把日志恢复到空数据库中。",
            "Verify an archive, and put its log back into an empty database.",
            "ceg log restore out/log-2026 --config gateway.toml",
            "ceg log restore out/log-2026 --dry-run --trust-file trust.json",
            more_zh="--dry-run 只核验。数据库须为空,或是此档案的开头(中断后可再来)。节点须停机。只恢复日志本身,案件数据另从备份恢复。",
            more_en="With --dry-run it only verifies. The database has to be empty, or hold the archive's beginning "
            "(after an interruption). The node has to stand still. Only the log comes back; cases come from a backup.",
        ),
    ),
)
