"""A bank's own copy of the transfer log: fetched, checked leaf by leaf, and written in the layout in which it is exported.

The tree is grown from the leaves themselves, so a copy whose root is the checkpoint's *is* that log.  Files are durable
before the checkpoint beside them is replaced; what a crash leaves behind lies past the checkpoint and is written anew.
On a fault everything in memory is dropped and read again from the files under the last good checkpoint.
"""

import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeAlias

from gateway.client.own_leaves import Book, signature_fault
from gateway.errors import TransferLogError
from gateway.federation.registry import TrustFile
from gateway.transferlog.continuity import Continuity, Fault
from gateway.transferlog.folder import CHECKPOINT_PATH, folder_entries
from gateway.transferlog.leaf import Leaf, parse_leaf
from gateway.transferlog.merkle import EMPTY_ROOT, HASH_BYTES, leaf_hash
from gateway.transferlog.tiles import ENTRIES, WIDTH, TileRef, TreeState, append, edge_tiles, parse_bundle, tile_width, write_bundle
from gateway.transferlog.witness import Head

EVIDENCE: Final = "evidence"
EVIDENCE_MAX: Final = 200
Fetch: TypeAlias = Callable[[str], Awaitable[bytes]]
"""A path below `/log/` to the file's bytes.  Raises PeerError, or what the other side names."""


@dataclass(frozen=True, slots=True)
class Found:
    """The first leaf that is not as it must be."""

    index: int
    fault: Fault

    def error(self) -> TransferLogError:
        return TransferLogError(self.fault.code, self.fault.zh, self.fault.en, index=self.index)


class _Grown:
    """The log as far as it was checked.  `own`: index to leaf hash of the bank's own acts."""

    def __init__(self, member: str) -> None:
        self.member = member
        self.tree = TreeState()
        self.continuity = Continuity()
        self.own: dict[int, bytes] = {}
        self.unknown: dict[str, int] = {}

    def take(self, index: int, leaf: Leaf, hashed: bytes) -> Fault | None:
        """One more leaf, in order."""
        if leaf.iss == self.member and leaf.n == 0:
            self.own[index] = hashed
        if not leaf.known:
            self.unknown.setdefault(leaf.type, index)
        return self.continuity.check(leaf)


