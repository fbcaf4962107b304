"""Disputes and appeals: the accepting bank looks again, then the presiding unit; and the operator's orders on held cases.

A dispute remembers the state it began in; `uphold` by the presiding unit, or nobody judging in
time, puts the case back there.  `remit` sends it to be decided anew.
"""

from datetime import datetime, timedelta

from gateway.model.documents import Order, Withdrawal
from gateway.model.transfer import Refusal, Role, Rule, State
from gateway.transfers.acts import Accepted, Effect
from gateway.transfers.case import Case
from gateway.transfers.dead_letters import give_up, try_again
from gateway.transfers.steps import CONSENT_WITHDRAWN, NewJti, tell

DISPUTABLE = timedelta(days=30)
TOO_LATE = Refusal("transfer.too_late", "异议期限已过", "the time for a dispute is over")
NEVER_DELIVERED = Refusal("transfer.not_disputable", "本案未曾送达接收行", "this case never reached the accepting bank")
NOT_YOUR_TURN = Refusal("transfer.wrong_state", "此异议现由另一方审理", "the dispute is before somebody else now")
NOTHING_LEFT = Refusal(
    "transfer.wrong_state", "已无可重新认定的成果,只能维持", "nothing is left that could be decided anew; it can be upheld"
)
NOT_HELD = Refusal(
    "transfer.wrong_state", "案件未被搁置,只能处置其死信", "the case is not held; an order can only be about a dead letter of it"
)
NOT_CANCELLABLE = Refusal("transfer.wrong_state", "仅可取消停在送达环节的案件", "only a case held from delivery can be cancelled")


def dispute(document: Withdrawal, new_jti: NewJti) -> Effect:
    """Within thirty days of the end, by the source or the facing bank."""

    def effect(case: Case, _rule: Rule) -> Accepted | Refusal:
        if case.view.at > datetime.fromisoformat(case.row.changed_at) + DISPUTABLE:
            return TOO_LATE
        if case.state is not State.SETTLED and not any(owed.act == "forward" and owed.state == "done" for owed in case.owed()):
            return NEVER_DELIVERED
        open_dispute(case)
        tell(case, "disputed", new_jti, case.row.accepting)
        return Accepted(("transfer.disputed",), reason=document.reason)

    return effect


def open_dispute(case: Case) -> None:
    """The case is disputed from the state it is in; the accepting bank looks first."""
    case.row = case.row._replace(disputed_from=case.row.state, stage="accepting", unresolved=0)
    case.move(State.DISPUTED)


def uphold(document: Withdrawal, new_jti: NewJti) -> Effect:
    """The accepting bank upholds: the presiding unit judges next.  The presiding unit upholds: the decision stands."""

    def effect(case: Case, rule: Rule) -> Accepted | Refusal:
        if case.row.stage != ("accepting" if rule.role is Role.ACCEPTING else "presiding"):
            return NOT_YOUR_TURN
        if rule.role is Role.ACCEPTING:
            case.touch()
            case.to_presiding()
        else:
            case.stand(unresolved=False)
            tell(case, "upheld", new_jti, case.row.source, case.row.accepting)
        return Accepted(("transfer.upheld",), reason=document.reason)

    return effect


def remit(document: Withdrawal, new_jti: NewJti) -> Effect:
    """The presiding unit sends the case back to be decided anew, with every outcome that can still be had."""

    def effect(case: Case, _rule: Rule) -> Accepted | Refusal:
        if case.row.stage != "presiding":
            return NOT_YOUR_TURN
        if case.row.consent_withdrawn:
            return CONSENT_WITHDRAWN  # nobody could decide anew: what was decided stands
        if not case.reclaimable():
            return NOTHING_LEFT  # all of it is void, recalled or another case's by now: what was decided stands
        case.drop_recalls()
        case.reclaim()
        case.row = case.row._replace(decision_jti="", posted_source="", posted_accepting="", disputed_from="", stage="")
        case.move(State.REVIEWING)
        tell(case, "remitted", new_jti, case.row.source, case.row.accepting)
        return Accepted(("transfer.remitted",), reason=document.reason)

    return effect


def retry(document: Order) -> Effect:
    """The presiding unit's operator lets a held case go on where it stood, and what is owed is due at once; or has a dead letter tried."""

    def effect(case: Case, _rule: Rule) -> Accepted | Refusal:
        if document.message:
            return try_again(case, document)
        if case.state is not State.HELD:
            return NOT_HELD
        case.move(State(case.row.held_from))
        case.row = case.row._replace(stage="")
        for owed in list(case.owed()):
            if owed.state in {"new", "ready"}:
                case.view.put_owed(owed._replace(next_at=case.view.at_text))
        return Accepted(("operator.retried",), reason=document.reason)

    return effect


def cancel(document: Order, new_jti: NewJti) -> Effect:
    """The presiding unit's operator ends a case that could not be delivered, or gives a dead letter up."""

    def effect(case: Case, _rule: Rule) -> Accepted | Refusal:
        if document.message:
            return give_up(case, document)
        if case.state is not State.HELD:
            return NOT_HELD
        if case.row.held_from != State.DELIVERING:
            return NOT_CANCELLABLE
        seen = case.cancel_owed("forward", "fetch")
        case.close_claimed("cancelled")
        case.move(State.WITHDRAWN)
        tell(case, "cancelled", new_jti, *sorted(seen | {case.row.facing, case.row.source}))
        return Accepted(("operator.cancelled",), reason=document.reason)

    return effect
