"""One value of a catalogue in its two written forms: the text of a cell, and JSON.

Each form reads text strictly (`read` raises `CellReadError` with a stable code) and writes it so that
reading gives the same value back.  JSON is led through the same text, so there is one validation.
Lists stand in one cell, parted by `;` (`；` is read too); pairs as `DEMO-C-101=4`.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeVar

from gateway.formats.json_safe import JsonInput, JsonValue
from gateway.model.regional import Band, Kind
from gateway.recognition.catalogue import Cap, CourseShare, EntryStatus, Seat

ID_CHARS_MAX: Final = 64
TITLE_CHARS_MAX: Final = 200
LONG_CHARS_MAX: Final = 2_000
CELL_CHARS_MAX: Final = 8_000
ITEMS_MAX: Final = 60
CREDITS_MAX: Final = Decimal(400)
COUNT_MAX: Final = 999
YEAR_MIN, YEAR_MAX = 2000, 2100

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_DECIMAL: Final = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,2}0*)?", re.ASCII)
_COUNT: Final = re.compile(r"[0-9]{1,3}", re.ASCII)
_DATE: Final = re.compile(r"([0-9]{4})(?:-([0-9]{1,2})-|/([0-9]{1,2})/|年([0-9]{1,2})月)([0-9]{1,2})日?", re.ASCII)
_PARTED: Final = re.compile("[;；]")
_TRUE: Final = frozenset({"true", "是", "1"})
_FALSE: Final = frozenset({"false", "否", "0"})


class CellReadError(ValueError):
    """A value that cannot be read.  `code` is stable; what the cell holds is not kept."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Written(StrEnum):
    """How a spreadsheet should hold it."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class Form:
    """`read` text → value, `write` value → text, `to_json`, and `from_json` JSON → text."""

    read: Callable[[str], Any]
    write: Callable[[Any], str]
    to_json: Callable[[Any], JsonInput]
    from_json: Callable[[JsonValue], str]
    written: Written = Written.TEXT


class Pair(NamedTuple):
    """The names of a pair's halves in JSON."""

    name: str
    size: str


P = TypeVar("P", CourseShare, Seat, Cap)
E = TypeVar("E", EntryStatus, Kind, Band)


def plain_decimal(value: Decimal) -> str:
    """The shortest plain digits: 3, 3.5, 0.25."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _clean(text: str, *, most: int, lines: bool = False) -> str:
    text = text.replace("\r\n", "\n").strip() if lines else text.strip()
    if len(text) > most:
        raise CellReadError("catalogue.text_too_long")
    for char in text:
        if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} and not (lines and char == "\n"):
            raise CellReadError("catalogue.bad_text")
    return text


def _title(text: str) -> str:
    return _clean(text, most=TITLE_CHARS_MAX)


def _long(text: str) -> str:
    return _clean(text, most=LONG_CHARS_MAX, lines=True)


def _id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise CellReadError("catalogue.bad_id")
    return text


def _decimal(text: str) -> Decimal:
    if not _DECIMAL.fullmatch(text):
        raise CellReadError("catalogue.bad_number")
    found = Decimal(plain_decimal(Decimal(text)))
    if found > CREDITS_MAX:
        raise CellReadError("catalogue.bad_number")
    return found


def _count(text: str) -> int:
    if not _COUNT.fullmatch(text):
        raise CellReadError("catalogue.bad_number")
    return int(text)


def _version(text: str) -> int:
    found = _count(text)
    if not found:
        raise CellReadError("catalogue.bad_number")
    return found


def _level(text: str) -> int:
    found = _count(text)
    if not 1 <= found <= 10:
        raise CellReadError("catalogue.bad_number")
    return found


def _percent(text: str) -> Decimal:
    found = _decimal(text)
    if found > 100:
        raise CellReadError("catalogue.bad_number")
    return found


def _date(text: str) -> date:
    """ISO 8601, or the two forms that a spreadsheet in China makes of it."""
    match = _DATE.fullmatch(text)
    if match is None:
        raise CellReadError("catalogue.bad_date")
    try:
        found = date(int(match[1]), int(match[2] or match[3] or match[4]), int(match[5]))
    except ValueError:
        raise CellReadError("catalogue.bad_date") from None
    if not YEAR_MIN <= found.year <= YEAR_MAX:
        raise CellReadError("catalogue.bad_date")
    return found


def _flag(text: str) -> bool:
    word = text.casefold()
    if word not in _TRUE | _FALSE:
        raise CellReadError("catalogue.bad_flag")
    return word in _TRUE


def _items(text: str) -> list[str]:
    if not text:
        return []
    if len(text) > CELL_CHARS_MAX:
        raise CellReadError("catalogue.text_too_long")
    found = [item.strip() for item in _PARTED.split(text)]
    if len(found) > ITEMS_MAX or not all(found) or len(set(found)) != len(found):
        raise CellReadError("catalogue.bad_list")
    return found


def _texts(text: str) -> tuple[str, ...]:
    return tuple(_title(item) for item in _items(text))


def _ids(text: str) -> tuple[str, ...]:
    return tuple(_id(item) for item in _items(text))


def _pairs(text: str, name: Callable[[str], str], size: Callable[[str], Any], make: Callable[..., P]) -> tuple[P, ...]:
    found: dict[str, P] = {}
    for item in _items(text):
        left, sign, right = item.rpartition("=")
        left = left.strip()
        if not sign or not left or left in found:
            raise CellReadError("catalogue.bad_list")
        found[left] = make(name(left), size(right.strip()))
    return tuple(found.values())


def _text_of(value: JsonValue) -> str:
    """JSON's plain values as a cell would hold them."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int():
            return str(value)
        case Decimal():
            return format(value, "f")
        case _:
            raise CellReadError("catalogue.bad_cell")


