"""What was sent to the banks in one case: each message owed, how often it was tried, why it did not go.  No contents, no claims."""

import json
from dataclasses import dataclass
from datetime import datetime

from gateway.storage.database import Database
from gateway.storage.rows import OwedRow
from gateway.transfers.owing import OPEN_OWED


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message.  `last_error` is a code, "" after a success; `next_at` only while it is open; `dead` is a dead letter."""

    message: str
    member: str
    act: str
    event: str
    state: str
    attempts: int
    last_error: str
    created_at: datetime
    next_at: datetime | None
    dead: bool


async def deliveries(database: Database, transfer: str, seen_by: str) -> tuple[Delivery, ...]:
    """In the order they were owed; to a bank its own only.  Raises StorageError."""
    width = len(OwedRow._fields)
    rows = [OwedRow(*row[:width]) for row in await database.fetch("owed_by_transfer", ids=json.dumps([transfer]))]
    return tuple(_delivery(row) for row in rows if seen_by in {"", row.lane})


def _delivery(row: OwedRow) -> Delivery:
    open_ = row.state in OPEN_OWED
    next_at = datetime.fromisoformat(row.next_at) if open_ and row.next_at else None
    created = datetime.fromisoformat(row.created_at)
    return Delivery(
        row.jti, row.lane, row.act, row.event, row.state, row.attempts, row.last_error, created, next_at, bool(row.dead_since) and open_
    )  # fmt: skip
