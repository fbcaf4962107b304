"""Sizes: credits, points, class units, minutes and sessions, each with its unit in the type.

A bank writes a size as an integer, a decimal text or a cell of a sheet.  A fraction is never rounded to
fit a bank's integers, and minutes become class units (or back) only on the way to another bank, as a
noted default.  Parsing of short, repeating texts is memoised in bounded caches.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Final, TypeAlias

from gateway.mapping.declaration import FIELDS, Backward, Builder, Declaration, Halves, LocalValues, RegionalValues, plain_back
from gateway.mapping.loss import Run
from gateway.model.cells import CellError, HoursCell, credits_cell, hours_cell
from gateway.model.local import LocalValue
from gateway.model.regional import RegionalValue
from gateway.model.units import Credits, Minutes, Points, Quantity, Sessions, Units

CACHE_MAX: Final = 4096
_AMOUNT: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,6})?", re.ASCII)
_PLAIN_AMOUNT: Final = re.compile(r"(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{1,6})?", re.ASCII)
_HUNDREDTH: Final = Decimal("0.01")
_INTEGER_MAX: Final = 999_999_999
Size: TypeAlias = Credits | Points | Units | Minutes | Sessions

_UNITS_OF: Final[Mapping[str, type[Size]]] = {
    "credits": Credits,
    "points": Points,
    "units": Units,
    "minutes": Minutes,
    "sessions": Sessions,
}


def _quantity(rule: Declaration) -> Halves | None:
    """A size in the unit of its field.  `number`: the bank writes integers, so a fraction cannot be carried back, and is never rounded.

    `or_from` names the other measure of time (size.units or size.minutes) to compute from on the way back, `unit_minutes` a unit.
    """
    if not rule.shape(1, 1):
        return None
    (path,), (field,) = rule.local, rule.fields
    unit = _UNITS_OF.get(FIELDS[field].type)
    if unit is None:
        rule.fault("mapping.wrong_arity", "quantity 规则的字段须为数量", "a quantity rule names a field that is a size")
        return None
    number = rule.flag("number", False)
    spare = rule.text("or_from", "", among=("", "size.units", "size.minutes"))
    per_unit = rule.number("unit_minutes", "45")
    read = _amount_reader(unit, number=number)

    def forward(values: LocalValues, out: dict[str, RegionalValue], run: Run) -> None:
        value = values.get(path)
        if value is None or value == "":
            return
        found = read(value) if type(value) is (int if number else str) else None
        if found is None:
            run.refuse(path, "mapping.impossible_value")
            return
        out[field] = found[0]
        if not found[1]:
            run.spell(path, value)

    return Halves(forward, _quantity_backward(path, field, (spare, per_unit), number=number), number=number)


def _quantity_backward(path: str, field: str, other: tuple[str, Decimal], *, number: bool) -> Backward:
    spare, per_unit = other

    def backward(fields: RegionalValues, out: dict[str, LocalValue], run: Run) -> None:
        size = fields.get(field)
        source, amount = field, size.value if isinstance(size, Quantity) else None
        if amount is None and spare and not run.own and isinstance(found := fields.get(spare), Quantity):
            run.default(spare, "unit", found)
            source, amount = spare, converted(found.value, per_unit, to_units=spare == "size.minutes")
        if amount is None:
            return
        if amount.is_nan() or (number and amount != int(amount)):
            run.lost[source] = "precision"
            return
        out[path] = int(amount) if number else format(amount, "f")
        run.carried.append(source)

    return backward


def converted(value: Decimal, per_unit: Decimal, *, to_units: bool) -> Decimal:
    """Minutes as class units or back; NaN where it does not come out in hundredths, because a size is never rounded here."""
    exact = value / per_unit if to_units else value * per_unit
    found = exact.quantize(_HUNDREDTH)
    if (found * per_unit != value) if to_units else found != exact:
        return Decimal("NaN")
    return Decimal(int(found)) if found == int(found) else found.normalize()


def _amount_reader(unit: type[Size], *, number: bool) -> Callable[[LocalValue], tuple[Size, bool] | None]:
    """Reads a size and says whether it is written the plain way; None for what is no size."""

    @lru_cache(maxsize=CACHE_MAX, typed=True)
    def read(value: LocalValue) -> tuple[Size, bool] | None:
        if number:
            return (unit(Decimal(value)), True) if isinstance(value, int) and 0 <= value <= _INTEGER_MAX else None
        text = str(value)
        if not _AMOUNT.fullmatch(text):
            return None
        return unit(Decimal(text)), _PLAIN_AMOUNT.fullmatch(text) is not None

    return read


def _credits_cell(rule: Declaration) -> Halves | None:
    """Credits as people write them in a sheet: `3.5学分`, `3`, `—`."""
    if not rule.shape(1, 1):
        return None
    (path,), (field,) = rule.local, rule.fields

    def forward(values: LocalValues, out: dict[str, RegionalValue], run: Run) -> None:
        value = values.get(path)
        if value is None or value == "":
            return
        found = _credits(value) if type(value) is str else "record.bad_credits"
        if isinstance(found, str):
            run.refuse(path, "mapping.impossible_value")
        elif found is None:
            run.kept[path] = "empty"
        else:
            out[field] = found
            if str(found) != value:
                run.spell(path, value)

    return Halves(forward, plain_back(path, field))


@lru_cache(maxsize=CACHE_MAX)
def _credits(text: str) -> Credits | str | None:
    try:
        found = credits_cell(text)
    except CellError as error:
        return error.code
    return None if found is None else Credits(found)


@lru_cache(maxsize=CACHE_MAX)
def _hours(text: str) -> HoursCell | str:
    try:
        return hours_cell(text)
    except CellError as error:
        return error.code


def _hours_cell(rule: Declaration) -> Halves | None:
    """Hours as people write them in a sheet: `64(48+16)`, `80`, `12次`.  Sessions are never hours.  `or_from` as for sizes."""
    if not rule.shape(1, 4):
        return None
    (path,), (units, theory, practice, sessions) = rule.local, rule.fields
    spare = rule.text("or_from", "", among=("", "size.minutes"))
    per_unit = rule.number("unit_minutes", "45")

    def forward(values: LocalValues, out: dict[str, RegionalValue], run: Run) -> None:
        value = values.get(path)
        if value is None or value == "":
            return
        cell = _hours(value) if type(value) is str else "record.bad_hours"
        if isinstance(cell, str):
            run.refuse(path, "mapping.impossible_value")
            return
        if cell.sessions is not None:
            out[sessions] = Sessions(cell.sessions)
        for field, amount in ((units, cell.total), (theory, cell.theory), (practice, cell.practice)):
            if amount is not None:
                out[field] = Units(amount)
        written = _hours_text(cell)
        if not written:
            run.kept[path] = "empty"
        elif written != value:
            run.spell(path, value)

    return Halves(forward, _hours_backward(path, rule.fields, spare, per_unit))


def _hours_backward(path: str, names: tuple[str, ...], spare: str, per_unit: Decimal) -> Backward:
    units, theory, practice, sessions = names

    def backward(fields: RegionalValues, out: dict[str, LocalValue], run: Run) -> None:
        amounts = {field: size.value for field in names if isinstance(size := fields.get(field), Quantity)}
        minutes = fields.get(spare) if spare and not run.own else None
        if isinstance(minutes, Quantity) and units not in amounts and sessions not in amounts:
            run.default(spare, "unit", minutes)
            found = converted(minutes.value, per_unit, to_units=True)
            if found.is_nan():
                run.lost[spare] = "precision"
            else:
                amounts[units] = found
                run.carried.append(spare)
        cell = HoursCell(amounts.get(units), amounts.get(theory), amounts.get(practice), amounts.get(sessions))
        if written := _hours_text(cell):
            out[path] = written
            run.carried.extend(field for field in _said(cell, names) if field in fields)

    return backward


def _said(cell: HoursCell, names: tuple[str, ...]) -> tuple[str, ...]:
    """The fields that the written cell tells."""
    if cell.total is None:
        return names[3:]
    return names[:1] if cell.theory is None or cell.practice is None else names[:3]


def _hours_text(cell: HoursCell) -> str:
    """The spelling we write; "" where there is nothing to write."""
    if cell.total is None:
        return "" if cell.sessions is None else f"{cell.sessions:f}次"
    split = "" if cell.theory is None or cell.practice is None else f"({cell.theory:f}+{cell.practice:f})"
    return f"{cell.total:f}{split}"


SIZE_TRANSFORMS: Final[Mapping[str, Builder]] = {
    "quantity": _quantity,
    "credits_cell": _credits_cell,
    "hours_cell": _hours_cell,
}
