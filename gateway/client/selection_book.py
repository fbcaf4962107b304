"""Bulk selections released for this bank, as its connector keeps them: what each would do, who let it be signed, how it ended.

A row is made once and its contents stay; only its state moves, each time from the state that was read.  So what a person has agreed to
is what will be signed, whatever the gateway says later.
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Final

from gateway.client.selected import Entry, Selected
from gateway.client.store import moment_text
from gateway.model.ports import Clock
from gateway.storage.connector_schema import SelectionHereRow
from gateway.storage.database import Database, FencedError, Write

ASKED, SIGNED, OVER, STALE, STOPPED = "asked", "signed", "over", "stale", "stopped"
"""Waits for a person; is being carried out; nothing is left; what was selected is not that any more; stopped on the page."""
ROWS_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Here:
    """A selection as it was collected.  `signed_by` is "" where the bank's setting signed it; `code` is the last refusal or fault."""

    token: str
    act: str
    digest: str
    reason: str
    rate: int
    until: str
    entries: tuple[Entry, ...]
    state: str
    code: str
    signed_by: str
    seen_at: str


class SelectionBook:
    """Over the connector's database.  `bell` rings when a person has signed."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.bell = asyncio.Event()
        self._database = database
        self._clock = clock

    async def known(self, token: str) -> Here | None:
        rows = await self._database.fetch("selection_here_by_token", token=token)
        return _here(SelectionHereRow(*rows[0])) if rows else None

    async def rows(self, state: str = "") -> list[Here]:
        """The newest first."""
        return [_here(SelectionHereRow(*row)) for row in await self._database.fetch("selections_here", state=state, most=ROWS_MAX)]

    async def keep(self, selected: Selected, until: str, state: str) -> None:
        """Remember what was collected; what is known already stays as it is."""
        now = moment_text(self._clock.now())
        entries = json.dumps([[entry.id, entry.transfer] for entry in selected.entries])
        row = (
            selected.token, selected.act.value, selected.digest, selected.reason, selected.rate, until, entries, state, now, now,
        )  # fmt: skip
        await self._commit(Write("selection_here_put", [row]))

    async def sign(self, token: str, digest: str, person: str) -> bool:
        """A person lets it be signed; False where it is not what was shown, or does not wait any more."""
        try:
            await self._commit(Write("selection_here_sign", [(person, moment_text(self._clock.now()), token, digest)], hits=1))
        except FencedError:
            return False
        self.bell.set()
        return True

    async def move(self, here: Here, state: str, code: str = "") -> None:
        """From the state it was read in; one that has moved meanwhile stays."""
        await self._commit(Write("selection_here_move", [(state, code, moment_text(self._clock.now()), here.token, here.state)]))

    async def _commit(self, *writes: Write) -> None:
        await self._database.group((), lambda _rows: writes)


def _here(row: SelectionHereRow) -> Here:
    entries = tuple(Entry(id_, transfer, done=False) for id_, transfer in json.loads(row.entries))
    return Here(
        row.token, row.act, row.digest, row.reason, row.rate, row.until, entries, row.state, row.code, row.signed_by, row.seen_at
    )  # fmt: skip
