"""An achievement is void: what that does to the items of a case, and to the other case that holds its outcome.

A revocation is said in one case.  The same record, or the same certificate number, may be held by another case of the same source
bank: the first one was withdrawn, refused or remitted, and the learner applied again.  That case hears of it in the same transaction,
with a leaf that names the revocation as its cause: its claimed item closes, its recognised one is recalled, item by item, as if the
source bank had revoked it there.  Sentences: docs/protocol.md, PR-64 and PR-286 to PR-288.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from gateway.model.transfer import BEFORE_DECISION, ItemState, State
from gateway.storage.rows import ItemRow
from gateway.transfers.case import Case

REVOKED_LEAF: Final = "record.revoked"
UNDECIDED_END: Final = frozenset({"expired", "no_account"})
"""Reasons of items that were closed without anybody having judged them."""


def void_items(case: Case, items: Iterable[ItemRow], new_jti: Callable[[], str]) -> bool:
    """Close or recall these items and tell the accepting bank.  True where the case is rejected, for nothing is left of it."""
    changes: dict[int, Mapping[str, Any]] = {}
    recalling = False
    for item in items:
        match ItemState(item.state):
            case ItemState.CLAIMED:
                changes[item.position] = {"state": ItemState.CLOSED.value, "reason": "revoked"}
            case ItemState.CLOSED if item.reason in UNDECIDED_END:
                changes[item.position] = {"reason": "revoked"}
            case ItemState.RECOGNISED:
                changes[item.position] = {"state": ItemState.RECALLING.value, "reason": "revoked"}
                case.stained += (item,)
                recalling = True
    case.set_items(changes)
    if recalling:
        case.start_recall()
        case.owe(new_jti(), case.row.accepting, "notify", "recall", {"event": "recall"})
        return False
    if not changes or not (case.state in BEFORE_DECISION or case.row.held_from == State.DELIVERING):
        return False
    return _closed(case, new_jti)


def _closed(case: Case, new_jti: Callable[[], str]) -> bool:
    case.touch()
    if case.claimed():
        case.owe(new_jti(), case.row.accepting, "notify", "revoked", {"event": "revoked"})
        return False
    seen = case.cancel_owed("forward", "fetch")
    case.move(State.REJECTED)
    for member in sorted((seen | {case.row.facing}) - {case.row.source}):
        case.owe(new_jti(), member, "notify", "rejected", {"event": "rejected"})
    return True


def void_elsewhere(case: Case, nfs: Iterable[str], new_jti: Callable[[], str]) -> bool:
    """What another case's revocation means for this one.  False where nothing of it changes.

    Its source bank, whose word it is, hears in which other case it counted.
    """
    named = frozenset(nfs)
    before = case.items
    items = [item for item in case.items if item.nf in named and item.state in {ItemState.CLAIMED, ItemState.RECOGNISED}]
    void_items(case, items, new_jti)
    if case.items == before:
        return False
    case.owe(new_jti(), case.row.source, "notify", "revoked", {"event": "revoked", "records": [item.record for item in items]})
    return True
