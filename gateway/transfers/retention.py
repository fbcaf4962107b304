"""What has been kept long enough to go: application audit rows, and the contents of cases that ended long ago.

Audit rows are deleted here, so many at once.  A case's contents are erased by a signed order of the facing bank or the presiding unit
(`erasure`), for which the node holds no key: here it is only found which cases those are, and which are to be passed over and why.
The transfer log itself is kept for ever.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from gateway.model.transfer import CLOSED, State
from gateway.storage.database import Database, Row, Write
from gateway.transfers.agreements import day_of
from gateway.transfers.case import utc_text

CASES_MAX: Final = 1_000
AT_ONCE: Final = 500
LISTED_MAX: Final = 10_000
"""Cases in one list, those that are passed over included."""


class OldCase(NamedTuple):
    """A case whose part is there still.  `skip` is why it is passed over: "", `open`, or `held` (`until`: the hold's last day, if any)."""

    transfer: str
    state: str
    ended: str
    facing: str
    skip: str = ""
    until: str = ""


@dataclass(frozen=True, slots=True)
class Due:
    """`audit_rows` are older than `audit_before`; `cases` have not moved since `records_before`, oldest first, `more` where there are
    others that may go.
    """

    audit_before: str
    audit_rows: int
    records_before: str
    cases: tuple[OldCase, ...]
    more: bool


def months_before(moment: datetime, months: int) -> datetime:
    """The same day and hour so many months ago; the month's last day where there is no such day."""
    count = moment.year * 12 + moment.month - 1 - months
    first = moment.replace(year=count // 12, month=count % 12 + 1, day=1)
    next_month = (first + timedelta(days=32)).replace(day=1)
    return first.replace(day=min(moment.day, (next_month - timedelta(days=1)).day))


async def due(database: Database, now: datetime, audit_months: int, records_years: int, most: int = CASES_MAX) -> Due:
    """What may go at `now` (UTC): at most so many cases that may, with those among them that are passed over."""
    audit_before = utc_text(months_before(now, audit_months))
    records_before = utc_text(months_before(now, 12 * records_years))
    ((rows,),) = await database.fetch("person_acts_before", before=audit_before)
    cases = await _cases(database, records_before, day_of(now).isoformat(), most)
    more = _may(cases) > most
    return Due(audit_before, rows, records_before, tuple(cases[:-1] if more else cases), more)


async def _cases(database: Database, before: str, today: str, most: int) -> list[OldCase]:
    """Until there is one too many that may go."""
    found: list[OldCase] = []
    after = ("", "")
    while _may(found) <= most:
        page = await database.fetch("transfers_outlived", before=before, after_at=after[0], after_id=after[1], most=AT_ONCE)
        for transfer, state, ended, facing, held_at, held_until in page:
            held = held_at and (not held_until or held_until >= today)
            skip = "open" if State(state) not in CLOSED else "held" if held else ""
            found.append(OldCase(transfer, state, ended, facing, skip, held_until if skip == "held" else ""))
            after = (ended, transfer)
            if _may(found) > most or len(found) >= LISTED_MAX:
                return found
        if len(page) < AT_ONCE:
            break
    return found


def _may(cases: Sequence[OldCase]) -> int:
    return sum(not case.skip for case in cases)


async def forget_audit(database: Database, before: str, told: Callable[[int, int], None] = lambda _done, _all: None) -> int:
    """Delete the audit rows older than that, a batch a transaction; how many.  `told(done, all)` hears of each.  Cut off, run it again."""

    def forget(_rows: Sequence[list[Row]]) -> Sequence[Write]:
        batch = [(before, AT_ONCE)]
        return [Write("person_act_leaves_forget", batch), Write("person_acts_forget", batch)]

    ((rows,),) = await database.fetch("person_acts_before", before=before)
    for first in range(0, rows, AT_ONCE):
        await database.group([], forget)
        told(min(rows, first + AT_ONCE), rows)
    return int(rows)
