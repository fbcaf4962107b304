"""What a bank's own system has left in `feeds/`, read together: what this bank says now of each learner's records.

    Shanghai, Jiangsu   pushes and batches add up; of two that say something of one record the later one counts
                        (`pushed_at`, `CJSJ`, else the file that was laid later)
    Zhejiang            all pages of a learner's chain are one chain
    Anhui               a month's file replaces the earlier file of that month; a row keeps its id through a correction,
                        within bounds also of the facts that name it (`gateway.client.feed_rows`)

A damaged row or file is held back with its reasons and the others go on.  Names that begin with a dot are files
being written; `FILE.toml` beside a file is its slip (`gateway.client.feed_slip`).
"""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeAlias

from gateway.adapters.contract import Feed, FeedPart, RegionAdapter
from gateway.adapters.zhejiang.batch import REGION as ZHEJIANG
from gateway.adapters.zhejiang.feed import join
from gateway.client.feed_rows import KeptRow, KnownRows, RowPlace
from gateway.client.feed_slip import SLIP, Slip, period_of
from gateway.errors import FormatError, Problem, RecordError
from gateway.model.local import LocalLearner, LocalPart, LocalRecord, PartManifest

ANHUI: Final = "anhui"
FILES_MAX: Final = 2_000
FILE_BYTES_MAX: Final = 512 * 1024 * 1024
STAMPS: Final[Mapping[str, str]] = {"shanghai": "pushed_at", "jiangsu": "CGPC@CJSJ"}
"""Where a format says itself when it was written."""
Stamp: TypeAlias = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class HeldRow:
    """A row that stays behind, or (row 0) a whole file.  `record` is its id where it has one."""

    file: str
    row: int
    record: str
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A record as the bank says it now, and where.  `issues` are what only the whole feed showed."""

    record: LocalRecord
    natural_key: str
    place: RowPlace
    issues: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Person:
    """A learner of this bank.

    `head` is the newest part that speaks of the learner, `laid` when its file was left here (ns since 1970), `period` the newest month
    ("" where files have none); `chain` is a chain's bytes, b"" elsewhere.
    """

    learner: LocalLearner
    head: LocalPart
    entries: Mapping[str, Entry]
    laid: int
    period: str = ""
    chain: bytes = b""


@dataclass(frozen=True, slots=True)
class Shelf:
    """All feeds at one moment.  `edition` changes with the files; `cancelling` are periods whose slip says that what is gone is void."""

    edition: str = ""
    people: tuple[Person, ...] = ()
    held: tuple[HeldRow, ...] = ()
    cancelling: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _File:
    """A file, read.  `parts` are its learners' parts with what their bytes say."""

    name: str
    laid: int
    slip: Slip
    period: str
    parts: tuple[tuple[FeedPart, LocalPart], ...] = ()
    held: tuple[HeldRow, ...] = ()
    readable: bool = False


