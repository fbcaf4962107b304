"""The closed catalogue of transforms, and the plain ones: texts, codes, sizes, part-level values.

Each builder turns one declaration into a forward half (local values to regional fields) and a
backward half, as closures over what was looked up at load.  A half reads and writes by path,
never raises, and notes in the `Run` what it could not do.  The closures on the hot path memoise
parsing of short, repeating texts (sizes, dates) in bounded caches; never names or numbers of persons.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Final

from gateway.formats.cells import CellError, HoursCell, credits_cell, hours_cell
from gateway.mapping.declaration import FIELDS, Backward, Builder, Declaration, Halves, LocalValues, RegionalValues
from gateway.mapping.loss import Run
from gateway.mapping.transforms_dates import DATE_TRANSFORMS
from gateway.mapping.transforms_grades import GRADE_TRANSFORMS
from gateway.mapping.transforms_levels import LEVEL_TRANSFORMS
from gateway.model.local import LocalValue
from gateway.model.regional import RegionalValue
from gateway.model.units import Credits, Minutes, Points, Quantity, Sessions, Units

CACHE_MAX: Final = 4096
_AMOUNT: Final = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,4})?", re.ASCII)
_PLAIN_AMOUNT: Final = re.compile(r"(?:0|[1-9][0-9]{0,5})(?:\.[0-9]{1,4})?", re.ASCII)
_INTEGER_MAX: Final = 999_999
_UNITS_OF: Final[Mapping[str, type[Quantity]]] = {
    "credits": Credits,
    "points": Points,
    "units": Units,
    "minutes": Minutes,
    "sessions": Sessions,
}


def _text(rule: Declaration) -> Halves | None:
    """The words as they stand.  Backward fallback `or_from`: another field whose words stand in, noted as approximate."""
    if not rule.shape(1, 1):
        return None
    (path,), (field,) = rule.local, rule.fields
    spare = rule.text("or_from", "")

    def forward(values: LocalValues, out: dict[str, RegionalValue], run: Run) -> None:
        value = values.get(path)
        if not value:
            return
        if type(value) is not str:
            run.refuse(path, "mapping.impossible_value")
            return
        out[field] = value

    def backward(fields: RegionalValues, out: dict[str, LocalValue], run: Run) -> None:
        value = fields.get(field)
        if value is not None:
            out[path] = str(value)
            run.carried.append(field)
        elif spare and not run.own and spare in fields:
            out[path] = str(fields[spare])
            run.carried.append(spare)
            run.approximate(spare, "assumption", fields[spare])

    return Halves(forward, backward)


def _title(rule: Declaration) -> Halves | None:
    """One title from whichever of the listed paths holds it; written back under the first path (or `for_kind`'s)."""
    if len(rule.fields) != 1 or not rule.local:
        rule.shape(1, 1)
        return None
    paths, (field,) = rule.local, rule.fields
    usual = paths[0]
    elsewhere = {kind: str(path) for kind, path in rule.table("for_kind").items()}
    if not set(elsewhere.values()) <= set(paths):
        rule.fault("mapping.bad_setting", "for_kind 只能指向本规则的本地路径", "for_kind may only name this rule's own paths")

    def forward(values: LocalValues, out: dict[str, RegionalValue], run: Run) -> None:
        first = elsewhere.get(str(out.get("kind", "")), usual)
        for path in (first, *(path for path in paths if path != first)):
            value = values.get(path)
            if not value:
                continue
            if type(value) is not str:
                run.refuse(path, "mapping.impossible_value")
            elif field not in out:
                out[field] = value
                if path != first:
                    run.spell(path, value)
            else:
                run.kept[path] = "no_field"

    def backward(fields: RegionalValues, out: dict[str, LocalValue], run: Run) -> None:
        value = fields.get(field)
        if value is None:
            return
        run.carried.append(field)
        if run.own and not run.restored.isdisjoint(paths):
            return
        out[elsewhere.get(str(fields.get("kind", "")), usual)] = str(value)

    return Halves(forward, backward)


def _code(rule: Declaration) -> Halves | None:
    """A code of the bank for a code (or true/false) of the standard, by the rule's own `map`; unknown codes are refused.

    `back` adds pairs for the way back only, each an approximation.  `number` says that the bank writes integers.  `unknown =
    "keep"` keeps a code that is not in the map instead; `own_form` writes the record's own class back where it has one.
    """
    if not rule.shape(1, 1):
        return None
    (path,), (field,) = rule.local, rule.fields
    described = FIELDS[field]
    number = rule.flag("number", False)
    pairs = rule.table("map")
    spare = rule.table("back")
    keep_unknown = rule.text("unknown", "refuse", among=("refuse", "keep")) == "keep"
    own_form = rule.flag("own_form", False)
    for target in {str(value) for value in pairs.values()} | set(spare):
        if described.codes:
            rule.knows(described.codes, target)
    if described.type == "bool" and not all(isinstance(value, bool) for value in pairs.values()):
        rule.fault("mapping.bad_setting", "布尔字段只能对应 true 或 false", "a bool field maps to true or false only")
    wanted = int if number else str
    try:
        forth: dict[LocalValue, RegionalValue] = {wanted(key): value for key, value in pairs.items()}
        back: dict[RegionalValue, LocalValue] = {key: wanted(value) for key, value in spare.items()}
    except ValueError:
        rule.fault("mapping.bad_setting", "number 规则的代码须为整数", "codes of a number rule are integers")
        return None
    exact = {value: key for key, value in reversed(forth.items())}
    many = {key for key, value in forth.items() if exact[value] != key}

    def forward(values: LocalValues, out: dict[str, RegionalValue], run: Run) -> None:
        value = values.get(path)
        if value is None or value == "":
            return
        if type(value) is not wanted or value not in forth:
            if keep_unknown:
                run.kept[path] = "unknown_code"
            else:
                run.refuse(path, "mapping.unknown_code")
            return
        out[field] = forth[value]
        if value in many:
            run.spell(path, value)

    def backward(fields: RegionalValues, out: dict[str, LocalValue], run: Run) -> None:
        value = fields.get(field)
        if value is None:
            return
        if own_form and run.own and fields.get("source.form") in forth:
            out[path] = str(fields["source.form"])
        elif value in exact:
            out[path] = exact[value]
        elif value in back:
            out[path] = back[value]
            run.approximate(field, "no_counterpart", value)
        else:
            run.lost[field] = "no_counterpart"
            return
        run.carried.append(field)

    return Halves(forward, backward, number=number)


def _listed(rule: Declaration) -> Halves | None:
    """A code of a public code set, the same at both ends; refused where the set does not list it."""
    if not rule.shape(1, 1):
        return None
    (path,), (field,) = rule.local, rule.fields
    code_set = FIELDS[field].codes
    known = frozenset(entry.code for entry in rule.codes[code_set])

    def forward(values: LocalValues, out: dict[str, RegionalValue], run: Run) -> None:
        value = values.get(path)
        if value is None or value == "":
            return
        if type(value) is not str or value not in known:
            run.refuse(path, "mapping.unknown_code")
            return
        out[field] = value

    return Halves(forward, _plain_back(path, field))


def _plain_back(path: str, field: str) -> Backward:
    def backward(fields: RegionalValues, out: dict[str, LocalValue], run: Run) -> None:
        value = fields.get(field)
        if value is not None:
            out[path] = str(value)
            run.carried.append(field)

    return backward


def _quantity(rule: Declaration) -> Halves | None:
    """A size in the unit of its field.  `number`: the bank writes integers, so a fraction cannot be carried back, and is never rounded.

    `or_from` names the other measure of time (size.units or size.minutes) to compute from on the way back, `unit_minutes` a unit.
    """
    if not rule.shape(1, 1):
        return None
    (path,), (field,) = rule.local, rule.fields
    unit = _UNITS_OF[FIELDS[field].type]
    number = rule.flag("number", False)
    suffix = rule.text("suffix", "")
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

    def backward(fields: RegionalValues, out: dict[str, LocalValue], run: Run) -> None:
        size = fields.get(field)
        if isinstance(size, Quantity):
            source, amount = field, size.value
        else:
            other = fields.get(spare) if spare and not run.own else None
            if not isinstance(other, Quantity):
                return
            source, amount = spare, other.value / per_unit if spare == "size.minutes" else other.value * per_unit
            run.default(spare, "unit", other)
        if number and amount != int(amount):
            run.lost[source] = "precision"
            return
        out[path] = int(amount) if number else format(amount.normalize() if source == spare else amount, "f") + suffix
        run.carried.append(source)

    return Halves(forward, backward, number=number)


def _amount_reader(unit: type[Quantity], *, number: bool) -> Callable[[LocalValue], tuple[Quantity, bool] | None]:
    """Reads a size and says whether it is written the plain way; None for what is no size."""

    @lru_cache(maxsize=CACHE_MAX, typed=True)
    def read(value: LocalValue) -> tuple[Quantity, bool] | None:
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

    return Halves(forward, _plain_back(path, field))


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

    def backward(fields: RegionalValues, out: dict[str, LocalValue], run: Run) -> None:
        amounts = {field: size.value for field in (units, theory, practice, sessions) if isinstance(size := fields.get(field), Quantity)}
        minutes = fields.get(spare) if spare else None
        if units not in amounts and sessions not in amounts and isinstance(minutes, Quantity) and not run.own:
            amounts[units] = (minutes.value / per_unit).normalize()
            run.carried.append(spare)
            run.default(spare, "unit", minutes)
        cell = HoursCell(amounts.get(units), amounts.get(theory), amounts.get(practice), amounts.get(sessions))
        written = _hours_text(cell)
        if not written:
            return
        out[path] = written
        both = cell.theory is not None and cell.practice is not None
        said = ((units, theory, practice) if both else (units,)) if cell.total is not None else (sessions,)
        run.carried.extend(field for field in said if field in fields)

    return Halves(forward, backward)


def _hours_text(cell: HoursCell) -> str:
    """The spelling we write; "" where there is nothing to write."""
    if cell.total is None:
        return "" if cell.sessions is None else f"{cell.sessions:f}次"
    split = "" if cell.theory is None or cell.practice is None else f"({cell.theory:f}+{cell.practice:f})"
    return f"{cell.total:f}{split}"


def _constant(rule: Declaration) -> Halves | None:
    """A part-level value the format always writes; another value than the usual one is kept beside."""
    if not rule.shape(1, 0):
        return None
    (path,) = rule.local
    usual = rule.text("value", "")

    def forward(values: LocalValues, _out: dict[str, RegionalValue], run: Run) -> None:
        value = values.get(path)
        if value is not None and value != usual:
            run.kept[path] = "no_field"

    def backward(_fields: RegionalValues, out: dict[str, LocalValue], _run: Run) -> None:
        out[path] = usual

    return Halves(forward, backward)


def _count(rule: Declaration) -> Halves | None:
    """How many records the part holds; the adapter has compared it, and the way back counts again.  `of` names the forms."""
    if not rule.shape(1, 0):
        return None
    (path,) = rule.local
    forms = rule.words("of")
    number = rule.flag("number", False)

    def forward(_values: LocalValues, _out: dict[str, RegionalValue], _run: Run) -> None:
        return

    def backward(_fields: RegionalValues, out: dict[str, LocalValue], run: Run) -> None:
        total = sum(run.counts.get(form, 0) for form in forms) if forms else sum(run.counts.values())
        out[path] = total if number else str(total)

    return Halves(forward, backward, number=number)


def _record_id(rule: Declaration) -> Halves | None:
    """The bank's own id inside the record; the reader has taken it as the record's stable id."""
    if not rule.shape(1, 1):
        return None
    (path,), (field,) = rule.local, rule.fields

    def forward(values: LocalValues, out: dict[str, RegionalValue], run: Run) -> None:
        value = values.get(path)
        if value is not None and value != out.get(field):
            run.refuse(path, "mapping.impossible_value")

    return Halves(forward, _plain_back(path, field))


def _account(rule: Declaration) -> Halves | None:
    """The learner's account in its canonical form.  For another bank it is the declared empty slot."""
    if not rule.shape(1, 1):
        return None
    (path,), (field,) = rule.local, rule.fields

    def forward(values: LocalValues, out: dict[str, RegionalValue], run: Run) -> None:
        value = values.get(path)
        canonical = run.learner.account if run.learner is not None and run.learner.account else value
        if not canonical:
            return
        out[field] = str(canonical)
        if value is not None and value != canonical:
            run.spell(path, value)

    def backward(fields: RegionalValues, out: dict[str, LocalValue], run: Run) -> None:
        value = fields.get(field)
        if run.own and value is not None:
            out[path] = str(value)
            run.carried.append(field)
            return
        out[path] = ""
        if value is not None:
            run.lost[field] = "not_applicable"

    return Halves(forward, backward)


PLAIN_TRANSFORMS: Final[Mapping[str, Builder]] = {
    "text": _text,
    "title": _title,
    "code": _code,
    "listed": _listed,
    "quantity": _quantity,
    "credits_cell": _credits_cell,
    "hours_cell": _hours_cell,
    "constant": _constant,
    "count": _count,
    "account": _account,
    "record_id": _record_id,
}

CATALOGUE: Final[Mapping[str, Builder]] = {**PLAIN_TRANSFORMS, **DATE_TRANSFORMS, **GRADE_TRANSFORMS, **LEVEL_TRANSFORMS}
"""Every transform a rule file may name."""
