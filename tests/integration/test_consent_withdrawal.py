"""A consent withdrawn while its case is under way: before the decision the case ends with it, after it only the disclosure does.

PR-106 to PR-110.
"""

import asyncio
import json
from pathlib import Path

import pytest
from support.auditor import books, check_books, check_receipt, shanghai_part
from support.enquiries import given, taken_back
from support.region import TARGET, Message, World, acknowledgement, region, take
from support.stages import ACCEPTING, HELD_DECIDED, JUDGED, PRESIDING, SOURCE, Stage, place_state, stage

from gateway.errors import ConsentError
from gateway.federation.envelope import unseal
from gateway.federation.protocol import GATEWAY_ID
from gateway.mapping.documents import read, write
from gateway.model.documents import Consent
from gateway.model.scopes import consent_scope
from gateway.model.transfer import State
from gateway.transfers.unit_of_work import Change

BEFORE = ("confirming", "delivering", "reviewing", "supplementing", "held")
AFTER = ("posting", "disputed", "settled", "rejected", "withdrawn", "expired", "recalled", HELD_DECIDED, JUDGED)


async def consent_of(case: Stage, name: str = "consent") -> str:
    """The id of the consent the case stands on."""
    row = await case.row()
    (content,) = await case.world.gateway.receiver.vault.some_of(case.transfer, [(row.iss, row.jti, name)])
    return read(content.data, Consent, case.world.gateway.receiver.reader.standard).consent_id


@pytest.mark.parametrize("pulled", [False, True], ids=["pushed", "pulled"])
@pytest.mark.parametrize("place", BEFORE)
async def test_case_when_consent_is_withdrawn_before_the_decision_then_withdrawn_with_it(tmp_path: Path, place: str, pulled: bool) -> None:
    if place == "confirming" and not pulled:
        return
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, place, pulled=pulled)
        given_id = await consent_of(case)
        reached = {ACCEPTING if not pulled else SOURCE}
        message = taken_back(world, case.facing, given_id)
        heard = await world.send(message)
        assert heard.status == 200, heard.body
        assert (heard.body["state"], heard.body["case"]["state"], heard.body["used_by"]) == ("withdrawn", "withdrawn", case.transfer)
        assert {(item["state"], item["reason"]) for item in heard.body["case"]["items"]} == {("closed", "consent_withdrawn")}
        proven = check_receipt(world, message, heard)
        assert (proven.leaf.type, proven.leaf.scope) == ("consent.withdrawn", consent_scope(case.facing, given_id))
        second = found.leaves()[-1]
        assert (second.type, second.scope, second.n, second.cause) == (
            "transfer.withdrawn", case.transfer, 1, (proven.leaf.scope, proven.leaf.seq),
        )  # fmt: skip
        assert (second.state_before, second.state_after) == (place, "withdrawn")
        assert {outcome.state for outcome in found.outcomes()} <= {"available"}
        assert found.rows("SELECT COUNT(*) FROM owed WHERE act IN ('forward', 'fetch') AND state IN ('new', 'ready')") == [(0,)]
        notices = [
            (member, owed.event, set(owed.contents)) for member in (SOURCE, ACCEPTING) for owed in await take(world, member)
        ]  # fmt: skip
        assert [each for each in notices if each[1] == "withdrawn"] == [(member, "withdrawn", {"notice"}) for member in sorted(reached)]
        check_books(found)
        assert found.audit(world.trust).finding is None


@pytest.mark.parametrize("pulled", [False, True], ids=["pushed", "pulled"])
@pytest.mark.parametrize("place", AFTER)
async def test_case_when_consent_is_withdrawn_after_the_decision_then_stands_and_banks_are_told(
    tmp_path: Path, place: str, pulled: bool
) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, place, pulled=pulled)
        before, items, outcomes = await case.row(), found.items(case.transfer), found.outcomes()
        given_id = await consent_of(case)
        message = taken_back(world, case.facing, given_id)
        heard = await world.send(message)
        assert heard.status == 200, heard.body
        row = await case.row()
        assert (row.state, row.ver, row.seq, row.deadline) == (before.state, before.ver, before.seq, before.deadline)
        assert (row.consent_withdrawn != "", before.consent_withdrawn) == (True, "")
        assert (found.items(case.transfer), found.outcomes()) == (items, outcomes)
        told = found.rows("SELECT lane FROM owed WHERE event = 'consent_withdrawn' ORDER BY lane")
        assert told == [(SOURCE,), (ACCEPTING,)]
        check_books(found)
        assert found.audit(world.trust).finding is None


