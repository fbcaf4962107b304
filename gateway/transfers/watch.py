"""Looks after the deadlines: warns before one, acts when it has passed, computes a guessed one again when the table has grown.

And after the delivery horizon of single messages: what nobody answered becomes a dead letter (`dead_letters`).

Fires only while wall clock and monotonic clock agree (`timers.ClockGuard`).
"""

import asyncio
from datetime import datetime, timedelta

import structlog

from gateway.errors import StorageError
from gateway.federation.protocol import GATEWAY_ID
from gateway.metrics import CLOCKS_APART, DEADLINES
from gateway.model.ports import Clock, IdSource
from gateway.storage.committer import Committer
from gateway.storage.database import Database
from gateway.storage.rows import EnquiryRow, OwedRow, TransferRow
from gateway.transfers.answers import Answer
from gateway.transfers.case import utc_text
from gateway.transfers.dead_letters import HORIZON_MIN, Undelivered, horizon
from gateway.transfers.enquiry_acts import EnquiryWarned, Overdue
from gateway.transfers.timers import ClockGuard, Lapsed, Rescheduled, Warned
from gateway.transfers.unit_of_work import Change

BATCH = 256
log = structlog.get_logger("gateway.deadlines")


class DeadlineWatch:
    """One task a node.  Two nodes may both see a deadline pass; under the lock it passes once."""

    def __init__(self, database: Database, committer: Committer[Change, Answer], clock: Clock, ids: IdSource, warn: timedelta) -> None:
        self._database = database
        self._committer = committer
        self._clock = clock
        self._ids = ids
        self._warn = warn
        self._guard: ClockGuard | None = None

    def clocks_agree(self) -> bool:
        """Whether timers may fire; true before `run` has begun."""
        return self._guard is None or self._guard.agree()

    async def run(self, poll_s: float) -> None:
        """Look every `poll_s` seconds until cancelled.  What the database refuses now is tried at the next look."""
        self._guard = ClockGuard.start(self._clock.now, asyncio.get_running_loop().time)
        while True:
            await asyncio.sleep(poll_s)
            CLOCKS_APART.set(self._guard.apart().total_seconds())
            if not self._guard.agree():
                log.error("clocks_apart", seconds=self._guard.apart().total_seconds())
                continue
            try:
                await self.look()
            except StorageError as error:
                log.warning("deadlines_not_looked_at", code=error.code)

    async def look(self) -> None:
        """One round over what is due, near, and guessed."""
        now = self._clock.now()
        text = utc_text(now)
        for row in await self._rows("transfers_provisional", most=BATCH):
            await self._submit(Rescheduled(row.id, GATEWAY_ID, self._ids.jti()), row, "rescheduled")
        for row in await self._rows("transfers_warn", now=text, soon=utc_text(now + self._warn), most=BATCH):
            await self._submit(Warned(row.id, row.deadline or ""), row, "warned")
        for row in await self._rows("transfers_due", now=text, most=BATCH):
            await self._submit(Lapsed(row.id, GATEWAY_ID, self._ids.jti(), self._ids.jti), row, "passed")
        await self._look_at_enquiries(text, utc_text(now + self._warn))
        await self._look_at_messages(now)

    async def _look_at_enquiries(self, now: str, soon: str) -> None:
        """The same for questions: computed again, warned of, over."""
        for row in await self._enquiries("enquiries_provisional", most=BATCH):
            await self._submit(Overdue(row.id, GATEWAY_ID, self._ids.jti(), self._ids.jti, reschedule=True), row, "rescheduled")
        for row in await self._enquiries("enquiries_warn", now=now, soon=soon, most=BATCH):
            await self._submit(EnquiryWarned(row.id, row.deadline or ""), row, "warned")
        for row in await self._enquiries("enquiries_due", now=now, most=BATCH):
            await self._submit(Overdue(row.id, GATEWAY_ID, self._ids.jti(), self._ids.jti), row, "passed")

    async def _enquiries(self, query: str, **params: str | int) -> list[EnquiryRow]:
        return [EnquiryRow(*row) for row in await self._database.fetch(query, **params)]

    async def _look_at_messages(self, now: datetime) -> None:
        """What was owed for the whole horizon and not answered is a dead letter.  Oldest first, so the first that is not due ends it."""
        for values in await self._database.fetch("owed_overdue", before=utc_text(now - HORIZON_MIN), most=BATCH):
            row = OwedRow(*values)
            if horizon(row) > now:
                break
            answer = await self._committer.submit(Undelivered(row.transfer, row.jti))
            if answer.status == 200:
                log.error(
                    "dead_letter", member=row.lane, transfer=row.transfer, message=row.jti, event_told=row.event,
                    attempts=row.attempts, code=row.last_error,
                )  # fmt: skip

    async def _rows(self, query: str, **params: str | int) -> list[TransferRow]:
        return [TransferRow(*row) for row in await self._database.fetch(query, **params)]

    async def _submit(self, change: Change, row: TransferRow | EnquiryRow, what: str) -> None:
        answer = await self._committer.submit(change)
        if answer.status == 200:
            DEADLINES.labels(row.state, what).inc()
            log.warning("deadline", what=what, transfer=row.id, state=row.state, deadline=row.deadline)
