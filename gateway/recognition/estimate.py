"""The computation of an estimate without its words: bars, candidates, choice, and what each record gets.

`quote` puts it into words for one learner, `simulate` runs it for a hundred thousand past items.
"""

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from gateway.recognition.assign import Choice, choose
from gateway.recognition.candidates import Application, Candidates, Part, candidates
from gateway.recognition.facts import Bar, Facts, bar
from gateway.recognition.limits import Standing
from gateway.recognition.prepared import Plan, Prepared
from gateway.recognition.words import Mills


class Verdict(StrEnum):
    """As in a decision."""

    RECOGNISED = "recognised"
    REFUSED = "refused"


class Result(NamedTuple):
    """One record's outcome.  `parts` holds what it brings to each course and what the caps left of that."""

    verdict: Verdict
    application: Application | None
    parts: tuple[tuple[Part, Mills], ...]
    awarded: Mills


class Solution(NamedTuple):
    """Positions are those of `facts`; `bars` holds None for a record no bar stops."""

    facts: Sequence[Facts]
    bars: Sequence[Bar | None]
    candidates: Candidates
    choice: Choice
    results: Sequence[Result]

    @property
    def exact(self) -> bool:
        """Whether no better choice exists."""
        return self.candidates.exact and self.choice.exact


REFUSED = Result(Verdict.REFUSED, None, (), 0)


def solve(prepared: Prepared, plan: Plan, facts: Sequence[Facts], day: date, standing: Standing, like: Solution | None = None) -> Solution:
    """Estimate for records sorted by key.  `like`: what another set under the same caps made of the same records.

    Where both sets offer the same, the same is chosen, so it is not looked for again.
    """
    accepting = prepared.rule_set.accepting
    bars = [bar(each, accepting, day) for each in facts]
    free = [position for position, found in enumerate(bars) if found is None and _admitted(prepared, facts[position])]
    found = candidates(prepared, plan, facts, free, day, standing)
    if like is not None and _offers_the_same(found.applications, like.candidates.applications):
        return Solution(facts, bars, found, like.choice, like.results)
    choice = choose(found.applications, facts, plan.limits.less(standing))
    return Solution(facts, bars, found, choice, _results(choice, len(facts)))


def _offers_the_same(one: Sequence[Application], other: Sequence[Application]) -> bool:
    """Whether both are the same rules by name, doing the same with the same records and excluding each other alike."""
    return len(one) == len(other) and all(
        mine.parts == theirs.parts
        and mine.records == theirs.records
        and mine.rule.id == theirs.rule.id
        and mine.rule.group == theirs.rule.group
        for mine, theirs in zip(one, other, strict=True)
    )


def _admitted(prepared: Prepared, facts: Facts) -> bool:
    return not prepared.rule_set.sources or facts.bank in prepared.rule_set.sources


def _results(choice: Choice, count: int) -> list[Result]:
    """An application of which the caps left nothing recognises nothing; one without credits is an exemption."""
    results = [REFUSED] * count
    parts: dict[int, list[tuple[Part, Mills]]] = {}
    for part, amount in choice.given:
        parts.setdefault(part.record, []).append((part, amount))
    for application in choice.applications:
        left = sum(amount for record in application.records for _, amount in parts.get(record, ()))
        verdict = Verdict.RECOGNISED if left or not application.credits else Verdict.REFUSED
        for record in application.records:
            mine = tuple(parts.get(record, ()))
            results[record] = Result(verdict, application, mine, sum(amount for _, amount in mine))
    return results
