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
from typing import Final, NamedTuple, Protocol, TypeAlias

from gateway.crypto.sealing import KeyEncryptionKey, PartKey
from gateway.errors import GatewayError, RecognitionError, StorageError
from gateway.federation.protocol import GATEWAY_ID
from gateway.mapping.regional_xml import read_own_records
from gateway.model.regional import RegionalRecord
from gateway.recognition.facts import LOOKED_AT
from gateway.storage.database import Row
from gateway.storage.rows import ContentRow
from gateway.transfers.agreements import day_of
from gateway.transfers.status import EVERYBODY
from gateway.transfers.vault import open_row

PAGE: Final = 64
Stretch: TypeAlias = tuple[str, str]
"""Case ids after the first and up to the last; "" stands for no bound."""
ALL: Final[Stretch] = ("", "")
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
    """What could be opened of a case.  `records` by their position in it, with the values that rules look at."""

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

    def join(self, other: "Left") -> None:
        """Add what others left out."""
        for why, items in other.items.items():
            self.out(why, items, other.cases[why])

    def out(self, why: Unread, items: int, cases: int = 1) -> None:
        if items:
            self.cases[why] = self.cases.get(why, 0) + cases
            self.items[why] = self.items.get(why, 0) + items


class _Row(NamedTuple):
    """A case as `transfers_past` gives it."""

    id: str
    opened_at: str
    accepting: str
    programme: str
    consent_withdrawn: str
    part_id: str
    wrapped: bytes | None
    items: int
    closed: int
    content: ContentRow | None


_CONTENT_AT: Final = _Row._fields.index("content")


class Reads(Protocol):
    """The reading half of a database."""

    async def fetch(self, name: str, **params: str | int) -> list[Row]: ...


@dataclass(frozen=True, slots=True)
class PastCases:
    """Reads as of one commit.  `left` fills while cases are read."""

    database: Reads
    key: KeyEncryptionKey
    left: Left = field(default_factory=Left)

    async def count(self, accepting: str) -> int:
        """How many cases came to that bank."""
        return int((await self.database.fetch("transfers_accepted_count", accepting=accepting))[0][0])

    async def of(self, accepting: str, seen_by: str = EVERYBODY, stretch: Stretch = ALL) -> AsyncIterator[PastCase | None]:
        """Every case of the stretch that came to `accepting`, by id; None for one of which nothing can be tried.

        Raises RecognitionError(`recognition.not_your_cases`) where `seen_by` (a member) is another bank; StorageError.
        """
        if seen_by not in {EVERYBODY, accepting}:
            raise RecognitionError(
                "recognition.not_your_cases", "只能对本行认定过的案件试算", "a bank tries a draft only on the cases that came to it"
            )
        after, last = stretch
        while rows := await self._rows(accepting, after, last):
            after = rows[-1].id
            keys = {row.id: self._key(row) for row in rows}
            places: dict[str, dict[str, int]] = {transfer: {} for transfer, key in keys.items() if isinstance(key, PartKey)}
            for transfer, position, record in await self.database.fetch("items_past", ids=json.dumps(list(places))):
                places[transfer][record] = position
            for row in rows:
                yield self._case(row, keys[row.id], places.get(row.id, {}))

    async def _rows(self, accepting: str, after: str, last: str) -> list[_Row]:
        found = await self.database.fetch(
            "transfers_past", iss=GATEWAY_ID, content=REGIONAL, accepting=accepting, after=after, last=last, most=PAGE
        )
        contents = [None if row[_CONTENT_AT] is None else ContentRow(*row[_CONTENT_AT:]) for row in found]
        return [_Row._make([*row[:_CONTENT_AT], content]) for row, content in zip(found, contents, strict=True)]

    def _case(self, row: _Row, key: PartKey | Unread, places: dict[str, int]) -> PastCase | None:
        """What is left of a case.  `places`: the positions of its items that are not closed, by record."""
        number = row.items - row.closed
        self.left.out(Unread.CLOSED, row.closed, cases=not number)
        records = key if isinstance(key, Unread) else self._records(key, row.content)
        if isinstance(records, Unread):
            self.left.out(records, number)
            return None
        found = tuple([(places[each.record_id], each) for each in records if each.record_id in places])
        self.left.out(Unread.NO_CONTENT, number - len(found), cases=not found)
        return PastCase(row.id, day_of(datetime.fromisoformat(row.opened_at)), row.accepting, row.programme, found) if found else None

    def _key(self, row: _Row) -> PartKey | Unread:
        if row.consent_withdrawn:
            return Unread.CONSENT_WITHDRAWN
        if row.wrapped is None:
            return Unread.ERASED
        try:
            return self.key.open_part_key(row.part_id, row.wrapped)
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
            return read_own_records(content.data, LOOKED_AT)
        except GatewayError:
            return Unread.UNREADABLE
