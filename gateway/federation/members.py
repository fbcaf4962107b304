"""Who is who, as values: members, their keys, the rota of the presiding unit, signed agreements.

Nothing here is read from bytes or judged; `trust_json` reads it, `registry` judges with it.
All times are aware UTC datetimes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.crypto.keys import VerifyKey


class Channel(StrEnum):
    """How a message reaches the member."""

    PUSH = "push"
    SOAP = "soap"
    SFTP = "sftp"
    MAILBOX = "mailbox"


class Status(StrEnum):
    """A suspended member's messages are authenticated and refused."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class Name:
    """One name in both languages."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key and when it counts.  Windows are half open and may overlap, so that a key can be rotated without a gap.

    `log_from` is the index of its `key.*` leaf that began it, `log_until` of the one that ended it (None: not known, not ended).
    `revoked_at` is never later than the trust file that tells it: revocation works at once.
    """

    key: VerifyKey
    not_before: datetime
    not_after: datetime
    revoked_at: datetime | None = None
    log_from: int | None = None
    log_until: int | None = None

    @property
    def kid(self) -> str:
        """RFC 7638 thumbprint."""
        return self.key.kid

    def valid(self, at: datetime, index: int | None = None) -> bool:
        """Whether a signature counts that was made at `at` and, where known, logged as leaf `index`.

        The dates always bind.  Where a leaf is judged and the key's own leaves are known, the log's order
        decides over revocation: a leaf before the revoking one stands whatever the clocks said.
        Otherwise `revoked_at` decides.
        """
        if not self.not_before <= at < self.not_after:
            return False
        if index is not None and self.log_from is not None:
            if index < self.log_from:
                return False
            if self.log_until is not None:
                return index < self.log_until
        return self.revoked_at is None or at < self.revoked_at


@dataclass(frozen=True, slots=True)
class RetiredWitness:
    """A key with which a member used to cosign: what it cosigned before `until`, over at most `log_until` leaves, still counts.

    Both bind; `log_until` is None where only the date is known.  A key that fell into other hands is not retired, it is left out.
    """

    vkey: str
    until: datetime
    log_until: int | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A bank in the registry.  `region` names its adapter's folder; `city_code`: GB/T 2260; `endpoint`: a URL, "" for a mailbox.

    `witness_vkey` is the key with which it cosigns checkpoints (C2SP tlog-cosignature), `witness_url` where it is asked to; "": never.
    `witness_retired` are keys it cosigned with before, all under one name: a name counts once towards the quorum.
    """

    id: str
    name: Name
    region: str
    city_code: str
    endpoint: str
    channel: Channel
    status: Status
    contact: str
    keys: tuple[KeyRecord, ...]
    witness_vkey: str = ""
    witness_url: str = ""
    witness_retired: tuple[RetiredWitness, ...] = ()


@dataclass(frozen=True, slots=True)
class GatewayRecord:
    """The gateway itself and its transfer log: `log_origin` and `log_vkey` as C2SP signed notes name them.

    A checkpoint is final once `witness_quorum` members cosigned it.
    """

    id: str
    name: Name
    keys: tuple[KeyRecord, ...]
    log_origin: str
    log_vkey: str
    witness_quorum: int = 3


@dataclass(frozen=True, slots=True)
class Turn:
    """The member presides from `since` (inclusive) to `until` (exclusive)."""

    member: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class SignedAgreement:
    """`text` is the exact JSON text that was signed; `signatures` maps member to a detached compact JWS over its UTF-8 bytes."""

    id: str
    text: str
    signatures: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TrustData:
    """All that the trust file says.  `serial` grows with each issue."""

    serial: int
    issued_at: datetime
    expires_at: datetime
    presiding: tuple[Turn, ...]
    gateway: GatewayRecord
    members: tuple[Member, ...]
    agreements: tuple[SignedAgreement, ...]
