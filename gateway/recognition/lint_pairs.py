"""Two rules about one record and one course: contradictory, overlapping, or one of them dead.

Only rules that could meet the same record and fill the same course are compared: they share an index key (or one of them names
no title, course or code) and a course.  So a file of thousands of rules is judged in a moment.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import combinations
from typing import Final, TypeAlias

from gateway.recognition.facts import StandardCourses
from gateway.recognition.prepared import index_keys
from gateway.recognition.programme import Programme
from gateway.recognition.rule_findings import Findings
from gateway.recognition.rules import BAND_RANK, Cardinality, Need, Rule, RuleSet

Result: TypeAlias = tuple[Cardinality, Decimal | None, bool, str, bool]

PAIRS_MAX: Final = 200_000
"""Pairs of rules that may meet; a file of thousands of rules that name their titles has hundreds."""


def pair_findings(rule_set: RuleSet, programmes: Sequence[Programme], courses: StandardCourses, findings: Findings) -> None:
    """Compare the rules; each rule is reported once for each code."""
    told: set[tuple[str, str]] = set()
    for rule in rule_set.rules:
        if any(rule_set.sources and need.sources and not need.sources & rule_set.sources for need in rule.needs):
            _tell(
                findings, told, rule, "recognition.shadowed_rule", "不认定所列转出行", "the set recognises nothing of the sources it names"
            )
    for one, other in _meeting(rule_set, programmes, courses, findings):
        _compare(one, other, findings, told)


def _meeting(
    rule_set: RuleSet, programmes: Sequence[Programme], courses: StandardCourses, findings: Findings
) -> Iterable[tuple[Rule, Rule]]:
    """Pairs in file order that share a course and a key; none, and a finding, where there are more than anybody could look through."""
    names = _names(programmes)
    buckets: dict[tuple[str, str], list[Rule]] = {}
    general: dict[str, list[Rule]] = {}
    by_course: dict[str, list[Rule]] = {}
    for rule in rule_set.rules:
        for course in _courses(rule, names):
            by_course.setdefault(course, []).append(rule)
            for key in _keys(rule, courses):
                (general.setdefault(course, []) if key.startswith("k:") else buckets.setdefault((course, key), [])).append(rule)
    met = sum(len(bucket) * (len(bucket) - 1) // 2 for bucket in buckets.values())
    if met + sum(len(rules) * len(by_course[course]) for course, rules in general.items()) > PAIRS_MAX:
        findings.add(("rule",), "recognition.too_many_meetings", f"至多 {PAIRS_MAX} 对", f"at most {PAIRS_MAX} pairs")
        return ()
    pairs = {(one.place, other.place) for bucket in buckets.values() for one, other in combinations(dict.fromkeys(bucket), 2)}
    for course, rules in general.items():
        for one in dict.fromkeys(rules):
            pairs |= {(min(one.place, other.place), max(one.place, other.place)) for other in by_course[course] if other is not one}
    return ((rule_set.rules[one], rule_set.rules[other]) for one, other in sorted(pairs))


def _names(programmes: Sequence[Programme]) -> Mapping[str, frozenset[str]]:
    """For a standard course the codes of the courses it is in the programmes."""
    found: dict[str, set[str]] = {}
    for programme in programmes:
        for course in programme.courses:
            if course.standard_course:
                found.setdefault(course.standard_course, set()).add(course.code)
    return {name: frozenset(codes) for name, codes in found.items()}


def _courses(rule: Rule, names: Mapping[str, frozenset[str]]) -> frozenset[str]:
    return frozenset(rule.to).union(*(names.get(name, frozenset({name})) for name in rule.to_standard))


def _keys(rule: Rule, courses: StandardCourses) -> frozenset[str]:
    """Keys of the first need; a title the catalogue knows is its standard course too."""
    keys = set(index_keys(rule.needs[0]))
    keys |= {f"s:{courses.by_title[key[2:]]}" for key in keys if key.startswith("t:") and key[2:] in courses.by_title}
    return frozenset(keys)


def _compare(one: Rule, other: Rule, findings: Findings, told: set[tuple[str, str]]) -> None:
    many = Cardinality.MANY_TO_ONE in (one.cardinality, other.cardinality)
    if many and set(one.needs) != set(other.needs):
        return
    first, second = one.needs[0], other.needs[0]
    if not may_meet(first, second):
        return
    names = f"{one.id}、{other.id}", f"{one.id}, {other.id}"
    there, back = many or covers(first, second), many or covers(second, first)
    if one.priority == other.priority:
        if result(one) != result(other):
            code = "recognition.contradictory_rules" if there and back else "recognition.overlapping_rules"
            _tell(findings, told, other, code, *names)
        elif there and _shadows(one, other):
            _tell(findings, told, other, "recognition.shadowed_rule", *names)
        elif back and _shadows(other, one):
            _tell(findings, told, one, "recognition.shadowed_rule", *names)
        return
    high, low, over = (one, other, there) if one.priority > other.priority else (other, one, back)
    if over and _shadows(high, low):
        _tell(findings, told, low, "recognition.shadowed_rule", *names)


def _tell(findings: Findings, told: set[tuple[str, str]], rule: Rule, code: str, zh: str, en: str) -> None:
    if (rule.id, code) not in told:
        told.add((rule.id, code))
        findings.add(("rule", rule.place), code, zh, en, rule=rule.id)


def result(rule: Rule) -> Result:
    """What a rule gives, as far as two rules can differ in it for one course."""
    fixed = None if rule.credits is None else max(rule.credits)
    return rule.cardinality, fixed, bool(rule.catalogue), rule.group, rule.exam_still_required


def _shadows(high: Rule, low: Rule) -> bool:
    """Whether `high`, which meets every record `low` meets, leaves nothing for it: its courses, and the records it can use."""
    mine, theirs = set(high.to or high.to_standard), set(low.to or low.to_standard)
    reaches = mine == theirs if Cardinality.ONE_TO_MANY in (high.cardinality, low.cardinality) else theirs <= mine
    return high.cardinality is low.cardinality and reaches and (not _needs_size(high) or _needs_size(low))


def _needs_size(rule: Rule) -> bool:
    return not rule.catalogue and (rule.credits is None or any(rule.credits))


def may_meet(one: Need, other: Need) -> bool:
    """Whether some record could meet both (their titles and codes apart)."""
    pairs = zip(_choices(one), _choices(other), strict=True)
    return bool(one.kinds & other.kinds) and all(not mine or not theirs or mine & theirs for mine, theirs in pairs)


def _choices(need: Need) -> tuple[frozenset[str], ...]:
    """Everything a need gives a choice of; empty means any."""
    return need.sources, need.issuers, need.schemes, need.skill_levels, need.stages


def covers(wide: Need, narrow: Need) -> bool:
    """Whether every record that meets `narrow` meets `wide`."""
    pairs = zip(_choices(wide), _choices(narrow), strict=True)
    sets = narrow.kinds <= wide.kinds and all(not mine or (theirs and theirs <= mine) for mine, theirs in pairs)
    wide_keys, narrow_keys = set(index_keys(wide)), set(index_keys(narrow))
    general = all(key.startswith("k:") for key in wide_keys)
    return sets and (general or narrow_keys <= wide_keys) and _grades_cover(wide, narrow) and _numbers_cover(wide, narrow)


def _grades_cover(wide: Need, narrow: Need) -> bool:
    level = wide.level_min is None or (
        narrow.level_min is not None
        and narrow.level_min >= wide.level_min
        and (wide.confidence == "approximate" or narrow.confidence == "exact")
    )
    band = wide.band_min is None or (
        narrow.band_min is not None
        and BAND_RANK[narrow.band_min] >= BAND_RANK[wide.band_min]
        and (wide.pass_counts or not narrow.pass_counts)
    )
    return level and band


def _numbers_cover(wide: Need, narrow: Need) -> bool:
    size = wide.credits_min is None or (narrow.credits_min is not None and narrow.credits_min >= wide.credits_min)
    age = wide.years_max is None or (narrow.years_max is not None and narrow.years_max <= wide.years_max)
    return size and age
