"""Consents, enquiries and agreements come in: their documents read and checked before any lock, then made a change.

What is at fault in an authentic message is a signed refusal of its class; who names somebody else's scope hears of no transfer.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.crypto.digests import pseudonym
from gateway.errors import ConsentError, ErasedError, GatewayError, Problem, StorageError, TransferError, TransferLogError
from gateway.federation.envelope import VerifiedMessage
from gateway.federation.message import Content
from gateway.mapping.documents import read
from gateway.mapping.schema import Standard
from gateway.model.documents import Consent, ConsentWithdrawal, Enquiry, Listing, Withdrawal
from gateway.model.ports import Clock, IdSource
from gateway.model.scopes import consent_scope, enquiry_id, is_agreement_scope
from gateway.model.transfer import Act, Refusal
from gateway.recognition.agreement import any_between
from gateway.storage.database import Database
from gateway.storage.flag_rows import FlagConsentRow
from gateway.storage.rows import ConsentRow, ContentRow, EnquiryRow, PartKeyRow
from gateway.transfers.acts import ERASED, UNKNOWN, Presiding
from gateway.transfers.agreement_acts import AGREEMENT_ACTS, Agreeing, read_agreement_document
from gateway.transfers.agreements import day_of
from gateway.transfers.case import utc_text
from gateway.transfers.consents import ConsentGiven, ConsentTakenBack
from gateway.transfers.enquiry_acts import Answered, Asking, Unread
from gateway.transfers.integrity_acts import FLAG_ACTS
from gateway.transfers.integrity_desk import IntegrityDesk
from gateway.transfers.integrity_rights import PURPOSE as INTEGRITY_PURPOSE
from gateway.transfers.papers import read_identity
from gateway.transfers.registry import Registry
from gateway.transfers.unit_of_work import Change
from gateway.transfers.vault import Vault

OWN_SCOPE_ACTS: Final = frozenset({Act.CONSENT, Act.CONSENT_WITHDRAW, Act.ENQUIRE, Act.LIST}) | AGREEMENT_ACTS | FLAG_ACTS
PURPOSES: Final = frozenset({"listing", "recognition", "credit_recognition"})
"""What a consent may be for so that the source bank can be asked under it: the list alone, or the recognition it is asked for."""

ONESELF = Problem("enquiry/source", "transfer.bad_document", "不能询问本行", "a bank does not ask itself")
OTHER_CONTROLLER = Problem(
    "consent/controller", "consent.other_controller", "授权不由本消息的签名行持有", "whoever signs this message holds the consent"
)
OTHER_RECIPIENT = Problem(
    "consent-source/recipient", "consent.other_recipient", "授权的接收方不是被询问的银行", "the consent names another recipient"
)
OTHER_PURPOSE = Problem(
    "consent-source/purpose", "consent.other_purpose", "授权的目的不是查询记录", "the consent is not for asking what records there are"
)


@dataclass(frozen=True, slots=True)
class OwnScopes:
    """What reading these acts needs."""

    registry: Registry
    standard: Standard
    vault: Vault
    database: Database
    pseudonym_key: bytes
    clock: Clock
    ids: IdSource
    presiding: Presiding

    async def asked(self, message: VerifiedMessage) -> bool:
        """Whether the message is about an enquiry.  One that exists never goes away."""
        return await self._enquiry_row(message.scp) is not None

    async def _agreeing(self, message: VerifiedMessage, secret: bytes) -> Change:
        """An act on an agreement.  Raises StorageError, TransferLogError."""
        if not is_agreement_scope(message.scp):
            return Unread(message, secret, UNKNOWN, (), self.presiding)
        scope, now = message.scp or "", self.clock.now()
        document, problems = read_agreement_document(message, self.standard)
        part_key: PartKeyRow | None = None
        if await self.database.fetch("part_key_by_id", part_id=scope):
            key = await self.vault.part_key(scope)
        else:
            key, part_key = self.vault.new_part(scope, utc_text(now))
        contents = self.vault.seal(key, scope, message.iss, message.jti, self._with_envelope(message))
        return Agreeing(message, secret, document, problems, contents, part_key, self.registry.agreement_row)

    async def change(self, message: VerifiedMessage, secret: bytes) -> Change:
        """What the message does, as far as that is known before the lock.  Raises StorageError, TransferLogError."""
        try:
            match Act(message.act):
                case Act.CONSENT:
                    return self._given(message, secret)
                case Act.CONSENT_WITHDRAW:
                    return await self._taken_back(message, secret)
                case Act.ENQUIRE:
                    return self._asking(message, secret)
                case act if act in AGREEMENT_ACTS:
                    return await self._agreeing(message, secret)
                case act if act in FLAG_ACTS:
                    return await IntegrityDesk(self.vault, self.database, self.clock, self.ids, self.presiding).change(message, secret)
                case _:
                    return await self._answered(message, secret)
        except (TransferLogError, StorageError):
            raise
        except GatewayError as error:
            return Unread(message, secret, Refusal(error.code, error.zh, error.en), error.problems, self.presiding)

    def _given(self, message: VerifiedMessage, secret: bytes) -> Change:
        now = self.clock.now()
        consent = read(message.contents["consent"].data, Consent, self.standard)
        scope = consent_scope(message.iss, consent.consent_id)
        if message.scp != scope:
            return Unread(message, secret, UNKNOWN, (), self.presiding)
        active = self.registry.active()
        check(
            _controller(consent, message.iss),
            _in_force(consent, now),
            _member("consent/recipient", consent.recipient, active),
            _member("consent/source", consent.source, active),
            _identity(message, consent),
        )
        contents, part_key = self._sealed(message, scope, now)
        return ConsentGiven(message, secret, consent, contents, part_key, self._permission(message, consent, scope))

    def _permission(self, message: VerifiedMessage, consent: Consent, scope: str) -> FlagConsentRow | None:
        """Whose flags may be read under it, where it is for that."""
        if consent.purpose != INTEGRITY_PURPOSE:
            return None
        citizen_id = read_identity(message.contents["identity"].data, self.standard).citizen_id
        learner = pseudonym(self.pseudonym_key, citizen_id)
        return FlagConsentRow(scope, message.iss, consent.consent_id, learner, consent.source, json.dumps(consent.records))

    async def _taken_back(self, message: VerifiedMessage, secret: bytes) -> Change:
        """The document is kept with the consent where that was registered, else with the case it came with."""
        document = read(message.contents["consent-withdrawal"].data, ConsentWithdrawal, self.standard)
        scope = consent_scope(message.iss, document.consent_id)
        if message.scp != scope:
            return Unread(message, secret, UNKNOWN, (), self.presiding)
        rows = await self.database.fetch("consents_by_key", keys=json.dumps([[message.iss, document.consent_id]]))
        row = ConsentRow(*rows[0]) if rows else None
        contents: tuple[ContentRow, ...] = ()
        if row is not None:
            home = scope if row.digest else row.transfer
            try:
                key = await self.vault.part_key(home)
            except ErasedError:  # nothing is disclosed under it any more, and there is no key to keep the paper under
                return Unread(message, secret, ERASED, (), self.presiding)
            contents = self.vault.seal(key, home, message.iss, message.jti, self._with_envelope(message))
        used_by = row.transfer if row is not None else ""
        return ConsentTakenBack(message, secret, document, used_by, contents, self.ids.jti)

    def _asking(self, message: VerifiedMessage, secret: bytes) -> Change:
        scope = enquiry_id(message.iss, message.jti)
        if message.scp != scope:
            return Unread(message, secret, UNKNOWN, (), self.presiding)
        now = self.clock.now()
        enquiry = read(message.contents["enquiry"].data, Enquiry, self.standard)
        identity = read_identity(message.contents["identity"].data, self.standard)
        consent = read(message.contents["consent-source"].data, Consent, self.standard)
        check(_member("enquiry/source", enquiry.source, self.registry.active()), ONESELF if enquiry.source == message.iss else None)
        check(
            _controller(consent, message.iss),
            OTHER_RECIPIENT if {consent.recipient, consent.source} != {enquiry.source} else None,
            OTHER_PURPOSE if consent.purpose not in PURPOSES else None,
            _in_force(consent, now),
        )
        if not any_between(self.registry.agreements, enquiry.source, message.iss, day_of(now)):
            raise TransferError("transfer.no_agreement", "两行之间没有有效协议", "no agreement in force lets records go from there to here")
        contents, part_key = self._sealed(message, scope, now)
        learner = pseudonym(self.pseudonym_key, identity.citizen_id)
        return Asking(message, secret, enquiry, consent, learner, contents, part_key, self.ids.jti(), self.registry.standing)

    async def _answered(self, message: VerifiedMessage, secret: bytes) -> Change:
        """`list` or `decline`: what is wrong with the document is said only once role and state allow the act."""
        row = await self._enquiry_row(message.scp)
        document: Listing | Withdrawal | Refusal
        problems: tuple[Problem, ...] = ()
        try:
            if message.act == Act.LIST:
                document = read(message.contents["listing"].data, Listing, self.standard)
            else:
                document = read(message.contents["refusal"].data, Withdrawal, self.standard)
        except GatewayError as error:
            document, problems = Refusal(error.code, error.zh, error.en), error.problems
        contents: tuple[ContentRow, ...] = ()
        if row is not None and message.iss == row.source and not isinstance(document, Refusal):
            try:
                key = await self.vault.part_key(row.id)
                contents = self.vault.seal(key, row.id, message.iss, message.jti, self._with_envelope(message))
            except ErasedError:
                document = ERASED
        return Answered(message, secret, document, problems, contents, self.ids.jti, self.presiding)

    async def _enquiry_row(self, scope: str | None) -> EnquiryRow | None:
        rows = await self.database.fetch("enquiries_by_id", ids=json.dumps([scope])) if scope else []
        return EnquiryRow(*rows[0]) if rows else None

    def _sealed(self, message: VerifiedMessage, scope: str, now: datetime) -> tuple[tuple[ContentRow, ...], PartKeyRow]:
        """Everything personal about this scope under a key of its own."""
        key, part_key = self.vault.new_part(scope, utc_text(now))
        return self.vault.seal(key, scope, message.iss, message.jti, self._with_envelope(message)), part_key

    def _with_envelope(self, message: VerifiedMessage) -> Sequence[Content]:
        return [*message.contents.values(), Content("envelope", message.token.encode(), "application/jose", self.ids.secret())]


def check(*found: Problem | None) -> None:
    """Raises ConsentError or TransferError with every problem, the first one's code."""
    problems = tuple(problem for problem in found if problem is not None)
    if not problems:
        return
    code = problems[0].code
    if code.startswith("consent."):
        raise ConsentError(code, "授权不成立", "the consent does not hold", problems=problems)
    raise TransferError(code, "文件内容不成立", "the document does not hold together", problems=problems)


def _controller(consent: Consent, iss: str) -> Problem | None:
    return None if consent.controller == iss else OTHER_CONTROLLER


def _identity(message: VerifiedMessage, consent: Consent) -> Problem | None:
    """Only a consent for reading flags names its learner by itself: any other is joined to one by the request that takes it up."""
    if ("identity" in message.contents) == (consent.purpose == INTEGRITY_PURPOSE):
        return None
    zh, en = "身份信息块只随信誉查询的授权登记,且必须随附", "an identity block comes with a consent for integrity flags, and with no other"
    return Problem("content identity", "transfer.bad_document", zh, en)


def _in_force(consent: Consent, now: datetime) -> Problem | None:
    if consent.given_at <= now < consent.expires_at and consent.retention_until >= now.date():
        return None
    return Problem("consent/expiresAt", "consent.expired", "授权未生效或已到期", "the consent is not in force now")


def _member(path: str, member: str, active: frozenset[str]) -> Problem | None:
    return None if member in active else Problem(path, "transfer.bad_document", "不是成员行", "not a member of the registry")
