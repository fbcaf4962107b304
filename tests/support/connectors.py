"""Connectors of real banks over the gateway of `support.region`: a line that can lose replies, a database that can die; no sockets.

Everybody polls here; `settle` lets them all work until nothing moves any more.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from support.region import REGIONS, World, key_of, tools

from gateway.client.cases import Tools
from gateway.client.connector import MAILBOX_PATH, Connector
from gateway.client.exchange_folder import ExchangeFolder
from gateway.client.office import Setup
from gateway.client.pace import Pace
from gateway.client.store import Outgoing, Store
from gateway.errors import GatewayError, PeerUnavailableError
from gateway.federation.channels.https import HttpAnswer
from gateway.federation.framing import RawMessage
from gateway.federation.message import Content, HttpTarget, RawContent
from gateway.federation.protocol import status_of
from gateway.model.canonical import jcs
from gateway.simulator.applications import Counter
from gateway.simulator.banks import Programme, SimulatedBank
from gateway.simulator.ledgers import Entry
from gateway.simulator.people import MEMBERS, Learner, make_learner
from gateway.storage.connector_schema import open_connector
from gateway.storage.database import Database, Decide, Read, Row

GATEWAY = "http://127.0.0.1:1"
HASTE = Pace(first_s=0.001, most_s=0.002, idle_s=0.005, poll_s=0.01)


class KilledError(Exception):
    """The process died here."""


@dataclass
class Line:
    """Carries messages to the gateway.  `lose` says for each post whether its reply is lost after the gateway has committed."""

    world: World
    lose: Callable[[int], bool] = lambda _number: False
    alter: Callable[[bytes], bytes] = lambda body: body
    posts: int = 0

    async def post(self, url: str, token: str, contents: Sequence[Content]) -> HttpAnswer:
        self.posts += 1
        lost = self.lose(self.posts)
        raw = RawMessage(token, {each.name: RawContent(each.name, each.data, each.media_type, each.secret) for each in contents})
        target = HttpTarget("POST", url)
        parts = self.world.gateway.parts
        try:
            collects = url.endswith(MAILBOX_PATH)
            reply = await (parts.mailbox.collect(raw, target) if collects else parts.receiver.receive(raw, target))
        except GatewayError as error:
            body = jcs({"code": error.code, "retryable": error.retry})
            return HttpAnswer(status_of(error.code), body, repeated=False)
        if lost:
            raise PeerUnavailableError("peer.unavailable", "答复丢失", "the reply was lost")
        return HttpAnswer(reply.status, self.alter(reply.body), reply.repeated)


@dataclass
class Mortal:
    """A database that dies at its `death`-th commit, before it or right after it."""

    inner: Database
    death: int
    after: bool
    commits: int = 0

    async def group(self, reads: Sequence[Read], decide: Decide) -> None:
        self.commits += 1
        if self.commits == self.death and not self.after:
            raise KilledError
        await self.inner.group(reads, decide)
        if self.commits == self.death:
            raise KilledError

    async def fetch(self, name: str, **params: str | int) -> list[Row]:
        return await self.inner.fetch(name, **params)

    async def close(self) -> None:
        await self.inner.close()


@dataclass
class Region:
    """Four banks and their connectors.  `databases` are closed at the end."""

    world: World
    line: Line
    banks: Mapping[str, SimulatedBank]
    connectors: dict[str, Connector] = field(default_factory=dict)
    databases: dict[str, Database] = field(default_factory=dict)
    learners: list[Learner] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.counter = Counter(self.world.clock, self.world.ids)

    async def connect(
        self, member: str, wrap: Callable[[Database], Database] = lambda database: database, exchange: ExchangeFolder | None = None
    ) -> Connector:
        """Start (or start again) the connector of a member on its own file; with `exchange` it speaks in files."""
        if member in self.databases:
            await self.databases[member].close()  # as the system closes the files of a process that is gone
        database = self.databases[member] = wrap(await open_connector(self.world.folder / f"{member}.db"))
        setup = Setup(
            member, key_of(member), self.world.trust, GATEWAY, exchange is None, case_tools(), self.world.clock, self.world.ids,
            random.Random(3), HASTE,
        )  # fmt: skip
        self.connectors[member] = Connector(setup, self.banks[member], Store(database), self.line.post, exchange)
        return self.connectors[member]

    def learner(self, home: str, enrolled: str, number: int = 0) -> Learner:
        learner = make_learner(number, home, random.Random(number))
        self.banks[home].enter(learner, [Entry("course", f"2023{number:07d}", "管理学基础", 86)])
        self.banks[enrolled].enrol(learner)
        self.learners.append(learner)
        return learner

    async def open(
        self, source: str, accepting: str, *, pulled: bool = False, programme: Programme = Programme.OPEN, number: int = 0
    ) -> Outgoing:
        learner = self.learner(source, accepting, number)
        if pulled:
            return await self.connectors[accepting].submit(self.counter.pulled(self.banks[source], accepting, learner, programme))
        return await self.connectors[source].submit(self.counter.pushed(self.banks[source], accepting, learner, programme))

    async def work(self, *members: str, until: Callable[[], Any]) -> None:
        """Run connectors until `until` holds, moving the clock so that waits and leases run out."""
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(self.connectors[member].run()) for member in members]
            while not await until():
                await asyncio.sleep(0.005)
                self.world.clock.advance(seconds=2)
            for each in running:
                each.cancel()

    async def state(self, transfer: str) -> str:
        """Where the gateway says the case stands; "" where there is none."""
        try:
            shown = await self.world.gateway.parts.status.show(transfer, "")
        except GatewayError:
            return ""
        return str(shown["state"])

    async def steps(self, transfer: str) -> list[str]:
        shown = await self.world.gateway.parts.status.show(transfer, "")
        return [step["type"] for step in shown["steps"]]


def case_tools() -> Tools:
    found = tools()
    return Tools({member: found.regions[region] for member, region in REGIONS.items()}, found.mapper, found.standard)


@asynccontextmanager
async def four_banks(world: World, line: Line | None = None) -> AsyncIterator[Region]:
    """Banks on the gateway of `world`; connectors are started by `connect`."""
    found = tools()
    banks = {member: SimulatedBank(member, found.regions[REGIONS[member]], world.clock) for member in MEMBERS}
    region = Region(world, line or Line(world), banks)
    try:
        yield region
    finally:
        for database in region.databases.values():
            await database.close()