@dataclass(slots=True)
class Feeds:
    """The folder, read anew when it has changed.  `rows` are the ids that rows have been given."""

    folder: Path
    adapter: RegionAdapter
    rows: KnownRows
    _read: dict[str, tuple[tuple[int, ...], _File]] = field(default_factory=dict)
    _shelf: Shelf = field(default_factory=Shelf)
    _one: threading.Lock = field(default_factory=threading.Lock)

    def edition(self) -> str:
        """A digest of names, sizes and times; cheap."""
        return _edition(self._stamps())

    def shelf(self) -> Shelf:
        """What the feeds say now.  May be called from any thread."""
        with self._one:
            stamps = self._stamps()
            edition = _edition(stamps)
            if edition != self._shelf.edition:
                self._shelf = self._arrange([self._file(name, stamp) for name, stamp in stamps.items()], edition)
                self._read = {name: kept for name, kept in self._read.items() if name in stamps}
            return self._shelf

    def _stamps(self) -> dict[str, tuple[int, ...]]:
        """Size and time of each file and of its slip, oldest file first."""
        found: dict[str, tuple[int, ...]] = {}
        for path in self.folder.iterdir():
            if path.name.startswith(".") or path.name.endswith(SLIP) or not path.is_file():
                continue
            slip = path.with_name(path.name + SLIP)
            own, beside = path.stat(), slip.stat() if slip.is_file() else None
            found[path.name] = (own.st_mtime_ns, own.st_size, *((beside.st_mtime_ns, beside.st_size) if beside else ()))
        ordered = sorted(found.items(), key=lambda each: (each[1][0], each[0]))
        return dict(ordered[-FILES_MAX:])

    def _file(self, name: str, stamp: tuple[int, ...]) -> _File:
        known = self._read.get(name)
        if known is not None and known[0] == stamp:
            return known[1]
        path = self.folder / name
        empty = _File(name, stamp[0], Slip(), period_of(name))
        try:
            if stamp[1] > FILE_BYTES_MAX:
                raise FormatError("format.too_large", "文件超过上限", "the file is over its limit")
            content = path.read_bytes()
            slip = Slip.read(path, content)
            made = self._cut(replace(empty, slip=slip), content)
        except (FormatError, RecordError) as fault:
            problems = fault.problems or (Problem("", fault.code, fault.zh, fault.en),)
            made = replace(empty, held=(HeldRow(name, 0, "", problems),))
        self._read[name] = stamp, made
        return made

    def _cut(self, file: _File, content: bytes) -> _File:
        """Split, give ids, and once more where rows corrected in their line take up the ids they had."""
        if self.adapter.region == ANHUI and not file.period:
            raise RecordError("record.bad_period", "文件名须以期间开头,如 2024-06", "a month's file has a name that begins with its period")
        manifest = PartManifest(file.period)
        feed = self.adapter.split(content, manifest, self.rows.ids)
        parts = self._parse_all(feed)
        if self.adapter.region == ANHUI and self.rows.take_up(file.period, _kept(parts, file)):
            feed = self.adapter.split(content, manifest, self.rows.ids)
            parts = self._parse_all(feed)
        self.rows.learn(_kept(parts, file))
        held = tuple(HeldRow(file.name, each.row, each.record_id, each.problems) for each in feed.quarantined)
        return replace(file, parts=parts, held=held, readable=True)

    def _parse_all(self, feed: Feed) -> tuple[tuple[FeedPart, LocalPart], ...]:
        return tuple((part, self.adapter.parse(part.content, part.manifest)) for part in feed.parts)

    def _arrange(self, files: Sequence[_File], edition: str) -> Shelf:
        standing = _standing(files) if self.adapter.region == ANHUI else [file for file in files if file.readable]
        spoken: dict[str, list[tuple[Stamp, _File, FeedPart, LocalPart]]] = {}
        for order, file in enumerate(standing):
            for part, read in file.parts:
                stamp = (str(read.values.get(STAMPS.get(self.adapter.region, "")) or ""), file.laid, order)
                spoken.setdefault(part.learner_key, []).append((stamp, file, part, read))
        held = [row for file in (*standing, *(each for each in files if not each.readable)) for row in file.held]
        people = []
        for each in spoken.values():
            try:
                people.append(self._person(sorted(each, key=lambda said: said[0])))
            except (FormatError, RecordError) as fault:
                problems = fault.problems or (Problem("", fault.code, fault.zh, fault.en),)
                held += [HeldRow(file.name, 0, "", problems) for _, file, _, _ in each]
        cancelling = frozenset(file.period for file in standing if file.slip.cancels)
        return Shelf(edition, tuple(people), tuple(held), cancelling)

    def _person(self, said: Sequence[tuple[Stamp, _File, FeedPart, LocalPart]]) -> Person:
        """One learner, from the oldest word to the newest.  Raises FormatError, RecordError where chains do not fit together."""
        _, file, part, head = said[-1]
        if self.adapter.region == ZHEJIANG:
            chain = join([each.content for _, _, each, _ in said]) if len(said) > 1 else part.content
            head = self.adapter.parse(chain, part.manifest)
            entries = {each.record_id: Entry(each, "", RowPlace(file.name, "", each.row, "")) for each in head.records}
            return Person(head.learner, head, entries, file.laid, chain=chain)
        entries = {}
        for _, of, cut, read in said:
            for record, place in _rows_of(cut, read, of.name):
                issues = cut.manifest.issues.get(record.row, ())
                entries[record.record_id] = Entry(record, cut.natural_keys.get(record.row, ""), place, tuple(issues))
        return Person(head.learner, head, entries, file.laid, max((entry.place.period for entry in entries.values()), default=""))


def _standing(files: Sequence[_File]) -> list[_File]:
    """Of each month the file that was laid last and can be read."""
    last = {file.period: file.name for file in files if file.readable}
    return [file for file in files if last.get(file.period) == file.name]


def _rows_of(part: FeedPart, read: LocalPart, file: str) -> Iterator[tuple[LocalRecord, RowPlace]]:
    for record in read.records:
        yield record, RowPlace(file, part.manifest.period, part.rows[record.row - 1], learner_digest(part.learner_key))


def _kept(parts: Iterable[tuple[FeedPart, LocalPart]], file: _File) -> list[KeptRow]:
    return [
        KeptRow.of(place, record, part.natural_keys.get(record.row, ""))
        for part, read in parts
        if part.natural_keys
        for record, place in _rows_of(part, read, file.name)
    ]


def learner_digest(key: str) -> str:
    """So that rows of one learner are known to be so without keeping the number."""
    return sha256(f"ceg-learner\n{key}".encode()).hexdigest()[:32]


def _edition(stamps: Mapping[str, tuple[int, ...]]) -> str:
    return sha256(repr(sorted(stamps.items())).encode("utf-8", "surrogateescape")).hexdigest()
