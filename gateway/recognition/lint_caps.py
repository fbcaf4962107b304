"""Caps that can never do what they say, and rules that no cap lets give what they say."""

from collections.abc import Sequence

from gateway.recognition.limits import limits_of
from gateway.recognition.programme import Programme
from gateway.recognition.rule_findings import Findings
from gateway.recognition.rules import Rule, RuleSet
from gateway.recognition.words import Mills, mills, shown


def cap_findings(rule_set: RuleSet, programmes: Sequence[Programme], findings: Findings) -> None:
    """Judge the caps; `programmes` are those the set is for, as far as they are known."""
    caps = rule_set.caps
    if not caps.programme_percent:
        findings.add(
            ("caps", "programme_percent"), "recognition.impossible_cap", "上限为 0,一项也不能认定", "a cap of 0 lets nothing through"
        )
    used = {kind for rule in rule_set.rules for need in rule.needs for kind in need.kinds}
    for kind, percent in caps.kind_percent.items():
        path = ("caps", "kind_percent", kind)
        if percent > caps.programme_percent:
            zh = f"{percent}% 高于专业总上限 {caps.programme_percent}%,永远达不到"
            en = f"{percent} % is above the programme's {caps.programme_percent} % and never reached"
            findings.add(path, "recognition.impossible_cap", zh, en)
        elif not percent and kind in used:
            findings.add(
                path, "recognition.impossible_cap", "上限为 0,却有规则认定此类成果", "a cap of 0, and rules that recognise this kind"
            )
    for programme in programmes:
        if caps.programme_percent and not limits_of(programme, caps).total:
            zh = f"专业 {programme.code} 须在本行修读的学分已占满"
            en = f"the resident credits of programme {programme.code} leave no room"
            findings.add(("caps", "resident_credits_min"), "recognition.impossible_cap", zh, en)
    _categories(rule_set, programmes, findings)
    if programmes:
        for rule in rule_set.rules:
            _room(rule_set, rule, programmes, findings)


def _categories(rule_set: RuleSet, programmes: Sequence[Programme], findings: Findings) -> None:
    known = {course.category for programme in programmes for course in programme.courses}
    for name in rule_set.caps.category_credits:
        if programmes and name not in known:
            zh, en = "没有这一类别的课程", "no course has this category"
            findings.add(("caps", "category_credits", name), "recognition.impossible_cap", zh, en)


def _room(rule_set: RuleSet, rule: Rule, programmes: Sequence[Programme], findings: Findings) -> None:
    """Credits a rule fixes must fit under the caps of at least one programme, and into the course."""
    if rule.credits is None:
        return
    for place, code in enumerate(rule.to or rule.to_standard):
        given = mills(rule.credits[place] if len(rule.credits) > 1 else rule.credits[0])
        rooms = [_most(rule_set, rule, programme, code) for programme in programmes]
        most = max((room for room in rooms if room is not None), default=None)
        if most is not None and given > most:
            zh = f"{code} 至多可得 {shown(most)} 学分,规则写 {shown(given)}"
            en = f"{code} can get {shown(most)} credits at most, the rule says {shown(given)}"
            findings.add(("rule", rule.place, "credits"), "recognition.impossible_cap", zh, en, rule=rule.id)


def _most(rule_set: RuleSet, rule: Rule, programme: Programme, code: str) -> Mills | None:
    course = next((course for course in programme.courses if code in (course.code, course.standard_course)), None)
    if course is None:
        return None
    limits = limits_of(programme, rule_set.caps)
    kinds = {kind for need in rule.needs for kind in need.kinds}
    by_kind = max((limits.kinds.get(kind, limits.total) for kind in kinds), default=limits.total)
    return min(mills(course.credits), limits.total, by_kind, limits.categories.get(course.category, limits.total))
