"""Do the books balance?  The sums of every ordered pair and month three times over: from the rows, from the leaves alone, and as
the statements have them.

The leaves are read once, in order: each leaf of a case tells the case's five totals, the opening one also its banks, and its time
the month.  So a sum can be given at any size of the log, which is how a statement is checked against the leaves it stood on.
Nothing is believed of the rows that the leaves do not say; what differs is named, case by case, with a bound.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias

from gateway.model.transfer import ItemState
from gateway.recognition.statement import LINE_OF, LINES, SCOPE, period_of, read_figures
from gateway.storage.database import Database
from gateway.storage.rows import StatementRow
from gateway.transferlog.leaf import Leaf, parse_leaf

Key: TypeAlias = tuple[str, str, str]
"""Source, accepting, month."""
NAMES: Final = (*LINES, "awarded")
FINDINGS_MAX: Final = 200
PAGE: Final = 1_000
OPENED: Final = "transfer.requested"
ISSUED: Final = "statement.issued"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not balance.  `where` is a transfer or a statement's scope; `found` is what is there, `wanted` what should be."""

    code: str
    where: str
    wanted: str
    found: str


@dataclass(slots=True)
class Sums:
    """What one pair and month comes to."""

    transfers: int = 0
    uncounted: int = 0
    amounts: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys(NAMES, Decimal(0)))

    def add(self, totals: Mapping[str, Decimal], uncounted: int, sign: int = 1) -> None:
        self.uncounted += sign * uncounted
        for name in NAMES:
            self.amounts[name] += sign * totals[name]

    def shown(self) -> dict[str, Any]:
        return {"transfers": self.transfers, "uncounted": self.uncounted, **{name: format(self.amounts[name], "f") for name in NAMES}}


@dataclass(frozen=True, slots=True)
class Balance:
    """What a check came to.  `ok` when nothing was found."""

    size: int
    leaves: int
    transfers: int
    statements: int
    sums: Mapping[Key, Sums]
    findings: tuple[Finding, ...]
    more: bool

    @property
    def ok(self) -> bool:
        return not self.findings


class _Found:
    """Findings, bounded."""

    def __init__(self) -> None:
        self.kept: list[Finding] = []
        self.more = False

    def __call__(self, code: str, where: str, wanted: object, found: object) -> None:
        if wanted == found:
            return
        if len(self.kept) >= FINDINGS_MAX:
            self.more = True
            return
        self.kept.append(Finding(code, where, _text(wanted), _text(found)))


@dataclass(slots=True)
class _Told:
    """The last leaf's word on a case."""

    key: Key
    totals: Mapping[str, Decimal]
    uncounted: int
    index: int


