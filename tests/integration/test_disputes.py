"""Disputes and appeals: who looks again, what a changed decision does to outcomes, and the presiding unit's word."""

from pathlib import Path

import pytest
from support.auditor import Books, books, check_books, shanghai_part
from support.region import World, acknowledgement, posting, region
from support.stages import ACCEPTING, HELD_DECIDED, JUDGED, PRESIDING, SOURCE, Stage, book, deciding, owed, stage

from gateway.mapping.documents import write
from gateway.model.documents import Correction, Verdict
from gateway.model.transfer import State

YES, NO = (Verdict.RECOGNISED, "3.0"), (Verdict.REFUSED, "0")


def sound(world: World, found: Books) -> None:
    """The books balance and the whole log holds."""
    check_books(found)
    assert found.audit(world.trust).ok


async def verdict(case: Stage, first: tuple[Verdict, str], second: tuple[Verdict, str]) -> None:
    contents, claims = deciding(case, dict(zip(case.records, (first, second), strict=True)))
    await case.do(ACCEPTING, "decide", contents=contents, **claims)


async def refused(case: Stage) -> None:
    heard = await case.try_(SOURCE, "dispute")
    assert (heard.status, heard.code) == (409, "transfer.not_disputable")


def outcomes(found: Books, case: Stage) -> list[str]:
    states = {row.nf: row.state for row in found.outcomes()}
    return [states[item.nf] for item in found.items(case.transfer)]


@pytest.mark.parametrize("state", [State.SETTLED, State.REJECTED, State.EXPIRED])
async def test_dispute_when_within_thirty_days_then_heard_and_later_refused(tmp_path: Path, state: State) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case, late = await stage(world, state), await stage(world, state)
        world.clock.advance(days=30, seconds=-61)
        heard = await case.do(SOURCE, "dispute") if state is not State.EXPIRED else await late.do(SOURCE, "dispute")
        assert (heard.body["state"], heard.body["waiting_on"]) == ("disputed", [ACCEPTING])
        world.clock.advance(seconds=122)
        other = case if state is State.EXPIRED else late
        answer = await other.try_(SOURCE, "dispute")
        assert (answer.status, answer.code, answer.body["state"]) == (409, "transfer.too_late", state)
        told = case if state is not State.EXPIRED else late
        assert (await told.noted(ACCEPTING, "disputed")).transfer == told.transfer
        sound(world, found)


