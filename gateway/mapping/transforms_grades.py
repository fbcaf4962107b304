"""Grades as four formats write them; each keeps its own scale beside the regional band.

Pass marks and words are settings of the rule.  A grade without its scale is ambiguous and refused.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final

from gateway.mapping.declaration import Builder, Declaration, Forward, Halves, LocalValues
from gateway.mapping.grades import (
    BAND,
    LEVEL5_WORDS,
    PASSED,
    PERCENT,
    SCALE,
    WORD_BANDS,
    Express,
    Grade,
    Written,
    band_of,
    grade_backward,
    pass_band,
    place,
)
from gateway.mapping.loss import Run
from gateway.model.cells import CellError, GradeCell, grade_cell
from gateway.model.local import LocalValue
from gateway.model.regional import Band, RegionalValue, Scale

CACHE_MAX: Final = 4096
_NUMBER: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,2})?", re.ASCII)
_PLAIN: Final = re.compile(r"(?:0|[1-9][0-9]{0,2})(?:\.[0-9]{1,2})?", re.ASCII)


@lru_cache(maxsize=CACHE_MAX, typed=True)
def _percentage(value: LocalValue) -> Decimal | None:
    """A number of 0 to 100, from a text or an integer."""
    text = value if isinstance(value, str) else str(value) if type(value) is int else ""
    if not _NUMBER.fullmatch(text):
        return None
    number = Decimal(text)
    return number if number <= 100 else None


# -- a whole number without a scale --


def _percent_score(rule: Declaration) -> Halves | None:
    """A whole number of 0 to 100 whose scale the bank does not state; that it is a percentage is a setting, and noted."""
    if not rule.shape(1, 5):
        return None
    (path,) = rule.local
    mark = rule.number("pass_mark", "60")
    graded = {score: (Decimal(score), str(score), score >= mark, band_of(Decimal(score))) for score in range(101)}

    def forward(values: LocalValues, out: dict[str, RegionalValue], run: Run) -> None:
        value = values.get(path)
        if value is None:
            return
        if type(value) is not int or value not in graded:
            run.refuse(path, "mapping.impossible_value")
            return
        percent, raw, passed, band = graded[value]
        out[PERCENT] = percent
        place(out, raw, "PERCENT", passed, band)
        run.default(SCALE, "assumption", "PERCENT")
        run.issues.append("scale_unstated")

    def express(grade: Grade) -> Written | None:
        if grade.percent is None or grade.percent != int(grade.percent):
            return None
        return Written({path: int(grade.percent)}, grade.how("PERCENT", "percent"))

    return Halves(forward, grade_backward(express, express), number=True)


# -- a value and its type code --


@dataclass(frozen=True, slots=True)
class _Types:
    """The bank's type codes, words and marks, both ways."""

    scale_of: Mapping[str, str]
    code_of: Mapping[str, str]
    band_of_word: Mapping[str, str]
    word_of: Mapping[str, str]
    passed_of: Mapping[str, bool]
    mark_of: Mapping[bool, str]
    pass_mark: Decimal

    def read(self, value: str, scale: str, out: dict[str, RegionalValue]) -> str:
        """Place the grade; the code of the problem where it is none, else ""."""
        if scale == "PERCENT":
            percent = _percentage(value)
            if percent is None:
                return "mapping.impossible_value"
            out[PERCENT] = percent
            place(out, value, scale, percent >= self.pass_mark, band_of(percent))
        elif scale == "PASS" and value in self.passed_of:
            place(out, value, scale, self.passed_of[value], pass_band(self.passed_of[value]))
        elif scale == "LEVEL5" and value in self.band_of_word:
            place(out, value, scale, self.band_of_word[value] != Band.F, self.band_of_word[value])
        else:
            return "mapping.unknown_code"
        return ""


