"""The trust file: the one signed document that says who is a member and which key counts when.

`trust.json` is plain JSON for people and auditors; beside it lies `trust.json.sig`, a compact JWS
with detached content (RFC 7515, appendix F) over its exact bytes, made with a registry key that
every reader has pinned from elsewhere.  Detached, so that the file people read is the file that is
signed.  The file keeps every key ever valid; `registry_watch.diff` refuses one that forgets.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Self

from gateway.crypto.keys import SigningKey, VerifyKey
from gateway.errors import TrustError
from gateway.federation.envelope import sign_detached, verify_detached
from gateway.federation.members import GatewayRecord, KeyRecord, Member, RetiredWitness, SignedAgreement, Status, TrustData
from gateway.federation.message import KeyFinder, MemberKey
from gateway.federation.trust_json import TRUST_BYTES_MAX, read_trust, write_trust

TYP_TRUST: Final = "ceg-trust+jws"
TYP_AGREEMENT: Final = "ceg-agreement+jws"
SIGNATURE_SUFFIX: Final = ".sig"


@dataclass(frozen=True, slots=True)
class TrustFile:
    """The trust file's data with its questions answered.  `load` is the way in for bytes from elsewhere."""

    data: TrustData
    _owners: Mapping[str, Member | GatewayRecord] = field(init=False, repr=False, compare=False)
    _keys: Mapping[tuple[str, str], KeyRecord] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        owners: dict[str, Member | GatewayRecord] = {self.data.gateway.id: self.data.gateway}
        owners.update((member.id, member) for member in self.data.members)
        object.__setattr__(self, "_owners", owners)
        object.__setattr__(self, "_keys", {(owner.id, record.kid): record for owner in owners.values() for record in owner.keys})

    @classmethod
    def load(cls, raw: bytes, signature: str, pinned: Sequence[VerifyKey]) -> Self:
        """Check the signature over `raw` under one of the pinned registry keys, then read it.

        Raises TrustError `trust.bad_registry_signature`, `trust.bad_registry` (with every problem).
        """
        if len(raw) > TRUST_BYTES_MAX:
            raise TrustError("trust.bad_registry", "信任文件过大", "the trust file is over its size limit")
        try:
            verify_detached(signature.strip("\r\n"), raw, TYP_TRUST, {key.kid: key for key in pinned}.get)
        except TrustError as error:
            raise TrustError(
                "trust.bad_registry_signature",
                "信任文件的签名不成立",
                "the trust file is not signed by a pinned registry key",
                cause=error.code,
            ) from None
        return cls(read_trust(raw))

    def to_bytes(self) -> bytes:
        """The bytes of `trust.json`."""
        return write_trust(self.data)

    def sign(self, key: SigningKey) -> tuple[bytes, str]:
        """`(trust.json, trust.json.sig)`.  Raises TrustError `trust.bad_registry` rather than sign what no reader accepts."""
        raw = self.to_bytes()
        read_trust(raw)
        return raw, sign_detached(key, raw, TYP_TRUST)

    def member(self, id: str) -> Member | None:
        """The bank of that id; the gateway itself is no member."""
        found = self._owners.get(id)
        return found if isinstance(found, Member) else None

    def log_vkeys(self) -> tuple[str, ...]:
        """Whose signatures count on a checkpoint, as note keys: the log's own first, then every member's that cosigns."""
        return (self.data.gateway.log_vkey, *(member.witness_vkey for member in self.data.members if member.witness_vkey))

    def retired_vkeys(self) -> tuple[RetiredWitness, ...]:
        """Keys with which members cosigned before, each with its end."""
        return tuple(retired for member in self.data.members for retired in member.witness_retired)

    def find_key(self, member: str, kid: str) -> KeyRecord | None:
        """A key ever held by that member or the gateway, valid or not."""
        return self._keys.get((member, kid))

    def key_valid(self, member: str, kid: str, at: datetime, index: int | None = None) -> bool:
        """Whether a signature of that key counts at `at`, or in leaf `index`.  See `KeyRecord.valid`."""
        record = self._keys.get((member, kid))
        return record is not None and record.valid(at, index)

    def finder(self, at: datetime, index: int | None = None) -> KeyFinder:
        """What `unseal` asks for keys, as of `at`.  With `index` an old leaf is judged, where a suspension of today says nothing.

        The finder raises TrustError `trust.unknown_member`, `trust.unknown_key`, `trust.key_not_valid`.
        """

        def find(iss: str, kid: str) -> MemberKey:
            owner = self._owners.get(iss)
            if owner is None:
                raise TrustError("trust.unknown_member", "发件方不在成员名录中", "the sender is not in the member registry")
            record = self._keys.get((iss, kid))
            if record is None:
                raise TrustError("trust.unknown_key", "该成员没有此公钥", "the member has no such key")
            if not record.valid(at, index):
                raise TrustError("trust.key_not_valid", "该公钥此时无效", "the key is revoked or outside its period", member=iss)
            suspended = index is None and isinstance(owner, Member) and owner.status is Status.SUSPENDED
            return MemberKey(iss, record.key, suspended)

        return find

    def check_current(self, now: datetime) -> None:
        """Raises TrustError `trust.registry_expired`: past its date nobody may rely on the file."""
        if now >= self.data.expires_at:
            raise TrustError("trust.registry_expired", "信任文件已过期", "the trust file has run out; fetch the present one")

    def presiding(self, at: datetime, parties: frozenset[str] = frozenset()) -> str | None:
        """The member that presides at `at`; where it is one of `parties`, the next in the rota that is not.  None: nobody."""
        rota = self.data.presiding
        start = next((place for place, turn in enumerate(rota) if turn.since <= at < turn.until), None)
        if start is None:
            return None
        return next((turn.member for turn in (*rota[start:], *rota[:start]) if turn.member not in parties), None)

    def signers(self, agreement: SignedAgreement) -> frozenset[str]:
        """Members whose signature over the agreement's exact text holds.

        A key that has merely run out still counts for what it signed; a revoked one does not: sign anew.
        """
        return frozenset(member for member, jws in agreement.signatures.items() if self._signed(member, jws, agreement.text))

    def _signed(self, member: str, jws: str, text: str) -> bool:
        def key_of(kid: str) -> VerifyKey | None:
            record = self.find_key(member, kid)
            return record.key if record is not None and record.revoked_at is None else None

        try:
            verify_detached(jws, text.encode("utf-8"), TYP_AGREEMENT, key_of)
        except TrustError:
            return False
        return True

    def with_positions(self, positions: Mapping[tuple[str, str], tuple[int | None, int | None]]) -> Self:
        """The same file with `(log_from, log_until)` set for each `(member, kid)` named: written after the `key.*` leaves are."""

        def placed(owner: str, keys: tuple[KeyRecord, ...]) -> tuple[KeyRecord, ...]:
            return tuple(
                replace(record, log_from=found[0], log_until=found[1]) if (found := positions.get((owner, record.kid))) else record
                for record in keys
            )

        gateway = replace(self.data.gateway, keys=placed(self.data.gateway.id, self.data.gateway.keys))
        members = tuple(replace(member, keys=placed(member.id, member.keys)) for member in self.data.members)
        return type(self)(replace(self.data, gateway=gateway, members=members))


def sign_agreement(key: SigningKey, text: str) -> str:
    """One member's signature over the agreement's exact text."""
    return sign_detached(key, text.encode("utf-8"), TYP_AGREEMENT)
