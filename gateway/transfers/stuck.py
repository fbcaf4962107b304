"""What waits for an operator: held transfers and dead letters, each with whose turn it was, since when, how often it was tried,
why it did not go, and what happens by itself, when.

Pure: rows in, one flat document each out.  The same for the command line on the node and for the presiding unit's reading.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.model.transfer import State
from gateway.storage.rows import OwedRow, TransferRow
from gateway.transfers.dead_letters import may_give_up
from gateway.transfers.owing import OPEN_OWED

NO_ANSWER, NOT_TAKEN = "no_answer", "not_taken"
"""Why a message without an error is still owed: it arrived and nobody signed for it; nobody came for it."""


def held_json(row: TransferRow, owed: Iterable[OwedRow], presiding: str | None) -> dict[str, Any]:
    """A held transfer: `reason` is `held.` and where it was held; tries and error are those of the first message still open."""
    members = silent_members(row)
    first = next((each for each in owed if each.state in OPEN_OWED and each.lane in members), None)
    return {
        "id": row.id,
        "kind": "transfer",
        **_case(row, presiding),
        "scope": row.id,
        "message": None,
        "event": None,
        "members": members,
        "reason": f"held.{row.held_from}",
        "since": row.changed_at,
        "tries": 0 if first is None else first.attempts,
        "last_error": "" if first is None else reason_of(first),
        "next_try": None if first is None else first.next_at,
        "then": held_exit(row),
        "then_at": row.deadline,
        "can_retry": True,
        "can_cancel": row.held_from == State.DELIVERING,
    }


def letter_json(row: OwedRow, case: TransferRow | None, presiding: str | None) -> dict[str, Any]:
    """A dead letter: nothing but another try happens by itself.  `case` is None for one of another scope: nobody orders anything there."""
    return {
        "id": row.jti,
        "kind": "message",
        **_case(case, presiding),
        "scope": row.transfer,
        "message": row.jti,
        "event": row.event,
        "members": [row.lane],
        "reason": reason_of(row),
        "since": row.dead_since,
        "tries": row.attempts,
        "last_error": row.last_error,
        "next_try": row.next_at,
        "then": "tried",
        "then_at": row.next_at,
        "can_retry": case is not None,
        "can_cancel": case is not None and may_give_up(row),
    }


def _case(row: TransferRow | None, presiding: str | None) -> dict[str, Any]:
    if row is None:
        return dict.fromkeys(("transfer", "source", "accepting", "facing", "state", "held_from", "deadline_provisional", "presiding_unit"))
    return {
        "transfer": row.id,
        "source": row.source,
        "accepting": row.accepting,
        "facing": row.facing,
        "state": row.state,
        "held_from": row.held_from,
        "deadline_provisional": bool(row.provisional),
        "presiding_unit": presiding,
    }


def silent_members(row: TransferRow) -> list[str]:
    """The banks whose turn it was when the transfer was held."""
    if row.held_from == State.POSTING:
        posted = {row.source: row.posted_source, row.accepting: row.posted_accepting}
        return sorted(member for member, done in posted.items() if not done)
    return [row.accepting]


def reason_of(row: OwedRow) -> str:
    """The last error's code, or what the silence is."""
    return row.last_error or (NO_ANSWER if row.attempts else NOT_TAKEN)


def held_exit(row: TransferRow) -> str:
    """What becomes of a held transfer at its deadline: `expired`, `escalated`, or `stays` where there is no deadline any more."""
    if row.deadline is None:
        return "stays"
    return "expired" if row.held_from == State.DELIVERING else "escalated"


def in_order(found: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """By member and reason, the longest waiting first."""
    return sorted(map(dict, found), key=lambda each: (each["members"], each["reason"], each["since"], each["id"]))
