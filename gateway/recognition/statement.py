"""Statements: what the transfers of one ordered pair of banks, opened in one month, have come to.

A month is a Chinese one (+08:00).  A transfer belongs for good to the month it was opened in, so the figures of a month are those
of a fixed set of cases, each as it stands: submitted = recognised + refused + closed + pending holds exactly, whenever they are
made.  Items without computed credits are counted apart (`uncounted`), points apart from those, and so is what the accepting bank
awards.  Pure values and their JSON (JCS) forms; nothing personal is in them.  Sentences: docs/protocol.md, PR-250 to PR-257.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Final, NamedTuple

from gateway.errors import FormatError
from gateway.formats.json_safe import JsonLimits, read_json
from gateway.model.canonical import Json, jcs
from gateway.model.transfer import ItemState

SCOPE: Final = "statement:"
"""A statement's scope is `statement:<source>:<accepting>:<month>`; it is no transfer's id, which is a hex digest."""
EVENT: Final = "statement"
CONTENT: Final = "statement"
VERSION: Final = 1
LISTED_MAX: Final = 20_000
"""Items a statement lists; above that it has the figures only."""
DIFFERENCES_MAX: Final = 1_000
CHINA: Final = timezone(timedelta(hours=8))
LINES: Final = ("submitted", "recognised", "refused", "closed", "pending")
LINE_OF: Final[Mapping[ItemState, str]] = {
    ItemState.CLAIMED: "pending",
    ItemState.RECOGNISED: "recognised",
    ItemState.RECALLING: "recognised",
    ItemState.REFUSED: "refused",
    ItemState.CLOSED: "closed",
    ItemState.RECALLED: "closed",
}
LIMITS: Final = JsonLimits(bytes_max=8 * 1024 * 1024, depth_max=8, nodes_max=400_000, number_chars_max=16)
_PERIOD: Final = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])")
_AMOUNT: Final = re.compile(r"(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,8})?")
TEXT_MAX: Final = 256


def scope_of(source: str, accepting: str, period: str) -> str:
    return f"{SCOPE}{source}:{accepting}:{period}"


def is_statement_scope(scope: str | None) -> bool:
    """Whether a message is about a statement and not about a case."""
    return scope is not None and scope.startswith(SCOPE)


def period_of(moment: datetime) -> str:
    """The month a moment lies in: `2026-11`."""
    return moment.astimezone(CHINA).strftime("%Y-%m")


def bounds_of(period: str) -> tuple[datetime, datetime]:
    """Its first moment and the first one after it, UTC.  Raises ValueError for any other form."""
    if _PERIOD.fullmatch(period) is None:
        raise ValueError("a period is a month, as 2026-11")
    year, month = int(period[:4]), int(period[5:])
    after = (year + 1, 1) if month == 12 else (year, month + 1)
    return datetime(year, month, 1, tzinfo=CHINA).astimezone(UTC), datetime(*after, 1, tzinfo=CHINA).astimezone(UTC)


class StatedItem(NamedTuple):
    """One item.  Amounts are decimal texts; `credits` null where none could be computed."""

    record: str
    state: str
    reason: str
    credits: str | None
    awarded: str | None
    points: str | None


@dataclass(frozen=True, slots=True)
class StatedCase:
    """One transfer as it stands."""

    transfer: str
    state: str
    ver: int
    items: tuple[StatedItem, ...]


class Line(NamedTuple):
    """How many items, their credits, and how many of them have none."""

    items: int = 0
    credits: Decimal = Decimal(0)
    uncounted: int = 0

    def plus(self, credits: str | None) -> "Line":
        if credits is None:
            return Line(self.items + 1, self.credits, self.uncounted + 1)
        return Line(self.items + 1, self.credits + Decimal(credits), self.uncounted)

    def json(self) -> dict[str, Json]:
        return {"items": self.items, "credits": format(self.credits, "f"), "uncounted": self.uncounted}


@dataclass(frozen=True, slots=True)
class Figures:
    """The sums.  `reasons` splits `closed`; `points` are those of items without credits."""

    transfers: int = 0
    lines: Mapping[str, Line] = field(default_factory=lambda: dict.fromkeys(LINES, Line()))
    reasons: Mapping[str, Line] = field(default_factory=dict)
    awarded: Decimal = Decimal(0)
    points_items: int = 0
    points: Decimal = Decimal(0)

    def totals(self) -> dict[str, str]:
        """The five credits as a leaf has them."""
        return {name: format(self.lines[name].credits, "f") for name in LINES}

    def json(self) -> dict[str, Any]:
        return {
            "transfers": self.transfers,
            "lines": {name: line.json() for name, line in self.lines.items()},
            "closed_by_reason": {reason: line.json() for reason, line in sorted(self.reasons.items())},
            "awarded": format(self.awarded, "f"),
            "points": {"items": self.points_items, "points": format(self.points, "f")},
        }


def figures_of(cases: Iterable[StatedCase]) -> Figures:
    """Count and sum.  An item that was recalled is closed, by the reason `recalled`."""
    lines: dict[str, Line] = dict.fromkeys(LINES, Line())
    reasons: dict[str, Line] = {}
    transfers = points_items = 0
    awarded = points = Decimal(0)
    for case in cases:
        transfers += 1
        for item in case.items:
            state = ItemState(item.state)
            for name in ("submitted", LINE_OF[state]):
                lines[name] = lines[name].plus(item.credits)
            if LINE_OF[state] == "closed":
                reason = "recalled" if state is ItemState.RECALLED else item.reason
                reasons[reason] = reasons.get(reason, Line()).plus(item.credits)
            if item.awarded is not None:
                awarded += Decimal(item.awarded)
            if item.credits is None and item.points is not None:
                points_items, points = points_items + 1, points + Decimal(item.points)
    return Figures(transfers, lines, reasons, awarded, points_items, points)


@dataclass(frozen=True, slots=True)
class Statement:
    """One revision.  `size`: the leaves of the log it stands on; `cases` is None where there are too many to list."""

    source: str
    accepting: str
    period: str
    revision: int
    size: int
    at: str
    figures: Figures
    cases: tuple[StatedCase, ...] | None

    @classmethod
    def of(cls, source: str, accepting: str, period: str, revision: int, size: int, at: str, cases: tuple[StatedCase, ...]) -> "Statement":
        figures = figures_of(cases)
        listed = cases if figures.lines["submitted"].items <= LISTED_MAX else None
        return cls(source, accepting, period, revision, size, at, figures, listed)

    @property
    def scope(self) -> str:
        return scope_of(self.source, self.accepting, self.period)

    def write(self) -> bytes:
        body: dict[str, Json] = {
            "v": VERSION,
            "source": self.source,
            "accepting": self.accepting,
            "period": self.period,
            "revision": self.revision,
            "size": self.size,
            "at": self.at,
            "figures": self.figures.json(),
            "cases": None
            if self.cases is None
            else [
                {"transfer": case.transfer, "state": case.state, "ver": case.ver, "items": [list(item) for item in case.items]}
                for case in self.cases
            ],
        }
        return jcs(body)

    def named(self) -> list[tuple[str, bytes]]:
        """The stretches of the document that name records, in its order, each with its case."""
        return [(case.transfer, jcs([list(item) for item in case.items])) for case in self.cases or () if case.items]

    @classmethod
    def read(cls, content: bytes) -> "Statement":
        """Only our own spelling, and figures that are those of the listed cases.  Raises FormatError(`format.statement`)."""
        told = _object(content)
        try:
            listed = told["cases"]
            cases = None if listed is None else tuple(_case(each) for each in listed)
            figures = _figures(told["figures"]) if cases is None else figures_of(cases)
            found = cls(
                _text(told["source"]), _text(told["accepting"]), _text(told["period"]), int(told["revision"]), int(told["size"]),
                _text(told["at"]), figures, cases,
            )  # fmt: skip
            bounds_of(found.period)
        except (KeyError, TypeError, ValueError, ArithmeticError):
            raise _fault("form") from None
        if found.write() != content:
            raise _fault("figures")
        return found


class Difference(NamedTuple):
    """An item two sides see otherwise; a side that does not know it has "" and None.  `record` "" is the whole case."""

    transfer: str
    record: str
    own_state: str
    own_credits: str | None
    stated_state: str = ""
    stated_credits: str | None = None


def stated_cases(content: bytes) -> tuple[StatedCase, ...]:
    """The cases that a document of ours lists, some perhaps without their items.  Raises FormatError(`format.statement`)."""
    try:
        return tuple(_case(each) for each in _object(content)["cases"] or ())
    except (KeyError, TypeError, ValueError):
        raise _fault("form") from None


def named_differences(items: Iterable["Difference"]) -> list[tuple[str, bytes]]:
    """The stretches of a word against a statement, in its order, each with its case."""
    return [(each.transfer, jcs(list(each[:4]))) for each in items]


def write_countersignature(sd: str, revision: int) -> bytes:
    """A bank's word that a statement is right.  `sd` is the statement's salted digest, as its leaf has it."""
    return jcs({"v": VERSION, "statement": sd, "revision": revision})


def write_differences(sd: str, revision: int, items: Iterable[Difference]) -> bytes:
    """A bank's word that it is not, and where: transfer, record, its own state and credits."""
    own: list[Json] = [list(each[:4]) for each in items]
    return jcs({"v": VERSION, "statement": sd, "revision": revision, "items": own})


