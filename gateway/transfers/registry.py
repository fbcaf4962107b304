"""The trust file at work: who may speak now, which agreements hold, and its changes as leaves.

A change of the file takes effect in the log first (`key.*`, `member.*` leaves under the head lock),
then in memory; from that commit on a revoked key counts for nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway.errors import TrustError
from gateway.federation.members import KeyRecord, Status
from gateway.federation.registry import TrustFile
from gateway.model.canonical import jcs
from gateway.recognition.agreement import Agreement
from gateway.storage.rows import AgreementRow, KeyRow, MemberRow
from gateway.transferlog.leaf import Leaf, leaf_bytes
from gateway.transfers.agreements import founding_row, standing
from gateway.transfers.answers import Answer
from gateway.transfers.case import utc_text
from gateway.transfers.view import LeafDraft, View, Wants

LOG_SCOPE = "log"


class Registry:
    """The trust file in force, and the agreements that members have acted upon since.  Both are replaced whole."""

    def __init__(self, trust: TrustFile) -> None:
        self.trust = trust
        self.founding = signed_agreements(trust)
        self.acted: Mapping[str, AgreementRow] = {}
        self._known: tuple[object, object, tuple[Agreement, ...]] = (None, None, ())

    def replace(self, trust: TrustFile) -> None:
        """Take a newer file, after its `SyncRegistry` was committed."""
        self.trust = trust
        self.founding = signed_agreements(trust)

    def take(self, acted: Mapping[str, AgreementRow]) -> None:
        """What members have acted upon, as of the last commit."""
        self.acted = acted

    @property
    def agreements(self) -> tuple[Agreement, ...]:
        """Those that stand as of the last commit, suspended or not."""
        return self.standing(self.acted)

    def standing(self, acted: Mapping[str, AgreementRow]) -> tuple[Agreement, ...]:
        """Those that stand where these were acted upon.  Worked out once for each change of either."""
        founding, rows, known = self._known
        if founding is not self.founding or rows is not acted:
            known = standing(self.founding, acted.values())
            self._known = (self.founding, acted, known)
        return known

    def agreement_row(self, acted: Mapping[str, AgreementRow], scope: str) -> AgreementRow | None:
        """The agreement of this scope: as acted upon, or as founded."""
        found = acted.get(scope)
        if found is not None:
            return found
        return next((row for each in self.founding if (row := founding_row(each)).scope == scope), None)

    def active(self) -> frozenset[str]:
        """Members that may take part now."""
        return frozenset(member.id for member in self.trust.data.members if member.status is Status.ACTIVE)


def signed_agreements(trust: TrustFile) -> tuple[Agreement, ...]:
    """Agreements that both parties signed; anything less is no agreement.  Raises TrustError("trust.bad_registry") for a malformed text."""
    found = []
    for signed in trust.data.agreements:
        try:
            agreement = Agreement.from_mapping(json.loads(signed.text))
        except (ValueError, KeyError, TypeError) as error:
            raise TrustError(
                "trust.bad_registry", "协议文本不合格式", "an agreement's text does not have its form", id=signed.id
            ) from error
        if agreement.id == signed.id and {agreement.source, agreement.accepting} <= trust.signers(signed):
            found.append(agreement)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class SyncRegistry:
    """Write the difference between the trust file and what the log knows, as leaves of the gateway.

    `jti` names this run; `gateway` is the gateway's id; `origin` opens the log when it is empty.
    """

    trust: TrustFile
    jti: str
    gateway: str
    origin: str

    @property
    def wants(self) -> Wants:
        return Wants()

    def apply(self, view: View) -> Answer:
        if view.next_index == 0:
            self._leaf(view, "log.opened", LOG_SCOPE, 0, {"origin": self.origin})
        for member in self.trust.data.members:
            self._member(view, member.id, member.status)
        gateway = self.trust.data.gateway
        owners = {gateway.id: gateway.keys, **{member.id: member.keys for member in self.trust.data.members}}
        for owner, keys in owners.items():
            for record in keys:
                self._key(view, owner, record)
        return Answer(200, jcs({"keys": len(view.keys), "members": len(view.members)}), bytes(32))

    def _member(self, view: View, member: str, status: Status) -> None:
        known = view.members.get(member)
        if known is None:
            self._leaf(view, "member.added", member, 0, {"status": status.value})
            view.put_member(MemberRow(member, status.value, 1))
        elif known.status != status.value:
            type_ = "member.suspended" if status is Status.SUSPENDED else "member.resumed"
            self._leaf(view, type_, member, known.seq, {"serial": self.trust.data.serial})
            view.put_member(known._replace(status=status.value, seq=known.seq + 1))

    def _key(self, view: View, owner: str, record: KeyRecord) -> None:
        """A key's leaves stand in its own scope: added first, revoked second."""
        known = view.keys.get(record.kid)
        revoked = record.revoked_at is not None  # at once, even where the registry's clock runs ahead of ours
        if known is None:
            index = view.next_index
            self._leaf(view, "key.added", record.kid, 0, {"owner": owner, "serial": self.trust.data.serial}, record.kid)
            known = KeyRow(
                record.kid, owner, record.key.alg, json.dumps(record.key.jwk, sort_keys=True), utc_text(record.not_before),
                utc_text(record.not_after), _text(record.revoked_at), index, None,
            )  # fmt: skip
            view.put_key(known)
        if revoked and known.log_until is None:
            view.put_key(known._replace(revoked_at=_text(record.revoked_at), log_until=view.next_index))
            self._leaf(view, "key.revoked", record.kid, 1, {"owner": owner, "serial": self.trust.data.serial}, record.kid)

    def _leaf(self, view: View, type_: str, scope: str, seq: int, facts: dict[str, str | int | bool], kid: str = "") -> None:
        n = sum(1 for leaf in view.leaves if leaf.jti == self.jti)
        leaf = Leaf(
            type=type_, at=view.at_text, scope=scope, seq=seq, iss=self.gateway, jti=self.jti, n=n, actor=self.gateway, kid=kid, facts=facts
        )
        view.leaves.append(LeafDraft(view.next_index, scope, seq, self.gateway, self.jti, n, leaf_bytes(leaf)))


def _text(moment: datetime | None) -> str:
    return utc_text(moment) if moment is not None else ""
