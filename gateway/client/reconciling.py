"""The bank's side of a state digest: held against this bank's own store, answered in full, and what differs kept for its people.

Numbers that the gateway lacks heal by themselves: the same message goes out again.  Numbers that this bank lacks are named to
the gateway, which sends them again where it may.  A case of which the gateway knows more is only behind, and no difference.
Called with the books held, so that nothing is sent or settled meanwhile.  Sentences: docs/protocol.md, PR-203 to PR-207.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from gateway.client.office import Office
from gateway.client.store import Store
from gateway.client.todo import items_of, minus
from gateway.errors import PeerError
from gateway.federation.message import Content
from gateway.federation.state_digest import (
    CONTENT,
    NUMBERS_MAX,
    RANGES_MAX,
    TRANSFERS_MAX,
    ItemState,
    StateAnswer,
    StateDigest,
    TransferState,
    numbers_in,
    ranges_of,
)
from gateway.model.transfer import CLOSED
from gateway.storage.connector_schema import CaseRow, DifferenceRow, InboxRow, OutboxRow
from gateway.storage.database import Write

ENDED: Final = frozenset(state.value for state in CLOSED)
log = structlog.get_logger("gateway.connector")


@dataclass(frozen=True, slots=True)
class OwnNumbers:
    """What this bank says of its own numbers, and the messages it therefore sends again."""

    sent: int
    pending: frozenset[int]
    given_up: frozenset[int]
    lost: frozenset[int]
    again: tuple[OutboxRow, ...]


async def compare(office: Office, row: InboxRow, contents: Mapping[str, Content]) -> list[Write]:
    """What follows from a digest, as one commit: the answer, messages sent again, cases brought up to date, differences."""
    content = contents.get(CONTENT)
    digest = StateDigest.read(content.data) if content is not None else None
    if digest is None or digest.member != office.setup.member:
        raise PeerError("peer.off_protocol", "状态摘要不是给本行的", "the state digest is not about this bank")
    store, now, floor = office.store, office.now_text(), await office.store.floor()
    expected = digest.sent.expected()
    lacks = sorted(set(expected) - await store.numbers_here(expected))
    own = await _own_numbers(store, digest)
    differs, moved = await _cases(store, digest)
    behind = floor < digest.sent.after
    answer = StateAnswer(
        ranges_of(lacks), floor if behind else None, own.sent, ranges_of(own.pending), ranges_of(own.given_up), ranges_of(own.lost), differs
    )
    return [
        *Store.send(office.writer.state(row, answer), now),
        Store.finish(row),
        *(Store.again(each.jti, now) for each in own.again),
        *(Store.put_case(case._replace(changed_at=now)) for case in moved),
        Store.set_floor(floor if behind else max(floor, digest.sent.to)),
        *await _differences(office, digest, answer, now),
    ]


async def _own_numbers(store: Store, digest: StateDigest) -> OwnNumbers:
    sent = await store.last_number()
    waiting = await store.numbers_waiting(RANGES_MAX)
    if len(waiting) == RANGES_MAX:  # more than can be told: nothing is said of what lies beyond
        sent = waiting[-1]
    missing = list(numbers_in(digest.received.missing))
    since = list(range(digest.received.to + 1, min(sent, digest.received.to + NUMBERS_MAX) + 1))
    rows = {row.seq: row for row in await store.by_numbers([*missing, *since])}
    again = tuple(row for number in missing if (row := rows.get(number)) is not None and row.state in {"done", "refused", "alarm"})
    return OwnNumbers(
        sent=sent,
        pending=frozenset(waiting) | {row.seq for row in again if row.seq is not None},
        given_up=frozenset(number for number, row in rows.items() if number is not None and row.state == "failed"),
        lost=frozenset(number for number in missing if number not in rows),
        again=again,
    )


async def _cases(store: Store, digest: StateDigest) -> tuple[tuple[TransferState, ...], list[CaseRow]]:
    """Where this bank sees cases otherwise, and those it may simply bring up to date: ended ones it was only not told of."""
    known = await store.cases_of([each.transfer for each in digest.transfers])
    busy = await store.busy_scopes()
    differs, moved = [], []
    for told in digest.transfers:
        case = known.get(told.transfer)
        if case is None:
            if told.transfer not in busy:
                differs.append(TransferState(told.transfer, "", 0))
        elif case.ver >= told.ver:
            own = _seen(case, told)
            if own != told:
                differs.append(own)
        elif told.state in ENDED and told.transfer not in busy and not case.todo:
            moved += _brought_up(case, told)
    return tuple(differs[:TRANSFERS_MAX]), moved


def _seen(case: CaseRow, told: TransferState) -> TransferState:
    """The case as this bank has it.  Where it never heard of the items at that version, it has nothing to say about them."""
    body: dict[str, Any] = json.loads(case.body)
    if body.get("ver") != case.ver:
        return TransferState(case.transfer, case.state, case.ver, told.items if case.ver == told.ver else ())
    return TransferState(case.transfer, case.state, case.ver, tuple(_item(each) for each in items_of(case)))


def _item(each: Mapping[str, Any]) -> ItemState:
    return str(each["record"]), str(each["state"]), each.get("credits")


def _brought_up(case: CaseRow, told: TransferState) -> list[CaseRow]:
    """The case as the gateway's signed word has it; none where that speaks of other records."""
    body: dict[str, Any] = json.loads(case.body)
    told_items = {record: (state, size) for record, state, size in told.items}
    items = [dict(each) for each in items_of(case)]
    if {each["record"] for each in items} != told_items.keys():
        return []
    for each in items:
        each["state"], each["credits"] = told_items[each["record"]]
    text = json.dumps({**body, "state": told.state, "ver": told.ver, "items": items}, ensure_ascii=False)
    return [minus(case._replace(state=told.state, ver=told.ver, body=text))]


