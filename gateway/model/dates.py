"""A date that keeps the precision it was given in: a day, a month or a year (GB/T 7408, ISO 8601)."""

import calendar
from dataclasses import dataclass
from datetime import date
from typing import Self

YEAR_MIN, YEAR_MAX = 1900, 2200


@dataclass(frozen=True, slots=True)
class PartialDate:
    """`month` 0 means only the year is known, `day` 0 means only year and month are."""

    year: int
    month: int = 0
    day: int = 0

    def __post_init__(self) -> None:
        if not YEAR_MIN <= self.year <= YEAR_MAX:
            raise ValueError("year out of range")
        if not 0 <= self.month <= 12 or (self.month == 0 and self.day != 0):
            raise ValueError("month out of range")
        if self.day < 0 or (self.day > 28 and self.day > calendar.monthrange(self.year, self.month)[1]):
            raise ValueError("day out of range")

    @classmethod
    def from_iso(cls, text: str) -> Self:
        """Parse `2023`, `2023-06` or `2023-06-30`.  Raises ValueError otherwise."""
        parts = text.split("-")
        if [len(part) for part in parts] not in ([4], [4, 2], [4, 2, 2]) or not all(part.isascii() and part.isdigit() for part in parts):
            raise ValueError("not an ISO 8601 date of day, month or year precision")
        return cls(*(int(part) for part in parts))

    @property
    def precision(self) -> str:
        """`day`, `month` or `year`."""
        return "day" if self.day else "month" if self.month else "year"

    def __str__(self) -> str:
        if self.day:
            return f"{self.year}-{self.month:02d}-{self.day:02d}"
        return f"{self.year}-{self.month:02d}" if self.month else str(self.year)

    def earliest(self) -> date:
        """The first day it can mean."""
        return date(self.year, self.month or 1, self.day or 1)

    def latest(self) -> date:
        """The last day it can mean."""
        month = self.month or 12
        return date(self.year, month, self.day or calendar.monthrange(self.year, month)[1])
