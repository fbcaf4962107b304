"""The acts on an enquiry: asked, listed, declined; and what the gateway does when its term is over.

Each finds its refusals under the lock, in the order every act has: repeat, key, role, state, document.  A refusal is signed and
writes no leaf: an enquiry's leaves say who was asked and what came of it, nothing else.
"""

from dataclasses import dataclass, replace

from gateway.errors import Problem
from gateway.federation.envelope import VerifiedMessage
from gateway.model.canonical import jcs_known
from gateway.model.documents import Consent, Enquiry, Listing, Withdrawal
from gateway.model.scopes import ASKED_EVENT, EnquiryState, consent_scope, enquiry_id
from gateway.model.transfer import Act, Refusal, Role
from gateway.storage.rows import ContentRow, EnquiryRow, PartKeyRow
from gateway.transfers.acts import (
    ERASED,
    NOT_ASKED,
    STATUS_DONE,
    STATUS_OPENED,
    Presiding,
    earlier_answer,
    keep,
    refuse_unlogged,
    roles_in,
)
from gateway.transfers.agreements import NOT_AGREED, Standing, permitted
from gateway.transfers.answers import Answer, head_of
from gateway.transfers.case import Case, utc_text
from gateway.transfers.consents import consent_fault, elsewhere, taken_up
from gateway.transfers.deadlines import CHINA
from gateway.transfers.enquiry import Enquiring, enquiry_json
from gateway.transfers.steps import CONSENT_ENDED, CONSENT_WITHDRAWN, NewJti
from gateway.transfers.view import View, Wants

OVER = Refusal("transfer.wrong_state", "该询问已结束", "the enquiry is over")
NOT_THE_SOURCE = Refusal("transfer.not_your_role", "只有被询问的银行可以答复", "only the bank that was asked can answer")
FROM_THE_FUTURE = Refusal("transfer.bad_document", "清单日期晚于今日", "the list is dated after today")


