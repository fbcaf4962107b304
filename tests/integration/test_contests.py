"""One certificate number, two learners: both claims are kept, both sides told, nothing merged, until the presiding unit has ruled.

docs/protocol.md, PR-210 to PR-212.
"""

import asyncio
import base64
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.auditor import check_books
from support.contests import (
    FIRST,
    OTHER,
    OWNER,
    PRESIDING,
    SECOND,
    SOURCE,
    THIRD,
    Claimant,
    both,
    clear,
    is_contested,
    pulled,
    push_message,
    pushed,
    revoke,
    scene,
    settled,
    withdraw,
)
from support.region import acknowledgement, take

from gateway.crypto.digests import pseudonym
from gateway.crypto.keys import read_secret_file
from gateway.federation.protocol import GATEWAY_ID
from gateway.mapping.documents import write
from gateway.model.documents import Verdict, Withdrawal
from gateway.transfers.timers import Lapsed


async def test_number_when_pushed_for_two_learners_then_both_claims_kept_and_both_sides_told(tmp_path: Path) -> None:  # PR-210 PR-211
    async with scene(tmp_path) as (world, found):
        first, second = await both(world, found)
        assert is_contested(first, second)
        assert first.outcome.holder == first.transfer, "nothing passes by itself"
        shown = {item["record"]: item for item in second.body["items"]}
        assert (shown["JS-B2"]["state"], shown["JS-B2"]["contested"], shown["JS-B2"]["taken_leaf"]) == ("claimed", True, first.outcome.leaf)
        assert "contested" not in shown["JS-B1"], "a weak key is nobody else's"
        (opening,) = (leaf for leaf in found.leaves() if leaf.scope == second.transfer)
        assert opening.facts["contested"] == 1
        told = [leaf for leaf in found.leaves() if leaf.scope == first.transfer][-1]
        assert (told.type, told.cause, told.ver) == ("outcome.contested", (second.transfer, 0), 2)
        for case, record in ((first, "JS-A2"), (second, "JS-B2")):
            for member in (SOURCE, case.accepting):
                if member == case.accepting:
                    await case.review()
                (heard,) = await case.hear(member)
                assert (heard[0], heard[1]["records"]) == ("contested", [record])
                (item,) = (item for item in heard[1]["case"]["items"] if item["record"] == record)
                assert item["contested"] is True


async def test_number_when_pushed_for_two_learners_in_one_batch_then_contested_as_well(tmp_path: Path) -> None:  # PR-210
    async with scene(tmp_path) as (world, found):
        messages = [push_message(world, OWNER, FIRST, "A"), push_message(world, OTHER, SECOND, "B"), push_message(world, THIRD, FIRST, "C")]
        batches = world.gateway.committer.batches
        heard = await asyncio.gather(*map(world.send, messages))
        assert world.gateway.committer.batches == batches + 1
        assert [each.status for each in heard] == [202] * 3
        claims = [Claimant(world, found, OWNER, "", each.body["transfer"], ()) for each in heard]
        assert is_contested(*claims)
        assert len(json.loads(claims[0].outcome.claims)) == 3
        types = [case.leaf_types() for case in claims]
        assert sorted(len(each) for each in types) == [1, 1, 2], "the earlier case hears of it once"


@pytest.mark.parametrize("earlier", ["pushed", "pulled"])
async def test_number_when_confirmed_for_another_learner_then_contested(tmp_path: Path, earlier: str) -> None:  # PR-210
    async with scene(tmp_path) as (world, found):
        first = await (pushed if earlier == "pushed" else pulled)(world, found, OWNER, FIRST, "A")
        second = await pulled(world, found, OTHER, SECOND, "B")
        assert is_contested(first, second)
        leaf = [leaf for leaf in found.leaves() if leaf.scope == second.transfer][-1]
        assert (leaf.type, leaf.facts["contested"]) == ("transfer.confirmed", 1)
        assert first.leaf_types()[-1] == "outcome.contested"


async def test_number_when_the_same_learner_brings_it_again_then_taken_and_not_contested(tmp_path: Path) -> None:  # PR-210
    async with scene(tmp_path) as (world, found):
        first = await pushed(world, found, OWNER, FIRST, "A")
        again = await pushed(world, found, OWNER, SECOND, "B")
        assert (again.item.state, again.item.reason, again.item.taken_leaf) == ("closed", "outcome_taken", first.outcome.leaf)
        await pushed(world, found, OTHER, SECOND, "C")
        more = await pushed(world, found, OWNER, SECOND, "D")
        assert (more.item.reason, more.item.taken_leaf) == ("outcome_taken", first.outcome.leaf)
        assert first.item.contested


