"""Who reads integrity flags, under what, and that each read is a leaf; flags that follow; the hint beside an estimate.

PR-310 to PR-318.
"""

from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.auditor import Books, books
from support.contests import FIRST, SECOND, both, clear, scene
from support.contests import PRESIDING as JUDGE
from support.contests import SOURCE as NUMBERED
from support.integrity import DUPLICATE, FRAUD, REVOKED, Marker, flag_message, flags, permission, reads, take_back
from support.proposals import in_force, management
from support.region import TARGET, World, region
from support.stages import ACCEPTING, PRESIDING, SOURCE, STRANGER, Stage, stage

from gateway.errors import GatewayError
from gateway.federation.envelope import unseal
from gateway.listening import learner_views
from gateway.mapping.documents import write
from gateway.model.documents import Correction
from gateway.model.transfer import State
from gateway.recognition.integrity import FlagPaper
from gateway.recognition.proposal import read_proposal
from gateway.transfers.consents import MOVED
from gateway.transfers.integrity_desk import IntegrityDesk


async def code_of(read: Awaitable[Any]) -> str:
    try:
        await read
    except GatewayError as error:
        return error.code
    return ""


async def told(world: World, member: str, case: Stage | str) -> list[tuple[str, str]]:
    transfer = case if isinstance(case, str) else case.transfer
    return [(each["kind"], each["state"]) for each in (await world.gateway.parts.integrity.of_case(member, transfer))["flags"]]


def learner_of(found: Books, case: Stage) -> str:
    return found.transfer(case.transfer).learner


async def test_flags_when_read_in_a_case_then_by_its_banks_only_and_each_read_is_a_leaf(tmp_path: Path) -> None:
    """PR-310, PR-311, PR-314, PR-315."""
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.SETTLED)
        hand, integrity = Marker.of(case, found), world.gateway.parts.integrity
        assert await told(world, SOURCE, case) == []
        scope = await hand.set(SOURCE)
        await hand.set(ACCEPTING, DUPLICATE)
        refused = Marker.of(case, found, 1)
        await refused.set(SOURCE)
        assert (await refused.flag(ACCEPTING, DUPLICATE)).code == "transfer.unknown", "it never accepted that one, and judges no more"
        answer = await integrity.of_case(ACCEPTING, case.transfer)
        shown = answer["flags"]
        assert [(each["flag"], each["kind_zh"], each["record"]) for each in shown if each["set_by"] == SOURCE] == [
            (scope, "已证实造假", case.records[0])
        ]
        assert (len(shown), len(await told(world, SOURCE, case))) == (2, 3)
        size = found.size()
        unknown = ("transfer.unknown", "transfer.unknown")
        assert (await code_of(integrity.of_case(STRANGER, case.transfer)), await code_of(integrity.of_case(SOURCE, "0" * 64))) == unknown
        assert found.size() == size, "who hears nothing leaves nothing"
        leaves = reads(found)
        assert [(leaf.actor, leaf.facts["under"], leaf.facts["flags"], leaf.seq) for leaf in leaves] == [
            (SOURCE, "case", 0, 0), (ACCEPTING, "case", 2, 1), (SOURCE, "case", 3, 2)
        ]  # fmt: skip
        assert answer["leaves"] == [row[0] for row in found.rows("SELECT idx FROM log_key WHERE scope = ? AND seq = 1", leaves[0].scope)]
        assert learner_of(found, case) not in leaves[0].scope

        await hand.must(SOURCE, "flag-lift", scope)
        kinds = {member: sorted(kind for kind, _ in await told(world, member, case)) for member in (SOURCE, ACCEPTING)}
        assert kinds == {SOURCE: [FRAUD[0], FRAUD[0], DUPLICATE[0]], ACCEPTING: [DUPLICATE[0]]}, "lifted: for who set it alone"
        learners, whose = learner_views(world.gateway.parts, world.gateway.database, world.clock), learner_of(found, case)
        mine, told_of = await learners.flags(whose), await learners.reads(whose)
        assert sorted(each["state"] for each in mine[0]) == ["flagged", "flagged", "lifted"]
        read = [each.member for each in told_of.reads if each.what == "integrity"]
        assert read == [SOURCE, ACCEPTING, SOURCE, SOURCE, ACCEPTING][::-1], "newest first"
        nobody = await learners.flags("nobody"), (await learners.reads("nobody")).reads
        assert (nobody, found.audit(world.trust).finding) == ((([], False), ()), None)


