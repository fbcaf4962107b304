"""`ceg consent` of a facing bank against a serving node, and at the node itself."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import aiohttp
from structlog.testing import capture_logs
from support.auditor import shanghai_part
from support.nodes import Ran, ceg, write_config
from support.region import ManualClock, SeededIds, World, key_of, tools, trust_data, write_files

from gateway.app import build, serving
from gateway.federation.message import HttpTarget
from gateway.system import SystemClock, SystemIds

FACING, ACCEPTING = "CN-31", "CN-32"
RECORDS = ("SHC20230098812",)


@dataclass
class Desk:
    """A serving node that one case was opened at, and the banks' command lines."""

    folder: Path
    config: Path
    url: str
    world: World
    transfer: str

    async def consent(self, member: str, *arguments: object) -> Ran:
        key = self.folder / f"{member}.pem"
        if not key.exists():
            key_of(member).save(key)
        where: tuple[object, ...] = ("--url", self.url, "--member", member, "--key-file", key)
        if arguments[0] == "withdraw":
            where += ("--config", self.config, "--yes")
        return await asyncio.to_thread(ceg, "consent", *arguments, *where, "--json")


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[Desk]:
    clock = SystemClock()
    settings = write_files(folder, trust_data(now=clock.now()))
    config = write_config(settings, folder / "gateway.toml")
    with capture_logs():
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            gateway = await build(settings, session, clock, SystemIds(), random.Random(1), tools())
            async with serving(gateway) as addresses:
                world = World(gateway, cast("ManualClock", clock), SeededIds(), gateway.registry.trust, folder)
                message = world.request(
                    FACING, ACCEPTING, RECORDS, shanghai_part(*RECORDS), target=HttpTarget("POST", addresses.member_api + "/v1/messages")
                )
                reply = await gateway.receiver.receive(message.raw, HttpTarget("POST", addresses.member_api + "/v1/messages"))
                assert reply.status == 202, reply.body
                (row,) = await gateway.database.fetch("consents_of", controller="", after="", most=9)
                yield Desk(folder, config, addresses.member_api, world, str(row[2]))


async def test_consents_when_listed_then_the_holder_sees_its_own_and_the_centre_all(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        (own,) = (await here.consent(FACING, "list")).document
        assert (own["controller"], own["recipient"], own["state"], own["used_by"]) == (FACING, ACCEPTING, "given", here.transfer)
        assert set(own) == {"consent", "controller", "recipient", "until", "state", "used_by", "registered"}
        assert (await here.consent(ACCEPTING, "list")).document == []
        assert (await here.consent(FACING, "list", "--transfer", "0000")).document == []
        centre = await asyncio.to_thread(ceg, "consent", "list", "--config", here.config, "--json")
        assert centre.document == [own]


async def test_consent_when_taken_back_then_signed_logged_and_the_open_case_stops(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        (own,) = (await here.consent(FACING, "list")).document
        dry = await here.consent(FACING, "withdraw", own["consent"], "--reason", "学习者来电撤回", "--dry-run")
        assert (dry.document["sent"], (await here.consent(FACING, "list")).document) == (False, [own])
        done = (await here.consent(FACING, "withdraw", own["consent"], "--reason", "学习者来电撤回")).document
        assert (done["sent"], done["status"], done["code"]) == (True, 200, "")
        assert done["leaf"] is not None
        assert (await here.consent(FACING, "list")).document[0]["state"] == "withdrawn"
        assert (await here.world.gateway.parts.status.show(here.transfer, ""))["state"] == "withdrawn"


async def test_consent_when_another_bank_takes_it_back_then_refused_as_unknown(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        (own,) = (await here.consent(FACING, "list")).document
        refused = await here.consent(ACCEPTING, "withdraw", own["consent"], "--reason", "x")
        assert (refused.code, refused.document["code"]) == (5, "consent.unknown")
        assert (await here.consent(FACING, "list")).document == [own]
        assert (await here.consent(FACING, "withdraw", own["consent"], "--reason", " ")).code == 2