async def test_notice_when_consent_was_withdrawn_after_the_decision_then_bare_and_shows_the_leaf(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        case = await stage(world, State.SETTLED)
        await world.send(taken_back(world, case.facing, await consent_of(case)))
        notice = next(each for each in await take(world, ACCEPTING) if each.event == "consent_withdrawn")
        assert set(notice.contents) == {"notice"}
        told = json.loads(notice.contents["notice"])
        assert told["consent"].keys() == {"recipient", "leaf", "proof"}
        assert (told["event"], told["consent"]["recipient"], told["case"]["state"]) == ("consent_withdrawn", ACCEPTING, "settled")
        assert (await world.act(ACCEPTING, "noted", scp=case.transfer, irt=notice.jti)).status == 200


@pytest.mark.parametrize(
    ("place", "act", "iss"), [("disputed", "decide", ACCEPTING), ("settled", "amend", SOURCE), (JUDGED, "remit", PRESIDING)]
)
async def test_act_when_consent_was_withdrawn_then_refused_by_that_name_and_credit_stays(
    tmp_path: Path, place: str, act: str, iss: str
) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, place)
        items = found.items(case.transfer)
        await world.send(taken_back(world, case.facing, await consent_of(case)))
        heard = await case.try_(iss, act)
        assert (heard.status, heard.code) == (403, "consent.withdrawn")
        assert found.items(case.transfer) == items
        assert (await case.row()).state == place_state(place)


async def test_dispute_when_consent_was_withdrawn_then_ends_with_the_decision_standing(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, JUDGED)
        await world.send(taken_back(world, case.facing, await consent_of(case)))
        await case.do(PRESIDING, "uphold")
        assert case.state == "settled"
        assert {item.state for item in found.items(case.transfer)} == {"recognised", "refused"}


async def test_amended_notice_when_consent_is_withdrawn_before_it_left_then_not_sent(tmp_path: Path) -> None:
    """It would carry the records anew; that the consent ended is told without them."""
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.SETTLED)
        await case.do(SOURCE, "amend")
        dispatcher = world.gateway.parts.mailbox.dispatcher
        (row,) = await dispatcher.due(ACCEPTING, 10)
        assert row.event == "amended"
        await world.send(taken_back(world, case.facing, await consent_of(case)))
        assert found.rows("SELECT state FROM owed WHERE event = 'amended'") == [("cancelled",)]
        with pytest.raises(ConsentError) as caught:  # a lane that had read it before
            await dispatcher.parcel(row)
        assert caught.value.code == "consent.withdrawn"
        assert [each.event for each in await take(world, ACCEPTING)] == ["consent_withdrawn"]


async def test_forward_when_lane_read_it_before_the_withdrawal_then_not_built(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        records = ("SHC00000000001",)
        opened = await world.send(
            world.request(SOURCE, ACCEPTING, records, shanghai_part(*records), consent={"consent_id": "consent-one"})
        )  # fmt: skip
        assert opened.status == 202
        dispatcher = world.gateway.parts.mailbox.dispatcher
        (row,) = await dispatcher.due(ACCEPTING, 10)
        assert (await world.send(taken_back(world, SOURCE, "consent-one"))).status == 200
        with pytest.raises(ConsentError) as caught:
            await dispatcher.parcel(row)
        assert caught.value.code == "consent.withdrawn"
        assert await take(world, ACCEPTING) == []  # it never saw the case, and is told of none


@pytest.mark.parametrize("place", ["confirming", "delivering", "reviewing", "settled"])
async def test_source_consent_when_withdrawn_then_ends_the_case_only_while_the_source_is_asked(tmp_path: Path, place: str) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, place, pulled=True)
        heard = await world.send(taken_back(world, ACCEPTING, await consent_of(case, "consent-source")))
        assert heard.status == 200
        row = await case.row()
        if place == "confirming":
            assert row.state == "withdrawn"
            late = await case.try_(SOURCE, "confirm")
            assert (late.code, late.body["state"]) == ("transfer.wrong_state", "withdrawn")
            assert found.leaves()[-1].type == "transfer.late"
            assert found.rows("SELECT COUNT(*) FROM content WHERE name = 'part'") == [(0,)]
        else:
            assert (row.state, row.consent_withdrawn) == (place, "")
            assert SOURCE in {lane for (lane,) in found.rows("SELECT lane FROM owed WHERE event = 'consent_withdrawn'")}
        assert found.audit(world.trust).finding is None


