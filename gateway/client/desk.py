"""Working on what came and on what only the bank can say.

A kept message is checked in full (`cases`) and its answer owed in the same commit that marks it done.
One that does not hold is set aside for a person and never answered.  Questions to the bank (decide,
book) are asked until answered; an answer and the act it becomes are one commit.
"""

from collections.abc import Mapping

import structlog

from gateway.client.office import Office, wait_for
from gateway.client.store import Store
from gateway.errors import GatewayError, PeerError, StorageError
from gateway.federation.message import Content
from gateway.mapping.documents import read
from gateway.model.documents import Decision, Verdict, Withdrawal
from gateway.model.transfer import Act
from gateway.storage.connector_schema import CaseRow, InboxRow, OutboxRow
from gateway.storage.database import Write

KEPT_MAX = 16
NO_IDS: Mapping[str, str] = {}
log = structlog.get_logger("gateway.connector")


class Desk:
    """The inbox and the cases at work."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def run(self) -> None:
        """Until cancelled."""
        office = self._office
        while True:
            office.desk_bell.clear()
            for row in await office.store.kept(KEPT_MAX):
                async with office.books:
                    await self._work(row)
            for case in await office.store.to_do():
                async with office.books:
                    await self._attend(case.transfer)
            await wait_for(office.desk_bell, office.setup.pace.idle_s)

    async def _work(self, row: InboxRow) -> None:
        contents = await self._office.store.contents("in", row.jti)
        try:
            match row.act:
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
            self._tell("message_does_not_hold", row.scope, fault)
            writes = [Store.finish(row, fault.code)]
        await self._office.commit(writes)

    def _acknowledge(self, row: InboxRow, contents: Mapping[str, Content]) -> list[Write]:
        office = self._office
        now = office.setup.clock.now()
        found = office.reader.forward(row.scope, contents, now)
        request = found.case.request
        account = office.bank.account_of(request, found.case.identity)
        message = office.writer.acknowledge(row, account, now)
        case = CaseRow(
            row.scope, request.source, request.accepting, request.facing, "delivering", 0, "", row.jti, "", "{}", office.now_text()
        )
        return [*Store.send(message, office.now_text()), Store.put_case(case), Store.finish(row)]

    def _confirm(self, row: InboxRow, contents: Mapping[str, Content]) -> list[Write]:
        office = self._office
        request, identity, identity_sd = office.reader.fetch(row.scope, contents, office.setup.clock.now())
        given = office.bank.supply(request, identity)
        if isinstance(given, Withdrawal):
            message, ids = office.writer.decline(row, given), NO_IDS
        else:
            message, ids = office.writer.confirm(row, request, given, identity_sd), given.known_ids
        case = CaseRow(row.scope, request.source, request.accepting, request.facing, "confirming", 0, "", "", "", "{}", office.now_text())
        return [*Store.send(message, office.now_text()), Store.remember_ids(ids), Store.put_case(case), Store.finish(row)]

    async def _note(self, row: InboxRow, contents: Mapping[str, Content]) -> list[Write]:
        """A notice: the source bank books a decision and says so by `posted`; anything else is merely noted."""
        office = self._office
        notice = office.reader.notice(row.scope, contents)
        told, now = notice.case, office.now_text()
        empty = CaseRow(row.scope, str(told["source"]), str(told["accepting"]), str(told["facing"]), "", 0, "", "", "", "{}", now)
        case = await office.store.case(row.scope) or empty
        case = case._replace(state=str(told["state"]), ver=max(case.ver, int(told["ver"])), todo="", changed_at=now)
        if notice.decision is not None and case.source == office.setup.member and _recognises(notice.decision):
            return [Store.put_case(case._replace(todo="post", decided_jti=row.jti)), Store.finish(row)]
        office.bank.told(row.scope, notice.event)
        return [*Store.send(office.writer.noted(row), now), Store.put_case(case), Store.finish(row)]

    async def _attend(self, transfer: str) -> None:
        """Ask the bank, unless the case has moved on since it was listed."""
        case = await self._office.store.case(transfer)
        if case is None or not case.todo:
            return
        try:
            writes = await (self._decide(case) if case.todo == "decide" else self._book(case))
        except StorageError:
            raise
        except GatewayError as fault:
            self._tell("case_stuck", case.transfer, fault)
            return
        await self._office.commit(writes)

    async def _decide(self, case: CaseRow) -> list[Write]:
        office = self._office
        contents = await office.store.contents("in", case.forward_jti)
        found = office.reader.forward(case.transfer, contents, office.setup.clock.now())
        decision = office.bank.decide(found.case)
        if decision is None:
            return []
        message = office.writer.decide(case, found, decision)
        return [*Store.send(message, office.now_text()), Store.put_case(case._replace(todo=""))]

    async def _book(self, case: CaseRow) -> list[Write]:
        """Book and say so.  The accepting bank answers its own decision, the source bank the notice of it."""
        office = self._office
        if case.accepting == office.setup.member:
            decided = await self._decided(case.transfer)
            content = (await office.store.contents("out", decided.jti))["decision"]
            decision, irt, role = read(content.data, Decision, office.setup.tools.standard), decided.jti, "accepting"
        else:
            notice = office.reader.notice(case.transfer, await office.store.contents("in", case.decided_jti))
            assert notice.decision is not None
            decision, irt, role = notice.decision, case.decided_jti, "source"
        booked = office.bank.post(case.transfer, role, decision)
        message = office.writer.posted(case.transfer, irt, booked, office.setup.clock.now())
        return [*Store.send(message, office.now_text()), Store.put_case(case._replace(todo=""))]

    async def _decided(self, transfer: str) -> OutboxRow:
        """The decision of this bank that was accepted."""
        rows = await self._office.store.of_transfer(transfer)
        return next(row for row in rows if row.act == Act.DECIDE and row.state == "done")

    def _tell(self, event: str, transfer: str, fault: GatewayError) -> None:
        reason = fault.facts.get("reason")
        log.error(event, member=self._office.setup.member, transfer=transfer, code=fault.code, reason=reason)


def _recognises(decision: Decision) -> bool:
    return any(item.verdict is Verdict.RECOGNISED for item in decision.items)
