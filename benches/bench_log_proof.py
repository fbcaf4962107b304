"""Inclusion proofs out of a log in a database, and their verification.

Value: proofs a second, each a cold one: its tiles are read from the database.  Floor: the bare reads of the same tile rows.
Also printed: p99 of a proof in ms (target ≤ 5), verifications a second on one core (target ≥ 10,000), bytes of a proof with its
checkpoint and four cosignatures (target ≤ 2,048).  `--leaves N` for a smaller log than a million.
"""

import argparse
import random
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from log_leaves import QUERIES, built
from measure import report

from gateway.crypto.keys import SigningKey, verify_ed25519
from gateway.storage.database import Read
from gateway.storage.read_only import ReadOnlyDatabase
from gateway.transferlog import merkle
from gateway.transferlog.checkpoint import (
    COSIGNATURE,
    LOG_SIGNATURE,
    NoteKey,
    Verifier,
    cosign,
    open_checkpoint,
    sign_note,
    write_checkpoint,
)
from gateway.transferlog.proof import write_proof
from gateway.transferlog.tiles import GetTile, inclusion_proof, inclusion_tiles, rows_reader

ORIGIN = "log.bench/gateway"
ROUNDS, PROOFS, CHECKS = 9, 200, 2_000


def tiles_of(database: ReadOnlyDatabase) -> GetTile:
    def row(id: int) -> bytes | None:
        found = database.rows(Read("log_tiles_by_id", {"ids": f"[{id}]"}))
        return found[0][1] if found else None

    def entries(first: int, end: int) -> list[bytes]:
        return [each[1] for each in database.rows(Read("log_entries_range", {"first": first, "end": end}))]

    return rows_reader(row, entries)


def cosigned(size: int, root: bytes) -> str:
    """A note with four cosignatures."""
    key, body = SigningKey.from_seed(b"bench".ljust(32, b".")), write_checkpoint(ORIGIN, size, root)
    note = sign_note(body, ORIGIN, NoteKey(ORIGIN, LOG_SIGNATURE, key.public_raw).id, key.sign)
    for n in range(4):
        witness = NoteKey(f"witness-{n}.bank.example", COSIGNATURE, key.public_raw)
        note += cosign(body, witness.name, witness.id, 1_800_000_000, key.sign)
    open_checkpoint(note, [Verifier(NoteKey(ORIGIN, LOG_SIGNATURE, key.public_raw), verify_ed25519)])
    return note


def bench(database: ReadOnlyDatabase, size: int, root: bytes) -> None:
    chance, get_tile = random.Random(1), tiles_of(database)
    floors, values, times = [], [], []
    for _ in range(ROUNDS):
        indexes = [chance.randrange(size) for _ in range(PROOFS)]
        wanted = [inclusion_tiles(index, size) for index in indexes]
        started = time.perf_counter()
        for refs in wanted:
            for ref in refs:
                get_tile(ref.level, ref.index, ref.width)
        floors.append(PROOFS / (time.perf_counter() - started))
        spent = []
        for index in indexes:
            started = time.perf_counter()
            inclusion_proof(index, size, get_tile)
            spent.append(time.perf_counter() - started)
        values.append(PROOFS / sum(spent))
        times += spent
    index = size - 1
    (leaf,) = (row[1] for row in database.rows(Read("log_entries_range", {"first": index, "end": size})))
    hashes = inclusion_proof(index, size, get_tile)
    rates = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(CHECKS):
            merkle.verify_inclusion(merkle.leaf_hash(leaf), index, size, hashes, root)
        rates.append(CHECKS / (time.perf_counter() - started))
    report(
        "log_proof", floors, values, "proofs/s", "none: reads only", leaves=size,
        p99_ms=round(sorted(times)[int(len(times) * 0.99)] * 1000, 3), verifications_per_s=round(statistics.median(rates)),
        proof_bytes=len(write_proof(0, inclusion_proof(0, size, get_tile), cosigned(size, root)).encode()),
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leaves", type=int, default=1_000_000)
    count = parser.parse_args().leaves
    folder = Path(tempfile.mkdtemp(prefix="bench-log-proof-"))
    try:
        database = ReadOnlyDatabase.open(built(folder / "log.db", count), QUERIES)
        ((size, root, _),) = database.rows(Read("head", {}))
        bench(database, size, root)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
