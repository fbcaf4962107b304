"""Submissions per second over HTTP in one process, against a bare handler that does the mandatory work.

Floor, step by step, for each request: read the multipart body (with aiohttp's own reader, as one would);
verify one envelope and the digests of its contents (`unseal`);
the bare mapping pipeline of `bench_mapping` (json.loads, hand-written mapping,
XML text, lxml parse, XSD); queue the same rows (same tables, same number and size, prepared beforehand but
for their keys, which are spread as real ones are: ids are digests, so each row falls on a page of its own);
wait for a group commit of the same shape (same SQLite file settings, WAL, synchronous=FULL, one transaction a
batch); answer.  It checks no repeat, no consent, no agreement, no outcome, seals nothing, keeps no tree, signs
no checkpoint and proves nothing.
Value: `POST /v1/messages` of the gateway.  Each submission holds three course records of one learner.
"""

import asyncio
import json
import random
import shutil
import sqlite3
import statistics
import sys
import tempfile
from hashlib import sha256
from pathlib import Path

import aiohttp
import structlog
from aiohttp import web
from bench_mapping import by_hand
from lxml import etree
from measure import flush_ms, report
from support.region import tools, trust_data, write_files

from gateway.app import Gateway, build, serving
from gateway.federation.envelope import unseal
from gateway.federation.framing import HttpPart, from_http
from gateway.federation.message import HttpTarget
from gateway.federation.protocol import GATEWAY_ID
from gateway.storage.committer import Committer, Decided
from gateway.storage.database import Write, load_queries
from gateway.storage.schema import upgrade
from gateway.storage.sqlite import SqliteDatabase
from gateway.system import SystemClock, SystemIds, leave_alone, package_folder

ROOT = Path(__file__).parents[1]
CONNECTIONS = 64
COUNT = 1500
ROUNDS = 5
QUERIES = load_queries(package_folder() / "storage" / "sql" / "queries.sql")


class SameRows:
    """Writes, for each change, rows of the shapes and sizes a real submission wrote."""

    def __init__(self, shapes: dict[str, list[tuple]]) -> None:
        self._shapes = shapes
        self._number = 0

    def plan(self, changes: list[int]) -> list:
        return []

    def decide(self, changes: list[int], rows: list) -> Decided[bool]:
        out: dict[str, list] = {name: [] for name in self._shapes}
        for _ in changes:
            self._number += 1
            mark = sha256(b"%d" % self._number).hexdigest()[:16]
            for name, templates in self._shapes.items():
                out[name].extend(rekeyed(name, row, self._number, mark, n) for n, row in enumerate(templates))
        return Decided([Write(name, rows) for name, rows in out.items()], [True] * len(changes), lambda: None)

    async def reset(self) -> None: ...


def rekeyed(name: str, row: tuple, number: int, mark: str, n: int) -> tuple:
    """The same row under keys of its own: `mark` is the message's, an outcome has its own digest, the log counts."""
    fresh = f"{mark}{n:02d}"
    match name:
        case "log_entry_add" | "log_tile_put":
            return (number * 4 + n, row[1])
        case "log_key_add":
            return (fresh + row[0][18:], row[1], row[2], fresh + row[3][18:], row[4], number * 4 + n)
        case "content_put" | "message_add":
            return (row[0], fresh + row[1][18:], *row[2:])
        case "item_put":
            return (mark + row[0][16:], *row[1:])
        case "outcome_put":
            return (sha256(fresh.encode()).hexdigest(), *row[1:])
        case _:
            return (fresh + row[0][18:], *row[1:])


def shapes_of(file: Path) -> dict[str, list[tuple]]:
    """What one submission wrote, read back from a real database that took exactly one."""
    tables = {
        "message_add": "message", "transfer_put": "transfer", "item_put": "item", "outcome_put": "outcome", "content_put": "content",
        "part_key_put": "part_key", "owed_put": "owed", "consent_put": "consent",
    }  # fmt: skip
    with sqlite3.connect(file) as connection:
        shapes = {name: connection.execute(f"SELECT * FROM {table}").fetchall() for name, table in tables.items()}
        size = connection.execute("SELECT size FROM log_head").fetchone()[0]
        shapes["log_entry_add"] = connection.execute("SELECT * FROM log_entry WHERE idx = ?", (size - 1,)).fetchall()
        shapes["log_key_add"] = connection.execute("SELECT * FROM log_key WHERE idx = ?", (size - 1,)).fetchall()
    connection.close()
    assert len(shapes["message_add"]) == 1
    return shapes


