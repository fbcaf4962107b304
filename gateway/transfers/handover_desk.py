"""Acts of a handover come in: the document read, the log asked for its head, what is open counted, before any lock; then made a change."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.errors import GatewayError, Problem, StorageError, TransferLogError
from gateway.federation.envelope import VerifiedMessage
from gateway.federation.members import Turn
from gateway.federation.message import Content
from gateway.mapping.documents import read
from gateway.mapping.schema import Standard
from gateway.model.documents import Handover, HandoverAcceptance
from gateway.model.ports import Clock, IdSource
from gateway.model.scopes import is_handover_scope
from gateway.model.transfer import Act, Refusal
from gateway.storage.database import Database
from gateway.storage.rows import PartKeyRow
from gateway.transfers.acts import UNKNOWN, Presiding
from gateway.transfers.agreements import day_of
from gateway.transfers.case import utc_text
from gateway.transfers.enquiry_acts import Unread
from gateway.transfers.handover_acts import HandoverAct, HandoverDocument
from gateway.transfers.handovers import open_duties
from gateway.transfers.log_reading import LogReading
from gateway.transfers.registry import Registry
from gateway.transfers.unit_of_work import Change
from gateway.transfers.vault import Vault


@dataclass(frozen=True, slots=True)
class HandoverDesk:
    """What reading these acts needs."""

    registry: Registry
    standard: Standard
    vault: Vault
    database: Database
    reading: LogReading
    clock: Clock
    ids: IdSource

    async def change(self, message: VerifiedMessage, secret: bytes, presiding: Presiding) -> Change:
        """What the message does, as far as that is known before the lock.  Raises StorageError, TransferLogError."""
        if not is_handover_scope(message.scp):
            return Unread(message, secret, UNKNOWN, (), presiding)
        scope, now = message.scp or "", self.clock.now()
        document, problems = self._document(message)
        part_key: PartKeyRow | None = None
        if await self.database.fetch("part_key_by_id", part_id=scope):
            key = await self.vault.part_key(scope)
        else:
            key, part_key = self.vault.new_part(scope, utc_text(now))
        contents = self.vault.seal(key, scope, message.iss, message.jti, self._with_envelope(message))
        known = not isinstance(document, Handover) or await self._knows(document)
        found = await open_duties(self.database, day_of(now))
        return HandoverAct(message, secret, document, problems, contents, part_key, self._rota, found, known)

    def _rota(self) -> Sequence[Turn]:
        return self.registry.trust.data.presiding

    def _document(self, message: VerifiedMessage) -> tuple[HandoverDocument, tuple[Problem, ...]]:
        """The act's document, or why it cannot be read."""
        try:
            if message.act == Act.HANDOVER:
                return read(message.contents["handover"].data, Handover, self.standard), ()
            return read(message.contents["acceptance"].data, HandoverAcceptance, self.standard), ()
        except (StorageError, TransferLogError):
            raise
        except GatewayError as error:
            return Refusal(error.code, error.zh, error.en), error.problems

    async def _knows(self, handover: Handover) -> bool:
        """Whether the log ever had that size and root; it only grows, so an answer before the lock holds under it."""
        size, _ = await self.reading.head()
        return handover.log_size <= size and (await self.reading.root(handover.log_size)).hex() == handover.log_root

    def _with_envelope(self, message: VerifiedMessage) -> Sequence[Content]:
        return [*message.contents.values(), Content("envelope", message.token.encode(), "application/jose", self.ids.secret())]
