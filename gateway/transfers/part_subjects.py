"""What an order about a part is about, and what goes with it: a case, a question, or a consent that belongs to neither.

With a case goes everything else of the gateway's that would still name its records: consents that it used, consents for reading flags
on its records and questions about them, where its facing bank holds or asked those, and rulings on its outcomes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from gateway.model.scopes import EnquiryState, consent_scope
from gateway.recognition.statement import period_of, scope_of
from gateway.storage.database import Database
from gateway.storage.flag_rows import FlagConsentRow
from gateway.storage.rows import ConsentRow, EnquiryRow, ItemRow, OutcomeRow, TransferRow
from gateway.transfers.view import View

ALONG_MAX: Final = 100
RULINGS_MAX: Final = 500
"""With `ALONG_MAX` consents and as many questions they still fit into the erasure's leaf, which names them."""


@dataclass(frozen=True, slots=True)
class Consenting:
    """A registered consent as a part of its own."""

    view: View
    row: ConsentRow

    @classmethod
    def of(cls, view: View, key: tuple[str, str] | None) -> "Consenting | None":
        row = view.consents.get(key) if key is not None else None
        return cls(view, row) if row is not None else None


@dataclass(frozen=True, slots=True)
class Along:
    """What goes with a part.  Consents by controller and id, questions and rulings by their parts; `statement` lists the case.

    `ruled`: how many leaves each of its outcomes had when the rulings were looked for.
    """

    consents: tuple[tuple[str, str], ...] = ()
    enquiries: tuple[str, ...] = ()
    rulings: tuple[str, ...] = ()
    statement: str = ""
    ruled: Mapping[str, int] = field(default_factory=dict)

    def parts(self, view: View) -> tuple[str, ...]:
        """Everything that is erased beside the part; a question that is still open has told nothing yet, and is not."""
        asked = (each for each in self.enquiries if each in view.enquiries and view.enquiries[each].state != EnquiryState.ASKED)
        return (*(consent_scope(*each) for each in self.consents), *asked, *self.rulings)

    def moved(self, view: View) -> bool:
        """Whether another ruling came since."""
        return any(view.outcomes[nf].seq != seq for nf, seq in self.ruled.items() if nf in view.outcomes)


async def along_with(database: Database, part: str) -> Along:
    """As of the last commit.  Raises StorageError."""
    used = [ConsentRow(*row) for row in await database.fetch("consents_used_by", transfer=part)]
    consents = {(row.controller, row.id) for row in used if row.scope}
    rows = await database.fetch("transfers_by_id", ids=json.dumps([part]))
    if not rows:
        return Along(tuple(sorted(consents))[:ALONG_MAX])
    case = TransferRow(*rows[0])
    items = [ItemRow(*row) for row in await database.fetch("items_by_transfer", ids=json.dumps([part]))]
    records, nfs = {item.record for item in items}, json.dumps(sorted({item.nf for item in items if item.nf}))
    held = await database.fetch("flag_consents_held", learner=case.learner, controller=case.facing, most=ALONG_MAX)
    for each in (FlagConsentRow(*row) for row in held):
        if each.source == case.source and records & set(json.loads(each.records or "[]")):
            consents.add((each.controller, each.id))
    asked = await database.fetch("enquiries_asked_by", learner=case.learner, asker=case.facing, source=case.source, most=ALONG_MAX)
    return Along(
        tuple(sorted(consents))[:ALONG_MAX],
        tuple(EnquiryRow(*row).id for row in asked),
        tuple(str(row[0]) for row in await database.fetch("rulings_on", nfs=nfs, most=RULINGS_MAX)),
        scope_of(case.source, case.accepting, period_of(datetime.fromisoformat(case.opened_at).astimezone(UTC))),
        {row.nf: row.seq for row in (OutcomeRow(*each) for each in await database.fetch("outcomes_by_key", nfs=nfs))},
    )
