"""The presiding unit rules on a contested outcome: one claim stands, or none.  docs/protocol.md, PR-213 to PR-215."""

from pathlib import Path

import pytest
from support.auditor import check_books, check_receipt, check_refusal
from support.contests import (
    FIRST,
    OTHER,
    OWNER,
    PRESIDING,
    SECOND,
    SOURCE,
    THIRD,
    both,
    clear,
    is_contested,
    pushed,
    revoke,
    ruling,
    scene,
    settled,
    withdraw,
)

from gateway.mapping.documents import write
from gateway.model.documents import Clearance
from gateway.model.scopes import ruling_part


async def test_clear_when_the_earlier_claim_stands_then_the_other_closes_and_its_case_goes_on(tmp_path: Path) -> None:  # PR-213 PR-214
    async with scene(tmp_path) as (world, found):
        first, second = await both(world, found)
        message = world.message(PRESIDING, "clear", ruling(first), scp=first.outcome.nf, ver=first.outcome.ver)
        heard = await world.send(message)
        assert heard.status == 200, heard.body
        proven = check_receipt(world, message, heard)
        assert (proven.leaf.type, proven.leaf.scope, proven.leaf.role) == ("outcome.cleared", first.outcome.nf, "presiding")
        assert (proven.leaf.seq, proven.leaf.facts["stands"]) == (0, first.transfer)
        for case in (first, second):
            leaf = [leaf for leaf in found.leaves() if leaf.scope == case.transfer][-1]
            assert (leaf.type, leaf.cause, leaf.n > 0) == ("outcome.cleared", (first.outcome.nf, 0), True)
        assert (first.item.state, first.item.contested, first.item.taken_leaf) == ("claimed", 0, None)
        closed = (second.item.state, second.item.reason, second.item.contested, second.item.taken_leaf)
        assert closed == ("closed", "outcome_contested", 0, heard.body["receipt"]["index"])
        assert (second.state, first.outcome.claims) == ("delivering", "")
        await first.review()
        assert (await first.decide()).status == 200
        await second.review()
        assert (await second.decide()).status == 200, "its other record is decided"
        for case in (first, second):
            assert [event for event, _ in await case.hear(SOURCE)][:2] == ["contested", "cleared"]
            assert [event for event, _ in await case.hear(case.accepting)] == ["contested", "cleared"]
        size = found.size()
        again = await world.send(message)
        assert (again.reply.repeated, again.body["receipt"]["index"], found.size()) == (True, heard.body["receipt"]["index"], size)


async def test_clear_when_the_later_claim_stands_then_the_outcome_passes_to_it(tmp_path: Path) -> None:  # PR-214
    async with scene(tmp_path) as (world, found):
        first, second = await both(world, found)
        assert (await clear(first.outcome, second, world)).status == 200
        assert (second.outcome.holder, second.outcome.state) == (second.transfer, "reserved")
        assert (first.item.state, first.item.reason) == ("closed", "outcome_contested")
        third = await pushed(world, found, OTHER, FIRST, "C")
        assert third.item.reason == "outcome_taken"


async def test_clear_when_none_stands_then_every_claim_closes_and_the_next_one_may_have_it(tmp_path: Path) -> None:  # PR-214
    async with scene(tmp_path) as (world, found):
        first, second = await both(world, found)
        assert (await clear(first.outcome, None, world)).status == 200
        assert [case.item.reason for case in (first, second)] == ["outcome_contested"] * 2
        assert (first.outcome.state, first.outcome.holder) == ("available", "")
        third = await pushed(world, found, THIRD, FIRST, "C")
        assert (third.item.state, third.item.contested) == ("claimed", 0)


async def test_clear_when_a_case_has_nothing_left_then_rejected_with_the_usual_notices(tmp_path: Path) -> None:  # PR-214
    async with scene(tmp_path) as (world, found):
        first, second = await both(world, found)
        await second.review()
        await revoke(second, "JS-B1")
        ver = found.transfer(second.transfer).ver
        assert (await clear(first.outcome, first, world)).status == 200
        assert (second.state, found.transfer(second.transfer).ver) == ("rejected", ver + 1)
        assert [event for event, _ in await second.hear(SECOND)] == ["contested", "revoked", "rejected", "cleared"]
        leaf = [leaf for leaf in found.leaves() if leaf.scope == second.transfer][-1]
        assert (leaf.type, leaf.state_before, leaf.state_after) == ("outcome.cleared", "reviewing", "rejected")


async def test_clear_when_a_redeemed_claim_does_not_stand_then_recalled_and_passed_on_once_booked(tmp_path: Path) -> None:  # PR-215
    async with scene(tmp_path) as (world, found):
        first = await settled(world, found)
        second = await pushed(world, found, OTHER, SECOND, "B")
        await second.review()
        assert (await clear(first.outcome, second, world)).status == 200
        assert (first.item.state, first.item.reason, first.outcome.state) == ("recalling", "outcome_contested", "redeemed")
        assert first.outcome.ruled == second.transfer
        check_books(found)
        assert (await second.decide()).code == "transfer.outcome_contested", "not before the reversal is booked"
        assert (await clear(first.outcome, None, world)).code == "transfer.not_contested"
        assert [event for event, _ in await second.hear(SECOND)] == ["contested", "cleared"]
        booked = await first.book_recall()
        assert booked.status == 200, booked.body
        assert (first.item.state, first.state) == ("recalled", "recalled")
        assert (second.outcome.state, second.outcome.holder, second.outcome.claims) == ("reserved", second.transfer, "")
        leaf = [leaf for leaf in found.leaves() if leaf.scope == second.transfer][-1]
        assert leaf.type == "outcome.cleared"
        assert leaf.cause is not None
        assert leaf.cause[0] == first.transfer
        (heard,) = await second.hear(SECOND)
        assert heard[0] == "cleared"
        assert all("contested" not in item for item in heard[1]["case"]["items"])
        assert (await second.decide()).status == 200
        assert second.outcome.state == "redeemed"


