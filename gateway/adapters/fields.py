"""What one value of a JSON record may be: small checks, and a rule that ties one to a field.

A check takes a plain value and answers None or a `Fault`; it never coerces, so the string "86" is
not the number 86 and `true` is not 1.  A row collects every fault before it is quarantined.
Fault texts name the field, never the value.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Final, TypeAlias

from gateway.errors import Problem
from gateway.formats.json_safe import JsonValue, write_json
from gateway.model.dates import YEAR_MAX, YEAR_MIN
from gateway.model.local import LocalValue

EXTRA_CHARS_MAX: Final = 4_000
ID_CHARS_MAX: Final = 128
MOMENTS_MAX: Final = 4096
ABSENT: Final = object()


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of damage, before anybody knows where it is."""

    code: str
    zh: str
    en: str

    def at(self, path: str) -> Problem:
        return Problem(path, self.code, self.zh, self.en)


Check: TypeAlias = Callable[[object], Fault | None]

MISSING = Fault("record.missing", "缺少必填项", "a required value is missing")
WRONG_TYPE = Fault("record.wrong_type", "值的类型不对", "the value has the wrong type")
UNKNOWN_CODE = Fault("record.unknown_code", "代码不在取值范围内", "the code is not in its table")
OUT_OF_RANGE = Fault("record.out_of_range", "数值超出允许范围", "the number is out of range")
WRONG_FORM = Fault("record.wrong_form", "值的写法不对", "the value is not written in the promised form")
DATE_FORM = Fault("record.date_form", "日期应写作 YYYY-MM-DD HH:mm:ss", "a date is written YYYY-MM-DD HH:mm:ss")
IMPOSSIBLE_DATE = Fault("record.impossible_date", "日期不存在或超出范围", "the date does not exist or is out of range")
TOO_LONG = Fault("record.text_too_long", "文本过长", "the text is too long")
CONTROL = Fault("record.control_character", "文本含控制字符或非字符", "the text holds a control character or a noncharacter")
OTHER_ID = Fault("record.other_id", "值与记录号不一致", "the value disagrees with the record's id")
FIELD_NAME = Fault("record.field_name", "字段名无法使用", "the field's name cannot be used")

# Not legal in XML 1.0 text, or invisible trouble in a one-line value (C0, C1, noncharacters, bidi and line controls).
# `str.isprintable` is false for each of them, and thrice as quick to ask; what it says no to (a wide space, a rare name) is searched.
_UNWANTED = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_PRIVATE_USE = re.compile("[\ue000-\uf8ff\U000f0000-\U0010ffff]")
_PRIVATE_USE_LEADS = (b"\xee", b"\xef", b"\xf3", b"\xf4")
_SECONDS_OF_THIS_CENTURY: Final = 4_102_444_800
_MOMENT = re.compile(r"(\d{4})-(\d{2})-(\d{2}) (\d{2}):(\d{2}):(\d{2})", re.ASCII)
_DECIMAL = re.compile(r"-?(?:0|[1-9]\d{0,11})(?:\.\d{1,6})?", re.ASCII)
_ID = re.compile(r"[^\s]+")
_KEY = re.compile(r"[^\s.\x00-\x1f\x7f]{1,64}")


@dataclass(frozen=True, slots=True)
class FieldRule:
    """`path` in the province's words.  A field that is not required may be absent or null."""

    path: str
    check: Check
    required: bool = False


def text(chars_max: int = 200) -> Check:
    """A text of 1 to `chars_max` characters without control characters."""

    def check(value: object) -> Fault | None:
        if type(value) is not str:
            return WRONG_TYPE
        if not value.strip():
            return MISSING
        if len(value) > chars_max:
            return TOO_LONG
        return CONTROL if not value.isprintable() and _UNWANTED.search(value) else None

    return check


def record_id(value: object) -> Fault | None:
    """A stable id: no spaces, bounded."""
    if type(value) is not str:
        return WRONG_TYPE
    if not value:
        return MISSING
    if len(value) > ID_CHARS_MAX:
        return TOO_LONG
    if value.isprintable() and " " not in value:
        return None
    if _UNWANTED.search(value):
        return CONTROL
    return None if _ID.fullmatch(value) else WRONG_FORM


def matching(pattern: str, chars_max: int = 64) -> Check:
    """A text of one written form."""
    form = re.compile(pattern, re.ASCII)

    def check(value: object) -> Fault | None:
        if type(value) is not str:
            return WRONG_TYPE
        return None if len(value) <= chars_max and form.fullmatch(value) else WRONG_FORM

    return check


