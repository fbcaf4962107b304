"""The full audit of a log in a database, leaf by leaf, with a progress bar.

Value: leaves audited a second (hash, tiles, roots, form of each leaf, continuity).  Floor, in the same run: the same leaves read and hashed
into the tree, nothing else.  Peak memory of the process after a tenth of the audit and at its end: flat means about the same.
`--leaves N` for a smaller log than a million.
"""

import argparse
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

from bench_log_proof import tiles_of
from log_leaves import QUERIES, built
from measure import report
from rich.console import Console
from rich.progress import Progress

from gateway.storage.database import Read
from gateway.storage.read_only import ReadOnlyDatabase
from gateway.transferlog.audit import LogSource, audit
from gateway.transferlog.merkle import leaf_hash
from gateway.transferlog.tiles import TreeState, append

ROUNDS = 3


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def hashed(database: ReadOnlyDatabase, size: int, root: bytes) -> float:
    """The floor: leaves a second."""
    state, batch, started = TreeState(), [], time.perf_counter()
    for _, leaf in database.pages(Read("log_entries_range", {}), size):
        batch.append(leaf_hash(leaf))
        if len(batch) == 1024:
            state, batch = append(state, batch).state, []
    assert append(state, batch).root == root
    return size / (time.perf_counter() - started)


def audited(database: ReadOnlyDatabase, size: int, root: bytes, peaks: list[float]) -> float:
    """The value: leaves a second."""
    with Progress(console=Console(file=sys.stderr)) as bar:
        task = bar.add_task("核验 Auditing", total=size)

        def progress(done: int, _all: int) -> None:
            bar.update(task, completed=done)
            if not peaks and done * 10 >= size:
                peaks.append(peak_mib())

        started = time.perf_counter()
        found = audit(LogSource(size, root, database.pages(Read("log_entries_range", {}), size), tiles_of(database)), progress=progress)
        took = time.perf_counter() - started
    assert found.ok, found.finding
    return size / took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leaves", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bench-log-audit-"))
    try:
        database = ReadOnlyDatabase.open(built(folder / "log.db", given.leaves), QUERIES)
        ((size, root, _),) = database.rows(Read("head", {}))
        floors, values, peaks = [], [], []
        for _ in range(given.rounds):
            floors.append(hashed(database, size, root))
            values.append(audited(database, size, root, peaks))
        report(
            "log_audit", floors, values, "leaves/s", "none: reads only", leaves=size,
            peak_mib_at_a_tenth=round(peaks[0], 1), peak_mib=round(peak_mib(), 1),
        )  # fmt: skip
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
