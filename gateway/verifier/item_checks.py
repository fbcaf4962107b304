"""Do request, consent, decision and records say the same?  What the bank signed against what the leaves say of the items.

A record's fields open the commitment in the leaf, so that a decision's words ("record X, 3.0 credits") reach the very item of the log.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

from gateway.crypto.digests import salted_digest
from gateway.errors import EvidenceError, TransferLogError
from gateway.model.transfer import Act, ItemState
from gateway.transferlog.leaf import verify_disclosure
from gateway.verifier.act_checks import SignedAct
from gateway.verifier.bundle import FULL, Bundle
from gateway.verifier.log_checks import Placed
from gateway.verifier.papers import ConsentPaper, DecisionPaper, RequestPaper, read_consent, read_decision, read_mapping, read_request
from gateway.verifier.report import Report
from gateway.verifier.scope_checks import UNDONE, Parties

RECORD: Final = "source.record"
SIZE: Final = "size.credits"
DECIDED: Final = "transfer.decided"
_TOTAL_OF: Final = {
    ItemState.CLAIMED: "pending",
    ItemState.RECOGNISED: "recognised",
    ItemState.REFUSED: "refused",
    ItemState.CLOSED: "closed",
    ItemState.RECALLING: "recognised",
    ItemState.RECALLED: "closed",
}
_ALIVE: Final = frozenset({ItemState.CLAIMED, ItemState.RECOGNISED, ItemState.REFUSED, ItemState.RECALLING})


@dataclass(frozen=True, slots=True)
class Opened:
    """Fields of the record behind a commitment, as far as they are shown; `whole`: no other field is hidden."""

    fields: Mapping[str, str]
    whole: bool

    @property
    def record(self) -> str:
        return self.fields.get(RECORD, "")

    @property
    def size(self) -> Decimal | None:
        """Regional credits, None where none were computed or the field is not shown."""
        try:
            return Decimal(self.fields[SIZE]) if SIZE in self.fields else None
        except InvalidOperation:
            return None


def open_records(bundle: Bundle, leaves: Sequence[Placed], report: Report) -> dict[str, Opened]:
    """By commitment.  Each must be an item of the case; a whole bundle shows every item that is alive."""
    known = {cm for placed in leaves for cm, _, _ in placed.leaf.items if cm}
    found: dict[str, Opened] = {}
    for each in bundle.records:
        place = f"record {each.cm[:12]}"
        try:
            verify_disclosure(each.cm, each.told)
        except TransferLogError:
            report.find("evidence.record_changed", place, "字段与叶中的承诺不符", "the fields are not those committed to in the leaf")
            continue
        if each.cm not in known or each.cm in found:
            report.find("evidence.other_record", place, "本案没有此记录", "the case has no such record")
        found[each.cm] = Opened({name: value for name, value, _ in each.told.fields}, not each.told.others)
    last = _last_items(leaves)
    hidden = [cm for cm, state in last.items() if ItemState(state) in _ALIVE and not (cm in found and found[cm].whole)]
    if bundle.form == FULL and hidden:
        report.find(
            "evidence.record_missing", "records", "缺少在案的记录或其字段", "a record that the case holds, or a field of it, is not shown"
        )
    _check_totals(leaves, found, report)
    report.done += ["records"] if bundle.records else []
    return found


def _last_items(leaves: Sequence[Placed]) -> dict[str, str]:
    items = next((each.leaf.items for each in reversed(leaves) if each.leaf.items), ())
    return {cm: state for cm, _, state in items if cm}


def _check_totals(leaves: Sequence[Placed], records: Mapping[str, Opened], report: Report) -> None:
    """Where every item of a leaf is open, its totals are those of the records."""
    for placed in leaves:
        totals = placed.leaf.totals
        cms = [(cm, state) for cm, _, state in placed.leaf.items if cm]
        if totals is None or not cms or not all(cm in records and records[cm].whole for cm, _ in cms):
            continue
        sums = dict.fromkeys(totals, Decimal(0))
        uncounted = len(placed.leaf.items) - sum(records[cm].size is not None for cm, _ in cms)
        for cm, state in cms:
            size = records[cm].size or Decimal(0)
            sums["submitted"] += size
            sums[_TOTAL_OF[ItemState(state)]] += size
        if sums != {name: Decimal(value) for name, value in totals.items()} or placed.leaf.facts.get("uncounted", 0) != uncounted:
            report.find(
                "evidence.totals", placed.place, "叶中的学分合计不是各记录之和", "the leaf's totals are not the sums of its records"
            )


def check_papers(acts: Sequence[SignedAct], parties: Parties, report: Report) -> RequestPaper | None:
    """Request and consent name this case's banks; the source bank says that identity block and part are of one person."""
    opening = acts[0] if acts else None
    if opening is None or "request" not in opening.contents:
        return None
    try:
        request = read_request(opening.contents["request"])
        consent = read_consent(opening.contents["consent"]) if "consent" in opening.contents else None
    except EvidenceError as error:
        report.find(error.code, opening.placed.place, error.zh, error.en)
        return None
    if (request.source, request.accepting, request.facing) != (parties.source, parties.accepting, parties.facing):
        report.find("evidence.other_request", opening.placed.place, "申请所称各行与叶不符", "the request names other banks than the leaf")
    if consent is not None and not _covers(consent, request):
        report.find("evidence.other_consent", opening.placed.place, "授权不是就此申请作出的", "the consent is not for this request")
    identity = next((sd for name, sd, _ in opening.placed.leaf.content if name == "identity"), None)
    for act in acts:
        brings = "part" in {name for name, _, _ in act.placed.leaf.content} and act.envelope.act in {Act.REQUEST, Act.CONFIRM}
        if brings and act.placed.leaf.type not in UNDONE and act.envelope.claims.get("same_person") != identity:
            report.find(
                "evidence.other_person",
                act.placed.place,
                "同一人声明不是就本案的身份信息作出的",
                "same_person is not over this case's identity",
            )
    report.done.append("documents")
    return request


