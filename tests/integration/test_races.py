"""Races for one outcome over HTTP, under kills and broken lines: exactly one winner each.  PR-21.  `make races` runs two hundred."""

from pathlib import Path

from support.races import run_races

RACES, SEED = 40, 20261122


async def test_races_when_the_gateway_is_killed_at_its_commits_then_exactly_one_winner_each(tmp_path: Path) -> None:
    score = await run_races(tmp_path, RACES, SEED)
    assert score.wrong == []
    assert (score.races, sum(score.winners.values())) == (RACES, RACES)
    assert score.kills > RACES // 4
    assert score.repeated + score.broken > 0
    assert len(score.winners) == 4
