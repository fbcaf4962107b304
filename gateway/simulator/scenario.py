"""One run: four banks and the gateway on virtual time, a storm of faults drawn from the seed, then fair weather, then every check.

`run(seed)` gives the same trace for the same seed, in any process.  `python -m gateway.simulator.scenario`
runs one seed or many (`make sim`).
"""

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import structlog

from gateway.app import Tools, load_tools
from gateway.simulator.region import Region
from gateway.simulator.virtual_loop import VirtualLoop

HOURS = 10.0
SHOWN_MAX = 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to.  `wrong` is empty when all held; `tail` are the last events; `met` counts faults, refusals and steps met."""

    seed: int
    wrong: tuple[str, ...]
    trace: str
    events: int
    virtual_s: float
    met: Mapping[str, int]
    tail: tuple[str, ...] = field(repr=False, default=())

    @property
    def replay(self) -> str:
        """The line that runs it again."""
        return f"make sim SEED={self.seed}"


@cache
def tools() -> Tools:
    return load_tools()


class Chance(random.Random):
    """A seeded stream of its own for each of those who draw."""

    @classmethod
    def of(cls, seed: int, who: str) -> "Chance":
        return cls(f"{seed}/{who}")


def run(seed: int, hours: float = HOURS) -> Outcome:
    """Storm of about `hours`, heal, everything ends, all checks."""
    loop = VirtualLoop()
    with TemporaryDirectory(prefix="sim-", ignore_cleanup_errors=True) as folder, _caught_logs() as logged:
        region = Region(Path(folder), loop, tools(), lambda who: Chance.of(seed, who), logged)
        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                wrong = runner.run(region.play(hours))
        except Exception as fault:  # noqa: BLE001 (whatever stops a run is that run's result, and the others go on)
            wrong = [f"the run broke off: {_told(fault)}"]
        trace = region.trace
        return Outcome(seed, tuple(wrong), trace.digest, trace.events, loop.time(), dict(region.met), tuple(trace.tail))


def _told(fault: BaseException) -> str:
    if isinstance(fault, BaseExceptionGroup):
        return "; ".join(_told(each) for each in fault.exceptions)
    return f"{type(fault).__name__}: {fault}"


@contextmanager
def _caught_logs() -> Iterator[list[dict[str, Any]]]:
    """Every log line of the run, and none on the screen."""
    lines: list[dict[str, Any]] = []

    def keep(_logger: object, _name: str, event: Any) -> Any:
        lines.append(dict(event))
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[keep])
    try:
        yield lines
    finally:
        structlog.configure(**before)


def describe(outcome: Outcome) -> str:
    """For people: what did not hold, the last events, the line to run it again."""
    lines = [f"seed {outcome.seed}: {len(outcome.wrong)} wrong"]
    lines += [f"  {sentence}" for sentence in outcome.wrong[:SHOWN_MAX]]
    lines.append(f"  replay: {outcome.replay}")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """`SEED`, or `FIRST COUNT WORKERS`.  Exit status 1 when anything did not hold."""
    if len(arguments) == 1:
        outcome = run(int(arguments[0]))
        sys.stdout.write("\n".join((*outcome.tail, *(f"{name}: {n}" for name, n in sorted(outcome.met.items())), "")))
        outcomes, took = [outcome], 0.0
    else:
        first, count, workers = (int(each) for each in arguments)
        started = time.perf_counter()
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            outcomes = list(pool.map(run, range(first, first + count), chunksize=4))
        took = time.perf_counter() - started
    bad = [outcome for outcome in outcomes if outcome.wrong]
    sys.stdout.write("".join(describe(outcome) + "\n" for outcome in bad))
    sys.stdout.write(_summary(outcomes, len(bad), took))
    return 1 if bad else 0


def _summary(outcomes: list[Outcome], bad: int, took: float) -> str:
    met: Counter[str] = Counter()
    for outcome in outcomes:
        met.update(outcome.met)
    hours = sum(outcome.virtual_s for outcome in outcomes) / 3600
    text = f"{len(outcomes)} seeds, {bad} failed, {sum(outcome.events for outcome in outcomes)} events, {hours:.0f} virtual hours"
    if took:
        text += f", {took:.1f} s real: {hours / 24 / (took / 60):.1f} virtual days a real minute"
        text += "\n" + "".join(f"  {name}: {count}\n" for name, count in sorted(met.items()))
    return text.rstrip() + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
