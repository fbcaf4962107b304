"""One Zhejiang achievement: nested objects ⇄ dotted local paths, and what each value may be.

`{"level": {"code": "L4b"}}` is `level.code`.  null stays None and present: "the bank says it has no
credit value" is not "the bank says nothing".  Fractions are texts because the chain hashes the
JSON.  What the format does not know is kept under its own path; a list, or an empty object, as its
compact JSON text.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, TypeAlias

from gateway.adapters.fields import (
    FIELD_NAME,
    MISSING,
    WRONG_FORM,
    WRONG_TYPE,
    Check,
    Fault,
    as_decimal,
    decimal_text,
    extra_fault,
    extra_value,
    has_private_use,
    matching,
    millis,
    record_id,
    text,
    text_code,
    whole,
)
from gateway.errors import Problem
from gateway.formats.json_safe import JsonValue
from gateway.model.canonical import Json
from gateway.model.identifiers import IdentifierError, uscc
from gateway.model.local import LocalValue

DEPOSIT, AMEND, REVOKE = "DEPOSIT", "AMEND", "REVOKE"
STATED = frozenset({DEPOSIT, AMEND})
"""Operations that state the whole achievement; a revocation only names it."""
ORIGINS: Final = frozenset({"ORIGINAL", "CONVERTED"})
"""Whether the bank gave the achievement a record itself, or holds it by a conversion; absent: itself."""
# What stands beside the achievement in a record's values; an achievement may not use these names.
RESERVED: Final = frozenset({"op", "reason", "chain", "payload", "entry"})
GROUPS: Final = frozenset({"level", "period", "provider", "result", "workload", "cert"})
WHOLE_PATHS: Final = frozenset({"workload.minutes", "period.startAt", "period.endAt"})
_Report: TypeAlias = Callable[[Fault, str], None]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLIS_LOW = (datetime(1900, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
_MILLIS_HIGH = (datetime(2201, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1) - 1
_size = decimal_text("0", "99999")
_gpa, _percent = decimal_text("0", "5"), decimal_text("0", "100")
_BY_SCALE: Mapping[str, Check] = {"GPA5": _gpa, "PERCENT": _percent, "PASS": matching("[PF]")}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What settings say about values."""

    ach_types: frozenset[str]
    result_scales: frozenset[str]
    level_framework: str


def checks_for(words: Vocabulary) -> Mapping[str, Check]:
    """By path, for every field of the format."""
    short, long = text(64), text(200)
    moment = millis(_MILLIS_LOW, _MILLIS_HIGH)
    return {
        "achId": record_id,
        "achType": text_code(words.ach_types),
        "subType": short,
        "origin": text_code(ORIGINS),
        "title": long,
        "level.code": short,
        "level.framework": short,
        "period.startAt": moment,
        "period.endAt": moment,
        "provider.platform": short,
        "provider.uscc": short,
        "result.scale": text_code(words.result_scales),
        "result.value": short,
        "result.percent": _percent,
        "workload.creditValue": _size,
        "workload.minutes": whole(0, 100_000_000),
        "workload.points": _size,
        "cert.no": short,
        "cert.name": long,
        "cert.issuer": long,
        "cert.skillLevel": short,
    }


