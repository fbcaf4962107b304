"""`ceg outcome list` and `clear` against a serving node, as the presiding unit, as a bank concerned, and at the node itself."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import aiohttp
from structlog.testing import capture_logs
from support.auditor import Books, books
from support.contests import FIRST, PRESIDING, SOURCE, both
from support.nodes import Ran, ceg, write_config
from support.region import key_of, region, tools, trust_data

from gateway.app import build, serving
from gateway.settings import Settings
from gateway.system import SystemClock, SystemIds


@dataclass
class Desk:
    """A contest of two transfers on a serving node."""

    folder: Path
    config: Path
    url: str
    operations: str
    nf: str
    transfers: tuple[str, str]

    async def outcome(self, *arguments: object, member: str = PRESIDING) -> Ran:
        key = self.folder / f"{member}.pem"
        if not key.exists():
            key_of(member).save(key)
        where = ("--url", self.url, "--member", member, "--key-file", key)
        trust = ("--config", self.config) if arguments[0] == "clear" else ()
        return await asyncio.to_thread(ceg, "outcome", *arguments, *where, *trust, "--json")

    async def metric(self) -> list[str]:
        async with aiohttp.ClientSession() as session, session.get(self.operations + "/metrics") as answer:
            return [line for line in (await answer.text()).splitlines() if line.startswith("ceg_contested_outcomes ")]

    def rulings(self) -> list[str]:
        found = Books(self.folder / "data" / "gateway.db")
        try:
            return [str(leaf.facts["stands"]) for leaf in found.leaves() if leaf.type == "outcome.cleared" and leaf.n == 0]
        finally:
            found.close()


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[Desk]:
    now = SystemClock().now() - timedelta(hours=1)
    with capture_logs():
        async with region(folder, trust_data(now=now)) as world, books(world) as found:
            world.clock.moment = now
            first, second = await both(world, found)
            nf, config = first.outcome.nf, write_config(world.gateway.settings, folder / "gateway.toml")
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            gateway = await build(Settings.load(config), session, SystemClock(), SystemIds(), random.Random(1), tools())
            async with serving(gateway) as addresses:
                gateway.parts.base_url = addresses.member_api
                yield Desk(folder, config, addresses.member_api, addresses.operations, nf, (first.transfer, second.transfer))


async def test_ruling_when_given_at_a_terminal_then_listed_before_signed_once_and_gone_after(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        first, second = here.transfers
        assert await here.metric() == ["ceg_contested_outcomes 1.0"]
        (listed,) = (await here.outcome("list")).document
        assert (listed["outcome"], listed["ver"], listed["waits_for"], listed["presiding_unit"]) == (here.nf, 1, "ruling", PRESIDING)
        assert [(each["transfer"], each["record"], each["live"], each["item"]) for each in listed["claims"]] == [
            (first, "JS-A2", True, "claimed"), (second, "JS-B2", True, "claimed"),
        ]  # fmt: skip
        text = await asyncio.to_thread(ceg, "outcome", "list", "--config", here.config)
        assert all(word in text.out.replace("\n", " ") for word in ("待裁定", "waits for a ruling", first[:12], second[:12]))
        tried = await here.outcome("clear", here.nf[:8], "--stands", second[:8], "--reason", "试", "--dry-run")
        assert (tried.document["sent"], tried.document["record"]) == (False, "JS-B2")
        unsure = await here.outcome("clear", here.nf, "--stands", second, "--reason", "没有终端")
        assert (unsure.code, unsure.problem["code"]) == (2, "cli.confirm")
        assert here.rulings() == []
        done = await here.outcome("clear", here.nf[:8], "--stands", second[:8], "--reason", "已向两行核实", "--yes")
        assert (done.code, done.err, done.document["status"]) == (0, "", 200)
        assert here.rulings() == [second]
        assert (await here.outcome("list")).out == "[]\n"
        assert await here.metric() == ["ceg_contested_outcomes 0.0"]
        nothing = await asyncio.to_thread(ceg, "outcome", "list", "--config", here.config)
        assert "No outcome is contested" in nothing.out


async def test_ruling_when_asked_for_by_a_bank_concerned_then_nothing_is_shown_and_nothing_done(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        for member in (SOURCE, FIRST):
            assert (await here.outcome("list", member=member)).document == []
            ran = await here.outcome("clear", here.nf, "--stands", "none", "--reason", "无权", "--yes", member=member)
            assert (ran.code, ran.problem["code"]) == (3, "cli.not_found")
        for wrong in ("", "ff", "0" * 12):
            ran = await here.outcome("clear", here.nf, "--stands", wrong, "--reason", "写错", "--yes")
            assert ran.code in {2, 3}, wrong
        ran = await here.outcome("clear", here.nf, "--stands", "none", "--reason", " ", "--yes")
        assert json.loads(ran.err)["code"] == "cli.usage"
        assert here.rulings() == []
        ran = await here.outcome("clear", here.nf, "--stands", "none", "--reason", "编号有误", "--yes")
        assert (ran.code, here.rulings()) == (0, ["none"])
