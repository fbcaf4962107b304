"""Canaries: whole cases about a learner who does not exist, sent to every other bank on a schedule, so that a silent fault is seen.

The source bank's own system supplies the part, as for anybody: the made-up learner stands in its files, with a record for each other
bank, so that no two canaries under way ask for one record.  How they are answered: `canary_bank`.
"""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

import structlog

from gateway.client.bank import Application
from gateway.client.office import Office
from gateway.client.opening import opening
from gateway.client.store import Outgoing
from gateway.errors import GatewayError
from gateway.federation.members import Status
from gateway.model.canary import CANARY_PREFIX
from gateway.model.documents import Consent, Enquiry, Identity, Request, Withdrawal
from gateway.model.transfer import CLOSED

PURPOSE: Final = "credit_recognition"
NOTICE: Final = "探测告知书:学习者是虚构的,不认定任何成果。Notice of a probe: the learner is made up, nothing is recognised."
LASTING: Final = timedelta(days=30)
ENDED: Final = frozenset({*(state.value for state in CLOSED), "refused"})
log = structlog.get_logger("gateway.canary")


class Canaries:
    """Sends them for one bank.  `learner` is the made-up one of the bank's files, marked `synthetic`."""

    def __init__(self, office: Office, learner: Identity) -> None:
        assert learner.synthetic, "a canary is about nobody"
        self._office = office
        self._learner = learner
        self._sent: dict[str, str] = {}

    async def run(self, every_s: float) -> None:
        """One to every other bank each `every_s`, until cancelled.  What goes wrong is tried again at the next turn."""
        while True:
            for accepting in self.others():
                try:
                    await self.send(accepting)
                except (GatewayError, OSError) as fault:
                    log.warning("canary_not_sent", to=accepting, code=getattr(fault, "code", type(fault).__name__))
            await asyncio.sleep(every_s)

    def others(self) -> list[str]:
        """The active members beside this one, in the order of their ids."""
        mine = self._office.setup.member
        return sorted(each.id for each in self._office.trust.data.members if each.id != mine and each.status is Status.ACTIVE)

    async def send(self, accepting: str) -> Outgoing | None:
        """Owe one; None where the one before is still under way, or the bank's files have not the learner."""
        office = self._office
        before = await office.store.case(self._sent.get(accepting, ""))
        if before is not None and before.state not in ENDED:
            return None
        made = self._application(accepting)
        if made is None:
            log.warning("canary_learner_missing", member=office.setup.member)
            return None
        message, writes = opening(office, made)
        await office.commit(writes)
        self._sent[accepting] = message.scope
        return message

    def _application(self, accepting: str) -> Application | None:
        office, now = self._office, self._office.setup.clock.now().replace(microsecond=0)
        member, bank = office.setup.member, office.bank
        held = bank.held(Enquiry(member, now), self._learner)
        if isinstance(held, Withdrawal) or held.part is None:
            return None
        read = office.setup.tools.adapters[member].parse(held.part.content, held.part.manifest)
        records = [record.record_id for record in read.records]
        if not records:
            return None
        wanted = (records[self.others().index(accepting) % len(records)],)
        request = Request(member, accepting, member, f"{CANARY_PREFIX}{accepting}", "探测 / canary", PURPOSE, wanted, {}, now)
        given = bank.supply(request, self._learner)
        if isinstance(given, Withdrawal):
            return None
        accounts = {member: given.account} if given.account else {}
        consent = _consent(f"{CANARY_PREFIX}{office.setup.ids.jti()}", request, now)
        return Application(replace(request, accounts=accounts), self._learner, consent, given)


def _consent(name: str, request: Request, now: datetime) -> Consent:
    """Nobody consents, for there is nobody: the papers are those of any case, and say what they are."""
    return Consent(
        consent_id=name,
        controller=request.facing,
        recipient=request.accepting,
        recipient_contact="canary",
        purpose=request.purpose,
        method="经网关加密传输 / encrypted, through the gateway",
        kinds=("虚构的学习成果 / made-up achievements",),
        retention_until=(now + LASTING).date(),
        rights="无此人 / there is no such person",
        notice_digest=sha256(NOTICE.encode("utf-8")).hexdigest(),
        source=request.source,
        records=request.records,
        given_at=now - timedelta(minutes=1),
        expires_at=now + LASTING,
    )
