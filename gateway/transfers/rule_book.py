"""Rule versions as people look at them: what holds today and what is coming, whose word is missing, what changed, what rules do not reach.

Read only, as of the last commit.  The lint runs anew with today's date, in a thread (a file of thousands of rules takes a second); the
answers asked last are kept.  Which single rule was carried out how often is known to nobody but the accepting bank: the estimates of
a case are sealed with it, so use is told by case and not by rule.
"""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from gateway.errors import Problem
from gateway.model.codes import CodeTables
from gateway.recognition.catalogue import Catalogue
from gateway.recognition.lifecycle import RuleState, in_force
from gateway.recognition.lint import lint
from gateway.recognition.reviews import ReviewState, rule_reviews
from gateway.recognition.rule_diff import Change, diff
from gateway.storage.database import Database
from gateway.storage.rows import RuleRow
from gateway.transfers.periods import Period
from gateway.transfers.rule_view import RuleShelf, rule_json, version_of
from gateway.transfers.tallies import Measure

LINES_MAX: Final = 200
FINDINGS_KEPT: Final = 16
FINDINGS_MAX: Final = 200
WAITING: Final = frozenset({RuleState.TESTED.value, RuleState.APPROVED.value})


@dataclass(frozen=True, slots=True)
class VersionLine:
    """One version.  `wanting` are the approvals still needed; `review` says how its review date stands ("" where no later look is due)."""

    scope: str
    id: str
    version: str
    accepting: str
    state: str
    in_force: bool
    programmes: tuple[str, ...]
    effective: date
    review_on: date
    review_days: int | None
    review: str
    proposer: str
    approvals: tuple[str, ...]
    wanting: int
    leaf: int
    digest: str
    proposed_at: str

    @property
    def outstanding(self) -> bool:
        """Whether somebody still has to act before it may hold."""
        return self.state in WAITING


@dataclass(frozen=True, slots=True)
class Reach:
    """Items of a kind that came to an accepting bank in a period.  `rules` is how many rules in force there speak of the kind."""

    accepting: str
    kind: str
    items: int
    rules: int


@dataclass(frozen=True, slots=True)
class Use:
    """Cases under way that came to the bank for a programme, and those of them delivered with an estimate by its rules."""

    accepting: str
    programme: str
    cases: int
    estimated: int


@dataclass(frozen=True, slots=True)
class RuleBook:
    """`needed` members must approve; a review is near from `warn_days` before it on."""

    shelf: RuleShelf
    database: Database
    codes: CodeTables
    catalogue: Catalogue | None
    needed: int
    warn_days: int
    _found: OrderedDict[tuple[str, date], tuple[Problem, ...]] = field(default_factory=OrderedDict)

    async def lines(self, day: date) -> list[VersionLine]:
        """The versions proposed last, newest first, at most `LINES_MAX`.  Raises StorageError."""
        rows = await self.shelf.rows()
        holding, reviews = self._holding(rows, day), self._reviews(rows, day)
        newest = sorted(rows, key=lambda row: (row.proposed_at, row.scope), reverse=True)[:LINES_MAX]
        return [self._line(row, day, holding, reviews) for row in newest]

    async def changes(self, old: VersionLine, new: VersionLine) -> tuple[Change, ...]:
        """What differs between two versions, in words.  Raises StorageError."""
        return diff(await self.shelf.rule_set(await self._row(old)), await self.shelf.rule_set(await self._row(new)))

    async def findings(self, line: VersionLine, day: date) -> tuple[Problem, ...]:
        """What the lint says of a version today.  Raises StorageError."""
        key = line.digest, day
        if key not in self._found:
            row = await self._row(line)
            raw = await self.shelf.document(row)
            found = await asyncio.to_thread(lint, f"{row.id}@{row.version}", raw, self.codes, day=day, catalogue=self.catalogue)
            self._found[key] = found[:FINDINGS_MAX]
            while len(self._found) > FINDINGS_KEPT:
                self._found.popitem(last=False)
        return self._found[key]

    async def reach(self, period: Period, day: date) -> list[Reach]:
        """By accepting bank and kind, the items of the cases opened in the period.  Raises StorageError."""
        rows = await self.shelf.rows()
        holding, kinds = self._holding(rows, day), dict[tuple[str, str], int]()
        for row in rows:
            if row.scope in holding:
                for rule in (await self.shelf.rule_set(row)).rules:
                    for kind in frozenset().union(*(need.kinds for need in rule.needs)):
                        kinds[row.accepting, kind] = kinds.get((row.accepting, kind), 0) + 1
        items: dict[tuple[str, str], int] = {}
        for _, accepting, name, n, _ in await self.database.fetch("tally_sums", measure=Measure.ITEM, **period.bounds()):
            key = accepting, name.partition("/")[0]
            items[key] = items.get(key, 0) + n
        return [Reach(*key, n, kinds.get(key, 0)) for key, n in sorted(items.items()) if n]

    async def use(self) -> list[Use]:
        """By accepting bank and programme.  Raises StorageError."""
        return [Use(*row) for row in await self.database.fetch("rule_use_open")]

    async def _row(self, line: VersionLine) -> RuleRow:
        return next(row for row in await self.shelf.rows() if row.scope == line.scope)

    def _line(self, row: RuleRow, day: date, holding: frozenset[str], reviews: Mapping[tuple[str, str, str], ReviewState]) -> VersionLine:
        told = rule_json(row, day)
        waiting = told["state"] == RuleState.TESTED.value
        return VersionLine(
            scope=row.scope, id=row.id, version=row.version, accepting=row.accepting, state=told["state"], in_force=row.scope in holding,
            programmes=tuple(json.loads(row.programmes)), effective=date.fromisoformat(row.effective),
            review_on=date.fromisoformat(row.review), review_days=told["review_in_days"],
            review=reviews.get((row.accepting, row.id, row.version), ""), proposer=row.proposer,
            approvals=tuple(told["approvals"]), wanting=max(0, self.needed - len(told["approvals"])) if waiting else 0, leaf=row.leaf,
            digest=row.digest, proposed_at=row.proposed_at,
        )  # fmt: skip

    def _holding(self, rows: Sequence[RuleRow], day: date) -> frozenset[str]:
        """Scopes of the versions in force."""
        found = []
        for history in _histories(rows).values():
            now = in_force([version_of(row) for row in history], day)
            found += [row.scope for row in history if now is not None and row.version == now.version]
        return frozenset(found)

    def _reviews(self, rows: Sequence[RuleRow], day: date) -> dict[tuple[str, str, str], ReviewState]:
        histories = [[version_of(row) for row in history] for history in _histories(rows).values()]
        return {(each.whose, each.id, each.version): each.state(self.warn_days) for each in rule_reviews(histories, day)}


def _histories(rows: Sequence[RuleRow]) -> dict[tuple[str, str], list[RuleRow]]:
    found: dict[tuple[str, str], list[RuleRow]] = {}
    for row in sorted(rows, key=lambda each: each.published):
        found.setdefault((row.accepting, row.id), []).append(row)
    return found
