"""The machine's holiday table, which ends with a year and grows when the next one is published.

The next year's days are made up: what matters is that some that a guess by weekday takes for working days
are free, and one that it takes for free is worked.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from gateway.transfers.deadlines import PUBLISHED, add_working_days, use_table

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
    table = Holidays(PUBLISHED)
    before = use_table(table.is_workday)
    try:
        yield table
    finally:
        use_table(before)
