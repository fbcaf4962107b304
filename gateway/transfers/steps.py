"""The acts on an open case: acknowledge, decide, posted, withdraw, decline.

Each is an `Effect` made from documents that were read beforehand: it finds its refusals first and
then moves the case.  Which messages this owes to whom is decided here, in the same change.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from gateway.federation.envelope import VerifiedMessage
from gateway.model.documents import Acknowledgement, Decision, Posting, Verdict, Withdrawal
from gateway.model.transfer import Refusal, Role, Rule, State
from gateway.transfers.acts import NOT_ASKED, Accepted, Effect
from gateway.transfers.case import Case

OTHER_BYTES = Refusal("transfer.other_bytes", "认定所依据的不是最近交付的内容", "the decision is not over what was last delivered")
WRONG_ITEMS = Refusal("transfer.bad_document", "认定须逐项覆盖全部待定成果", "a decision covers exactly the items that are still claimed")
TOO_MUCH = Refusal("transfer.credits_exceed", "认定学分超过该项区域学分", "more credits are recognised than the item has")
IMPOSSIBLE = Refusal("transfer.not_yet", "“无法入账”将在后续版本办理", "a posting that is impossible is not carried out yet")
POSTED_ALREADY = Refusal("transfer.wrong_state", "贵行已确认入账", "your posting is already acknowledged")
CONSENT_ENDED = Refusal("consent.expired", "授权已到期", "the consent has run out")
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
            case.move(State.REVIEWING)
            return Accepted(("transfer.delivered",))
        case.row = case.row._replace(none_reason=document.none_reason)
        case.close_claimed("no_account")
        case.move(State.REJECTED)
        tell(case, "rejected", new_jti, case.row.source)
        return Accepted(("transfer.rejected",), reason=document.none_reason)

    return effect


def decide(message: VerifiedMessage, document: Decision, new_jti: NewJti) -> Effect:
    """Item by item, over the digests of what was last delivered.  All refused is a decision too and settles with nothing to post."""

    def effect(case: Case, _rule: Rule) -> Accepted | Refusal:
        refusal = _judge_decision(case, message, document)
        if refusal is not None:
            return refusal
        verdicts = {item.record: item for item in document.items}
        changes: dict[int, Mapping[str, Any]] = {}
        for item in case.claimed():
            verdict = verdicts[item.record]
            recognised = verdict.verdict is Verdict.RECOGNISED
            changes[item.position] = {
                "state": verdict.verdict.value,
                "reason": verdict.reason,
                "awarded": str(verdict.credits) if recognised else None,
            }
        before = case.claimed()
        case.redeem(item for item in before if verdicts[item.record].verdict is Verdict.RECOGNISED)
        case.release(item for item in before if verdicts[item.record].verdict is Verdict.REFUSED)
        case.set_items(changes)
        case.row = case.row._replace(decision_jti=message.jti)
        tell(case, "decided", new_jti, case.row.source)
        if any(item.state == Verdict.RECOGNISED for item in case.items):
            case.move(State.POSTING)
            return Accepted(("transfer.decided",))
        case.move(State.SETTLED)
        return Accepted(("transfer.decided", "transfer.settled"))

    return effect


def _judge_decision(case: Case, message: VerifiedMessage, document: Decision) -> Refusal | None:
    row = case.row
    named = (message.claims.get("delivered"), message.claims.get("part"), "@".join(message.claims.get("mapping", ())))
    if named != (row.delivered_sd, row.part_sd, row.mapping):
        return OTHER_BYTES
    if row.consent_until <= case.view.at_text:
        return CONSENT_ENDED
    claimed = {item.record: item for item in case.claimed()}
    if len(document.items) != len(claimed) or {item.record for item in document.items} != claimed.keys():
        return WRONG_ITEMS
    for item in document.items:
        most = claimed[item.record].credits
        if item.credits.value < 0 or (most is not None and item.credits.value > Decimal(most)):
            return TOO_MUCH
        if item.verdict is Verdict.REFUSED and item.credits.value:
            return TOO_MUCH
    return None


def posted(message: VerifiedMessage, document: Posting) -> Effect:
    """Source and accepting bank each say that the decision is booked; both → settled."""

    def effect(case: Case, rule: Rule) -> Accepted | Refusal:
        if message.claims.get("posture") != ("impossible" if document.impossible else "done"):
            return BAD_POSTURE
        if document.impossible:
            return IMPOSSIBLE
        if rule.role is Role.ACCEPTING:
            if message.irt != case.row.decision_jti:
                return NOT_ASKED
            if case.row.posted_accepting:
                return POSTED_ALREADY
            case.row = case.row._replace(posted_accepting=message.jti)
        else:
            if case.row.posted_source:
                return POSTED_ALREADY
            if not case.finish_owed(message.irt or "", case.row.source, "notify", "decided"):
                return NOT_ASKED
            case.row = case.row._replace(posted_source=message.jti)
        if case.row.posted_source and case.row.posted_accepting:
            case.move(State.SETTLED)
            return Accepted(("transfer.posted", "transfer.settled"))
        return Accepted(("transfer.posted",))

    return effect


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
