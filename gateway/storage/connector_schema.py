"""The connector's database: one SQLite file on a bank's premises, with a schema version of its own.

It is small and has one writer, so its version stands in SQLite's own `user_version` and a change of
schema is a script here; Alembic stays with the gateway's database.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from gateway.errors import StorageError
from gateway.storage.database import load_queries
from gateway.storage.sqlite import AT_ONCE, SqliteDatabase, Turns

SCHEMA_VERSION = 1
_SQL = Path(__file__).parent / "sql"


class OutboxRow(NamedTuple):
    """A message of this bank.  `state`: `waiting`, `done`, `refused` (a verified "no"), `failed` (not authentic to the gateway), `alarm`.

    `claims` is JSON: what the envelope says beside act and contents.  `answer` and `receipt` are what came back, verified.
    """

    number: int
    jti: str
    act: str
    scope: str
    claims: str
    state: str
    attempts: int
    next_at: str
    last_error: str
    status: int | None
    answer: bytes | None
    receipt: str | None
    created_at: str


class InboxRow(NamedTuple):
    """A message from the gateway.  `state`: `kept` (durable, not yet worked on), `done`, `refused` (it did not hold; `error` says why)."""

    number: int
    iss: str
    jti: str
    act: str
    scope: str
    con: str
    state: str
    error: str
    token: str
    at: str


class CaseRow(NamedTuple):
    """What the bank knows of a transfer.  `todo`: "", `decide`, `post`.  `body` is the last verified answer about it (JSON)."""

    transfer: str
    source: str
    accepting: str
    facing: str
    state: str
    ver: int
    todo: str
    forward_jti: str
    decided_jti: str
    body: str
    changed_at: str


async def open_connector(path: Path, turns: Turns = AT_ONCE) -> SqliteDatabase:
    """Make or open the connector's database.  Raises StorageError("storage.schema_too_new")."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found > SCHEMA_VERSION:
            raise StorageError(
                "storage.schema_too_new", "数据库版本比程序新", "the database was written by a newer program", revision=str(found)
            )
        if found < SCHEMA_VERSION:
            script = (_SQL / "connector_schema.sql").read_text("utf-8")
            connection.executescript(f"BEGIN; {script} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
    return await SqliteDatabase.open(path, load_queries(_SQL / "connector.sql"), turns)
