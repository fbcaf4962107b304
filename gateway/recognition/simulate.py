"""A draft rule set against past items: what would change, which rules are dead or in conflict, and what no rule speaks of.

Streaming: items are taken as they come, those of one transfer side by side, and only counts, the first changes and the commonest
gaps are kept.  Each item is judged as of its own day; whether the sets were in force then does not matter here.  `old` None
compares with nothing having been recognised.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from typing import Final, NamedTuple

from gateway.model.regional import RegionalRecord
from gateway.recognition.candidates import Part
from gateway.recognition.estimate import REFUSED, Result, Solution, Verdict, solve
from gateway.recognition.facts import NO_CATALOGUE, StandardCourses, facts_of
from gateway.recognition.limits import NOTHING_BEFORE
from gateway.recognition.prepared import Prepared, prepared
from gateway.recognition.programme import Programme
from gateway.recognition.rules import RuleSet
from gateway.recognition.words import Mills, decimal

CHANGES_MAX: Final = 10_000
GAPS_MAX: Final = 10_000
PROGRESS_EVERY: Final = 1_000


class PastItem(NamedTuple):
    """One item of a past transfer; those of one transfer follow each other and share programme and day.

    `name` is what the report calls it, where it is not to name the record.
    """

    transfer: str
    day: date
    programme: Programme
    record: RegionalRecord
    name: str = ""


class Change(NamedTuple):
    """An item that would fare otherwise.  Rules are "" where none was carried out; courses are codes."""

    transfer: str
    record: str
    credits_before: Decimal
    credits_after: Decimal
    courses_before: tuple[str, ...]
    courses_after: tuple[str, ...]
    rule_before: str
    rule_after: str


class Gap(NamedTuple):
    """Records no rule of the new set speaks of, by kind and title as compared; `items` of them."""

    kind: str
    title: str
    items: int


class Conflict(NamedTuple):
    """Two rules of one priority that met one record and course and would give different credits; `items` times."""

    rules: tuple[str, str]
    items: int


@dataclass(frozen=True, slots=True)
class Simulation:
    """`gained`, `lost` and `moved` (same credits, other courses) add up to the changed items.

    `changes` are the first CHANGES_MAX; `dead` rules were never carried out; `not_exact` counts transfers whose search was cut short.
    """

    items: int
    transfers: int
    unchanged: int
    gained: int
    lost: int
    moved: int
    credits_before: Decimal
    credits_after: Decimal
    changes: tuple[Change, ...]
    changes_left_out: int
    used: tuple[tuple[str, int], ...]
    dead: tuple[str, ...]
    conflicts: tuple[Conflict, ...]
    gaps: tuple[Gap, ...]
    without_rule: int
    not_exact: int


@dataclass(slots=True)
class Tally:
    """What a simulation has counted so far."""

    items: int = 0
    transfers: int = 0
    unchanged: int = 0
    gained: int = 0
    lost: int = 0
    moved: int = 0
    before: Mills = 0
    after: Mills = 0
    left_out: int = 0
    without_rule: int = 0
    not_exact: int = 0
    changes: list[Change] = field(default_factory=list)
    used: Counter[str] = field(default_factory=Counter)
    gaps: Counter[tuple[str, str]] = field(default_factory=Counter)
    conflicts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def join(self, later: "Tally") -> None:
        """As if what `later` counted had been taken after this; only of gaps past GAPS_MAX in one of them some may be missed."""
        for name in ("items", "transfers", "unchanged", "gained", "lost", "moved", "before", "after", "without_rule", "not_exact"):
            setattr(self, name, getattr(self, name) + getattr(later, name))
        room = CHANGES_MAX - len(self.changes)
        self.changes += later.changes[:room]
        self.left_out += later.left_out + len(later.changes[room:])
        self.used.update(later.used)
        self.conflicts.update(later.conflicts)
        for key, items in later.gaps.items():
            self.gap(key, items)

    def gap(self, key: tuple[str, str], items: int) -> None:
        """Records no rule speaks of."""
        if key in self.gaps or len(self.gaps) < GAPS_MAX:
            self.gaps[key] += items


def simulate(
    old: RuleSet | None,
    new: RuleSet,
    past_items: Iterable[PastItem],
    *,
    courses: StandardCourses = NO_CATALOGUE,
    progress: Callable[[int], None] | None = None,
    on_change: Callable[[Change], None] | None = None,
) -> Simulation:
    """Run both sets over the items.  `progress` gets the number done, now and then and at the end; `on_change` gets every change."""
    running, told = Comparison(new, courses, on_change), 0
    for _, items in groupby(past_items, key=lambda item: item.transfer):
        running.take(old, list(items))
        if progress is not None and running.items - told >= PROGRESS_EVERY:
            told = running.items
            progress(told)
    if progress is not None:
        progress(running.items)
    return running.report()


class Comparison:
    """A simulation under way, for whoever brings its transfers one by one; what it is compared with may be another set each time."""

    def __init__(self, new: RuleSet, courses: StandardCourses = NO_CATALOGUE, on_change: Callable[[Change], None] | None = None) -> None:
        self._new = new
        self._courses = courses
        self._on_change = on_change
        self.tally = Tally()

    @property
    def items(self) -> int:
        """How many were taken."""
        return self.tally.items

    def take(self, old: RuleSet | None, items: list[PastItem]) -> None:
        """All items of one transfer.  `old` None: nothing would have been recognised."""
        transfer, day, programme = items[0].transfer, items[0].day, items[0].programme
        facts = sorted([facts_of(item.record, self._courses) for item in items], key=attrgetter("key"))
        after = prepared(self._new)
        plan = after.plan(programme)
        first = like = None
        if old is not None:
            before = prepared(old)
            first = solve(before, before.plan(programme), facts, day, NOTHING_BEFORE)
            like = first if before.plan(programme).limits == plan.limits else None
        new = solve(after, plan, facts, day, NOTHING_BEFORE, like)
        earlier = None if first is None else first.results
        _count(after, new, self.tally)
        for position in _changed(earlier, new.results, self.tally):
            record = facts[position].record
            name = next(item.name for item in items if item.record is record) or record.record_id
            self._tell(transfer, name, REFUSED if earlier is None else earlier[position], new.results[position])

    def _tell(self, transfer: str, name: str, before: Result, after: Result) -> None:
        """Past CHANGES_MAX a change is made only for somebody who wants each."""
        tally = self.tally
        kept = len(tally.changes) < CHANGES_MAX
        tally.left_out += not kept
        if kept or self._on_change is not None:
            change = _change(transfer, name, before, after)
            if kept:
                tally.changes.append(change)
            if self._on_change is not None:
                self._on_change(change)

    def report(self) -> Simulation:
        """What came of it so far."""
        return report(self._new, self.tally)


def _count(ready: Prepared, new: Solution, tally: Tally) -> None:
    tally.items += len(new.facts)
    tally.transfers += 1
    tally.not_exact += not new.exact
    _cover(ready, new, tally)


def _changed(before: Sequence[Result] | None, after: Sequence[Result], tally: Tally) -> list[int]:
    """The positions that fare otherwise, each counted for what it is."""
    found = []
    for position, result in enumerate(after):
        earlier = REFUSED if before is None else before[position]
        tally.before += earlier.awarded
        tally.after += result.awarded
        alike = result.awarded == earlier.awarded and result.verdict is earlier.verdict
        if alike and (result is earlier or _courses(result) == _courses(earlier)):
            tally.unchanged += 1
            continue
        found.append(position)
        if alike:
            tally.moved += 1
        elif (result.awarded, result.verdict is Verdict.RECOGNISED) > (earlier.awarded, earlier.verdict is Verdict.RECOGNISED):
            tally.gained += 1
        else:
            tally.lost += 1
    return found


def _change(transfer: str, record: str, before: Result, after: Result) -> Change:
    return Change(
        transfer, record, decimal(before.awarded), decimal(after.awarded), _courses(before), _courses(after), _rule(before), _rule(after)
    )


def _cover(ready: Prepared, solution: Solution, tally: Tally) -> None:
    """Which rules were carried out, which met the same record with other results, and which records no rule speaks of."""
    for application in solution.choice.applications:
        tally.used[application.rule.id] += 1
    _conflicts(solution, tally)
    for position, result in enumerate(solution.results):
        facts = solution.facts[position]
        if result.application is None and solution.bars[position] is None and not ready.is_named(facts):
            tally.without_rule += 1
            tally.gap((facts.kind, facts.title), 1)


def _conflicts(solution: Solution, tally: Tally) -> None:
    """Candidates stand sorted by their records, so those of the same records follow each other."""
    found = solution.candidates.applications
    for place, one in enumerate(found):
        for other in found[place + 1 :]:
            if one.records != other.records:
                break
            if one.rule.priority == other.rule.priority and one.rule is not other.rule and _clash(one.parts, other.parts):
                tally.conflicts[one.rule.id, other.rule.id] += 1


def _clash(one: tuple[Part, ...], other: tuple[Part, ...]) -> bool:
    """One course, other credits."""
    mine = {(part.record, part.course.code): part.amount for part in one}
    return any(mine.get((part.record, part.course.code), part.amount) != part.amount for part in other)


def _courses(result: Result) -> tuple[str, ...]:
    return tuple([part.course.code for part, amount in result.parts if amount or not part.amount])


def _rule(result: Result) -> str:
    return result.application.rule.id if result.application is not None else ""


def report(new: RuleSet, tally: Tally) -> Simulation:
    """What came of a simulation, or of several that were joined."""
    return Simulation(
        items=tally.items,
        transfers=tally.transfers,
        unchanged=tally.unchanged,
        gained=tally.gained,
        lost=tally.lost,
        moved=tally.moved,
        credits_before=decimal(tally.before),
        credits_after=decimal(tally.after),
        changes=tuple(tally.changes),
        changes_left_out=tally.left_out,
        used=tuple(sorted(tally.used.items())),
        dead=tuple(rule.id for rule in new.rules if rule.id not in tally.used),
        conflicts=tuple(Conflict(rules, count) for rules, count in sorted(tally.conflicts.items())),
        gaps=tuple(Gap(kind, title, count) for (kind, title), count in sorted(tally.gaps.items(), key=lambda each: (-each[1], each[0]))),
        without_rule=tally.without_rule,
        not_exact=tally.not_exact,
    )