async def test_flags_when_read_and_set_under_a_consent_then_by_its_recipient_for_its_records_while_it_holds(tmp_path: Path) -> None:
    """PR-300, PR-312, PR-313: another recipient, other records, withdrawn, run out, without the learner's identity block."""
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.SETTLED, pulled=True)
        hand, integrity = Marker.of(case, found), world.gateway.parts.integrity
        await hand.set(SOURCE)
        agreed, message, scope = permission(world, STRANGER, case.records[:1])
        assert await code_of(integrity.under_consent(STRANGER, scope)) == "transfer.unknown", "not registered yet"
        assert (await world.send(message)).status == 202
        assert [each["kind"] for each in (await integrity.under_consent(STRANGER, scope))["flags"]] == [FRAUD[0]]
        assert [(leaf.actor, leaf.facts["under"]) for leaf in reads(found)] == [(STRANGER, "consent")]
        for member in (PRESIDING, ACCEPTING, SOURCE):
            assert await code_of(integrity.under_consent(member, scope)) == "transfer.unknown", member

        paper = FlagPaper(hand.nf, *DUPLICATE, consent=scope)
        size = found.size()
        assert (await world.send(flag_message(world, PRESIDING, paper))).code == "transfer.unknown", "another recipient's consent"
        other = replace(paper, outcome=Marker.of(case, found, 1).nf)
        assert (await world.send(flag_message(world, STRANGER, other))).code == "transfer.unknown", "another record"
        revoked = replace(paper, kind=REVOKED[0], reason=REVOKED[1])
        assert (await world.send(flag_message(world, STRANGER, revoked))).code == "transfer.not_your_role"
        assert found.size() == size
        taken = await world.send(flag_message(world, STRANGER, paper))
        assert (taken.status, taken.body["set_by"], taken.body["source"]) == (202, STRANGER, SOURCE)
        assert found.leaves()[-1].role == "recipient"
        assert (await hand.say(ACCEPTING, "flag-appeal", str(taken.body["flag"]))).status == 200, "the facing bank, for the learner"

        await take_back(world, agreed)
        assert await code_of(integrity.under_consent(STRANGER, scope)) == "consent.withdrawn"
        assert (await world.send(flag_message(world, STRANGER, replace(paper, kind=FRAUD[0], reason=FRAUD[1])))).code == "consent.withdrawn"
        _, message, scope = permission(world, STRANGER, case.records)
        assert (await world.send(message)).status == 202
        world.clock.advance(days=61)
        assert await code_of(integrity.under_consent(STRANGER, scope)) == "consent.expired"

        told_, _, scope = permission(world, STRANGER, case.records)
        bare = await world.act(ACCEPTING, "consent", [("consent", write(told_))], scp=scope)
        assert (bare.status, bare.body["problem"]["problems"][0]["path"]) == (422, "content identity")
        _, message, _ = permission(world, STRANGER, case.records, purpose="recognition")
        assert (await world.send(message)).code == "transfer.bad_document"
        assert found.audit(world.trust).finding is None


