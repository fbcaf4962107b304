"""Making a state digest: what the gateway holds of a member's affairs now, one page of it.

Each of the three parts (cases, numbers sent, numbers received) is read by one statement, so each is of one commit.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

from gateway.federation.state_digest import (
    ITEMS_MAX,
    NUMBERS_MAX,
    RANGES_MAX,
    TRANSFERS_MAX,
    Ranges,
    Received,
    Sent,
    StateDigest,
    TransferState,
    numbers_in,
    ranges_of,
    read_ranges,
)
from gateway.model.transfer import CLOSED, State
from gateway.storage.database import Database
from gateway.storage.rows import DifferenceRow, OwedRow, ReconciliationRow
from gateway.transfers.owing import OPEN_OWED
from gateway.transfers.reconciling import MISSING

OPEN_STATES: Final = json.dumps(sorted(state.value for state in State if state not in CLOSED))
ENDED_STATES: Final = json.dumps(sorted(state.value for state in CLOSED))


async def digest_content(database: Database, row: OwedRow, size: int, checkpoint: str) -> bytes:
    """What the gateway holds of a member's affairs now: content `state` of the owed digest `row`."""
    (values,) = await database.fetch("reconciliations_by_member", members=json.dumps([row.lane]))
    place = ReconciliationRow(*values)
    transfers, more = await _transfers(database, place)
    sent, received = await _sent(database, place, transfers), await _received(database, place)
    return StateDigest(row.lane, place.number, size, checkpoint, sent, received, transfers, more).write()


async def _transfers(database: Database, place: ReconciliationRow) -> tuple[tuple[TransferState, ...], bool]:
    """One page, and whether more is to follow."""
    rows = await database.fetch(
        "transfers_state",
        member=place.member, after=place.cursor, since=place.since, open=OPEN_STATES, ended=ENDED_STATES, most=TRANSFERS_MAX,
    )  # fmt: skip
    found: list[TransferState] = []
    items = 0
    for transfer, state, ver, text in rows:
        listed: list[list[Any]] = json.loads(text)
        items += len(listed)
        if found and items > ITEMS_MAX:
            return tuple(found), True
        found.append(TransferState(transfer, state, ver, tuple((record, item, size) for record, item, size in listed)))
    return tuple(found), len(rows) == TRANSFERS_MAX


async def _sent(database: Database, place: ReconciliationRow, transfers: Sequence[TransferState]) -> Sent:
    """Numbers since the last digest, those left open or missing then, and those of the cases on this page: what is at work is looked
    for each time, however long ago it was acknowledged.
    """
    earlier = list(numbers_in(read_ranges(json.loads(place.sent_again)), RANGES_MAX))
    rows = [OwedRow(*row) for row in await database.fetch("owed_by_numbers", lane=place.member, seqs=json.dumps(earlier))]
    states = {row.seq: row.state for row in rows}
    open_ = [number for number in earlier if states.get(number) in OPEN_OWED]
    cancelled = [number for number in earlier if states.get(number) == "cancelled"]
    again = [number for number in earlier if number not in {*open_, *cancelled}]
    to = place.sent_floor
    for number, state in await database.fetch("owed_numbers", lane=place.member, after=place.sent_floor, most=NUMBERS_MAX):
        if max(len(open_), len(cancelled)) >= RANGES_MAX:
            break
        if state in OPEN_OWED:
            open_.append(number)
        elif state == "cancelled":
            cancelled.append(number)
        to = number
    listed = json.dumps([each.transfer for each in transfers])
    done = await database.fetch("owed_numbers_done", lane=place.member, ids=listed, to=place.sent_floor, most=RANGES_MAX - len(again))
    return Sent(place.sent_floor, to, ranges_of(open_), ranges_of(cancelled), ranges_of([*again, *(row[0] for row in done)]))


async def _received(database: Database, place: ReconciliationRow) -> Received:
    missing: list[tuple[int, int]] = []
    twice: list[int] = []
    to = place.received_floor
    for number, count in await database.fetch("message_numbers", iss=place.member, after=to, most=NUMBERS_MAX):
        if len(missing) + len(twice) >= RANGES_MAX // 2:
            break
        if number > to + 1:
            missing.append((to + 1, number - 1))
        if count > 1:
            twice.append(number)
        to = number
    return Received(to, await _still_missing(database, place, missing), ranges_of(twice))


async def _still_missing(database: Database, place: ReconciliationRow, gaps: Sequence[tuple[int, int]]) -> Ranges:
    """New gaps, and what was awaited or known to be missing and has not come since."""
    known = set(numbers_in(read_ranges(json.loads(place.awaited)), RANGES_MAX // 2))
    for values in await database.fetch("differences_open", members=json.dumps([place.member])):
        row = DifferenceRow(*values)
        if row.kind == MISSING and len(known) < RANGES_MAX // 2:
            known.add(int(row.subject))
    left = known - set(await here(database, place.member, sorted(known)))
    left = {number for number in left if not any(first <= number <= last for first, last in gaps)}
    return tuple(sorted([*((number, number) for number in left), *gaps]))


async def here(database: Database, member: str, numbers: Sequence[int]) -> list[int]:
    """Those of a member's numbers that came."""
    return [row[0] for row in await database.fetch("message_numbers_of", iss=member, seqs=json.dumps(numbers))] if numbers else []
