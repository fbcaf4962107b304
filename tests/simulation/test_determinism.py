"""The same seed gives the same trace: in this process, and in another one that hashes its strings otherwise."""

import os
import subprocess
import sys

import pytest
from support.tree import ROOT

from gateway.simulator.scenario import run

SEEDS = (6, 90)
"""One of hours, one of weeks."""


@pytest.mark.parametrize("seed", SEEDS)
def test_seed_when_run_twice_then_the_same_trace(seed: int) -> None:
    first, second = run(seed), run(seed)
    assert (first.trace, first.events, first.met) == (second.trace, second.events, second.met)


def test_seed_when_run_in_other_processes_then_the_same_trace() -> None:
    code = f"from gateway.simulator.scenario import run; print(run({SEEDS[0]}).trace)"
    traces = set()
    for hashes in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": hashes}
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
        traces.add(done.stdout.strip())
    assert traces == {run(SEEDS[0]).trace}


def test_seeds_when_different_then_different_traces() -> None:
    assert run(SEEDS[0]).trace != run(SEEDS[1]).trace


def test_seed_when_databases_have_threads_of_their_own_then_the_same_trace_and_nothing_wrong() -> None:
    first, second = run(SEEDS[0], inline=False), run(SEEDS[0], inline=False)
    assert (first.trace, first.wrong) == (second.trace, ())
