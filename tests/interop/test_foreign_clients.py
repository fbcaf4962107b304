"""Programs that are not ours read our log over HTTP and from a folder, unchanged (TL-20 to TL-22, TL-26 to TL-31, PR-370).

Two of them, by different people in different languages: tlog-scales (Python) fetches checkpoint and tiles itself, computes the root, builds
its own proofs and checks the cosignatures; metamorphic-log (Rust) checks the signed note and both kinds of proof. Neither shares a line
with ours or with the other. What they do not cover is said in docs/audit.md.
"""

import asyncio
import base64
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import aiohttp
import metamorphic_log
import pytest
from cryptography.exceptions import InvalidSignature
from metamorphic_log import checkpoint_verify, checkpoint_verify_consistency, checkpoint_verify_inclusion
from support.region import ManualClock, SeededIds, World, key_of, tools, write_files
from support.witnesses import Four, one_round, witnessed_trust
from tlog_scales.backend import HttpBackend, LocalBackend
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey, VkeySet
from tlog_scales.tlog import ConsistencyProofInvalid, InclusionProofInvalid

from gateway.app import build, serving
from gateway.federation.members import KeyRecord, TrustData
from gateway.federation.registry import TrustFile
from gateway.simulator.reckoning import export_log

KEYS_MORE = 66
"""For each of four banks: as many leaves in one transaction, so that a tile is full and there is a level above it."""
Bend = Callable[[str, bytes], bytes]


@dataclass
class Served:
    """The log as it is served, what a client knows of it from elsewhere, and the leaves that a bank holds by its receipts."""

    base: str
    world: World
    log_vkey: str
    witness_vkeys: list[str]
    earlier: str
    leaves: list[bytes]

    def reader(self, bend: Bend | None = None) -> TilesReader:
        backend = HttpBackend(f"{self.base}/log")
        return TilesReader(backend if bend is None else Bent(backend, bend))


@dataclass
class Bent:
    """What a lying host would serve in place of the log's files."""

    backend: HttpBackend
    bend: Bend

    def get(self, *path: str) -> bytes | None:
        data = self.backend.get(*path)
        return None if data is None else self.bend("/".join(path), data)


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[Served]:
    data = witnessed_trust()
    settings = write_files(folder, data)
    clock, ids = ManualClock(), SeededIds()
    async with aiohttp.ClientSession() as session:
        gateway = await build(settings, session, clock, ids, random.Random(1), tools())
        world = World(gateway, clock, ids, gateway.registry.trust, folder)
        banks = Four(folder, world)
        try:
            async with serving(gateway) as addresses:
                size, _ = await gateway.ledger.head()
                earlier = await gateway.finality.note(size)
                await gateway.sync_registry(TrustFile(many_keys(data)))
                await one_round(banks.service())
                size, _ = await gateway.ledger.head()
                leaves = list(await gateway.parts.reading.entries(0, size))
                vkeys = [member.witness_vkey for member in data.members]
                yield Served(addresses.member_api, world, data.gateway.log_vkey, vkeys, earlier, leaves)
        finally:
            banks.close()


def many_keys(data: TrustData) -> TrustData:
    def more(member: str, held: KeyRecord) -> Iterator[KeyRecord]:
        for number in range(KEYS_MORE):
            yield replace(held, key=key_of(f"{member} key {number}").verify_key, not_after=held.not_after + timedelta(days=number))

    members = tuple(replace(each, keys=(*each.keys, *more(each.id, each.keys[0]))) for each in data.members)
    return replace(data, serial=data.serial + 1, members=members)


def leaf_hash(leaf: bytes) -> bytes:
    return sha256(b"\x00" + leaf).digest()


@contextmanager
def refused(reason: str) -> Iterator[None]:
    with pytest.raises(metamorphic_log.VerifyError, match=reason):
        yield


