"""Caps of an agreement: per item, and per learner and year, whoever races whom.  PR-228."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from support.agreements import ACCEPTING, NEW, SOURCE, Pact, opening, opens, without_founding
from support.auditor import proven_codes, shanghai_part
from support.region import Heard, World, region, trust_data
from support.stages import stage

from gateway.mapping.documents import write
from gateway.model.canonical import jcs
from gateway.model.documents import Identity, Withdrawal
from gateway.model.transfer import State

WITHDRAWAL = write(Withdrawal("learner_request", ""))


def reasons(heard: Heard) -> list[str | None]:
    return [item.get("reason") for item in heard.body["items"]]


async def test_item_when_over_the_cap_then_closed_with_that_reason(tmp_path: Path) -> None:
    """PR-228."""
    async with region(tmp_path, without_founding(trust_data())) as world:
        small = await Pact(world, replace(NEW, item_credits_max="3.9")).signed()
        heard = await world.send(opening(world))
        assert (heard.code, proven_codes(heard.body)) == ("transfer.nothing_left", ["item.agreement_cap"])
        await Pact(world, replace(NEW, agreement_id="A-2", item_credits_max="4")).signed()
        assert await opens(world) == "open", "one agreement that takes it is enough"
        assert small.scope in world.gateway.registry.acted


async def test_learner_when_the_year_is_full_then_further_items_close_until_the_next_year(tmp_path: Path) -> None:
    """PR-228: item by item, over all cases of the learner in this direction."""
    async with region(tmp_path, without_founding(trust_data())) as world:
        await Pact(world, replace(NEW, learner_year_credits_max="10")).signed()
        first = await world.send(opening(world, "R-1", "R-2", "R-3"))
        assert reasons(first) == [None, None, "agreement_cap"]
        assert await opens(world) == "transfer.nothing_left"
        other = opening(world, identity=Identity("110105199003071239", "李测试", synthetic=True), consent={"consent_id": "c-other"})
        assert (await world.send(other)).status == 202, "another learner has a year of his own"
        world.clock.moment = datetime(2026, 12, 31, 15, 59, tzinfo=UTC)
        assert await opens(world) == "transfer.nothing_left"
        world.clock.moment = datetime(2026, 12, 31, 16, 0, tzinfo=UTC)
        assert await opens(world) == "open", "1 January in China"


async def test_learner_when_a_case_is_withdrawn_then_its_room_is_free_again(tmp_path: Path) -> None:
    async with region(tmp_path, without_founding(trust_data())) as world:
        await Pact(world, replace(NEW, learner_year_credits_max="4")).signed()
        case = await stage_of_one(world)
        assert await opens(world) == "transfer.nothing_left"
        heard = await world.act(SOURCE, "withdraw", [("withdrawal", WITHDRAWAL)], scp=case)
        assert heard.status == 200, heard.body
        assert await opens(world) == "open"


async def test_learner_when_requests_race_in_one_batch_then_the_cap_holds(tmp_path: Path) -> None:
    async with region(tmp_path, without_founding(trust_data())) as world:
        await Pact(world, replace(NEW, learner_year_credits_max="8")).signed()
        answers = await asyncio.gather(*(opens(world, f"RACE-{n}") for n in range(6)))
        assert sorted(answers) == ["open"] * 2 + ["transfer.nothing_left"] * 4


async def test_cap_when_it_is_newer_than_what_was_read_then_the_batch_reads_again(tmp_path: Path) -> None:
    async with region(tmp_path, without_founding(trust_data())) as world:
        await Pact(world).signed()
        registry, stale = world.gateway.registry, world.gateway.registry.acted
        assert await opens(world) == "open"
        capped = Pact(world).next(learner_year_credits_max="4")
        await capped.must(SOURCE, "propose")
        await capped.must(ACCEPTING, "sign")
        registry.take(stale)
        assert await opens(world) == "transfer.nothing_left"


async def test_pulled_case_when_confirmed_then_the_learners_year_counts_then(tmp_path: Path) -> None:
    async with region(tmp_path, without_founding(trust_data())) as world:
        made = await Pact(world).signed()
        case = await stage(world, State.CONFIRMING, pulled=True)
        capped = made.next(learner_year_credits_max="4")
        await capped.must(SOURCE, "propose")
        await capped.must(ACCEPTING, "sign")
        heard = await case.do(SOURCE, "confirm")
        assert reasons(heard) == [None, "agreement_cap"]


async def test_amendment_when_it_grows_beyond_the_cap_then_that_item_closes(tmp_path: Path) -> None:
    async with region(tmp_path, without_founding(trust_data())) as world:
        await Pact(world, replace(NEW, item_credits_max="4")).signed()
        case = await stage(world, State.REVIEWING)
        grown = json.loads(shanghai_part(*case.records))
        grown["credit"][0] |= {"credit": 6, "credit_hour": 96}
        message = case.message(SOURCE, "amend")
        contents = [("amendment", message.contents["amendment"].data), ("part", jcs(grown))]
        heard = await case.do(SOURCE, "amend", contents=contents)
        assert reasons(heard) == ["agreement_cap", None]


async def stage_of_one(world: World) -> str:
    heard = await world.send(opening(world))
    assert heard.status == 202, heard.body
    return str(heard.body["transfer"])
