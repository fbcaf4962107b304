"""The connector's file: made whole, brought up from the first schema, refused when newer."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gateway.client.store import Outgoing, Store
from gateway.errors import StorageError
from gateway.storage.connector_schema import SCHEMA_VERSION, open_connector

FIRST = Path(__file__).parents[3] / "gateway" / "storage" / "sql" / "connector_schema.sql"
AT = "2026-11-02T01:00:00.000000Z"


def first_schema(path: Path) -> None:
    """A file as the first program left it, with a message from before there were numbers."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(FIRST.read_text("utf-8"))
        connection.execute("PRAGMA user_version = 1")
        connection.execute(
            "INSERT INTO outbox (jti, act, scope, claims, state, attempts, next_at, last_error, created_at) "
            "VALUES ('old', 'noted', 'x', '{}', 'waiting', 0, ?, '', ?)",
            (AT, AT),
        )


async def test_file_of_the_first_schema_when_opened_then_keeps_its_rows_and_numbers_from_now_on(tmp_path: Path) -> None:
    first_schema(tmp_path / "bank.db")
    store = Store(await open_connector(tmp_path / "bank.db"))
    try:
        await store.commit([*Store.send(Outgoing("one", "noted", "y"), AT), *Store.send(Outgoing("two", "noted", "z"), AT)])
        assert [(row.jti, row.seq) for row in await store.messages()] == [("old", None), ("one", 1), ("two", 2)]
        assert (await store.last_number(), await store.numbers_waiting(9), await store.floor()) == (2, [1, 2], 0)
    finally:
        await store.close()


async def test_file_when_of_a_newer_schema_then_refused(tmp_path: Path) -> None:
    store = Store(await open_connector(tmp_path / "bank.db"))
    await store.close()
    with closing(sqlite3.connect(tmp_path / "bank.db", isolation_level=None)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(StorageError) as caught:
        await open_connector(tmp_path / "bank.db")
    assert caught.value.code == "storage.schema_too_new"
