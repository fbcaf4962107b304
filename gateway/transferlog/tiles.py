"""The tree as tiles (C2SP tlog-tiles): what is stored, what is served, and where.

A tile is 256 neighbouring hashes of one of the levels 0, 8, 16 … of the tree.  Stored is one row a tile: at
level 0 only full ones (the partial one is hashed from its at most 255 entries), above it the row grows by
32 bytes whenever a tile below it completes.  Since a tile only ever grows at its end, every partial tile that was
ever published is a prefix of its row and is sliced on demand.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from gateway.errors import TransferLogError
from gateway.transferlog import merkle
from gateway.transferlog.merkle import HASH_BYTES, Frontier, ReadNode

HEIGHT: Final = 8
WIDTH: Final = 1 << HEIGHT
TILE_BYTES: Final = WIDTH * HASH_BYTES
ENTRIES: Final = -1
"""The level that stands for entry bundles in a `TileRef`."""
LEVEL_MAX: Final = 63
INDEX_MAX: Final = (1 << 56) - 1
LEAF_BYTES_MAX: Final = 65_535

GetTile: TypeAlias = Callable[[int, int, int], bytes]
"""`(level, index, width)` to exactly `width` hashes, 32 bytes each; raises TransferLogError `transferlog.tile_missing`."""


@dataclass(frozen=True, slots=True)
class TileRef:
    """One tile as a reader asks for it.  `level` is 0 to 63, or `ENTRIES` for a bundle of leaves."""

    level: int
    index: int
    width: int = WIDTH

    @property
    def id(self) -> int:
        """The key of its row: level in the top byte, index below it."""
        return tile_id(self.level, self.index)

    @property
    def path(self) -> str:
        """Where it is served and exported."""
        return tile_path(self)


@dataclass(frozen=True, slots=True)
class TileWrite:
    """One row to insert or replace."""

    level: int
    index: int
    data: bytes

    @property
    def id(self) -> int:
        return tile_id(self.level, self.index)


@dataclass(frozen=True, slots=True)
class TreeState:
    """What an appender keeps in memory.  `tails[level]` are the hashes of that level's unfinished tile."""

    frontier: Frontier = field(default_factory=Frontier)
    tails: tuple[bytes, ...] = ()

    @property
    def size(self) -> int:
        return self.frontier.size

    def root(self) -> bytes:
        return self.frontier.root()


class Appended(NamedTuple):
    """The result of `append`: store `writes` in the transaction that stores `root`; keep `state` after its COMMIT."""

    state: TreeState
    writes: tuple[TileWrite, ...]
    root: bytes


def append(state: TreeState, leaf_hashes: Sequence[bytes]) -> Appended:
    """Grow the tree by a batch.  Pure: on a failed commit drop the result and `restore` from what is stored."""
    frontier, completed = merkle.extend(state.frontier, leaf_hashes)
    tails = list(state.tails)
    writes: list[TileWrite] = []
    for level, nodes in enumerate(completed[::HEIGHT]):
        if level == len(tails):
            tails.append(b"")
        index = state.size >> HEIGHT * (level + 1)
        data = tails[level] + b"".join(nodes)
        full = len(data) // TILE_BYTES
        writes.extend(TileWrite(level, index + n, data[n * TILE_BYTES : (n + 1) * TILE_BYTES]) for n in range(full))
        tails[level] = data[full * TILE_BYTES :]
        if level and tails[level]:
            writes.append(TileWrite(level, index + full, tails[level]))
    return Appended(TreeState(frontier, tuple(tails)), tuple(writes), frontier.root())


def restore(size: int, get_tile: GetTile) -> TreeState:
    """The state of a stored tree: reads one unfinished tile a level, `edge_tiles(size)`, and nothing else.

    Compare `root()` with the stored head before trusting it.
    """
    tails: list[bytes] = []
    peaks: list[bytes] = []
    refs = {ref.level: ref for ref in edge_tiles(size)}
    for level in range(levels_of(size)):
        ref = refs.get(level)
        tails.append(_exact(get_tile, ref) if ref else b"")
        part, _ = merkle.extend(Frontier(), _hashes(tails[level]))
        peaks.extend(part.peaks + (b"",) * (HEIGHT - len(part.peaks)))
    while peaks and not peaks[-1]:
        peaks.pop()
    return TreeState(Frontier(size, tuple(peaks)), tuple(tails))


