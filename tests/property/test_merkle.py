"""The tree against the definition of RFC 6962 section 2.1, written down recursively and slowly (TL-20)."""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import TransferLogError
from gateway.transferlog import merkle, tiles

SIZES = range(75)
LEAVES = [f"leaf {n}".encode() for n in range(80)]
HASHES = [merkle.leaf_hash(leaf) for leaf in LEAVES]


def largest_power_below(count: int) -> int:
    power = 1
    while power * 2 < count:
        power *= 2
    return power


def mth(leaves: list[bytes]) -> bytes:
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = largest_power_below(len(leaves))
    return sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    k = largest_power_below(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    if m == len(leaves):
        return [] if whole else [mth(leaves)]
    k = largest_power_below(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]


def read(height: int, index: int) -> bytes:
    return mth(LEAVES[index << height : (index + 1) << height])


@pytest.mark.parametrize("size", SIZES)
def test_root_of_every_size_is_the_rfcs(size: int) -> None:
    frontier, _ = merkle.extend(merkle.Frontier(), HASHES[:size])
    assert frontier.root() == mth(LEAVES[:size]) == merkle.root_at(size, read)
    assert frontier.size == size


@pytest.mark.parametrize("size", SIZES)
def test_inclusion_proofs_of_every_leaf_are_the_rfcs_and_verify(size: int) -> None:
    root = mth(LEAVES[:size])
    for index in range(size):
        proof = merkle.inclusion_proof(index, size, read)
        assert proof == path(index, LEAVES[:size])
        merkle.verify_inclusion(HASHES[index], index, size, proof, root)


@pytest.mark.parametrize("new", SIZES)
def test_consistency_proofs_from_every_size_are_the_rfcs_and_verify(new: int) -> None:
    root = mth(LEAVES[:new])
    for old in range(new + 1):
        proof = merkle.consistency_proof(old, new, read)
        assert proof == ([] if old in (0, new) else subproof(old, LEAVES[:new], True))
        merkle.verify_consistency(old, new, mth(LEAVES[:old]), root, proof)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 13, 33])
def test_inclusion_proof_for_another_leaf_place_size_or_root_is_refused(size: int) -> None:
    root = mth(LEAVES[:size])
    for index in range(size):
        proof = path(index, LEAVES[:size])
        wrong = [
            (HASHES[index + 1], index, size, proof, root),
            (HASHES[index], index, size, proof, mth(LEAVES[: size + 1])),
            (HASHES[index], index, size, [*proof, HASHES[0]], root),
            (HASHES[index], size + index, size, proof, root),
            (HASHES[index], -1, size, proof, root),
            *[(HASHES[index], other, size, proof, root) for other in range(size) if other != index],
            *[(HASHES[index], index, size, proof[:cut] + proof[cut + 1 :], root) for cut in range(len(proof))],
            *[(HASHES[index], index, size, [*proof[:n], proof[n] + b"\0", *proof[n + 1 :]], root) for n in range(len(proof))],
        ]
        for arguments in wrong:
            with pytest.raises(TransferLogError, match=r"transferlog\.bad_proof"):
                merkle.verify_inclusion(*arguments)


def test_every_flipped_byte_of_a_proof_is_refused() -> None:
    size, index = 13, 9
    root, proof = mth(LEAVES[:size]), path(index, LEAVES[:size])
    for n, node in enumerate(proof):
        for at in range(32):
            changed = [*proof[:n], node[:at] + bytes([node[at] ^ 1]) + node[at + 1 :], *proof[n + 1 :]]
            with pytest.raises(TransferLogError, match=r"transferlog\.bad_proof"):
                merkle.verify_inclusion(HASHES[index], index, size, changed, root)


@pytest.mark.parametrize("new", [2, 3, 8, 13, 33])
def test_consistency_proof_for_other_roots_or_sizes_is_refused(new: int) -> None:
    root = mth(LEAVES[:new])
    other = mth(LEAVES[40:50])
    for old in range(1, new):
        proof, old_root = subproof(old, LEAVES[:new], True), mth(LEAVES[:old])
        wrong = [
            (old, new, other, root, proof),
            (old, new, old_root, other, proof),
            (new, old, old_root, root, proof),
            (old, new, old_root, root, []),
            (old, new, old_root, root, proof[:-1]),
            (old, new, old_root, root, [*proof, HASHES[0]]),
            (old, new, old_root, root, [proof[0] + b"\0", *proof[1:]]),
            (0, new, old_root, root, []),
            (old, old, old_root, root, []),
            (old, old, old_root, old_root, [HASHES[0]]),
        ]
        for arguments in wrong:
            with pytest.raises(TransferLogError, match=r"transferlog\.bad_proof"):
                merkle.verify_consistency(*arguments)


def test_consistency_of_two_empty_trees_needs_the_empty_root() -> None:
    merkle.verify_consistency(0, 0, merkle.EMPTY_ROOT, merkle.EMPTY_ROOT, [])
    with pytest.raises(TransferLogError):
        merkle.verify_consistency(0, 0, HASHES[0], HASHES[0], [])


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (-1, 5)])
def test_proof_asked_for_outside_the_tree_is_refused(index: int, size: int) -> None:
    with pytest.raises(TransferLogError, match=r"transferlog\.out_of_range"):
        merkle.inclusion_proof(index, size, read)
    with pytest.raises(TransferLogError, match=r"transferlog\.out_of_range"):
        merkle.consistency_proof(size + 1, size, read)


NUMBERED = [merkle.leaf_hash(n.to_bytes(4, "big")) for n in range(140_000)]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 700), min_size=1, max_size=8))
def test_tiles_do_not_depend_on_how_leaves_came_in_batches(batches: list[int]) -> None:
    state, rows = tiles.TreeState(), {}
    for batch in batches:
        grown = tiles.append(state, NUMBERED[state.size : state.size + batch])
        state = grown.state
        rows.update({write.id: write.data for write in grown.writes})
        assert grown.root == state.root()
    once = tiles.append(tiles.TreeState(), NUMBERED[: state.size])
    assert once.state == state
    assert {write.id: write.data for write in once.writes} == rows


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_proofs_out_of_tiles_verify_at_any_size_that_ever_was(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 3_000) | st.sampled_from([255, 256, 257, 65_535, 65_536, 65_537, 70_000]))
    grown = tiles.append(tiles.TreeState(), NUMBERED[:size])
    rows = {write.id: write.data for write in grown.writes}
    asked: set[tiles.TileRef] = set()

    def get_tile(level: int, index: int, width: int) -> bytes:
        asked.add(tiles.TileRef(level, index, width))
        row = rows.get(tiles.tile_id(level, index)) or b"".join(NUMBERED[index * 256 : size])
        return row[: width * 32]

    old = data.draw(st.integers(1, size))
    index = data.draw(st.integers(0, old - 1))
    old_root = tiles.append(tiles.TreeState(), NUMBERED[:old]).root
    proof = tiles.inclusion_proof(index, old, get_tile)
    merkle.verify_inclusion(NUMBERED[index], index, old, proof, old_root)
    assert asked == set(tiles.inclusion_tiles(index, old))
    asked.clear()
    merkle.verify_consistency(old, size, old_root, grown.root, tiles.consistency_proof(old, size, get_tile))
    assert asked == set(tiles.consistency_tiles(old, size))
    asked.clear()
    assert tiles.restore(old, get_tile) == tiles.append(tiles.TreeState(), NUMBERED[:old]).state
    assert asked == set(tiles.edge_tiles(old))
