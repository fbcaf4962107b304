"""An answer is believed only whole: each member of a genuine one, altered, is refused."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from support.region import SAMPLES, Heard, Message, World, key_of, region

from gateway.client.receipts import Judge, Sent, problem_code
from gateway.crypto.digests import salted_digest
from gateway.errors import GatewayError, PeerError, TransferLogError
from gateway.federation.envelope import seal
from gateway.federation.message import Content
from gateway.mapping.documents import write
from gateway.model.canonical import b64url, jcs
from gateway.model.documents import Withdrawal

SH = (SAMPLES / "shanghai" / "samples" / "good" / "sh.json").read_bytes()
RECORDS = ("SHC20230098812", "SHC20230098813", "SHZ2022551201", "SHT2024000917")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with region(tmp_path) as made:
        yield made


def sent(message: Message, act: str = "request") -> Sent:
    digests = tuple((name, salted_digest(each.secret, each.data), len(each.data)) for name, each in message.contents.items())
    return Sent("CN-31", message.jti, act, digests)


async def opened(world: World) -> tuple[Message, Heard]:
    message = world.request("CN-31", "CN-32", RECORDS, SH)
    return message, await world.send(message)


async def test_answer_when_genuine_then_gives_leaf_index_and_checkpoint(world: World) -> None:
    message, heard = await opened(world)
    answer = Judge(world.trust).answer(sent(message), heard.status, heard.reply.body, world.clock.now())
    assert answer.leaf is not None
    assert (answer.leaf.type, answer.leaf.jti, answer.code) == ("transfer.requested", message.jti, "")
    assert answer.checkpoint is not None
    assert answer.checkpoint.size > (answer.index or 0)
    assert answer.raw == jcs(dict(answer.body))


async def test_refusal_when_signed_by_the_gateway_then_believed(world: World) -> None:
    message = world.request("CN-31", "CN-32", RECORDS, SH, consent={"purpose": "another"})
    heard = await world.send(message)
    answer = Judge(world.trust).answer(sent(message), heard.status, heard.reply.body, world.clock.now())
    assert (answer.code, answer.leaf) == ("consent.other_purpose", None)


def _set(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    *outer, last = path.split(".")

    def change(body: dict[str, Any]) -> None:
        for name in outer:
            body = body[name]
        body[last] = value

    return change


def _drop(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda body: body["receipt"].pop(name)


LIES: dict[str, Callable[[dict[str, Any]], None]] = {
    "another state": _set("state", "settled"),
    "another sum": _set("totals.submitted", "40.0"),
    "one member more": _set("added", True),
    "another message": _set("jti", "A" * 22),
    "another act": _set("act", "decide"),
    "another index": _set("receipt.index", 0),
    "index is no number": _set("receipt.index", "1"),
    "another secret": _set("receipt.answer_secret", b64url(b"x" * 32)),
    "secret is no base64url": _set("receipt.answer_secret", "=" * 8),
    "no secret": _drop("answer_secret"),
    "no proof": _drop("proof"),
    "proof is no text": _set("receipt.proof", 7),
    "leaf is no base64url": _set("receipt.leaf", "@"),
    "no leaf and no refusal": _drop("leaf"),
    "no receipt": lambda body: body.pop("receipt"),
    "a fraction": _set("ver", 1.5),
}


@pytest.mark.parametrize("lie", sorted(LIES))
async def test_answer_when_altered_then_refused(world: World, lie: str) -> None:
    message, heard = await opened(world)
    body = json.loads(heard.reply.body)
    LIES[lie](body)
    with pytest.raises(GatewayError) as caught:
        Judge(world.trust).answer(sent(message), heard.status, json.dumps(body).encode(), world.clock.now())
    assert isinstance(caught.value, (PeerError, TransferLogError)), caught.value.code


async def test_answer_when_of_another_message_then_refused(world: World) -> None:
    _, heard = await opened(world)
    other, _ = await opened(world)
    with pytest.raises(PeerError, match=r"peer\.unproven"):
        Judge(world.trust).answer(sent(other), heard.status, heard.reply.body, world.clock.now())


async def test_answer_when_leaf_is_of_another_act_then_refused(world: World) -> None:
    message, heard = await opened(world)
    why = write(Withdrawal("learner_request", "学习者要求"))
    other = await world.act("CN-31", "withdraw", [("withdrawal", why)], scp=heard.body["transfer"])
    body, theirs = json.loads(heard.reply.body), json.loads(other.reply.body)
    for name in ("leaf", "proof", "index"):
        body["receipt"][name] = theirs["receipt"][name]
    with pytest.raises(TransferLogError, match=r"transferlog\.bad_receipt") as caught:
        Judge(world.trust).answer(sent(message), heard.status, jcs(body), world.clock.now())
    assert caught.value.facts["reason"] == "the leaf is about another message"


async def test_answer_when_status_is_not_the_leafs_then_refused(world: World) -> None:
    message, heard = await opened(world)
    with pytest.raises(PeerError, match=r"peer\.unproven"):
        Judge(world.trust).answer(sent(message), 200, heard.reply.body, world.clock.now())


@pytest.mark.parametrize("forger", ["CN-32", "CN-31"])
async def test_refusal_when_signed_by_a_bank_then_refused(world: World, forger: str) -> None:
    message = world.request("CN-31", "CN-32", RECORDS, SH, consent={"purpose": "another"})
    heard = await world.send(message)
    body = json.loads(heard.reply.body)
    secret = b"s" * 32
    del body["receipt"]
    now = world.clock.now()
    token = seal(
        key=key_of(forger), iss=forger, aud="CN-31", jti=world.ids.jti(), iat=now, exp=now, act="refusal",
        contents=[Content("refusal", jcs(body), "application/json", secret)], irt=message.jti,
    )  # fmt: skip
    body["receipt"] = {"answer_secret": b64url(secret), "refusal": token}
    with pytest.raises(GatewayError, match=r"trust\."):
        Judge(world.trust).answer(sent(message), heard.status, jcs(body), now)


@pytest.mark.parametrize(
    ("content", "code", "retry"),
    [
        (b'{"code":"trust.stale","retryable":false}', "trust.stale", False),
        (b'{"code":"storage.overloaded","retryable":true}', "storage.overloaded", True),
        (b'{"problem":{"code":"trust.key_not_valid"}}', "trust.key_not_valid", False),
        (b"<html>", "peer.off_protocol", False),
        (b"[]", "peer.off_protocol", False),
    ],
)
def test_problem_when_answer_proves_nothing_then_its_code_is_read(content: bytes, code: str, retry: bool) -> None:
    assert problem_code(content) == (code, retry)
