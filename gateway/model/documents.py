"""Requests, decisions, acknowledgements …: the regional documents that travel as signed contents.

Each class is one XML root element of the standard (`standards/xsd/1.0/`), read and written by
`gateway.mapping.documents`.  Times are aware UTC datetimes; credits are `Credits`.
A document never names a transfer id: the envelope's `scp` does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import TypeAlias

from gateway.model.units import Credits


@dataclass(frozen=True, slots=True)
class Identity:
    """Content `identity`: who the learner is.  Personal; the only document with a full citizen number."""

    citizen_id: str
    name: str
    synthetic: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """Content `request`: opens a transfer for one learner towards one accepting bank.

    `records` are stable record ids of the source bank, unique and in order; `accounts` maps member id
    to the learner's account there, as far as the facing bank knows it.
    """

    source: str
    accepting: str
    facing: str
    programme_code: str
    programme_name: str
    purpose: str
    records: tuple[str, ...]
    accounts: Mapping[str, str]
    applied_at: datetime


@dataclass(frozen=True, slots=True)
class Consent:
    """Contents `consent` and `consent-source`: the learner's permission for one recipient and one purpose.

    The seven items of PIPL articles 17 and 23: recipient, its contact, purpose, method, kinds of data,
    retention, rights.  `notice_digest` is the SHA-256 (hex) of the notice text shown.
    """

    consent_id: str
    controller: str
    recipient: str
    recipient_contact: str
    purpose: str
    method: str
    kinds: tuple[str, ...]
    retention_until: date
    rights: str
    notice_digest: str
    source: str
    records: tuple[str, ...]
    given_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ConfirmationItem:
    """`closed` is "" where the source confirms the record, else a reason of table `closed_reason`."""

    record: str
    closed: str = ""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Content `confirmation`: what the source bank says of each requested record (pulled mode)."""

    account: str
    items: tuple[ConfirmationItem, ...]


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Content `acknowledgement`: the accepting bank has verified and kept the case.

    Exactly one of `account` and `none_reason` is non-empty.
    """

    account: str
    none_reason: str
    received_at: datetime


class Verdict(StrEnum):
    """The accepting bank's word on one item."""

    RECOGNISED = "recognised"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class DecisionItem:
    """`credits` are regional credits recognised (0 for a zero-credit exemption or a refusal).

    `awarded` and `awarded_unit` are what the accepting bank books in its own unit.  `reason` is a code of
    table `decision_reason`; `text` is for people.
    """

    record: str
    verdict: Verdict
    credits: Credits
    awarded: str
    awarded_unit: str
    target_course: str
    reason: str
    rule: str
    text_zh: str
    text_en: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Content `decision`: item by item.

    `estimate` is the digest (`sd`) of the proposal delivered with the case, "" where none was; `departure` says why the
    decision is another one.
    """

    programme_code: str
    decided_at: datetime
    decided_by: str
    items: tuple[DecisionItem, ...]
    estimate: str = ""
    departure: str = ""


@dataclass(frozen=True, slots=True)
class Posting:
    """Content `posting`: the bank has booked the decision, or says why it cannot.

    `impossible` is "" for done, else a reason code; `reference` is the bank's own booking reference.
    """

    impossible: str
    reference: str
    posted_at: datetime
    records: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A reason code and words.

    Content `withdrawal`; also `refusal` (decline), `question` (ask), `answer` (supplement), `dispute`, `ruling` (uphold,
    remit) and `reason` (agreement-suspend, -resume, -end).
    """

    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Order:
    """Content `order` (retry, cancel): the presiding unit's word on a held transfer or, where `message` is its jti, on a dead letter.

    Without `message` it is the same bytes as a `Withdrawal`.
    """

    reason: str
    text: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Correction:
    """Contents `revocation` and `amendment`: which records the source bank takes back or has corrected, and why."""

    reason: str
    text: str
    records: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConsentWithdrawal:
    """Content `consent-withdrawal`: the learner takes one consent back."""

    consent_id: str
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Enquiry:
    """Content `enquiry`: which bank is asked what records it has.  Who is meant the identity block says, nothing else."""

    source: str
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class ListedRecord:
    """`kind` is a regional kind; `achieved` a date of day, month or year precision, or ""; `size` in the source's own words, or ""."""

    record: str
    kind: str
    title: str
    achieved: str
    size: str


@dataclass(frozen=True, slots=True)
class Listing:
    """Content `listing`: the records a source bank has of a learner, as of a day; none is an answer too."""

    as_of: date
    items: tuple[ListedRecord, ...]


@dataclass(frozen=True, slots=True)
class Clearance:
    """Content `ruling` of `clear`: which claim to a contested outcome stands.

    `stands` is its transfer id and `record` the record there; both "" where none stands.
    """

    reason: str
    text: str
    stands: str = ""
    record: str = ""


@dataclass(frozen=True, slots=True)
class AgreementTerms:
    """Content `agreement` of `agreement-propose`: one version of who recognises what from whom.

    `version` is one more than the highest ever proposed under the id.  `until` is the last day (+08:00).  The two caps are regional
    credits as decimal texts, "" where there is none: per item, and per learner and calendar year.
    """

    agreement_id: str
    version: int
    source: str
    accepting: str
    kinds: tuple[str, ...]
    since: date
    until: date
    item_credits_max: str = ""
    learner_year_credits_max: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class AgreementSignature:
    """Content `signature` of `agreement-sign`: the version, and the SHA-256 (hex) of exactly the bytes that were proposed."""

    version: int
    digest: str


@dataclass(frozen=True, slots=True)
class HandoverDuty:
    """One line of a handover: how much of one duty is open.  `duty` is a code of the schema's closed list."""

    duty: str
    open: int


@dataclass(frozen=True, slots=True)
class Handover:
    """Content `handover`: what the unit that goes leaves to the one that comes.

    The two turns are those of the rota; `ended_until` is when the powers of the one end, `begun_since` when the other's begin, both by
    the trust file, whether or not this is ever signed.  `log_size` and `log_root` (hex) are the transfer log's head at which it is
    made; `duties` names every duty once.
    """

    outgoing: str
    incoming: str
    ended_since: datetime
    ended_until: datetime
    begun_since: datetime
    begun_until: datetime
    log_size: int
    log_root: str
    duties: tuple[HandoverDuty, ...]
    text: str = ""


@dataclass(frozen=True, slots=True)
class HandoverRemark:
    """One duty that stands otherwise than in the list that is countersigned: how much was open by the list, and is open now."""

    duty: str
    signed: int
    found: int


@dataclass(frozen=True, slots=True)
class HandoverAcceptance:
    """Content `acceptance` of `handover-accept`: SHA-256 (hex) of exactly the bytes handed over, and what has changed since."""

    digest: str
    remarks: tuple[HandoverRemark, ...]
    text: str = ""


Document: TypeAlias = (
    Identity
    | Request
    | Consent
    | Confirmation
    | Acknowledgement
    | Decision
    | Posting
    | Withdrawal
    | Order
    | Correction
    | ConsentWithdrawal
    | Enquiry
    | Listing
    | Clearance
    | AgreementTerms
    | AgreementSignature
    | Handover
    | HandoverAcceptance
)
