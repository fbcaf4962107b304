"""A bank believes nothing about a case that it has not checked itself.

The gateway says: here is what the other bank sent, what it means in the standard, and what that is in
your own format.  Each of these is checked here from the bytes up: the banks' own envelopes over the
contents at hand, the leaf and its proof, the identity block and the consent, the schema, the mapping
run again over the source's part, and the rendering made again from it.  The first thing that does not
hold refuses the message; nothing is answered to it.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gateway.adapters.contract import RegionAdapter
from gateway.adapters.part_manifest import read_manifest
from gateway.client.bank import NO_MANIFEST, OpenItem, ReceivedCase
from gateway.client.receipts import Judge
from gateway.crypto.digests import salted_digest
from gateway.errors import ConsentError, PeerError, TransferLogError
from gateway.federation.envelope import VerifiedEnvelope, open_envelope
from gateway.federation.message import Content, KeyFinder
from gateway.federation.protocol import GATEWAY_ID
from gateway.formats.json_safe import read_json
from gateway.mapping.documents import read
from gateway.mapping.engine import Mapper
from gateway.mapping.regional_xml import read_part, write_part
from gateway.mapping.schema import Standard
from gateway.model.documents import Confirmation, Consent, Decision, Identity, Request
from gateway.model.local import LocalPart, PartManifest
from gateway.model.regional import RegionalPart
from gateway.model.transfer import ItemState, transfer_id
from gateway.recognition.proposal import CONTENT as PROPOSAL
from gateway.recognition.proposal import read_proposal
from gateway.transferlog.leaf import Leaf
from gateway.transferlog.proof import parse_proof

Contents = Mapping[str, Content]
AMENDED = ("part", "manifest", "local", "regional", "loss", "local-loss")
"""What a notice of an amendment brings anew; where it lacks one, the new part has none."""
ALIVE = frozenset({ItemState.CLAIMED, ItemState.RECOGNISED, ItemState.REFUSED})
UNDONE = frozenset({"transfer.refused", "transfer.late"})
"""Leaves of acts that were not done: nothing of such an act is kept but the leaf."""
LEAVES_MAX = 64
"""Earlier leaves that a case may bring: it has a handful of signed acts."""


@dataclass(frozen=True, slots=True)
class Tools:
    """The same code that the gateway runs, in the bank's own house.  `adapters` by member id."""

    adapters: Mapping[str, RegionAdapter]
    mapper: Mapper
    standard: Standard


