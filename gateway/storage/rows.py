"""The rows of the gateway's tables, one named tuple each, in column order.

Times are RFC 3339 UTC texts with microseconds; amounts are decimal texts; `None` is NULL.
No column holds a citizen number or a name: those are only in `content`, sealed under the part's key.
"""

from typing import NamedTuple

from gateway.model.places import UNKNOWN


class MessageRow(NamedTuple):
    """A message that was answered: what a repeat gets again.

    `con` is the digest over the envelope's content list; `answer` is the body without its receipt (JCS);
    `leaf` and `size` are null for refusals before a transfer opened.  `seq` is the sender's own number, null where it gives none.
    `part_id` names the key that `answer` and `secret` are sealed under; the storage sets it where it is "", and gives an empty answer
    once that key is destroyed.
    """

    iss: str
    jti: str
    con: str
    act: str
    scope: str
    at: str
    status: int
    answer: bytes
    secret: bytes
    leaf: int | None
    size: int | None
    seq: int | None = None
    part_id: str = ""


class TransferRow(NamedTuple):
    """One recognition case.  `seq` is the next leaf's number in its scope; `totals` is JSON of decimal texts.

    `held_from` is the state it was held in; `days_left` are the working days of a paused review; `disputed_from` the
    state a dispute began in, `stage` who judges it (`accepting`, then `presiding`), `unresolved` 1 where nobody did.
    `warned` is 1 once the warning before the present deadline was given; that deadline is `due_days` working days after `due_since`.
    `consent_withdrawn` is when the consent it stands on was withdrawn, "" while that holds.
    `delivered_at`, `decided_at`, `settled_at`: when it first came to review, to a decision, to its end; "" before.
    """

    id: str
    iss: str
    jti: str
    source: str
    accepting: str
    facing: str
    state: str
    ver: int
    seq: int
    opened_at: str
    changed_at: str
    deadline: str | None
    provisional: int
    part_id: str
    identity_sd: str
    part_sd: str
    consent_id: str
    consent_until: str
    delivered_sd: str
    delivered_jti: str
    mapping: str
    account: str
    none_reason: str
    posted_source: str
    posted_accepting: str
    decision_jti: str
    learner: str
    programme: str
    totals: str
    leaf: int
    held_from: str = ""
    asks: int = 0
    amends: int = 0
    days_left: int = 0
    disputed_from: str = ""
    stage: str = ""
    unresolved: int = 0
    warned: int = 0
    due_days: int = 0
    due_since: str = ""
    consent_withdrawn: str = ""
    delivered_at: str = ""
    decided_at: str = ""
    settled_at: str = ""


class ItemRow(NamedTuple):
    """One record inside a transfer.  `credits` are regional credits after mapping, null where none could be computed.

    `taken_leaf` is the leaf of the claim it lost to or, where `contested` is 1, is contested with.  `points` are the points of a
    record, which are never credits; null where it has none.  `alike` is what likely twins are found by (`recognition.twins`), digests
    only; "" where the part was not read.  `issuer` is the institution's code or `unknown` (`model.places`), which is what it is too
    while the part was not read; "" once the part is erased.
    """

    transfer: str
    position: int
    record: str
    state: str
    reason: str
    cm: str
    nf: str
    strength: str
    kind: str
    credits: str | None
    awarded: str | None
    taken_leaf: int | None
    contested: int = 0
    points: str | None = None
    alike: str = ""
    issuer: str = UNKNOWN


class ProposalRow(NamedTuple):
    """What was proposed with the case delivered last: `sd` of the content, and its items as JSON, `{record: [verdict, credits]}`."""

    transfer: str
    sd: str
    items: str


class OutcomeRow(NamedTuple):
    """One achievement as a thing that can be reserved and redeemed once.  `leaf` is the holder's leaf.

    `claims` is "" unless it is contested; then JSON, see `transfers.claims`.  `ruled` is the transfer whose claim stands, or `none`,
    while a recall is still awaited.  `last` is the transfer that held it last, `ver` counts changes of the contest, `seq` is the
    next leaf's number in its own scope.
    """

    nf: str
    state: str
    strength: str
    holder: str
    learner: str
    source: str
    leaf: int | None
    claims: str = ""
    ruled: str = ""
    last: str = ""
    ver: int = 0
    seq: int = 0


class ContentRow(NamedTuple):
    """Bytes as received or as sent: `sealed` is the 32-byte secret and the bytes, joined, under the part's key.
    `lines` stretches were cut out of them (`transfers.shared_papers`).
    """

    iss: str
    jti: str
    name: str
    transfer: str
    part_id: str
    media_type: str
    sd: str
    length: int
    sealed: bytes
    lines: int = 0


class PartKeyRow(NamedTuple):
    """A part's own key, wrapped under the node's key-encryption key.  Deleting the row erases the part."""

    part_id: str
    transfer: str
    wrapped: bytes
    created_at: str


class OwedRow(NamedTuple):
    """A message owed to a member.

    `state`: `new` (contents not yet built), `ready`, `done`, `cancelled`.  `contents` is JSON: a list of
    `[iss, jti, name]` of content rows; `claims` is JSON.  `next_at` orders the retries.  `first_at` is when it came first in
    its lane's line for the transfer, "" before that: its horizon runs from there; `dead_since` is "" unless it is, or was when
    it ended, a dead letter.
    `seq` is its number in its lane, given when it is first owed; 0 before there were numbers.
    """

    jti: str
    lane: str
    transfer: str
    number: int
    act: str
    event: str
    irt: str
    claims: str
    contents: str
    state: str
    attempts: int
    next_at: str
    last_error: str
    created_at: str
    seq: int = 0
    first_at: str = ""
    dead_since: str = ""


