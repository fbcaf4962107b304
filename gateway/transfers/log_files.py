"""The transfer log as the files a reader fetches (C2SP tlog-tiles): checkpoint, hash tiles, entry bundles, proofs.

What lies past the present size does not exist yet, and is answered like any other unknown path: with None.
"""

from dataclasses import dataclass

from gateway.errors import TransferLogError
from gateway.transferlog.tiles import ENTRIES, WIDTH, parse_path, tile_width, write_bundle
from gateway.transfers.log_reading import LogReading
from gateway.transfers.unit_of_work import Ledger

INDEX_DIGITS_MAX = 15


@dataclass(frozen=True, slots=True)
class LogFiles:
    """Reads as of the last commit."""

    reading: LogReading
    ledger: Ledger

    async def checkpoint(self) -> str:
        """The signed note of the present size and root."""
        _, note = await self.ledger.head()
        return note

    async def tile(self, path: str) -> bytes | None:
        """The bytes of `tile/<L>/<N>[.p/<W>]` or `tile/entries/…`; None for a wrong spelling or a width above the present size.

        Raises TransferLogError when the stored log lacks what it must have.
        """
        size, _ = await self.reading.head()
        try:
            ref = parse_path(path)
        except TransferLogError:
            return None
        if ref.width > tile_width(size, ref.level, ref.index):
            return None
        if ref.level == ENTRIES:
            return write_bundle(await self.reading.entries(ref.index * WIDTH, ref.index * WIDTH + ref.width))
        return (await self.reading.tiles([ref]))[ref]

    async def proof(self, index: str) -> str | None:
        """The inclusion proof, as text, of the leaf with this decimal index at the present size; None when there is no such leaf."""
        size, _ = await self.reading.head()
        if not (index.isascii() and index.isdecimal() and len(index) <= INDEX_DIGITS_MAX and int(index) < size):
            return None
        return await self.ledger.proof(int(index), size)


def is_bundle(path: str) -> bool:
    """Whether a path asks for leaves themselves, which only members may read."""
    return path.startswith("tile/entries/")
