"""The source bank's word changes: asked and supplied, amended before and after the decision."""

import base64
import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.auditor import Books, books, check_books, shanghai_part
from support.region import SAMPLES, World, region, take
from support.stages import ACCEPTING, SOURCE, Stage, deciding, owed, stage

from gateway.adapters.part_manifest import write_manifest
from gateway.mapping.documents import write
from gateway.model.documents import Correction, Identity, Verdict, Withdrawal
from gateway.model.local import PartManifest
from gateway.model.transfer import State
from gateway.transfers.deadlines import working_days_between

YES, NO = (Verdict.RECOGNISED, "3.0"), (Verdict.REFUSED, "0")


def sound(world: World, found: Books) -> None:
    """The books balance and the whole log holds."""
    check_books(found)
    assert found.audit(world.trust).ok


def supplied(case: Stage, part: bytes | None = None) -> list[tuple[str, bytes]]:
    return [("answer", write(Withdrawal("other", "已补充"))), *([("part", part)] if part is not None else [])]


def amended(case: Stage, part: bytes, *records: str) -> list[tuple[str, bytes]]:
    return [("amendment", write(Correction("other", "成绩更正", records or case.records[:1]))), ("part", part)]


async def verdict(case: Stage, first: tuple[Verdict, str], second: tuple[Verdict, str], **claims: Any) -> Any:
    contents, named = deciding(case, dict(zip(case.records, (first, second), strict=True)))
    return await case.try_(ACCEPTING, "decide", contents=contents, **(named | claims))


async def test_ask_when_done_then_the_review_clock_stops_and_goes_on_in_working_days(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.REVIEWING)
        first = datetime.fromisoformat((await case.row()).deadline or "")
        world.clock.advance(days=7)  # five working days of fifteen
        left = working_days_between(world.clock.now(), first)
        assert left == 10
        asked = await case.do(ACCEPTING, "ask")
        assert (asked.body["state"], asked.body["waiting_on"]) == ("supplementing", [SOURCE])
        notice = await owed(case, SOURCE, "notify")
        assert notice.event == "asked"
        assert "说明" in notice.contents["question"].decode()
        world.clock.advance(days=5)
        await case.do(SOURCE, "supplement", irt=notice.jti)
        await case.take_forward()
        world.clock.advance(days=1)
        reviewing = await case.do(ACCEPTING, "acknowledge")
        ends = datetime.fromisoformat(reviewing.body["deadline"])
        assert working_days_between(world.clock.now(), ends) == left
        assert (await case.row()).days_left == 0
        sound(world, found)


async def test_ask_when_done_a_third_time_then_refused_and_each_notice_carries_its_own_question(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.REVIEWING)
        notices = []
        for turn in ("第一问", "第二问"):
            await case.do(ACCEPTING, "ask", contents=[("question", write(Withdrawal("other", turn)))])
            notices.append(await owed(case, SOURCE, "notify"))
            assert turn in notices[-1].contents["question"].decode()
            if len(notices) == 2:  # the first question is answered and over
                assert (await case.try_(SOURCE, "supplement", irt=notices[0].jti)).code == "transfer.not_asked"
            await case.do(SOURCE, "supplement", irt=notices[-1].jti)
            await case.take_forward()
            await case.do(ACCEPTING, "acknowledge")
        heard = await case.try_(ACCEPTING, "ask")
        assert (heard.status, heard.code, heard.body["state"]) == (409, "transfer.too_often", "reviewing")
        sound(world, found)


@pytest.mark.parametrize("with_part", [False, True])
async def test_supplement_when_sent_then_delivered_again_and_decided_over_what_was_delivered_last(tmp_path: Path, with_part: bool) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.SUPPLEMENTING)
        old = dict(case.sds)
        part = shanghai_part(*case.records, score=61) if with_part else None
        again = await case.do(SOURCE, "supplement", contents=supplied(case, part))
        assert again.body["state"] == "delivering"
        stale = await case.try_(ACCEPTING, "acknowledge")
        assert stale.code == "transfer.not_asked"  # it answers the earlier delivery
        forward = await case.take_forward()
        assert (case.sds["part"] != old["part"]) == with_part
        assert forward.contents["part"] == (part or shanghai_part(*case.records))
        await case.do(ACCEPTING, "acknowledge")
        assert (await verdict(case, YES, NO, delivered=old["local"], part=old["part"])).code == "transfer.other_bytes"
        assert (await verdict(case, YES, NO)).body["state"] == "posting"
        sound(world, found)


async def test_supplement_when_its_part_lacks_a_record_then_that_item_is_closed_and_its_outcome_free(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.SUPPLEMENTING)
        heard = await case.do(SOURCE, "supplement", contents=supplied(case, shanghai_part(case.records[0])))
        assert [(item["state"], item.get("reason")) for item in heard.body["items"]] == [("claimed", None), ("closed", "unknown_record")]
        assert sorted(row.state for row in found.outcomes()) == ["available", "reserved"]
        sound(world, found)


async def test_supplement_when_nothing_is_left_then_rejected_and_the_accepting_bank_told(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.SUPPLEMENTING)
        cancelled = json.loads(shanghai_part(*case.records))
        for course in cancelled["credit"]:
            course["credit"] = "x"
        heard = await case.try_(SOURCE, "supplement", contents=supplied(case, json.dumps(cancelled).encode()))
        assert heard.body["state"] == "rejected", heard.body
        assert (await owed(case, ACCEPTING, "notify")).event == "rejected"
        assert {row.state for row in found.outcomes()} == {"available"}
        sound(world, found)


