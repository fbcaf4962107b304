"""What a learner signs at a counter: the request, the consents, and the part where the bank there is the source."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256

from gateway.client.bank import Application, Question, Supply
from gateway.model.documents import Consent, Enquiry, Request
from gateway.model.ports import Clock, IdSource
from gateway.simulator.banks import PROGRAMME_NAMES, Programme, SimulatedBank
from gateway.simulator.people import Learner

PURPOSE = "credit_recognition"
LISTING = "listing"
NOTICE = "沙箱告知书:仅用于演示,学习者均为虚构。Sandbox notice: for demonstration, all learners are made up."
LASTING = timedelta(days=60)
RETAINED = timedelta(days=3 * 365)


class Counter:
    """Makes applications out of wishes."""

    def __init__(self, clock: Clock, ids: IdSource) -> None:
        self._clock = clock
        self._ids = ids

    def pushed(
        self,
        source: SimulatedBank,
        accepting: str,
        learner: Learner,
        programme: Programme = Programme.OPEN,
        records: Iterable[str] | None = None,
        supply: Supply | None = None,
    ) -> Application:
        """The learner applies at the source bank, which sends the part along."""
        wanted = tuple(records) if records is not None else source.record_ids(learner)
        request = self._request(source.member, accepting, source.member, learner, programme, wanted)
        consent = self._consent(request, accepting)
        return Application(request, learner.identity, consent, supply or source.part(learner, wanted))

    def pulled(self, source: SimulatedBank, accepting: str, learner: Learner, programme: Programme = Programme.OPEN) -> Application:
        """The learner applies at the accepting bank; the source bank will be asked, under a consent of its own."""
        request = self._request(source.member, accepting, accepting, learner, programme, source.record_ids(learner))
        return Application(
            request, learner.identity, self._consent(request, accepting), consent_source=self._consent(request, source.member)
        )

    def question(self, source: str, facing: str, learner: Learner) -> Question:
        """What records has the learner at that bank?  Under a consent for being asked, and for nothing else."""
        now = self._now()
        request = Request(source, facing, facing, "", "", LISTING, (), {}, now)
        return Question(Enquiry(source, now), learner.identity, self._consent(request, source))

    def _now(self) -> datetime:
        return self._clock.now().replace(microsecond=0)

    def _request(
        self, source: str, accepting: str, facing: str, learner: Learner, programme: Programme, records: tuple[str, ...]
    ) -> Request:
        return Request(
            source, accepting, facing, programme.value, PROGRAMME_NAMES[programme], PURPOSE, records,
            {facing: learner.accounts[facing]}, self._now(),
        )  # fmt: skip

    def _consent(self, request: Request, recipient: str) -> Consent:
        now = self._now()
        return Consent(
            consent_id=f"SBX-{self._ids.jti()}",
            controller=request.facing,
            recipient=recipient,
            recipient_contact=f"{recipient.lower()}@sandbox.example",
            purpose=request.purpose,
            method="经网关加密传输 / encrypted, through the gateway",
            kinds=("学习成果 / achievements", "身份信息 / identity"),
            retention_until=(now + RETAINED).date(),
            rights="可随时撤回;可查阅、复制、更正 / may be withdrawn at any time; access, copy, correction",
            notice_digest=sha256(NOTICE.encode("utf-8")).hexdigest(),
            source=request.source,
            records=request.records,
            given_at=now - timedelta(minutes=1),
            expires_at=now + LASTING,
        )
