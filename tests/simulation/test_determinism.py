"""The same seed gives the same trace: in this process, and in another one that hashes its strings otherwise."""

import os
import subprocess
import sys
from functools import cache

import pytest
from support.tree import ROOT

from gateway.simulator.scenario import Outcome, run

SEEDS = (6, 90)
"""One of hours, one of weeks."""


@cache
def first(seed: int) -> Outcome:
    """The run that others are compared with, made once a process."""
    return run(seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_seed_when_run_twice_then_the_same_trace(seed: int) -> None:
    again = run(seed)
    assert (again.trace, again.events, again.met) == (first(seed).trace, first(seed).events, first(seed).met)


def test_seed_when_run_in_other_processes_then_the_same_trace() -> None:
    code = f"from gateway.simulator.scenario import run; print(run({SEEDS[0]}).trace)"
    traces = set()
    for hashes in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": hashes}
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
        traces.add(done.stdout.strip())
    assert traces == {first(SEEDS[0]).trace}


def test_seeds_when_different_then_different_traces() -> None:
    assert first(SEEDS[0]).trace != first(SEEDS[1]).trace


def test_seed_when_databases_have_threads_of_their_own_then_the_same_trace_and_nothing_wrong() -> None:
    one, another = run(SEEDS[0], inline=False), run(SEEDS[0], inline=False)
    assert (one.trace, one.wrong) == (another.trace, ())
