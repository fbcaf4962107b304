"""A rule set made ready: an index over its needs, and for each programme its courses and caps.

With the index a record is compared only with rules for its kind that name its title, course or code, and with the few that name none;
five thousand rules cost a handful of look-ups a record.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from gateway.recognition.conditions import checks
from gateway.recognition.facts import Facts
from gateway.recognition.limits import Limits, limits_of
from gateway.recognition.programme import Programme, TargetCourse
from gateway.recognition.rules import Cardinality, Need, Rule, RuleSet
from gateway.recognition.titles import title_key
from gateway.recognition.words import Mills, mills

RULE_SETS_KEPT_MAX: Final = 16
PROGRAMMES_KEPT_MAX: Final = 256
Test: TypeAlias = Callable[[Facts, date], bool]


class Entry(NamedTuple):
    """One need of one rule; `tests` is what its checks ask, the kind left out: the index has asked that."""

    rule: Rule
    slot: int
    tests: tuple[Test, ...]


class Aim(NamedTuple):
    """A course a rule may fill: its credits, and what the rule gives for it (None: the record's credits)."""

    course: TargetCourse
    size: Mills
    fixed: Mills | None


class Plan:
    """A rule set with one programme."""

    def __init__(self, programme: Programme, rule_set: RuleSet) -> None:
        self.programme = programme
        self.limits: Limits = limits_of(programme, rule_set.caps)
        self.courses: Mapping[str, TargetCourse] = {course.code: course for course in programme.courses}
        self._by_standard: dict[str, list[TargetCourse]] = {}
        for course in programme.courses:
            if course.standard_course:
                self._by_standard.setdefault(course.standard_course, []).append(course)
        self._aims: dict[str, tuple[Aim, ...]] = {}
        self._ways: dict[str, tuple[tuple[Aim, ...], ...]] = {}

    def aims(self, rule: Rule) -> tuple[Aim, ...]:
        """The courses of this programme the rule names, in the rule's order; empty where it names none of them."""
        found = self._aims.get(rule.id)
        if found is None:
            found = self._aims[rule.id] = tuple({aim.course.code: aim for aim in reversed(list(self._named(rule)))}.values())[::-1]
        return found

    def ways(self, rule: Rule) -> tuple[tuple[Aim, ...], ...]:
        """What the rule may fill at once: all its courses, or any one of them."""
        found = self._ways.get(rule.id)
        if found is None:
            aims = self.aims(rule)
            found = self._ways[rule.id] = (aims,) if rule.cardinality is Cardinality.ONE_TO_MANY else tuple((aim,) for aim in aims)
        return found

    def _named(self, rule: Rule) -> Iterator[Aim]:
        named: list[tuple[TargetCourse, ...]] = [(self.courses[code],) if code in self.courses else () for code in rule.to]
        named += [tuple(self._by_standard.get(name, ())) for name in rule.to_standard]
        for place, courses in enumerate(named):
            fixed = None
            if rule.credits is not None:
                fixed = mills(rule.credits[place] if len(rule.credits) > 1 else rule.credits[0])
            yield from (Aim(course, mills(course.credits), fixed) for course in courses)


class Prepared:
    """A rule set with its index."""

    def __init__(self, rule_set: RuleSet) -> None:
        self.rule_set = rule_set
        self.step = mills(rule_set.caps.credit_step)
        self.hours = frozenset(hours.policy for hours in rule_set.hours)
        named: dict[str, list[Entry]] = {}
        index: dict[tuple[str, str], list[Entry]] = {}
        compiled: dict[Need, tuple[Test, ...]] = {}
        for rule in rule_set.rules:
            for slot, need in enumerate(rule.needs):
                tests = compiled.get(need)
                if tests is None:
                    tests = compiled[need] = tuple(check.met for check in checks(need) if check.field != "kind")
                entry = Entry(rule, slot, tests)
                for key in index_keys(need):
                    named.setdefault(key, []).append(entry)
                    for kind in need.kinds:
                        index.setdefault((kind, key), []).append(entry)
        self._named: Mapping[str, tuple[Entry, ...]] = {key: tuple(entries) for key, entries in named.items()}
        self._index: Mapping[tuple[str, str], tuple[Entry, ...]] = {key: tuple(entries) for key, entries in index.items()}
        self._plans: dict[int, Plan] = {}

    def plan(self, programme: Programme) -> Plan:
        """The plan of this programme, kept for the next time it is asked for."""
        found = self._plans.get(id(programme))
        if found is None:
            if len(self._plans) >= PROGRAMMES_KEPT_MAX:
                self._plans.clear()
            found = self._plans[id(programme)] = Plan(programme, self.rule_set)
        return found

    def named(self, facts: Facts) -> list[Entry]:
        """Every need this record is named by, of whatever kind and whether or not it meets the rest; in the order of the rules."""
        return _once([entry for key in record_keys(facts) for entry in self._named.get(key, ())])

    def is_named(self, facts: Facts) -> bool:
        """Whether any need names this record."""
        return any(key in self._named for key in record_keys(facts))

    def met(self, facts: Facts, day: date) -> list[Entry]:
        """The needs this record meets, in the order of the rules."""
        get, kind = self._index.get, facts.kind
        found: list[Entry] = []
        ways = 0
        for key in record_keys(facts):
            entries = get((kind, key))
            if entries is not None:
                ways += 1
                found += entries
        if ways > 1:
            found = _once(found)
        return [entry for entry in found if all_met(entry.tests, facts, day)] if found else found


def _once(entries: list[Entry]) -> list[Entry]:
    """Each entry once, in the order of the rules."""
    return [entry for _, entry in sorted({(entry.rule.place, entry.slot): entry for entry in entries}.items())]


def all_met(tests: tuple[Test, ...], facts: Facts, day: date) -> bool:
    """Whether every test holds (the kind apart)."""
    for test in tests:
        if not test(facts, day):
            break
    else:
        return True
    return False


def record_keys(facts: Facts) -> list[str]:
    """What a record is looked up by."""
    keys = [f"t:{facts.title}", f"k:{facts.kind}"]
    if facts.standard:
        keys.append(f"s:{facts.standard}")
    if facts.code:
        keys.append(f"c:{facts.code}")
    return keys


def index_keys(need: Need) -> tuple[str, ...]:
    """What records are found by: titles, standard courses and codes, or else the kind."""
    named = [f"t:{title_key(title)}" for title in need.titles]
    named += [f"s:{course}" for course in need.standard_courses]
    named += [f"c:{code}" for code in need.course_codes]
    return tuple(dict.fromkeys(named)) or tuple(f"k:{kind}" for kind in sorted(need.kinds))


@lru_cache(maxsize=RULE_SETS_KEPT_MAX)
def prepared(rule_set: RuleSet) -> Prepared:
    """Made once for each rule set in use."""
    return Prepared(rule_set)
