"""A credit held only by conversion is not exported again: bank to bank to bank, with the bytes that the gateway itself delivered."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.auditor import proven_codes, shanghai_part
from support.contests import OWNER, manifest_of, part_of, pushed, scene
from support.mapping_parts import MEMBERS, adapter, codes, mapper
from support.region import PERSON, Owed, World, decide, take, to_reviewing
from support.stages import SOURCE

from gateway.adapters.part_manifest import write_manifest
from gateway.mapping.documents import write
from gateway.mapping.explain import explain, render_explanation
from gateway.model.documents import Confirmation, ConfirmationItem, Correction, Verdict
from gateway.model.local import LocalLearner, LocalPart, PartManifest

RECORD = "SHC00000000001"
ACCOUNTS = {"CN-32": ("XXZ@ZH", "JS320519000421770"), "CN-33": ("learner.zheXueMa", "ZX7K3M9QP4T8W2A3")}
MARKS = {"CN-32": ("@LY", "Z", "Y"), "CN-33": ("origin", "CONVERTED", "ORIGINAL"), "CN-34": ("成果来源", "转换", "原始")}
"""Where each format says it, the word for a conversion, and the word for an original."""
REGION_OF = {member: region for region, member in MEMBERS.items()}


async def booked(world: World, accepting: str) -> LocalPart:
    """Shanghai's record, recognised by `accepting`, as that bank reads what was delivered to it, with its own account filled in."""
    await world.send(world.request(SOURCE, accepting, (RECORD,), shanghai_part(RECORD)))
    forward, heard = await to_reviewing(world, accepting)
    await decide(world, accepting, forward, heard, {RECORD: (Verdict.RECOGNISED, "3.0")})
    part = adapter(REGION_OF[accepting]).parse(forward.contents["local"], manifest(accepting) or PartManifest("", {}))
    if accepting in ACCOUNTS:
        path, account = ACCOUNTS[accepting]
        values = {key: value for key, value in part.values.items() if key != "XXZ@ZHZT"} | {path: account}
        return replace(part, learner=replace(part.learner, account=account), values=values)
    return replace(part, learner=LocalLearner("", PERSON.citizen_id, name=PERSON.name), values={})


def unmarked(part: LocalPart, member: str) -> LocalPart:
    path, _, original = MARKS[member]
    (record,) = part.records
    values = {key: value for key, value in record.values.items() if not key.startswith("chain.")} | {path: original}
    return replace(part, records=(replace(record, values=values),))


def manifest(member: str) -> PartManifest | None:
    return PartManifest("2024-07", {1: RECORD}) if member in {"CN-32", "CN-34"} else None


def papers(part: LocalPart) -> list[tuple[str, bytes]]:
    made = manifest("CN-32")
    assert made is not None
    return [("part", adapter("jiangsu").render(part)), ("manifest", write_manifest(made))]


async def onward(world: World, source: str, accepting: str, part: LocalPart) -> Any:
    content = adapter(REGION_OF[source]).render(part)
    return await world.send(world.request(source, accepting, (RECORD,), content, manifest=manifest(source)))


@pytest.mark.parametrize("middle", MARKS)
async def test_record_when_delivered_and_booked_then_bears_the_banks_own_mark_and_goes_no_further(tmp_path: Path, middle: str) -> None:
    """PR-270, PR-271."""
    last = "CN-33" if middle != "CN-33" else "CN-34"
    async with scene(tmp_path) as (world, found):
        part = await booked(world, middle)
        path, mark, _ = MARKS[middle]
        assert part.records[0].values[path] == mark
        heard = await onward(world, middle, last, part)
        assert (heard.code, proven_codes(heard.body)) == ("transfer.nothing_left", ["item.converted"])
        assert len(found.transfers()) == 1