async def test_number_when_the_other_learners_case_is_over_then_contested_all_the_same(tmp_path: Path) -> None:  # PR-210
    """Withdrawn, the number is free; but it was another learner's, and its banks hear that it is claimed anew."""
    async with scene(tmp_path) as (world, found):
        first = await pushed(world, found, OWNER, FIRST, "A")
        await withdraw(first)
        ver = found.transfer(first.transfer).ver
        second = await pushed(world, found, OTHER, SECOND, "B")
        assert is_contested(second)
        assert (first.leaf_types()[-1], found.transfer(first.transfer).ver, first.item.contested) == ("outcome.contested", ver, 0)
        assert [event for event, _ in await first.hear(SOURCE)] == ["contested"]
        assert await first.hear(FIRST) == [], "this bank never saw the case"
        cleared = await clear(second.outcome, second, world)
        assert cleared.status == 200, cleared.body
        assert [event for event, _ in await first.hear(SOURCE)] == ["cleared"]


async def test_decision_when_it_recognises_a_contested_item_then_refused_and_refusing_is_not(tmp_path: Path) -> None:  # PR-212
    async with scene(tmp_path) as (world, found):
        first, second = await both(world, found)
        for case in (first, second):
            await case.review()
            heard = await case.decide()
            assert (heard.status, heard.code) == (409, "transfer.outcome_contested")
            assert case.state == "reviewing"
        assert (await first.decide(Verdict.REFUSED)).status == 200
        assert (first.state, first.outcome.holder, first.outcome.state) == ("settled", "", "available")
        heard = await second.decide()
        assert heard.code == "transfer.outcome_contested", "one claim is left, and still a person must say so"
        assert (await clear(second.outcome, second, world)).status == 200
        assert (await second.decide()).status == 200
        assert second.outcome.holder == second.transfer


@pytest.mark.parametrize("end", ["withdraw", "expire", "revoke"])
async def test_claim_when_its_case_ends_then_released_and_the_contest_stays(tmp_path: Path, end: str) -> None:  # PR-212
    async with scene(tmp_path) as (world, found):
        first, second = await both(world, found)
        await first.review()
        if end == "withdraw":
            await withdraw(first)
        elif end == "revoke":
            await revoke(first, *first.records)
        else:
            deadline = datetime.fromisoformat(found.transfer(first.transfer).deadline or "")
            world.clock.moment = deadline + timedelta(seconds=1)
            await world.gateway.committer.submit(Lapsed(first.transfer, GATEWAY_ID, world.ids.jti(), world.ids.jti))
        assert (first.item.state, first.item.contested) == ("closed", 0)
        assert is_contested(second)
        assert (second.outcome.state, second.outcome.holder) == ("available", ""), "the other learner's number is not void by this"
        check_books(found)
        assert (await clear(second.outcome, second, world)).status == 200
        assert (second.outcome.state, second.outcome.holder, second.item.contested) == ("reserved", second.transfer, 0)


async def test_number_when_already_redeemed_for_another_then_contested_and_posting_goes_on(tmp_path: Path) -> None:  # PR-210 PR-212
    async with scene(tmp_path) as (world, found):
        first = await pushed(world, found, OWNER, FIRST, "A")
        await first.review()
        assert (await first.decide()).status == 200
        second = await pushed(world, found, OTHER, SECOND, "B")
        assert is_contested(first, second)
        assert (first.item.state, first.outcome.state, first.item.reason) == ("recognised", "redeemed", "content_equivalent")
        await first.post()
        assert first.state == "settled"
        assert (await clear(first.outcome, first, world)).status == 200
        assert (first.outcome.state, first.outcome.holder, first.item.state) == ("redeemed", first.transfer, "recognised")
        assert second.item.reason == "outcome_contested"


async def test_recognised_claim_when_revoked_in_a_contest_then_let_go_once_booked_and_not_void_for_the_other(tmp_path: Path) -> None:
    """PR-212."""
    async with scene(tmp_path) as (world, found):
        first = await settled(world, found)
        second = await pushed(world, found, OTHER, SECOND, "B")
        await revoke(first, "JS-A2")
        assert (first.item.state, first.outcome.state) == ("recalling", "redeemed")
        assert (await clear(first.outcome, first, world)).code == "transfer.bad_document", "what is revoked cannot stand"
        assert (await first.book_recall()).status == 200
        assert (second.outcome.state, is_contested(second)) == ("available", True)
        assert (await clear(second.outcome, second, world)).status == 200
        assert second.outcome.holder == second.transfer


