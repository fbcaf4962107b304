"""Dead letters: after the horizon an alarm and no end; tried again by itself and on order, given up only where nothing depends on it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from structlog.testing import capture_logs
from support.auditor import Books, books, check_receipt, shanghai_part
from support.region import World, region, take, trust_data
from support.stages import ACCEPTING, HELD_DECIDED, PRESIDING, SOURCE, STRANGER, Stage, book, owed, stage

from gateway.errors import TransferError
from gateway.mapping.documents import write
from gateway.model.documents import Order, Withdrawal
from gateway.model.transfer import State
from gateway.storage.rows import OwedRow
from gateway.transfers.answers import Answer
from gateway.transfers.case import Case
from gateway.transfers.courier import DEAD_LETTER_EVERY
from gateway.transfers.dead_letters import INFORMING, Undelivered, horizon, may_give_up
from gateway.transfers.view import View, Wants
from gateway.transfers.watch import DeadlineWatch


def owed_rows(found: Books, case: Stage, lane: str) -> list[OwedRow]:
    return [OwedRow(*row) for row in found.rows("SELECT * FROM owed WHERE transfer = ? AND lane = ? ORDER BY number", case.transfer, lane)]


def order(message: str = "", text: str = "说明") -> list[tuple[str, bytes]]:
    return [("order", write(Order("other", text, message)))]


def past(world: World, row: OwedRow) -> None:
    world.clock.moment = horizon(row) + timedelta(seconds=1)


async def look(world: World) -> list[dict[str, object]]:
    """One round of the watch; what it raised of dead letters."""
    gateway = world.gateway
    with capture_logs() as logged:
        await DeadlineWatch(gateway.database, gateway.committer, world.clock, world.ids, timedelta(days=1)).look()
    return [dict(each) for each in logged if each["event"] == "dead_letter"]


async def dead(world: World, found: Books, state: State = State.WITHDRAWN, lane: str = ACCEPTING) -> tuple[Stage, OwedRow]:
    """A case in `state` whose last notice to `lane` nobody answered for the whole horizon."""
    case = await stage(world, state)
    notice = owed_rows(found, case, lane)[-1]
    past(world, notice)
    assert [(each["member"], each["message"], each["log_level"]) for each in await look(world)] == [(lane, notice.jti, "error")]
    return case, owed_rows(found, case, lane)[-1]


async def test_notice_when_unanswered_past_the_horizon_then_a_dead_letter_once_and_still_owed(tmp_path: Path) -> None:  # PR-96
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.WITHDRAWN)
        notice = owed_rows(found, case, ACCEPTING)[-1]
        assert (notice.act, notice.event, notice.dead_since) == ("notify", "withdrawn", "")
        past(world, notice)
        world.clock.moment -= timedelta(seconds=2)
        before = found.dump()
        assert await look(world) == []
        assert found.dump() == before
        world.clock.moment += timedelta(seconds=2)
        size = found.size()
        assert len(await look(world)) == 1
        (letter,) = (row for row in owed_rows(found, case, ACCEPTING) if row.dead_since)
        assert (letter.jti, letter.state, datetime.fromisoformat(letter.dead_since)) == (notice.jti, notice.state, world.clock.now())
        assert await look(world) == []
        assert (found.size(), (await case.row()).state) == (size, "withdrawn")
        assert await world.gateway.parts.status.dead_letter_counts() == {ACCEPTING: 1}
        assert [each.jti for each in await take(world, ACCEPTING)] == [notice.jti]  # it can be had as before
        await case.do(ACCEPTING, "noted", irt=notice.jti)
        assert await world.gateway.parts.status.dead_letter_counts() == {}
        assert found.audit(world.trust).ok


async def test_case_when_its_forward_is_late_then_held_and_no_dead_letter(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.DELIVERING)
        past(world, owed_rows(found, case, ACCEPTING)[0])
        world.clock.advance(days=3)
        assert await look(world) == []
        assert (await case.row()).state == "held"


@dataclass(frozen=True)
class OweNotice:
    """One more message for the accepting bank."""

    transfer: str
    jti: str

    @property
    def wants(self) -> Wants:
        return Wants(transfers=(self.transfer,))

    def apply(self, view: View) -> Answer:
        case = Case.of(view, self.transfer)
        assert case is not None
        case.owe(self.jti, case.row.accepting, "notify", "expired", {"event": "expired"})
        return Answer(200, b"{}", b"")


async def test_message_when_behind_a_dead_letter_then_waits_and_its_own_time_begins_when_it_is_first(tmp_path: Path) -> None:  # PR-96
    async with region(tmp_path) as world, books(world) as found:
        case, letter = await dead(world, found)
        behind = world.ids.jti()
        await world.gateway.committer.submit(OweNotice(case.transfer, behind))
        world.clock.advance(days=10)
        assert await look(world) == []
        assert [each.jti for each in await take(world, ACCEPTING)] == [letter.jti]
        answer = await world.gateway.committer.submit(Undelivered(case.transfer, behind))
        assert answer.status == 409
        await case.do(ACCEPTING, "noted", irt=letter.jti)
        assert await look(world) == []  # it is old, but nobody could have answered it before
        row = owed_rows(found, case, ACCEPTING)[-1]
        assert (row.jti, row.dead_since, datetime.fromisoformat(row.first_at)) == (behind, "", world.clock.now())
        assert [each.jti for each in await take(world, ACCEPTING)] == [behind]
        past(world, row)
        assert [each["message"] for each in await look(world)] == [behind]


async def test_retry_when_ordered_then_tried_now_logged_once_and_still_a_dead_letter(tmp_path: Path) -> None:  # PR-97
    async with region(tmp_path) as world, books(world) as found:
        case, letter = await dead(world, found)
        await take(world, ACCEPTING)
        ver, size = case.ver, found.size()
        message = case.message(PRESIDING, "retry", contents=order(letter.jti))
        heard = await world.send(message)
        assert (heard.status, heard.body["state"], heard.body["ver"]) == (200, "withdrawn", ver)
        leaf = check_receipt(world, message, heard).leaf
        assert (leaf.type, leaf.role, leaf.actor, leaf.scope) == ("operator.retried", "presiding", PRESIDING, case.transfer)
        assert (leaf.facts["message"], leaf.facts["reason"]) == (letter.jti, "other")
        after = owed_rows(found, case, ACCEPTING)[-1]
        assert (datetime.fromisoformat(after.next_at), after.dead_since) == (world.clock.now(), letter.dead_since)
        again = await world.send(message)
        assert (again.reply.repeated, found.size()) == (True, size + 1)
        assert found.audit(world.trust).ok


async def test_cancel_when_ordered_then_given_up_and_what_waits_behind_it_goes_on(tmp_path: Path) -> None:  # PR-97
    async with region(tmp_path) as world, books(world) as found:
        case, letter = await dead(world, found)
        behind = world.ids.jti()
        await world.gateway.committer.submit(OweNotice(case.transfer, behind))
        message = case.message(PRESIDING, "cancel", contents=order(letter.jti))
        heard = await world.send(message)
        leaf = check_receipt(world, message, heard).leaf
        assert (leaf.type, leaf.state_before, leaf.state_after, leaf.facts["message"]) == (
            "operator.cancelled", "withdrawn", "withdrawn", letter.jti,
        )  # fmt: skip
        assert [(row.jti, row.state) for row in owed_rows(found, case, ACCEPTING)][-2] == (letter.jti, "cancelled")
        assert [each.jti for each in await take(world, ACCEPTING)] == [behind]
        assert (await case.try_(PRESIDING, "cancel", contents=order(letter.jti))).code == "transfer.no_dead_letter"
        assert found.audit(world.trust).ok


@pytest.mark.parametrize(("state", "lane", "event"), [(State.POSTING, SOURCE, "decided"), (State.SETTLED, ACCEPTING, "recall")])
async def test_cancel_when_the_notice_settles_money_then_refused_and_stays_owed(  # PR-98
    tmp_path: Path, state: State, lane: str, event: str
) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, state)
        if event == "recall":
            await case.do(SOURCE, "revoke")
        notice = await owed(case, lane, "notify")
        assert notice.event == event
        past(world, owed_rows(found, case, lane)[-1])
        await look(world)
        refused = case.message(PRESIDING, "cancel", contents=order(notice.jti))
        heard = await world.send(refused)
        assert (heard.status, heard.code) == (409, "transfer.must_arrive")
        assert check_receipt(world, refused, heard).leaf.type == "transfer.refused"
        assert [each.jti for each in await take(world, lane)] == [notice.jti]
        await case.do(PRESIDING, "retry", contents=order(notice.jti))
        if event == "decided":
            case.jtis["notice"] = notice.jti
            await book(case)
            assert case.state == "settled"
        assert found.audit(world.trust).ok


async def test_orders_when_not_about_a_dead_letter_or_by_another_then_named(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case, letter = await dead(world, found)
        young = await stage(world, State.WITHDRAWN)
        alive = owed_rows(found, young, ACCEPTING)[-1]
        for act in ("retry", "cancel"):
            assert (await case.try_(SOURCE, act, contents=order(letter.jti))).code == "transfer.not_your_role"
            assert (await case.try_(STRANGER, act, contents=order(letter.jti))).code == "transfer.unknown"
            assert (await case.try_(PRESIDING, act)).code == "transfer.wrong_state"
            assert (await young.try_(PRESIDING, act, contents=order(alive.jti))).code == "transfer.no_dead_letter"
            for other in (world.ids.jti(), owed_rows(found, case, ACCEPTING)[0].jti):
                assert (await case.try_(PRESIDING, act, contents=order(other))).code == "transfer.no_dead_letter"
            heard = await case.try_(PRESIDING, act, contents=order("too-short"))
            assert (heard.status, heard.code) == (422, "standard.invalid")
        now = owed_rows(found, case, ACCEPTING)[-1]
        assert (now.next_at, now.attempts, now.dead_since) == (letter.next_at, letter.attempts, letter.dead_since)
        assert found.audit(world.trust).ok


async def test_order_when_it_names_no_message_then_the_same_bytes_as_before() -> None:
    assert write(Order("other", "说明")) == write(Withdrawal("other", "说明"))


async def test_stuck_when_listed_then_all_for_the_centre_and_to_each_member_what_concerns_it(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case, letter = await dead(world, found)
        held, posting = await stage(world, State.HELD), await stage(world, HELD_DECIDED)
        status = world.gateway.parts.status
        listed = (await status.stuck(""))["stuck"]
        assert [(each["kind"], each["id"], each["reason"]) for each in listed] == [
            ("transfer", posting.transfer, "held.posting"),
            ("transfer", held.transfer, "held.delivering"),
            ("message", letter.jti, "not_taken"),
        ]
        second, first, told = listed
        assert (told["members"], told["event"], told["can_cancel"], told["then"]) == ([ACCEPTING], "withdrawn", True, "tried")
        assert (first["then"], first["then_at"], first["can_cancel"]) == ("expired", (await held.row()).deadline, True)
        assert (second["then"], second["members"], second["can_cancel"]) == ("escalated", [SOURCE, ACCEPTING], False)
        assert {each["presiding_unit"] for each in listed} == {PRESIDING}
        assert (await status.stuck(PRESIDING))["stuck"] == listed == (await status.stuck(SOURCE))["stuck"]
        assert await status.stuck(STRANGER) == {"stuck": [], "more": False}
        shown = await status.show(held.transfer, PRESIDING)
        assert (shown["held_from"], shown["presiding_unit"]) == ("delivering", PRESIDING)
        assert [each["message"] for each in (await status.show(case.transfer, PRESIDING))["owed"] if each["dead_since"]] == [letter.jti]
        await posting.lapse()
        (last,) = (each for each in (await status.stuck(""))["stuck"] if each["id"] == posting.transfer)
        assert (last["then"], last["then_at"]) == ("stays", None)
        quiet = await stage(world, State.REVIEWING)
        for transfer, member in ((quiet.transfer, PRESIDING), (held.transfer, STRANGER)):
            with pytest.raises(TransferError, match=r"transfer\.unknown"):
                await status.show(transfer, member)


@dataclass
class Bank:
    """A member's listener that answers as told."""

    status: int = 503
    taken: int = 0

    async def take(self, request: web.Request) -> web.Response:
        await request.read()
        self.taken += 1
        return web.Response(status=self.status)


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[World, Books, Bank]]:
    bank = Bank()
    app = web.Application()
    app.router.add_post("/credit", bank.take)
    runner = web.AppRunner(app, access_log=None, max_field_size=20 * 1024)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    endpoint = f"http://127.0.0.1:{runner.addresses[0][1]}/credit"
    try:
        async with region(folder, trust_data({ACCEPTING: endpoint}), deliver=True) as world, books(world) as found:
            yield world, found, bank
    finally:
        await runner.cleanup()


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while True:
            if what():
                return
            await asyncio.sleep(0.005)