async def floor_app(
    folder: Path, gateway: Gateway, shapes: dict[str, list[tuple]]
) -> tuple[web.AppRunner, str, asyncio.Task, SqliteDatabase]:
    file = folder / "floor.db"
    upgrade(file)
    database = await SqliteDatabase.open(file, QUERIES)
    committer: Committer[int, bool] = Committer(database, SameRows(shapes))
    running = asyncio.get_running_loop().create_task(committer.run())
    schema = etree.XMLSchema(etree.parse(str(ROOT / "standards/xsd/1.0/records.xsd")))
    clock, url = SystemClock(), [""]

    async def handler(request: web.Request) -> web.Response:
        reader, parts = await request.multipart(), []
        while (part := await reader.next()) is not None:
            parts.append(HttpPart(part.name, bytes(await part.read()), part.headers["Content-Type"]))
        raw, target = from_http(request.headers.items(), parts), HttpTarget("POST", url[0])
        message = unseal(raw.token, raw.contents, keys=gateway.registry.trust.finder(clock.now()), audience=GATEWAY_ID, http=target)
        assert schema.validate(etree.fromstring(by_hand(message.contents["part"].data)))
        await committer.submit(1)
        return web.Response(status=202, body=b'{"ok":true}', content_type="application/json")

    app = web.Application(client_max_size=1 << 25)
    app.router.add_post("/v1/messages", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url[0] = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/messages"
    return runner, url[0], running, database


class Load:
    """The load process, asked line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._first = 0

    @classmethod
    async def start(cls) -> "Load":
        script = str(Path(__file__).parent / "journey_load.py")
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable, script, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 24
            )
        )

    async def run(self, url: str, count: int, **order: float) -> object:
        assert self._process.stdin
        assert self._process.stdout
        self._first += count
        line = json.dumps({"url": url, "key": "CN-31", "first": self._first, "count": count} | order)
        self._process.stdin.write(line.encode() + b"\n")
        answer = await self._process.stdout.readline()
        if not answer:
            raise SystemExit("the load process has died")
        return json.loads(answer)

    async def stop(self) -> None:
        self._process.kill()
        await self._process.wait()


async def bench() -> None:
    folder = Path(tempfile.mkdtemp(prefix="bench-journey-"))
    load = await Load.start()
    try:
        now = SystemClock().now()
        settings = write_files(folder, trust_data(now=now))
        async with aiohttp.ClientSession() as session:
            gateway = await build(settings, session, SystemClock(), SystemIds(), random.Random(1), tools())
            async with serving(gateway) as addresses:
                url = addresses.member_api + "/v1/messages"
                await load.run(url, 1, connections=1)
                shapes = shapes_of(settings.node.data_folder / "gateway.db")
                runner, floor_url, running, database = await floor_app(folder, gateway, shapes)
                await load.run(url, 300, connections=CONNECTIONS)
                await load.run(floor_url, 300, connections=CONNECTIONS)
                leave_alone()
                floors, values = [], []
                for _ in range(ROUNDS):
                    floors.append(float(await load.run(floor_url, COUNT, connections=CONNECTIONS)))  # type: ignore[arg-type]
                    values.append(float(await load.run(url, COUNT, connections=CONNECTIONS)))  # type: ignore[arg-type]
                half = statistics.median(values) / 2
                times = await load.run(url, 1500, per_second=half)
                await asyncio.sleep(0)
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
                await runner.cleanup()
                await database.close()
                p = {f"p{q}_half_load_ms": round(times[int(len(times) * q / 100)] * 1000, 2) for q in (50, 99)}  # type: ignore[index,arg-type]
                batch = gateway.committer.changes / gateway.committer.batches
                report(
                    "journey", floors, values, "submissions/s", "SQLite WAL, synchronous=FULL, group commit", **p, half_load=round(half),
                    mean_batch=round(batch, 1), flush_ms=flush_ms(folder), connections=CONNECTIONS,
                )  # fmt: skip
    finally:
        await load.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    asyncio.run(bench())