@dataclass(frozen=True, slots=True)
class ForwardedCase:
    """A forward that held.  `delivered`, `part_sd` and `mapping` are what the decision names; `declared` what the source's format said."""

    case: ReceivedCase
    delivered: str
    part_sd: str
    mapping: tuple[str, str]
    identity_sd: str
    leaf: Leaf
    estimate: str = ""
    """Digest of the proposal that the decision names; "" where there is none."""

    def check_consent(self, now: datetime) -> None:
        """Raises ConsentError once the learner's consent has run out."""
        _check_consent(self.case.consent, self.case.request, self.case.request.accepting, now)


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice that held.  `decision` is there for `decided`."""

    event: str
    case: Mapping[str, Any]
    decision: Decision | None


@dataclass(frozen=True, slots=True)
class CaseReader:
    """Checks messages of the gateway for one member."""

    member: str
    judge: Judge
    tools: Tools

    def forward(self, scope: str, contents: Contents, now: datetime, amended: Contents | None = None) -> ForwardedCase:
        """`amended` is a later notice that brought the part anew.

        Raises a GatewayError of whatever did not hold: trust, transferlog, consent, format, record, mapping, standard, peer.
        """
        told, alive = _told(contents["case"]), set[str]()
        standard = self.tools.standard
        request = read(contents["request"].data, Request, standard)
        identity = read(contents["identity"].data, Identity, standard)
        consent = read(contents["consent"].data, Consent, standard)
        if request.accepting != self.member:
            raise _off("the case is for another bank")
        leaf, envelopes = self._envelopes(scope, told)
        if leaf.envelope and leaf.type not in UNDONE and leaf.envelope not in {each.token for each in envelopes}:
            raise _off("the leaf's own envelope is not among those shown")
        opening = _envelope_of(envelopes, request.facing, "request")
        if transfer_id(opening.iss, opening.jti) != scope:
            raise _off("the request did not open this transfer")
        _covers(opening, contents, ("request", "identity", "consent"))
        if amended is not None:
            newer = _told(amended["notice"])
            _, more = self._envelopes(scope, newer)
            envelopes += [each for each in more if each.jti not in {known.jti for known in envelopes}]
            contents = {name: each for name, each in contents.items() if name not in AMENDED} | {
                name: amended[name] for name in AMENDED if name in amended
            }
            told, alive = told | {"mapping": newer.get("mapping")}, _alive(newer)
        bringer = opening
        if request.facing != request.source:
            bringer = _envelope_of(envelopes, request.source, "confirm")
            _covers(bringer, contents, ("confirmation",))
            _confirmed(read(contents["confirmation"].data, Confirmation, standard), request)
            if bringer.scp != scope:
                raise _off("the confirmation is of another transfer")
        brought = _last_part(envelopes, request.source, scope)
        _covers(brought, contents, ("part", *(("manifest",) if "manifest" in contents else ())))
        if bringer.claims.get("same_person") != opening.sd("identity"):
            raise _off("nobody signed that part and identity block are of one person")
        _check_consent(consent, request, self.member, now)
        regional = self._mapped(request, contents, told)
        items = _open_items(told, regional, leaf) if amended is None else ()
        local = self._local(regional, contents, {item.record for item in items} | alive)
        shown = contents.get(PROPOSAL) if amended is None else None  # an estimate of what was there before is none
        proposal = read_proposal(shown.data) if shown is not None else None
        case = ReceivedCase(scope, request, identity, consent, regional, local, items, proposal=proposal)
        return ForwardedCase(
            case, _sd(contents["local"]), brought.sd("part") or "", (regional.mapping_id, regional.mapping_version),
            opening.sd("identity") or "", leaf, _sd(shown) if shown is not None else "",
        )  # fmt: skip

    def still_consented(self, found: ForwardedCase, now: datetime) -> None:
        """Of a case that held before, what time may have changed.  Raises ConsentError."""
        _check_consent(found.case.consent, found.case.request, self.member, now)

    def fetch(self, scope: str, contents: Contents, now: datetime) -> tuple[Request, Identity, str]:
        """A question to the source bank: request, identity block and its `sd`, under a consent that names this bank."""
        told = _told(contents["case"])
        request = read(contents["request"].data, Request, self.tools.standard)
        if request.source != self.member:
            raise _off("the question is for another bank")
        _, envelopes = self._envelopes(scope, told)
        opening = _envelope_of(envelopes, request.facing, "request")
        if transfer_id(opening.iss, opening.jti) != scope:
            raise _off("the request did not open this transfer")
        _covers(opening, contents, ("request", "identity", "consent-source"))
        _check_consent(read(contents["consent-source"].data, Consent, self.tools.standard), request, self.member, now)
        return request, read(contents["identity"].data, Identity, self.tools.standard), opening.sd("identity") or ""

    def notice(self, scope: str, contents: Contents) -> Notice:
        """What has happened to a case.  A decision must be the accepting bank's own signed word."""
        told = _told(contents["notice"])
        _, keys_of, _ = self._spoken(scope, told)
        case, event = told.get("case"), told.get("event")
        if not isinstance(case, dict) or not isinstance(event, str):
            raise _off("the notice does not have its form")
        if event != "decided":
            return Notice(event, case, None)
        token, content = told.get("envelope"), contents.get("decision")
        if not isinstance(token, str) or content is None:
            raise _off("the notice brings no signed decision")
        signed = open_envelope(token, keys=keys_of(token))
        if (signed.iss, signed.act, signed.scp, signed.jti) != (case.get("accepting"), "decide", scope, told.get("decision")):
            raise _off("the decision is not the accepting bank's for this transfer")
        _covers(signed, contents, ("decision",))
        return Notice(event, case, read(content.data, Decision, self.tools.standard))

    def _leaf(self, scope: str, told: Mapping[str, Any]) -> tuple[Leaf, int]:
        """A leaf of the case, proven to be in the log, and its place there."""
        data, proof = told.get("leaf"), told.get("proof")
        if not isinstance(data, str) or not isinstance(proof, str):
            raise _off("there is no leaf or no proof")
        try:
            raw = base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError):
            raise _off("the leaf is not base64") from None
        leaf, _ = self.judge.logged_leaf(raw, proof)
        if leaf.scope != scope:
            raise TransferLogError("transferlog.bad_receipt", "存证叶属于另一转移", "the leaf belongs to another transfer")
        return leaf, parse_proof(proof).index

    def _envelopes(self, scope: str, told: Mapping[str, Any]) -> tuple[Leaf, list[VerifiedEnvelope]]:
        """The banks' own envelopes in the order in which they stand in the log, their signatures judged at the leaf's time."""
        leaf, keys_of, order = self._spoken(scope, told)
        found = told.get("envelopes")
        if not isinstance(found, dict):
            raise _off("the banks' envelopes are missing")
        tokens = sorted(map(str, found.values()), key=lambda token: order.get(token, -1))
        envelopes = [open_envelope(token, keys=keys_of(token)) for token in tokens]
        if any(each.aud != GATEWAY_ID for each in envelopes):
            raise _off("an envelope was meant for somebody else")
        return leaf, envelopes

    def _spoken(self, scope: str, told: Mapping[str, Any]) -> tuple[Leaf, Callable[[str], KeyFinder], Mapping[str, int]]:
        """The leaf of the last act, the keys each envelope is judged with (those of its own leaf's time and place), and that place.

        A key revoked since then was valid when it spoke; a member suspended since then was not yet.
        """
        earlier = told.get("leaves", [])
        if not isinstance(earlier, list) or len(earlier) > LEAVES_MAX or not all(isinstance(each, dict) for each in earlier):
            raise _off("the earlier leaves do not have their form")
        trust = self.judge.trust
        placed = [self._leaf(scope, each) for each in (*earlier, told)]
        finders = {leaf.envelope: trust.finder(datetime.fromisoformat(leaf.at), index) for leaf, index in placed}
        last, place = placed[-1]
        order = {leaf.envelope: index for leaf, index in placed}
        return last, lambda token: finders.get(token) or trust.finder(datetime.fromisoformat(last.at), place), order

    def _mapped(self, request: Request, contents: Contents, told: Mapping[str, Any]) -> RegionalPart:
        """The mapping again over the source's own part: the same bytes, under the mapping the case names."""
        content = contents.get("manifest")
        manifest = read_manifest(content.data) if content is not None else NO_MANIFEST
        part = self.tools.adapters[request.source].parse(contents["part"].data, manifest)
        mapped = self.tools.mapper.to_regional(part, request.source)
        if write_part(mapped.part) != contents["regional"].data:
            raise _off("mapping the source's part again gives other regional bytes")
        if told.get("mapping") != [mapped.part.mapping_id, mapped.part.mapping_version]:
            raise _off("the case names another mapping")
        self.tools.standard.validate("records", contents["regional"].data)
        return read_part(contents["regional"].data, self.tools.standard)

    def _local(self, regional: RegionalPart, contents: Contents, wanted: set[str]) -> LocalPart:
        """The rendering in this bank's words: made again from the regional form, and readable by the bank's own adapter."""
        adapter = self.tools.adapters[self.member]
        learner = {path: value for path, value in regional.learner.items() if path != "account"}
        chosen = RegionalPart(
            regional.source, regional.mapping_id, regional.mapping_version, learner,
            tuple(record for record in regional.records if record.record_id in wanted), regional.extras,
        )  # fmt: skip
        made = self.tools.mapper.to_local(chosen, adapter.region).part
        ids = {record.row: record.record_id for record in made.records}
        given = _parse_with_ids(adapter, contents["local"].data, ids)
        if _values(given) != _values(_parse_with_ids(adapter, adapter.render(made), ids)):
            raise _off("the rendering does not say what the regional records say")
        return given


