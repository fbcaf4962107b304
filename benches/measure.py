"""Alternating rounds of a floor and a value, medians, and the one JSON line every bench ends with.

Benches import this before what the tests support them with: it puts that on the path.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))


def rate(work: Callable[[], int], seconds: float) -> float:
    """Items per second of `work`, which gives back how many it did, run for about `seconds`."""
    done, started = 0, time.perf_counter()
    while (took := time.perf_counter() - started) < seconds:
        done += work()
    return done / took


def alternate(floor: Callable[[], float], value: Callable[[], float], rounds: int) -> tuple[list[float], list[float]]:
    """Run both in turn, so that drift of the machine hits both alike."""
    floors, values = [], []
    for _ in range(rounds):
        floors.append(floor())
        values.append(value())
    return floors, values


def report(name: str, floors: list[float], values: list[float], unit: str, durability: str, **more: object) -> None:
    """Print the closing line.  `ratio` is the median of the paired ratios."""
    ratio = statistics.median(value / floor for floor, value in zip(floors, values, strict=True))
    document = {
        "name": name,
        "value": round(statistics.median(values), 1),
        "unit": unit,
        "floor": round(statistics.median(floors), 1),
        "ratio": round(ratio, 3),
        "durability": durability,
        "rounds": len(floors),
        **more,
    }
    print(json.dumps(document, ensure_ascii=False))


def flush_ms(folder: Path) -> float:
    """What one small durable write costs on this disk, in milliseconds."""
    times = []
    with (folder / "flush").open("wb") as file:
        for _ in range(50):
            started = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - started)
    return round(statistics.median(times) * 1000, 3)
