"""Is this really the gateway's answer to what we sent?  Checked in full before anything is believed.

The body without its receipt, in JCS form, is the exact text whose salted digest stands in the leaf; the
leaf holds the digests of our contents; the proof shows the leaf in the log under the log's own key.  A
refusal of something that never opened has no leaf: it is a signed message over the body instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.crypto.digests import salted_digest
from gateway.crypto.keys import verify_ed25519
from gateway.errors import FormatError, PeerError, TransferLogError, TrustError
from gateway.federation.envelope import VerifiedMessage, open_envelope, unseal
from gateway.federation.message import RawContent
from gateway.federation.registry import TrustFile
from gateway.formats.json_safe import read_json
from gateway.model.canonical import jcs, unb64url
from gateway.transferlog.checkpoint import Checkpoint, Verifier, decode_vkey
from gateway.transferlog.leaf import Leaf, parse_leaf
from gateway.transferlog.proof import parse_proof, verify_receipt_proof


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent, as far as an answer must fit it.  `digests`: `(name, sd, length)` of each content, in order."""

    iss: str
    jti: str
    act: str
    digests: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True, slots=True)
class VerifiedAnswer:
    """An answer that holds.  `leaf`, `index` and `checkpoint` are None for a refusal without a leaf.

    `raw` is the body without its receipt (JCS); `receipt` is as it came.
    """

    status: int
    body: Mapping[str, Any]
    raw: bytes
    receipt: Mapping[str, Any]
    leaf: Leaf | None
    index: int | None
    checkpoint: Checkpoint | None

    @property
    def code(self) -> str:
        """The problem's code, "" for a yes."""
        found = self.body.get("problem")
        return str(found.get("code", "")) if isinstance(found, Mapping) else ""


@dataclass(frozen=True, slots=True)
class Judge:
    """Trust file and log key against which answers are checked."""

    trust: TrustFile

    @property
    def verifiers(self) -> tuple[Verifier, ...]:
        """The transfer log's own key, as the trust file names it."""
        return (Verifier(decode_vkey(self.trust.data.gateway.log_vkey), verify_ed25519),)

    def answer(self, sent: Sent, status: int, content: bytes, now: datetime) -> VerifiedAnswer:
        """Raises PeerError (`peer.off_protocol`, `peer.unproven`), TransferLogError or TrustError for anything less than proof."""
        body = _object(content)
        receipt = body.pop("receipt", None)
        if not isinstance(receipt, dict):
            raise _unproven("no receipt")
        raw = _canonical(body)
        secret = _bytes(receipt.get("answer_secret"))
        told = {name: sd for name, sd, _ in sent.digests}
        if (body.get("iss"), body.get("jti"), body.get("act"), body.get("digest")) != (sent.iss, sent.jti, sent.act, told):
            raise _unproven("it answers another message")
        if "leaf" in receipt:
            leaf, index, checkpoint = self._logged(sent, raw, secret, receipt)
            if leaf.status != status:
                raise _unproven("another status than the leaf's")
            return VerifiedAnswer(status, body, raw, receipt, leaf, index, checkpoint)
        if "refusal" in receipt:
            self._refused(sent, raw, secret, str(receipt["refusal"]), now)
            return VerifiedAnswer(status, body, raw, receipt, None, None, None)
        raise _unproven("neither leaf nor signed refusal")

    def _logged(self, sent: Sent, raw: bytes, secret: bytes, receipt: Mapping[str, Any]) -> tuple[Leaf, int, Checkpoint]:
        data, proof, index = _bytes(receipt["leaf"]), receipt.get("proof"), receipt.get("index")
        if not isinstance(proof, str) or not isinstance(index, int):
            raise _unproven("no proof")
        leaf, checkpoint = self.logged_leaf(data, proof)
        if parse_proof(proof).index != index:
            raise _unproven("the proof is for another index")
        if (leaf.actor, leaf.iss, leaf.jti, leaf.n) != (sent.iss, sent.iss, sent.jti, 0):
            raise _log_fault("the leaf is about another message")
        if tuple(tuple(entry) for entry in leaf.content) != sent.digests:
            raise _log_fault("the leaf holds other contents than were sent")
        if leaf.answer != salted_digest(secret, raw):
            raise _log_fault("the leaf holds another answer than was given")
        own = open_envelope(leaf.envelope, keys=self.trust.finder(datetime.fromisoformat(leaf.at), index))
        if (own.iss, own.jti, own.act) != (sent.iss, sent.jti, sent.act):
            raise _log_fault("the leaf holds another envelope")
        return leaf, index, checkpoint

    def logged_leaf(self, data: bytes, proof: str) -> tuple[Leaf, Checkpoint]:
        """A leaf that is in the log under a checkpoint the log signed.  Raises TransferLogError."""
        checkpoint = verify_receipt_proof(data, proof, self.verifiers)
        if checkpoint.origin != self.trust.data.gateway.log_origin:
            raise _log_fault("the checkpoint is of another log")
        return parse_leaf(data), checkpoint

    def _refused(self, sent: Sent, raw: bytes, secret: bytes, token: str, now: datetime) -> VerifiedMessage:
        contents = {"refusal": RawContent("refusal", raw, None, secret)}
        message = unseal(token, contents, keys=self.trust.finder(now), audience=sent.iss, http=None)
        if message.iss != self.trust.data.gateway.id or message.irt != sent.jti or message.act != "refusal":
            raise TrustError(
                "trust.bad_signature", "拒绝不是网关对该消息所签", "the refusal was not signed by the gateway for this message"
            )
        return message


def problem_code(content: bytes) -> tuple[str, bool]:
    """Code and retryability of an answer that proves nothing (a problem document, or a refusal nobody signed)."""
    try:
        body = _object(content)
    except (PeerError, FormatError):
        return "peer.off_protocol", False
    inner = body.get("problem")
    found = inner if isinstance(inner, dict) else body
    return str(found.get("code", "peer.off_protocol"))[:64], found.get("retryable") is True


def _object(content: bytes) -> dict[str, Any]:
    value: Any = read_json(content)
    if not isinstance(value, dict):
        raise _unproven("not an object")
    return value


def _canonical(body: dict[str, Any]) -> bytes:
    try:
        return jcs(body)
    except ValueError:
        raise _unproven("no canonical form") from None


def _bytes(text: object) -> bytes:
    try:
        raw = unb64url(text) if isinstance(text, str) else b""
    except ValueError:
        raw = b""
    if not raw:
        raise _unproven("a member of the receipt is malformed")
    return raw


def _unproven(reason: str) -> PeerError:
    return PeerError("peer.unproven", "答复没有证明", "the answer does not prove itself", reason=reason)


def _log_fault(reason: str) -> TransferLogError:
    return TransferLogError("transferlog.bad_receipt", "回执与存证不符", "the receipt does not fit the transfer log", reason=reason)
