"""Dead letters: single messages that could not be delivered, each in its member's lane.

What carries a case (`forward`, `fetch`) holds or ends that case at its own deadline.  Anything else becomes a dead letter when
it has been the first of its transfer in its lane for the delivery horizon and the member has not answered it.  That is an
alarm and no end: the message stays open, is tried again every hour and whenever its failing member speaks, and what comes
after it in the same transfer and lane waits behind it, so the member hears everything, in order.  Only the member's
signed word ends it, or the presiding unit's order to give it up.  Sentences: docs/protocol.md, PR-96 to PR-98.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gateway.model.documents import Order
from gateway.model.transfer import Refusal, State
from gateway.storage.rows import OwedRow
from gateway.transfers.acts import Accepted
from gateway.transfers.answers import Answer
from gateway.transfers.case import Case
from gateway.transfers.deadlines import WORKING_DAYS, deadline_after
from gateway.transfers.owing import OPEN_OWED
from gateway.transfers.view import View, Wants

HORIZON_DAYS: Final = WORKING_DAYS[State.DELIVERING]
HORIZON_MIN: Final = timedelta(days=HORIZON_DAYS)
"""No horizon is shorter: it ends with a whole working day."""
INFORMING: Final = frozenset({"asked", "cancelled", "disputed", "expired", "not_supplied", "rejected", "revoked", "withdrawn"})
"""Events whose notice may be given up: a bank that never hears of them is told by the answer to its next act.  Every other
notice settles what a bank has to book or to take back, and stays owed."""
NO_DEAD_LETTER = Refusal("transfer.no_dead_letter", "本案现在没有此死信", "this case has no such dead letter now")
MUST_ARRIVE = Refusal(
    "transfer.must_arrive", "此通知关系入账或冲回,不能放弃", "this notice settles what is booked or taken back; it cannot be given up"
)


def horizon(row: OwedRow) -> datetime:
    """Until when the message may wait before it is a dead letter: the end of a Chinese working day, in UTC."""
    return deadline_after(HORIZON_DAYS, datetime.fromisoformat(max(row.created_at, row.first_at)))[0]


def is_dead(row: OwedRow) -> bool:
    """Whether it is an open dead letter."""
    return bool(row.dead_since) and row.state in OPEN_OWED


def may_give_up(row: OwedRow) -> bool:
    """Whether the presiding unit may cancel it: it only informs, or may not be told any more since the consent it stands on is over."""
    return row.event in INFORMING or row.last_error.startswith("consent.")


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A message is past its horizon, as far as the reader saw."""

    transfer: str
    jti: str

    @property
    def wants(self) -> Wants:
        return Wants(transfers=(self.transfer,))

    def apply(self, view: View) -> Answer:
        line = view.owed.get(self.transfer, [])
        row = next((each for each in line if each.jti == self.jti), None)
        if row is None or row.state not in OPEN_OWED or row.dead_since or horizon(row) > view.at:
            return Answer(409, b"{}", b"")
        if any(each.state in OPEN_OWED and each.lane == row.lane and each.number < row.number for each in line):
            return Answer(409, b"{}", b"")
        view.put_owed(row._replace(dead_since=view.at_text))
        return Answer(200, b"{}", b"")


def try_again(case: Case, order: Order) -> Accepted | Refusal:
    """The presiding unit has the letter tried now.  It stays a dead letter until the member's word."""
    row = _letter(case, order)
    if row is None:
        return NO_DEAD_LETTER
    case.view.put_owed(row._replace(next_at=case.view.at_text))
    return Accepted(("operator.retried",), reason=order.reason, facts={"message": row.jti})


def give_up(case: Case, order: Order) -> Accepted | Refusal:
    """The presiding unit gives the letter up; what waits behind it goes on."""
    row = _letter(case, order)
    if row is None:
        return NO_DEAD_LETTER
    if not may_give_up(row):
        return MUST_ARRIVE
    case.view.put_owed(row._replace(state="cancelled"))
    return Accepted(("operator.cancelled",), reason=order.reason, facts={"message": row.jti})


def _letter(case: Case, order: Order) -> OwedRow | None:
    return next((row for row in case.owed() if row.jti == order.message and is_dead(row)), None)