def _typed_grade(rule: Declaration) -> Halves | None:
    """A grade with its type beside it: five words, pass or fail, or a percentage, under the bank's own type codes.

    Settings: `level5`, `pass`, `percent` are the type codes; `words` gives each word its band; `passed`/`failed` the marks.
    """
    if not rule.shape(2, 5):
        return None
    path, type_path = rule.local
    scale_of = {rule.text("level5", "DJ"): "LEVEL5", rule.text("pass", "HG"): "PASS", rule.text("percent", "BF"): "PERCENT"}
    words = {word: str(band) for word, band in rule.table("words").items()}
    passes = {rule.text("passed", "1"): True, rule.text("failed", "0"): False}
    for band in words.values():
        rule.knows("grade_band", band)
    types = _Types(
        scale_of=scale_of,
        code_of={scale: code for code, scale in scale_of.items()},
        band_of_word=words,
        word_of={band: word for word, band in reversed(words.items())},
        passed_of=passes,
        mark_of={passed: text for text, passed in passes.items()},
        pass_mark=rule.number("pass_mark", "60"),
    )
    own, foreign = _typed_express(path, type_path, types)
    return Halves(_typed_forward(path, type_path, types), grade_backward(own, foreign))


def _typed_forward(path: str, type_path: str, types: _Types) -> Forward:
    def forward(values: LocalValues, out: dict[str, RegionalValue], run: Run) -> None:
        value, code = values.get(path), values.get(type_path)
        if not value and not code:
            return
        if not value or not code:
            run.refuse(path, "mapping.no_code_set" if value else "mapping.missing_value")
            return
        scale = types.scale_of.get(code) if isinstance(code, str) else None
        if scale is None:
            run.refuse(type_path, "mapping.unknown_code")
            return
        problem = types.read(value, scale, out) if isinstance(value, str) else "mapping.impossible_value"
        if problem:
            run.refuse(path, problem)

    return forward


def _typed_express(path: str, type_path: str, types: _Types) -> tuple[Express, Express]:
    def own(grade: Grade) -> Written | None:
        code = types.code_of.get(grade.scale)
        return None if code is None else Written({path: grade.raw, type_path: code}, "exact")

    def foreign(grade: Grade) -> Written | None:
        if grade.scale == "LEVEL5" and grade.band in types.word_of:
            return Written({path: types.word_of[grade.band], type_path: types.code_of["LEVEL5"]}, "exact")
        if grade.percent is not None:
            return Written({path: format(grade.percent, "f"), type_path: types.code_of["PERCENT"]}, grade.how("PERCENT", "percent"))
        if grade.passed is None:
            return None
        return Written({path: types.mark_of[grade.passed], type_path: types.code_of["PASS"]}, grade.how("PASS", "passed"))

    return own, foreign


# -- a value, the name of its scale, a percentage beside it --


@dataclass(frozen=True, slots=True)
class _Marks:
    """The lowest passing percentage and the lowest passing grade point."""

    percent: Decimal
    point: Decimal


def _scaled_grade(rule: Declaration) -> Halves | None:
    """A grade, the name of its scale, and the percentage beside it.  `scales` lists what the format may name.

    GPA5 is a point of 0 to 5 (`gpa_pass` is the lowest that passes where no percentage is given), PASS is P or F, PERCENT a
    number; the other scales are words, read as `grade_cell` reads them.
    """
    if not rule.shape(3, 5):
        return None
    marks = _Marks(rule.number("pass_mark", "60"), rule.number("gpa_pass", "1"))
    scales = frozenset(rule.words("scales"))
    for scale in sorted(scales):
        rule.knows("grade_scale", scale)
    own, foreign = _scaled_express(rule.local, scales)
    return Halves(_scaled_forward(rule.local, scales, marks), grade_backward(own, foreign))


def _scaled_forward(paths: tuple[str, ...], scales: frozenset[str], marks: _Marks) -> Forward:
    path, scale_path, percent_path = paths

    def forward(values: LocalValues, out: dict[str, RegionalValue], run: Run) -> None:
        value, scale, written = values.get(path), values.get(scale_path), values.get(percent_path)
        percent = _percentage(written) if isinstance(written, str) and written else None
        if written and percent is None:
            run.refuse(percent_path, "mapping.impossible_value")
        if not value or not scale:
            if value or scale:
                run.refuse(path, "mapping.no_code_set" if value else "mapping.missing_value")
        elif not isinstance(scale, str) or scale not in scales:
            run.refuse(scale_path, "mapping.unknown_code")
        elif not isinstance(value, str) or not _read_scaled(value, scale, percent, marks, out):
            run.refuse(path, "mapping.impossible_value")
        if percent is not None:
            _add_percent(percent, written, percent_path, marks, out, run)

    return forward


