"""One run: four banks and the gateway on virtual time, a storm of faults drawn from the seed, then fair weather, then every check.

`run(seed)` gives the same trace for the same seed, in any process.  `python -m gateway.simulator.scenario`
runs one seed or many (`make sim`).
"""

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
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
from gateway.simulator.coverage import table as coverage_table
from gateway.simulator.faults import Tempo, tempo_of
from gateway.simulator.holidays import holidays
from gateway.simulator.rebuilding import EVERY
from gateway.simulator.region import Region
from gateway.simulator.testimony import Evidence
from gateway.simulator.virtual_loop import VirtualLoop

SHOWN_MAX = 20
MEMORY = Path("/dev/shm")  # noqa: S108 (a folder of one's own is made in it)
"""Where there is one: processes are killed here, not machines, so nothing need reach a disk."""


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


def run(seed: int, tempo: Tempo | None = None, kept: list[Evidence] | None = None, *, inline: bool = True) -> Outcome:
    """Storm, heal, everything ends, all checks.

    Without a `tempo` it is the seed's own; `kept` is given what the checks were made of.  Databases work `inline`, at twice the pace,
    or on threads of their own as in production: the trace is then another one, and repeats as well.
    """
    loop = VirtualLoop(inline=inline)
    folder = TemporaryDirectory(prefix="sim-", ignore_cleanup_errors=True, dir=MEMORY if MEMORY.is_dir() else None)
    with folder as place, caught_logs() as logged, holidays() as table:
        region = Region(
            Path(place), loop, tools(), lambda who: Chance.of(seed, who), logged, tempo or tempo_of(seed), table,
            rebuilds=seed % EVERY == 0,
        )  # fmt: skip
        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                wrong = runner.run(region.play())
            if kept is not None and region.evidence is not None:
                kept.append(region.evidence)
        except Exception as fault:  # noqa: BLE001 (whatever stops a run is that run's result, and the others go on)
            wrong = [f"the run broke off: {_told(fault)}"]
        trace = region.trace
        return Outcome(seed, tuple(wrong), trace.digest, trace.events, loop.time(), dict(region.met), tuple(trace.tail))


def _told(fault: BaseException) -> str:
    if isinstance(fault, BaseExceptionGroup):
        return "; ".join(_told(each) for each in fault.exceptions)
    return f"{type(fault).__name__}: {fault}"


@contextmanager
def caught_logs() -> Iterator[list[dict[str, Any]]]:
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
        return _report([outcome], time.perf_counter())
    first, count, workers = (int(each) for each in arguments)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return _report(pool.map(run, range(first, first + count), chunksize=2), time.perf_counter())


def _report(outcomes: Iterable[Outcome], started: float) -> int:
    """Each failing seed as soon as it is known; sums and the measured pace at the end."""
    met: Counter[str] = Counter()
    seeds = bad = events = 0
    hours = 0.0
    for outcome in outcomes:
        seeds, events, hours = seeds + 1, events + outcome.events, hours + outcome.virtual_s / 3600
        met.update(outcome.met)
        if outcome.wrong:
            bad += 1
            sys.stdout.write(describe(outcome) + "\n")
            sys.stdout.flush()
    took = time.perf_counter() - started
    if seeds > 1:
        rows = {name.removeprefix("row "): count for name, count in met.items() if name.startswith("row ")}
        sys.stdout.write("".join(f"  {name}: {count}\n" for name, count in sorted(met.items()) if not name.startswith("row ")))
        sys.stdout.write(coverage_table(rows) + "\n")
        pace = hours / 24 / (took / 60)
        sys.stdout.write(f"{seeds} seeds, {bad} failed, {events} events; {hours:.0f} virtual hours in {took:.0f} s: ")
        sys.stdout.write(f"{pace:.0f} virtual days a real minute\n")
    else:
        sys.stdout.write(f"{bad} failed, {events} events, {hours:.0f} virtual hours\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
