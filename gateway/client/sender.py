"""Sending what the bank owes: in order per transfer, signed anew at each try, done only by a proven answer.

An answer and what follows from it are one commit.  An answer that does not prove itself is never
taken for one: the message is set aside with an alarm and a person looks.
"""

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import structlog

from gateway.client.office import Office, wait_for
from gateway.client.outgoing import sd_of
from gateway.client.receipts import Sent, VerifiedAnswer, problem_code
from gateway.client.store import Store, moment_text
from gateway.client.todo import DECIDE, POST, minus, newer, plus
from gateway.errors import GatewayError, PeerError, PeerUnavailableError, StorageError
from gateway.federation.channels.https import HttpAnswer
from gateway.federation.envelope import seal
from gateway.federation.message import Content, HttpTarget
from gateway.federation.protocol import GATEWAY_ID, LIFETIME_HTTP_MAX
from gateway.model.transfer import Act
from gateway.storage.connector_schema import CaseRow, OutboxRow
from gateway.storage.database import Write

IN_FLIGHT_MAX = 16
PASSING = frozenset({"trust.stale", "trust.not_yet_valid", "trust.key_not_valid", "trust.unknown_key", "trust.suspended"})
"""Refusals that another time, another clock, another key or a newer trust file may cure: the message is signed again later."""
log = structlog.get_logger("gateway.connector")


