"""The target of a recognition: one programme of an accepting bank and its courses.

Plain values without behaviour: the catalogue makes them, the rules are computed against them.
Credits are regional credits of the accepting programme, `Decimal`, never negative.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class TargetCourse:
    """A course of the programme.  `category` is the programme's own word; `standard_course` a catalogue id, "" if none is known."""

    code: str
    title: str
    credits: Decimal
    category: str
    standard_course: str = ""


@dataclass(frozen=True, slots=True)
class Programme:
    """`total_credits` to graduate, of which at least `resident_credits_min` are earned at the accepting bank (member id).

    `category_caps` by `TargetCourse.category`: the most credits that may be recognised in it; no entry = no cap of its own.
    """

    code: str
    title: str
    accepting: str
    total_credits: Decimal
    resident_credits_min: Decimal
    courses: tuple[TargetCourse, ...]
    category_caps: Mapping[str, Decimal]
