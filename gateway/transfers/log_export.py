"""The log kept as a folder that any web server can serve (C2SP tlog-tiles): no database behind it, no process of ours.

Full tiles and bundles are written once and never touched again; the unfinished ones are written for each checkpoint that is published
and kept for `KEPT` checkpoints, so that a reader with the one before still finds them; then the full one stands in their place.
Every file by temporary name, flush and rename; the checkpoint last, so that whatever it names is there.
A folder that holds a longer log, or another one, is left as it is: it is evidence.  docs/transfer-log.md, TL-54 to TL-57.
"""

import asyncio
import os
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import structlog

from gateway.errors import GatewayError, TransferLogError
from gateway.transferlog.checkpoint import TreeHead, parse_checkpoint, split_note
from gateway.transferlog.folder import CHECKPOINT_PATH
from gateway.transferlog.tiles import ENTRIES, WIDTH, TileRef, edge_tiles, levels_of, tile_width, write_bundle
from gateway.transfers.log_reading import LogReading

log = structlog.get_logger("gateway.log_export")
KEPT: Final = 3


class LogExport:
    """One folder.  `checkpoint` gives the signed note to publish, of the present size or an earlier one."""

    def __init__(self, reading: LogReading, checkpoint: Callable[[], Awaitable[str]], folder: Path) -> None:
        self._reading = reading
        self._checkpoint = checkpoint
        self._folder = folder
        self._size: int | None = None
        self._partial: deque[list[TileRef]] = deque()

    async def run(self, every_s: float) -> None:
        """Publish every `every_s` seconds, until cancelled.  What cannot be written now is written at the next turn."""
        while True:
            try:
                await self.publish()
            except (OSError, GatewayError) as error:
                log.warning("log_export_failed", code=getattr(error, "code", type(error).__name__))
            await asyncio.sleep(every_s)

    async def publish(self) -> int:
        """Bring the folder up to the present checkpoint; gives its size.  Raises OSError, StorageError, TransferLogError."""
        note = await self._checkpoint()
        head = head_of(note)
        if self._size is None:
            self._size = await self._begun(head)
        if head.size < self._size:
            raise _contradicts(head.size, self._size)
        for level in (ENTRIES, *range(levels_of(head.size))):
            await self._level(level, self._size, head.size)
        await asyncio.to_thread(put_file, self._folder, CHECKPOINT_PATH, note.encode("utf-8"))
        if head.size > self._size:
            self._size = head.size
            self._partial.append(_unfinished(head.size))
            await asyncio.to_thread(self._tidy)
        return head.size

    async def _begun(self, head: TreeHead) -> int:
        """The size up to which the folder is written already; refused where it is not this log's beginning."""
        file = self._folder / CHECKPOINT_PATH
        if not file.exists():
            return 0
        found = head_of(file.read_text("utf-8"))
        if found.origin != head.origin or found.size > head.size or await self._reading.root(found.size) != found.root:
            raise _contradicts(head.size, found.size)
        self._partial.append(_unfinished(found.size))
        return found.size

    async def _level(self, level: int, before: int, size: int) -> None:
        """One level's tiles from where they were unfinished."""
        shift = 8 * max(level, 0)
        for index in range((before >> shift) // WIDTH, -(-(size >> shift) // WIDTH)):
            ref = TileRef(level, index, tile_width(size, level, index))
            await asyncio.to_thread(put_file, self._folder, ref.path, await self._data(ref))

    async def _data(self, ref: TileRef) -> bytes:
        if ref.level == ENTRIES:
            return write_bundle(await self._reading.entries(ref.index * WIDTH, ref.index * WIDTH + ref.width))
        return (await self._reading.tiles([ref]))[ref]

    def _tidy(self) -> None:
        """Unfinished tiles of checkpoints long past."""
        while len(self._partial) > KEPT:
            for ref in set(self._partial.popleft()).difference(*self._partial):
                file = self._folder / ref.path
                file.unlink(missing_ok=True)
                if not any(file.parent.iterdir()):
                    file.parent.rmdir()


def _unfinished(size: int) -> list[TileRef]:
    """The tiles and the bundle that are not full at this size."""
    bundle = TileRef(ENTRIES, size // WIDTH, size % WIDTH)
    return [*([bundle] if bundle.width else []), *edge_tiles(size)]


def head_of(note: str) -> TreeHead:
    """What a signed note says, nothing verified.  Raises `transferlog.bad_note`, `.bad_checkpoint`."""
    return parse_checkpoint(split_note(note)[0])


def put_file(folder: Path, path: str, data: bytes) -> None:
    """Written whole or not at all, and on the disk when this returns."""
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(target.name + ".tmp")
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(target)
    handle = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _contradicts(size: int, found: int) -> TransferLogError:
    return TransferLogError(
        "transferlog.export_contradicts",
        "导出目录中是另一份或更长的日志",
        "the export folder holds another log, or a longer one",
        size=size,
        found=found,
    )
