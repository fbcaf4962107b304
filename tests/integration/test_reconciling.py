"""State digests: what the gateway lacks, cases seen otherwise, banks that do less than they should, digests lost or cut off."""

import json
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from support.connectors import KilledError, Mortal, four_banks
from support.reconciling import (
    ACCEPTING,
    BANKS,
    SOURCE,
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
from support.region import World, region

from gateway.federation.state_digest import StateAnswer, StateDigest, TransferState, ranges_of
from gateway.simulator.banks import Programme

# ---------------------------------------------------------------- the gateway lacks a message of the bank's


async def test_message_when_the_gateway_lost_it_then_the_bank_sends_the_same_one_again(tmp_path: Path) -> None:  # PR-205
    async with region(tmp_path) as world, four_banks(world) as banks:
        await carried(banks)
        await cycle(banks)
        answer = (await banks.connectors[SOURCE].store.messages())[-1]
        assert answer.act == "noted"
        tamper_gateway(world, ("DELETE FROM message WHERE iss = ? AND jti = ?", (SOURCE, answer.jti)))
        await carried(banks)
        await cycle(banks)
        assert await differences(world, SOURCE, closed=1) == []  # the bank had it at hand: nothing to tell anybody
        assert await world.gateway.database.fetch("messages_by_key", keys=json.dumps([[SOURCE, answer.jti]]))
        assert await cycle(banks) == []


async def test_message_when_the_bank_took_it_for_sent_and_it_was_its_last_then_is_named_and_sent(tmp_path: Path) -> None:  # PR-204, PR-205
    async with region(tmp_path) as world, four_banks(world) as banks:
        await carried(banks)
        opened = await banks.connectors[SOURCE].submit(
            banks.counter.pushed(banks.banks[SOURCE], ACCEPTING, banks.learner(SOURCE, ACCEPTING, 5), Programme.OPEN)
        )
        row = (await banks.connectors[SOURCE].store.messages())[-1]
        tamper(banks, SOURCE, ("UPDATE outbox SET state = 'done' WHERE jti = ?", (opened.jti,)))
        (alarm,) = await cycle(banks)
        assert (alarm["code"], alarm["number"], alarm["transfer"]) == ("peer.message_missing", str(row.seq), "")
        await cycle(banks)

        async def settled() -> bool:
            return await banks.state(opened.scope) == "settled"

        await banks.work(*BANKS, until=settled)
        await cycle(banks)
        assert await differences(world, SOURCE) == []


async def test_number_when_the_bank_gave_the_message_up_then_is_a_declared_hole(tmp_path: Path) -> None:  # PR-202
    async with region(tmp_path) as world, four_banks(world) as banks:
        await carried(banks)
        opened = await banks.connectors[SOURCE].submit(
            banks.counter.pushed(banks.banks[SOURCE], ACCEPTING, banks.learner(SOURCE, ACCEPTING, 5), Programme.OPEN)
        )
        tamper(banks, SOURCE, ("UPDATE outbox SET state = 'failed' WHERE jti = ?", (opened.jti,)))
        assert await cycle(banks) == []
        assert await cycle(banks) == []
        assert await differences(world, SOURCE, closed=1) == []


async def test_number_when_the_bank_itself_has_no_such_message_then_both_name_it_once(tmp_path: Path) -> None:  # PR-204
    async with region(tmp_path) as world, four_banks(world) as banks:
        await carried(banks)
        opened = await banks.connectors[SOURCE].submit(
            banks.counter.pushed(banks.banks[SOURCE], ACCEPTING, banks.learner(SOURCE, ACCEPTING, 5), Programme.OPEN)
        )
        lost = (await banks.connectors[SOURCE].store.messages())[-1]
        later = await banks.connectors[SOURCE].submit(
            banks.counter.pushed(banks.banks[SOURCE], ACCEPTING, banks.learner(SOURCE, ACCEPTING, 6), Programme.OPEN)
        )
        tamper(banks, SOURCE, ("DELETE FROM outbox WHERE jti = ?", (opened.jti,)))

        async def sent() -> bool:
            return await banks.state(later.scope) == "settled"

        await banks.work(*BANKS, until=sent)
        (alarm,) = await cycle(banks)
        assert (alarm["code"], alarm["number"]) == ("peer.message_lost", str(lost.seq))
        assert ("lost", str(lost.seq)) in [(row.kind, row.subject) for row in await banks.connectors[SOURCE].store.differences()]
        assert await cycle(banks) == []
        assert await differences(world, SOURCE) == []


async def test_number_when_two_messages_carry_it_then_is_named(tmp_path: Path) -> None:  # PR-200
    async with region(tmp_path) as world, four_banks(world) as banks:
        await carried(banks)
        stranger = await world.act(SOURCE, "noted", scp="ab" * 32, seq=1)
        assert stranger.code == "transfer.unknown"
        (alarm,) = await cycle(banks)
        assert (alarm["code"], alarm["number"]) == ("peer.number_twice", "1")
        assert await cycle(banks) == []
        assert await differences(world, SOURCE) == []


# ---------------------------------------------------------------- states and items


async def test_items_when_the_bank_has_others_then_are_listed_one_by_one_and_closed_when_they_agree(tmp_path: Path) -> None:  # PR-207
    async with region(tmp_path) as world, four_banks(world) as banks:
        scope = await carried(banks)
        await cycle(banks)
        case = await banks.connectors[ACCEPTING].store.case(scope)
        assert case is not None
        body = json.loads(case.body)
        record = body["items"][0]["record"]
        body["items"][0]["state"] = "refused"
        tamper(banks, ACCEPTING, ("UPDATE bank_case SET body = ?", (json.dumps(body),)))
        tamper_gateway(world, ("UPDATE transfer SET changed_at = ? WHERE id = ?", ("2026-12-30T00:00:00.000000Z", scope)))
        (alarm,) = await cycle(banks)
        assert (alarm["code"], alarm["kind"], alarm["transfer"], alarm["number"]) == ("peer.state_differs", "item", scope, "")
        (row,) = await differences(world, ACCEPTING)
        assert (row.subject, row.ours.split()[0], row.theirs.split()[0]) == (record, "recognised", "refused")
        assert [(each.kind, each.subject) for each in await banks.connectors[ACCEPTING].store.differences()] == [("item", record)]
        tamper(banks, ACCEPTING, ("UPDATE bank_case SET body = ?", (case.body,)))
        assert await cycle(banks) == []
        assert await differences(world, ACCEPTING) == []
        assert [bool(each.closed_at) for each in await banks.connectors[ACCEPTING].store.differences()] == [True]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ("DELETE FROM bank_case", "unknown_transfer"),
        ("UPDATE bank_case SET ver = ver + 5", "ahead"),
        ("UPDATE bank_case SET state = 'held'", "state"),
    ],
)
async def test_case_when_the_bank_sees_it_otherwise_then_is_named(tmp_path: Path, change: str, kind: str) -> None:  # PR-207
    async with region(tmp_path) as world, four_banks(world) as banks:
        scope = await carried(banks, until="reviewing")
        await cycle(banks)
        tamper(banks, ACCEPTING, (change, ()))
        alarms = await cycle(banks)
        assert [(each["kind"], each["transfer"]) for each in alarms] == [(kind, scope)]


