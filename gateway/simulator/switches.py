"""Faults of the live region, switched by hand: what each bank's line does to a message, and how wrong its clock is.

A `Wire` is one direction of one bank's line and stands around the channel's `post` or the listener's `take`; both ends stay those of
every day.  What a message meets is fixed when it sets out.  Answers are lost but never altered: an answer that does not prove itself
stops a connector until a person looks, which is another lesson.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias, TypeVar

from gateway.client.office import Post
from gateway.errors import GatewayError, PeerUnavailableError
from gateway.federation.channels.https import HttpAnswer
from gateway.federation.framing import RawMessage
from gateway.federation.message import Content, HttpTarget
from gateway.model.ports import Clock
from gateway.web.pages.sandbox_door import OFF, Switches

Take: TypeAlias = Callable[[RawMessage, HttpTarget | None], Awaitable[None]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fate:
    """What one request meets."""

    delay_s: float = 0.0
    lost: bool = False
    answer_lost: bool = False
    twice: bool = False
    altered: bool = False


class Board:
    """Which switches of which bank are on; those set for a time go off by themselves (durations by the loop)."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[Switches, float | None]] = {}

    def turn(self, member: str, switches: Switches, lasts_s: float | None = None) -> None:
        self._held[member] = (switches, None if lasts_s is None else asyncio.get_running_loop().time() + lasts_s)

    def of(self, member: str) -> Switches:
        left = self.left_s(member)
        return OFF if left is not None and left <= 0 else self._held.get(member, (OFF, None))[0]

    def left_s(self, member: str) -> float | None:
        """Until it goes off by itself; None where it does not."""
        until = self._held.get(member, (OFF, None))[1]
        return None if until is None else until - asyncio.get_running_loop().time()

    def over(self) -> list[str]:
        """Banks whose time is up since this was asked last."""
        found = [member for member in self._held if (left := self.left_s(member)) is not None and left <= 0]
        for member in found:
            self._held[member] = (OFF, None)
        return found

    def wire(self, member: str) -> "Wire":
        """One direction of the bank's line."""
        return Wire(self, member)


class Wire:
    """Counts its requests: what strikes every second one strikes the first."""

    def __init__(self, board: Board, member: str) -> None:
        self._board = board
        self._member = member
        self._requests = 0

    def fate(self) -> Fate:
        """What the next request meets."""
        now = self._board.of(self._member)
        self._requests += 1
        first = self._requests % 2 == 1
        return Fate(now.delay_ms / 1000, now.down or (now.drop and first), now.lose_answer and first, now.duplicate, now.tamper)

    async def carry(self, deliver: Callable[[bool], Awaitable[T]]) -> T:
        """`deliver(altered)` as often as it arrives.  Raises PeerUnavailableError where nothing comes back."""
        fate = self.fate()
        await asyncio.sleep(fate.delay_s)
        if fate.lost:
            raise _unavailable("nothing arrived")
        answer = await deliver(fate.altered)
        if fate.twice:
            with suppress(GatewayError):  # nobody waits for what the copy is answered
                await deliver(fate.altered)
        if fate.answer_lost:
            raise _unavailable("the answer was lost")
        return answer

    def posting(self, post: Post) -> Post:
        """The bank's way out."""

        async def sent(url: str, token: str, contents: Sequence[Content]) -> HttpAnswer:
            def deliver(altered: bool) -> Awaitable[HttpAnswer]:
                if not altered:
                    return post(url, token, contents)
                whole = [each for each in contents if each.data]
                if not whole:
                    return post(url, altered_text(token), contents)
                changed = replace(whole[0], data=altered_bytes(whole[0].data))
                return post(url, token, [changed if each is whole[0] else each for each in contents])

            return await self.carry(deliver)

        return sent

    def taking(self, take: Take) -> Take:
        """The gateway's way to the bank, at the bank's end of it."""

        async def taken(raw: RawMessage, target: HttpTarget | None) -> None:
            def deliver(altered: bool) -> Awaitable[None]:
                if not altered:
                    return take(raw, target)
                name = next((name for name, each in raw.contents.items() if each.data), None)
                if name is None:
                    return take(replace(raw, token=altered_text(raw.token)), target)
                changed = replace(raw.contents[name], data=altered_bytes(raw.contents[name].data))
                return take(replace(raw, contents={**raw.contents, name: changed}), target)

            await self.carry(deliver)

        return taken


@dataclass(frozen=True, slots=True)
class SkewedClock:
    """A bank's clock, as wrong as it is switched."""

    clock: Clock
    board: Board
    member: str

    def now(self) -> datetime:
        return self.clock.now() + timedelta(seconds=self.board.of(self.member).skew_s)


def altered_bytes(data: bytes) -> bytes:
    """With one byte changed, in the middle."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def altered_text(token: str) -> str:
    """With one character of the signature changed to another of its alphabet."""
    place = token.rindex(".") + 2
    return token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]


def _unavailable(reason: str) -> PeerUnavailableError:
    return PeerUnavailableError("peer.unavailable", "对方暂时无法连接", "the other side cannot be reached now", reason=reason)
