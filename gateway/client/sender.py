"""Sending what the bank owes: in order per transfer, signed anew at each try, done only by a proven answer.

An answer and what follows from it are one commit.  An answer that does not prove itself is never
taken for one: the message is set aside with an alarm and a person looks.
"""

import asyncio
import json
from typing import Any

import structlog

from gateway.client.office import Office, wait_for
from gateway.client.outgoing import sd_of
from gateway.client.receipts import Sent, VerifiedAnswer, problem_code
from gateway.client.store import Store, moment_text
from gateway.errors import GatewayError, PeerError, PeerUnavailableError, StorageError
from gateway.federation.channels.https import HttpAnswer
from gateway.federation.envelope import seal
from gateway.federation.message import HttpTarget
from gateway.federation.protocol import GATEWAY_ID, LIFETIME_HTTP_MAX
from gateway.model.transfer import CLOSED, Act
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
        try:
            answer = await self._try(row)
        except PeerUnavailableError as fault:
            answer = self._later(row, fault.code)
        except StorageError:
            raise
        except GatewayError as fault:
            self._tell("answer_not_believed", row, fault.code)
            answer = Store.answered(row, "alarm", fault.code, None, None, None)
        async with self._office.books:
            await self._office.commit([answer] if isinstance(answer, Write) else await self._answered(row, answer))

    async def _try(self, row: OutboxRow) -> VerifiedAnswer | Write:
        setup = self._office.setup
        contents = tuple((await self._office.store.contents("out", row.jti)).values())
        url = setup.gateway_url + setup.messages_path
        now = setup.clock.now()
        claims: dict[str, Any] = json.loads(row.claims)
        token = seal(
            key=setup.key, iss=setup.member, aud=GATEWAY_ID, jti=row.jti, iat=now, exp=now + LIFETIME_HTTP_MAX,
            act=row.act, contents=contents, http=HttpTarget("POST", url), **claims,
        )  # fmt: skip
        got = await self._office.post(url, token, contents)
        sent = Sent(setup.member, row.jti, row.act, tuple((each.name, sd_of(each), len(each.data)) for each in contents))
        try:
            return self._office.judge.answer(sent, got.status, got.body, setup.clock.now())
        except PeerError:
            if got.status < 300:
                raise
            return self._unproven(row, got)

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
        case = await self._office.store.case(row.scope)
        if case is not None:
            writes.append(Store.put_case(_moved(case, row, answer)._replace(changed_at=self._office.now_text())))
        return writes

    def _tell(self, event: str, row: OutboxRow, code: str) -> None:
        log.error(event, member=self._office.setup.member, act=row.act, transfer=row.scope, code=code)


def _moved(case: CaseRow, row: OutboxRow, answer: VerifiedAnswer) -> CaseRow:
    """The case after an answer; what is to do next follows from the act that was answered."""
    body = answer.body
    if answer.code:
        if row.act == Act.REQUEST:
            return case._replace(state="refused", body=answer.raw.decode("utf-8"))
        if row.act == Act.DECIDE and answer.code == "transfer.stale_version" and body.get("state") == "reviewing":
            return case._replace(todo="decide", ver=int(body["ver"]))
        return case
    state, ver = str(body["state"]), int(body["ver"])
    if ver < case.ver:
        return case
    todo = "" if state in CLOSED else case.todo
    if row.act == Act.ACKNOWLEDGE and state == "reviewing":
        todo = "decide"
    elif row.act == Act.DECIDE and state == "posting":
        todo = "post"
    return case._replace(state=state, ver=ver, todo=todo, body=answer.raw.decode("utf-8"))