def levels_of(size: int) -> int:
    """How many levels of tiles a tree of `size` has."""
    return (size.bit_length() + HEIGHT - 1) // HEIGHT


def tile_width(size: int, level: int, index: int) -> int:
    """How many hashes (of bundles: leaves) that tile has in a tree of `size`: 0 to 256."""
    return min(WIDTH, max(0, (size >> HEIGHT * max(0, level)) - index * WIDTH))


def edge_tiles(size: int) -> list[TileRef]:
    """The unfinished tiles of a tree of `size`, level by level; a level without one is left out."""
    refs = (TileRef(level, size >> HEIGHT * (level + 1), (size >> HEIGHT * level) % WIDTH) for level in range(levels_of(size)))
    return [ref for ref in refs if ref.width]


def all_tiles(size: int) -> list[TileRef]:
    """Every hash tile of a tree of `size`, the partial ones with their width; bundles are not among them."""
    return [
        TileRef(level, index, tile_width(size, level, index))
        for level in range(levels_of(size))
        for index in range(((size >> HEIGHT * level) + WIDTH - 1) // WIDTH)
    ]


def inclusion_tiles(index: int, size: int) -> list[TileRef]:
    """What `inclusion_proof` will read, so that a caller who must wait for storage can fetch first."""
    return _tiles_of(merkle.inclusion_ranges(index, size), size)


def consistency_tiles(old: int, new: int) -> list[TileRef]:
    """What `consistency_proof` will read."""
    return _tiles_of(merkle.consistency_ranges(old, new), new)


def _tiles_of(ranges: list[tuple[int, int]], size: int) -> list[TileRef]:
    nodes = (node for low, high in ranges for node in merkle.complete_nodes(low, high))
    return list(dict.fromkeys(_home(height, index, size) for height, index in nodes))


def _home(height: int, index: int, size: int) -> TileRef:
    level, above = divmod(height, HEIGHT)
    tile = (index << above) // WIDTH
    return TileRef(level, tile, tile_width(size, level, tile))


class TileHashes:
    """Node hashes out of tiles.  Keeps the `keep` tiles read last with their inner hashes (16 KiB each) to answer in memory."""

    def __init__(self, get_tile: GetTile, keep: int = 64) -> None:
        self._get_tile = get_tile
        self._keep = keep
        self._rows: dict[tuple[int, int, int], list[bytes]] = {}

    def at(self, size: int) -> ReadNode:
        """A reader for the tree of `size`; tiles are asked for no wider than that tree has them."""
        kept = self._rows

        def read(height: int, index: int) -> bytes:
            # The hot path of every receipt: plain tuples and shifts, no `TileRef`.
            level, above = height >> 3, height & 7
            tile = index << above >> 8
            key = (level, tile, min(WIDTH, (size >> HEIGHT * level) - tile * WIDTH))
            rows = kept.get(key) or self._fetch(key)
            start = (index & (WIDTH >> above) - 1) * HASH_BYTES
            return rows[above][start : start + HASH_BYTES]

        return read

    def _fetch(self, key: tuple[int, int, int]) -> list[bytes]:
        rows = [_exact(self._get_tile, TileRef(*key))]
        while len(rows) < HEIGHT:
            rows.append(b"".join(merkle.pair_up(_hashes(rows[-1]))))
        self._rows[key] = rows
        if len(self._rows) > self._keep:
            del self._rows[next(iter(self._rows))]
        return rows


def inclusion_proof(index: int, size: int, get_tile: GetTile) -> list[bytes]:
    """From the leaf's sibling up to the root's child.  For many proofs keep one `TileHashes` and use `merkle`."""
    return merkle.inclusion_proof(index, size, TileHashes(get_tile).at(size))


def consistency_proof(old: int, new: int, get_tile: GetTile) -> list[bytes]:
    return merkle.consistency_proof(old, new, TileHashes(get_tile).at(new))


def rows_reader(read_row: Callable[[int], bytes | None], read_leaves: Callable[[int, int], Sequence[bytes]]) -> GetTile:
    """A `GetTile` over what is stored: tile rows by id, and leaves `[first, end)` for the level-0 tile that has no row yet."""

    def get_tile(level: int, index: int, width: int) -> bytes:
        row = read_row(tile_id(level, index))
        if row is None and level == 0:
            row = b"".join(map(merkle.leaf_hash, read_leaves(index * WIDTH, index * WIDTH + width)))
        if row is None or len(row) < width * HASH_BYTES:
            raise _missing(TileRef(level, index, width))
        return row[: width * HASH_BYTES]

    return get_tile


def tile_id(level: int, index: int) -> int:
    """`level << 56 | index`: fits a signed 64-bit key."""
    assert 0 <= level <= LEVEL_MAX
    assert 0 <= index <= INDEX_MAX
    return level << 56 | index


def tile_path(ref: TileRef) -> str:
    """tlog-tiles: `tile/<L>/<N>[.p/<W>]`, N in groups of three digits, all but the last with an `x`."""
    digits = str(ref.index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[start : start + 3] for start in range(0, len(digits), 3)]
    name = "/".join([f"x{group}" for group in groups[:-1]] + groups[-1:])
    level = "entries" if ref.level == ENTRIES else str(ref.level)
    return f"tile/{level}/{name}" + (f".p/{ref.width}" if ref.width < WIDTH else "")


def parse_path(path: str) -> TileRef:
    """The inverse of `tile_path`; only its own spelling is accepted.  Raises `transferlog.bad_path`."""
    head, _, rest = path.partition("/")
    level, _, rest = rest.partition("/")
    name, partial, width = rest.partition(".p/")
    digits = "".join(group.removeprefix("x") for group in name.split("/"))
    numbers = (("0" if level == "entries" else level), digits, (width if partial else str(WIDTH)))
    if head == "tile" and all(number.isascii() and number.isdigit() and len(number) <= 18 for number in numbers):
        ref = TileRef(ENTRIES if level == "entries" else int(level), int(digits), int(numbers[2]))
        in_bounds = ref.level <= LEVEL_MAX and ref.index <= INDEX_MAX and 1 <= ref.width <= WIDTH
        if in_bounds and tile_path(ref) == path:
            return ref
    raise TransferLogError("transferlog.bad_path", "不是存证日志的文件路径", "not a path of the transfer log")


def write_bundle(leaves: Sequence[bytes]) -> bytes:
    """An entry bundle: each leaf after its length as two big-endian bytes."""
    assert all(len(leaf) <= LEAF_BYTES_MAX for leaf in leaves)
    return b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)


def parse_bundle(data: bytes, width: int) -> list[bytes]:
    """Exactly `width` leaves.  Raises `transferlog.bad_bundle`."""
    leaves: list[bytes] = []
    offset = 0
    while offset < len(data) and len(leaves) < width:
        start = offset + 2
        offset = start + int.from_bytes(data[offset:start], "big")
        leaves.append(data[start:offset])
    if len(leaves) != width or offset != len(data):
        raise TransferLogError("transferlog.bad_bundle", "条目文件长度不符", "the entry bundle does not hold the leaves it should")
    return leaves


def _exact(get_tile: GetTile, ref: TileRef) -> bytes:
    data = get_tile(ref.level, ref.index, ref.width)
    if len(data) != ref.width * HASH_BYTES:
        raise _missing(ref)
    return data


def _missing(ref: TileRef) -> TransferLogError:
    return TransferLogError(
        "transferlog.tile_missing", "缺少哈希块", "a tile is missing or short", level=ref.level, index=ref.index, width=ref.width
    )


def _hashes(data: bytes) -> list[bytes]:
    return [data[start : start + HASH_BYTES] for start in range(0, len(data), HASH_BYTES)]
