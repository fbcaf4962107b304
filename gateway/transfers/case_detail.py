"""One case whole, as the centre and its parties may see it: where it stands, and each signed step with its key and its leaf.

Nothing personal is in it: records by their ids, sizes and codes, never what they say.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from gateway.model.canary import is_canary
from gateway.storage.database import Database
from gateway.storage.rows import ItemRow, TransferRow
from gateway.transferlog.leaf import parse_leaf
from gateway.transfers.log_reading import LogReading
from gateway.transfers.transfer_list import Listed, listed


@dataclass(frozen=True, slots=True)
class Step:
    """One leaf of the case.  `kid` "" is a leaf of the gateway's own, or one that the step before brought along (`caused` then)."""

    seq: int
    leaf: int
    type: str
    at: datetime
    actor: str
    role: str
    kid: str
    caused: bool
    state_before: str
    state_after: str
    deadline: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class CaseItem:
    """One record.  `credits` are regional ones, None where none could be computed."""

    record: str
    kind: str
    state: str
    reason: str
    credits: Decimal | None
    awarded: str | None
    contested: bool


@dataclass(frozen=True, slots=True)
class CaseDetail:
    """`mapping` is rule set and version as `id@version`; `first` are the first arrivals in review, decision and settlement."""

    case: Listed
    ver: int
    canary: bool
    programme: str
    mapping: str
    provisional: bool
    steps: tuple[Step, ...]
    items: tuple[CaseItem, ...]
    first: tuple[datetime | None, datetime | None, datetime | None]


async def case_row(database: Database, transfer: str, seen_by: str) -> TransferRow | None:
    """None also for who has no business with it.  `seen_by` "" is the centre."""
    rows = await database.fetch("transfers_by_id", ids=json.dumps([transfer]))
    row = TransferRow(*rows[0]) if rows else None
    return row if row is not None and (seen_by in {"", row.source, row.accepting, row.facing}) else None


async def case_detail(database: Database, reading: LogReading, row: TransferRow, now: datetime) -> CaseDetail:
    """Raises StorageError, TransferLogError."""
    items = [ItemRow(*each) for each in await database.fetch("items_by_transfer", ids=json.dumps([row.id]))]
    steps = tuple(_step(seq, index, raw) for seq, index, raw in await reading.scope(row.id))
    firsts = (_moment(row.delivered_at), _moment(row.decided_at), _moment(row.settled_at))
    return CaseDetail(
        case=listed(row, now),
        ver=row.ver,
        canary=is_canary(row.programme),
        programme=row.programme,
        mapping=row.mapping,
        provisional=bool(row.provisional),
        steps=steps,
        items=tuple(map(_item, items)),
        first=firsts,
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _item(row: ItemRow) -> CaseItem:
    credits_ = None if row.credits is None else Decimal(row.credits)
    return CaseItem(row.record, row.kind, row.state, row.reason, credits_, row.awarded, bool(row.contested))


def _step(seq: int, index: int, raw: bytes) -> Step:
    leaf = parse_leaf(raw)
    return Step(
        seq, index, leaf.type, datetime.fromisoformat(leaf.at), leaf.actor or leaf.iss, leaf.role, leaf.kid, leaf.cause is not None,
        leaf.state_before or "", leaf.state_after or "", _moment(leaf.deadline), str(leaf.facts.get("reason", "")),
    )  # fmt: skip
