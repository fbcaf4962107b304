"""Likely twins are told to whoever judges a case, and to nobody else; nothing is refused for them, and the log knows nothing of it."""

import json
from pathlib import Path
from typing import Any

from support.auditor import Books, shanghai_part
from support.contests import OWNER, scene
from support.region import World, take
from support.stages import ACCEPTING, SOURCE, Stage, stage

from gateway.mapping.documents import write
from gateway.model.documents import Correction
from gateway.model.transfer import State

FIRST, SECOND = "SHC00000000001", "SHC00000000002"
THIRD = "CN-33"
WHY = ["same_title", "same_date", "same_issuer", "same_credits"]


async def asked(world: World, accepting: str, *records: str, **changes: Any) -> str:
    heard = await world.send(world.request(SOURCE, accepting, records, shanghai_part(*records), **changes))
    assert heard.status == 202, heard.body
    assert "likely_twins" not in heard.body, "the source bank's answer is not the place"
    return str(heard.body["transfer"])


async def shown(world: World, transfer: str, member: str) -> Any:
    return await world.gateway.parts.status.show(transfer, member)


async def told(world: World, member: str, transfer: str) -> Any:
    """The case as the accepting bank gets it."""
    (forward,) = (each for each in await take(world, member) if (each.transfer, each.act) == (transfer, "forward"))
    return json.loads(forward.contents["case"])


def likeness_of(found: Books) -> list[str]:
    return [item.alike for row in found.transfers() for item in found.items(row.id) if item.alike]


async def test_twin_when_another_bank_has_the_like_of_it_then_told_with_reasons_and_without_the_others_case(tmp_path: Path) -> None:
    """PR-280, PR-282, PR-283."""
    async with scene(tmp_path) as (world, found):
        first = await asked(world, ACCEPTING, FIRST)
        second = await asked(world, THIRD, SECOND)
        leaf = found.transfer(first).leaf
        hint = {"record": SECOND, "source": SOURCE, "accepting": ACCEPTING, "state": "claimed", "leaf": leaf, "reasons": WHY}
        case = await told(world, THIRD, second)
        assert (case["likely_twins"], case["likely_twins_more"]) == ([hint], False)
        assert first not in json.dumps(case)
        assert (await shown(world, second, THIRD))["likely_twins"] == [hint]
        named = hint | {"transfer": first, "other_record": FIRST}
        assert (await shown(world, second, SOURCE))["likely_twins"] == [named], "a party of both"
        assert (await shown(world, second, ""))["likely_twins"] == [named], "the centre"
        (back,) = (await shown(world, first, ACCEPTING))["likely_twins"]
        assert (back["record"], back["accepting"], "transfer" in back) == (FIRST, THIRD, False)
        assert [item.state for row in found.transfers() for item in found.items(row.id)] == ["claimed", "claimed"]


async def test_twin_when_the_learner_is_another_or_the_case_is_over_then_no_hint(tmp_path: Path) -> None:
    """PR-280."""
    async with scene(tmp_path) as (world, found):
        first = await asked(world, ACCEPTING, FIRST)
        other = await asked(world, THIRD, SECOND, identity=OWNER)
        assert "likely_twins" not in await shown(world, other, "")
        await Stage(world, first, (FIRST,)).do(SOURCE, "withdraw")
        again = await asked(world, THIRD, "SHC00000000003")
        assert "likely_twins" not in await told(world, THIRD, again)
        assert len(set(likeness_of(found))) == len(found.transfers()) - 1, "another learner's is another text"


async def test_twin_when_one_case_has_both_then_the_pair_is_named_once(tmp_path: Path) -> None:
    """PR-281, PR-283."""
    async with scene(tmp_path) as (world, _found):
        transfer = await asked(world, ACCEPTING, FIRST, SECOND)
        (hint,) = (await told(world, ACCEPTING, transfer))["likely_twins"]
        assert (hint["record"], hint["other_record"], hint["transfer"]) == (FIRST, SECOND, transfer)


async def test_twin_when_the_source_bank_confirmed_then_the_accepting_bank_hears_of_it_as_well(tmp_path: Path) -> None:
    """PR-280."""
    async with scene(tmp_path) as (world, _found):
        await asked(world, THIRD, FIRST)
        case = await stage(world, State.DELIVERING, pulled=True)
        hints = (await shown(world, case.transfer, ACCEPTING))["likely_twins"]
        assert sorted(hint["record"] for hint in hints if hint["accepting"] == THIRD) == sorted(case.records)


async def test_twins_when_there_are_many_then_twenty_are_shown(tmp_path: Path) -> None:
    """PR-281."""
    async with scene(tmp_path) as (world, _found):
        transfer = await asked(world, ACCEPTING, *(f"SHC{number:011d}" for number in range(8)))
        case = await told(world, ACCEPTING, transfer)
        assert (len(case["likely_twins"]), case["likely_twins_more"]) == (20, True)


async def test_twin_when_told_then_no_leaf_bears_the_likeness_or_the_hint(tmp_path: Path) -> None:
    """PR-284."""
    async with scene(tmp_path) as (world, found):
        await asked(world, ACCEPTING, FIRST)
        await told(world, THIRD, await asked(world, THIRD, SECOND))
        logged = b"".join(row[0] for row in found.rows("SELECT leaf FROM log_entry"))
        assert likeness_of(found)
        assert not any(each.split(".")[0].encode() in logged for each in likeness_of(found))
        assert b"same_title" not in logged


async def test_twin_when_the_record_is_amended_then_it_is_compared_as_it_now_is(tmp_path: Path) -> None:
    """PR-280."""
    async with scene(tmp_path) as (world, found):
        case = await stage(world, State.REVIEWING)
        before = [item.alike for item in found.items(case.transfer)]
        part = shanghai_part(*case.records).replace("管理学基础".encode(), "会计学基础".encode())
        assert part != shanghai_part(*case.records)
        contents = [("amendment", write(Correction("other", "更正", case.records[:1]))), ("part", part)]
        await case.do(SOURCE, "amend", contents=contents)
        after = [item.alike for item in found.items(case.transfer)]
        assert all(each and each not in before for each in after)
