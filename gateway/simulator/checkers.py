"""What must hold after a run, one function each: every one gives the sentences that do not hold, none when all is well.

They read what is stored (at the gateway, at the connectors, in the banks' own books) and the exported log,
never what the run believes it did.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

from gateway.client.outgoing import sd_of
from gateway.client.receipts import Judge, Sent, VerifiedAnswer
from gateway.errors import GatewayError, TransferLogError
from gateway.federation.envelope import open_envelope
from gateway.federation.message import Content
from gateway.mapping.documents import read
from gateway.mapping.schema import Standard
from gateway.model.documents import Consent, Decision, Verdict
from gateway.model.scopes import consent_scope
from gateway.model.transfer import CLOSED, Act, ItemState, State
from gateway.simulator.banks import SimulatedBank
from gateway.simulator.coverage import OWN_ACTS, steps_of
from gateway.simulator.forgetting import Lost, invented, unnamed
from gateway.simulator.people import Learner
from gateway.simulator.reckoning import Export
from gateway.storage.connector_schema import CaseRow, InboxRow, OutboxRow
from gateway.storage.rows import DifferenceRow
from gateway.transferlog import merkle
from gateway.transferlog.audit import AuditReport
from gateway.transferlog.leaf import Leaf, parse_leaf
from gateway.transferlog.tiles import TreeState, append

SUMS = ("recognised", "refused", "closed", "pending")
PASSING = ("consent.expired",)
"""What a bank may set aside by right: it was asked after the learner's consent had run out."""


@dataclass(frozen=True, slots=True)
class BankRecord:
    """All that one connector keeps, and the bank's own system."""

    bank: SimulatedBank
    outbox: Sequence[OutboxRow]
    inbox: Sequence[InboxRow]
    cases: Mapping[str, CaseRow]
    contents: Mapping[str, Mapping[str, Content]]


@dataclass(frozen=True)
class Evidence:
    """A run when it is over.  `cases` are the gateway's own, whole; `heads` every `(size, root)` that was seen signed, in order."""

    cases: Mapping[str, Mapping[str, Any]]
    banks: Mapping[str, BankRecord]
    export: Export
    standard: Standard
    heads: Sequence[tuple[int, bytes]]
    learners: Sequence[Learner]
    logged: Sequence[Mapping[str, Any]]
    stored: bytes
    unexpected: Sequence[str]
    now: datetime
    lost: Sequence[Lost] = ()
    differences: Sequence[DifferenceRow] = ()
    jumps: Sequence[tuple[datetime, datetime]] = ()

    @cached_property
    def leaves(self) -> list[Leaf]:
        return [parse_leaf(raw) for raw in self.export.leaves]

    @cached_property
    def standing(self) -> dict[str, str]:
        """Transfer to the decision (`jti`) that stands at its end; a case sent back for decision has none until the next."""
        found: dict[str, str] = {}
        for leaf in self.leaves:
            if leaf.type == "transfer.decided":
                found[leaf.scope] = leaf.jti
            elif leaf.type == "transfer.remitted":
                found.pop(leaf.scope, None)
        return found

    @cached_property
    def answers(self) -> list[tuple[str, OutboxRow, VerifiedAnswer | GatewayError]]:
        """Every answer a bank stored, verified anew under the final trust file, or why it does not hold."""
        judge = Judge(self.export.trust)
        return [
            (member, row, _verified(judge, member, row, record.contents[row.jti], self.now))
            for member, record in self.banks.items()
            for row in record.outbox
            if row.answer is not None
        ]


def _verified(judge: Judge, member: str, row: OutboxRow, contents: Mapping[str, Content], now: datetime) -> VerifiedAnswer | GatewayError:
    assert row.answer is not None
    assert row.receipt is not None
    assert row.status is not None
    digests = tuple((each.name, sd_of(each), len(each.data)) for each in contents.values())
    body = row.answer[:-1] + b',"receipt":' + row.receipt.encode() + b"}"
    try:
        return judge.answer(Sent(member, row.jti, row.act, digests), row.status, body, now)
    except GatewayError as fault:
        return fault


