"""State digests between a real gateway and real connectors: what a bank lost is named within one cycle, and comes again where it may."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from support.connectors import four_banks
from support.reconciling import (
    ACCEPTING,
    BANKS,
    SOURCE,
    FirstReplyLost,
    carried,
    cycle,
    differences,
    forget,
    kinds,
    owed,
    place,
    tamper,
    tamper_gateway,
)
from support.region import region

from gateway.model.documents import Correction, Withdrawal
from gateway.model.transfer import Act
from gateway.simulator.banks import Mood
from gateway.transfers.reconciling import OweState

# ---------------------------------------------------------------- numbers


async def test_messages_when_sent_both_ways_then_are_numbered_without_a_gap_and_repeats_keep_theirs(
    tmp_path: Path,
) -> None:  # PR-200, PR-201
    async with region(tmp_path) as world, four_banks(world, FirstReplyLost(world)) as banks:
        await carried(banks)
        for member in BANKS:
            given = [row.seq for row in await owed(world, member)]
            assert given == list(range(1, len(given) + 1))
            assert given
            inbox = [row.seq for row in await banks.connectors[member].store.inbox()]
            assert sorted(number for number in inbox if number) == given
            own = await banks.connectors[member].store.messages()
            assert [row.seq for row in own] == list(range(1, len(own) + 1))
            assert max(row.attempts for row in own) > 1
            here = await world.gateway.database.fetch("message_numbers", iss=member, after=0, most=99)
            assert [tuple(row) for row in here] == [(row.seq, 1) for row in own]


async def test_numbers_when_the_writer_starts_anew_then_go_on(tmp_path: Path) -> None:
    async with region(tmp_path) as world, four_banks(world) as banks:
        await carried(banks)
        before = len(await owed(world, ACCEPTING))
        await world.gateway.ledger.reset()
        await carried(banks)
        given = [row.seq for row in await owed(world, ACCEPTING)]
        assert given == list(range(1, len(given) + 1))
        assert len(given) > before


async def test_numbers_when_another_node_gave_some_meanwhile_then_none_is_given_twice(tmp_path: Path) -> None:  # PR-200
    async with region(tmp_path) as world, four_banks(world) as banks:
        await carried(banks)
        tamper_gateway(world, ("UPDATE lane SET seq = seq + 7 WHERE member = ?", (ACCEPTING,)))
        before = len(await owed(world, ACCEPTING))
        await carried(banks)
        given = [row.seq for row in await owed(world, ACCEPTING)]
        assert given[before] == before + 8
        assert len(given) == len(set(given))


# ---------------------------------------------------------------- nothing lost


async def test_digests_when_nothing_was_lost_then_agree_and_settle_every_number(tmp_path: Path) -> None:  # PR-203
    async with region(tmp_path) as world, four_banks(world) as banks:
        await carried(banks)
        assert await cycle(banks) == []
        for member in BANKS:
            assert await differences(world, member) == []
            row = await place(world, member)
            given = await owed(world, member)
            assert (row.number, row.sent_floor, row.sent_again) == (1, given[-1].seq, f"[[{given[-1].seq}, {given[-1].seq}]]")
            assert row.received_floor == len(await banks.connectors[member].store.messages()) - 1  # its answer came after
            assert [each for each in await banks.connectors[member].store.differences() if not each.closed_at] == []


async def test_digest_when_the_first_is_to_come_then_waits_a_whole_cycle_and_one_only_is_under_way(tmp_path: Path) -> None:  # PR-203
    async with region(tmp_path) as world:
        states = world.gateway.states
        await states.look()
        await states.look()
        assert not await owed(world, SOURCE)
        world.clock.advance(days=1.01)
        await states.look()
        await states.look()
        world.clock.advance(days=3)
        await states.look()
        assert [(row.event, row.transfer) for row in await owed(world, SOURCE)] == [("state", f"state:{SOURCE}:1")]
        change = OweState(SOURCE, 2, world.ids.jti(), world.gateway.receiver.vault.new_part("x", "x")[1], states._every)
        assert (await world.gateway.committer.submit(change)).status == 409


async def test_case_when_its_first_poster_hears_nothing_more_then_the_digest_brings_it_up_to_date(tmp_path: Path) -> None:  # PR-205
    async with region(tmp_path) as world, four_banks(world) as banks:
        scope = await carried(banks)
        before = {member: await banks.connectors[member].store.case(scope) for member in BANKS}
        assert "posting" in {case.state for case in before.values() if case is not None}
        assert await cycle(banks) == []
        for member in BANKS:
            case = await banks.connectors[member].store.case(scope)
            assert case is not None
            assert case.state == "settled"


async def test_cancelled_number_when_its_message_never_comes_then_is_no_loss(tmp_path: Path) -> None:  # PR-202
    async with region(tmp_path) as world, four_banks(world) as banks:
        await banks.connect(SOURCE)
        opened = await banks.open(SOURCE, ACCEPTING)

        async def stands(state: str) -> bool:
            return await banks.state(opened.scope) == state

        await banks.work(SOURCE, until=lambda: stands("delivering"))
        await banks.connectors[SOURCE].withdraw(opened.scope, Withdrawal("learner_request", "学习者要求撤回"))
        await banks.work(SOURCE, until=lambda: stands("withdrawn"))
        assert [(row.seq, row.state) for row in await owed(world, ACCEPTING)] == [(1, "cancelled")]
        await banks.connect(ACCEPTING)
        assert await cycle(banks) == []
        assert await differences(world, ACCEPTING) == []
        assert await banks.connectors[ACCEPTING].store.differences() == []


# ---------------------------------------------------------------- the bank did not keep what it acknowledged


@pytest.mark.parametrize(("until", "act"), [("reviewing", "forward"), ("settled", "forward"), ("settled", "notify")])
async def test_message_when_a_bank_acknowledged_and_lost_it_then_is_named_within_a_cycle_and_comes_again(
    tmp_path: Path, until: str, act: str
) -> None:  # PR-204, PR-206
    async with region(tmp_path) as world, four_banks(world) as banks:
        scope = await carried(banks, until=until)
        member = SOURCE if act == "notify" else ACCEPTING
        lost = next(row for row in await owed(world, member) if row.act == act)
        forget(banks, member, lost.jti)
        (alarm,) = await cycle(banks)
        assert {name: alarm[name] for name in ("code", "member", "transfer", "number", "message", "repair")} == {
            "code": "peer.acknowledged_not_kept", "member": member, "transfer": scope, "number": str(lost.seq), "message": lost.jti,
            "repair": "owed_again",
        }  # fmt: skip
        assert (await kinds(world, member)) == [("acknowledged_not_kept", str(lost.seq))]
        assert [(row.kind, row.subject) for row in await banks.connectors[member].store.differences()] == [("lacks", str(lost.seq))]

        async def answered() -> bool:
            return next(row for row in await owed(world, member) if row.jti == lost.jti).state == "done"

        await banks.work(member, until=answered)
        assert await banks.connectors[member].store.taken("CN-YRD", lost.jti) is not None
        first = "acknowledge" if act == "forward" else "posted"
        assert [row.act for row in await banks.connectors[member].store.answers_to(lost.jti)] == [first, "noted"]
        assert await cycle(banks) == []
        assert await differences(world, member) == []
        assert [row.closed_at != "" for row in await differences(world, member, closed=1)] == [True]
        assert [row.closed_at != "" for row in await banks.connectors[member].store.differences()] == [True]
        assert (await banks.steps(scope)).count("transfer.delivered") == 1


async def test_message_of_an_open_case_when_lost_after_it_was_compared_then_is_named_all_the_same(tmp_path: Path) -> None:  # PR-204
    async with region(tmp_path) as world, four_banks(world) as banks:
        await carried(banks, until="reviewing")
        assert await cycle(banks) == []
        forward = (await owed(world, ACCEPTING))[0]
        assert forward.seq <= (await place(world, ACCEPTING)).sent_floor
        forget(banks, ACCEPTING, forward.jti)
        (alarm,) = await cycle(banks)
        assert (alarm["code"], alarm["message"]) == ("peer.acknowledged_not_kept", forward.jti)


async def test_recall_when_its_notice_was_lost_before_it_was_booked_then_is_booked_after_all(tmp_path: Path) -> None:  # PR-206
    async with region(tmp_path) as world, four_banks(world) as banks:
        scope = await carried(banks)
        bank = banks.banks[ACCEPTING]
        bank._moods = lambda _transfer, _question: Mood(timedelta(days=90))
        case = await banks.connectors[SOURCE].store.case(scope)
        assert case is not None
        record = str(json.loads(case.body)["items"][0]["record"])
        await banks.connectors[SOURCE].say(Act.REVOKE, scope, Correction("other", "作废", (record,)))

        async def noted() -> bool:
            return any(row.event == "recall" and row.state == "done" for row in await owed(world, ACCEPTING))

        await banks.work(*BANKS, until=noted)
        recall = next(row for row in await owed(world, ACCEPTING) if row.event == "recall")
        forget(banks, ACCEPTING, recall.jti)
        (alarm,) = await cycle(banks)
        assert (alarm["message"], alarm["repair"]) == (recall.jti, "owed_again")
        bank.signed = True

        async def booked() -> bool:
            return await banks.state(scope) == "recalled"

        await banks.work(*BANKS, until=booked)


async def test_bank_when_it_lost_the_case_itself_then_gets_it_again_and_decides(tmp_path: Path) -> None:  # PR-206
    async with region(tmp_path) as world, four_banks(world) as banks:
        scope = await carried(banks, until="reviewing")
        forward = (await owed(world, ACCEPTING))[0]
        forget(banks, ACCEPTING, forward.jti)
        tamper(
            banks, ACCEPTING,
            ("DELETE FROM bank_case", ()), ("DELETE FROM held_content", ()), ("DELETE FROM outbox", ()),
        )  # fmt: skip
        alarms = await cycle(banks)
        assert {alarm["code"] for alarm in alarms} >= {"peer.acknowledged_not_kept", "peer.state_differs"}
        banks.banks[ACCEPTING].signed = True

        async def settled() -> bool:
            return await banks.state(scope) == "settled"

        await banks.work(*BANKS, until=settled)


async def test_withdrawn_case_when_its_bank_lost_it_then_is_named_and_not_sent_again(tmp_path: Path) -> None:  # PR-206
    async with region(tmp_path) as world, four_banks(world) as banks:
        scope = await carried(banks, until="reviewing")
        forward = (await owed(world, ACCEPTING))[0]
        await banks.connectors[SOURCE].withdraw(scope, Withdrawal("learner_request", "学习者要求撤回"))

        async def told() -> bool:
            return all(row.state == "done" for row in await owed(world, ACCEPTING)) and await banks.state(scope) == "withdrawn"

        await banks.work(*BANKS, until=told)
        forget(banks, ACCEPTING, forward.jti)
        (alarm,) = await cycle(banks)
        assert (alarm["message"], alarm["repair"]) == (forward.jti, "superseded")
        assert await cycle(banks) == []  # told once
        (row,) = await differences(world, ACCEPTING)
        assert row.seen_at > row.found_at
        assert await banks.connectors[ACCEPTING].store.taken("CN-YRD", forward.jti) is None


async def test_bank_when_it_goes_back_to_an_old_copy_then_is_told_again_from_there(tmp_path: Path) -> None:  # PR-207
    async with region(tmp_path) as world, four_banks(world) as banks:
        scope = await carried(banks)
        assert await cycle(banks) == []
        lost = next(row for row in await owed(world, SOURCE) if row.act == "notify")
        assert lost.seq <= (await place(world, SOURCE)).sent_floor
        forget(banks, SOURCE, lost.jti)
        tamper(banks, SOURCE, ("UPDATE reconciled SET floor = 0", ()))
        assert await cycle(banks) == []
        assert (await place(world, SOURCE)).sent_floor == 0
        (alarm,) = await cycle(banks)
        assert (alarm["code"], alarm["transfer"]) == ("peer.acknowledged_not_kept", scope)
