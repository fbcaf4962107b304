"""One lane a member: bounded, one message in flight per transfer, a slow member never delays another.

Push and file members are sent to by their carrier; mailbox members are handed their messages when they poll.  A try that
brought no fault is still no success: the message stays owed until the member's signed word.
"""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import structlog

from gateway.errors import ConsentError, GatewayError, PeerError, PeerUnavailableError, StorageError
from gateway.federation.channels.https import MessageChannel
from gateway.federation.message import Content, HttpTarget
from gateway.model.ports import Clock
from gateway.storage.committer import Committer
from gateway.storage.rows import OwedRow
from gateway.transfers.answers import Answer
from gateway.transfers.case import utc_text
from gateway.transfers.dead_letters import is_dead
from gateway.transfers.dispatch import Dispatcher, Parcel, backoff
from gateway.transfers.notes import mark_attempt
from gateway.transfers.unit_of_work import Change
from gateway.transfers.view import View, Wants

IN_FLIGHT_MAX = 16
DEAD_LETTER_EVERY = timedelta(hours=1)
"""How often a dead letter is tried while its member is silent."""
UNSENDABLE = "internal"
"""What stands in `last_error` of a message that our own fault keeps from being sent."""
log = structlog.get_logger("gateway.delivery")


@dataclass(frozen=True, slots=True)
class Pace:
    """How patiently a lane tries."""

    first_s: float
    most_s: float
    idle_s: float


class Carrier(Protocol):
    """How one member's messages leave."""

    @property
    def acknowledge_s(self) -> float:
        """How long a message that arrived waits for its signed answer."""
        ...

    async def carry(self, parcel: Parcel) -> None:
        """Sign and send one message.  Raises GatewayError when it did not arrive; PeerUnavailableError: nothing is wrong with it."""
        ...


@dataclass(frozen=True, slots=True)
class PushCarrier:
    """Posts to the member's address, over HTTPS or SOAP."""

    dispatcher: Dispatcher
    channel: MessageChannel
    url: str
    acknowledge_s: float

    async def carry(self, parcel: Parcel) -> None:
        token = self.dispatcher.sign(parcel, http=HttpTarget("POST", self.url))
        answer = await self.channel.post(self.url, token, list[Content](parcel.contents))
        if answer.status >= 300:
            raise PeerError("peer.refused", "对方拒绝了消息", "the other side refused the message", status=answer.status)


@dataclass(frozen=True, slots=True)
class Attempted:
    """One try is over, and the message is still owed."""

    row: OwedRow
    wait: timedelta
    error: str

    @property
    def wants(self) -> Wants:
        return Wants(transfers=(self.row.transfer,))

    def apply(self, view: View) -> Answer:
        dead = any(each.jti == self.row.jti and is_dead(each) for each in view.owed.get(self.row.transfer, ()))
        wait = max(self.wait, DEAD_LETTER_EVERY) if dead else self.wait
        mark_attempt(view, self.row, utc_text(view.at + wait), self.error)
        view.lanes.discard(self.row.lane)
        return Answer(200, b"{}", b"")


