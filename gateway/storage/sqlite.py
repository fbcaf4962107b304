"""SQLite: one writer connection that also checkpoints, readers that cannot write.

WAL with synchronous=FULL: a commit that returned survives power loss.  The writer's thread takes
one hop a batch (BEGIN IMMEDIATE, reads, the pure decision, writes, COMMIT).  `secure_delete`
overwrites what is deleted, since erasure destroys keys kept here.

Each hop to a thread is taken through `turns`: at once in production, one at a time in the order of
issue on a loop whose time is virtual and must stand still meanwhile.  A simulation may also have no threads
at all (`inline`): the same statements on the same file, run where they are called.
"""

import re
import sqlite3
from asyncio import Semaphore
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import aiosqlite

from gateway.errors import StorageBusyError, StorageError
from gateway.storage.database import Decide, FencedError, Read, Row, Write

BUSY_TIMEOUT_S = 5.0
READERS = 2
STATEMENTS_KEPT = 256
ROWS_AT_ONCE = (64, 16, 4)
"""How many rows one INSERT takes.  Each statement gives up the interpreter's lock and must win it back from the loop:
with one statement a row that was a third of the time of a submission under load."""
T = TypeVar("T")


class Turns(Protocol):
    """When a call may go to its connection's thread; `inline`: there is no such thread."""

    @property
    def inline(self) -> bool: ...

    async def take(self, call: Callable[[], Awaitable[T]]) -> T: ...


class AtOnce:
    """Nobody waits for anybody: the threads order themselves."""

    inline = False

    async def take(self, call: Callable[[], Awaitable[T]]) -> T:
        return await call()


AT_ONCE = AtOnce()


class InlineConnection(aiosqlite.Connection):
    """A connection whose calls run on the caller's own thread."""

    def __await__(self) -> Generator[Any, None, "InlineConnection"]:
        return self._connect().__await__()

    async def _connect(self) -> "InlineConnection":
        self._connection = self._connector()
        return self

    async def _execute(self, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        if self._connection is None:
            raise ValueError("the connection is closed")
        return fn(*args, **kwargs)

    def stop(self) -> None:
        self._running = False


def _connect(turns: Turns, path: Path | str, **how: Any) -> aiosqlite.Connection:
    """A connection with a thread of its own, or none."""
    how |= {"isolation_level": None, "timeout": BUSY_TIMEOUT_S, "cached_statements": STATEMENTS_KEPT}
    if not turns.inline:
        return aiosqlite.connect(path, **how)
    return InlineConnection(lambda: sqlite3.connect(path, **how), 64)


_INSERT = re.compile(r"(INSERT (?:OR REPLACE )?INTO \w+ VALUES) (\((?:\?, )*\?\))").fullmatch


def _many_rows(text: str) -> list[tuple[int, str]]:
    """A plain INSERT of one row as INSERTs of several, most first; empty for any other statement."""
    found = _INSERT(text.strip())
    return [(most, f"{found[1]} {', '.join([found[2]] * most)}") for most in ROWS_AT_ONCE] if found else []


class SqliteDatabase:
    """One file.  Make it with `open`."""

    def __init__(
        self, writer: aiosqlite.Connection, readers: list[aiosqlite.Connection], queries: Mapping[str, str], turns: Turns = AT_ONCE
    ) -> None:
        self._writer = writer
        self._turns = turns
        self._readers = readers
        self._opened = tuple(readers)  # a reader that is out on a read is closed as well
        self._free = Semaphore(len(readers))
        self._queries = queries
        self._inserts = {name: found for name, text in queries.items() if (found := _many_rows(text))}

    @classmethod
    async def open(cls, path: Path, queries: Mapping[str, str], turns: Turns = AT_ONCE) -> Self:
        """Open an existing, migrated database file."""
        return await turns.take(lambda: cls._open(path, queries, turns))

    @classmethod
    async def _open(cls, path: Path, queries: Mapping[str, str], turns: Turns) -> Self:
        writer = await _connect(turns, path)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "foreign_keys=ON", "cache_size=-16000"):
            await writer.execute(f"PRAGMA {pragma}")
        await writer.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")  # a crash may have left a destroyed key in it
        readers = []
        for _ in range(READERS):
            reader = await _connect(turns, f"file:{path}?mode=ro", uri=True)
            await reader.execute("PRAGMA query_only=ON")
            readers.append(reader)
        return cls(writer, readers, queries, turns)

    async def group(self, reads: Sequence[Read], decide: Decide) -> None:
        try:
            # aiosqlite's own hop to the connection's thread: one for the whole batch.
            await self._turns.take(lambda: self._writer._execute(self._run, reads, decide))  # type: ignore[no-untyped-call]  # noqa: SLF001
        except sqlite3.OperationalError as error:
            if "locked" in str(error) or "busy" in str(error):
                raise StorageBusyError("storage.busy", "数据库繁忙", "the database is busy") from error
            raise StorageError("storage.failed", "数据库写入失败", "the database could not write", reason=str(error)) from error
        except sqlite3.Error as error:
            raise StorageError("storage.failed", "数据库写入失败", "the database could not write", reason=type(error).__name__) from error

    def _run(self, reads: Sequence[Read], decide: Decide) -> None:
        connection = self._writer._conn  # noqa: SLF001
        connection.execute("BEGIN IMMEDIATE")
        try:
            rows: list[list[Row]] = [connection.execute(self._queries[read.name], read.params).fetchall() for read in reads]
            for write in decide(rows):
                self._write(connection, write)
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise

    def _write(self, connection: sqlite3.Connection, write: Write) -> None:
        inserts, rows, done = self._inserts.get(write.name), write.rows, 0
        if inserts is not None and write.hits is None:
            for most, text in inserts:
                while len(rows) - done >= most:
                    connection.execute(text, list(chain.from_iterable(rows[done : done + most])))
                    done += most
        cursor = connection.executemany(self._queries[write.name], rows[done:])
        if write.hits is not None and cursor.rowcount != write.hits:
            raise FencedError(write.name)

    async def fetch(self, name: str, **params: str | int) -> list[Row]:
        async with self._free:
            reader = self._readers.pop()
            try:
                return [tuple(row) for row in await self._turns.take(lambda: reader.execute_fetchall(self._queries[name], params))]
            except (sqlite3.Error, ValueError, OverflowError) as error:  # the latter two: closed, or a value it cannot take
                raise StorageError(
                    "storage.failed", "数据库读取失败", "the database could not read", reason=type(error).__name__
                ) from error
            finally:
                self._readers.append(reader)

    async def truncate_log(self) -> bool:
        rows = await self._turns.take(lambda: self._writer.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)"))
        return all(row[0] == 0 for row in rows)

    async def close(self) -> None:
        await self._turns.take(self._close)

    async def _close(self) -> None:
        for reader in self._opened:
            await reader.close()
        with suppress(sqlite3.Error):
            await self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        await self._writer.close()
