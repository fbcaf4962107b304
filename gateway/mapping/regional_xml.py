"""Regional parts and loss reports as XML bytes, and back.

This is on the hot path, so writing is string building over a plan compiled once from
`RECORD_FIELDS` (element names are the path segments in camel case, groups nest by the dots, the
order is the list's), and reading walks a validated tree over the same plan.  The bytes are
deterministic: the same part gives the same bytes, which is what lets anybody re-run a mapping and
compare digests.  Numbers are written as they are held ("4.0" stays "4.0").
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, TypeAlias

from gateway.errors import FormatError, Problem, StandardError
from gateway.formats.xml_safe import Element, escape_attribute, escape_text, parse_own_xml, plain_in_text, text_of
from gateway.mapping.schema import LIMITS, NAMESPACE, Standard
from gateway.model.dates import PartialDate
from gateway.model.regional import (
    LEARNER_FIELDS,
    RECORD_FIELDS,
    STANDARD_VERSION,
    Extra,
    Fate,
    Field,
    Loss,
    LossReport,
    RegionalPart,
    RegionalRecord,
    RegionalValue,
)
from gateway.model.units import Credits, Minutes, Points, Sessions, Units

Values: TypeAlias = Mapping[str, RegionalValue]


def xml_name(segment: str) -> str:
    """`valid_until` is `validUntil` in XML."""
    first, *rest = segment.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _decimal(value: Any) -> str:
    """All digits.  `str` gives the same in a third of the time, unless it chooses an exponent."""
    text = str(value)
    return format(value, "f") if "E" in text else text


def _quantity(value: Any) -> str:
    text = str(value.value)
    return format(value.value, "f") if "E" in text else text


def _flag(value: Any) -> str:
    return "true" if value else "false"


_WRITERS: Final[dict[str, Callable[[Any], str]]] = {
    "int": str,
    "bool": _flag,
    "decimal": _decimal,
    "date": str,
    "credits": _quantity,
    "points": _quantity,
    "units": _quantity,
    "minutes": _quantity,
    "sessions": _quantity,
}

_READERS: Final[dict[str, Callable[[str], RegionalValue]]] = {
    "text": str,
    "code": str,
    "int": int,
    "bool": lambda text: text.strip() == "true",
    "decimal": Decimal,
    "date": lambda text: PartialDate.from_iso(text.strip()),
    "credits": lambda text: Credits(Decimal(text)),
    "points": lambda text: Points(Decimal(text)),
    "units": lambda text: Units(Decimal(text)),
    "minutes": lambda text: Minutes(Decimal(text)),
    "sessions": lambda text: Sessions(Decimal(text)),
}


_FIELDS: Final = {"learner": LEARNER_FIELDS, "record": RECORD_FIELDS}


@dataclass(frozen=True, slots=True)
class _Shape:
    """The XML of all value sets that hold the same fields: tags, with a gap at every second place for a value; what
    picks the values in the same order; and by place the writers of those values that are not texts already.
    """

    frame: tuple[str, ...]
    pick: Callable[[Values], tuple[RegionalValue, ...]]
    writers: tuple[tuple[int, Callable[[Any], str]], ...]


@lru_cache(maxsize=1024)
def _shape(whose: str, paths: tuple[str, ...]) -> _Shape:
    """Compiled once a combination of fields: a bank's records have few.  Raises StandardError `standard.unknown_field`."""
    fields = _FIELDS[whose]
    present = [field for field in fields if field.path in paths]
    if len(present) != len(paths):
        raise _unknown_field(fields, paths)
    template = ""  # NUL marks a gap
    for group, members in groupby(present, lambda field: field.path.rpartition(".")[0]):
        names = [xml_name(field.path.rpartition(".")[2]) for field in members]
        inner = "".join(f"<{name}>\0</{name}>" for name in names)
        template += f"<{xml_name(group)}>{inner}</{xml_name(group)}>" if group else inner
    writers = tuple((place, _WRITERS[field.type]) for place, field in enumerate(present) if field.type in _WRITERS)
    frame = template.replace("\0", "\0\0").split("\0")
    return _Shape(tuple(frame), _picker([field.path for field in present]), writers)


def _picker(paths: list[str]) -> Callable[[Values], tuple[RegionalValue, ...]]:
    """`itemgetter` gives no tuple for a single path, and does not take none."""
    return itemgetter(*paths) if len(paths) > 1 else lambda values: tuple(values[path] for path in paths)


def _unknown_field(fields: tuple[Field, ...], paths: tuple[str, ...]) -> StandardError:
    """Nothing may be left out in silence."""
    known = {field.path for field in fields}
    problems = tuple(
        Problem(path, "standard.unknown_field", "区域标准没有此项", "the standard has no such field") for path in paths if path not in known
    )
    return StandardError("standard.unknown_field", "含区域标准没有的项", "the standard does not have these fields", problems=problems)


