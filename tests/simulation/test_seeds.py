"""Short runs of the whole region on virtual time: the first seeds in order, every seed that ever found a fault, and all rows they reach.

The runs of a chunk are made once, whichever test comes to it first: the last test here needs what all of them reached, and
the workers of one test run share what is done through a folder.
"""

import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gateway.simulator.contests import WANTED as CONTESTS
from gateway.simulator.coverage import wanted
from gateway.simulator.scenario import describe, run

SEEDS = 200
CHUNK = 5
ROW = "row "
WAIT_S = 0.2
WAITS_MAX = 6000
LINES = (Path(__file__).parent / "regressions.txt").read_text("utf-8").splitlines()
REGRESSIONS = [int(found) for line in LINES if (found := line.split("#")[0].strip())]
CHUNKS = [list(range(first, first + CHUNK)) for first in range(1, SEEDS + 1, CHUNK)] + [
    REGRESSIONS[at : at + CHUNK] for at in range(0, len(REGRESSIONS), CHUNK)
]


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this test run, the same for all its workers."""
    own = tmp_path_factory.getbasetemp()
    base = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    folder = base / f"seeds-{os.environ.get('PYTEST_XDIST_TESTRUNUID', '')}"
    folder.mkdir(exist_ok=True)
    return folder


def outcome(folder: Path, number: int) -> dict[str, Any]:
    """What came of a chunk: `wrong` for people, `rows` reached with their counts.  Run here, unless another worker has or does."""
    found = run_unless_taken(folder, number)
    if found is not None:
        return found
    done = folder / f"{number}.json"
    for _ in range(WAITS_MAX):
        if done.exists():
            break
        time.sleep(WAIT_S)
    told: dict[str, Any] = json.loads(done.read_text("utf-8"))
    return told


def run_unless_taken(folder: Path, number: int) -> dict[str, Any] | None:
    """None where another worker has taken the chunk."""
    done = folder / f"{number}.json"
    try:
        (folder / f"{number}.taken").touch(exist_ok=False)
    except FileExistsError:
        return None
    outcomes = [run(seed) for seed in CHUNKS[number]]
    rows: Counter[str] = Counter()
    for each in outcomes:
        rows.update({name.removeprefix(ROW): count for name, count in each.met.items() if name.startswith(ROW)})
    found = {"wrong": [describe(each) for each in outcomes if each.wrong], "rows": rows}
    beside = done.with_suffix(".new")
    beside.write_text(json.dumps(found), "utf-8")
    beside.replace(done)
    return found


@pytest.mark.parametrize("number", range(len(CHUNKS)), ids=[f"from-{seeds[0]}" for seeds in CHUNKS])
def test_seeds_when_run_then_nothing_is_wrong(shared: Path, number: int) -> None:
    assert outcome(shared, number)["wrong"] == []


def test_seeds_when_all_have_run_then_every_row_of_the_act_table_and_each_turn_of_a_contest_was_reached(shared: Path) -> None:
    reached: Counter[str] = Counter()
    for number in reversed(range(len(CHUNKS))):  # a worker that has come here is free: it helps the others before it waits for them
        run_unless_taken(shared, number)
    for number in range(len(CHUNKS)):
        reached.update(outcome(shared, number)["rows"])
    assert [row for row in (*wanted(), *CONTESTS) if not reached[row]] == []
