"""The connector: what a bank runs beside its own system, and all it needs to take part.

It signs with the bank's key on the bank's premises, sends, collects, verifies, asks the bank, answers.
Four loops work on durable rows: what is to be sent, what was received, what the bank is to be asked,
and (for a mailbox) the poll.  Between two rows a crash costs nothing: each step is one transaction, and
what is sent again carries the same `jti` and contents.

It knows no transport: `post` is given, and whoever listens calls `take`.
"""

import asyncio
import base64
import binascii
import json
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import structlog

from gateway.client.bank import Application, Bank
from gateway.client.cases import CaseReader, Tools
from gateway.client.outgoing import Writer, sd_of
from gateway.client.pace import Pace
from gateway.client.receipts import Judge, Sent, VerifiedAnswer, problem_code
from gateway.client.store import Outgoing, Store, moment_text
from gateway.crypto.keys import SigningKey
from gateway.errors import GatewayError, PeerError, PeerUnavailableError, StorageError, TrustError
from gateway.federation.channels.https import HttpAnswer
from gateway.federation.envelope import seal, unseal
from gateway.federation.framing import RawMessage
from gateway.federation.message import Content, HttpTarget, RawContent
from gateway.federation.protocol import GATEWAY_ID, LIFETIME_HTTP_MAX, SECRET_BYTES
from gateway.federation.registry import TrustFile
from gateway.formats.json_safe import read_json
from gateway.model.canonical import unb64url
from gateway.model.documents import Withdrawal
from gateway.model.ports import Clock, IdSource
from gateway.model.transfer import Act, transfer_id
from gateway.storage.connector_schema import CaseRow, InboxRow, OutboxRow
from gateway.storage.database import Write

MESSAGES_PATH = "/v1/messages"
MAILBOX_PATH = "/v1/mailbox"
IN_FLIGHT_MAX = 16
LIFETIME = LIFETIME_HTTP_MAX
PASSING = frozenset({"trust.stale", "trust.not_yet_valid", "trust.key_not_valid", "trust.suspended"})
"""Refusals that another time, another clock or another key may cure: the message is signed again later."""

Post = Callable[[str, str, Sequence[Content]], Awaitable[HttpAnswer]]
"""URL, token, contents → the answer.  Raises PeerError; a `PeerUnavailableError` is tried again."""
log = structlog.get_logger("gateway.connector")


@dataclass(frozen=True, slots=True)
class Setup:
    """Who this connector speaks for, and with what.  `gateway_url` has no path; `mailbox`: it polls instead of being pushed to."""

    member: str
    key: SigningKey
    trust: TrustFile
    gateway_url: str
    mailbox: bool
    tools: Tools
    clock: Clock
    ids: IdSource
    chance: random.Random
    pace: Pace = field(default_factory=Pace)