_Leaf: TypeAlias = tuple[str, Callable[[str], RegionalValue]]


def _read_plan(fields: tuple[Field, ...]) -> dict[str, _Leaf | dict[str, _Leaf]]:
    plan: dict[str, _Leaf | dict[str, _Leaf]] = {}
    for field in fields:
        here: Any = plan
        *groups, last = (f"{{{NAMESPACE}}}{xml_name(segment)}" for segment in field.path.split("."))
        for group in groups:
            here = here.setdefault(group, {})
        here[last] = (field.path, _READERS[field.type])
    return plan


_RECORD_IN: Final = _read_plan(RECORD_FIELDS)
_LEARNER_IN: Final = _read_plan(LEARNER_FIELDS)

_HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
_START: Final = f' xmlns="{NAMESPACE}" version="{STANDARD_VERSION}">'


def write_part(part: RegionalPart) -> bytes:
    """The part as UTF-8 XML; not validated here.

    Raises StandardError: `standard.character` for a character XML 1.0 cannot hold, `standard.unknown_field` for a
    value under a path that the standard does not list.
    """
    out = [
        f"{_HEAD}<regionalPart{_START}<source>{_text(part.source, 'source')}</source>",
        f"<mappingId>{_text(part.mapping_id, 'mapping')}</mappingId>",
        f"<mappingVersion>{_text(part.mapping_version, 'mapping')}</mappingVersion><learner>",
        _write_values("learner", part.learner, "learner"),
        "</learner><records>",
    ]
    for position, record in enumerate(part.records, start=1):
        place = f"record[{position}]"
        out += ("<record>", _write_values("record", record.values, place))
        if record.issues:
            out.append(_issues(record.issues, place))
        if record.extras:
            out.append(_extras(record.extras, place))
        out.append("</record>")
    out.append("</records>")
    if part.extras:
        out.append(_extras(part.extras, "part"))
    out.append("</regionalPart>\n")
    return "".join(out).encode("utf-8")


def _write_values(whose: str, values: Values, place: str) -> str:
    shape = _shape(whose, tuple(values))
    cells: list[Any] = list(shape.pick(values))
    for position, write in shape.writers:
        cells[position] = write(cells[position])
    if not plain_in_text("".join(cells)):  # one look at all of them; hardly any record needs a second
        cells = [_text(cell, place) for cell in cells]
    pieces = list(shape.frame)
    pieces[1::2] = cells
    return "".join(pieces)


def _issues(issues: tuple[str, ...], place: str) -> str:
    texts = issues if plain_in_text("".join(issues)) else [_text(issue, place) for issue in issues]
    return f"<issues><issue>{'</issue><issue>'.join(texts)}</issue></issues>"


def _extras(extras: tuple[Extra, ...], place: str) -> str:
    inner = "".join(f'<extra path="{_attribute(extra.path, place)}">{_text(extra.value, place)}</extra>' for extra in extras)
    return f"<extras>{inner}</extras>"


def _text(text: str, place: str) -> str:
    try:
        return escape_text(text)
    except FormatError as error:
        raise _character(error, place) from None


def _attribute(text: str, place: str) -> str:
    try:
        return escape_attribute(text)
    except FormatError as error:
        raise _character(error, place) from None


def _character(error: FormatError, place: str) -> StandardError:
    problem = Problem(place, "standard.character", error.zh, error.en)
    return StandardError("standard.character", error.zh, error.en, problems=(problem,), place=place)


def read_part(content: bytes, standard: Standard) -> RegionalPart:
    """The exact inverse of `write_part`.  Raises FormatError, StandardError `standard.invalid`."""
    return part_of(standard.validate("records", content))


def part_of(root: Element) -> RegionalPart:
    """The part in a tree that `Standard.validate("records", …)` gave."""
    source, mapping_id, mapping_version, learner, records, *extras = root
    return RegionalPart(
        source=text_of(source).strip(),
        mapping_id=text_of(mapping_id),
        mapping_version=text_of(mapping_version),
        learner=_read_values(learner, _LEARNER_IN),
        records=tuple(map(_read_record, records)),
        extras=_read_extras(extras[0]) if extras else (),
    )


