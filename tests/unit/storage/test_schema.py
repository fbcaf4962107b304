"""Migrations: from nothing, from an interrupted start, and not from a newer program's file."""

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from gateway.errors import StorageError
from gateway.storage.connector_schema import SCRIPTS
from gateway.storage.database import load_queries
from gateway.storage.schema import REVISIONS, current_revision, upgrade
from gateway.system import package_folder

SQL = package_folder() / "storage" / "sql"
KILLED = """
import os, sqlite3, sys
from pathlib import Path
from gateway.storage import schema
from alembic.runtime import migration
import gateway.storage.migrations.versions as versions
from alembic import op
run, left = op.execute, [int(sys.argv[2])]
def dying(*arguments):
    left[0] -= 1
    if left[0] < 0:
        os._exit(9)
    return run(*arguments)
op.execute = dying
schema.upgrade(Path(sys.argv[1]))
"""


def tables(file: Path) -> set[str]:
    with closing(sqlite3.connect(file)) as connection:
        return {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_upgrade_when_there_is_no_file_then_newest_schema_and_again_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "data" / "gateway.db"
    assert current_revision(file) is None
    upgrade(file)
    assert current_revision(file) == REVISIONS[-1]
    before = file.read_bytes()
    upgrade(file)
    assert file.read_bytes() == before
    assert {"transfer", "message", "log_entry", "log_head", "owed"} <= tables(file)


def test_upgrade_when_file_is_of_a_newer_program_then_refused_untouched(tmp_path: Path) -> None:
    file = tmp_path / "gateway.db"
    upgrade(file)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = file.read_bytes()
    with pytest.raises(StorageError) as caught:
        upgrade(file)
    assert (caught.value.code, caught.value.facts["revision"]) == ("storage.schema_too_new", "9999")
    assert file.read_bytes() == before


@pytest.mark.parametrize("statements", [0, 3, 9])
def test_upgrade_when_killed_midway_then_the_next_start_begins_afresh(tmp_path: Path, statements: int) -> None:
    file = tmp_path / "gateway.db"
    died = subprocess.run([sys.executable, "-c", KILLED, str(file), str(statements)], check=False, capture_output=True, timeout=60)
    assert died.returncode == 9, died.stderr
    assert "message" not in tables(file)
    upgrade(file)
    assert current_revision(file) == REVISIONS[-1]


def test_upgrade_when_two_start_at_once_then_both_find_it_done(tmp_path: Path) -> None:
    file = tmp_path / "gateway.db"
    command = "import sys; from pathlib import Path; from gateway.storage.schema import upgrade; upgrade(Path(sys.argv[1]))"
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: subprocess.run([sys.executable, "-c", command, str(file)], check=False, timeout=60), range(2)))
    assert [each.returncode for each in done] == [0, 0]
    assert current_revision(file) == REVISIONS[-1]


def test_revisions_when_listed_then_they_are_the_migrations() -> None:
    files = sorted((package_folder() / "storage" / "migrations" / "versions").glob("0*.py"))
    assert tuple(file.name[:4] for file in files) == REVISIONS


@pytest.mark.parametrize("name", ["queries.sql", "connector.sql"])
def test_queries_when_loaded_then_every_statement_compiles_against_its_schema(tmp_path: Path, name: str) -> None:
    file = tmp_path / "migrated.db"
    if name == "queries.sql":
        upgrade(file)
    with closing(sqlite3.connect(file)) as connection:
        if name != "queries.sql":
            for script in SCRIPTS:
                connection.executescript((SQL / script).read_text("utf-8"))
        for query, text in load_queries(SQL / name).items():
            places = text.count("?")
            values = (
                [None] * places
                if places
                else {word.strip(":(),"): None for word in text.replace("(", " ").replace(",", " ").split() if word[0] == ":"}
            )
            assert connection.execute("EXPLAIN " + text, values), query
