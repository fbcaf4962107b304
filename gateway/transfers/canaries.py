"""Canaries as the gateway sees them: for each ordered pair the newest one, how it stands, and an alarm where one fails or is late.

A pair whose source bank never sent one has none and is no alarm: banks need not.  Nothing is stored but the cases themselves.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import permutations
from typing import Final

import structlog

from gateway.metrics import CANARIES, CANARY_SECONDS
from gateway.model.ports import Clock
from gateway.model.transfer import CLOSED, State
from gateway.storage.database import Database
from gateway.transfers.rounds import rounds

WITHIN: Final = 5_000
"""Of so many cases written last the canaries are looked for; an older one is as good as none."""
MOST: Final = 500
log = structlog.get_logger("gateway.canaries")


class Sound(StrEnum):
    """How the newest canary of a pair stands."""

    GOOD = "good"
    UNDER_WAY = "under_way"
    LATE = "late"
    """It has not ended in time, or no other followed it in time."""
    FAILED = "failed"
    NONE = "none"


ALARMS: Final = frozenset({Sound.LATE, Sound.FAILED})


@dataclass(frozen=True, slots=True)
class Canary:
    """One ordered pair.  `latency` is that of the newest one that settled, `age` the time since the newest was opened."""

    source: str
    accepting: str
    sound: Sound
    transfer: str = ""
    opened_at: datetime | None = None
    age: timedelta | None = None
    latency: timedelta | None = None


async def canaries(database: Database, members: Sequence[str], now: datetime, late: timedelta) -> tuple[Canary, ...]:
    """Every ordered pair of `members`, in their order.  Raises StorageError."""
    rows = await database.fetch("canary_cases", within=WITHIN, most=MOST)
    found: dict[tuple[str, str], list[tuple[str, str, datetime, str]]] = {}
    for transfer, source, accepting, state, opened_at, settled_at, _ in rows:
        found.setdefault((source, accepting), []).append((transfer, state, datetime.fromisoformat(opened_at), settled_at))
    return tuple(_canary(pair, found.get(pair, []), now, late) for pair in permutations(members, 2))


def _canary(pair: tuple[str, str], cases: Iterable[tuple[str, str, datetime, str]], now: datetime, late: timedelta) -> Canary:
    """`cases` newest first."""
    newest, latency = None, None
    for case in cases:
        newest = newest or case
        if case[1] == State.SETTLED:
            latency = datetime.fromisoformat(case[3]) - case[2]
            break
    if newest is None:
        return Canary(*pair, Sound.NONE)
    transfer, state, opened_at, _ = newest
    age = now - opened_at
    if state in CLOSED and state != State.SETTLED:
        sound = Sound.FAILED
    elif age > late:
        sound = Sound.LATE
    else:
        sound = Sound.GOOD if state == State.SETTLED else Sound.UNDER_WAY
    return Canary(*pair, sound, transfer, opened_at, age, latency)


class CanaryWatch:
    """One task a node.  Each change to late or failed is told once; after a restart once more."""

    def __init__(self, database: Database, members: Callable[[], Sequence[str]], clock: Clock, late: timedelta) -> None:
        self._database = database
        self._members = members
        self._clock = clock
        self._late = late
        self._told: dict[tuple[str, str], Sound] = {}

    async def board(self) -> tuple[Canary, ...]:
        """Raises StorageError."""
        return await canaries(self._database, self._members(), self._clock.now(), self._late)

    async def run(self, poll_s: float) -> None:
        """Look every `poll_s` seconds until cancelled.  What the database refuses now is tried at the next look."""
        await rounds(self.look, poll_s, lambda code: log.warning("canaries_not_looked_at", code=code), at_once=True)

    async def look(self) -> None:
        """One round."""
        for each in await self.board():
            if each.sound is Sound.NONE:
                continue
            pair = each.source, each.accepting
            CANARIES.labels(*pair).set(each.sound in ALARMS)
            if each.latency is not None:
                CANARY_SECONDS.labels(*pair).set(each.latency.total_seconds())
            if each.sound in ALARMS and self._told.get(pair) is not each.sound:
                log.error("canary_wrong", source=each.source, accepting=each.accepting, how=each.sound.value, transfer=each.transfer)
            self._told[pair] = each.sound
