"""Taking a case back: what is owed stops, whoever may have seen it is told, outcomes are free."""

import asyncio
from pathlib import Path

import pytest
from support.auditor import books, check_books, shanghai_part
from support.region import region, take
from support.stages import ACCEPTING, SOURCE, owed, stage

from gateway.mapping.documents import write
from gateway.model.documents import Withdrawal
from gateway.model.transfer import State


async def test_case_when_withdrawn_before_it_left_then_nobody_is_told(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        heard = await world.send(world.request(SOURCE, ACCEPTING, ("SHC1",), shanghai_part("SHC1")))
        done = await world.act(SOURCE, "withdraw", [("withdrawal", write(Withdrawal("other", "")))], scp=heard.body["transfer"])
        assert done.body["state"] == "withdrawn", done.body
        assert found.rows("SELECT act, state FROM owed") == [("forward", "cancelled")]
        assert await take(world, ACCEPTING) == []


@pytest.mark.parametrize("state", [State.DELIVERING, State.REVIEWING, State.HELD, State.SUPPLEMENTING])
async def test_case_when_withdrawn_after_it_was_built_then_the_accepting_bank_is_told_once(tmp_path: Path, state: State) -> None:
    """Built is enough: the first try may be on its way while the withdrawal commits."""
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, state)
        heard = await world.send(case.message(SOURCE, "withdraw"))
        assert heard.body["state"] == "withdrawn", heard.body
        (notice,) = await take(world, ACCEPTING)
        assert (notice.act, notice.event) == ("notify", "withdrawn")
        assert (await world.act(ACCEPTING, "noted", [], scp=case.transfer, irt=notice.jti)).status == 200
        assert await take(world, ACCEPTING) == []
        assert {outcome.state for outcome in found.outcomes()} == {"available"}
        late = await world.send(case.message(ACCEPTING, "acknowledge"))
        assert (late.code, late.body["state"]) == ("transfer.wrong_state", "withdrawn")
        check_books(found)


async def test_pulled_case_when_withdrawn_then_source_bank_that_was_asked_is_told(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        case = await stage(world, State.CONFIRMING, pulled=True)
        heard = await world.send(case.message(ACCEPTING, "withdraw"))
        assert heard.body["state"] == "withdrawn"
        assert (await owed(case, SOURCE, "notify")).event == "withdrawn"
        confirmed = await world.send(case.message(SOURCE, "confirm"))
        assert (confirmed.code, confirmed.body["state"]) == ("transfer.wrong_state", "withdrawn")


async def test_case_when_withdrawn_while_it_is_being_built_then_not_sent(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        heard = await world.send(world.request(SOURCE, ACCEPTING, ("SHC1",), shanghai_part("SHC1")))
        dispatcher = world.gateway.parts.mailbox.dispatcher
        (row,) = await dispatcher.due(ACCEPTING, 1)
        paper = [("withdrawal", write(Withdrawal("other", "")))]
        done, parcel = await asyncio.gather(
            world.act(SOURCE, "withdraw", paper, scp=heard.body["transfer"]), dispatcher.parcel(row), return_exceptions=True
        )
        assert not isinstance(done, BaseException)
        states = found.rows("SELECT act, state FROM owed ORDER BY number")
        if parcel is None:
            assert states == [("forward", "cancelled")]
        else:
            assert states == [("forward", "cancelled"), ("notify", "new")]


async def test_case_when_decided_then_no_longer_withdrawn_and_decision_stands(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.POSTING)
        redeemed = check_books(found)
        heard = await world.send(case.message(SOURCE, "withdraw"))
        assert heard.code == "transfer.wrong_state"
        assert check_books(found, redeemed) == redeemed


async def test_race_when_withdrawal_and_decision_come_at_once_then_one_wins_and_both_banks_converge(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        for turn in range(4):
            case = await stage(world, State.REVIEWING)
            acts = [case.message(SOURCE, "withdraw"), case.message(ACCEPTING, "decide")]
            heard = await asyncio.gather(*(world.send(each) for each in (acts if turn % 2 else reversed(acts))))
            assert sorted(each.status for each in heard) == [200, 409]
            stands = found.transfer(case.transfer).state
            assert all(each.body["state"] == stands for each in heard)
            check_books(found)
        assert found.audit(world.trust).ok
