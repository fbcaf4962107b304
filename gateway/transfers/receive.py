"""A message comes in: believe it, read it, make its change, wait until it is durable, answer with a receipt.

Order of checks: signature → repeat (even past its time) → freshness → role → content.  Whatever an
authentic message gets wrong is answered by a signed "no" of its class; the process goes on.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from gateway.adapters.part_manifest import read_manifest
from gateway.crypto.digests import pseudonym
from gateway.crypto.keys import SigningKey
from gateway.errors import ErasedError, GatewayError, StorageError, TransferError, TransferLogError, TrustError
from gateway.federation.envelope import VerifiedMessage, seal, unseal
from gateway.federation.framing import RawMessage
from gateway.federation.message import Content, HttpTarget
from gateway.federation.protocol import GATEWAY_ID, LIFETIME_HTTP_MAX, MEDIA_JSON, MEDIA_XML
from gateway.federation.state_digest import is_state_scope
from gateway.mapping.documents import read
from gateway.model.canonical import b64url, jcs_known
from gateway.model.documents import Clearance, Confirmation, Consent, Correction, Request, Withdrawal
from gateway.model.local import PartManifest
from gateway.model.ports import Clock, IdSource
from gateway.model.scopes import is_agreement_scope, is_rule_scope, ruling_part
from gateway.model.transfer import Act, Refusal, transfer_id
from gateway.recognition.agreement import year_capped
from gateway.recognition.statement import is_statement_scope
from gateway.storage.committer import Committer
from gateway.storage.database import Database
from gateway.storage.rows import ContentRow, MessageRow, OutcomeRow, TransferRow
from gateway.transfers import corrections
from gateway.transfers.acts import Effect, PartyAct, RefusedAct, known_answer
from gateway.transfers.agreements import day_of
from gateway.transfers.answers import Answer
from gateway.transfers.case import parties_of, utc_text
from gateway.transfers.claims import cases_named
from gateway.transfers.clearing import Clearing
from gateway.transfers.consents import MOVED
from gateway.transfers.effects import effect_of
from gateway.transfers.erasure import PART_ACTS, empty_log
from gateway.transfers.handover_acts import HANDOVER_ACTS
from gateway.transfers.handover_desk import HandoverDesk
from gateway.transfers.intake import Asked, Intake, Reader, empty_item
from gateway.transfers.log_reading import LogReading
from gateway.transfers.news import NewsNoted
from gateway.transfers.notes import Noted
from gateway.transfers.open import Confirmed, Opening, confirm
from gateway.transfers.own_scopes import OWN_SCOPE_ACTS, OwnScopes
from gateway.transfers.papers import check_agreement, check_consent, read_identity, read_papers
from gateway.transfers.part_desk import ordered
from gateway.transfers.registry import Registry
from gateway.transfers.rule_acts import RULE_ACTS
from gateway.transfers.rule_desk import RuleDesk
from gateway.transfers.state_watch import StateWatch
from gateway.transfers.statement_watch import StatementWatch
from gateway.transfers.statements import StatementNoted
from gateway.transfers.unit_of_work import Change, Ledger
from gateway.transfers.vault import Vault
from gateway.transfers.view import Wants

NO_MANIFEST = PartManifest()
WORDS = frozenset({Act.STATEMENT_SIGN, Act.STATEMENT_DISPUTE})
"""What a bank says of a statement."""
REGIONAL = "regional"


@dataclass(frozen=True, slots=True)
class Reply:
    """`body` is what goes on the wire: the stored answer with its receipt."""

    sender: str
    act: str
    status: int
    body: bytes
    repeated: bool


@dataclass(frozen=True, slots=True)
class Receiver:
    """What receiving needs; made once by the composition root."""

    registry: Registry
    reader: Reader
    vault: Vault
    database: Database
    committer: Committer[Change, Answer]
    ledger: Ledger
    reading: LogReading
    signing_key: SigningKey
    pseudonym_key: bytes
    clock: Clock
    ids: IdSource
    states: StateWatch
    statements: StatementWatch
    rules: RuleDesk
    handovers: HandoverDesk

    async def receive(self, raw: RawMessage, http: HttpTarget | None, lifetime: timedelta = LIFETIME_HTTP_MAX) -> Reply:
        """Take one message.  Raises TrustError for what is not authentic or not fresh, StorageError when nothing could be stored."""
        now = self.clock.now()
        message = unseal(raw.token, raw.contents, keys=self.registry.trust.finder(now), audience=GATEWAY_ID, http=http)
        try:
            message.check_fresh(now, lifetime)
        except GatewayError:
            answer = await self._stored(message)
            if answer is None:
                raise
            return await self.reply(message, answer)
        answer = await self.committer.submit(await self._change(message))
        if answer == MOVED:
            answer = await self.committer.submit(await self._change(message))
        if message.act == Act.ERASE:
            await empty_log(self.database)
        return await self.reply(message, answer)

    async def _stored(self, message: VerifiedMessage) -> Answer | None:
        """The answer of a repeat, or the refusal of a used id, where the envelope has run out: that question comes first."""
        rows = await self.database.fetch("messages_by_key", keys=json.dumps([[message.iss, message.jti]]))
        return known_answer(MessageRow(*rows[0]) if rows else None, message, self.ids.secret())

    async def _change(self, message: VerifiedMessage) -> Change:
        secret = self.ids.secret()
        wants = Wants(messages=((message.iss, message.jti),), transfers=(message.scp,) if message.scp else ())
        contents: tuple[ContentRow, ...] = ()
        try:
            match Act(message.act):
                case Act.REQUEST:
                    return await self._opening(message, secret)
                case Act.NOTED:
                    return await self._noted(message, secret, wants)
                case act if act in OWN_SCOPE_ACTS | WORDS | RULE_ACTS | PART_ACTS | HANDOVER_ACTS:
                    return await self._own_scope(message, secret)
                case Act.DECLINE if await self._own_scopes.asked(message):
                    return await self._own_scopes.change(message, secret)
                case Act.CLEAR if outcomes := await self._outcomes(message.scp):
                    return await self._clearing(message, secret, outcomes)
                case Act.CONFIRM:
                    effect, wants = await self._confirming(message, wants)
                case Act.SUPPLEMENT | Act.AMEND:
                    effect, wants = await self._corrected(message, wants)
                    contents = await self._kept(message)
                case _:
                    effect = effect_of(message, self.reader.standard, self.ids.jti)
                    contents = await self._kept(message)
        except GatewayError as error:
            if isinstance(error, TransferLogError | StorageError) and not isinstance(error, ErasedError):
                raise
            return RefusedAct(message, secret, Refusal(error.code, error.zh, error.en), error.problems, wants, self._presiding)
        return PartyAct(message, secret, effect, wants, self._presiding, self.ids.jti, contents)

    async def _own_scope(self, message: VerifiedMessage, secret: bytes) -> Change:
        if message.act in WORDS:
            return await self.statements.said(message, secret, self._presiding)
        if message.act in PART_ACTS:
            return await ordered(message, secret, self.database, self.vault, self.clock, self.ids, self._presiding)
        if message.act in RULE_ACTS:
            return await self.rules.change(message, secret, self._presiding)
        if message.act in HANDOVER_ACTS:
            return await self.handovers.change(message, secret, self._presiding)
        return await self._own_scopes.change(message, secret)

    async def _noted(self, message: VerifiedMessage, secret: bytes, wants: Wants) -> Change:
        if is_state_scope(message.scp):
            return await self.states.answered(message, secret)
        if is_statement_scope(message.scp):
            return StatementNoted(message, secret)
        if is_rule_scope(message.scp) or is_agreement_scope(message.scp):
            return NewsNoted(message, secret)
        return Noted(message, secret, replace(wants, enquiries=wants.transfers))

    def _presiding(self, parties: frozenset[str]) -> str | None:
        return self.registry.trust.presiding(self.clock.now(), parties)

    @property
    def _own_scopes(self) -> OwnScopes:
        return OwnScopes(
            self.registry, self.reader.standard, self.vault, self.database, self.pseudonym_key, self.clock, self.ids, self._presiding
        )

    async def _kept(self, message: VerifiedMessage) -> tuple[ContentRow, ...]:
        """What a party signed, sealed for keeping: the other bank is shown the decision itself, and evidence needs every paper."""
        rows = await self.database.fetch("transfers_by_id", ids=json.dumps([message.scp]))
        row = TransferRow(*rows[0]) if rows else None
        if row is None or not message.contents or message.iss not in parties_of(row) | {self._presiding(parties_of(row))}:
            return ()
        key = await self.vault.part_key(row.id)
        envelope = self._own("envelope", message.token.encode(), "application/jose")
        return self.vault.seal(key, row.id, message.iss, message.jti, [*message.contents.values(), envelope])

    async def _outcomes(self, scope: str | None) -> list[OutcomeRow]:
        """The outcome that a ruling names; none where its scope is something else, in which nobody has a role for it."""
        return [OutcomeRow(*row) for row in await self.database.fetch("outcomes_by_key", nfs=json.dumps([scope]))]

    async def _clearing(self, message: VerifiedMessage, secret: bytes, outcomes: list[OutcomeRow]) -> Change:
        """A ruling.  It is kept under a key of its own: it concerns several learners' cases, and goes with the first that is erased."""
        scope = message.scp or ""
        wants = Wants(messages=((message.iss, message.jti),), transfers=tuple(cases_named(outcomes)), outcomes=(scope,))
        fault, ruling = None, Clearance("", "")
        try:
            ruling = read(message.contents["ruling"].data, Clearance, self.reader.standard)
        except GatewayError as error:
            fault = (Refusal(error.code, error.zh, error.en), error.problems)
        kept: tuple[ContentRow, ...] = ()
        part_key = None
        if fault is None and any(row.claims for row in outcomes):
            part = ruling_part(message.iss, message.jti)
            key, part_key = self.vault.new_part(part, utc_text(self.clock.now()))
            envelope = self._own("envelope", message.token.encode(), "application/jose")
            sealed = self.vault.seal(key, part, message.iss, message.jti, [*message.contents.values(), envelope])
            kept = tuple(row._replace(transfer=scope) for row in sealed)
        return Clearing(message, secret, ruling, fault, wants, self._presiding, self.ids.jti, kept, part_key)

    async def _opening(self, message: VerifiedMessage, secret: bytes) -> Change:
        now = self.clock.now()
        papers = read_papers(message, self.reader.standard, self.registry.active(), now)
        request = papers.request
        agreements = self.registry.agreements
        check_agreement(agreements, request, day_of(now))
        transfer = transfer_id(message.iss, message.jti)
        intake = None
        if papers.pushed:
            asked = Asked(request.source, request.accepting, request.records, papers.identity)
            intake = self.reader.read(message.contents["part"].data, _manifest(message), asked)
        key, part_key = self.vault.new_part(transfer, utc_text(now))
        contents = [*message.contents.values(), self._own("envelope", message.token.encode(), "application/jose")]
        known = {entry["name"]: entry["sd"] for entry in message.claims["con"]}
        rows = self.vault.seal(key, transfer, message.iss, message.jti, contents, known)
        if intake is not None:
            rows += self.vault.seal(key, transfer, GATEWAY_ID, transfer, self._made(intake))
        return Opening(
            message=message,
            secret=secret,
            request=request,
            consent=papers.consent,
            consent_source=papers.consent_source,
            learner=pseudonym(self.pseudonym_key, papers.identity.citizen_id),
            items=intake.items if intake is not None else tuple(empty_item(n, record) for n, record in enumerate(request.records)),
            intake=intake,
            contents=rows,
            part_key=part_key,
            owed_jti=self.ids.jti(),
            new_jti=self.ids.jti,
            standing=self.registry.standing,
            capped=intake is not None and year_capped(agreements, request.source, request.accepting),
        )

    async def _confirming(self, message: VerifiedMessage, wants: Wants) -> tuple[Effect, Wants]:
        """The pulled part is read for the case it answers; the case's own request and identity block are opened for that."""
        row = await self._case_row(message)
        request, identity, ends = await self._asked_for(row)
        document = read(message.contents["confirmation"].data, Confirmation, self.reader.standard)
        closed = {item.record: item.closed for item in document.items}
        if closed.keys() != set(request.records):
            raise TransferError("transfer.bad_document", "确认须逐项覆盖申请的记录", "a confirmation covers exactly the requested records")
        wanted = tuple(record for record in request.records)
        asked = Asked(row.source, row.accepting, wanted, identity)
        intake = self.reader.read(message.contents["part"].data, _manifest(message), asked)
        key = await self.vault.part_key(row.id)
        contents = [*message.contents.values(), self._own("envelope", message.token.encode(), "application/jose")]
        rows = self.vault.seal(key, row.id, message.iss, message.jti, contents)
        rows += self.vault.seal(key, row.id, GATEWAY_ID, row.id, self._made(intake))
        done = Confirmed(
            intake=intake,
            closed=closed,
            contents=rows,
            part_sd=message.sd("part") or "",
            same_person=str(message.claims.get("same_person", "")),
            irt=message.irt or "",
            owed_jti=self.ids.jti(),
            consent_ends=ends,
            standing=self.registry.standing,
        )
        outcomes = tuple(item.nf for item in intake.items if item.nf)
        capped = year_capped(self.registry.agreements, row.source, row.accepting)
        learners = ((row.learner, row.source, row.accepting),) if capped else ()
        return (lambda case, _rule: confirm(done, case)), Wants(wants.messages, wants.transfers, outcomes, learners=learners)

    async def _corrected(self, message: VerifiedMessage, wants: Wants) -> tuple[Effect, Wants]:
        """A supplement or an amendment: the part anew, read as the first one was."""
        row = await self._case_row(message)
        new = await self._new_part(message, row) if "part" in message.contents else None
        outcomes = tuple(item.nf for item in new.intake.items if item.nf) if new is not None else ()
        standard, more = self.reader.standard, Wants(wants.messages, wants.transfers, outcomes)
        if message.act == Act.SUPPLEMENT:
            answer = read(message.contents["answer"].data, Withdrawal, standard)
            return corrections.supplement(message, answer, new, self.ids.jti), more
        assert new is not None, "an amendment has a part by its form"
        return corrections.amend(read(message.contents["amendment"].data, Correction, standard), new, self.ids.jti), more

    async def _new_part(self, message: VerifiedMessage, row: TransferRow) -> corrections.NewPart:
        request, identity, _ = await self._asked_for(row)
        asked = Asked(row.source, row.accepting, request.records, identity)
        intake = self.reader.read(message.contents["part"].data, _manifest(message), asked)
        key = await self.vault.part_key(row.id)
        made = self.vault.seal(key, row.id, GATEWAY_ID, row.id, self._made(intake))
        return corrections.NewPart(intake, made, message.sd("part") or "", self.registry.standing)

    async def _case_row(self, message: VerifiedMessage) -> TransferRow:
        rows = await self.database.fetch("transfers_by_id", ids=json.dumps([message.scp]))
        if not rows:
            raise TransferError("transfer.unknown", "没有这个转移", "there is no such transfer")
        row = TransferRow(*rows[0])
        if row.source != message.iss:  # which a stranger does not get to hear: see `RefusedAct`
            raise TransferError(
                "transfer.not_your_role", "贵行在此转移中无权作此动作", "your role in this transfer does not allow this act"
            )
        return row

    async def _asked_for(self, row: TransferRow) -> tuple[Request, Any, Any]:
        names = [(row.iss, row.jti, name) for name in ("request", "identity", "consent")]
        request, identity, consent = await self.vault.some_of(row.id, names)
        standard = self.reader.standard
        document = read(request.data, Request, standard)
        permission = read(consent.data, Consent, standard)
        check_consent(permission, document, row.facing, row.accepting, self.clock.now())
        return document, read_identity(identity.data, standard), permission.expires_at

    def _made(self, intake: Intake) -> Sequence[Content]:
        """What the gateway made of the part: regional XML, loss report, openings of the commitments."""
        return [
            self._own(REGIONAL, intake.regional, MEDIA_XML),
            self._own("loss", intake.loss, MEDIA_XML),
            self._own("openings", intake.openings, MEDIA_JSON),
        ]

    def _own(self, name: str, data: bytes, media_type: str) -> Content:
        return Content(name, data, media_type, self.ids.secret())

    async def reply(self, message: VerifiedMessage, answer: Answer) -> Reply:
        """The stored answer with its receipt: a proof where a leaf was written, else the gateway's signature over the refusal.

        Raises TrustError where the sender's key or standing ended while the message waited: a problem, as if found at the door.
        """
        if not answer.authentic:
            problem = json.loads(answer.body)["problem"]
            raise TrustError(problem["code"], problem["zh"], problem["en"])
        receipt: dict[str, Any] = {"answer_secret": b64url(answer.secret)}
        if answer.leaf is not None and answer.size is not None:
            receipt["leaf"] = b64url(answer.leaf_data or (await self.reading.entries(answer.leaf, answer.leaf + 1))[0])
            receipt["index"] = answer.leaf
            receipt["proof"] = await self.ledger.proof(answer.leaf, answer.size)
        else:
            receipt["refusal"] = self._signed_refusal(message, answer)
        body = answer.body[:-1] + b',"receipt":' + jcs_known(receipt) + b"}"
        return Reply(message.iss, message.act, answer.status, body, answer.repeated)

    def _signed_refusal(self, message: VerifiedMessage, answer: Answer) -> str:
        now = self.clock.now()
        return seal(
            key=self.signing_key,
            iss=GATEWAY_ID,
            aud=message.iss,
            jti=self.ids.jti(),
            iat=now,
            exp=now + LIFETIME_HTTP_MAX,
            act=Act.REFUSAL.value,
            contents=[Content("refusal", answer.body, MEDIA_JSON, answer.secret)],
            irt=message.jti,
        )


def _manifest(message: VerifiedMessage) -> PartManifest:
    content = message.contents.get("manifest")
    return read_manifest(content.data) if content is not None else NO_MANIFEST
