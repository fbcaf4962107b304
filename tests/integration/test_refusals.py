"""The three classes of "no": not believed (a problem, nothing kept), before a case opened (signed, kept), inside one (a leaf)."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.auditor import books, check_receipt, check_refusal, proven_codes, shanghai_part
from support.region import PERSON, SAMPLES, TARGET, Message, World, decide, decision, key_of, region, to_reviewing, trust_data
from support.stages import ACCEPTING, SOURCE, stage

from gateway.crypto.keys import SigningKey
from gateway.errors import TrustError
from gateway.federation.framing import RawMessage
from gateway.federation.members import Status, TrustData
from gateway.federation.message import HttpTarget
from gateway.federation.registry import sign_agreement
from gateway.mapping.documents import write
from gateway.model.canonical import jcs
from gateway.model.documents import Identity, Request, Verdict
from gateway.model.local import PartManifest
from gateway.model.transfer import State

RECORDS = ("SHC00000000001", "SHC00000000002")
GOOD = SAMPLES / "jiangsu" / "samples" / "good"


def opening(world: World, **changes: Any) -> Message:
    return world.request(SOURCE, ACCEPTING, RECORDS, shanghai_part(*RECORDS), **changes)


def spoiled(message: Message, **changes: Any) -> Message:
    """The same token with other contents."""
    contents = {name: replace(raw, **changes) if name == "request" else raw for name, raw in message.raw.contents.items()}
    return replace(message, raw=RawMessage(message.token, contents))


def without(message: Message, name: str) -> Message:
    return replace(message, raw=RawMessage(message.token, {key: raw for key, raw in message.raw.contents.items() if key != name}))


def plus(message: Message, name: str) -> Message:
    return replace(
        message, raw=RawMessage(message.token, {**message.raw.contents, name: replace(message.raw.contents["request"], name=name)})
    )


def forged(message: Message) -> Message:
    """Another signature of the right form."""
    head, claims, signature = message.token.split(".")
    token = ".".join((head, claims, ("B" if signature[0] == "A" else "A") + signature[1:]))
    return replace(message, raw=RawMessage(token, message.raw.contents))


def suspended(data: TrustData) -> TrustData:
    return replace(data, members=tuple(replace(m, status=Status.SUSPENDED) if m.id == SOURCE else m for m in data.members))


NOT_BELIEVED: Mapping[str, tuple[str, Callable[[World], Message]]] = {
    "unknown member": ("trust.unknown_member", lambda w: w.message("CN-35", "noted", [], scp="0" * 64)),
    "unknown key": ("trust.unknown_key", lambda w: opening(w, key=key_of("nobody"))),
    "key of another member": ("trust.unknown_key", lambda w: opening(w, key=key_of("CN-33"))),
    "flipped signature": (
        "trust.bad_signature",
        lambda w: forged(opening(w)),
    ),
    "two dots": ("trust.bad_envelope", lambda w: replace(opening(w), raw=RawMessage("a.b", {}))),
    "other bytes": ("trust.digest_mismatch", lambda w: spoiled(opening(w), data=b"<other/>")),
    "other secret": ("trust.digest_mismatch", lambda w: spoiled(opening(w), secret=bytes(32))),
    "other media type": ("trust.digest_mismatch", lambda w: spoiled(opening(w), media_type="application/json")),
    "content not sent": ("trust.missing_content", lambda w: without(opening(w), "consent")),
    "content not signed": ("trust.unexpected_content", lambda w: plus(opening(w), "note")),
    "another address": ("trust.wrong_target", lambda w: opening(w, target=HttpTarget("POST", "http://127.0.0.1:1/v1/mailbox"))),
    "another method": ("trust.wrong_target", lambda w: opening(w, target=HttpTarget("PUT", TARGET.url))),
    "too long a life": ("trust.stale", lambda w: opening(w, life=timedelta(minutes=5, seconds=1))),
}


@pytest.mark.parametrize("case", NOT_BELIEVED)
async def test_message_when_not_authentic_or_not_fresh_then_a_problem_and_nothing_kept(tmp_path: Path, case: str) -> None:
    code, make = NOT_BELIEVED[case]
    async with region(tmp_path) as world, books(world) as found:
        before = found.dump()
        with pytest.raises(TrustError) as caught:
            await world.send(make(world))
        assert caught.value.code == code
        assert found.dump() == before
        assert (await world.send(opening(world))).status == 202


async def test_message_when_made_with_missing_content_then_never_sealed(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        with pytest.raises(TrustError) as caught:
            world.message(SOURCE, "request", [("request", b"<x/>")])
        assert caught.value.code == "trust.missing_content"


@pytest.mark.parametrize(
    ("seconds", "code"), [(239, ""), (240, "trust.stale"), (-60, ""), (-61, "trust.not_yet_valid")], ids=["last", "over", "skew", "future"]
)
async def test_message_when_at_the_edges_of_its_life_then_taken_inside_and_refused_outside(tmp_path: Path, seconds: int, code: str) -> None:
    async with region(tmp_path) as world:
        message = opening(world)
        world.clock.advance(seconds=seconds)
        if not code:
            assert (await world.send(message)).status == 202
            return
        with pytest.raises(TrustError) as caught:
            await world.send(message)
        assert caught.value.code == code
        assert world.clock.now().isoformat(timespec="seconds") in caught.value.en


async def test_member_when_suspended_then_refused_and_after_it_resumes_the_same_message_passes(tmp_path: Path) -> None:
    async with region(tmp_path, suspended(trust_data())) as world, books(world) as found:
        before = found.dump()
        message = opening(world)
        with pytest.raises(TrustError) as caught:
            await world.send(message)
        assert caught.value.code == "trust.suspended"
        assert found.dump() == before


# ---------------------------------------------------------------- authentic, before a case opens


def no_agreement(data: TrustData) -> TrustData:
    return replace(data, agreements=tuple(each for each in data.agreements if each.id != f"{SOURCE}-{ACCEPTING}"))


def half_signed(data: TrustData) -> TrustData:
    def cut(each: Any) -> Any:
        return replace(each, signatures={SOURCE: each.signatures[SOURCE]}) if each.id == f"{SOURCE}-{ACCEPTING}" else each

    return replace(data, agreements=tuple(map(cut, data.agreements)))


def with_agreement(data: TrustData, **changes: Any) -> TrustData:
    def other(each: Any) -> Any:
        if each.id != f"{SOURCE}-{ACCEPTING}":
            return each
        text = jcs({**json.loads(each.text), **changes}).decode()
        return replace(each, text=text, signatures={bank: sign_agreement(key_of(bank), text) for bank in (SOURCE, ACCEPTING)})

    return replace(data, agreements=tuple(map(other, data.agreements)))


AGREEMENTS: Mapping[str, Callable[[TrustData], TrustData]] = {
    "none": no_agreement,
    "one signature": half_signed,
    "suspended": lambda data: with_agreement(data, suspended=True),
    "over": lambda data: with_agreement(data, until="2026-11-01"),
    "not begun": lambda data: with_agreement(data, since="2026-11-03"),
}


@pytest.mark.parametrize("case", AGREEMENTS)
async def test_request_when_there_is_no_agreement_in_force_then_signed_refusal(tmp_path: Path, case: str) -> None:
    async with region(tmp_path, AGREEMENTS[case](trust_data())) as world:
        await refused(world, opening(world), "transfer.no_agreement", 403)


async def test_request_when_agreement_is_for_other_kinds_then_items_are_closed_and_none_left_refuses(tmp_path: Path) -> None:
    async with region(tmp_path, with_agreement(trust_data(), kinds=["TRAINING"])) as world:
        heard = await refused(world, opening(world), "transfer.nothing_left", 409)
        assert proven_codes(heard) == ["item.no_agreement", "item.no_agreement"]


async def test_request_when_agreement_is_for_one_kind_then_only_the_others_are_closed(tmp_path: Path) -> None:
    push = (SAMPLES / "shanghai" / "samples" / "good" / "sh.json").read_bytes()
    records = ("SHC20230098812", "SHZ2022551201")
    data = json.loads(push)
    data |= {"credit": data["credit"][:1], "credit_num": 1, "training": [], "training_num": 0}
    async with region(tmp_path, with_agreement(trust_data(), kinds=["COURSE"])) as world:
        heard = await world.send(world.request(SOURCE, ACCEPTING, records, json.dumps(data).encode()))
        assert heard.status == 202, heard.body
        assert [(item["state"], item.get("reason")) for item in heard.body["items"]] == [("claimed", None), ("closed", "no_agreement")]


async def refused(world: World, message: Message, code: str, status: int = 0, iss: str = SOURCE) -> dict[str, Any]:
    """A signed refusal: nothing but the message's answer is kept, and the repeat gets the same."""
    async with books(world) as found:
        before = found.dump()
        heard = await world.send(message)
        assert heard.code == code, heard.body
        assert not status or heard.status == status
        check_refusal(world, message, heard, iss)
        after = found.dump()
        assert after.pop("message") == [(before.pop("message")[0][0] + 1,)]
        assert after == before
        again = await world.send(message)
        assert again.reply.repeated
        assert {**again.body, "receipt": 0} == {**heard.body, "receipt": 0}
        check_refusal(world, message, again, iss)
    return heard.body


