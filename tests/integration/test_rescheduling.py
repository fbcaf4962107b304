"""The holiday table grows: deadlines that were a guess are computed again, each for its own term."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from support.auditor import books, check_books
from support.region import region
from support.stages import ACCEPTING, stage

from gateway.transfers.deadlines import CHINA, PUBLISHED, use_table, working_days_between
from gateway.transfers.watch import DeadlineWatch

HOLIDAYS = {date(2027, 1, 1), date(2027, 1, 4), date(2027, 1, 5)}


def grown(day: date) -> bool:
    """The table once it knows 2027: made up, with three days free that a guess by weekday takes for working days."""
    return PUBLISHED(day) if day.year < 2027 else day.weekday() < 5 and day not in HOLIDAYS


@pytest.mark.parametrize("resumed", [False, True], ids=["a state's own term", "what was left of a paused review"])
async def test_deadline_when_the_table_has_grown_then_computed_again_for_the_same_days(tmp_path: Path, resumed: bool) -> None:
    async with region(tmp_path) as world, books(world) as found:
        world.clock.moment = datetime(2026, 12, 7, 1, tzinfo=UTC) if resumed else datetime(2026, 12, 21, 1, tzinfo=UTC)
        case = await stage(world, "reviewing")
        if resumed:
            world.clock.advance(days=8)
            await case.do(ACCEPTING, "ask")
            world.clock.moment = datetime.fromisoformat((await case.row()).deadline or "")
            assert (await case.lapse()).status == 200
        guessed = await case.row()
        since, days = datetime.fromisoformat(guessed.changed_at), guessed.due_days
        assert (guessed.state, guessed.provisional, days < 15) == ("reviewing", 1, resumed)
        gateway = world.gateway
        watch = DeadlineWatch(gateway.database, gateway.committer, world.clock, world.ids, timedelta(0))
        size = found.size()
        await watch.look()  # the table has not grown: nothing happens
        assert (await case.row(), found.size()) == (guessed, size)
        before = use_table(grown)
        try:
            await watch.look()
            known = await case.row()
            assert working_days_between(since, datetime.fromisoformat(known.deadline or "")) == days
        finally:
            use_table(before)
        assert (known.provisional, known.state, known.ver) == (0, "reviewing", guessed.ver)
        later = datetime.fromisoformat(known.deadline or "").astimezone(CHINA)
        assert later > datetime.fromisoformat(guessed.deadline or "")
        leaf = found.leaves()[-1]
        assert (leaf.type, leaf.deadline, leaf.cause) == ("transfer.rescheduled", known.deadline, (case.transfer, guessed.seq - 1))
        check_books(found)
        assert found.audit(world.trust).ok
