"""Messages owed to members: built once, signed at each try, done only when the member's signed word comes back.

An owed row is born `new` in the transaction that made it owed.  `prepare` builds its contents (for a
case: the part rendered in the accepting bank's own format) and stores them before the first byte
leaves, so that every try carries the same bytes and the decision can name them.
"""

import base64
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from gateway.adapters.contract import RegionAdapter
from gateway.crypto.digests import salted_digest
from gateway.crypto.keys import SigningKey
from gateway.errors import ConsentError, ErasedError
from gateway.federation.envelope import seal
from gateway.federation.message import Content, HttpTarget
from gateway.federation.part_orders import EVENT as ERASED_EVENT
from gateway.federation.protocol import GATEWAY_ID, LIFETIME_HTTP_MAX, MEDIA_JSON, MEDIA_XML
from gateway.federation.state_digest import CONTENT, EVENT, is_state_scope
from gateway.mapping.documents import read
from gateway.mapping.engine import Mapper
from gateway.mapping.regional_xml import read_part, write_loss
from gateway.mapping.schema import Standard
from gateway.model.canonical import Json, jcs
from gateway.model.documents import Consent
from gateway.model.ports import Clock, IdSource
from gateway.model.regional import RegionalPart
from gateway.model.scopes import ENQUIRY_EVENTS, NEWS_EVENTS
from gateway.model.transfer import ItemState
from gateway.recognition import statement
from gateway.recognition.proposal import CONTENT as PROPOSAL
from gateway.recognition.proposal import hint_of
from gateway.storage.committer import Committer
from gateway.storage.database import Database
from gateway.storage.rows import ItemRow, OwedRow, TransferRow
from gateway.transferlog.leaf import parse_leaf
from gateway.transfers.answers import Answer
from gateway.transfers.case import case_json, utc_text
from gateway.transfers.enquiry_parcels import EnquiryParcels
from gateway.transfers.erasure import notice_part
from gateway.transfers.integrity_reads import FlagsShown
from gateway.transfers.integrity_view import case_hints
from gateway.transfers.likely import named_twins, twins_of
from gateway.transfers.log_reading import LogReading
from gateway.transfers.news import news_notice
from gateway.transfers.owing import is_owed_again
from gateway.transfers.prepared import GivenUp, Prepared, Torn
from gateway.transfers.proposals import Proposer, proposal_row
from gateway.transfers.state_digest import digest_content
from gateway.transfers.unit_of_work import Change, Ledger
from gateway.transfers.vault import Vault

