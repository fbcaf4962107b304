"""The counts kept with the transfers are those that the log and the tables come to, whatever ends the cases had."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.auditor import shanghai_part
from support.region import World, region
from support.stages import ACCEPTING, PLACES, SOURCE, Stage, place_state, stage

from gateway.model.canary import CANARY_PREFIX, is_canary
from gateway.storage.database import Write
from gateway.transfers.recount import cases, mismatches, rebuild, recount
from gateway.transfers.tallies import Measure

CANARY = f"{CANARY_PREFIX}01"


async def every_end(world: World) -> list[Stage]:
    """A case in every place that the table knows, pushed; some pulled ones; one probe of ours."""
    found = [await stage(world, place, pulled=place == "confirming") for place in PLACES]
    found += [await stage(world, place, pulled=True) for place in ("settled", "rejected", "withdrawn")]
    declined = await stage(world, "confirming", pulled=True)
    await declined.do(SOURCE, "decline")
    again = await stage(world, "settled")  # decided twice: the second time by what the presiding unit sent back
    await again.do(SOURCE, "dispute")
    await again.do(ACCEPTING, "decide")
    return [*found, declined, again]


async def probe(world: World) -> str:
    record = "SHC00000000001"
    opened = world.request(SOURCE, ACCEPTING, [record], shanghai_part(record), programme=CANARY)
    heard = await world.send(opened)
    assert heard.status == 202, heard.body
    return str(heard.body["transfer"])


@pytest.fixture
async def busy(tmp_path: Path) -> AsyncIterator[World]:
    async with region(tmp_path) as world:
        await every_end(world)
        await probe(world)
        yield world


async def test_counts_when_cases_ended_in_every_way_then_log_and_tables_come_to_the_same(busy: World) -> None:
    database = busy.gateway.database
    assert await mismatches(database) == []
    kept = {tuple(row[:5]): tuple(row[5:]) for row in await database.fetch("tally_all")}
    counted = await recount(database)
    assert kept == {key: tuple(sums) for key, sums in counted.tallies.sums.items() if any(sums)}
    assert {key[0] for key in kept} == set(Measure)
    reached = {key[4] for key in kept if key[0] == Measure.REACHED}
    assert reached == {"submitted", *(place_state(place) for place in PLACES)}
    rows = [row async for row in cases(database) if not is_canary(row.programme)]
    assert sum(n for key, (n, _) in kept.items() if key[0] == Measure.STANDING) == len(rows)
    assert sum(n for key, (n, _) in kept.items() if key[0] == Measure.REACHED and key[4] == "submitted") == len(rows)

    # a probe is counted as such, and nowhere else
    assert [(key[4], n) for key, (n, _) in sorted(kept.items()) if key[0] == Measure.CANARY] == [("delivering", 1), ("submitted", 1)]

    # what is thrown away and counted anew is what was there, and a count that is off is found
    await rebuild(database)
    assert {tuple(row[:5]): tuple(row[5:]) for row in await database.fetch("tally_all")} == kept
    key = next(key for key in kept if key[0] == Measure.REACHED)
    await database.group([], lambda _rows: [Write("tally_add", [(*key, 1, 0)])])
    assert [each.what for each in await mismatches(database)] == ["/".join(key)]
    assert json.dumps([each.kept for each in await mismatches(database)])
