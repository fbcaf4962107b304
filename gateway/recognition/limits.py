"""Caps in credits, and the most that fits under them.

A programme has one cap of everything recognised, one for a kind of achievement, one for a category of courses.  An amount belongs
to one kind and one category, so the caps cross; the most that fits is a maximum flow, and by its dual a minimum over the few
sets of kinds that could be the full ones.  Exact, integers only, no search.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import combinations
from typing import NamedTuple, TypeAlias

from gateway.recognition.programme import Programme
from gateway.recognition.rules import Caps
from gateway.recognition.words import Mills, mills

Cell: TypeAlias = tuple[str, str]
"""Kind and category; "" stands for every kind (category) whose cap cannot bind."""


class Standing(NamedTuple):
    """What the learner has been recognised before in the same programme: it counts towards every cap."""

    targets: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    total: Decimal = Decimal(0)
    by_kind: tuple[tuple[str, Decimal], ...] = ()
    by_category: tuple[tuple[str, Decimal], ...] = ()


NOTHING_BEFORE = Standing()


class Limits(NamedTuple):
    """What is left under each cap, in thousandths.  A kind or category without an entry has no cap of its own."""

    total: Mills
    kinds: Mapping[str, Mills]
    categories: Mapping[str, Mills]

    def less(self, standing: Standing) -> "Limits":
        """After what stands already; never below 0."""
        if standing is NOTHING_BEFORE:
            return self
        kinds, categories = dict(standing.by_kind), dict(standing.by_category)
        return Limits(
            max(0, self.total - mills(standing.total)),
            {kind: max(0, cap - mills(kinds.get(kind, Decimal(0)))) for kind, cap in self.kinds.items()},
            {name: max(0, cap - mills(categories.get(name, Decimal(0)))) for name, cap in self.categories.items()},
        )

    def room(self) -> Mills:
        """The smallest cap: so much fits whatever it is."""
        return min(self.total, *self.kinds.values(), *self.categories.values(), self.total)

    def binding(self, amounts: Mapping[Cell, Mills]) -> "Limits":
        """Only the caps that `amounts` (the most each kind and category could reach) can hit; the total always stays."""
        kinds: dict[str, Mills] = {}
        categories: dict[str, Mills] = {}
        for (kind, category), amount in amounts.items():
            kinds[kind] = kinds.get(kind, 0) + amount
            categories[category] = categories.get(category, 0) + amount
        return Limits(
            self.total,
            {kind: self.kinds[kind] for kind, amount in kinds.items() if kind in self.kinds and self.kinds[kind] < amount},
            {
                name: self.categories[name]
                for name, amount in categories.items()
                if name in self.categories and self.categories[name] < amount
            },
        )

    def cell(self, kind: str, category: str) -> Cell:
        """Where an amount counts."""
        return (kind if kind in self.kinds else "", category if category in self.categories else "")

    def most(self, amounts: Mapping[Cell, Mills]) -> Mills:
        """The most of `amounts` that fits under all caps at once."""
        if not self.kinds and not self.categories:
            return min(self.total, sum(amounts.values()))
        return min(self.total, *(self._through(full, amounts) for full in _subsets(self.kinds)))

    def _through(self, full: frozenset[str], amounts: Mapping[Cell, Mills]) -> Mills:
        """The cut in which the kinds of `full` are at their cap and every other kind is stopped by its categories, if at all."""
        rest: dict[str, Mills] = {}
        for (kind, category), amount in amounts.items():
            if kind not in full:
                rest[category] = rest.get(category, 0) + amount
        passed = sum(min(amount, self.categories.get(category, amount)) for category, amount in rest.items())
        return passed + sum(self.kinds[kind] for kind in full)


def limits_of(programme: Programme, caps: Caps) -> Limits:
    """The caps of a rule set for one programme.  The stricter of two holds; each is rounded down to the credit step."""
    step = caps.credit_step
    resident = max(programme.resident_credits_min, caps.resident_credits_min)
    share = programme.total_credits * caps.programme_percent / 100
    total = min(share, programme.total_credits - resident)
    kinds = {kind: programme.total_credits * percent / 100 for kind, percent in caps.kind_percent.items()}
    categories = dict(programme.category_caps)
    for name, cap in caps.category_credits.items():
        categories[name] = min(cap, categories.get(name, cap))
    return Limits(
        down(total, step),
        {kind: down(cap, step) for kind, cap in kinds.items()},
        {name: down(cap, step) for name, cap in categories.items()},
    )


def down(size: Decimal, step: Decimal) -> Mills:
    """Credits rounded down to a whole number of steps, in thousandths; below 0 is 0."""
    whole = mills(step)
    return max(0, mills(size) // whole * whole)


def _subsets(names: Iterable[str]) -> Iterable[frozenset[str]]:
    listed = sorted(names)
    return (frozenset(chosen) for size in range(len(listed) + 1) for chosen in combinations(listed, size))
