"""One bundle, the trust file, nothing else: everything is computed again and every thing wrong is named.

Order: form → checkpoint and cosignatures → inclusion → keys → the case's order and states → envelopes, contents, answers →
documents → decisions and records.  Without a checkpoint of the right log nothing further is asked; otherwise all is.
Pure: no clock, no file, no network.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from gateway.errors import EvidenceError
from gateway.federation.registry import TrustFile
from gateway.transferlog.checkpoint import Checkpoint
from gateway.verifier.act_checks import open_acts, open_one
from gateway.verifier.bundle import BARE, LEARNER, Bundle, RawKey, read_bundle
from gateway.verifier.item_checks import check_decisions, check_papers, open_records
from gateway.verifier.log_checks import HeldKey, Placed, hold_keys, open_log, place_leaves
from gateway.verifier.report import CHECKS, Report, Words
from gateway.verifier.scope_checks import check_role, check_scope
from gateway.verifier.words import tell

_NOT_HERE: Final = {
    BARE: Words("本文件不含内容", "this bundle has no contents"),
    LEARNER: Words("学习者证明未出示此项", "the learner's proof does not show it"),
}
_CAUSES: Final = {"transfer.withdrawn": "consent.withdrawn", "outcome.cleared": "outcome.cleared"}
"""Leaf types that follow from an act in a scope which is no case, and the type of the leaf that holds that act."""


def verify_bundle(raw: bytes, trust: TrustFile) -> Report:
    """Never raises for what is in the bytes.  `trust` is what the reader trusts; nothing of it is taken from the bundle."""
    report = Report()
    try:
        bundle = read_bundle(raw)
    except EvidenceError as error:
        report.find(error.code, str(error.facts.get("reason", "")), error.zh, error.en)
        return report
    report.transfer, report.form = bundle.transfer, bundle.form
    report.done.append("form")
    head = open_log(bundle, trust, report)
    if head is not None:
        _verify_case(bundle, trust, head, report)
    missing = _NOT_HERE.get(bundle.form)
    if missing is not None and head is not None:
        report.not_done = {name: missing for name in CHECKS if name not in report.done}
    return report


def _verify_case(bundle: Bundle, trust: TrustFile, head: Checkpoint, report: Report) -> None:
    leaves = place_leaves(bundle, head, bundle.leaves, report)
    causes = place_leaves(bundle, head, bundle.causes, report)
    report.done.append("proofs")
    keys = hold_keys(bundle, trust, head, report)
    _check_needed(bundle.keys, [*leaves, *causes], report)
    parties = check_scope(bundle.transfer, leaves, report)
    acts = open_acts(bundle, leaves, keys, report)
    _check_causes(bundle, leaves, causes, keys, report)
    if parties is None:
        return
    for act in acts:
        check_role(act.placed, act.envelope.act, parties, trust, report)
    records = open_records(bundle, leaves, report)
    request = check_papers(acts, parties, report)
    decisions = check_decisions(bundle, acts, records, report)
    tell(trust, leaves, request, decisions, records, report)


def _check_needed(keys: Sequence[RawKey], leaves: Iterable[Placed], report: Report) -> None:
    used = {(each.leaf.actor, each.leaf.kid) for each in leaves if each.leaf.envelope}
    for each in keys:
        if (each.member, each.kid) not in used:
            report.find("evidence.other_key", f"key {each.kid}", "没有叶用到此公钥", "no leaf of the bundle is signed with this key")


def _check_causes(
    bundle: Bundle,
    leaves: Sequence[Placed],
    causes: Sequence[Placed],
    keys: dict[tuple[str, str], HeldKey],
    report: Report,
) -> None:
    """A leaf of another scope is here only as the cause that a leaf of the case names, with its own envelope.

    What follows from an act in somebody's other case is named as such: that case is not this reader's.
    """
    wanted = {each.leaf.cause: each for each in leaves if each.leaf.cause is not None and each.leaf.cause[0] != bundle.transfer}
    for placed in causes:
        leaf = placed.leaf
        named = wanted.pop((leaf.scope, leaf.seq), None)
        if named is None or leaf.type != _CAUSES.get(named.leaf.type) or (leaf.iss, leaf.jti) != (named.leaf.iss, named.leaf.jti):
            report.find("evidence.other_case", placed.place, "此叶不是本案任何一叶的起因", "the leaf is the cause of no leaf of this case")
        open_one(bundle, placed, keys, report)
    for named in wanted.values():
        if named.leaf.type in _CAUSES:
            report.find("evidence.cause_missing", named.place, "缺少引起此叶的那一叶", "the leaf that this one follows from is not here")
        else:
            report.shown.append(
                Words(
                    f"存证第 {named.index} 叶出自另一案中的行为,该案不在此出示。",
                    f"Leaf {named.index} follows from an act in another case, which is not shown here.",
                )
            )
