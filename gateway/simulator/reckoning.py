"""Does it all add up?  Everything here is counted from what is stored, at the gateway and at the banks; nothing is known beforehand.

The log is exported and audited like a stranger's: each leaf, each tile, the root under the log's own
key, each act's signature under the key that was valid at its place.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from gateway.app import Gateway
from gateway.client.outgoing import sd_of
from gateway.client.receipts import Judge, Sent, VerifiedAnswer
from gateway.client.store import Store
from gateway.errors import GatewayError
from gateway.federation.envelope import open_envelope
from gateway.federation.registry import TrustFile
from gateway.model.transfer import CLOSED, State
from gateway.simulator.live import Sandbox
from gateway.storage.connector_schema import OutboxRow
from gateway.transferlog.audit import AuditReport, audit_folder
from gateway.transferlog.continuity import Fault
from gateway.transferlog.folder import export_files
from gateway.transferlog.leaf import Leaf, parse_leaf
from gateway.transferlog.tiles import TileRef, all_tiles
from gateway.transfers.status import EVERYBODY, PAGE_MAX

CREDITS = ("submitted", "recognised", "refused", "closed", "pending")
ENDS = (State.SETTLED, State.REJECTED, State.WITHDRAWN, State.EXPIRED, State.RECALLED, State.HELD, State.DISPUTED)


@dataclass(frozen=True, slots=True)
class Export:
    """The whole log, once: its files by path, its leaves, its audit."""

    files: Mapping[str, bytes]
    leaves: Sequence[bytes]
    report: AuditReport
    trust: TrustFile


async def export_log(gateway: Gateway, trust: TrustFile) -> Export:
    """Export and audit.  The trust file given back names the log positions between which each key held."""
    files, leaves = await _export(gateway)
    placed = trust.with_positions(key_positions(leaves))
    return Export(files, leaves, _audit(files, placed), placed)


async def audit_again(gateway: Gateway, placed: TrustFile) -> AuditReport:
    """Audit what is stored now; `placed` names the keys' positions from before."""
    files, _ = await _export(gateway)
    return _audit(files, placed)


async def _export(gateway: Gateway) -> tuple[Mapping[str, bytes], Sequence[bytes]]:
    size, _ = await gateway.ledger.head()
    note = await gateway.finality.note(size)
    leaves = await gateway.parts.reading.entries(0, size)
    tiles = await gateway.parts.reading.tiles(all_tiles(size))

    def tile(level: int, index: int, width: int) -> bytes:
        return tiles[TileRef(level, index, width)]

    def some(first: int, end: int) -> Sequence[bytes]:
        return leaves[first:end]

    return dict(export_files(size, note, tile, some)), leaves


def _audit(files: Mapping[str, bytes], placed: TrustFile) -> AuditReport:
    return audit_folder(files.__getitem__, Judge(placed).verifiers, check=lambda index, leaf: _signed(placed, index, leaf))


def key_positions(leaves: Sequence[bytes]) -> dict[tuple[str, str], tuple[int | None, int | None]]:
    """`(owner, kid)` to the leaves that began and ended the key."""
    found: dict[tuple[str, str], tuple[int | None, int | None]] = {}
    for index, raw in enumerate(leaves):
        leaf = parse_leaf(raw)
        place = str(leaf.facts.get("owner", "")), leaf.kid
        if leaf.type == "key.added":
            found[place] = (index, None)
        elif leaf.type == "key.revoked":
            found[place] = (found[place][0], index)
    return found


def _signed(trust: TrustFile, index: int, leaf: Leaf) -> Fault | None:
    """An act's leaf holds its actor's own signature, under a key that held at that place."""
    if not leaf.envelope:
        return None
    try:
        envelope = open_envelope(leaf.envelope, keys=trust.finder(datetime.fromisoformat(leaf.at), index))
    except GatewayError as error:
        return Fault(error.code, error.zh, error.en)
    if (envelope.iss, envelope.jti) != (leaf.actor, leaf.jti):
        return Fault("transferlog.bad_envelope", "叶中信封不是该行为人的", "the envelope in the leaf is not the actor's")
    return None


async def transfers_of(gateway: Gateway) -> list[dict[str, Any]]:
    """Every transfer of the gateway, newest first, as its status page has it."""
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await gateway.parts.status.listing(EVERYBODY, cursor=cursor, most=PAGE_MAX)
        found.extend(page["transfers"])
        cursor = page["next"]
    return found


