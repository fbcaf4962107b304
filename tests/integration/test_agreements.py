"""Agreements as acts: every act in every state by every member; what it means for cases from its leaf on.  PR-220 to PR-229."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from support.agreements import (
    ACCEPTING,
    FOUNDING,
    NEW,
    SOURCE,
    STRANGER,
    Pact,
    agreed,
    digest_of,
    opening,
    opens,
    pact,
    shown,
    without_founding,
)
from support.auditor import books, check_receipt, check_refusal
from support.enquiries import question
from support.region import region, trust_data
from support.stages import stage

from gateway.errors import TrustError
from gateway.federation.members import Status
from gateway.federation.registry import TrustFile
from gateway.mapping.documents import write
from gateway.model.documents import AgreementSignature
from gateway.model.scopes import agreement_scope
from gateway.model.transfer import State

ACTS = ("propose", "sign", "suspend", "resume", "end")
MEMBERS = (SOURCE, ACCEPTING, STRANGER)
WRONG, STALE, UNKNOWN, ROLE = "transfer.wrong_state", "transfer.stale_version", "transfer.unknown", "transfer.not_your_role"
STEPS = {
    # state: by whom the version at hand was proposed, and the suspension made, is always the source bank.
    # (act, member) → the state it leads to, or the refusal; what is not listed is `WRONG`.
    "none": {("propose", SOURCE): "proposed", ("propose", ACCEPTING): "proposed"},
    "proposed": {
        ("propose", SOURCE): STALE, ("propose", ACCEPTING): STALE, ("sign", SOURCE): ROLE, ("sign", ACCEPTING): "signed",
        ("end", SOURCE): "ended", ("end", ACCEPTING): "ended",
    },
    "signed": {
        ("propose", SOURCE): STALE, ("propose", ACCEPTING): STALE, ("suspend", SOURCE): "signed", ("suspend", ACCEPTING): "signed",
        ("end", SOURCE): "ended", ("end", ACCEPTING): "ended",
    },
    "suspended": {
        ("propose", SOURCE): STALE, ("propose", ACCEPTING): STALE, ("suspend", ACCEPTING): "signed", ("resume", SOURCE): "signed",
        ("end", SOURCE): "ended", ("end", ACCEPTING): "ended",
    },
    "changing": {
        ("propose", SOURCE): STALE, ("propose", ACCEPTING): STALE, ("sign", SOURCE): ROLE, ("sign", ACCEPTING): "signed",
        ("suspend", SOURCE): "signed", ("suspend", ACCEPTING): "signed", ("end", SOURCE): "ended", ("end", ACCEPTING): "ended",
    },
    "ended": {},
    "founding": {
        ("propose", SOURCE): "signed", ("propose", ACCEPTING): "signed", ("suspend", SOURCE): "signed", ("suspend", ACCEPTING): "signed",
        ("end", SOURCE): "ended", ("end", ACCEPTING): "ended",
    },
}  # fmt: skip


def expected(state: str, act: str, member: str) -> str:
    if member == STRANGER or (state == "none" and act != "propose"):
        return UNKNOWN
    return STEPS[state].get((act, member), WRONG)


# ---------------------------------------------------------------- act by act


@pytest.mark.parametrize("state", [state for state in STEPS if state != "founding"])
async def test_act_when_sent_in_any_state_by_anybody_then_done_or_one_named_refusal(tmp_path: Path, state: str) -> None:
    """PR-220, PR-221, PR-222, PR-223: refused acts leave an answer and nothing else; done ones one leaf in the agreement's own scope."""
    async with region(tmp_path, without_founding(trust_data())) as world, books(world) as found:
        resting, number = await pact(world, state, 0), 0
        for act in ACTS:
            for member in MEMBERS:
                wanted, place = expected(state, act, member), (state, act, member)
                done, number = "." not in wanted, number + 1
                made = await pact(world, state, number) if done else resting
                message = made.message(member, act)
                before, size = found.dump(), found.size()
                heard = await world.send(message)
                if done:
                    assert (heard.status, heard.body["state"]) == (202 if state == "none" else 200, wanted), place
                    leaf = check_receipt(world, message, heard).leaf
                    assert (leaf.scope, leaf.facts["agreement"]) == (made.scope, made.terms.agreement_id)
                    assert found.size() == size + 1
                    continue
                assert heard.code == wanted, (place, heard.body)
                check_refusal(world, message, heard, member)
                after = found.dump()
                assert {table for table in after if after[table] != before[table]} == {"message"}, place
        assert found.audit(world.trust).finding is None


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("act", ACTS)
async def test_act_when_sent_about_a_founding_agreement_then_as_about_one_in_force(tmp_path: Path, act: str, member: str) -> None:
    """PR-226."""
    async with region(tmp_path) as world, books(world) as found:
        made = await pact(world, "founding", 0)
        heard = await made.do(member, act)
        wanted = expected("founding", act, member)
        assert (heard.code if "." in wanted else heard.body["state"]) == wanted
        assert found.audit(world.trust).finding is None