class Replay:
    """The leaves in order; sums as of any size that was asked for."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self.cases: dict[str, _Told] = {}
        self.sums: dict[Key, Sums] = {}
        self.at: dict[int, dict[Key, dict[str, Any]]] = {}
        self._sizes = sorted(set(sizes))
        self._next = 0

    def take(self, index: int, leaf: Leaf) -> None:
        """The leaf at `index`; every sum as of `index` leaves is kept before."""
        self.mark(index)
        if leaf.totals is None or leaf.ver is None:  # a case's leaf tells both
            return
        before = self.cases.get(leaf.scope)
        if before is None:
            if leaf.type != OPENED or leaf.seq:
                return
            key = (str(leaf.facts.get("source", "")), str(leaf.facts.get("accepting", "")), period_of(datetime.fromisoformat(leaf.at)))
            self.sums.setdefault(key, Sums()).transfers += 1
        else:
            key = before.key
            self.sums[key].add(before.totals, before.uncounted, -1)
        totals = {name: Decimal(leaf.totals[name]) for name in LINES} | {"awarded": Decimal(str(leaf.facts.get("awarded", "0")))}
        told = _Told(key, totals, int(leaf.facts.get("uncounted", 0)), index)
        self.cases[leaf.scope] = told
        self.sums[key].add(told.totals, told.uncounted)

    def mark(self, size: int) -> None:
        """The log has `size` leaves now."""
        while self._next < len(self._sizes) and self._sizes[self._next] <= size:
            self.at[self._sizes[self._next]] = {key: sums.shown() for key, sums in self.sums.items()}
            self._next += 1


async def balance(database: Database) -> Balance:
    """The whole check.  Raises StorageError, TransferLogError (a leaf that cannot be read: have the log verified first)."""
    ((size, _, _),) = await database.fetch("head")
    rows = [StatementRow(*row) for row in await database.fetch("statements_all", source="", accepting="", period="", most=-1)]
    issued = {
        (leaf.scope, int(leaf.facts["revision"])): leaf
        for _, _, raw in await database.fetch("log_scopes_like", first=SCOPE, end=SCOPE[:-1] + ";")
        if (leaf := parse_leaf(raw)).type == ISSUED
    }
    replay, found = Replay([int(leaf.facts["size"]) for leaf in issued.values()]), _Found()
    for first in range(0, size, PAGE):
        for index, raw in await database.fetch("log_entries_range", first=first, end=min(size, first + PAGE)):
            replay.take(index, parse_leaf(raw))
    replay.mark(size)
    transfers = await _rows_against(database, replay, found, size)
    for leaf in issued.values():
        _stated(leaf, replay, found)
    for row in rows:
        _stored(row, issued.get((row.id, row.revision)), found)
    return Balance(size, size, transfers, len(issued), replay.sums, tuple(found.kept), found.more)


async def _rows_against(database: Database, replay: Replay, found: _Found, size: int) -> int:
    """Every case: its items give its totals, and its last leaf says the same; no case on one side only."""
    after, count, seen = "", 0, set()
    while True:
        page = await database.fetch("conservation_rows", after=after, most=PAGE)
        for id_, source, accepting, opened_at, totals, leaf, items in page:
            if leaf >= size:  # written since the head was read
                seen.add(id_)
                continue
            count += 1
            seen.add(id_)
            sums = {name: format(value, "f") for name, value in _items_sums(json.loads(items)).items()}
            stored = json.loads(totals)
            found("conservation.items", id_, _plain(sums), _plain({name: stored[name] for name in sums}))
            _balanced(id_, sums, found)
            told = replay.cases.get(id_)
            if told is None:
                found("conservation.no_leaf", id_, "transfer.requested", "")
                continue
            found("conservation.pair", id_, (source, accepting, period_of(datetime.fromisoformat(opened_at))), told.key)
            found("conservation.leaf", id_, _plain(told.totals), _plain(sums))
        if len(page) < PAGE:
            break
        after = page[-1][0]
    for scope, told in replay.cases.items():
        if scope not in seen:
            found("conservation.no_row", scope, f"leaf {told.index}", "")
    return count


def _items_sums(items: Sequence[Sequence[Any]]) -> dict[str, Decimal]:
    sums = dict.fromkeys(NAMES, Decimal(0))
    for state, size, awarded in items:
        if awarded is not None:
            sums["awarded"] += Decimal(awarded)
        if size is not None:
            sums["submitted"] += Decimal(size)
            sums[LINE_OF[ItemState(state)]] += Decimal(size)
    return sums


def _balanced(where: str, sums: Mapping[str, str], found: _Found) -> None:
    submitted, *parts = (Decimal(sums[name]) for name in LINES)
    found("conservation.unbalanced", where, submitted, sum(parts, Decimal(0)))


def _stated(leaf: Leaf, replay: Replay, found: _Found) -> None:
    """A statement's leaf against the leaves it stands on."""
    facts = leaf.facts
    key = (str(facts["source"]), str(facts["accepting"]), str(facts["period"]))
    sums = replay.at.get(int(facts["size"]), {}).get(key, Sums().shown())
    told = {name: facts[name] for name in ("transfers", "uncounted", "awarded")} | dict(leaf.totals or {})
    found("conservation.statement", f"{leaf.scope} {facts['revision']}", _plain(sums), _plain(told))


def _stored(row: StatementRow, leaf: Leaf | None, found: _Found) -> None:
    """A statement's row against its leaf."""
    if leaf is None:
        found("conservation.no_leaf", row.id, ISSUED, "")
        return
    figures = read_figures(row.figures)
    found("conservation.figures", row.id, _plain(leaf.totals or {}), _plain(figures.totals()))
    found("conservation.figures", row.id, leaf.content[0][1], row.sd)


def _plain(sums: Mapping[str, Any]) -> dict[str, Any]:
    """Amounts compared by value: `3` and `3.0` are one amount."""
    return {name: value if isinstance(value, int) else format(Decimal(value).normalize(), "f") for name, value in sorted(sums.items())}


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str, sort_keys=True)
