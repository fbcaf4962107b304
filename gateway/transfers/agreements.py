"""Which agreements hold under the lock, and what they permit of a case that opens or is confirmed.

Founding agreements come with the trust file; `view.agreements` has those that were acted upon, as of this very change of the batch.
So a suspension that is logged before a request in the same batch bars it, and one that is logged after it does not.
Sentences: docs/protocol.md, PR-220 to PR-229.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeAlias

from gateway.model.scopes import AgreementState, agreement_scope
from gateway.model.transfer import ItemState, Refusal
from gateway.recognition.agreement import CAP, NO_AGREEMENT, Agreement, any_between, barred, in_force, only_suspended, over_year_cap
from gateway.storage.rows import AgreementRow, ItemRow
from gateway.transfers.case import Case
from gateway.transfers.deadlines import CHINA
from gateway.transfers.view import Brought, View

NOT_AGREED = Refusal("transfer.no_agreement", "两行之间没有有效协议", "no agreement in force lets this go from source to accepting bank")
SUSPENDED = Refusal(
    "transfer.agreement_suspended",
    "适用的协议现已暂停;期限之内恢复后可再确认",
    "the agreement is suspended; confirm again once it is resumed, within the deadline",
)
COUNTED = {ItemState.CLAIMED: "credits", ItemState.RECOGNISED: "awarded", ItemState.RECALLING: "awarded"}
"""What a learner has brought: credits still claimed, and credits recognised."""

Standing: TypeAlias = Callable[[Mapping[str, AgreementRow]], Sequence[Agreement]]
"""The agreements that stand, given those that were acted upon (`Registry.standing`)."""


def standing(founding: Sequence[Agreement], rows: Iterable[AgreementRow]) -> tuple[Agreement, ...]:
    """Founding ones first; a row adds one, or stands in the place of the founding one with its direction and id."""
    found = {each.key: each for each in founding}
    for row in rows:
        key = (row.source, row.accepting, row.id)
        terms = _terms(row.terms) if row.terms else found.get(key)
        if terms is None or row.state == AgreementState.ENDED:
            found.pop(key, None)
        elif row.suspended_by:
            found[key] = replace(terms, suspended=True)
        else:
            found[key] = terms
    return tuple(found.values())


def founding_row(agreement: Agreement) -> AgreementRow:
    """A founding agreement as a row that nobody has acted upon."""
    scope = agreement_scope(*agreement.key)
    return AgreementRow(scope, agreement.id, agreement.source, agreement.accepting, AgreementState.SIGNED.value)


@lru_cache(maxsize=1024)
def _terms(text: str) -> Agreement:
    return Agreement.from_mapping(json.loads(text))


def day_of(moment: datetime) -> date:
    """The day by which agreements count: Chinese time."""
    return moment.astimezone(CHINA).date()


def permitted(view: View, standing: Standing, source: str, accepting: str) -> bool:
    """Whether anything may go that way now."""
    return any_between(standing(view.agreements), source, accepting, day_of(view.at))


def suspended_kind(case: Case, standing: Standing, items: Iterable[ItemRow]) -> bool:
    """Whether one of these items is covered by nothing but what is suspended."""
    agreements, row, day = standing(case.view.agreements), case.row, day_of(case.view.at)
    kinds = {item.kind for item in items if item.state == ItemState.CLAIMED}
    return any(only_suspended(agreements, row.source, row.accepting, day, kind) for kind in kinds)


def reserve_agreed(case: Case, standing: Standing) -> None:
    """Close what no agreement takes, take the outcomes of the rest, then close what is beyond the learner's year.

    In that order: an item that lost its outcome to another case uses up nobody's room.
    """
    row = case.row
    governing = in_force(standing(case.view.agreements), row.source, row.accepting, day_of(case.view.at))
    reasons = {item.position: barred(governing, item.kind, _size(item.credits)) for item in case.claimed()}
    _close(case, reasons)
    case.reserve()
    if any(each.learner_year_credits_max is not None for each in governing):
        _close(case, _beyond(case, governing))


def bar_changed(case: Case, standing: Standing, before: ItemRow, after: ItemRow) -> str:
    """Why a corrected item may not go on, or "".  What went in keeps its place when its agreement ends; another kind needs one anew."""
    row, size = case.row, _size(after.credits)
    governing = in_force(standing(case.view.agreements), row.source, row.accepting, day_of(case.view.at))
    reason = barred(governing, after.kind, size)
    if reason == NO_AGREEMENT and before.kind == after.kind:
        return ""
    earlier = _size(before.credits)
    grown = size is not None and (earlier is None or size > earlier)
    return reason if reason == NO_AGREEMENT or before.kind != after.kind or grown else ""


def _beyond(case: Case, governing: Sequence[Agreement]) -> dict[int, str]:
    row = case.row
    year = day_of(datetime.fromisoformat(row.opened_at)).year
    spent: dict[str, Decimal] = {}
    for item in case.view.brought_by((row.learner, row.source, row.accepting), but=row.id):
        if day_of(datetime.fromisoformat(item.opened_at)).year == year:
            spent[item.kind] = spent.get(item.kind, Decimal(0)) + _brought(item)
    found: dict[int, str] = {}
    for mine in case.claimed():
        size = _size(mine.credits)
        if over_year_cap(governing, mine.kind, size, spent):
            found[mine.position] = CAP
        elif size is not None:
            spent[mine.kind] = spent.get(mine.kind, Decimal(0)) + size
    return found


def _brought(item: Brought) -> Decimal:
    column = COUNTED.get(ItemState(item.state))
    size = None if column is None else item.credits if column == "credits" else item.awarded
    return Decimal(size) if size is not None else Decimal(0)


def _close(case: Case, reasons: Mapping[int, str]) -> None:
    changes: dict[int, dict[str, Any]] = {
        position: {"state": ItemState.CLOSED.value, "reason": reason, "contested": 0, "taken_leaf": None}
        for position, reason in reasons.items()
        if reason
    }
    if changes:
        case.set_items(changes)


def _size(credits: str | None) -> Decimal | None:
    return Decimal(credits) if credits is not None else None