def banks_agree(evidence: Evidence) -> list[str]:
    """Gateway, accepting and source bank hold the same standing decision, and both booked it, less what was recalled, or neither did."""
    wrong, deaf = [], {each.member for each in evidence.lost}
    for transfer, case in evidence.cases.items():
        source, accepting = evidence.banks[case["source"]], evidence.banks[case["accepting"]]
        jti = evidence.standing.get(transfer, "")
        told = {item["record"]: (item["state"], Decimal(item.get("awarded", "0"))) for item in case["items"] if item["state"] in _DECIDED}
        if not jti:
            if told or any((transfer, role) in bank.bank.posted for role, bank in (("source", source), ("accepting", accepting))):
                wrong.append(f"{transfer[:8]}: something is decided or booked, and no decision stands")
            continue
        spoken = _decision(evidence, accepting.contents[jti]) if jti in accepting.contents else {}
        heard = [
            _decision(evidence, source.contents[row.jti])
            for row in source.inbox
            if row.scope == transfer and row.act == Act.NOTIFY and row.state == "done" and "decision" in source.contents[row.jti]
        ]
        if any(spoken.get(record) != verdict for record, verdict in told.items()):
            wrong.append(f"{transfer[:8]}: gateway and accepting bank differ over the decision")
        if heard[-1:] != [spoken] and case["source"] not in deaf:
            wrong.append(f"{transfer[:8]}: accepting and source bank differ over the decision")
        gone = {item["record"] for item in case["items"] if item["state"] in _RECALLED}
        due = {record: size for record, (verdict, size) in spoken.items() if verdict == "recognised" and record not in gone}
        for role, bank in (("source", source), ("accepting", accepting)):
            booked = bank.bank.posted.get((transfer, role))
            held = dict(booked.credits) if booked is not None else {}
            left = {record: size for record, size in held.items() if record not in gone or role == "accepting"}
            if left != due and not (role == "source" and case["source"] in deaf):
                wrong.append(f"{transfer[:8]}: booked as {role} {_total(left)}, decided were {_total(due)}")
    return wrong


_HOLDING = frozenset({ItemState.CLAIMED.value, ItemState.RECOGNISED.value, ItemState.RECALLING.value})
def _total(credits: Mapping[str, Decimal]) -> Decimal:
    return sum(credits.values(), Decimal(0))


_RECALLED = frozenset({ItemState.RECALLING.value, ItemState.RECALLED.value})
_DECIDED = frozenset({ItemState.RECOGNISED.value, ItemState.REFUSED.value})


def _decision(evidence: Evidence, contents: Mapping[str, Content]) -> dict[str, tuple[str, Decimal]]:
    found = read(contents["decision"].data, Decision, evidence.standard)
    return {
        item.record: (item.verdict.value, item.credits.value if item.verdict is Verdict.RECOGNISED else Decimal(0)) for item in found.items
    }


def nothing_decided_twice(evidence: Evidence) -> list[str]:
    """One decision, and one booking of it a bank, until a dispute or the presiding unit opens the case again; one opening a request."""
    decided: Counter[str] = Counter()
    posted: Counter[tuple[str, str]] = Counter()
    wrong = []
    for index, leaf in enumerate(evidence.leaves):
        match leaf.type:
            case "transfer.decided":
                decided[leaf.scope] = 1 if leaf.state_before == State.DISPUTED else decided[leaf.scope] + 1
                posted = Counter({key: count for key, count in posted.items() if key[0] != leaf.scope})
                if decided[leaf.scope] > 1:
                    wrong.append(f"leaf {index}: {leaf.scope[:8]} is decided twice")
            case "transfer.remitted":
                decided[leaf.scope] = 0
            case "transfer.posted" if leaf.state_after != State.DISPUTED:
                posted[leaf.scope, leaf.iss] += 1
                if posted[leaf.scope, leaf.iss] > 1:
                    wrong.append(f"leaf {index}: {leaf.scope[:8]} is posted twice by {leaf.iss}")
            case _:
                pass
    opened = Counter((leaf.iss, leaf.jti) for leaf in evidence.leaves if leaf.type == "transfer.requested")
    rows = [row for record in evidence.banks.values() for row in record.outbox]
    taken = Counter(row.scope for row in rows if row.act == Act.DECIDE and row.state == "done")
    logged = Counter(leaf.scope for leaf in evidence.leaves if leaf.type == "transfer.decided")
    wrong += [f"{key[1][:8]}: opened {count} times" for key, count in opened.items() if count > 1]
    wrong += [
        f"{scope[:8]}: {count} decisions were taken, {logged[scope]} are logged" for scope, count in taken.items() if count != logged[scope]
    ]
    return wrong


