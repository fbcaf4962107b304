"""Grades: each keeps its own scale beside the regional band.

Forward is one table: what the bank wrote, on which scale, the percentage if the bank itself gives
one, passed or not, and the band.  五级 and bands correspond exactly; a percentage gives a band but a
band never gives a percentage.  Backward a bank's format says a grade exactly, by its percentage, or
only as passed; whatever of it is not said is noted field by field, so no grade disappears in silence.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final, TypeAlias

from gateway.formats.cells import CellError, GradeCell, grade_cell
from gateway.mapping.declaration import Backward, Builder, Declaration, Halves, LocalValues, RegionalValues
from gateway.mapping.loss import Run
from gateway.model.local import LocalValue
from gateway.model.regional import Band, RegionalValue, Scale

CACHE_MAX: Final = 4096
RAW, SCALE, PERCENT, PASSED, BAND = "result.raw", "result.scale", "result.percent", "result.passed", "result.band"
GRADE_FIELDS: Final = (RAW, SCALE, PERCENT, PASSED, BAND)
BAND_FLOORS: Final = ((Decimal(90), Band.A), (Decimal(80), Band.B), (Decimal(70), Band.C), (Decimal(60), Band.D))
LEVEL5_WORDS: Final[Mapping[str, str]] = {"A": "优秀", "B": "良好", "C": "中等", "D": "及格", "F": "不及格"}
_WORD_BANDS: Final[Mapping[str, str]] = {word: band for band, word in LEVEL5_WORDS.items()}
_NUMBER: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,2})?", re.ASCII)
_PLAIN: Final = re.compile(r"(?:0|[1-9][0-9]{0,2})(?:\.[0-9]{1,2})?", re.ASCII)


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


@dataclass(frozen=True, slots=True)
class Written:
    """A grade in a bank's words.  `how`: `exact`, `percent` (another scale, same percentage), `passed` (only that)."""

    values: Mapping[str, LocalValue]
    how: str


Express: TypeAlias = Callable[[Grade], Written | None]


def band_of(percent: Decimal) -> str:
    """The regional band of a percentage: A from 90, B from 80, C from 70, D from 60, F below."""
    for floor, band in BAND_FLOORS:
        if percent >= floor:
            return band.value
    return Band.F.value


@lru_cache(maxsize=CACHE_MAX, typed=True)
def _percentage(value: LocalValue) -> Decimal | None:
    text = value if isinstance(value, str) else str(value) if type(value) is int else ""
    if not _NUMBER.fullmatch(text):
        return None
    number = Decimal(text)
    return number if number <= 100 else None


def _place(out: dict[str, RegionalValue], raw: str, scale: str, passed: bool | None, band: str) -> None:
    out[RAW] = raw
    out[SCALE] = scale
    if passed is not None:
        out[PASSED] = passed
    if band:
        out[BAND] = band


def _pass_band(passed: bool) -> str:
    return Band.P.value if passed else Band.F.value


def _backward(own: Express, foreign: Express) -> Backward:
    """The way back that all four share: write what can be said, then account for each of the five fields."""

    def backward(fields: RegionalValues, out: dict[str, LocalValue], run: Run) -> None:
        grade = Grade.of(fields)
        if grade is None:
            return
        written = own(grade) if run.own else foreign(grade)
        said: tuple[str, ...] = ()
        silent = "no_counterpart"
        if written is not None:
            out.update(written.values)
            said, silent = _SAID[written.how]
            if written.how != "exact":
                run.approximate(RAW, silent, f"{grade.raw} ({grade.scale})")
        for field in GRADE_FIELDS:
            if field not in fields:
                continue
            if field in said:
                run.carried.append(field)
            else:
                run.lost[field] = "derived" if written and written.how != "passed" and field in (PASSED, BAND) else silent

    return backward


_SAID: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "exact": ((RAW, SCALE, PERCENT), "derived"),
    "percent": ((PERCENT,), "narrower_scale"),
    "passed": ((PASSED,), "narrower_scale"),
}


def _percent_score(rule: Declaration) -> Halves | None:
    """A whole number of 0 to 100 whose scale the bank does not state; that it is a percentage is a setting, and noted."""
    if not rule.shape(1, 5):
        return None
    (path,) = rule.local
    mark = rule.number("pass_mark", "60")

    def forward(values: LocalValues, out: dict[str, RegionalValue], run: Run) -> None:
        value = values.get(path)
        if value is None:
            return
        percent = _percentage(value) if type(value) is int else None
        if percent is None:
            run.refuse(path, "mapping.impossible_value")
            return
        out[PERCENT] = percent
        _place(out, str(value), "PERCENT", percent >= mark, band_of(percent))
        run.default(SCALE, "assumption", "PERCENT")
        run.issues.append("scale_unstated")

    def express(grade: Grade) -> Written | None:
        if grade.percent is None or grade.percent != int(grade.percent):
            return None
        return Written({path: int(grade.percent)}, "exact" if grade.scale == "PERCENT" else "percent")

    return Halves(forward, _backward(express, express), number=True)


