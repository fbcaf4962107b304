"""Sizes of learning.  Credits, points and class units are different types on purpose.

Adding points to credits is a TypeError, because four banks use one word, 学分, for three things.
All arithmetic is Decimal; rounding happens only inside a named, versioned policy.
"""

from dataclasses import dataclass
from decimal import Decimal
from functools import total_ordering
from typing import Self


@total_ordering
@dataclass(frozen=True, slots=True, eq=True)
class Quantity:
    """A Decimal with a unit.  Only its subclasses are used."""

    value: Decimal

    def __add__(self, other: Self) -> Self:
        if type(other) is not type(self):
            return NotImplemented
        return type(self)(self.value + other.value)

    def __sub__(self, other: Self) -> Self:
        if type(other) is not type(self):
            return NotImplemented
        return type(self)(self.value - other.value)

    def __lt__(self, other: Self) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.value < other.value

    def __str__(self) -> str:
        return format(self.value, "f")


class Credits(Quantity):
    """学分. Local credits as declared by a bank, or regional credits; the field says which."""

    __slots__ = ()


class Points(Quantity):
    """积分. Never academic credit without a rule."""

    __slots__ = ()


class Units(Quantity):
    """学时. Class units of 45 minutes."""

    __slots__ = ()


class Minutes(Quantity):
    """Minutes of learning."""

    __slots__ = ()


class Sessions(Quantity):
    """次. Attended sessions of unstated length; never hours."""

    __slots__ = ()
