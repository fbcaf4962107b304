"""Integrity flags as banks and the learner see them: kind, who set it, why, how far the appeal has come."""

import json
from collections.abc import Iterable
from typing import Any, Final

from gateway.model.integrity import APPEAL_REASONS, KINDS, LIFT_REASONS, STATES, UPHOLD_REASONS, FlagKind, FlagState, Said, flag_reason
from gateway.model.transfer import ItemState
from gateway.storage.database import Database
from gateway.storage.flag_rows import FlagRow
from gateway.storage.rows import ItemRow, TransferRow

RULING_REASONS: Final = {**UPHOLD_REASONS, **LIFT_REASONS}
JUDGED: Final = frozenset({ItemState.CLAIMED, ItemState.RECOGNISED})
"""Items of a case that a hint may still help with."""


def flag_json(row: FlagRow) -> dict[str, Any]:
    """One flag whole, each word with its texts.  Nothing of the learner but which record of which bank it is."""
    return {
        "flag": row.scope,
        "outcome": row.nf,
        "source": row.source,
        "record": row.record,
        **_word("kind", row.kind, KINDS[FlagKind(row.kind)]),
        **_word("reason", row.reason, flag_reason(row.kind, row.reason)),
        **_word("state", row.state, STATES[FlagState(row.state)]),
        "set_by": row.setter,
        "set_at": row.set_at,
        "derived": bool(row.derived),
        "changed_at": row.changed_at,
        "due": row.due or None,
        "appealed_by": row.appealed_by or None,
        **_word("appeal_reason", row.appeal_reason, APPEAL_REASONS.get(row.appeal_reason)),
        "ruled_by": row.ruled_by or None,
        **_word("ruling_reason", row.ruling_reason, RULING_REASONS.get(row.ruling_reason)),
        "ver": row.seq,
        "leaf": row.leaf,
    }


def _word(name: str, value: str, said: Said | None) -> dict[str, Any]:
    if said is None:
        return {name: None}
    return {name: value, f"{name}_zh": said.zh, f"{name}_en": said.en}


def hints_of(rows: Iterable[FlagRow], items: Iterable[ItemRow]) -> list[dict[str, Any]]:
    """What is shown beside an estimate: by record of this case, flags that count.  A hint, and never a refusal by itself."""
    records = {item.nf: item.record for item in items if item.nf and item.state in JUDGED}
    return [
        {
            "record": records[row.nf],
            **_word("kind", row.kind, KINDS[FlagKind(row.kind)]),
            **_word("reason", row.reason, flag_reason(row.kind, row.reason)),
            **_word("state", row.state, STATES[FlagState(row.state)]),
            "set_by": row.setter,
            "set_at": row.set_at,
            "leaf": row.leaf,
        }
        for row in rows
        if row.nf in records and row.state != FlagState.LIFTED
    ]


async def flags_of(database: Database, learner: str) -> list[FlagRow]:
    """Every flag of one learner (pseudonym), oldest first."""
    rows = await database.fetch("flags_of_learners", learners=json.dumps([learner]))
    return [FlagRow(*row[:-1]) for row in rows if row[0] is not None]


async def case_hints(database: Database, row: TransferRow, items: Iterable[ItemRow]) -> list[dict[str, Any]]:
    """`hints_of` one case, as of the last commit."""
    return hints_of(await flags_of(database, row.learner), items)
