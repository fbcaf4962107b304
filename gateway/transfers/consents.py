"""Consents as scopes of their own: registered, used once, withdrawn.

A consent that comes with a request opens its scope without a leaf; one that is registered beforehand (`consent`) has a leaf, and
one request or enquiry may take it up.  `consent-withdraw` ends either.  What that does to the case is one transaction with it:
before the decision the case is withdrawn, after it the disclosure stops and the credit stays.
Sentences: docs/protocol.md, PR-102 to PR-110.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from gateway.federation.envelope import VerifiedMessage
from gateway.mapping.documents import write
from gateway.model.canonical import Json, jcs_known
from gateway.model.documents import Consent, ConsentWithdrawal
from gateway.model.scopes import ConsentState, consent_scope
from gateway.model.transfer import BEFORE_DECISION, Refusal, Role, State
from gateway.storage.flag_rows import FlagConsentRow
from gateway.storage.rows import ConsentRow, ContentRow, PartKeyRow
from gateway.transferlog.leaf import Leaf, leaf_bytes
from gateway.transfers.acts import (
    ERASED,
    LEAF_TOTALS,
    STATUS_DONE,
    STATUS_OPENED,
    UNKNOWN,
    Presiding,
    allowed,
    earlier_answer,
    keep,
    refuse_logged,
    refuse_unlogged,
    roles_in,
    signed_fields,
)
from gateway.transfers.answers import Answer, head_of
from gateway.transfers.case import Case, case_json, utc_text
from gateway.transfers.enquiry import Enquiring, enquiry_json
from gateway.transfers.steps import CONSENT_WITHDRAWN, NewJti, tell
from gateway.transfers.view import LeafDraft, View, Wants

ALREADY_GIVEN = Refusal("consent.already_given", "该授权编号已登记或已使用", "a consent of this id is registered or used already")
OTHER_TEXT = Refusal("consent.other_text", "与已登记的同号授权内容不同", "the consent registered under this id says something else")
USED = Refusal("consent.already_used", "该授权编号已用于另一转移", "this consent id already opened another transfer")
NO_CONSENT = Refusal("consent.unknown", "贵行没有此授权", "your bank holds no such consent")
MOVED = Answer(0, b"{}", b"")
"""The consent was taken up since the reader looked: nothing was decided, and the reader looks again."""
SCOPE_ROLE = Role.FACING.value


def consent_fault(view: View, controller: str, consent: Consent) -> Refusal | None:
    """Why this consent cannot be used now: used already, withdrawn, or other words than were registered under its id."""
    known = view.consents.get((controller, consent.consent_id))
    if known is None:
        return None
    if known.state == ConsentState.WITHDRAWN:
        return CONSENT_WITHDRAWN
    if known.state == ConsentState.ERASED:
        return ERASED
    if known.transfer or not known.digest:
        return USED
    return None if known.digest == digest_of(consent) else OTHER_TEXT


def taken_up(view: View, controller: str, consent: Consent, by: str) -> ConsentRow:
    """The consent as used by a transfer or an enquiry; a registered one keeps its scope's count."""
    known = view.consents.get((controller, consent.consent_id))
    if known is not None and known.digest:
        return known._replace(transfer=by)
    until = utc_text(consent.expires_at)
    return ConsentRow(consent.consent_id, controller, by, consent.recipient, until, ConsentState.GIVEN.value)


def digest_of(consent: Consent) -> str:
    """SHA-256 (hex) of the document as we write it: equal for equal meanings, however it was spelled."""
    return sha256(write(consent)).hexdigest()


