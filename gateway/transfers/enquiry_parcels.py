"""What goes out about an enquiry: the question to the source bank, the list to the facing bank, and how it ended.

Built once like any owed message (`dispatch`), from what the two banks signed; each carries the leaf that says so, with its proof.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.errors import ConsentError
from gateway.federation.message import Content
from gateway.federation.protocol import GATEWAY_ID, MEDIA_JSON
from gateway.model.canonical import Json, jcs
from gateway.model.ports import Clock, IdSource
from gateway.model.scopes import ASKED_EVENT, ConsentState
from gateway.storage.database import Database
from gateway.storage.rows import ConsentRow, EnquiryRow, OwedRow
from gateway.transferlog.leaf import parse_leaf
from gateway.transfers.case import utc_text
from gateway.transfers.enquiry import enquiry_json
from gateway.transfers.log_reading import LogReading
from gateway.transfers.unit_of_work import Ledger

Stored = Mapping[tuple[str, str, str], Content]
Keys = Sequence[tuple[str, str, str]]
DISCLOSING = frozenset({ASKED_EVENT, "listed"})
"""These carry the learner's data; the others only say how it ended."""
QUESTION = ("enquiry", "identity", "consent-source")


@dataclass(frozen=True, slots=True)
class EnquiryParcels:
    """Reads as of the last commit."""

    database: Database
    ledger: Ledger
    reading: LogReading
    clock: Clock
    ids: IdSource

    async def check(self, owed: OwedRow) -> None:
        """Asked at each try, for each is a disclosure.  Raises ConsentError `consent.withdrawn`, `consent.expired`."""
        if owed.event not in DISCLOSING:
            return
        row = await self._row(owed.transfer)
        found = await self.database.fetch("consents_by_key", keys=json.dumps([[row.iss, row.consent_id]]))
        if any(ConsentRow(*each).state == ConsentState.WITHDRAWN for each in found):
            raise ConsentError("consent.withdrawn", "授权已撤回", "the consent was withdrawn")
        if row.consent_until <= utc_text(self.clock.now()):
            raise ConsentError("consent.expired", "授权已到期", "the consent has run out")

    async def build(self, owed: OwedRow, stored: Stored) -> tuple[list[Content], list[tuple[str, str, str]]]:
        """Contents of the gateway's own, and the keys of the banks' contents that go with them."""
        row = await self._row(owed.transfer)
        asked = owed.event == ASKED_EVENT
        names = QUESTION if asked else ("listing",) if owed.event == "listed" else ()
        originals = [key for name in names for key in stored if key[2] == name and key[0] != GATEWAY_ID]
        signers = {key[:2] for key in originals}
        envelopes: dict[str, Json] = {
            f"{iss}/{jti}": content.data.decode("ascii")
            for (iss, jti, name), content in sorted(stored.items(), key=lambda each: each[0])
            if name == "envelope" and (iss, jti) in signers
        }
        size, _ = await self.ledger.head()
        index = await self._spoken(row, set(map(str, envelopes.values())))
        leaf = (await self.reading.entries(index, index + 1))[0]
        body: dict[str, Json] = {
            "v": 1,
            "event": owed.event,
            "enquiry": enquiry_json(row),
            "envelopes": envelopes,
            "leaf": base64.b64encode(leaf).decode("ascii"),
            "proof": await self.ledger.proof(index, size),
        }
        name = "case" if asked else "notice"
        return [Content(name, jcs(body), MEDIA_JSON, self.ids.secret())], originals

    async def _spoken(self, row: EnquiryRow, tokens: set[str]) -> int:
        """Where the leaf stands that holds what is shown; it need not be the last one: a deadline may have been computed again since."""
        found = [index for _, index, raw in await self.reading.scope(row.id) if parse_leaf(raw).envelope in tokens]
        return found[-1] if found else row.leaf

    async def _row(self, enquiry: str) -> EnquiryRow:
        rows = await self.database.fetch("enquiries_by_id", ids=json.dumps([enquiry]))
        return EnquiryRow(*rows[0])
