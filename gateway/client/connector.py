"""The connector: what a bank runs beside its own system, and all it needs to take part.

It signs with the bank's key on the bank's premises, sends, collects, verifies, asks the bank, answers.
Its loops work on durable rows: what is to be sent (`sender`), what was received and what the bank is to
be asked (`desk`), and for a mailbox the poll.  Between two rows a crash costs nothing: each step is one
transaction, and what is sent again carries the same `jti` and contents.

It knows no transport: `post` is given, and whoever listens calls `take`.
"""

import asyncio
from datetime import timedelta

import structlog

from gateway.client.bank import Application, Bank, Question, Supply
from gateway.client.corrections import Corrections
from gateway.client.desk import Desk
from gateway.client.exchange_folder import ExchangeFolder
from gateway.client.file_exchange import FileExchange
from gateway.client.mailbox import read_handed
from gateway.client.office import Office, Post, Setup
from gateway.client.opening import opening
from gateway.client.receipts import problem_code
from gateway.client.sender import Sender
from gateway.client.store import Outgoing, Store, signature_of
from gateway.client.todo import DECIDE, plus
from gateway.errors import GatewayError, PeerError, TrustError
from gateway.federation.envelope import VerifiedMessage, seal, unseal
from gateway.federation.framing import RawMessage
from gateway.federation.message import HttpTarget
from gateway.federation.protocol import GATEWAY_ID, LIFETIME_HTTP_MAX
from gateway.federation.registry import TrustFile
from gateway.model.canonical import Json
from gateway.model.documents import Clearance, Consent, Document, Withdrawal
from gateway.model.transfer import TABLE, Act
from gateway.storage.database import Write

MAILBOX_PATH = "/v1/mailbox"
NAMES_VER = frozenset(rule.act for rule in TABLE if rule.names_ver)
PATIENCE = timedelta(hours=1)
"""How long a message in the exchange folder may lie incomplete before somebody is told."""
log = structlog.get_logger("gateway.connector")


