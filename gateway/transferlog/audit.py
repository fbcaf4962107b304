"""Audit of a whole log from any copy of it: rows, files, or a bank's mirror.  No trust in who keeps it.

One pass in index order: hash each leaf, compare with its tile, grow the tree and compare every tile above, compare the
root wherever one is known, and ask of each leaf whether it fits the ones before.  The first thing wrong
ends it and is named.  Memory stays flat but for what `continuity` must remember.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeAlias

from gateway.errors import TransferLogError
from gateway.transferlog import merkle
from gateway.transferlog.checkpoint import Checkpoint, Verifier, open_checkpoint
from gateway.transferlog.continuity import Continuity, Fault
from gateway.transferlog.folder import CHECKPOINT_PATH, ReadFile, folder_entries, folder_tiles
from gateway.transferlog.leaf import Leaf, parse_leaf
from gateway.transferlog.merkle import HASH_BYTES
from gateway.transferlog.tiles import WIDTH, GetTile, TreeState, append, tile_width

CheckLeaf: TypeAlias = Callable[[int, Leaf], Fault | None]
"""A caller's own question to each leaf, as whether its envelope's signature holds; index and leaf in, fault or None out."""
Progress: TypeAlias = Callable[[int, int], None]
"""`(leaves done, leaves in all)`."""


@dataclass(frozen=True, slots=True)
class LogSource:
    """A copy of a log.  `root` is the stored head's, None where there is none beside the checkpoint.

    `earlier` are heads `(size, root)` one has seen before: of an earlier audit, of cosignatures.
    """

    size: int
    root: bytes | None
    entries: Iterable[tuple[int, bytes]]
    get_tile: GetTile
    checkpoint: bytes | None = None
    verifiers: Sequence[Verifier] = ()
    earlier: Sequence[tuple[int, bytes]] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """The first thing wrong.  Leaves `index` to `through` are concerned; both None when it is head or checkpoint alone."""

    index: int | None
    through: int | None
    code: str
    zh: str
    en: str


@dataclass(slots=True)
class AuditReport:
    """`leaves` were found good before the audit ended; `unknown` maps a leaf type nobody here knows to its first index."""

    size: int
    leaves: int = 0
    root: bytes = merkle.EMPTY_ROOT
    checkpoint: Checkpoint | None = None
    finding: Finding | None = None
    types: dict[str, int] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return self.finding is None


class _FaultFoundError(Exception):
    """Ends the pass from inside; never leaves this module."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.code)
        self.finding = finding


def audit(source: LogSource, *, cosigners_min: int = 0, check: CheckLeaf | None = None, progress: Progress | None = None) -> AuditReport:
    """Never raises for what is wrong with the log: the report's `finding` names it."""
    report = AuditReport(source.size)
    try:
        report.checkpoint = _open(source, cosigners_min)
        _Pass(source, report, check).run(progress)
    except _FaultFoundError as fault:
        report.finding = fault.finding
    return report


def audit_folder(
    read: ReadFile,
    verifiers: Sequence[Verifier],
    *,
    cosigners_min: int = 0,
    check: CheckLeaf | None = None,
    progress: Progress | None = None,
    earlier: Sequence[tuple[int, bytes]] = (),
) -> AuditReport:
    """`audit` of an exported folder (`folder.export_files`): size and root are the signed checkpoint's.

    Raises nothing for a bad folder; a missing or unreadable checkpoint is a finding too.
    """
    try:
        note = read(CHECKPOINT_PATH)
        head = open_checkpoint(_text(note), verifiers)
    except TransferLogError as error:
        return AuditReport(0, finding=Finding(None, None, error.code, error.zh, error.en))
    except (KeyError, OSError):
        return AuditReport(0, finding=Finding(None, None, "transferlog.file_missing", "缺少检查点文件", "there is no checkpoint file"))
    entries = folder_entries(read, head.size)
    source = LogSource(head.size, None, entries, folder_tiles(read), note, verifiers, earlier)
    return audit(source, cosigners_min=cosigners_min, check=check, progress=progress)


def _open(source: LogSource, cosigners_min: int) -> Checkpoint | None:
    if source.checkpoint is None:
        return None
    try:
        checkpoint = open_checkpoint(_text(source.checkpoint), source.verifiers, cosigners_min=cosigners_min)
    except TransferLogError as error:
        raise _found(None, None, error) from error
    return checkpoint


