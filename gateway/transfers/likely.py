"""Likely twins of a case's items, read from what is stored now and told to whoever has to judge.

A hint with its reasons, in the `case` content that goes to the accepting bank and in the case as people look it up.  Which other bank
holds the like of it and how far that has come is said; the other case and its record are named only to a bank that is a party of it.
Sentences: docs/protocol.md, PR-280 to PR-284.
"""

import json
from collections.abc import Iterable
from typing import Any

from gateway.model.canonical import jcs
from gateway.model.transfer import ItemState
from gateway.recognition.twins import CANDIDATES_MAX, Candidate, Twin, likely_twins
from gateway.storage.database import Database
from gateway.storage.rows import ItemRow, TransferRow

_NAMING = b'"other_record"'
COUNTING = frozenset({ItemState.CLAIMED, ItemState.RECOGNISED})
"""Items of the case itself that a hint may still help with."""


async def twins_of(database: Database, row: TransferRow, items: Iterable[ItemRow], member: str) -> dict[str, Any]:
    """`{"likely_twins": […], "likely_twins_more": bool}` as `member` ("": the centre) may see it; {} where there is none."""
    mine = [_candidate(row, item) for item in items if item.alike and item.state in COUNTING]
    if not mine:
        return {}
    rows = await database.fetch("items_alike", learner=row.learner, most=CANDIDATES_MAX + 1)
    found, more = likely_twins(mine, [Candidate(*each) for each in rows[:CANDIDATES_MAX]])
    more = more or len(rows) > CANDIDATES_MAX
    if not found and not more:
        return {}
    return {"likely_twins": [_shown(twin, member) for twin in found], "likely_twins_more": more}


def named_twins(case: bytes) -> list[tuple[str, bytes]]:
    """The stretches of a `case` content that name another case's record, in its order, each with that case.

    Not the whole twin: that names a record of its own case as well.
    """
    if _NAMING not in case:
        return []
    twins = json.loads(case)["likely_twins"]
    return [(twin["transfer"], _NAMING + b":" + jcs(twin["other_record"])) for twin in twins if "other_record" in twin]


def _candidate(row: TransferRow, item: ItemRow) -> Candidate:
    return Candidate(
        row.id, row.source, row.accepting, row.facing, row.leaf, item.record, item.state, item.nf, item.strength, item.alike, item.credits
    )


def _shown(twin: Twin, member: str) -> dict[str, Any]:
    other = twin.other
    shown: dict[str, Any] = {
        "record": twin.record,
        "source": other.source,
        "accepting": other.accepting,
        "state": other.state,
        "leaf": other.leaf,
        "reasons": list(twin.reasons),
    }
    if member in {"", other.source, other.accepting, other.facing}:
        shown |= {"transfer": other.transfer, "other_record": other.record}
    return shown
