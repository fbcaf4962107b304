"""Short runs of the whole region on virtual time: the first seeds in order, and every seed that ever found a fault."""

from pathlib import Path

import pytest

from gateway.simulator.scenario import describe, run

SEEDS = 200
CHUNK = 5
LINES = (Path(__file__).parent / "regressions.txt").read_text("utf-8").splitlines()
REGRESSIONS = [int(found) for line in LINES if (found := line.split("#")[0].strip())]


def failures(seeds: range | list[int]) -> list[str]:
    return [describe(outcome) for outcome in map(run, seeds) if outcome.wrong]


@pytest.mark.parametrize("first", range(1, SEEDS + 1, CHUNK))
def test_seeds_when_run_then_nothing_is_wrong(first: int) -> None:
    assert failures(range(first, first + CHUNK)) == []


@pytest.mark.parametrize("seed", REGRESSIONS)
def test_seed_when_it_once_found_a_fault_then_it_finds_none(seed: int) -> None:
    assert failures([seed]) == []
