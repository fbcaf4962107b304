"""What holds between members is told to them: once each, with the leaf that says so, taken by real connectors.  PR-324 to PR-326."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from support.agreements import ACCEPTING, SOURCE, STRANGER, Pact, without_founding
from support.connectors import Line, Region, four_banks
from support.region import World, region, take, trust_data
from support.rules import rule
from support.ruling import FOURTH, PROPOSER, THIRD, Draft, Hands, suspending

MEMBERS = (PROPOSER, ACCEPTING, THIRD, FOURTH)


async def waiting(world: World) -> dict[str, list[tuple[str, str]]]:
    """Scope and event of every message in every lane."""
    return {member: [(owed.transfer, owed.event) for owed in await take(world, member)] for member in MEMBERS}


async def published(world: World, version: str = "1") -> Hands:
    today = (world.clock.now() + timedelta(hours=8)).date()
    draft = Draft(version, effective=today, review=today + timedelta(days=20), rules=rule("r", "XZ004"))
    return await Hands(world, draft).published()


async def until_quiet(banks: Region, members: Sequence[str]) -> None:
    async def quiet() -> bool:
        return not any(count for _, state, count in await banks.world.gateway.parts.status.owed_counts() if state in {"new", "ready"})

    await banks.work(*members, until=quiet)


async def test_rules_when_published_withdrawn_or_expired_then_every_active_member_is_told_once_and_notes_it(tmp_path: Path) -> None:
    """PR-324, PR-325."""
    async with region(tmp_path) as world, four_banks(world) as banks:
        world.gateway.registry.replace(suspending(world.trust.data, 2, FOURTH))
        told = (PROPOSER, ACCEPTING, THIRD)
        for member in told:
            await banks.connect(member)
        first, watch = await published(world), world.gateway.news
        await Hands(world, replace(first.draft, version="2")).must(PROPOSER, "propose")
        for _ in range(2):
            await watch.look()
        expected = [(first.draft.scope, "rule_published")]
        assert await waiting(world) == dict.fromkeys(told, expected) | {FOURTH: []}
        with capture_logs() as logs:
            await until_quiet(banks, told)
        news = [(line["member"], line["told"], line["id"], line["version"]) for line in logs if line["event"] == "news"]
        assert sorted(news) == [(member, "rule_published", "test", "1") for member in told]
        await first.must(ACCEPTING, "withdraw")
        second = await published(world, "3")
        await watch.look()
        assert (await waiting(world))[THIRD] == [(first.draft.scope, "rule_withdrawn"), (second.draft.scope, "rule_published")]
        await until_quiet(banks, told)
        world.clock.advance(days=21)
        for _ in range(2):
            await watch.look()
        assert await waiting(world) == {member: [(second.draft.scope, "rule_expired")] for member in told} | {FOURTH: []}
        await until_quiet(banks, told)


async def test_news_when_the_node_starts_anew_then_nothing_is_told_twice_nor_what_is_long_past(tmp_path: Path) -> None:
    """PR-324: under the lock, whoever looks."""
    data = trust_data()
    async with region(tmp_path, data) as world:
        made = await published(world)
        await world.gateway.news.look()
        owed = await waiting(world)
    async with region(tmp_path, data) as world:
        world.ids.chance.seed(8)  # another run has other ids
        await world.gateway.news.look()
        assert {member: len(found) for member, found in (await waiting(world)).items()} == dict.fromkeys(owed, 1)
        assert sum(count for _, _, count in await world.gateway.parts.status.owed_counts()) == len(MEMBERS)
        world.clock.advance(days=60)
        late = await Hands(world, replace(made.draft, version="9", effective=world.clock.now().date() + timedelta(days=1),
                                          review=world.clock.now().date() + timedelta(days=90))).published()  # fmt: skip
        world.clock.advance(days=31)
        await world.gateway.news.look()
        assert all(scope != late.draft.scope for scope, _ in (await waiting(world))[THIRD])


async def test_agreement_when_signed_suspended_and_ended_then_its_two_parties_are_told(tmp_path: Path) -> None:
    """PR-324."""
    async with region(tmp_path, without_founding(trust_data())) as world, four_banks(world) as banks:
        for member in (SOURCE, ACCEPTING):
            await banks.connect(member)
        pact = Pact(world)
        await pact.must(SOURCE, "propose", 202)
        await world.gateway.news.look()
        assert not any((await waiting(world)).values()), "a proposal is no news"
        for member, act in ((ACCEPTING, "sign"), (SOURCE, "suspend"), (SOURCE, "resume"), (ACCEPTING, "end")):
            await pact.must(member, act)
        await world.gateway.news.look()
        events = []
        for _ in range(4):  # one in flight a scope and lane
            found = await waiting(world)
            assert found[SOURCE] == found[ACCEPTING]
            assert not found[STRANGER]
            events += [event for _, event in found[SOURCE]]
            for member in (SOURCE, ACCEPTING):
                (owed,) = await take(world, member)
                assert (await world.act(member, "noted", scp=pact.scope, irt=owed.jti)).status == 200
        assert events == ["agreement_signed", "agreement_suspended", "agreement_resumed", "agreement_ended"]


async def test_noted_when_it_answers_nothing_or_comes_from_another_then_refused_as_ever(tmp_path: Path) -> None:
    """PR-325."""
    async with region(tmp_path, without_founding(trust_data())) as world:
        pact = Pact(world)
        await pact.must(SOURCE, "propose", 202)
        await pact.must(ACCEPTING, "sign")
        await world.gateway.news.look()
        (owed,) = await take(world, SOURCE)
        assert (await world.act(STRANGER, "noted", scp=pact.scope, irt=owed.jti)).code == "transfer.unknown"
        assert (await world.act(ACCEPTING, "noted", scp=pact.scope, irt=owed.jti)).code == "transfer.not_asked"
        assert (await world.act(SOURCE, "noted", scp="rule:" + "0" * 64, irt=owed.jti)).code == "transfer.unknown"
        message = world.message(SOURCE, "noted", [], scp=pact.scope, irt=owed.jti)
        first, again = await world.send(message), await world.send(message)
        assert (first.status, again.reply.repeated) == (200, True)
        assert [{name: value for name, value in each.body.items() if name != "receipt"} for each in (first, again)] == [
            {"v": 1, "act": "noted", "iss": SOURCE, "jti": message.jti, "digest": {}}
        ] * 2
        assert await take(world, SOURCE) == []


@pytest.mark.parametrize("spoilt", ["event", "leaf", "scope"])
async def test_notice_when_it_does_not_hold_then_set_aside_and_never_noted(tmp_path: Path, spoilt: str) -> None:
    """PR-326: the leaf must be of that scope and say that very thing."""
    async with region(tmp_path) as world, four_banks(world, Line(world)) as banks:
        made, watch = await published(world), world.gateway.news
        other = await Hands(world, replace(made.draft, version="2")).published()
        await watch.look()
        change = {
            "event": "UPDATE owed SET event = 'rule_withdrawn' WHERE transfer = :scope",
            "leaf": "UPDATE owed SET claims = json_set(claims, '$.leaf', 0) WHERE transfer = :scope",
            "scope": "UPDATE owed SET claims = json_set(claims, '$.leaf', (SELECT published FROM rule_version WHERE scope = :other)) "
            "WHERE transfer = :scope",
        }[spoilt]
        with closing(sqlite3.connect(world.folder / "data" / "gateway.db")) as database, database:
            database.execute(change, {"scope": made.draft.scope, "other": other.draft.scope})
        connector = await banks.connect(THIRD)

        async def set_aside() -> bool:
            return any(row.scope == made.draft.scope for row in await connector.store.refused())

        await banks.work(THIRD, until=set_aside)
        assert await connector.store.of_transfer(made.draft.scope) == []
