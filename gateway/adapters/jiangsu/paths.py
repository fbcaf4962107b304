"""Elements to flat values and back: `KC@MC` is an attribute, `XS` an element's text, `FOO[2]/BAR` a second FOO's child.

Every value of the source stands under exactly one path, known to the format or not, so the mapping
can account for it and writing gives it back.  Texts stay exactly as written.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.adapters.fields import FIELD_NAME, TOO_LONG, Fault
from gateway.adapters.jiangsu.faults import FOREIGN_NAME, MIXED_CONTENT, REPEATED_ELEMENT, TOO_MANY_VALUES
from gateway.errors import RecordError
from gateway.formats.xml_safe import Element, attributes, escape_attribute, escape_text, text_of

VALUE_CHARS_MAX: Final = 2_000
PATH_CHARS_MAX: Final = 200
VALUES_MAX: Final = 200

# The order a writer keeps; what the format does not know follows in the order it was met.
LEARNER_ORDER: Final = ("@ZH", "@LX", "@ZHZT", "XM", "SFZJ", "SFZJ@LXM", "XBM", "MZM", "XLM", "XLM@BB")
RECORD_ORDER: Final = (
    *("@XH", "@LB", "@CZ", "@LY", "KC", "KC@DM", "KC@MC", "KC@XZ", "ZS", "ZS@MC", "ZS@BH", "ZS@JB"),
    *("XS", "XS@LL", "XS@SJ", "XF", "CJ", "CJ@LX", "DJ", "DJ@KJ", "FZDW", "FZDW@DM", "HDRQ", "YXQZ"),
)
# Elements that carry attributes only: their empty text is no value.
_WITHOUT_TEXT: Final = frozenset({"KC", "ZS"})
_KNOWN: Final = frozenset(path.partition("@")[0] for path in (*LEARNER_ORDER, *RECORD_ORDER)) - {""}
_KNOWN_NAMES: Final = frozenset(name for path in (*LEARNER_ORDER, *RECORD_ORDER) for name in path.split("@")) - {""}
_NOTHING: Final[frozenset[str]] = frozenset()
# Names kept and written: a part of what XML allows, so that whatever was read can be written again.
_LETTERS: Final = r"A-Za-z_\u3400-\u9fff"
_NAME: Final = re.compile(rf"[{_LETTERS}][{_LETTERS}0-9.\-]{{0,63}}")
_STEP: Final = re.compile(rf"{_NAME.pattern}(?:\[[1-9][0-9]{{0,5}}\])?")


@dataclass(slots=True)
class Flat:
    """Values by path, and what is wrong with the structure (path, fault)."""

    values: dict[str, str] = field(default_factory=dict)
    faults: list[tuple[str, Fault]] = field(default_factory=list)

    def put(self, path: str, value: str) -> None:
        if len(path) > PATH_CHARS_MAX:
            self.fault(path[:40], FIELD_NAME)
        elif len(self.values) >= VALUES_MAX:
            self.fault("", TOO_MANY_VALUES)
        else:
            self.values[path] = value[:VALUE_CHARS_MAX]
            if len(value) > VALUE_CHARS_MAX:
                self.fault(path, TOO_LONG)

    def fault(self, path: str, fault: Fault) -> None:
        if (path, fault) not in self.faults:
            self.faults.append((path, fault))


def flatten(element: Element, *, skip: Iterable[str] = ()) -> Flat:
    """All values of `element` under paths relative to it; children named in `skip` are left to the caller."""
    flat = Flat()
    _flatten(element, "", flat, frozenset(skip))
    return flat


def _flatten(element: Element, path: str, flat: Flat, skip: frozenset[str]) -> None:
    for name, value in attributes(element).items():
        fault = _name_fault(name)
        if fault is None:
            flat.put(f"{path}@{name}", value)
        else:
            flat.fault(path, fault)
    inside = [child for child in element if path or child.tag not in skip]
    if (inside or not path) and _loose_text(element):
        flat.fault(path, MIXED_CONTENT)
    met: dict[str, int] = {}
    for child in inside:
        _flatten_child(child, path, flat, met)
    text = text_of(element)
    if path and not inside and (text.strip() or path not in _WITHOUT_TEXT):
        flat.put(path, text)


def _flatten_child(child: Element, path: str, flat: Flat, met: dict[str, int]) -> None:
    name = str(child.tag)
    fault = _name_fault(name)
    if fault is not None:
        flat.fault(path, fault)
        return
    times = met[name] = met.get(name, 0) + 1
    step = f"{path}/{name}" if path else name
    if times > 1 and step in _KNOWN:
        flat.fault(step, REPEATED_ELEMENT)
        return
    _flatten(child, step if times == 1 else f"{step}[{times}]", flat, _NOTHING)


def _name_fault(name: str) -> Fault | None:
    if name in _KNOWN_NAMES:
        return None
    if name.startswith("{"):
        return FOREIGN_NAME
    return None if _NAME.fullmatch(name) else FIELD_NAME


def _loose_text(element: Element) -> bool:
    """Text beside child elements, other than white space."""
    return bool(text_of(element).strip()) or any(child.tail and child.tail.strip() for child in element)


@dataclass(slots=True)
class _Node:
    attributes: dict[str, str] = field(default_factory=dict)
    inside: dict[str, "_Node"] = field(default_factory=dict)
    text: str = ""


def markup(name: str, values: Mapping[str, str], order: tuple[str, ...] = (), *, rest: str = "") -> str:
    """The element `name` holding `values` (paths relative to it), then `rest` as it is.  The inverse of `flatten`.

    Raises RecordError `record.field_name` for a path that cannot be an XML name, FormatError `format.character`.
    """
    rank = {path: place for place, path in enumerate(order)}
    root = _Node()
    for path in sorted(values, key=lambda path: rank.get(path, len(rank))):
        steps, mark, attribute = path.partition("@")
        node = root
        for step in steps.split("/") if steps else ():
            if not _STEP.fullmatch(step):
                raise _unwritable()
            node = node.inside.setdefault(step, _Node())
        if not steps and not mark:
            raise _unwritable()
        if mark:
            if not _NAME.fullmatch(attribute):
                raise _unwritable()
            node.attributes[attribute] = values[path]
        else:
            node.text = values[path]
    return _write(name, root, rest)


def _write(name: str, node: _Node, rest: str = "") -> str:
    opening = name + "".join(f' {key}="{escape_attribute(value)}"' for key, value in node.attributes.items())
    inside = escape_text(node.text) + "".join(_write(step.partition("[")[0], node.inside[step]) for step in _in_order(node)) + rest
    return f"<{opening}>{inside}</{name}>" if inside else f"<{opening}/>"


def _in_order(node: _Node) -> list[str]:
    """Repeated elements by their number (`WJ`, `WJ[2]`, `WJ[3]`); names otherwise as they came."""
    first = {step.partition("[")[0]: place for place, step in reversed(list(enumerate(node.inside)))}
    return sorted(node.inside, key=lambda step: (first[step.partition("[")[0]], int(step.partition("[")[2].rstrip("]") or 1)))


def _unwritable() -> RecordError:
    return RecordError("record.field_name", "字段名不能写成 XML", "a field's name cannot be written as XML")