class Connector:
    """One bank's connector over one store.  `run` works until cancelled."""

    def __init__(self, setup: Setup, bank: Bank, store: Store, post: Post) -> None:
        self._setup = setup
        self._bank = bank
        self._post = post
        self.store = store
        self.trust = setup.trust
        self._writer = Writer(setup.member, setup.ids)
        self._wake_sender = asyncio.Event()
        self._wake_worker = asyncio.Event()

    @property
    def member(self) -> str:
        return self._setup.member

    @property
    def judge(self) -> Judge:
        """What answers are checked against: the trust file in force."""
        return Judge(self.trust)

    async def run(self) -> None:
        """Send, work and poll until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._sending())
            tasks.create_task(self._working())
            if self._setup.mailbox:
                tasks.create_task(self._polling())

    # ---------------------------------------------------------------- what the bank starts

    async def submit(self, application: Application, jti: str = "") -> str:
        """Open a transfer for a learner; durable when it returns.  Gives its id, which both ends compute alike."""
        message = self._writer.request(application, jti)
        request = application.request
        row = CaseRow(message.scope, request.source, request.accepting, request.facing, "submitted", 0, "", "", "", "{}", self._now_text())
        await self._commit([*Store.send(message, self._now_text()), Store.put_case(row)])
        return message.scope

    async def withdraw(self, transfer: str, withdrawal: Withdrawal) -> str:
        """Take a case back before its decision.  Gives the message's id."""
        return await self.say(self._writer.withdraw(transfer, withdrawal))

    async def say(self, message: Outgoing) -> str:
        """Owe any message; durable when it returns."""
        await self._commit(Store.send(message, self._now_text()))
        return message.jti

    async def resend(self, jti: str) -> None:
        """Ask for the answer of a message once more: the same message goes out again."""
        await self._commit([Store.again(jti, self._now_text())])

    # ---------------------------------------------------------------- what arrives

    async def take(self, raw: RawMessage, target: HttpTarget, irt: str | None = None) -> None:
        """A message of the gateway: believe its signature, keep it, work later.  `irt` is the poll that brought it.

        Raises TrustError for what is not the gateway's, or not for us, or not now.
        """
        now = self._setup.clock.now()
        message = unseal(raw.token, raw.contents, keys=self.trust.finder(now), audience=self.member, http=target)
        if message.iss != GATEWAY_ID:
            raise TrustError("trust.not_your_gateway", "消息不是网关发出的", "the message is not the gateway's")
        if irt is not None and message.irt != irt:
            raise TrustError("trust.wrong_target", "消息不是对本次取件的答复", "the message does not answer this poll")
        known = await self.store.taken(message.iss, message.jti)
        if known is None:
            message.check_fresh(now, LIFETIME)
            await self.store.commit(Store.keep(message, self._now_text()))
        elif known.con != _stable(message.claims["con"]) and known.con != message.content_digest:
            raise TrustError("trust.replay_conflict", "消息编号已用于另一内容", "the message id was used for another message")
        elif known.state == "done":
            for answer in await self.store.answers_to(message.jti):
                if answer.state in {"done", "refused"}:
                    await self.resend(answer.jti)
        elif known.state == "refused":
            await self.store.commit([Write("inbox_end", [("kept", "", known.iss, known.jti)])])
        self._wake_worker.set()
        self._wake_sender.set()

    # ---------------------------------------------------------------- sending

    async def _sending(self) -> None:
        while True:
            self._wake_sender.clear()
            due = await self.store.due(self._now_text(), IN_FLIGHT_MAX)
            if due:
                async with asyncio.TaskGroup() as tasks:
                    for row in due:
                        tasks.create_task(self._deliver(row))
                continue
            await _until(self._wake_sender, self._setup.pace.idle_s)

    async def _deliver(self, row: OutboxRow) -> None:
        try:
            writes = await self._try(row)
        except PeerUnavailableError as fault:
            writes = [self._later(row, fault.code)]
        except GatewayError as fault:
            log.error("answer_not_believed", member=self.member, act=row.act, transfer=row.scope, code=fault.code)
            writes = [Store.answered(row, "alarm", fault.code, None, None, None)]
        await self._commit(writes)

    async def _try(self, row: OutboxRow) -> list[Write]:
        contents = tuple((await self.store.contents("out", row.jti)).values())
        url = self._setup.gateway_url + MESSAGES_PATH
        now = self._setup.clock.now()
        claims: dict[str, Any] = json.loads(row.claims)
        token = seal(
            key=self._setup.key, iss=self.member, aud=GATEWAY_ID, jti=row.jti, iat=now, exp=now + LIFETIME,
            act=row.act, contents=contents, http=HttpTarget("POST", url), **claims,
        )  # fmt: skip
        got = await self._post(url, token, contents)
        sent = Sent(self.member, row.jti, row.act, tuple((each.name, sd_of(each), len(each.data)) for each in contents))
        try:
            answer = self.judge.answer(sent, got.status, got.body, self._setup.clock.now())
        except PeerError:
            return self._unproven(row, got)
        return await self._answered(row, answer)

    def _unproven(self, row: OutboxRow, got: HttpAnswer) -> list[Write]:
        """No receipt: a refusal of something that was not authentic, or no answer of the gateway at all."""
        code, retryable = problem_code(got.body)
        if got.status < 300:
            raise PeerError("peer.unproven", "答复没有证明", "the answer does not prove itself")
        if retryable or code in PASSING:
            return [self._later(row, code)]
        log.error("message_refused", member=self.member, act=row.act, transfer=row.scope, code=code)
        return [Store.answered(row, "failed", code, got.status, None, None)]

    def _later(self, row: OutboxRow, code: str) -> Write:
        wait = self._setup.pace.wait(row.attempts, self._setup.chance)
        return Store.tried(row, moment_text(self._setup.clock.now() + wait), code)

    async def _answered(self, row: OutboxRow, answer: VerifiedAnswer) -> list[Write]:
        """A proven answer and what follows from it, in one commit."""
        accepted = not answer.code
        receipt = json.dumps(dict(answer.receipt), sort_keys=True)
        writes = [Store.answered(row, "done" if accepted else "refused", answer.code, answer.status, answer.raw, receipt)]
        case = await self.store.case(row.scope)
        if case is not None:
            writes.append(Store.put_case(self._moved(case, row, answer, accepted=accepted)))
        return writes

    def _moved(self, case: CaseRow, row: OutboxRow, answer: VerifiedAnswer, *, accepted: bool) -> CaseRow:
        """The case after an answer; what is to do next follows from the act that was answered."""
        body = answer.body
        if not accepted:
            if row.act == Act.REQUEST:
                return case._replace(state="refused", body=answer.raw.decode("utf-8"), changed_at=self._now_text())
            stale = row.act == Act.DECIDE and answer.code == "transfer.stale_version"
            return case._replace(todo="decide" if stale else case.todo, ver=int(body.get("ver", case.ver)), changed_at=self._now_text())
        if int(body["ver"]) < case.ver:
            return case
        todo = case.todo
        if row.act == Act.ACKNOWLEDGE and body["state"] == "reviewing":
            todo = "decide"
        elif row.act == Act.DECIDE and body["state"] == "posting":
            todo = "post"
        return case._replace(
            state=str(body["state"]), ver=int(body["ver"]), todo=todo, body=answer.raw.decode("utf-8"), changed_at=self._now_text()
        )

    # ---------------------------------------------------------------- working

    async def _working(self) -> None:
        while True:
            self._wake_worker.clear()
            for row in await self.store.kept(IN_FLIGHT_MAX):
                await self._work(row)
            for case in await self.store.to_do():
                await self._attend(case)
            await _until(self._wake_worker, self._setup.pace.idle_s)

    async def _work(self, row: InboxRow) -> None:
        """Check a kept message and owe its answer.  What does not hold is set aside for a person and never answered."""
        try:
            contents = await self.store.contents("in", row.jti)
            match Act(row.act):
                case Act.FORWARD:
                    writes = self._acknowledge(row, contents)
                case Act.FETCH:
                    writes = self._confirm(row, contents)
                case Act.NOTIFY:
                    writes = await self._note(row, contents)
                case _:
                    raise PeerError("peer.off_protocol", "网关不应发送此动作", "the gateway does not send this act")
        except StorageError:
            raise
        except GatewayError as fault:
            log.error(
                "message_does_not_hold",
                member=self.member,
                act=row.act,
                transfer=row.scope,
                code=fault.code,
                reason=str(fault.facts.get("reason", "")),
            )
            writes = [Store.finish(row, fault.code)]
        await self._commit(writes)

    def _reader(self) -> CaseReader:
        return CaseReader(self.member, self.judge, self._setup.tools)

    def _acknowledge(self, row: InboxRow, contents: Mapping[str, Content]) -> list[Write]:
        now = self._setup.clock.now()
        found = self._reader().forward(row.scope, contents, now)
        account = self._bank.account_of(found.case.request, found.case.identity)
        message = self._writer.acknowledge(row, account, now)
        request = found.case.request
        case = CaseRow(
            row.scope, request.source, request.accepting, request.facing, "delivering", 0, "", row.jti, "", "{}", self._now_text()
        )
        return [*Store.send(message, self._now_text()), Store.put_case(case), Store.finish(row)]

    def _confirm(self, row: InboxRow, contents: Mapping[str, Content]) -> list[Write]:
        request, identity, identity_sd = self._reader().fetch(row.scope, contents, self._setup.clock.now())
        given = self._bank.supply(request, identity)
        if isinstance(given, Withdrawal):
            message = self._writer.decline(row, given)
        else:
            message = self._writer.confirm(row, request, given, identity_sd)
        case = CaseRow(row.scope, request.source, request.accepting, request.facing, "confirming", 0, "", "", "", "{}", self._now_text())
        return [*Store.send(message, self._now_text()), Store.put_case(case), Store.finish(row)]

    async def _note(self, row: InboxRow, contents: Mapping[str, Content]) -> list[Write]:
        notice = self._reader().notice(row.scope, contents)
        told = notice.case
        now = self._now_text()
        case = await self.store.case(row.scope) or CaseRow(
            row.scope, str(told["source"]), str(told["accepting"]), str(told["facing"]), "", 0, "", "", "", "{}", now
        )
        case = case._replace(state=str(told["state"]), ver=max(case.ver, int(told["ver"])), todo="", changed_at=now)
        booked = notice.decision is not None and any(item.verdict.value == "recognised" for item in notice.decision.items)
        if booked and case.source == self.member:
            return [Store.put_case(case._replace(todo="post", decided_jti=row.jti)), Store.finish(row)]
        self._bank.told(row.scope, notice.event)
        return [*Store.send(self._writer.noted(row), now), Store.put_case(case), Store.finish(row)]

    async def _attend(self, case: CaseRow) -> None:
        """Ask the bank for what only it can say."""
        try:
            writes = await (self._decide(case) if case.todo == "decide" else self._book(case))
        except StorageError:
            raise
        except GatewayError as fault:
            log.error("case_stuck", member=self.member, transfer=case.transfer, todo=case.todo, code=fault.code)
            return
        await self._commit(writes)

    async def _decide(self, case: CaseRow) -> list[Write]:
        now = self._setup.clock.now()
        found = self._reader().forward(case.transfer, await self.store.contents("in", case.forward_jti), now)
        decision = self._bank.decide(found.case)
        if decision is None:
            return []
        message = self._writer.decide(case, found, decision)
        return [*Store.send(message, self._now_text()), Store.put_case(case._replace(todo=""))]

    async def _book(self, case: CaseRow) -> list[Write]:
        """Book and say so.  The accepting bank answers its own decision, the source bank the notice of it."""
        if case.accepting == self.member:
            decided = next(row for row in await self._sent(case.transfer, Act.DECIDE) if row.state == "done")
            decision = self._writer.read_decision((await self.store.contents("out", decided.jti))["decision"], self._setup.tools.standard)
            irt, role = decided.jti, "accepting"
        else:
            notice = self._reader().notice(case.transfer, await self.store.contents("in", case.decided_jti))
            assert notice.decision is not None
            decision, irt, role = notice.decision, case.decided_jti, "source"
        booked = self._bank.post(case.transfer, role, decision)
        message = self._writer.posted(case.transfer, irt, booked, self._setup.clock.now())
        return [*Store.send(message, self._now_text()), Store.put_case(case._replace(todo=""))]

    async def _sent(self, transfer: str, act: Act) -> list[OutboxRow]:
        return [row for row in await self.store.messages() if row.scope == transfer and row.act == act]

    # ---------------------------------------------------------------- polling

    async def _polling(self) -> None:
        failures = 0
        while True:
            try:
                waiting = await self.collect()
                failures = 0
            except GatewayError as fault:
                failures += 1
                waiting = 0
                log.warning("poll_failed", member=self.member, code=fault.code)
            if not waiting:
                await asyncio.sleep(self._setup.pace.poll_s if not failures else self._backed_off(failures))

    def _backed_off(self, failures: int) -> float:
        return self._setup.pace.wait(failures - 1, self._setup.chance).total_seconds()

    async def collect(self) -> int:
        """Poll the mailbox once; everything handed out is kept before this returns.  Gives how many messages came."""
        url = self._setup.gateway_url + MAILBOX_PATH
        now = self._setup.clock.now()
        jti = self._setup.ids.jti()
        target = HttpTarget("POST", url)
        token = seal(
            key=self._setup.key, iss=self.member, aud=GATEWAY_ID, jti=jti, iat=now, exp=now + LIFETIME,
            act=Act.COLLECT.value, contents=(), http=target,
        )  # fmt: skip
        got = await self._post(url, token, ())
        if got.status != 200:
            raise PeerError("peer.refused", "网关拒绝取件", "the gateway refused the poll", reason=problem_code(got.body)[0])
        raws = handed(got.body, jti)
        for raw in raws:
            try:
                await self.take(raw, target, irt=jti)
            except TrustError as fault:
                log.error("message_not_believed", member=self.member, code=fault.code)
        return len(raws)

    # ----------------------------------------------------------------

    def _now_text(self) -> str:
        return moment_text(self._setup.clock.now())

    async def _commit(self, writes: Sequence[Write]) -> None:
        await self.store.commit(writes)
        if writes:
            self._wake_sender.set()
            self._wake_worker.set()


def handed(content: bytes, jti: str) -> list[RawMessage]:
    """The messages inside a mailbox's answer, not yet believed.  Raises PeerError(`peer.off_protocol`)."""
    value: Any = read_json(content, MAILBOX_LIMITS)
    if not isinstance(value, dict) or value.get("irt") != jti or not isinstance(value.get("messages"), list):
        raise _off_protocol()
    try:
        return [_raw(each) for each in value["messages"]]
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise _off_protocol() from None


def _raw(each: Mapping[str, Any]) -> RawMessage:
    contents = {}
    for content in each["contents"]:
        secret = unb64url(content["secret"])
        if len(secret) != SECRET_BYTES:
            raise ValueError("a secret has 32 bytes")
        data = base64.b64decode(content["data"], validate=True)
        contents[str(content["name"])] = RawContent(str(content["name"]), data, str(content["type"]), secret)
    return RawMessage(str(each["envelope"]), contents)


def _off_protocol() -> PeerError:
    return PeerError("peer.off_protocol", "网关的取件答复不合规定", "the mailbox's answer does not have its form")


async def _until(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
