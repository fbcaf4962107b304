"""The messages a bank sends, built once: contents as bytes with their secrets, and what the envelope says beside them.

Nothing is signed here; the sender signs at each try.
"""

from collections.abc import Iterable
from datetime import datetime

from gateway.adapters.part_manifest import write_manifest
from gateway.client.bank import Account, Application, Booked, Supply
from gateway.client.cases import ForwardedCase
from gateway.client.store import Outgoing
from gateway.crypto.digests import salted_digest
from gateway.federation.message import Content
from gateway.federation.protocol import MEDIA_JSON, MEDIA_XML
from gateway.mapping.documents import write
from gateway.model.canonical import Json
from gateway.model.documents import (
    Acknowledgement,
    Confirmation,
    ConfirmationItem,
    Decision,
    Document,
    Posting,
    Request,
    Withdrawal,
)
from gateway.model.ports import IdSource
from gateway.model.transfer import Act, transfer_id
from gateway.storage.connector_schema import CaseRow, InboxRow


def sd_of(content: Content) -> str:
    """The salted digest under which an envelope names a content."""
    return salted_digest(content.secret, content.data)


class Writer:
    """Gives every message a fresh id and every content a fresh secret."""

    def __init__(self, ids: IdSource) -> None:
        self._ids = ids

    def request(self, iss: str, application: Application) -> Outgoing:
        """Open a case: with the part where this bank is the source, else with the consent for asking the source bank."""
        jti = self._ids.jti()
        contents = [
            self._document("request", application.request),
            self._document("identity", application.identity),
            self._document("consent", application.consent),
        ]
        claims: dict[str, Json] = {}
        if application.consent_source is not None:
            contents.append(self._document("consent-source", application.consent_source))
        if application.supply is not None:
            contents.extend(self._part(application.supply))
            claims["same_person"] = sd_of(contents[1])
        return Outgoing(jti, Act.REQUEST.value, transfer_id(iss, jti), tuple(contents), claims)

    def confirm(self, asked: InboxRow, request: Request, supply: Supply, identity_sd: str) -> Outgoing:
        """Answer a `fetch` with the part, saying of each requested record whether it stands."""
        items = tuple(ConfirmationItem(record, supply.closed.get(record, "")) for record in request.records)
        contents = (self._document("confirmation", Confirmation(supply.account, items)), *self._part(supply))
        return self._answer(Act.CONFIRM, asked, contents, {"same_person": identity_sd})

    def decline(self, asked: InboxRow, why: Withdrawal) -> Outgoing:
        return self._answer(Act.DECLINE, asked, (self._document("refusal", why),))

    def acknowledge(self, forward: InboxRow, account: Account, at: datetime) -> Outgoing:
        document = Acknowledgement(account.account, account.none_reason, at)
        posture = "account" if account.account else "none"
        return self._answer(Act.ACKNOWLEDGE, forward, (self._document("acknowledgement", document),), {"posture": posture})

    def decide(self, case: CaseRow, found: ForwardedCase, decision: Decision) -> Outgoing:
        """Over the digests of what was last delivered, at the version the case stands at."""
        claims: dict[str, Json] = {
            "scp": case.transfer,
            "ver": case.ver,
            "delivered": found.delivered,
            "part": found.part_sd,
            "mapping": list(found.mapping),
        }
        return Outgoing(self._ids.jti(), Act.DECIDE.value, case.transfer, (self._document("decision", decision),), claims)

    def posted(self, transfer: str, irt: str, booked: Booked, at: datetime) -> Outgoing:
        document = Posting("", booked.reference, at, booked.records)
        claims: dict[str, Json] = {"scp": transfer, "irt": irt, "posture": "done"}
        return Outgoing(self._ids.jti(), Act.POSTED.value, transfer, (self._document("posting", document),), claims)

    def noted(self, notice: InboxRow) -> Outgoing:
        return self._answer(Act.NOTED, notice, ())

    def withdraw(self, transfer: str, why: Withdrawal) -> Outgoing:
        return Outgoing(self._ids.jti(), Act.WITHDRAW.value, transfer, (self._document("withdrawal", why),), {"scp": transfer})

    def _answer(self, act: Act, asked: InboxRow, contents: Iterable[Content], more: dict[str, Json] | None = None) -> Outgoing:
        claims: dict[str, Json] = {"scp": asked.scope, "irt": asked.jti, **(more or {})}
        return Outgoing(self._ids.jti(), act.value, asked.scope, tuple(contents), claims)

    def _document(self, name: str, document: Document) -> Content:
        return Content(name, write(document), MEDIA_XML, self._ids.secret())

    def _part(self, supply: Supply) -> list[Content]:
        contents = [Content("part", supply.content, supply.media_type, self._ids.secret())]
        if supply.manifest.ids or supply.manifest.period:
            contents.append(Content("manifest", write_manifest(supply.manifest), MEDIA_JSON, self._ids.secret()))
        return contents