async def test_dead_letter_when_its_member_is_silent_then_tried_hourly_and_when_it_speaks_at_once(tmp_path: Path) -> None:  # PR-96
    async with served(tmp_path) as (world, found, bank):
        record = "SHC20230098812"
        opened = await world.send(world.request(SOURCE, ACCEPTING, (record,), shanghai_part(record)))
        case = Stage(world, opened.body["transfer"], (record,))

        def row() -> OwedRow:
            return owed_rows(found, case, ACCEPTING)[-1]

        await until(lambda: row().attempts > 0)
        await case.do(SOURCE, "withdraw")
        await until(lambda: row().event == "withdrawn" and row().attempts > 0)
        past(world, row())
        assert len(await look(world)) == 1
        world.clock.advance(seconds=1)
        hour = DEAD_LETTER_EVERY - timedelta(seconds=1)
        await until(lambda: datetime.fromisoformat(row().next_at) >= world.clock.now() + hour)
        tries = row().attempts
        world.clock.moment = datetime.fromisoformat(row().next_at) - timedelta(seconds=1)
        await asyncio.sleep(0.15)
        assert row().attempts == tries
        world.clock.advance(seconds=1)
        await until(lambda: row().attempts == tries + 1)
        bank.status = 200
        world.gateway.courier.heard_from(ACCEPTING)
        await until(lambda: row().attempts == tries + 2)
        assert (row().last_error, bool(row().dead_since)) == ("", True)  # arrived; only the signed word ends it
        await case.do(ACCEPTING, "noted", irt=row().jti)
        assert (row().state, await world.gateway.parts.status.dead_letter_counts()) == ("done", {})


def test_informing_events_when_compared_with_the_source_then_each_is_told_somewhere() -> None:
    text = "".join(path.read_text("utf-8") for path in (Path(__file__).parents[2] / "gateway" / "transfers").glob("*.py"))
    assert [event for event in sorted(INFORMING) if f', "{event}", ' not in text] == []


@pytest.mark.parametrize(
    ("event", "error", "may"),
    [
        ("withdrawn", "", True), ("decided", "peer.unavailable", False), ("recall", "", False), ("remitted", "internal", False),
        ("amended", "peer.refused", False), ("amended", "consent.withdrawn", True), ("never_heard_of", "", False),
    ],
)  # fmt: skip
def test_letter_when_judged_then_given_up_only_if_it_informs_or_may_not_be_told(event: str, error: str, may: bool) -> None:  # PR-98
    row = OwedRow("j", "CN-32", "t", 1, "notify", event, "", "{}", "[]", "ready", 9, "", error, "")
    assert may_give_up(row) is may