def read_own_records(content: bytes, paths: frozenset[str]) -> tuple[RegionalRecord, ...]:
    """Of a part that was valid when it was sealed, and is authenticated by that: its records, with the values under `paths` only.

    Three times as quick as `read_part`, as the schema is not asked again; what it requires must be there all the same.  Without
    issues and extras.  Raises FormatError, StandardError `standard.invalid`.
    """
    root = parse_own_xml(content, limits=LIMITS)
    plan, required = _some_of(paths)
    if root.tag != _PART or root.get("version") != STANDARD_VERSION:
        raise _not_of_today()
    try:
        found = [_read_some(record, plan) for records in root.iterchildren(_RECORDS) for record in records]
    except (ValueError, ArithmeticError):
        raise _not_of_today() from None
    if not all(required <= values.keys() for values in found):
        raise _not_of_today()
    return tuple([RegionalRecord(values) for values in found])


def _not_of_today() -> StandardError:
    return StandardError("standard.invalid", "不符合区域标准", "it does not meet the regional standard")


@lru_cache(maxsize=16)
def _some_of(paths: frozenset[str]) -> tuple[dict[str, _Leaf | dict[str, _Leaf]], frozenset[str]]:
    fields = tuple(field for field in RECORD_FIELDS if field.path in paths)
    return _read_plan(fields), frozenset(field.path for field in fields if field.required)


def _read_some(element: Element, plan: dict[str, _Leaf | dict[str, _Leaf]]) -> dict[str, RegionalValue]:
    """`_read_values` where the plan does not know everything."""
    values: dict[str, RegionalValue] = {}
    for child in element:
        step = plan.get(str(child.tag))
        if isinstance(step, dict):
            for leaf in child:
                known = step.get(str(leaf.tag))
                if known is not None:
                    values[known[0]] = known[1](text_of(leaf))
        elif step is not None:
            values[step[0]] = step[1](text_of(child))
    return values


_PART: Final = f"{{{NAMESPACE}}}regionalPart"
_RECORDS: Final = f"{{{NAMESPACE}}}records"
_ISSUES: Final = f"{{{NAMESPACE}}}issues"
_EXTRAS: Final = f"{{{NAMESPACE}}}extras"


def _read_record(element: Element) -> RegionalRecord:
    issues: tuple[str, ...] = ()
    extras: tuple[Extra, ...] = ()
    for child in element.iterchildren(_ISSUES, _EXTRAS):
        if child.tag == _ISSUES:
            issues = tuple(text_of(issue) for issue in child)
        else:
            extras = _read_extras(child)
    return RegionalRecord(_read_values(element, _RECORD_IN), issues, extras)


def _read_values(element: Element, plan: dict[str, _Leaf | dict[str, _Leaf]]) -> dict[str, RegionalValue]:
    values: dict[str, RegionalValue] = {}
    for child in element:
        step = plan.get(str(child.tag))
        if isinstance(step, dict):
            for leaf in child:
                path, read = step[str(leaf.tag)]
                values[path] = read(text_of(leaf))
        elif step is not None:
            path, read = step
            values[path] = read(text_of(child))
    return values


def _read_extras(element: Element) -> tuple[Extra, ...]:
    return tuple(Extra(str(child.get("path")), text_of(child)) for child in element)


def write_loss(report: LossReport) -> bytes:
    """The loss report as UTF-8 XML; not validated here.  Raises StandardError `standard.character`."""
    out = [
        f"{_HEAD}<lossReport{_START}<mappingId>{_text(report.mapping_id, 'mapping')}</mappingId>",
        f"<mappingVersion>{_text(report.mapping_version, 'mapping')}</mappingVersion><direction>{_text(report.direction, 'direction')}",
        f"</direction><valuesRead>{report.values_read}</valuesRead><valuesMapped>{report.values_mapped}</valuesMapped><losses>",
    ]
    for position, loss in enumerate(report.losses, start=1):
        place = f"loss[{position}]"
        record = f' record="{_attribute(loss.record, place)}"' if loss.record else ""
        out.append(
            f'<loss{record} path="{_attribute(loss.path, place)}" fate="{loss.fate.value}" '
            f'reason="{_attribute(loss.reason, place)}">{_text(loss.value, place)}</loss>'
        )
    out.append("</losses></lossReport>\n")
    return "".join(out).encode("utf-8")


def read_loss(content: bytes, standard: Standard) -> LossReport:
    """The exact inverse of `write_loss`.  Raises FormatError, StandardError `standard.invalid`."""
    mapping_id, mapping_version, direction, values_read, values_mapped, losses = standard.validate("loss", content)
    return LossReport(
        mapping_id=text_of(mapping_id),
        mapping_version=text_of(mapping_version),
        direction=text_of(direction),
        values_read=int(text_of(values_read)),
        values_mapped=int(text_of(values_mapped)),
        losses=tuple(
            Loss(loss.get("record", ""), str(loss.get("path")), Fate(str(loss.get("fate"))), str(loss.get("reason")), text_of(loss))
            for loss in losses
        ),
    )