async def test_digest_when_it_does_not_fit_one_page_then_the_next_follows_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # PR-208
    monkeypatch.setattr("gateway.transfers.state_digest.TRANSFERS_MAX", 1)
    async with region(tmp_path) as world, four_banks(world) as banks:
        for _ in range(3):
            await carried(banks)
        await world.gateway.states.look()
        world.clock.advance(days=1.1)
        seen = []
        for _ in range(4):
            await world.gateway.states.look()
            row = await place(world, SOURCE)
            if not row.scope:
                break

            async def answered() -> bool:
                return not (await place(world, SOURCE)).scope

            await banks.work(*BANKS, until=answered)
            seen.append((await place(world, SOURCE)).cursor)
        assert len(seen) == 4
        assert seen[:3] == sorted(seen[:3])
        assert seen[3] == ""
        settled = [(await banks.connectors[SOURCE].store.case(case.transfer)) for case in await banks.connectors[SOURCE].store.cases()]
        assert {case.state for case in settled if case is not None} == {"settled"}


# ---------------------------------------------------------------- banks that do less, or other than they should


async def digest_to(world: World, member: str) -> tuple[str, str, StateDigest]:
    """The digest owed to a member, as the bank would see it: id, scope, what it says."""
    await world.gateway.states.look()
    world.clock.advance(days=1.1)
    await world.gateway.states.look()
    dispatcher = world.gateway.parts.mailbox.dispatcher
    (row,) = [each for each in await dispatcher.due(member, 10, at_once=True) if each.event == "state"]
    parcel = await dispatcher.parcel(row)
    assert parcel is not None
    return row.jti, row.transfer, StateDigest.read(next(each.data for each in parcel.contents if each.name == "state"))


async def test_bank_when_it_does_not_number_or_compare_then_is_simply_not_checked(tmp_path: Path) -> None:  # PR-201, PR-209
    async with region(tmp_path) as world:
        await world.act(SOURCE, "noted", scp="ab" * 32)
        jti, scope, digest = await digest_to(world, SOURCE)
        assert (digest.received.to, digest.received.missing, digest.transfers) == (0, (), ())
        heard = await world.act(SOURCE, "noted", scp=scope, irt=jti)
        assert (heard.status, heard.body["number"], heard.body["differences"]) == (200, 1, 0)
        assert (await place(world, SOURCE)).scope == ""


