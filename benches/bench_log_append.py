"""Appending leaves to the transfer log, against a plain insert of the same rows with the same durability.

Floor, for a batch: one transaction on the same kind of SQLite file (WAL, synchronous=FULL) that inserts the
same leaf rows (`log_entry`) and key rows (`log_key`) and nothing else.
Value: the same rows, and the tree: hash each leaf, extend the tree, write its tiles, move the head under the
fence, all in the same transaction, and one signed checkpoint after it.
Leaves are of the size of a real request's leaf.  Printed for batches of 64, 256 and 1024; the last line is 256's.
"""

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from measure import flush_ms, report

from gateway.crypto.keys import SigningKey
from gateway.storage.database import Read, Row, Write, load_queries
from gateway.storage.schema import upgrade
from gateway.storage.sqlite import SqliteDatabase
from gateway.system import package_folder
from gateway.transferlog.checkpoint import LOG_SIGNATURE, NoteKey, sign_note, write_checkpoint
from gateway.transferlog.merkle import leaf_hash
from gateway.transferlog.tiles import TreeState, append

LEAF_BYTES = 2_000
ROUNDS = 9
SECONDS = 0.6
QUERIES = load_queries(package_folder() / "storage" / "sql" / "queries.sql")
ORIGIN = "log.bench/gateway"


class Log:
    """One database file, appended to in batches; `tree` adds what makes it a transfer log."""

    def __init__(self, database: SqliteDatabase, *, tree: bool) -> None:
        self._database = database
        self._tree = TreeState() if tree else None
        self._size = 0
        self._key = SigningKey.from_seed(b"bench".ljust(32, b"."))
        self._note = NoteKey(ORIGIN, LOG_SIGNATURE, self._key.public_raw)

    async def batch(self, leaves: Sequence[bytes]) -> None:
        first = self._size
        grown: list = []

        def decide(rows: Sequence[list[Row]]) -> list[Write]:
            writes = [
                Write("log_entry_add", [(first + n, leaf) for n, leaf in enumerate(leaves)]),
                Write("log_key_add", [key_row(first + n) for n in range(len(leaves))]),
            ]
            if self._tree is not None:
                grown.append(append(self._tree, [leaf_hash(leaf) for leaf in leaves]))
                writes.append(Write("log_tile_put", [(tile.id, tile.data) for tile in grown[0].writes]))
                writes.append(Write("head_move", [(grown[0].state.size, grown[0].root, "", first)], hits=1))
            return [write for write in writes if write.rows]

        await self._database.group([Read("head", {})], decide)
        self._size += len(leaves)
        if self._tree is not None:
            self._tree = grown[0].state
            sign_note(write_checkpoint(ORIGIN, self._size, grown[0].root), ORIGIN, self._note.id, self._key.sign)

    async def close(self) -> None:
        await self._database.close()

    async def rate(self, leaves: Sequence[bytes]) -> float:
        done, started = 0, time.perf_counter()
        while (took := time.perf_counter() - started) < SECONDS:
            await self.batch(leaves)
            done += len(leaves)
        return done / took


def key_row(index: int) -> tuple[str, int, str, str, int, int]:
    return (f"scope-{index:060d}", 0, "CN-31", f"jti-{index:018d}", 0, index)


async def opened(folder: Path, name: str) -> SqliteDatabase:
    file = folder / name
    upgrade(file)
    return await SqliteDatabase.open(file, QUERIES)


async def bench() -> None:
    folder = Path(tempfile.mkdtemp(prefix="bench-log-"))
    try:
        for size in (64, 1024, 256):
            leaves = [os.urandom(LEAF_BYTES) for _ in range(size)]
            plain = Log(await opened(folder, f"plain-{size}.db"), tree=False)
            real = Log(await opened(folder, f"real-{size}.db"), tree=True)
            floors, values = [], []
            for _ in range(ROUNDS):
                floors.append(await plain.rate(leaves))
                values.append(await real.rate(leaves))
            report(
                "log_append", floors, values, "leaves/s", "SQLite WAL, synchronous=FULL, one commit a batch",
                batch=size, leaf_bytes=LEAF_BYTES, flush_ms=flush_ms(folder),
            )  # fmt: skip
            await plain.close()
            await real.close()
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    asyncio.run(bench())
