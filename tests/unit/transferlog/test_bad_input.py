"""Everything that can be wrong with a log as it is handed over, in one table: each found, with its own code and the first bad index.

Cosignatures and proofs come last: they are refused before any leaf is looked at.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import TransferLogError
from gateway.transferlog import merkle
from gateway.transferlog.audit import audit
from gateway.transferlog.checkpoint import COSIGNATURE, LOG_SIGNATURE, cosign, open_checkpoint, sign_note, split_note
from gateway.transferlog.proof import verify_receipt_proof, write_proof
from gateway.transferlog.tiles import inclusion_proof

SIZE = 300
Bad = Callable[[Any, Any], Any]


@pytest.fixture(scope="module")
def rows(shop: Any) -> Any:
    return shop.stored(shop.honest(SIZE))


def with_leaves(rows: Any, change: Callable[[list[bytes]], None]) -> Any:
    leaves = list(rows.leaves)
    change(leaves)
    return replace(rows, leaves=leaves).source(entries=list(enumerate(leaves)), size=SIZE)


def flip(leaves: list[bytes]) -> None:
    leaves[40] = leaves[40].replace(b"202", b"203")


def swap(leaves: list[bytes]) -> None:
    leaves[40], leaves[42] = leaves[42], leaves[40]


def truncate(leaves: list[bytes]) -> None:
    leaves[40] = leaves[40][:-1]


def drop(leaves: list[bytes]) -> None:
    del leaves[40]


def rehashed(shop: Any, rows: Any) -> Any:
    leaves = [*rows.leaves[:280], *(leaf.replace(b"202", b"203") for leaf in rows.leaves[280:])]
    forged = shop.stored(leaves)
    return forged.source(earlier=[(SIZE, rows.root)])


def rolled_back(shop: Any, rows: Any) -> Any:
    return shop.stored(rows.leaves[:260]).source(earlier=[(SIZE, rows.root)])


def retired(shop: Any, rows: Any) -> Any:
    old = shop.Signer("log.example/retired")
    body, _ = split_note(rows.note.decode())
    return rows.source(checkpoint=sign_note(body, shop.origin, old.key.id, old.sign).encode())


def gap(rows: Any) -> Any:
    return rows.source(entries=[entry for entry in enumerate(rows.leaves) if entry[0] != 40])


TABLE: list[tuple[str, Bad, str, int | None]] = [
    ("a leaf flipped", lambda _shop, rows: with_leaves(rows, flip), "transferlog.leaf_changed", 40),
    ("two leaves swapped", lambda _shop, rows: with_leaves(rows, swap), "transferlog.leaf_changed", 40),
    ("a leaf truncated", lambda _shop, rows: with_leaves(rows, truncate), "transferlog.leaf_changed", 40),
    ("a leaf dropped, the rest moved up", lambda _shop, rows: with_leaves(rows, drop), "transferlog.leaf_changed", 40),
    ("a leaf dropped", lambda _shop, rows: gap(rows), "transferlog.leaf_missing", 40),
    ("a suffix rewritten and hashed and signed anew", rehashed, "transferlog.root_mismatch", 256),
    ("the database rolled back to an older copy", rolled_back, "transferlog.rolled_back", 260),
    ("a checkpoint signed by a retired key", retired, "transferlog.unknown_signer", None),
]


@pytest.mark.parametrize(("source", "code", "index"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_log_when_bad_in_this_way_then_its_code_and_first_index(shop: Any, rows: Any, source: Bad, code: str, index: int | None) -> None:
    assert audit(rows.source()).finding is None
    finding = audit(source(shop, rows)).finding
    assert finding is not None
    assert (finding.code, finding.index) == (code, index)


@pytest.mark.parametrize("size", [SIZE - 1, SIZE + 1, 2 * SIZE, 41])
def test_proof_when_of_the_wrong_size_then_refused(shop: Any, rows: Any, size: int) -> None:
    hashes = inclusion_proof(40, SIZE, rows.get_tile)
    assert verify_receipt_proof(rows.leaves[40], write_proof(40, hashes, rows.note.decode()), [shop.Signer(shop.origin).verifier])
    root = shop.stored(shop.honest(size)).root
    other = shop.note_of(size, root)
    with pytest.raises(TransferLogError) as raised:
        verify_receipt_proof(rows.leaves[40], write_proof(40, hashes, other), [shop.Signer(shop.origin).verifier])
    assert raised.value.code == "transferlog.bad_proof"
    with pytest.raises(TransferLogError) as raised:
        merkle.verify_inclusion(merkle.leaf_hash(rows.leaves[40]), 40, size, hashes, root)
    assert raised.value.code == "transferlog.bad_proof"


def test_cosignatures_when_of_banks_that_are_no_members_then_not_final(shop: Any, rows: Any) -> None:
    members = [shop.Signer(f"bank-{n}.example", COSIGNATURE) for n in range(4)]
    verifiers = [shop.Signer(shop.origin).verifier, *(each.verifier for each in members)]
    body, _ = split_note(rows.note.decode())

    def cosigned(*signers: Any) -> str:
        return rows.note.decode() + "".join(cosign(body, each.key.name, each.key.id, 1_800_000_000, each.sign) for each in signers)

    assert len(open_checkpoint(cosigned(*members[:3]), verifiers, cosigners_min=3).cosigned) == 3
    strangers = [shop.Signer(f"stranger-{n}.example", COSIGNATURE) for n in range(4)]
    impostor = shop.Signer("bank-2.example", LOG_SIGNATURE)  # a member's name, another kind of key
    for signers in ([*members[:2], *strangers], [*members[:2], members[1], impostor]):
        with pytest.raises(TransferLogError) as raised:
            open_checkpoint(cosigned(*signers), verifiers, cosigners_min=3)
        assert raised.value.code == "transferlog.not_final"


def test_cosignatures_when_of_a_retired_witness_key_then_counted_up_to_its_end_only(shop: Any, rows: Any) -> None:  # PR-373
    members = [shop.Signer(f"bank-{n}.example", COSIGNATURE) for n in range(3)]
    at, old = 1_800_000_000, members[0]
    body, _ = split_note(rows.note.decode())
    note = rows.note.decode() + "".join(cosign(body, each.key.name, each.key.id, at, each.sign) for each in members)

    def quorum(until: int, size_max: int | None) -> bool:
        known = [shop.Signer(shop.origin).verifier, replace(old.verifier, until=until, size_max=size_max)]
        return len(open_checkpoint(note, [*known, *(each.verifier for each in members[1:])]).cosigned) == 3

    assert quorum(at + 1, SIZE)
    assert quorum(at + 1, None)
    assert not quorum(at, SIZE)  # made at its end, or later
    assert not quorum(at + 1, SIZE - 1)  # over a log that was longer than it ever saw
    bad = note.replace(cosign(body, old.key.name, old.key.id, at, old.sign), cosign(body, old.key.name, old.key.id, at, members[1].sign))
    known = [shop.Signer(shop.origin).verifier, replace(old.verifier, until=at + 1, size_max=SIZE)]
    with pytest.raises(TransferLogError) as raised:
        open_checkpoint(bad, known)
    assert raised.value.code == "transferlog.bad_signature"
