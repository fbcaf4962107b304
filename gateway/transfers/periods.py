"""Stretches of Chinese days, by name or by bounds.  Pure."""

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Self

from gateway.transfers.tallies import CHINA

_MONTH: Final = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
_QUARTER: Final = re.compile(r"(\d{4})-Q([1-4])")
_YEAR: Final = re.compile(r"\d{4}")


@dataclass(frozen=True, slots=True)
class Period:
    """Days `first` to `last`, both included (+08:00)."""

    name: str
    first: date
    last: date

    @classmethod
    def ending(cls, now: datetime, days: int) -> Self:
        """The last `days` days up to today: `1d` is today."""
        today = now.astimezone(CHINA).date()
        return cls(f"{days}d", today - timedelta(days=days - 1), today)

    @classmethod
    def named(cls, name: str) -> Self:
        """A month `2026-11`, a quarter `2026-Q4` or a year `2026`.  Raises ValueError."""
        if found := _MONTH.fullmatch(name):
            first, months = date(int(found[1]), int(found[2]), 1), 1
        elif found := _QUARTER.fullmatch(name):
            first, months = date(int(found[1]), 3 * int(found[2]) - 2, 1), 3
        elif _YEAR.fullmatch(name):
            first, months = date(int(name), 1, 1), 12
        else:
            raise ValueError("not a month, quarter or year")
        last = first.replace(month=first.month + months - 1)
        return cls(name, first, last.replace(day=monthrange(last.year, last.month)[1]))

    def before(self) -> "Period":
        """As many days, just before: what it is compared with."""
        days = (self.last - self.first).days + 1
        return Period(f"before {self.name}", self.first - timedelta(days=days), self.first - timedelta(days=1))

    def is_over(self, now: datetime) -> bool:
        """Whether its last day has ended."""
        return now.astimezone(CHINA).date() > self.last

    def bounds(self) -> dict[str, str]:
        """As queries take them."""
        return {"first": self.first.isoformat(), "last": self.last.isoformat()}

    def days(self) -> Iterator[date]:
        for number in range((self.last - self.first).days + 1):
            yield self.first + timedelta(days=number)
