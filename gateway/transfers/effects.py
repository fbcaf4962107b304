"""Which document an act brings, and which effect is made of it.

The acts whose effect needs more than their document (a part to read) are made in `receive`.
"""

from collections.abc import Callable
from typing import Any

from gateway.federation.envelope import VerifiedMessage
from gateway.mapping.documents import read
from gateway.mapping.schema import Standard
from gateway.model.documents import Acknowledgement, Correction, Decision, Order, Posting, Withdrawal
from gateway.model.transfer import Act, Refusal
from gateway.transfers import corrections, disputes, steps
from gateway.transfers.acts import Effect
from gateway.transfers.steps import NewJti

NOT_A_BANKS = Refusal("transfer.not_your_role", "此动作只由网关作出", "this act is the gateway's own")
_MADE: dict[Act, tuple[str, type[Any], Callable[[VerifiedMessage, Any, NewJti], Effect]]] = {
    Act.ACKNOWLEDGE: ("acknowledgement", Acknowledgement, steps.acknowledge),
    Act.DECIDE: ("decision", Decision, steps.decide),
    Act.POSTED: ("posting", Posting, steps.posted),
    Act.DECLINE: ("refusal", Withdrawal, steps.decline),
    Act.WITHDRAW: ("withdrawal", Withdrawal, lambda _message, document, jti: steps.withdraw(document, jti)),
    Act.ASK: ("question", Withdrawal, corrections.ask),
    Act.REVOKE: ("revocation", Correction, lambda _message, document, jti: corrections.revoke(document, jti)),
    Act.DISPUTE: ("dispute", Withdrawal, lambda _message, document, jti: disputes.dispute(document, jti)),
    Act.UPHOLD: ("ruling", Withdrawal, lambda _message, document, jti: disputes.uphold(document, jti)),
    Act.REMIT: ("ruling", Withdrawal, lambda _message, document, jti: disputes.remit(document, jti)),
    Act.RETRY: ("order", Order, lambda _message, document, _jti: disputes.retry(document)),
    Act.CANCEL: ("order", Order, lambda _message, document, jti: disputes.cancel(document, jti)),
}


def effect_of(message: VerifiedMessage, standard: Standard, new_jti: NewJti) -> Effect:
    """Raises FormatError or StandardError where the act's document is at fault."""
    made = _MADE.get(Act(message.act))
    if made is None:
        return lambda _case, _rule: NOT_A_BANKS
    name, kind, build = made
    return build(message, read(message.contents[name].data, kind, standard), new_jti)
