"""Is it in the log that the trust file names?  Checkpoint, cosignatures, inclusion, and the leaves of the keys.

One checkpoint carries the whole bundle, so its signatures are checked once and every proof must end in the very same note.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.crypto.keys import verify_ed25519
from gateway.errors import TransferLogError
from gateway.federation.members import KeyRecord
from gateway.federation.registry import TrustFile
from gateway.federation.trust_json import moment
from gateway.transferlog import merkle
from gateway.transferlog.checkpoint import Checkpoint, Verifier, decode_vkey, open_checkpoint
from gateway.transferlog.leaf import Leaf, parse_leaf
from gateway.transferlog.proof import parse_proof
from gateway.verifier.bundle import Bundle, LoggedLeaf, RawKey
from gateway.verifier.report import Report

_NOTE_FAULTS: Final = {"transferlog.unknown_signer": "evidence.other_trust", "transferlog.bad_key": "evidence.other_trust"}


@dataclass(frozen=True, slots=True)
class Placed:
    """A leaf that is in the log at its index."""

    index: int
    leaf: Leaf

    @property
    def place(self) -> str:
        return f"leaf {self.index}"

    @property
    def at(self) -> datetime:
        return datetime.fromisoformat(self.leaf.at)


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key of the trust file, with its window in the log: leaves after `since` and before `until` (None: not ended)."""

    record: KeyRecord
    since: int
    until: int | None

    def held(self, placed: Placed) -> bool:
        """Whether a signature in this leaf counts: dates and the log's order."""
        record = self.record
        if not record.not_before <= placed.at < record.not_after or placed.index <= self.since:
            return False
        if self.until is not None:
            return placed.index < self.until
        return record.revoked_at is None or record.log_until is not None or placed.at < record.revoked_at


def verifiers_of(trust: TrustFile) -> tuple[Verifier, ...]:
    """The log's own key, each member's witness, and those retired, up to their end.  Raises TransferLogError `transferlog.bad_key`."""
    current = [Verifier(decode_vkey(vkey), verify_ed25519) for vkey in trust.log_vkeys()]
    retired = [
        Verifier(decode_vkey(each.vkey), verify_ed25519, int(each.until.timestamp()), each.log_until) for each in trust.retired_vkeys()
    ]
    return (*current, *retired)


def open_log(bundle: Bundle, trust: TrustFile, report: Report) -> Checkpoint | None:
    """The checkpoint under the trust file's log key, with its cosigners counted; None when nothing can be built on it."""
    gateway = trust.data.gateway
    try:
        head = open_checkpoint(bundle.checkpoint, verifiers_of(trust))
    except TransferLogError as error:
        _refuse_note(error, gateway.log_origin, report)
        return None
    if (head.origin, bundle.origin, bundle.gateway) != (gateway.log_origin, gateway.log_origin, gateway.id):
        report.find("evidence.other_trust", "log.origin", "不是本信任文件所载的日志", "this is not the log of the trust file")
        return None
    if head.size != bundle.size:
        report.find("evidence.bad_checkpoint", "log.size", "所称的日志大小不是检查点的", "the size named is not the checkpoint's")
    report.size, report.quorum = head.size, gateway.witness_quorum
    _count_witnesses(bundle, head, report)
    report.done += ["log", "witnesses"]
    return head


def _refuse_note(error: TransferLogError, origin: str, report: Report) -> None:
    code = _NOTE_FAULTS.get(error.code, "evidence.bad_checkpoint")
    if error.code == "transferlog.bad_signature" and error.facts.get("signer") != origin:
        code = "evidence.bad_cosignature"
    report.find(code, "log.checkpoint", error.zh, error.en)


def _count_witnesses(bundle: Bundle, head: Checkpoint, report: Report) -> None:
    times: dict[str, int] = {}
    for signed in head.cosigned:
        times[signed.name] = min(times.get(signed.name, signed.at or 0), signed.at or 0)
    report.cosigned = tuple(sorted(times.items()))
    if bundle.cosigned != tuple(sorted(times)):
        report.find(
            "evidence.cosigners",
            "log.cosigned",
            "所称的见证行不是检查点上签名成立的那些",
            "the witnesses named are not those whose lines hold",
        )
    report.final = 0 < report.quorum <= len(times)
    if bundle.final and not report.final:
        report.find(
            "evidence.not_final",
            "log.final",
            f"自称已见证,但只有 {len(times)} 家见证签名,法定数为 {report.quorum}",
            f"it says final, but {len(times)} witnesses have cosigned and the quorum is {report.quorum}",
        )
    elif report.final and not bundle.final:
        report.find("evidence.other_finality", "log.final", "自称未见证,而见证签名已足", "it says not final, and the quorum has cosigned")