@pytest.mark.parametrize("state", [State.DELIVERING, State.REVIEWING, State.SUPPLEMENTING])
async def test_amend_when_before_the_decision_then_redelivered_and_only_the_new_bytes_can_be_decided(tmp_path: Path, state: State) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, state)
        old = dict(case.sds)
        part = shanghai_part(*case.records, score=70)
        assert (await case.do(SOURCE, "amend", contents=amended(case, part))).body["state"] == "delivering"
        assert (await case.try_(ACCEPTING, "acknowledge")).code == "transfer.not_asked"
        assert all(each.event != "asked" for each in await take(world, SOURCE))
        assert (await case.take_forward()).contents["part"] == part
        await case.do(ACCEPTING, "acknowledge")
        for named in ({"part": old["part"]}, {"delivered": old["local"]}):
            assert (await verdict(case, YES, NO, **named)).code == "transfer.other_bytes"
        assert (await verdict(case, YES, NO)).body["state"] == "posting"
        sound(world, found)


async def test_amend_when_done_a_fourth_time_then_refused(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.REVIEWING)
        for score in (71, 72, 73):
            await case.do(SOURCE, "amend", contents=amended(case, shanghai_part(*case.records, score=score)))
        heard = await case.try_(SOURCE, "amend")
        assert (heard.status, heard.code) == (409, "transfer.too_often")
        sound(world, found)


async def test_amend_when_it_names_records_of_no_case_then_refused(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.REVIEWING)
        heard = await case.try_(SOURCE, "amend", contents=amended(case, shanghai_part(*case.records), "SHC99999999999"))
        assert (heard.status, heard.code) == (422, "transfer.bad_document")
        assert (await case.try_(SOURCE, "amend", contents=amended(case, shanghai_part("SHC99999999999")))).code == "record.not_requested"
        sound(world, found)


JS = (SAMPLES / "jiangsu" / "samples" / "good" / "js-soap.xml").read_bytes()
NUMBER = b"S000032000117234000456"


def jiangsu_part(number: bytes) -> bytes:
    """The sample's course and certificate, the certificate under this number."""
    inner = re.search(rb"<js:data>(.*?)</js:data>", JS, re.DOTALL)
    assert inner is not None
    text = base64.b64decode(inner[1])
    assert NUMBER in text
    return JS.replace(inner[1], base64.encodebytes(text.replace(NUMBER, number)))


async def test_amend_when_the_certificate_has_another_number_then_refused_as_another_outcome(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        records, manifest = ("JS-A", "JS-B"), PartManifest("2024-07", {1: "JS-A", 2: "JS-B"})
        person = Identity("320508198811113025", "李䶮", synthetic=True)
        opened = world.request("CN-32", "CN-34", records, jiangsu_part(NUMBER), manifest=manifest, identity=person)
        heard = await world.send(opened)
        case = Stage(world, heard.body["transfer"], records, heard.body["ver"])
        before = found.items(case.transfer)
        assert [item.strength for item in before] == ["weak", "strong"]
        for number, code in ((NUMBER[:-1] + b"7", "transfer.other_outcome"), (NUMBER, None)):
            contents = [*amended(case, jiangsu_part(number), "JS-B"), ("manifest", write_manifest(manifest))]
            answered = await case.try_("CN-32", "amend", contents=contents)
            assert answered.body.get("problem", {}).get("code") == code, answered.body
            assert [item.nf for item in found.items(case.transfer)] == [item.nf for item in before]
        sound(world, found)


@pytest.mark.parametrize("state", [State.POSTING, State.SETTLED])
async def test_amend_when_after_the_decision_then_disputed_and_the_notice_carries_the_new_rendering(tmp_path: Path, state: State) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, state)
        old, part = dict(case.sds), shanghai_part(*case.records, score=60)
        heard = await case.do(SOURCE, "amend", contents=amended(case, part))
        assert (heard.body["state"], heard.body["waiting_on"]) == ("disputed", [ACCEPTING])
        notice = await owed(case, ACCEPTING, "notify")
        assert notice.event == "amended"
        assert notice.contents["part"] == part
        assert notice.contents["local"]
        assert notice.sd["local"] != old["local"]
        case.sds = {"local": old["local"], "part": old["part"]}
        assert (await verdict(case, YES, NO)).code == "transfer.other_bytes"
        case.sds = {"local": notice.sd["local"], "part": notice.sd["part"]}
        decided = await verdict(case, NO, YES)
        assert decided.body["state"] == "posting"
        assert [item["state"] for item in decided.body["items"]] == ["refused", "recognised"]
        sound(world, found)


async def test_amend_when_a_decided_record_is_gone_from_the_part_then_refused(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.SETTLED)
        before = found.items(case.transfer)
        heard = await case.try_(SOURCE, "amend", contents=amended(case, shanghai_part(case.records[1])))
        assert (heard.status, heard.code) == (422, "transfer.bad_document")
        assert found.items(case.transfer) == before
        sound(world, found)


async def test_supplement_when_the_consent_has_run_out_then_refused(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.SUPPLEMENTING)
        world.clock.moment = datetime.fromisoformat((await case.row()).consent_until) + timedelta(seconds=1)
        for contents in (supplied(case), supplied(case, shanghai_part(*case.records))):
            assert (await case.try_(SOURCE, "supplement", contents=contents)).code == "consent.expired"
        sound(world, found)
