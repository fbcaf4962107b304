"""What the centre's pages read, on a region where cases ended in every way."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from support.region import START, World, region
from support.stages import ACCEPTING, JUDGED, PRESIDING, SOURCE, STRANGER, Stage, place_state, stage
from support.stages import PLACES as EVERY_PLACE

from gateway.errors import TrustError
from gateway.model.people import Person, Role
from gateway.model.transfer import CLOSED, State
from gateway.storage.database import Write
from gateway.storage.rows import OwedRow, TransferRow
from gateway.transfers.centre import Centre
from gateway.transfers.dead_letters import Undelivered
from gateway.transfers.milestones import Leg
from gateway.transfers.report_manifest import Manifest
from gateway.transfers.reports import DIMENSIONS, HIDDEN, Query
from gateway.transfers.selections import (
    NEEDS_APPROVAL,
    NO_REASON,
    OWN_APPROVAL,
    SPENT,
    STALE,
    UNFIT,
    UNKNOWN,
    HandedOut,
    Selection,
    Wanted,
)
from gateway.transfers.transfer_list import Filter
from gateway.transfers.waiting_list import CANCEL, HELD, LETTER, RETRY

P1, P2 = [Person(name, "测试员", frozenset({Role.CENTRE_OPERATOR})) for name in ("p1", "p2")]
PLACES = tuple(place for place in EVERY_PLACE if place not in {"supplementing", "reviewing", "recalled", "expired"})


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with region(tmp_path) as made:
        yield made


async def all_places(world: World) -> list[Stage]:
    return [await stage(world, place, pulled=place == "confirming") for place in PLACES]


async def tried(world: World, times: int) -> None:
    """Every open message of every case, in vain."""
    rows = [OwedRow(*row) for row in await world.gateway.database.fetch("owed_failing", tries=0, most=1000)]
    failed = [row._replace(attempts=times, last_error="peer.unavailable") for row in rows]
    await world.gateway.database.group((), lambda _: [Write("owed_put", failed)])


async def as_canary(world: World, transfer: str) -> None:
    rows = await world.gateway.database.fetch("transfers_by_id", ids=json.dumps([transfer]))
    row = TransferRow(*rows[0])._replace(programme="CANARY-1")
    await world.gateway.database.group((), lambda _: [Write("transfer_put", [row])])


async def pages(centre: Centre, wanted: Filter, most: int) -> list[list[str]]:
    """Forward to the end, and then back again to the beginning."""
    page = await centre.transfers(wanted, most=most)
    there = [page]
    while page.next:
        page = await centre.transfers(wanted, cursor=page.next, most=most)
        there.append(page)
    back = [page]
    while page.before:
        page = await centre.transfers(wanted, cursor=page.before, back=True, most=most)
        back.append(page)
    shown = [[case.transfer for case in each.cases] for each in there]
    assert [case.transfer for each in reversed(back) for case in each.cases] == [id_ for each in shown for id_ in each]
    return shown


async def test_pages_when_cases_ended_in_every_way_then_each_figure_is_what_the_rows_come_to(world: World) -> None:
    stages = await all_places(world)
    centre, total = world.gateway.parts.centre, len(PLACES)
    where = {each.transfer: place_state(place) for each, place in zip(stages, PLACES, strict=True)}

    shown, period = await centre.overview(), centre.last_days(120)
    assert shown.figures[0].flow.n("submitted") < shown.figures[-1].flow.n("submitted") == total  # days went by till the first was held
    assert shown.in_flight + shown.held == sum(state not in CLOSED for state in where.values())
    assert shown.held == sum(state == State.HELD for state in where.values())
    assert shown.matrix.keys() == {(SOURCE, ACCEPTING)}
    assert shown.oldest is not None
    assert where[shown.oldest.transfer] not in CLOSED
    assert shown.presiding is not None
    assert (shown.presiding.member, shown.presiding.days_left > 0) == (ACCEPTING, True)
    assert (shown.head.size, shown.head.final) == (world.gateway.ledger.size, 0)

    flows = await centre.flows(period)
    assert flows.pairs[SOURCE, ACCEPTING].n("submitted") == total
    assert flows.earlier == {}
    assert sum(kind.items for kind in flows.kinds) == 2 * total
    causes = await centre.causes(period)
    assert {cause.reason for cause in causes} >= {"withdrawn", "no_account"}
    assert causes[-1].cumulative == 1

    times = await centre.latency(period)
    assert times.legs[ACCEPTING, Leg.WHOLE] == times.legs["", Leg.WHOLE]
    assert times.legs["", Leg.WHOLE].n == sum(state in {"settled", "recalled", "disputed"} for state in where.values())
    assert sum(cell.submitted for cell in times.hours) == total
    assert {cell.member for cell in times.hours} == {ACCEPTING}

    # lists: every case once, both ways; a filter finds what the rows say; neighbours are those of the list
    everything = [id_ for each in await pages(centre, Filter(), 4) for id_ in each]
    assert sorted(everything) == sorted(where)
    assert await centre.transfers_count(Filter()) == (total, True)
    held = Filter(states=(State.HELD,))
    assert {case.transfer for case in (await centre.transfers(held)).cases} == {id_ for id_, state in where.items() if state == "held"}
    turn = await centre.transfers(Filter(waiting_on="presiding"))
    judged = stages[PLACES.index(JUDGED)].transfer
    assert {case.transfer for case in turn.cases} == {*(id_ for id_, state in where.items() if state == "held"), judged}
    for member in (SOURCE, ACCEPTING, "presiding"):
        mine = [case.transfer for case in (await centre.transfers(Filter(waiting_on=member))).cases]
        assert mine == [case.transfer for case in (await centre.transfers(Filter())).cases if member in case.waiting_on]
        assert (await centre.transfers_count(Filter(waiting_on=member)))[0] == len(mine)
    assert [case.transfer for case in (await centre.transfers(Filter(prefix=judged[:12]))).cases] == [judged]
    assert (await centre.transfers(Filter(seen_by=STRANGER))).cases == ()
    found = await centre.case(everything[3], Filter())
    assert found is not None
    assert found[1:] == (everything[2], everything[4])
    assert await centre.case(everything[3], Filter(seen_by=STRANGER)) is None

    settled = await centre.case(stages[PLACES.index("settled")].transfer, Filter(seen_by=SOURCE))
    assert settled is not None
    steps = settled[0].steps
    assert [(step.type, step.state_before, step.state_after) for step in steps][-1] == ("transfer.settled", "posting", "settled")
    assert [step.caused for step in steps] == [step.kid == "" for step in steps]
    assert steps[0].deadline is not None

    stuck = await centre.stuck()
    assert {(group.stage, group.silent) for group in stuck} == {("delivering", (ACCEPTING,)), ("posting", (SOURCE, ACCEPTING))}
    assert sum(group.n for group in stuck) == sum(sum(group.ages) for group in stuck) == shown.held
    assert await centre.stuck(STRANGER) == ()

    # what does not get through, before it is held: from the second try on, a case once, a bank's own, no canary and no held case
    assert await centre.failing() == ()
    await tried(world, times=1)
    assert await centre.failing() == ()
    await tried(world, times=3)
    failing = {each.transfer: (each.member, each.state, each.tries, each.reason) for each in await centre.failing()}
    delivering = stages[PLACES.index("delivering")].transfer
    assert failing[delivering] == (ACCEPTING, "delivering", 3, "peer.unavailable")
    assert not {id_ for id_, state in where.items() if state == "held"} & failing.keys()
    assert {each.transfer for each in await centre.failing(SOURCE)} == failing.keys()
    assert await centre.failing(STRANGER) == ()
    await as_canary(world, delivering)
    assert {each.transfer for each in await centre.failing()} == failing.keys() - {delivering}

    health = {each.member: each for each in await centre.members()}
    assert health[SOURCE].heard_at is not None
    assert health[STRANGER].heard_at is None
    assert health[ACCEPTING].lane_depth > 0
    assert health[ACCEPTING].whole == shown.figures[-1].whole
    assert (health[SOURCE].refused, health[SOURCE].breaker, health[STRANGER].breaker) == (0, "half_open", "")
    assert health[SOURCE].key_days is not None


async def test_report_when_signed_then_made_again_byte_for_byte_and_small_cells_are_hidden(world: World) -> None:
    for place in ("settled", "rejected", "delivering", "delivering", "delivering"):
        await stage(world, place)
    centre = world.gateway.parts.centre
    made, manifest, signature = await centre.report(Query("2026-11", ("source", "accepting")))
    assert made.rows[0][:4] == ("source", "accepting", "submitted", "settled")
    line = dict(zip(made.rows[0], made.rows[1], strict=True))
    assert (line["submitted"], line["settled"], line["settled_credits"], line["withdrawn"]) == ("5", HIDDEN, HIDDEN, "0")
    assert made.csv().startswith(b"source,accepting,submitted,")
    assert made.xlsx() == made.xlsx()
    kinds, of_items, signed = await centre.report(Query("2026-Q4", ("kind",), k=2))
    assert kinds.rows[1][0] == "COURSE"
    for by, value in (("city", "310000"), ("county", "310000"), ("institution", "12310000425060017N")):
        placed, *_ = await centre.report(Query("2026-11", ("kind", by)))
        assert [row[:2] for row in placed.rows] == [("kind", by), ("COURSE", value), ("COURSE", "*"), ("*", value), ("*", "*")]
        assert {row[-1] for row in placed.rows[1:]} == {"10"}
        assert {row[2:5] for row in placed.rows[1:]} == {(HIDDEN, HIDDEN, HIDDEN)}  # two recognised: neither they nor the other eight

    await stage(world, "withdrawn")  # the log goes on; the same is made of the leaves up to the manifest's size
    again = await centre.reproduce(manifest, signature)
    assert again is not None
    assert (again.rows, again.csv(), again.xlsx()) == (made.rows, made.csv(), made.xlsx())
    assert (await centre.report(manifest.query))[0].rows != made.rows
    assert await centre.reproduce(of_items, signed) is None  # items as they stood are not kept

    forged = replace(manifest, query=replace(manifest.query, k=2))
    with pytest.raises(TrustError):
        await centre.reproduce(forged, signature)
    other = Manifest(manifest.query, manifest.size, manifest.root, "0" * 64)
    with pytest.raises(TrustError):
        await centre.reproduce(other, signature)


@pytest.mark.parametrize(
    ("period", "by"),
    [("2026-13", ("source",)), ("2026", ()), ("2026", ("kind", "source")), ("2026", ("city", "kind")), ("2026", DIMENSIONS[:5])],
)
def test_query_when_period_or_dimensions_are_none_then_refused(period: str, by: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="not"):
        Query(period, by)


async def test_selection_when_used_then_ids_once_and_whoever_is_late_hears_of_a_conflict(world: World) -> None:
    selections = world.gateway.parts.centre.selections
    held = [await stage(world, "held") for _ in range(3)]
    ids = {each.transfer for each in held}
    retry, cancel = Wanted(HELD, RETRY), Wanted(HELD, CANCEL)
    assert await selections.freeze(P1, retry, "  ") == NO_REASON
    assert await selections.freeze(P1, Wanted(HELD, RETRY, member=STRANGER), "why") == UNFIT
    assert await selections.use(P1, "nothing") == UNKNOWN

    frozen = await selections.freeze(P1, retry, "the bank is back", rate=3)
    assert isinstance(frozen, Selection)
    assert (set(frozen.ids), frozen.count, frozen.by_province, frozen.rate) == (ids, 3, {SOURCE: 3}, 3)
    out = await selections.use(P1, frozen.token)
    assert isinstance(out, HandedOut)
    assert ([id_ for id_, _ in out.ids], out.rate, out.reason) == (list(frozen.ids), 3, "the bank is back")
    assert await selections.use(P1, frozen.token) == SPENT

    # giving up: a second person, and not the same one
    given = await selections.freeze(P1, cancel, "agreed by telephone")
    assert isinstance(given, Selection)
    assert await selections.use(P1, given.token) == NEEDS_APPROVAL
    assert await selections.approve(P1, given.token) == OWN_APPROVAL
    approved = await selections.approve(P2, given.token)
    assert isinstance(approved, Selection)
    assert (approved.state, approved.approved_by) == ("approved", "p2")

    # one case changes: nothing is handed out any more; so when the filter would choose one more, and after an hour
    before = await selections.freeze(P1, retry, "again")
    assert isinstance(before, Selection)
    await held[0].do(PRESIDING, "retry")
    assert await selections.use(P1, given.token) == STALE
    assert await selections.use(P1, before.token) == STALE
    old = await selections.freeze(P1, retry, "again")
    assert isinstance(old, Selection)
    await stage(world, "held")
    assert await selections.use(P1, old.token) == STALE
    old = await selections.freeze(P1, retry, "again")
    assert isinstance(old, Selection)
    world.clock.advance(hours=2)
    assert await selections.use(P1, old.token) == STALE


async def test_dead_letters_when_grouped_and_selected_then_by_fingerprint_with_their_cases(world: World) -> None:
    made = await stage(world, "withdrawn")
    rows = await world.gateway.database.fetch("owed_overdue", before="9999", most=10)
    world.clock.moment = START + timedelta(days=20)
    for row in rows:
        await world.gateway.committer.submit(Undelivered(row[2], row[0]))
    centre = world.gateway.parts.centre
    groups = await centre.letters()
    assert [(group.member, group.stage, group.n, group.cases) for group in groups] == [(ACCEPTING, "notify.withdrawn", 1, 1)]
    assert groups[0].first_seen == groups[0].last_seen
    assert groups[0].rules
    frozen = await centre.selections.freeze(P1, Wanted(LETTER, CANCEL, member=ACCEPTING), "told by hand")
    assert isinstance(frozen, Selection)
    assert frozen.ids == groups[0].sample
    assert isinstance(await centre.selections.approve(P2, frozen.token), Selection)
    await world.gateway.database.group([], lambda _rows: [Write("owed_put", [(*rows[0][:9], "done", *rows[0][10:])])])
    assert await centre.selections.use(P1, frozen.token) == STALE
    assert made.state == "withdrawn"
