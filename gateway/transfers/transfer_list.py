"""Lists of cases: filtered, in one of the orders of `list_order`, a page at a time both ways, with the neighbours of one case in it.

A cursor is the place of a row in the order, so that a page begins where the last one ended whatever came meanwhile.  Each state is
read through its own index and the pages are merged; what a filter leaves out is looked at only until a page is full.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from gateway.model.transfer import State
from gateway.storage.database import Database
from gateway.storage.rows import TransferRow
from gateway.transfers.case import utc_text
from gateway.transfers.list_order import FIRST, LAST, NEWEST, Order, Run
from gateway.transfers.turns import waiting_on

PAGE_MAX: Final = 200
COUNT_MAX: Final = 10_000
PREFIX_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class Filter:
    """What is wanted; empty texts and None are any.  `seen_by` is whoever looks: a bank's operator sees that bank's cases, the centre all.

    `waiting_on` is a member, or `presiding`; `held_from` a state; `quiet_for` the least time since a case last moved.
    """

    states: tuple[State, ...] = tuple(State)
    waiting_on: str = ""
    member: str = ""
    seen_by: str = ""
    held_from: str = ""
    since: datetime | None = None
    until: datetime | None = None
    quiet_for: timedelta = timedelta(0)
    prefix: str = ""
    source: str = ""
    accepting: str = ""
    opened_since: datetime | None = None
    opened_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """One case in a list.  Times are aware; `age` is since it was opened, `quiet` since it last moved."""

    transfer: str
    source: str
    accepting: str
    facing: str
    state: str
    held_from: str
    waiting_on: tuple[str, ...]
    opened_at: datetime
    changed_at: datetime
    age: timedelta
    quiet: timedelta
    deadline: datetime | None
    overdue: bool


@dataclass(frozen=True, slots=True)
class Page:
    """`next`, `before`: cursors, "" where there is nothing more that way."""

    cases: tuple[Listed, ...] = ()
    next: str = ""
    before: str = ""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A filter as the queries take it."""

    states: tuple[State, ...]
    params: dict[str, str] = field(default_factory=dict)


def listed(row: TransferRow, now: datetime) -> Listed:
    """A row as lists show it."""
    opened, changed = datetime.fromisoformat(row.opened_at), datetime.fromisoformat(row.changed_at)
    due = datetime.fromisoformat(row.deadline) if row.deadline else None
    return Listed(
        row.id, row.source, row.accepting, row.facing, row.state, row.held_from, tuple(waiting_on(row)), opened, changed,
        now - opened, now - changed, due, due is not None and due < now,
    )  # fmt: skip


def _asked(wanted: Filter, now: datetime) -> _Asked:
    until = min(filter(None, (wanted.until, now - wanted.quiet_for if wanted.quiet_for else None)), default=None)
    params = {
        "since": utc_text(wanted.since) if wanted.since else FIRST,
        "until": utc_text(until) if until else LAST,
        "member": wanted.member,
        "seen_by": wanted.seen_by,
        "held_from": wanted.held_from,
        "turn": wanted.waiting_on,
        "source": wanted.source,
        "accepting": wanted.accepting,
        "opened_since": utc_text(wanted.opened_since) if wanted.opened_since else FIRST,
        "opened_until": utc_text(wanted.opened_until) if wanted.opened_until else LAST,
    }
    return _Asked(tuple(dict.fromkeys(wanted.states)), params)


async def page(
    database: Database, wanted: Filter, now: datetime, *, order: Order = NEWEST, cursor: str = "", back: bool = False, most: int = 50
) -> Page:
    """`back`: the page that ends before the cursor.  A cursor that is none reads as the beginning.  Raises StorageError."""
    most = max(1, min(most, PAGE_MAX))
    if wanted.prefix:
        return await _by_prefix(database, wanted, now, order, most)
    back = back and bool(cursor)
    rows = await _rows(database, _asked(wanted, now), order, cursor, back=back, most=most + 1)
    more, rows = len(rows) > most, rows[:most]
    if back:
        rows.reverse()
    has_next, has_before = (bool(rows), more) if back else (more, bool(cursor))
    ends = (order.cursor(rows[-1]), order.cursor(rows[0])) if rows else ("", "")
    return Page(tuple(listed(row, now) for row in rows), ends[0] if has_next else "", ends[1] if has_before else "")


