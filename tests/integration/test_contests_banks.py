"""A contest seen from the banks: their connectors wait for the ruling, and then decide, close and take back by themselves.

Four banks are concerned, so that no member is party to neither case: the one whose turn it is rules (PR-213).
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from support.auditor import Books, books, check_books
from support.connectors import Line, Region, four_banks
from support.region import World, region

from gateway.federation.channels.https import HttpAnswer
from gateway.federation.message import Content
from gateway.mapping.documents import write
from gateway.model.documents import Clearance
from gateway.simulator.ledgers import Entry
from gateway.simulator.people import ANHUI, JIANGSU, MEMBERS, SHANGHAI, ZHEJIANG, make_learner
from gateway.simulator.script import certificate_number
from gateway.storage.rows import OutcomeRow
from gateway.transfers.claims import live_claims

PRESIDING = JIANGSU
NUMBER = certificate_number(JIANGSU, 1)
ROUTES = ((JIANGSU, SHANGHAI), (ANHUI, ZHEJIANG))


@asynccontextmanager
async def scene(tmp_path: Path) -> AsyncIterator[tuple[World, Books, Region]]:
    async with region(tmp_path) as world, books(world) as found, four_banks(world) as banks:
        for member in MEMBERS:
            await banks.connect(member)
        yield world, found, banks
        check_books(found)
        assert found.audit(world.trust).ok


async def apply(banks: Region, number: int) -> str:
    """The learner of that number applies with a course and with the one certificate; gives the transfer."""
    source, accepting = ROUTES[number]
    learner = make_learner(number, source, random.Random(number))
    entries = [
        Entry("course", f"2023{number:07d}", "管理学基础", 86),
        Entry("certificate", f"2022{number:06d}", "养老护理员", 80, NUMBER),
    ]
    banks.banks[source].enter(learner, entries)
    banks.banks[accepting].enrol(learner)
    message = await banks.connectors[source].submit(banks.counter.pushed(banks.banks[source], accepting, learner))
    return message.scope


def outcome(found: Books) -> OutcomeRow:
    (row,) = (row for row in found.outcomes() if row.strength == "strong")
    return row


def item(found: Books, transfer: str) -> Any:
    return next(item for item in found.items(transfer) if item.strength == "strong")


async def rule(world: World, found: Books, stands: str) -> None:
    row = outcome(found)
    document = Clearance("other", "经核实", stands, item(found, stands).record)
    heard = await world.act(PRESIDING, "clear", [("ruling", write(document))], scp=row.nf, ver=row.ver)
    assert heard.status == 200, heard.body


def refusals(found: Books) -> int:
    return sum(leaf.type == "transfer.refused" for leaf in found.leaves())


async def still(banks: Region, found: Books, *states: str, refused: int = 0) -> None:
    """Everybody works until the cases stand so, so many acts were refused at least, and no message is owed by anybody.

    Connectors end in the middle of nothing: what one that is cut off does twice is another test's matter.
    """

    async def done() -> bool:
        if sorted(row.state for row in found.transfers()) != sorted(states) or refusals(found) < refused:
            return False
        if found.rows("SELECT 1 FROM owed WHERE state IN ('new', 'ready')"):
            return False
        stores = [connector.store for connector in banks.connectors.values()]
        return not any([await store.kept(1) or await store.due("9999", 1) for store in stores])

    await banks.work(*MEMBERS, until=done)


@pytest.mark.parametrize("winner", [0, 1])
async def test_banks_when_a_number_is_contested_then_they_wait_for_the_ruling_and_end(tmp_path: Path, winner: int) -> None:  # PR-212 PR-213
    async with scene(tmp_path) as (world, found, banks):
        transfers = [await apply(banks, 0), await apply(banks, 1)]

        async def both_open() -> bool:
            return len(found.transfers()) == 2

        await banks.work(JIANGSU, ANHUI, until=both_open)
        await still(banks, found, "reviewing", "reviewing")
        assert [item(found, transfer).contested for transfer in transfers] == [1, 1]
        world.clock.advance(hours=1)
        await still(banks, found, "reviewing", "reviewing")
        assert refusals(found) == 0, "what cannot be recognised is not tried"
        await rule(world, found, transfers[winner])
        await still(banks, found, "settled", "settled")
        ends = [item(found, transfer).state for transfer in transfers]
        assert (ends[winner], ends[1 - winner]) == ("recognised", "closed")
        assert outcome(found).holder == transfers[winner]
        for (source, accepting), transfer in zip(ROUTES, transfers, strict=True):
            assert {member: banks.banks[member].ended.get(transfer) for member in (source, accepting)} == dict.fromkeys(
                (source, accepting), "cleared"
            )


async def test_banks_when_a_booked_number_goes_to_the_other_then_taken_back_and_decided_there(tmp_path: Path) -> None:  # PR-215
    async with scene(tmp_path) as (world, found, banks):
        first = await apply(banks, 0)
        await still(banks, found, "settled")
        second = await apply(banks, 1)
        await still(banks, found, "reviewing", "settled")
        assert (item(found, first).contested, item(found, second).contested) == (1, 1)
        await rule(world, found, second)
        assert outcome(found).ruled == second
        await still(banks, found, "settled", "settled")
        assert (item(found, first).state, item(found, second).state) == ("recalled", "recognised")
        row = outcome(found)
        assert (row.holder, row.state, live_claims(row)) == (second, "redeemed", ())


class Crossing(Line):
    """The first decision reaches the gateway only after the other learner's request."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.apply: Callable[[], Awaitable[str]] | None = None
        self.requests = 0
        self.both = asyncio.Event()

    async def post(self, url: str, token: str, contents: Sequence[Content]) -> HttpAnswer:
        names = {each.name for each in contents}
        if "decision" in names and self.apply is not None:
            apply, self.apply = self.apply, None
            await apply()
            await self.both.wait()
        answer = await super().post(url, token, contents)
        self.requests += "request" in names
        if self.requests == 2:
            self.both.set()
        return answer


async def test_banks_when_a_decision_crosses_the_other_claim_then_refused_once_and_made_after_the_ruling(tmp_path: Path) -> None:  # PR-212
    async with region(tmp_path) as world, books(world) as found:
        line = Crossing(world)
        async with four_banks(world, line) as banks:
            for member in MEMBERS:
                await banks.connect(member)
            line.apply = lambda: apply(banks, 1)
            first = await apply(banks, 0)

            await still(banks, found, "reviewing", "reviewing", refused=2)
            (second,) = (row.id for row in found.transfers() if row.id != first)
            assert refusals(found) == 2, "the version had moved, then the item was contested; no more than that"
            await rule(world, found, first)
            await still(banks, found, "settled", "settled")
            assert (item(found, first).state, item(found, second).state) == ("recognised", "closed")