def part(*records: str, **changes: Any) -> bytes:
    return json.dumps({**json.loads(shanghai_part(*records)), **changes}).encode()


BEFORE_OPENING: Mapping[str, tuple[str, Callable[[World], Message]]] = {
    "part cut short": ("format.json", lambda w: w.request(SOURCE, ACCEPTING, RECORDS, shanghai_part(*RECORDS)[:-5])),
    "part of another bank": ("format.encoding", lambda w: w.request(SOURCE, ACCEPTING, RECORDS, (GOOD / "js.xml").read_bytes())),
    "part with more records": ("record.not_requested", lambda w: w.request(SOURCE, ACCEPTING, RECORDS[:1], shanghai_part(*RECORDS))),
    "part without account": ("record.no_account", lambda w: w.request(SOURCE, ACCEPTING, RECORDS, part(*RECORDS, cb_id=""))),
    "unknown records only": ("transfer.nothing_left", lambda w: w.request(SOURCE, ACCEPTING, ("SHC99999999999",), shanghai_part())),
    "identity with a wrong number": (
        "record.bad_identity",
        lambda w: w.request(SOURCE, ACCEPTING, RECORDS, shanghai_part(*RECORDS), identity=Identity("110105194912310021", "王测试", True)),
    ),
    "person by another claim": ("trust.other_identity", lambda w: opening(w, same_person="0" * 64)),
    "accepting bank that is none": ("transfer.bad_document", lambda w: w.request(SOURCE, "CN-99", RECORDS, shanghai_part(*RECORDS))),
    "to itself": ("transfer.bad_document", lambda w: w.request(SOURCE, SOURCE, RECORDS, shanghai_part(*RECORDS))),
}


