"""What changes from one version of a rule set to another, in words.

Rules are matched by id, not by their place in the file.  The words name the setting as it stands in the file, so that an author
finds it, and the value before and after.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Final, NamedTuple, TypeAlias

from gateway.recognition.rules import Caps, Group, Hours, Need, Rule, RuleSet
from gateway.recognition.words import Words, plain

Part: TypeAlias = Hours | Group | Rule | Need
_HEAD: Final = ("version", "accepting", "zh", "en", "effective", "review", "demonstration", "sources", "programmes")
_NAMES: Final[Mapping[str, str]] = {
    "kinds": "kind",
    "titles": "title",
    "standard_courses": "standard_course",
    "course_codes": "course_code",
    "sources": "source",
    "issuers": "issuer",
    "schemes": "scheme",
    "skill_levels": "skill_level",
    "stages": "stage",
    "needs": "need",
}


class Change(NamedTuple):
    """`what` is added, removed or changed; `where` the setting, as `caps.programme_percent` or `rule mgmt.credits`."""

    what: str
    where: str
    words: Words


def diff(old: RuleSet, new: RuleSet) -> tuple[Change, ...]:
    """Head, caps, policies and groups first, then the rules by id.  Empty when nothing differs but the places of rules."""
    found = [_changed(name, getattr(old, name), getattr(new, name)) for name in _HEAD if getattr(old, name) != getattr(new, name)]
    found += _caps(old.caps, new.caps)
    found += _named("hours", {each.policy: each for each in old.hours}, {each.policy: each for each in new.hours})
    found += _named("group", {each.id: each for each in old.groups}, {each.id: each for each in new.groups})
    found += _named("rule", {each.id: each for each in old.rules}, {each.id: each for each in new.rules})
    return tuple(found)


def _caps(old: Caps, new: Caps) -> Iterator[Change]:
    for name in ("programme_percent", "resident_credits_min", "credit_step"):
        if getattr(old, name) != getattr(new, name):
            yield _changed(f"caps.{name}", getattr(old, name), getattr(new, name))
    for name in ("kind_percent", "category_credits"):
        before, after = getattr(old, name), getattr(new, name)
        for key in sorted(before.keys() | after.keys()):
            if before.get(key) != after.get(key):
                yield _changed(f"caps.{name}.{key}", before.get(key), after.get(key))


def _named(kind: str, old: Mapping[str, Part], new: Mapping[str, Part]) -> Iterator[Change]:
    names = {"hours": Words("折算规则", "policy"), "group": Words("组", "group"), "rule": Words("规则", "rule")}[kind]
    for key in sorted(old.keys() | new.keys()):
        if key not in new:
            yield Change("removed", f"{kind} {key}", Words(f"删去{names.zh} {key}", f"{names.en} {key} is removed"))
        elif key not in old:
            yield Change("added", f"{kind} {key}", Words(f"新增{names.zh} {key}", f"{names.en} {key} is added"))
        else:
            yield from _fields(f"{kind} {key}", old[key], new[key])


def _fields(where: str, old: Part, new: Part) -> Iterator[Change]:
    """The fields of two values of one type that differ; a rule's place in the file does not count."""
    for field in fields(old):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if before == after or field.name == "place":
            continue
        if field.name == "needs" and len(before) == len(after):
            for place, (mine, theirs) in enumerate(zip(before, after, strict=True), 1):
                yield from _fields(f"{where}.need {place}", mine, theirs)
        else:
            yield _changed(f"{where}.{_NAMES.get(field.name, field.name)}", before, after)


def _changed(where: str, before: object, after: object) -> Change:
    nothing = Words("记录的区域学分", "the record's regional credits") if where.endswith(".credits") else Words("无", "none")
    zh = f"{where}:由 {_shown(before, nothing.zh)} 改为 {_shown(after, nothing.zh)}"
    return Change("changed", where, Words(zh, f"{where}: from {_shown(before, nothing.en)} to {_shown(after, nothing.en)}"))


def _shown(value: object, nothing: str) -> str:
    match value:
        case None | "":
            return nothing
        case Decimal():
            return plain(value)
        case frozenset() | tuple():
            words = [_shown(each, nothing) for each in (sorted(value) if isinstance(value, frozenset) else value)]
            return "、".join(words) if words else nothing
        case Need():
            return "、".join(value.titles or value.standard_courses or value.course_codes or tuple(sorted(value.kinds)))
        case _:
            return str(value)
