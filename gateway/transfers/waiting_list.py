"""What waits for an operator as one flat list: held cases and dead letters, each with its group, its presiding unit and a stamp.

The same list behind the pages' lists, the frozen selections and their dry run, so that what is frozen is what was shown.  A stamp
changes when what the entry is about changes; a mere try moves nothing.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.model.transfer import State
from gateway.storage.database import Database
from gateway.storage.rows import OwedRow, TransferRow
from gateway.transfers.acts import Presiding
from gateway.transfers.case import parties_of
from gateway.transfers.dead_letters import is_dead, may_give_up
from gateway.transfers.status import nobody
from gateway.transfers.stuck import reason_of, silent_members
from gateway.transfers.waiting_groups import mine, why_held

HELD: Final = "held"
LETTER: Final = "letter"
RETRY: Final = "retry"
CANCEL: Final = "cancel"


@dataclass(frozen=True, slots=True)
class Waiting:
    """One held case (`id` is its transfer) or dead letter (`id` is its message).  `members` are those whose turn it was.

    `stage` is the state a case was held in, or the act and event a letter carries; `unit` presides over it, "" where nobody can order
    anything (a letter of another scope than a case).
    """

    kind: str
    id: str
    transfer: str
    source: str
    accepting: str
    members: tuple[str, ...]
    stage: str
    reason: str
    rules: str
    unit: str
    since: str
    tries: int
    next_try: str
    stamp: str
    can_retry: bool
    can_cancel: bool

    @property
    def member(self) -> str:
        """Whose turn it was, as filters name it."""
        return " ".join(self.members)

    def may(self, action: str) -> bool:
        """Whether the presiding unit may order this."""
        return self.can_cancel if action == CANCEL else self.can_retry


@dataclass(frozen=True, slots=True)
class Sought:
    """What is looked for; "" and () are any.  `seen_by` is the member whose operator looks."""

    kind: str
    member: str = ""
    stage: str = ""
    reason: str = ""
    rules: str = ""
    unit: str = ""
    ids: tuple[str, ...] = ()
    seen_by: str = ""

    def fits(self, one: Waiting) -> bool:
        asked = (self.member, self.stage, self.reason, self.rules, self.unit)
        there = (one.member, one.stage, one.reason, one.rules, one.unit)
        return all(wish in {"", found} for wish, found in zip(asked, there, strict=True)) and (not self.ids or one.id in self.ids)


def case_stamp(row: TransferRow) -> str:
    """Moves with every change of a case."""
    return f"{row.state}/{row.ver}/{row.seq}"


def letter_stamp(row: OwedRow, case: TransferRow) -> str:
    """Moves with the letter and its case, and not with a mere try."""
    return f"{row.state}/{row.dead_since}/{case_stamp(case)}"


async def waiting(database: Database, sought: Sought, most: int, presiding: Presiding = nobody) -> list[Waiting]:
    """Longest waiting first, of at most `most` held cases or dead letters.  Raises StorageError."""
    found = await (_held if sought.kind == HELD else _letters)(database, most, presiding, sought.seen_by)
    return sorted((one for one in found if sought.fits(one)), key=lambda one: (one.since, one.id))


async def _held(database: Database, most: int, presiding: Presiding, seen_by: str) -> list[Waiting]:
    rows = [TransferRow(*row) for row in await database.fetch("transfers_held", most=most)]
    owed: dict[str, list[OwedRow]] = {}
    for each in await database.fetch("owed_by_transfer", ids=json.dumps([row.id for row in rows])):
        owed.setdefault(each[2], []).append(OwedRow(*each))
    return [_case(row, owed.get(row.id, ()), presiding) for row in rows if mine(row, seen_by)]


def _case(row: TransferRow, owed: Iterable[OwedRow], presiding: Presiding) -> Waiting:
    reason, first = why_held(row, owed)
    return Waiting(
        HELD, row.id, row.id, row.source, row.accepting, tuple(silent_members(row)), row.held_from, reason, row.mapping,
        presiding(parties_of(row)) or "", row.changed_at, first.attempts if first else 0, first.next_at if first else "", case_stamp(row),
        can_retry=True, can_cancel=row.held_from == State.DELIVERING,
    )  # fmt: skip


async def _letters(database: Database, most: int, presiding: Presiding, seen_by: str) -> list[Waiting]:
    letters = [OwedRow(*row) for row in await database.fetch("owed_dead", most=most)]
    cases = await cases_of(database, letters)
    found = [_letter(row, cases.get(row.transfer), presiding) for row in letters if is_dead(row)]
    return [one for one in found if not seen_by or seen_by in one.members or mine(cases.get(one.transfer), seen_by)]


async def cases_of(database: Database, letters: Iterable[OwedRow]) -> Mapping[str, TransferRow]:
    """The cases that letters are about, by id; a letter of another scope has none."""
    ids = json.dumps(sorted({row.transfer for row in letters}))
    return {row[0]: TransferRow(*row) for row in await database.fetch("transfers_by_id", ids=ids)}


def _letter(row: OwedRow, case: TransferRow | None, presiding: Presiding) -> Waiting:
    return Waiting(
        LETTER, row.jti, row.transfer, case.source if case else "", case.accepting if case else "", (row.lane,), f"{row.act}.{row.event}",
        reason_of(row), case.mapping if case else "", (presiding(parties_of(case)) or "") if case else "", row.dead_since, row.attempts,
        row.next_at, letter_stamp(row, case) if case else "", can_retry=case is not None, can_cancel=case is not None and may_give_up(row),
    )  # fmt: skip


def age(one: Waiting, now: datetime) -> int:
    """Whole hours that it has waited."""
    return int((now - datetime.fromisoformat(one.since)).total_seconds() // 3600)
