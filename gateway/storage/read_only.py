"""One moment of a database file, read without touching it: for the command line beside a running node.

The connection cannot write and holds one read transaction from its first query on, so that everything
read through it is of one commit, whatever the node does meanwhile.  It offers `Database`'s reading half.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

from gateway.crypto.sealing import KeyEncryptionKey
from gateway.errors import StorageError
from gateway.storage.database import Decide, Read, Row
from gateway.storage.schema import REVISIONS
from gateway.storage.sealed_rows import Opener

SQLITE = sqlite3.sqlite_version
BUSY_TIMEOUT_S = 5.0
PAGE_ROWS = 1024


class ReadOnlyDatabase:
    """Make it with `open`; `close` it."""

    def __init__(self, connection: sqlite3.Connection, queries: Mapping[str, str], key: KeyEncryptionKey | None = None) -> None:
        self._connection = connection
        self._queries = queries
        self._opener = Opener(key)

    @classmethod
    def open(cls, path: Path, queries: Mapping[str, str], key: KeyEncryptionKey | None = None) -> Self:
        """Without the master key, values that are sealed in rows are empty.

        Raises StorageError: `storage.no_database`, `storage.schema_too_new`, `storage.schema_other`, `storage.failed`.
        """
        connection, found = _connect(path)
        if found != REVISIONS[-1]:
            connection.close()
            raise _other_schema(found)
        return cls(connection, queries, key)

    def rows(self, read: Read) -> list[Row]:
        """All rows of a named query.  Raises StorageError(`storage.failed`)."""
        try:
            return self._opener.rows(read.name, self._connection.execute(self._queries[read.name], read.params).fetchall())
        except sqlite3.DatabaseError as error:
            raise _failed(error) from error

    def pages(self, read: Read, size: int) -> Iterator[Row]:
        """Rows of a query that takes positions `:first` to `:end`, page by page up to `size`."""
        for first in range(0, size, PAGE_ROWS):
            yield from self.rows(Read(read.name, {**read.params, "first": first, "end": min(size, first + PAGE_ROWS)}))

    async def fetch(self, name: str, **params: str | int) -> list[Row]:
        """As `rows`; blocking, which a command line may."""
        return self.rows(Read(name, params))

    async def group(self, reads: Sequence[Read], decide: Decide) -> None:
        """Never writes."""
        del reads, decide
        raise StorageError("storage.read_only", "此连接只读", "this connection can only read")

    async def truncate_log(self) -> bool:
        """Nothing is written here."""
        return True

    async def close(self) -> None:
        self._connection.close()


def revision_of(path: Path) -> str | None:
    """The schema revision that a database file stands at, None for one that has none.  Raises StorageError."""
    connection, found = _connect(path)
    connection.close()
    return found


def _connect(path: Path) -> tuple[sqlite3.Connection, str | None]:
    if not path.is_file():
        raise StorageError("storage.no_database", "没有此数据库文件", "there is no such database file", file=str(path))
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=BUSY_TIMEOUT_S)
    try:
        connection.execute("PRAGMA query_only=ON")
        connection.execute("BEGIN")
        return connection, _revision(connection)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise _failed(error) from error


def _revision(connection: sqlite3.Connection) -> str | None:
    has = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if has else None
    return str(row[0]) if row else None


def _other_schema(found: str | None) -> StorageError:
    if found is not None and found not in REVISIONS:
        return StorageError("storage.schema_too_new", "数据库版本比程序新", "the database was written by a newer program", revision=found)
    return StorageError(
        "storage.schema_other", "不是本程序当前版本的数据库", "this is not a database of this program's version", revision=found or ""
    )


def _failed(error: Exception) -> StorageError:
    return StorageError("storage.failed", "数据库读取失败", "the database could not be read", reason=type(error).__name__)
