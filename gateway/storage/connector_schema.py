"""The connector's database: one SQLite file on a bank's premises, with a schema version of its own.

It is small and has one writer, so its version stands in SQLite's own `user_version` and a change of
schema is a script here; Alembic stays with the gateway's database.
"""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from gateway.errors import StorageError
from gateway.storage.database import load_queries
from gateway.storage.sqlite import AT_ONCE, SqliteDatabase, Turns

_SQL = Path(__file__).parent / "sql"
SCRIPTS = ("connector_schema.sql", "connector_numbering_schema.sql", "connector_feeds_schema.sql", "connector_people_schema.sql",
           "connector_selections_schema.sql")  # fmt: skip
"""Oldest first; a file's version is how many of them it has had."""
SCHEMA_VERSION = len(SCRIPTS)
PEOPLE = frozenset(
    {
        "person_session", "person_session_put", "person_session_seen", "person_session_end", "person_sessions_sweep", "person_act_put",
        "person_acts", "person_acts_before", "person_acts_forget", "sign_in_failures", "sign_in_failure_put", "sign_in_failures_forget",
    }
)  # fmt: skip
"""Statements about people who sign in: the tables are the gateway's, and so are the statements."""


class OutboxRow(NamedTuple):
    """A message of this bank.  `state`: `waiting`, `done`, `refused` (a verified "no"), `failed` (not authentic to the gateway), `alarm`.

    `claims` is JSON: what the envelope says beside act and contents.  `answer` and `receipt` are what came back, verified.
    `seq` is its number, given when it was first stored; None for a message from before there were numbers.
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
    seq: int | None = None


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
    seq: int | None = None


class DifferenceRow(NamedTuple):
    """What this bank and the gateway do not agree on: `lacks`, `lost` (numbers), `case`, `item`.  `closed_at` is "" while it stands."""

    kind: str
    transfer: str
    subject: str
    ours: str
    theirs: str
    found_at: str
    closed_at: str = ""


class HeldRowRow(NamedTuple):
    """A row of a feed that stays behind; `line` 0: the whole file.  `problems` is JSON; `mended_at` is "" while it stands."""

    file: str
    line: int
    record: str
    problems: str
    found_at: str
    mended_at: str = ""


class FrozenRow(NamedTuple):
    """What one of the bank's people has put together and is to confirm.

    `kind`: `decide`, `word` or `bulk`; `body` is JSON; `used_at` is "" until it was done.
    """

    id: str
    kind: str
    person: str
    made_at: str
    body: str
    used_at: str = ""


class SelectionHereRow(NamedTuple):
    """A bulk selection released for this bank.  `entries` is JSON, `[id, transfer]` in order; `state`: `asked`, `signed`, `over`, `stale`,
    `stopped`; `signed_by` is "" until a person has let it be signed, and where the bank's setting does.
    """

    token: str
    act: str
    digest: str
    reason: str
    rate: int
    until: str
    entries: str
    state: str
    code: str
    signed_by: str
    seen_at: str
    changed_at: str


class CaseRow(NamedTuple):
    """What the bank knows of a transfer.  `todo`: words of `decide`, `post`, `recall`, or "".

    `body` is the case as the last verified answer or notice told it (JSON).
    """

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


async def open_connector(path: Path, turns: Turns = AT_ONCE, more: Mapping[str, str] = {}) -> SqliteDatabase:
    """Make or open the connector's database; `more` are further named statements.  Raises StorageError("storage.schema_too_new")."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found > SCHEMA_VERSION:
            raise StorageError(
                "storage.schema_too_new", "数据库版本比程序新", "the database was written by a newer program", revision=str(found)
            )
        for version, name in enumerate(SCRIPTS[found:], found + 1):
            script = (_SQL / name).read_text("utf-8")
            connection.executescript(f"BEGIN; {script} PRAGMA user_version = {version}; COMMIT;")
    shared = {name: text for name, text in load_queries(_SQL / "queries.sql").items() if name in PEOPLE}
    return await SqliteDatabase.open(path, {**load_queries(_SQL / "connector.sql"), **shared, **more}, turns)