@dataclass(frozen=True, slots=True)
class Word:
    """What a bank says of a statement; no `items` where it agrees."""

    sd: str
    revision: int
    items: tuple[Difference, ...] = ()


def read_countersignature(content: bytes) -> Word:
    """Raises FormatError(`format.statement`)."""
    told = _object(content)
    if told.keys() != {"v", "statement", "revision"}:
        raise _fault("form")
    return _word(told, ())


def read_differences(content: bytes) -> Word:
    """At least one, in the form of RFC 8785.  Raises FormatError(`format.statement`)."""
    told = _object(content)
    items = told.get("items")
    if told.keys() != {"v", "statement", "revision", "items"} or not isinstance(items, list) or not 0 < len(items) <= DIFFERENCES_MAX:
        raise _fault("items")
    try:
        word = _word(told, tuple(_difference(each) for each in items))
    except (TypeError, ValueError):
        raise _fault("items") from None
    if jcs(told) != content:  # what names a case is cut out of it by its bytes
        raise _fault("spelling")
    return word


def against(cases: Iterable[StatedCase], items: Iterable[Difference]) -> tuple[Difference, ...]:
    """The same differences with what the statement says of each item beside them."""
    stated = {(case.transfer, item.record): item for case in cases for item in case.items}
    return tuple(
        each._replace(stated_state=item.state, stated_credits=item.credits) if (item := stated.get(each[:2])) is not None else each
        for each in items
    )