def _covers(consent: ConsentPaper, request: RequestPaper) -> bool:
    named = (consent.controller, consent.recipient, consent.source)
    return named == (request.facing, request.accepting, request.source) and set(request.records) <= set(consent.records)


def check_decisions(
    bundle: Bundle, acts: Sequence[SignedAct], records: Mapping[str, Opened], report: Report
) -> list[tuple[SignedAct, DecisionPaper]]:
    """Each decision that was taken: what it rests on, and its items against the leaf's."""
    made = {(each.name, salted_digest(each.secret, each.data)) for each in bundle.made}
    losses = [("loss", str(act.placed.leaf.facts["loss"])) for act in acts if "loss" in act.placed.leaf.facts]
    bound = set(losses)
    if bundle.form == FULL and losses and losses[-1] not in made:
        report.find("evidence.content_missing", "made", "缺少映射的损失报告", "the mapping's loss report is not here")
    _check_mapping(bundle, acts, report)
    found = []
    for position, act in enumerate(acts):
        leaf = act.placed.leaf
        if leaf.type != DECIDED:
            continue
        named = {("local", str(act.envelope.claims.get("delivered", "")))}
        _check_basis(act, acts[:position], report)
        if "decision" in act.contents:
            try:
                paper = read_decision(act.contents["decision"])
            except EvidenceError as error:
                report.find(error.code, act.placed.place, error.zh, error.en)
                continue
            named |= {("proposal", paper.estimate)} if paper.estimate else set()
            _check_items(act, paper, records, report)
            found.append((act, paper))
        bound |= named
        if bundle.form == FULL and named - made:
            report.find("evidence.content_missing", act.placed.place, "缺少认定所依据的内容", "what the decision rests on is not here")
    if len(made) != len(bundle.made):
        report.find("evidence.unbound", "made", "同一内容出现两次", "one content stands twice")
    for name, sd in sorted(made - bound):
        report.find(
            "evidence.unbound", f"made {name} {sd[:12]}", "此内容没有叶或签名与之相连", "no leaf and no signature is bound to this content"
        )
    report.done += ["decision"] if found else []
    return found


