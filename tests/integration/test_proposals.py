"""An estimate by the accepting bank's own rules comes with the case; the decision names it, and says why where it is another one."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.auditor import shanghai_part
from support.proposals import PROGRAMME, in_force, management, programmes
from support.region import World, region
from support.rules import CAPS, HEAD, ROOT, catalogue, codes, programme, rule, rule_set
from support.ruling import Draft, Hands
from support.stages import ACCEPTING, SOURCE, Stage, owed, stage

from gateway.client.bank import OpenItem
from gateway.client.proposed import by_proposal
from gateway.errors import SettingsError
from gateway.mapping.documents import write
from gateway.model.documents import Decision, DecisionItem, Verdict, Withdrawal
from gateway.model.transfer import State
from gateway.model.units import Credits
from gateway.recognition.catalogue_load import load_folder
from gateway.recognition.proposal import in_short, read_proposal
from gateway.settings import Settings
from gateway.transfers.recognised import by_category, groups_of


async def delivered(world: World) -> Stage:
    """A case of two records, reviewed by the accepting bank with whatever was proposed."""
    return await stage(world, State.REVIEWING)


def proposed(made: Stage) -> dict[str, tuple[str, str]]:
    return in_short(read_proposal(made.proposal))


def deciding(made: Stage, verdicts: Mapping[str, tuple[str, str]], **more: str) -> list[tuple[str, bytes]]:
    """The content of a decision with these verdicts; `more` is estimate and departure."""
    items = tuple(
        DecisionItem(record, Verdict(verdict), Credits(Decimal(size)), size, "credit", "", "content_equivalent", "R", "", "")
        for record, (verdict, size) in verdicts.items()
    )
    return [("decision", write(Decision(PROGRAMME, made.world.clock.now(), "reviewer", items, **more)))]


def _supplement(made: Stage) -> list[tuple[str, bytes]]:
    return [("answer", write(Withdrawal("other", "补充"))), ("part", shanghai_part(*made.records))]


async def leaves(made: Stage, type_: str) -> list[dict[str, Any]]:
    shown = await made.world.gateway.parts.status.show(made.transfer, "")
    return [step["facts"] for step in shown["steps"] if step["type"] == type_]


async def test_case_when_rules_are_in_force_then_delivered_with_their_estimate(tmp_path: Path) -> None:
    """PR-290."""
    async with region(tmp_path) as world:
        in_force(world, management())
        made = await delivered(world)
        found = read_proposal(made.proposal)
        assert (found.rules, set(found.items)) == (("test", "1"), set(made.records))
        first, second = (found.items[record] for record in sorted(made.records))  # one course, so one of the two like records counts
        assert {(first.verdict, str(first.credits)), (second.verdict, str(second.credits))} == {("recognised", "4.0"), ("refused", "0.0")}
        assert {first.courses, second.courses} == {("XZ004",), ()}
        assert all(item.words.zh and item.words.en for item in found.items.values())


@pytest.mark.parametrize("lacking", ["rules", "programme", "catalogue", "fault"])
async def test_case_when_no_estimate_can_be_made_then_delivered_as_it_is(tmp_path: Path, lacking: str) -> None:
    """PR-291."""
    async with region(tmp_path) as world:
        if lacking != "catalogue":
            over = {"programme": catalogue(), "fault": replace(programmes(), programmes=())}.get(lacking)
            in_force(world, None if lacking == "rules" else management(), over)
        made = await delivered(world)
        assert made.proposal == b""
        await made.do(ACCEPTING, "decide")
        assert await leaves(made, "transfer.decided") == [{"awarded": "3.0", "uncounted": 0}]


@pytest.mark.parametrize("as_proposed", [True, False])
async def test_decision_when_it_names_the_estimate_then_the_leaf_says_whether_it_was_followed(tmp_path: Path, as_proposed: bool) -> None:
    """PR-292."""
    async with region(tmp_path) as world:
        in_force(world, management())
        made = await delivered(world)
        verdicts = proposed(made) if as_proposed else dict.fromkeys(made.records, ("refused", "0"))
        why = "" if as_proposed else "课程大纲已改"
        await made.do(ACCEPTING, "decide", contents=deciding(made, verdicts, estimate=made.sds["proposal"], departure=why))
        (facts,) = await leaves(made, "transfer.decided")
        assert (facts["estimate"], facts["followed"]) == (made.sds["proposal"], as_proposed)


@pytest.mark.parametrize(
    ("estimate", "departs", "departure", "code"),
    [
        ("", False, "", "transfer.other_estimate"),
        ("0" * 64, False, "", "transfer.other_estimate"),
        ("own", True, "", "transfer.departure_unexplained"),
        ("own", True, "  ", "transfer.departure_unexplained"),
    ],
)
async def test_decision_when_it_hides_the_estimate_then_refused_and_nothing_changes(
    tmp_path: Path, estimate: str, departs: bool, departure: str, code: str
) -> None:
    """PR-292, PR-293."""
    async with region(tmp_path) as world:
        in_force(world, management())
        made = await delivered(world)
        verdicts = dict.fromkeys(made.records, ("refused", "0")) if departs else proposed(made)
        named = made.sds["proposal"] if estimate == "own" else estimate
        before = await made.row()
        heard = await made.try_(ACCEPTING, "decide", contents=deciding(made, verdicts, estimate=named, departure=departure))
        assert (heard.status, heard.body["problem"]["code"]) == (409, code)
        after = await made.row()
        assert after._replace(seq=before.seq, leaf=before.leaf) == before


async def test_decision_when_nothing_was_proposed_then_no_estimate_may_be_named(tmp_path: Path) -> None:
    """PR-292."""
    async with region(tmp_path) as world:
        made = await delivered(world)
        verdicts = dict.fromkeys(made.records, ("refused", "0"))
        heard = await made.try_(ACCEPTING, "decide", contents=deciding(made, verdicts, estimate="0" * 64))
        assert heard.body["problem"]["code"] == "transfer.other_estimate"


async def test_case_when_delivered_anew_then_the_estimate_is_the_new_one(tmp_path: Path) -> None:
    """PR-290."""
    async with region(tmp_path) as world:
        in_force(world, management())
        made = await delivered(world)
        first = made.sds["proposal"]
        await made.do(ACCEPTING, "ask")
        made.jtis["asked"] = (await owed(made, SOURCE, "notify")).jti
        in_force(world, None)
        await made.do(SOURCE, "supplement", contents=_supplement(made))
        await made.take_forward()
        assert made.proposal == b""
        await made.do(ACCEPTING, "acknowledge")
        verdicts = dict.fromkeys(made.records, ("refused", "0"))
        heard = await made.try_(ACCEPTING, "decide", contents=deciding(made, verdicts, estimate=first, departure="x"))
        assert heard.body["problem"]["code"] == "transfer.other_estimate"
        await made.do(ACCEPTING, "decide", contents=deciding(made, verdicts))


async def test_estimate_when_the_learner_was_recognised_before_then_that_counts_towards_the_caps(tmp_path: Path) -> None:
    """PR-294.  76 credits, of which 8 % may be recognised: 6.0 after rounding down, and 4.0 are gone."""
    async with region(tmp_path) as world:
        in_force(world, management("8"))
        made = await delivered(world)
        assert ("recognised", "4.0") in proposed(made).values()
        await made.do(ACCEPTING, "decide", contents=deciding(made, proposed(made), estimate=made.sds["proposal"]))
        again = await delivered(world)
        assert sorted(proposed(again).values()) == [("recognised", "2.0"), ("refused", "0.0")]


async def followed(world: World) -> Stage:
    """A case decided exactly as its estimate says: courses and rule named, as a connector writes it."""
    made = await delivered(world)
    found = by_proposal(read_proposal(made.proposal), [OpenItem(record, "COURSE", None) for record in made.records])
    assert found is not None
    document = Decision(PROGRAMME, made.world.clock.now(), "reviewer", found, estimate=made.sds["proposal"])
    await made.do(ACCEPTING, "decide", contents=[("decision", write(document))])
    return made


@pytest.mark.parametrize("kept", [True, False])
async def test_estimate_when_the_course_was_recognised_before_then_not_twice_unless_that_decision_is_erased(
    tmp_path: Path, kept: bool
) -> None:
    """PR-294, PR-323."""
    async with region(tmp_path) as world:
        in_force(world, management())
        made = await followed(world)
        if not kept:
            with closing(sqlite3.connect(world.folder / "data" / "gateway.db")) as database, database:
                database.execute("DELETE FROM part_key WHERE part_id = ?", (made.transfer,))
        again = await delivered(world)
        items = read_proposal(again.proposal).items.values()
        expected = [("0.0", "recognised_before")] * 2 if kept else [("0.0", "highest_only"), ("4.0", "content_equivalent")]
        assert sorted((str(item.credits), item.reason) for item in items) == expected
        assert not kept or all("先前已认定" in item.words.zh for item in items)


async def test_estimate_when_categories_were_used_before_then_their_caps_are_so_much_smaller(tmp_path: Path) -> None:
    """PR-294, PR-323.  The category's cap of 6.0 has 4.0 used by the first case, for another course of the same category."""
    rules = "".join(rule(name, course, title=["管理学基础"]) for name, course in (("one", "XZ004"), ("other", "XZ002")))
    limits = f'{CAPS}[caps.category_credits]\n"专业基础课" = "6"\n'
    async with region(tmp_path) as world:
        in_force(world, rule_set(rules, head=HEAD.replace("CN-34", ACCEPTING), caps=limits))
        first = await followed(world)
        assert sum(item.credits for item in read_proposal(first.proposal).items.values()) == Decimal("4.0")
        found = read_proposal((await delivered(world)).proposal)
        assert {cap["name"]: cap["limit"] for cap in found.estimate["caps"]}["专业基础课"] == "2.0"
        assert [(item.courses, item.credits) for item in found.items.values() if item.credits] == [(("XZ002",), Decimal("2.0"))]


