"""Handovers between presiding units: which ones the rota asks for, what there is to hand over, who has signed, what is missing.

The rota alone begins and ends powers, by its dates.  A handover is what both units sign about the change; nothing here is asked when
somebody's power is in question, so a handover that nobody signed is an alarm and no more.
Sentences: docs/protocol.md, PR-352 to PR-361.
"""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from itertools import pairwise
from typing import Any, Final

from gateway.federation.members import Turn
from gateway.model.documents import Handover, HandoverRemark
from gateway.model.scopes import HandoverState, handover_scope
from gateway.storage.database import Database
from gateway.storage.handover_row import HandoverRow
from gateway.transfers.case import utc_text
from gateway.transfers.tallies import Measure
from gateway.transfers.turns import PRESIDING_UNIT

EARLY: Final = timedelta(days=30)
"""How long before the end of a turn its handover may be signed: a list made earlier says nothing of the day."""
SHOWN_MAX: Final = 40
DUTIES: Final = ("held", "disputed", "contested", "flags", "dead_letters", "rules", "agreements", "alarms", "legal_holds")
"""What is handed over, in the order of the schema."""


@dataclass(frozen=True, slots=True)
class Handing:
    """Two successive turns of different members."""

    outgoing: Turn
    incoming: Turn

    @property
    def scope(self) -> str:
        return handover_scope(self.outgoing.member, self.outgoing.until, self.incoming.member, self.incoming.since)

    def open_at(self, at: datetime) -> bool:
        """Whether its two units may sign now."""
        return self.outgoing.until - EARLY <= at < self.incoming.until


@dataclass(frozen=True, slots=True)
class HandoverLine:
    """One handover as it stands: what the rota asks for, what was signed, what is open now.

    `waits_for` is the member whose signature is missing, None where both have signed, or where the rota no longer asks for it.
    `open` is whether it can be signed now, `overdue` whether the turn has changed, is not over, and a signature is missing.
    """

    handing: Handing
    row: HandoverRow | None
    at: datetime
    in_rota: bool = True

    @property
    def state(self) -> str:
        return self.row.state if self.row is not None else ""

    @property
    def waits_for(self) -> str | None:
        if not self.in_rota:
            return None
        if self.row is None:
            return self.handing.outgoing.member
        return self.handing.incoming.member if self.row.state == HandoverState.HANDED_OVER else None

    @property
    def open(self) -> bool:
        return self.waits_for is not None and self.handing.open_at(self.at)

    @property
    def overdue(self) -> bool:
        return self.waits_for is not None and self.handing.outgoing.until <= self.at < self.handing.incoming.until

    @property
    def duties(self) -> Mapping[str, int]:
        """The counts as they were signed; empty before."""
        return json.loads(self.row.duties) if self.row is not None else {}

    @property
    def remarks(self) -> Mapping[str, int] | None:
        """The counts that the incoming unit found otherwise; None until it countersigned."""
        return json.loads(self.row.remarks) if self.row is not None and self.row.accepted_at else None


def handings(rota: Iterable[Turn]) -> tuple[Handing, ...]:
    """Every handover of a rota, oldest first.  A member that follows itself hands nothing over."""
    turns = sorted(rota, key=lambda turn: turn.since)
    return tuple(Handing(one, other) for one, other in pairwise(turns) if one.member != other.member)


def lines_of(rota: Iterable[Turn], rows: Sequence[HandoverRow], at: datetime) -> tuple[HandoverLine, ...]:
    """Newest first: what was signed, of this rota or an earlier one, and what can or could have been."""
    signed = {row.scope: row for row in rows}
    asked = [each for each in handings(rota) if each.outgoing.until - EARLY <= at or each.scope in signed]
    lines = [HandoverLine(each, signed.pop(each.scope, None), at) for each in asked]
    lines += [HandoverLine(_handing(row), row, at, in_rota=False) for row in signed.values()]
    return tuple(sorted(lines, key=lambda line: line.handing.outgoing.until, reverse=True)[:SHOWN_MAX])


def _handing(row: HandoverRow) -> Handing:
    """Of a rota that was changed since."""
    moments = [datetime.fromisoformat(text) for text in (row.ended_since, row.ended_until, row.begun_since, row.begun_until)]
    return Handing(Turn(row.outgoing, moments[0], moments[1]), Turn(row.incoming, moments[2], moments[3]))


async def open_duties(database: Database, today: date) -> dict[str, int]:
    """What is open of each duty now.  Raises StorageError."""
    found = dict.fromkeys(DUTIES, 0)
    for _, _, name, n, _ in await database.fetch("tally_sums", measure=Measure.STANDING, first="", last=""):
        state, _, turn = name.partition("/")
        if turn == PRESIDING_UNIT and state in found:
            found[state] += n
    return found | dict(await database.fetch("open_duties", today=today.isoformat()))


def remarks_on(signed: Mapping[str, int], found: Mapping[str, int]) -> tuple[HandoverRemark, ...]:
    """Every duty that stands otherwise than it was signed, in the schema's order."""
    return tuple(
        HandoverRemark(duty, signed.get(duty, 0), found.get(duty, 0)) for duty in DUTIES if signed.get(duty, 0) != found.get(duty, 0)
    )


def row_of(handover: Handover, scope: str, document: bytes, at: str, leaf: int) -> HandoverRow:
    """What is kept of a handover that its outgoing unit has signed."""
    duties = {each.duty: each.open for each in handover.duties}
    return HandoverRow(
        scope, handover.outgoing, handover.incoming, utc_text(handover.ended_since), utc_text(handover.ended_until),
        utc_text(handover.begun_since), utc_text(handover.begun_until), HandoverState.HANDED_OVER.value, 1,
        handover.log_size, handover.log_root, json.dumps(duties), document, at, leaf,
    )  # fmt: skip


def handover_json(line: HandoverLine) -> dict[str, Any]:
    """One handover.  `document` is the exact bytes in base64, `digest` their SHA-256, both null until the outgoing unit signed."""
    turns, row = line.handing, line.row
    return {
        "scope": turns.scope,
        "outgoing": {"member": turns.outgoing.member, "from": utc_text(turns.outgoing.since), "until": utc_text(turns.outgoing.until)},
        "incoming": {"member": turns.incoming.member, "from": utc_text(turns.incoming.since), "until": utc_text(turns.incoming.until)},
        "state": line.state or None,
        "waits_for": line.waits_for,
        "open": line.open,
        "overdue": line.overdue,
        "head": {"size": row.log_size, "root": row.log_root} if row is not None else None,
        "duties": dict(line.duties) if row is not None else None,
        "digest": sha256(row.document).hexdigest() if row is not None else None,
        "document": base64.b64encode(row.document).decode() if row is not None else None,
        "handed": {"at": row.handed_at, "leaf": row.handed_leaf} if row is not None else None,
        "accepted": {"at": row.accepted_at, "leaf": row.accepted_leaf} if row is not None and row.accepted_at else None,
        "remarks": line.remarks,
    }
