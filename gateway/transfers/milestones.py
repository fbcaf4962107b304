"""When a case first came to review, to a decision, to its end; how long each leg took; and in which bucket of a histogram that lies.

A *leg* runs from one first arrival to the next: `delivery` from the request to review, `decision` from there to the decision,
`posting` from there to the settlement, `whole` from the request to the settlement.  What comes after a first arrival (a dispute,
a second decision) changes none of them.

A bucket's upper bound is 2^(1/4) times the one below it, from one second up to two years, so a percentile told from buckets (as the
upper bound of the one it falls into) is never less than the true one and, above one second, less than 19 % more.
Bounds are whole microseconds, made once from integers: the same everywhere.
"""

from bisect import bisect_left
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from math import isqrt
from typing import Final

from gateway.model.transfer import State
from gateway.storage.rows import TransferRow

SECOND_US: Final = 1_000_000
DOUBLINGS: Final = 26
ENDED: Final = frozenset({State.SETTLED, State.RECALLED})
DECIDED: Final = ENDED | {State.POSTING}


class Leg(StrEnum):
    """A stretch of a case."""

    DELIVERY = "delivery"
    DECISION = "decision"
    POSTING = "posting"
    WHOLE = "whole"


def _bounds() -> tuple[int, ...]:
    """Upper bounds in microseconds; the last bucket has none."""
    found = [SECOND_US]
    for doubling in range(DOUBLINGS):
        low = SECOND_US << doubling
        half = isqrt(2 * low * low)
        found += [isqrt(low * half), half, isqrt(half * 2 * low), 2 * low]
    return tuple(found)


BOUNDS_US: Final = _bounds()


def first_reached(row: TransferRow, at: str) -> TransferRow:
    """The row with what it has just reached for the first time, `at` now."""
    state = State(row.state)
    if state is State.REVIEWING and not row.delivered_at:
        return row._replace(delivered_at=at)
    if state in DECIDED and not row.decided_at:
        row = row._replace(decided_at=at)
    if state in ENDED and not row.settled_at:
        row = row._replace(settled_at=at)
    return row


def legs(row: TransferRow) -> dict[Leg, tuple[str, str]]:
    """Each leg that is over: its first and its last moment."""
    ends = {
        Leg.DELIVERY: (row.opened_at, row.delivered_at),
        Leg.DECISION: (row.delivered_at, row.decided_at),
        Leg.POSTING: (row.decided_at, row.settled_at),
        Leg.WHOLE: (row.opened_at, row.settled_at),
    }
    return {leg: (first, last) for leg, (first, last) in ends.items() if first and last}


def bucket_of(first: str, last: str) -> str:
    """The bucket of the time between two moments: its number, three digits."""
    took = datetime.fromisoformat(last) - datetime.fromisoformat(first)
    return f"{bisect_left(BOUNDS_US, took // timedelta(microseconds=1)):03d}"


def percentile(counts: Mapping[str, int], percent: int) -> timedelta | None:
    """The upper bound of the bucket in which that percentile lies (nearest rank); None of nothing, and where there is no bound."""
    total = sum(counts.values())
    rank, seen = -(-total * percent // 100), 0
    for bucket in sorted(counts):
        seen += counts[bucket]
        if seen >= rank > 0:
            number = int(bucket)
            return timedelta(microseconds=BOUNDS_US[number]) if number < len(BOUNDS_US) else None
    return None
