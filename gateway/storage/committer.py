"""Group commit without a timer.

One task writes.  While a batch is being made durable, changes pile up; they are the next batch.
A change is only answered after its COMMIT returned.  What a change does is the caller's business
(`plan`, `decide`, `committed`, `reset`); this file owns queueing, batching, reruns and answers.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from gateway.errors import StorageBusyError, StorageError
from gateway.storage.database import Database, FencedError, Read, Row, UnreadError, Write

BATCH_MAX = 1024
WAITING_MAX = 8192
ATTEMPTS_MAX = 5
QUIET_TURNS = 4
"""Turns of the loop without a new change after which nobody is on the way: a request needs about three from socket to here."""
GATHER_S_MAX = 0.01

C = TypeVar("C")
R = TypeVar("R")
C_contra = TypeVar("C_contra", contravariant=True)
_Waiting: TypeAlias = tuple[C, asyncio.Future[R]]


@dataclass(frozen=True, slots=True)
class Decided(Generic[R]):
    """What one batch writes, and one answer per change; `after` runs once the COMMIT returned."""

    writes: Sequence[Write]
    answers: Sequence[R]
    after: Callable[[], None]


class Decider(Protocol[C_contra, R]):
    """The pure half.  `decide` runs on the writer's thread, between the reads and the writes of one transaction."""

    def plan(self, changes: Sequence[C_contra]) -> Sequence[Read]: ...

    def decide(self, changes: Sequence[C_contra], rows: Sequence[list[Row]]) -> Decided[R]: ...

    async def reset(self) -> None:
        """Forget what was kept in memory and load it from the database."""
        ...


class Committer(Generic[C, R]):
    """`submit` from anywhere; `run` in one task that must never die silently."""

    def __init__(self, database: Database, decider: Decider[C, R], *, batch_max: int = BATCH_MAX, waiting_max: int = WAITING_MAX) -> None:
        self._database = database
        self._decider = decider
        self._batch_max = batch_max
        self._waiting_max = waiting_max
        self._waiting: deque[_Waiting[C, R]] = deque()
        self._writing: list[_Waiting[C, R]] = []
        self._wake = asyncio.Event()
        self._dead = False
        self.batches = 0
        self.changes = 0

    async def submit(self, change: C) -> R:
        """Queue a change and wait until it is durable.  Raises StorageBusyError when the queue is full."""
        if self._dead:
            raise StorageError("storage.lost", "写入任务已停止", "the writer has stopped")
        if len(self._waiting) >= self._waiting_max:
            raise StorageBusyError("storage.overloaded", "排队已满,请稍后重试", "too much is waiting; try again shortly")
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((change, future))
        self._wake.set()
        return await future

    async def run(self) -> None:
        """Write until cancelled.  A failure of `reset` (the database is gone) ends the task, and so the process."""
        try:
            await self._decider.reset()
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._waiting:
                    await self._gather()
                    self._writing = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._batch_max))]
                    await self._commit(self._writing)
                    self._writing = []
        finally:
            self._dead = True
            _fail([*self._writing, *self._waiting], StorageError("storage.lost", "写入任务已停止", "the writer has stopped"))

    async def _gather(self) -> None:
        """Let requests that are already here finish their own part first: one commit for all of them.

        It ends as soon as the loop has nothing more to bring, so nobody waits for a clock; a loop that is never
        done (it is saturated, and a commit for each handful would cost it a third of its time) is given 10 ms.
        """
        now, quiet, waiting = asyncio.get_running_loop().time, 0, len(self._waiting)
        until = now() + GATHER_S_MAX
        while quiet < QUIET_TURNS and len(self._waiting) < self._batch_max and now() < until:
            await asyncio.sleep(0)
            quiet = 0 if len(self._waiting) > waiting else quiet + 1
            waiting = len(self._waiting)

    async def _commit(self, batch: list[_Waiting[C, R]]) -> None:
        try:
            answers = await self._attempt([change for change, _ in batch])
        except StorageBusyError as error:  # nothing is wrong with any of them: all may try again
            await self._decider.reset()
            _fail(batch, error)
            return
        except Exception as error:  # noqa: BLE001 (whatever it was, its change alone is to fail, and nobody else's)
            await self._rerun(batch, error)
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)

    async def _rerun(self, batch: list[_Waiting[C, R]], error: Exception) -> None:
        """The outcome may be unknown: state is loaded anew and each change, alone, looks itself up again."""
        await self._decider.reset()
        if len(batch) == 1:
            _fail(batch, error)
            return
        for one in batch:
            await self._commit([one])

    async def _attempt(self, changes: Sequence[C]) -> Sequence[R]:
        for _ in range(ATTEMPTS_MAX):
            decided: list[Decided[R]] = []

            def decide(rows: Sequence[list[Row]], decided: list[Decided[R]] = decided) -> Sequence[Write]:
                decided.append(self._decider.decide(changes, rows))
                return decided[-1].writes

            try:
                await self._database.group(self._decider.plan(changes), decide)
            except FencedError:
                await self._decider.reset()
                continue
            except UnreadError:  # the decider knows now what to ask for
                continue
            decided[-1].after()
            self.batches += 1
            self.changes += len(changes)
            return decided[-1].answers
        raise StorageBusyError("storage.busy", "数据库繁忙", "another writer keeps moving the log")


def _fail(waiting: Iterable[_Waiting[Any, Any]], error: Exception) -> None:
    """Whoever still waits hears it.  Nobody is left hanging, whatever ended the writer."""
    for _, future in waiting:
        if not future.done():
            future.set_exception(error)
