"""`ceg log rebuild`: what the leaves say against what the database says, row by row, every difference named.

One pass over the leaves (`transferlog.rebuild`), then one over each table, a page at a time; memory holds the rebuilt scopes and at most
`DIFFERENCES_MAX` differences.  A field is compared where the leaves say it; with the node's keys the stored contents are opened too
(`rebuilt_contents`).  What an erased part can no longer show is listed as erased and is no difference.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, NamedTuple, TypeAlias

from gateway.storage.database import Read
from gateway.storage.read_only import ReadOnlyDatabase
from gateway.storage.rows import ItemRow, TransferRow
from gateway.transferlog.leaf import Leaf, parse_leaf
from gateway.transferlog.rebuild import Rebuild, Scope
from gateway.transfers.case import totals_of

DIFFERENCES_MAX: Final = 1_000
PAGE: Final = 500
NO_ROW: Final = "(no row)"
NO_LEAF: Final = "(no leaf)"
UNREADABLE_ONCE_ERASED: Final = frozenset({"record", "credits", "part_sd", "identity_sd", "totals"})
"""Fields that only an erased part could explain."""
ReadLeaf: TypeAlias = Callable[[int], Leaf]


class Difference(NamedTuple):
    """`log` is what the leaves give, `database` what is stored; texts, without personal values."""

    table: str
    id: str
    field: str
    log: str
    database: str


@dataclass(slots=True)
class Comparison:
    """What was compared: rows by table.  `erased` are part ids whose contents are gone by an erasure that the log tells of."""

    size: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    erased: set[str] = field(default_factory=set)
    more: bool = False
    opened: int | None = None

    @property
    def ok(self) -> bool:
        return not self.differences

    def count(self, table: str) -> None:
        self.rows[table] = self.rows.get(table, 0) + 1

    def tell(self, table: str, id: str, name: str, log: object, database: object) -> None:
        """Two values that should be one.  Equal ones are no difference."""
        if log == database:
            return
        if len(self.differences) >= DIFFERENCES_MAX:
            self.more = True
            return
        self.differences.append(Difference(table, id, name, _text(log), _text(database)))

    def all(self, table: str, id: str, log: Mapping[str, object], row: object) -> None:
        """Every named field of a row."""
        for name, value in log.items():
            self.tell(table, id, name, value, getattr(row, name))


def leaf_reader(database: ReadOnlyDatabase) -> ReadLeaf:
    """Leaves by index, as they are stored.  Raises TransferLogError for one that cannot be read, KeyError for one that is not there."""

    def read(index: int) -> Leaf:
        found = database.rows(Read("log_entries_range", {"first": index, "end": index + 1}))
        if not found:
            raise KeyError(index)
        return parse_leaf(found[0][1])

    return read


def compare_cases(database: ReadOnlyDatabase, rebuilt: Rebuild, read: ReadLeaf, told: Comparison) -> None:
    """Tables `transfer` and `item`."""
    seen: set[int] = set()
    for row in transfers(database):
        told.count("transfer")
        scope = rebuilt.scope(row.id)
        if scope is None or scope.case < 0:
            told.tell("transfer", row.id, "id", NO_LEAF, row.id)
            continue
        seen.add(scope.first)
        items = [ItemRow(*each) for each in database.rows(Read("items_by_transfer", {"ids": json.dumps([row.id])}))]
        _case(row, items, scope, read, told, erased=rebuilt.erased(row.id))
    for scope in rebuilt.cases():
        if scope.first not in seen:
            name = read(scope.first).scope
            told.tell("transfer", name, "id", name, NO_ROW)


def transfers(database: ReadOnlyDatabase) -> Iterator[TransferRow]:
    """Every transfer by id, a page at a time."""
    after = ""
    while page := database.rows(Read("rebuild_transfers", {"after": after, "most": PAGE})):
        yield from (TransferRow(*row) for row in page)
        after = page[-1][0]


def _case(row: TransferRow, items: list[ItemRow], scope: Scope, read: ReadLeaf, told: Comparison, *, erased: bool) -> None:
    first, last = read(scope.first), read(scope.case)
    log = _expected(scope, first, last, read)
    if erased:
        told.erased.add(row.id)
        log = {name: value for name, value in log.items() if name not in UNREADABLE_ONCE_ERASED}
    told.all("transfer", row.id, log, row)
    if row.leaf not in {scope.case, scope.last}:  # an erasure is a leaf of its own and moves nothing
        told.tell("transfer", row.id, "leaf", scope.case, row.leaf)
    _items(row.id, items, last, told)
    if not erased:
        _totals(row, items, last, told)


def _expected(scope: Scope, first: Leaf, last: Leaf, read: ReadLeaf) -> dict[str, object]:
    """The fields of a case's row that its leaves say."""
    mapping = read(scope.mapped).mapping if scope.mapped >= 0 else None
    return {
        "iss": first.iss,
        "jti": first.jti,
        "source": first.facts.get("source", ""),
        "accepting": first.facts.get("accepting", ""),
        "facing": first.actor,
        "state": last.state_after,
        "ver": last.ver,
        "seq": scope.count,
        "opened_at": first.at,
        "changed_at": read(scope.changed).at,
        "deadline": last.deadline,
        "mapping": "@".join(mapping) if mapping else "",
        "identity_sd": _sd(first, "identity"),
        "part_sd": _sd(read(scope.part), "part") if scope.part >= 0 else "",
        "held_from": scope.held_from,
        "disputed_from": scope.disputed_from,
        "asks": scope.asks,
        "amends": scope.amends,
        "decision_jti": _jti(scope.decided, read),
        "posted_source": _jti(scope.posted_source, read),
        "posted_accepting": _jti(scope.posted_accepting, read),
    }


def _sd(leaf: Leaf, name: str) -> str:
    return next((sd for each, sd, _ in leaf.content if each == name), "")


def _jti(index: int, read: ReadLeaf) -> str:
    return read(index).jti if index >= 0 else ""


def _items(transfer: str, items: list[ItemRow], last: Leaf, told: Comparison) -> None:
    """Each item of the case's last leaf has its row; rows without one are matched to what is left by outcome, then commitment."""
    left = list(last.items)
    odd: list[ItemRow] = []
    for item in items:
        told.count("item")
        if (item.cm, item.nf, item.state) in left:
            left.remove((item.cm, item.nf, item.state))
        else:
            odd.append(item)
    for item in odd:
        nearest = max(left, key=lambda each: (each[1] == item.nf) + (each[0] == item.cm) + (each[2] == item.state), default=None)
        name = f"{transfer}/{item.position}"
        if nearest is None:
            told.tell("item", name, "position", NO_LEAF, item.position)
            continue
        left.remove(nearest)
        for part, value in zip(("cm", "nf", "state"), nearest, strict=True):
            told.tell("item", name, part, value, getattr(item, part))
    for cm, nf, state in left:
        told.tell("item", transfer, "position", f"{cm} {nf} {state}", NO_ROW)


def _totals(row: TransferRow, items: list[ItemRow], last: Leaf, told: Comparison) -> None:
    """The items' credits give the leaf's totals, and so does what the row says of them."""
    assert last.totals is not None
    log = {**last.totals, "awarded": str(last.facts.get("awarded", "0")), "uncounted": str(last.facts.get("uncounted", 0))}
    for table, stored in (("transfer", json.loads(row.totals)), ("item", totals_of(items))):
        for name, value in log.items():
            if Decimal(value) != Decimal(stored.get(name, "-1")):
                told.tell(table, row.id, f"totals.{name}" if table == "transfer" else f"credits.{name}", value, stored.get(name))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
