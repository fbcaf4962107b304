"""What has been kept long enough to go: application audit rows, and the contents of cases that ended long ago.

Audit rows are deleted here.  A case's contents are erased by a signed order of the facing bank or the presiding unit (`erasure`), for which
the node holds no key: those cases are listed, and whoever may give the order gives it.  The transfer log itself is kept for ever.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gateway.model.transfer import CLOSED
from gateway.storage.database import Database, Row, Write
from gateway.transfers.case import utc_text

CASES_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class Due:
    """`audit_rows` are older than `audit_before`; `cases` ended before `records_before`, oldest first, `more` where there are others."""

    audit_before: str
    audit_rows: int
    records_before: str
    cases: tuple[tuple[str, str, str], ...]
    more: bool


def months_before(moment: datetime, months: int) -> datetime:
    """The same day and hour so many months ago; the month's last day where there is no such day."""
    count = moment.year * 12 + moment.month - 1 - months
    first = moment.replace(year=count // 12, month=count % 12 + 1, day=1)
    next_month = (first + timedelta(days=32)).replace(day=1)
    return first.replace(day=min(moment.day, (next_month - timedelta(days=1)).day))


async def due(database: Database, now: datetime, audit_months: int, records_years: int) -> Due:
    """What may go at `now` (UTC): id, state and end of each case, whose part is still there."""
    audit_before = utc_text(months_before(now, audit_months))
    records_before = utc_text(months_before(now, 12 * records_years))
    ((rows,),) = await database.fetch("person_acts_before", before=audit_before)
    closed = "[" + ", ".join(f'"{state}"' for state in sorted(CLOSED)) + "]"
    cases = await database.fetch("transfers_ended_before", before=records_before, closed=closed, most=CASES_MAX + 1)
    return Due(audit_before, rows, records_before, tuple((row[0], row[1], row[2]) for row in cases[:CASES_MAX]), len(cases) > CASES_MAX)


async def forget_audit(database: Database, before: str) -> None:
    """Delete the audit rows older than that."""

    def forget(_rows: Sequence[list[Row]]) -> Sequence[Write]:
        return [Write("person_acts_forget", [(before,)])]

    await database.group([], forget)
