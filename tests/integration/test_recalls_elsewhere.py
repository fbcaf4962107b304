"""A revocation said in one case reaches the other case that holds the outcome: every bank concerned hears of it, and the books agree."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.auditor import Books, shanghai_part
from support.contests import FIRST, OWNER, SECOND, Claimant, pushed, scene, withdraw
from support.contests import SOURCE as NUMBERED
from support.contests import revoke as void
from support.region import World, posting
from support.stages import ACCEPTING, JUDGED, PRESIDING, SOURCE, Stage, book, deciding, owed, stage

from gateway.mapping.documents import write
from gateway.model.documents import Correction, Verdict
from gateway.model.transfer import State
from gateway.transfers.answers import Answer
from gateway.transfers.view import View, Wants

NO = (Verdict.REFUSED, "0")


@dataclass(frozen=True)
class HadMeanwhile:
    """Another bank's case had the outcome after it was refused here, and let it go."""

    nf: str
    owner: str

    @property
    def wants(self) -> Wants:
        return Wants(outcomes=(self.nf,))

    def apply(self, view: View) -> Answer:
        view.put_outcome(view.outcomes[self.nf]._replace(source=self.owner))
        return Answer(200, b"{}", b"")


async def revoke(case: Stage, *records: str) -> Any:
    return await case.do(SOURCE, "revoke", contents=[("revocation", write(Correction("other", "成果作废", records)))])


async def once_more(world: World, old: Stage, state: State) -> Stage:
    """The learner applies again with the same records."""
    heard = await world.send(world.request(SOURCE, ACCEPTING, old.records, shanghai_part(*old.records)))
    assert heard.status == 202, heard.body
    case = Stage(world, heard.body["transfer"], old.records, heard.body["ver"], heard.body["state"])
    if state != State.DELIVERING:
        await case.take_forward()
        await case.do(ACCEPTING, "acknowledge")
    if state in {State.POSTING, State.SETTLED}:
        await case.do(ACCEPTING, "decide")
        case.jtis["notice"] = (await owed(case, SOURCE, "notify")).jti
    if state == State.SETTLED:
        await book(case)
    return case


async def number_settled_elsewhere(world: World, found: Books) -> tuple[Claimant, Claimant]:
    """One number: withdrawn in the first case, recognised and booked in the second, by another bank."""
    old = await pushed(world, found, OWNER, FIRST, "A")
    await withdraw(old)
    new = await pushed(world, found, OWNER, SECOND, "B")
    await new.review()
    assert (await new.decide()).status == 200
    await new.post()
    assert (new.state, new.item.state, new.outcome.holder) == ("settled", "recognised", new.transfer)
    return old, new


async def test_revoke_when_the_number_was_recognised_in_another_case_then_recalled_there(tmp_path: Path) -> None:
    """PR-286, PR-287."""
    async with scene(tmp_path) as (world, found):
        old, new = await number_settled_elsewhere(world, found)
        await void(old, old.item.record)
        assert (new.item.state, new.item.reason, new.outcome.state) == ("recalling", "revoked", "revoked")
        first, second, third = found.leaves()[-3:]
        assert (third.type, third.cause, third.n) == ("integrity.flagged", (first.scope, first.seq), 2), "what was recognised is flagged"
        assert (first.scope, first.type, first.n) == (old.transfer, "record.revoked", 0)
        assert (second.scope, second.type, second.cause, second.n) == (new.transfer, "record.revoked", (first.scope, first.seq), 1)
        assert found.transfer(new.transfer).deadline is not None, "the recall's clock"
        (heard,) = await new.hear(SECOND)
        assert heard[0] == "recall"
        told = await new.hear(NUMBERED)
        assert [(event, notice["records"]) for event, notice in told] == [("revoked", [new.item.record])]
        paper = posting(world, new.item.record)
        booked = await world.act(SECOND, "posted", paper, scp=new.transfer, irt=new.taken["recall"].jti, posture="done")
        assert (booked.status, booked.body["state"], new.item.state) == (200, "recalled", "recalled")
        assert found.transfer(new.transfer).deadline is None


