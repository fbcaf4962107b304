"""A gateway's own past cases, as a draft rule set is tried on them: opened one by one, and nothing of them kept.

What is read of a case is its regional form, the same an estimate is made of.  What cannot be read is counted under its reason, by
cases and by items, so that nobody takes a part for the whole.  An accepting bank sees the cases that came to it and no other; the
centre sees all.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Final, Protocol

from gateway.crypto.sealing import KeyEncryptionKey, PartKey
from gateway.errors import GatewayError, RecognitionError, StorageError
from gateway.federation.protocol import GATEWAY_ID
from gateway.mapping.regional_xml import read_part
from gateway.mapping.schema import Standard
from gateway.model.regional import RegionalRecord
from gateway.model.transfer import ItemState
from gateway.storage.database import Row
from gateway.storage.rows import ContentRow, ItemRow, TransferRow
from gateway.transfers.agreements import day_of
from gateway.transfers.status import EVERYBODY
from gateway.transfers.vault import open_row

PAGE: Final = 64
REGIONAL: Final = "regional"


class Unread(StrEnum):
    """Why a past item is not tried."""

    CLOSED = "closed"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    NO_CONTENT = "no_content"
    ERASED = "erased"
    SEALED_ELSEWHERE = "sealed_elsewhere"
    UNREADABLE = "unreadable"
    NO_PROGRAMME = "no_programme"
    OTHER_PROGRAMME = "other_programme"


@dataclass(frozen=True, slots=True)
class PastCase:
    """What could be opened of a case.  `records` by their position in it."""

    transfer: str
    day: date
    accepting: str
    programme: str
    records: tuple[tuple[int, RegionalRecord], ...]


@dataclass(slots=True)
class Left:
    """How many cases and items were left out, by reason."""

    cases: dict[Unread, int] = field(default_factory=dict)
    items: dict[Unread, int] = field(default_factory=dict)

    def out(self, why: Unread, items: int, cases: int = 1) -> None:
        if items:
            self.cases[why] = self.cases.get(why, 0) + cases
            self.items[why] = self.items.get(why, 0) + items


class Reads(Protocol):
    """The reading half of a database."""

    async def fetch(self, name: str, **params: str | int) -> list[Row]: ...


@dataclass(frozen=True, slots=True)
class PastCases:
    """Reads as of one commit.  `left` fills while cases are read."""

    database: Reads
    key: KeyEncryptionKey
    standard: Standard
    left: Left = field(default_factory=Left)

    async def count(self, accepting: str) -> int:
        """How many cases came to that bank."""
        return int((await self.database.fetch("transfers_accepted_count", accepting=accepting))[0][0])

    async def of(self, accepting: str, seen_by: str = EVERYBODY) -> AsyncIterator[PastCase | None]:
        """Every case that came to `accepting`; None for one of which nothing can be tried.

        Raises RecognitionError(`recognition.not_your_cases`) where `seen_by` (a member) is another bank; StorageError.
        """
        if seen_by not in {EVERYBODY, accepting}:
            raise RecognitionError(
                "recognition.not_your_cases", "只能对本行认定过的案件试算", "a bank tries a draft only on the cases that came to it"
            )
        after = ""
        while True:
            rows = [
                TransferRow(*row) for row in await self.database.fetch("transfers_accepted", accepting=accepting, after=after, most=PAGE)
            ]
            if not rows:
                return
            after = rows[-1].id
            async for each in self._page(rows):
                yield each

    async def _page(self, rows: list[TransferRow]) -> AsyncIterator[PastCase | None]:
        ids = json.dumps([row.id for row in rows])
        states: dict[str, list[str]] = {}
        for transfer, state in await self.database.fetch("item_states", ids=ids):
            states.setdefault(transfer, []).append(state)
        wrapped: dict[str, bytes] = {row[0]: row[1] for row in await self.database.fetch("part_keys_by_id", ids=ids)}
        keys = {row.id: self._key(row, wrapped.get(row.part_id)) for row in rows}
        mine = [transfer for transfer, key in keys.items() if isinstance(key, PartKey)]
        items: dict[str, dict[str, int]] = {transfer: {} for transfer in mine}
        for values in await self.database.fetch("items_by_transfer", ids=json.dumps(mine)):
            item = ItemRow(*values)
            if item.state != ItemState.CLOSED:
                items[item.transfer][item.record] = item.position
        wanted = json.dumps([[GATEWAY_ID, transfer, REGIONAL] for transfer in mine])
        stored = {row[1]: ContentRow(*row) for row in await self.database.fetch("contents_by_key", keys=wanted)}
        for row in rows:
            key, number = keys[row.id], len([state for state in states.get(row.id, ()) if state != ItemState.CLOSED])
            self.left.out(Unread.CLOSED, len(states.get(row.id, ())) - number, cases=not number)
            records = key if isinstance(key, Unread) else self._records(key, stored.get(row.id))
            yield self._case(row, number, records, items.get(row.id, {}))

    def _case(self, row: TransferRow, number: int, records: tuple[RegionalRecord, ...] | Unread, places: dict[str, int]) -> PastCase | None:
        """What is left of a case with so many items that are not closed."""
        if isinstance(records, Unread):
            self.left.out(records, number)
            return None
        found = tuple((places[each.record_id], each) for each in records if each.record_id in places)
        self.left.out(Unread.NO_CONTENT, number - len(found), cases=not found)
        day = day_of(datetime.fromisoformat(row.opened_at))
        return PastCase(row.id, day, row.accepting, row.programme, found) if found else None

    def _key(self, row: TransferRow, wrapped: bytes | None) -> PartKey | Unread:
        if row.consent_withdrawn:
            return Unread.CONSENT_WITHDRAWN
        if wrapped is None:
            return Unread.ERASED
        try:
            return self.key.open_part_key(row.part_id, wrapped)
        except StorageError:
            return Unread.SEALED_ELSEWHERE

    def _records(self, key: PartKey, stored: ContentRow | None) -> tuple[RegionalRecord, ...] | Unread:
        if stored is None:
            return Unread.NO_CONTENT
        try:
            content = open_row(key, stored)
        except StorageError:
            return Unread.SEALED_ELSEWHERE
        try:
            return read_part(content.data, self.standard).records
        except GatewayError:
            return Unread.UNREADABLE
