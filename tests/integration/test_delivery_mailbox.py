"""The mailbox: what is handed out is leased, bound to the poll, and not handed to two polls at once."""

import asyncio
import json
from pathlib import Path

from support.auditor import books, shanghai_part
from support.region import TARGET, Message, World, region
from support.stages import SOURCE, owed, stage

from gateway.federation.envelope import open_envelope
from gateway.model.canonical import b64url
from gateway.model.transfer import State


def poll(world: World) -> Message:
    return world.message("CN-33", "collect", [])


async def handed(world: World, message: Message) -> list[str]:
    reply = await world.gateway.parts.mailbox.collect(message.raw, TARGET)
    found = json.loads(reply.body)["messages"]
    return [
        each if isinstance(each, str) else open_envelope(each["envelope"], keys=world.trust.finder(world.clock.now())).jti for each in found
    ]


async def test_mailbox_when_polled_then_leased_and_handed_out_again_after_it(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        for n in range(3):
            await world.send(world.request(SOURCE, "CN-33", (f"SHC{n}",), shanghai_part(f"SHC{n}")))
        first = await handed(world, poll(world))
        assert len(first) == 3
        assert await handed(world, poll(world)) == []
        world.clock.advance(seconds=29)
        assert await handed(world, poll(world)) == []
        world.clock.advance(seconds=1)
        assert sorted(await handed(world, poll(world))) == sorted(first)
        assert {row[0] for row in found.rows("SELECT attempts FROM owed")} == {2}


async def test_mailbox_when_two_polls_come_at_once_then_nothing_is_handed_out_twice(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        for n in range(3):
            await world.send(world.request(SOURCE, "CN-33", (f"SHC{n}",), shanghai_part(f"SHC{n}")))
        for _ in range(2):  # the second time all are built already, and only the lease keeps the polls apart
            lists = await asyncio.gather(*(handed(world, poll(world)) for _ in range(4)))
            every = [jti for each in lists for jti in each]
            assert (len(every), len(set(every))) == (3, 3)
            world.clock.advance(seconds=30)


async def test_mailbox_when_a_poll_is_repeated_then_marked_and_nothing_new(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        await world.send(world.request(SOURCE, "CN-33", ("SHC1",), shanghai_part("SHC1")))
        message = poll(world)
        first = await handed(world, message)
        again = await world.gateway.parts.mailbox.collect(message.raw, TARGET)
        assert again.repeated
        assert json.loads(again.body)["messages"] == first


async def test_mailbox_when_consent_is_over_then_not_handed_out(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        await world.send(world.request(SOURCE, "CN-33", ("SHC1",), shanghai_part("SHC1")))
        world.clock.advance(days=61)
        assert await handed(world, poll(world)) == []


async def test_handed_message_when_read_then_bound_to_the_poll_and_its_secrets_open_it(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        case = await stage(world, State.DELIVERING)
        assert (await owed(case, "CN-32", "forward")).transfer == case.transfer
        asked = world.message("CN-32", "collect", [])
        body = json.loads((await world.gateway.parts.mailbox.collect(asked.raw, TARGET)).body)
        (message,) = body["messages"]
        said = open_envelope(message["envelope"], keys=world.trust.finder(world.clock.now()))
        assert (said.irt, said.aud, said.scp, said.claims["htu"]) == (asked.jti, "CN-32", case.transfer, TARGET.url)
        assert {each["name"] for each in message["contents"]} == {each["name"] for each in said.claims["con"]}
        assert all(len(each["secret"]) == len(b64url(bytes(32))) for each in message["contents"])