def _parse_with_ids(adapter: RegionAdapter, content: bytes, ids: Mapping[int, str]) -> LocalPart:
    """Formats without record ids of their own (Jiangsu, Anhui) get them by position, as the rendering placed them."""
    return adapter.parse(content, PartManifest("", ids))


def _values(part: LocalPart) -> object:
    """What a part says, as a whole and record by record; its bytes may be spelled otherwise (CSV or XLSX)."""
    records = {record.record_id: (record.operation, record.form, dict(record.values)) for record in part.records}
    return dict(part.values), part.learner, records


def _told(content: Content) -> dict[str, Any]:
    value: Any = read_json(content.data)
    if not isinstance(value, dict):
        raise _off("not an object")
    return value


def _alive(told: Mapping[str, Any]) -> set[str]:
    """The records of a notice's case that are still to be had."""
    case = told.get("case")
    listed = case.get("items") if isinstance(case, dict) else None
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        raise _off("the notice lists no items")
    return {str(item.get("record")) for item in listed if item.get("state") in ALIVE}


def _open_items(told: Mapping[str, Any], regional: RegionalPart, leaf: Leaf) -> tuple[OpenItem, ...]:
    """The items the case lists as claimed: as many as the leaf has, with the credits that the mapping gives them here."""
    case = told.get("case")
    listed = case.get("items") if isinstance(case, dict) else None
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        raise _off("the case lists no items")
    claimed = [item for item in listed if item.get("state") == ItemState.CLAIMED]
    records = {record.record_id: record for record in regional.records}
    open_in_leaf = sum(state == ItemState.CLAIMED for _, _, state in leaf.items)
    if not len(claimed) == len({item.get("record") for item in claimed}) == open_in_leaf:
        raise _off("the case lists other open items than the leaf")
    found = []
    for item in claimed:
        record = records.get(str(item.get("record")))
        size = str(record.credits) if record is not None and record.credits is not None else None
        if record is None or (item.get("kind"), item.get("credits")) != (record.values["kind"], size):
            raise _off("an open item is not what the regional record says")
        found.append(OpenItem(record.record_id, str(record.values["kind"]), record.credits.value if record.credits is not None else None))
    return tuple(found)


