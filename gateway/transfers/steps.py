"""The acts on an open case: acknowledge, decide, posted, withdraw, decline.

Each is an `Effect` made from documents that were read beforehand: it finds its refusals first and
then moves the case.  Which messages this owes to whom is decided here, in the same change.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from gateway.federation.envelope import VerifiedMessage
from gateway.model.documents import Acknowledgement, Decision, Posting, Verdict, Withdrawal
from gateway.model.transfer import ItemState, Refusal, Role, Rule, State
from gateway.storage.rows import ItemRow
from gateway.transfers.acts import NOT_ASKED, Accepted, Effect
from gateway.transfers.case import Case
from gateway.transfers.proposals import judge_estimate
from gateway.transfers.voiding import UNDECIDED_END

OTHER_BYTES = Refusal("transfer.other_bytes", "认定所依据的不是最近交付的内容", "the decision is not over what was last delivered")
WRONG_ITEMS = Refusal("transfer.bad_document", "认定须逐项覆盖全部待定成果", "a decision covers exactly the items that are still claimed")
TOO_MUCH = Refusal("transfer.credits_exceed", "认定学分超过该项区域学分", "more credits are recognised than the item has")
OUTCOME_TAKEN = Refusal("transfer.outcome_taken", "成果已被他案占用", "another case holds the outcome now")
OUTCOME_CONTESTED = Refusal(
    "transfer.outcome_contested",
    "成果有争议,须待轮值单位裁定;可以不予认可",
    "the outcome is contested until the presiding unit has ruled; it may be refused",
)
POSTED_ALREADY = Refusal("transfer.wrong_state", "贵行已确认入账", "your posting is already acknowledged")
CONSENT_ENDED = Refusal("consent.expired", "授权已到期", "the consent has run out")
CONSENT_WITHDRAWN = Refusal("consent.withdrawn", "授权已撤回", "the consent was withdrawn")
NOT_POSTING = Refusal("transfer.wrong_state", "本案现在没有待入账的认定", "there is no decision to be booked now")
NOT_IMPOSSIBLE = Refusal("transfer.bad_document", "此项只能确认完成", "this can only be confirmed as done")
BAD_POSTURE = Refusal("transfer.bad_document", "信封声明与文件不一致", "the envelope's posture is not what the document says")

NewJti = Callable[[], str]


def acknowledge(message: VerifiedMessage, document: Acknowledgement, new_jti: NewJti) -> Effect:
    """The accepting bank has verified and kept the case, and names its account, or says there is none."""

    def effect(case: Case, _rule: Rule) -> Accepted | Refusal:
        if message.claims.get("posture") != ("account" if document.account else "none"):
            return BAD_POSTURE
        if not message.irt or message.irt != case.row.delivered_jti:
            return NOT_ASKED
        case.finish_owed(message.irt, case.row.accepting, "forward")
        if document.account:
            case.row = case.row._replace(account=document.account)
            case.resume_review()
            return Accepted(("transfer.delivered",))
        case.row = case.row._replace(none_reason=document.none_reason)
        case.close_claimed("no_account")
        case.move(State.REJECTED)
        tell(case, "rejected", new_jti, case.row.source)
        return Accepted(("transfer.rejected",), reason=document.none_reason)

    return effect


def decide(message: VerifiedMessage, document: Decision, new_jti: NewJti) -> Effect:
    """Item by item, over the digests of what was last delivered.  All refused is a decision too and settles with nothing to post.

    In a dispute the items already decided are decided anew: what is recognised now must still be to be had,
    and what is no longer recognised is given back only when the accepting bank has booked that.
    """

    def effect(case: Case, _rule: Rule) -> Accepted | Refusal:
        deciding = _deciding(case)
        refusal = _judge_decision(case, message, document, deciding)
        if refusal is not None:
            return refusal
        told = judge_estimate(case.view.proposals.get(case.row.id), document)
        if isinstance(told, Refusal):
            return told
        verdicts = {item.record: item for item in document.items}
        changes: dict[int, Mapping[str, Any]] = {}
        for item in deciding:
            verdict = verdicts[item.record]
            recognised = verdict.verdict is Verdict.RECOGNISED
            changes[item.position] = {
                "state": verdict.verdict.value,
                "reason": verdict.reason,
                "awarded": str(verdict.credits) if recognised else None,
            }
        case.redeem(item for item in deciding if verdicts[item.record].verdict is Verdict.RECOGNISED)
        case.release(item for item in deciding if verdicts[item.record].verdict is Verdict.REFUSED)
        case.set_items(changes)
        case.row = case.row._replace(
            decision_jti=message.jti, posted_source="", posted_accepting="", disputed_from="", stage="", unresolved=0
        )
        case.cancel_owed_event("decided")
        tell(case, "decided", new_jti, case.row.source)
        if any(item.state == Verdict.RECOGNISED for item in case.items) or case.unbooked():
            case.move(State.POSTING)
            return Accepted(("transfer.decided",), facts=told, rules=_rules_named(document))
        case.move(case.ended())
        return Accepted(("transfer.decided", "transfer.settled"), facts=told, rules=_rules_named(document))

    return effect


def _rules_named(document: Decision) -> str:
    """The rules that the decision's items name, sorted, joined by commas; "" where a leaf cannot hold them."""
    named = ",".join(sorted({item.rule for item in document.items if item.rule}))
    return named if re.fullmatch(r"[!-~]{1,128}", named) else ""


def _deciding(case: Case) -> tuple[ItemRow, ...]:
    """The items a decision must cover: the claimed ones; in a dispute those already decided, and those closed for want of time."""
    if case.state is not State.DISPUTED:
        return case.claimed()
    decided = {ItemState.RECOGNISED, ItemState.REFUSED}
    return tuple(item for item in case.items if item.state in decided or (item.state == ItemState.CLOSED and item.reason in UNDECIDED_END))


