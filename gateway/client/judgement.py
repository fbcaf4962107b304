"""From what a bank's people fill in, item by item, to a decision; and what following the estimate would decide."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from gateway.client.casework import OpenCase
from gateway.client.proposed import UNIT, by_proposal
from gateway.model.codes import CodeEntry, CodeTables
from gateway.model.documents import Decision, DecisionItem, Verdict
from gateway.model.units import Credits
from gateway.recognition.proposal import Proposal, follows, in_short

REASONS: Final = "decision_reason"
TEXT_CHARS_MAX: Final = 500
PLACES_MAX: Final = 2
RULE: Final = "review"
"""What stands in a decision for the rule where a person decided and not one of them."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen for one record; `credits` as it was written."""

    record: str
    verdict: str
    credits: str
    reason: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """All choices for a case, and why they depart from the estimate: a code of the table, and words."""

    choices: tuple[Choice, ...]
    departure: str = ""
    departure_text: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Judgement":
        return cls(tuple(Choice(**each) for each in told["choices"]), told["departure"], told["departure_text"])


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a choice; `record` is "" where it is about the whole."""

    record: str
    code: str


def reasons(codes: CodeTables, verdict: Verdict) -> list[CodeEntry]:
    """The reasons that go with a verdict."""
    return [entry for entry in codes[REASONS] if entry.columns.get("verdict") in {verdict.value, "either"}]


def proposed_choices(opened: OpenCase) -> dict[str, Choice]:
    """The estimate as if somebody had filled it in; where there is none, all that could be recognised, to be judged."""
    proposal = opened.found.case.proposal
    found = {}
    for item in opened.found.case.items:
        told = proposal.items.get(item.record) if proposal is not None else None
        if told is not None:
            found[item.record] = Choice(item.record, told.verdict.value, format(told.credits, "f"), told.reason)
        else:
            size = item.credits if item.credits is not None else Decimal(0)
            found[item.record] = Choice(item.record, "", format(size, "f"), "")
    return found


def decided(opened: OpenCase, judgement: Judgement, by: str, now: datetime, codes: CodeTables) -> Decision | list[Wrong]:
    """The decision over exactly the open items; or everything that is wrong."""
    case = opened.found.case
    proposal = case.proposal
    chosen = {each.record: each for each in judgement.choices}
    as_proposed = {item.record: item for item in by_proposal(proposal, case.items) or ()}
    wrong: list[Wrong] = []
    items = []
    for item in case.items:
        choice = chosen.get(item.record)
        made = _item(choice, item.credits, codes) if choice is not None else Wrong(item.record, "missing")
        if isinstance(made, Wrong):
            wrong.append(made)
            continue
        if made.verdict is Verdict.RECOGNISED and item.record in opened.contested:
            wrong.append(Wrong(item.record, "contested"))
        same = as_proposed.get(item.record)
        alike = same is not None and (same.verdict, same.credits, same.reason) == (made.verdict, made.credits, made.reason)
        items.append(same if same is not None and alike else made)
    if wrong:
        return wrong
    decision = Decision(case.request.programme_code, now.replace(microsecond=0), by, tuple(items), departure=_departure(judgement, codes))
    if departs(decision, proposal) and not decision.departure:
        return [Wrong("", "not_explained")]
    return decision


def departs(decision: Decision, proposal: Proposal | None) -> bool:
    return proposal is not None and not follows(in_short(proposal), decision)


def followed(opened: OpenCase, by: str, now: datetime) -> Decision | None:
    """The decision that follows the estimate; None where there is none of all items, or what it recognises is contested."""
    case = opened.found.case
    items = by_proposal(case.proposal, case.items)
    if not items or any(item.verdict is Verdict.RECOGNISED and item.record in opened.contested for item in items):
        return None
    return Decision(case.request.programme_code, now.replace(microsecond=0), by, items)


def _item(choice: Choice, most: Decimal | None, codes: CodeTables) -> DecisionItem | Wrong:
    record = choice.record
    try:
        verdict = Verdict(choice.verdict)
    except ValueError:
        return Wrong(record, "no_verdict")
    if choice.reason not in {entry.code for entry in reasons(codes, verdict)}:
        return Wrong(record, "reason_unfit")
    if len(choice.text) > TEXT_CHARS_MAX or (choice.reason == "other" and not choice.text.strip()):
        return Wrong(record, "text_wanted")
    if verdict is Verdict.REFUSED:
        return DecisionItem(record, verdict, Credits(Decimal(0)), "", "", "", choice.reason, RULE, choice.text, "")
    try:
        size = Decimal(choice.credits.strip())
    except InvalidOperation:
        return Wrong(record, "credits_bad")
    exponent = size.as_tuple().exponent
    if not size.is_finite() or size < 0 or not isinstance(exponent, int) or exponent < -PLACES_MAX or exponent > 0:
        return Wrong(record, "credits_bad")
    if most is not None and size > most:
        return Wrong(record, "credits_over")
    return DecisionItem(record, verdict, Credits(size), format(size, "f"), UNIT, "", choice.reason, RULE, choice.text, "")


def _departure(judgement: Judgement, codes: CodeTables) -> str:
    """The code's words and what was added to them; "" where nothing was said."""
    entry = codes.lookup(REASONS, judgement.departure) if judgement.departure else None
    if entry is None:
        return ""
    text = judgement.departure_text.strip()[:TEXT_CHARS_MAX]
    return f"{entry.code}: {entry.zh} / {entry.en}" + (f" · {text}" if text else "")


def totals(items: Sequence[DecisionItem]) -> tuple[int, int, Decimal]:
    """How many are recognised, how many refused, and the credits in all."""
    recognised = [item for item in items if item.verdict is Verdict.RECOGNISED]
    return len(recognised), len(items) - len(recognised), sum((item.credits.value for item in recognised), Decimal(0))
