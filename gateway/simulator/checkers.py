"""What must hold after a run, one function each: every one gives the sentences that do not hold, none when all is well.

They read what is stored (at the gateway, at the connectors, in the banks' own books) and the exported log,
never what the run believes it did.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from gateway.federation.message import Content
from gateway.mapping.documents import read
from gateway.model.documents import Consent, Decision, Verdict
from gateway.model.scopes import consent_scope
from gateway.model.transfer import CLOSED, Act, ItemState, State
from gateway.simulator.coverage import OWN_ACTS, steps_of
from gateway.simulator.forgetting import invented, unnamed
from gateway.simulator.log_checkers import (
    checkpoints_extend,
    log_audits,
    nothing_personal,
    receipts_provable,
    signed_by_their_banks,
)
from gateway.simulator.testimony import Evidence
from gateway.storage.connector_schema import InboxRow

SUMS = ("recognised", "refused", "closed", "pending")
PASSING = ("consent.expired",)
"""What a bank may set aside by right: it was asked after the learner's consent had run out."""


def banks_agree(evidence: Evidence) -> list[str]:
    """Gateway, accepting and source bank hold the same standing decision, and both booked it, less what was recalled, or neither did."""
    return [
        f"{transfer[:8]}: {sentence}" for transfer, case in evidence.cases.items() for sentence in _disagreements(evidence, transfer, case)
    ]


def _disagreements(evidence: Evidence, transfer: str, case: Mapping[str, Any]) -> Iterator[str]:
    source, accepting = evidence.banks[case["source"]], evidence.banks[case["accepting"]]
    jti = evidence.standing.get(transfer, "")
    told = {item["record"]: (item["state"], Decimal(item.get("awarded", "0"))) for item in case["items"] if item["state"] in _DECIDED}
    if not jti:
        if told or any((transfer, role) in bank.bank.posted for role, bank in (("source", source), ("accepting", accepting))):
            yield "something is decided or booked, and no decision stands"
        return
    spoken = _decision(evidence, accepting.contents[jti]) if jti in accepting.contents else {}
    if any(spoken.get(record) != verdict for record, verdict in told.items()):
        yield "gateway and accepting bank differ over the decision"
    heard = [
        _decision(evidence, source.contents[row.jti])
        for row in source.inbox
        if row.scope == transfer and row.act == Act.NOTIFY and row.state == "done" and "decision" in source.contents[row.jti]
    ]
    deaf = case["source"] in {each.member for each in evidence.lost}
    if heard[-1:] != [spoken] and not deaf:
        yield "accepting and source bank differ over the decision"
    gone = {item["record"] for item in case["items"] if item["state"] in _RECALLED}
    due = {record: size for record, (verdict, size) in spoken.items() if verdict == "recognised" and record not in gone}
    for role, bank in (("source", source), ("accepting", accepting)):
        booked = bank.bank.posted.get((transfer, role))
        held = booked.credits if booked is not None else {}
        left = {record: size for record, size in held.items() if record not in gone or role == "accepting"}
        if left != due and not (role == "source" and deaf):
            yield f"booked as {role} {_total(left)}, decided were {_total(due)}"


_HOLDING = frozenset({ItemState.CLAIMED.value, ItemState.RECOGNISED.value, ItemState.RECALLING.value})


def _total(sizes: Mapping[str, Decimal]) -> Decimal:
    return sum(sizes.values(), Decimal(0))


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
    """A key or a table was not known here yet, and the message was taken back before it came again."""
    case = evidence.cases.get(row.scope)
    owed = next((each for each in case["owed"] if each["message"] == row.jti), None) if case is not None else None
    return row.error in {"trust.unknown_key", "peer.off_protocol"} and owed is not None and owed["state"] == "cancelled"


def by_the_table(evidence: Evidence) -> list[str]:
    """Every act that was done is a row of the act table, from a state and to a state of it."""
    return [
        f"leaf {step.index}: {step.act} by {sorted(step.roles)} from {step.before} to {step.after} ({step.leaves[0]}) is no row"
        for step in steps_of(evidence.leaves)
        if not step.rules()
    ]


def timers_hold_still(evidence: Evidence) -> list[str]:
    """While the node's calendar had jumped nothing expired, was held or lapsed."""
    written = {index for began, ended in evidence.jumps for index in range(began, ended)}
    return [
        f"{leaf.scope[:8]}: {leaf.type} at {leaf.at}, while the clock was off"
        for index, leaf in enumerate(evidence.leaves)
        if index in written and leaf.type in OWN_ACTS and leaf.type != "transfer.rescheduled"
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
    """Every case has ended, nothing in it is still to be decided, recalled or ruled on."""
    waiting = frozenset({ItemState.CLAIMED.value, ItemState.RECALLING.value})
    return [
        f"{transfer[:8]}: {case['state']} with an item {item['state']}{' and contested' if item.get('contested') else ''}"
        for transfer, case in evidence.cases.items()
        for item in case["items"]
        if State(case["state"]) not in CLOSED or item["state"] in waiting or item.get("contested")
    ]


def nothing_unexpected(evidence: Evidence) -> list[str]:
    """No process ended, and nothing was answered 500, but by the faults that were put there."""
    return list(evidence.unexpected)


def losses_named(evidence: Evidence) -> list[str]:
    """Every message that a bank acknowledged and lost was named by its number, and nothing was named that was not lost."""
    return [*unnamed(evidence.lost, evidence.differences), *invented(evidence.lost, evidence.differences)]


def counts_agree(evidence: Evidence) -> list[str]:
    """The counts behind the consoles are those that the log and the tables come to."""
    return list(evidence.miscounted)


def log_rebuilds(evidence: Evidence) -> list[str]:
    """States, outcomes, heads and contents, made anew from the log, are those that are stored."""
    return list(evidence.differing)


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
    counts_agree,
    log_rebuilds,
    nothing_personal,
)


def check_all(evidence: Evidence) -> list[str]:
    """Every sentence of every checker, with its checker's name."""
    return [f"{checker.__name__}: {sentence}" for checker in CHECKERS for sentence in _few(checker(evidence))]


def _few(sentences: Iterable[str]) -> list[str]:
    return list(sentences)[:6]
