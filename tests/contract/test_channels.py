"""One contract for every way a message travels: HTTPS push, mailbox, SOAP, SFTP.  docs/transports.md, TR-1 to TR-7.

Both ways: what a bank sends reaches the gateway, what the gateway owes reaches the bank.  The gateway is whole
and real, the bank's end is a small server of the test, and everything goes over sockets.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.enquiries import question
from support.region import Message
from support.wires import KINDS, SENDER, SH, SH_RECORDS, TAKER, Mailbox, Wire, until, wired

from gateway.client.receipts import Judge, Sent
from gateway.crypto.digests import salted_digest
from gateway.errors import GatewayError, PeerUnavailableError
from gateway.federation.channels.https import HttpAnswer
from gateway.federation.envelope import VerifiedMessage, unseal
from gateway.federation.message import HttpTarget
from gateway.federation.protocol import CONTENT_BYTES_MAX


@pytest.fixture(params=sorted(KINDS))
async def wire(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Wire]:
    async with wired(request.param, tmp_path) as made:
        yield made


def judged(wire: Wire, message: Message, answer: HttpAnswer) -> Any:
    """The answer, believed as a bank's connector would."""
    digests = tuple((each.name, salted_digest(each.secret, each.data), len(each.data)) for each in message.contents.values())
    body = json.loads(answer.body)
    body["receipt"].pop("repeated", None)
    sent = Sent(SENDER, message.jti, "request", digests)
    return Judge(wire.world.trust).answer(sent, answer.status, json.dumps(body).encode(), wire.world.clock.now())


async def came(wire: Wire) -> VerifiedMessage:
    """The next message the bank was given, believed."""

    async def some() -> bool:
        await wire.look()
        return bool(wire.taken)

    await until(some)
    raw = wire.taken[0]
    world = wire.world
    return unseal(raw.token, raw.contents, keys=world.trust.finder(world.clock.now()), audience=TAKER, http=wire.inbox)


async def test_message_of_a_bank_when_sent_then_kept_byte_for_byte_with_its_secrets(wire: Wire) -> None:
    message = wire.request()
    answer = await wire.send(message)
    body = judged(wire, message, answer).body
    kept = await wire.world.gateway.receiver.vault.all_of(body["transfer"])
    for name, content in message.contents.items():
        found = kept[SENDER, message.jti, name]
        assert (found.data, found.secret) == (content.data, content.secret), name
    assert not answer.repeated


async def test_message_of_the_gateway_when_owed_then_arrives_byte_for_byte_with_its_secrets(wire: Wire) -> None:
    sent = wire.request()
    await wire.send(sent)
    message = await came(wire)
    kept = await wire.world.gateway.receiver.vault.all_of(message.scp or "")
    assert message.act == "forward"
    assert {"case", "local", "regional", "part", "identity"} <= message.contents.keys()
    for name, content in message.contents.items():
        mine = next(each for key, each in kept.items() if key[2] == name)
        assert (content.data, content.secret) == (mine.data, mine.secret), name
    assert message.contents["part"].data == sent.contents["part"].data


async def test_enquiry_when_sent_then_its_question_reaches_the_bank_asked_byte_for_byte(wire: Wire) -> None:
    """Acts of other scopes than a transfer's travel like any: `enquire` in, `fetch` out."""
    message = question(wire.world, SENDER, TAKER, target=wire.target, life=wire.life)
    answer = await wire.send(message)
    body = json.loads(answer.body)
    assert (answer.status, body["state"]) == (202, "asked")
    fetch = await came(wire)
    assert (fetch.act, fetch.scp) == ("fetch", body["enquiry"])
    assert fetch.contents.keys() == {"case", "enquiry", "identity", "consent-source"}
    for name in ("enquiry", "identity", "consent-source"):
        assert (fetch.contents[name].data, fetch.sd(name)) == (message.contents[name].data, message.sd(name))


async def test_message_when_repeated_then_stored_answer_marked_and_nothing_done_twice(wire: Wire) -> None:
    message = wire.request()
    first = await wire.send(message)
    size = wire.world.gateway.ledger.size
    again = await wire.send(message)
    assert (first.repeated, again.repeated) == (False, True)
    assert judged(wire, message, again).raw == judged(wire, message, first).raw
    assert wire.world.gateway.ledger.size == size


async def test_send_when_cut_off_then_nothing_is_half_done_and_the_whole_one_is_taken(wire: Wire) -> None:
    message = wire.request()
    size = wire.world.gateway.ledger.size
    await wire.send_part(message)
    await asyncio.sleep(0.2)
    assert wire.world.gateway.ledger.size == size
    answer = await wire.send(message)
    assert (judged(wire, message, answer).status, answer.repeated) == (202, False)


async def test_peer_when_down_then_unavailable_is_raised(wire: Wire) -> None:
    with pytest.raises(PeerUnavailableError) as told:
        await wire.to_nobody(wire.request())
    assert (told.value.code, told.value.retry) == ("peer.unavailable", True)


async def test_bank_when_down_then_nothing_is_lost_and_it_comes_once_it_is_back(wire: Wire) -> None:
    await wire.away()
    await wire.send(wire.request())
    dispatcher = wire.world.gateway.parts.mailbox.dispatcher

    async def tried() -> bool:
        await wire.look()
        wire.world.clock.advance(seconds=1)
        rows = await dispatcher.due(TAKER, 10, at_once=True)
        return bool(rows) and (isinstance(wire, Mailbox) or rows[0].attempts > 1)

    await until(tried)
    assert wire.taken == []
    if not isinstance(wire, Mailbox):
        assert (await dispatcher.due(TAKER, 10, at_once=True))[0].last_error == "peer.unavailable"
    await wire.back()
    wire.world.clock.advance(minutes=5)
    assert (await came(wire)).act == "forward"


async def test_answer_when_held_against_another_message_then_not_believed(wire: Wire) -> None:
    message, other = wire.request(), wire.request()
    answer = await wire.send(message)
    assert judged(wire, message, answer).body["jti"] == message.jti
    with pytest.raises(GatewayError) as told:
        judged(wire, other, answer)
    assert told.value.code == "peer.unproven"


async def test_message_when_signed_for_another_transport_then_refused(wire: Wire) -> None:
    size = wire.world.gateway.ledger.size
    other = HttpTarget("POST", wire.base + "/v1/elsewhere")
    answer = await wire.send(wire.world.request(SENDER, TAKER, SH_RECORDS, SH, target=other, life=timedelta(minutes=4)))
    assert (answer.status, json.loads(answer.body)["code"]) == (401, "trust.wrong_target")
    assert wire.world.gateway.ledger.size == size


async def test_message_when_over_its_bounds_then_refused_by_name_and_nothing_kept(wire: Wire) -> None:
    size = wire.world.gateway.ledger.size
    message = wire.request()
    part = message.contents["part"]
    large = replace(message, contents={**message.contents, "part": replace(part, data=bytes(CONTENT_BYTES_MAX + 1))})
    try:
        answer = await wire.send(large)
        told = (answer.status, json.loads(answer.body)["code"])
    except GatewayError as refused:  # what this side already knows will not be taken
        told = (413, refused.code)
    assert told == (413, "format.too_large")
    assert wire.world.gateway.ledger.size == size
    assert (await wire.send(message)).status == 202
