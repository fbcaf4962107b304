"""State digests in tests: due, answered and looked at in one go; disks that forget; what the gateway has written down."""

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from structlog.testing import capture_logs
from support.connectors import Line, Region
from support.region import World

from gateway.errors import PeerUnavailableError
from gateway.federation.channels.https import HttpAnswer
from gateway.federation.message import Content
from gateway.simulator.banks import Programme
from gateway.storage.rows import DifferenceRow, OwedRow, ReconciliationRow

SOURCE, ACCEPTING = "CN-31", "CN-32"
BANKS = (SOURCE, ACCEPTING)


@dataclass
class FirstReplyLost(Line):
    """The first answer to each message never comes back."""

    seen: set[bytes] = field(default_factory=set)

    async def post(self, url: str, token: str, contents: Sequence[Content]) -> HttpAnswer:
        answer = await super().post(url, token, contents)
        new = {each.secret for each in contents} - self.seen
        self.seen |= new
        if new:
            raise PeerUnavailableError("peer.unavailable", "答复丢失", "the reply was lost")
        return answer


async def place(world: World, member: str) -> ReconciliationRow:
    (row,) = await world.gateway.database.fetch("reconciliations_by_member", members=json.dumps([member]))
    return ReconciliationRow(*row)


async def differences(world: World, member: str, *, closed: int = 0) -> list[DifferenceRow]:
    rows = await world.gateway.database.fetch("differences_of_member", member=member, closed=closed, most=100)
    return [DifferenceRow(*row) for row in rows]


async def kinds(world: World, member: str) -> list[tuple[str, str]]:
    return [(row.kind, row.subject) for row in await differences(world, member)]


async def owed(world: World, lane: str) -> list[OwedRow]:
    numbers = json.dumps(list(range(1, 100)))
    return [OwedRow(*row) for row in await world.gateway.database.fetch("owed_by_numbers", lane=lane, seqs=numbers)]


async def cycle(banks: Region, *members: str, days: float = 1.1) -> list[dict[str, Any]]:
    """Digests are due, go out and are answered; gives back the alarms that were raised."""
    world = banks.world
    await world.gateway.states.look()
    world.clock.advance(days=days)
    await world.gateway.states.look()

    async def answered() -> bool:
        quiet = [not (await place(world, member)).scope for member in members or BANKS]
        sent = [not await banks.connectors[member].store.due("9999", 1) for member in members or BANKS]
        return all((*quiet, *sent))

    await banks.work(*(members or BANKS), until=answered)
    with capture_logs() as logged:
        await world.gateway.states.look()
    return [dict(each) for each in logged if each["event"] == "difference"]


async def carried(banks: Region, *, until: str = "settled") -> str:
    """A case between the two banks, up to a state."""
    for member in BANKS:
        if member not in banks.connectors:
            await banks.connect(member)
    number = len(await banks.connectors[SOURCE].store.cases())
    learner, counter, bank = banks.learner(SOURCE, ACCEPTING, number), banks.counter, banks.banks[SOURCE]
    programme = Programme.SLOW if until == "reviewing" else Programme.OPEN
    opened = await banks.connectors[SOURCE].submit(counter.pushed(bank, ACCEPTING, learner, programme))

    async def there() -> bool:
        return await banks.state(opened.scope) == until

    await banks.work(*BANKS, until=there)
    return opened.scope


def tamper(banks: Region, member: str, *statements: tuple[str, Sequence[Any]]) -> None:
    """Somebody's disk forgets."""
    with closing(sqlite3.connect(banks.world.folder / f"{member}.db", isolation_level=None)) as connection:
        for sql, values in statements:
            assert connection.execute(sql, values).rowcount, sql


def tamper_gateway(world: World, *statements: tuple[str, Sequence[Any]]) -> None:
    with closing(sqlite3.connect(world.folder / "data" / "gateway.db", isolation_level=None)) as connection:
        for sql, values in statements:
            assert connection.execute(sql, values).rowcount, sql


def forget(banks: Region, member: str, jti: str) -> None:
    """The bank loses a message of the gateway, contents and all."""
    tamper(
        banks, member, ("DELETE FROM inbox WHERE jti = ?", (jti,)), ("DELETE FROM held_content WHERE box = 'in' AND jti = ?", (jti,))
    )  # fmt: skip
