"""Consents and enquiries by hand: their messages, and an enquiry brought to each of its states by the acts themselves."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from support.region import PERSON, Heard, Message, Owed, World, take

from gateway.federation.protocol import GATEWAY_ID
from gateway.mapping.documents import write
from gateway.model.documents import Consent, ConsentWithdrawal, Enquiry, Identity, ListedRecord, Listing, Withdrawal
from gateway.model.scopes import EnquiryState, consent_scope, enquiry_id
from gateway.storage.rows import EnquiryRow
from gateway.transfers.enquiry_acts import Overdue

ASKER, ASKED, STRANGER = "CN-32", "CN-31", "CN-34"
TODAY = date(2026, 11, 2)
RECORDS = (
    ListedRecord("SHC00000000001", "COURSE", "管理学基础", "2023-07-05", "4 学分"),
    ListedRecord("SHC00000000002", "COURSE", "会计学", "2023", ""),
)


def given(world: World, consent: Consent, **claims: Any) -> Message:
    """`consent`, as its holder registers it."""
    scope = consent_scope(consent.controller, consent.consent_id)
    return world.message(consent.controller, "consent", [("consent", write(consent))], **({"scp": scope} | claims))


def taken_back(world: World, controller: str, consent_id: str, **claims: Any) -> Message:
    """`consent-withdraw`."""
    document = ConsentWithdrawal(consent_id, "learner_request", "学习者改变主意")
    scope = consent_scope(controller, consent_id)
    return world.message(controller, "consent-withdraw", [("consent-withdrawal", write(document))], **({"scp": scope} | claims))


def question(
    world: World, facing: str = ASKER, source: str = ASKED, *, consent: Mapping[str, Any] | Consent | None = None,
    identity: Identity = PERSON, records: Sequence[str] = (), **claims: Any,
) -> Message:  # fmt: skip
    """`enquire`, with a consent that fits unless changes to it are given."""
    permitted = consent
    if not isinstance(permitted, Consent):
        permitted = world.consent(facing, source, source, records, **({"purpose": "listing"} | dict(consent or {})))
    contents = [
        ("enquiry", write(Enquiry(source, world.clock.now()))),
        ("identity", write(identity)),
        ("consent-source", write(permitted)),
    ]
    jti = claims.pop("jti", None) or world.ids.jti()
    return world.message(facing, "enquire", contents, jti=jti, **({"scp": enquiry_id(facing, jti)} | claims))


def listing(*records: ListedRecord, as_of: date = TODAY) -> list[tuple[str, bytes]]:
    return [("listing", write(Listing(as_of, records)))]


@dataclass
class Question:
    """One enquiry and what its source bank holds in hand."""

    world: World
    scope: str
    consent_id: str
    fetch: str

    def message(self, iss: str, act: str, **changes: Any) -> Message:
        """The act as the bank that gets everything right would send it."""
        claims: dict[str, Any] = {"scp": self.scope, "irt": self.fetch}
        match act:
            case "list":
                contents = listing(*RECORDS)
            case "decline":
                contents = [("refusal", write(Withdrawal("record_under_review", "核查中")))]
            case "consent":
                contents = [("consent", write(self.world.consent(iss, ASKED, ASKED, ())))]
            case "consent-withdraw":
                contents = [("consent-withdrawal", write(ConsentWithdrawal(self.consent_id, "learner_request", "")))]
            case _:
                contents = []
        return self.world.message(iss, act, changes.pop("contents", contents), **(claims | changes))

    async def do(self, iss: str, act: str, **changes: Any) -> Heard:
        return await self.world.send(self.message(iss, act, **changes))

    async def row(self) -> EnquiryRow:
        rows = await self.world.gateway.database.fetch("enquiries_by_id", ids=json.dumps([self.scope]))
        return EnquiryRow(*rows[0])

    async def lapse(self) -> int:
        """Its deadline passes and nobody has answered."""
        row = await self.row()
        assert row.deadline is not None
        self.world.clock.moment = datetime.fromisoformat(row.deadline) + timedelta(seconds=1)
        jti = self.world.ids.jti()
        return (await self.world.gateway.committer.submit(Overdue(self.scope, GATEWAY_ID, jti, self.world.ids.jti))).status

    async def owed(self, member: str) -> list[Owed]:
        """What is due to a bank about this enquiry, marked as handed out nowhere."""
        return [each for each in await take(self.world, member) if each.transfer == self.scope]


async def asked(world: World, state: EnquiryState = EnquiryState.ASKED, **changes: Any) -> Question:
    """A fresh enquiry in `state`; the source bank has taken the question."""
    consent_id = f"consent-{world.ids.jti()}"
    message = question(world, consent={"consent_id": consent_id}, **changes)
    heard = await world.send(message)
    assert heard.status == 202, heard.body
    scope = str(heard.body["enquiry"])
    fetch = next(each for each in await take(world, ASKED) if each.transfer == scope)
    made = Question(world, scope, consent_id, fetch.jti)
    match state:
        case EnquiryState.ASKED:
            pass
        case EnquiryState.LISTED:
            assert (await made.do(ASKED, "list")).status == 200
        case EnquiryState.DECLINED:
            assert (await made.do(ASKED, "decline")).status == 200
        case EnquiryState.EXPIRED:
            assert await made.lapse() == 200
        case EnquiryState.WITHDRAWN:
            assert (await world.send(taken_back(world, ASKER, consent_id))).status == 200
    assert (await made.row()).state == state
    return made
