"""Watches a bank's folders: what is damaged is written down and told to its people, ids of rows are kept, applications are sent.

One round is one commit.  A process that dies before it does the same round again; after it there is nothing left to do.
"""

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path

import structlog

from gateway.client.applications import ApplicationDesk
from gateway.client.feeds import Feeds, HeldRow, Shelf
from gateway.client.office import Office
from gateway.client.quarantine import write_quarantine
from gateway.client.store import Store
from gateway.storage.connector_schema import HeldRowRow

log = structlog.get_logger("gateway.connector")


class FeedDesk:
    """`folder` is the bank's: tables of damaged rows and applications lie in it."""

    def __init__(self, office: Office, feeds: Feeds, folder: Path) -> None:
        self._office = office
        self._feeds = feeds
        self._folder = folder / "quarantine"
        self._applications = ApplicationDesk(office, folder / "applications")
        self._seen = ""

    async def run(self) -> None:
        """Until cancelled.  A folder that cannot be read ends nothing."""
        while True:
            try:
                await self.look()
                await self._applications.look()
            except OSError as fault:
                log.warning("feeds_not_read", member=self._office.setup.member, reason=type(fault).__name__)
            await asyncio.sleep(self._office.setup.pace.idle_s)

    async def look(self) -> bool:
        """One round; whether the feeds had changed.  Raises OSError, StorageError."""
        if await asyncio.to_thread(self._feeds.edition) == self._seen:
            return False
        shelf = await asyncio.to_thread(self._feeds.shelf)
        damaged, mended = await self._compare(shelf)
        office = self._office
        rows = self._feeds.rows.take_unsaved()
        await office.commit([*Store.remember_rows(rows), *Store.hold_rows(damaged, mended, office.now_text())])
        await asyncio.to_thread(write_quarantine, self._folder, shelf.held)
        for file in sorted({row.file for row in damaged}):
            count = sum(row.file == file for row in damaged)
            log.warning("rows_quarantined", member=office.setup.member, count=count)
        self._seen = shelf.edition
        return True

    async def _compare(self, shelf: Shelf) -> tuple[list[HeldRowRow], list[HeldRowRow]]:
        """What is damaged and was not told yet; what was told and is so no more."""
        known = {_key(row): row for row in await self._office.store.held_rows() if not row.mended_at}
        found = {_key(row): row for row in _rows(shelf.held)}
        damaged = [row for key, row in found.items() if key not in known]
        return damaged, [row for key, row in known.items() if key not in found]


def _rows(held: Iterable[HeldRow]) -> list[HeldRowRow]:
    return [
        HeldRowRow(
            row.file, row.row, row.record,
            json.dumps([[problem.path, problem.code, problem.zh, problem.en] for problem in row.problems], ensure_ascii=False), "",
        )
        for row in held
    ]  # fmt: skip


def _key(row: HeldRowRow) -> tuple[str, int, str]:
    return row.file, row.line, row.problems