ORIGINALS = ("request", "identity", "consent", "consent-source", "part", "manifest", "confirmation")
ALIVE = frozenset({ItemState.CLAIMED, ItemState.RECOGNISED, ItemState.REFUSED})
AMENDED = frozenset({"local", "local-loss", "regional", "loss"})
WITH_RECORDS = frozenset({"amended"})
"""Events whose notice carries records, and so stands on the consent."""
FETCH_ORIGINALS = ("request", "identity", "consent-source")


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message ready to be signed for one try."""

    row: OwedRow
    contents: tuple[Content, ...]


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Builds and signs what the gateway owes.  `regions` maps member id to its adapter and region name."""

    database: Database
    committer: Committer[Change, Answer]
    ledger: Ledger
    reading: LogReading
    vault: Vault
    adapters: Mapping[str, RegionAdapter]
    mapper: Mapper
    standard: Standard
    signing_key: SigningKey
    clock: Clock
    ids: IdSource
    proposer: Proposer

    async def due(self, lane: str, most: int, *, at_once: bool = False) -> list[OwedRow]:
        """Open messages of a lane whose time has come, the first of each transfer.  `at_once`: the member is back, back-off is void."""
        now = utc_text(self.clock.now())
        return [OwedRow(*row) for row in await self.database.fetch("owed_due", lane=lane, now=now, at_once=int(at_once), most=most)]

    async def parcel(self, row: OwedRow) -> Parcel | None:
        """The message with its contents, built and stored on first use.  None when it is no longer owed.

        Raises ConsentError where the learner's consent has run out: asked at each try, for each try is a disclosure.
        A message that was delivered once, lost and owed again is then given up, for others of its transfer wait behind it.
        """
        try:
            if row.event in ENQUIRY_EVENTS:
                await self._enquiries.check(row)
            elif row.act != "notify" or row.event in WITH_RECORDS:
                await self._check_consent(row)
        except ConsentError:
            if not is_owed_again(row):
                raise
            await self.committer.submit(GivenUp(row))
            return None
        try:
            return await self._built(row)
        except ErasedError:  # owed again, and what it told of was erased meanwhile; or another case that it names
            await self.committer.submit(Torn(row, self.ids.jti))
            return None

    async def _built(self, row: OwedRow) -> Parcel | None:
        if row.state == "new":
            built = await self._prepare(row)
            if built is None:
                return None
            row = built
        keys = [(key[0], key[1], key[2]) for key in json.loads(row.contents)]
        return Parcel(row, tuple(await self.vault.some_of(_part_of(row), keys)))

    def sign(self, parcel: Parcel, *, http: HttpTarget | None, irt: str | None = None, lifetime: timedelta = LIFETIME_HTTP_MAX) -> str:
        """An envelope for this try: same `jti` and contents, new times.  `irt` is the poll it answers; files live longer."""
        now = self.clock.now()
        return seal(
            key=self.signing_key,
            iss=GATEWAY_ID,
            aud=parcel.row.lane,
            jti=parcel.row.jti,
            iat=now,
            exp=now + lifetime,
            act=parcel.row.act,
            contents=parcel.contents,
            scp=parcel.row.transfer,
            irt=irt,
            seq=parcel.row.seq or None,
            http=http,
        )

    async def _prepare(self, row: OwedRow) -> OwedRow | None:
        if row.event == EVENT and is_state_scope(row.transfer):
            size, note = await self.ledger.head()
            state = await digest_content(self.database, row, size, note)
            notice = self._made("notice", jcs({"v": 1, "event": EVENT}), MEDIA_JSON)
            return await self._keep(row, [notice, self._made(CONTENT, state, MEDIA_JSON)], [])
        if row.event == statement.EVENT and statement.is_statement_scope(row.transfer):
            return await self._statement(row)
        if row.event in NEWS_EVENTS:
            news = await news_notice(row, self.ledger, self.reading)
            return await self._keep(row, [self._made("notice", news, MEDIA_JSON)], [])
        stored = await self.vault.all_of(row.transfer) if row.event != ERASED_EVENT else {}
        shown: FlagsShown | None = None
        if row.event in ENQUIRY_EVENTS:
            made, originals = await self._enquiries.build(row, stored)
            return await self._keep(row, made, originals)
        transfer, items = await self._case(row.transfer)
        match row.act:
            case "forward":
                flags = await case_hints(self.database, transfer, items)
                shown = FlagsShown(transfer.learner, len(flags), self.ids.jti) if flags else None
                made, originals = await self._forward(transfer, items, stored, flags), _pick(stored, ORIGINALS, transfer.part_sd)
            case "fetch":
                made, originals = [await self._case_content(transfer, items, stored)], _pick(stored, FETCH_ORIGINALS)
            case _:
                made = [self._made("notice", jcs(await self._notice(row, transfer, items, stored)), MEDIA_JSON)]
                originals = _papers(row, transfer, stored)
                if row.event == "amended":
                    made += [each for each in await self._forward(transfer, items, stored, propose=False) if each.name in AMENDED]
        return await self._keep(row, made, originals, shown)

    async def _statement(self, row: OwedRow) -> OwedRow | None:
        """The statement's document as it was issued, the leaf that says so, and its proof."""
        told = json.loads(row.claims)
        size, _ = await self.ledger.head()
        leaf, proof = (await self.reading.entries(told["leaf"], told["leaf"] + 1))[0], await self.ledger.proof(told["leaf"], size)
        notice = jcs({"v": 1, "event": statement.EVENT, "leaf": base64.b64encode(leaf).decode("ascii"), "proof": proof})
        return await self._keep(row, [self._made("notice", notice, MEDIA_JSON)], [(GATEWAY_ID, told["statement"], statement.CONTENT)])

    async def _keep(
        self, row: OwedRow, made: Sequence[Content], originals: Sequence[tuple[str, str, str]], shown: FlagsShown | None = None
    ) -> OwedRow | None:
        """Store what was made, so that every try carries the same; None where the message is no longer owed."""
        part = _part_of(row)
        rows, lines = self.vault.seal_named(await self.vault.part_key(part), part, GATEWAY_ID, row.jti, made, {"case": named_twins})
        contents = [*originals, *((GATEWAY_ID, row.jti, content.name) for content in made)]
        sds = {each.name: each.sd for each in rows}
        proposed = next((each.data for each in made if each.name == PROPOSAL), None)
        proposal = proposal_row(row.transfer, sds[PROPOSAL], proposed) if proposed is not None else None
        ready = row._replace(state="ready", contents=json.dumps(contents))
        answer = await self.committer.submit(Prepared(ready, rows, lines, sds.get("local", ""), proposal, shown))
        return ready if answer.status == 200 else None

    async def _check_consent(self, row: OwedRow) -> None:
        """A case goes out under the consent for the accepting bank, a question under the one for the source bank."""
        transfer, _ = await self._case(row.transfer)
        if transfer.consent_withdrawn:
            raise ConsentError("consent.withdrawn", "授权已撤回", "the consent was withdrawn")
        if row.act == "notify":
            return
        until = transfer.consent_until
        if row.act == "fetch":
            (content,) = await self.vault.some_of(transfer.id, [(transfer.iss, transfer.jti, "consent-source")])
            until = utc_text(read(content.data, Consent, self.standard).expires_at)
        if until <= utc_text(self.clock.now()):
            raise ConsentError("consent.expired", "授权已到期", "the consent has run out")

    @property
    def _enquiries(self) -> EnquiryParcels:
        return EnquiryParcels(self.database, self.ledger, self.reading, self.clock, self.ids)

    async def _case(self, transfer: str) -> tuple[TransferRow, tuple[ItemRow, ...]]:
        ids = json.dumps([transfer])
        rows = await self.database.fetch("transfers_by_id", ids=ids)
        return TransferRow(*rows[0]), tuple(ItemRow(*row) for row in await self.database.fetch("items_by_transfer", ids=ids))

    async def _forward(
        self,
        row: TransferRow,
        items: Sequence[ItemRow],
        stored: Mapping[tuple[str, str, str], Content],
        flags: Sequence[Mapping[str, Json]] = (),
        *,
        propose: bool = True,
    ) -> list[Content]:
        """The accepting bank's copy: its own format, the regional form, what was lost on the way, the case's papers, the proposal."""
        regional = stored[GATEWAY_ID, row.id, "regional"]
        part = read_part(regional.data, self.standard)
        wanted = {item.record for item in items if item.state in ALIVE}
        learner = dict(part.learner)
        learner.pop("account", None)
        if row.account:
            learner["account"] = row.account
        chosen = RegionalPart(
            part.source,
            part.mapping_id,
            part.mapping_version,
            learner,
            tuple(record for record in part.records if record.record_id in wanted),
            part.extras,
        )
        adapter = self.adapters[row.accepting]
        localised = self.mapper.to_local(chosen, adapter.region)
        proposal = await self.proposer.propose(row, chosen.records, flags) if propose else None
        return [
            *([self._made(PROPOSAL, proposal, MEDIA_JSON)] if proposal is not None else []),
            await self._case_content(row, items, stored, {**await twins_of(self.database, row, items, row.accepting), **hint_of(flags)}),
            self._made("local", adapter.render(localised.part), adapter.media_types[0]),
            self._made("local-loss", write_loss(localised.loss), MEDIA_XML),
            regional,
            stored[GATEWAY_ID, row.id, "loss"],
        ]

    async def _case_content(
        self,
        row: TransferRow,
        items: Sequence[ItemRow],
        stored: Mapping[tuple[str, str, str], Content],
        hints: Mapping[str, Json] | None = None,
    ) -> Content:
        """What ties it together: state, items, the banks' own envelopes, the leaf of the last act and its proof; with `hints` to judge."""
        size, _ = await self.ledger.head()
        leaf = (await self.reading.entries(row.leaf, row.leaf + 1))[0]
        envelopes: dict[str, Json] = {
            f"{iss}/{jti}": content.data.decode("ascii") for (iss, jti, name), content in sorted(stored.items()) if name == "envelope"
        }
        body: dict[str, Json] = {
            "v": 1,
            "case": case_json(row, items),
            "programme": row.programme,
            "account_known": bool(row.account),
            "envelopes": envelopes,
            "identity_sd": row.identity_sd,
            "part_sd": row.part_sd,
            "mapping": row.mapping.split("@") if row.mapping else [],
            "leaf": base64.b64encode(leaf).decode("ascii"),
            "proof": await self.ledger.proof(row.leaf, size),
            "leaves": await self._earlier(row, [str(token) for token in envelopes.values()], size),
            **(hints or {}),
        }
        return self._made("case", jcs(body), MEDIA_JSON)

    async def _notice(
        self, row: OwedRow, transfer: TransferRow, items: Sequence[ItemRow], stored: Mapping[tuple[str, str, str], Content]
    ) -> dict[str, Json]:
        """What happened, the leaf that says so, and for a decision the accepting bank's own envelope."""
        size, _ = await self.ledger.head()
        leaf = (await self.reading.entries(transfer.leaf, transfer.leaf + 1))[0]
        records = json.loads(row.claims).get("records")
        signed = stored.get((transfer.accepting, transfer.decision_jti, "envelope"))
        told: dict[str, Json] = json.loads(row.claims)
        withdrawn: dict[str, Json] = {}
        if row.event == "consent_withdrawn":
            index = int(str(told["leaf"]))
            proof = await self.ledger.proof(index, size)
            said = base64.b64encode((await self.reading.entries(index, index + 1))[0]).decode("ascii")
            withdrawn = {"consent": {"recipient": told["recipient"], "leaf": said, "proof": proof}}
        if row.event == ERASED_EVENT:
            index = int(str(told["leaf"]))
            said = base64.b64encode((await self.reading.entries(index, index + 1))[0]).decode("ascii")
            withdrawn = {"erasure": {"leaf": said, "proof": await self.ledger.proof(index, size)}}
        brought: dict[str, str] = {}
        if row.event == "amended":  # the part anew: under which envelope it came, and what it was mapped by
            standing = _pick(stored, ("part",), transfer.part_sd)
            brought = {f"{iss}/{jti}": stored[iss, jti, "envelope"].data.decode("ascii") for iss, jti, _ in standing}
            withdrawn |= {"envelopes": dict(brought), "mapping": list(transfer.mapping.split("@"))}
        return {
            **withdrawn,
            "v": 1,
            "event": row.event,
            **({"records": records} if records is not None else {}),
            "case": case_json(transfer, items),
            "decision": transfer.decision_jti,
            "envelope": signed.data.decode("ascii") if signed is not None else "",
            "leaf": base64.b64encode(leaf).decode("ascii"),
            "proof": await self.ledger.proof(transfer.leaf, size),
            "leaves": await self._earlier(
                transfer, [*([signed.data.decode("ascii")] if signed is not None else []), *brought.values()], size
            ),
        }

    async def _earlier(self, transfer: TransferRow, tokens: Collection[str], size: int) -> list[Json]:
        """The leaves before the last act's that hold these envelopes, with proofs: a key may have been revoked since, and they say
        when it spoke.
        """
        found: list[Json] = []
        for _, index, raw in await self.reading.scope(transfer.id):
            if index < size and index != transfer.leaf and parse_leaf(raw).envelope in tokens:
                found.append({"leaf": base64.b64encode(raw).decode("ascii"), "proof": await self.ledger.proof(index, size)})
        return found

    def _made(self, name: str, data: bytes, media_type: str) -> Content:
        return Content(name, data, media_type, self.ids.secret())


