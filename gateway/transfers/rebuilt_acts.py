"""A rebuild's look at what people did: each audit row against its leaf, rows without a leaf, leaves without a row.

Audit rows are deleted when their time is over, oldest first: leaves before the oldest row that is kept are no difference.
"""

import json
from typing import Final

from gateway.storage.database import Read, Row
from gateway.storage.people_rows import PersonActRow
from gateway.storage.read_only import ReadOnlyDatabase
from gateway.transferlog.leaf import parse_leaf
from gateway.transfers.operator_acts import ACTS, SCOPE, disagreements
from gateway.transfers.rebuilt import NO_LEAF, NO_ROW, PAGE, Comparison

TABLE: Final = "person_act"


def compare_acts(database: ReadOnlyDatabase, told: Comparison) -> None:
    """Table `person_act`, with `person_act_leaf`.  Of a person or a reason nothing is told but that it differs."""
    after, kept = -1, False
    while page := database.rows(Read("person_acts_logged", {"scope": SCOPE, "after": after, "most": PAGE})):
        for row in page:
            kept = _one(row, told, kept=kept)
        after = page[-1][0]
    n = 0
    while rows := database.rows(Read("person_acts_unlogged", {"acts": json.dumps(sorted(ACTS)), "after": n, "most": PAGE})):
        for each in map(PersonActRow._make, rows):
            told.count(TABLE)
            told.tell(TABLE, str(each.n), "leaf", NO_LEAF, each.act)
        n = rows[-1][0]


def _one(row: Row, told: Comparison, *, kept: bool) -> bool:
    """One leaf; whether a row was seen by now."""
    _seq, index, raw, secret, *stored = row
    if stored[0] is None:
        if kept:
            told.tell(TABLE, f"leaf {index}", "n", index, NO_ROW)
        return kept
    told.count(TABLE)
    act = PersonActRow(*stored)
    for name, leaf, found in disagreements(act, secret, parse_leaf(raw)):
        told.tell(TABLE, str(act.n), name, str(leaf), str(found))
    return True
