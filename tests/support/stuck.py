"""A node on whose folder two cases are held and one notice is a dead letter; it stands still."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from support.auditor import Books, books
from support.nodes import write_config
from support.region import START, World, region, trust_data
from support.stages import ACCEPTING, HELD_DECIDED, SOURCE, Stage, stage

from gateway.model.transfer import State
from gateway.storage.rows import OwedRow
from gateway.transfers.dead_letters import horizon
from gateway.transfers.watch import DeadlineWatch


@dataclass(frozen=True)
class StuckNode:
    """`held` was held from delivery, `posting` after its decision; `letter` is a notice that case `withdrawn` has ended.

    `decided` is a dead letter too, but one that settles money: the notice of the decision in `posting`.
    """

    folder: Path
    config: Path
    held: str
    posting: str
    withdrawn: str
    letter: str
    decided: str

    @property
    def trust(self) -> Path:
        return self.folder / "trust.json"

    @property
    def ids(self) -> list[str]:
        return [self.held, self.posting, self.letter, self.decided]


def last_owed(found: Books, case: Stage, lane: str) -> OwedRow:
    return OwedRow(*found.rows("SELECT * FROM owed WHERE transfer = ? AND lane = ? ORDER BY number DESC", case.transfer, lane)[0])


async def look(world: World) -> None:
    """One round of the deadline watch."""
    gateway = world.gateway
    await DeadlineWatch(gateway.database, gateway.committer, world.clock, world.ids, timedelta(days=1)).look()


async def stuck_node(folder: Path, now: datetime = START) -> StuckNode:
    """Everything happens in the days after `now`, and is over within eight working days."""
    async with region(folder, trust_data(now=now)) as world, books(world) as found:
        world.clock.moment = now
        withdrawn, posting, held = [await stage(world, place) for place in (State.WITHDRAWN, HELD_DECIDED, State.HELD)]
        rows = last_owed(found, withdrawn, ACCEPTING), last_owed(found, posting, SOURCE)
        world.clock.moment = max(*map(horizon, rows), world.clock.now()) + timedelta(seconds=1)
        await look(world)
        config = write_config(world.gateway.settings, folder / "gateway.toml")
        return StuckNode(folder, config, held.transfer, posting.transfer, withdrawn.transfer, rows[0].jti, rows[1].jti)
