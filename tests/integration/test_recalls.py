"""An achievement is void: before the decision its item closes, after it the accepting bank takes it back, and nobody gets it again."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.auditor import Books, books, check_books, shanghai_part
from support.region import World, posting, region
from support.stages import ACCEPTING, HELD_DECIDED, PRESIDING, SOURCE, Stage, book, deciding, owed, stage

from gateway.mapping.documents import write
from gateway.model.documents import Correction, Verdict
from gateway.model.transfer import State
from gateway.transfers.answers import Answer
from gateway.transfers.view import View, Wants

YES = (Verdict.RECOGNISED, "3.0")


def sound(world: World, found: Books) -> None:
    """The books balance and the whole log holds."""
    check_books(found)
    assert found.audit(world.trust).ok


@dataclass(frozen=True)
class SameNumber:
    """Makes an ended case's item name an outcome of another bank's, as a certificate number two banks know would."""

    transfer: str
    position: int
    nf: str
    owner: str

    @property
    def wants(self) -> Wants:
        return Wants(transfers=(self.transfer,), outcomes=(self.nf,))

    def apply(self, view: View) -> Answer:
        items = view.items[self.transfer]
        view.put_items(self.transfer, [each._replace(nf=self.nf) if each.position == self.position else each for each in items])
        view.put_outcome(view.outcomes[self.nf]._replace(source=self.owner))
        return Answer(200, b"{}", b"")


async def revoke(case: Stage, *records: str) -> Any:
    return await case.do(SOURCE, "revoke", contents=[("revocation", write(Correction("other", "成果作废", records)))])


async def test_recall_when_the_case_is_remitted_then_void_at_once_and_nothing_of_it_is_asked_for(tmp_path: Path) -> None:
    """PR-76."""
    async with region(tmp_path) as world, books(world) as found:
        case = await both_recognised(world)
        await case.do(SOURCE, "dispute")
        await revoke(case, case.records[0])
        await case.do(ACCEPTING, "uphold")
        heard = await case.do(PRESIDING, "remit")
        first, second = heard.body["items"]
        assert (first["state"], first["reason"], second["state"]) == ("closed", "revoked", "claimed")
        assert "awarded" not in first
        shown = await world.gateway.parts.status.show(case.transfer, "")
        assert [each["state"] for each in shown["owed"] if each["event"] == "recall"] == ["cancelled"]
        sound(world, found)


async def both_recognised(world: World) -> Stage:
    """A settled case with two recognised items."""
    case = await stage(world, State.REVIEWING)
    contents, claims = deciding(case, dict.fromkeys(case.records, YES))
    await case.do(ACCEPTING, "decide", contents=contents, **claims)
    case.jtis["notice"] = (await owed(case, SOURCE, "notify")).jti
    await book(case)
    return case


async def recalled(case: Stage, notice: str, *records: str) -> Any:
    return await case.do(ACCEPTING, "posted", contents=posting(case.world, *records), irt=notice)


def states(heard: Any) -> list[tuple[str, str | None]]:
    return [(item["state"], item.get("reason")) for item in heard.body["items"]]


async def asked_again(world: World, record: str) -> Any:
    return await world.send(world.request(SOURCE, "CN-34", (record,), shanghai_part(record)))


@pytest.mark.parametrize("state", [State.DELIVERING, State.REVIEWING, State.SUPPLEMENTING, State.HELD])
async def test_revoke_when_before_the_decision_then_closed_and_with_none_left_rejected(tmp_path: Path, state: State) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, state)
        ver = case.ver
        heard = await revoke(case, case.records[0])
        assert (heard.body["state"], heard.body["ver"]) == (state, ver + 1)
        assert states(heard) == [("closed", "revoked"), ("claimed", None)]
        assert sorted(row.state for row in found.outcomes()) == ["reserved", "revoked"]
        sound(world, found)
        heard = await revoke(case, case.records[1])
        assert (heard.body["state"], states(heard)) == ("rejected", [("closed", "revoked")] * 2)
        assert [leaf.type for leaf in found.leaves()[-2:]] == ["record.revoked", "transfer.rejected"]
        assert (await case.row()).held_from == ""
        sound(world, found)


async def test_revoke_when_the_source_is_still_asked_then_its_confirmation_brings_the_record_back_to_nobody(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.CONFIRMING, pulled=True)
        await revoke(case, case.records[0])
        heard = await case.do(SOURCE, "confirm")
        assert (heard.body["state"], states(heard)) == ("delivering", [("closed", "revoked"), ("claimed", None)])
        assert "taken_leaf" not in heard.body["items"][0]
        sound(world, found)
        again = await asked_again(world, case.records[0])
        assert [problem["code"] for problem in again.body["problem"]["problems"]] == ["item.revoked"]


async def test_revoke_when_settled_then_recalled_on_the_accepting_banks_posting_and_void_for_ever(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await both_recognised(world)
        heard = await revoke(case, *case.records)
        assert (heard.body["state"], states(heard)) == ("settled", [("recalling", "revoked")] * 2)
        assert heard.body["deadline"] is not None
        notice = await owed(case, ACCEPTING, "notify")
        assert notice.event == "recall"
        sound(world, found)
        impossible = posting(world, *case.records, impossible="other")
        refused = await case.try_(ACCEPTING, "posted", contents=impossible, posture="impossible", irt=notice.jti)
        assert refused.code == "transfer.bad_document"
        await case.do(ACCEPTING, "noted", irt=notice.jti)  # taking note is not booking
        done = await recalled(case, notice.jti, *case.records)
        assert (done.body["state"], states(done)) == ("recalled", [("recalled", "revoked")] * 2)
        assert done.body["deadline"] is None
        assert found.leaves()[-1].type == "item.recalled"
        assert {row.state for row in found.outcomes()} == {"revoked"}
        sound(world, found)
        again = await asked_again(world, case.records[0])
        assert [problem["code"] for problem in again.body["problem"]["problems"]] == ["item.revoked"]
        twice = await case.try_(ACCEPTING, "posted", contents=posting(world, *case.records), irt=notice.jti)
        assert twice.code == "transfer.wrong_state"


async def test_revoke_when_items_are_recalled_one_by_one_then_each_posting_books_what_it_names(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await both_recognised(world)
        await revoke(case, case.records[0])
        first = await owed(case, ACCEPTING, "notify")
        await revoke(case, case.records[1])
        done = await recalled(case, first.jti, case.records[0])
        assert (done.body["state"], states(done)) == ("settled", [("recalled", "revoked"), ("recalling", "revoked")])
        assert done.body["deadline"] is not None
        sound(world, found)
        second = await owed(case, ACCEPTING, "notify")
        assert (second.event, second.jti != first.jti) == ("recall", True)
        assert (await recalled(case, second.jti, case.records[1])).body["state"] == "recalled"
        sound(world, found)


async def test_revoke_when_one_of_two_recognised_is_void_then_the_case_stays_settled(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await both_recognised(world)
        await revoke(case, case.records[1])
        notice = await owed(case, ACCEPTING, "notify")
        done = await recalled(case, notice.jti, case.records[1])
        assert (done.body["state"], states(done)) == ("settled", [("recognised", "content_equivalent"), ("recalled", "revoked")])
        assert done.body["deadline"] is None
        sound(world, found)


@pytest.mark.parametrize("place", [State.POSTING, HELD_DECIDED])
@pytest.mark.parametrize("recall_first", [True, False])
async def test_revoke_when_not_yet_booked_then_the_case_ends_recalled_in_either_order(
    tmp_path: Path, place: str, recall_first: bool
) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, place)
        await revoke(case, case.records[0])
        recall = (await owed(case, ACCEPTING, "notify")).jti
        if recall_first:
            assert (await recalled(case, recall, case.records[0])).body["state"] == case.state
            await book(case)
        else:
            await book(case)
            assert case.state == "settled"
            assert (await case.row()).deadline is not None  # the recall's clock
            await recalled(case, recall, case.records[0])
        assert case.state == "recalled"
        sound(world, found)


async def test_revoke_when_disputed_then_the_recall_is_booked_there_and_the_case_rests_recalled(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.DISPUTED)
        await revoke(case, case.records[0])
        await case.noted(ACCEPTING, "disputed")
        recall = (await owed(case, ACCEPTING, "notify")).jti
        assert (await recalled(case, recall, case.records[0])).body["state"] == "disputed"
        await case.do(ACCEPTING, "uphold")
        assert (await case.do(PRESIDING, "uphold")).body["state"] == "recalled"
        sound(world, found)


@pytest.mark.parametrize("state", [State.REJECTED, State.WITHDRAWN, State.EXPIRED])
async def test_revoke_when_the_case_has_ended_without_recognition_then_void_all_the_same(tmp_path: Path, state: State) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, state)
        assert (await revoke(case, *case.records)).body["state"] == state
        again = await asked_again(world, case.records[0])
        assert [problem["code"] for problem in again.body["problem"]["problems"]] == ["item.revoked"]
        sound(world, found)


async def test_revoke_when_another_case_holds_the_outcome_then_it_cannot_be_recognised_there(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        old = await stage(world, State.WITHDRAWN)
        new = await world.send(world.request(SOURCE, ACCEPTING, old.records, shanghai_part(*old.records)))
        case = Stage(world, new.body["transfer"], old.records, new.body["ver"])
        await case.take_forward()
        await case.do(ACCEPTING, "acknowledge")
        await revoke(old, old.records[0])
        assert (await case.try_(ACCEPTING, "decide")).code == "transfer.stale_version"
        case.ver += 1
        assert (await case.try_(ACCEPTING, "decide")).code == "transfer.bad_document"
        sound(world, found)


async def test_revoke_when_it_names_records_of_no_case_or_one_twice_then_refused(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.SETTLED)
        paper = [("revocation", write(Correction("other", "作废", ("SHC99999999999", case.records[0]))))]
        assert (await case.try_(SOURCE, "revoke", contents=paper)).code == "transfer.bad_document"
        sound(world, found)


async def test_recall_when_nobody_books_it_then_held_then_escalated_and_booked_or_retried_in_the_end(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        for retried in (False, True):
            case = await stage(world, State.SETTLED)
            await revoke(case, case.records[0])
            notice = (await owed(case, ACCEPTING, "notify")).jti
            await case.lapse()
            assert (case.state, (await case.row()).held_from) == ("held", "settled")
            await case.lapse()
            row = await case.row()
            assert (row.state, row.deadline, row.stage) == ("held", None, "escalated")
            sound(world, found)
            assert (await case.try_(SOURCE, "withdraw")).code == "transfer.wrong_state"
            if retried:
                assert (await case.do(PRESIDING, "retry")).body["state"] == "settled"
                assert (await case.row()).deadline is not None
            assert (await recalled(case, notice, case.records[0])).body["state"] == "recalled"
            sound(world, found)


async def test_revoke_when_another_bank_sent_the_same_number_then_it_cannot_void_the_others_outcome(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        mine = await stage(world, State.REVIEWING)
        theirs = await stage(world, State.WITHDRAWN)
        outcome = found.outcomes()[0]
        item = found.items(theirs.transfer)[0]
        await world.gateway.committer.submit(SameNumber(theirs.transfer, item.position, outcome.nf, "CN-33"))
        await revoke(theirs, theirs.records[0])
        assert next(row for row in found.outcomes() if row.nf == outcome.nf).state == "reserved"
        assert (await mine.do(ACCEPTING, "decide")).body["state"] == "posting"
