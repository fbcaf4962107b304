"""Memory of a real `ceg serve` process while 10,000 records pass, against the 200 MiB it must stay under.

Value: the highest resident size seen (MiB, sampled every 50 ms from /proc) while 3,334 submissions of three
records each go in over HTTP, 16 at a time.  Floor: 200 MiB, the bound.  `ratio` is value / floor: below 1 is good.
"""

import asyncio
import json
import shutil
import sys
import tempfile
from pathlib import Path

from bench_journey import Load
from support.nodes import write_config
from support.region import trust_data, write_files

from gateway.system import SystemClock

SUBMISSIONS = 3_334
BOUND_MIB = 200.0


def resident_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return pages * 4096 / 2**20


async def bench() -> None:
    folder = Path(tempfile.mkdtemp(prefix="bench-memory-"))
    config = write_config(write_files(folder, trust_data(now=SystemClock().now())), folder / "gateway.toml")
    command = [sys.executable, "-c", "from gateway.cli.main import main; main()", "serve", "--config", str(config), "--json"]
    with (folder / "serve.log").open("wb") as quiet:
        node = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=quiet)
        load = await Load.start()
        try:
            assert node.stdout
            url = json.loads(await node.stdout.readline())["addresses"]["member_api"] + "/v1/messages"
            start, peak = resident_mib(node.pid), [0.0]

            async def watch() -> None:
                while True:
                    peak[0] = max(peak[0], resident_mib(node.pid))
                    await asyncio.sleep(0.05)

            watching = asyncio.get_running_loop().create_task(watch())
            for _ in range(2):
                await load.run(url, SUBMISSIONS // 2, connections=16)
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            document = {
                "name": "memory", "value": round(peak[0], 1), "unit": "MiB", "floor": BOUND_MIB, "ratio": round(peak[0] / BOUND_MIB, 3),
                "durability": "SQLite WAL, synchronous=FULL, group commit",
                "records": SUBMISSIONS // 2 * 2 * 3, "at_start": round(start, 1),
            }  # fmt: skip
            print(json.dumps(document))
        finally:
            await load.stop()
            node.terminate()
            await node.wait()
    shutil.rmtree(folder)


if __name__ == "__main__":
    asyncio.run(bench())
