"""Virtual time stands still while a database works, and what threads bring is applied in the order of issue."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from gateway.errors import StorageError
from gateway.simulator.virtual_loop import VirtualLoop
from gateway.storage.sqlite import AT_ONCE, SqliteDatabase, Turns

SLOW = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows) SELECT max(i) FROM n"
QUERIES = {"slow": SLOW, "quick": "SELECT 1", "bad": "SELECT nothing"}


def database_file(folder: Path) -> Path:
    sqlite3.connect(folder / "a.db").close()
    return folder / "a.db"


async def watched(file: Path, loop: VirtualLoop, asking_turns: Turns) -> list[tuple[str, float]]:
    """Three queries of very different length at once, beside a clock that ticks each virtual millisecond."""
    database = await SqliteDatabase.open(file, QUERIES, loop.turns)
    database._turns = asking_turns
    seen: list[tuple[str, float]] = []

    async def ask(name: str, rows: int) -> None:
        await database.fetch(name, **({"rows": rows} if name == "slow" else {}))
        seen.append((f"{name} {rows}", loop.time()))

    async def tick() -> None:
        while True:
            await asyncio.sleep(0.001)
            seen.append(("tick", loop.time()))

    async with asyncio.TaskGroup() as tasks:
        ticking = tasks.create_task(tick())
        async with asyncio.TaskGroup() as asking:
            asking.create_task(ask("slow", 400_000))
            asking.create_task(ask("quick", 0))
            asking.create_task(ask("slow", 1_000))
        ticking.cancel()
    database._turns = loop.turns
    await database.close()
    return seen


def played(file: Path, *, turns: bool = True) -> list[tuple[str, float]]:
    loop = VirtualLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(watched(file, loop, loop.turns if turns else AT_ONCE))


def test_time_when_a_query_is_slow_then_it_stands_still(tmp_path: Path) -> None:
    seen = played(database_file(tmp_path))
    assert seen == [("slow 400000", 0.0), ("quick 0", 0.0), ("slow 1000", 0.0)]


def test_trace_when_queries_are_slow_then_the_same_twice(tmp_path: Path) -> None:
    file = database_file(tmp_path)
    assert played(file) == played(file)


def test_time_when_databases_take_no_turns_then_it_races_ahead(tmp_path: Path) -> None:
    """What the turns are for: without them hundreds of virtual seconds pass while one query runs."""
    seen = played(database_file(tmp_path), turns=False)
    assert sum(name == "tick" for name, _ in seen) > 10


def test_call_when_its_waiter_is_cancelled_then_the_next_begins_after_it(tmp_path: Path) -> None:
    file, loop = database_file(tmp_path), VirtualLoop()

    async def play() -> float:
        database = await SqliteDatabase.open(file, QUERIES, loop.turns)
        waiting = loop.create_task(database.fetch("slow", rows=200_000))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiting.cancel()
        assert await database.fetch("quick") == [(1,)]
        assert waiting.cancelled()
        with pytest.raises(StorageError):
            await database.fetch("bad")
        await database.close()
        return loop.time()

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        assert runner.run(play()) == 0.0


def test_loop_when_nothing_can_ever_happen_then_it_says_so() -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner, pytest.raises(RuntimeError, match="nothing is left"):
        runner.run(asyncio.Event().wait())


def test_sleep_when_long_then_a_year_passes_at_once() -> None:
    loop = VirtualLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(asyncio.sleep(365 * 24 * 3600))
    assert loop.time() == pytest.approx(365 * 24 * 3600)
