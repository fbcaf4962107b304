"""What hangs, in groups: stuck cases by whose turn it was, where and why; dead letters by fingerprint.

A dead letter's fingerprint is its member, the stage (the act and event it carries), the reason it does not go, and the rule version of
its case: letters with one fingerprint have most likely one cause.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gateway.storage.database import Database
from gateway.storage.rows import OwedRow, TransferRow
from gateway.transfers.stuck import reason_of, silent_members
from gateway.transfers.turns import waiting_on

MOST: Final = 5_000
SAMPLES: Final = 5
AGES: Final = (timedelta(days=1), timedelta(days=3), timedelta(days=7), timedelta(days=15), timedelta(days=30))
"""Bounds of the age histogram; its last column is what is older."""


@dataclass(frozen=True, slots=True)
class StuckGroup:
    """Held cases.  `ages` counts them by `AGES`, since they were held; `sample` are ids, longest held first."""

    silent: tuple[str, ...]
    waiting_on: tuple[str, ...]
    stage: str
    reason: str
    n: int
    oldest: timedelta
    ages: tuple[int, ...]
    sample: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LetterGroup:
    """Dead letters of one fingerprint.  `sample` are message ids, oldest first; `cases` how many cases they are about."""

    member: str
    stage: str
    reason_code: str
    rules: str
    n: int
    cases: int
    first_seen: datetime
    last_seen: datetime
    sample: tuple[str, ...]


def ages_of(ages: Iterable[timedelta]) -> tuple[int, ...]:
    """How many lie up to each bound, and beyond the last."""
    found = [0] * (len(AGES) + 1)
    for age in ages:
        found[next((place for place, bound in enumerate(AGES) if age <= bound), len(AGES))] += 1
    return tuple(found)


def mine(row: TransferRow | None, seen_by: str) -> bool:
    """Whether this is shown to a member; "" is the centre."""
    return not seen_by or (row is not None and seen_by in {row.source, row.accepting, row.facing})


def why_held(row: TransferRow, owed: Iterable[OwedRow]) -> tuple[str, OwedRow | None]:
    """Why a held case does not go on, and the first message still owed to those whose turn it was."""
    silent = silent_members(row)
    first = next((each for each in owed if each.lane in silent and each.state in {"new", "ready"}), None)
    return ("not_posted" if first is None else reason_of(first)), first


async def stuck_groups(database: Database, now: datetime, seen_by: str = "") -> tuple[StuckGroup, ...]:
    """Held cases, the longest held group first.  Raises StorageError."""
    rows = [TransferRow(*row) for row in await database.fetch("transfers_held", most=MOST)]
    owed: dict[str, list[OwedRow]] = {}
    for each in await database.fetch("owed_by_transfer", ids=json.dumps([row.id for row in rows])):
        owed.setdefault(each[2], []).append(OwedRow(*each))
    groups: dict[tuple[tuple[str, ...], tuple[str, ...], str, str], list[TransferRow]] = {}
    for row in rows:
        if mine(row, seen_by):
            silent = tuple(silent_members(row))
            reason, _ = why_held(row, owed.get(row.id, ()))
            groups.setdefault((silent, tuple(waiting_on(row)), row.held_from, reason), []).append(row)
    found = [_stuck(key, held, now) for key, held in groups.items()]
    return tuple(sorted(found, key=lambda group: (-group.oldest, group.silent, group.stage, group.reason)))


def _stuck(key: tuple[tuple[str, ...], tuple[str, ...], str, str], rows: list[TransferRow], now: datetime) -> StuckGroup:
    ages = [now - datetime.fromisoformat(row.changed_at) for row in rows]
    return StuckGroup(*key, len(rows), max(ages), ages_of(ages), tuple(row.id for row in rows[:SAMPLES]))


async def letter_groups(database: Database, seen_by: str = "") -> tuple[LetterGroup, ...]:
    """Dead letters, the largest group first.  Raises StorageError."""
    letters = [OwedRow(*row) for row in await database.fetch("owed_dead", most=MOST)]
    ids = json.dumps(sorted({row.transfer for row in letters}))
    cases = {row[0]: TransferRow(*row) for row in await database.fetch("transfers_by_id", ids=ids)}
    groups: dict[tuple[str, str, str, str], list[OwedRow]] = {}
    for letter in sorted(letters, key=lambda row: (row.dead_since, row.jti)):
        case = cases.get(letter.transfer)
        if letter.lane == seen_by or mine(case, seen_by):
            key = (letter.lane, f"{letter.act}.{letter.event}", reason_of(letter), case.mapping if case else "")
            groups.setdefault(key, []).append(letter)
    found = [_letters(key, rows) for key, rows in groups.items()]
    return tuple(sorted(found, key=lambda group: (-group.n, group.member, group.stage, group.reason_code, group.rules)))


def _letters(key: tuple[str, str, str, str], rows: list[OwedRow]) -> LetterGroup:
    first, last = (datetime.fromisoformat(row.dead_since) for row in (rows[0], rows[-1]))
    return LetterGroup(*key, len(rows), len({row.transfer for row in rows}), first, last, tuple(row.jti for row in rows[:SAMPLES]))