def test_earlier_decisions_when_added_up_then_by_category_and_group_whatever_the_version() -> None:
    """PR-294."""

    def decided(courses: str, awarded: str, by: str) -> DecisionItem:
        size = Credits(Decimal(1))
        return DecisionItem("r", Verdict.RECOGNISED, size, awarded, "credit", courses, "content_equivalent", by, "", "")

    target = programme(("A/甲", "4"), ("B/乙", "3"))
    told = (("A B", "5.5", "test@0/grouped"), ("B", "2", "other@1/grouped2"), ("Z", "9", "by hand"), ("A", "优", ""))
    items = [decided(*each) for each in told]
    assert by_category(items, target) == {"甲": Decimal(4), "乙": Decimal("3.5")}
    group = '[[group]]\nid = "g"\nzh = "组"\nen = "group"\nreason = "equal_content"\n'
    rules = rule_set(group + rule("grouped", "A", more='group = "g"') + rule("grouped2", "B"))
    assert set(groups_of(items, rules)) == {"g"}


async def test_rules_when_published_by_signed_acts_then_the_next_case_brings_their_estimate(tmp_path: Path) -> None:
    """PR-290: from a rule file to the accepting bank's desk, nothing set by hand but the node's catalogue."""
    async with region(tmp_path) as world:
        world.gateway.parts.estimates.proposer._catalogue = programmes()
        rules = Hands(world, Draft(effective=world.clock.now().date(), rules=rule("management", "XZ004", title=["管理学基础"])))
        assert (await delivered(world)).proposal == b""
        await rules.published()
        made = await delivered(world)
        found = read_proposal(made.proposal)
        assert found.rules == (rules.draft.id, rules.draft.version)
        assert ("recognised", "4.0") in proposed(made).values()
        await rules.must(ACCEPTING, "withdraw")
        assert (await delivered(world)).proposal == b""


@pytest.mark.parametrize("shipped", [True, False])
def test_catalogue_when_named_in_the_settings_then_it_must_be_there(tmp_path: Path, shipped: bool) -> None:
    folder = ROOT / "standards/catalogue/demo-1.0" if shipped else tmp_path / "none"
    if shipped:
        found = Settings.load(None, recognition={"catalogue_folder": folder}).recognition.catalogue_folder
        assert found is not None
        assert load_folder(found, codes()) == catalogue()
        return
    with pytest.raises(SettingsError) as caught:
        Settings.load(None, recognition={"catalogue_folder": folder})
    assert [problem.path for problem in caught.value.problems] == ["recognition.catalogue_folder"]
