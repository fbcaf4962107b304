"""Acts on integrity flags come in: the paper read, and whose flag it is, before any lock; then made a change."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.errors import GatewayError, Problem
from gateway.federation.envelope import VerifiedMessage
from gateway.federation.message import Content
from gateway.model.ports import Clock, IdSource
from gateway.model.scopes import integrity_scope, is_integrity_scope
from gateway.model.transfer import Act, Refusal
from gateway.recognition.integrity import FlagPaper, read_flag, read_reason
from gateway.storage.database import Database
from gateway.storage.flag_rows import FlagConsentRow, FlagRow
from gateway.storage.rows import PartKeyRow, TransferRow
from gateway.transfers.acts import UNKNOWN, Presiding
from gateway.transfers.case import utc_text
from gateway.transfers.enquiry_acts import Unread
from gateway.transfers.integrity_acts import Flagging, FlagWord
from gateway.transfers.unit_of_work import Change
from gateway.transfers.vault import Vault

CONTENT_OF = {Act.FLAG_APPEAL: "appeal", Act.FLAG_ESCALATE: "appeal", Act.FLAG_UPHOLD: "ruling", Act.FLAG_LIFT: "ruling"}


@dataclass(frozen=True, slots=True)
class IntegrityDesk:
    """What reading these acts needs."""

    vault: Vault
    database: Database
    clock: Clock
    ids: IdSource
    presiding: Presiding

    async def change(self, message: VerifiedMessage, secret: bytes) -> Change:
        """What the message does, as far as that is known before the lock.  Raises GatewayError where a `flag` cannot be read."""
        if message.act == Act.FLAG:
            return await self._flagging(message, secret)
        return await self._word(message, secret)

    async def _flagging(self, message: VerifiedMessage, secret: bytes) -> Change:
        scope = integrity_scope(message.iss, message.jti)
        if message.scp != scope:
            return Unread(message, secret, UNKNOWN, (), self.presiding)
        paper = read_flag(message.contents["flag"].data)
        permission = await consent_for_flags(self.database, paper.consent) if paper.consent else None
        case, learner = await self._whose(paper, permission)
        key, part_key = self.vault.new_part(scope, utc_text(self.clock.now()))
        contents = self.vault.seal(key, scope, message.iss, message.jti, self._with_envelope(message))
        return Flagging(message, secret, paper, case, learner, permission, contents, part_key)

    async def _whose(self, paper: FlagPaper, permission: FlagConsentRow | None) -> tuple[str, str]:
        """`(case, learner)`, "" for what is not there."""
        if paper.transfer:
            rows = await self.database.fetch("transfers_by_id", ids=json.dumps([paper.transfer]))
            return (rows[0][0], TransferRow(*rows[0]).learner) if rows else ("", "")
        if permission is None:
            return "", ""
        found = await self.database.fetch("cases_of_outcome", learner=permission.learner, nf=paper.outcome)
        return (str(found[0][0]), permission.learner) if found else ("", permission.learner)

    async def _word(self, message: VerifiedMessage, secret: bytes) -> Change:
        scope = message.scp or ""
        rows = await self.database.fetch("flag_by_scope", scope=scope) if is_integrity_scope(scope) else []
        if not rows:
            return Unread(message, secret, UNKNOWN, (), self.presiding)
        name = CONTENT_OF[Act(message.act)]
        reason: str | Refusal
        problems: tuple[Problem, ...] = ()
        try:
            reason = read_reason(name, message.contents[name].data)
        except GatewayError as error:
            reason, problems = Refusal(error.code, error.zh, error.en), error.problems
        part_key: PartKeyRow | None = None
        if await self.database.fetch("part_key_by_id", part_id=scope):
            key = await self.vault.part_key(scope)
        else:
            key, part_key = self.vault.new_part(scope, utc_text(self.clock.now()))
        contents = self.vault.seal(key, scope, message.iss, message.jti, self._with_envelope(message))
        return FlagWord(message, secret, FlagRow(*rows[0]), reason, problems, contents, part_key, self.presiding)

    def _with_envelope(self, message: VerifiedMessage) -> Sequence[Content]:
        return [*message.contents.values(), Content("envelope", message.token.encode(), "application/jose", self.ids.secret())]


async def consent_for_flags(database: Database, scope: str) -> FlagConsentRow | None:
    """The consent for reading flags that has this scope, if any."""
    rows = await database.fetch("flag_consent_by_scope", scope=scope)
    return FlagConsentRow(*rows[0]) if rows else None