def _typed_grade(rule: Declaration) -> Halves | None:
    """A grade with its type beside it: five words, pass or fail, or a percentage, under the bank's own type codes.

    Settings: `level5`, `pass`, `percent` are the type codes; `words` gives each word its band; `passed`/`failed` the marks.
    """
    if not rule.shape(2, 5):
        return None
    path, kind_path = rule.local
    mark = rule.number("pass_mark", "60")
    scales = {rule.text("level5", "DJ"): "LEVEL5", rule.text("pass", "HG"): "PASS", rule.text("percent", "BF"): "PERCENT"}
    words = {word: str(band) for word, band in rule.table("words").items()}
    passes = {rule.text("passed", "1"): True, rule.text("failed", "0"): False}
    for band in words.values():
        rule.knows("grade_band", band)
    kinds = {scale: kind for kind, scale in scales.items()}
    word_of = {band: word for word, band in reversed(words.items())}
    mark_of = {passed: text for text, passed in passes.items()}

    def forward(values: LocalValues, out: dict[str, RegionalValue], run: Run) -> None:
        value, kind = values.get(path), values.get(kind_path)
        if not value or not kind:
            if value:
                run.refuse(path, "mapping.no_code_set")
            elif kind:
                run.refuse(path, "mapping.missing_value")
            return
        scale = scales.get(str(kind))
        if scale is None:
            run.refuse(kind_path, "mapping.unknown_code")
        elif scale == "PERCENT":
            percent = _percentage(value)
            if percent is None:
                run.refuse(path, "mapping.impossible_value")
            else:
                out[PERCENT] = percent
                _place(out, str(value), scale, percent >= mark, band_of(percent))
        elif scale == "PASS" and value in passes:
            _place(out, str(value), scale, passes[str(value)], _pass_band(passes[str(value)]))
        elif scale == "LEVEL5" and value in words:
            _place(out, str(value), scale, words[str(value)] != "F", words[str(value)])
        else:
            run.refuse(path, "mapping.unknown_code")

    def own(grade: Grade) -> Written | None:
        return Written({path: grade.raw, kind_path: kinds[grade.scale]}, "exact") if grade.scale in kinds else None

    def foreign(grade: Grade) -> Written | None:
        if grade.scale == "LEVEL5" and grade.band in word_of:
            return Written({path: word_of[grade.band], kind_path: kinds["LEVEL5"]}, "exact")
        if grade.percent is not None:
            how = "exact" if grade.scale == "PERCENT" else "percent"
            return Written({path: format(grade.percent, "f"), kind_path: kinds["PERCENT"]}, how)
        if grade.passed is None:
            return None
        how = "exact" if grade.scale == "PASS" else "passed"
        return Written({path: mark_of[grade.passed], kind_path: kinds["PASS"]}, how)

    return Halves(forward, _backward(own, foreign))


def _scaled_grade(rule: Declaration) -> Halves | None:
    """A grade, the name of its scale, and the percentage beside it.  `scales` lists what the format may name.

    GPA5 is a point of 0 to 5 (`gpa_pass` is the lowest that passes where no percentage is given), PASS is P or F, PERCENT a
    number; the other scales are words, read as `grade_cell` reads them.
    """
    if not rule.shape(3, 5):
        return None
    path, scale_path, percent_path = rule.local
    mark, gpa_mark = rule.number("pass_mark", "60"), rule.number("gpa_pass", "1")
    scales = frozenset(rule.words("scales"))
    for scale in sorted(scales):
        rule.knows("grade_scale", scale)

    def forward(values: LocalValues, out: dict[str, RegionalValue], run: Run) -> None:
        value, scale, written = values.get(path), values.get(scale_path), values.get(percent_path)
        percent = _percentage(written) if written else None
        if written and percent is None:
            run.refuse(percent_path, "mapping.impossible_value")
        if value and not scale:
            run.refuse(path, "mapping.no_code_set")
        elif scale and not value:
            run.refuse(path, "mapping.missing_value")
        elif scale and scale not in scales:
            run.refuse(scale_path, "mapping.unknown_code")
        elif value and not _read_scaled(str(value), str(scale), percent, mark, gpa_mark, out):
            run.refuse(path, "mapping.impossible_value")
        if percent is None:
            return
        out[PERCENT] = percent
        out[PASSED], out[BAND] = percent >= mark, band_of(percent)
        if written and (scale == "PERCENT" or not _PLAIN.fullmatch(str(written))):
            run.spell(percent_path, written)
        if scale == "GPA5" and percent >= 60 and _percentage(value) != percent / 10 - 5:
            run.issues.append("percent_differs_from_gpa")

    def own(grade: Grade) -> Written | None:
        values: dict[str, LocalValue] = {}
        if grade.raw:
            values |= {path: grade.raw, scale_path: grade.scale}
        if grade.percent is not None and grade.scale != "PERCENT":
            values[percent_path] = format(grade.percent, "f")
        return Written(values, "exact")

    def foreign(grade: Grade) -> Written | None:
        percent = {percent_path: format(grade.percent, "f")} if grade.percent is not None else {}
        if grade.scale in scales:
            return Written({path: _scaled_word(grade), scale_path: grade.scale, **percent}, "exact")
        if grade.percent is not None and "PERCENT" in scales:
            return Written({path: format(grade.percent, "f"), scale_path: "PERCENT", **percent}, "percent")
        if grade.passed is None or "PASS" not in scales:
            return None
        return Written({path: "P" if grade.passed else "F", scale_path: "PASS"}, "passed")

    return Halves(forward, _backward(own, foreign))


