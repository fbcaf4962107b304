"""A question which records a source bank has of a learner: asked under consent, answered once, or over by itself.

Like a case it is one row, leaves in its own scope, and messages owed; unlike a case it moves nobody's credit.  The facing bank
asks, the source bank lists or declines; nobody else hears of it.  Sentences: docs/protocol.md, PR-111 to PR-121.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.federation.envelope import VerifiedMessage
from gateway.model.scopes import ENDED_EVENTS, EnquiryState
from gateway.model.transfer import Role, State
from gateway.storage.rows import EnquiryRow
from gateway.transferlog.leaf import Leaf, leaf_bytes
from gateway.transfers.acts import signed_fields
from gateway.transfers.answers import Answer
from gateway.transfers.case import utc_text
from gateway.transfers.deadlines import WORKING_DAYS, deadline_after
from gateway.transfers.owing import Owing
from gateway.transfers.steps import NewJti
from gateway.transfers.view import LeafDraft, View

TERM_DAYS = WORKING_DAYS[State.CONFIRMING]
"""As long as a source bank has to confirm."""


@dataclass(slots=True)
class Enquiring(Owing):
    """An enquiry open for change inside one batch.  Nothing is stored before `view.put_enquiry(row)`."""

    view: View
    row: EnquiryRow

    @classmethod
    def of(cls, view: View, scope: str) -> "Enquiring | None":
        row = view.enquiries.get(scope)
        return cls(view, row) if row is not None else None

    @property
    def scope(self) -> str:
        return self.row.id

    @property
    def state(self) -> EnquiryState:
        return EnquiryState(self.row.state)

    def role_of(self, member: str) -> Role | None:
        """None for a stranger."""
        return {self.row.iss: Role.FACING, self.row.source: Role.SOURCE}.get(member)

    def start(self) -> None:
        """The source bank has until the end of the term's last working day."""
        deadline, provisional = deadline_after(TERM_DAYS, self.view.at)
        self.row = self.row._replace(
            state=EnquiryState.ASKED.value, deadline=utc_text(deadline), provisional=int(provisional),
            due_days=TERM_DAYS, due_since=self.view.at_text,
        )  # fmt: skip

    def end(self, state: EnquiryState) -> None:
        """Over: no deadline any more, and what was not sent is not sent."""
        self.cancel_owed("fetch")
        self.row = self.row._replace(state=state.value, changed_at=self.view.at_text, deadline=None, provisional=0)

    def tell(self, new_jti: NewJti, member: str) -> None:
        """Owe a bank the notice of how it ended."""
        event = ENDED_EVENTS[self.state]
        self.owe(new_jti(), member, "notify", event, {"event": event})

    def withdraw(self, new_jti: NewJti) -> bool:
        """Its consent was withdrawn: an open question ends, a list that was not handed out is not handed out.  Whether it ended."""
        self.cancel_owed_event("listed")
        if self.state is not EnquiryState.ASKED:
            return False
        seen = any(row.attempts or row.state == "ready" for row in self.owed())
        self.end(EnquiryState.WITHDRAWN)
        if seen:
            self.tell(new_jti, self.row.source)
        return True

    def reschedule(self) -> bool:
        """Compute a guessed deadline again; whether it is certain now."""
        deadline, provisional = deadline_after(self.row.due_days, datetime.fromisoformat(self.row.due_since))
        if not provisional:
            self.row = self.row._replace(deadline=utc_text(deadline), provisional=0, warned=0)
        return not provisional

    def log(
        self, message: VerifiedMessage, answer: Answer, type_: str, role: Role, before: str, facts: Mapping[str, str | int | bool]
    ) -> bytes:
        """The leaf of a bank's act; gives back its bytes."""
        return self._append(
            Leaf(
                type=type_, at=self.view.at_text, scope=self.scope, seq=self.row.seq, iss=message.iss, jti=message.jti,
                state_before=before, state_after=self.row.state, deadline=self.row.deadline, facts=facts,
                **signed_fields(message, answer, role.value),
            )
        )  # fmt: skip

    def log_caused(self, message: VerifiedMessage, cause: tuple[str, int]) -> None:
        """The second leaf of a consent's withdrawal, which ended this enquiry."""
        self._append(
            Leaf(
                type="enquiry.withdrawn", at=self.view.at_text, scope=self.scope, seq=self.row.seq, iss=message.iss, jti=message.jti,
                n=1, cause=cause, state_before=EnquiryState.ASKED.value, state_after=self.row.state,
            )
        )  # fmt: skip

    def log_gateway(self, gateway: str, jti: str, type_: str) -> None:
        """A leaf of the gateway's own: its cause is the leaf whose deadline it acts on."""
        self._append(
            Leaf(
                type=type_, at=self.view.at_text, scope=self.scope, seq=self.row.seq, iss=gateway, jti=jti,
                cause=(self.scope, self.row.seq - 1), actor=gateway, role=Role.GATEWAY.value,
                state_before=EnquiryState.ASKED.value, state_after=self.row.state, deadline=self.row.deadline,
            )
        )  # fmt: skip

    def _append(self, leaf: Leaf) -> bytes:
        data = leaf_bytes(leaf)
        self.view.leaves.append(LeafDraft(self.view.next_index, self.scope, leaf.seq, leaf.iss, leaf.jti, leaf.n, data))
        self.row = self.row._replace(seq=self.row.seq + 1, leaf=self.view.next_index - 1)
        return data


def enquiry_json(row: EnquiryRow) -> dict[str, Any]:
    """An enquiry as its two banks may see it."""
    shown: dict[str, Any] = {
        "enquiry": row.id,
        "facing": row.iss,
        "source": row.source,
        "state": row.state,
        "waiting_on": [row.source] if row.state == EnquiryState.ASKED else [],
        "deadline": row.deadline,
        "deadline_provisional": bool(row.provisional),
    }
    if row.state == EnquiryState.LISTED:
        shown |= {"records": row.records, "as_of": row.as_of}
    return shown
