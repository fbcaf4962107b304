"""Group commit: everybody gets an own answer, whatever happens to the batch."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.errors import StorageBusyError, StorageError
from gateway.storage.committer import Committer, Decided
from gateway.storage.database import Database, Decide, FencedError, Read, Row, UnreadError, Write, load_queries
from gateway.storage.schema import upgrade
from gateway.storage.sqlite import SqliteDatabase
from gateway.system import package_folder


@dataclass(frozen=True)
class Add:
    """A member to add.  `guilty`: fails in the pure half; a member called `null`: in the database."""

    name: str
    guilty: bool = False


@dataclass
class Register:
    """A decider over the member table and the head as fence.  A change that finds itself done says so."""

    database: Database
    size: int = 0
    resets: int = 0
    after: int = 0
    broken: bool = False
    unread: int = 0
    batches: list[int] = field(default_factory=list)

    def plan(self, changes: Sequence[Add]) -> Sequence[Read]:
        return [Read("head", {}), Read("members_all", {})]

    def decide(self, changes: Sequence[Add], rows: Sequence[list[Row]]) -> Decided[str]:
        if rows[0][0][0] != self.size:
            raise FencedError("moved")
        if self.unread:
            self.unread -= 1
            raise UnreadError("more rows are needed")
        there = {row[0] for row in rows[1]}
        if any(change.guilty for change in changes):
            raise ZeroDivisionError
        names = [change.name for change in changes if change.name not in there]
        answers = ["again" if change.name in there else "added" for change in changes]
        self.batches.append(len(changes))
        # A name that the table cannot hold: the database's own error.
        writes = [Write("member_put", [(name, None if name == "null" else "active", 0) for name in names])]
        writes.append(Write("head_move", [(self.size + len(names), bytes(32), "", self.size)], hits=1))
        grown = self.size + len(names)

        def done() -> None:
            self.size = grown
            self.after += 1

        return Decided(writes, answers, done)

    async def reset(self) -> None:
        if self.broken:
            raise StorageError("storage.lost", "", "")
        self.resets += 1
        self.size = int((await self.database.fetch("head"))[0][0])


class Faulty:
    """A database that passes everything on; `fault` may raise before, `lose` after the group."""

    def __init__(self, inner: Database) -> None:
        self.inner = inner
        self.lose: list[Exception] = []
        self.fail: list[Exception] = []
        self.gate: asyncio.Event | None = None

    async def group(self, reads: Sequence[Read], decide: Decide) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.fail:
            raise self.fail.pop()
        await self.inner.group(reads, decide)
        if self.lose:
            raise self.lose.pop()

    async def fetch(self, name: str, **params: str | int) -> list[Row]:
        return await self.inner.fetch(name, **params)

    async def close(self) -> None:
        await self.inner.close()


@dataclass
class Desk:
    committer: Committer[Add, str]
    register: Register
    database: Faulty
    writer: "asyncio.Task[None]"

    async def members(self) -> set[str]:
        return {row[0] for row in await self.database.fetch("members_all")}

    async def add(self, *names: str) -> list[str | BaseException]:
        return await asyncio.gather(*(self.committer.submit(Add(name)) for name in names), return_exceptions=True)


@asynccontextmanager
async def desk(folder: Path, **limits: int) -> AsyncIterator[Desk]:
    file = folder / "gateway.db"
    upgrade(file)
    database = Faulty(await SqliteDatabase.open(file, load_queries(package_folder() / "storage" / "sql" / "queries.sql")))
    register = Register(database)
    committer = Committer[Add, str](database, register, **limits)
    writer = asyncio.ensure_future(committer.run())
    try:
        yield Desk(committer, register, database, writer)
    finally:
        writer.cancel()
        await asyncio.wait([writer])
        await database.close()


NAMES = [f"m{n}" for n in range(50)]


async def test_changes_when_many_at_once_then_few_batches_and_each_its_answer(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        assert await here.add(*NAMES) == ["added"] * 50
        assert (here.committer.changes, here.committer.batches) == (50, 1)
        here.database.gate = asyncio.Event()
        waiting = asyncio.gather(*(here.committer.submit(Add(f"x{n}")) for n in range(30)))
        await asyncio.sleep(0.01)
        more = asyncio.gather(*(here.committer.submit(Add(f"y{n}")) for n in range(30)))
        await asyncio.sleep(0.01)
        here.database.gate.set()
        await asyncio.gather(waiting, more)
        assert here.register.batches == [50, 30, 30]  # what came while one was written is the next one


async def test_batch_when_longer_than_its_bound_then_cut(tmp_path: Path) -> None:
    async with desk(tmp_path, batch_max=8) as here:
        await here.add(*NAMES)
        assert here.register.batches == [8] * 6 + [2]


@pytest.mark.parametrize("guilty", [Add("bad", guilty=True), Add("null")], ids=["pure half", "database"])
async def test_batch_when_one_change_is_guilty_then_it_fails_alone(tmp_path: Path, guilty: Add) -> None:
    async with desk(tmp_path) as here:
        changes = [Add("a"), guilty, Add("b")]
        heard = await asyncio.gather(*map(here.committer.submit, changes), return_exceptions=True)
        assert (heard[0], heard[2]) == ("added", "added")
        assert isinstance(heard[1], ZeroDivisionError if guilty.guilty else StorageError)
        assert await here.members() == {"a", "b"}
        assert await here.add("c") == ["added"]


async def test_batch_when_another_writer_moved_the_head_then_reloaded_and_written_once(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        await here.add("a")
        resets = here.register.resets
        await here.database.inner.group([], lambda _rows: [Write("head_move", [(9, bytes(32), "", 1)], hits=1)])
        assert await here.add("b", "c") == ["added", "added"]
        assert here.register.resets == resets + 1
        assert (await here.database.fetch("head"))[0][0] == 11


async def test_batch_when_fenced_again_and_again_then_busy_and_later_done(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        await here.add("first")
        here.database.fail = [FencedError("moved") for _ in range(5)]
        heard = await here.add("a", "b")
        assert all(isinstance(each, StorageBusyError) and each.retry for each in heard)
        assert await here.add("a") == ["added"]


async def test_batch_when_database_is_busy_then_all_hear_so_at_once_and_none_is_tried_alone(tmp_path: Path) -> None:
    """Trying each alone would keep a thousand senders waiting for as many busy timeouts."""
    async with desk(tmp_path) as here:
        await here.add("first")
        here.database.fail = [StorageBusyError("storage.busy", "", "")]
        heard = await here.add("a", "b", "c")
        assert [type(each) for each in heard] == [StorageBusyError] * 3
        assert await here.members() == {"first"}
        assert await here.add("a", "b") == ["added", "added"]


async def test_commit_when_done_but_its_answer_was_lost_then_each_finds_itself_done(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        here.database.lose = [StorageError("storage.failed", "", "")]
        assert await here.add("a", "b") == ["again", "again"]
        assert (await here.database.fetch("head"))[0][0] == 2
        here.database.lose = [StorageError("storage.failed", "", "")]
        assert isinstance((await here.add("c"))[0], StorageError)  # alone: it hears of the fault, tries again and finds itself
        assert await here.add("c") == ["again"]


async def test_commit_when_failed_and_not_done_then_each_is_tried_alone(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        here.database.fail = [StorageError("storage.failed", "", "")]
        assert await here.add("a", "b") == ["added", "added"]
        assert here.register.batches == [1, 1]


async def test_submitter_when_cancelled_while_waiting_then_others_are_answered(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        here.database.gate = asyncio.Event()
        tasks = [asyncio.ensure_future(here.committer.submit(Add(name))) for name in "abc"]
        await asyncio.sleep(0.01)
        tasks[1].cancel()
        here.database.gate.set()
        assert await asyncio.gather(tasks[0], tasks[2]) == ["added", "added"]
        assert tasks[1].cancelled() or await asyncio.wait([tasks[1]])
        assert await here.members() == {"a", "b", "c"}  # it was queued: it is done, and its repeat will hear so


async def test_queue_when_full_then_busy_for_the_one_too_many_only(tmp_path: Path) -> None:
    async with desk(tmp_path, waiting_max=3) as here:
        here.database.gate = asyncio.Event()
        await asyncio.sleep(0.01)
        first = asyncio.ensure_future(here.committer.submit(Add("writing")))
        await asyncio.sleep(0.01)
        waiting = [asyncio.ensure_future(here.committer.submit(Add(name))) for name in "abc"]
        await asyncio.sleep(0)
        with pytest.raises(StorageBusyError) as caught:
            await here.committer.submit(Add("d"))
        assert (caught.value.code, caught.value.retry) == ("storage.overloaded", True)
        here.database.gate.set()
        assert await asyncio.gather(first, *waiting) == ["added"] * 4


def stop(here: Desk) -> None:
    here.writer.cancel()


def breaks(here: Desk) -> None:
    here.register.broken = True
    here.database.fail = [StorageError("storage.failed", "", "")]
    assert here.database.gate is not None
    here.database.gate.set()


@pytest.mark.parametrize("end", [stop, breaks])
async def test_writer_when_it_ends_then_nobody_waits_for_ever(tmp_path: Path, end: Callable[[Desk], None]) -> None:
    """Those in the batch under way, those behind it, and whoever comes later."""
    async with desk(tmp_path) as here:
        here.database.gate = asyncio.Event()
        under_way = [asyncio.ensure_future(here.committer.submit(Add(name))) for name in "ab"]
        await asyncio.sleep(0.01)
        behind = asyncio.ensure_future(here.committer.submit(Add("c")))
        await asyncio.sleep(0)
        end(here)
        async with asyncio.timeout(5):
            heard = await asyncio.gather(*under_way, behind, return_exceptions=True)
        assert [getattr(each, "code", each) for each in heard] == ["storage.lost"] * 3
        await asyncio.wait([here.writer])
        with pytest.raises(StorageError) as caught:
            await here.committer.submit(Add("late"))
        assert caught.value.code == "storage.lost"


async def test_disk_when_full_then_changes_fail_and_later_ones_pass(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        inner = here.database.inner
        assert isinstance(inner, SqliteDatabase)
        await here.add("first")
        await inner._writer.execute("PRAGMA max_page_count = 1")  # the limit is never below what the file has
        heard = await here.add(*(f"{n:04d}" + "x" * 4000 for n in range(4)))
        assert all(isinstance(each, StorageError) for each in heard)
        assert await here.members() == {"first"}
        await inner._writer.execute("PRAGMA max_page_count = 1000000")
        assert await here.add("second") == ["added"]


async def test_batch_when_rows_turn_out_to_be_missing_then_planned_again_and_nothing_forgotten(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        here.register.unread = 2
        assert await here.add("a", "b") == ["added", "added"]
        assert (here.register.resets, here.register.after, here.committer.batches) == (1, 1, 1)
        here.register.unread = 99
        (answer,) = await here.add("c")
        assert isinstance(answer, StorageBusyError)
        here.register.unread = 0
        assert await here.add("c") == ["added"]
