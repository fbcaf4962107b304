"""The free-text cells of a bank's sheet, read without guessing.

One function a column kind; each takes the text as written and either says what it means or
raises `CellError` with a stable code.  Nothing is repaired: `32+32` could be theory and practice
or two courses, `78` has no scale, `45107` is no date text; all three are refused here and decided
elsewhere.  Full-width forms are folded (NFKC) for reading only; the caller keeps the text itself.
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from unicodedata import normalize

from gateway.model.dates import PartialDate
from gateway.model.regional import Scale

CELL_CHARS_MAX = 200
_NOTHING = frozenset({"", "-", "--", "–", "—", "——", "/", "无"})
_NUMBER = r"\d{1,5}(?:\.\d{1,2})?"
_HOURS_WORD = r"(?:学时|课时)?"
_HOURS_TOTAL = re.compile(rf"({_NUMBER}){_HOURS_WORD}", re.ASCII)
_HOURS_SPLIT = re.compile(rf"({_NUMBER}){_HOURS_WORD}\((?:理论)?({_NUMBER})\+(?:实践)?({_NUMBER})\)", re.ASCII)
_HOURS_SUM = re.compile(rf"{_NUMBER}(?:\+{_NUMBER})+", re.ASCII)
_SESSIONS = re.compile(r"(\d{1,5})次", re.ASCII)
_CREDITS = re.compile(rf"({_NUMBER})(?:学分|分)?", re.ASCII)
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d{1,2})?)/100", re.ASCII)
_PUTONGHUA = re.compile(r"([一二三])级([甲乙])等?")
_LEVEL5 = {"优": "优秀", "良": "良好", "中": "中等"}
_LEVEL5_PASSED = {"优秀": True, "良好": True, "中等": True, "及格": True, "不及格": False}
_PASS = {"合格": True, "通过": True, "不合格": False, "未通过": False, "不通过": False}
_ATTENDED = frozenset({"参加", "已参加", "参与"})
_MIDNIGHT = re.compile(r"[ T]00:00(?::00(?:\.0+)?)?$", re.ASCII)
_DATE_FORMS = tuple(
    re.compile(form, re.ASCII)
    for form in (
        r"(\d{4})年?",
        r"(\d{4})年(\d{1,2})月",
        r"(\d{4})年(\d{1,2})月(\d{1,2})日",
        r"(\d{4})([-/.])(\d{1,2})",
        r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})",
        r"(\d{4})(\d{2})(\d{2})",
    )
)
_RANGE = re.compile(r"\s*(?:至|到|~|–|—+)\s*|\s+-\s+")
_PHANTOM_LEAP_DAY = 60  # the 1900 system counts a 29 February 1900 that never was


class CellError(ValueError):
    """A cell that cannot be read for certain.  `code` is stable; the text of the cell is not kept."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class HoursCell:
    """Class hours (`total`, and its split where it is written), or attended sessions; all None for an empty cell."""

    total: Decimal | None = None
    theory: Decimal | None = None
    practice: Decimal | None = None
    sessions: Decimal | None = None


@dataclass(frozen=True, slots=True)
class GradeCell:
    """A grade on its own scale.

    `raw` is the cell trimmed; `word` the full word of a worded scale (`良` gives 良好), "" for a
    percentage; `percent` only where the cell itself is one; `passed` is None where the cell does not tell.
    """

    raw: str
    scale: Scale
    percent: Decimal | None
    word: str
    passed: bool | None


@dataclass(frozen=True, slots=True)
class DateCell:
    """A day, month or year (`start` None), or a period with both ends."""

    start: PartialDate | None
    end: PartialDate


def fold(text: str) -> str:
    """Full-width letters, digits and signs to their plain forms, ends trimmed."""
    return normalize("NFKC", text).strip()


def hours_cell(text: str) -> HoursCell:
    """`64(48+16)`, `80`, `12次`, `—`.  Raises CellError: record.bad_hours, record.hours_differ, record.ambiguous_hours."""
    plain = _bounded(text, "record.bad_hours").replace(" ", "")
    if plain in _NOTHING:
        return HoursCell()
    if match := _SESSIONS.fullmatch(plain):
        return HoursCell(sessions=Decimal(match[1]))
    if match := _HOURS_TOTAL.fullmatch(plain):
        return HoursCell(total=Decimal(match[1]))
    if match := _HOURS_SPLIT.fullmatch(plain):
        total, theory, practice = (Decimal(number) for number in match.groups())
        if theory + practice != total:
            raise CellError("record.hours_differ")
        return HoursCell(total, theory, practice)
    if _HOURS_SUM.fullmatch(plain):
        raise CellError("record.ambiguous_hours")
    raise CellError("record.bad_hours")


def hours_addends(text: str) -> int:
    """How many numbers a bare sum has: 2 for `32+32`, 0 for everything else."""
    plain = fold(text).replace(" ", "")
    return plain.count("+") + 1 if len(plain) <= CELL_CHARS_MAX and _HOURS_SUM.fullmatch(plain) else 0