async def test_withdrawal_when_repeated_then_stored_answer_and_with_a_new_id_refused(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.REVIEWING)
        given_id = await consent_of(case)
        message = taken_back(world, case.facing, given_id)
        first = await world.send(message)
        size = found.size()
        again = await world.send(message)
        assert (again.reply.repeated, again.body) == (True, first.body)
        assert (await world.send(taken_back(world, case.facing, given_id))).code == "consent.withdrawn"
        assert found.size() == size


async def test_acknowledgement_when_it_crosses_the_withdrawal_then_late_and_told_how_it_stands(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        case = await stage(world, State.DELIVERING)
        await world.send(taken_back(world, case.facing, await consent_of(case)))
        heard = await world.act(
            ACCEPTING, "acknowledge", acknowledgement(world), scp=case.transfer, irt=case.jtis["forward"], posture="account"
        )
        assert (heard.code, heard.body["state"]) == ("transfer.wrong_state", "withdrawn")


async def test_request_and_withdrawal_when_they_come_at_once_then_case_is_withdrawn_or_never_opened(tmp_path: Path) -> None:
    """In one batch or in two: whichever is first, no case is left open under a withdrawn consent."""
    records = ("SHC00000000001",)
    async with region(tmp_path) as world, books(world) as found:
        for turn in range(4):
            consent = {"consent_id": f"consent-{turn}"}
            opening = world.request(SOURCE, ACCEPTING, records, shanghai_part(*records), consent=consent)
            ending = taken_back(world, SOURCE, f"consent-{turn}")
            pair = [world.send(opening), world.send(ending)]
            heard = await asyncio.gather(*(pair if turn % 2 else reversed(pair)))
            if 200 not in {each.status for each in heard}:
                await world.send(taken_back(world, SOURCE, f"consent-{turn}"))
            assert {row.state for row in found.transfers()} == {"withdrawn"}
        assert found.audit(world.trust).finding is None


async def test_withdrawal_when_consent_was_taken_up_after_the_reader_looked_then_the_case_ends_all_the_same(tmp_path: Path) -> None:
    records = ("SHC00000000001",)
    async with region(tmp_path) as world, books(world) as found:
        permitted = world.consent(SOURCE, ACCEPTING, SOURCE, records, consent_id="consent-one")
        await world.send(given(world, permitted))
        ending = taken_back(world, SOURCE, "consent-one")
        change = await _change_of(world, ending)
        made = world.request(SOURCE, ACCEPTING, records, shanghai_part(*records))
        contents = {name: content.data for name, content in made.contents.items()}
        contents["consent"] = write(permitted)
        assert (await world.send(world.message(SOURCE, "request", [*contents.items()]))).status == 202
        assert (await world.gateway.committer.submit(change)).status == 0  # what it had read has moved on: nothing decided
        heard = await world.send(ending)
        assert (heard.status, heard.body["case"]["state"]) == (200, "withdrawn")
        assert [row.state for row in found.transfers()] == ["withdrawn"]


async def _change_of(world: World, message: Message) -> Change:
    """What the receiver makes of a message before any lock."""
    receiver = world.gateway.receiver
    verified = unseal(message.raw.token, message.raw.contents, keys=world.trust.finder(world.clock.now()), audience=GATEWAY_ID, http=TARGET)
    return await receiver._change(verified)