async def test_consent_when_withdrawn_while_the_case_is_judged_then_the_accepting_bank_reads_no_more(tmp_path: Path) -> None:
    """PR-311: what it has not accepted it reads only under the learner's consent; the facing bank reads on, to appeal."""
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.REVIEWING)
        hand = Marker.of(case, found)
        await hand.set(ACCEPTING)
        assert await told(world, ACCEPTING, case) == [(FRAUD[0], "flagged")]
        await case.do(SOURCE, "withdraw")
        assert await code_of(world.gateway.parts.integrity.of_case(ACCEPTING, case.transfer)) == "transfer.unknown"
        assert await told(world, SOURCE, case) == [(FRAUD[0], "flagged")]
        facing = await stage(world, State.REVIEWING, pulled=True)
        scope = await Marker.of(facing, found).set(SOURCE)
        await facing.do(ACCEPTING, "withdraw")
        assert await told(world, ACCEPTING, facing) == [(FRAUD[0], "flagged")], "the learner applied here"
        assert (await Marker.of(facing, found).flag(ACCEPTING, DUPLICATE)).code == "transfer.unknown", "which is no right to set one"
        assert (await hand.say(ACCEPTING, "flag-appeal", scope)).status == 200


async def test_own_flags_when_listed_then_those_set_appealed_and_to_be_ruled_on_page_by_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PR-314: the list of what one has to do with is a read like any other."""
    monkeypatch.setattr("gateway.transfers.integrity_reads.PAGE", 1)
    async with region(tmp_path) as world, books(world) as found:
        hand, integrity = Marker.of(await stage(world, State.SETTLED), found), world.gateway.parts.integrity
        first = await hand.set(ACCEPTING)
        world.clock.advance(seconds=1)
        second = await hand.set(ACCEPTING, DUPLICATE)
        page = await integrity.own(ACCEPTING)
        rest = await integrity.own(ACCEPTING, page["next"])
        assert [each["flag"] for each in (*page["flags"], *rest["flags"])] == [second, first]
        assert (rest["next"], len(reads(found))) == (None, 2)
        assert await integrity.own(SOURCE) == {"flags": [], "outcomes": {}, "leaves": [], "next": None}
        for member, act in ((SOURCE, "flag-appeal"), (ACCEPTING, "flag-uphold"), (SOURCE, "flag-escalate")):
            await hand.must(member, act, first)
        assert [[each["flag"] for each in (await integrity.own(member))["flags"]] for member in (SOURCE, PRESIDING, STRANGER)] == [
            [first], [first], []
        ]  # fmt: skip


async def test_revocation_when_it_follows_recognition_then_flag_of_the_source_bank_with_the_act_as_cause(tmp_path: Path) -> None:
    """PR-317: once, however often it is said; before the recognition none."""
    async with region(tmp_path) as world, books(world) as found:
        early, case = await stage(world, State.REVIEWING), await stage(world, State.SETTLED)
        size = found.size()
        await early.do(SOURCE, "revoke")
        assert flags(found) == []
        await case.do(SOURCE, "revoke", contents=[("revocation", write(Correction("other", "作废", case.records)))])
        (row,) = flags(found)
        assert (row.setter, row.kind, row.reason, row.derived, row.record) == (
            SOURCE, REVOKED[0], "voided_after_recognition", 1, case.records[0]
        )  # fmt: skip
        act, derived = found.leaves()[size + 1 :]
        assert (derived.type, derived.scope, derived.cause, derived.n, derived.state_after) == (
            "integrity.flagged", row.scope, (act.scope, act.seq), 1, "flagged"
        )  # fmt: skip
        assert (derived.envelope, derived.facts["set_by"]) == ("", SOURCE)
        assert (await Marker.of(case, found).flag(SOURCE, REVOKED)).code == "transfer.flagged_already"
        await case.do(SOURCE, "revoke")
        assert len(flags(found)) == 1
        hand = Marker.of(case, found)
        await hand.must(SOURCE, "flag-appeal", row.scope)
        assert (await hand.must(SOURCE, "flag-lift", row.scope)).body["state"] == "lifted"
        assert await told(world, ACCEPTING, case) == []
        assert found.audit(world.trust).finding is None


async def test_words_when_the_first_two_on_a_derived_flag_come_together_then_both_papers_can_be_opened(tmp_path: Path) -> None:
    """Such a flag has no key of its own before the first word; whoever comes second looks again.  PR-309."""
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.SETTLED)
        await case.do(SOURCE, "revoke")
        (row,), hand, receiver = flags(found), Marker.of(case, found), world.gateway.receiver
        desk = IntegrityDesk(receiver.vault, receiver.database, world.clock, world.ids, lambda _parties: PRESIDING)
        words = [hand.word(SOURCE, "flag-appeal", row.scope), hand.word(SOURCE, "flag-lift", row.scope)]
        keys = world.trust.finder(world.clock.now())
        said = [unseal(each.raw.token, each.raw.contents, keys=keys, audience="CN-YRD", http=TARGET) for each in words]
        first, second = [await desk.change(each, world.ids.secret()) for each in said]
        assert (await receiver.committer.submit(first)).status == 200
        assert await receiver.committer.submit(second) == MOVED
        assert (await world.send(words[1])).status == 200
        assert len(await receiver.vault.all_of(row.scope)) == 4


async def test_ruling_when_one_claim_stands_then_the_other_learners_is_flagged_and_nobody_elses_bank_sees_it(tmp_path: Path) -> None:
    """PR-310, PR-318: two learners, one number; each has flags of his own."""
    async with scene(tmp_path) as (world, found):
        first, second = await both(world, found)
        assert (await clear(first.outcome, first, world)).status == 200
        (row,) = flags(found)
        assert (row.setter, row.kind, row.reason, row.transfer, row.record) == (
            JUDGE, DUPLICATE[0], "claim_dismissed", second.transfer, second.item.record
        )  # fmt: skip
        assert (row.learner, found.leaves()[-1].cause) == (found.transfer(second.transfer).learner, (first.outcome.nf, 0))
        assert (await told(world, NUMBERED, first.transfer), await told(world, FIRST, first.transfer)) == ([], [])
        assert await told(world, NUMBERED, second.transfer) == [(DUPLICATE[0], "flagged")]
        world.clock.advance(seconds=1)
        hand = Marker(world, second.transfer, row.nf)
        await hand.must(NUMBERED, "flag-appeal", row.scope)
        assert (await hand.must(JUDGE, "flag-lift", row.scope)).body["ruled_by"] == JUDGE
        assert await code_of(world.gateway.parts.integrity.of_case(SECOND, second.transfer)) in {"", "transfer.unknown"}


async def test_ruling_when_no_claim_stands_then_nobody_is_flagged(tmp_path: Path) -> None:
    """PR-318: then the number was at fault."""
    async with scene(tmp_path) as (world, found):
        first, _ = await both(world, found)
        assert (await clear(first.outcome, None, world)).status == 200
        assert flags(found) == []


async def test_case_when_its_outcome_is_flagged_then_delivered_with_the_hint_and_estimated_as_ever(tmp_path: Path) -> None:
    """PR-316: beside the estimate, never instead of it; and that delivery is a read."""
    async with region(tmp_path) as world, books(world) as found:
        in_force(world, management())
        plain, flagged = await stage(world, State.DELIVERING), await stage(world, State.CONFIRMING, pulled=True)
        assert (await plain.take_forward(), reads(found))[1] == []
        before = read_proposal(plain.proposal)
        assert before.integrity == ()
        await flagged.do(SOURCE, "confirm")
        hand = Marker.of(flagged, found)
        lifted = await hand.set(SOURCE, DUPLICATE)
        await hand.must(SOURCE, "flag-lift", lifted)
        await hand.set(SOURCE)
        forward = await flagged.take_forward()
        proposal = read_proposal(flagged.proposal)
        (hint,) = proposal.integrity
        assert (hint["record"], hint["kind"], hint["state"], hint["set_by"]) == (flagged.records[0], FRAUD[0], "flagged", SOURCE)
        assert b'"integrity"' in forward.contents["case"]
        assert [each.verdict for each in proposal.items.values()] == [each.verdict for each in before.items.values()]
        (leaf,) = reads(found)
        assert (leaf.actor, leaf.facts["under"], leaf.facts["flags"]) == (ACCEPTING, "delivery", 1)
        await flagged.do(ACCEPTING, "acknowledge")
        world.clock.advance(seconds=timedelta(minutes=1).total_seconds())
        assert found.audit(world.trust).finding is None