@dataclass(frozen=True, slots=True)
class ConsentGiven:
    """`consent`: a bank registers what the learner permitted, before anybody uses it."""

    message: VerifiedMessage
    secret: bytes
    consent: Consent
    contents: tuple[ContentRow, ...]
    part_key: PartKeyRow
    permission: FlagConsentRow | None = None

    @property
    def wants(self) -> Wants:
        return Wants(messages=((self.message.iss, self.message.jti),), consents=((self.message.iss, self.consent.consent_id),))

    def apply(self, view: View) -> Answer:
        earlier = earlier_answer(view, self.message, self.secret)
        if earlier is not None:
            return earlier
        message, consent = self.message, self.consent
        scope = consent_scope(message.iss, consent.consent_id)
        known = view.consents.get((message.iss, consent.consent_id))
        if known is not None:
            refusal = CONSENT_WITHDRAWN if known.state == ConsentState.WITHDRAWN else ALREADY_GIVEN
            return refuse_unlogged(view, message, self.secret, refusal)
        row = ConsentRow(
            consent.consent_id, message.iss, "", consent.recipient, utc_text(consent.expires_at), "given", 1, digest_of(consent), scope
        )
        answer = Answer(STATUS_OPENED, jcs_known({**head_of(message), **consent_json(row)}), self.secret, view.next_index)
        leaf = log_own(view, message, answer, "consent.given", scope, 0, {"recipient": row.recipient, "until": row.until})
        view.put_consent(row)
        if self.permission is not None:
            view.flags.put_consent(self.permission)
        view.put_part_key(self.part_key)
        view.put_contents(self.contents)
        return keep(view, message, replace(answer, leaf_data=leaf), scope)


@dataclass(frozen=True, slots=True)
class ConsentTakenBack:
    """`consent-withdraw`: the consent's end, and with it that of what stands on it."""

    message: VerifiedMessage
    secret: bytes
    document: ConsentWithdrawal
    used_by: str
    contents: tuple[ContentRow, ...]
    new_jti: NewJti

    @property
    def wants(self) -> Wants:
        key, used_by = (self.message.iss, self.message.jti), (self.used_by,) if self.used_by else ()
        return Wants(messages=(key,), transfers=used_by, consents=((self.message.iss, self.document.consent_id),), enquiries=used_by)

    def apply(self, view: View) -> Answer:
        earlier = earlier_answer(view, self.message, self.secret)
        if earlier is not None:
            return earlier
        message = self.message
        row = view.consents.get((message.iss, self.document.consent_id))
        if row is None or row.state != ConsentState.GIVEN:
            ended = ERASED if row is not None and row.state == ConsentState.ERASED else CONSENT_WITHDRAWN
            return refuse_unlogged(view, message, self.secret, NO_CONSENT if row is None else ended)
        if row.transfer and row.transfer not in view.transfers and row.transfer not in view.enquiries:
            return MOVED
        return self._end(view, row)

    def _end(self, view: View, row: ConsentRow) -> Answer:
        """The consent's leaf first; where something ends with it, a leaf there names this one as its cause."""
        message, scope = self.message, self.message.scp or ""
        case, asking = Case.of(view, row.transfer), Enquiring.of(view, row.transfer)
        before = case.row.state if case is not None else ""
        row = row._replace(state=ConsentState.WITHDRAWN.value, seq=row.seq + 1)
        extra: dict[str, Any] = {}
        ends = False
        if case is not None:
            ends = withdraw_case(case, row, view.next_index, self.new_jti)
            extra = {"case": case_json(case.row, case.items, case.totals())}
        elif asking is not None:
            ends = asking.withdraw(self.new_jti)
            extra = {"enquiry": enquiry_json(asking.row)}
        answer = Answer(STATUS_DONE, jcs_known({**head_of(message), **consent_json(row), **extra}), self.secret, view.next_index)
        leaf = log_own(view, message, answer, "consent.withdrawn", scope, row.seq - 1, {"reason": self.document.reason})
        cause = (scope, row.seq - 1)
        if case is not None:
            if ends:
                log_caused(case, message, "transfer.withdrawn", before, cause)
            case.save()
        elif asking is not None:
            if ends:
                asking.log_caused(message, cause)
            view.put_enquiry(asking.row)
        view.put_consent(row)
        view.put_contents(self.contents)
        return keep(view, message, replace(answer, leaf_data=leaf), scope)


