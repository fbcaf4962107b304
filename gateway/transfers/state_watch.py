"""Loss detection: owes each active member its state digest when it is due, reads what comes back, tells the people what differs.

A digest is made at its first try from what is stored then (`state_digest`), and every further try carries the same bytes.
An alarm is raised from a stored difference and marked afterwards: after a crash it may be raised twice, never not at all.
"""

import json
from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Final

import structlog

from gateway.errors import FormatError
from gateway.federation.envelope import VerifiedMessage
from gateway.federation.protocol import GATEWAY_ID
from gateway.federation.state_digest import CONTENT, StateAnswer, StateDigest, numbers_in, scope_of
from gateway.metrics import DIFFERENCES, DIFFERENCES_FOUND
from gateway.model.ports import Clock, IdSource
from gateway.model.transfer import Refusal
from gateway.storage.committer import Committer
from gateway.storage.database import Database
from gateway.storage.rows import DifferenceRow, OwedRow, ReconciliationRow
from gateway.transfers.answers import Answer
from gateway.transfers.case import utc_text
from gateway.transfers.owing import OPEN_OWED
from gateway.transfers.reconciling import LACKS_MAX, Alarmed, NotOurs, OweState, StateAnswered
from gateway.transfers.rounds import rounds
from gateway.transfers.state_digest import here
from gateway.transfers.unit_of_work import Change
from gateway.transfers.vault import Vault

ALARMS_MAX: Final = 200
CODES: Final = {
    "acknowledged_not_kept": "peer.acknowledged_not_kept",
    "unknown_number": "storage.unknown_number",
    "missing_here": "peer.message_missing",
    "lost_at_bank": "peer.message_lost",
    "number_twice": "peer.number_twice",
    "unknown_transfer": "peer.state_differs",
    "ahead": "peer.state_differs",
    "state": "peer.state_differs",
    "item": "peer.state_differs",
}
"""What an alarm about each kind of difference is called."""
log = structlog.get_logger("gateway.reconciliation")


class StateWatch:
    """One task a node.  Two nodes may both see a digest due; under the lock one of them owes it."""

    def __init__(
        self,
        database: Database,
        committer: Committer[Change, Answer],
        vault: Vault,
        members: Callable[[], Collection[str]],
        clock: Clock,
        ids: IdSource,
        every: timedelta,
    ) -> None:
        self._database = database
        self._committer = committer
        self._vault = vault
        self._members = members
        self._clock = clock
        self._ids = ids
        self._every = every

    async def run(self, poll_s: float) -> None:
        """Look every `poll_s` seconds until cancelled.  What the database refuses now is tried at the next look."""
        await rounds(self.look, poll_s, lambda code: log.warning("states_not_looked_at", code=code))

    async def look(self) -> None:
        """One round: owe what is due, raise what was found."""
        now = utc_text(self._clock.now())
        rows = {row[0]: ReconciliationRow(*row) for row in await self._database.fetch("reconciliations_all")}
        for member in sorted(self._members()):
            row = rows.get(member)
            if row is None or (not row.scope and row.next_at <= now):
                await self._owe(member, row.number + 1 if row is not None else 1, now)
        await self._alarm()

    async def _owe(self, member: str, number: int, now: str) -> None:
        _, part_key = self._vault.new_part(scope_of(member, number), now)
        await self._committer.submit(OweState(member, number, self._ids.jti(), part_key, self._every))

    async def _alarm(self) -> None:
        told: dict[str, set[tuple[str, ...]]] = {}
        for values in await self._database.fetch("differences_untold", most=ALARMS_MAX):
            row = DifferenceRow(*values)
            DIFFERENCES_FOUND.labels(row.member, row.kind).inc()
            number = row.subject if row.subject.isdigit() and not row.kind.startswith("item") else ""
            log.error(
                "difference", kind=row.kind, code=CODES[row.kind], member=row.member, transfer=row.transfer, number=number,
                message=row.jti, repair=row.repair,
            )  # fmt: skip
            told.setdefault(row.member, set()).add(row[:4])
        for member, keys in told.items():
            await self._committer.submit(Alarmed(member, frozenset(keys)))
        DIFFERENCES.clear()
        for member, kind, count in await self._database.fetch("difference_counts"):
            DIFFERENCES.labels(member, kind).set(count)

    async def answered(self, message: VerifiedMessage, secret: bytes) -> Change:
        """A member's `noted` about a digest."""
        scope, member = message.scp or "", message.iss
        rows = [OwedRow(*row) for row in await self._database.fetch("owed_by_transfer", ids=json.dumps([scope]))]
        asked = next((row for row in rows if row.lane == member and row.jti == message.irt), None)
        if asked is None or asked.state not in OPEN_OWED or asked.contents == "[]":
            return NotOurs(message, secret)
        content = message.contents.get(CONTENT)
        try:
            told = StateAnswer.read(content.data) if content is not None else None
        except FormatError as error:
            return NotOurs(message, secret, Refusal(error.code, error.zh, error.en))
        (stored,) = await self._vault.some_of(scope, [(GATEWAY_ID, asked.jti, CONTENT)])
        digest = StateDigest.read(stored.data)
        lacking = await self._lacking(member, told)
        asked_for = [*numbers_in(digest.received.missing)]
        if told is not None and told.sent > digest.received.to:
            asked_for += numbers_in(((digest.received.to + 1, told.sent),))
        arrived = frozenset(await here(self._database, member, asked_for))
        return StateAnswered(message, secret, digest, told, arrived, lacking, self._every)

    async def _lacking(self, member: str, told: StateAnswer | None) -> dict[int, str]:
        """What the numbers it lacks are about; "" where there is no such message."""
        numbers = list(numbers_in(told.lacks, LACKS_MAX)) if told is not None else []
        found = [OwedRow(*row) for row in await self._database.fetch("owed_by_numbers", lane=member, seqs=json.dumps(numbers))]
        return dict.fromkeys(numbers, "") | {row.seq: row.transfer for row in found}