@pytest.mark.parametrize("case", BEFORE_OPENING)
async def test_request_when_refused_before_it_opens_then_signed_kept_and_no_leaf(tmp_path: Path, case: str) -> None:
    code, make = BEFORE_OPENING[case]
    async with region(tmp_path) as world:
        await refused(world, make(world), code)
        assert (await world.send(opening(world))).status == 202


async def test_request_when_facing_is_neither_or_not_the_signer_then_every_problem_is_told(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        document = Request(SOURCE, SOURCE, "CN-33", "1", "a", "recognition", RECORDS, {}, world.clock.now())
        contents = [("request", write(document)), ("identity", write(PERSON))]
        contents.append(("consent", write(world.consent(SOURCE, ACCEPTING, SOURCE, RECORDS))))
        message = world.message(SOURCE, "request", contents)
        body = await refused(world, message, "transfer.bad_document", 422)
        paths = {problem["path"] for problem in body["problem"]["problems"]}
        assert {"request/facing", "request/accepting"} <= paths


async def test_request_when_document_violates_the_schema_then_all_places_are_listed(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        good = opening(world)
        text = good.contents["request"].data.replace(b">CN-31<", b"><").replace(b"Z</appliedAt>", b"</appliedAt>")
        names = [(name, text if name == "request" else content.data) for name, content in good.contents.items()]
        body = await refused(world, world.message(SOURCE, "request", names), "standard.invalid", 422)
        assert len(body["problem"]["problems"]) == 3


@pytest.mark.parametrize("pushed", [True, False])
async def test_request_when_contents_do_not_fit_its_way_then_missing_and_unexpected_are_named(tmp_path: Path, pushed: bool) -> None:
    """Pushed without a part; pulled with one and without the source bank's consent."""
    async with region(tmp_path) as world:
        other = world.request(SOURCE, ACCEPTING, RECORDS) if pushed else opening(world)
        facing = SOURCE if pushed else ACCEPTING
        document = Request(SOURCE, ACCEPTING, facing, "1", "a", "recognition", RECORDS, {}, world.clock.now())
        names = {name: content.data for name, content in other.contents.items()}
        names |= {"request": write(document), "consent": write(world.consent(facing, ACCEPTING, SOURCE, RECORDS))}
        body = await refused(world, world.message(facing, "request", [*names.items()]), "trust.missing_content", 400, facing)
        assert set(proven_codes(body)) == {"trust.missing_content", "trust.unexpected_content"}


PEOPLE: Mapping[str, tuple[str, str, tuple[str, ...], PartManifest | None]] = {
    "jiangsu id": ("CN-32", "jiangsu/samples/good/js-soap.xml", ("JS-A", "JS-B"), PartManifest("2024-07", {1: "JS-A", 2: "JS-B"})),
    "zhejiang digest": ("CN-33", "zhejiang/samples/good/zj.json", (), None),
    "anhui id": ("CN-34", "anhui/samples/good/one-course.csv", ("AH-1",), PartManifest("2024-07", {1: "AH-1"})),
}


@pytest.mark.parametrize("case", PEOPLE)
async def test_request_when_part_is_about_somebody_else_then_refused_without_a_value(tmp_path: Path, case: str) -> None:
    source, sample, records, manifest = PEOPLE[case]
    data = (SAMPLES / sample).read_bytes()
    async with region(tmp_path) as world:
        stranger = Identity("11010519491231002X", "王测试", True)
        if case == "anhui id":
            parsed = world.gateway.tools.regions["anhui"].parse(data, manifest or PartManifest())
            assert parsed.learner.citizen_id not in {None, stranger.citizen_id}
        if case == "zhejiang digest":
            records = tuple(record.record_id for record in world.gateway.tools.regions["zhejiang"].parse(data, PartManifest()).records)
            assert records
        message = world.request(source, "CN-31", records, data, manifest=manifest, identity=stranger)
        body = await refused(world, message, "record.other_person", 422, source)
        assert stranger.citizen_id not in json.dumps(body)


# ---------------------------------------------------------------- row by row


async def test_request_when_rows_are_damaged_cancelled_or_unknown_then_items_close_and_receipt_lists_them(tmp_path: Path) -> None:
    data = (SAMPLES / "shanghai" / "samples" / "good" / "one-damaged-row-beside-good-ones.json").read_bytes()
    records = ("SHC20240000009", "SHC20240000010", "SHZ2024000003", "SHT2024000003", "SHX")
    async with region(tmp_path) as world:
        message = world.request(SOURCE, ACCEPTING, records, data)
        heard = await world.send(message)
        assert heard.status == 202, heard.body
        check_receipt(world, message, heard)
        states = {item["record"]: item.get("reason") for item in heard.body["items"]}
        assert states["SHC20240000010"] == "quarantined"
        assert states["SHX"] == "unknown_record"
        rows = heard.body["rows"]
        assert rows["rows_read"] == rows["accepted"] + len(rows["quarantined"]) + len(rows["ignored"])
        assert {problem["code"] for row in rows["quarantined"] for problem in row["problems"]} >= {"record.unknown_code"}


async def test_request_when_source_has_cancelled_the_record_then_item_is_closed_as_revoked(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        adapter = world.gateway.tools.regions["zhejiang"]
        data = (SAMPLES / "zhejiang" / "samples" / "good" / "revoke-of-an-earlier-page.json").read_bytes()
        part = adapter.parse(data, PartManifest())
        records = tuple(record.record_id for record in part.records)
        body = await refused(world, world.request("CN-33", "CN-31", records, data), "transfer.nothing_left", 409, "CN-33")
        assert proven_codes(body) == ["item.revoked"]


# ---------------------------------------------------------------- outcomes, after opening


async def test_act_when_content_is_bad_inside_a_case_then_a_leaf_both_parties_can_see(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.REVIEWING)
        size = found.size()
        message = world.message(
            ACCEPTING, "decide", [("decision", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>")], scp=case.transfer, ver=case.ver
        )
        heard = await world.send(message)
        assert heard.code == "format.doctype"
        assert check_receipt(world, message, heard).leaf.facts["code"] == "format.doctype"
        assert found.size() == size + 1
        again = await world.send(message)
        assert (again.reply.repeated, found.size()) == (True, size + 1)
        check_receipt(world, message, again)
        for member in (SOURCE, ACCEPTING):
            shown = await world.gateway.parts.status.show(case.transfer, member)
            assert shown["steps"][-1]["facts"]["code"] == "format.doctype"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"delivered": "0" * 64}, "transfer.other_bytes"),
        ({"part": "0" * 64}, "transfer.other_bytes"),
        ({"mapping": ["shanghai", "0"]}, "transfer.other_bytes"),
    ],
)
async def test_decision_when_not_over_what_was_delivered_then_refused(tmp_path: Path, changes: dict[str, Any], code: str) -> None:
    async with region(tmp_path) as world:
        case = await stage(world, State.REVIEWING)
        assert (await world.send(case.message(ACCEPTING, "decide", **changes))).code == code
        assert (await world.send(case.message(ACCEPTING, "decide"))).status == 200


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ({0: (Verdict.RECOGNISED, "3.0")}, "transfer.bad_document"),
        ({0: (Verdict.RECOGNISED, "4.1"), 1: (Verdict.REFUSED, "0")}, "transfer.credits_exceed"),
        ({0: (Verdict.REFUSED, "1.0"), 1: (Verdict.REFUSED, "0")}, "transfer.credits_exceed"),
        ({0: (Verdict.REFUSED, "0"), 1: (Verdict.REFUSED, "0"), 2: (Verdict.REFUSED, "0")}, "transfer.bad_document"),
    ],
)
async def test_decision_when_items_or_credits_do_not_fit_then_refused(
    tmp_path: Path, verdicts: dict[int, tuple[Verdict, str]], code: str
) -> None:
    async with region(tmp_path) as world:
        case = await stage(world, State.REVIEWING)
        names = (*case.records, "SHC88888888888")
        contents = decision(world, {names[n]: verdict for n, verdict in verdicts.items()})
        claims = {"ver": case.ver, "delivered": case.sds["local"], "part": case.sds["part"], "mapping": list(case.mapping)}
        heard = await world.act(ACCEPTING, "decide", contents, scp=case.transfer, **claims)
        assert heard.code == code


