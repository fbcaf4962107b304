"""What every database under the gateway must do.  `Harness` is the one place that knows which database it is.

SQLite now; a second one is added by another harness in `HARNESSES`, and nothing else here changes.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import pytest

from gateway.errors import StorageBusyError, StorageError
from gateway.storage.database import Database, FencedError, Read, Row, Write, load_queries
from gateway.storage.schema import upgrade
from gateway.storage.sqlite import SqliteDatabase
from gateway.system import package_folder

EMPTY_ROOT = bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")


class Harness(Protocol):
    """A migrated, empty database, and ways to get in its way."""

    async def open(self) -> Database: ...

    def hold_lock(self) -> Callable[[], None]:
        """Another writer holds the write lock until the returned call."""
        ...

    async def fill_disk(self, database: Database) -> None:
        """No further page can be written."""
        ...


class SqliteHarness:
    def __init__(self, folder: Path) -> None:
        self.file = folder / "gateway.db"
        upgrade(self.file)

    async def open(self) -> Database:
        return await SqliteDatabase.open(self.file, load_queries(package_folder() / "storage" / "sql" / "queries.sql"))

    def hold_lock(self) -> Callable[[], None]:
        other = sqlite3.connect(self.file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        return other.close

    async def fill_disk(self, database: Database) -> None:
        assert isinstance(database, SqliteDatabase)
        await database._writer.execute("PRAGMA max_page_count = 1")  # the limit is never below what the file has


HARNESSES: dict[str, Callable[[Path], Harness]] = {"sqlite": SqliteHarness}


@pytest.fixture(params=HARNESSES)
def harness(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Harness:
    monkeypatch.setattr("gateway.storage.sqlite.BUSY_TIMEOUT_S", 0.1)
    return HARNESSES[request.param](tmp_path)


@asynccontextmanager
async def opened(harness: Harness) -> AsyncIterator[Database]:
    database = await harness.open()
    try:
        yield database
    finally:
        await database.close()


HEAD = Read("head", {})


def entry(index: int, leaf: bytes = b"leaf") -> Write:
    return Write("log_entry_add", [(index, leaf)])


def move(size: int, old: int) -> Write:
    return Write("head_move", [(size, bytes(32), "", old)], hits=1)


async def write(database: Database, *writes: Write) -> None:
    await database.group([], lambda _rows: writes)


async def size(database: Database) -> int:
    return int((await database.fetch("head"))[0][0])


async def count(database: Database) -> int:
    return len(await database.fetch("log_entries_range", first=0, end=10**6))


async def test_group_when_it_returns_then_rows_are_read_back_and_survive_reopening(harness: Harness) -> None:
    async with opened(harness) as database:
        await write(database, entry(0), entry(1, bytes(range(256))), move(2, 0))
        assert await size(database) == 2
    async with opened(harness) as database:
        assert await database.fetch("log_entries_range", first=0, end=9) == [(0, b"leaf"), (1, bytes(range(256)))]


async def test_group_when_run_then_decide_sees_the_reads_and_nothing_is_written_without_writes(harness: Harness) -> None:
    seen: list[Sequence[list[Row]]] = []

    def decide(rows: Sequence[list[Row]]) -> Sequence[Write]:
        seen.append(rows)
        return []

    async with opened(harness) as database:
        await database.group([HEAD, Read("transfers_by_id", {"ids": '["a"]'})], decide)
        assert seen == [[[(0, EMPTY_ROOT, "")], []]]


async def test_group_when_a_write_misses_its_rows_then_fenced_and_nothing_done(harness: Harness) -> None:
    async with opened(harness) as database:
        with pytest.raises(FencedError):
            await write(database, entry(0), move(1, 7))
        assert (await size(database), await count(database)) == (0, 0)
        await write(database, entry(0), move(1, 0))


async def test_group_when_decide_fails_then_its_error_comes_out_and_nothing_done(harness: Harness) -> None:
    def decide(_rows: Sequence[list[Row]]) -> Sequence[Write]:
        raise ZeroDivisionError

    async with opened(harness) as database:
        with pytest.raises(ZeroDivisionError):
            await database.group([HEAD], decide)
        await write(database, entry(0))
        assert await count(database) == 1


async def test_group_when_a_row_is_refused_then_storage_error_and_nothing_done(harness: Harness) -> None:
    async with opened(harness) as database:
        await write(database, entry(0))
        with pytest.raises(StorageError) as caught:
            await write(database, entry(1), entry(0, b"other"))
        assert caught.value.code == "storage.failed"
        assert not caught.value.retry
        assert await database.fetch("log_entries_range", first=0, end=9) == [(0, b"leaf")]


async def test_group_when_statement_is_unknown_then_key_error_and_the_connection_goes_on(harness: Harness) -> None:
    async with opened(harness) as database:
        with pytest.raises(KeyError):
            await write(database, entry(0), Write("no_such", [()]))
        assert await count(database) == 0
        await write(database, entry(0))


async def test_group_when_another_writer_holds_the_lock_then_busy_and_later_done(harness: Harness) -> None:
    async with opened(harness) as database:
        release = harness.hold_lock()
        with pytest.raises(StorageBusyError) as caught:
            await write(database, entry(0))
        assert (caught.value.code, caught.value.retry) == ("storage.busy", True)
        assert await size(database) == 0  # readers go on meanwhile
        release()
        await write(database, entry(0))


async def test_group_when_disk_is_full_then_storage_error_nothing_done_and_small_reads_go_on(harness: Harness) -> None:
    async with opened(harness) as database:
        await harness.fill_disk(database)
        with pytest.raises(StorageError) as caught:
            await write(database, *(entry(n, bytes(4096)) for n in range(50)))
        assert caught.value.code == "storage.failed"
        assert (await size(database), await count(database)) == (0, 0)


async def test_groups_when_many_at_once_then_one_after_another(harness: Harness) -> None:
    """Each reads the head and moves it by one: a lost update would be fenced or miscounted."""

    def grow(rows: Sequence[list[Row]]) -> Sequence[Write]:
        now = rows[0][0][0]
        return [entry(now), move(now + 1, now)]

    async with opened(harness) as database:
        await asyncio.gather(*(database.group([HEAD], grow) for _ in range(40)))
        assert (await size(database), await count(database)) == (40, 40)


async def test_fetch_when_a_group_is_under_way_then_sees_the_last_commit(harness: Harness) -> None:
    loop = asyncio.get_running_loop()
    async with opened(harness) as database:
        found: list[list[Row]] = []

        def decide(_rows: Sequence[list[Row]]) -> Sequence[Write]:
            found.append(asyncio.run_coroutine_threadsafe(database.fetch("head"), loop).result(5))
            return [entry(0), move(1, 0)]

        await database.group([HEAD], decide)
        assert found == [[(0, EMPTY_ROOT, "")]]
        assert await size(database) == 1


async def test_fetches_when_more_than_readers_then_all_answered(harness: Harness) -> None:
    async with opened(harness) as database:
        assert len(await asyncio.gather(*(database.fetch("head") for _ in range(50)))) == 50


async def test_fetch_when_it_would_write_then_refused(harness: Harness) -> None:
    async with opened(harness) as database:
        with pytest.raises(StorageError):
            await database.fetch("member_put")


async def test_fetch_when_cancelled_then_its_reader_is_not_lost(harness: Harness) -> None:
    async with opened(harness) as database:
        for _ in range(20):
            task = asyncio.ensure_future(database.fetch("head"))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        async with asyncio.timeout(5):
            assert await size(database) == 0


async def test_fetch_when_parameter_cannot_be_stored_then_storage_error(harness: Harness) -> None:
    async with opened(harness) as database:
        for params in ({"first": 2**70, "end": 1}, {"first": "\ud800", "end": 1}):
            with pytest.raises(StorageError):
                await database.fetch("log_entries_range", **params)
        assert await size(database) == 0


async def test_database_when_closed_then_errors_are_storage_errors(harness: Harness) -> None:
    database = await harness.open()
    await database.close()
    with pytest.raises(StorageError):
        await database.fetch("head")


async def test_database_when_two_open_the_same_then_each_sees_the_others_commits(harness: Harness) -> None:
    async with opened(harness) as one, opened(harness) as two:
        await write(one, entry(0), move(1, 0))
        with pytest.raises(FencedError):
            await write(two, entry(1), move(1, 0))
        assert await size(two) == 1
        await write(two, entry(1), move(2, 1))
        assert await size(one) == 2
