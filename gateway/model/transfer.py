"""A recognition case: states, roles, acts and the one table that says what each act does.

Pure.  `TABLE` is the whole of it: every (state, act, role) is either a row here or one of two
named refusals.  Sources of the rules: docs/protocol.md, section 5.
"""

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from gateway.model.canonical import jcs


class State(StrEnum):
    """Where a transfer stands."""

    CONFIRMING = "confirming"
    DELIVERING = "delivering"
    REVIEWING = "reviewing"
    SUPPLEMENTING = "supplementing"
    POSTING = "posting"
    DISPUTED = "disputed"
    HELD = "held"
    SETTLED = "settled"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    RECALLED = "recalled"


CLOSED = frozenset({State.SETTLED, State.REJECTED, State.WITHDRAWN, State.EXPIRED, State.RECALLED})
BEFORE_DECISION = frozenset({State.CONFIRMING, State.DELIVERING, State.REVIEWING, State.SUPPLEMENTING})


class ItemState(StrEnum):
    """Where one record inside a transfer stands."""

    CLAIMED = "claimed"
    RECOGNISED = "recognised"
    REFUSED = "refused"
    CLOSED = "closed"
    RECALLING = "recalling"
    RECALLED = "recalled"


class Role(StrEnum):
    """Who somebody is in one transfer.  A bank may hold two."""

    SOURCE = "source"
    ACCEPTING = "accepting"
    FACING = "facing"
    PRESIDING = "presiding"
    GATEWAY = "gateway"


class Act(StrEnum):
    """Everything that can be said, by whomever."""

    REQUEST = "request"
    CONFIRM = "confirm"
    DECLINE = "decline"
    ACKNOWLEDGE = "acknowledge"
    ASK = "ask"
    SUPPLEMENT = "supplement"
    AMEND = "amend"
    REVOKE = "revoke"
    DECIDE = "decide"
    POSTED = "posted"
    WITHDRAW = "withdraw"
    DISPUTE = "dispute"
    UPHOLD = "uphold"
    REMIT = "remit"
    RETRY = "retry"
    CANCEL = "cancel"
    EXPIRE = "expire"
    HOLD = "hold"
    ESCALATE = "escalate"
    LAPSE = "lapse"
    RESCHEDULE = "reschedule"
    FORWARD = "forward"
    NOTIFY = "notify"
    NOTED = "noted"
    COLLECT = "collect"
    FETCH = "fetch"
    ENQUIRE = "enquire"
    LIST = "list"
    CONSENT = "consent"
    CONSENT_WITHDRAW = "consent-withdraw"
    CLEAR = "clear"
    STATEMENT_SIGN = "statement-sign"
    STATEMENT_DISPUTE = "statement-dispute"
    AGREEMENT_PROPOSE = "agreement-propose"
    AGREEMENT_SIGN = "agreement-sign"
    AGREEMENT_SUSPEND = "agreement-suspend"
    AGREEMENT_RESUME = "agreement-resume"
    AGREEMENT_END = "agreement-end"
    FLAG = "flag"
    FLAG_APPEAL = "flag-appeal"
    FLAG_UPHOLD = "flag-uphold"
    FLAG_LIFT = "flag-lift"
    FLAG_ESCALATE = "flag-escalate"
    ERASE = "erase"
    LEGAL_HOLD = "legal-hold"
    LEGAL_RELEASE = "legal-release"
    RULE_PROPOSE = "rule-propose"
    RULE_APPROVE = "rule-approve"
    RULE_PUBLISH = "rule-publish"
    RULE_WITHDRAW = "rule-withdraw"
    HANDOVER = "handover"
    HANDOVER_ACCEPT = "handover-accept"
    REFUSAL = "refusal"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A foreseen "no": a value, not an exception.  `code` is stable and has a paragraph in docs/errors.md."""

    code: str
    zh: str
    en: str
    state: str = ""
    ver: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: in these states this role may do this act; `leaf` is the type of its leaf, `names_ver` means it must name `ver`."""

    act: Act
    role: Role
    states: frozenset[State]
    to: tuple[State, ...]
    leaf: tuple[str, ...]
    names_ver: bool = False


def _rule(act: Act, role: Role, states: set[State], to: tuple[State, ...], *leaf: str, names_ver: bool = False) -> Rule:
    return Rule(act, role, frozenset(states), to, leaf, names_ver)


