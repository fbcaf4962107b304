"""The region's network in one process: each message framed as over HTTP, carried with a delay, sometimes not.

A message may be lost, its reply may be lost after the receiver has committed, it may arrive twice, late, or in
another order; a member may be cut off.  Whoever posts hears what an HTTP client would hear: an answer, or that
the other side cannot be reached.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from hashlib import sha256
from random import Random
from typing import Any, Protocol, TypeAlias

from gateway.errors import PeerUnavailableError
from gateway.federation.channels.https import RETRY_STATUS, HttpAnswer
from gateway.federation.channels.soap import understood
from gateway.federation.framing import HttpForm, to_http
from gateway.federation.message import Content
from gateway.federation.soap_framing import to_soap
from gateway.simulator.faults import FAIR, Weather

GATEWAY_URL = "https://gateway.simulated"
TIMEOUT_S = 15.0
TAIL_LINES = 60


Form: TypeAlias = HttpForm | bytes
"""A message as it travels: a form over HTTP, or the bytes of a SOAP envelope."""


class Trace:
    """Everything that happened, in order, as one digest; the last lines are kept for people."""

    def __init__(self, loop: asyncio.AbstractEventLoop, keep: int = TAIL_LINES) -> None:
        self._loop = loop
        self._hash = sha256()
        self._keep = keep
        self.events = 0
        self.tail: list[str] = []

    def add(self, what: str, *facts: object) -> None:
        line = f"{self._loop.time():.6f} {what} {' '.join(map(str, facts))}"
        self._hash.update(line.encode() + b"\n")
        self.events += 1
        self.tail.append(line)
        if len(self.tail) > 2 * self._keep:
            del self.tail[: self._keep]

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()


class Listener(Protocol):
    """A process with an address."""

    name: str
    up: bool

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Work of this process: it ends when the process does."""
        ...

    async def serve(self, url: str, form: Form) -> HttpAnswer:
        """Answer as the process's HTTP edge does; never raises."""
        ...


@dataclass(frozen=True, slots=True)
class Fate:
    """What one message will meet: seconds there and back, and what of it is lost or doubled."""

    there_s: float
    back_s: float
    lost: bool
    reply_lost: bool
    again_s: float


class Network:
    """`cut` holds the names of processes nobody can reach and that reach nobody."""

    def __init__(self, chance: Random, trace: Trace, spawn: Callable[[Coroutine[Any, Any, Any]], object]) -> None:
        self._chance = chance
        self._trace = trace
        self._spawn = spawn
        self._listeners: dict[str, Listener] = {}
        self.weather: Weather = FAIR
        self.cut: set[str] = set()
        self.met: Counter[str] = Counter()
        self.posts = 0
        self.posts_to: Counter[str] = Counter()

    def listen(self, prefix: str, listener: Listener) -> None:
        """Everything under this URL goes to that process."""
        self._listeners[prefix] = listener

    def line(self, sender: str) -> "Line":
        return Line(self, sender)

    def soap_line(self, sender: str) -> "SoapLine":
        return SoapLine(self, sender)

    async def carry(self, sender: str, url: str, form: Form) -> HttpAnswer:
        """One post and whatever came back.  Raises PeerUnavailableError."""
        self.posts += 1
        number, fate = self.posts, self._fate()
        listener = next(found for prefix, found in self._listeners.items() if url.startswith(prefix))
        self.posts_to[listener.name] += 1
        self._trace.add("post", number, sender, listener.name, url.rpartition("/")[2], _size(form))
        try:
            async with asyncio.timeout(TIMEOUT_S):
                answer = await self._exchange(number, sender, listener, url, form, fate)
        except TimeoutError:
            self._trace.add("no answer", number)
            raise _unavailable("nothing came back") from None
        self._trace.add("answer", number, answer.status, len(answer.body), answer.repeated)
        return answer

    def _fate(self) -> Fate:
        weather, draw = self.weather, self._chance.random
        late = draw() < weather.late
        there = draw() * (weather.late_s if late else weather.delay_s)
        fate = Fate(
            there, draw() * weather.delay_s, draw() < weather.request_lost, draw() < weather.reply_lost,
            draw() * weather.late_s if draw() < weather.twice else -1.0,
        )  # fmt: skip
        found = {"late": late, "lost": fate.lost, "reply lost": fate.reply_lost, "twice": fate.again_s >= 0}
        self.met.update(name for name, holds in found.items() if holds)
        return fate

    async def _exchange(self, number: int, sender: str, listener: Listener, url: str, form: Form, fate: Fate) -> HttpAnswer:
        if fate.lost or self._apart(sender, listener):
            await self._never()
        arriving = asyncio.get_running_loop().create_future()
        self._spawn(self._arrive(number, listener, url, form, fate.there_s, arriving))
        if fate.again_s >= 0:
            self._spawn(self._arrive(number, listener, url, form, fate.there_s + fate.again_s, None))
        answer: HttpAnswer = await arriving
        if fate.reply_lost or self._apart(sender, listener):
            await self._never()
        await asyncio.sleep(fate.back_s)
        return answer

    async def _arrive(
        self, number: int, listener: Listener, url: str, form: Form, after_s: float, heard: asyncio.Future[HttpAnswer] | None
    ) -> None:
        """The bytes arrive, whether or not anybody still waits for the answer."""
        await asyncio.sleep(after_s)
        work = listener.spawn(listener.serve(url, form)) if listener.up and listener.name not in self.cut else None
        if work is not None:
            await asyncio.wait([work])
        broken = work is None or work.cancelled()
        self._trace.add("broken" if broken else "served", number, listener.name)
        if heard is None or heard.done():
            return
        if work is None or work.cancelled():
            heard.set_exception(_unavailable("connection refused or broken"))
        else:
            heard.set_result(work.result())

    def _apart(self, sender: str, listener: Listener) -> bool:
        return sender in self.cut or listener.name in self.cut

    @staticmethod
    async def _never() -> None:
        await asyncio.get_running_loop().create_future()


@dataclass(frozen=True, slots=True)
class Line:
    """One process's way out: what `HttpsChannel` is in production."""

    network: Network
    sender: str

    async def post(self, url: str, token: str, contents: Sequence[Content]) -> HttpAnswer:
        """Raises PeerUnavailableError."""
        answer = await self.network.carry(self.sender, url, to_http(token, contents))
        if answer.status in RETRY_STATUS:
            raise _unavailable(str(answer.status))
        return answer


@dataclass(frozen=True, slots=True)
class SoapLine:
    """The same for a bank that speaks SOAP: what `SoapChannel` is in production."""

    network: Network
    sender: str

    async def post(self, url: str, token: str, contents: Sequence[Content]) -> HttpAnswer:
        """Raises PeerUnavailableError, PeerError."""
        came = await self.network.carry(self.sender, url, to_soap(token, contents))
        return understood(came.status, came.body)


def _size(form: Form) -> int:
    return len(form) if isinstance(form, bytes) else sum(len(part.data) for part in form.parts)


def _unavailable(reason: str) -> PeerUnavailableError:
    return PeerUnavailableError("peer.unavailable", "对方暂时无法连接", "the other side cannot be reached now", reason=reason)