def _text(note: bytes) -> str:
    try:
        return note.decode("utf-8")
    except UnicodeDecodeError as error:
        raise TransferLogError("transferlog.bad_note", "不是签名文本", "not a signed note", reason="not UTF-8") from error


class _Pass:
    def __init__(self, source: LogSource, report: AuditReport, check: CheckLeaf | None) -> None:
        self._source = source
        self._report = report
        self._check = check
        self._state = TreeState()
        self._continuity = Continuity()
        self._upper: dict[int, tuple[int, bytes]] = {}
        self._agreed = 0

    def run(self, progress: Progress | None) -> None:
        self._refuse_rollback()
        self._compare_roots(self._state, [])
        entries = self._numbered(iter(self._source.entries))
        while self._state.size < self._source.size:
            self._take(entries)
            if progress is not None:
                progress(self._state.size, self._source.size)
        for rest in entries:  # a leaf beyond the head's size; what else `_numbered` gives is why it could not go on
            assert isinstance(rest, TransferLogError)
            raise _found(self._source.size, None, rest)

    def _numbered(self, entries: Iterator[tuple[int, bytes]]) -> Iterator[bytes | TransferLogError]:
        """Leaves as long as their numbers run on; then, if something is wrong, the reason as the last value."""
        expected = 0
        size = self._source.size
        try:
            for index, raw in entries:
                if expected == size:
                    raise TransferLogError("transferlog.leaf_extra", "多出的叶", "a leaf beyond the head's size")
                if index != expected:
                    break
                yield raw
                expected += 1
        except TransferLogError as error:
            yield error
            return
        if expected < size:
            yield TransferLogError("transferlog.leaf_missing", "缺少此叶", "the leaf is not there")

    def _take(self, entries: Iterator[bytes | TransferLogError]) -> None:
        start = self._state.size
        width = tile_width(self._source.size, 0, start // WIDTH)
        taken = list(islice(entries, width))
        leaves = [raw for raw in taken if isinstance(raw, bytes)]
        hashes = [merkle.leaf_hash(raw) for raw in leaves]
        tile = self._tile(0, start // WIDTH)
        changed = next((n for n, node in enumerate(hashes) if node != tile[n * HASH_BYTES : (n + 1) * HASH_BYTES]), None)
        misfit = self._read_leaves(start, leaves[:changed])
        if misfit is not None:
            raise self._blame(*misfit, hashes)
        if changed is not None:
            raise _found(start + changed, start + changed, self._leaf_or_tile(hashes))
        if len(leaves) < width:
            assert isinstance(taken[-1], TransferLogError)
            raise _found(start + len(leaves), start + len(leaves), taken[-1])
        grown = append(self._state, hashes)
        for write in grown.writes:
            if write.level:
                self._compare_upper(write.level, write.index, write.data)
        self._compare_roots(grown.state, hashes)
        self._state = grown.state
        self._report.leaves = grown.state.size
        self._report.root = grown.root

    def _read_leaves(self, start: int, leaves: Sequence[bytes]) -> tuple[int, Fault] | None:
        """The first leaf that does not fit the ones before, and why.  One that cannot be read at all ends the pass."""
        for index, raw in enumerate(leaves, start):
            try:
                leaf = parse_leaf(raw)
            except TransferLogError as error:
                raise _found(index, index, error) from error
            fault = self._continuity.check(leaf) or (self._check(index, leaf) if self._check else None)
            if fault is not None:
                return index, fault
            self._report.types[leaf.type] = self._report.types.get(leaf.type, 0) + 1
            if not leaf.known:
                self._report.unknown.setdefault(leaf.type, index)
        return None

    def _blame(self, index: int, fault: Fault, hashes: Sequence[bytes]) -> _FaultFoundError:
        """Leaves of a full tile are as they were written.  In the unfinished one only the root says so: if it does
        not, an earlier leaf may have been changed and this one merely shows it.
        """
        start = self._state.size
        if len(hashes) == WIDTH or self._gives_known_root(hashes):
            return _found(index, index, fault)
        changed = Fault("transferlog.leaf_changed", "其中一叶被改动", f"one of these leaves was changed; the last one shows it: {fault.en}")
        return _found(start, index, changed)

    def _leaf_or_tile(self, hashes: Sequence[bytes]) -> Fault:
        """Leaf and tile disagree.  The level above, or for the last tile the root, tells which of them changed."""
        start = self._state.size
        if len(hashes) == WIDTH:
            row = self._tile(1, start // WIDTH // WIDTH)
            offset = start // WIDTH % WIDTH * HASH_BYTES
            tile_changed = row[offset : offset + HASH_BYTES] == append(self._state, hashes).writes[1].data[-HASH_BYTES:]
        else:
            tile_changed = self._gives_known_root(hashes)
        if tile_changed:
            return Fault("transferlog.tile_changed", "哈希块被改动", "the tile was changed: its leaf is as the tree has it")
        return Fault("transferlog.leaf_changed", "叶被改动", "the leaf was changed: its tile holds another hash")

    def _compare_upper(self, level: int, index: int, data: bytes) -> None:
        # A batch of at most 256 aligned leaves completes at most one hash a level: the last one of the row.
        row = self._tile(level, index)
        if row[len(data) - HASH_BYTES : len(data)] != data[-HASH_BYTES:]:
            node = index * WIDTH + len(data) // HASH_BYTES - 1
            span = WIDTH**level
            fault = Fault("transferlog.tile_changed", "上层哈希块被改动", "a tile above these leaves was changed")
            raise _found(node * span, (node + 1) * span - 1, fault)

    def _tile(self, level: int, index: int) -> bytes:
        kept, data = self._upper.get(level, (-1, b""))
        if kept != index:
            width = tile_width(self._source.size, level, index)
            first = index * WIDTH ** (level + 1)
            try:
                data = self._source.get_tile(level, index, width)
            except TransferLogError as error:
                raise _found(first, first + width * WIDTH**level - 1, error) from error
            if len(data) != width * HASH_BYTES:
                fault = Fault("transferlog.tile_missing", "缺少哈希块", "a tile is missing or short")
                raise _found(first, first + width * WIDTH**level - 1, fault)
            self._upper[level] = (index, data)
        return data

    def _known_roots(self) -> list[tuple[int, bytes, str]]:
        roots = [(size, root, "earlier") for size, root in self._source.earlier]
        if self._source.root is not None:
            roots.append((self._source.size, self._source.root, "head"))
        if self._report.checkpoint is not None:
            roots.append((self._report.checkpoint.size, self._report.checkpoint.root, "checkpoint"))
        return sorted(roots)

    def _gives_known_root(self, hashes: Sequence[bytes]) -> bool:
        grown = append(self._state, hashes)
        return (grown.state.size, grown.root) in {(size, root) for size, root, _ in self._known_roots()}

    def _refuse_rollback(self) -> None:
        if any(size > self._source.size for size, _, _ in self._known_roots()):
            fault = Fault("transferlog.rolled_back", "日志短于已签名的检查点", "the log is shorter than a head that was signed or seen")
            raise _found(self._source.size, None, fault)

    def _compare_roots(self, grown: TreeState, hashes: Sequence[bytes]) -> None:
        """All heads known for the sizes that these leaves reached."""
        start = self._state.size
        due = [known for known in self._known_roots() if start < known[0] <= grown.size or (not hashes and known[0] == 0)]
        for size, root, name in due:
            computed = append(self._state, hashes[: size - start]).root
            if computed != root:
                raise self._wrong_root(size, name, elsewhere=(size, computed) in {known[:2] for known in due})
            self._agreed = size

    def _wrong_root(self, size: int, name: str, *, elsewhere: bool) -> _FaultFoundError:
        """`elsewhere`: another head of the same size has the root that the leaves give."""
        if name == "head" and elsewhere:
            fault = Fault("transferlog.head_changed", "日志头被改动", "the stored head was changed: leaves and checkpoint agree")
            return _found(None, None, fault)
        # Leaves agree with every full tile here: if there is an unfinished one, only its leaves have no other witness.
        tail = size // WIDTH * WIDTH
        first = tail if tail < size == self._source.size else self._agreed
        fault = Fault("transferlog.root_mismatch", "叶与已签名的根不符", f"the leaves do not give the root of the {name}")
        return _found(first, max(first, size - 1), fault)


def _found(index: int | None, through: int | None, fault: Fault | TransferLogError) -> _FaultFoundError:
    return _FaultFoundError(Finding(index, through, fault.code, fault.zh, fault.en))
