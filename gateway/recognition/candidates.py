"""Everything the rules could do with a learner's records, before anything is chosen.

An application is one rule applied to one record (or to the several a many-to-one rule needs) and to the courses it fills.
What it could give is settled here, as far as it depends on nothing else: never more than the course has (a surplus is not
carried), never more than the record has unless a catalogue entry fixes the credits, always whole credit steps.
Where two rules would do the same thing with the same records and courses, only the one of higher priority stays.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import islice, product
from operator import attrgetter
from typing import Final, NamedTuple

from gateway.recognition.facts import Facts
from gateway.recognition.limits import Standing
from gateway.recognition.prepared import Aim, Plan, Prepared
from gateway.recognition.programme import TargetCourse
from gateway.recognition.rules import Cardinality, Rule
from gateway.recognition.words import Mills, Words

COMBINATIONS_MAX: Final = 200
"""Ways in which one many-to-one rule is tried; past it the estimate says that it is not exact."""


class Part(NamedTuple):
    """What one record brings to one course."""

    record: int
    course: TargetCourse
    amount: Mills


class Application(NamedTuple):
    """`records` are positions, ascending; `credits` the sum of the parts; `grade` the credits weighted with the grade's rank."""

    rule: Rule
    records: tuple[int, ...]
    parts: tuple[Part, ...]
    credits: Mills
    grade: int


class Candidates(NamedTuple):
    """`exact` is False where combinations were left out."""

    applications: tuple[Application, ...]
    exact: bool


def candidates(prepared: Prepared, plan: Plan, facts: Sequence[Facts], free: Sequence[int], day: date, standing: Standing) -> Candidates:
    """Every application of the records at the positions `free`, sorted by first record, priority, rule and course."""
    found: list[Application] = []
    slots: dict[str, tuple[Rule, list[list[int]]]] = {}
    for position in free:
        for entry in prepared.met(facts[position], day):
            rule = entry.rule
            if rule.group in standing.groups and rule.group:
                continue
            if rule.cardinality is Cardinality.MANY_TO_ONE:
                slots.setdefault(rule.id, (rule, [[] for _ in rule.needs]))[1][entry.slot].append(position)
            else:
                found.extend(_apply(prepared, plan, rule, (position,), facts, standing))
    exact = True
    for rule, filled in slots.values():
        together = list(islice(_together(filled, facts), COMBINATIONS_MAX + 1))
        exact = exact and len(together) <= COMBINATIONS_MAX
        for records in together[:COMBINATIONS_MAX]:
            found.extend(_apply(prepared, plan, rule, records, facts, standing))
    if len({each.records for each in found}) == len(found):
        found.sort(key=attrgetter("records"))
    else:
        found = _first_by_priority(found)
    return Candidates(tuple(found), exact)


def _together(filled: list[list[int]], facts: Sequence[Facts]) -> Iterator[tuple[int, ...]]:
    """Sets of different records, one a need, without two attempts at one course."""
    seen = set()
    for chosen in product(*filled):
        records = tuple(sorted(set(chosen)))
        attempts = [facts[record].retake for record in records if facts[record].retake]
        if len(records) == len(chosen) and len(set(attempts)) == len(attempts) and records not in seen:
            seen.add(records)
            yield records


def _apply(
    prepared: Prepared, plan: Plan, rule: Rule, records: tuple[int, ...], facts: Sequence[Facts], standing: Standing
) -> list[Application]:
    for record in records:
        if unusable(prepared, rule, facts[record]) is not None:
            return []
    ways = plan.ways(rule)
    if standing.targets:
        ways = tuple([tuple([aim for aim in way if aim.course.code not in standing.targets]) for way in ways])
    grade = max(min([facts[record].grade for record in records]), 0)
    found = []
    for way in ways:
        parts = _parts(rule, records, way, facts, prepared.step)
        if parts:
            total = sum([part.amount for part in parts])
            found.append(Application(rule, records, tuple(parts), total, total * grade))
    return found


def unusable(prepared: Prepared, rule: Rule, facts: Facts) -> tuple[str, Words] | None:
    """Why a record that meets a need still cannot be used by this rule.

    The catalogue entry it stands on no longer counts, or the record's size is not known, or not by an accepted policy.
    """
    if rule.catalogue and rule.catalogue in prepared.rule_set.lapsed:
        return "not_in_catalogue", Words(
            f"所依据的目录条目 {rule.catalogue} 已过复审日期或已失效",
            f"catalogue entry {rule.catalogue} is past its review date or no longer valid",
        )
    if rule.catalogue or (rule.credits is not None and not any(rule.credits)):
        return None
    if facts.credits is None:
        words = Words("记录没有区域学分,规则也没有由目录核定的学分", "the record has no regional credits, and no catalogue entry fixes any")
        return "size_insufficient", words
    if prepared.hours and facts.policy not in prepared.hours:
        words = Words(
            f"区域学分按 {facts.policy or '未注明的规则'} 折算,不在本规则集认可之列",
            f"its credits were computed by {facts.policy or 'a policy that is not named'}, which this rule set does not accept",
        )
        return "not_verified", words
    return None


def _parts(rule: Rule, records: tuple[int, ...], aims: tuple[Aim, ...], facts: Sequence[Facts], step: Mills) -> list[Part]:
    """What each record gives to each course, records and courses in order; nothing where a rule that gives credits could give none."""
    left = [facts[record].mills for record in records]
    if rule.catalogue:
        left[0] = sum([aim.size for aim in aims])
    found = []
    for course, size, fixed in aims:
        if fixed == 0:
            found += [Part(record, course, 0) for record in records]
            continue
        wanted = min(size, sum(left)) if fixed is None else min(fixed, size, sum(left))
        wanted = wanted // step * step
        for place, record in enumerate(records):
            given = min(left[place], wanted)
            left[place] -= given
            wanted -= given
            if given:
                found.append(Part(record, course, given))
    return found


def _first_by_priority(found: list[Application]) -> list[Application]:
    """Of applications that differ in the rule only, those of the highest priority."""
    highest: dict[tuple[tuple[int, ...], tuple[str, ...]], int] = {}
    for each in found:
        key = _same(each)
        highest[key] = max(highest.get(key, each.rule.priority), each.rule.priority)
    kept = [each for each in found if each.rule.priority == highest[_same(each)]]
    return sorted(kept, key=lambda each: (each.records, -each.rule.priority, each.rule.id, tuple(part.course.code for part in each.parts)))


def _same(application: Application) -> tuple[tuple[int, ...], tuple[str, ...]]:
    return application.records, tuple(dict.fromkeys(part.course.code for part in application.parts))


def by_first_record(applications: Sequence[Application]) -> Mapping[int, list[Application]]:
    """Applications under the smallest position among their records."""
    found: dict[int, list[Application]] = {}
    for each in applications:
        found.setdefault(each.records[0], []).append(each)
    return found