async def test_stranger_when_he_acts_then_hears_what_he_hears_of_no_agreement(tmp_path: Path) -> None:
    """PR-221."""
    async with region(tmp_path) as world:
        made = await Pact(world).signed()
        for act in ACTS:
            for document in (None, b"<rubbish"):
                if act == "propose" and document:
                    continue  # which says of nobody's agreement that it is none
                answers = [
                    await made.do(STRANGER, act, document, scp=scope) for scope in (made.scope, "agreement:" + "0" * 64, "0" * 64, None)
                ]
                assert len({json.dumps(shown(heard), sort_keys=True) for heard in answers}) == 1, act
                assert answers[0].code == UNKNOWN


async def test_scope_when_it_is_another_agreements_then_unknown(tmp_path: Path) -> None:
    """PR-220: the id is that of these two banks and this direction."""
    async with region(tmp_path) as world:
        for scope in (
            agreement_scope(ACCEPTING, SOURCE, "A-1"),
            agreement_scope(SOURCE, ACCEPTING, "A-2"),
            agreement_scope(SOURCE, STRANGER, "A-1"),
        ):
            assert (await Pact(world).do(SOURCE, "propose", scp=scope)).code == UNKNOWN
        assert (await Pact(world).do(STRANGER, "propose")).code == UNKNOWN
        turned = Pact(world, replace(NEW, source=ACCEPTING, accepting=SOURCE))
        assert (await Pact(world).do(SOURCE, "propose")).status == 202
        assert (await turned.do(SOURCE, "propose")).status == 202, "the other direction is another agreement"
        assert (await Pact(world).do(SOURCE, "propose", write(turned.terms))).code == "transfer.bad_document"


async def test_proposal_when_its_terms_do_not_hold_then_every_place_is_named(tmp_path: Path) -> None:
    """PR-222."""
    async with region(tmp_path) as world:

        async def refused(**changes: object) -> list[str]:
            made = Pact(world, replace(NEW, **changes))
            heard = await made.do(SOURCE, "propose")
            assert heard.code == "transfer.bad_document", changes
            return [problem["path"] for problem in heard.body["problem"]["problems"]]

        assert await refused(accepting=SOURCE) == ["agreement/accepting"]
        assert await refused(accepting="CN-99") == ["agreement/accepting"]
        assert await refused(until=date(2025, 12, 31)) == ["agreement/until"]
        assert await refused(until=date(2026, 11, 1)) == ["agreement/until"], "over before it was proposed"
        assert await refused(item_credits_max="0") == ["agreement/itemCreditsMax"]
        assert await refused(item_credits_max="5", learner_year_credits_max="4") == ["agreement/itemCreditsMax"]
        assert await refused(until=date(2025, 12, 31), learner_year_credits_max="0.0") == [
            "agreement/until",
            "agreement/learnerYearCreditsMax",
        ]
        for document in (b"<rubbish", b"<agreement/>", write(NEW).replace(b"COURSE", b"POINTS")):
            heard = await Pact(world).do(SOURCE, "propose", document)
            assert heard.code.startswith(("format.", "standard.")), heard.body