async def test_dispute_when_the_case_never_reached_the_accepting_bank_then_refused_even_if_an_account_was_named(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        declined = await stage(world, State.CONFIRMING, pulled=True)
        await declined.do(SOURCE, "decline")
        await refused(declined)
        held = await stage(world, State.HELD)
        await held.lapse()
        assert held.state == "expired"
        await refused(held)
        records = ("SHC00000000001",)
        opened = await world.send(world.request(SOURCE, ACCEPTING, records, shanghai_part(*records), accounts={ACCEPTING: "ACC-9"}))
        named = Stage(world, opened.body["transfer"], records, opened.body["ver"])
        await named.lapse()
        await named.lapse()
        assert (named.state, (await named.row()).account) == ("expired", "ACC-9")
        await refused(named)
        withdrawn = await stage(world, State.WITHDRAWN)
        assert (await withdrawn.try_(SOURCE, "dispute")).code == "transfer.wrong_state"
        sound(world, found)


async def test_impossible_when_the_accepting_bank_cannot_book_then_disputed_and_decided_anew(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.POSTING)
        paper = posting(world, case.records[0], impossible="course_unknown")
        assert (await case.try_(SOURCE, "posted", contents=paper, posture="impossible")).code == "transfer.bad_document"
        heard = await case.do(ACCEPTING, "posted", contents=paper, posture="impossible")
        assert (heard.body["state"], heard.body["waiting_on"]) == ("disputed", [ACCEPTING])
        old = case.jtis["notice"]
        assert (await case.try_(SOURCE, "posted")).code == "transfer.wrong_state"
        await verdict(case, YES, YES)
        assert case.state == "posting"
        # crossed: the source bank answers the decision that no longer stands
        assert (await case.try_(SOURCE, "posted", irt=old)).code == "transfer.not_asked"
        case.jtis["notice"] = (await case.noted(SOURCE, "decided")).jti
        await book(case)
        assert (case.state, outcomes(found, case)) == ("settled", ["redeemed", "redeemed"])
        sound(world, found)


async def test_impossible_when_held_after_the_decision_then_disputed(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, HELD_DECIDED)
        paper = posting(world, case.records[0], impossible="other")
        assert (await case.do(ACCEPTING, "posted", contents=paper, posture="impossible")).body["state"] == "disputed"
        assert (await case.row()).held_from == ""
        sound(world, found)


async def test_decision_when_changed_to_refuse_then_the_outcome_is_free_only_after_the_accepting_bank_has_booked_it(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.DISPUTED)
        assert outcomes(found, case) == ["redeemed", "available"]
        await verdict(case, NO, NO)
        assert (case.state, outcomes(found, case)) == ("posting", ["redeemed", "available"])
        taken = await world.send(world.request(SOURCE, "CN-34", case.records[:1], shanghai_part(case.records[0])))
        assert taken.code == "transfer.nothing_left"
        case.jtis["notice"] = (await case.noted(SOURCE, "decided")).jti
        await case.do(SOURCE, "posted")
        assert outcomes(found, case)[0] == "redeemed"
        await case.do(ACCEPTING, "posted")
        assert (case.state, outcomes(found, case)) == ("settled", ["available", "available"])
        again = await world.send(world.request(SOURCE, "CN-34", case.records[:1], shanghai_part(case.records[0])))
        assert again.status == 202
        sound(world, found)


async def test_decision_when_it_recognises_what_another_case_holds_now_then_outcome_taken(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.DISPUTED)
        other = await world.send(world.request(SOURCE, "CN-34", case.records[1:], shanghai_part(case.records[1])))
        assert other.status == 202
        contents, claims = deciding(case, dict(zip(case.records, (YES, YES), strict=True)))
        heard = await case.try_(ACCEPTING, "decide", contents=contents, **claims)
        assert (heard.status, heard.code, heard.body["state"]) == (409, "transfer.outcome_taken", "disputed")
        await verdict(case, YES, NO)
        assert outcomes(found, case) == ["redeemed", "reserved"]
        sound(world, found)


async def test_decision_when_an_expired_case_is_disputed_then_its_items_can_be_recognised_after_all(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.EXPIRED)
        assert outcomes(found, case) == ["available", "available"]
        await case.do(SOURCE, "dispute")
        await verdict(case, YES, NO)
        assert (case.state, outcomes(found, case)) == ("posting", ["redeemed", "available"])
        sound(world, found)


async def test_uphold_when_both_have_spoken_then_the_decision_stands(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.DISPUTED)
        assert (await case.try_(PRESIDING, "uphold")).code == "transfer.wrong_state"
        assert (await case.try_(PRESIDING, "remit")).code == "transfer.wrong_state"
        ver = case.ver
        heard = await case.do(ACCEPTING, "uphold")
        assert (heard.body["state"], heard.body["waiting_on"], case.ver) == ("disputed", ["presiding"], ver + 1)
        assert (await case.try_(ACCEPTING, "uphold")).code == "transfer.wrong_state"
        await case.do(PRESIDING, "uphold")
        row = await case.row()
        assert (case.state, row.unresolved, row.stage, row.disputed_from, row.deadline) == ("settled", 0, "", "", None)
        assert (await case.noted(SOURCE, "upheld")).event == "upheld"
        assert next(leaf.role for leaf in reversed(found.leaves()) if leaf.type == "transfer.upheld") == "presiding"
        sound(world, found)


async def test_remit_when_ordered_then_decided_anew_with_every_outcome_that_can_be_had(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, JUDGED)
        heard = await case.do(PRESIDING, "remit")
        assert heard.body["state"] == "reviewing"
        assert [item["state"] for item in heard.body["items"]] == ["claimed", "claimed"]
        assert outcomes(found, case) == ["redeemed", "reserved"]  # the first stays spent until a reversal is booked
        sound(world, found)
        await verdict(case, NO, YES)
        assert (case.state, outcomes(found, case)) == ("posting", ["redeemed", "redeemed"])
        sound(world, found)
        case.jtis["notice"] = (await case.noted(SOURCE, "decided")).jti
        await book(case)
        assert (case.state, outcomes(found, case)) == ("settled", ["available", "redeemed"])
        sound(world, found)


async def test_remit_when_an_outcome_is_held_elsewhere_by_now_then_that_item_is_closed(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, JUDGED)
        other = await world.send(world.request(SOURCE, "CN-34", case.records[1:], shanghai_part(case.records[1])))
        heard = await case.do(PRESIDING, "remit")
        kept, lost = heard.body["items"]
        assert (kept["state"], lost["state"], lost["reason"]) == ("claimed", "closed", "outcome_taken")
        assert lost["taken_leaf"] == other.body["receipt"]["index"]
        sound(world, found)


async def test_remit_when_every_item_is_void_by_now_then_refused_and_what_was_decided_can_be_upheld(tmp_path: Path) -> None:
    """Seed 198 of the simulation: nothing is left that could be decided anew."""
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, JUDGED)
        await case.do(SOURCE, "revoke", contents=[("revocation", write(Correction("other", "作废", case.records)))])
        before = case.state
        refused = await case.try_(PRESIDING, "remit")
        assert (refused.status, refused.code, refused.body["state"]) == (409, "transfer.wrong_state", before)
        await case.do(PRESIDING, "uphold")
        assert case.state in {"settled", "recalled", "posting"}
        sound(world, found)