async def _differences(office: Office, digest: StateDigest, answer: StateAnswer, now: str) -> list[Write]:
    """The bank's own list: what is new is told, what is gone is closed."""
    standing = {row[:3]: row for row in await office.store.differences() if not row.closed_at}
    found = {row[:3]: row for row in _found(digest, answer, now)}
    new = [row for key, row in found.items() if key not in standing]
    for row in new:
        number = row.subject if row.kind not in {"item", "case"} else ""
        log.error("difference", member=office.setup.member, kind=row.kind, transfer=row.transfer, number=number)
    told_of = {each.transfer for each in digest.transfers}
    gone = [
        row._replace(closed_at=now)
        for key, row in standing.items()
        if key not in found and (not row.transfer or row.transfer in told_of) and not (row.kind == "lacks" and _still_open(digest, row))
    ]
    return [Write("difference_put", [*new, *gone])]


def _still_open(digest: StateDigest, row: DifferenceRow) -> bool:
    """Sent again and not answered yet: not healed, and not asked about either."""
    return any(first <= int(row.subject) <= last for first, last in digest.sent.open)


def _found(digest: StateDigest, answer: StateAnswer, now: str) -> Iterator[DifferenceRow]:
    for number in numbers_in(answer.lacks):
        yield DifferenceRow("lacks", "", str(number), "missing", "acknowledged", now)
    for number in numbers_in(answer.lost):
        yield DifferenceRow("lost", "", str(number), "missing", "missing", now)
    told = {each.transfer: each for each in digest.transfers}
    for own in answer.differs:
        theirs = told[own.transfer]
        if (own.state, own.ver) != (theirs.state, theirs.ver):
            yield DifferenceRow("case", own.transfer, "", f"{own.state} {own.ver}", f"{theirs.state} {theirs.ver}", now)
            continue
        left, right = ({record: f"{state} {size or '-'}" for record, state, size in each.items} for each in (own, theirs))
        for record in sorted(left.keys() | right.keys()):
            if left.get(record) != right.get(record):
                yield DifferenceRow("item", own.transfer, record, left.get(record, ""), right.get(record, ""), now)
