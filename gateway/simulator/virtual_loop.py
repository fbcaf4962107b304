"""An event loop whose time is virtual: when nothing is ready it jumps to the next timer.

Database calls run on threads of their own, in real time.  So `Turns` lets one call run at a time, in the
order in which they were issued; while one is outstanding time stands still, and what its thread
brings is applied only when nothing else is left to do.  Then the order of everything that happens
follows from the seed alone, however slow a query was.  Or (`inline`) they run where they are called, at
twice the pace: nothing else runs meanwhile, and so nothing can overtake them.
"""

import asyncio
import selectors
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import Context
from datetime import datetime, timedelta
from typing import Any, TypeVar, TypeVarTuple, Unpack

REAL_WAIT_S = 60.0
"""How long, in real seconds, a database call may take before the run is given up."""
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class _Idle(selectors.SelectSelector):
    """Asked by the loop whenever it would sleep; no socket is ever waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.idle: Callable[[float | None], None] = lambda _timeout: None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.idle(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time begins at 0 and moves only by jumps.  `turns` is what databases are opened with."""

    def __init__(self, *, inline: bool = False) -> None:
        self._now = 0.0
        self._arrived: deque[Callable[[], object]] = deque()
        self._gate = threading.Condition()
        self._owner = threading.get_ident()
        idle = _Idle()
        super().__init__(idle)
        idle.idle = self._idle
        self._clock_resolution = 1e-6  # coarser than a float's step after years: else a timer that is due never fires
        self.turns = Turns(inline=inline)

    def time(self) -> float:
        return self._now

    def call_soon_threadsafe(self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None) -> asyncio.Handle:
        """From a thread: kept until the loop has nothing else to do."""
        if threading.get_ident() == self._owner:
            return self.call_soon(callback, *args, context=context)
        with self._gate:
            self._arrived.append(lambda: self.call_soon(callback, *args, context=context))
            self._gate.notify()
        return asyncio.Handle(callback, args, self, context)

    def _idle(self, timeout: float | None) -> None:
        """`timeout` is how far the next timer lies ahead: 0 when something is ready, None when there is no timer."""
        if timeout is not None and timeout <= 0:
            return
        arrived = self._next_arrived()
        if arrived is not None:
            arrived()
        elif timeout is None:
            raise RuntimeError("nothing is left that could ever happen")
        else:
            self._now += timeout

    def _next_arrived(self) -> Callable[[], object] | None:
        """What a thread brought; waited for, in real time, while a call is outstanding."""
        with self._gate:
            if self.turns.outstanding and not self._gate.wait_for(lambda: self._arrived, REAL_WAIT_S):
                raise RuntimeError("a database call does not come back")
            return self._arrived.popleft() if self._arrived else None


class Turns:
    """Database calls, one at a time, first come first served."""

    def __init__(self, *, inline: bool = False) -> None:
        self.inline = inline
        self._order = asyncio.Lock()
        self.outstanding = False
        self.taken = 0

    async def take(self, call: Callable[[], Awaitable[T]]) -> T:
        """Run `call` when its turn has come.  A call once begun is waited for even by a task that is being cancelled."""
        if self.inline:
            self.taken += 1
            await asyncio.sleep(0)  # as with a thread, somebody else may come first
            return await call()
        async with self._order:
            self.outstanding = True
            self.taken += 1
            running = asyncio.get_running_loop().create_task(_run(call))
            try:
                return await asyncio.shield(running)
            except asyncio.CancelledError:
                await _ended(running)
                raise
            finally:
                self.outstanding = False


async def _run(call: Callable[[], Awaitable[T]]) -> T:
    return await call()


async def _ended(running: asyncio.Task[Any]) -> None:
    """Wait out a call, whatever else happens to whoever waits."""
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError:
            continue
    if not running.cancelled():
        running.exception()


class VirtualClock:
    """The loop's time as a calendar's; `skew` is how far this house's clock is off."""

    def __init__(self, loop: asyncio.AbstractEventLoop, epoch: datetime, skew: timedelta = timedelta(0)) -> None:
        self._loop = loop
        self._epoch = epoch
        self.skew = skew

    def now(self) -> datetime:
        return self._epoch + timedelta(seconds=self._loop.time()) + self.skew
