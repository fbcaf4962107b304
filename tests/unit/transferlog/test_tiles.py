"""Tiles as rows and as files: sizes, widths, paths, bundles, and what is read when (TL-21, TL-22, TL-25)."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import TransferLogError
from gateway.transferlog import merkle, tiles
from gateway.transferlog.tiles import ENTRIES, TileHashes, TileRef, TreeState, append

HASHES = [sha256(n.to_bytes(4, "big")).digest() for n in range(66_000)]


def test_level_0_rows_are_written_full_and_upper_rows_grow_as_tiles_complete() -> None:
    state, writes, _ = append(TreeState(), HASHES[:255])
    assert writes == ()
    state, writes, _ = append(state, HASHES[255:257])
    assert [(write.level, write.index, len(write.data)) for write in writes] == [(0, 0, 8192), (1, 0, 32)]
    state, writes, _ = append(state, HASHES[257:300])
    assert writes == ()
    state, writes, _ = append(state, HASHES[300:1_024])
    assert [(write.id, len(write.data)) for write in writes] == [(1, 8192), (2, 8192), (3, 8192), (1 << 56, 128)]
    assert [len(tail) for tail in state.tails] == [0, 128]


def test_level_2_begins_when_a_level_1_tile_completes() -> None:
    state = append(TreeState(), HASHES[:65_535]).state
    _, writes, _ = append(state, HASHES[65_535:65_537])
    assert [(write.level, write.index, len(write.data)) for write in writes] == [(0, 255, 8192), (1, 0, 8192), (2, 0, 32)]


def test_storage_is_about_32_bytes_a_leaf() -> None:
    rows = {write.id: len(write.data) for write in append(TreeState(), HASHES[:65_536]).writes}
    assert sum(rows.values()) == 32 * (65_536 + 256 + 1)


def test_appending_nothing_changes_nothing() -> None:
    state = append(TreeState(), HASHES[:300]).state
    assert append(state, []) == (state, (), state.root())
    assert append(TreeState(), []).root == merkle.EMPTY_ROOT


def test_append_leaves_the_old_state_as_it_was() -> None:
    state = append(TreeState(), HASHES[:300]).state
    root = state.root()
    append(state, HASHES[300:900])
    assert (state.size, state.root()) == (300, root)


def test_restore_at_a_large_size_reads_one_tile_a_level() -> None:
    rows = {write.id: write.data for write in append(TreeState(), HASHES).writes}
    asked = []

    def get_tile(level: int, index: int, width: int) -> bytes:
        asked.append((level, index, width))
        return (rows.get(tiles.tile_id(level, index)) or b"".join(HASHES[index * 256 :]))[: width * 32]

    assert tiles.restore(len(HASHES), get_tile) == append(TreeState(), HASHES).state
    assert asked == [(0, 257, 208), (1, 1, 1), (2, 0, 1)]


@pytest.mark.parametrize("answer", [b"", bytes(31), bytes(64), bytes(8192)])
def test_tile_of_another_length_than_asked_is_refused(answer: bytes) -> None:
    with pytest.raises(TransferLogError, match=r"transferlog\.tile_missing"):
        tiles.restore(1, lambda *_: answer)
    with pytest.raises(TransferLogError, match=r"transferlog\.tile_missing"):
        tiles.inclusion_proof(0, 3, lambda *_: answer)


def test_rows_reader_slices_rows_and_hashes_the_unfinished_tile_from_its_leaves() -> None:
    leaves = [str(n).encode() for n in range(300)]
    hashes = [merkle.leaf_hash(leaf) for leaf in leaves]
    rows = {write.id: write.data for write in append(TreeState(), hashes).writes}
    get_tile = tiles.rows_reader(rows.get, lambda first, end: leaves[first:end])
    assert get_tile(0, 0, 256) == b"".join(hashes[:256])
    assert get_tile(0, 0, 7) == b"".join(hashes[:7])
    assert get_tile(0, 1, 44) == b"".join(hashes[256:])
    assert get_tile(1, 0, 1) == append(TreeState(), hashes[:256]).root
    for level, index, width in ((0, 1, 45), (1, 0, 2), (2, 0, 1)):
        with pytest.raises(TransferLogError, match=r"transferlog\.tile_missing"):
            get_tile(level, index, width)


def test_tile_hashes_keeps_what_it_read_within_its_bound() -> None:
    asked = []

    def get_tile(level: int, index: int, width: int) -> bytes:
        asked.append(index)
        return bytes(width * 32)

    read = TileHashes(get_tile, keep=2).at(1_024)
    for index in (0, 1, 255, 256, 512, 0):
        read(0, index)
    assert asked == [0, 1, 2, 0]


@pytest.mark.parametrize(
    ("size", "level", "index", "width"),
    [
        (0, 0, 0, 0),
        (1, 0, 0, 1),
        (256, 0, 0, 256),
        (256, 1, 0, 1),
        (256, 0, 1, 0),
        (300, ENTRIES, 1, 44),
        (70_000, 2, 0, 1),
        (70_000, 3, 0, 0),
    ],
)
def test_width_of_a_tile_follows_from_the_size(size: int, level: int, index: int, width: int) -> None:
    assert tiles.tile_width(size, level, index) == width


@given(st.integers(ENTRIES, 63), st.integers(0, tiles.INDEX_MAX) | st.integers(0, 2_000), st.integers(1, 256))
def test_path_of_any_tile_leads_back_to_it(level: int, index: int, width: int) -> None:
    ref = TileRef(level, index, width)
    assert tiles.parse_path(ref.path) == ref


@pytest.mark.parametrize(
    "path",
    [
        "",
        "checkpoint",
        "tile",
        "tile/0",
        "tile/0/",
        "tile/0/1",
        "tile/0/0001",
        "tile/0/000/001",
        "tile/0/x000/001",
        "tile/0/x001",
        "tile/00/001",
        "tile/64/001",
        "tile/-1/001",
        "tile/0/001.p/0",
        "tile/0/001.p/256",
        "tile/0/001.p/01",
        "tile/0/001.p/",
        "tile/0/001.p/1/2",
        "Tile/0/001",
        "tile/entries",
        "tile/Entries/000",
        "tile/0/../000",
        "tile/0/x01/001",
        "tile/0/００１",
        "tile/0/x999/x999/x999/x999/x999/999",
        "/tile/0/000",
        "tile/0/xx001/001",
        "tile/" + "9" * 5_000 + "/000",
    ],
)
def test_path_in_another_spelling_is_refused(path: str) -> None:
    with pytest.raises(TransferLogError, match=r"transferlog\.bad_path"):
        tiles.parse_path(path)


@given(st.lists(st.binary(max_size=50), max_size=20))
def test_bundle_gives_back_its_leaves(leaves: list[bytes]) -> None:
    data = tiles.write_bundle(leaves)
    assert tiles.parse_bundle(data, len(leaves)) == leaves
    for width in (len(leaves) + 1, len(leaves) - 1):
        with pytest.raises(TransferLogError, match=r"transferlog\.bad_bundle"):
            tiles.parse_bundle(data, width)


@pytest.mark.parametrize("data", [b"\x00", b"\x00\x02a", b"\x00\x01ab", b"\xff\xff" + bytes(65_534)])
def test_bundle_cut_or_with_more_is_refused(data: bytes) -> None:
    with pytest.raises(TransferLogError, match=r"transferlog\.bad_bundle"):
        tiles.parse_bundle(data, 1)