async def test_signature_when_over_other_bytes_or_another_version_then_refused(tmp_path: Path) -> None:
    """PR-223: the digest is that of exactly the bytes proposed, and of the version proposed now."""
    async with region(tmp_path, without_founding(trust_data())) as world:
        made = Pact(world)
        other = write(made.terms).replace(b"</agreement>", b" </agreement>")
        await made.must(SOURCE, "propose", 202)
        for version, digest, code in (
            (1, "0" * 64, "transfer.other_terms"),
            (1, digest_of(replace(NEW, kinds=("COURSE", "MOOC"))), "transfer.other_terms"),
            (2, digest_of(NEW), STALE),
        ):
            assert (await made.do(ACCEPTING, "sign", write(AgreementSignature(version, digest)))).code == code
        changed = made.next(kinds=("MOOC",))
        assert (await changed.do(ACCEPTING, "propose")).status == 200, "the other party proposes something else instead"
        assert (await made.do(SOURCE, "sign")).code == STALE
        assert (await made.do(ACCEPTING, "sign")).code == ROLE
        assert (await changed.do(SOURCE, "sign")).body["terms"]["kinds"] == ["MOOC"]
        third = changed.next()
        assert (await third.do(SOURCE, "propose", other.replace(b"<version>1<", b"<version>3<"))).status == 200, "bytes as they came"
        assert (await third.do(ACCEPTING, "sign")).code == "transfer.other_terms"


