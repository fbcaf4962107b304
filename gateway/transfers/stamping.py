"""Time stamps of checkpoints (RFC 3161), by an authority that has nothing to do with us: when a head existed at the latest.

Stamped is the SHA-256 of the log's own signed note, which is the same each time it is derived; so a token kept here is checked later
against the log alone.  At most one in `every_s`, none while the log stands still, and nothing in the log waits for it.
docs/transfer-log.md, TL-58 and TL-59.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final, TypeAlias

import structlog

from gateway.crypto.timestamps import NONCE_BYTES, Authority, Stamp, stamp_request, token_of, verify_stamp
from gateway.errors import GatewayError
from gateway.model.ports import Clock, IdSource
from gateway.storage.database import Database, Row, Write
from gateway.storage.log_rows import TimestampRow
from gateway.transfers.case import utc_text
from gateway.transfers.log_reading import LogReading

log = structlog.get_logger("gateway.stamping")
ALL: Final = 2**62
Ask: TypeAlias = Callable[[bytes], Awaitable[bytes]]
"""A request's bytes to the reply's; raises PeerError."""
Note: TypeAlias = Callable[[int, bytes], str]
"""Size and root to the log's signed note, without cosignatures."""


class Stamping:
    """One task a node; two nodes may both stamp a size, and the later token is kept."""

    def __init__(
        self,
        database: Database,
        reading: LogReading,
        note: Note,
        ask: Ask,
        authority: Authority,
        clock: Clock,
        ids: IdSource,
        every_s: float,
    ) -> None:
        self._database = database
        self._reading = reading
        self._note = note
        self._ask = ask
        self._authority = authority
        self._clock = clock
        self._ids = ids
        self._every = timedelta(seconds=every_s)

    async def run(self) -> None:
        """Until cancelled.  What fails is tried again after the same time."""
        while True:
            try:
                await self.look()
            except GatewayError as error:
                log.warning("timestamp_failed", code=error.code, reason=error.facts.get("reason"))
            await asyncio.sleep(self._every.total_seconds())

    async def look(self) -> TimestampRow | None:
        """Stamp the present head, unless it has a stamp or the last is too young.  Raises PeerError, TransferLogError, StorageError."""
        size, root = await self._reading.head()
        now = self._clock.now()
        last = await stamps(self._database, most=1)
        if last and (last[0].size >= size or now - datetime.fromisoformat(last[0].asked_at) < self._every):
            return None
        digest = note_digest(self._note(size, root))
        nonce = int.from_bytes(self._ids.secret()[:NONCE_BYTES], "big") >> 1
        token = token_of(await self._ask(stamp_request(digest, nonce)))
        stamp = verify_stamp(token, digest, self._authority, nonce)
        row = TimestampRow(size, utc_text(stamp.at.astimezone(UTC)), stamp.serial, stamp.policy, utc_text(now), token)

        def put(_rows: Sequence[list[Row]]) -> Sequence[Write]:
            return [Write("timestamp_put", [row])]

        await self._database.group([], put)
        return row


def note_digest(note: str) -> bytes:
    """What is stamped."""
    return sha256(note.encode("utf-8")).digest()


async def stamps(database: Database, *, below: int = ALL, most: int) -> list[TimestampRow]:
    """Newest first."""
    return [TimestampRow(*row) for row in await database.fetch("timestamps_page", below=below, most=most)]


async def check_stamp(row: TimestampRow, reading: LogReading, note: Note, authority: Authority) -> Stamp:
    """The kept token holds for the log's note of its size, and says what its row says.  Raises TransferLogError."""
    return verify_stamp(row.token, note_digest(note(row.size, await reading.root(row.size))), authority)
