"""An audit of a node's database or of an exported folder, with every question that the command line can ask.

Beside what `transferlog.audit` asks: each envelope's signature under the key valid at its leaf, heads kept
from before, and, in a database, that the index of leaves says of each what the leaf says.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

from gateway.crypto.keys import verify_ed25519
from gateway.errors import GatewayError, TransferLogError
from gateway.federation.envelope import open_envelope
from gateway.federation.registry import TrustFile
from gateway.storage.database import Read, Row
from gateway.storage.read_only import ReadOnlyDatabase
from gateway.transferlog.audit import AuditReport, Finding, LogSource, Progress, audit, audit_folder
from gateway.transferlog.checkpoint import TreeHead, Verifier, decode_vkey, open_checkpoint, parse_checkpoint, split_note
from gateway.transferlog.continuity import Fault
from gateway.transferlog.folder import CHECKPOINT_PATH
from gateway.transferlog.leaf import Leaf
from gateway.transferlog.tiles import rows_reader

Watch: TypeAlias = Callable[[int, Leaf], None]


@dataclass(frozen=True, slots=True)
class Audited:
    """What was found.  `envelopes` counts signatures that held; they are not checked without a trust file."""

    report: AuditReport
    envelopes: int
    envelopes_checked: bool

    @property
    def ok(self) -> bool:
        return self.report.ok

    def document(self) -> dict[str, Any]:
        report = self.report
        return {
            "verified": self.ok,
            "size": report.size,
            "leaves": report.leaves,
            "root": report.root.hex(),
            "envelopes": self.envelopes if self.envelopes_checked else None,
            "types": report.types,
            "unknown": report.unknown,
            "finding": None if report.finding is None else asdict(report.finding),
        }


class LeafQuestions:
    """The audit's `check`: envelope under its key, index row beside its leaf."""

    def __init__(self, trust: TrustFile | None, index_rows: Iterator[Row] | None, watch: Watch | None = None) -> None:
        self._trust = trust
        self._watch = watch
        self._index_rows = index_rows
        self.envelopes = 0

    def __call__(self, index: int, leaf: Leaf) -> Fault | None:
        fault = self._indexed(index, leaf) or self._signed(index, leaf)
        if fault is None and self._watch is not None:
            self._watch(index, leaf)
        return fault

    def _indexed(self, index: int, leaf: Leaf) -> Fault | None:
        if self._index_rows is None:
            return None
        if next(self._index_rows, None) == (index, leaf.scope, leaf.seq, leaf.iss, leaf.jti, leaf.n):
            return None
        return Fault("transferlog.index_changed", "叶的索引与叶不符", "the index of leaves says something else than the leaf")

    def _signed(self, index: int, leaf: Leaf) -> Fault | None:
        if self._trust is None or not leaf.envelope:
            return None
        try:
            opened = open_envelope(leaf.envelope, keys=self._trust.finder(datetime.fromisoformat(leaf.at), index))
        except GatewayError as error:
            return Fault("transferlog.bad_envelope", f"叶中信封不成立:{error.zh}", f"the envelope in the leaf does not hold: {error.code}")
        if (opened.iss, opened.kid) != (leaf.actor, leaf.kid):
            return Fault("transferlog.bad_envelope", "叶中信封是另一方所签", "the envelope in the leaf was signed by somebody else")
        self.envelopes += 1
        return None


def audit_database(
    database: ReadOnlyDatabase, trust: TrustFile | None, kept: Sequence[bytes], progress: Progress, watch: Watch | None = None
) -> Audited:
    """The log of a node's database, as of one commit.  `watch` is shown each leaf that fits those before it."""
    size, root, _ = database.rows(Read("head", {}))[0]
    questions = LeafQuestions(trust, database.pages(Read("log_keys_range", {}), size), watch)

    def read_row(id: int) -> bytes | None:
        rows = database.rows(Read("log_tiles_by_id", {"ids": f"[{id}]"}))
        return rows[0][1] if rows else None

    def read_leaves(first: int, end: int) -> list[bytes]:
        return [row[1] for row in database.rows(Read("log_entries_range", {"first": first, "end": end}))]

    def entries() -> Iterator[tuple[int, bytes]]:
        yield from database.pages(Read("log_entries_range", {}), size)
        yield from database.rows(Read("log_entries_range", {"first": size, "end": 2**62}))[:1]

    source = LogSource(size, root, entries(), rows_reader(read_row, read_leaves), earlier=earlier_heads(kept, verifiers_of(trust)))
    report = audit(source, check=questions, progress=progress)
    if report.ok and database.rows(Read("log_key_count", {}))[0][0] != size:
        report.finding = Finding(
            None, None, "transferlog.index_changed", "叶的索引多出或缺少", "the index of leaves holds more or fewer than the log"
        )
    return Audited(report, questions.envelopes, trust is not None)


def audit_export(
    folder: Path,
    trust: TrustFile,
    kept: Sequence[bytes],
    progress: Progress,
    heads: Sequence[tuple[int, bytes]] = (),
    watch: Watch | None = None,
) -> Audited:
    """The log of an exported folder, up to the checkpoint in it.  `heads` are known as `(size, root)`, beside those `kept` as notes.

    `watch` is shown each leaf that fits those before it.
    """
    questions = LeafQuestions(trust, None, watch)
    verifiers = verifiers_of(trust)

    def read(path: str) -> bytes:
        return (folder / path).read_bytes()

    report = audit_folder(read, verifiers, check=questions, progress=progress, earlier=[*earlier_heads(kept, verifiers), *heads])
    return Audited(report, questions.envelopes, True)


def verifiers_of(trust: TrustFile | None) -> tuple[Verifier, ...]:
    """The log's own key, as the trust file names it."""
    return () if trust is None else (Verifier(decode_vkey(trust.data.gateway.log_vkey), verify_ed25519),)


def earlier_heads(kept: Sequence[bytes], verifiers: Sequence[Verifier]) -> list[tuple[int, bytes]]:
    """Heads that the log signed before.  Raises TransferLogError for a note that does not hold."""
    opened = [open_checkpoint(note.decode("utf-8", "replace"), verifiers) for note in kept]
    return [(each.size, each.root) for each in opened]


def read_export_head(folder: Path) -> tuple[str, TreeHead]:
    """The checkpoint note of an exported folder, its signature not checked.  Raises TransferLogError."""
    try:
        note = (folder / CHECKPOINT_PATH).read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        raise TransferLogError("transferlog.file_missing", "缺少检查点文件", "there is no checkpoint file") from None
    body, _ = split_note(note)
    return note, parse_checkpoint(body)
