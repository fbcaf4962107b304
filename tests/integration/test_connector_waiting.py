"""A bank lets a case lie: it was verified once, and only what time or a newer message can change is looked at again."""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from structlog.testing import capture_logs
from support.connectors import Region, four_banks
from support.region import region
from support.wires import until

from gateway.client.outgoing import sd_of
from gateway.client.store import Outgoing
from gateway.model.documents import Correction
from gateway.model.transfer import Act
from gateway.simulator.banks import Programme
from gateway.storage.database import Database, Decide, Read, Row

SOURCE, ACCEPTING = "CN-31", "CN-32"


@dataclass
class Counting:
    """A database that counts what it is asked."""

    inner: Database
    asked: Counter[str] = field(default_factory=Counter)

    async def group(self, reads: list[Read], decide: Decide) -> None:
        await self.inner.group(reads, decide)

    async def fetch(self, name: str, **params: str | int) -> list[Row]:
        self.asked[name] += 1
        return await self.inner.fetch(name, **params)

    async def close(self) -> None:
        await self.inner.close()


async def lying(banks: Region) -> tuple[Outgoing, Counting]:
    """A case that the accepting bank has taken and does not decide."""
    counting: list[Counting] = []

    def counted(database: Database) -> Database:
        counting.append(Counting(database))
        return counting[-1]

    await banks.connect(SOURCE)
    await banks.connect(ACCEPTING, counted)
    opened = await banks.open(SOURCE, ACCEPTING, programme=Programme.SLOW)
    await banks.work(SOURCE, ACCEPTING, until=lambda: stands(banks, opened.scope, "reviewing"))
    return opened, counting[0]


async def stands(banks: Region, transfer: str, state: str) -> bool:
    return await banks.state(transfer) == state


async def looked(counting: Counting, more: int) -> None:
    """Until the desk has looked so often more."""
    wanted = counting.asked["cases_to_do"] + more
    await until(lambda: counting.asked["cases_to_do"] >= wanted)


async def test_case_when_the_bank_has_not_decided_then_its_contents_are_read_and_verified_once(tmp_path: Path) -> None:
    async with region(tmp_path) as world, four_banks(world) as banks:
        opened, counting = await lying(banks)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(banks.connectors[ACCEPTING].run())
            await looked(counting, 3)
            read = counting.asked["held_of"]
            await looked(counting, 10)
            assert counting.asked["held_of"] == read
            running.cancel()
        banks.banks[ACCEPTING].signed = True
        await banks.work(SOURCE, ACCEPTING, until=lambda: stands(banks, opened.scope, "settled"))


async def test_case_when_the_consent_ends_while_it_lies_then_stuck_and_not_decided(tmp_path: Path) -> None:
    async with region(tmp_path) as world, four_banks(world) as banks:
        opened, counting = await lying(banks)
        with capture_logs() as logs:
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(banks.connectors[ACCEPTING].run())
                await looked(counting, 3)
                assert not [line for line in logs if line["event"] == "case_stuck"]
                world.clock.advance(days=61)
                banks.banks[ACCEPTING].signed = True
                await looked(counting, 3)
                running.cancel()
        assert {line["code"] for line in logs if line["event"] == "case_stuck"} == {"consent.expired"}
        assert await banks.state(opened.scope) == "reviewing"


async def test_case_when_amended_while_it_lies_then_verified_anew_and_decided_over_the_new_part(tmp_path: Path) -> None:
    async with region(tmp_path) as world, four_banks(world) as banks:
        opened, counting = await lying(banks)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(banks.connectors[ACCEPTING].run())
            await looked(counting, 3)
            running.cancel()
        learner, bank = banks.learners[-1], banks.banks[SOURCE]
        bank.correct(learner)
        records = bank.record_ids(learner)
        case = await banks.connectors[ACCEPTING].store.case(opened.scope)
        mine = await banks.connectors[SOURCE].store.case(opened.scope)
        assert case is not None
        assert mine is not None
        await banks.connectors[SOURCE].store.commit([banks.connectors[SOURCE].store.put_case(mine._replace(ver=case.ver))])
        said = await banks.connectors[SOURCE].say(
            Act.AMEND, opened.scope, Correction("other", "成绩更正", records), bank.part(learner, records)
        )

        async def amended() -> bool:
            row = await banks.connectors[SOURCE].store.message(said.jti)
            return row is not None and row.state == "done"

        await banks.work(SOURCE, until=amended)  # before the bank decides: over the earlier part it would be right as well
        banks.banks[ACCEPTING].signed = True
        await banks.work(SOURCE, ACCEPTING, until=lambda: stands(banks, opened.scope, "settled"))
        decided = [row for row in await banks.connectors[ACCEPTING].store.of_transfer(opened.scope) if row.act == "decide"][-1]
        part = next(each for each in said.contents if each.name == "part")
        assert (decided.state, json.loads(decided.claims)["part"]) == ("done", sd_of(part))
