"""Dates of four banks and the one partial date of the standard (GB/T 7408).

Each way of writing is a reader and a writer.  A reader says whether what it was given is the
plain spelling; if not (a time of day, a Chinese date in a cell), the spelling is kept beside the
date.  A writer answers None where its format cannot say so little: a day is never invented for a month.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final, TypeAlias

from gateway.mapping.declaration import Backward, Builder, Declaration, Halves, LocalValues, RegionalValues
from gateway.mapping.loss import Run
from gateway.model.cells import CellError, date_cell
from gateway.model.dates import PartialDate
from gateway.model.local import LocalValue
from gateway.model.regional import RegionalValue

CACHE_MAX: Final = 4096
CHINA: Final = timezone(timedelta(hours=8))
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WRITABLE: Final = frozenset({str, int})  # a bool or a Decimal is no date, and need not even have a hash
_MS_MAX: Final = 7_258_118_400_000  # the first instant of 2200
_MS_MIN: Final = -2_208_988_800_000  # the first instant of 1900
_STAMP: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2})", re.ASCII)
_COMPACT: Final = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})", re.ASCII)

Read: TypeAlias = tuple[PartialDate, bool]
Reader: TypeAlias = Callable[[LocalValue], Read | None]
Writer: TypeAlias = Callable[[PartialDate], LocalValue]


@lru_cache(maxsize=CACHE_MAX, typed=True)
def read_stamp(value: LocalValue) -> Read | None:
    """`2023-07-05 00:00:00`, local time without a zone."""
    match = _STAMP.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match[4]) > 23 or int(match[5]) > 59 or int(match[6]) > 59:
        return None
    found = _partial(int(match[1]), int(match[2]), int(match[3]))
    if found is None or not found.day:
        return None
    return found, match[0].endswith(" 00:00:00")


def write_stamp(value: PartialDate) -> LocalValue:
    return f"{value} 00:00:00" if value.day else None


@lru_cache(maxsize=CACHE_MAX, typed=True)
def read_compact(value: LocalValue) -> Read | None:
    """`20230630`; `20231100` is a month and `20230000` a year."""
    match = _COMPACT.fullmatch(value) if isinstance(value, str) else None
    found = _partial(int(match[1]), int(match[2]), int(match[3])) if match else None
    return None if found is None else (found, True)


def write_compact(value: PartialDate) -> LocalValue:
    return f"{value.year:04d}{value.month:02d}{value.day:02d}"


@lru_cache(maxsize=CACHE_MAX, typed=True)
def read_epoch_ms(value: LocalValue) -> Read | None:
    """Milliseconds since 1970 in UTC; the day is the one in China (+08:00)."""
    if not isinstance(value, int) or isinstance(value, bool) or not _MS_MIN <= value < _MS_MAX:
        return None
    moment = (_EPOCH + timedelta(milliseconds=value)).astimezone(CHINA)
    found = _partial(moment.year, moment.month, moment.day)
    return None if found is None else (found, write_epoch_ms(found) == value)


def write_epoch_ms(value: PartialDate) -> LocalValue:
    if not value.day:
        return None
    midnight = datetime(value.year, value.month, value.day, tzinfo=CHINA)
    return (midnight - _EPOCH) // timedelta(milliseconds=1)


def _partial(year: int, month: int, day: int) -> PartialDate | None:
    try:
        return PartialDate(year, month, day)
    except ValueError:
        return None


_WAYS: Final[Mapping[str, tuple[Reader, Writer]]] = {
    "stamp": (read_stamp, write_stamp),
    "compact": (read_compact, write_compact),
    "epoch_ms": (read_epoch_ms, write_epoch_ms),
}


def _date(rule: Declaration) -> Halves | None:
    """One date, in the way of writing that `written` names.  `or_from` as for texts."""
    if not rule.shape(1, 1):
        return None
    (path,), (field,) = rule.local, rule.fields
    way = rule.text("written", "stamp", among=tuple(_WAYS))
    read, write = _WAYS[way]
    spare = rule.text("or_from", "")

    def forward(values: LocalValues, out: dict[str, RegionalValue], run: Run) -> None:
        value = values.get(path)
        if value is None or value == "":
            return
        found = read(value) if type(value) in _WRITABLE else None
        if found is None:
            run.refuse(path, "mapping.impossible_value")
            return
        out[field] = found[0]
        if not found[1]:
            run.spell(path, value)

    def backward(fields: RegionalValues, out: dict[str, LocalValue], run: Run) -> None:
        source = field if field in fields or run.own else spare
        value = fields.get(source)
        if not isinstance(value, PartialDate):
            return
        written = write(value)
        if written is None:
            run.lost[source] = "precision"
            return
        out[path] = written
        run.carried.append(source)
        if source != field:
            run.approximate(source, "assumption", value)

    return Halves(forward, backward, number=way == "epoch_ms")


def _expiry(rule: Declaration) -> Halves | None:
    """Validity.  `empty` says what an empty text means: `unlimited`, or `unknown` (then it is only kept)."""
    if not rule.shape(1, 2):
        return None
    (path,), (until, unlimited) = rule.local, rule.fields
    read, write = _WAYS[rule.text("written", "compact", among=tuple(_WAYS))]
    empty_says = rule.text("empty", "unlimited", among=("unlimited", "unknown")) == "unlimited"

    def forward(values: LocalValues, out: dict[str, RegionalValue], run: Run) -> None:
        value = values.get(path)
        if value is None:
            return
        if value == "" and not empty_says:
            run.kept[path] = "ambiguous"
        elif value == "":
            out[unlimited] = True
            run.default(unlimited, "assumption", True)
            run.issues.append("no_expiry_assumed")
        elif type(value) in _WRITABLE and (found := read(value)) is not None:
            out[until] = found[0]
        else:
            run.refuse(path, "mapping.impossible_value")

    return Halves(forward, _expiry_backward(path, (until, unlimited), write, empty_says=empty_says), blank=True)


def _expiry_backward(path: str, both: tuple[str, str], write: Writer, *, empty_says: bool) -> Backward:
    until, unlimited = both

    def backward(fields: RegionalValues, out: dict[str, LocalValue], run: Run) -> None:
        value = fields.get(until)
        if isinstance(value, PartialDate):
            out[path] = write(value)
            run.carried.append(until)
        if unlimited in fields:
            if fields[unlimited] is True and empty_says and value is None:
                out[path] = ""
                run.carried.append(unlimited)
            else:
                run.lost[unlimited] = "no_counterpart"

    return backward


@lru_cache(maxsize=CACHE_MAX)
def _cell(text: str) -> tuple[PartialDate | None, PartialDate] | str:
    try:
        found = date_cell(text)
    except CellError as error:
        return error.code
    return found.start, found.end


def _plain_cell(start: PartialDate | None, end: PartialDate) -> str:
    """The spelling we write: it reads back as itself."""
    if start is None:
        return _one(end)
    if start.day and end.day:
        return f"{start.year}.{start.month}.{start.day}-{end.year}.{end.month}.{end.day}"
    return f"{_one(start)}至{_one(end)}"


def _one(day: PartialDate) -> str:
    if day.day:
        return f"{day.year}/{day.month}/{day.day}"
    return f"{day.year}年{day.month}月" if day.month else f"{day.year}年"


def _date_cell(rule: Declaration) -> Halves | None:
    """A date or period as people write it in a sheet.  The end of a period is the date of award."""
    if not rule.shape(1, 2):
        return None
    (path,), (awarded, started) = rule.local, rule.fields

    def forward(values: LocalValues, out: dict[str, RegionalValue], run: Run) -> None:
        value = values.get(path)
        if value is None or value == "":
            return
        found = _cell(value) if type(value) is str else "record.bad_date"
        if found == "record.no_date":
            run.kept[path] = "empty"
        elif isinstance(found, str):
            run.refuse(path, "mapping.impossible_value")
        else:
            start, out[awarded] = found
            if start is not None:
                out[started] = start
            if _plain_cell(*found) != value:
                run.spell(path, value)

    return Halves(forward, _date_cell_backward(path, awarded, started, rule.text("or_from", "")))


def _date_cell_backward(path: str, awarded: str, started: str, spare: str) -> Backward:
    def backward(fields: RegionalValues, out: dict[str, LocalValue], run: Run) -> None:
        source = awarded if awarded in fields or run.own else spare
        end, start = fields.get(source), fields.get(started)
        if not isinstance(end, PartialDate):
            return
        run.carried.append(source)
        if source != awarded:
            run.approximate(source, "assumption", end)
        if isinstance(start, PartialDate) and start.earliest() <= end.latest():
            run.carried.append(started)
            out[path] = _plain_cell(start, end)
        else:
            out[path] = _plain_cell(None, end)

    return backward


DATE_TRANSFORMS: Final[Mapping[str, Builder]] = {"date": _date, "expiry": _expiry, "date_cell": _date_cell}
