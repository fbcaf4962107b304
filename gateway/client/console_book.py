"""The connector's own book for its people's pages: cases by deadline, counts, what is stuck, who looked at whom, what was frozen.

Nothing here asks the gateway: it is what this bank was told, verified, and wrote down.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from gateway.client.store import moment_text
from gateway.client.todo import words
from gateway.model.ports import Clock, IdSource
from gateway.model.transfer import CLOSED, State
from gateway.storage.connector_schema import CaseRow, FrozenRow, HeldRowRow, InboxRow, OutboxRow
from gateway.storage.database import Database, Write

CASES_MAX: Final = 200
ROWS_MAX: Final = 200
LIFE: Final = timedelta(hours=1)
OPEN: Final = tuple(state.value for state in State if state not in CLOSED)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the inbox shows: `turn` `ours` (this bank's turn), `open` or `all`; of one state and one source bank where named."""

    turn: str = "ours"
    state: str = ""
    source: str = ""

    @property
    def states(self) -> tuple[str, ...]:
        if self.state:
            return (self.state,)
        return tuple(State) if self.turn == "all" else OPEN


@dataclass(frozen=True, slots=True)
class Line:
    """A case in the inbox.  `part` is what this bank is in it, `waiting` whose turn it is, `todo` what it asks of this bank."""

    transfer: str
    source: str
    accepting: str
    facing: str
    part: str
    state: str
    ver: int
    waiting: tuple[str, ...]
    deadline: str
    provisional: bool
    since: str
    items: int
    todo: tuple[str, ...]


class Book:
    """Over the connector's database, for one member."""

    def __init__(self, database: Database, member: str, clock: Clock, ids: IdSource) -> None:
        self._database = database
        self._member = member
        self._clock = clock
        self._ids = ids

    async def lines(self, wanted: Wanted, most: int = CASES_MAX) -> list[Line]:
        """Earliest deadline first; one more than `most` tells that there are more."""
        turn = self._member if wanted.turn == "ours" else ""
        rows = await self._database.fetch(
            "cases_listed", states=json.dumps(list(wanted.states)), source=wanted.source, turn=turn, most=most + 1
        )
        return [self.line(CaseRow(*row)) for row in rows]

    def line(self, row: CaseRow) -> Line:
        told = json.loads(row.body)
        part = "accepting" if row.accepting == self._member else "source" if row.source == self._member else "facing"
        return Line(
            row.transfer, row.source, row.accepting, row.facing, part, row.state, row.ver, tuple(told.get("waiting_on") or ()),
            str(told.get("deadline") or ""), bool(told.get("deadline_provisional")), row.changed_at, len(told.get("items") or ()),
            tuple(words(row)),
        )  # fmt: skip

    async def counts(self) -> list[tuple[str, str, int, int]]:
        """State, this bank's part, how many cases, in how many it is this bank's turn."""
        return [(row[0], row[1], row[2], row[3]) for row in await self._database.fetch("cases_counted", member=self._member)]

    async def items(self) -> list[tuple[str, str, str, int]]:
        """Of the cases this bank accepts: source bank, an item's state, its reason, how many."""
        return [(row[0], row[1], row[2], row[3]) for row in await self._database.fetch("items_counted", member=self._member)]

    async def messages(self) -> list[tuple[str, str, int]]:
        """Act, state, how many messages of this bank."""
        return [(row[0], row[1], row[2]) for row in await self._database.fetch("messages_counted")]

    async def stuck(self) -> list[OutboxRow]:
        return [OutboxRow(*row) for row in await self._database.fetch("outbox_stuck", most=ROWS_MAX)]

    async def not_believed(self) -> list[InboxRow]:
        """Messages of the gateway that did not hold."""
        return [InboxRow(*row) for row in await self._database.fetch("inbox_refused")][-ROWS_MAX:]

    async def held_rows(self) -> list[HeldRowRow]:
        """Rows of feeds that stay behind, and after them those that were mended."""
        return [HeldRowRow(*row) for row in await self._database.fetch("held_rows_all")]

    # -- who looked --

    async def viewed(self, person: str, transfer: str, page: str) -> None:
        """Somebody is about to be shown a learner's data; written down first."""
        await self._commit(Write("learner_view_add", [(self._now(), person, transfer, page)]))

    async def views(self, transfer: str = "") -> list[tuple[str, str, str, str]]:
        """When, who, which case, on which page; newest first."""
        return [(row[0], row[1], row[2], row[3]) for row in await self._database.fetch("learner_views", transfer=transfer, most=ROWS_MAX)]

    # -- what is to be confirmed --

    async def freeze(self, kind: str, person: str, body: Mapping[str, Any]) -> str:
        """Keep what was put together, for an hour; returns its id."""
        token, now = self._ids.jti(), self._clock.now()
        row = (token, kind, person, moment_text(now), json.dumps(dict(body), ensure_ascii=False))
        await self._commit(Write("frozen_sweep", [(moment_text(now - 24 * LIFE),)]), Write("frozen_put", [row]))
        return token

    async def frozen(self, id: str, person: str) -> FrozenRow | None:
        """What this person froze; None for another's and for what is not there."""
        rows = await self._database.fetch("frozen_by_id", id=id)
        found = FrozenRow(*rows[0]) if rows else None
        return found if found is not None and found.person == person else None

    def fresh(self, row: FrozenRow) -> bool:
        """Whether it may still be confirmed."""
        return not row.used_at and datetime.fromisoformat(row.made_at) > self._clock.now() - LIFE

    def use(self, id: str) -> Write:
        """For the commit that does what was confirmed: once."""
        return Write("frozen_use", [(self._now(), id)], hits=1)

    def _now(self) -> str:
        return moment_text(self._clock.now())

    async def _commit(self, *writes: Write) -> None:
        await self._database.group((), lambda _rows: writes)
