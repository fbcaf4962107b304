"""Races of two to four banks for one outcome, over HTTP on loopback, while the gateway is killed at its commits.

One learner's skill certificate is in two banks' books, so that up to four accepting banks may want it at once.  Requests go out after
random delays and are sent again, the same bytes, until an answer comes: the line breaks when the node dies, and when a sender
hangs up.  A kill is abrupt: at a commit drawn from the seed, before it or right after it, the listener and every task are gone, and a
node is built anew on the same database and port.

`python -m support.races COUNT [SEED]` (with `tests` on the path) runs them and prints one JSON line.
"""

import asyncio
import json
import logging
import random
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import structlog
from aiohttp import web
from support.auditor import books, check_books, prove
from support.region import REGIONS, ManualClock, Message, SeededIds, World, tools, trust_data, write_files

from gateway.adapters.part_manifest import write_manifest
from gateway.app import FIELD_BYTES_MAX, Gateway, wire
from gateway.errors import PeerUnavailableError
from gateway.federation.channels.https import HttpsChannel
from gateway.federation.message import HttpTarget
from gateway.mapping.documents import write
from gateway.simulator.applications import Counter
from gateway.simulator.banks import SimulatedBank
from gateway.simulator.ledgers import Entry
from gateway.simulator.people import ANHUI, JIANGSU, SHANGHAI, ZHEJIANG, make_learner
from gateway.simulator.script import certificate_number
from gateway.storage.database import Database, Decide, Read, Row
from gateway.storage.sqlite import SqliteDatabase
from gateway.web.routes import member_app

ROUTES = ((JIANGSU, SHANGHAI), (JIANGSU, ZHEJIANG), (JIANGSU, ANHUI), (ANHUI, JIANGSU))
"""Who sends the certificate to whom: four accepting banks, two of whose sources have it in their books."""
DELAY_S = 0.02
TRIES_MAX = 60
GRACE_S = 0.001


@dataclass
class Mortal:
    """A database that says when it is to die, and never returns from that commit."""

    inner: Database
    dying: asyncio.Event
    left: int = -1
    after: bool = False

    async def group(self, reads: Sequence[Read], decide: Decide) -> None:
        self.left -= 1
        if self.left == 0 and not self.after:
            await self._die()
        await self.inner.group(reads, decide)
        if self.left == 0:
            await self._die()

    async def _die(self) -> None:
        self.dying.set()
        await asyncio.Event().wait()

    async def fetch(self, name: str, **params: str | int) -> list[Row]:
        return await self.inner.fetch(name, **params)

    async def close(self) -> None:
        await self.inner.close()