def no_outcome_twice(evidence: Evidence) -> list[str]:
    """At no place in the log do two transfers hold one outcome, unless a leaf said that it is contested; and then nothing is
    recognised in either before it was cleared and one claim is left.
    """
    claims: dict[str, dict[str, str]] = {}
    contested: set[str] = set()
    wrong = []
    for index, leaf in enumerate(evidence.leaves):
        if leaf.type == "outcome.cleared":
            contested.discard(leaf.scope)
        held = {nf: state for _, nf, state in leaf.items if nf and state in _HOLDING}
        for nf in {nf for _, nf, _ in leaf.items if nf} - held.keys():
            claims.get(nf, {}).pop(leaf.scope, None)
        for nf, state in held.items():
            mine = claims.setdefault(nf, {})
            before, mine[leaf.scope] = mine.get(leaf.scope, ""), state
            if not before and len(mine) > 1 and not leaf.facts.get("contested"):
                wrong.append(f"leaf {index}: the outcome {nf[:8]} is held by two transfers")
            elif not before and len(mine) > 1:
                contested.add(nf)
            if state == ItemState.RECOGNISED != before and (nf in contested or len(mine) > 1):
                wrong.append(f"leaf {index}: the outcome {nf[:8]} is recognised while others claim it")
    return wrong


def credits_conserved(evidence: Evidence) -> list[str]:
    """Submitted = recognised + refused + closed + pending, in each leaf and each case; what is awarded is the sum of its items'."""
    wrong = []
    for index, leaf in enumerate(evidence.leaves):
        if leaf.totals is not None and not _sums_up(leaf.totals):
            wrong.append(f"leaf {index}: its credits do not sum to those submitted")
    for transfer, case in evidence.cases.items():
        if not _sums_up(case["totals"]):
            wrong.append(f"{transfer[:8]}: its credits do not sum to those submitted")
        if Decimal(case["totals"]["awarded"]) != sum((Decimal(item.get("awarded", "0")) for item in case["items"]), Decimal(0)):
            wrong.append(f"{transfer[:8]}: what is awarded is not the sum of its items")
    return wrong


def _sums_up(totals: Mapping[str, str]) -> bool:
    return Decimal(totals["submitted"]) == sum((Decimal(totals[name]) for name in SUMS), Decimal(0))


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


def everything_told(evidence: Evidence) -> list[str]:
    """No message was given up, disbelieved or lost: each has its proven answer, and each accepted request is a case."""
    wrong = []
    for member, record in evidence.banks.items():
        for row in record.outbox:
            if row.state in {"failed", "alarm"}:
                wrong.append(f"{member}: its {row.act} ended as {row.state} ({row.last_error})")
            elif row.state == "waiting":
                wrong.append(f"{member}: its {row.act} still waits ({row.last_error})")
            elif row.act == Act.REQUEST and row.state == "done" and row.scope not in evidence.cases:
                wrong.append(f"{member}: an accepted request is no case at the gateway")
        wrong += [
            f"{member}: a {row.act} was set aside ({row.error})"
            for row in record.inbox
            if row.state == "refused" and row.error not in PASSING and not _not_needed(evidence, row)
        ]
    return wrong


