"""Rule versions as the page shows them: what holds, whose word is missing, what changed, what the lint says, what rules do not reach."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from support.region import region
from support.rules import rule
from support.ruling import ACCEPTING, PROPOSER, THIRD, Draft, Hands
from support.stages import stage

from gateway.transfers.periods import Period


async def test_book_when_one_version_holds_and_the_next_is_proposed_then_each_is_told_as_it_stands(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        book, day = world.gateway.parts.rule_book, world.gateway.parts.today()
        first = Draft(effective=day, review=day + timedelta(days=30))
        await Hands(world, first).published(ACCEPTING, THIRD)
        second = replace(first, version="2026.2", review=day + timedelta(days=400), rules=rule("r2", "C1"))
        following = Hands(world, second)
        await following.must(PROPOSER, "propose")
        await following.must(ACCEPTING, "approve")

        new, old = sorted(await book.lines(day), key=lambda line: line.version, reverse=True)
        assert (old.state, old.in_force, old.review_days, old.review, old.wanting, old.outstanding) == (
            "published",
            True,
            30,
            "near",
            0,
            False,
        )
        assert (new.state, new.in_force, new.review_days, new.review, new.wanting, new.outstanding) == ("tested", False, None, "", 1, True)
        assert (new.approvals, old.approvals) == ((ACCEPTING,), (ACCEPTING, THIRD))
        changes = {(each.what, each.where) for each in await book.changes(old, new)}
        assert changes == {("changed", "version"), ("changed", "review"), ("removed", "rule r1"), ("added", "rule r2")}

        late = day + timedelta(days=31)
        (past,) = [line for line in await book.lines(late) if line.version == old.version]
        assert (past.state, past.in_force, past.review) == ("expired", False, "passed")
        assert await book.findings(old, day) == ()
        assert [each.code for each in await book.findings(old, late)] == ["recognition.review_passed"]
        assert [each.code for each in await book.findings(old, late)] == ["recognition.review_passed"]  # the one kept


async def test_book_when_cases_come_then_kinds_without_a_rule_and_cases_without_an_estimate_are_counted(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        book, day = world.gateway.parts.rule_book, world.gateway.parts.today()
        period = Period("all", date(2020, 1, 1), date(2040, 1, 1))
        assert (await book.reach(period, day), await book.use()) == ([], [])
        await stage(world, "reviewing")
        await stage(world, "settled")
        before = {each.kind: (each.items, each.rules) for each in await book.reach(period, day)}
        assert sum(items for items, _ in before.values()) == 4
        assert {rules for _, rules in before.values()} == {0}
        (use,) = await book.use()  # the settled one is not under way
        assert (use.accepting, use.cases, use.estimated) == (ACCEPTING, 1, 0)

        await Hands(world, Draft(effective=day, review=day + timedelta(days=30))).published(ACCEPTING, THIRD)
        spoken = {each.kind: each.rules for each in await book.reach(period, day)}
        assert spoken["COURSE"] == 1
        assert {rules for kind, rules in spoken.items() if kind != "COURSE"} <= {0}
        late = day + timedelta(days=31)  # past its review date the version holds no more
        assert {each.rules for each in await book.reach(period, late)} == {0}
