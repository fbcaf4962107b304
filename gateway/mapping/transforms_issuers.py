"""Issuers: organisations by name or code, and the kinds of record that follow from who gave it or from its class.

Names are kept as written; which spellings mean one organisation is data of the rule file.  A code that
fails its check never reaches the standard's field.
"""

from collections.abc import Mapping
from typing import Final

from gateway.mapping.declaration import Backward, Builder, Declaration, Halves, LocalValues, RegionalValues
from gateway.mapping.loss import Run
from gateway.model.identifiers import IdentifierError, uscc
from gateway.model.local import LocalValue
from gateway.model.regional import RegionalValue

_SCHOOL_DIGITS: Final = 10


def _issuer_name(rule: Declaration) -> Halves | None:
    """An organisation by name, as written; the rule file's `[[issuer]]` table gives its code where a spelling is listed.

    Backward, where a foreign record has no name: the name the table has for its code, else the first field of `or_from`.
    """
    if not rule.shape(1, 2):
        return None
    (path,), (name_field, code_field) = rule.local, rule.fields
    code_of = {name: issuer.uscc for issuer in rule.issuers for name in issuer.names}
    first = frozenset(issuer.names[0] for issuer in rule.issuers)

    def forward(values: LocalValues, out: dict[str, RegionalValue], run: Run) -> None:
        value = values.get(path)
        if value is None or value == "":
            return
        if type(value) is not str:
            run.refuse(path, "mapping.impossible_value")
            return
        out[name_field] = value
        code = code_of.get(value.strip())
        if code is not None and code_field not in out:
            out[code_field] = code
            run.default(code_field, "assumption", code)
            if value not in first:
                run.issues.append("issuer_alias_used")

    return Halves(forward, _issuer_backward(path, (name_field, code_field), rule))


def _issuer_backward(path: str, both: tuple[str, str], rule: Declaration) -> Backward:
    name_field, code_field = both
    code_of = {name: issuer.uscc for issuer in rule.issuers for name in issuer.names}
    name_of = {issuer.uscc: issuer.names[0] for issuer in rule.issuers}
    spares = rule.words("or_from")

    def backward(fields: RegionalValues, out: dict[str, LocalValue], run: Run) -> None:
        name, code = fields.get(name_field), fields.get(code_field)
        if name is not None:
            out[path] = str(name)
            run.carried.append(name_field)
            if code is not None and code_of.get(str(name)) == code:
                run.lost.setdefault(code_field, "derived")
        elif not run.own and code is not None and str(code) in name_of:
            out[path] = name_of[str(code)]
            run.carried.append(code_field)
            run.approximate(code_field, "no_local_field", code)
        elif not run.own and (spare := next((field for field in spares if field in fields), "")):
            out[path] = str(fields[spare])
            run.carried.append(spare)
            run.approximate(spare, "assumption", fields[spare])

    return backward


def _issuer_code(rule: Declaration) -> Halves | None:
    """An organisation's code: a unified social credit code, or, where the rule has a second field, a 10-digit school id.

    A code that fails its check is kept as it stands and flagged; it never reaches the standard's field.
    """
    if len(rule.local) != 1 or len(rule.fields) not in (1, 2):
        rule.shape(1, 2)
        return None
    (path,) = rule.local
    code_field, school_field = rule.fields[0], rule.fields[1] if len(rule.fields) > 1 else ""

    def forward(values: LocalValues, out: dict[str, RegionalValue], run: Run) -> None:
        value = values.get(path)
        if value is None or value == "":
            return
        if type(value) is not str:
            run.refuse(path, "mapping.impossible_value")
            return
        if school_field and len(value) == _SCHOOL_DIGITS and value.isascii() and value.isdigit():
            out[school_field] = value
            return
        try:
            code = uscc(value)
        except IdentifierError:
            run.kept[path] = "invalid"
            run.issues.append("issuer_code_invalid")
            return
        out[code_field] = code
        if code != value:
            run.spell(path, value)

    return Halves(forward, _issuer_code_backward(path, code_field, school_field))


def _issuer_code_backward(path: str, code_field: str, school_field: str) -> Backward:
    def backward(fields: RegionalValues, out: dict[str, LocalValue], run: Run) -> None:
        for field in (school_field, code_field):
            if field and field in fields:
                out[path] = str(fields[field])
                run.carried.append(field)
                return

    return backward


def _kind_by_issuer(rule: Declaration) -> Halves | None:
    """The achievement kind of a class that holds two: `otherwise`, or `kind` where the issuer's name ends with one of `endings`."""
    if not rule.shape(0, 1):
        return None
    (field,) = rule.fields
    endings = rule.words("endings")
    kind, otherwise = rule.text("kind", "COMMUNITY"), rule.text("otherwise", "TRAINING")
    rule.knows("achievement_kind", kind)
    rule.knows("achievement_kind", otherwise)

    def forward(_values: LocalValues, out: dict[str, RegionalValue], run: Run) -> None:
        found = str(out.get("issuer.name", "")).strip().endswith(endings)
        out[field] = kind if found else otherwise
        run.default(field, "assumption", out[field])

    return Halves(forward, _class_back(field, frozenset({kind, otherwise})))


def _kind_of_form(rule: Declaration) -> Halves | None:
    """The achievement kind that the record's class alone tells."""
    if not rule.shape(0, 1):
        return None
    (field,) = rule.fields
    kind = rule.text("kind", "")
    rule.knows("achievement_kind", kind)

    def forward(_values: LocalValues, out: dict[str, RegionalValue], _run: Run) -> None:
        out[field] = kind

    return Halves(forward, _class_back(field, frozenset({kind})))


def _class_back(field: str, kinds: frozenset[str]) -> Backward:
    """The record's class carries the kind; a kind that the class does not mean is only near to it."""

    def backward(fields: RegionalValues, _out: dict[str, LocalValue], run: Run) -> None:
        if field in fields:
            run.carried.append(field)
            if fields[field] not in kinds:
                run.approximate(field, "no_counterpart", fields[field])

    return backward


ISSUER_TRANSFORMS: Final[Mapping[str, Builder]] = {
    "issuer_name": _issuer_name,
    "issuer_code": _issuer_code,
    "kind_by_issuer": _kind_by_issuer,
    "kind_of_form": _kind_of_form,
}