S = State
ANY_OPEN = set(State) - CLOSED
AGAIN = (S.DELIVERING, S.REJECTED)
POSTED_BY_ACCEPTING = (S.POSTING, S.SETTLED, S.RECALLED, S.DISPUTED)
STANDS = (S.POSTING, S.SETTLED, S.RECALLED, S.REJECTED, S.EXPIRED)
"""Where a dispute may have begun, and where its case goes back to when the decision stands."""
TABLE: tuple[Rule, ...] = (
    _rule(Act.CONFIRM, Role.SOURCE, {S.CONFIRMING}, (S.DELIVERING, S.REJECTED), "transfer.confirmed", "transfer.rejected"),
    _rule(Act.DECLINE, Role.SOURCE, {S.CONFIRMING}, (S.REJECTED,), "transfer.rejected"),
    _rule(Act.ACKNOWLEDGE, Role.ACCEPTING, {S.DELIVERING, S.HELD}, (S.REVIEWING, S.REJECTED), "transfer.delivered", "transfer.rejected"),
    _rule(Act.ASK, Role.ACCEPTING, {S.REVIEWING}, (S.SUPPLEMENTING,), "transfer.asked", names_ver=True),
    _rule(Act.SUPPLEMENT, Role.SOURCE, {S.SUPPLEMENTING}, AGAIN, "transfer.supplemented", "transfer.rejected", names_ver=True),
    _rule(Act.AMEND, Role.SOURCE, set(BEFORE_DECISION) - {S.CONFIRMING}, AGAIN, "transfer.amended", "transfer.rejected", names_ver=True),
    _rule(Act.AMEND, Role.SOURCE, {S.POSTING, S.SETTLED}, (S.DISPUTED,), "transfer.amended", names_ver=True),
    _rule(Act.REVOKE, Role.SOURCE, set(BEFORE_DECISION) | {S.HELD}, (S.REJECTED,), "record.revoked", "transfer.rejected"),
    _rule(Act.REVOKE, Role.SOURCE, set(State) - BEFORE_DECISION - {S.HELD}, (), "record.revoked"),
    _rule(
        Act.DECIDE,
        Role.ACCEPTING,
        {S.REVIEWING, S.DISPUTED},
        (S.POSTING, S.SETTLED, S.RECALLED),
        "transfer.decided",
        "transfer.settled",
        names_ver=True,
    ),
    _rule(Act.POSTED, Role.SOURCE, {S.POSTING, S.HELD}, (S.POSTING, S.SETTLED, S.RECALLED), "transfer.posted", "transfer.settled"),
    _rule(Act.POSTED, Role.ACCEPTING, {S.POSTING, S.HELD}, POSTED_BY_ACCEPTING, "transfer.posted", "transfer.settled"),
    _rule(Act.POSTED, Role.ACCEPTING, {S.POSTING, S.SETTLED, S.DISPUTED, S.HELD}, (S.SETTLED, S.RECALLED), "item.recalled"),
    _rule(Act.WITHDRAW, Role.FACING, set(BEFORE_DECISION) | {S.HELD}, (S.WITHDRAWN,), "transfer.withdrawn"),
    _rule(Act.DISPUTE, Role.SOURCE, {S.SETTLED, S.REJECTED, S.EXPIRED}, (S.DISPUTED,), "transfer.disputed"),
    _rule(Act.DISPUTE, Role.FACING, {S.SETTLED, S.REJECTED, S.EXPIRED}, (S.DISPUTED,), "transfer.disputed"),
    _rule(Act.UPHOLD, Role.ACCEPTING, {S.DISPUTED}, (), "transfer.upheld"),
    _rule(Act.UPHOLD, Role.PRESIDING, {S.DISPUTED}, STANDS, "transfer.upheld"),
    _rule(Act.REMIT, Role.PRESIDING, {S.DISPUTED}, (S.REVIEWING,), "transfer.remitted"),
    _rule(Act.RETRY, Role.PRESIDING, {S.HELD}, (S.DELIVERING, S.POSTING, S.SETTLED), "operator.retried"),
    _rule(Act.RETRY, Role.PRESIDING, set(State), (), "operator.retried"),
    _rule(Act.CANCEL, Role.PRESIDING, {S.HELD}, (S.WITHDRAWN,), "operator.cancelled"),
    _rule(Act.CANCEL, Role.PRESIDING, set(State), (), "operator.cancelled"),
    _rule(Act.EXPIRE, Role.GATEWAY, {S.CONFIRMING, S.REVIEWING, S.HELD}, (S.EXPIRED,), "transfer.expired"),
    _rule(Act.HOLD, Role.GATEWAY, {S.DELIVERING, S.POSTING, S.SETTLED}, (S.HELD,), "transfer.held"),
    _rule(Act.ESCALATE, Role.GATEWAY, {S.DISPUTED, S.HELD}, (), "transfer.escalated"),
    _rule(Act.LAPSE, Role.GATEWAY, {S.SUPPLEMENTING}, (S.REVIEWING,), "transfer.lapsed"),
    _rule(Act.LAPSE, Role.GATEWAY, {S.DISPUTED}, STANDS, "transfer.lapsed"),
    _rule(Act.RESCHEDULE, Role.GATEWAY, ANY_OPEN, (), "transfer.rescheduled"),
)


def rule_for(state: State, act: Act, roles: frozenset[Role]) -> Rule | Refusal:
    """The row that applies to a party of the transfer, or the refusal: not your role, wrong state.

    Consents, enquiries, agreements, flags, rules, statements and rulings on outcomes have scopes of their own and no row:
    nobody has a role in a transfer for them.
    """
    rows = [rule for rule in TABLE if rule.act is act]
    mine = [rule for rule in rows if rule.role in roles]
    if not mine:
        return Refusal("transfer.not_your_role", "贵行在此转移中无权作此动作", "your role in this transfer does not allow this act", state)
    for rule in mine:
        if state in rule.states:
            return rule
    return Refusal(
        "transfer.wrong_state", f"转移处于 {state},不能作此动作", f"the transfer is {state}; this act is not possible now", state
    )


def transfer_id(iss: str, jti: str) -> str:
    """SHA-256 (hex) of the JCS bytes of `["ceg-transfer", iss, jti]` of the request: the same at both ends."""
    return sha256(jcs(["ceg-transfer", iss, jti])).hexdigest()
