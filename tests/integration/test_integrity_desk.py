"""`ceg integrity` of three banks against a serving node, and what the member API answers to whoever has no right."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import aiohttp
from structlog.testing import capture_logs
from support.auditor import Books
from support.nodes import Ran, ceg, write_config
from support.region import key_of, region, tools, trust_data
from support.stages import ACCEPTING, PRESIDING, SOURCE, STRANGER, stage

from gateway.app import build, serving
from gateway.model.transfer import State
from gateway.settings import Settings
from gateway.system import SystemClock, SystemIds


@dataclass
class Desk:
    """A case that is settled, on a serving node, and the banks' command lines."""

    folder: Path
    config: Path
    url: str
    transfer: str
    record: str

    async def integrity(self, member: str, *arguments: object) -> Ran:
        key = self.folder / f"{member}.pem"
        if not key.exists():
            key_of(member).save(key)
        where: tuple[object, ...] = ("--url", self.url, "--member", member, "--key-file", key)
        if arguments[0] != "list":
            where += ("--config", self.config, "--yes")
        return await asyncio.to_thread(ceg, "integrity", *arguments, *where, "--json")

    def leaves(self) -> list[str]:
        found = Books(self.folder / "data" / "gateway.db")
        try:
            return [leaf.type for leaf in found.leaves() if leaf.type.startswith("integrity.") or leaf.facts.get("what") == "integrity"]
        finally:
            found.close()


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[Desk]:
    now = SystemClock().now() - timedelta(hours=1)
    with capture_logs():
        async with region(folder, trust_data(now=now)) as world:
            world.clock.moment = now
            case = await stage(world, State.SETTLED)
            config = write_config(world.gateway.settings, folder / "gateway.toml")
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            gateway = await build(Settings.load(config), session, SystemClock(), SystemIds(), random.Random(1), tools())
            async with serving(gateway) as addresses:
                gateway.parts.base_url = addresses.member_api
                yield Desk(folder, config, addresses.member_api, case.transfer, case.records[0])


async def test_flag_when_carried_through_at_terminals_then_each_bank_sees_its_part(tmp_path: Path) -> None:
    """PR-300, PR-311, PR-314."""
    async with desk(tmp_path) as here:
        case = ("--transfer", here.transfer)
        said = ("--record", here.record, "--kind", "confirmed_fraud", "--reason", "forged_document")
        wrong = await here.integrity(ACCEPTING, "flag", *case, *said[:-1], "claimed_twice")
        assert (wrong.code, wrong.problem["code"], here.leaves()) == (2, "cli.usage", []), "a wrong reason is not even sent"
        tried = await here.integrity(ACCEPTING, "flag", *case, *said, "--dry-run")
        assert (tried.code, tried.document["sent"], here.leaves()) == (0, False, ["record.read"])
        for member in (STRANGER, PRESIDING):
            barred = await here.integrity(member, "flag", *case, *said)
            assert (barred.code, barred.problem["code"]) == (3, "transfer.unknown"), member
        assert (await here.integrity(STRANGER, "list", "--consent", "CN-31/none")).problem["code"] == "transfer.unknown"
        both = await here.integrity(SOURCE, "list", *case, "--consent", "CN-31/none")
        assert both.problem["code"] == "transfer.bad_document"
        done = await here.integrity(ACCEPTING, "flag", *case, *said)
        assert (done.code, done.document["status"], done.document["state"]) == (0, 202, "flagged")
        flag = str(done.document["flag"])
        again = await here.integrity(ACCEPTING, "flag", *case, *said)
        assert (again.code, again.document["code"]) == (8, "transfer.flagged_already")
        (listed,) = (await here.integrity(SOURCE, "list", *case)).document
        assert (listed["flag"], listed["kind_zh"], listed["set_by"]) == (flag, "已证实造假", ACCEPTING)
        short = flag[: len("integrity:") + 6]
        steps = (
            (SOURCE, "appeal", "clerical_error", case), (ACCEPTING, "uphold", "verified_again", ()),
            (SOURCE, "escalate", "not_heard", ()), (PRESIDING, "lift", "appeal_granted", ()),
        )  # fmt: skip
        for member, act, reason, where in steps:
            ran = await here.integrity(member, act, short, "--reason", reason, *where)
            assert (ran.code, ran.document["status"]) == (0, 200), (act, ran.document, ran.problem)
        assert (await here.integrity(PRESIDING, "list")).document == [], "its part is over"
        late = await here.integrity(SOURCE, "appeal", short, "--reason", "clerical_error")
        assert (late.code, late.document["code"]) == (8, "transfer.wrong_state")
        assert [kind for kind in here.leaves() if kind != "record.read"] == [
            f"integrity.{word}" for word in ("flagged", "appealed", "upheld", "escalated", "lifted")
        ]
        key = here.folder / f"{SOURCE}.pem"
        where = ("--url", here.url, "--member", SOURCE, "--key-file", key)
        text = (await asyncio.to_thread(ceg, "integrity", "list", *where)).out
        assert "已解除" in text.replace("\n", "")
