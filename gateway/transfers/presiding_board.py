"""The presiding unit as everybody sees it: the rota, who acts where it is a party itself, what waits for it, what was handed over.

The rota stands in the trust file, which the registry signs: it is where duties and powers begin and end by date, and no act passes them
from one unit to the other.  What both sign about the change is a handover (`handovers`); one that is not signed is an alarm.  What is
open is read from the counts kept with the cases, so it costs the same at any size.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any, Final

from gateway.federation.members import Status, Turn
from gateway.federation.registry import TrustFile
from gateway.model.ports import Clock
from gateway.storage.database import Database
from gateway.storage.handover_row import HandoverRow
from gateway.transfers.agreements import day_of
from gateway.transfers.case import utc_text
from gateway.transfers.handovers import DUTIES, HandoverLine, handover_json, lines_of, open_duties
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
    """`acting` maps each unordered pair of members to who presides over their cases today; `open` is what there is of each duty now.

    `handovers` are the newest first: signed ones, and those that can or could have been.
    """

    turns: tuple[TurnLine, ...]
    now: TurnLine | None
    next: TurnLine | None
    acting: tuple[tuple[str, str, str | None], ...]
    duties: tuple[Duty, ...]
    checks: tuple[Check, ...]
    open: Mapping[str, int]
    handovers: tuple[HandoverLine, ...]

    @property
    def at_hand(self) -> HandoverLine | None:
        """The handover to be signed now, the oldest first; where none is, the newest there is."""
        return next((line for line in reversed(self.handovers) if line.open), self.handovers[0] if self.handovers else None)


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
        open_now = await open_duties(self.database, day_of(at))
        checks = _checks(trust, now, following, open_now)
        return Board(turns, now, following, acting, await self._duties(trust, at), checks, open_now, await self.handovers())

    async def handovers(self) -> tuple[HandoverLine, ...]:
        """Newest first.  Raises StorageError."""
        rows = [HandoverRow(*row) for row in await self.database.fetch("handovers_all")]
        return lines_of(self.trust().data.presiding, rows, self.clock.now())

    async def unsigned(self) -> tuple[HandoverLine, ...]:
        """Whose turn has begun without both signatures.  Raises StorageError."""
        return tuple(line for line in await self.handovers() if line.overdue)

    async def _duties(self, trust: TrustFile, at: datetime) -> tuple[Duty, ...]:
        """Held cases, and disputes that the accepting bank has passed on."""
        found = []
        for source, accepting, name, n, _ in await self.database.fetch("tally_sums", measure=Measure.STANDING, first="", last=""):
            state, _, turn = name.partition("/")
            if n and turn == PRESIDING_UNIT:
                found.append(Duty(state, source, accepting, trust.presiding(at, frozenset({source, accepting})), n))
        return tuple(found)


def _checks(trust: TrustFile, now: TurnLine | None, following: TurnLine | None, open_now: Mapping[str, int]) -> tuple[Check, ...]:
    """What the unit that goes and the unit that comes go through together."""
    end = now.until if now is not None else None
    return (
        Check("next_named", 0 if following is not None else 1),
        Check("no_gap", _gap_days(now, following)),
        Check("next_active", 0 if following is None or _active(trust, following.member) else 1),
        Check("next_key", 0 if following is None else _short_days(trust, following)),
        Check("trust_file", 0 if end is None or trust.data.expires_at > end else (end - trust.data.expires_at) // DAY + 1),
        *(Check(duty, open_now[duty]) for duty in DUTIES),
    )


def board_json(board: Board) -> dict[str, Any]:
    """What members are shown of it: rota, open duties, handovers."""
    return _shown(board.turns, board.open, board.handovers)


async def rota_json(database: Database, rota: Sequence[Turn], at: datetime) -> dict[str, Any]:
    """The same of a rota and a database alone, as whoever has the node's files sees it.  Raises StorageError."""
    rows = [HandoverRow(*row) for row in await database.fetch("handovers_all")]
    return _shown([_line(turn, at) for turn in rota], await open_duties(database, day_of(at)), lines_of(rota, rows, at))


def _shown(turns: Sequence[TurnLine], duties: Mapping[str, int], handovers: Sequence[HandoverLine]) -> dict[str, Any]:
    rota = [{"member": turn.member, "from": utc_text(turn.since), "until": utc_text(turn.until), "when": turn.when} for turn in turns]
    return {"rota": rota, "duties": dict(duties), "handovers": [handover_json(line) for line in handovers]}


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
