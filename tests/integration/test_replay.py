"""The same message again, in every way it can come again; and what a receipt proves each time."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.auditor import answer_of, books, check_receipt, check_refusal, log_verifier, prove, shanghai_part
from support.region import TARGET, Heard, Message, World, key_of, region
from support.stages import ACCEPTING, SOURCE, stage

from gateway.errors import GatewayError, TrustError
from gateway.federation.envelope import reseal
from gateway.federation.framing import RawMessage
from gateway.model.canonical import b64url, unb64url
from gateway.model.transfer import State
from gateway.transferlog.proof import verify_receipt_proof

RECORDS = ("SHC00000000001", "SHC00000000002")


def opening(world: World, **changes: Any) -> Message:
    return world.request(SOURCE, ACCEPTING, RECORDS, shanghai_part(*RECORDS), **changes)


def again_signed(world: World, message: Message) -> Message:
    """Same id and contents, new times: what a sender does whose first try ran out."""
    now = world.clock.now()
    token = reseal(message.token, key=key_of(SOURCE), iss=SOURCE, iat=now, exp=now + timedelta(minutes=4), http=TARGET)
    assert token != message.token
    return replace(message, token=token, raw=RawMessage(token, message.raw.contents))


async def same(world: World, first: Heard, message: Message, size: int) -> None:
    heard = await world.send(message)
    assert (heard.reply.repeated, heard.status) == (True, first.status)
    assert heard.body == first.body
    async with books(world) as found:
        assert found.size() == size


async def test_message_when_repeated_in_any_way_then_same_answer_and_nothing_doubled(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        message = opening(world)
        first = await world.send(message)
        check_receipt(world, message, first)
        size, rows = found.size(), found.dump()
        await same(world, first, message, size)
        world.clock.advance(minutes=3)
        await same(world, first, again_signed(world, message), size)
        world.clock.advance(minutes=10)
        await same(world, first, message, size)  # past its exp: the question whether it was seen comes first
        await same(world, first, again_signed(world, message), size)
        world.clock.advance(days=90)  # the consent has run out meanwhile
        await same(world, first, again_signed(world, message), size)
        assert found.dump() == rows


@pytest.mark.parametrize("late", [False, True], ids=["fresh", "past exp"])
async def test_message_when_id_is_used_for_other_contents_then_409_with_both_digests(tmp_path: Path, late: bool) -> None:
    async with region(tmp_path) as world, books(world) as found:
        message = opening(world)
        await world.send(message)
        rows = found.dump()
        other = opening(world, jti=message.jti)
        if late:
            world.clock.advance(minutes=6)
        heard = await world.send(other)
        assert (heard.status, heard.code) == (409, "trust.replay_conflict")
        stored = found.rows("SELECT con FROM message WHERE jti = ?", message.jti)[0][0]
        assert stored in heard.body["problem"]["en"]
        assert len({word for word in heard.body["problem"]["en"].replace(",", " ").replace(")", " ").split() if len(word) == 64}) == 2
        check_refusal(world, other, heard, SOURCE)
        assert found.dump() == rows


async def test_id_when_another_member_uses_it_then_another_message(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        message = opening(world)
        first = await world.send(message)
        records = ("SHC00000000077",)
        heard = await world.send(world.request(SOURCE, "CN-33", records, jti=message.jti))
        assert (heard.status, heard.reply.repeated) == (202, False)
        assert heard.body["transfer"] != first.body["transfer"]


async def test_message_when_many_copies_come_at_once_then_one_leaf_and_one_answer(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        message = opening(world)
        size = found.size()
        heard = await asyncio.gather(*(world.send(message) for _ in range(8)))
        assert sorted(each.reply.repeated for each in heard) == [False] + [True] * 7
        assert all(each.body == heard[0].body for each in heard)
        assert found.size() == size + 1


async def test_stale_message_when_never_seen_then_refused_and_not_kept(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        message = opening(world)
        world.clock.advance(minutes=6)
        rows = found.dump()
        with pytest.raises(TrustError) as caught:
            await world.send(message)
        assert caught.value.code == "trust.stale"
        assert found.dump() == rows
        assert (await world.send(again_signed(world, message))).status == 202


# ---------------------------------------------------------------- receipts


async def test_receipts_when_log_grows_then_all_prove_at_their_sizes_and_repeats_too(tmp_path: Path) -> None:
    """Past the first full tile, so that proofs cross tile borders; kept notes are dropped, so that repeats are derived anew."""
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.POSTING)
        sent: list[tuple[Message, Heard]] = []
        for n in range(280):
            message = case.message(SOURCE, "acknowledge")
            sent.append((message, await world.send(message)))
            proven = check_receipt(world, *sent[-1])
            assert proven.checkpoint.size == found.size()
            assert proven.leaf.seq == 3 + n
        await world.gateway.ledger.reset()
        for message, first in sent[::20]:
            again = await world.send(message)
            assert again.reply.repeated
            assert again.body == first.body
            check_receipt(world, message, again)
        assert found.audit(world.trust).ok


async def test_receipt_when_any_byte_is_changed_then_nothing_proves(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        case = await stage(world, State.REVIEWING)
        message = case.message(ACCEPTING, "decide")
        heard = await world.send(message)
        check_receipt(world, message, heard)
        receipt = heard.body["receipt"]
        leaf, proof = unb64url(receipt["leaf"]), receipt["proof"]
        verifiers = [log_verifier(world.trust)]
        for place in range(0, len(leaf), 7):
            spoiled = bytes([*leaf[:place], leaf[place] ^ 1, *leaf[place + 1 :]])
            with pytest.raises(GatewayError):
                verify_receipt_proof(spoiled, proof, verifiers)
        for place in range(len(proof)):
            changed = proof[:place] + ("B" if proof[place] == "A" else "A") + proof[place + 1 :]
            with pytest.raises(GatewayError):
                verify_receipt_proof(leaf, changed, verifiers)
        text = answer_of(heard.body).decode()
        for place in range(0, len(text), 11):
            try:
                shown = json.loads(text[:place] + ("7" if text[place] != "7" else "8") + text[place + 1 :])
            except ValueError:
                continue
            if answer_of(shown) == answer_of(heard.body):
                continue
            with pytest.raises((AssertionError, GatewayError)):
                prove(world.trust, shown | {"receipt": receipt})
        for name, value in (("answer_secret", b64url(bytes(32))), ("leaf", b64url(leaf + b" "))):
            with pytest.raises((AssertionError, GatewayError)):
                prove(world.trust, heard.body | {"receipt": receipt | {name: value}})


async def test_receipt_when_act_settles_then_second_leaf_names_the_first_as_its_cause(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.POSTING)
        await world.send(case.message(SOURCE, "posted"))
        message = case.message(ACCEPTING, "posted", irt=case.jtis["decision"])
        heard = await world.send(message)
        first = check_receipt(world, message, heard).leaf
        last = found.leaves()[-1]
        assert (first.type, last.type, last.cause, last.envelope) == ("transfer.posted", "transfer.settled", (first.scope, first.seq), "")
        assert (last.iss, last.jti, last.n, last.state_after) == (first.iss, first.jti, 1, "settled")
        assert heard.body["totals"] == json.loads(found.transfer(case.transfer).totals)
