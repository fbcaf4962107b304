"""Whether a rule file may be published: everything that is wrong with it, with code and place, at once.

A file that cannot be read is judged no further.  What needs the catalogue or the programmes is judged where they are given.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from gateway.errors import Problem
from gateway.model.codes import CodeTables
from gateway.recognition.catalogue import Catalogue, Entry, Table, why_not
from gateway.recognition.facts import NO_CATALOGUE
from gateway.recognition.links import standard_courses
from gateway.recognition.lint_caps import cap_findings
from gateway.recognition.lint_pairs import pair_findings
from gateway.recognition.programme import Programme
from gateway.recognition.rule_file import read_rules
from gateway.recognition.rule_findings import Findings
from gateway.recognition.rule_places import Path
from gateway.recognition.rules import Cardinality, Rule, RuleSet


def lint(
    name: str, raw: bytes, codes: CodeTables, *, day: date, catalogue: Catalogue | None = None, programmes: Sequence[Programme] = ()
) -> tuple[Problem, ...]:
    """Judge one file; `name` is the file's, for places, `day` the day of the judgement.  Empty when it may be published."""
    rule_set, findings = read_rules(name, raw, codes)
    if rule_set is None:
        return tuple(findings.problems)
    if rule_set.review < day:
        findings.add(("review",), "recognition.review_passed")
    mine = [each for each in programmes if each.accepting == rule_set.accepting and _wanted(rule_set, each)]
    _groups(rule_set, findings)
    if catalogue is not None:
        _catalogue(rule_set, catalogue, findings)
    if programmes:
        _programmes(rule_set, mine, findings)
    cap_findings(rule_set, mine, findings)
    courses = NO_CATALOGUE if catalogue is None else standard_courses(catalogue, rule_set.effective)
    pair_findings(rule_set, mine, courses, findings)
    return tuple(findings.problems)


def _wanted(rule_set: RuleSet, programme: Programme) -> bool:
    return not rule_set.programmes or programme.code in rule_set.programmes


def _groups(rule_set: RuleSet, findings: Findings) -> None:
    for place, group in enumerate(rule_set.groups):
        if not any(rule.group == group.id for rule in rule_set.rules):
            findings.add(("group", place), "recognition.unused_group", group.id, group.id)


def _programmes(rule_set: RuleSet, mine: Sequence[Programme], findings: Findings) -> None:
    for code in sorted(rule_set.programmes - {programme.code for programme in mine}):
        findings.add(("programmes",), "recognition.unknown_programme", code, code)
    codes = {course.code for programme in mine for course in programme.courses}
    standards = {course.standard_course for programme in mine for course in programme.courses}
    for rule in rule_set.rules:
        for code in rule.to:
            if code not in codes:
                findings.add(("rule", rule.place, "to"), "recognition.unknown_course", code, code, rule=rule.id)
        for code in rule.to_standard:
            if code not in standards:
                findings.add(("rule", rule.place, "to_standard"), "recognition.unknown_course", code, code, rule=rule.id)


def _catalogue(rule_set: RuleSet, catalogue: Catalogue, findings: Findings) -> None:
    """An entry must be usable from the first day of the rule set to its last."""
    for rule in rule_set.rules:
        at = ("rule", rule.place)
        if rule.catalogue:
            found = _usable(catalogue, (Table.CERTIFICATES, Table.CRITERIA), rule.catalogue, rule_set)
            _tell(findings, (*at, "catalogue"), rule, rule.catalogue, found)
            if isinstance(found, Entry) and _credits(rule) > found.credits:
                findings.add((*at, "credits"), "recognition.credits_over_catalogue", f"{found.credits}", f"{found.credits}", rule=rule.id)
        for code in rule.to_standard:
            _tell(findings, (*at, "to_standard"), rule, code, _usable(catalogue, (Table.COURSES,), code, rule_set))
        for slot, need in enumerate(rule.needs):
            for code in need.standard_courses:
                found = _usable(catalogue, (Table.COURSES,), code, rule_set)
                _tell(findings, (*at, "need", slot, "standard_course"), rule, code, found)


def _credits(rule: Rule) -> Decimal:
    """All a rule gives by itself."""
    given = rule.credits or ()
    many = rule.cardinality is Cardinality.ONE_TO_MANY and len(given) == 1
    return sum(given, Decimal(0)) if not many else given[0] * (len(rule.to) + len(rule.to_standard))


def _usable(catalogue: Catalogue, tables: Sequence[Table], code: str, rule_set: RuleSet) -> Entry | Problem | None:
    """The entry; the reason why its newest version cannot be used all the time; None where there is no such entry."""
    for table in tables:
        versions = catalogue.versions(table, code)
        reasons = [
            next((found for day in (rule_set.effective, rule_set.review) if (found := why_not(table, entry, day)) is not None), None)
            for entry in versions
        ]
        if versions:
            return next((entry for entry, reason in zip(versions, reasons, strict=True) if reason is None), reasons[-1])
    return None


def _tell(findings: Findings, path: Path, rule: Rule, code: str, found: Entry | Problem | None) -> None:
    if found is None:
        findings.add(path, "recognition.unknown_catalogue_entry", code, code, rule=rule.id)
    elif isinstance(found, Problem):
        findings.add(path, "recognition.expired_catalogue_entry", f"{code}({found.zh})", f"{code} ({found.en})", rule=rule.id)
