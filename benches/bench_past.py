"""A draft rule set tried on 100,000 past items of a gateway's own: read from its database, unsealed, parsed, judged.

Value: items a second of `ceg rule simulate` as a bank starts it: from 10,000 cases on by as many processes as there are processors.
`cpu` is the same a second of processor time, of all of them together.  Each case holds two items to be judged.  Floor: the same cases
read from the same file by one process, opened with their keys and parsed by lxml, and nothing else: no record made of it, no rule.
The simulation alone, over items in memory, is in `bench_quote`.  `--cases N` makes a smaller file.
"""

import argparse
import asyncio
import contextlib
import io
import json
import os
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path

from lxml import etree
from measure import report
from support.nodes import ceg, write_config
from support.region import World, region
from support.rules import ROOT, rule
from support.ruling import Draft, Hands
from support.stages import stage

from gateway.crypto.sealing import KeyEncryptionKey
from gateway.federation.protocol import GATEWAY_ID
from gateway.model.transfer import State
from gateway.storage.database import Write
from gateway.storage.rows import ContentRow, ItemRow, TransferRow
from gateway.transfers.vault import open_row

PROGRAMME = "120402"
BLOCK = 500
ROUNDS = 3


async def fill(folder: Path, cases: int) -> tuple[Path, int]:
    """A node whose one reviewed case stands there `cases` times over, each under its own key.  Gives its settings, and items a case."""
    async with region(folder) as world:
        await Hands(world, Draft(effective=world.clock.now().date(), rules=rule("management", "XZ004", title=["管理学基础"]))).published()
        await stage(world, State.REVIEWING)
        items = await copies(world, cases)
        return write_config(world.gateway.settings, folder / "gateway.toml"), items


async def copies(world: World, cases: int) -> int:
    database, vault = world.gateway.database, world.gateway.receiver.vault
    past = await database.fetch("transfers_past", iss=GATEWAY_ID, content="regional", accepting="CN-32", after="", last="", most=2)
    (one,) = [TransferRow(*row) for row in await database.fetch("transfers_by_id", ids=json.dumps([row[0] for row in past]))]
    items = [ItemRow(*row) for row in await database.fetch("items_by_transfer", ids=json.dumps([one.id]))]
    (regional,) = await vault.some_of(one.id, [(GATEWAY_ID, one.id, "regional")])
    for first in range(0, cases - 1, BLOCK):
        out: dict[str, list[tuple]] = {"transfer_put": [], "item_put": [], "part_key_put": [], "content_put": []}
        for number in range(first, min(first + BLOCK, cases - 1)):
            id_ = sha256(b"past %d" % number).hexdigest()
            key, key_row = vault.new_part(id_, one.opened_at)
            out["transfer_put"].append(one._replace(id=id_, jti=id_[:22], part_id=id_))
            out["item_put"] += [each._replace(transfer=id_, nf="") for each in items]
            out["part_key_put"].append(key_row)
            out["content_put"] += vault.seal(key, id_, GATEWAY_ID, id_, [regional])
        writes = [Write("part_key_put", out.pop("part_key_put")), *(Write(name, made) for name, made in out.items())]
        await database.group([], lambda _, writes=writes: writes)
    return len(items)


def plainly(folder: Path) -> Iterator[int]:
    """The floor's own reading, a case at a time: items of it."""
    key = KeyEncryptionKey.load(folder / "keys" / "master.key")
    with closing(sqlite3.connect(folder / "data" / "gateway.db")) as database:
        found = database.execute(
            "SELECT c.*, p.wrapped, (SELECT COUNT(*) FROM item i WHERE i.transfer = t.id) FROM transfer t JOIN part_key p "
            "ON p.part_id = t.part_id JOIN content c ON c.transfer = t.id AND c.jti = t.id AND c.name = 'regional' "
            "WHERE t.accepting = 'CN-32'"
        )
        for *values, wrapped, items in found:
            row = ContentRow(*values)
            etree.fromstring(open_row(key.open_part_key(row.part_id, wrapped), row).data)
            yield items


def bench(folder: Path, cases: int) -> None:
    config, items = asyncio.run(fill(folder, cases))
    catalogue = folder / "catalogue"
    shutil.copytree(ROOT / "standards/catalogue/demo-1.0", catalogue)
    for file in catalogue.glob("*.csv"):
        file.write_bytes(file.read_bytes().replace(b"DEMO-P-XZGL", PROGRAMME.encode()))
    draft = folder / "draft.toml"
    draft.write_bytes(Draft("next", rules=rule("management", "XZ004", title=["管理学基础"], credits='"2"')).data)
    floors, values, times, tried = [], [], [], 0
    for _ in range(ROUNDS):
        started = time.perf_counter()
        read = sum(plainly(folder))
        between, began = time.perf_counter(), os.times()
        with contextlib.redirect_stderr(io.StringIO()):
            found = ceg("rule", "simulate", draft, "--config", config, "--catalogue", catalogue, "--json").document
        ended, times_now = time.perf_counter(), os.times()
        tried = found["items"]
        assert (found["transfers"], read) == (cases, cases * items), (found["transfers"], read, items)
        floors.append(read / (between - started))
        values.append(tried / (ended - between))
        times.append(tried / (sum(times_now[:4]) - sum(began[:4])))
    report(
        "past_simulation", floors, values, "items/s", "reads only", cases=cases, tried=tried,
        processes=os.cpu_count(), cpu=round(statistics.median(times)),
        seconds=round(tried / statistics.median(values), 1),
    )  # fmt: skip


if __name__ == "__main__":
    asked = argparse.ArgumentParser()
    asked.add_argument("--cases", type=int, default=50_000)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-past-") as place:
        bench(Path(place), given.cases)