def _difference(value: Any) -> Difference:
    transfer, record, state, size = value
    return Difference(_text(transfer), _text(record), _text(state), _amount(size))


def _word(told: Mapping[str, Any], items: tuple[Difference, ...]) -> Word:
    sd, revision = told["statement"], told["revision"]
    if not isinstance(sd, str) or len(sd) > TEXT_MAX or type(revision) is not int:
        raise _fault("form")
    return Word(sd, revision, items)


def _case(value: Any) -> StatedCase:
    return StatedCase(_text(value["transfer"]), _text(value["state"]), int(value["ver"]), tuple(_item(each) for each in value["items"]))


def _item(value: Any) -> StatedItem:
    record, state, reason, *amounts = value
    size, awarded, points = (_amount(each) for each in amounts)
    return StatedItem(_text(record), ItemState(state).value, _text(reason), size, awarded, points)


def _figures(value: Any) -> Figures:
    return Figures(
        int(value["transfers"]),
        {name: _line(value["lines"][name]) for name in LINES},
        {_text(reason): _line(line) for reason, line in value["closed_by_reason"].items()},
        Decimal(_text(value["awarded"])),
        int(value["points"]["items"]),
        Decimal(_text(value["points"]["points"])),
    )


def read_figures(text: str) -> Figures:
    """The inverse of `json.dumps(figures.json())`: as a database keeps them."""
    return _figures(json.loads(text))


def _line(value: Any) -> Line:
    return Line(int(value["items"]), Decimal(_text(value["credits"])), int(value["uncounted"]))


def _amount(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and _AMOUNT.fullmatch(value)):
        return value
    raise ValueError("not an amount")


def _text(value: Any) -> str:
    if isinstance(value, str) and len(value) <= TEXT_MAX:
        return value
    raise ValueError("not a text")


def _object(content: bytes) -> dict[str, Any]:
    found: Any = read_json(content, LIMITS)
    if not isinstance(found, dict) or found.get("v") != VERSION:
        raise _fault("form")
    return found


def _fault(where: str) -> FormatError:
    return FormatError(
        "format.statement", "对账单或其答复格式不正确", "the statement, or the answer to it, does not have its form", where=where
    )
