"""What the first page shows before anything else: the head of the transfer log, the members, how many cases stand in each state.

The counts, percentiles and flows of the centre are in `centre_overview`, `flows` and `latency`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from gateway.model.transfer import State
from gateway.storage.database import Database
from gateway.transfers.registry import Registry


@dataclass(frozen=True, slots=True)
class LogHead:
    """`root` in hex; `at` is an RFC 3339 UTC text, "" while the log is empty."""

    size: int
    root: str
    at: str


@dataclass(frozen=True, slots=True)
class MemberLine:
    """One member of the trust file; `presiding` where it is its turn in the rota."""

    id: str
    zh: str
    en: str
    channel: str
    status: str
    presiding: bool


@dataclass(frozen=True, slots=True)
class Overview:
    """Reads as of the last commit; `now` tells the moment."""

    database: Database
    registry: Registry
    now: Callable[[], datetime]

    async def head(self) -> LogHead:
        """Raises StorageError."""
        ((size, root, at),) = await self.database.fetch("head")
        return LogHead(size, root.hex(), at or "")

    async def counts(self, member: str) -> dict[str, int]:
        """How many cases stand in each state, every state named: a member's own, or with "" all.  Raises StorageError."""
        if member:
            rows = await self.database.fetch("transfer_counts_of_member", member=member)
        else:
            rows = await self.database.fetch("transfer_counts")
        found = {str(row[0]): int(row[1]) for row in rows}
        return {state.value: found.get(state.value, 0) for state in State}

    def members(self) -> list[MemberLine]:
        """In the order of the trust file."""
        trust = self.registry.trust
        presiding = trust.presiding(self.now())
        return [
            MemberLine(each.id, each.name.zh, each.name.en, each.channel.value, each.status.value, each.id == presiding)
            for each in trust.data.members
        ]