def _add_percent(percent: Decimal, written: LocalValue, path: str, marks: _Marks, out: dict[str, RegionalValue], run: Run) -> None:
    """The percentage beside a grade decides on pass and band; where it merely repeats the grade its spelling is kept."""
    scale = out.get(SCALE)
    out[PERCENT], out[PASSED], out[BAND] = percent, percent >= marks.percent, band_of(percent)
    if scale == "PERCENT" or not _PLAIN.fullmatch(str(written)):
        run.spell(path, written)
    if scale == "GPA5" and percent >= 60 and Decimal(str(out["result.raw"])) != percent / 10 - 5:
        run.issues.append("percent_differs_from_gpa")


def _read_scaled(value: str, scale: str, percent: Decimal | None, marks: _Marks, out: dict[str, RegionalValue]) -> bool:
    """Place a grade of a named scale; False where the value is none of that scale."""
    match scale:
        case "PASS":
            if value in ("P", "F"):
                place(out, value, scale, value == "P", pass_band(value == "P"))
            return value in ("P", "F")
        case "GPA5":
            return _read_point(value, marks, out)
        case "PERCENT":
            number = _percentage(value)
            if number is None or percent not in (None, number):
                return False
            out[PERCENT] = number
            place(out, value, scale, number >= marks.percent, band_of(number))
            return True
        case _:
            cell = _cell(value, marks.percent)
            if isinstance(cell, str) or cell.scale.value != scale or cell.raw != value:
                return False
            place(out, value, scale, cell.passed, WORD_BANDS.get(cell.word, ""))
            return True


def _read_point(value: str, marks: _Marks, out: dict[str, RegionalValue]) -> bool:
    """A grade point.  It has no band of its own, but one that fails is F."""
    point = _percentage(value)
    if point is None or point > 5:
        return False
    place(out, value, "GPA5", point >= marks.point, "" if point >= marks.point else Band.F.value)
    return True


def _scaled_express(paths: tuple[str, ...], scales: frozenset[str]) -> tuple[Express, Express]:
    path, scale_path, percent_path = paths

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

    return own, foreign


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


# -- a cell of a sheet --


@lru_cache(maxsize=CACHE_MAX)
def _cell(text: str, mark: Decimal) -> GradeCell | str:
    """The cell read, or the code of what is wrong with it."""
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
        if not isinstance(cell, str):
            _place_cell(cell, out, run)
            if cell.raw != value:
                run.spell(path, value)
        elif cell == "record.no_grade":
            run.kept[path] = "empty"
        else:
            run.refuse(path, "mapping.no_code_set" if cell == "record.grade_without_scale" else "mapping.unknown_code")

    def own(grade: Grade) -> Written | None:
        return Written({path: grade.raw}, "exact")

    return Halves(forward, grade_backward(own, _cell_foreign(path)))


def _place_cell(cell: GradeCell, out: dict[str, RegionalValue], run: Run) -> None:
    if cell.percent is not None:
        out[PERCENT] = cell.percent
        band = band_of(cell.percent)
    elif cell.scale is Scale.LEVEL5:
        band = WORD_BANDS[cell.word]
    else:
        band = "" if cell.passed is None else pass_band(cell.passed)
    if cell.scale is Scale.ATTENDANCE:
        run.issues.append("grade_by_attendance")
    place(out, cell.raw, cell.scale.value, cell.passed, band)


def _cell_foreign(path: str) -> Express:
    def foreign(grade: Grade) -> Written | None:
        if grade.percent is not None:
            return Written({path: f"{grade.percent:f}/100"}, grade.how("PERCENT", "percent"))
        if grade.scale == "LEVEL5" and grade.band in LEVEL5_WORDS:
            return Written({path: LEVEL5_WORDS[grade.band]}, "exact")
        if grade.scale in ("PUTONGHUA", "ATTENDANCE"):
            return Written({path: grade.raw}, "exact")
        if grade.passed is None:
            return None
        return Written({path: "合格" if grade.passed else "不合格"}, grade.how("PASS", "passed"))

    return foreign


GRADE_TRANSFORMS: Final[Mapping[str, Builder]] = {
    "percent_score": _percent_score,
    "typed_grade": _typed_grade,
    "scaled_grade": _scaled_grade,
    "grade_cell": _grade_cell,
}