async def test_answer_when_repeated_late_or_of_another_then_counts_once(tmp_path: Path) -> None:  # PR-203
    async with region(tmp_path) as world:
        jti, scope, digest = await digest_to(world, SOURCE)
        assert (await world.act(ACCEPTING, "noted", scp=scope, irt=jti)).code == "transfer.not_asked"
        assert (await world.act(SOURCE, "noted", [("state", b"{}")], scp=scope, irt=jti)).code == "format.state_digest"
        assert (await place(world, SOURCE)).scope == scope
        message = world.message(SOURCE, "noted", [("state", StateAnswer().write())], scp=scope, irt=jti)
        first = await world.send(message)
        again = await world.send(message)
        assert (first.status, again.status, again.reply.repeated) == (200, 200, True)
        assert first.body == {**again.body, "receipt": first.body["receipt"]}
        later = await world.act(SOURCE, "noted", [("state", StateAnswer().write())], scp=scope, irt=jti)
        assert later.code == "transfer.not_asked"
        assert digest.number == (await place(world, SOURCE)).number == 1


async def test_answer_when_it_lacks_what_was_never_said_to_be_there_then_that_is_no_difference(tmp_path: Path) -> None:  # PR-204
    async with region(tmp_path) as world:
        jti, scope, digest = await digest_to(world, SOURCE)
        assert digest.sent.open == ((1, 1),)
        told = StateAnswer(lacks=ranges_of([1, 2, 77]), differs=(TransferState("ab" * 32, "settled", 9),), pending=((4, 9),))
        heard = await world.act(SOURCE, "noted", [("state", told.write())], scp=scope, irt=jti)
        assert (heard.status, heard.body["differences"]) == (200, 0)


async def test_numbers_when_a_bank_leaves_a_gap_then_the_digest_names_it(tmp_path: Path) -> None:  # PR-204, PR-209
    async with region(tmp_path) as world:
        for number in (2, 3, 6):
            await world.act(SOURCE, "noted", scp="ab" * 32, seq=number)
        jti, scope, digest = await digest_to(world, SOURCE)
        assert (digest.received.to, digest.received.missing) == (6, ((1, 1), (4, 5)))
        await world.act(SOURCE, "noted", scp="ab" * 32, seq=4)
        told = StateAnswer(sent=6, pending=((1, 1),))
        heard = await world.act(SOURCE, "noted", [("state", told.write())], scp=scope, irt=jti)
        assert heard.body["differences"] == 1
        assert await kinds(world, SOURCE) == [("missing_here", "5")]
        world.clock.advance(days=1)
        jti, scope, digest = await digest_to(world, SOURCE)
        assert digest.received.missing == ((1, 1), (5, 5))
        heard = await world.act(SOURCE, "noted", [("state", StateAnswer(sent=6, given_up=((1, 1), (5, 5))).write())], scp=scope, irt=jti)
        assert heard.body["differences"] == 0


# ---------------------------------------------------------------- lost, doubled, cut off


async def test_digest_when_replies_are_lost_and_it_comes_twice_then_ends_once(tmp_path: Path) -> None:  # PR-203
    async with region(tmp_path) as world, four_banks(world) as banks:
        await carried(banks)
        banks.line.lose = lambda post: post % 3 != 0
        assert await cycle(banks) == []
        assert [(await place(world, member)).number for member in BANKS] == [1, 1]
        assert sum(row.scope.startswith("state:") for row in await banks.connectors[SOURCE].store.messages()) == 1


@pytest.mark.parametrize("death", [1, 2, 3])
@pytest.mark.parametrize("after", [False, True])
async def test_bank_when_killed_while_it_compares_then_answers_once_and_still_names_the_loss(
    tmp_path: Path, death: int, after: bool
) -> None:
    async with region(tmp_path) as world, four_banks(world) as banks:
        await carried(banks)
        lost = next(row for row in await owed(world, ACCEPTING) if row.act == "forward")
        forget(banks, ACCEPTING, lost.jti)
        await world.gateway.states.look()
        world.clock.advance(days=1.1)
        await world.gateway.states.look()
        await banks.connect(ACCEPTING, lambda database: Mortal(database, death=death, after=after))

        async def answered() -> bool:
            return not (await place(world, ACCEPTING)).scope

        try:
            await banks.work(ACCEPTING, until=answered)
        except* KilledError:
            await banks.connect(ACCEPTING)
            await banks.work(ACCEPTING, until=answered)
        assert await kinds(world, ACCEPTING) == [("acknowledged_not_kept", str(lost.seq))]
        own = await banks.connectors[ACCEPTING].store.messages()
        assert sum(row.scope.startswith("state:") for row in own) == 1


async def test_alarm_when_the_node_dies_before_it_is_raised_then_comes_from_the_next_one(tmp_path: Path) -> None:  # PR-207
    async with region(tmp_path) as world, four_banks(world) as banks:
        await carried(banks)
        forget(banks, ACCEPTING, next(row for row in await owed(world, ACCEPTING) if row.act == "forward").jti)
        await world.gateway.states.look()
        world.clock.advance(days=1.1)
        await world.gateway.states.look()

        async def found() -> bool:
            return bool(await differences(world, ACCEPTING))

        await banks.work(ACCEPTING, until=found)
        assert [row.told for row in await differences(world, ACCEPTING)] == [0]
    async with region(tmp_path) as world:
        with capture_logs() as logged:
            await world.gateway.states.look()
            await world.gateway.states.look()
        assert [each["code"] for each in logged if each["event"] == "difference"] == ["peer.acknowledged_not_kept"]
