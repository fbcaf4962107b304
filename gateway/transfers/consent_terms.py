"""Consents that no case took up end by themselves, once they have been kept as long as records have to be kept.

A consent for reading integrity flags, or one that was registered and never used, belongs to no case, so nothing is erased with it.
Its leaf of then says until when it held; the retention that the settings demand runs from that day.  Each is erased by the gateway's own
leaf, which names that one as its cause.  Legal holds forbid it as they forbid an order.  Sentences: docs/protocol.md, PR-366 and PR-367.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from gateway.federation.part_orders import part_scope
from gateway.federation.protocol import GATEWAY_ID
from gateway.model.ports import Clock, IdSource
from gateway.model.scopes import ConsentState, consent_scope
from gateway.storage.committer import Committer
from gateway.storage.database import Database
from gateway.storage.part_rows import FateRow
from gateway.storage.rows import ConsentRow
from gateway.transferlog.erased import LAPSED
from gateway.transferlog.leaf import Leaf, leaf_bytes
from gateway.transfers.agreements import day_of
from gateway.transfers.answers import Answer
from gateway.transfers.case import utc_text
from gateway.transfers.erasure import empty_log, end_consent, is_held
from gateway.transfers.retention import months_before
from gateway.transfers.rounds import rounds
from gateway.transfers.unit_of_work import Change
from gateway.transfers.view import LeafDraft, View, Wants

REASON: Final = "retention_ended"
AT_ONCE: Final = 100
log = structlog.get_logger("gateway.erasure")


@dataclass(frozen=True, slots=True)
class Outlived:
    """A consent's time is over, as far as the reader saw: its term ended before `before`."""

    controller: str
    id: str
    before: str
    jti: str

    @property
    def wants(self) -> Wants:
        return Wants(consents=((self.controller, self.id),), fates=(consent_scope(self.controller, self.id),))

    def apply(self, view: View) -> Answer:
        key, part = (self.controller, self.id), consent_scope(self.controller, self.id)
        row, fate = view.consents.get(key), view.fates.get(part) or FateRow(part)
        if row is None or row.transfer or row.state == ConsentState.ERASED or row.until >= self.before or is_held(fate, day_of(view.at)):
            return Answer(409, b"{}", b"")
        leaf = Leaf(
            type=LAPSED, at=view.at_text, scope=part_scope(part), seq=fate.seq, iss=GATEWAY_ID, jti=self.jti, cause=(part, 0),
            actor=GATEWAY_ID, role="gateway", facts={"reason": REASON},
        )  # fmt: skip
        gone = fate._replace(erased_at=view.at_text, erased_by=GATEWAY_ID, erased_reason=REASON, held_at="", leaf=view.next_index)
        view.leaves.append(LeafDraft(view.next_index, leaf.scope, leaf.seq, leaf.iss, leaf.jti, 0, leaf_bytes(leaf)))
        view.put_fate(gone._replace(seq=fate.seq + 1))
        view.destroy(part)
        end_consent(view, key)
        return Answer(200, b"{}", b"")


class ConsentTerms:
    """One task a node.  Two nodes may both see a consent outlived; under the lock it is erased once."""

    def __init__(self, database: Database, committer: Committer[Change, Answer], clock: Clock, ids: IdSource, years: int) -> None:
        self._database = database
        self._committer = committer
        self._clock = clock
        self._ids = ids
        self._years = years
        self._through = ""

    async def run(self, poll_s: float) -> None:
        """Look every `poll_s` seconds until cancelled."""
        await rounds(self.look, poll_s, lambda code: log.warning("consents_not_looked_at", code=code))

    async def look(self) -> None:
        """One round, where the day has changed since the last."""
        now = self._clock.now()
        today = day_of(now).isoformat()
        if today == self._through:
            return
        while rows := await self._outlived(now, today):
            before = self._before(now)
            done = [await self._committer.submit(Outlived(row.controller, row.id, before, self._ids.jti())) for row in rows]
            if not any(answer.status == 200 for answer in done):
                break
            await empty_log(self._database)
        self._through = today

    def _before(self, now: datetime) -> str:
        return utc_text(months_before(now, 12 * self._years))

    async def _outlived(self, now: datetime, today: str) -> list[ConsentRow]:
        rows = await self._database.fetch("consents_outlived", before=self._before(now), today=today, most=AT_ONCE)
        return [ConsentRow(*row) for row in rows]
