"""The messages a bank sends, built once: contents as bytes with their secrets, and what the envelope says beside them.

Nothing is signed here; the sender signs at each try.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from gateway.adapters.part_manifest import write_manifest
from gateway.client.bank import Account, Application, Booked, Question, Supply
from gateway.client.cases import ForwardedCase
from gateway.client.store import Outgoing
from gateway.crypto.digests import salted_digest
from gateway.federation.message import Content
from gateway.federation.protocol import CONTENT_NAMES, MEDIA_JSON, MEDIA_XML
from gateway.federation.state_digest import CONTENT, StateAnswer
from gateway.mapping.documents import write
from gateway.model.canonical import Json
from gateway.model.documents import (
    Acknowledgement,
    Confirmation,
    ConfirmationItem,
    Consent,
    ConsentWithdrawal,
    Decision,
    Document,
    Listing,
    Posting,
    Request,
    Withdrawal,
)
from gateway.model.ports import IdSource
from gateway.model.scopes import consent_scope, enquiry_id
from gateway.model.transfer import Act, transfer_id
from gateway.recognition.statement import Difference, write_countersignature, write_differences
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
        document = replace(decision, estimate=found.estimate, departure=decision.departure if found.estimate else "")
        return Outgoing(self._ids.jti(), Act.DECIDE.value, case.transfer, (self._document("decision", document),), claims)

    def posted(self, transfer: str, irt: str, booked: Booked, at: datetime) -> Outgoing:
        document = Posting("", booked.reference, at, booked.records)
        claims: dict[str, Json] = {"scp": transfer, "irt": irt, "posture": "done"}
        return Outgoing(self._ids.jti(), Act.POSTED.value, transfer, (self._document("posting", document),), claims)

    def impossible(self, transfer: str, irt: str, why: Withdrawal, at: datetime) -> Outgoing:
        """The accepting bank cannot book its own decision."""
        claims: dict[str, Json] = {"scp": transfer, "irt": irt, "posture": "impossible"}
        return Outgoing(self._ids.jti(), Act.POSTED.value, transfer, (self._document("posting", Posting(why.reason, "", at, ())),), claims)

    def word(self, act: Act, transfer: str, document: Document, claims: dict[str, Json], supply: Supply | None) -> Outgoing:
        """What people say of an open case: a question and its answer, a correction, a dispute and its ruling, an operator's order."""
        name = CONTENT_NAMES[act][0][0]
        contents = (self._document(name, document), *(self._part(supply) if supply is not None else ()))
        return Outgoing(self._ids.jti(), act.value, transfer, contents, {"scp": transfer, **claims})

    def consent(self, consent: Consent) -> Outgoing:
        """Register what a learner permitted."""
        scope = consent_scope(consent.controller, consent.consent_id)
        return Outgoing(self._ids.jti(), Act.CONSENT.value, scope, (self._document("consent", consent),), {"scp": scope})

    def withdraw_consent(self, iss: str, consent_id: str, why: Withdrawal) -> Outgoing:
        """The learner takes a consent back, registered or not."""
        scope = consent_scope(iss, consent_id)
        document = self._document("consent-withdrawal", ConsentWithdrawal(consent_id, why.reason, why.text))
        return Outgoing(self._ids.jti(), Act.CONSENT_WITHDRAW.value, scope, (document,), {"scp": scope})

    def enquire(self, iss: str, question: Question) -> Outgoing:
        """Ask another bank which records it has of a learner."""
        jti = self._ids.jti()
        contents = (
            self._document("enquiry", question.enquiry),
            self._document("identity", question.identity),
            self._document("consent-source", question.consent),
        )
        scope = enquiry_id(iss, jti)
        return Outgoing(jti, Act.ENQUIRE.value, scope, contents, {"scp": scope})

    def listing(self, asked: InboxRow, listing: Listing) -> Outgoing:
        """Answer such a question."""
        return self._answer(Act.LIST, asked, (self._document("listing", listing),))

    def noted(self, notice: InboxRow) -> Outgoing:
        return self._answer(Act.NOTED, notice, ())

    def state(self, digest: InboxRow, answer: StateAnswer) -> Outgoing:
        """What this bank makes of a state digest."""
        return self._answer(Act.NOTED, digest, [Content(CONTENT, answer.write(), MEDIA_JSON, self._ids.secret())])

    def statement_sign(self, notice: InboxRow, sd: str, revision: int) -> Outgoing:
        """A statement's figures are this bank's own."""
        content = Content("countersignature", write_countersignature(sd, revision), MEDIA_JSON, self._ids.secret())
        return self._answer(Act.STATEMENT_SIGN, notice, [content], {"ver": revision})

    def statement_dispute(self, notice: InboxRow, sd: str, revision: int, items: Iterable[Difference]) -> Outgoing:
        """They are not, and these items differ."""
        content = Content("differences", write_differences(sd, revision, items), MEDIA_JSON, self._ids.secret())
        return self._answer(Act.STATEMENT_DISPUTE, notice, [content], {"ver": revision})

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