@pytest.mark.parametrize("ends", [False, True], ids=["none stands", "the heir is gone"])
async def test_recall_when_booked_and_nobody_is_left_to_have_it_then_free(tmp_path: Path, ends: bool) -> None:  # PR-215
    async with scene(tmp_path) as (world, found):
        first = await settled(world, found)
        second = await pushed(world, found, OTHER, SECOND, "B")
        assert (await clear(first.outcome, second if ends else None, world)).status == 200
        if ends:
            await withdraw(second)
        assert (await first.book_recall()).status == 200
        assert (first.outcome.state, first.outcome.claims, first.outcome.ruled) == ("available", "", "")
        assert (await pushed(world, found, THIRD, SECOND, "C")).item.contested == 0


async def test_claim_when_it_comes_after_the_ruling_and_before_the_booking_then_needs_another_ruling(tmp_path: Path) -> None:  # PR-215
    async with scene(tmp_path) as (world, found):
        first = await settled(world, found)
        second = await pushed(world, found, OTHER, SECOND, "B")
        assert (await clear(first.outcome, second, world)).status == 200
        third = await pushed(world, found, THIRD, FIRST, "C")
        assert is_contested(second, third)
        assert (await first.book_recall()).status == 200
        assert is_contested(second, third)
        assert (await clear(third.outcome, third, world)).status == 200
        assert (third.outcome.holder, second.item.reason) == (third.transfer, "outcome_contested")


async def test_clear_when_sent_by_anybody_else_or_for_nothing_then_hears_of_no_such_outcome(tmp_path: Path) -> None:  # PR-213
    async with scene(tmp_path) as (world, found):
        first, _second = await both(world, found)
        before = found.dump()
        answers = []
        for iss, scope in ((SOURCE, first.outcome.nf), (FIRST, first.outcome.nf), (FIRST, "0" * 64), (SECOND, first.transfer)):
            for contents in (ruling(first), [("ruling", b"<rubbish")]):
                message = world.message(iss, "clear", contents, scp=scope, ver=first.outcome.ver)
                heard = await world.send(message)
                check_refusal(world, message, heard, iss)
                assert (heard.status, heard.code) == (404, "transfer.unknown")
                answers.append(heard.body["problem"])
        assert all(answer == answers[0] for answer in answers)
        after = found.dump()
        assert {table: rows for table, rows in after.items() if table != "message"} == {
            table: rows for table, rows in before.items() if table != "message"
        }


async def test_clear_when_the_presiding_unit_errs_then_a_named_refusal_and_nothing_changes(tmp_path: Path) -> None:  # PR-213
    async with scene(tmp_path) as (world, found):
        first = await pushed(world, found, OWNER, FIRST, "A")
        assert (await clear(first.outcome, first, world)).code == "transfer.not_contested"
        second = await pushed(world, found, OTHER, SECOND, "B")
        before = found.dump()
        nf, ver = first.outcome.nf, first.outcome.ver
        for document in (Clearance("other", "", "0" * 64, "JS-A2"), Clearance("other", "", second.transfer, "JS-A2")):
            heard = await world.act(PRESIDING, "clear", [("ruling", write(document))], scp=nf, ver=ver)
            assert heard.code == "transfer.bad_document"
        assert (await world.act(PRESIDING, "clear", [("ruling", b"<rubbish")], scp=nf, ver=ver)).code.startswith("format.")
        assert (await clear(first.outcome, first, world, ver=ver + 1)).code == "transfer.stale_version"
        assert (await world.act(PRESIDING, "clear", ruling(first), scp=nf)).code == "transfer.stale_version"
        for table in ("transfer", "item", "outcome", "owed", "content", "log_entry"):
            assert found.dump()[table] == before[table]


async def test_ruling_when_given_then_kept_sealed_and_can_be_read_again(tmp_path: Path) -> None:  # PR-213
    async with scene(tmp_path) as (world, found):
        first, second = await both(world, found)
        nf = first.outcome.nf
        heard = [await clear(first.outcome, first, world)]
        await withdraw(first)
        await pushed(world, found, OTHER, SECOND, "C")
        heard.append(await clear(second.outcome, None, world))
        assert [each.status for each in heard] == [200, 200]
        rulings = []
        for jti in (str(each.body["jti"]) for each in heard):
            part = ruling_part(PRESIDING, jti)
            rulings += await world.gateway.receiver.vault.some_of(part, [(PRESIDING, jti, "ruling")])
        assert [first.transfer.encode() in each.data for each in rulings] == [True, False]
        assert [leaf.seq for leaf in found.leaves() if leaf.scope == nf] == [0, 1]