class Connector:
    """One bank's connector over one store.  `run` works until cancelled.

    With an `exchange` it speaks in files and posts nothing.
    """

    def __init__(self, setup: Setup, bank: Bank, store: Store, post: Post, exchange: ExchangeFolder | None = None) -> None:
        self._office = Office(setup, bank, store, post)
        self._sender = Sender(self._office)
        self._desk = Desk(self._office)
        self._corrections = Corrections(self._office, self._desk)
        self._files = FileExchange(self._office, self._sender, self.take, exchange, PATIENCE) if exchange is not None else None
        self._taking = asyncio.Lock()
        self.member = setup.member
        self.store = store

    @property
    def office(self) -> Office:
        """For whatever else works for this bank: its store, its people's questions."""
        return self._office

    @property
    def desk(self) -> Desk:
        """For the bank's people, who decide what no policy does."""
        return self._desk

    @property
    def trust(self) -> TrustFile:
        """The trust file in force."""
        return self._office.trust

    def replace_trust(self, trust: TrustFile) -> None:
        """Take a newer trust file."""
        self._office.trust = trust

    async def run(self) -> None:
        """Send, work and poll until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._files.run() if self._files is not None else self._sender.run())
            tasks.create_task(self._desk.run())
            tasks.create_task(self._corrections.run())
            if self._office.setup.mailbox:
                tasks.create_task(self._polling())

    async def submit(self, application: Application) -> Outgoing:
        """Open a transfer for a learner; durable when it returns.  `scope` is its id, which both ends compute alike."""
        message, writes = opening(self._office, application)
        await self._office.commit(writes)
        return message

    async def withdraw(self, transfer: str, why: Withdrawal) -> Outgoing:
        """Take a case back before its decision."""
        message = self._office.writer.withdraw(transfer, why)
        await self._office.commit(Store.send(message, self._office.now_text()))
        return message

    async def enquire(self, question: Question) -> Outgoing:
        """Ask another bank which records it has of a learner; `scope` is the enquiry's id.  The answer comes to `Bank.listed` or `told`."""
        message = self._office.writer.enquire(self.member, question)
        await self._office.commit(Store.send(message, self._office.now_text()))
        return message

    async def give_consent(self, consent: Consent) -> Outgoing:
        """Register a learner's consent before anything is asked under it."""
        message = self._office.writer.consent(consent)
        await self._office.commit(Store.send(message, self._office.now_text()))
        return message

    async def withdraw_consent(self, consent_id: str, why: Withdrawal) -> Outgoing:
        """A learner takes a consent back that this bank holds; what stands on it ends, or is disclosed no more."""
        message = self._office.writer.withdraw_consent(self.member, consent_id, why)
        await self._office.commit(Store.send(message, self._office.now_text()))
        return message

    async def say(self, act: Act, transfer: str, document: Document, supply: Supply | None = None) -> Outgoing:
        """What the bank's people say of a case, at the version this bank knows: ask, supplement, amend, revoke, dispute, uphold; and as
        presiding unit uphold, remit, retry, cancel.  `supply` is the part anew.  Raises PeerError where nothing was asked.
        """
        office = self._office
        claims: dict[str, Json] = {}
        if act in NAMES_VER:
            case = await self.store.case(transfer)
            claims["ver"] = case.ver if case is not None else 0
        if act is Act.SUPPLEMENT:
            claims["irt"] = await self._desk.question(transfer)
        message = office.writer.word(act, transfer, document, claims, supply)
        ids = supply.known_ids if supply is not None else {}
        await office.commit([*Store.send(message, office.now_text()), Store.remember_ids(ids)])
        return message

    async def rule(self, outcome: str, ver: int, ruling: Clearance) -> Outgoing:
        """As presiding unit: whose a contested outcome (`nf`) is, at the version of the contest that was looked at."""
        message = self._office.writer.word(Act.CLEAR, outcome, ruling, {"ver": ver}, None)
        await self._office.commit(Store.send(message, self._office.now_text()))
        return message

    async def reconsider(self, transfer: str) -> None:
        """The bank decides a case once more, after its decision was refused: what it would have recognised was taken elsewhere."""
        office = self._office
        async with office.books:
            case = await self.store.case(transfer)
            if case is not None and case.accepting == self.member:
                await office.commit([Store.put_case(plus(case, DECIDE))])

    async def resend(self, jti: str) -> None:
        """Ask for the answer of a message once more: the same message goes out again."""
        await self._office.commit([Store.again(jti, self._office.now_text())])

    def bank_has_news(self) -> None:
        """The bank can answer a question it could not answer before."""
        self._office.desk_bell.set()

    async def take(
        self, raw: RawMessage, target: HttpTarget | None, irt: str | None = None, lifetime: timedelta = LIFETIME_HTTP_MAX
    ) -> None:
        """A message of the gateway: believe its signature, keep it, work on it later.

        `irt` is the poll that brought it; what came in files has no `target` and lives longer.

        A repeat is answered again.  Raises TrustError for what is not the gateway's, not for us, or not now.
        """
        office = self._office
        now = office.setup.clock.now()
        message = unseal(raw.token, raw.contents, keys=office.trust.finder(now), audience=self.member, http=target)
        if message.iss != GATEWAY_ID:
            raise TrustError("trust.not_the_gateway", "消息不是网关发出的", "the message is not the gateway's")
        if irt is not None and message.irt != irt:
            raise TrustError("trust.wrong_target", "消息不是对本次取件的答复", "the message does not answer this poll")
        message.check_fresh(now, lifetime)
        async with self._taking:  # two copies may arrive at once
            await self._keep(message)

    async def _keep(self, message: VerifiedMessage) -> None:
        office = self._office
        known = await office.store.taken(message.iss, message.jti)
        if known is not None and known.con != signature_of(message):
            raise TrustError("trust.replay_conflict", "消息编号已用于另一内容", "the message id was used for another message")
        if known is None:
            await office.commit([*Store.keep(message, office.now_text()), Store.hurry(office.now_text())])
        elif known.state == "refused":
            await office.commit([Write("inbox_end", [("kept", "", known.iss, known.jti)])])
        else:
            answers = await office.store.answers_to(message.jti)
            await office.commit([Store.again(each.jti, office.now_text()) for each in answers if each.state != "waiting"])

    async def _polling(self) -> None:
        pace = self._office.setup.pace
        failures = 0
        while True:
            try:
                came = await self.collect()
                failures = 0
                wait = 0.0 if came else pace.poll_s
            except GatewayError as fault:
                wait = max(pace.poll_s, pace.wait(failures, self._office.setup.chance).total_seconds())
                failures += 1
                log.warning("poll_failed", member=self.member, code=fault.code)
            await asyncio.sleep(wait)

    async def correct(self) -> None:
        """Hold this bank's cases against its records once.  Raises OSError."""
        await self._corrections.look()

    async def look(self) -> None:
        """Look into the exchange folder once: answers, messages of the gateway, what is owed.  Raises OSError."""
        assert self._files is not None, "a connector without an exchange folder has nothing to look into"
        await self._files.look()

    async def collect(self) -> int:
        """Poll the mailbox once; everything handed out is kept before this returns.  Gives how many messages came.  Raises PeerError."""
        setup = self._office.setup
        target = HttpTarget("POST", setup.gateway_url + MAILBOX_PATH)
        now, jti = setup.clock.now(), setup.ids.jti()
        token = seal(
            key=setup.key, iss=self.member, aud=GATEWAY_ID, jti=jti, iat=now, exp=now + LIFETIME_HTTP_MAX,
            act=Act.COLLECT.value, contents=(), http=target,
        )  # fmt: skip
        got = await self._office.post(target.url, token, ())
        if got.status != 200:
            raise PeerError("peer.refused", "网关拒绝取件", "the gateway refused the poll", reason=problem_code(got.body)[0])
        messages = read_handed(got.body, jti)
        for raw in messages:
            try:
                await self.take(raw, target, irt=jti)
            except TrustError as fault:
                log.warning("message_not_believed", member=self.member, code=fault.code)
        return len(messages)
