"""How far state digests have come with each member, and what the two sides do not agree on: the reading side, for operators."""

from dataclasses import dataclass
from typing import Any

from gateway.errors import TransferError
from gateway.storage.database import Database
from gateway.storage.rows import DifferenceRow, ReconciliationRow

SHOWN_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Reconciled:
    """Reads as of the last commit."""

    database: Database

    async def listing(self) -> list[dict[str, Any]]:
        """One entry a member: its digests, and how many differences of each kind stand."""
        rows = [ReconciliationRow(*row) for row in await self.database.fetch("reconciliations_all")]
        counts: dict[str, dict[str, int]] = {}
        for member, kind, count in await self.database.fetch("difference_counts"):
            counts.setdefault(member, {})[kind] = count
        given = {str(row[0]): int(row[1]) for row in await self.database.fetch("lanes_all")}
        return [_entry(row, given.get(row.member, 0), counts.get(row.member, {})) for row in rows]

    async def show(self, member: str, *, closed: bool = False) -> dict[str, Any]:
        """One member with its differences, newest first; `closed`: also what no longer stands.  Raises TransferError."""
        found = next((entry for entry in await self.listing() if entry["member"] == member), None)
        if found is None:
            raise TransferError("transfer.unknown", "没有与此成员核对过", "no digest was ever due to this member")
        rows = await self.database.fetch("differences_of_member", member=member, closed=int(closed), most=SHOWN_MAX)
        return {**found, "items": [_item(DifferenceRow(*row)) for row in rows]}


def _entry(row: ReconciliationRow, given: int, counts: dict[str, int]) -> dict[str, Any]:
    return {
        "member": row.member,
        "digests": row.number,
        "under_way": bool(row.scope),
        "asked_at": row.asked_at,
        "answered_at": row.answered_at,
        "next_at": row.next_at,
        "sent": given,
        "sent_settled": row.sent_floor,
        "received_settled": row.received_floor,
        "differences": counts,
    }


def _item(row: DifferenceRow) -> dict[str, Any]:
    return {
        "kind": row.kind, "transfer": row.transfer, "subject": row.subject, "message": row.jti, "ours": row.ours, "theirs": row.theirs,
        "repair": row.repair, "found_at": row.found_at, "seen_at": row.seen_at, "closed_at": row.closed_at,
    }  # fmt: skip
