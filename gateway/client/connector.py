"""The connector: what a bank runs beside its own system, and all it needs to take part.

It signs with the bank's key on the bank's premises, sends, collects, verifies, asks the bank, answers.
Its loops work on durable rows: what is to be sent (`sender`), what was received and what the bank is to
be asked (`desk`), and for a mailbox the poll.  Between two rows a crash costs nothing: each step is one
transaction, and what is sent again carries the same `jti` and contents.

It knows no transport: `post` is given, and whoever listens calls `take`.
"""

import asyncio

import structlog

from gateway.client.bank import Application, Bank
from gateway.client.desk import Desk
from gateway.client.mailbox import read_handed
from gateway.client.office import Office, Post, Setup
from gateway.client.receipts import problem_code
from gateway.client.sender import Sender
from gateway.client.store import Outgoing, Store, signature_of
from gateway.errors import GatewayError, PeerError, TrustError
from gateway.federation.envelope import VerifiedMessage, seal, unseal
from gateway.federation.framing import RawMessage
from gateway.federation.message import HttpTarget
from gateway.federation.protocol import GATEWAY_ID, LIFETIME_HTTP_MAX
from gateway.federation.registry import TrustFile
from gateway.model.documents import Withdrawal
from gateway.model.transfer import Act
from gateway.storage.connector_schema import CaseRow
from gateway.storage.database import Write

MAILBOX_PATH = "/v1/mailbox"
log = structlog.get_logger("gateway.connector")


class Connector:
    """One bank's connector over one store.  `run` works until cancelled."""

    def __init__(self, setup: Setup, bank: Bank, store: Store, post: Post) -> None:
        self._office = Office(setup, bank, store, post)
        self._sender = Sender(self._office)
        self._desk = Desk(self._office)
        self._taking = asyncio.Lock()
        self.member = setup.member
        self.store = store

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
            tasks.create_task(self._sender.run())
            tasks.create_task(self._desk.run())
            if self._office.setup.mailbox:
                tasks.create_task(self._polling())

    async def submit(self, application: Application) -> Outgoing:
        """Open a transfer for a learner; durable when it returns.  `scope` is its id, which both ends compute alike."""
        office, request = self._office, application.request
        message = office.writer.request(self.member, application)
        case = CaseRow(
            message.scope, request.source, request.accepting, request.facing, "submitted", 0, "", "", "", "{}", office.now_text()
        )
        ids = application.supply.known_ids if application.supply is not None else {}
        await office.commit([*Store.send(message, office.now_text()), Store.remember_ids(ids), Store.put_case(case)])
        return message

    async def withdraw(self, transfer: str, why: Withdrawal) -> Outgoing:
        """Take a case back before its decision."""
        message = self._office.writer.withdraw(transfer, why)
        await self._office.commit(Store.send(message, self._office.now_text()))
        return message

    async def resend(self, jti: str) -> None:
        """Ask for the answer of a message once more: the same message goes out again."""
        await self._office.commit([Store.again(jti, self._office.now_text())])

    def bank_has_news(self) -> None:
        """The bank can answer a question it could not answer before."""
        self._office.desk_bell.set()

    async def take(self, raw: RawMessage, target: HttpTarget, irt: str | None = None) -> None:
        """A message of the gateway: believe its signature, keep it, work on it later.  `irt` is the poll that brought it.

        A repeat is answered again.  Raises TrustError for what is not the gateway's, not for us, or not now.
        """
        office = self._office
        now = office.setup.clock.now()
        message = unseal(raw.token, raw.contents, keys=office.trust.finder(now), audience=self.member, http=target)
        if message.iss != GATEWAY_ID:
            raise TrustError("trust.not_the_gateway", "消息不是网关发出的", "the message is not the gateway's")
        if irt is not None and message.irt != irt:
            raise TrustError("trust.wrong_target", "消息不是对本次取件的答复", "the message does not answer this poll")
        message.check_fresh(now, LIFETIME_HTTP_MAX)
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
