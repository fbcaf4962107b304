"""`ceg dlq retry` and `cancel` against a serving node: each order its own signed message with a verified receipt and a leaf."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from structlog.testing import capture_logs
from support.auditor import Books
from support.nodes import Ran, ceg
from support.region import key_of, tools
from support.stages import PRESIDING, STRANGER
from support.stuck import StuckNode, stuck_node

from gateway.app import build, serving
from gateway.settings import Settings
from gateway.system import SystemClock, SystemIds

AGO = timedelta(days=14)
"""What is staged takes eight working days; its own deadlines are later."""


@dataclass
class Desk:
    """The presiding unit's operator at a terminal that is none."""

    node: StuckNode
    url: str
    operations: str

    async def dlq(self, *arguments: object, member: str = PRESIDING) -> Ran:
        key = self.node.folder / f"{member}.pem"
        if not key.exists():
            key_of(member).save(key)
        where = ("--url", self.url, "--member", member, "--key-file", key)
        trust = ("--config", self.node.config) if arguments[0] in {"retry", "cancel"} else ()
        return await asyncio.to_thread(ceg, "dlq", *arguments, *where, *trust, "--json")

    async def dead_letters(self) -> list[str]:
        """What the metric says."""
        async with aiohttp.ClientSession() as session, session.get(self.operations + "/metrics") as answer:
            return [line for line in (await answer.text()).splitlines() if line.startswith("ceg_dead_letters{")]

    async def listed(self, member: str = PRESIDING) -> list[str]:
        return [each["id"] for each in (await self.dlq("list", member=member)).document]


@dataclass
class Relay:
    """Stands before the gateway and swallows the first answers to messages, after the gateway has given them."""

    session: aiohttp.ClientSession
    swallowed: int
    gateway: str = ""
    passed: int = 0

    async def take(self, request: web.Request) -> web.StreamResponse:
        async with self.session.request(
            request.method, self.gateway + request.raw_path, data=await request.read(), headers=request.headers
        ) as answer:
            body = await answer.read()
        if request.path == "/v1/messages":
            self.passed += 1
            if self.passed <= self.swallowed:
                assert request.transport is not None
                request.transport.abort()
        return web.Response(status=answer.status, body=body, content_type=answer.content_type)


@asynccontextmanager
async def desk(folder: Path, swallowed: int = 0) -> AsyncIterator[Desk]:
    with capture_logs():
        node = await stuck_node(folder, SystemClock().now() - AGO)
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            relay = Relay(session, swallowed)
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", relay.take)
            runner = web.AppRunner(app, access_log=None, max_field_size=20 * 1024)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            try:
                gateway = await build(Settings.load(node.config), session, SystemClock(), SystemIds(), random.Random(1), tools())
                async with serving(gateway) as addresses:
                    relay.gateway, gateway.parts.base_url = addresses.member_api, url
                    yield Desk(node, url, addresses.operations)
            finally:
                await runner.cleanup()


def leaves(folder: Path, type_: str) -> list[Any]:
    found = Books(folder / "data" / "gateway.db")
    try:
        return [leaf for leaf in found.leaves() if leaf.type == type_]
    finally:
        found.close()


async def test_orders_when_given_over_http_then_each_its_own_message_receipt_and_leaf(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        node = here.node
        assert sorted(await here.listed()) == sorted(node.ids)
        assert await here.dead_letters() == [f'ceg_dead_letters{{member="{member}"}} 1.0' for member in ("CN-31", "CN-32")]
        tried = await here.dlq("cancel", node.held[:12], node.letter, "--reason", "试", "--dry-run")
        assert [(each["id"], each["sent"]) for each in tried.document] == [(node.held, False), (node.letter, False)]
        unsure = await here.dlq("cancel", node.held, "--reason", "没有终端")
        assert (unsure.code, unsure.problem["code"]) == (2, "cli.confirm")
        assert leaves(tmp_path, "operator.cancelled") == []
        done = await here.dlq("cancel", node.held[:12], node.letter, node.letter[:10], "--reason", "已与该行电话确认", "--yes")
        assert (done.code, done.err) == (0, "")
        assert [(each["id"], each["status"], each["state"]) for each in done.document] == [
            (node.held, 200, "withdrawn"), (node.letter, 200, "withdrawn"),
        ]  # fmt: skip
        found = leaves(tmp_path, "operator.cancelled")
        assert [(leaf.scope, leaf.actor, leaf.facts.get("message", "")) for leaf in found] == [
            (node.held, PRESIDING, ""), (node.withdrawn, PRESIDING, node.letter),
        ]  # fmt: skip
        assert len({leaf.jti for leaf in found}) == 2
        assert "已与该行电话确认" not in json.dumps([dict(leaf.facts) for leaf in found], ensure_ascii=False)
        assert sorted(await here.listed()) == sorted([node.posting, node.decided])
        assert await here.dead_letters() == ['ceg_dead_letters{member="CN-31"} 1.0']


async def test_orders_when_one_is_refused_then_the_rest_is_done_and_the_exit_code_tells(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        node = here.node
        ran = await here.dlq("cancel", node.decided, node.letter, "--reason", "放弃", "--yes")
        assert ran.code == 8
        assert json.loads(ran.err)["code"] == "transfer.must_arrive"
        assert [(each["status"], each["code"]) for each in ran.document] == [(409, "transfer.must_arrive"), (200, "")]
        ran = await here.dlq("retry", node.decided, node.posting, "--reason", "再送", "--yes")
        assert [(each["status"], each["state"]) for each in ran.document] == [(200, "held"), (200, "posting")]
        assert [leaf.facts.get("message") for leaf in leaves(tmp_path, "operator.retried")] == [node.decided, None]
        assert await here.listed() == [node.decided, node.held]
        gone = await here.dlq("retry", node.posting, "--reason", "再送", "--yes")
        assert (gone.code, gone.problem["code"]) == (3, "cli.not_found")


async def test_orders_when_by_another_member_then_nothing_is_shown_and_nothing_done(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        node = here.node
        assert await here.listed(STRANGER) == []
        assert (await here.dlq("retry", node.held, "--reason", "无权", "--yes", member=STRANGER)).code == 3
        ran = await here.dlq("retry", node.held, "--reason", "当事方无权", "--yes", member="CN-31")
        assert (ran.code, ran.document[0]["code"]) == (5, "transfer.not_your_role")
        shown = await here.dlq("show", node.held)
        assert (shown.document["presiding_unit"], shown.document["case"]["held_from"]) == (PRESIDING, "delivering")
        assert leaves(tmp_path, "operator.retried") == []


async def test_order_when_its_answer_is_lost_then_asked_for_with_the_same_message(tmp_path: Path) -> None:
    async with desk(tmp_path, swallowed=2) as here:
        ran = await here.dlq("retry", here.node.letter, "--reason", "再送", "--yes")
        assert (ran.code, ran.document[0]["status"]) == (0, 200)
        assert len(leaves(tmp_path, "operator.retried")) == 1


async def test_order_when_no_answer_comes_then_nothing_is_claimed_and_the_exit_code_tells(tmp_path: Path) -> None:
    async with desk(tmp_path, swallowed=99) as here:
        ran = await here.dlq("retry", here.node.letter, here.node.held, "--reason", "再送", "--yes")
        assert (ran.code, json.loads(ran.err)["code"]) == (7, "peer.unavailable")
        assert [(each["sent"], each["code"]) for each in ran.document] == [(False, "peer.unavailable"), (False, "")]
