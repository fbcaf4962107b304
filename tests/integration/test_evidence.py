"""Evidence over the member API: to parties only, written into the case first; what it says of receipts and refusals."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from support.auditor import books, check_receipt, check_refusal, shanghai_part
from support.evidence import bundle_of, codes, verified, witnessed_trust
from support.region import Message, World, key_of, region
from support.stages import ACCEPTING, SOURCE, STRANGER, stage

from gateway.client.reading import ReadingApi
from gateway.errors import FormatError, TransferError
from gateway.federation.channels.reading import ReadingChannel
from gateway.mapping.documents import write
from gateway.model.canonical import unb64url
from gateway.model.documents import ConsentWithdrawal
from gateway.model.scopes import consent_scope
from gateway.storage.rows import TransferRow
from gateway.transferlog.leaf import parse_leaf
from gateway.web.routes import member_app


@asynccontextmanager
async def api(world: World, member: str) -> AsyncIterator[ReadingApi]:
    parts = world.gateway.parts
    async with TestServer(member_app(parts, world.gateway.access)) as server, aiohttp.ClientSession() as session:
        parts.base_url = str(server.make_url("")).rstrip("/")
        yield ReadingApi(ReadingChannel(session, 5), parts.base_url, member, key_of(member), world.clock, world.ids)


async def test_evidence_when_a_party_asks_then_it_is_given_and_the_taking_is_a_leaf_of_the_case(tmp_path: Path) -> None:
    async with region(tmp_path, witnessed_trust()) as world:
        made = await stage(world, "settled")
        before = (await made.row()).seq
        async with api(world, ACCEPTING) as reading:
            found = await reading.evidence(made.transfer, "full")
            proof = await reading.evidence(made.transfer, "learner", (1,), ("title",))
            bare = await reading.evidence(made.transfer, "bare")
        assert [verified(each, world.trust).findings for each in (found, proof, bare)] == [[], [], []]
        leaf = parse_leaf(unb64url(found["leaves"][-1]["leaf"]))
        assert (leaf.type, leaf.actor, leaf.role, leaf.facts["form"]) == ("record.read", ACCEPTING, "accepting", "full")
        assert (await made.row()).seq == before + 2  # the bare one told nobody anything
        assert len(proof["leaves"]) == len(bare["leaves"]) == len(found["leaves"]) + 1
        async with books(world) as found_rows:
            assert found_rows.audit(world.trust).ok


async def test_case_when_evidence_was_taken_then_it_goes_on_as_before(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        made = await stage(world, "reviewing")
        async with api(world, SOURCE) as reading:
            await reading.evidence(made.transfer, "full")
        await made.lapse()  # its own deadline still fires, naming the leaf before as its cause
        assert made.state == "expired"
        async with books(world) as found:
            assert found.audit(world.trust).ok
        assert codes(await bundle_of(world, made.transfer), world.trust) == set()


async def test_evidence_when_a_stranger_asks_or_asks_wrongly_then_nothing_is_told_or_written(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        made = await stage(world, "settled")
        before = (await made.row()).seq
        async with api(world, STRANGER) as reading:
            with pytest.raises(TransferError, match=r"transfer\.unknown"):
                await reading.evidence(made.transfer, "full")
        async with api(world, SOURCE) as reading:
            with pytest.raises(TransferError, match=r"transfer\.no_such_item"):
                await reading.evidence(made.transfer, "learner", (7,))
            with pytest.raises(FormatError, match=r"format\.bad_selection"):
                await reading.evidence(made.transfer, "full", (1,))
            answer = await reading.channel.get(f"{reading.url}/v1/transfers/{made.transfer}/evidence", "no token")
            assert answer.status == 401
        assert (await made.row()).seq == before


async def test_bundle_when_consent_ended_the_case_then_the_withdrawals_own_leaf_is_in_it(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        made = await stage(world, "reviewing")
        found = await withdrawn_by_consent(world, made.transfer)
        assert [parse_leaf(unb64url(each["leaf"])).type for each in found["causes"]] == ["consent.withdrawn"]
        assert codes(found, world.trust) == set()
        found["causes"] = []
        assert codes(found, world.trust) == {"evidence.cause_missing"}


async def withdrawn_by_consent(world: World, transfer: str) -> dict[str, object]:
    rows = await world.gateway.database.fetch("transfers_by_id", ids=json.dumps([transfer]))
    consent = TransferRow(*rows[0]).consent_id
    heard = await world.act(
        SOURCE, "consent-withdraw", [("consent-withdrawal", write(ConsentWithdrawal(consent, "learner_request", "")))],
        scp=consent_scope(SOURCE, consent),
    )  # fmt: skip
    assert heard.status == 200, heard.body
    return await bundle_of(world, transfer)


async def test_answers_when_they_accept_or_refuse_then_leaf_index_proof_and_checkpoint_or_a_signed_no(tmp_path: Path) -> None:
    """Every answer of the member API: the whole table of acts is walked in test_table; here are its kinds."""
    async with region(tmp_path) as world:
        opened = world.request(SOURCE, ACCEPTING, ("SHC00000000001",), shanghai_part("SHC00000000001"))
        again: Message = world.request(SOURCE, ACCEPTING, ("SHC00000000001",), shanghai_part("SHC00000000001"))
        heard = await world.send(opened)
        proven = check_receipt(world, opened, heard)
        assert proven.leaf.mapping is not None
        assert "loss" in proven.leaf.facts
        refused = await world.send(again)  # the outcome is taken: before a case opened there is no leaf
        assert refused.status == 409
        check_refusal(world, again, refused, SOURCE)
        late = world.message(ACCEPTING, "decide", [("decision", b"<decision/>")], scp=heard.body["transfer"], ver=1)
        answer = await world.send(late)
        leaf = check_receipt(world, late, answer).leaf
        assert (leaf.type, leaf.status, answer.status >= 400) == ("transfer.refused", answer.status, True)


async def test_decision_when_taken_then_its_leaf_names_the_rules_it_rests_on(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        made = await stage(world, "posting")
        async with books(world) as found:
            (leaf,) = [each for each in found.leaves() if each.type == "transfer.decided" and each.scope == made.transfer]
        assert (leaf.rules, leaf.mapping) == ("SANDBOX-1", ("shanghai", made.mapping[1]))
