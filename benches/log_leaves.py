"""A log of realistic small leaves, made fast: transfers of two leaves, committed in big batches to a real database file."""

import asyncio
from collections.abc import Iterator
from hashlib import sha256
from itertools import islice
from pathlib import Path

from gateway.storage.database import load_queries
from gateway.storage.schema import upgrade
from gateway.storage.sqlite import SqliteDatabase
from gateway.system import package_folder
from gateway.transferlog.leaf import Leaf, leaf_bytes
from gateway.transferlog.merkle import leaf_hash
from gateway.transferlog.tiles import TreeState, append
from gateway.transfers.log_keeping import restore_log

QUERIES = load_queries(package_folder() / "storage" / "sql" / "queries.sql")
CASE = "case".ljust(64, "0")


def template(kind: str, seq: int) -> bytes:
    """A valid leaf with marks where each one differs."""
    before, after = (("", "delivering"), ("delivering", "reviewing"))[seq]
    return leaf_bytes(
        Leaf(
            type=kind, at="2026-11-22T00:00:00.000000Z", scope="f" * 64, seq=seq, iss="CN-31", jti="j" * 16, actor="CN-31",
            role="facing.source", kid="k" * 43, envelope=".".join(["e" * 80, "c" * 400, "s" * 86]), content=(("request", "a" * 64, 900),),
            answer="b" * 64, status=202, state_before=before, state_after=after, ver=seq + 1,
            totals={"submitted": "3", "recognised": "0", "refused": "0", "closed": "0", "pending": "3"},
            items=(("c" * 64, "d" * 64, "claimed"),), facts={"source": "CN-31", "accepting": "CN-32", "awarded": "0", "uncounted": 0},
        )
    )  # fmt: skip


def leaves(count: int) -> Iterator[bytes]:
    """So many: a request and an acknowledgement a case, every id its own."""
    kinds = [template("transfer.requested", 0), template("transfer.delivered", 1)]
    for n in range(count):
        case = sha256(b"%d" % (n // 2)).hexdigest().encode()
        leaf = kinds[n % 2].replace(b"f" * 64, case).replace(b"j" * 16, b"%016d" % n)
        yield leaf.replace(b"c" * 64, case[::-1]).replace(b"d" * 64, case[32:] + case[:32])


async def build(file: Path, count: int) -> None:
    """The database of a log of `count` leaves."""
    state, source = TreeState(), leaves(count)
    while batch := list(islice(source, 4096)):
        state = append(state, [leaf_hash(leaf) for leaf in batch]).state
    upgrade(file)
    database = await SqliteDatabase.open(file, QUERIES)
    try:
        await restore_log(database, leaves(count), count, state.root())
    finally:
        await database.close()


def built(file: Path, count: int) -> Path:
    asyncio.run(build(file, count))
    return file
