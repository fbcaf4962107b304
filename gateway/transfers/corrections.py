"""When the source bank's word changes: more is asked for and supplied, a record is amended, an achievement is void.

An amendment or a supplement brings the whole part anew; what is read from it replaces the items,
and the outcome keys must be the same ones: a corrected certificate is not another certificate.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.federation.envelope import VerifiedMessage
from gateway.model.documents import Correction, Withdrawal
from gateway.model.transfer import BEFORE_DECISION, ItemState, Refusal, Rule, State
from gateway.storage.rows import ContentRow, ItemRow
from gateway.transfers.acts import NOT_ASKED, Accepted, Effect
from gateway.transfers.agreements import Standing, bar_changed
from gateway.transfers.case import Case
from gateway.transfers.disputes import open_dispute
from gateway.transfers.intake import Intake, loss_fact
from gateway.transfers.steps import CONSENT_ENDED, CONSENT_WITHDRAWN, NewJti, tell
from gateway.transfers.voiding import REVOKED_LEAF, void_items

ASKS_MAX = 2
AMENDS_MAX = 3
TOO_OFTEN = Refusal("transfer.too_often", "此动作已达次数上限", "this may not be done that often")
OTHER_RECORDS = Refusal("transfer.bad_document", "所列记录不属于本案", "the records named are not this case's")
RECORD_LOST = Refusal(
    "transfer.bad_document", "更正的分件缺少已认定的记录;作废请用 revoke", "the new part lacks a decided record; what is void is revoked"
)
CLAIMED = frozenset({ItemState.CLAIMED})
DECIDED = frozenset({ItemState.RECOGNISED, ItemState.REFUSED})
OTHER_OUTCOME = Refusal("transfer.other_outcome", "更正后的记录指向另一成果", "the corrected record names another outcome")


@dataclass(frozen=True, slots=True)
class NewPart:
    """The part as it now is, read like the first one."""

    intake: Intake
    contents: tuple[ContentRow, ...]
    part_sd: str
    standing: Standing


def ask(message: VerifiedMessage, document: Withdrawal, new_jti: NewJti) -> Effect:
    """The accepting bank needs more: its review clock stops, at most twice."""

    def effect(case: Case, _rule: Rule) -> Accepted | Refusal:
        if case.row.asks >= ASKS_MAX:
            return TOO_OFTEN
        case.row = case.row._replace(asks=case.row.asks + 1)
        case.pause_review()
        case.owe(new_jti(), case.row.source, "notify", "asked", {"event": "asked", "question": message.jti})
        return Accepted(("transfer.asked",), reason=document.reason)

    return effect


def supplement(message: VerifiedMessage, document: Withdrawal, new: NewPart | None, new_jti: NewJti) -> Effect:
    """The source bank answers, with a new part or in words; the case is delivered again."""

    def effect(case: Case, _rule: Rule) -> Accepted | Refusal:
        asked = case.last_notice("asked")
        if asked is None or asked.jti != message.irt:
            return NOT_ASKED
        if case.row.consent_until <= case.view.at_text:
            return CONSENT_ENDED
        refusal = _check_new(case, new)
        if refusal is not None:
            return refusal
        case.finish_owed(message.irt or "", case.row.source, "notify", "asked")
        return _deliver_again(case, new, new_jti, "transfer.supplemented", document.reason)

    return effect


def amend(document: Correction, new: NewPart, new_jti: NewJti) -> Effect:
    """A record was corrected: before the decision the case is delivered again, after it the accepting bank looks again."""

    def effect(case: Case, _rule: Rule) -> Accepted | Refusal:
        if case.row.amends >= AMENDS_MAX:
            return TOO_OFTEN
        if not set(document.records) <= {item.record for item in case.items}:
            return OTHER_RECORDS
        if case.row.consent_withdrawn:
            return CONSENT_WITHDRAWN
        refusal = _check_new(case, new)
        if refusal is not None:
            return refusal
        if case.state not in BEFORE_DECISION and _lost(case, new):
            return RECORD_LOST
        case.row = case.row._replace(amends=case.row.amends + 1)
        if case.state in BEFORE_DECISION:
            return _deliver_again(case, new, new_jti, "transfer.amended", document.reason)
        _take(case, new, DECIDED)
        open_dispute(case)
        tell(case, "amended", new_jti, case.row.accepting)
        return Accepted(("transfer.amended",), reason=document.reason, facts=loss_fact(new.contents))

    return effect


def _check_new(case: Case, new: NewPart | None) -> Refusal | None:
    """Every item that is still alive keeps its outcome."""
    if new is None:
        return None
    fresh = {item.record: item for item in new.intake.items}
    alive = [item for item in case.items if item.state != ItemState.CLOSED]
    return OTHER_OUTCOME if any(fresh[item.record].nf not in {"", item.nf} for item in alive) else None


def _lost(case: Case, new: NewPart) -> bool:
    """Whether a decided record is not in the new part, or void there: that is a revocation, not an amendment."""
    fresh = {item.record: item for item in new.intake.items}
    decided = [item for item in case.items if item.state in DECIDED]
    return any(not fresh[item.record].cm or fresh[item.record].reason == "revoked" for item in decided)


def _deliver_again(case: Case, new: NewPart | None, new_jti: NewJti, leaf: str, reason: str) -> Accepted:
    facts = loss_fact(new.contents) if new is not None else {}
    case.cancel_owed("forward")
    case.cancel_owed_event("asked")
    case.row = case.row._replace(delivered_sd="", delivered_jti="")  # an answer to the earlier delivery is not one to this
    if new is not None:
        _take(case, new, CLAIMED)
    if not case.claimed():
        case.move(State.REJECTED)
        tell(case, "rejected", new_jti, case.row.accepting)
        return Accepted((leaf, "transfer.rejected"), reason=reason, facts=facts)
    case.move(State.DELIVERING)
    case.owe(new_jti(), case.row.accepting, "forward", "case", {})
    return Accepted((leaf,), reason=reason, facts=facts)


def _take(case: Case, new: NewPart, states: frozenset[ItemState]) -> None:
    """The new part's items for those in the given states; one that fails now is closed and gives its outcome back."""
    fresh = {item.record: item for item in new.intake.items}
    changes: dict[int, Mapping[str, Any]] = {}
    failing: list[ItemRow] = []
    for item in case.items:
        if ItemState(item.state) not in states:
            continue
        read = fresh[item.record]
        if read.state == ItemState.CLAIMED and ItemState.CLAIMED in states:
            reason = bar_changed(case, new.standing, item, read)
            read = read._replace(state=ItemState.CLOSED.value, reason=reason) if reason else read
        values: dict[str, Any] = {"cm": read.cm, "credits": read.credits, "kind": read.kind, "alike": read.alike, "issuer": read.issuer}
        if read.state == ItemState.CLOSED and ItemState.CLAIMED in states:
            values |= {"state": read.state, "reason": read.reason}
            failing.append(item)
        changes[item.position] = values
    case.release(failing)
    for item in failing:
        if fresh[item.record].reason == "revoked":
            case.void(item)
    case.set_items(changes)
    case.view.put_contents(new.contents)
    case.row = case.row._replace(part_sd=new.part_sd, mapping="@".join(new.intake.mapping))


def revoke(document: Correction, new_jti: NewJti) -> Effect:
    """The achievement is void, in any state: before the decision the item closes, after it the accepting bank recalls it."""

    def effect(case: Case, _rule: Rule) -> Accepted | Refusal:
        named = [item for item in case.items if item.record in document.records]
        if len(named) != len(document.records):
            return OTHER_RECORDS
        for item in named:
            case.void(item)
        rejected = void_items(case, named, new_jti)
        leaves = [REVOKED_LEAF, "transfer.rejected"] if rejected else [REVOKED_LEAF]
        return Accepted(tuple(leaves), reason=document.reason)

    return effect