def place_leaves(bundle: Bundle, head: Checkpoint, logged: Iterable[LoggedLeaf], report: Report) -> list[Placed]:
    """Those that parse; each that is not in the log where it says is found."""
    return [placed for each in logged if (placed := _place(bundle, head, each, report)) is not None]


def _place(bundle: Bundle, head: Checkpoint, each: LoggedLeaf, report: Report) -> Placed | None:
    place = f"leaf {each.index}"
    try:
        proof = parse_proof(each.proof)
        if proof.checkpoint != bundle.checkpoint:
            report.find("evidence.other_checkpoint", place, "证明出自另一检查点", "the proof ends in another checkpoint than the bundle's")
        elif proof.index != each.index or proof.extra:
            report.find(
                "evidence.bad_proof", place, "证明是另一位置的,或含未经认证的附言", "the proof is for another place, or has an extra line"
            )
        else:
            merkle.verify_inclusion(merkle.leaf_hash(each.data), each.index, head.size, proof.hashes, head.root)
    except TransferLogError as error:
        report.find("evidence.bad_proof", place, error.zh, error.en)
    try:
        return Placed(each.index, parse_leaf(each.data))
    except TransferLogError as error:
        report.find("evidence.leaf_form", place, error.zh, error.en)
        return None


def hold_keys(bundle: Bundle, trust: TrustFile, head: Checkpoint, report: Report) -> dict[tuple[str, str], HeldKey]:
    """By `(member, kid)`: the trust file's keys that the bundle names, placed by their own leaves."""
    found: dict[tuple[str, str], HeldKey] = {}
    for raw in bundle.keys:
        place = f"key {raw.kid}"
        record = trust.find_key(raw.member, raw.kid)
        if record is None or (raw.member, raw.kid) in found:
            report.find("evidence.unknown_key", place, "信任文件中该成员没有此公钥", "the trust file knows no such key of that member")
            continue
        if not _same(raw, record):
            report.find("evidence.other_key", place, "所载公钥与信任文件不符", "the key is not as the trust file has it")
        since, until = _window(bundle, head, raw, report)
        if not _agrees(record, since, until, head.size):
            report.find(
                "evidence.key_position", place, "公钥起止之叶与信任文件不符", "the key's leaves are not where the trust file has them"
            )
        found[raw.member, raw.kid] = HeldKey(record, since, until if until is not None else record.log_until)
    report.done.append("keys")
    return found


def _same(raw: RawKey, record: KeyRecord) -> bool:
    """A bundle may be older than the trust file: what ended a key since is not in it."""
    times = (moment(record.not_before), moment(record.not_after))
    revoked = None if record.revoked_at is None else moment(record.revoked_at)
    return (raw.alg, dict(raw.jwk), raw.times[:2]) == (record.key.alg, record.key.jwk, times) and raw.times[2] in {None, revoked}


def _window(bundle: Bundle, head: Checkpoint, raw: RawKey, report: Report) -> tuple[int, int | None]:
    added = _place(bundle, head, raw.added, report)
    revoked = None if raw.revoked is None else _place(bundle, head, raw.revoked, report)
    for placed, type_ in ((added, "key.added"), (revoked, "key.revoked")):
        if placed is not None and (placed.leaf.type, placed.leaf.kid, placed.leaf.scope, placed.leaf.facts.get("owner")) != (
            type_,
            raw.kid,
            raw.kid,
            raw.member,
        ):
            report.find("evidence.key_position", placed.place, "不是此公钥起止之叶", "not the leaf that began or ended this key")
    return raw.added.index, None if raw.revoked is None else raw.revoked.index


def _agrees(record: KeyRecord, since: int, until: int | None, size: int) -> bool:
    if record.log_from is not None and record.log_from != since:
        return False
    if record.log_until is not None and record.log_until < size:
        return record.log_until == until
    return until is None or record.revoked_at is not None
