"""Reading the transfer log's rows back: tiles for proofs, the tree's edge, entries, whole-log export.

Storage knows rows, `transferlog` knows trees; this file brings one to the other.
"""

import json
from collections.abc import Iterable, Sequence

from gateway.errors import TransferLogError
from gateway.storage.database import Database
from gateway.transferlog.merkle import leaf_hash
from gateway.transferlog.tiles import WIDTH, TileRef, TreeState, edge_tiles, inclusion_tiles, restore


class LogReading:
    """Async reads of the log as of the last commit."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def head(self) -> tuple[int, bytes]:
        """Stored size and root."""
        size, root, _ = (await self._database.fetch("head"))[0]
        return size, root

    async def tree(self) -> TreeState:
        """The appender's state.  Raises TransferLogError when tiles and head disagree: the log is closed then."""
        size, root = await self.head()
        tiles = await self.tiles(edge_tiles(size))
        state = restore(size, lambda level, index, width: tiles[TileRef(level, index, width)])
        if state.root() != root:
            raise TransferLogError(
                "transferlog.broken_chain", "存证日志与其根不符", "the stored tiles do not give the stored root", size=size
            )
        return state

    async def tiles(self, refs: Iterable[TileRef]) -> dict[TileRef, bytes]:
        """Each tile exactly as wide as asked.  A partial level-0 tile is hashed from its entries."""
        wanted = list(dict.fromkeys(refs))
        rows: dict[int, bytes] = dict(await self._database.fetch("log_tiles_by_id", ids=json.dumps([ref.id for ref in wanted])))
        found: dict[TileRef, bytes] = {}
        for ref in wanted:
            data = rows.get(ref.id)
            if data is None and ref.level == 0:
                leaves = await self.entries(ref.index * WIDTH, ref.index * WIDTH + ref.width)
                data = b"".join(map(leaf_hash, leaves))
            if data is None or len(data) < ref.width * 32:
                raise TransferLogError(
                    "transferlog.tile_missing", "缺少哈希块", "a tile is missing or short", level=ref.level, index=ref.index
                )
            found[ref] = data[: ref.width * 32]
        return found

    async def tiles_for(self, index: int, size: int) -> dict[TileRef, bytes]:
        """What an inclusion proof reads."""
        return await self.tiles(inclusion_tiles(index, size))

    async def root(self, size: int) -> bytes:
        """The root the log had at an earlier size."""
        current, root = await self.head()
        if size == current:
            return root
        tiles = await self.tiles(edge_tiles(size))
        return restore(size, lambda level, index, width: tiles[TileRef(level, index, width)]).root()

    async def entries(self, first: int, end: int) -> Sequence[bytes]:
        """Leaves `[first, end)`.  Raises TransferLogError when one is missing."""
        rows = await self._database.fetch("log_entries_range", first=first, end=end)
        if [row[0] for row in rows] != list(range(first, end)):
            raise TransferLogError("transferlog.broken_chain", "存证日志缺少条目", "an entry of the log is missing", first=first, end=end)
        return [row[1] for row in rows]

    async def scope(self, scope: str) -> list[tuple[int, int, bytes]]:
        """Every leaf of one scope: `(seq, index, leaf)`."""
        return [(row[0], row[1], row[2]) for row in await self._database.fetch("log_scope", scope=scope)]
