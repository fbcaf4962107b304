"""The closed catalogue of transforms, and the plain ones: texts, codes, ids, part-level values.

Each builder turns one declaration into a forward half (local values to regional fields) and a
backward half, as closures over what was looked up at load.  A half reads and writes by path,
never raises, and notes in the `Run` what it could not do.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.mapping.declaration import FIELDS, Backward, Builder, Declaration, Forward, Halves, LocalValues, RegionalValues, plain_back
from gateway.mapping.loss import Run
from gateway.mapping.transforms_dates import DATE_TRANSFORMS
from gateway.mapping.transforms_grades import GRADE_TRANSFORMS
from gateway.mapping.transforms_issuers import ISSUER_TRANSFORMS
from gateway.mapping.transforms_levels import LEVEL_TRANSFORMS
from gateway.mapping.transforms_sizes import SIZE_TRANSFORMS
from gateway.model.local import LocalValue
from gateway.model.regional import RegionalValue


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
    elsewhere = {kind: str(path) for kind, path in rule.table("for_kind").items()}
    if not set(elsewhere.values()) <= set(paths):
        rule.fault("mapping.bad_setting", "for_kind 只能指向本规则的本地路径", "for_kind may only name this rule's own paths")

    def usual(fields: RegionalValues) -> str:
        return elsewhere.get(str(fields.get("kind", "")), paths[0])

    return Halves(_title_forward(paths, field, usual), _title_backward(paths, field, usual))


def _title_forward(paths: tuple[str, ...], field: str, usual: Callable[[RegionalValues], str]) -> Forward:
    def forward(values: LocalValues, out: dict[str, RegionalValue], run: Run) -> None:
        first = usual(out)
        for path in (first, *(path for path in paths if path != first)):
            value = values.get(path)
            if not value:
                continue
            if type(value) is not str:
                run.refuse(path, "mapping.impossible_value")
            elif value == out.get(field):
                run.dropped[path] = "duplicate"
            elif field in out:
                run.kept[path] = "no_field"
            else:
                out[field] = value
                if path != first:
                    run.spell(path, value)

    return forward


def _title_backward(paths: tuple[str, ...], field: str, usual: Callable[[RegionalValues], str]) -> Backward:
    def backward(fields: RegionalValues, out: dict[str, LocalValue], run: Run) -> None:
        value = fields.get(field)
        if value is None:
            return
        run.carried.append(field)
        if not any(run.restored.get(path) == value for path in paths):
            out[usual(fields)] = str(value)

    return backward


@dataclass(frozen=True, slots=True)
class _Codes:
    """Both ways of one code map: `forth` and `exact` are each other's inverse but for `many`; `near` is for the way back only."""

    forth: Mapping[LocalValue, RegionalValue]
    exact: Mapping[RegionalValue, LocalValue]
    near: Mapping[RegionalValue, LocalValue]
    many: frozenset[LocalValue]


def _code(rule: Declaration) -> Halves | None:
    """A code of the bank for a code (or true/false) of the standard, by the rule's own `map`; unknown codes are refused.

    `back` adds pairs for the way back only, each an approximation.  `number` says that the bank writes integers.  `unknown =
    "keep"` keeps a code that is not in the map instead; `own_form` writes the record's own class back where it has one.
    """
    if not rule.shape(1, 1):
        return None
    (path,), (field,) = rule.local, rule.fields
    number = rule.flag("number", False)
    keep_unknown = rule.text("unknown", "refuse", among=("refuse", "keep")) == "keep"
    own_form = rule.flag("own_form", False)
    codes = _code_map(rule, field, int if number else str)
    if codes is None:
        return None
    forward = _code_forward(path, field, codes, int if number else str, keep_unknown=keep_unknown)
    return Halves(forward, _code_backward(path, field, codes, own_form=own_form), number=number)


def _code_map(rule: Declaration, field: str, wanted: type[int] | type[str]) -> _Codes | None:
    described = FIELDS[field]
    pairs, near = rule.table("map"), rule.table("back")
    if described.codes:
        for target in sorted({str(value) for value in pairs.values()} | set(near)):
            rule.knows(described.codes, target)
    if described.type == "bool" and not all(isinstance(value, bool) for value in pairs.values()):
        rule.fault("mapping.bad_setting", "布尔字段只能对应 true 或 false", "a bool field maps to true or false only")
    try:
        forth: dict[LocalValue, RegionalValue] = {wanted(key): value for key, value in pairs.items()}
        back: dict[RegionalValue, LocalValue] = {key: wanted(value) for key, value in near.items()}
    except ValueError:
        rule.fault("mapping.bad_setting", "number 规则的代码须为整数", "codes of a number rule are integers")
        return None
    exact = {value: key for key, value in reversed(forth.items())}
    return _Codes(forth, exact, back, frozenset(key for key, value in forth.items() if exact[value] != key))


def _code_forward(path: str, field: str, codes: _Codes, wanted: type[int] | type[str], *, keep_unknown: bool) -> Forward:
    forth, many = {code: target for code, target in codes.forth.items() if code != ""}, codes.many

    def forward(values: LocalValues, out: dict[str, RegionalValue], run: Run) -> None:
        value = values.get(path)
        if type(value) is wanted and value in forth:
            out[field] = forth[value]
            if value in many:
                run.spell(path, value)
        elif value is None or value == "":
            return
        elif keep_unknown:
            run.kept[path] = "unknown_code"
        else:
            run.refuse(path, "mapping.unknown_code")

    return forward


def _code_backward(path: str, field: str, codes: _Codes, *, own_form: bool) -> Backward:
    def backward(fields: RegionalValues, out: dict[str, LocalValue], run: Run) -> None:
        value = fields.get(field)
        if value is None:
            return
        if own_form and run.own and fields.get("source.form") in codes.forth:
            out[path] = str(fields["source.form"])
        elif value in codes.exact:
            out[path] = codes.exact[value]
        elif value in codes.near:
            out[path] = codes.near[value]
            run.approximate(field, "no_counterpart", value)
        else:
            run.lost[field] = "no_counterpart"
            return
        run.carried.append(field)

    return backward


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

    return Halves(forward, plain_back(path, field))


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


def _record_id(rule: Declaration) -> Halves | None:
    """The bank's own id inside the record; the reader has taken it as the record's stable id."""
    if not rule.shape(1, 1):
        return None
    (path,), (field,) = rule.local, rule.fields

    def forward(values: LocalValues, out: dict[str, RegionalValue], run: Run) -> None:
        value = values.get(path)
        if value is not None and value != out.get(field):
            run.refuse(path, "mapping.impossible_value")

    return Halves(forward, plain_back(path, field))


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
    "constant": _constant,
    "account": _account,
    "record_id": _record_id,
}

CATALOGUE: Final[Mapping[str, Builder]] = {
    **PLAIN_TRANSFORMS,
    **SIZE_TRANSFORMS,
    **DATE_TRANSFORMS,
    **GRADE_TRANSFORMS,
    **LEVEL_TRANSFORMS,
    **ISSUER_TRANSFORMS,
}
"""Every transform a rule file may name."""
