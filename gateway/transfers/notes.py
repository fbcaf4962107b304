"""Acts that change no case: `noted` (a notice was taken) and a poll of the mailbox (`collect`).

They have no leaf; their answers are kept against repeats and signed by the gateway.
"""

from dataclasses import dataclass

from gateway.federation.envelope import VerifiedMessage
from gateway.model.canonical import jcs
from gateway.storage.rows import OwedRow
from gateway.transfers.acts import LEASE, NOT_ASKED, STATUS_DONE, UNKNOWN, earlier_answer, keep, refuse_logged, refuse_unlogged
from gateway.transfers.answers import Answer, head_of
from gateway.transfers.case import Case, utc_text
from gateway.transfers.enquiry import Enquiring, enquiry_json
from gateway.transfers.owing import OPEN_OWED
from gateway.transfers.view import View, Wants


@dataclass(frozen=True, slots=True)
class Noted:
    """A bank has taken a notice: the owed message it names is done."""

    message: VerifiedMessage
    secret: bytes
    wants: Wants

    def apply(self, view: View) -> Answer:
        earlier = earlier_answer(view, self.message, self.secret)
        if earlier is not None:
            return earlier
        case = Case.of(view, self.message.scp or "")
        if case is None or not case.roles_of(self.message.iss):
            return self._of_enquiry(view)
        irt, member = self.message.irt or "", self.message.iss
        if not case.finish_owed(irt, member, "notify") and not case.finish_owed_again(irt, member):
            return refuse_logged(case, self.message, self.secret, NOT_ASKED)
        body = jcs(case.body(self.message, {}))
        return keep(view, self.message, Answer(STATUS_DONE, body, self.secret), case.row.id)

    def _of_enquiry(self, view: View) -> Answer:
        asking = Enquiring.of(view, self.message.scp or "")
        if asking is None or asking.role_of(self.message.iss) is None:
            return refuse_unlogged(view, self.message, self.secret, UNKNOWN)
        irt, member = self.message.irt or "", self.message.iss
        if not asking.finish_owed(irt, member, "notify") and not asking.finish_owed_again(irt, member):
            return refuse_unlogged(view, self.message, self.secret, NOT_ASKED)
        body = jcs({**head_of(self.message), **enquiry_json(asking.row)})
        return keep(view, self.message, Answer(STATUS_DONE, body, self.secret), asking.scope)


@dataclass(frozen=True, slots=True)
class Collected:
    """A bank polled its mailbox: what it was handed waits for its acknowledgement before it is handed out again."""

    message: VerifiedMessage
    secret: bytes
    handed: tuple[OwedRow, ...]

    @property
    def wants(self) -> Wants:
        return Wants(messages=((self.message.iss, self.message.jti),), transfers=tuple(row.transfer for row in self.handed))

    def apply(self, view: View) -> Answer:
        earlier = earlier_answer(view, self.message, self.secret)
        if earlier is not None:
            return earlier
        still = [row for row in self.handed if is_due(view, row) and mark_attempt(view, row, utc_text(view.at + LEASE), "")]
        body = head_of(self.message)
        body["messages"] = [row.jti for row in still]
        return keep(view, self.message, Answer(STATUS_DONE, jcs(body), self.secret), "")


def is_due(view: View, row: OwedRow) -> bool:
    """Whether nobody else was handed it since it was read."""
    return any(each.jti == row.jti and each.next_at <= view.at_text for each in view.owed.get(row.transfer, ()))


def mark_attempt(view: View, row: OwedRow, next_at: str, error: str) -> bool:
    """Count one more try, unless the message was answered or cancelled meanwhile."""
    present = next((each for each in view.owed.get(row.transfer, ()) if each.jti == row.jti), None)
    if present is None or present.state not in OPEN_OWED:
        return False
    view.put_owed(present._replace(attempts=present.attempts + 1, next_at=next_at, last_error=error))
    return True
