"""Connectors against a real gateway: the journey, lost replies, death at every commit, repeats, withdrawals."""

from pathlib import Path

import pytest
from support.connectors import KilledError, Line, Mortal, Region, four_banks
from support.region import region

from gateway.model.documents import Withdrawal
from gateway.simulator.banks import Programme
from gateway.storage.database import Database

PUSHED = ["transfer.requested", "transfer.delivered", "transfer.decided", "transfer.posted", "transfer.posted", "transfer.settled"]
PULLED = [PUSHED[0], "transfer.confirmed", *PUSHED[1:]]


async def settled(banks: Region, transfer: str) -> bool:
    return await banks.state(transfer) == "settled"


@pytest.mark.parametrize(("source", "accepting"), [("CN-31", "CN-32"), ("CN-32", "CN-33"), ("CN-33", "CN-34"), ("CN-34", "CN-31")])
@pytest.mark.parametrize("pulled", [False, True])
async def test_case_when_two_connectors_run_then_settles_with_each_act_once(
    tmp_path: Path, source: str, accepting: str, pulled: bool
) -> None:
    async with region(tmp_path) as world, four_banks(world) as banks:
        for member in (source, accepting):
            await banks.connect(member)
        opened = await banks.open(source, accepting, pulled=pulled)
        await banks.work(source, accepting, until=lambda: settled(banks, opened.scope))
        assert await banks.steps(opened.scope) == (PULLED if pulled else PUSHED)
        for member, role in ((source, "source"), (accepting, "accepting")):
            bank = banks.banks[member]
            booked = bank.posted[opened.scope, role]
            bank.post(opened.scope, role, banks.banks[accepting].decided[opened.scope])
            assert bank.posted[opened.scope, role] is booked
            assert not await banks.connectors[member].store.refused()


async def test_replies_when_each_is_lost_once_after_commit_then_nothing_is_doubled(tmp_path: Path) -> None:
    async with region(tmp_path) as world, four_banks(world, Line(world, lose=lambda number: number % 2 == 1)) as banks:
        for member in ("CN-31", "CN-32"):
            await banks.connect(member)
        opened = await banks.open("CN-31", "CN-32")
        await banks.work("CN-31", "CN-32", until=lambda: settled(banks, opened.scope))
        assert await banks.steps(opened.scope) == PUSHED
        tries = [row.attempts for row in await banks.connectors["CN-31"].store.messages()]
        assert max(tries) > 1


@pytest.mark.parametrize("victim", ["CN-31", "CN-32"])
@pytest.mark.parametrize("pulled", [False, True])
async def test_connector_when_killed_after_every_single_commit_then_loses_nothing_and_doubles_nothing(
    tmp_path: Path, victim: str, pulled: bool
) -> None:
    async with region(tmp_path) as world, four_banks(world) as banks:
        other = "CN-32" if victim == "CN-31" else "CN-31"
        await banks.connect(other)
        await banks.connect(victim)
        opened = await banks.open("CN-31", "CN-32", pulled=pulled)
        deaths = 0
        while await banks.state(opened.scope) != "settled":
            await banks.connect(victim, lambda database: Mortal(database, death=1, after=True))
            try:
                await banks.work(victim, other, until=lambda: settled(banks, opened.scope))
            except* KilledError:
                deaths += 1
        assert deaths >= 4
        assert await banks.steps(opened.scope) == (PULLED if pulled else PUSHED)
        assert len(banks.banks["CN-31"].posted) == len(banks.banks["CN-32"].posted) == 1


@pytest.mark.parametrize("death", [1, 2, 3, 4, 5, 6])
async def test_connector_when_killed_before_its_nth_commit_then_takes_up_where_it_was(tmp_path: Path, death: int) -> None:
    async with region(tmp_path) as world, four_banks(world) as banks:
        await banks.connect("CN-31")
        opened = await banks.open("CN-31", "CN-32")

        def mortal(database: Database) -> Database:
            return Mortal(database, death=death, after=False)

        await banks.connect("CN-32", mortal)
        try:
            await banks.work("CN-31", "CN-32", until=lambda: settled(banks, opened.scope))
        except* KilledError:
            await banks.connect("CN-32")
        await banks.work("CN-31", "CN-32", until=lambda: settled(banks, opened.scope))
        assert await banks.steps(opened.scope) == PUSHED


