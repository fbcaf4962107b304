"""What must hold of the transfer log and its receipts after a run, and that nothing personal stands where anybody could read it."""

from collections.abc import Sequence
from datetime import datetime

from gateway.client.receipts import VerifiedAnswer
from gateway.errors import GatewayError, TransferLogError
from gateway.federation.envelope import open_envelope
from gateway.simulator.testimony import Evidence
from gateway.transferlog import merkle
from gateway.transferlog.audit import AuditReport
from gateway.transferlog.tiles import TreeState, append


def receipts_provable(evidence: Evidence) -> list[str]:
    """Each answer a bank holds proves itself still, and the leaf it shows stands in the final log at that place."""
    wrong = []
    for member, row, answer in evidence.answers:
        if isinstance(answer, GatewayError):
            wrong.append(f"{member} {row.act}: its stored receipt does not hold: {answer.code} {answer.facts.get('reason', '')}")
        elif answer.leaf is not None and answer.index is not None:
            inside = answer.index < len(evidence.leaves)
            if not inside or evidence.leaves[answer.index] != answer.leaf:
                wrong.append(f"{member} {row.act}: leaf {answer.index} of its receipt is not in the log")
    return wrong


def checkpoints_extend(evidence: Evidence) -> list[str]:
    """Each head anybody saw signed is a beginning of the final log: by consistency proof from one to the next."""
    hashes = [merkle.leaf_hash(raw) for raw in evidence.export.leaves]
    seen = {(answer.checkpoint.size, answer.checkpoint.root) for _, _, answer in evidence.answers
            if isinstance(answer, VerifiedAnswer) and answer.checkpoint is not None}  # fmt: skip
    heads = sorted({*seen, *evidence.heads})
    wrong = []
    if [size for size, _ in evidence.heads] != sorted(size for size, _ in evidence.heads):
        wrong.append("the log shrank during the run")
    final = (len(hashes), append(TreeState(), hashes).root) if hashes else (0, merkle.EMPTY_ROOT)
    for (old, old_root), (new, new_root) in zip(heads, [*heads[1:], final], strict=True):
        try:
            if new > len(hashes):
                raise TransferLogError("transferlog.rolled_back", "日志变短", "the log is shorter than a head that was seen")
            proof = merkle.consistency_proof(old, new, lambda level, index: _node(hashes, level, index))
            merkle.verify_consistency(old, new, old_root, new_root, proof)
        except TransferLogError as fault:
            wrong.append(f"the head of {old} leaves is no beginning of the one of {new}: {fault.code}")
    return wrong


def _node(hashes: Sequence[bytes], level: int, index: int) -> bytes:
    """A complete node of the tree over these leaves."""
    row = list(hashes[index << level : (index + 1) << level])
    while len(row) > 1:
        row = merkle.pair_up(row)
    return row[0]


def log_audits(evidence: Evidence) -> list[str]:
    """The whole log, from its export, with every signature, as a stranger audits it."""
    finding = evidence.export.report.finding
    return [] if finding is None else [f"audit: {finding.code} at {finding.index}: {finding.en}"]


def change_found(changed: int, report: AuditReport) -> list[str]:
    """After one byte of a stored leaf was changed: the audit finds something and names that leaf among at most one tile's."""
    finding = report.finding
    if finding is None:
        return [f"a changed byte in leaf {changed} was not found"]
    if finding.index is None or finding.through is None or not finding.index <= changed <= finding.through:
        return [f"leaf {changed} was changed, the audit names {finding.index} to {finding.through}"]
    return []


def nothing_personal(evidence: Evidence) -> list[str]:
    """No learner's number or name in a leaf, a log line, or unsealed in the gateway's file."""
    canaries = [canary for learner in evidence.learners for canary in (learner.citizen_id, learner.name)]
    leaves = b"\n".join(evidence.export.leaves)
    logged = "\n".join(map(repr, evidence.logged))
    wrong = []
    for canary in canaries:
        raw = canary.encode("utf-8")
        places = (("a leaf", raw in leaves), ("a log line", canary in logged), ("the gateway's file", raw in evidence.stored))
        wrong += [f"a learner's personal value stands in {where}" for where, found in places if found]
    return wrong


def signed_by_their_banks(evidence: Evidence) -> list[str]:
    """Each act's leaf holds its actor's own envelope under a key that held there (which the audit asked too: twice by two ways)."""
    trust = evidence.export.trust
    wrong = []
    for index, leaf in enumerate(evidence.leaves):
        if not leaf.envelope:
            continue
        try:
            envelope = open_envelope(leaf.envelope, keys=trust.finder(datetime.fromisoformat(leaf.at), index))
        except GatewayError as fault:
            wrong.append(f"leaf {index}: {fault.code}")
            continue
        if (envelope.iss, envelope.jti) != (leaf.iss, leaf.jti):
            wrong.append(f"leaf {index}: the envelope is another act's")
    return wrong