def decided_over(found: ForwardedCase, told: Sequence[Mapping[str, Any]], state: str) -> ForwardedCase:
    """The same case with the items that are to be decided now, as they were told last.  Raises PeerError where one is not what it says."""
    records = {record.record_id: record for record in found.case.regional.records}
    items = []
    for item in told:
        record = records.get(str(item.get("record")))
        if record is None or item.get("credits") != (str(record.credits) if record.credits is not None else None):
            raise _off("an open item is not what the regional record says")
        items.append(OpenItem(record.record_id, str(record.values["kind"]), record.credits.value if record.credits is not None else None))
    return replace(found, case=replace(found.case, items=tuple(items), state=state))


def _last_part(envelopes: list[VerifiedEnvelope], source: str, scope: str) -> VerifiedEnvelope:
    """The source bank's last word that brought a part: an earlier part no longer stands."""
    found = [each for each in envelopes if each.iss == source and each.sd("part") is not None]
    if not found or (found[-1].act != "request" and found[-1].scp != scope):
        raise _off("the source bank brought no part to this transfer")
    return found[-1]


def _envelope_of(envelopes: list[VerifiedEnvelope], member: str, act: str) -> VerifiedEnvelope:
    found = [each for each in envelopes if (each.iss, each.act) == (member, act)]
    if len(found) != 1:
        raise _off(f"there is not exactly one signed {act}")
    return found[0]


def _covers(envelope: VerifiedEnvelope, contents: Contents, names: tuple[str, ...]) -> None:
    """Each content is, byte for byte, what that bank signed."""
    for name in names:
        content = contents.get(name)
        if content is None or envelope.sd(name) != _sd(content):
            raise _off(f"content {name} is not what the bank signed")


def _sd(content: Content) -> str:
    return salted_digest(content.secret, content.data)


def _confirmed(confirmation: Confirmation, request: Request) -> None:
    if {item.record for item in confirmation.items} != set(request.records):
        raise _off("the confirmation does not cover the request")


def _check_consent(consent: Consent, request: Request, recipient: str, now: datetime) -> None:
    """The learner let exactly this bank see exactly these records, for this purpose, now."""
    if consent.controller != request.facing or consent.recipient != recipient or consent.purpose != request.purpose:
        raise ConsentError("consent.other_recipient", "授权不适用于本行或本目的", "the consent is not for this bank or this purpose")
    if consent.source != request.source or not set(request.records) <= set(consent.records):
        raise ConsentError("consent.other_records", "授权不含所申请的记录", "the consent does not cover the records")
    if not consent.given_at <= now < consent.expires_at:
        raise ConsentError("consent.expired", "授权未生效或已到期", "the consent is not in force now")


def _off(reason: str) -> PeerError:
    return PeerError("peer.off_protocol", "网关送来的案件不成立", "what the gateway sent does not hold", reason=reason)


def answer_body(content: bytes) -> dict[str, Any]:
    """A stored, verified answer as an object."""
    found: dict[str, Any] = json.loads(content)
    return found
