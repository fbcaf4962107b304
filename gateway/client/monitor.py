"""The transfer log watched from outside: what a member bank, or anybody, sees of it, look after look.

Each look takes the log's present checkpoint and compares it with the last one that held: never shorter, never another root,
always an extension.  With the leaves (a member's token, or a folder) each new one is checked and kept in a mirror; without
them the public tiles prove consistency.  A head that contradicts the one kept is refused, and both notes are saved: each is
signed by the log itself, so together they convince anybody.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gateway.client.mirror import Fetch, Mirror, keep_evidence, read_note, write_file
from gateway.client.own_receipts import OwnReceipts
from gateway.errors import GatewayError, TransferLogError
from gateway.transferlog.checkpoint import NOTE_BYTES_MAX, Checkpoint, Verifier, open_checkpoint
from gateway.transferlog.continuity import Fault
from gateway.transferlog.folder import CHECKPOINT_PATH
from gateway.transferlog.merkle import EMPTY_ROOT, verify_consistency
from gateway.transferlog.tiles import TileRef, consistency_proof, consistency_tiles
from gateway.transferlog.witness import Head

FINAL_PATH: Final = "checkpoints/final"
FORKS: Final = frozenset({"transferlog.rolled_back", "transferlog.split_view", "transferlog.root_mismatch", "transferlog.leaf_changed"})
"""Findings against which both heads are saved."""


@dataclass(frozen=True, slots=True)
class Noticed:
    """One thing wrong.  `index` is the first leaf concerned, None where it is a head; `evidence` are files that prove it."""

    code: str
    zh: str
    en: str
    index: int | None = None
    evidence: tuple[str, ...] = ()


@dataclass(slots=True)
class Look:
    """One look.  `before` and `size` are the heads compared; `final` the size that a quorum cosigned, as far as was shown."""

    before: int
    size: int = 0
    final: int = 0
    leaves: int = 0
    noticed: list[Noticed] = field(default_factory=list)
    unknown: dict[str, int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return not self.noticed


class Monitor:
    """Keeps what it saw in `folder`.  `fetch` reads below `/log/`; `keys` are the log's and the witnesses', the log's first."""

    def __init__(
        self, folder: Path, keys: Sequence[Verifier], quorum: int, fetch: Fetch, mirror: Mirror | None, receipts: OwnReceipts | None = None
    ) -> None:
        self._folder = folder
        self._keys = keys
        self._quorum = quorum
        self._fetch = fetch
        self._mirror = mirror
        self._receipts = receipts

    async def look(self) -> Look:
        """Compare, check, keep.  Raises PeerError when the log cannot be read now; what is wrong with it is in the result."""
        kept = read_note(self._folder)
        held = self._held(kept)
        look = Look(held.size)
        note = await self._note(CHECKPOINT_PATH)
        try:
            shown = open_checkpoint(note, self._keys)
        except TransferLogError as error:
            look.noticed.append(Noticed(error.code, error.zh, error.en))
            return look
        look.size = shown.size
        found = await self._compare(held, shown)
        if found is not None:
            index, fault = found
            evidence = keep_evidence(self._folder, kept, note) if fault.code in FORKS else ()
            look.noticed.append(Noticed(fault.code, fault.zh, fault.en, index, evidence))
            return look
        look.leaves = shown.size - held.size if self._mirror is not None else 0
        write_file(self._folder / CHECKPOINT_PATH, note.encode("utf-8"))
        if self._mirror is not None:
            self._mirror.tidy(held, Head(shown.size, shown.root))
            look.unknown = self._mirror.unknown
        look.final = await self._final(shown)
        look.noticed += await self._gaps(shown.size)
        return look

    def _held(self, note: str) -> Head:
        if not note:
            return Head(0, EMPTY_ROOT)
        checkpoint = open_checkpoint(note, self._keys[:1])
        return Head(checkpoint.size, checkpoint.root)

    async def _compare(self, held: Head, shown: Checkpoint) -> tuple[int | None, Fault] | None:
        if shown.size < held.size:
            return shown.size, Fault("transferlog.rolled_back", "日志短于以前见过的检查点", "the log is shorter than a head seen before")
        if shown.size == held.size and shown.root != held.root:
            return None, Fault("transferlog.split_view", "同一大小有两个根", "two roots of one size: the log shows two histories")
        if self._mirror is not None:
            found = await self._mirror.follow(held, Head(shown.size, shown.root))
            return None if found is None else (found.index, found.fault)
        return await self._consistent(held, shown)

    async def _consistent(self, held: Head, shown: Checkpoint) -> tuple[int | None, Fault] | None:
        if held.size in {0, shown.size}:
            return None
        tiles = {ref: await self._fetch(ref.path) for ref in consistency_tiles(held.size, shown.size)}
        try:
            proof = consistency_proof(held.size, shown.size, lambda level, index, width: tiles[TileRef(level, index, width)])
            verify_consistency(held.size, shown.size, held.root, shown.root, proof)
        except TransferLogError:
            return None, Fault("transferlog.split_view", "新检查点不延续以前见过的", "the log does not extend a head seen before")
        return None

    async def _final(self, shown: Checkpoint) -> int:
        """The newest size with a quorum, as shown now; 0 where none is shown."""
        if len({each.name for each in shown.cosigned}) >= self._quorum:
            return shown.size
        with suppress(GatewayError):
            return open_checkpoint(await self._note(FINAL_PATH), self._keys, cosigners_min=self._quorum).size
        return 0

    async def _gaps(self, size: int) -> list[Noticed]:
        if self._receipts is None or self._mirror is None:
            return []
        found = await self._receipts.gone(size, self._mirror.own)
        self._receipts.settle()
        shown = read_note(self._folder)
        return [
            Noticed(each.fault.code, each.fault.zh, each.fault.en, each.index, keep_evidence(self._folder, each.proof, shown))
            for each in found
        ]

    async def _note(self, path: str) -> str:
        data = await self._fetch(path)
        return data[: NOTE_BYTES_MAX + 1].decode("utf-8", "replace")


def folder_fetch(folder: Path) -> Fetch:
    """An exported log, read as if over HTTP.  A file that is not there is `transferlog.file_missing`."""

    async def fetch(path: str) -> bytes:
        try:
            return (folder / path).read_bytes()
        except OSError as error:
            raise TransferLogError("transferlog.file_missing", "存证日志缺少文件", "a file of the log is missing", path=path) from error

    return fetch
