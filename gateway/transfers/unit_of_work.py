"""The one place where a batch of changes becomes one transaction.

Under the write lock: read in bulk, let each change act on the view, number the leaves, extend the
tree, write everything, move the head.  Checkpoint note and proofs are made after COMMIT from the
stored size and root, so nothing is ever signed that is not durable; one signature serves a batch.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from gateway.errors import StorageError
from gateway.model.ports import Clock
from gateway.storage.committer import Decided
from gateway.storage.database import FencedError, Read, Row, UnreadError, Write
from gateway.storage.rows import AgreementRow
from gateway.transferlog import merkle
from gateway.transferlog.checkpoint import sign_note, write_checkpoint
from gateway.transferlog.merkle import leaf_hash
from gateway.transferlog.proof import write_proof
from gateway.transferlog.tiles import Appended, TileHashes, TileRef, TreeState, append, inclusion_proof
from gateway.transfers.answers import Answer
from gateway.transfers.batch_reads import reads_for
from gateway.transfers.case import utc_text
from gateway.transfers.claims import cases_named
from gateway.transfers.log_reading import LogReading
from gateway.transfers.view import RegistryRows, View, Wants

NOTES_KEPT = 16


class Change(Protocol):
    """One message's effect.  `apply` is pure but for the view it is given, and runs on the writer's thread."""

    @property
    def wants(self) -> Wants: ...

    def apply(self, view: View) -> Answer: ...


class NoteSigner(Protocol):
    """The log's own key."""

    @property
    def name(self) -> str: ...

    @property
    def key_id(self) -> bytes: ...

    def sign(self, message: bytes) -> bytes: ...


class Ledger:
    """Decides batches: leaves, tiles and head in one transaction (TL-23).

    Keeps the tree's edge in memory, never ahead of a COMMIT (TL-29).
    """

    def __init__(
        self,
        reading: LogReading,
        clock: Clock,
        signer: NoteSigner,
        wake: Callable[[set[str]], None],
        agreed: Callable[[Mapping[str, AgreementRow]], None],
    ) -> None:
        """`agreed` hears of the agreements as of each commit: the same object while none has changed."""
        self._reading = reading
        self._clock = clock
        self._signer = signer
        self._wake = wake
        self._agreed = agreed
        self._tree = TreeState()
        self._recent: OrderedDict[int, tuple[str, TileHashes]] = OrderedDict()
        self._registry: RegistryRows | None = None
        self._planned: tuple[str, ...] = ()
        self._unread: set[str] = set()
        self._unread_learners: set[tuple[str, str, str]] = set()
        self._unread_flags: set[str] = set()
        self.stopped = False
        """While set, no leaf is taken: a witness contradicts this log (TL-40)."""

    @property
    def size(self) -> int:
        """Leaves in the log as of the last commit of this process."""
        return self._tree.size

    async def reset(self) -> None:
        """Load the tree's edge from the database and compare it with the stored head (TL-24)."""
        self._recent.clear()
        self._registry = None
        self._unread.clear()
        self._unread_learners.clear()
        self._unread_flags.clear()
        self._tree = await self._reading.tree()

    def plan(self, changes: Sequence[Change]) -> Sequence[Read]:
        wants = [change.wants for change in changes]
        if self._unread or self._unread_learners or self._unread_flags:  # rare: an outcome touches two cases; a cap is new; a flag follows
            named = tuple(self._unread), tuple(self._unread_learners), tuple(self._unread_flags)
            wants.append(Wants(transfers=named[0], learners=named[1], flags=named[2]))
        reads = reads_for(wants, registry=self._registry is None)
        self._planned = tuple(read.name for read in reads)
        return reads

    def decide(self, changes: Sequence[Change], rows: Sequence[list[Row]]) -> Decided[Answer]:
        size, _, head_at = rows[0][0]
        if size != self._tree.size:
            raise FencedError("the log grew under another writer")
        at = max(self._clock.now(), datetime.fromisoformat(head_at)) if head_at else self._clock.now()
        named = dict(zip(self._planned, rows, strict=True))
        registry = self._registry or RegistryRows.load(named)
        view = View.load(named, registry, at.astimezone(UTC), utc_text(at.astimezone(UTC)))
        try:
            answers = [change.apply(view) for change in changes]
        except UnreadError:
            self._unread |= cases_named(view.outcomes.values()) - view.transfers.keys()
            self._unread_learners |= view.unread
            self._unread_flags |= view.flags.unread
            raise
        if not view.leaves:
            return Decided(view.writes(size), answers, lambda: self._committed(view, None))
        if self.stopped:
            raise StorageError(
                "storage.log_stopped", "存证日志已停止写入,等待核查", "the transfer log is stopped: a witness contradicts it"
            )
        grown = append(self._tree, [leaf_hash(leaf.data) for leaf in view.leaves])
        writes = [
            *view.writes(grown.state.size),
            Write("log_tile_put", [(tile.id, tile.data) for tile in grown.writes]),
            Write("head_move", [(grown.state.size, grown.root, view.at_text, size)], hits=1),
        ]
        answers = [
            replace(answer, size=grown.state.size) if answer.leaf is not None and answer.size is None else answer for answer in answers
        ]
        return Decided([write for write in writes if write.rows], answers, lambda: self._committed(view, grown))

    def _committed(self, view: View, grown: Appended | None) -> None:
        self._registry = RegistryRows(view.members, view.keys, view.numbers, view.agreements, view.rules)
        self._unread.clear()
        self._unread_learners.clear()
        self._unread_flags.clear()
        if grown is not None:
            self._keep(grown)
        self._agreed(view.agreements)
        self._wake(view.lanes)

    def _keep(self, grown: Appended) -> None:
        self._tree = grown.state
        tiles = {TileRef(tile.level, tile.index, len(tile.data) // 32): tile.data for tile in grown.writes}
        size = grown.state.size
        for level, tail in enumerate(grown.state.tails):
            if tail:
                tiles[TileRef(level, size >> 8 * (level + 1), len(tail) // 32)] = tail
        self._recent[size] = (self.note(size, grown.root), TileHashes(_reader(tiles)))
        if len(self._recent) > NOTES_KEPT:
            self._recent.popitem(last=False)

    def note(self, size: int, root: bytes) -> str:
        """The signed checkpoint of a stored size and root.  Ed25519 is deterministic: a repeat gets the same note."""
        return sign_note(write_checkpoint(self._signer.name, size, root), self._signer.name, self._signer.key_id, self._signer.sign)

    async def proof(self, index: int, size: int) -> str:
        """The tlog-proof text of a leaf in the tree of `size`."""
        recent = self._recent.get(size)
        if recent is not None:
            note, hashes = recent
            try:
                return write_proof(index, merkle.inclusion_proof(index, size, hashes.at(size)), note)
            except KeyError:  # a tile from before this batch: take the long way
                pass
        tiles = await self._reading.tiles_for(index, size)
        root = await self._reading.root(size)
        return write_proof(index, inclusion_proof(index, size, _reader(tiles)), self.note(size, root))

    async def head(self) -> tuple[int, str]:
        """Size and signed checkpoint of what is stored now."""
        size, root = await self._reading.head()
        return size, self.note(size, root)


def _reader(tiles: dict[TileRef, bytes]) -> Callable[[int, int, int], bytes]:
    def get_tile(level: int, index: int, width: int) -> bytes:
        return tiles[TileRef(level, index, width)]

    return get_tile