@dataclass
class Score:
    """What the races came to."""

    races: int = 0
    requests: int = 0
    kills: int = 0
    hang_ups: int = 0
    broken: int = 0
    repeated: int = 0
    winners: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Gone(asyncio.Protocol):
    """Nobody is there."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


class Node:
    """A gateway on a port of its own that dies and comes back."""

    def __init__(self, folder: Path, port: int) -> None:
        self.settings = write_files(folder, trust_data())
        self.clock, self.ids, self._port = ManualClock(), SeededIds(), port
        self.url = f"http://127.0.0.1:{port}/v1/messages"
        self.dying = asyncio.Event()
        self.up = asyncio.Event()
        self.gateway: Gateway | None = None
        self.mortal: Mortal | None = None
        self.kills = 0
        self._serve: Callable[[], Any] | None = None
        self._lines: list[Any] = []

    async def live(self) -> None:
        """Until cancelled: up, dead, up again.  The port stays ours; while the node is dead whoever calls is cut off."""
        listener = await asyncio.get_running_loop().create_server(self._line, "127.0.0.1", self._port, reuse_address=True)
        try:
            while True:
                self.dying.clear()
                async with self._standing():
                    self.up.set()
                    await self.dying.wait()
                    self.up.clear()
                    self.kills += 1
        finally:
            listener.close()

    def _line(self) -> asyncio.BaseProtocol:
        if self._serve is None:
            return Gone()
        self._lines.append(self._serve())
        return self._lines[-1]

    async def _cut(self) -> None:
        """Every connection is gone, as when a process dies; one that was just being let in too."""
        self._serve = None
        for _ in range(3):
            for each in self._lines:
                if each.transport is not None:
                    each.transport.abort()
            await asyncio.sleep(GRACE_S)
        self._lines.clear()

    @asynccontextmanager
    async def _standing(self) -> AsyncIterator[None]:
        async def open_database(path: Path, queries: Mapping[str, str]) -> Database:
            self.mortal = Mortal(await SqliteDatabase.open(path, queries), self.dying)
            return self.mortal

        async with aiohttp.ClientSession() as session:
            channel = HttpsChannel(session, 1)
            gateway = await wire(self.settings, channel, self.clock, self.ids, random.Random(1), tools(), open_database)
            runner = web.AppRunner(
                member_app(gateway.parts, gateway.access), access_log=None, max_field_size=FIELD_BYTES_MAX, shutdown_timeout=GRACE_S
            )
            await runner.setup()
            gateway.parts.base_url = self.url.removesuffix("/v1/messages")
            try:
                async with asyncio.TaskGroup() as tasks:
                    running = tasks.create_task(gateway.run())
                    await gateway.parts.ready.wait()
                    self.gateway, self._serve = gateway, runner.server
                    try:
                        yield
                    finally:
                        running.cancel()
                        await self._cut()
            finally:
                await runner.cleanup()
                await gateway.database.close()


@dataclass
class Races:
    """All of them on one node, one after the other; within a race everybody at once."""

    node: Node
    chance: random.Random
    session: aiohttp.ClientSession
    folder: Path
    score: Score = field(default_factory=Score)

    def __post_init__(self) -> None:
        self.banks = {member: SimulatedBank(member, tools().regions[region], self.node.clock) for member, region in REGIONS.items()}
        self.counter = Counter(self.node.clock, self.node.ids)

    @property
    def world(self) -> World:
        assert self.node.gateway is not None
        return World(self.node.gateway, self.node.clock, self.node.ids, self.node.gateway.registry.trust, self.folder)

    async def race(self, number: int) -> None:
        """Two to four requests for one certificate; the node may die meanwhile."""
        await self.node.up.wait()
        messages = self._messages(number)
        mortal = self.node.mortal
        assert mortal is not None
        if self.chance.random() < 0.6:
            mortal.after, mortal.left = self.chance.random() < 0.5, self.chance.randint(1, 2)
        plans = [(message, self.chance.random() * DELAY_S, self.chance.random() < 0.25) for message in messages.values()]
        answers = await asyncio.gather(*(self._sent(message, delay, hang_up=hang_up) for message, delay, hang_up in plans))
        mortal.left = -1
        self._judge(number, dict(zip(messages, answers, strict=True)))

    def _messages(self, number: int) -> dict[str, Message]:
        learner = make_learner(number, JIANGSU, random.Random(number))
        entry = Entry("certificate", f"2022{number:06d}", "养老护理员", 80, certificate_number(JIANGSU, number))
        for member in (JIANGSU, ANHUI):
            self.banks[member].enter(learner, [entry])
        target = HttpTarget("POST", self.node.url)
        found = {}
        for source, accepting in self.chance.sample(ROUTES, self.chance.randint(2, len(ROUTES))):
            application = self.counter.pushed(self.banks[source], accepting, learner)
            assert application.supply is not None
            contents = [
                ("request", write(application.request)), ("identity", write(application.identity)),
                ("consent", write(application.consent)), ("part", application.supply.content),
            ]  # fmt: skip
            if application.supply.manifest.ids:
                contents.append(("manifest", write_manifest(application.supply.manifest)))
            found[accepting] = self.world.message(source, "request", contents, target=target)
        return found

    async def _sent(self, message: Message, delay: float, *, hang_up: bool) -> tuple[int, dict[str, Any]]:
        """The same message until it is answered; a sender that hangs up does not hear the first answer."""
        self.score.requests += 1
        await asyncio.sleep(delay)
        channel = HttpsChannel(self.session, 10)
        for attempt in range(TRIES_MAX):
            try:
                posting = channel.post(self.node.url, message.token, list(message.contents.values()))
                if hang_up and not attempt:
                    self.score.hang_ups += 1
                    async with asyncio.timeout(self.chance.random() * DELAY_S):
                        answer = await posting
                else:
                    answer = await posting
            except PeerUnavailableError:
                self.score.broken += 1
            except TimeoutError:
                pass
            else:
                self.score.repeated += answer.repeated
                return answer.status, json.loads(answer.body)
            await asyncio.sleep(self.chance.random() * DELAY_S)
        raise AssertionError("nobody answers")

    def _judge(self, number: int, answers: Mapping[str, tuple[int, dict[str, Any]]]) -> None:
        """One winner; every loser hears of the winner's leaf."""
        self.score.races += 1
        won = {member: body for member, (status, body) in answers.items() if status == 202}
        if len(won) != 1:
            self.score.wrong.append(f"race {number}: {len(won)} winners")
            return
        ((member, body),) = won.items()
        self.score.winners[member] = self.score.winners.get(member, 0) + 1
        prove(self.world.trust, body)
        for loser, (status, told) in answers.items():
            problem = told.get("problem", {})
            named = f"(leaf {body['receipt']['index']})"
            codes = [each["code"] for each in problem.get("problems", ())]
            if loser != member and (
                (status, problem.get("code"), codes) != (409, "transfer.nothing_left", ["item.outcome_taken"])
                or named not in problem["problems"][0]["en"]
            ):
                self.score.wrong.append(f"race {number}: {loser} hears {status} {problem.get('code')} {codes}, not of {named}")


async def run_races(folder: Path, count: int, seed: int) -> Score:
    """`count` races; then the books, the log and the number of holders are looked at from outside."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    began = time.monotonic()
    node = Node(folder, port)
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
        living = tasks.create_task(node.live())
        await node.up.wait()
        races = Races(node, random.Random(seed), session, folder)
        for number in range(count):
            await races.race(number)
        await node.up.wait()
        score = races.score
        async with books(races.world) as found:
            check_books(found)
            report = found.audit(races.world.trust)
            if not report.ok:
                score.wrong.append(f"the log: {report.finding}")
            holders = [(row.nf, row.holder) for row in found.outcomes()]
            if not len(holders) == len(set(holders)) == len(found.transfers()) == count:
                score.wrong.append(f"{len(holders)} outcomes and {len(found.transfers())} cases for {count} races")
        living.cancel()
    score.kills, score.seconds = node.kills, round(time.monotonic() - began, 1)
    return score


def main(count: int = 200, seed: int = 1) -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory() as folder:
        score = asyncio.run(run_races(Path(folder), count, seed))
    sys.stdout.write(json.dumps(asdict(score), ensure_ascii=False) + "\n")
    return int(bool(score.wrong))


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
