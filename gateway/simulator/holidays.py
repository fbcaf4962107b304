"""The machine's holiday table, which ends with a year and grows when the next one is published.

The next year's days are made up: what matters is that some that a guess by weekday takes for working days
are free, and one that it takes for free is worked.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

import chinese_calendar

from gateway.transfers.deadlines import add_working_days

FREE = frozenset({date(2027, 1, 1), date(2027, 1, 4), date(2027, 1, 5), *(date(2027, 2, day) for day in range(8, 13))})
WORKED = frozenset({date(2027, 1, 2), date(2027, 2, 6)})


@dataclass(slots=True)
class Holidays:
    """`grow` puts the next year in; it may be called again."""

    known: Callable[[date], bool]
    grown: bool = False

    def grow(self) -> None:
        self.grown = True
        add_working_days.cache_clear()

    def is_workday(self, day: date) -> bool:
        """As the library has it: raises NotImplementedError past the end of the table."""
        if not self.grown or day.year < 2027:
            return self.known(day)
        return (day.weekday() < 5 and day not in FREE) or day in WORKED


@contextmanager
def holidays() -> Iterator[Holidays]:
    """The table of this process while the body runs."""
    before: Callable[[date], bool] = chinese_calendar.is_workday
    table = Holidays(before)
    add_working_days.cache_clear()
    setattr(chinese_calendar, "is_workday", table.is_workday)  # noqa: B010 (another package's name)
    try:
        yield table
    finally:
        setattr(chinese_calendar, "is_workday", before)  # noqa: B010
        add_working_days.cache_clear()