async def test_withdrawal_when_file_lies_unsigned_then_both_banks_hear_of_it(tmp_path: Path) -> None:
    async with region(tmp_path) as world, four_banks(world) as banks:
        for member in ("CN-31", "CN-32"):
            await banks.connect(member)
        opened = await banks.open("CN-31", "CN-32", programme=Programme.SLOW)
        await banks.work("CN-31", "CN-32", until=lambda: stands(banks, opened.scope, "reviewing"))
        await banks.connectors["CN-31"].withdraw(opened.scope, Withdrawal("learner_request", "学习者要求"))
        await banks.work("CN-31", "CN-32", until=lambda: told(banks, "CN-32", opened.scope))
        assert await banks.state(opened.scope) == "withdrawn"
        banks.banks["CN-32"].signed = True
        case = await banks.connectors["CN-32"].store.case(opened.scope)
        assert case is not None
        assert (case.state, case.todo) == ("withdrawn", "")


async def test_withdrawal_when_accepting_bank_is_the_facing_one_then_it_decides_no_more(tmp_path: Path) -> None:
    async with region(tmp_path) as world, four_banks(world) as banks:
        for member in ("CN-31", "CN-32"):
            await banks.connect(member)
        opened = await banks.open("CN-31", "CN-32", pulled=True, programme=Programme.SLOW)
        await banks.work("CN-31", "CN-32", until=lambda: stands(banks, opened.scope, "reviewing"))
        taken_back = await banks.connectors["CN-32"].withdraw(opened.scope, Withdrawal("learner_request", "学习者要求"))
        await banks.work("CN-31", "CN-32", until=lambda: ended(banks, "CN-32", taken_back.jti))
        case = await banks.connectors["CN-32"].store.case(opened.scope)
        assert case is not None
        assert (case.state, case.todo) == ("withdrawn", "")


async def test_answer_when_body_was_altered_on_the_way_then_set_aside_with_an_alarm(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        line = Line(world, alter=lambda body: body.replace(b'"state":"delivering"', b'"state":"reviewing"'))
        async with four_banks(world, line) as banks:
            await banks.connect("CN-31")
            opened = await banks.open("CN-31", "CN-32")
            await banks.work("CN-31", until=lambda: ended(banks, "CN-31", opened.jti))
            row = await banks.connectors["CN-31"].store.message(opened.jti)
            assert row is not None
            assert (row.state, row.last_error) == ("alarm", "transferlog.bad_receipt")
            case = await banks.connectors["CN-31"].store.case(opened.scope)
            assert case is not None
            assert case.state == "submitted"


async def test_message_when_answered_and_asked_for_again_then_same_answer_is_stored(tmp_path: Path) -> None:
    async with region(tmp_path) as world, four_banks(world) as banks:
        connector = await banks.connect("CN-31")
        opened = await banks.open("CN-31", "CN-32")
        await banks.work("CN-31", until=lambda: ended(banks, "CN-31", opened.jti))
        first = await connector.store.message(opened.jti)
        await connector.resend(opened.jti)
        await banks.work("CN-31", until=lambda: ended(banks, "CN-31", opened.jti))
        again = await connector.store.message(opened.jti)
        assert first is not None
        assert again is not None
        assert (again.answer, again.receipt, again.attempts) == (first.answer, first.receipt, first.attempts + 1)
        assert await banks.steps(opened.scope) == ["transfer.requested"]


async def ended(banks: Region, member: str, jti: str) -> bool:
    row = await banks.connectors[member].store.message(jti)
    return row is not None and row.state != "waiting"


async def stands(banks: Region, transfer: str, state: str) -> bool:
    return await banks.state(transfer) == state


async def told(banks: Region, member: str, transfer: str) -> bool:
    case = await banks.connectors[member].store.case(transfer)
    return transfer in banks.banks[member].ended and case is not None and case.state == "withdrawn"
