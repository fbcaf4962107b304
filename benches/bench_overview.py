"""Server time of the centre's overview with a million transfers stored, against one bare SELECT of one row of the same file.

The file is the gateway's own schema, filled with rows of realistic shape: 120 days, twelve ordered pairs, two items a case, 97 in
100 of them ended, the leaves of each case with what a count needs of them.  The counts are those that `recount` comes to, so they
are the real ones.  Both are timed in one process after a warm-up; the value is the 95th percentile of `--reads` overviews.
`--transfers N` makes a smaller file.
"""

import argparse
import asyncio
import json
import random
import sqlite3
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from gateway.federation.members import Turn
from gateway.storage.database import load_queries
from gateway.storage.rows import TransferRow
from gateway.storage.schema import upgrade
from gateway.storage.sqlite import SqliteDatabase
from gateway.system import package_folder
from gateway.transfers.case import utc_text
from gateway.transfers.centre_overview import overview
from gateway.transfers.recount import rebuild

NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
DAYS = 120
BANKS = ("CN-31", "CN-32", "CN-33", "CN-34")
PAIRS = [(source, accepting) for source in BANKS for accepting in BANKS if source != accepting]
ENDS = ("settled",) * 86 + ("rejected",) * 6 + ("withdrawn",) * 2 + ("expired",) * 3 + ("reviewing",) * 2 + ("held",)
QUERIES = load_queries(package_folder() / "storage" / "sql" / "queries.sql")
BLOCK = 10_000
NUMBERS = ("provisional", "asks", "amends", "days_left", "unresolved", "warned")


def case(number: int, total: int, chance: random.Random) -> tuple[TransferRow, list[tuple[datetime, dict]]]:
    """One case and its leaves, each with its moment."""
    id_ = sha256(b"%d" % number).hexdigest()
    source, accepting = chance.choice(PAIRS)
    end = chance.choice(ENDS)
    opened = NOW - timedelta(days=DAYS) * (1 - number / total)
    moments = [opened, opened + timedelta(minutes=chance.lognormvariate(2, 1)), opened + timedelta(hours=chance.lognormvariate(3, 1))]
    done = moments[2] + timedelta(hours=chance.lognormvariate(1, 1))
    path = {"settled": ("reviewing", "posting", "settled"), "held": ("held",), "reviewing": ("reviewing",)}.get(end, ("reviewing", end))
    totals = {"submitted": "6.0", "recognised": "4.0" if end == "settled" else "0", "refused": "0", "closed": "0", "pending": "0"}
    at = [utc_text(moment) for moment in (*moments, done)]
    states = ("delivering", *path)
    leaves = [
        (
            (*moments, done)[n],
            {"at": at[n], "scope": id_, "seq": n, "state_after": state, "state_before": states[n - 1] if n else "", "totals": totals,
             "type": "transfer.requested" if n == 0 else f"transfer.{state}", "ver": n + 1},
        )
        for n, state in enumerate(states)
    ]  # fmt: skip
    blank = dict.fromkeys(TransferRow._fields, "") | dict.fromkeys(NUMBERS, 0)
    row = TransferRow(**(blank | {
        "id": id_, "iss": source, "jti": id_[:22], "source": source, "accepting": accepting, "facing": source, "state": end,
        "ver": len(states), "seq": len(states), "opened_at": at[0], "changed_at": leaves[-1][1]["at"],
        "deadline": at[3] if end in {"reviewing", "held"} else None, "learner": id_[:32],
        "programme": "120402", "totals": json.dumps(totals), "leaf": number, "due_days": 15, "mapping": "shanghai@1",
        "held_from": "delivering" if end == "held" else "",
        "delivered_at": at[1] if "reviewing" in path else "", "decided_at": at[2] if end == "settled" else "",
        "settled_at": at[3] if end == "settled" else "",
    }))  # fmt: skip
    return row, leaves


def fill(file: Path, total: int) -> int:
    """Gives the number of leaves."""
    chance, index = random.Random(6), 0
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA cache_size=-200000")
        for first in range(0, total, BLOCK):
            rows, items, leaves = [], [], []
            for number in range(first, min(total, first + BLOCK)):
                row, steps = case(number, total, chance)
                rows.append(row)
                state = {"settled": "recognised", "held": "claimed", "reviewing": "claimed"}.get(row.state, "closed")
                reason = row.state if state == "closed" else ""
                items += [(row.id, n, f"R{number}{n}", state, reason, "", "", "", "COURSE", "3.0", None, None, 0, None, "") for n in (0, 1)]
                leaves += steps
            entries = [(index + n, json.dumps(leaf, sort_keys=True, separators=(",", ":")).encode()) for n, (_, leaf) in enumerate(leaves)]
            index += len(entries)
            connection.executemany(QUERIES["transfer_put"], rows)
            connection.executemany(QUERIES["item_put"], items)
            connection.executemany(QUERIES["log_entry_add"], entries)
        connection.execute("UPDATE log_head SET size = ?, at = ?", (index, utc_text(NOW)))
    return index


async def bench(total: int, reads: int, folder: Path) -> None:
    file, started = folder / "gateway.db", time.perf_counter()
    upgrade(file)
    leaves = fill(file, total)
    filled = time.perf_counter() - started
    database = await SqliteDatabase.open(file, QUERIES)
    try:
        recounted = await rebuild(database)
        built = time.perf_counter() - started
        rota = (Turn("CN-32", NOW - timedelta(days=100), NOW + timedelta(days=80)),)
        shown = await overview(database, NOW, rota)
        assert sum(shown.standing.values()) == shown.in_flight + shown.held > 0
        assert shown.oldest is not None
        bare, times = [], []
        for _ in range(reads + 5):
            began = time.perf_counter()
            await database.fetch("head")
            between = time.perf_counter()
            await overview(database, NOW, rota)
            bare.append((between - began) * 1000)
            times.append((time.perf_counter() - between) * 1000)
    finally:
        await database.close()
    value, floor = (statistics.quantiles(each[5:], n=20)[-1] for each in (times, bare))
    document = {
        "name": "overview", "value": round(value, 2), "unit": "ms p95", "floor": round(floor, 3), "ratio": round(value / floor, 1),
        "durability": "reads only", "reads": reads, "transfers": total, "leaves": leaves, "counts": len(recounted.tallies.sums),
        "median": round(statistics.median(times[5:]), 2), "file_mb": file.stat().st_size >> 20, "fill_s": round(filled),
        "recount_s": round(built - filled),
    }  # fmt: skip
    print(json.dumps(document))


if __name__ == "__main__":
    asked = argparse.ArgumentParser()
    asked.add_argument("--transfers", type=int, default=1_000_000)
    asked.add_argument("--reads", type=int, default=200)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-overview-") as place:
        asyncio.run(bench(given.transfers, given.reads, Path(place)))
