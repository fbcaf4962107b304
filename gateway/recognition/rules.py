"""A rule set: what an accepting bank recognises, as versioned data.

Pure values; `rule_file` reads them, `lint` judges them, `quote` carries them out.  There is no code in a rule and no way
to name points, sessions or leisure learning: a need lists achievement kinds out of `ACADEMIC_KINDS`, and what a rule gives is
either a number of credits or the regional credits the record already has.  The file format is in docs/rules.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final

from gateway.model.regional import Band, Kind

FORMAT: Final = "ceg-rules-1"
ACADEMIC_KINDS: Final = frozenset(Kind) - {Kind.COMMUNITY}
"""Community and senior education is leisure: it never becomes academic credit, whatever a rule says."""
BAND_RANK: Final[Mapping[str, int]] = {Band.A: 5, Band.B: 4, Band.C: 3, Band.D: 2, Band.P: 1, Band.F: 0}
"""Better grades are larger.  P has no grade: it is below D in every comparison, and meets a `band_min` only where the need says so."""


class Cardinality(StrEnum):
    """How many records, how many courses."""

    ONE_TO_ONE = "one-to-one"
    MANY_TO_ONE = "many-to-one"
    ONE_TO_MANY = "one-to-many"


class GroupReason(StrEnum):
    """Why only one of a group counts."""

    EQUAL_CONTENT = "equal_content"
    HIGHEST_ONLY = "highest_only"


@dataclass(frozen=True, slots=True)
class Need:
    """What one record must be.  Titles, standard courses and course codes are alternatives; everything else must hold too.

    Empty collections and None ask for nothing.  `course_codes` are `CN-32/JSKD-1204-0032`: a code means something only with its bank.
    `confidence` is `exact` (an approximate crosswalk is not good enough) or `approximate`.
    """

    kinds: frozenset[str]
    titles: tuple[str, ...] = ()
    standard_courses: tuple[str, ...] = ()
    course_codes: tuple[str, ...] = ()
    sources: frozenset[str] = frozenset()
    issuers: frozenset[str] = frozenset()
    schemes: frozenset[str] = frozenset()
    skill_levels: frozenset[str] = frozenset()
    stages: frozenset[str] = frozenset()
    level_min: int | None = None
    confidence: str = "exact"
    band_min: str | None = None
    pass_counts: bool = False
    credits_min: Decimal | None = None
    years_max: int | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """`credits` None gives the record's regional credits; otherwise one number a target (a single one serves every target).

    `catalogue` is the id of the entry that fixes the credits; without it no rule gives more than the record has.
    `to` are course codes, `to_standard` catalogue ids of standard courses.  One-to-one and many-to-one take one of them (the best),
    one-to-many all of them.  The larger `priority` is asked first.  `place` is the position in the file, from 0.
    """

    id: str
    place: int
    zh: str
    en: str
    cardinality: Cardinality
    needs: tuple[Need, ...]
    to: tuple[str, ...] = ()
    to_standard: tuple[str, ...] = ()
    credits: tuple[Decimal, ...] | None = None
    catalogue: str = ""
    group: str = ""
    exam_still_required: bool = False
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """Rules with this group: only one recognition among them, the best."""

    id: str
    zh: str
    en: str
    reason: GroupReason


@dataclass(frozen=True, slots=True)
class Caps:
    """`programme_percent` and `kind_percent` are shares of the programme's total credits; `category_credits` are credits.

    Every cap is rounded down to `credit_step`, and so is every amount.
    """

    programme_percent: Decimal
    resident_credits_min: Decimal
    credit_step: Decimal
    kind_percent: Mapping[str, Decimal]
    category_credits: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Hours:
    """An hours-to-credit policy the bank accepts, by the id records carry; its parameters explain a size line by line."""

    policy: str
    unit_minutes: Decimal
    theory_units_per_credit: Decimal
    practice_units_per_credit: Decimal
    rounding_step: Decimal


@dataclass(frozen=True, eq=False)
class RuleSet:
    """One version.  In force from `effective` to `review`, both included.  `sources` and `programmes` empty mean all.

    `lapsed` are catalogue entries that no longer count today: rules that stand on them are not carried out (`reviews.without_lapsed`).
    Compared by identity, so that what is derived from thousands of rules can be kept beside it.
    """

    id: str
    version: str
    accepting: str
    zh: str
    en: str
    effective: date
    review: date
    demonstration: bool
    sources: frozenset[str]
    programmes: frozenset[str]
    hours: tuple[Hours, ...]
    caps: Caps
    groups: tuple[Group, ...]
    rules: tuple[Rule, ...]
    lapsed: frozenset[str] = frozenset()

    def group(self, group_id: str) -> Group:
        """The group of that id.  A rule of a set that was read names only groups that are there."""
        return next(group for group in self.groups if group.id == group_id)

    def in_force(self, day: date) -> bool:
        """Whether it may be used on `day`."""
        return self.effective <= day <= self.review