class Sender:
    """The outbox at work."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def run(self) -> None:
        """Until cancelled."""
        office = self._office
        while True:
            office.sender_bell.clear()
            due = await office.store.due(office.now_text(), IN_FLIGHT_MAX)
            if due:
                async with asyncio.TaskGroup() as tasks:
                    for row in due:
                        tasks.create_task(self._deliver(row))
                continue
            await wait_for(office.sender_bell, office.setup.pace.idle_s)

    async def _deliver(self, row: OutboxRow) -> None:
        setup = self._office.setup
        contents = tuple((await self._office.store.contents("out", row.jti)).values())
        target = HttpTarget("POST", setup.gateway_url + setup.messages_path)
        try:
            got = await self._office.post(target.url, self.sign(row, contents, target, LIFETIME_HTTP_MAX), contents)
        except PeerUnavailableError as fault:
            async with self._office.books:
                await self._office.commit([self._later(row, fault.code)])
        except StorageError:
            raise
        except GatewayError as fault:
            async with self._office.books:
                await self._office.commit([self._alarm(row, fault)])
        else:
            await self.settle(row, contents, got)

    def sign(self, row: OutboxRow, contents: Sequence[Content], http: HttpTarget | None, lifetime: timedelta) -> str:
        """An envelope for this try: same `jti` and contents, new times.  Files name no target and live longer."""
        setup = self._office.setup
        now = setup.clock.now()
        claims: dict[str, Any] = json.loads(row.claims)
        return seal(
            key=setup.key, iss=setup.member, aud=GATEWAY_ID, jti=row.jti, iat=now, exp=now + lifetime,
            act=row.act, contents=contents, http=http, seq=row.seq, **claims,
        )  # fmt: skip

    async def settle(self, row: OutboxRow, contents: Sequence[Content], got: HttpAnswer) -> None:
        """An answer has come: believe it or not, and write down what follows."""
        try:
            answer = self._judged(row, contents, got)
        except StorageError:
            raise
        except GatewayError as fault:
            answer = self._alarm(row, fault)
        async with self._office.books:
            await self._office.commit([answer] if isinstance(answer, Write) else await self._answered(row, answer))

    def _judged(self, row: OutboxRow, contents: Sequence[Content], got: HttpAnswer) -> VerifiedAnswer | Write:
        setup = self._office.setup
        sent = Sent(setup.member, row.jti, row.act, tuple((each.name, sd_of(each), len(each.data)) for each in contents))
        try:
            return self._office.judge.answer(sent, got.status, got.body, setup.clock.now())
        except PeerError:
            if got.status < 300:
                raise
            return self._unproven(row, got)

    def _alarm(self, row: OutboxRow, fault: GatewayError) -> Write:
        self._tell("answer_not_believed", row, fault.code)
        return Store.answered(row, "alarm", fault.code, None, None, None)

    def _unproven(self, row: OutboxRow, got: HttpAnswer) -> Write:
        """A "no" without receipt: the message was not authentic to the gateway, and nothing was kept there."""
        code, retryable = problem_code(got.body)
        if retryable or code in PASSING:
            return self._later(row, code)
        self._tell("message_refused", row, code)
        return Store.answered(row, "failed", code, got.status, None, None)

    def _later(self, row: OutboxRow, code: str) -> Write:
        setup = self._office.setup
        return Store.tried(row, moment_text(setup.clock.now() + setup.pace.wait(row.attempts, setup.chance)), code)

    async def _answered(self, row: OutboxRow, answer: VerifiedAnswer) -> list[Write]:
        receipt = json.dumps(dict(answer.receipt), sort_keys=True)
        state = "refused" if answer.code else "done"
        writes = [Store.answered(row, state, answer.code, answer.status, answer.raw, receipt)]
        if row.last_error == "peer.unavailable":
            writes.append(Store.hurry(self._office.now_text()))
        if row.act == Act.POSTED and answer.code:
            writes += await self._unbooked(row, answer)
        told = answer.body.get("case")  # of a consent taken back: the case that stood on it
        if isinstance(told, dict):
            ended = await self._office.store.case(str(told["transfer"]))
            if ended is not None:
                writes.append(Store.put_case(minus(newer(ended, told))._replace(changed_at=self._office.now_text())))
        if row.act == Act.DECIDE and answer.code == "transfer.outcome_taken":
            self._office.bank.told(row.scope, "outcome_taken")
        case = await self._office.store.case(row.scope)
        if case is not None:
            writes.append(Store.put_case(_moved(case, row, answer)._replace(changed_at=self._office.now_text())))
        return writes

    async def _unbooked(self, row: OutboxRow, answer: VerifiedAnswer) -> list[Write]:
        """A booking that does not count now: the notice it answered is noted, and where the case does not stand it is taken back."""
        office = self._office
        if answer.body.get("reverse"):
            office.bank.told(row.scope, str(answer.body["state"]))
        notice = await office.store.taken(GATEWAY_ID, str(json.loads(row.claims).get("irt")))
        return [] if notice is None else Store.send(office.writer.noted(notice), office.now_text())

    def _tell(self, event: str, row: OutboxRow, code: str) -> None:
        log.error(event, member=self._office.setup.member, act=row.act, transfer=row.scope, code=code)


def _moved(case: CaseRow, row: OutboxRow, answer: VerifiedAnswer) -> CaseRow:
    """The case after an answer; what is to do next follows from the act that was answered."""
    body = answer.body
    if answer.code:
        if row.act == Act.REQUEST:
            return case._replace(state="refused", body=answer.raw.decode("utf-8"))
        if body.get("state") and int(body["ver"]) >= case.ver:
            case = case._replace(state=str(body["state"]), ver=int(body["ver"]))
        again = row.act == Act.ASK or (row.act == Act.DECIDE and answer.code == "transfer.stale_version")
        again |= row.act == Act.ACKNOWLEDGE and answer.code == "transfer.wrong_state"  # it was acknowledged before, and lost here since
        return plus(case, DECIDE) if again else minus(case)
    if int(body["ver"]) < case.ver:  # a notice overtook the answer: the decision stands all the same, and is to be booked
        return plus(case, POST) if row.act == Act.DECIDE else case
    case = minus(newer(case, body))
    match row.act:
        case Act.ACKNOWLEDGE:
            return plus(case, DECIDE)
        case Act.DECIDE:
            return plus(case, POST)
        case Act.POSTED:  # the bank could not book its own decision: it makes another
            return plus(case, DECIDE) if case.accepting == body["iss"] else case
        case _:
            return case
