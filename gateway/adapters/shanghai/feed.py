"""A Shanghai feed → one push a learner.

A feed is one push, a JSON array of pushes, or one push a line.  A damaged line or push is
quarantined, all its rows with it, and the others go on.  Sending an outer id again overwrites:
of a learner's pushes the latest wins (`pushed_at`, else position).  An outer id that two learners
claim belongs to neither, and a row does not go out while another row under its id is damaged: that
one may be its correction.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from gateway.adapters.contract import Feed, FeedPart
from gateway.adapters.shanghai.push import DUPLICATE, Form, Settings, read_push, rows_in
from gateway.errors import FormatError, Problem, RecordError
from gateway.formats.json_safe import JsonLimits, JsonValue, read_json
from gateway.model.local import Ignored, LocalPart, LocalRecord, PartManifest, Quarantined

_FEED_NODES_MAX = 8_000_000


@dataclass(frozen=True, slots=True)
class _Damaged:
    """A line that is not JSON."""

    problem: Problem


_Piece: TypeAlias = "JsonValue | _Damaged"


@dataclass(frozen=True, slots=True)
class _Row:
    """A good row with its feed number and the push it came from; `rank` grows with lateness."""

    account: str
    rank: tuple[str, int]
    row: int
    record: LocalRecord


class _Ledger:
    """What became of each feed row."""

    def __init__(self) -> None:
        self.rows_read = 0
        self.heads: dict[str, list[tuple[tuple[str, int], LocalPart]]] = {}
        self.good: list[_Row] = []
        self.quarantined: list[Quarantined] = []
        self.ignored: list[Ignored] = []
        self.warnings: set[str] = set()

    def take(self, part: LocalPart) -> None:
        account, offset = part.learner.account, self.rows_read
        self.rows_read += part.rows_read
        rank = (str(part.values.get("pushed_at") or ""), offset)
        self.heads.setdefault(account, []).append((rank, part))
        self.good += [_Row(account, rank, record.row + offset, record) for record in part.records]
        self.quarantined += [replace(damaged, row=damaged.row + offset) for damaged in part.quarantined]
        self.ignored += [replace(left, row=left.row + offset) for left in part.ignored]
        self.warnings.update(part.warnings)

    def refuse(self, rows: int, problems: tuple[Problem, ...]) -> None:
        """A whole push, or a line, is damaged."""
        for _ in range(rows):
            self.rows_read += 1
            self.quarantined.append(Quarantined(self.rows_read, "", problems))

    def settle(self) -> dict[str, list[_Row]]:
        """The rows that go out, by learner, after overwriting and after contested ids are taken out."""
        groups: dict[str, list[_Row]] = {}
        for good in self.good:
            groups.setdefault(good.record.record_id, []).append(good)
        latest: dict[str, list[_Row]] = {}
        damaged_ids = {damaged.record_id for damaged in self.quarantined if damaged.record_id}
        for outer_id, rows in groups.items():
            if outer_id in damaged_ids or len({row.account for row in rows}) > 1:
                self.quarantined += [Quarantined(row.row, row.record.record_id, (DUPLICATE.at(f"row {row.row}"),)) for row in rows]
                continue
            winner = max(rows, key=lambda row: row.rank)
            self.ignored += [Ignored(row.row, "overwritten") for row in rows if row is not winner]
            latest.setdefault(winner.account, []).append(winner)
        return latest


def split_feed(content: bytes, settings: Settings, forms: tuple[Form, ...], render: Callable[[LocalPart], bytes]) -> Feed:
    """Cut `content`.  Raises FormatError when it is neither one JSON value nor one value a line."""
    ledger = _Ledger()
    for piece in _pieces(content, settings):
        _take(piece, settings, forms, ledger)
    parts = tuple(_part(account, rows, ledger, forms, render) for account, rows in ledger.settle().items())
    return Feed(
        parts=parts,
        rows_read=ledger.rows_read,
        quarantined=tuple(sorted(ledger.quarantined, key=lambda damaged: damaged.row)),
        ignored=tuple(sorted(ledger.ignored, key=lambda left: left.row)),
        warnings=tuple(sorted(ledger.warnings)),
    )


def _pieces(content: bytes, settings: Settings) -> list[_Piece]:
    limits = JsonLimits(bytes_max=settings.feed_bytes_max, nodes_max=_FEED_NODES_MAX)
    try:
        value = read_json(content, limits)
    except FormatError as error:
        if error.code == "format.too_large":
            raise
        lines = [_line(number, line) for number, line in enumerate(content.splitlines(), 1) if line.strip()]
        # A push over several lines never has a line that is an object by itself.
        if any(isinstance(line, dict) for line in lines):
            return lines
        raise
    return [*value] if isinstance(value, list) else [value]


def _line(number: int, line: bytes) -> _Piece:
    try:
        return read_json(line)
    except FormatError as error:
        return _Damaged(Problem(f"line {number}", error.code, error.zh, error.en))


def _take(piece: _Piece, settings: Settings, forms: tuple[Form, ...], ledger: _Ledger) -> None:
    if isinstance(piece, _Damaged):
        ledger.refuse(1, (piece.problem,))
        return
    try:
        ledger.take(read_push(piece, settings, forms))
    except RecordError as error:
        ledger.refuse(rows_in(piece, forms), error.problems or (Problem("", error.code, error.zh, error.en),))


def _part(account: str, rows: list[_Row], ledger: _Ledger, forms: tuple[Form, ...], render: Callable[[LocalPart], bytes]) -> FeedPart:
    """One learner's rows, in the order in which a push is numbered, under the head of that learner's latest push."""
    _, head = max(ledger.heads[account], key=lambda ranked: ranked[0])
    place = {form.name: number for number, form in enumerate(forms)}
    ordered = sorted(rows, key=lambda row: (place[row.record.form], row.row))
    merged = replace(head, records=tuple(row.record for row in ordered), quarantined=(), ignored=(), warnings=())
    return FeedPart(account, render(merged), "application/json", PartManifest(), tuple(row.row for row in ordered))