def whole(low: int, high: int) -> Check:
    """A JSON integer; not a boolean, not 4.0, not "4"."""

    def check(value: object) -> Fault | None:
        if type(value) is not int:
            return WRONG_TYPE
        return None if low <= value <= high else OUT_OF_RANGE

    return check


def number_code(*codes: int) -> Check:
    """One of a few integers."""

    def check(value: object) -> Fault | None:
        if type(value) is not int:
            return WRONG_TYPE
        return None if value in codes else UNKNOWN_CODE

    return check


def text_code(codes: frozenset[str]) -> Check:
    """One of a few texts."""

    def check(value: object) -> Fault | None:
        if type(value) is not str:
            return WRONG_TYPE
        return None if value in codes else UNKNOWN_CODE

    return check


def decimal_text(low: str, high: str) -> Check:
    """A decimal written as a text, as hashed JSON demands: `"87.5"`."""
    least, most = Decimal(low), Decimal(high)

    def check(value: object) -> Fault | None:
        if type(value) is not str:
            return WRONG_TYPE
        if not _DECIMAL.fullmatch(value):
            return WRONG_FORM
        return None if least <= Decimal(value) <= most else OUT_OF_RANGE

    return check


def moment(value: object) -> Fault | None:
    """`YYYY-MM-DD HH:mm:ss`, local time, a date that exists, year 1900 to 2200."""
    return _moment_fault(value) if type(value) is str else WRONG_TYPE


@lru_cache(maxsize=MOMENTS_MAX)
def _moment_fault(value: str) -> Fault | None:
    """Memoised: the moments of results are mostly midnights, which repeat."""
    found = _MOMENT.fullmatch(value)
    if found is None:
        return DATE_FORM
    year, month, day, hour, minute, second = map(int, found.groups())
    if not YEAR_MIN <= year <= YEAR_MAX:
        return IMPOSSIBLE_DATE
    try:
        datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 (the format has no zone)
    except ValueError:
        return IMPOSSIBLE_DATE
    return None


def millis(low: int, high: int) -> Check:
    """Milliseconds since 1970-01-01 UTC, as an integer.

    A value that would be a day of this century in *seconds* is refused: as milliseconds it falls into the
    first weeks of 1970, where nobody's certificate is from, and believing it would move a date by decades.
    """

    def check(value: object) -> Fault | None:
        if type(value) is not int:
            return WRONG_TYPE
        return None if low <= value <= high and not 0 < value < _SECONDS_OF_THIS_CENTURY else IMPOSSIBLE_DATE

    return check


def faults_of(rules: tuple[FieldRule, ...], values: Mapping[str, object], place: str) -> list[Problem]:
    """Every fault of the known fields, at `place/field`."""
    found = []
    for rule in rules:
        value = values.get(rule.path, ABSENT)
        if value is None or value is ABSENT:
            if rule.required:
                found.append(MISSING.at(f"{place}/{rule.path}"))
            continue
        fault = rule.check(value)
        if fault is not None:
            found.append(fault.at(f"{place}/{rule.path}"))
    return found


def may_hold_private_use(raw: bytes) -> bool:
    """A quick look at UTF-8 bytes and JSON escapes, so that ordinary messages need no look at each value."""
    return (b"\\" in raw and b"\\u" in raw) or any(lead in raw for lead in _PRIVATE_USE_LEADS)


def extra_value(value: JsonValue) -> LocalValue:
    """A value the format does not know: scalars as they are, anything else as its compact JSON text."""
    if isinstance(value, (dict, list)):
        return write_json(value).decode("utf-8")
    return value


def extra_fault(name: str, value: object) -> Fault | None:
    """Unknown values are kept, so they must be keepable: a usable name and a text that XML can hold."""
    if not _KEY.fullmatch(name) or _UNWANTED.search(name):
        return FIELD_NAME
    if isinstance(value, str):
        if len(value) > EXTRA_CHARS_MAX:
            return TOO_LONG
        return CONTROL if not value.isprintable() and _UNWANTED.search(value) else None
    return None


def has_private_use(values: Mapping[str, LocalValue]) -> bool:
    """True where a text holds a private-use character: a rare name lost on its way through an older table."""
    return any(_PRIVATE_USE.search(value) for value in values.values() if isinstance(value, str) and not value.isprintable())


def as_decimal(value: LocalValue) -> Decimal | None:
    """The number a text, integer or Decimal stands for; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    try:
        return Decimal(value)
    except InvalidOperation:
        return None
