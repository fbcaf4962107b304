"""Receipt proofs: written, read, verified offline, and small (TL-30)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import TransferLogError
from gateway.transferlog.checkpoint import COSIGNATURE
from gateway.transferlog.merkle import leaf_hash
from gateway.transferlog.proof import HEADER, RawProof, parse_proof, verify_receipt_proof, write_proof
from gateway.transferlog.tiles import TreeState, append, inclusion_proof


def proof_of(rows: Any, index: int) -> str:
    return write_proof(index, inclusion_proof(index, len(rows.leaves), rows.get_tile), rows.note.decode())


@pytest.mark.parametrize("size", [1, 2, 5, 257])
def test_proof_of_every_leaf_verifies_and_for_no_other_leaf(shop: Any, size: int) -> None:
    rows = shop.stored(shop.honest(size))
    known = [shop.Signer(shop.origin).verifier]
    for index in range(0, size, max(1, size // 9)):
        text = proof_of(rows, index)
        assert verify_receipt_proof(rows.leaves[index], text, known).size == size
        with pytest.raises(TransferLogError, match=r"transferlog\.bad_proof"):
            verify_receipt_proof(rows.leaves[index] + b" ", text, known)


def test_every_flipped_character_of_a_proof_is_refused(shop: Any) -> None:
    rows = shop.stored(shop.honest(5))
    raw = proof_of(rows, 3).encode()
    for at in range(len(raw)):
        changed = (raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]).decode("utf-8", "replace")
        with pytest.raises(TransferLogError):
            verify_receipt_proof(rows.leaves[3], changed, [shop.Signer(shop.origin).verifier])


def test_proof_is_final_only_under_a_quorum(shop: Any) -> None:
    rows = shop.stored(shop.honest(5))
    text = write_proof(2, inclusion_proof(2, 5, rows.get_tile), shop.note_of(5, rows.root, witnesses=3))
    known = [shop.Signer(shop.origin).verifier, *(shop.Signer(f"bank-{n}.example", COSIGNATURE).verifier for n in range(3))]
    assert len(verify_receipt_proof(rows.leaves[2], text, known, cosigners_min=3).cosigned) == 3
    with pytest.raises(TransferLogError, match=r"transferlog\.not_final"):
        verify_receipt_proof(rows.leaves[2], text, known[:-1], cosigners_min=3)


def test_proof_text_read_and_written_is_the_same() -> None:
    text = write_proof(7, [bytes(32), bytes(range(32))], "note\n", b"extra bytes")
    assert parse_proof(text) == RawProof(7, (bytes(32), bytes(range(32))), "note\n", b"extra bytes")
    assert text.splitlines()[1] == "extra ZXh0cmEgYnl0ZXM="
    assert parse_proof(write_proof(0, [], "note\n")) == RawProof(0, (), "note\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        f"{HEADER}\n\nnote",
        f"{HEADER}\nindex\n\nnote",
        f"{HEADER}\nindex 01\n\nnote",
        f"{HEADER}\nindex -1\n\nnote",
        f"{HEADER}\nIndex 1\n\nnote",
        f"{HEADER}\nindex 1\nAAAA\n\nnote",
        f"{HEADER}\nindex 1\n!\n\nnote",
        f"{HEADER}\nextra \nindex 1\n\nnote",
        f"{HEADER}\nextra !\nindex 1\n\nnote",
        f"{HEADER}\nindex 1\n",
        "c2sp.org/tlog-proof@v2\nindex 1\n\nnote",
        f"{HEADER}\nindex 1" + "\nx" * 99 + "\n\nnote",
        f"{HEADER}\nindex 1\n\n" + "x" * 200_000,
    ],
)
def test_text_of_another_form_is_no_proof(text: str) -> None:
    with pytest.raises(TransferLogError, match=r"transferlog\.bad_proof"):
        parse_proof(text)


def test_proof_with_more_hashes_than_any_tree_needs_is_refused() -> None:
    assert len(parse_proof(write_proof(1, [bytes(32)] * 63, "note\n")).hashes) == 63
    with pytest.raises(TransferLogError, match=r"transferlog\.bad_proof"):
        parse_proof(write_proof(1, [bytes(32)] * 64, "note\n"))


@given(st.text(max_size=80))
def test_random_text_gives_only_named_refusals(text: str) -> None:
    with pytest.raises(TransferLogError):
        verify_receipt_proof(b"leaf", text, [])


def test_proof_with_four_cosignatures_at_a_million_leaves_is_below_2_kib(shop: Any) -> None:
    note = shop.note_of(1_000_000, bytes(32), witnesses=4)
    assert len(write_proof(999_999, [leaf_hash(b"")] * 20, note).encode()) <= 2_048


def test_proof_from_the_appenders_memory_is_the_one_from_storage(shop: Any) -> None:
    rows = shop.stored(shop.honest(300))
    state = append(TreeState(), [leaf_hash(leaf) for leaf in rows.leaves]).state
    rows.tiles[1 << 56] = state.tails[1]
    assert verify_receipt_proof(rows.leaves[299], proof_of(rows, 299), [shop.Signer(shop.origin).verifier]).root == state.root()
