"""The presiding unit's board: rota, who acts, what waits, and the checklist, each point of it seen to fail."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from support.agreements import ACCEPTING, NEW, SOURCE, Pact, without_founding
from support.erasing import ordered
from support.region import World, region, trust_data
from support.ruling import hands
from support.stages import JUDGED, stage

from gateway.federation.members import Status, Turn
from gateway.federation.registry import TrustFile
from gateway.transfers.handovers import DUTIES
from gateway.transfers.presiding_board import Board, PresidingBoard


def rota(world: World, *turns: tuple[str, float, float]) -> TrustFile:
    """Turns by days from now."""
    at = world.clock.now()
    made = tuple(Turn(member, at + timedelta(days=since), at + timedelta(days=until)) for member, since, until in turns)
    return TrustFile(replace(world.trust.data, presiding=made))


async def board_of(world: World, trust: TrustFile) -> Board:
    return await PresidingBoard(world.gateway.database, lambda: trust, world.clock).board()


def open_points(board: Board) -> dict[str, int]:
    return {each.code: each.n for each in board.checks if not each.done}


async def test_board_when_read_then_rota_who_acts_and_what_waits(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        trust = rota(world, ("CN-33", -20, -10), ("CN-31", -10, 5.5), ("CN-34", 5.5, 60))
        board = await board_of(world, trust)
        assert [(turn.member, turn.when, turn.days) for turn in board.turns] == [
            ("CN-33", "past", None), ("CN-31", "now", 5), ("CN-34", "to_come", 5),
        ]  # fmt: skip
        assert board.duties == ()
        held = await stage(world, "held")
        await stage(world, "disputed")
        assert held is not None
        board = await board_of(world, trust)
        acting = {(one, other): who for one, other, who in board.acting}
        assert len(acting) == 6
        assert (acting["CN-32", "CN-33"], acting["CN-31", "CN-32"], acting["CN-31", "CN-34"]) == ("CN-31", "CN-34", "CN-33")
        assert [(duty.what, duty.source, duty.accepting, duty.acting, duty.cases) for duty in board.duties] == [
            ("held", "CN-31", "CN-32", "CN-34", 1)
        ]
        assert open_points(board)["held"] == 1


async def test_duties_when_something_is_open_then_each_is_counted_and_nothing_that_is_over(tmp_path: Path) -> None:
    """PR-356: all nine of them."""
    async with region(tmp_path, without_founding(trust_data())) as world:
        board = world.gateway.parts.presiding
        assert (await board.board()).open == dict.fromkeys(DUTIES, 0)
        for number in (1, 2):
            await Pact(world, replace(NEW, agreement_id=f"A-{number}")).must(SOURCE, "propose", 202)
        await Pact(world, replace(NEW, agreement_id="A-1")).must(ACCEPTING, "sign")
        await hands(world, "tested", 1)
        await hands(world, "published", 2)
        held, judged = await stage(world, "held"), await stage(world, JUDGED)
        await ordered(world, "legal-hold", held.transfer, reason="audit")
        await ordered(world, "legal-hold", judged.transfer, reason="audit")
        await ordered(world, "legal-release", judged.transfer, reason="audit")
        with closing(sqlite3.connect(tmp_path / "data" / "gateway.db")) as connection, connection:
            for state, times in (("firing", 2), ("acked", 1), ("over", 5)):
                for number in range(times):
                    row = (f"{state}{number}", "held", "", "error", "", "", 1, 1, state, *[""] * 6)
                    connection.execute(f"INSERT INTO alert VALUES ({', '.join('?' * len(row))})", row)
            connection.execute("UPDATE outcome SET claims = 'x' WHERE nf = (SELECT MIN(nf) FROM outcome)")
            waiting = "SELECT MIN(jti) FROM owed WHERE state IN ('new', 'ready')"
            connection.execute(f"UPDATE owed SET dead_since = '2026-11-01' WHERE jti = ({waiting})")
            for state in ("escalated", "upheld"):
                row = (state, "nf", "who", "case", "record", "CN-31", "CN-32", "fraud", "why", state, 1, 0, *[""] * 7, 0)
                connection.execute(f"INSERT INTO flag VALUES ({', '.join('?' * len(row))})", row)
        expected = dict.fromkeys(DUTIES, 1) | {"alarms": 3}
        found = await board.board()
        assert found.open == expected
        assert {each.code: each.n for each in found.checks if each.code in DUTIES} == expected


@pytest.mark.parametrize(
    ("turns", "point"),
    [
        ((("CN-31", -1, 5),), {"next_named": 1}),
        ((("CN-31", -1, 5), ("CN-32", 7.5, 60)), {"no_gap": 3}),
        ((("CN-31", -1, 5), ("CN-32", 5, 60)), {}),
    ],
)
async def test_checklist_when_the_rota_lacks_something_then_told(tmp_path: Path, turns, point: dict[str, int]) -> None:
    async with region(tmp_path) as world:
        assert open_points(await board_of(world, rota(world, *turns))) == point


async def test_checklist_when_the_next_unit_cannot_take_over_then_told(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        trust = rota(world, ("CN-31", -1, 5), ("CN-32", 5, 60))
        at, data = world.clock.now(), trust.data
        members = tuple(
            replace(each, status=Status.SUSPENDED, keys=tuple(replace(key, not_after=at + timedelta(days=3)) for key in each.keys))
            if each.id == "CN-32"
            else each
            for each in data.members
        )
        spoilt = TrustFile(replace(data, members=members, expires_at=at + timedelta(days=4.5)))
        assert open_points(await board_of(world, spoilt)) == {"next_active": 1, "next_key": 3, "trust_file": 1}
        nobody = await board_of(world, rota(world, ("CN-31", 1, 5)))
        assert nobody.now is None
        assert nobody.next is not None
