"""The presiding unit as the centre sees it: the rota, who acts where it is a party itself, what waits for it, whether it can hand over.

The rota stands in the trust file, which the registry signs: it is where duties and powers begin and end by date, and there is no act by
which one unit passes them to the other.  What is open is read from the counts kept with the cases, so it costs the same at any size.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations
from typing import Final

from gateway.federation.members import Status, Turn
from gateway.federation.registry import TrustFile
from gateway.model.ports import Clock
from gateway.storage.database import Database
from gateway.transfers.tallies import Measure
from gateway.transfers.turns import PRESIDING_UNIT

DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class TurnLine:
    """One turn.  `when` is `past`, `now` or `to_come`; `days` are left of it now, or until it begins; None for a past one."""

    member: str
    since: datetime
    until: datetime
    when: str
    days: int | None


@dataclass(frozen=True, slots=True)
class Duty:
    """What waits for whoever acts for the unit: `what` is a state, `acting` the member, None where nobody may."""

    what: str
    source: str
    accepting: str
    acting: str | None
    cases: int


@dataclass(frozen=True, slots=True)
class Check:
    """One point of the checklist.  `n` is what is open, or the days that are missing; 0 is well."""

    code: str
    n: int

    @property
    def done(self) -> bool:
        return self.n == 0


@dataclass(frozen=True, slots=True)
class Board:
    """`acting` maps each unordered pair of members to who presides over their cases today."""

    turns: tuple[TurnLine, ...]
    now: TurnLine | None
    next: TurnLine | None
    acting: tuple[tuple[str, str, str | None], ...]
    duties: tuple[Duty, ...]
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class PresidingBoard:
    """Reads as of the last commit; `trust` is the trust file in force."""

    database: Database
    trust: Callable[[], TrustFile]
    clock: Clock

    async def board(self) -> Board:
        """Raises StorageError."""
        trust, at = self.trust(), self.clock.now()
        turns = tuple(_line(turn, at) for turn in trust.data.presiding)
        now = next((turn for turn in turns if turn.when == "now"), None)
        following = next((turn for turn in turns if turn.when == "to_come"), None)
        members = [member.id for member in trust.data.members]
        acting = tuple((one, other, trust.presiding(at, frozenset({one, other}))) for one, other in combinations(members, 2))
        duties = await self._duties(trust, at)
        return Board(turns, now, following, acting, duties, await self._checks(trust, now, following, duties))

    async def _duties(self, trust: TrustFile, at: datetime) -> tuple[Duty, ...]:
        """Held cases, and disputes that the accepting bank has passed on."""
        found = []
        for source, accepting, name, n, _ in await self.database.fetch("tally_sums", measure=Measure.STANDING, first="", last=""):
            state, _, turn = name.partition("/")
            if n and turn == PRESIDING_UNIT:
                found.append(Duty(state, source, accepting, trust.presiding(at, frozenset({source, accepting})), n))
        return tuple(found)

    async def _checks(
        self, trust: TrustFile, now: TurnLine | None, following: TurnLine | None, duties: tuple[Duty, ...]
    ) -> tuple[Check, ...]:
        """What the unit that goes and the unit that comes go through together."""
        contested = (await self.database.fetch("outcomes_contested_count"))[0][0]
        letters = sum(row[1] for row in await self.database.fetch("dead_letter_counts"))
        end = now.until if now is not None else None
        return (
            Check("next_named", 0 if following is not None else 1),
            Check("no_gap", _gap_days(now, following)),
            Check("next_active", 0 if following is None or _active(trust, following.member) else 1),
            Check("next_key", 0 if following is None else _short_days(trust, following)),
            Check("trust_file", 0 if end is None or trust.data.expires_at > end else (end - trust.data.expires_at) // DAY + 1),
            Check("held", sum(duty.cases for duty in duties if duty.what == "held")),
            Check("disputed", sum(duty.cases for duty in duties if duty.what == "disputed")),
            Check("contested", contested),
            Check("dead_letters", letters),
        )


def _line(turn: Turn, at: datetime) -> TurnLine:
    if turn.until <= at:
        return TurnLine(turn.member, turn.since, turn.until, "past", None)
    if turn.since <= at:
        return TurnLine(turn.member, turn.since, turn.until, "now", (turn.until - at) // DAY)
    return TurnLine(turn.member, turn.since, turn.until, "to_come", (turn.since - at) // DAY)


def _gap_days(now: TurnLine | None, following: TurnLine | None) -> int:
    """Days on which nobody presides, begun ones counted."""
    if now is None or following is None or following.since <= now.until:
        return 0
    return -((now.until - following.since) // DAY)


def _active(trust: TrustFile, member: str) -> bool:
    found = trust.member(member)
    return found is not None and found.status is Status.ACTIVE


def _short_days(trust: TrustFile, turn: TurnLine) -> int:
    """How many days its keys end before its turn begins; a key may be added any time."""
    found = trust.member(turn.member)
    ends = [record.not_after for record in found.keys if record.revoked_at is None] if found is not None else []
    if ends and max(ends) > turn.since:
        return 0
    return (turn.since - max(ends)) // DAY + 1 if ends else 1
