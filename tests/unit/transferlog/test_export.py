"""The exported folder over a log that grows: full tiles once, unfinished ones for the last checkpoints (TL-54 to TL-56)."""

from pathlib import Path
from typing import Any

from gateway.transferlog.audit import audit_folder
from gateway.transferlog.tiles import TileRef
from gateway.transfers.log_export import LogExport


class Growing:
    """A log that grows: the reading half of a database over leaves in memory."""

    def __init__(self, shop: Any, most: int) -> None:
        self._shop = shop
        self._leaves = shop.honest(most)
        self._rows = shop.stored([])
        self.size = 0

    async def checkpoint(self) -> str:
        self._rows = self._shop.stored(self._leaves[: self.size])
        return str(self._rows.note.decode())

    async def root(self, size: int) -> bytes:
        return bytes(self._shop.stored(self._leaves[:size]).root)

    async def entries(self, first: int, end: int) -> list[bytes]:
        return list(self._rows.leaves[first:end])

    async def tiles(self, refs: list[TileRef]) -> dict[TileRef, bytes]:
        return {ref: self._rows.get_tile(ref.level, ref.index, ref.width) for ref in refs}


async def test_export_when_a_tile_is_full_then_written_once_whole(shop: Any, tmp_path: Path) -> None:
    reading: Any = Growing(shop, 1200)
    made = LogExport(reading, reading.checkpoint, tmp_path)
    for size in (0, 3, 256, 300, 777, 1200):
        reading.size = size
        assert await made.publish() == size
        report = audit_folder(lambda path: (tmp_path / path).read_bytes(), [shop.Signer(shop.origin).verifier])
        assert (report.finding, report.leaves) == (None, size)
    assert (tmp_path / "tile/0/000").stat().st_size == 8192
    assert sorted(file.name for file in (tmp_path / "tile/0").iterdir()) == ["000", "001", "001.p", "002", "003", "003.p", "004.p"]