def _read_scaled(value: str, scale: str, percent: Decimal | None, mark: Decimal, gpa_mark: Decimal, out: dict[str, RegionalValue]) -> bool:
    """Place a grade of a named scale; False where the value is none of that scale."""
    if scale == "PASS":
        if value in ("P", "F"):
            _place(out, value, scale, value == "P", _pass_band(value == "P"))
        return value in ("P", "F")
    if scale in ("GPA5", "PERCENT"):
        number = _percentage(value)
        if number is None or (scale == "GPA5" and number > 5):
            return False
        if scale == "GPA5":
            _place(out, value, scale, number >= gpa_mark, "" if number >= gpa_mark else Band.F.value)
            return True
        _place(out, value, scale, number >= mark, band_of(number))
        if percent is None:
            out[PERCENT] = number
        return percent in (None, number)
    cell = _cell(value, mark)
    if isinstance(cell, str) or cell.scale.value != scale or cell.raw != value:
        return False
    _place(out, value, scale, cell.passed, _WORD_BANDS.get(cell.word, ""))
    return True


def _scaled_word(grade: Grade) -> str:
    """How a scale's own value is written with its scale beside it."""
    match grade.scale:
        case "PERCENT" if grade.percent is not None:
            return format(grade.percent, "f")
        case "PASS" if grade.passed is not None:
            return "P" if grade.passed else "F"
        case "LEVEL5" if grade.band in LEVEL5_WORDS:
            return LEVEL5_WORDS[grade.band]
        case _:
            return grade.raw


@lru_cache(maxsize=CACHE_MAX)
def _cell(text: str, mark: Decimal) -> GradeCell | str:
    try:
        return grade_cell(text, pass_percent=mark)
    except CellError as error:
        return error.code


def _grade_cell(rule: Declaration) -> Halves | None:
    """A grade as people write it in a sheet: 良好, 78/100, 合格, 二级甲等, 参加.  A bare number has no scale and is refused."""
    if not rule.shape(1, 5):
        return None
    (path,) = rule.local
    mark = rule.number("pass_mark", "60")

    def forward(values: LocalValues, out: dict[str, RegionalValue], run: Run) -> None:
        value = values.get(path)
        if value is None or value == "":
            return
        cell = _cell(value, mark) if type(value) is str else "record.unknown_grade"
        if isinstance(cell, str):
            if cell == "record.no_grade":
                run.kept[path] = "empty"
            else:
                run.refuse(path, "mapping.no_code_set" if cell == "record.grade_without_scale" else "mapping.unknown_code")
            return
        if cell.percent is not None:
            out[PERCENT] = cell.percent
            band = band_of(cell.percent)
        elif cell.scale is Scale.LEVEL5:
            band = _WORD_BANDS[cell.word]
        else:
            band = "" if cell.passed is None else _pass_band(cell.passed)
        if cell.scale is Scale.ATTENDANCE:
            run.issues.append("grade_by_attendance")
        _place(out, cell.raw, cell.scale.value, cell.passed, band)
        if cell.raw != value:
            run.spell(path, value)

    def own(grade: Grade) -> Written | None:
        return Written({path: grade.raw}, "exact")

    def foreign(grade: Grade) -> Written | None:
        if grade.percent is not None:
            return Written({path: f"{grade.percent:f}/100"}, "exact" if grade.scale == "PERCENT" else "percent")
        if grade.scale == "LEVEL5" and grade.band in LEVEL5_WORDS:
            return Written({path: LEVEL5_WORDS[grade.band]}, "exact")
        if grade.scale in ("PUTONGHUA", "ATTENDANCE"):
            return Written({path: grade.raw}, "exact")
        if grade.passed is None:
            return None
        return Written({path: "合格" if grade.passed else "不合格"}, "exact" if grade.scale == "PASS" else "passed")

    return Halves(forward, _backward(own, foreign))


GRADE_TRANSFORMS: Final[Mapping[str, Builder]] = {
    "percent_score": _percent_score,
    "typed_grade": _typed_grade,
    "scaled_grade": _scaled_grade,
    "grade_cell": _grade_cell,
}