def credits_cell(text: str) -> Decimal | None:
    """`3.5学分`, `3`; None for an empty cell or a dash.  Raises CellError: record.bad_credits."""
    plain = _bounded(text, "record.bad_credits").replace(" ", "")
    if plain in _NOTHING:
        return None
    if match := _CREDITS.fullmatch(plain):
        return Decimal(match[1])
    raise CellError("record.bad_credits")


def grade_cell(text: str, *, pass_percent: Decimal | None = None) -> GradeCell:
    """良好, `78/100`, 合格, 二级甲等, 参加.

    A pass mark is policy, not part of the cell: without `pass_percent` a percentage has `passed` None.
    Raises CellError: record.no_grade (empty), record.grade_without_scale (a bare number), record.unknown_grade.
    """
    plain = _bounded(text, "record.unknown_grade").replace(" ", "")
    raw = text.strip()
    if plain in _NOTHING:
        raise CellError("record.no_grade")
    if match := _PERCENT.fullmatch(plain):
        percent = Decimal(match[1])
        if percent > 100:
            raise CellError("record.unknown_grade")
        return GradeCell(raw, Scale.PERCENT, percent, "", None if pass_percent is None else percent >= pass_percent)
    word = _LEVEL5.get(plain, plain)
    if word in _LEVEL5_PASSED:
        return GradeCell(raw, Scale.LEVEL5, None, word, _LEVEL5_PASSED[word])
    if word in _PASS:
        return GradeCell(raw, Scale.PASS, None, "合格" if _PASS[word] else "不合格", _PASS[word])
    if match := _PUTONGHUA.fullmatch(plain):
        return GradeCell(raw, Scale.PUTONGHUA, None, f"{match[1]}级{match[2]}等", None)
    if word in _ATTENDED:
        return GradeCell(raw, Scale.ATTENDANCE, None, "参加", None)
    if re.fullmatch(_NUMBER + "分?", plain, re.ASCII):
        raise CellError("record.grade_without_scale")
    raise CellError("record.unknown_grade")


def date_cell(text: str) -> DateCell:
    """2023年6月, `2023/6/30`, `2019-9`, `2024.3.1-2024.5.31`, ISO 8601, `20230630`.

    Raises CellError: record.no_date (empty), record.bad_date, record.date_order (a period that ends before it starts).
    """
    plain = _MIDNIGHT.sub("", _bounded(text, "record.bad_date"))
    if plain in _NOTHING:
        raise CellError("record.no_date")
    ends = _period(plain)
    if len(ends) == 1:
        return DateCell(None, _date(ends[0]))
    start, end = (_date(part) for part in ends)
    if start.earliest() > end.latest():
        raise CellError("record.date_order")
    return DateCell(start, end)


def excel_serial(serial: Decimal | float, *, epoch1904: bool) -> PartialDate:
    """The day of a spreadsheet serial number in the 1900 or 1904 system; a time of day is cut off.

    45107 is 2023-06-30 in the first and 2027-07-01 in the second: the workbook's flag decides.
    Raises CellError: record.bad_date for what is no day (negative, 29 February 1900, past the years we know).
    """
    try:
        days = int(Decimal(str(serial)).to_integral_value(rounding="ROUND_FLOOR"))
        if epoch1904:
            day = date(1904, 1, 1) + timedelta(days=days)
        elif days == _PHANTOM_LEAP_DAY:
            raise CellError("record.bad_date")
        else:
            day = date(1899, 12, 31) + timedelta(days=days - (days > _PHANTOM_LEAP_DAY))
        if days < (0 if epoch1904 else 1):
            raise CellError("record.bad_date")
        return PartialDate(day.year, day.month, day.day)
    except (InvalidOperation, OverflowError, ValueError) as error:
        raise CellError("record.bad_date") from error


def _bounded(text: str, code: str) -> str:
    if len(text) > CELL_CHARS_MAX:
        raise CellError(code)
    return fold(text)


def _period(plain: str) -> list[str]:
    """One or two date texts.  A hyphen parts a period only where it is not inside the dates themselves."""
    parts = _RANGE.split(plain)
    if len(parts) == 1 and plain.count("-") == 1:
        left, right = plain.split("-")
        if len(right) > 2:  # `2019-9` is a month, `2024.3.1-2024.5.31` a period
            parts = [left, right]
    if len(parts) > 2:
        raise CellError("record.bad_date")
    return [part.strip() for part in parts]


def _date(plain: str) -> PartialDate:
    for form in _DATE_FORMS:
        if match := form.fullmatch(plain):
            numbers = [int(part) for part in match.groups() if part.isdigit()]
            if len(numbers) > 1 and 0 in numbers[1:]:
                break
            try:
                return PartialDate(*numbers)
            except ValueError as error:
                raise CellError("record.bad_date") from error
    raise CellError("record.bad_date")