class Reader:
    """Flattens and checks achievements with one vocabulary."""

    def __init__(self, words: Vocabulary) -> None:
        self._checks = checks_for(words)
        self._level = {words.level_framework: matching("L[1-6][ab]")}

    def flatten(self, achievement: dict[str, JsonValue], place: str, problems: list[Problem]) -> dict[str, LocalValue]:
        """Dotted paths; shape faults go to `problems`."""
        values: dict[str, LocalValue] = {}
        problems += [FIELD_NAME.at(f"{place}/{key}") for key in sorted(RESERVED & achievement.keys())]
        flat = [key for key in sorted(GROUPS & achievement.keys()) if not isinstance(achievement[key], (dict, type(None)))]
        problems += [WRONG_TYPE.at(f"{place}/{key}") for key in flat]
        self._descend(achievement, "", values, lambda fault, path: problems.append(fault.at(f"{place}{path}")))
        return values

    def _descend(self, inner: dict[str, JsonValue], prefix: str, values: dict[str, LocalValue], report: _Report) -> None:
        for key, value in inner.items():
            path = prefix + key
            if isinstance(value, dict) and value:
                fault = None if path in GROUPS else extra_fault(key, None)
                if fault is None:
                    self._descend(value, path + ".", values, report)
                else:
                    report(fault, "")
                continue
            if path in self._checks:
                if isinstance(value, (dict, list)):
                    report(WRONG_TYPE, f"/{path}")
                    value = None  # noqa: PLW2901 (a container has no local value of its own)
                values[path] = value
                continue
            values[path] = extra_value(value)
            fault = extra_fault(key, values[path])
            if fault is not None:
                report(fault, "")

    def faults(self, values: Mapping[str, LocalValue], op: str, place: str) -> list[Problem]:
        """Every fault of the known fields.  A revocation needs the id only."""
        required = ("achId", "achType", "title") if op in STATED else ("achId",)
        found = [MISSING.at(f"{place}/{path}") for path in required if values.get(path) is None]
        for path, check in self._checks.items():
            value = values.get(path)
            fault = None if value is None else check(value)
            if fault is not None:
                found.append(fault.at(f"{place}/{path}"))
        for path, by, table in (("result.value", "result.scale", _BY_SCALE), ("level.code", "level.framework", self._level)):
            value, kind = values.get(path), values.get(by)
            own = table.get(kind) if isinstance(kind, str) else None
            fault = own(value) if own is not None and isinstance(value, str) else None
            if fault is not None:
                found.append(fault.at(f"{place}/{path}"))
        return found

    def issues(self, values: Mapping[str, LocalValue]) -> tuple[str, ...]:
        """Quality issues that the record itself shows, sorted."""
        found = []
        start, end = values.get("period.startAt"), values.get("period.endAt")
        if isinstance(start, int) and isinstance(end, int) and end < start:
            found.append("end_before_start")
        code = values.get("provider.uscc")
        if isinstance(code, str) and not _is_uscc(code):
            found.append("issuer_code_invalid")
        if _grades_disagree(values):
            found.append("percent_differs_from_gpa")
        if has_private_use(values):
            found.append("private_use_character")
        if any(path not in self._checks and path not in GROUPS and path.partition(".")[0] not in RESERVED for path in values):
            found.append("unknown_field_kept")
        return tuple(found)


def _is_uscc(code: str) -> bool:
    try:
        return uscc(code) == code
    except IdentifierError:
        return False


def _grades_disagree(values: Mapping[str, LocalValue]) -> bool:
    """Grade points are percent / 10 − 5 from 60 upward (one school's published table)."""
    points, percent = as_decimal(values.get("result.value")), as_decimal(values.get("result.percent"))
    if values.get("result.scale") != "GPA5" or points is None or percent is None or percent < 60:
        return False
    return points != percent / 10 - 5


def nest(values: Mapping[str, LocalValue], place: str, problems: list[Problem]) -> dict[str, Json]:
    """The inverse of `flatten`, keys sorted.  Paths of which one is the beginning of another cannot be written."""
    top: dict[str, Json] = {}
    for path in sorted(values):
        if path.partition(".")[0] in RESERVED:
            continue
        *parents, last = path.split(".")
        inner = top
        for key in parents:
            below = inner.setdefault(key, {})
            if not isinstance(below, dict):
                problems.append(WRONG_FORM.at(f"{place}/{path}"))
                break
            inner = below
        else:
            fault = extra_fault(last, values[path])
            if fault is not None:
                problems.append(fault.at(f"{place}/{path}"))
            inner[last] = plain(path, values[path])
    return top


def plain(path: str, value: LocalValue) -> Json:
    """Fractions as texts; a Decimal where the format has an integer as one."""
    if not isinstance(value, Decimal):
        return value
    if path in WHOLE_PATHS and value == value.to_integral_value():
        return int(value)
    return format(value, "f")
