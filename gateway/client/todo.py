"""What a case still asks of the bank, as words in its row: `decide`, `post`, `recall`.

A word ends when the bank has done it, or when the case has gone where it is no longer asked for.  A recall is
asked for in every state: what is void must leave the books.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from gateway.model.transfer import ItemState, State
from gateway.storage.connector_schema import CaseRow

DECIDE: Final = "decide"
POST: Final = "post"
RECALL: Final = "recall"
ASKED_IN: Final[Mapping[str, frozenset[State]]] = {
    DECIDE: frozenset({State.REVIEWING, State.DISPUTED}),
    POST: frozenset({State.POSTING, State.HELD}),
    RECALL: frozenset(State),
}
DECIDED: Final = frozenset({ItemState.RECOGNISED, ItemState.REFUSED})
UNDECIDED_END: Final = frozenset({"expired", "no_account"})
"""Why an item may have been closed without anybody having judged it: a dispute judges it after all."""


def words(case: CaseRow) -> list[str]:
    return case.todo.split()


def plus(case: CaseRow, *wanted: str) -> CaseRow:
    """The case with these words too, as far as its state asks for them."""
    return _with(case, {*words(case), *wanted})


def minus(case: CaseRow, *done: str) -> CaseRow:
    """The case without these words, and without those that its state no longer asks for."""
    return _with(case, set(words(case)) - set(done))


def _with(case: CaseRow, wanted: set[str]) -> CaseRow:
    return case._replace(todo=" ".join(sorted(word for word in wanted if case.state in ASKED_IN[word])))


def newer(case: CaseRow, told: Mapping[str, Any]) -> CaseRow:
    """The case as it was told, unless more is known already."""
    ver = int(told["ver"])
    if ver < case.ver:
        return case
    return case._replace(state=str(told["state"]), ver=ver, body=json.dumps(dict(told), ensure_ascii=False))


def items_of(case: CaseRow) -> list[dict[str, Any]]:
    """The items as they were last told."""
    found: list[dict[str, Any]] = json.loads(case.body).get("items", [])
    return found


def to_decide(case: CaseRow) -> list[dict[str, Any]]:
    """The items a decision must cover now: the claimed ones; in a dispute those decided, and those closed for want of time."""
    if case.state != State.DISPUTED:
        return [item for item in items_of(case) if item["state"] == ItemState.CLAIMED]
    return [
        item
        for item in items_of(case)
        if item["state"] in DECIDED or (item["state"] == ItemState.CLOSED and item.get("reason") in UNDECIDED_END)
    ]


def contested(case: CaseRow) -> set[str]:
    """The records that nobody may recognise before the presiding unit has ruled."""
    return {str(item["record"]) for item in items_of(case) if item.get("contested")}


def to_recall(case: CaseRow) -> list[str]:
    """The records that are to leave the books."""
    return [str(item["record"]) for item in items_of(case) if item["state"] == ItemState.RECALLING]
