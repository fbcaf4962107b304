"""Nobody acts: every deadline's exit, warnings, and who wins when a party and the timer meet."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from support.auditor import Books, books, check_books
from support.region import TARGET, World, region, take
from support.stages import ACCEPTING, HELD_DECIDED, JUDGED, PRESIDING, SOURCE, stage

from gateway.federation.envelope import unseal
from gateway.federation.protocol import GATEWAY_ID
from gateway.model.transfer import State
from gateway.transfers.acts import PartyAct
from gateway.transfers.deadlines import WORKING_DAYS, working_days_between
from gateway.transfers.effects import effect_of
from gateway.transfers.timers import ClockGuard, Lapsed, Warned
from gateway.transfers.view import Wants
from gateway.transfers.watch import DeadlineWatch

EXITS = {
    # place: (state after, leaf, days it had).  By hand from the protocol.
    "confirming": ("expired", "transfer.expired", 10),
    "delivering": ("held", "transfer.held", 3),
    "reviewing": ("expired", "transfer.expired", 15),
    "supplementing": ("reviewing", "transfer.lapsed", 10),
    "posting": ("held", "transfer.held", 5),
    "disputed": ("disputed", "transfer.escalated", 15),
    JUDGED: ("settled", "transfer.lapsed", 15),
    "held": ("expired", "transfer.expired", 10),
    HELD_DECIDED: ("held", "transfer.escalated", 10),
}


def sound(world: World, found: Books) -> None:
    """The books balance and the whole log holds."""
    check_books(found)
    assert found.audit(world.trust).ok


@pytest.mark.parametrize("place", EXITS)
async def test_deadline_when_it_passes_then_the_states_exit_with_a_leaf_naming_the_one_before(tmp_path: Path, place: str) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, place, pulled=place == "confirming")
        row = await case.row()
        deadline = datetime.fromisoformat(row.deadline or "")
        after, leaf_type, days = EXITS[place]
        assert working_days_between(world.clock.now(), deadline) == days
        world.clock.moment = deadline - timedelta(seconds=1)
        size = found.size()
        early = await world.gateway.committer.submit(Lapsed(case.transfer, GATEWAY_ID, world.ids.jti(), world.ids.jti))
        assert (early.status, found.size()) == (409, size)
        assert (await case.lapse()).status == 200
        leaf = found.leaves()[-1]
        assert (leaf.type, leaf.role, leaf.actor, leaf.cause) == (leaf_type, "gateway", GATEWAY_ID, (case.transfer, row.seq - 1))
        assert (case.state, leaf.state_after, found.size()) == (after, after, size + 1)
        assert found.leaves()[size - 1].deadline == row.deadline  # the deadline stood in the leaf before
        sound(world, found)


async def test_expiry_when_it_happens_then_items_closed_outcomes_free_and_both_banks_told(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.EXPIRED)
        assert {(item.state, item.reason) for item in found.items(case.transfer)} == {("closed", "expired")}
        assert {row.state for row in found.outcomes()} == {"available"}
        assert [(each.act, each.event) for each in await take(world, ACCEPTING)] == [("notify", "expired")]
        assert [(each.act, each.event) for each in await take(world, SOURCE)] == [("notify", "expired")]
        sound(world, found)


async def test_supplement_when_not_supplied_then_the_review_goes_on_with_the_days_left_and_it_is_too_late(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.REVIEWING)
        first = datetime.fromisoformat((await case.row()).deadline or "")
        world.clock.advance(days=3)
        left = working_days_between(world.clock.now(), first)
        await case.do(ACCEPTING, "ask")
        (notice,) = await take(world, SOURCE)
        await case.lapse()
        ends = datetime.fromisoformat((await case.row()).deadline or "")
        assert (case.state, working_days_between(world.clock.now(), ends)) == ("reviewing", left)
        assert [each.event for each in await take(world, ACCEPTING)] == ["not_supplied"]
        assert await take(world, SOURCE) == []
        assert (await case.try_(SOURCE, "supplement", irt=notice.jti)).code == "transfer.wrong_state"
        await case.do(ACCEPTING, "decide")
        sound(world, found)


async def test_held_when_the_bank_answers_after_all_then_it_goes_on(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.HELD)
        assert (await case.do(ACCEPTING, "acknowledge")).body["state"] == "reviewing"
        assert (await case.row()).held_from == ""
        posting = await stage(world, HELD_DECIDED)
        await posting.lapse()
        row = await posting.row()
        assert (row.state, row.deadline, row.stage) == ("held", None, "escalated")  # never expired
        await posting.do(SOURCE, "posted")
        assert (await posting.do(ACCEPTING, "posted")).body["state"] == "settled"
        sound(world, found)


async def test_dispute_when_nobody_judges_then_escalated_and_in_the_end_it_stands_unresolved(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.DISPUTED)
        await case.lapse()
        row = await case.row()
        assert (row.state, row.stage) == ("disputed", "presiding")
        assert (await case.try_(ACCEPTING, "uphold")).code == "transfer.wrong_state"
        await case.lapse()
        row = await case.row()
        assert (row.state, row.unresolved, row.disputed_from, row.stage, row.deadline) == ("settled", 1, "", "", None)
        assert [each.event for each in await take(world, SOURCE)] == ["unresolved"]
        sound(world, found)


async def test_escalated_dispute_when_the_presiding_unit_answers_in_time_then_its_word_counts(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.DISPUTED)
        await case.lapse()
        await case.do(PRESIDING, "uphold")
        assert (case.state, (await case.row()).unresolved) == ("settled", 0)
        sound(world, found)


@pytest.mark.parametrize("party_first", [True, False])
async def test_party_when_it_answers_in_the_timers_batch_then_whoever_came_first_wins(tmp_path: Path, party_first: bool) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.REVIEWING)
        world.clock.moment = datetime.fromisoformat((await case.row()).deadline or "") + timedelta(seconds=1)
        timer = Lapsed(case.transfer, GATEWAY_ID, world.ids.jti(), world.ids.jti)
        raw = case.message(ACCEPTING, "decide").raw
        message = unseal(raw.token, raw.contents, keys=world.trust.finder(world.clock.now()), audience=GATEWAY_ID, http=TARGET)
        wants = Wants(messages=((message.iss, message.jti),), transfers=(case.transfer,))
        effect = effect_of(message, world.gateway.tools.standard, world.ids.jti)
        change = PartyAct(message, world.ids.secret(), effect, wants, lambda _parties: None, world.ids.jti)
        committer = world.gateway.committer
        batches = committer.batches
        pair = (change, timer) if party_first else (timer, change)
        answers = await asyncio.gather(*map(committer.submit, pair))
        assert committer.batches == batches + 1
        assert [each.status for each in answers] == [200, 409]
        assert (await case.row()).state == ("posting" if party_first else "expired")
        sound(world, found)


async def test_watch_when_it_looks_then_warns_once_acts_once_and_leaves_the_rest_alone(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case, other = await stage(world, State.REVIEWING), await stage(world, State.POSTING)
        gateway = world.gateway
        watch = DeadlineWatch(gateway.database, gateway.committer, world.clock, world.ids, timedelta(days=2))
        dump = found.dump()
        await watch.look()
        assert found.dump() == dump
        row = await case.row()
        assert row.deadline is not None
        await other.do(SOURCE, "posted")
        await other.do(ACCEPTING, "posted")
        world.clock.moment = datetime.fromisoformat(row.deadline) - timedelta(days=1)
        size = found.size()
        await watch.look()
        assert ((await case.row()).warned, found.size()) == (1, size)
        again = await gateway.committer.submit(Warned(case.transfer, row.deadline))
        assert again.status == 409
        world.clock.moment = datetime.fromisoformat(row.deadline) + timedelta(seconds=1)
        await watch.look()
        await watch.look()
        assert ((await case.row()).state, (await other.row()).state, found.size()) == ("expired", "settled", size + 1)
        sound(world, found)


async def test_warning_when_the_state_has_changed_then_given_anew(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        case = await stage(world, State.DELIVERING)
        row = await case.row()
        assert (await world.gateway.committer.submit(Warned(case.transfer, row.deadline or ""))).status == 200
        await case.do(ACCEPTING, "acknowledge")
        assert (await case.row()).warned == 0
        assert (await world.gateway.committer.submit(Warned(case.transfer, row.deadline or ""))).status == 409


def test_clocks_when_one_jumps_then_they_disagree_and_agree_again_when_it_returns() -> None:
    wall, ticks = datetime(2026, 11, 2).astimezone(), 0.0
    guard = ClockGuard.start(lambda: wall, lambda: ticks)
    ticks, start = 100.0, wall
    wall = start + timedelta(seconds=160)
    assert guard.agree()
    wall = start + timedelta(seconds=161)
    assert not guard.agree()
    wall = start - timedelta(seconds=1)
    assert not guard.agree()
    wall = start + timedelta(seconds=99)
    assert guard.agree()


def test_deadlines_when_listed_then_as_in_the_protocol() -> None:
    assert {state.value: days for state, days in WORKING_DAYS.items()} == {
        place: days for place, (_, _, days) in EXITS.items() if place in set(State)
    }