class ConsentRow(NamedTuple):
    """A consent.  `state`: `given`, `withdrawn`, `erased`.  `transfer` is the transfer or enquiry it is used by, "" while by none.

    `seq` is the next leaf's number in its scope; `scope`, and `digest` of its text (SHA-256 hex over the document as we write it), are
    those of a registered consent, "" for one that came with a request.
    """

    id: str
    controller: str
    transfer: str
    recipient: str
    until: str
    state: str
    seq: int = 0
    digest: str = ""
    scope: str = ""


class EnquiryRow(NamedTuple):
    """A question which records a source bank has of a learner.  `state`: `asked`, `listed`, `declined`, `expired`, `withdrawn`.

    `iss` asks, `source` is asked; `seq` is the next leaf's number; `deadline` is `due_days` working days after `due_since`.
    `records` is how many were listed, `as_of` the day of that list; `leaf` is the last one's index.
    """

    id: str
    iss: str
    jti: str
    source: str
    state: str
    seq: int
    opened_at: str
    changed_at: str
    deadline: str | None
    provisional: int
    due_days: int
    due_since: str
    warned: int
    consent_id: str
    consent_until: str
    learner: str
    records: int
    as_of: str
    leaf: int


class ReconciliationRow(NamedTuple):
    """How far the state digests to a member have come.  `scope` is the digest under way, "" while there is none.

    Changes since `since` are listed; a round of several pages began at `began` and is past transfer `cursor`.  Numbers up to
    `sent_floor` and `received_floor` are settled, but for those in `sent_again` and `awaited` (JSON lists of ranges).
    """

    member: str
    number: int = 0
    scope: str = ""
    asked_at: str = ""
    answered_at: str = ""
    next_at: str = ""
    since: str = ""
    began: str = ""
    cursor: str = ""
    sent_floor: int = 0
    sent_again: str = "[]"
    received_floor: int = 0
    awaited: str = "[]"


class DifferenceRow(NamedTuple):
    """One thing on which a member and the gateway do not agree.  `closed_at` is "" while it stands; `told` 1 once the alarm was raised.

    `subject` is a message's number or a record; `ours` and `theirs` say what each side has; `repair` what was done about it.
    """

    member: str
    kind: str
    transfer: str
    subject: str
    ours: str
    theirs: str
    jti: str
    repair: str
    found_at: str
    seen_at: str
    closed_at: str = ""
    told: int = 0


class StatementRow(NamedTuple):
    """What the transfers of one ordered pair, opened in one month, came to.  `id` is the scope `statement:<source>:<accepting>:<month>`.

    `state`: `issued`, `signed`, `disputed`.  `seq` is the next leaf's number; `size` the leaves that the figures stand on; `leaf` the
    index of the leaf that issued the present revision, `jti` and `sd` name its document.  `figures` is JSON
    (`recognition.statement.Figures`).  `signed_*` are when each bank countersigned this revision, "" while it has not; `disputed` is
    JSON: member to the items it sees otherwise, `[transfer, record, its own state and credits, those stated]`.  `torn` is 1 where a
    case was erased before both banks had the document, which cannot be sent any more.
    """

    id: str
    source: str
    accepting: str
    period: str
    revision: int
    state: str
    seq: int
    size: int
    issued_at: str
    changed_at: str
    leaf: int
    jti: str
    sd: str
    figures: str
    signed_source: str = ""
    signed_accepting: str = ""
    disputed: str = "{}"
    torn: int = 0


class AgreementRow(NamedTuple):
    """An agreement that was acted upon.  `state`: `proposed`, `signed`, `ended`.

    A founding one, of the trust file, has a row once somebody acts.
    `versions` is the highest version ever proposed, `version` the one in force (0: the trust file's, or none); `terms` is JSON
    (`recognition.agreement.Agreement`), "" where version 0 stands, and `document` the bytes that both signed.  `proposed_*` is the
    version that waits for the other party, "" while none does.  `suspended_by`: members, sorted, joined by blanks.
    """

    scope: str
    id: str
    source: str
    accepting: str
    state: str
    seq: int = 0
    versions: int = 0
    version: int = 0
    terms: str = ""
    document: bytes = b""
    proposed_by: str = ""
    proposed_terms: str = ""
    proposed_document: bytes = b""
    suspended_by: str = ""
    changed_at: str = ""
    leaf: int = 0


class RuleRow(NamedTuple):
    """A version of a rule set.  Its file's bytes stand in a table of their own, `rule_file`, and are read when they are wanted.

    `state`: `tested`, `approved`, `published`, `withdrawn` (`recognition.lifecycle.RuleState`; `expired` is told by the day).
    `programmes` is a JSON list, empty for all of the accepting bank; `digest` the SHA-256 (hex) of the file; `approvals` are members
    in the order of their word, joined by blanks; `restores` the version whose rules it brings back, or ""; `simulation` the digest of
    the report.  `published` is the leaf that published it, -1 before; `withdrawn` the day on which a published one was withdrawn,
    else "".
    """

    scope: str
    id: str
    version: str
    accepting: str
    programmes: str
    digest: str
    effective: str
    review: str
    proposer: str
    state: str
    approvals: str = ""
    restores: str = ""
    simulation: str = ""
    seq: int = 0
    proposed_at: str = ""
    changed_at: str = ""
    published: int = -1
    withdrawn: str = ""
    leaf: int = 0


class MemberRow(NamedTuple):
    """Whether a member is active, as the transfer log knows it."""

    member: str
    status: str
    seq: int


class KeyRow(NamedTuple):
    """A key that is or was valid, with the log positions between which it held."""

    kid: str
    member: str
    alg: str
    jwk: str
    not_before: str
    not_after: str
    revoked_at: str
    log_from: int
    log_until: int | None