async def test_third_claim_when_it_joins_then_held_too_and_every_other_ends_with_the_ruling(tmp_path: Path) -> None:  # PR-211
    async with scene(tmp_path) as (world, found):
        first, second = await both(world, found)
        leaves = len(first.leaf_types())
        stale = first.outcome
        third = await pushed(world, found, THIRD, FIRST, "C")
        assert is_contested(first, second, third)
        assert len(first.leaf_types()) == leaves, "who was told is not told again"
        late = await clear(stale, first, world)
        assert (late.code, late.body["ver"]) == ("transfer.stale_version", third.outcome.ver), "nobody is dismissed unseen"
        assert (await clear(third.outcome, third, world)).status == 200
        assert [case.item.reason for case in (first, second)] == ["outcome_contested"] * 2
        assert third.outcome.holder == third.transfer


def leaves_in(told: dict[str, Any]) -> list[bytes]:
    """The leaves that a case or a notice shows."""
    return [base64.b64decode(each["leaf"]) for each in (told, *told.get("leaves", [])) if "leaf" in each]


async def test_messages_of_a_contest_when_searched_then_nothing_of_the_other_learner(tmp_path: Path) -> None:  # PR-211
    """Nor the other case's id, nor its records: all that is told of it is the position of a leaf, which names it as its cause."""
    async with scene(tmp_path) as (world, found):
        first, second = await both(world, found)
        key = read_secret_file(world.gateway.settings.keys.pseudonym_key_file)
        seen: dict[str, list[bytes]] = {first.transfer: [], second.transfer: []}

        async def gather() -> None:
            for member in (SOURCE, FIRST, SECOND):
                for each in await take(world, member):
                    seen[each.transfer] += [data for name, data in each.contents.items() if name != "consent"]
                    if each.act == "notify":
                        await world.act(member, "noted", scp=each.transfer, irt=each.jti)
                    elif each.act == "forward":
                        paper = acknowledgement(world)
                        await world.act(member, "acknowledge", paper, scp=each.transfer, irt=each.jti, posture="account")

        for _ in range(3):
            await gather()
        assert (await clear(first.outcome, second, world)).status == 200
        for _ in range(3):
            await gather()
        for mine, theirs in ((first, second), (second, first)):
            assert len(seen[mine.transfer]) > 10
            person = theirs.person
            words = [person.citizen_id, person.name, pseudonym(key, person.citizen_id), theirs.transfer, *theirs.records]
            bodies = b"\n".join(seen[mine.transfer])
            assert [word for word in words if word.encode() in bodies] == []
            leaves = b"\n".join(leaf for data in seen[mine.transfer] if data.startswith(b"{") for leaf in leaves_in(json.loads(data)))
            words = [*words[:3], pseudonym(key, mine.person.citizen_id), *theirs.records]
            assert b"outcome.contested" in leaves or mine is second
            assert [word for word in words if word.encode() in leaves] == []


async def test_case_when_remitted_after_another_learner_was_given_the_number_then_contested_anew(tmp_path: Path) -> None:  # PR-210
    async with scene(tmp_path) as (world, found):
        first = await pushed(world, found, OWNER, FIRST, "A")
        await first.review()
        assert (await first.decide(Verdict.REFUSED)).status == 200
        second = await pushed(world, found, OTHER, SECOND, "B")
        assert (await clear(second.outcome, second, world)).status == 200
        words = write(Withdrawal("other", "有异议"))
        for member, act, name in ((SOURCE, "dispute", "dispute"), (FIRST, "uphold", "ruling"), (PRESIDING, "remit", "ruling")):
            heard = await world.act(member, act, [(name, words)], scp=first.transfer)
            assert heard.status == 200, heard.body
        assert is_contested(first, second)
        assert (second.outcome.holder, second.leaf_types()[-1]) == (second.transfer, "outcome.contested")
        leaf = [leaf for leaf in found.leaves() if leaf.scope == first.transfer][-1]
        assert (leaf.type, leaf.facts["contested"]) == ("transfer.remitted", 1)
        assert (await clear(first.outcome, first, world)).status == 200
        assert (first.outcome.holder, second.item.reason) == (first.transfer, "outcome_contested")