class Courier:
    """Runs the lanes of the members that are sent to; wakes them when something new is owed or the member speaks."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        committer: Committer[Change, Answer],
        carriers: Mapping[str, Carrier],
        clock: Clock,
        chance: random.Random,
        pace: Pace,
    ) -> None:
        self._dispatcher = dispatcher
        self._committer = committer
        self._carriers = carriers
        self._clock = clock
        self._chance = chance
        self._pace = pace
        self._wake = {member: asyncio.Event() for member in carriers}
        self._back = dict.fromkeys(carriers, False)
        self._failing = dict.fromkeys(carriers, True)  # not known yet: a fresh process begins with one message a lane
        self._silent = dict.fromkeys(carriers, False)
        self._heard = {member: asyncio.Event() for member in carriers}

    def wake(self, lanes: set[str]) -> None:
        """Something new is owed to these members."""
        for lane in sorted(lanes):
            if lane in self._wake:
                self._wake[lane].set()

    def heard_from(self, member: str) -> None:
        """The member speaks to us: if it was failing, its waiting messages are due at once."""
        if self._failing.get(member):
            self._heard[member].set()
            self._failing[member] = False
            self._back[member] = True
            self._wake[member].set()

    def condition(self, member: str) -> str:
        """The member's breaker: `open` (nobody answers there), `half_open` (one message at a time), `closed`; "" for one not sent to."""
        if member not in self._carriers:
            return ""
        return "open" if self._silent[member] else "half_open" if self._failing[member] else "closed"

    async def run(self) -> None:
        async with asyncio.TaskGroup() as lanes:
            for member in self._carriers:
                lanes.create_task(self._lane(member))

    async def _lane(self, member: str) -> None:
        probes = 0
        while True:
            at_once, self._back[member] = self._back[member], False
            self._wake[member].clear()
            most = 1 if self._failing[member] else IN_FLIGHT_MAX  # a half-open lane probes with one message
            due = await self._due(member, most, at_once=at_once)
            if due:
                async with asyncio.TaskGroup() as sending:
                    for row in due:
                        sending.create_task(self._deliver(member, row))
                probes = probes + 1 if self._silent[member] else 0
                if probes:
                    await self._rest(member, probes)
                if at_once and len(due) == most and not self._failing[member]:
                    self._back[member] = True
                continue
            try:
                async with asyncio.timeout(self._pace.idle_s):
                    await self._wake[member].wait()
            except TimeoutError:
                continue

    async def _rest(self, member: str, probes: int) -> None:
        """Nobody answers there: the whole lane waits before its next probe, however much is owed, or until the member speaks."""
        first, most = timedelta(seconds=self._pace.first_s), timedelta(seconds=self._pace.most_s)
        self._heard[member].clear()
        if self._failing[member]:
            try:
                async with asyncio.timeout(backoff(probes - 1, first, most, self._chance.random()).total_seconds()):
                    await self._heard[member].wait()
            except TimeoutError:
                return

    async def _due(self, member: str, most: int, *, at_once: bool) -> list[OwedRow]:
        try:
            return await self._dispatcher.due(member, most, at_once=at_once)
        except StorageError as fault:  # a busy moment ends no lane; a database that is gone ends the writer, and so the process
            log.warning("lane_waits", member=member, code=fault.code)
            return []

    async def _deliver(self, member: str, row: OwedRow) -> None:
        wait, error = timedelta(seconds=self._carriers[member].acknowledge_s), ""
        try:
            await self._send(member, row)
            self._failing[member] = self._silent[member] = False
        except GatewayError as fault:
            error = fault.code
            self._failing[member] = isinstance(fault, PeerError)
            self._silent[member] = isinstance(fault, PeerUnavailableError)
            most = self._pace.most_s if not isinstance(fault, ConsentError) else 24 * 3600
            first = self._pace.first_s if not isinstance(fault, ConsentError) else 24 * 3600
            wait = backoff(row.attempts, timedelta(seconds=first), timedelta(seconds=most), self._chance.random())
            log.warning("delivery_failed", member=member, transfer=row.transfer, act=row.act, attempt=row.attempts + 1, code=fault.code)
        except Exception as fault:  # noqa: BLE001 (a message that cannot be built must not stop the lane, still less the process)
            wait, error = timedelta(seconds=self._pace.most_s), UNSENDABLE
            log.error("delivery_broken", member=member, transfer=row.transfer, act=row.act, fault=type(fault).__name__)  # noqa: TRY400
        try:
            await self._committer.submit(Attempted(row, wait, error))
        except GatewayError as fault:
            log.warning("attempt_not_noted", member=member, transfer=row.transfer, code=fault.code)
            await asyncio.sleep(self._pace.first_s)

    async def _send(self, member: str, row: OwedRow) -> None:
        parcel = await self._dispatcher.parcel(row)
        if parcel is not None:
            await self._carriers[member].carry(parcel)