async def test_decision_when_all_is_refused_then_settled_at_once_with_nothing(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        heard = await world.send(opening(world))
        forward, reviewing = await to_reviewing(world, ACCEPTING)
        heard = await decide(world, ACCEPTING, forward, reviewing, dict.fromkeys(RECORDS, (Verdict.REFUSED, "0")))
        assert (heard.body["state"], heard.body["totals"]["refused"]) == ("settled", "8.0")
        again = await world.send(world.request(SOURCE, "CN-33", RECORDS, shanghai_part(*RECORDS)))
        assert [item["state"] for item in again.body["items"]] == ["claimed", "claimed"]


@pytest.mark.parametrize("act", ["acknowledge", "posted"])
async def test_act_when_posture_is_not_what_the_document_says_then_refused(tmp_path: Path, act: str) -> None:
    async with region(tmp_path) as world:
        case = await stage(world, State.DELIVERING if act == "acknowledge" else State.POSTING)
        heard = await world.send(case.message(ACCEPTING, act, posture="none" if act == "acknowledge" else "impossible"))
        assert heard.code == "transfer.bad_document"


async def test_gateway_key_when_somebody_signs_with_it_then_no_member(tmp_path: Path) -> None:
    """The gateway is in the registry, but it is no bank: its own word sent to itself counts for nothing and breaks nothing."""
    async with region(tmp_path) as world, books(world) as found:
        before = found.dump()
        with pytest.raises(TrustError) as caught:
            await world.send(world.message("CN-YRD", "noted", [], key=SigningKey.from_seed(b"CN-YRD".ljust(32, b".")), scp="0" * 64))
        assert caught.value.code == "trust.suspended"
        assert found.dump() == before
