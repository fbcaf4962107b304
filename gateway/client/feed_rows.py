"""Ids of rows that have none of their own, kept through corrections.

A row is known again by its natural key (the adapter's).  Where the correction was of the very facts that make the key
(a title, a date), the row of the replaced month takes up the id of the row that stood in its line before, if that one
is gone, was the same learner's, is the only one of that learner's to be gone while only one is new, and one cell at most
is another: a guess is never made.  Everything less is a new record, and people are asked about the old one.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from gateway.model.local import LocalRecord

CORRECTED_CELLS_MAX: Final = 1
ASIDE: Final = frozenset({"序号", "备注"})
"""Cells that say nothing of the achievement."""


@dataclass(frozen=True, slots=True)
class RowPlace:
    """Where a row stands: file, period, line among the file's rows, digest of the learner."""

    file: str
    period: str
    line: int
    learner: str


@dataclass(frozen=True, slots=True)
class KeptRow:
    """A row as it was seen last.  `facts` are digests of its values by path."""

    record: str
    natural_key: str
    place: RowPlace
    facts: Mapping[str, str]

    @classmethod
    def of(cls, place: RowPlace, record: LocalRecord, natural_key: str) -> "KeptRow":
        facts = {path: sha256(str(value).encode()).hexdigest()[:16] for path, value in record.values.items() if value not in {None, ""}}
        return cls(record.record_id, natural_key, place, facts)

    def corrects(self, other: "KeptRow") -> bool:
        paths = (self.facts.keys() | other.facts.keys()) - ASIDE
        return sum(self.facts.get(path) != other.facts.get(path) for path in paths) <= CORRECTED_CELLS_MAX


@dataclass(slots=True)
class KnownRows:
    """`ids`: natural key to record id; `kept`: record id to its row.  `unsaved` is what has changed since somebody took it."""

    ids: dict[str, str] = field(default_factory=dict)
    kept: dict[str, KeptRow] = field(default_factory=dict)
    unsaved: dict[str, KeptRow] = field(default_factory=dict)

    def take_up(self, period: str, rows: Sequence[KeptRow]) -> bool:
        """Give rows of a month's new file the ids of the rows they correct; whether any was given."""
        here = {row.record for row in rows}
        gone = [row for row in self.kept.values() if row.place.period == period and row.record not in here]
        new = [row for row in rows if row.natural_key not in self.ids]
        alone = {learner for learner, times in Counter(row.place.learner for row in gone).items() if times == 1}
        alone &= {learner for learner, times in Counter(row.place.learner for row in new).items() if times == 1}
        before = {(row.place.line, row.place.learner): row for row in gone if row.place.learner in alone}
        found = {}
        for row in new:
            was = before.get((row.place.line, row.place.learner))
            if was is not None and row.corrects(was):
                found[row.natural_key] = was.record
        self.ids |= found
        return bool(found)

    def learn(self, rows: Sequence[KeptRow]) -> None:
        """Remember rows as they are now."""
        for row in rows:
            if row.natural_key:
                self.ids.setdefault(row.natural_key, row.record)
                if self.kept.get(row.record) != row:
                    self.kept[row.record] = self.unsaved[row.record] = row

    def take_unsaved(self) -> list[KeptRow]:
        """What is to be stored; forgotten here, as the caller stores it."""
        found, self.unsaved = list(self.unsaved.values()), {}
        return found
