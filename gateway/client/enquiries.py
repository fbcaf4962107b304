"""Consents and enquiries at the bank's end: what it asks, what it is asked, and what it is told of either.

Nothing is believed that was not checked: the asking bank's own envelope over question, identity block and consent, the source
bank's own over its list, and the leaf that says so.  Each step is one commit, like everything on the desk.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.client.bank import Held
from gateway.client.cases import CaseReader, Contents
from gateway.client.listing import listing_of
from gateway.client.office import Office
from gateway.client.outgoing import sd_of
from gateway.client.store import Store
from gateway.errors import ConsentError, PeerError
from gateway.federation.envelope import VerifiedEnvelope
from gateway.federation.protocol import GATEWAY_ID
from gateway.formats.json_safe import read_json
from gateway.mapping.documents import read
from gateway.model.documents import Consent, Enquiry, Identity, Listing, Withdrawal
from gateway.model.scopes import ENDED_EVENTS, ENQUIRY_EVENTS, EnquiryState, enquiry_id
from gateway.model.transfer import Act
from gateway.storage.connector_schema import InboxRow
from gateway.storage.database import Write

LISTED = ENDED_EVENTS[EnquiryState.LISTED]


def concerns(row: InboxRow, contents: Contents) -> bool:
    """Whether a message of the gateway is about an enquiry, as far as it says itself."""
    told = contents.get("notice")
    return "enquiry" in contents if row.act == Act.FETCH else told is not None and _object(told.data).get("event") in ENQUIRY_EVENTS


async def work(office: Office, row: InboxRow, contents: Contents) -> list[Write]:
    """Answer a question, or take what is told of one.  Raises a GatewayError of whatever did not hold."""
    return _answer(office, row, contents) if row.act == Act.FETCH else await _note(office, row, contents)


def _answer(office: Office, row: InboxRow, contents: Contents) -> list[Write]:
    """The list as the bank has it, or why it gives none.  The ids it names are kept: the same rows have them when they are asked for."""
    setup = office.setup
    enquiry, identity = reader_of(office).question(row.scope, contents, setup.clock.now())
    given = office.bank.held(enquiry, identity)
    if isinstance(given, Withdrawal):
        return [*Store.send(office.writer.decline(row, given), office.now_text()), Store.finish(row)]
    listing = _listing(office, given)
    message = office.writer.listing(row, listing)
    return [*Store.send(message, office.now_text()), Store.remember_ids(given.known_ids), Store.finish(row)]


def _listing(office: Office, given: Held) -> Listing:
    setup = office.setup
    if given.part is None:
        return Listing(given.as_of, ())
    return listing_of(given.part, given.as_of, setup.tools.adapters[setup.member], setup.tools.mapper, setup.member)


async def _note(office: Office, row: InboxRow, contents: Contents) -> list[Write]:
    told = reader_of(office).told(row.scope, contents)
    if told.listing is not None:
        asked = [each for each in await office.store.of_transfer(row.scope) if each.act == Act.ENQUIRE]
        if not asked:
            raise _off("nobody here asked that")
        office.bank.listed(row.scope, told.listing)
    else:
        office.bank.told(row.scope, told.event)
    return [*Store.send(office.writer.noted(row), office.now_text()), Store.finish(row)]


def reader_of(office: Office) -> "EnquiryReader":
    """What messages about enquiries are checked with."""
    return EnquiryReader(office.setup.member, office.judge, office.setup.tools)


@dataclass(frozen=True, slots=True)
class Told:
    """How an enquiry ended.  `listing` is there for `listed`."""

    event: str
    enquiry: Mapping[str, Any]
    listing: Listing | None


class EnquiryReader(CaseReader):
    """Checks messages about enquiries for one member."""

    __slots__ = ()

    def question(self, scope: str, contents: Contents, now: datetime) -> tuple[Enquiry, Identity]:
        """A question to this bank, under a consent that names it.  Raises PeerError, ConsentError, TrustError, TransferLogError."""
        standard = self.tools.standard
        enquiry = read(contents["enquiry"].data, Enquiry, standard)
        consent = read(contents["consent-source"].data, Consent, standard)
        if enquiry.source != self.member:
            raise _off("the question is for another bank")
        leaf, envelopes = self._envelopes(scope, _object(contents["case"].data))
        opening = _only(envelopes, Act.ENQUIRE)
        if enquiry_id(opening.iss, opening.jti) != scope or leaf.envelope != opening.token:
            raise _off("the envelope shown did not open this enquiry")
        _covers(opening, contents, ("enquiry", "identity", "consent-source"))
        if (consent.controller, consent.recipient, consent.source) != (opening.iss, self.member, self.member):
            raise ConsentError("consent.other_recipient", "授权不适用于本行", "the consent is not for this bank")
        if not consent.given_at <= now < consent.expires_at:
            raise ConsentError("consent.expired", "授权未生效或已到期", "the consent is not in force now")
        return enquiry, read(contents["identity"].data, Identity, standard)

    def told(self, scope: str, contents: Contents) -> Told:
        """What came of an enquiry.  A list must be the asked bank's own signed word.  Raises as `question`."""
        told = _object(contents["notice"].data)
        event, enquiry = told.get("event"), told.get("enquiry")
        leaf, envelopes = self._envelopes(scope, told)
        if not isinstance(event, str) or not isinstance(enquiry, dict) or self.member not in {enquiry.get("facing"), enquiry.get("source")}:
            raise _off("the notice does not have its form")
        if event != ENDED_EVENTS.get(EnquiryState(str(leaf.state_after))):
            raise _off("the leaf says that it ended otherwise")
        if event != LISTED:
            return Told(event, enquiry, None)
        signed = _only(envelopes, Act.LIST)
        if (signed.iss, signed.scp, signed.token) != (enquiry.get("source"), scope, leaf.envelope):
            raise _off("the list is not the asked bank's for this enquiry")
        _covers(signed, contents, ("listing",))
        return Told(event, enquiry, read(contents["listing"].data, Listing, self.tools.standard))


def _object(data: bytes) -> dict[str, Any]:
    value: Any = read_json(data)
    if not isinstance(value, dict):
        raise _off("not an object")
    return value


def _only(envelopes: list[VerifiedEnvelope], act: Act) -> VerifiedEnvelope:
    found = [each for each in envelopes if each.act == act]
    if len(found) != 1:
        raise _off(f"there is not exactly one signed {act}")
    return found[0]


def _covers(envelope: VerifiedEnvelope, contents: Contents, names: tuple[str, ...]) -> None:
    """Each content is, byte for byte, what that bank signed."""
    for name in names:
        content = contents.get(name)
        if content is None or envelope.sd(name) != sd_of(content):
            raise _off(f"content {name} is not what the bank signed")


def _off(reason: str) -> PeerError:
    return PeerError("peer.off_protocol", f"{GATEWAY_ID} 送来的消息不成立", "what the gateway sent does not hold", reason=reason)