def _pick(stored: Mapping[tuple[str, str, str], Content], names: Sequence[str], part_sd: str = "") -> list[tuple[str, str, str]]:
    """The banks' own contents of these names, in this order; of several parts the one that stands, with its manifest."""
    standing = {key[:2] for key, each in stored.items() if key[2] == "part" and salted_digest(each.secret, each.data) == part_sd}
    return [
        key
        for name in names
        for key in stored
        if key[2] == name and key[0] != GATEWAY_ID and (name not in {"part", "manifest"} or key[:2] in standing)
    ]


def _part_of(row: OwedRow) -> str:
    """The part whose key a message's contents are under."""
    return notice_part(row.transfer) if row.event == ERASED_EVENT else row.transfer


def _papers(row: OwedRow, transfer: TransferRow, stored: Mapping[tuple[str, str, str], Content]) -> list[tuple[str, str, str]]:
    """What a notice carries of the banks' papers: the decision it tells of, the question asked, the amended part."""
    match row.event:
        case "decided":
            return [key for key in stored if key[1:] == (transfer.decision_jti, "decision")]
        case "asked":
            return [key for key in stored if key[1:] == (json.loads(row.claims)["question"], "question")]
        case "amended":
            return _pick(stored, ("part", "manifest"), transfer.part_sd)
        case _:
            return []


def backoff(attempts: int, first: timedelta, most: timedelta, jitter: float) -> timedelta:
    """Exponential, bounded, with jitter in [0, 1) spreading each wait over its upper half."""
    wait: timedelta = min(first * float(2 ** min(attempts, 30)), most)
    return wait * (0.5 + jitter / 2)
