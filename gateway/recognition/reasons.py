"""Why an item was recognised as it is, or not at all, in plain words.

The steps follow the computation: the size of the record, the rule, the course, what was cut and by what.  For a refused record
the nearest reason is told: its own bar, the better record it lost to, or the rule that came closest and the conditions it failed.
"""

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from gateway.recognition.assign import tokens
from gateway.recognition.candidates import Application, unusable
from gateway.recognition.conditions import Check, failed
from gateway.recognition.cuts import cut_steps
from gateway.recognition.estimate import Solution, Verdict
from gateway.recognition.facts import Facts
from gateway.recognition.limits import Standing
from gateway.recognition.prepared import Entry, Plan, Prepared
from gateway.recognition.rules import Cardinality, GroupReason, Rule, RuleSet
from gateway.recognition.sizes import declared_of, size_steps
from gateway.recognition.words import Words, mills, shown


class Told(NamedTuple):
    """`reason` is a code of `decision_reason`."""

    reason: str
    in_short: Words
    why: tuple[Words, ...]


def tell(ready: Prepared, plan: Plan, solution: Solution, position: int, day: date, standing: Standing) -> Told:
    """The reason of one record."""
    result = solution.results[position]
    if result.application is not None and result.verdict is Verdict.RECOGNISED:
        return _recognised(ready, plan, solution, position)
    reason, why = _refused(ready, plan, solution, position, day, standing)
    return Told(reason, Words(f"未认定:{why[0].zh}", f"not recognised: {why[0].en}"), tuple(why))


def _recognised(ready: Prepared, plan: Plan, solution: Solution, position: int) -> Told:
    facts, result = solution.facts[position], solution.results[position]
    application = result.application
    assert application is not None
    rule, awarded = application.rule, result.awarded
    declared = declared_of(facts)
    begun = declared if declared is not None else facts.credits
    sizes = size_steps(facts, ready.rule_set.hours) if declared is not None or facts.credits is not None else []
    cuts = list(cut_steps(plan, solution, position))
    causes = (sizes if declared is not None and declared != facts.credits else []) + cuts
    why = [*sizes, rule_named(rule, ready.rule_set), *_courses(application, position), *cuts]
    if rule.exam_still_required:
        why.append(Words("免修不免考:可不上课,仍须参加考试", "exempt from class, but the examination must still be taken"))
    if not application.credits:
        return Told("credit_exemption", Words("免修,不计学分", "exempt, without credits"), tuple(why))
    if begun is None or mills(begun) == awarded:
        in_short = Words(f"认定 {shown(awarded)} 学分", f"{shown(awarded)} credits are recognised")
    else:
        zh, en = ";".join(cause.zh for cause in causes), "; ".join(cause.en for cause in causes)
        in_short = Words(
            f"{shown(begun)} 学分成为 {shown(awarded)} 学分,因为:{zh}", f"{shown(begun)} credits became {shown(awarded)} because: {en}"
        )
    return Told(_reason(rule, facts, awarded), in_short, tuple(why))


def _reason(rule: Rule, facts: Facts, awarded: int) -> str:
    if rule.exam_still_required:
        return "exam_required"
    if awarded < facts.mills:
        return "recognised_in_part"
    return "certificate_relation" if facts.kind in ("SKILL_CERT", "QUAL_CERT") else "content_equivalent"


def _courses(application: Application, position: int) -> Iterator[Words]:
    others = len(application.records) - 1
    if others:
        yield Words(f"与另外 {others} 项成果合并认定为一门课程", f"recognised together with {others} other records for one course")
    for part in application.parts:
        if part.record == position:
            course = part.course
            yield Words(
                f"认定为课程 {course.code}《{course.title}》({shown(course.credits)} 学分)",
                f"recognised as course {course.code} {course.title} ({shown(course.credits)} credits)",
            )


def rule_named(rule: Rule, rule_set: RuleSet) -> Words:
    """The rule with its set and version, as every reason names it."""
    return Words(
        f"依据规则 {rule.id}「{rule.zh}」(规则集 {rule_set.id} 版本 {rule_set.version})",
        f"by rule {rule.id} ({rule.en}), rule set {rule_set.id} version {rule_set.version}",
    )