class Mirror:
    """One folder of one log.  `follow` brings it to a checkpoint's size; only the caller moves the checkpoint file itself."""

    def __init__(self, folder: Path, member: str, trust: Callable[[], TrustFile], fetch: Fetch, book: Book | None = None) -> None:
        self._folder = folder
        self._member = member
        self._trust = trust
        self._fetch = fetch
        self._book = book
        self._grown: _Grown | None = None

    @property
    def own(self) -> dict[int, bytes]:
        """Index to leaf hash of this bank's own acts, as far as the log was followed."""
        return self._grown.own if self._grown is not None else {}

    @property
    def unknown(self) -> dict[str, int]:
        """Types of leaves that this version does not know, with their first index."""
        return self._grown.unknown if self._grown is not None else {}

    @property
    def size(self) -> int:
        """Leaves checked."""
        return self._grown.tree.size if self._grown is not None else 0

    async def follow(self, held: Head, to: Head) -> Found | None:
        """Fetch and check what is new up to `to`; None when all of it holds and lies on the disk.

        Raises PeerError when nothing could be fetched (what was checked stays), TransferLogError for a damaged copy of our own.
        """
        grown = self._grown if self._grown is not None and held.size <= self._grown.tree.size <= to.size else self._load(held)
        self._grown = grown
        while grown.tree.size < to.size:
            found = await self._bundle(grown, to.size)
            if found is not None:
                if found.fault.code != "transferlog.bad_envelope":  # a newer trust file may know the key
                    self._grown = None
                return found
        if grown.tree.root() != to.root:
            self._grown = None
            fault = Fault("transferlog.root_mismatch", "叶与已签名的根不符", "the leaves do not give the root of the checkpoint")
            return Found(held.size, fault)
        self._write_edge(grown.tree)
        return None

    def tidy(self, held: Head, to: Head) -> None:
        """Remove unfinished files of the size before, after the checkpoint has moved."""
        present = {ref.path for ref in _edge(to.size)}
        for ref in _edge(held.size):
            if ref.path not in present:
                file = self._folder / ref.path
                file.unlink(missing_ok=True)
                with suppress(OSError):
                    file.parent.rmdir()

    async def _bundle(self, grown: _Grown, size: int) -> Found | None:
        """The next bundle: every question that needs nothing but the leaf first, then those that must be remembered."""
        tree = grown.tree
        ref = TileRef(ENTRIES, tree.size // WIDTH, tile_width(size, ENTRIES, tree.size // WIDTH))
        leaves = parse_bundle(await self._fetch(ref.path), ref.width)
        known = tree.size % WIDTH
        hashes = [leaf_hash(leaf) for leaf in leaves]
        if known and b"".join(hashes[:known]) != tree.tails[0]:
            return Found(
                tree.size - known, Fault("transferlog.leaf_changed", "叶与以前所见不同", "a leaf is not the one that stood there before")
            )
        parsed: list[tuple[int, Leaf]] = []
        for index, raw in enumerate(leaves[known:], tree.size):
            try:
                leaf = parse_leaf(raw)
            except TransferLogError as error:
                return Found(index, Fault(error.code, error.zh, error.en))
            wrong = signature_fault(self._trust(), index, leaf) or (await self._book.fault(leaf) if self._book is not None else None)
            if wrong is not None:
                return Found(index, wrong)
            parsed.append((index, leaf))
        for index, leaf in parsed:
            broken = grown.take(index, leaf, hashes[index - tree.size + known])
            if broken is not None:
                return Found(index, broken)
        added = append(tree, hashes[known:])
        write_file(self._folder / ref.path, write_bundle(leaves))
        for tile in added.writes:
            if len(tile.data) == WIDTH * HASH_BYTES:
                write_file(self._folder / TileRef(tile.level, tile.index).path, tile.data)
        grown.tree = added.state
        return None

    def _write_edge(self, tree: TreeState) -> None:
        for ref in edge_tiles(tree.size):
            write_file(self._folder / ref.path, tree.tails[ref.level])

    def _load(self, held: Head) -> _Grown:
        """From our own files under the head we hold.  Raises TransferLogError when they are not that log any more."""
        grown = _Grown(self._member)
        batch: list[bytes] = []
        for index, raw in folder_entries(lambda path: (self._folder / path).read_bytes(), held.size):
            batch.append(leaf_hash(raw))
            fault = grown.take(index, parse_leaf(raw), batch[-1])
            if fault is not None:
                raise Found(index, fault).error()
            if len(batch) == WIDTH:
                grown.tree, batch = append(grown.tree, batch).state, []
        grown.tree = append(grown.tree, batch).state
        if grown.tree.root() != (held.root if held.size else EMPTY_ROOT):
            raise TransferLogError("transferlog.root_mismatch", "本地副本与其检查点不符", "our own copy is not the log of its checkpoint")
        return grown


def write_file(file: Path, data: bytes) -> None:
    """Replace a file as one step, durably: beside it, flushed, renamed, and the folder flushed too."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(file.name + ".new")
    with beside.open("wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    beside.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def keep_evidence(folder: Path, *texts: str) -> tuple[str, ...]:
    """Heads and proofs that contradict each other, each under the digest of its text: the same evidence is one file however often seen.

    Gives their places below `folder`.
    """
    place, names = folder / EVIDENCE, []
    for text in filter(None, texts):
        file = place / f"{sha256(text.encode('utf-8')).hexdigest()[:16]}.txt"
        if not file.exists() and (not place.exists() or len(list(place.iterdir())) < EVIDENCE_MAX):
            write_file(file, text.encode("utf-8"))
        names.append(str(file.relative_to(folder)))
    return tuple(names)


def read_note(folder: Path) -> str:
    """The checkpoint beside the files; "" before the first."""
    file = folder / CHECKPOINT_PATH
    return file.read_bytes().decode("utf-8", "replace") if file.exists() else ""


def _edge(size: int) -> list[TileRef]:
    bundle = [TileRef(ENTRIES, size // WIDTH, size % WIDTH)] if size % WIDTH else []
    return bundle + edge_tiles(size)