async def _rows(database: Database, asked: _Asked, order: Order, cursor: str, *, back: bool, most: int) -> list[TransferRow]:
    """From the cursor on, run after run, until there are enough."""
    found: list[TransferRow] = []
    for run, place in order.runs(asked.states, cursor, back=back):
        found += await _run(database, asked, run, place, most - len(found))
        if len(found) >= most:
            break
    return found


async def _run(database: Database, asked: _Asked, run: Run, place: tuple[str, str], most: int) -> list[TransferRow]:
    """The next rows of one run: of each state as many as could be needed, merged."""
    params = asked.params | run.narrowed(asked.params, place[0])
    names = {"states": json.dumps(list(run.states))} if run.at_once else {}
    found: list[TransferRow] = []
    for state in run.states[:1] if run.at_once else run.states:
        which = names or {"state": state.value}
        rows = await database.fetch(run.query, cursor_at=place[0], cursor_id=place[1], most=most, **which, **params)
        found += (TransferRow(*row) for row in rows)
    found.sort(key=run.key, reverse=run.descending)
    return found[:most]


async def _by_prefix(database: Database, wanted: Filter, now: datetime, order: Order, most: int) -> Page:
    """Few by nature: one page, filtered and put in order here."""
    rows = await database.fetch("transfers_by_prefix", low=wanted.prefix, high=wanted.prefix + LAST, most=PREFIX_MAX)
    fitting = order.put(list(_fitting([TransferRow(*row) for row in rows], wanted, now)))
    return Page(tuple(listed(row, now) for row in fitting)[:most])


def _fitting(rows: list[TransferRow], wanted: Filter, now: datetime) -> Iterator[TransferRow]:
    asked = _asked(wanted, now)
    for row in rows:
        parties = {row.source, row.accepting, row.facing}
        fits = (
            row.state in asked.states
            and asked.params["since"] <= row.changed_at <= asked.params["until"]
            and {wanted.member or row.source, wanted.seen_by or row.source} <= parties
            and wanted.held_from in {"", row.held_from}
            and (wanted.source or row.source, wanted.accepting or row.accepting) == (row.source, row.accepting)
            and asked.params["opened_since"] <= row.opened_at <= asked.params["opened_until"]
            and (not wanted.waiting_on or wanted.waiting_on in waiting_on(row))
        )
        if fits:
            yield row


async def count(database: Database, wanted: Filter, now: datetime) -> tuple[int, bool]:
    """How many there are, and whether that is all of them: counting stops at a bound in each state."""
    if wanted.prefix:
        rows = await database.fetch("transfers_by_prefix", low=wanted.prefix, high=wanted.prefix + LAST, most=PREFIX_MAX)
        return len(list(_fitting([TransferRow(*row) for row in rows], wanted, now))), len(rows) < PREFIX_MAX
    asked, total, whole = _asked(wanted, now), 0, True
    for state in asked.states:
        ((n,),) = await database.fetch("transfers_count", state=state.value, most=COUNT_MAX + 1, **asked.params)
        total, whole = total + min(n, COUNT_MAX), whole and n <= COUNT_MAX
    return total, whole


async def neighbours(database: Database, wanted: Filter, now: datetime, row: TransferRow, order: Order = NEWEST) -> tuple[str, str]:
    """The cases before and after this one in the same list, "" where there is none, or where it has no place in this order."""
    if not order.holds(row):
        return "", ""
    asked, cursor = _asked(wanted, now), order.cursor(row)
    before = await _rows(database, asked, order, cursor, back=True, most=1)
    after = await _rows(database, asked, order, cursor, back=False, most=1)
    return before[0].id if before else "", after[0].id if after else ""
