"""Versions of rule sets as others use and see them: which one holds for a programme on a day, what there is, and a file's own bytes.

Rules are public among members.  Everything is as of the last commit.  A file that was proposed never changes, so the sets that were
read last are kept, by digest.
"""

import json
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final

from gateway.errors import RecognitionError
from gateway.model.codes import CodeTables
from gateway.recognition.lifecycle import RuleState, Trial, Version, in_force
from gateway.recognition.rule_file import load_rules
from gateway.recognition.rules import RuleSet
from gateway.storage.database import Database
from gateway.storage.rows import RuleRow

SETS_KEPT: Final = 8
PAGE: Final = 50
PAGE_MAX: Final = 200


def version_of(row: RuleRow) -> Version:
    """The row as the life cycle sees it."""
    return Version(
        id=row.id,
        version=row.version,
        digest=row.digest,
        accepting=row.accepting,
        effective=date.fromisoformat(row.effective),
        review=date.fromisoformat(row.review),
        proposer=row.proposer,
        state=RuleState(row.state),
        test=Trial(row.digest, 0, row.simulation),
        approvals=tuple(row.approvals.split()),
        restores=row.restores,
        withdrawn=date.fromisoformat(row.withdrawn) if row.withdrawn else None,
    )


def current_row(rows: Iterable[RuleRow], accepting: str, programme: str, day: date) -> RuleRow | None:
    """The version by which `accepting` recognises for a programme on `day`.

    Each rule set has at most one in force.  Where several sets cover the programme, one that names it comes before one for all
    programmes; then the later effective date, then the later publication counts.
    """
    sets: dict[str, list[RuleRow]] = {}
    for row in sorted(rows, key=lambda each: each.published):
        if row.accepting == accepting:
            sets.setdefault(row.id, []).append(row)
    fitting = []
    for history in sets.values():
        by_name = {row.version: row for row in history}
        found = in_force([version_of(row) for row in history], day)
        if found is not None:
            row = by_name[found.version]
            wanted = json.loads(row.programmes)
            if not wanted or programme in wanted:
                fitting.append((bool(wanted), row.effective, row.published, row))
    return max(fitting)[-1] if fitting else None


def rule_json(row: RuleRow, day: date) -> dict[str, Any]:
    """One version without its file.  `state` is that of `day`: an expired one says so.

    `review_in_days` is for published ones: days until the review date, below 0 once it has passed.
    """
    return {
        "scope": row.scope,
        "id": row.id,
        "version": row.version,
        "accepting": row.accepting,
        "programmes": json.loads(row.programmes),
        "digest": row.digest,
        "effective": row.effective,
        "review": row.review,
        "review_in_days": (date.fromisoformat(row.review) - day).days if version_of(row).state is RuleState.PUBLISHED else None,
        "proposer": row.proposer,
        "state": version_of(row).state_on(day).value,
        "approvals": row.approvals.split(),
        "restores": row.restores or None,
        "simulation": row.simulation,
        "proposed_at": row.proposed_at,
        "changed_at": row.changed_at,
        "published": row.published if row.published >= 0 else None,
        "withdrawn": row.withdrawn or None,
        "leaf": row.leaf,
    }


class RuleShelf:
    """Reads versions and files.  `codes` are the standard's."""

    def __init__(self, database: Database, codes: CodeTables) -> None:
        self._database = database
        self._codes = codes
        self._kept: OrderedDict[str, RuleSet] = OrderedDict()

    async def rows(self) -> list[RuleRow]:
        """Every version there ever was, oldest first."""
        return [RuleRow(*row) for row in await self._database.fetch("rules_all")]

    async def current_rules(self, accepting: str, programme: str, day: date) -> tuple[Version, RuleSet] | None:
        """What is in force for a programme (its code) of an accepting bank on `day` (+08:00); see `current_row`."""
        row = current_row(await self.rows(), accepting, programme, day)
        return None if row is None else (version_of(row), await self.rule_set(row))

    async def rule_page(self, day: date, accepting: str = "", id: str = "", *, cursor: str = "", most: int = PAGE) -> dict[str, Any]:
        """`{"rules": […], "next": cursor or None}`: `rule_json` of all, of one accepting bank, or of one set, newest first.

        `cursor` is the `next` of the page before.
        """
        before_at, _, before_scope = cursor.partition("|") if cursor else ("9999", "", "")
        most = max(1, min(most, PAGE_MAX))
        found = await self._database.fetch(
            "rules_page", accepting=accepting, id=id, before_at=before_at, before_scope=before_scope, most=most + 1
        )
        rows = [RuleRow(*row) for row in found]
        following = f"{rows[most - 1].proposed_at}|{rows[most - 1].scope}" if len(rows) > most else None
        return {"rules": [rule_json(row, day) for row in rows[:most]], "next": following}

    async def find(self, id: str, version: str, accepting: str = "") -> RuleRow:
        """One version; `accepting` where two banks use one name.  Raises RecognitionError(`recognition.unknown_version`, …)."""
        return one_version(await self.rows(), id, version, accepting)

    async def document(self, row: RuleRow) -> bytes:
        """The file of a version, exactly as it was proposed."""
        return bytes((await self._database.fetch("rule_document", scope=row.scope))[0][0])

    async def rule_set(self, row: RuleRow) -> RuleSet:
        """The file of a version, read."""
        found = self._kept.get(row.digest)
        if found is None:
            found = load_rules(f"{row.id}@{row.version}", await self.document(row), self._codes)
            self._kept[row.digest] = found
            if len(self._kept) > SETS_KEPT:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(row.digest)
        return found


def one_version(rows: Sequence[RuleRow], id: str, version: str, accepting: str = "") -> RuleRow:
    """Raises RecognitionError: `recognition.unknown_version`, `recognition.ambiguous_version`."""
    found = [row for row in rows if (row.id, row.version) == (id, version) and accepting in {"", row.accepting}]
    if not found:
        raise RecognitionError("recognition.unknown_version", "没有这个规则版本", "there is no such version of a rule set")
    if len(found) > 1:
        raise RecognitionError(
            "recognition.ambiguous_version",
            "不止一家接收行有此标识与版本,请指明接收行",
            "several accepting banks have that id and version: name the bank",
            banks=" ".join(sorted(row.accepting for row in found)),
        )
    return found[0]