async def test_log_when_followed_by_foreign_clients_over_http_then_note_tiles_and_proofs_hold_for_them(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        await asyncio.to_thread(follow, here)
        async with aiohttp.ClientSession() as session:
            leaf = here.leaves[-1]
            scope = here.world.gateway.registry.trust.data.members[-1].keys[-1].kid
            async with session.get(f"{here.base}/log/proof", params={"scope": scope, "seq": "0"}) as response:
                assert response.status == 200
                receipt = await response.text()
        receipt_holds(receipt, leaf, here.log_vkey)
        export = await export_log(here.world.gateway, here.world.gateway.registry.trust)
        for path, data in export.files.items():
            (tmp_path / "stick" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "stick" / path).write_bytes(data)
        stick(tmp_path / "stick", here)


def follow(here: Served) -> None:
    """As a monitor would: checkpoint, root from tiles, proofs built by the client, consistency with what was seen before."""
    reader = here.reader()
    shown = reader.get_checkpoint()
    note = here.reader().backend.get("checkpoint").decode()
    keys = VkeySet(*map(Vkey.from_string, [here.log_vkey, *here.witness_vkeys]))
    assert {key.serialize() for key, _ in keys.verify(shown.signatures, shown)} == {here.log_vkey, *here.witness_vkeys}
    head = checkpoint_verify(note, [here.log_vkey])
    assert (head.origin, head.size, head.root) == (shown.origin, shown.size, shown.root_hash)
    assert shown.size == len(here.leaves) > 256
    assert reader.calculate_root_hash() == shown.root_hash
    for index in (0, 1, 255, 256, shown.size - 1):
        proof = reader.get_inclusion_proof(index, shown.size)
        proof.check(leaf_hash(here.leaves[index]), shown.root_hash)
        checkpoint_verify_inclusion(note, [here.log_vkey], index, leaf_hash(here.leaves[index]), proof.node_hashes)
    earlier = checkpoint_verify(here.earlier, [here.log_vkey])
    grown = reader.get_consistency_proof(earlier.size, shown.size)
    grown.check(earlier.root, shown.root_hash)
    checkpoint_verify_consistency(here.earlier, note, [here.log_vkey], grown.node_hashes)


def receipt_holds(receipt: str, leaf: bytes, vkey: str) -> None:
    """A tlog-proof as the gateway hands it out, taken apart by hand."""
    proof, note = receipt.split("\n\n", 1)
    first, index, *hashes = proof.split("\n")
    assert (first, index.split(" ")[0]) == ("c2sp.org/tlog-proof@v1", "index")
    found = [base64.b64decode(line) for line in hashes]
    checkpoint_verify_inclusion(note, [vkey], int(index.split(" ")[1]), leaf_hash(leaf), found)
    with refused("root mismatch"):
        checkpoint_verify_inclusion(note, [vkey], int(index.split(" ")[1]), leaf_hash(leaf + b" "), found)


def stick(folder: Path, here: Served) -> None:
    """The same from a memory stick, where the leaves lie beside the tiles."""
    reader = TilesReader(LocalBackend(folder))
    shown = reader.get_checkpoint()
    shown.verify(Vkey.from_string(here.log_vkey))
    assert [reader.get_entry(index) for index in range(shown.size)] == here.leaves
    assert reader.calculate_root_hash() == shown.root_hash


async def test_log_when_bent_on_its_way_then_the_foreign_clients_refuse_it(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        await asyncio.to_thread(refuse, here)


def refuse(here: Served) -> None:
    honest = here.reader()
    shown = honest.get_checkpoint()
    note = honest.backend.get("checkpoint").decode()
    earlier = checkpoint_verify(here.earlier, [here.log_vkey])
    for place in ("tile/0/000", "tile/1/000"):  # a hash of the full tile and of the level above

        def flip(path: str, data: bytes, place: str = place) -> bytes:
            at = 32 * 200 if path == "tile/0/000" else 0
            return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] if path.startswith(place) else data

        reader = here.reader(flip)
        reader.set_size(shown.size)
        index = 201 if place == "tile/0/000" else 256
        proof = reader.get_inclusion_proof(index, shown.size)
        assert honest.get_inclusion_proof(index, shown.size) != proof
        with pytest.raises(InclusionProofInvalid):
            proof.check(leaf_hash(here.leaves[index]), shown.root_hash)
        with refused("root mismatch"):
            checkpoint_verify_inclusion(note, [here.log_vkey], index, leaf_hash(here.leaves[index]), proof.node_hashes)
    flipped = here.reader(lambda path, data: data[:-1] + bytes([data[-1] ^ 1]) if path.startswith("tile/0/001") else data)
    flipped.set_size(shown.size)
    assert flipped.calculate_root_hash() != shown.root_hash
    grown = flipped.get_consistency_proof(earlier.size, shown.size)
    with pytest.raises(ConsistencyProofInvalid):
        grown.check(earlier.root, shown.root_hash)
    with refused("mismatch"):
        checkpoint_verify_consistency(here.earlier, note, [here.log_vkey], grown.node_hashes)
    size = f"\n{shown.size}\n"
    bent = here.reader(lambda _path, data: data.replace(size.encode(), f"\n{shown.size - 1}\n".encode()))
    with pytest.raises(InvalidSignature):
        bent.get_checkpoint().verify(Vkey.from_string(here.log_vkey))
    with refused("signature"):
        checkpoint_verify(note.replace(size, f"\n{shown.size - 1}\n"), [here.log_vkey])
