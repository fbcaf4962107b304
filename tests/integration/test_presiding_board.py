"""The presiding unit's board: rota, who acts, what waits, and the checklist, each point of it seen to fail."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from support.region import World, region
from support.stages import stage

from gateway.federation.members import Status, Turn
from gateway.federation.registry import TrustFile
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
