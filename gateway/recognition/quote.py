"""The estimate a learner reads before anyone applies: item by item what would be recognised, by which rule, and why or why not.

Deterministic, and independent of the order of the records: the same records, programme, rule set and day give the same estimate.
The gateway proposes with it and never decides.  Conservation, per item and in all: submitted = recognised + refused, in regional
credits; what the accepting programme awards is a separate column, because a catalogue entry may fix other credits.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from gateway.errors import Problem, RecognitionError
from gateway.model.canonical import Json
from gateway.model.regional import RegionalRecord
from gateway.model.transfer import Refusal
from gateway.recognition.estimate import Result, Solution, Verdict, solve
from gateway.recognition.facts import NO_CATALOGUE, Facts, StandardCourses, facts_of
from gateway.recognition.limits import NOTHING_BEFORE, Limits, Standing
from gateway.recognition.prepared import Plan, Prepared, prepared
from gateway.recognition.programme import Programme
from gateway.recognition.reasons import Told, tell
from gateway.recognition.rules import RuleSet
from gateway.recognition.words import Words, decimal

RECORDS_MAX: Final = 500
_ZERO: Final = Decimal("0.0")


@dataclass(frozen=True, slots=True)
class Award:
    """Credits for one course of the programme; 0 is an exemption without credits."""

    course: str
    title: str
    credits: Decimal


@dataclass(frozen=True, slots=True)
class Item:
    """One record.  `reason` is a code of `decision_reason`; `submitted` None where the record has no regional credits.

    `rule` is "" where no rule was carried out.  `why` are the steps, `in_short` the one sentence that says what became of it.
    """

    source: str
    record: str
    verdict: Verdict
    reason: str
    submitted: Decimal | None
    recognised: Decimal
    refused: Decimal
    awards: tuple[Award, ...]
    rule: str
    exam_still_required: bool
    in_short: Words
    why: tuple[Words, ...]


@dataclass(frozen=True, slots=True)
class CapUse:
    """`scope` is programme, kind or category, `name` the kind or category; `limit` after what was recognised before."""

    scope: str
    name: str
    limit: Decimal
    used: Decimal


@dataclass(frozen=True, slots=True)
class Quote:
    """Items sorted by source bank and record id.  `exact` False: the search was cut short, and a better choice may exist."""

    rule_set: str
    version: str
    demonstration: bool
    programme: str
    accepting: str
    day: date
    items: tuple[Item, ...]
    submitted: Decimal
    recognised: Decimal
    refused: Decimal
    awarded: Decimal
    caps: tuple[CapUse, ...]
    exact: bool

    def document(self) -> Json:
        """As JSON, to be stored or digested; credits are decimal strings.  Member for member docs/rules.md, section 7."""
        return {
            "rule_set": self.rule_set,
            "version": self.version,
            "demonstration": self.demonstration,
            "programme": self.programme,
            "accepting": self.accepting,
            "day": self.day.isoformat(),
            "items": [_item_document(item) for item in self.items],
            "submitted": str(self.submitted),
            "recognised": str(self.recognised),
            "refused": str(self.refused),
            "awarded": str(self.awarded),
            "caps": [{"scope": cap.scope, "name": cap.name, "limit": str(cap.limit), "used": str(cap.used)} for cap in self.caps],
            "exact": self.exact,
        }


def quote(
    records: Iterable[RegionalRecord],
    programme: Programme,
    rule_set: RuleSet,
    day: date,
    *,
    courses: StandardCourses = NO_CATALOGUE,
    standing: Standing = NOTHING_BEFORE,
) -> Quote | Refusal:
    """Estimate what `rule_set` would recognise of `records` for `programme` on `day`.

    `courses` tells which standard course a record is, `standing` what was recognised before in this programme.
    Raises RecognitionError (recognition.repeated_record, .too_many_records) where the question itself is wrong.
    """
    refusal = refused(programme, rule_set, day)
    if refusal is not None:
        return refusal
    facts = sorted((facts_of(record, courses) for record in records), key=lambda each: each.key)
    _check(facts)
    ready = prepared(rule_set)
    plan = ready.plan(programme)
    solution = solve(ready, plan, facts, day, standing)
    items = tuple(_item(ready, plan, solution, position, day, standing) for position in range(len(facts)))
    return Quote(
        rule_set=rule_set.id,
        version=rule_set.version,
        demonstration=rule_set.demonstration,
        programme=programme.code,
        accepting=programme.accepting,
        day=day,
        items=items,
        submitted=sum((item.submitted or _ZERO for item in items), _ZERO),
        recognised=sum((item.recognised for item in items), _ZERO),
        refused=sum((item.refused for item in items), _ZERO),
        awarded=sum((award.credits for item in items for award in item.awards), _ZERO),
        caps=_caps(plan.limits.less(standing), solution),
        exact=solution.exact,
    )


def refused(programme: Programme, rule_set: RuleSet, day: date) -> Refusal | None:
    """Why this rule set says nothing about this programme on this day."""
    if programme.accepting != rule_set.accepting or (rule_set.programmes and programme.code not in rule_set.programmes):
        return Refusal("recognition.other_programme", "本规则集不适用于该专业", "this rule set is not for that programme")
    if day < rule_set.effective:
        return Refusal("recognition.not_in_force", "本规则集尚未生效", "this rule set is not yet in force")
    if day > rule_set.review:
        return Refusal(
            "recognition.rule_set_expired",
            "本规则集已过复审日期,须经复审重新发布",
            "this rule set is past its review date and must be published anew",
        )
    return None


def _check(facts: Sequence[Facts]) -> None:
    if len(facts) > RECORDS_MAX:
        raise RecognitionError(
            "recognition.too_many_records", f"一次至多测算 {RECORDS_MAX} 条记录", f"an estimate is for {RECORDS_MAX} records at most"
        )
    twice = [place for place in range(1, len(facts)) if facts[place].key == facts[place - 1].key]
    if twice:
        problems = tuple(
            Problem(f"record {place}", "recognition.repeated_record", "记录重复", "the record stands twice") for place in twice
        )
        raise RecognitionError(
            "recognition.repeated_record", "同一记录出现两次", "one record stands twice in the question", problems=problems
        )


def _item(ready: Prepared, plan: Plan, solution: Solution, position: int, day: date, standing: Standing) -> Item:
    facts, result = solution.facts[position], solution.results[position]
    told: Told = tell(ready, plan, solution, position, day, standing)
    awards = () if result.verdict is Verdict.REFUSED else _awards(result)
    size = facts.credits if facts.credits is not None else _ZERO
    recognised = min(sum((award.credits for award in awards), _ZERO), size)
    rule = result.application.rule if result.application is not None and result.verdict is Verdict.RECOGNISED else None
    return Item(
        source=facts.bank,
        record=facts.key[1],
        verdict=result.verdict,
        reason=told.reason,
        submitted=facts.credits,
        recognised=recognised,
        refused=size - recognised,
        awards=awards,
        rule=rule.id if rule is not None else "",
        exam_still_required=rule is not None and rule.exam_still_required,
        in_short=told.in_short,
        why=told.why,
    )


def _awards(result: Result) -> tuple[Award, ...]:
    assert result.application is not None
    return tuple(
        Award(part.course.code, part.course.title, decimal(amount))
        for part, amount in result.parts
        if amount or not result.application.credits
    )


def _caps(limits: Limits, solution: Solution) -> tuple[CapUse, ...]:
    kinds: dict[str, int] = dict.fromkeys(limits.kinds, 0)
    categories: dict[str, int] = dict.fromkeys(limits.categories, 0)
    total = 0
    for part, amount in solution.choice.given:
        kind = solution.facts[part.record].kind
        total += amount
        kinds[kind] = kinds.get(kind, 0) + amount
        categories[part.course.category] = categories.get(part.course.category, 0) + amount
    found = [CapUse("programme", "", decimal(limits.total), decimal(total))]
    found += [CapUse("kind", name, decimal(limits.kinds[name]), decimal(kinds[name])) for name in sorted(limits.kinds)]
    found += [CapUse("category", name, decimal(limits.categories[name]), decimal(categories[name])) for name in sorted(limits.categories)]
    return tuple(found)


def _item_document(item: Item) -> Json:
    return {
        "source": item.source,
        "record": item.record,
        "verdict": item.verdict.value,
        "reason": item.reason,
        "submitted": None if item.submitted is None else str(item.submitted),
        "recognised": str(item.recognised),
        "refused": str(item.refused),
        "awards": [{"course": award.course, "title": award.title, "credits": str(award.credits)} for award in item.awards],
        "rule": item.rule,
        "exam_still_required": item.exam_still_required,
        "in_short": {"zh": item.in_short.zh, "en": item.in_short.en},
        "why": [{"zh": words.zh, "en": words.en} for words in item.why],
    }
