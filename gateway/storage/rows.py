"""The rows of the gateway's tables, one named tuple each, in column order.

Times are RFC 3339 UTC texts with microseconds; amounts are decimal texts; `None` is NULL.
No column holds a citizen number or a name: those are only in `content`, sealed under the part's key.
"""

from typing import NamedTuple


class MessageRow(NamedTuple):
    """A message that was answered: what a repeat gets again.

    `con` is the digest over the envelope's content list; `answer` is the body without its receipt (JCS);
    `leaf` and `size` are null for refusals before a transfer opened.
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


class TransferRow(NamedTuple):
    """One recognition case.  `seq` is the next leaf's number in its scope; `totals` is JSON of decimal texts.

    `held_from` is the state it was held in; `days_left` are the working days of a paused review; `disputed_from` the
    state a dispute began in, `stage` who judges it (`accepting`, then `presiding`), `unresolved` 1 where nobody did.
    `warned` is 1 once the warning before the present deadline was given; that deadline is `due_days` working days after `due_since`.
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


class ItemRow(NamedTuple):
    """One record inside a transfer.  `credits` are regional credits after mapping, null where none could be computed."""

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


class OutcomeRow(NamedTuple):
    """One achievement as a thing that can be reserved and redeemed once.  `leaf` is the holder's leaf."""

    nf: str
    state: str
    strength: str
    holder: str
    learner: str
    source: str
    leaf: int | None


class ContentRow(NamedTuple):
    """Bytes as received or as sent: `sealed` is the 32-byte secret and the bytes, joined, under the part's key."""

    iss: str
    jti: str
    name: str
    transfer: str
    part_id: str
    media_type: str
    sd: str
    length: int
    sealed: bytes


class PartKeyRow(NamedTuple):
    """A part's own key, wrapped under the node's key-encryption key.  Deleting the row erases the part."""

    part_id: str
    transfer: str
    wrapped: bytes
    created_at: str


class OwedRow(NamedTuple):
    """A message owed to a member.

    `state`: `new` (contents not yet built), `ready`, `done`, `cancelled`, `dead`.  `contents` is JSON: a list of
    `[iss, jti, name]` of content rows; `claims` is JSON.  `next_at` orders the retries.
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


class ConsentRow(NamedTuple):
    """A consent that opened a case."""

    id: str
    controller: str
    transfer: str
    recipient: str
    until: str
    state: str


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
