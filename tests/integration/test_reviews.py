"""Review dates (PR-320, PR-321): warned of before, alarmed at, and what has passed no longer counts; in list, metric and log."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs
from support.folders import metric
from support.proposals import PROGRAMME
from support.region import World, region
from support.rules import HEAD, catalogue, codes, demo, demo_programme, programme, quoted, record, rule, rule_set
from support.ruling import ACCEPTING, PROPOSER, Draft, Hands

from gateway.cli.rule_words import review_of
from gateway.recognition.catalogue import Table
from gateway.recognition.lifecycle import RuleState, Version
from gateway.recognition.reviews import ReviewState, catalogue_reviews, lapsed, rule_reviews, without_lapsed
from gateway.transfers.review_watch import ReviewWatch
from gateway.transfers.rule_view import RuleShelf

WARN = 60
CLERK = "DEMO-X-001"


def version(name: str, effective: date, review: date, state: RuleState = RuleState.PUBLISHED) -> Version:
    return Version("a", name, "0" * 64, "CN-32", effective, review, "CN-32", state)


def watch_of(world: World, entries: bool = False) -> ReviewWatch:
    shelf = RuleShelf(world.gateway.database, codes())
    return ReviewWatch(shelf, catalogue() if entries else None, world.clock, WARN)


async def told(watch: ReviewWatch) -> list[tuple[Any, ...]]:
    """Level, event, what, version and days left of each line of one look."""
    with capture_logs() as logs:
        await watch.look()
    return [(line["log_level"], line["event"], line["what"], line["version"], line["days"]) for line in logs]


def test_reviews_when_versions_replace_each_other_then_only_those_that_hold_or_will() -> None:
    day, review = date(2027, 1, 1), date(2027, 2, 1)
    history = [
        version("1", date(2026, 1, 1), review),
        version("2", date(2026, 6, 1), date(2026, 12, 31)),
        version("3", date(2027, 6, 1), date(2028, 1, 1)),
        version("4", date(2026, 7, 1), review, RuleState.APPROVED),
        version("5", date(2026, 8, 1), review, RuleState.WITHDRAWN),
    ]
    found = list(rule_reviews([history], day))
    assert [(each.version, each.days, each.state(WARN)) for each in found] == [("2", -1, ReviewState.PASSED), ("3", 365, ReviewState.FAR)]
    assert [each.state(WARN) for each in rule_reviews([history[:1]], review)] == [ReviewState.NEAR], "its own day still counts"


def test_reviews_when_the_catalogue_is_looked_at_then_the_newest_active_version_of_each_entry() -> None:
    found = list(catalogue_reviews(catalogue(), date(2026, 9, 15)))
    assert len({(each.whose, each.id) for each in found}) == len(found)
    entry = catalogue().versions(Table.CERTIFICATES, CLERK)[-1]
    assert next(each.on for each in found if each.id == CLERK) == entry.review_on


def test_estimate_when_the_catalogue_entry_is_past_its_review_then_the_rule_is_not_carried_out_and_says_so() -> None:
    rules, day = demo("demo-xzgl"), date(2026, 9, 15)
    assert without_lapsed(rules, catalogue(), day) is rules
    certificates = tuple(
        replace(each, review_on=day - timedelta(days=1)) if each.id == CLERK else each for each in catalogue().certificates
    )
    older = replace(catalogue(), certificates=certificates)
    assert lapsed(rules, older, day) == {CLERK}
    title = "行政办事员(政务服务办事员)"
    clerk = record("1", None, kind="SKILL_CERT", title=title, certificate__scheme="HRSS", certificate__skill_level="5")
    before = quoted([clerk], demo_programme("DEMO-P-XZGL"), rules, day).items[0]
    after = quoted([clerk], demo_programme("DEMO-P-XZGL"), without_lapsed(rules, older, day), day).items[0]
    assert (before.verdict.value, after.verdict.value, after.reason) == ("recognised", "refused", "not_in_catalogue")
    assert f"所依据的目录条目 {CLERK} 已过复审日期或已失效" in after.in_short.zh
    unknown = rule_set(rule("r", "A", credits='"2"', more='catalogue = "NOWHERE"'), head=HEAD)
    assert quoted([record()], programme(("A", "4")), without_lapsed(unknown, older, day)).items[0].verdict.value == "recognised"


async def test_watch_when_a_review_nears_and_passes_then_each_is_told_once_and_counted(tmp_path: Path) -> None:
    """PR-320, PR-321."""
    async with region(tmp_path) as world:
        today = (world.clock.now() + timedelta(hours=8)).date()
        draft = Draft("1", effective=today, review=today + timedelta(days=90), rules=rule("r", "XZ004"))
        await Hands(world, draft).published()
        await Hands(world, replace(draft, version="2", effective=today + timedelta(days=1))).must(PROPOSER, "propose")
        watch = watch_of(world)
        assert await told(watch) == []
        world.clock.advance(days=30)
        assert await told(watch) == [("warning", "review_near", "rule", "1", 60)]
        assert await told(watch) == []
        assert (metric("ceg_reviews", what="rule", state="near"), metric("ceg_reviews", what="rule", state="passed")) == (1, 0)
        world.clock.advance(days=60)
        assert await told(watch) == [], "the day itself still counts"
        assert await RuleShelf(world.gateway.database, codes()).current_rules(ACCEPTING, PROGRAMME, draft.review) is not None
        world.clock.advance(days=1)
        assert await told(watch) == [("error", "review_passed", "rule", "1", -1)]
        assert (metric("ceg_reviews", what="rule", state="near"), metric("ceg_reviews", what="rule", state="passed")) == (0, 1)
        gone = draft.review + timedelta(days=1)
        assert await RuleShelf(world.gateway.database, codes()).current_rules(ACCEPTING, PROGRAMME, gone) is None
        assert (await told(watch_of(world)))[0][1] == "review_passed", "a node that starts anew says it again"


async def test_watch_when_many_entries_near_their_review_then_a_bounded_number_of_lines_each_look(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        world.clock.advance(days=(date(2028, 12, 1) - world.clock.now().date()).days)
        watch = watch_of(world, entries=True)
        near = sum(each.state(WARN) is ReviewState.NEAR for each in catalogue_reviews(catalogue(), date(2028, 12, 1)))
        first = await told(watch)
        assert (len(first), metric("ceg_reviews", what="catalogue", state="near")) == (50, near)
        assert len(first) + len(await told(watch)) == min(near, 100)


async def test_list_when_a_version_is_published_then_it_tells_the_days_until_its_review(tmp_path: Path) -> None:
    """PR-320."""
    async with region(tmp_path) as world:
        today = (world.clock.now() + timedelta(hours=8)).date()
        draft = Draft("1", effective=today, review=today + timedelta(days=90), rules=rule("r", "XZ004"))
        made = await Hands(world, draft).published()
        await Hands(world, replace(draft, version="2")).must(PROPOSER, "propose")
        page = await RuleShelf(world.gateway.database, codes()).rule_page(today + timedelta(days=31), ACCEPTING)
        assert {each["version"]: each["review_in_days"] for each in page["rules"]} == {"1": 59, "2": None}
        assert (await made.row()).review == str(draft.review)


def test_list_when_read_by_people_then_what_is_near_or_passed_stands_beside_the_date() -> None:
    assert review_of({"review": "2027-01-01", "review_in_days": WARN + 1}) == "2027-01-01"
    assert review_of({"review": "2027-01-01", "review_in_days": None}) == "2027-01-01"
    assert review_of({"review": "2027-01-01", "review_in_days": 9}) == "2027-01-01(尚余 9 天 9 days left)"
    assert review_of({"review": "2027-01-01", "review_in_days": -1}) == "2027-01-01(已过 passed)"