async def test_record_when_the_source_bank_confirms_or_amends_it_with_its_mark_then_closed_there_too(tmp_path: Path) -> None:
    """PR-271."""
    async with scene(tmp_path) as (world, found):
        marked = await booked(world, "CN-32")
        plain = unmarked(marked, "CN-32")
        heard = await world.send(world.request("CN-32", "CN-33", (RECORD,)))
        fetch = next(each for each in await take(world, "CN-32") if each.act == "fetch")
        contents = [("confirmation", write(Confirmation(ACCOUNTS["CN-32"][1], (ConfirmationItem(RECORD),)))), *papers(marked)]
        done = await world.act("CN-32", "confirm", contents, scp=heard.body["transfer"], irt=fetch.jti, same_person=fetch.sd["identity"])
        assert (done.body["state"], [item["reason"] for item in done.body["items"]]) == ("rejected", ["converted"])
        heard = await onward(world, "CN-32", "CN-33", plain)
        contents = [("amendment", write(Correction("other", "更正", (RECORD,)))), *papers(marked)]
        done = await world.act("CN-32", "amend", contents, scp=heard.body["transfer"], ver=heard.body["ver"])
        assert (done.body["state"], [item["reason"] for item in done.body["items"]]) == ("rejected", ["converted"])
        assert {row.state for row in found.outcomes()} == {"redeemed", "available"}


@pytest.mark.parametrize("middle", MARKS)
async def test_record_when_its_mark_is_taken_away_then_it_is_an_original_again(tmp_path: Path, middle: str) -> None:
    """PR-272: the gateway believes what the bank says; the hint of a likely twin is all that is left."""
    last = "CN-33" if middle != "CN-33" else "CN-34"
    async with scene(tmp_path) as (world, _found):
        heard = await onward(world, middle, last, unmarked(await booked(world, middle), middle))
        assert heard.status == 202, heard.body
        (hint,) = (await case_told(world, last, heard.body["transfer"]))["likely_twins"]
        assert hint["reasons"][0] == "recognised_by_source"


async def test_record_when_its_bank_has_no_mark_then_it_comes_back_and_a_person_is_told(tmp_path: Path) -> None:
    """PR-272: Shanghai's vocabulary cannot say it, so nothing is promised but the hint."""
    async with scene(tmp_path) as (world, found):
        first = await pushed(world, found, OWNER, "CN-31", "A")
        await first.review()
        assert (await first.decide()).status == 200
        push = json.loads(first.taken["forward"].contents["local"])
        push |= {"cb_id": "100238845511", "credit": [], "credit_num": 0, "training": [], "training_num": 0}
        (certificate,) = push["certificate_experience"]
        record = certificate["cert_exp_outer_id"]
        heard = await world.send(world.request("CN-31", "CN-33", (record,), json.dumps(push).encode(), identity=OWNER))
        assert heard.status == 202, heard.body
        (hint,) = (await case_told(world, "CN-33", heard.body["transfer"]))["likely_twins"]
        assert hint["reasons"] == ["recognised_by_source", "same_title"]


async def test_number_when_recognised_elsewhere_then_refused_without_any_mark(tmp_path: Path) -> None:
    """PR-272: a strong key needs none."""
    async with scene(tmp_path) as (world, found):
        first = await pushed(world, found, OWNER, "CN-31", "A")
        await first.review()
        assert (await first.decide()).status == 200
        records = ("JS-C1", "JS-C2")
        again = await world.send(world.request("CN-32", "CN-33", records, part_of(OWNER), manifest=manifest_of(records), identity=OWNER))
        assert "outcome_taken" in [item.get("reason") for item in again.body["items"]]


@pytest.mark.parametrize("middle", MARKS)
async def test_record_when_explained_then_it_says_that_it_is_no_original(tmp_path: Path, middle: str) -> None:
    """PR-271."""
    async with scene(tmp_path) as (world, _found):
        part = await booked(world, middle)
        mapped = mapper().to_regional(part, middle)
        text = render_explanation(explain(mapper(), part, middle), mapped.loss, "zh", codes())
        assert "converted_before (已由转换取得,不是原始成果)" in text


async def case_told(world: World, member: str, transfer: str) -> dict[str, Any]:
    owed: list[Owed] = [each for each in await take(world, member) if each.transfer == transfer]
    (forward,) = (each for each in owed if each.act == "forward")
    told: dict[str, Any] = json.loads(forward.contents["case"])
    return told