async def test_revoke_when_it_is_said_again_where_it_counted_then_nothing_happens_twice(tmp_path: Path) -> None:
    """PR-286."""
    async with scene(tmp_path) as (world, found):
        old, new = await number_settled_elsewhere(world, found)
        await void(old, old.item.record)
        ver = found.transfer(new.transfer).ver
        await void(new, new.item.record)
        assert (new.item.state, found.transfer(new.transfer).ver) == ("recalling", ver)
        assert [event for event, _ in await new.hear(SECOND)] == ["recall"]
        await void(old, old.item.record)
        assert new.leaf_types().count("record.revoked") == 2


@pytest.mark.parametrize("state", [State.DELIVERING, State.REVIEWING])
async def test_revoke_when_another_case_still_claims_it_then_closed_there_and_with_none_left_rejected(tmp_path: Path, state: State) -> None:
    """PR-286."""
    async with scene(tmp_path) as (world, found):
        old = await stage(world, State.WITHDRAWN)
        new = await once_more(world, old, state)
        await revoke(old, old.records[0])
        assert [(item.state, item.reason) for item in found.items(new.transfer)] == [("closed", "revoked"), ("claimed", "")]
        row = found.transfer(new.transfer)
        assert (row.state, row.ver) == (state, new.ver + 1)
        assert (await new.noted(SOURCE, "revoked")).event == "revoked"
        if state == State.REVIEWING:
            assert (await new.try_(ACCEPTING, "decide")).code == "transfer.bad_document", "one item is no longer to be decided"
            assert (await new.noted(ACCEPTING, "revoked")).event == "revoked"
        await revoke(old, old.records[1])
        assert (found.transfer(new.transfer).state, found.leaves()[-1].state_after) == ("rejected", "rejected")
        assert {row.state for row in found.outcomes()} == {"revoked"}


@pytest.mark.parametrize("state", [State.POSTING, State.SETTLED])
async def test_revoke_when_the_case_was_remitted_and_refused_and_another_recognised_it_then_recalled_there(
    tmp_path: Path, state: State
) -> None:
    """PR-286."""
    async with scene(tmp_path) as (world, found):
        old = await stage(world, JUDGED)
        await old.do(PRESIDING, "remit")
        contents, claims = deciding(old, dict.fromkeys(old.records, NO))
        await old.do(ACCEPTING, "decide", contents=contents, **claims)
        await old.do(ACCEPTING, "posted", contents=posting(world), irt=old.jtis["decision"])
        new = await once_more(world, old, state)
        assert found.items(new.transfer)[0].state == "recognised"
        await revoke(old, old.records[0])
        assert [item.state for item in found.items(new.transfer)] == ["recalling", "refused"]
        recall = await owed(new, ACCEPTING, "notify")
        assert recall.event == "recall"
        done = await new.do(ACCEPTING, "posted", contents=posting(world, new.records[0]), irt=recall.jti)
        assert done.body["items"][0]["state"] == "recalled"


async def test_revoke_when_the_other_case_let_it_go_then_only_this_one_hears(tmp_path: Path) -> None:
    """PR-286."""
    async with scene(tmp_path) as (world, found):
        old = await stage(world, State.WITHDRAWN)
        new = await once_more(world, old, State.SETTLED)
        await new.do(SOURCE, "revoke")
        assert [leaf.scope for leaf in found.leaves() if leaf.type == "record.revoked"] == [new.transfer]
        assert [item.state for item in found.items(old.transfer)] == ["closed", "closed"]


async def test_outcome_when_taken_again_on_second_thought_then_its_own_source_may_void_it(tmp_path: Path) -> None:
    """PR-288: whose an outcome is follows whoever holds it."""
    async with scene(tmp_path) as (world, found):
        case = await stage(world, State.SETTLED)
        second = found.items(case.transfer)[1]
        assert second.state == "refused"
        await world.gateway.committer.submit(HadMeanwhile(second.nf, "CN-34"))
        await case.do(SOURCE, "dispute")
        yes = (Verdict.RECOGNISED, "3.0")
        contents, claims = deciding(case, dict.fromkeys(case.records, yes))
        await case.do(ACCEPTING, "decide", contents=contents, **claims)
        (row,) = (row for row in found.outcomes() if row.nf == second.nf)
        assert (row.state, row.holder, row.source) == ("redeemed", case.transfer, SOURCE)
        await revoke(case, case.records[1])
        assert {row.nf: row.state for row in found.outcomes()}[second.nf] == "revoked"
