"""An order about a part comes in: read before the lock, with what goes with the part, then made a change (`erasure.Ordering`)."""

from gateway.errors import GatewayError, Problem
from gateway.federation.envelope import VerifiedMessage
from gateway.federation.part_orders import SCOPE, PartOrder, is_part_scope
from gateway.model.ports import Clock, IdSource
from gateway.model.transfer import Refusal
from gateway.storage.database import Database
from gateway.storage.rows import ConsentRow
from gateway.transfers.acts import UNKNOWN, Presiding
from gateway.transfers.answers import refusal_of
from gateway.transfers.case import utc_text
from gateway.transfers.enquiry_acts import Unread
from gateway.transfers.erasure import Ordering, notice_part
from gateway.transfers.part_subjects import along_with
from gateway.transfers.unit_of_work import Change
from gateway.transfers.vault import Vault


async def ordered(
    message: VerifiedMessage, secret: bytes, database: Database, vault: Vault, clock: Clock, ids: IdSource, presiding: Presiding
) -> Change:
    """What the message does, as far as that is known before the lock.  Who names something else hears of no transfer.

    Raises StorageError.
    """
    part = (message.scp or "").removeprefix(SCOPE) if is_part_scope(message.scp) else ""
    if not part:
        return Unread(message, secret, UNKNOWN, (), presiding)
    problems: tuple[Problem, ...] = ()
    order: PartOrder | Refusal
    try:
        order = PartOrder.read(message.contents["order"].data)
    except GatewayError as error:
        order, problems = refusal_of(error), error.problems
    consents = [ConsentRow(*row) for row in await database.fetch("consents_by_scope", scope=part)]
    own = next(((row.controller, row.id) for row in consents), None)
    along = await along_with(database, part)
    _, notice_key = vault.new_part(notice_part(part), utc_text(clock.now()))
    return Ordering(message, secret, part, order, problems, own, along, notice_key, presiding, ids.jti)
