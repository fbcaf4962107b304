"""The orders in which lists of cases can be read, each along an index, so that a page costs a page whatever is stored.

An order is a sequence of runs: states read together along one key, or, by state, one run after the other.  Every key has the case's id
after it: no two rows have one place.  By deadline only cases that have one are listed.
There is no order by bank: an index for it would be rewritten at each step of each case; the list is filtered by bank instead.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.model.transfer import State
from gateway.storage.rows import TransferRow

FIRST, LAST = "", "~"
"""Texts before and after every moment."""
MOVED, OPENED, DUE = "changed_at", "opened_at", "deadline"
QUERIES: Final[Mapping[tuple[str, bool], str]] = {
    (MOVED, True): "transfers_page",
    (MOVED, False): "transfers_page_back",
    (OPENED, True): "transfers_by_opening",
    (OPENED, False): "transfers_by_opening_back",
    (DUE, True): "transfers_by_due_back",
    (DUE, False): "transfers_by_due",
}
"""By key and whether it descends."""
_BOUNDS: Final[Mapping[str, tuple[str, str]]] = {MOVED: ("since", "until"), OPENED: ("opened_since", "opened_until")}


@dataclass(frozen=True, slots=True)
class Run:
    """These states together, along one key."""

    states: tuple[State, ...]
    by: str
    descending: bool

    @property
    def query(self) -> str:
        return QUERIES[self.by, self.descending]

    @property
    def at_once(self) -> bool:
        """One query for all states."""
        return self.by == DUE

    @property
    def beginning(self) -> tuple[str, str]:
        return (LAST, LAST) if self.descending else (FIRST, FIRST)

    def key(self, row: TransferRow) -> tuple[str, str]:
        return getattr(row, self.by) or "", row.id

    def narrowed(self, params: Mapping[str, str], at: str) -> dict[str, str]:
        """The key's own bounds no wider than from the cursor on: what the index is read between."""
        if self.by not in _BOUNDS:
            return {}
        low, high = _BOUNDS[self.by]
        return {high: min(params[high], at)} if self.descending else {low: max(params[low], at)}


@dataclass(frozen=True, slots=True)
class Order:
    """`name` as the URL has it; `by_state`: one run a state, in the order of states, each by what moved last."""

    name: str
    by: str
    descending: bool
    by_state: bool = False

    def holds(self, row: TransferRow) -> bool:
        """Whether the row has a place in this order."""
        return self.by != DUE or row.deadline is not None

    def cursor(self, row: TransferRow) -> str:
        place = f"{getattr(row, self.by)}|{row.id}"
        return f"{row.state}|{place}" if self.by_state else place

    def runs(self, states: Sequence[State], cursor: str = "", *, back: bool = False) -> Iterator[tuple[Run, tuple[str, str]]]:
        """The runs from the cursor on, each with the place where it begins.  A cursor that is none is the beginning."""
        state, _, place = cursor.partition("|") if self.by_state else ("", "", cursor)
        runs = self._runs(states, back=back)
        start = next((number for number, run in enumerate(runs) if not self.by_state or state in run.states), 0)
        begun = cursor.count("|") == (2 if self.by_state else 1) and (not self.by_state or state in {*states})
        for number, run in enumerate(runs[start:]):
            at, _, id_ = place.partition("|")
            yield run, (at, id_) if begun and number == 0 else run.beginning

    def _runs(self, states: Sequence[State], *, back: bool) -> list[Run]:
        if not self.by_state:
            return [Run(tuple(states), self.by, self.descending != back)]
        chosen = sorted(states, key=list(State).index, reverse=self.descending != back)
        return [Run((state,), self.by, not back) for state in chosen]

    def put(self, rows: list[TransferRow]) -> list[TransferRow]:
        """A few rows in this order."""
        found: list[TransferRow] = []
        for run, _ in self.runs(tuple(State)):
            mine = [row for row in rows if row.state in run.states and self.holds(row)]
            found += sorted(mine, key=run.key, reverse=run.descending)
        return found


NEWEST: Final = Order("", MOVED, descending=True)
ORDERS: Final[Mapping[str, Order]] = {
    each.name: each
    for each in (
        NEWEST,
        Order("oldest", MOVED, descending=False),
        Order("opened", OPENED, descending=False),
        Order("-opened", OPENED, descending=True),
        Order("due", DUE, descending=False),
        Order("-due", DUE, descending=True),
        Order("state", MOVED, descending=False, by_state=True),
        Order("-state", MOVED, descending=True, by_state=True),
    )
}
