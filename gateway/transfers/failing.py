"""Cases that hang on a message that does not get through: long before they are held somebody can see for whom they wait, and why.

Nothing has to be done about one: its message is tried again by itself until its deadline, and goes on once it gets through.
Canaries are told by their own page.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gateway.model.canary import is_canary
from gateway.model.transfer import State
from gateway.storage.database import Database
from gateway.storage.rows import OwedRow, TransferRow
from gateway.transfers.stuck import reason_of
from gateway.transfers.waiting_groups import MOST, mine

TRIES_MIN: Final = 2
"""One try in vain is nothing: a bank starts anew, a connection breaks."""


@dataclass(frozen=True, slots=True)
class Failing:
    """`member` is who does not take it; `waited` since it was first owed, `next_at` when it is tried again (RFC 3339, UTC)."""

    transfer: str
    member: str
    state: str
    tries: int
    reason: str
    waited: timedelta
    next_at: str


async def failing(database: Database, now: datetime, seen_by: str = "") -> tuple[Failing, ...]:
    """Longest waiting first, a case once, at most MOST; `seen_by` a member sees its own cases, "" all.  Raises StorageError."""
    owed = [OwedRow(*row) for row in await database.fetch("owed_failing", tries=TRIES_MIN, most=MOST)]
    ids = json.dumps(sorted({row.transfer for row in owed}))
    cases = {row[0]: TransferRow(*row) for row in await database.fetch("transfers_by_id", ids=ids)}
    found: dict[str, Failing] = {}
    for row in owed:
        case = cases.get(row.transfer)
        if case is None or case.state == State.HELD or is_canary(case.programme) or not mine(case, seen_by):
            continue
        waited = now - datetime.fromisoformat(row.created_at)
        found.setdefault(case.id, Failing(case.id, row.lane, case.state, row.attempts, reason_of(row), waited, row.next_at))
    return tuple(found.values())
