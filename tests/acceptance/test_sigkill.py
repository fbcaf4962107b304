"""`ceg serve` killed again and again under load: what was answered is there, word for word, and nothing is there twice."""

import asyncio
import json
import os
import random
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from support.auditor import Books, answer_of, check_books, prove, shanghai_part
from support.nodes import write_config
from support.region import Message, World, trust_data, write_files

from gateway.errors import PeerUnavailableError
from gateway.federation.channels.https import HttpsChannel
from gateway.federation.message import HttpTarget
from gateway.federation.registry import TrustFile
from gateway.mapping.documents import write
from gateway.model.documents import Withdrawal
from gateway.system import SystemClock, SystemIds

pytestmark = pytest.mark.acceptance
CEG = (sys.executable, "-c", "from gateway.cli.main import main; main()")
KILLS = 6
SENDERS = 6
ROOT = Path(__file__).parents[2]


@dataclass
class Node:
    """One data folder, one port, one process after the other."""

    folder: Path
    url: str
    trust: TrustFile
    config: Path
    process: "asyncio.subprocess.Process | None" = None

    async def start(self) -> None:
        log = (self.folder / "serve.log").open("ab")
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [*CEG, "serve", "--config", str(self.config), "--json"]
        self.process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=log, env=env)
        log.close()
        assert self.process.stdout is not None
        async with asyncio.timeout(60):
            line = await self.process.stdout.readline()
        assert line, (self.folder / "serve.log").read_text("utf-8")[-2000:]

    async def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        assert await self.process.wait() == -signal.SIGKILL


@asynccontextmanager
async def node_of(folder: Path) -> AsyncIterator[Node]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = trust_data(now=SystemClock().now())
    settings = write_files(folder, data)
    settings = settings.model_copy(update={"listen": settings.listen.model_copy(update={"port": port})})
    node = Node(folder, f"http://127.0.0.1:{port}/v1/messages", TrustFile(data), write_config(settings, folder / "gateway.toml"))
    try:
        yield node
    finally:
        if node.process is not None and node.process.returncode is None:
            await node.kill()


@dataclass
class Load:
    """Banks that send without pause, and remember what they were told."""

    node: Node
    world: World
    channel: HttpsChannel
    chance: random.Random
    answered: dict[str, tuple[Message, int, dict[str, Any]]] = field(default_factory=dict)
    unanswered: dict[str, Message] = field(default_factory=dict)
    cases: list[str] = field(default_factory=list)

    def next(self) -> Message:
        target = HttpTarget("POST", self.node.url)
        turn = self.chance.random()
        if self.cases and turn < 0.3:
            paper = [("withdrawal", write(Withdrawal("other", "")))]
            return self.world.message("CN-31", "withdraw", paper, scp=self.chance.choice(self.cases), target=target)
        record = f"SHC{self.chance.randrange(40):011d}"
        part = shanghai_part(record) if turn < 0.9 else b"rubbish"
        return self.world.request("CN-31", self.chance.choice(["CN-32", "CN-33"]), (record,), part, target=target)

    async def post(self, message: Message) -> bool:
        """Whether an answer came; it must be the one given before, if there was one."""
        try:
            answer = await self.channel.post(self.node.url, message.token, list(message.contents.values()))
        except PeerUnavailableError:
            self.unanswered[message.jti] = message
            return False
        body = json.loads(answer.body)
        assert answer.status < 500, body
        if message.jti in self.answered:
            assert (answer.repeated, answer.status, body["jti"]) == (True, self.answered[message.jti][1], message.jti)
            assert answer_of(body) == answer_of(self.answered[message.jti][2])
        self.answered[message.jti] = (message, answer.status, body)
        self.unanswered.pop(message.jti, None)
        if answer.status == 202:
            self.cases.append(body["transfer"])
        return True

    async def sender(self) -> None:
        while await self.post(self.next()):
            pass

    async def under_load(self, seconds: float) -> None:
        """Send until the process is killed at this moment."""
        async with asyncio.TaskGroup() as senders:
            for _ in range(SENDERS):
                senders.create_task(self.sender())
            await asyncio.sleep(seconds)
            await self.node.kill()

    async def resend(self) -> int:
        """All that was not answered, and some that was.  How many of the unanswered had been done all the same."""
        done = 0
        for message in list(self.unanswered.values()):
            known = len(self.answered)
            assert await self.post(message)
            done += len(self.answered) - known
        for message, _, _ in self.chance.sample(sorted(self.answered.values(), key=lambda each: each[0].jti), min(10, len(self.answered))):
            assert await self.post(message)
        return done


@pytest.mark.parametrize("seed", [1, 2])
async def test_node_when_killed_at_any_moment_then_nothing_is_lost_and_nothing_doubled(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    async with node_of(tmp_path) as node, aiohttp.ClientSession() as session:
        world = World(None, SystemClock(), SystemIds(), node.trust, tmp_path)  # type: ignore[arg-type]
        load = Load(node, world, HttpsChannel(session, 20), chance)
        audited = 0
        for _ in range(KILLS):
            await node.start()
            await load.resend()
            audited = check_folder(node, load, audited)
            await load.under_load(chance.uniform(0.05, 0.7))
        await node.start()
        await load.resend()
        assert load.unanswered == {}
        check_folder(node, load, audited)
        assert len(load.answered) > 60, len(load.answered)
        assert {status for _, status, _ in load.answered.values()} >= {200, 202, 400, 409}


def check_folder(node: Node, load: Load, audited: int) -> int:
    """The log from its first leaf on, and every answer a bank holds."""
    found = Books(node.folder / "data" / "gateway.db")
    try:
        size = found.size()
        assert size >= audited, "the log became shorter"
        report = found.audit(node.trust)
        assert report.ok, report.finding
        check_books(found)
        stored = {row.jti: (row.jti, row.status, row.answer, row.leaf) for row in found.answers() if row.act != "token"}
        leaves = found.rows("SELECT iss, jti, n, COUNT(*) FROM log_key GROUP BY iss, jti, n HAVING COUNT(*) > 1")
        assert leaves == []
        for message, status, body in load.answered.values():
            row = stored[message.jti]
            assert (row[1], row[2]) == (status, answer_of(body))
            if row[3] is not None:
                assert prove(node.trust, body).leaf.jti == message.jti
        opened = found.rows("SELECT iss, jti, COUNT(*) FROM transfer GROUP BY iss, jti HAVING COUNT(*) > 1")
        assert opened == []
        known = {*load.answered, *load.unanswered}
        assert set(stored) <= known, "a message nobody sent"
        return size
    finally:
        found.close()