def _refused(ready: Prepared, plan: Plan, solution: Solution, position: int, day: date, standing: Standing) -> tuple[str, list[Words]]:
    facts, found = solution.facts[position], solution.bars[position]
    if found is not None:
        return found.reason, [found.words]
    if ready.rule_set.sources and facts.bank not in ready.rule_set.sources:
        return "issuer_not_recognised", [Words("本规则集不认定该转出行的成果", "this rule set recognises nothing of that source bank")]
    mine = [each for each in solution.candidates.applications if position in each.records]
    if mine:
        return _lost(ready, plan, solution, position, mine)
    named = ready.named(facts)
    met = ready.met(facts, day)
    if met:
        told = [_unused(ready, plan, entry, facts, standing) for entry in met]
        return told[0][0], [words for _, each in told for words in each]
    if named:
        return _nearest(ready, named, facts, day)
    return "not_in_catalogue", [Words("没有规则涉及该成果", "no rule speaks of this record")]


def _lost(ready: Prepared, plan: Plan, solution: Solution, position: int, mine: list[Application]) -> tuple[str, list[Words]]:
    """It could have been recognised; something better, or a cap, stood in the way."""
    own = solution.results[position].application
    if own is not None:
        return "cap_reached", [*cut_steps(plan, solution, position), rule_named(own.rule, ready.rule_set)]
    found: list[tuple[str, Words]] = []
    for application in mine:
        taken = set(tokens(application, solution.facts))
        for winner in solution.choice.applications:
            shared = taken & set(tokens(winner, solution.facts))
            if shared:
                found.append(_beaten(ready.rule_set, application, winner, min(shared, key=_telling), solution))
    if not found:
        return "cap_reached", [Words("学分上限已由其他成果用满", "other records use the caps up")]
    found = list(dict.fromkeys(found))
    return found[0][0], [words for _, words in found]


def _telling(token: tuple[str, ...]) -> int:
    """Of several things two applications both want, the one that says most."""
    return ("attempt", "group", "course", "record").index(token[0])


def _beaten(rule_set: RuleSet, mine: Application, winner: Application, token: tuple[str, ...], solution: Solution) -> tuple[str, Words]:
    other = solution.facts[winner.records[0]].key[1]
    match token:
        case ("attempt", *_):
            return "highest_only", Words(
                f"同一课程多次修读,只计最好的一次(记录 {other})", f"of several attempts only the best counts (record {other})"
            )
        case ("course", code):
            words = Words(
                f"课程 {code} 已由记录 {other} 认定,一门课程只认定一次",
                f"course {code} goes to record {other}; a course is recognised once",
            )
            return "recognised_before", words
        case ("group", _):
            group = rule_set.group(mine.rule.group)
            if group.reason is GroupReason.EQUAL_CONTENT:
                words = Words(
                    f"与记录 {other} 内容相同({group.zh}),不重复认定", f"same content as record {other} ({group.en}); not recognised twice"
                )
                return "recognised_before", words
            words = Words(
                f"同类成果({group.zh})只取最高的一项:记录 {other}", f"of its kind ({group.en}) only the highest counts: record {other}"
            )
            return "highest_only", words
        case _:
            return "recognised_before", Words(f"与记录 {other} 合并认定更有利", f"joining record {other} gives more")


def _unused(ready: Prepared, plan: Plan, entry: Entry, facts: Facts, standing: Standing) -> tuple[str, list[Words]]:
    """It meets this need, and still the rule could not be carried out."""
    rule = entry.rule
    named = rule_named(rule, ready.rule_set)
    stopped = unusable(ready, rule, facts)
    if stopped is not None:
        return stopped[0], [stopped[1], named]
    aims = plan.aims(rule)
    if not aims:
        return "not_in_programme", [Words("规则所指的课程不在本专业内", "the courses of the rule are not part of this programme"), named]
    if (rule.group and rule.group in standing.groups) or all(aim.course.code in standing.targets for aim in aims):
        return "recognised_before", [Words("相同或相近的成果先前已认定", "the same or a similar record was recognised before"), named]
    if rule.cardinality is Cardinality.MANY_TO_ONE:
        words = Words(
            f"该规则须 {len(rule.needs)} 项成果合并认定,其余成果不全",
            f"the rule needs {len(rule.needs)} records together, and not all are there",
        )
        return "content_insufficient", [words, named]
    return "size_insufficient", [Words("学分不足一个认定单位", "its credits are less than one step of recognition"), named]


def _nearest(ready: Prepared, named: list[Entry], facts: Facts, day: date) -> tuple[str, list[Words]]:
    """The rule that failed the fewest conditions; of equal ones the first of the file."""
    best: tuple[Entry, list[Check]] | None = None
    for entry in named:
        missed = failed(entry.rule.needs[entry.slot], facts, day)
        if best is None or len(missed) < len(best[1]):
            best = entry, missed
    assert best is not None
    entry, missed = best
    return missed[0].reason, [*(check.why_not(facts, day) for check in missed), rule_named(entry.rule, ready.rule_set)]
