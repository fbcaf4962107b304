"""Working on what came and on what only the bank can say.

A kept message is checked in full (`cases`) and its answer owed in the same commit that marks it done.
One that does not hold is set aside for a person and never answered.  Questions to the bank (decide,
book) are asked until answered; an answer and the act it becomes are one commit.
"""

import json
from collections.abc import Mapping

import structlog

from gateway.client import enquiries, news, statements
from gateway.client.cases import AMENDED, ForwardedCase, decided_over
from gateway.client.office import Office, wait_for
from gateway.client.reconciling import compare
from gateway.client.store import Store
from gateway.client.todo import DECIDE, POST, RECALL, contested, minus, newer, plus, to_decide, to_recall, words
from gateway.errors import GatewayError, PeerError, StorageError
from gateway.federation.message import Content
from gateway.federation.protocol import GATEWAY_ID
from gateway.federation.state_digest import is_state_scope
from gateway.mapping.documents import read
from gateway.model.documents import Decision, Verdict, Withdrawal
from gateway.model.scopes import is_agreement_scope, is_rule_scope
from gateway.model.transfer import Act, State
from gateway.recognition.statement import is_statement_scope
from gateway.storage.connector_schema import CaseRow, InboxRow
from gateway.storage.database import Write

KEPT_MAX = 16
VERIFIED_MAX = 256
"""Cases that wait for their decision and are kept as they were verified."""
NOTHING_TO_DECIDE = Withdrawal("other", "已无待认定的成果 / nothing is left to be decided")
NO_IDS: Mapping[str, str] = {}
log = structlog.get_logger("gateway.connector")