async def test_message_when_sent_again_then_the_stored_answer(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        made = Pact(world)
        for member, act in ((SOURCE, "propose"), (ACCEPTING, "sign"), (SOURCE, "suspend"), (SOURCE, "resume"), (ACCEPTING, "end")):
            message = made.message(member, act)
            first, size = await world.send(message), found.size()
            world.clock.advance(minutes=10)
            again = await world.send(message)
            assert (again.reply.repeated, again.body, found.size()) == (True, first.body, size)


async def test_member_when_suspended_then_it_cannot_sign_and_nobody_signs_what_it_proposed(tmp_path: Path) -> None:
    """PR-223."""
    data = trust_data()
    async with region(tmp_path, data) as world:
        mine, theirs = Pact(world), Pact(world, replace(NEW, agreement_id="A-2"))
        await mine.must(SOURCE, "propose", 202)
        await theirs.must(ACCEPTING, "propose", 202)
        out = tuple(replace(each, status=Status.SUSPENDED) if each.id == SOURCE else each for each in data.members)
        await world.gateway.sync_registry(TrustFile(replace(data, serial=2, members=out)))
        assert (await mine.do(ACCEPTING, "sign")).code == "transfer.party_suspended"
        with pytest.raises(TrustError, match=r"trust\.suspended"):
            await theirs.do(SOURCE, "sign")
        assert (await mine.do(ACCEPTING, "suspend")).code == WRONG
        assert (await Pact(world, replace(NEW, agreement_id="A-3")).do(ACCEPTING, "propose")).code == "transfer.bad_document"


async def test_leaves_when_read_then_they_tell_version_digest_and_who_suspends(tmp_path: Path) -> None:
    """PR-224."""
    async with region(tmp_path) as world, books(world) as found:
        made, size = Pact(world), found.size()
        await made.signed()
        for member, act in ((SOURCE, "suspend"), (ACCEPTING, "suspend"), (SOURCE, "resume"), (ACCEPTING, "end")):
            await made.must(member, act)
        leaves = found.leaves()[size:]
        assert [(leaf.type, leaf.seq, leaf.role, leaf.facts["suspended_by"]) for leaf in leaves] == [
            ("agreement.proposed", 0, "source", ""),
            ("agreement.signed", 1, "accepting", ""),
            ("agreement.suspended", 2, "source", SOURCE),
            ("agreement.suspended", 3, "accepting", f"{SOURCE} {ACCEPTING}"),
            ("agreement.resumed", 4, "source", ACCEPTING),
            ("agreement.ended", 5, "accepting", ACCEPTING),
        ]
        assert {(leaf.facts["version"], leaf.facts["digest"]) for leaf in leaves} == {(1, digest_of(NEW))}
        assert {leaf.facts.get("reason") for leaf in leaves[2:]} == {"other"}
        assert found.audit(world.trust).finding is None


# ---------------------------------------------------------------- what it means for cases


async def test_requests_when_an_agreement_comes_and_goes_then_open_exactly_while_it_is_in_force(tmp_path: Path) -> None:
    """PR-225, PR-229: deny by default; each party's suspension counts on its own."""
    async with region(tmp_path, without_founding(trust_data())) as world:
        made, shut = Pact(world), "transfer.no_agreement"
        assert await opens(world) == shut
        for member, act, then in (
            (SOURCE, "propose", shut), (ACCEPTING, "sign", "open"), (SOURCE, "suspend", shut), (ACCEPTING, "suspend", shut),
            (SOURCE, "resume", shut), (ACCEPTING, "resume", "open"), (ACCEPTING, "end", shut),
        ):  # fmt: skip
            heard = await made.do(member, act)
            assert heard.status in {200, 202}, heard.body
            assert await opens(world) == then, act
            asked = await world.send(question(world, ACCEPTING, SOURCE))
            assert (asked.status == 202) == (then == "open"), act


async def test_version_when_newer_is_signed_then_it_replaces_the_one_before_and_suspension_stays(tmp_path: Path) -> None:
    async with region(tmp_path, without_founding(trust_data())) as world:
        first = await Pact(world).signed()
        second = first.next(kinds=("TRAINING",))
        await second.must(SOURCE, "propose")
        assert await opens(world) == "open", "the one before stands until the next is signed"
        await second.must(ACCEPTING, "suspend")
        await second.must(ACCEPTING, "sign")
        assert await opens(world) == "transfer.no_agreement"
        await second.must(ACCEPTING, "resume")
        assert await opens(world) == "transfer.nothing_left", "no courses any more"


async def test_period_when_it_has_not_begun_or_is_over_then_not_in_force_by_chinese_days(tmp_path: Path) -> None:
    async with region(tmp_path, without_founding(trust_data())) as world:
        await Pact(world, replace(NEW, since=date(2026, 11, 3), until=date(2026, 11, 3))).signed()
        for moment, then in (
            (datetime(2026, 11, 2, 15, 59, tzinfo=UTC), "transfer.no_agreement"),
            (datetime(2026, 11, 2, 16, 0, tzinfo=UTC), "open"),
            (datetime(2026, 11, 3, 15, 59, tzinfo=UTC), "open"),
            (datetime(2026, 11, 3, 16, 0, tzinfo=UTC), "transfer.no_agreement"),
        ):
            world.clock.moment = moment
            assert await opens(world) == then, moment


async def test_founding_agreement_when_acted_upon_then_the_act_overrides_the_trust_file_for_good(tmp_path: Path) -> None:
    """PR-226: also after a restart, and under a newer trust file that still has it."""
    data, shut = trust_data(), "transfer.no_agreement"
    async with region(tmp_path, data) as world:
        made = Pact(world, replace(NEW, agreement_id=FOUNDING))
        assert await opens(world) == "open"
        await made.must(ACCEPTING, "suspend")
        assert await opens(world) == shut
    async with region(tmp_path, data) as world:
        world.ids.chance.seed(8)  # another run has other ids
        made = Pact(world, made.terms)
        assert await opens(world) == shut
        await made.must(ACCEPTING, "resume")
        assert await opens(world) == "open"
        await made.signed()
        listed = agreed(await world.gateway.parts.status.agreements(SOURCE), made.scope)
        assert (listed["terms"]["version"], listed["terms"]["kinds"]) == (1, ["COURSE"])
        await made.must(SOURCE, "end")
    async with region(tmp_path, data) as world:
        world.ids.chance.seed(9)
        await world.gateway.sync_registry(TrustFile(replace(data, serial=2)))
        assert await opens(world) == shut
        assert len(world.gateway.registry.agreements) == 11


@pytest.mark.parametrize("times", range(4))
async def test_suspension_when_it_races_requests_then_none_opens_after_its_leaf(tmp_path: Path, times: int) -> None:
    """PR-225: decided under the lock, also for what was read before."""
    async with region(tmp_path, without_founding(trust_data())) as world, books(world) as found:
        made = await Pact(world).signed()
        sent = [world.send(opening(world)) for _ in range(6)]
        sent.insert(times * 2, world.send(made.message(SOURCE, "suspend")))
        answers = await asyncio.gather(*sent)
        suspended = answers.pop(times * 2).body["receipt"]["index"]
        for heard in answers:
            assert heard.body["receipt"].get("index", -1) < suspended
            assert heard.status == 202 or heard.code == "transfer.no_agreement"
        assert found.audit(world.trust).finding is None


async def test_request_when_read_before_a_suspension_and_decided_after_it_then_refused(tmp_path: Path) -> None:
    async with region(tmp_path, without_founding(trust_data())) as world:
        made = await Pact(world).signed()
        registry, stale = world.gateway.registry, world.gateway.registry.acted
        await made.must(SOURCE, "suspend")
        registry.take(stale)  # what it was read against
        assert await opens(world) == "transfer.no_agreement"
        registry.take(stale)
        assert (await world.send(question(world, ACCEPTING, SOURCE))).code == "transfer.no_agreement"


async def test_proposals_when_two_race_then_one_stands_and_the_other_is_stale(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        mine, theirs = Pact(world), Pact(world, replace(NEW, kinds=("MOOC",)))
        answers = await asyncio.gather(mine.do(SOURCE, "propose"), theirs.do(ACCEPTING, "propose"))
        assert sorted(heard.status for heard in answers) == [202, 409]
        row = await mine.row()
        assert row is not None
        winner = mine if answers[0].status == 202 else theirs
        assert row.proposed_document == write(winner.terms)
        kept = await world.gateway.receiver.vault.all_of(mine.scope)
        assert write(winner.terms) in {content.data for content in kept.values()}, "kept under a key that opens it"
        both = await asyncio.gather(*(winner.do(member, "end") for member in (SOURCE, ACCEPTING)))
        assert sorted(heard.status for heard in both) == [200, 409]
        assert found.audit(world.trust).finding is None


async def test_suspensions_when_the_first_acts_on_an_agreement_race_then_both_are_kept_under_one_key(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        made = await pact(world, "founding", 0)
        answers = await asyncio.gather(*(made.do(member, "suspend") for member in (SOURCE, ACCEPTING)))
        assert [heard.status for heard in answers] == [200, 200]
        kept = await world.gateway.receiver.vault.all_of(made.scope)
        assert {(iss, name) for iss, _, name in kept} == {(bank, name) for bank in (SOURCE, ACCEPTING) for name in ("reason", "envelope")}


async def test_pulled_case_when_agreement_ends_meanwhile_then_its_items_close_and_the_case_is_rejected(tmp_path: Path) -> None:
    """PR-227."""
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.CONFIRMING, pulled=True)
        made = Pact(world, replace(NEW, agreement_id=FOUNDING))
        await made.must(SOURCE, "end")
        heard = await case.do(SOURCE, "confirm")
        assert heard.body["state"] == "rejected"
        assert {item["reason"] for item in heard.body["items"]} == {"no_agreement"}
        assert found.audit(world.trust).finding is None


async def test_pulled_case_when_agreement_is_suspended_then_confirmation_waits_for_its_resumption(tmp_path: Path) -> None:
    """PR-227: nothing is closed by a suspension."""
    async with region(tmp_path) as world:
        case = await stage(world, State.CONFIRMING, pulled=True)
        made = Pact(world, replace(NEW, agreement_id=FOUNDING))
        await made.must(ACCEPTING, "suspend")
        refused = await case.try_(SOURCE, "confirm")
        assert (refused.code, refused.body["state"]) == ("transfer.agreement_suspended", "confirming")
        await made.must(ACCEPTING, "resume")
        assert (await case.do(SOURCE, "confirm")).body["state"] == "delivering"


@pytest.mark.parametrize("act", ["end", "suspend"])
async def test_open_case_when_agreement_ends_or_is_suspended_then_it_goes_on_to_its_decision(tmp_path: Path, act: str) -> None:
    """PR-227: also when the source bank corrects a record meanwhile."""
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.REVIEWING)
        await Pact(world, replace(NEW, agreement_id=FOUNDING)).must(ACCEPTING, act)
        heard = await case.do(SOURCE, "amend")
        assert [item["state"] for item in heard.body["items"]] == ["claimed", "claimed"]
        await case.take_forward()
        await case.do(ACCEPTING, "acknowledge")
        assert (await case.do(ACCEPTING, "decide")).body["state"] == "posting"
        assert found.audit(world.trust).finding is None