def _judge_decision(case: Case, message: VerifiedMessage, document: Decision, deciding: tuple[ItemRow, ...]) -> Refusal | None:
    row = case.row
    named = (message.claims.get("delivered"), message.claims.get("part"), "@".join(message.claims.get("mapping", ())))
    if named != (row.delivered_sd, row.part_sd, row.mapping):
        return OTHER_BYTES
    if row.consent_withdrawn:
        return CONSENT_WITHDRAWN
    if row.consent_until <= case.view.at_text:
        return CONSENT_ENDED
    claimed = {item.record: item for item in deciding}
    if len(document.items) != len(claimed) or {item.record for item in document.items} != claimed.keys():
        return WRONG_ITEMS
    for item in document.items:
        most = claimed[item.record].credits
        if item.credits.value < 0 or (most is not None and item.credits.value > Decimal(most)):
            return TOO_MUCH
        if item.verdict is Verdict.REFUSED and item.credits.value:
            return TOO_MUCH
        if item.verdict is Verdict.RECOGNISED and claimed[item.record].contested:
            return OUTCOME_CONTESTED
        if item.verdict is Verdict.RECOGNISED and not case.obtainable(claimed[item.record]):
            return OUTCOME_TAKEN
    return None


def posted(message: VerifiedMessage, document: Posting, new_jti: NewJti) -> Effect:
    """Source and accepting bank each say that the decision is booked; both → settled.

    The accepting bank's answer to a recall ends that recall; its `impossible` opens a dispute about its own decision.
    """

    def effect(case: Case, rule: Rule) -> Accepted | Refusal:
        if message.claims.get("posture") != ("impossible" if document.impossible else "done"):
            return BAD_POSTURE
        if rule.role is Role.ACCEPTING and any(row.jti == message.irt and row.event == "recall" for row in case.owed()):
            return _recalled(case, message, document) if not document.impossible else NOT_IMPOSSIBLE
        if case.state not in {State.POSTING, State.HELD}:
            return NOT_POSTING
        refusal = _answers(case, rule, message)
        if refusal is not None:
            return refusal
        if document.impossible:
            return _impossible(case, rule, document, new_jti)
        if rule.role is Role.ACCEPTING:
            case.row = case.row._replace(posted_accepting=message.jti)
            case.give_back_refused()
        else:
            case.finish_owed(message.irt or "", case.row.source, "notify", "decided")
            case.row = case.row._replace(posted_source=message.jti)
        if case.row.posted_source and case.row.posted_accepting:
            case.move(case.ended())
            return Accepted(("transfer.posted", "transfer.settled"))
        return Accepted(("transfer.posted",))

    return effect


def _answers(case: Case, rule: Rule, message: VerifiedMessage) -> Refusal | None:
    """Whether this is the sender's one answer to the decision that stands."""
    if rule.role is Role.ACCEPTING:
        asked, done = message.irt == case.row.decision_jti, case.row.posted_accepting
    else:
        last = case.last_notice("decided")
        asked = last is not None and last.jti == message.irt
        done = case.row.posted_source
    if done:
        return POSTED_ALREADY
    return None if asked else NOT_ASKED


def _impossible(case: Case, rule: Rule, document: Posting, new_jti: NewJti) -> Accepted | Refusal:
    """The accepting bank cannot book its own decision: it is to decide anew, and the source bank is told to wait."""
    if rule.role is not Role.ACCEPTING:
        return NOT_IMPOSSIBLE
    case.row = case.row._replace(disputed_from=State.POSTING.value, stage="accepting", unresolved=0)
    case.move(State.DISPUTED)
    tell(case, "impossible", new_jti, case.row.source)
    return Accepted(("transfer.posted",), reason=document.impossible)


def _recalled(case: Case, message: VerifiedMessage, document: Posting) -> Accepted | Refusal:
    """A recall is booked: the records named are recalled, and an ended case with them when nothing recognised is left."""
    booked = [item for item in case.items if item.state == ItemState.RECALLING and item.record in document.records]
    if not booked:
        return POSTED_ALREADY
    case.finish_owed(message.irt or "", case.row.accepting, "notify", "recall")
    case.set_items({item.position: {"state": ItemState.RECALLED.value} for item in booked})
    for item in booked:
        case.let_go(item)
    case.end_recall()
    return Accepted(("item.recalled",))


def withdraw(document: Withdrawal, new_jti: NewJti) -> Effect:
    """The learner's bank takes the case back before the decision."""

    def effect(case: Case, _rule: Rule) -> Accepted | Refusal:
        seen = case.cancel_owed("forward", "fetch")
        case.close_claimed("withdrawn")
        case.move(State.WITHDRAWN)
        for member in sorted(seen - {case.row.facing}):
            tell(case, "withdrawn", new_jti, member)
        return Accepted(("transfer.withdrawn",), reason=document.reason)

    return effect


def decline(message: VerifiedMessage, document: Withdrawal, new_jti: NewJti) -> Effect:
    """The source bank will not confirm."""

    def effect(case: Case, _rule: Rule) -> Accepted | Refusal:
        if not case.finish_owed(message.irt or "", case.row.source, "fetch"):
            return NOT_ASKED
        case.close_claimed("rejected")
        case.move(State.REJECTED)
        tell(case, "rejected", new_jti, case.row.facing)
        return Accepted(("transfer.rejected",), reason=document.reason)

    return effect


def tell(case: Case, event: str, new_jti: NewJti, *members: str) -> None:
    """Owe each member a notice of what has just happened."""
    for member in members:
        case.owe(new_jti(), member, "notify", event, {"event": event})