class Desk:
    """The inbox and the cases at work."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._verified: dict[str, tuple[tuple[str, int], ForwardedCase]] = {}

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
            writes = await self._answer(row, contents)
        except StorageError:
            raise
        except GatewayError as fault:
            self._tell("message_does_not_hold", row.scope, fault)
            writes = [Store.finish(row, fault.code)]
        await self._office.commit(writes)

    async def _answer(self, row: InboxRow, contents: Mapping[str, Content]) -> list[Write]:
        """What the message asks for.  Raises PeerError and whatever else a message that does not hold gives."""
        office = self._office
        match row.act:
            case _ if await office.store.answers_to(row.jti):
                return await self._had(row, contents)
            case Act.NOTIFY if is_state_scope(row.scope):
                return await compare(office, row, contents)
            case Act.NOTIFY if is_statement_scope(row.scope):
                return await statements.work(office, row, contents)
            case Act.NOTIFY if is_rule_scope(row.scope) or is_agreement_scope(row.scope):
                return await news.work(office, row, contents)
            case Act.FETCH | Act.NOTIFY if enquiries.concerns(row, contents):
                return await enquiries.work(office, row, contents)
            case Act.FORWARD:
                return await self._acknowledge(row, contents)
            case Act.FETCH:
                return self._confirm(row, contents)
            case Act.NOTIFY:
                return await self._note(row, contents)
            case _:
                raise PeerError("peer.off_protocol", "网关不应发送此动作", "the gateway does not send this act")

    async def _had(self, row: InboxRow, contents: Mapping[str, Content]) -> list[Write]:
        """Answered once, and lost here since.  Having it again is enough, but that what is void must still leave the books."""
        office, case = self._office, await self._office.store.case(row.scope)
        writes = [*Store.send(office.writer.noted(row), office.now_text()), Store.finish(row)]
        if case is not None and row.act == Act.NOTIFY and office.reader.notice(row.scope, contents).event == "recall":
            writes.append(Store.put_case(plus(case, RECALL)))
        return writes

    async def _acknowledge(self, row: InboxRow, contents: Mapping[str, Content]) -> list[Write]:
        office = self._office
        now = office.setup.clock.now()
        found = office.reader.forward(row.scope, contents, now)
        request = found.case.request
        account = office.bank.account_of(request, found.case.identity)
        message = office.writer.acknowledge(row, account, now)
        told = json.dumps(json.loads(contents["case"].data)["case"], ensure_ascii=False)
        case = CaseRow(
            row.scope, request.source, request.accepting, request.facing, "delivering", 0, "", row.jti, "", told, office.now_text()
        )
        known = await office.store.case(row.scope)
        if known is not None:  # delivered once more
            case = minus(known._replace(forward_jti=row.jti), DECIDE)
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
        """A notice: the source bank books a decision and says so by `posted`; anything else is noted, and may ask for something."""
        office = self._office
        notice = office.reader.notice(row.scope, contents)
        told, now = notice.case, office.now_text()
        empty = CaseRow(row.scope, str(told["source"]), str(told["accepting"]), str(told["facing"]), "", 0, "", "", "", "{}", now)
        case = await office.store.case(row.scope) or empty
        case = minus(newer(case, told)._replace(changed_at=now))
        if notice.decision is not None and case.source == office.setup.member:
            case = plus(case._replace(decided_jti=row.jti), POST)
            if case.todo:
                return [Store.put_case(case), Store.finish(row)]
        office.bank.told(row.scope, notice.event)
        case = plus(case, *_asked_by(notice.event, accepting=case.accepting == office.setup.member))
        return [*Store.send(office.writer.noted(row), now), Store.put_case(case), Store.finish(row)]

    async def _attend(self, transfer: str) -> None:
        """Ask the bank, unless the case has moved on since it was listed."""
        case = await self._office.store.case(transfer)
        if case is None or not case.todo:
            return
        for word, attend in ((RECALL, self._recall), (POST, self._book), (DECIDE, self._decide)):
            if word not in words(case):
                continue
            try:
                writes = await attend(case)
            except StorageError:
                raise
            except GatewayError as fault:
                self._tell("case_stuck", case.transfer, fault)
                continue
            if writes:  # the case may be another one now
                await self._office.commit(writes)
                return

    async def _decide(self, case: CaseRow) -> list[Write]:
        office = self._office
        found = await self.before(case)
        decision = office.bank.decide(found.case) if found.case.items else NOTHING_TO_DECIDE
        if decision is None or (isinstance(decision, Decision) and _recognised(decision) & contested(case)):
            return []  # nobody has decided; or what would be recognised is contested, and waits for `cleared`
        return self.reply(case, found, decision)

    async def before(self, case: CaseRow) -> ForwardedCase:
        """What is to be decided now: the case as delivered last, with its open items.  Raises a GatewayError of what does not hold."""
        return decided_over(await self._delivered(case), to_decide(case), case.state)

    def reply(self, case: CaseRow, found: ForwardedCase, decision: Decision | Withdrawal) -> list[Write]:
        """What the bank says of a case, to be signed and sent."""
        office = self._office
        if isinstance(decision, Withdrawal):
            act = Act.UPHOLD if case.state == State.DISPUTED else Act.ASK
            message = office.writer.word(act, case.transfer, decision, {} if act is Act.UPHOLD else {"ver": case.ver}, None)
        else:
            message = office.writer.decide(case, found, decision)
        return [*Store.send(message, office.now_text()), Store.put_case(minus(case, DECIDE))]

    async def papers(self, case: CaseRow) -> dict[str, Content]:
        """The contents of what was delivered last, with those that an amendment brought anew.  Raises PeerError."""
        amended = await self._last_notice(case.transfer, "amended", since=case.forward_jti)
        contents = await self._held(case.forward_jti)
        if amended is None:
            return contents
        return {name: each for name, each in contents.items() if name not in AMENDED} | {
            name: amended[1][name] for name in AMENDED if name in amended[1]
        }

    async def _delivered(self, case: CaseRow) -> ForwardedCase:
        """What was delivered last, verified.  While people take their time it is verified once, not at every look."""
        office, now = self._office, self._office.setup.clock.now()
        known, place = self._verified.get(case.transfer), (case.forward_jti, case.ver)
        if known is not None and known[0] == place:
            known[1].check_consent(now)
            return known[1]
        contents = await self._held(case.forward_jti)
        amended = await self._last_notice(case.transfer, "amended", since=case.forward_jti)
        found = office.reader.forward(case.transfer, contents, now, amended[1] if amended else None)
        while len(self._verified) >= VERIFIED_MAX:
            self._verified.pop(next(iter(self._verified)))
        self._verified[case.transfer] = place, found
        return found

    async def _book(self, case: CaseRow) -> list[Write]:
        """Book and say so.  The accepting bank answers its own decision, the source bank the notice of it."""
        office = self._office
        if case.accepting == office.setup.member:
            irt, role = await self._decided(case.transfer), "accepting"
            content = (await office.store.contents("out", irt))["decision"]
            decision = read(content.data, Decision, office.setup.tools.standard)
        else:
            notice = office.reader.notice(case.transfer, await self._held(case.decided_jti))
            assert notice.decision is not None
            decision, irt, role = notice.decision, case.decided_jti, "source"
        answers = await office.store.answers_to(irt)
        booking = [row for row in answers if row.act == Act.POSTED and json.loads(row.claims)["posture"] == "done"]
        if any(row.state in {"waiting", "done"} for row in booking):
            return [Store.put_case(minus(case, POST))]
        booked = office.bank.post(case.transfer, role, decision)
        now = office.setup.clock.now()
        if booked is None or (isinstance(booked, Withdrawal) and role == "source"):
            told = await office.store.taken(GATEWAY_ID, irt) if role == "source" and not answers else None
            return [] if told is None else Store.send(office.writer.noted(told), office.now_text())  # it need not come again
        if isinstance(booked, Withdrawal):
            message = office.writer.impossible(case.transfer, irt, booked, now)
        else:
            message = office.writer.posted(case.transfer, irt, booked, now)
        return [*Store.send(message, office.now_text()), Store.put_case(minus(case, POST))]

    async def _recall(self, case: CaseRow) -> list[Write]:
        """What is void leaves the books; the answer names the last recall, and every record that is to go."""
        office, records = self._office, to_recall(case)
        notice = await self._last_notice(case.transfer, "recall")
        if not records or notice is None:
            return [Store.put_case(minus(case, RECALL))]
        booked = office.bank.recalled(case.transfer, records)
        if booked is None:
            return []
        message = office.writer.posted(case.transfer, notice[0].jti, booked, office.setup.clock.now())
        return [*Store.send(message, office.now_text()), Store.put_case(minus(case, RECALL))]

    async def _held(self, jti: str) -> dict[str, Content]:
        """The contents of a message worked on before.  Raises PeerError where they are lost: the gateway may yet send them again."""
        contents = await self._office.store.contents("in", jti)
        if not contents:
            raise PeerError("peer.message_lost", "消息已不在本行", "the message is not here any more")
        return contents

    async def question(self, transfer: str) -> str:
        """The id of the last question about a case.  Raises PeerError where there is none."""
        asked = await self._last_notice(transfer, "asked")
        if asked is None:
            raise PeerError("peer.off_protocol", "没有收到询问", "nothing was asked about this case")
        return asked[0].jti

    async def _last_notice(self, transfer: str, event: str, since: str = "") -> tuple[InboxRow, dict[str, Content]] | None:
        """The latest notice of an event that came after the message of that id."""
        store = self._office.store
        for row in reversed(await store.inbox_of(transfer)):
            if row.jti == since:
                return None
            if row.act == Act.NOTIFY and row.state == "done":
                contents = await store.contents("in", row.jti)
                if json.loads(contents["notice"].data)["event"] == event:
                    return row, contents
        return None

    async def _decided(self, transfer: str) -> str:
        """The last decision of this bank that was accepted."""
        rows = await self._office.store.of_transfer(transfer)
        return next(row.jti for row in reversed(rows) if row.act == Act.DECIDE and row.state == "done")

    def _tell(self, event: str, transfer: str, fault: GatewayError) -> None:
        reason = fault.facts.get("reason")
        log.error(event, member=self._office.setup.member, transfer=transfer, code=fault.code, reason=reason)


def _recognised(decision: Decision) -> set[str]:
    return {item.record for item in decision.items if item.verdict is Verdict.RECOGNISED}


def _asked_by(event: str, *, accepting: bool) -> tuple[str, ...]:
    """What a notice asks of a bank, where the case's state lets it.  A ruling may put a decision back that was never booked."""
    match event:
        case "recall":
            return (RECALL,) if accepting else ()
        case "cleared" | "revoked" | "not_supplied" | "remitted" | "disputed" | "amended":
            return (DECIDE,) if accepting else ()
        case "upheld" | "unresolved":
            return (POST,)
        case _:
            return ()