@dataclass(frozen=True, slots=True)
class Asking:
    """`enquire`, read and checked: the question, under the consent for asking that bank."""

    message: VerifiedMessage
    secret: bytes
    enquiry: Enquiry
    consent: Consent
    learner: str
    contents: tuple[ContentRow, ...]
    part_key: PartKeyRow
    owed_jti: str
    standing: Standing

    @property
    def wants(self) -> Wants:
        return Wants(messages=((self.message.iss, self.message.jti),), consents=((self.message.iss, self.consent.consent_id),))

    def apply(self, view: View) -> Answer:
        earlier = earlier_answer(view, self.message, self.secret)
        if earlier is not None:
            return earlier
        message, consent = self.message, self.consent
        fault = consent_fault(view, message.iss, consent)
        if fault is not None:
            return refuse_unlogged(view, message, self.secret, fault)
        if not permitted(view, self.standing, self.enquiry.source, message.iss):
            return refuse_unlogged(view, message, self.secret, NOT_AGREED)
        asking = Enquiring(view, self._row(view))
        asking.start()
        view.put_consent(taken_up(view, message.iss, consent, asking.scope))
        asking.owe(self.owed_jti, asking.row.source, "fetch", ASKED_EVENT, {"event": ASKED_EVENT})
        body = jcs_known({**head_of(message), **enquiry_json(asking.row)})
        answer = Answer(STATUS_OPENED, body, self.secret, view.next_index)
        facts = {"asked": asking.row.source, "consent": consent_scope(message.iss, consent.consent_id)}
        leaf = asking.log(message, answer, "record.read", Role.FACING, "", facts)
        view.put_enquiry(asking.row)
        view.put_part_key(self.part_key)
        view.put_contents(self.contents)
        return keep(view, message, replace(answer, leaf_data=leaf), asking.scope)

    def _row(self, view: View) -> EnquiryRow:
        message = self.message
        return EnquiryRow(
            id=enquiry_id(message.iss, message.jti), iss=message.iss, jti=message.jti, source=self.enquiry.source,
            state="", seq=0, opened_at=view.at_text, changed_at=view.at_text, deadline=None, provisional=0, due_days=0, due_since="",
            warned=0, consent_id=self.consent.consent_id, consent_until=utc_text(self.consent.expires_at), learner=self.learner,
            records=0, as_of="", leaf=0,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answered:
    """`list`, or `decline` of an enquiry.  `document` is what was read, or why it could not be: role and state come first."""

    message: VerifiedMessage
    secret: bytes
    document: Listing | Withdrawal | Refusal
    problems: tuple[Problem, ...]
    contents: tuple[ContentRow, ...]
    new_jti: NewJti
    presiding: Presiding

    @property
    def wants(self) -> Wants:
        message = self.message
        scopes = (message.scp,) if message.scp else ()
        return Wants(messages=((message.iss, message.jti),), transfers=scopes, enquiries=scopes)

    def apply(self, view: View) -> Answer:
        earlier = earlier_answer(view, self.message, self.secret)
        if earlier is not None:
            return earlier
        message = self.message
        asking = Enquiring.of(view, message.scp or "")
        if asking is None or asking.role_of(message.iss) is None:
            return elsewhere(view, message, self.secret, self.presiding)
        refusal = self._refused(asking)
        if refusal is not None:
            asking.finish_owed_again(message.irt, message.iss)
            told = Refusal(refusal.code, refusal.zh, refusal.en, asking.row.state)
            return refuse_unlogged(view, message, self.secret, told, self.problems if refusal is self.document else ())
        return self._take(view, asking)

    def _refused(self, asking: Enquiring) -> Refusal | None:
        view, row, document = asking.view, asking.row, self.document
        if asking.role_of(self.message.iss) is not Role.SOURCE:
            return NOT_THE_SOURCE
        if document is ERASED:
            return ERASED
        if asking.state is not EnquiryState.ASKED:
            return CONSENT_WITHDRAWN if asking.state is EnquiryState.WITHDRAWN else OVER
        if not any(owed.jti == self.message.irt and owed.act == Act.FETCH for owed in asking.owed()):
            return NOT_ASKED
        if isinstance(document, Refusal):
            return document
        if isinstance(document, Listing):
            if row.consent_until <= view.at_text:
                return CONSENT_ENDED
            if document.as_of > view.at.astimezone(CHINA).date():
                return FROM_THE_FUTURE
        return None

    def _take(self, view: View, asking: Enquiring) -> Answer:
        message, document = self.message, self.document
        asking.finish_owed(message.irt or "", asking.row.source, Act.FETCH.value)
        facts: dict[str, str | int | bool]
        if isinstance(document, Listing):
            asking.end(EnquiryState.LISTED)
            asking.row = asking.row._replace(records=len(document.items), as_of=document.as_of.isoformat())
            type_, facts = "record.read", {"records": asking.row.records, "as_of": asking.row.as_of}
        else:
            assert isinstance(document, Withdrawal)
            asking.end(EnquiryState.DECLINED)
            type_, facts = "enquiry.declined", {"reason": document.reason}
        asking.tell(self.new_jti, asking.row.iss)
        answer = Answer(STATUS_DONE, jcs_known({**head_of(message), **enquiry_json(asking.row)}), self.secret, view.next_index)
        leaf = asking.log(message, answer, type_, Role.SOURCE, EnquiryState.ASKED.value, facts)
        view.put_enquiry(asking.row)
        view.put_contents(self.contents)
        return keep(view, message, replace(answer, leaf_data=leaf), asking.scope)


@dataclass(frozen=True, slots=True)
class Unread:
    """A `consent`, `consent-withdraw` or `enquire` whose documents do not hold; a party that named its own transfer hears that first."""

    message: VerifiedMessage
    secret: bytes
    refusal: Refusal
    problems: tuple[Problem, ...]
    presiding: Presiding

    @property
    def wants(self) -> Wants:
        return Wants(messages=((self.message.iss, self.message.jti),), transfers=(self.message.scp,) if self.message.scp else ())

    def apply(self, view: View) -> Answer:
        earlier = earlier_answer(view, self.message, self.secret)
        if earlier is not None:
            return earlier
        if roles_in(Case.of(view, self.message.scp or ""), self.message.iss, self.presiding):
            return elsewhere(view, self.message, self.secret, self.presiding)
        return refuse_unlogged(view, self.message, self.secret, self.refusal, self.problems)


@dataclass(frozen=True, slots=True)
class Overdue:
    """The gateway's own act when an enquiry's deadline has passed, or a guessed one can be computed (`reschedule`)."""

    enquiry: str
    gateway: str
    jti: str
    new_jti: NewJti
    reschedule: bool = False

    @property
    def wants(self) -> Wants:
        return Wants(transfers=(self.enquiry,), enquiries=(self.enquiry,))

    def apply(self, view: View) -> Answer:
        asking = Enquiring.of(view, self.enquiry)
        if asking is None or asking.row.deadline is None or not (self._rescheduled(asking) if self.reschedule else self._expired(asking)):
            return Answer(409, b"{}", b"")
        view.put_enquiry(asking.row)
        return Answer(200, b"{}", b"")

    def _expired(self, asking: Enquiring) -> bool:
        row = asking.row
        if (row.deadline or "") > asking.view.at_text:
            return False
        seen = any(owed.attempts or owed.state == "ready" for owed in asking.owed())
        asking.end(EnquiryState.EXPIRED)
        asking.tell(self.new_jti, row.iss)
        if seen:
            asking.tell(self.new_jti, row.source)
        asking.log_gateway(self.gateway, self.jti, "enquiry.expired")
        return True

    def _rescheduled(self, asking: Enquiring) -> bool:
        if not asking.row.provisional or not asking.reschedule():
            return False
        asking.log_gateway(self.gateway, self.jti, "enquiry.rescheduled")
        return True


@dataclass(frozen=True, slots=True)
class EnquiryWarned:
    """The people were told that an enquiry's deadline is near; no leaf."""

    enquiry: str
    deadline: str

    @property
    def wants(self) -> Wants:
        return Wants(enquiries=(self.enquiry,))

    def apply(self, view: View) -> Answer:
        row = view.enquiries.get(self.enquiry)
        if row is None or row.deadline != self.deadline or row.warned:
            return Answer(409, b"{}", b"")
        view.put_enquiry(row._replace(warned=1))
        return Answer(200, b"{}", b"")