async def test_remit_when_the_case_was_rejected_for_want_of_an_account_then_claimed_again(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.REJECTED)
        await case.do(SOURCE, "dispute")
        await case.do(ACCEPTING, "uphold")
        heard = await case.do(PRESIDING, "remit")
        assert [item["state"] for item in heard.body["items"]] == ["claimed", "claimed"]
        assert outcomes(found, case) == ["reserved", "reserved"]
        sound(world, found)


async def test_orders_when_a_case_is_held_then_retried_where_it_stood_or_cancelled(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.HELD)
        assert (await case.try_(ACCEPTING, "retry")).code == "transfer.not_your_role"
        assert (await case.do(PRESIDING, "retry")).body["state"] == "delivering"
        assert (await case.row()).held_from == ""
        await case.do(ACCEPTING, "acknowledge", contents=acknowledgement(world))
        other = await stage(world, State.HELD)
        heard = await other.do(PRESIDING, "cancel")
        assert heard.body["state"] == "withdrawn"
        assert {item["reason"] for item in heard.body["items"]} == {"cancelled"}
        assert outcomes(found, other) == ["available", "available"]
        assert (await owed(other, SOURCE, "notify")).event == "cancelled"
        decided = await stage(world, HELD_DECIDED)
        assert (await decided.try_(PRESIDING, "cancel")).code == "transfer.wrong_state"
        assert (await decided.do(PRESIDING, "retry")).body["state"] == "posting"
        await book(decided)
        sound(world, found)


async def test_posting_when_it_comes_after_the_end_then_late_and_told_to_reverse(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        for state in (State.WITHDRAWN, State.EXPIRED, State.REJECTED, State.RECALLED, State.SETTLED):
            case = await stage(world, state)
            heard = await case.try_(ACCEPTING, "posted")
            assert (heard.code, heard.body["state"], heard.body["problem"]["code"]) == (
                "transfer.wrong_state",
                state,
                "transfer.wrong_state",
            )
            assert heard.body.get("reverse", False) == (state is not State.SETTLED), state
            assert found.leaves()[-1].type == "transfer.late"
        sound(world, found)
