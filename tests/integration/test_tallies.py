"""The counts kept with the transfers are those that the log and the tables come to, whatever ends the cases had."""

import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.auditor import shanghai_part
from support.erasing import ordered
from support.region import World, region
from support.stages import ACCEPTING, PLACES, SOURCE, Stage, place_state, stage

from gateway.federation.protocol import GATEWAY_ID
from gateway.formats.xml_safe import parse_own_xml
from gateway.mapping import regional_xml
from gateway.model.canary import CANARY_PREFIX, is_canary
from gateway.model.places import UNKNOWN, institution_of
from gateway.storage.database import Write
from gateway.transfers.recount import cases, compared, mismatches, rebuild, recount
from gateway.transfers.tallies import Measure

CANARY = f"{CANARY_PREFIX}01"
INSTITUTION = "12310000425060017N"
"""Whom the rules know by the name that stands in `shanghai_part`."""


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


def in_clear(world: World, institution: str) -> int:
    """How many items name it in the file."""
    with contextlib.closing(sqlite3.connect(world.folder / "data" / "gateway.db")) as raw:
        return int(raw.execute("SELECT COUNT(*) FROM item WHERE issuer LIKE '%' || ? || '%'", (institution,)).fetchone()[0])


async def test_institutions_when_counted_anew_from_what_is_stored_then_the_same_and_erased_ones_stay_in_the_sums(busy: World) -> None:
    database = busy.gateway.database
    issued = [row for row in await database.fetch("tally_all") if row[0] == Measure.ISSUER]
    by_kind = [row for row in await database.fetch("tally_all") if row[0] == Measure.ITEM]
    assert sum(row[5] for row in issued) == sum(row[5] for row in by_kind)
    assert sum(row[6] for row in issued) == sum(row[6] for row in by_kind)
    assert {row[4].rpartition("/")[2] for row in issued} == {INSTITUTION, UNKNOWN}  # unknown: what was never read
    assert {row[1] for row in issued} == {"2026-11-01", "2026-12-01"}

    # every item's institution is the one of the record that the part holds, and it stands nowhere in the clear beside its case
    cases_ = [row async for row in cases(database)]
    items = await database.fetch("items_by_transfer", ids=json.dumps([row.id for row in cases_]))
    read = {(row[0], row[2]): row[15] for row in items}
    checked = 0
    for row in (each for each in cases_ if each.mapping):
        (kept,) = await busy.gateway.receiver.vault.some_of(row.id, [(GATEWAY_ID, row.id, "regional")])
        for record in regional_xml.part_of(parse_own_xml(kept.data)).records:
            assert read[row.id, record.record_id] == institution_of(record.values)
            checked += 1
    assert checked > len(PLACES)
    assert in_clear(busy, INSTITUTION) == 0

    settled = next(row for row in cases_ if row.state == "settled" and not is_canary(row.programme))
    busy.clock.advance(days=31)
    assert (await ordered(busy, "erase", settled.id, by=settled.facing)).status == 200
    assert await compared(database) == ([], 2)
    assert in_clear(busy, INSTITUTION) == 0
    before = sorted(row for row in await database.fetch("tally_all") if row[0] == Measure.ISSUER)
    assert before == sorted(issued)
    await rebuild(database)
    assert sorted(row for row in await database.fetch("tally_all") if row[0] == Measure.ISSUER) == before

    # a sum that says more, or less, than the erased ones can explain is a finding
    key = next(row[:5] for row in before if row[4] == f"COURSE/recognised/{INSTITUTION}")
    for n, units in ((1, 0), (-1, 0), (0, 5)):
        await database.group([], lambda _rows, n=n, units=units: [Write("tally_add", [(*key, n, units)])])
        assert "/".join(key) in [each.what for each in await mismatches(database)]
        await database.group([], lambda _rows, n=n, units=units: [Write("tally_add", [(*key, -n, -units)])])
    assert await mismatches(database) == []