def withdraw_case(case: Case, consent: ConsentRow, index: int, new_jti: NewJti) -> bool:
    """What the withdrawal does to the one case that stands on this consent; whether it ends it.  `index` is the consent's leaf.

    The consent for asking the source bank has done its work once that bank has answered.
    """
    main = case.row.consent_id == consent.id
    undecided = case.state in BEFORE_DECISION or (case.state is State.HELD and not case.row.decision_jti)
    ends = undecided if main else case.state is State.CONFIRMING
    reached = {row.lane for row in case.owed() if row.attempts or row.contents != "[]"} | {case.row.facing}  # built: maybe seen
    if main or ends:
        case.row = case.row._replace(consent_withdrawn=case.view.at_text)
        case.cancel_owed_event("amended")
    if ends:
        case.cancel_owed_event("asked")
        seen = case.cancel_owed("forward", "fetch")
        case.close_claimed("consent_withdrawn")
        case.move(State.WITHDRAWN)
        tell(case, "withdrawn", new_jti, *sorted(seen - {case.row.facing}))
        return True
    for member in sorted(reached):
        claims: dict[str, Json] = {"event": "consent_withdrawn", "recipient": consent.recipient, "leaf": index}
        case.owe(new_jti(), member, "notify", "consent_withdrawn", claims)
    return False


def log_own(
    view: View, message: VerifiedMessage, answer: Answer, type_: str, scope: str, seq: int, facts: Mapping[str, str | int | bool]
) -> bytes:
    """The one leaf of an act in the consent's own scope; gives back its bytes."""
    leaf = Leaf(
        type=type_, at=view.at_text, scope=scope, seq=seq, iss=message.iss, jti=message.jti, facts=facts,
        **signed_fields(message, answer, SCOPE_ROLE),
    )  # fmt: skip
    view.leaves.append(LeafDraft(view.next_index, scope, seq, message.iss, message.jti, 0, leaf_bytes(leaf)))
    return view.leaves[-1].data


def log_caused(case: Case, message: VerifiedMessage, type_: str, before: str, cause: tuple[str, int]) -> None:
    """The act's second leaf, in the case's scope: it has the case's books and names the consent's leaf, which holds the envelope."""
    row, view, totals = case.row, case.view, case.totals()
    leaf = Leaf(
        type=type_, at=view.at_text, scope=row.id, seq=row.seq, iss=message.iss, jti=message.jti, n=1, cause=cause,
        state_before=before, state_after=row.state, ver=row.ver, deadline=row.deadline,
        totals={name: totals[name] for name in LEAF_TOTALS},
        items=tuple(sorted((item.cm, item.nf, item.state) for item in case.items)),
        facts={"awarded": totals["awarded"], "uncounted": int(totals["uncounted"]), "reason": "consent_withdrawn"},
    )  # fmt: skip
    view.leaves.append(LeafDraft(view.next_index, row.id, row.seq, message.iss, message.jti, 1, leaf_bytes(leaf)))
    case.row = row._replace(seq=row.seq + 1, leaf=view.next_index - 1)


def elsewhere(view: View, message: VerifiedMessage, secret: bytes, presiding: Presiding) -> Answer:
    """An act of these that names somebody's transfer, or nothing at all: a party has no role for it, a stranger hears of no transfer."""
    case = Case.of(view, message.scp or "")
    roles = roles_in(case, message.iss, presiding)
    if case is None or not roles:
        return refuse_unlogged(view, message, secret, UNKNOWN)
    rule = allowed(case, message, roles)
    assert isinstance(rule, Refusal), "the table of acts has no row for these"
    return refuse_logged(case, message, secret, rule)


def consent_json(row: ConsentRow) -> dict[str, Any]:
    """A consent as its controller may see it."""
    return {
        "consent": consent_scope(row.controller, row.id),
        "state": row.state,
        "recipient": row.recipient,
        "until": row.until,
        "used_by": row.transfer or None,
    }