async def all_quiet(sandbox: Sandbox) -> bool:
    """Nothing is open, owed, waiting or kept anywhere."""
    if any(State(row["state"]) not in CLOSED for row in await transfers_of(sandbox.gateway)):
        return False
    if any(state in {"new", "ready"} and count for _, state, count in await sandbox.gateway.parts.status.owed_counts()):
        return False
    for connector in sandbox.connectors.values():
        if await connector.store.kept(1) or await connector.store.due("9999", 1) or await connector.store.to_do():
            return False
    return True


@dataclass(frozen=True, slots=True)
class Receipts:
    """Proven answers, verified once more from what the banks stored.  `leaves`: log index to member; `signed`: answers without a leaf."""

    leaves: Mapping[int, str]
    signed: int
    unproven: int


async def receipts_of(sandbox: Sandbox, trust: TrustFile) -> Receipts:
    """Read every answer a connector keeps and check it from the first byte to the log's key."""
    leaves: dict[int, str] = {}
    signed = unproven = 0
    judge, now = Judge(trust), sandbox.gateway.clock.now()
    for member, connector in sandbox.connectors.items():
        for row in await connector.store.messages():
            answer = await verify_stored(connector.store, judge, member, row, now)
            if answer is None:
                unproven += 1
            elif answer.index is None:
                signed += 1
            else:
                leaves[answer.index] = member
    return Receipts(leaves, signed, unproven)


async def verify_stored(store: Store, judge: Judge, member: str, row: OutboxRow, now: datetime) -> VerifiedAnswer | None:
    """A stored answer, verified anew; None where the message has none."""
    if row.answer is None or row.receipt is None or row.status is None:
        return None
    contents = await store.contents("out", row.jti)
    digests = tuple((each.name, sd_of(each), len(each.data)) for each in contents.values())
    content = row.answer[:-1] + b',"receipt":' + row.receipt.encode() + b"}"
    return judge.answer(Sent(member, row.jti, row.act, digests), row.status, content, now)


def count_transfers(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """By state; `open` is whatever is neither closed nor held nor disputed."""
    states = Counter(row["state"] for row in rows)
    counts = {"submitted": len(rows), **{state.value: states[state.value] for state in ENDS}}
    return {**counts, "open": len(rows) - sum(counts[state.value] for state in ENDS)}


def sum_credits(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Regional credits over all transfers, as their own totals have them."""
    return {name: format(sum((Decimal(row["totals"][name]) for row in rows), Decimal(0)), "f") for name in CREDITS}


def what_does_not_add_up(document: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], export: Export, sandbox: Sandbox) -> list[str]:
    """Every sum that does not hold, in words; empty when all is well."""
    wrong = []
    transfers, sums = document["transfers"], {name: Decimal(value) for name, value in document["credits"].items()}
    if transfers["submitted"] != sum(transfers[state.value] for state in ENDS) + transfers["open"]:
        wrong.append("transfers by state do not sum to those submitted")
    if sums["submitted"] != sum((sums[name] for name in CREDITS[1:]), Decimal(0)):
        wrong.append("credits do not sum to those submitted")
    last = {leaf.scope: leaf for leaf in map(parse_leaf, export.leaves) if leaf.totals is not None}
    wrong += [
        f"transfer {row['transfer'][:8]}: state or totals differ from its last leaf"
        for row in rows
        if {name: Decimal(row["totals"][name]) for name in CREDITS} != _totals(last[row["transfer"]])
        or row["state"] != last[row["transfer"]].state_after
    ]
    wrong += [f"transfer {row['transfer'][:8]}: the two banks' books differ" for row in rows if not _booked_alike(row, sandbox)]
    if document["receipts"]["issued"] != document["receipts"]["verified"]:
        wrong.append("not every receipt was verified")
    if not export.report.ok:
        wrong.append("the log's audit found a fault")
    if not document["transfer_log"]["final"]:
        wrong.append("the witnesses have not made the last leaf final")
    return wrong


def _totals(leaf: Leaf) -> dict[str, Decimal]:
    assert leaf.totals is not None
    return {name: Decimal(leaf.totals[name]) for name in CREDITS}


def _booked_alike(row: Mapping[str, Any], sandbox: Sandbox) -> bool:
    """Source and accepting bank booked the same, once each, exactly where the gateway says something was awarded."""
    source = sandbox.banks[row["source"]].posted.get((row["transfer"], "source"))
    accepting = sandbox.banks[row["accepting"]].posted.get((row["transfer"], "accepting"))
    if source is None or accepting is None:
        return source is None and accepting is None and Decimal(row["totals"]["awarded"]) == 0
    return row["state"] == State.SETTLED and source.awarded == accepting.awarded == Decimal(row["totals"]["awarded"])