def _check_mapping(bundle: Bundle, acts: Sequence[SignedAct], report: Report) -> None:
    """A leaf names the mapping that the last part was read by; the loss report, where it is here, says the same."""
    reports = {salted_digest(each.secret, each.data): each.data for each in bundle.made if each.name == "loss"}
    mapping: tuple[str, str] | None = None
    for act in acts:
        leaf = act.placed.leaf
        sd = str(leaf.facts.get("loss", ""))
        same = leaf.mapping == mapping or bool(sd)
        mapping = leaf.mapping
        try:
            same &= sd not in reports or read_mapping(reports[sd]) == mapping
        except EvidenceError:
            same = False
        if not same:
            report.find(
                "evidence.other_basis", act.placed.place, "叶所记的映射不是读入分件所用的", "the leaf names another mapping than was used"
            )


def _check_basis(act: SignedAct, earlier: Sequence[SignedAct], report: Report) -> None:
    """The decision names the part that stood and the mapping that the leaf names."""
    leaf = act.placed.leaf
    parts = [sd for each in earlier if each.placed.leaf.type not in UNDONE for name, sd, _ in each.placed.leaf.content if name == "part"]
    mapping = tuple(act.envelope.claims.get("mapping", ()))
    if not parts or act.envelope.claims.get("part") != parts[-1] or mapping != (leaf.mapping or ()):
        report.find(
            "evidence.other_basis",
            act.placed.place,
            "认定所依据的分件或映射不是本案的",
            "the decision rests on another part or mapping than the case's",
        )


def _check_items(act: SignedAct, paper: DecisionPaper, records: Mapping[str, Opened], report: Report) -> None:
    leaf, verdicts = act.placed.leaf, {item.record: item for item in paper.items}
    wrong = len(verdicts) != len(paper.items) or bool(set(verdicts) - _named(act, records) and _all_open(act, records))
    for cm, _, state in leaf.items:
        opened = records.get(cm)
        item = verdicts.get(opened.record) if opened is not None and opened.record else None
        if opened is None or item is None:
            continue
        wrong |= item.verdict != state
        if item.size < 0 or (opened.size is not None and item.size > opened.size) or (item.verdict == "refused" and item.size):
            report.find("evidence.credits", act.placed.place, "认定学分超过该项学分", "more credits are recognised than the record has")
    states = Counter(state for _, _, state in leaf.items)
    told = Counter(item.verdict for item in paper.items)
    wrong |= any(states[verdict] < count for verdict, count in told.items())
    if wrong:
        report.find("evidence.decision_items", act.placed.place, "认定的各项与叶不符", "the decision's items are not those of the leaf")
    recalled = {ItemState.RECALLING, ItemState.RECALLED} & {ItemState(state) for state in states}
    awarded = sum((item.size for item in paper.items if item.verdict == "recognised"), Decimal(0))
    if not recalled and awarded != Decimal(str(leaf.facts.get("awarded", "0"))):
        report.find(
            "evidence.credits", act.placed.place, "叶所记认定学分不是各项之和", "the leaf's awarded credits are not the decision's sum"
        )
    if str(leaf.facts.get("estimate", "")) != paper.estimate:
        report.find(
            "evidence.other_basis", act.placed.place, "认定所称的测算不是叶所记的", "the decision names another estimate than the leaf"
        )
    if leaf.rules != rules_named(paper):
        report.find(
            "evidence.other_basis",
            act.placed.place,
            "叶所记的规则不在认定之中",
            "the decision does not rest on the rules that the leaf names",
        )


def rules_named(paper: DecisionPaper) -> str:
    """The rules that the items name, as a leaf has them: sorted, joined by commas; "" where a leaf cannot hold them."""
    named = ",".join(sorted({item.rule for item in paper.items if item.rule}))
    return named if re.fullmatch(r"[!-~]{1,128}", named) else ""


def _named(act: SignedAct, records: Mapping[str, Opened]) -> set[str]:
    return {records[cm].record for cm, _, _ in act.placed.leaf.items if cm in records}


def _all_open(act: SignedAct, records: Mapping[str, Opened]) -> bool:
    return all(cm in records and RECORD in records[cm].fields for cm, _, _ in act.placed.leaf.items)
