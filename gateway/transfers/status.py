"""Where is my transfer, whose turn is it, since when, until when: the reading side.

A member sees the cases it is a party of; another's case reads as unknown.
"""

import json
from dataclasses import dataclass
from typing import Any

from gateway.errors import TransferError
from gateway.storage.database import Database
from gateway.storage.rows import ItemRow, OwedRow, TransferRow
from gateway.transferlog.leaf import parse_leaf
from gateway.transfers.case import case_json, waiting_on
from gateway.transfers.log_reading import LogReading

PAGE_MAX = 200
EVERYBODY = ""


@dataclass(frozen=True, slots=True)
class Status:
    """Reads as of the last commit."""

    database: Database
    reading: LogReading

    async def listing(self, member: str, *, state: str = "", cursor: str = "", most: int = 50) -> dict[str, Any]:
        """Newest first.  `member` "" sees all (the centre).  `cursor` is the `next` of the page before."""
        before_at, _, before_id = cursor.partition("|") if cursor else ("9999", "", "")
        most = max(1, min(most, PAGE_MAX))
        rows = [
            TransferRow(*row)
            for row in await self.database.fetch(
                "transfers_of_member", member=member, state=state, before_at=before_at, before_id=before_id, most=most + 1
            )
        ]
        page = rows[:most]
        following = f"{page[-1].opened_at}|{page[-1].id}" if len(rows) > most else None
        return {"transfers": [_summary(row) for row in page], "next": following}

    async def show(self, transfer: str, member: str) -> dict[str, Any]:
        """One case whole: items, steps with their leaves, what is owed to whom.  Raises TransferError("transfer.unknown")."""
        ids = json.dumps([transfer])
        rows = await self.database.fetch("transfers_by_id", ids=ids)
        row = TransferRow(*rows[0]) if rows else None
        if row is None or (member != EVERYBODY and member not in {row.source, row.accepting, row.facing}):
            raise TransferError("transfer.unknown", "没有这个转移", "there is no such transfer")
        items = [ItemRow(*each) for each in await self.database.fetch("items_by_transfer", ids=ids)]
        owed = [OwedRow(*each) for each in await self.database.fetch("owed_by_transfer", ids=ids)]
        return {
            **case_json(row, items),
            "opened_at": row.opened_at,
            "since": row.changed_at,
            "programme": row.programme,
            "steps": [_step(seq, index, leaf) for seq, index, leaf in await self.reading.scope(transfer)],
            "owed": [
                {"to": each.lane, "act": each.act, "event": each.event, "state": each.state, "attempts": each.attempts,
                 "next_at": each.next_at, "last_error": each.last_error}
                for each in owed
            ],
        }  # fmt: skip

    async def counts(self) -> dict[str, int]:
        """How many transfers stand in each state."""
        return {str(row[0]): int(row[1]) for row in await self.database.fetch("transfer_counts")}

    async def owed_counts(self) -> list[tuple[str, str, int]]:
        """`(lane, state, how many)`."""
        return [(str(row[0]), str(row[1]), int(row[2])) for row in await self.database.fetch("owed_counts")]


def _summary(row: TransferRow) -> dict[str, Any]:
    return {
        "transfer": row.id,
        "source": row.source,
        "accepting": row.accepting,
        "facing": row.facing,
        "state": row.state,
        "ver": row.ver,
        "opened_at": row.opened_at,
        "since": row.changed_at,
        "deadline": row.deadline,
        "waiting_on": waiting_on(row),
        "totals": json.loads(row.totals),
    }


def _step(seq: int, index: int, data: bytes) -> dict[str, Any]:
    leaf = parse_leaf(data)
    return {
        "seq": seq,
        "leaf": index,
        "type": leaf.type,
        "at": leaf.at,
        "actor": leaf.actor or leaf.iss,
        "role": leaf.role,
        "state": leaf.state_after,
        "kid": leaf.kid,
        "facts": dict(leaf.facts),
    }
