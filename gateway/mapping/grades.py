"""What grades have in common: bands, the five fields, and how a bank's format may say another bank's grade.

五级 and bands correspond exactly; a percentage gives a band but a band never gives a percentage.  Backward
a format says a grade exactly, by its percentage, or only as passed; whatever of it is not said is noted
field by field, so no grade disappears in silence.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeAlias

from gateway.mapping.declaration import Backward, RegionalValues
from gateway.mapping.loss import Run
from gateway.model.local import LocalValue
from gateway.model.regional import Band, RegionalValue

RAW, SCALE, PERCENT, PASSED, BAND = "result.raw", "result.scale", "result.percent", "result.passed", "result.band"
GRADE_FIELDS: Final = (RAW, SCALE, PERCENT, PASSED, BAND)
BAND_FLOORS: Final = ((Decimal(90), Band.A), (Decimal(80), Band.B), (Decimal(70), Band.C), (Decimal(60), Band.D))
LEVEL5_WORDS: Final[Mapping[str, str]] = {"A": "优秀", "B": "良好", "C": "中等", "D": "及格", "F": "不及格"}
WORD_BANDS: Final[Mapping[str, str]] = {word: band for band, word in LEVEL5_WORDS.items()}


@dataclass(frozen=True, slots=True)
class Grade:
    """A regional grade taken together; `band` is "" where there is none."""

    raw: str
    scale: str
    percent: Decimal | None
    passed: bool | None
    band: str

    @classmethod
    def of(cls, fields: RegionalValues) -> "Grade | None":
        if not any(field in fields for field in GRADE_FIELDS):
            return None
        percent, passed = fields.get(PERCENT), fields.get(PASSED)
        return cls(
            str(fields.get(RAW, "")),
            str(fields.get(SCALE, "")),
            percent if isinstance(percent, Decimal) else None,
            passed if isinstance(passed, bool) else None,
            str(fields.get(BAND, "")),
        )

    def how(self, scale: str, otherwise: str) -> str:
        """`exact` where the grade is said on its own scale."""
        return "exact" if self.scale == scale else otherwise


@dataclass(frozen=True, slots=True)
class Written:
    """A grade in a bank's words.  `how`: `exact`, `percent` (another scale, same percentage), `passed` (only that)."""

    values: Mapping[str, LocalValue]
    how: str


Express: TypeAlias = Callable[[Grade], Written | None]

_SAID: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "exact": ((RAW, SCALE, PERCENT), "derived"),
    "percent": ((PERCENT,), "narrower_scale"),
    "passed": ((PASSED,), "narrower_scale"),
}
"""Which of the five fields a way of saying carries, and why the others do not travel."""


def band_of(percent: Decimal) -> str:
    """The regional band of a percentage: A from 90, B from 80, C from 70, D from 60, F below."""
    for floor, band in BAND_FLOORS:
        if percent >= floor:
            return band.value
    return Band.F.value


def pass_band(passed: bool) -> str:
    return Band.P.value if passed else Band.F.value


def place(out: dict[str, RegionalValue], raw: str, scale: str, passed: bool | None, band: str) -> None:
    """Set four of the five fields; what is not known stays away."""
    out[RAW] = raw
    out[SCALE] = scale
    if passed is not None:
        out[PASSED] = passed
    if band:
        out[BAND] = band


def grade_backward(own: Express, foreign: Express) -> Backward:
    """The way back that all transforms of grades share: write what can be said, then account for each of the five fields."""

    def backward(fields: RegionalValues, out: dict[str, LocalValue], run: Run) -> None:
        grade = Grade.of(fields)
        if grade is None:
            return
        written = own(grade) if run.own else foreign(grade)
        if written is None:
            _leave(fields, run, (), frozenset(), "no_counterpart")
            return
        out.update(written.values)
        said, reason = _SAID[written.how]
        if written.how != "exact":
            run.approximate(RAW, reason, f"{grade.raw} ({grade.scale})")
        _leave(fields, run, said, frozenset() if written.how == "passed" else frozenset({PASSED, BAND}), reason)

    return backward


def _leave(fields: RegionalValues, run: Run, said: tuple[str, ...], derived: frozenset[str], reason: str) -> None:
    for field in GRADE_FIELDS:
        if field not in fields:
            continue
        if field in said:
            run.carried.append(field)
        else:
            run.lost[field] = "derived" if field in derived else reason
