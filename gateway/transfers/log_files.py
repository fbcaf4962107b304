"""The transfer log as the files a reader fetches (C2SP tlog-tiles): checkpoint, hash tiles, entry bundles, proofs.

What lies past the present size does not exist yet, and is answered like any other unknown path: with None.
"""

from dataclasses import dataclass

from gateway.errors import TransferLogError
from gateway.storage.database import Database
from gateway.transferlog.checkpoint import parse_decimal
from gateway.transferlog.tiles import ENTRIES, WIDTH, parse_path, tile_width, write_bundle
from gateway.transfers.finality import Finality
from gateway.transfers.log_reading import LogReading
from gateway.transfers.unit_of_work import Ledger

INDEX_DIGITS_MAX = 15
FINAL = "final"


@dataclass(frozen=True, slots=True)
class LogFiles:
    """Reads as of the last commit."""

    database: Database
    reading: LogReading
    ledger: Ledger
    finality: Finality

    async def checkpoint(self) -> str:
        """The signed note of the present size and root, with the cosignatures it has by now."""
        size, _ = await self.reading.head()
        return await self.finality.note(size)

    async def checkpoint_at(self, size: str) -> str | None:
        """The note of that decimal size, or of the newest final one for `final`, with its cosignatures; None when there is none."""
        if size == FINAL:
            final = await self.finality.size()
            return await self.finality.note(final) if final else None
        newest, _ = await self.reading.head()
        wanted = parse_decimal(size)
        return await self.finality.note(wanted) if wanted is not None and wanted <= newest else None

    async def proof_of(self, scope: str, seq: str) -> tuple[str, bool] | None:
        """The proof of a scope's leaf with this decimal number, final as soon as it can be, and whether it is; None without such a leaf."""
        number = parse_decimal(seq)
        rows = await self.database.fetch("log_index_of", scope=scope, seq=number) if number is not None else []
        return await self.finality.proof(rows[0][0]) if rows else None

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
