"""The log as a folder of files in the tlog-tiles layout, both ways, as pairs of path and bytes.

What is exported is what is served: `checkpoint`, `tile/<L>/<N>[.p/<W>]`, `tile/entries/<N>[.p/<W>]`.  An auditor reads
the same files back through one `read(path)`, from a memory stick or over HTTP, without the gateway.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from gateway.errors import TransferLogError
from gateway.transferlog.tiles import ENTRIES, WIDTH, GetTile, TileRef, all_tiles, parse_bundle, tile_width, write_bundle

CHECKPOINT_PATH = "checkpoint"
ReadLeaves: TypeAlias = Callable[[int, int], Sequence[bytes]]
"""Leaves `[first, end)` in order."""
ReadFile: TypeAlias = Callable[[str], bytes]
"""A relative path to the file's bytes; raises TransferLogError, KeyError or OSError when it is not there."""


def export_files(size: int, checkpoint: str, get_tile: GetTile, read_leaves: ReadLeaves) -> Iterator[tuple[str, bytes]]:
    """Every file of a log of `size`, entries first and the checkpoint last, so that a cut-off export has no head."""
    for index in range((size + WIDTH - 1) // WIDTH):
        ref = TileRef(ENTRIES, index, tile_width(size, ENTRIES, index))
        yield ref.path, write_bundle(read_leaves(index * WIDTH, index * WIDTH + ref.width))
    for ref in all_tiles(size):
        yield ref.path, get_tile(ref.level, ref.index, ref.width)
    yield CHECKPOINT_PATH, checkpoint.encode("utf-8")


def folder_paths(size: int) -> Iterator[str]:
    """The path of every file of a log of `size`, as `export_files` has them."""
    for index in range((size + WIDTH - 1) // WIDTH):
        yield TileRef(ENTRIES, index, tile_width(size, ENTRIES, index)).path
    for ref in all_tiles(size):
        yield ref.path
    yield CHECKPOINT_PATH


def folder_tiles(read: ReadFile) -> GetTile:
    """A `GetTile` over files."""

    def get_tile(level: int, index: int, width: int) -> bytes:
        return _read(read, TileRef(level, index, width).path)

    return get_tile


def folder_entries(read: ReadFile, size: int) -> Iterator[tuple[int, bytes]]:
    """`(index, leaf)` in order, one bundle in memory at a time.  Raises `transferlog.bad_bundle` or `.file_missing`."""
    for index in range((size + WIDTH - 1) // WIDTH):
        ref = TileRef(ENTRIES, index, tile_width(size, ENTRIES, index))
        yield from enumerate(parse_bundle(_read(read, ref.path), ref.width), index * WIDTH)


def _read(read: ReadFile, path: str) -> bytes:
    try:
        return read(path)
    except (KeyError, OSError) as error:
        raise TransferLogError("transferlog.file_missing", "存证日志缺少文件", "a file of the log is missing", path=path) from error