def _list_of(value: JsonValue) -> str:
    if value is None:
        return ""
    if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() and not _PARTED.search(item) for item in value):
        raise CellReadError("catalogue.bad_list")
    return ";".join(map(str, value))


def _pairs_of(value: JsonValue, pair: Pair) -> str:
    if value is None:
        return ""
    if not isinstance(value, list):
        raise CellReadError("catalogue.bad_list")
    shown = []
    for item in value:
        if not isinstance(item, dict) or set(item) != set(pair):
            raise CellReadError("catalogue.bad_list")
        left, right = (_text_of(item[name]) for name in pair)
        if not left.strip() or _PARTED.search(left + right):
            raise CellReadError("catalogue.bad_list")
        shown.append(f"{left}={right}")
    return ";".join(shown)


def _whole(value: Decimal) -> JsonInput:
    return int(value) if value == value.to_integral_value() else value


def _plain(read: Callable[[str], Any], write: Callable[[Any], str] = str, written: Written = Written.TEXT) -> Form:
    return Form(read, write, lambda value: value, _text_of, written)


def _optional(form: Form) -> Form:
    """Empty is None."""
    return Form(
        lambda text: form.read(text) if text else None,
        lambda value: "" if value is None else form.write(value),
        lambda value: None if value is None else form.to_json(value),
        form.from_json,
        form.written,
    )


def _listed(read: Callable[[str], Any]) -> Form:
    return Form(read, ";".join, list, _list_of)


def _paired(pair: Pair, name: Callable[[str], str], size: Callable[[str], Any], make: Callable[..., P]) -> Form:
    def shown(each: Any) -> JsonInput:
        return {pair.name: each[0], pair.size: _whole(Decimal(each[1]))}

    return Form(
        lambda text: _pairs(text, name, size, make),
        lambda value: ";".join(f"{each[0]}={plain_decimal(Decimal(each[1]))}" for each in value),
        lambda value: [shown(each) for each in value],
        lambda value: _pairs_of(value, pair),
    )


def _word(kind: type[E], barred: frozenset[E] = frozenset()) -> Form:
    members: Mapping[str, E] = {each.value: each for each in kind if each not in barred}

    def read(text: str) -> E:
        found = members.get(text)
        if found is None:
            raise CellReadError("catalogue.unknown_word")
        return found

    return Form(read, lambda value: str(value.value), lambda value: str(value.value), _text_of)


_SIZE: Final = Form(_decimal, plain_decimal, _whole, _text_of, Written.NUMBER)
_NUMBER: Final = _plain(_count, str, Written.NUMBER)

ID: Final = _plain(_id)
ID_OR_NONE: Final = _plain(lambda text: _id(text) if text else "")
TITLE: Final = _plain(_title)
LONG: Final = _plain(_long)
CREDITS: Final = _SIZE
OPTIONAL_SIZE: Final = _optional(_SIZE)
OPTIONAL_PERCENT: Final = _optional(Form(_percent, plain_decimal, _whole, _text_of, Written.NUMBER))
COUNT: Final = _NUMBER
OPTIONAL_COUNT: Final = _optional(_NUMBER)
VERSION: Final = _plain(_version, str, Written.NUMBER)
OPTIONAL_LEVEL: Final = _optional(_plain(_level, str, Written.NUMBER))
DATE: Final = Form(_date, date.isoformat, date.isoformat, _text_of, Written.DATE)
FLAG: Final = _plain(_flag, lambda value: "true" if value else "false")
TEXTS: Final = _listed(_texts)
IDS: Final = _listed(_ids)
SHARES: Final = _paired(Pair("course", "credits"), _id, _decimal, CourseShare)
SEATS: Final = _paired(Pair("role", "members"), _id, _count, Seat)
CAPS: Final = _paired(Pair("category", "credits"), _title, _decimal, Cap)
STATUS: Final = _word(EntryStatus)
KIND: Final = _word(Kind)
OPTIONAL_BAND: Final = _optional(_word(Band, frozenset({Band.F})))
