"""Until when a state may wait, in Chinese working days (make-up days counted, holidays not).

Past the last year of the holiday table a weekday deadline is given, marked provisional, to be
computed again when the table has grown.  A deadline is the end of its day at +08:00.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache

import chinese_calendar

from gateway.model.transfer import State

CHINA = timezone(timedelta(hours=8))

WORKING_DAYS: dict[State, int] = {
    State.CONFIRMING: 10,
    State.DELIVERING: 3,
    State.REVIEWING: 15,
    State.SUPPLEMENTING: 10,
    State.POSTING: 5,
    State.DISPUTED: 15,
    State.HELD: 10,
}
"""Defaults; a deployment's settings may give others."""


PUBLISHED: Callable[[date], bool] = chinese_calendar.is_workday
"""True where people work on a day; raises NotImplementedError past the last year it knows."""
_table = PUBLISHED


def use_table(table: Callable[[date], bool]) -> Callable[[date], bool]:
    """Go by another holiday table from now on; the one used before is given back."""
    global _table
    before, _table = _table, table
    add_working_days.cache_clear()
    return before


def is_working_day(day: date) -> tuple[bool, bool]:
    """Whether people work on `day`, and whether that is only a guess (past the holiday table)."""
    try:
        return _table(day), False
    except NotImplementedError:
        return day.weekday() < 5, True


@lru_cache(maxsize=512)
def add_working_days(start: date, days: int) -> tuple[date, bool]:
    """The `days`-th working day after `start`, and whether any day on the way was a guess."""
    day, left, provisional = start, days, False
    while left:
        day += timedelta(days=1)
        works, guessed = is_working_day(day)
        provisional = provisional or guessed
        left -= works
    return day, provisional


def working_days_between(start: datetime, end: datetime) -> int:
    """Working days after the day of `start` up to the last day before `end` (a deadline is the end of its day)."""
    day, last = start.astimezone(CHINA).date(), (end.astimezone(CHINA) - timedelta(seconds=1)).date()
    count = 0
    while day < last:
        day += timedelta(days=1)
        count += is_working_day(day)[0]
    return count


def deadline_after(days: int, since: datetime) -> tuple[datetime, bool]:
    """The end (UTC) of the `days`-th working day after `since`, and whether that is provisional."""
    day, provisional = add_working_days(since.astimezone(CHINA).date(), days)
    return datetime.combine(day + timedelta(days=1), time(), tzinfo=CHINA).astimezone(UTC), provisional
