"""What a learner was recognised before in one programme of an accepting bank: it counts towards every cap, and no course is filled twice.

Kinds and credits stand beside the items.  Courses, their categories and the rules stand in that bank's own decisions, which are
sealed: those that can still be opened are read, those that cannot (erased since) count by kind and in all as before.
"""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

from gateway.errors import GatewayError
from gateway.mapping.documents import read
from gateway.mapping.schema import Standard
from gateway.model.documents import Decision, DecisionItem, Verdict
from gateway.model.transfer import ItemState
from gateway.recognition.limits import NOTHING_BEFORE, Standing
from gateway.recognition.programme import Programme
from gateway.recognition.rules import RuleSet
from gateway.storage.database import Database
from gateway.storage.rows import ItemRow, TransferRow
from gateway.transfers.vault import Vault

BEFORE_MAX: Final = 2000
"""Items recognised before in one programme that are counted; a programme is complete long before."""
CASES_MAX: Final = 200
DECISION: Final = "decision"
_NONE: Final = Decimal(0)


class Before:
    """Reads as of the last commit."""

    def __init__(self, database: Database, vault: Vault, standard: Standard) -> None:
        self._database = database
        self._vault = vault
        self._standard = standard

    async def standing(self, row: TransferRow, programme: Programme, rules: RuleSet) -> Standing:
        """Of the learner of `row`, other cases towards the same programme.  Raises StorageError where reading fails."""
        whose = {"learner": row.learner, "accepting": row.accepting, "programme": row.programme, "transfer": row.id}
        rows = await self._database.fetch("recognised_before", **whose, most=BEFORE_MAX)
        if not rows:
            return NOTHING_BEFORE
        by_kind: dict[str, Decimal] = {}
        for kind, size in rows:
            by_kind[str(kind)] = by_kind.get(str(kind), _NONE) + Decimal(str(size))
        items = await self._decided(whose)
        categories = by_category(items, programme)
        return Standing(
            targets=frozenset(course for item in items for course in item.target_course.split()),
            groups=frozenset(groups_of(items, rules)),
            total=sum(by_kind.values(), _NONE),
            by_kind=tuple(sorted(by_kind.items())),
            by_category=tuple(sorted(categories.items())),
        )

    async def _decided(self, whose: Mapping[str, str]) -> list[DecisionItem]:
        """The items of earlier decisions that are recognised still."""
        cases = await self._database.fetch("decided_before", **whose, most=CASES_MAX)
        ids = json.dumps([transfer for transfer, _ in cases])
        rows = [ItemRow(*values) for values in await self._database.fetch("items_by_transfer", ids=ids)]
        standing = {(each.transfer, each.record) for each in rows if each.state == ItemState.RECOGNISED}
        found: list[DecisionItem] = []
        for transfer, jti in cases:
            decision = await self._decision(transfer, whose["accepting"], jti)
            items = decision.items if decision is not None else ()
            found += [each for each in items if each.verdict is Verdict.RECOGNISED and (transfer, each.record) in standing]
        return found

    async def _decision(self, transfer: str, accepting: str, jti: str) -> Decision | None:
        """None where it is erased, or no longer readable: an estimate is never waited for."""
        try:
            (content,) = await self._vault.some_of(transfer, [(accepting, jti, DECISION)])
            return read(content.data, Decision, self._standard)
        except (GatewayError, KeyError):
            return None


def groups_of(items: list[DecisionItem], rules: RuleSet) -> Iterator[str]:
    """The groups of which something was recognised by a rule of this set, in whatever version."""
    groups = {rule.id: rule.group for rule in rules.rules if rule.group}
    for item in items:
        by, _, rule = item.rule.partition("/")
        if by.partition("@")[0] == rules.id and rule in groups:
            yield groups[rule]


def by_category(items: list[DecisionItem], programme: Programme) -> dict[str, Decimal]:
    """What was awarded, by the categories of its courses; one award over several courses fills them in the order of the decision."""
    courses = {course.code: course for course in programme.courses}
    found: dict[str, Decimal] = {}
    for item in items:
        left = awarded(item)
        named = [courses[code] for code in item.target_course.split() if code in courses]
        for place, course in enumerate(named, 1):
            mine = left if place == len(named) else min(left, course.credits)
            found[course.category] = found.get(course.category, _NONE) + mine
            left -= mine
    return found


def awarded(item: DecisionItem) -> Decimal:
    """What the bank booked; another unit than credits, or nothing, is 0 here, as it is beside the item."""
    try:
        return Decimal(item.awarded or "0")
    except InvalidOperation:
        return _NONE