def _not_needed(evidence: Evidence, row: InboxRow) -> bool:
    """Its sender's new key was not known here yet, and the case was taken back before the message came again."""
    return row.error == "trust.unknown_key" and evidence.cases[row.scope]["state"] == State.WITHDRAWN


def by_the_table(evidence: Evidence) -> list[str]:
    """Every act that was done is a row of the act table, from a state and to a state of it."""
    return [
        f"leaf {step.index}: {step.act} by {sorted(step.roles)} from {step.before} to {step.after} ({step.leaves[0]}) is no row"
        for step in steps_of(evidence.leaves)
        if not step.rules()
    ]


def timers_hold_still(evidence: Evidence) -> list[str]:
    """While the node's calendar had jumped nothing expired, was held or lapsed."""
    acts = [leaf for leaf in evidence.leaves if leaf.type in OWN_ACTS and leaf.type != "transfer.rescheduled"]
    return [
        f"{leaf.scope[:8]}: {leaf.type} at {leaf.at}, while the clock was off"
        for leaf in acts
        if any(began <= datetime.fromisoformat(leaf.at) <= ended for began, ended in evidence.jumps)
    ]


def consents_respected(evidence: Evidence) -> list[str]:
    """Nothing is confirmed or decided after the learner's consent has run out or was taken back."""
    wrong = []
    taken_back = {leaf.scope: index for index, leaf in enumerate(evidence.leaves) if leaf.type == "consent.withdrawn"}
    for transfer, case in evidence.cases.items():
        record = evidence.banks[case["facing"]]
        asked = next((row.jti for row in record.outbox if row.act == Act.REQUEST and row.scope == transfer), None)
        if asked is None:
            continue
        consent = read(record.contents[asked]["consent"].data, Consent, evidence.standard)
        last = taken_back.get(consent_scope(case["facing"], consent.consent_id), len(evidence.leaves))
        wrong += [
            f"{transfer[:8]}: {leaf.type} at {leaf.at}, the consent ended {consent.expires_at} or with leaf {last}"
            for index, leaf in enumerate(evidence.leaves)
            if leaf.scope == transfer
            and leaf.type in DISCLOSED
            and (index > last or datetime.fromisoformat(leaf.at) >= consent.expires_at + GRACE)
        ]
    return wrong


DISCLOSED = frozenset({"transfer.confirmed", "transfer.decided"})
GRACE = timedelta(minutes=10)
"""A clock that is behind may take the consent to be in force still."""


def nothing_left_open(evidence: Evidence) -> list[str]:
    """Every case has ended, nothing in it is still to be decided or recalled."""
    waiting = frozenset({ItemState.CLAIMED.value, ItemState.RECALLING.value})
    return [
        f"{transfer[:8]}: {case['state']} with an item {item['state']}"
        for transfer, case in evidence.cases.items()
        for item in case["items"]
        if State(case["state"]) not in CLOSED or item["state"] in waiting
    ]


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


def nothing_unexpected(evidence: Evidence) -> list[str]:
    """No process ended, and nothing was answered 500, but by the faults that were put there."""
    return list(evidence.unexpected)


def losses_named(evidence: Evidence) -> list[str]:
    """Every message that a bank acknowledged and lost was named by its number, and nothing was named that was not lost."""
    return [*unnamed(evidence.lost, evidence.differences), *invented(evidence.lost, evidence.differences)]


CHECKERS: tuple[Callable[[Evidence], list[str]], ...] = (
    nothing_unexpected,
    log_audits,
    checkpoints_extend,
    receipts_provable,
    signed_by_their_banks,
    nothing_decided_twice,
    no_outcome_twice,
    credits_conserved,
    banks_agree,
    by_the_table,
    timers_hold_still,
    consents_respected,
    nothing_left_open,
    everything_told,
    losses_named,
    nothing_personal,
)


def check_all(evidence: Evidence) -> list[str]:
    """Every sentence of every checker, with its checker's name."""
    return [f"{checker.__name__}: {sentence}" for checker in CHECKERS for sentence in _few(checker(evidence))]


def _few(sentences: Iterable[str]) -> list[str]:
    return list(sentences)[:6]
