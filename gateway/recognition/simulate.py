"""A draft rule set against past items: what would change, which rules are dead or in conflict, and what no rule speaks of.

Streaming: items are taken as they come, those of one transfer side by side, and only counts, the first changes and the commonest
gaps are kept.  Each item is judged as of its own day; whether the sets were in force then does not matter here.  `old` None
compares with nothing having been recognised.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import groupby
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
class _Tally:
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
        self._tally = _Tally()

    @property
    def items(self) -> int:
        """How many were taken."""
        return self._tally.items

    def take(self, old: RuleSet | None, items: list[PastItem]) -> None:
        """All items of one transfer.  `old` None: nothing would have been recognised."""
        tally = self._tally
        for change in _compare(None if old is None else prepared(old), prepared(self._new), items, self._courses, tally):
            if len(tally.changes) < CHANGES_MAX:
                tally.changes.append(change)
            else:
                tally.left_out += 1
            if self._on_change is not None:
                self._on_change(change)

    def report(self) -> Simulation:
        """What came of it so far."""
        return _report(self._new, self._tally)


def _compare(before: Prepared | None, after: Prepared, items: list[PastItem], courses: StandardCourses, tally: _Tally) -> Iterator[Change]:
    transfer, programme, day = items[0].transfer, items[0].programme, items[0].day
    names = {item.record.record_id: item.name for item in items}
    facts = sorted((facts_of(item.record, courses) for item in items), key=lambda each: each.key)
    new = solve(after, after.plan(programme), facts, day, NOTHING_BEFORE)
    old = None if before is None else solve(before, before.plan(programme), facts, day, NOTHING_BEFORE)
    tally.items += len(items)
    tally.transfers += 1
    tally.not_exact += not new.exact
    _cover(after, new, tally)
    for position, result in enumerate(new.results):
        earlier = REFUSED if old is None else old.results[position]
        tally.before += earlier.awarded
        tally.after += result.awarded
        if (result.verdict, result.awarded) == (earlier.verdict, earlier.awarded) and _courses(result) == _courses(earlier):
            tally.unchanged += 1
            continue
        if result.awarded == earlier.awarded and result.verdict is earlier.verdict:
            tally.moved += 1
        elif (result.awarded, result.verdict is Verdict.RECOGNISED) > (earlier.awarded, earlier.verdict is Verdict.RECOGNISED):
            tally.gained += 1
        else:
            tally.lost += 1
        record = facts[position].key[1]
        yield _change(transfer, names.get(record) or record, earlier, result)


def _change(transfer: str, record: str, before: Result, after: Result) -> Change:
    return Change(
        transfer, record, decimal(before.awarded), decimal(after.awarded), _courses(before), _courses(after), _rule(before), _rule(after)
    )


def _cover(ready: Prepared, solution: Solution, tally: _Tally) -> None:
    """Which rules were carried out, which met the same record with other results, and which records no rule speaks of."""
    for application in solution.choice.applications:
        tally.used[application.rule.id] += 1
    _conflicts(solution, tally)
    for position, result in enumerate(solution.results):
        facts = solution.facts[position]
        if result.application is None and solution.bars[position] is None and not ready.is_named(facts):
            tally.without_rule += 1
            key = facts.kind, facts.title
            if key in tally.gaps or len(tally.gaps) < GAPS_MAX:
                tally.gaps[key] += 1


def _conflicts(solution: Solution, tally: _Tally) -> None:
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
    return tuple(part.course.code for part, amount in result.parts if amount or not part.amount)


def _rule(result: Result) -> str:
    return result.application.rule.id if result.application is not None else ""


def _report(new: RuleSet, tally: _Tally) -> Simulation:
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
