"""What a connector must never forget: its messages with their exact contents, what it was sent, its cases, its row ids.

Every step is one transaction: a message taken, an answer verified together with what follows from
it, an act owed.  So a process killed anywhere finds on its next start exactly what it still owes, and
sends that again under the same `jti` with the same contents.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import TypeAlias

from gateway.client.feed_rows import KeptRow, KnownRows, RowPlace
from gateway.federation.envelope import VerifiedMessage
from gateway.federation.message import Content
from gateway.model.canonical import Json, jcs
from gateway.storage.connector_schema import CaseRow, DifferenceRow, HeldRowRow, InboxRow, OutboxRow
from gateway.storage.database import Database, Row, Write

Claims: TypeAlias = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be sent: its contents and everything its envelope says but times and target.

    `scope` is the transfer it belongs to: messages of one scope leave in order.
    """

    jti: str
    act: str
    scope: str
    contents: tuple[Content, ...] = ()
    claims: Claims = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Held:
    """What a message's receipt tells: index and bytes (base64url) of its leaf, and the proof.  `index` is None where there is no leaf."""

    number: int
    ended: bool
    index: int | None
    leaf: str
    proof: str


def signature_of(message: VerifiedMessage) -> str:
    """What stays the same each time the gateway sends a message again: act, scope and contents, whatever poll it answers."""
    return sha256(jcs([message.act, message.scp, message.claims["con"]])).hexdigest()


def moment_text(at: datetime) -> str:
    """RFC 3339, UTC, microseconds: texts that sort as their moments do."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Store:
    """Rows in, rows out; `commit` is the only way to write."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def commit(self, writes: Iterable[Write]) -> None:
        """One transaction.  Raises StorageBusyError (nothing done) or StorageError."""
        wanted = [write for write in writes if write.rows]

        def decide(_rows: Sequence[list[Row]]) -> Sequence[Write]:
            return wanted

        if wanted:
            await self._database.group([], decide)

    async def close(self) -> None:
        await self._database.close()

    # -- statements, put together by the caller into one commit --

    @staticmethod
    def send(message: Outgoing, at: str) -> list[Write]:
        """Owe a message."""
        claims = json.dumps(dict(message.claims), sort_keys=True)
        return [
            Write("outbox_add", [(message.jti, message.act, message.scope, claims, at, at)]),
            Write("held_add", list(_held("out", message.jti, message.contents))),
        ]

    @staticmethod
    def keep(message: VerifiedMessage, at: str) -> list[Write]:
        """Take a message of the gateway."""
        seq = message.claims.get("seq")
        row = (message.iss, message.jti, message.act, message.scp or "", signature_of(message), message.token, at, seq)
        return [Write("inbox_add", [row]), Write("held_add", list(_held("in", message.jti, message.contents.values())))]

    @staticmethod
    def finish(row: InboxRow, error: str = "") -> Write:
        """A kept message is worked on, or did not hold."""
        return Write("inbox_end", [("refused" if error else "done", error, row.iss, row.jti)])

    @staticmethod
    def put_case(row: CaseRow) -> Write:
        return Write("case_put", [row])

    @staticmethod
    def answered(row: OutboxRow, state: str, error: str, status: int | None, answer: bytes | None, receipt: str | None) -> Write:
        """A message has its end: `done`, `refused`, `failed` or `alarm`."""
        return Write("outbox_end", [(state, error, status, answer, receipt, row.jti)])

    @staticmethod
    def tried(row: OutboxRow, next_at: str, error: str) -> Write:
        """A try that brought no answer."""
        return Write("outbox_failed_try", [(next_at, error, row.jti)])

    @staticmethod
    def hurry(at: str) -> Write:
        """The gateway is heard again: what could not reach it need not wait longer."""
        return Write("outbox_hurry", [(at,)])

    @staticmethod
    def again(jti: str, at: str) -> Write:
        """Send an answered message once more."""
        return Write("outbox_again", [(at, jti)])

    @staticmethod
    def remember_ids(ids: Mapping[str, str]) -> Write:
        """Natural keys of rows and the record ids they were given."""
        return Write("known_id_add", sorted(ids.items()))

    @staticmethod
    def set_floor(number: int) -> Write:
        """Everything of the gateway's up to this number was compared."""
        return Write("floor_set", [(number,)])

    @staticmethod
    def remember_rows(rows: Sequence[KeptRow]) -> list[Write]:
        """Rows of feeds as they are now, and their ids."""
        places = [
            (row.record, row.natural_key, row.place.file, row.place.period, row.place.line, row.place.learner, json.dumps(dict(row.facts)))
            for row in rows
        ]
        return [Write("known_row_put", places), Write("known_id_add", [(row.natural_key, row.record) for row in rows])]

    @staticmethod
    def hold_rows(damaged: Sequence[HeldRowRow], mended: Sequence[HeldRowRow], at: str) -> list[Write]:
        """Rows that stay behind from now on, and rows that do so no more."""
        return [
            Write("held_row_put", [(row.file, row.line, row.record, row.problems, at) for row in damaged]),
            Write("held_row_mended", [(at, row.file, row.line, row.problems) for row in mended]),
        ]

    @staticmethod
    def opened_because(cause: str, subjects: Iterable[str], transfer: str) -> Write:
        """A case was opened for this reason; once, whatever happens."""
        return Write("opened_for_add", [(cause, subject, transfer) for subject in subjects])

    # -- reads --

    async def due(self, now: str, most: int) -> list[OutboxRow]:
        return [OutboxRow(*row) for row in await self._database.fetch("outbox_due", now=now, most=most)]

    async def message(self, jti: str) -> OutboxRow | None:
        rows = await self._database.fetch("outbox_by_jti", jti=jti)
        return OutboxRow(*rows[0]) if rows else None

    async def answers_to(self, irt: str) -> list[OutboxRow]:
        """What this bank sent in answer to a message of the gateway."""
        return [OutboxRow(*row) for row in await self._database.fetch("outbox_by_irt", irt=irt)]

    async def messages(self) -> list[OutboxRow]:
        return [OutboxRow(*row) for row in await self._database.fetch("outbox_all")]

    async def receipts(self, above: int, most: int) -> list[Held]:
        """Of messages numbered higher, in order."""
        rows = await self._database.fetch("outbox_receipts", above=above, most=most)
        return [Held(row[0], bool(row[1]), row[2], row[3] or "", row[4] or "") for row in rows]

    async def of_transfer(self, transfer: str) -> list[OutboxRow]:
        """The bank's messages of one transfer, in order."""
        return [OutboxRow(*row) for row in await self._database.fetch("outbox_of_scope", scope=transfer)]

    async def contents(self, box: str, jti: str) -> dict[str, Content]:
        """Contents of a message in their order; `box` is `out` or `in`."""
        rows = await self._database.fetch("held_of", box=box, jti=jti)
        return {row[3]: Content(row[3], row[6], row[4], row[5]) for row in rows}

    async def taken(self, iss: str, jti: str) -> InboxRow | None:
        rows = await self._database.fetch("inbox_by_key", iss=iss, jti=jti)
        return InboxRow(*rows[0]) if rows else None

    async def kept(self, most: int) -> list[InboxRow]:
        return [InboxRow(*row) for row in await self._database.fetch("inbox_kept", most=most)]

    async def inbox(self) -> list[InboxRow]:
        """Everything the gateway ever sent, in order of arrival."""
        return [InboxRow(*row) for row in await self._database.fetch("inbox_all")]

    async def inbox_of(self, transfer: str) -> list[InboxRow]:
        """What the gateway sent about one transfer, in order of arrival."""
        return [InboxRow(*row) for row in await self._database.fetch("inbox_of_scope", scope=transfer)]

    async def refused(self) -> list[InboxRow]:
        """Messages of the gateway that did not hold: something for a person."""
        return [InboxRow(*row) for row in await self._database.fetch("inbox_refused")]

    async def case(self, transfer: str) -> CaseRow | None:
        rows = await self._database.fetch("case_by_id", transfer=transfer)
        return CaseRow(*rows[0]) if rows else None

    async def cases(self) -> list[CaseRow]:
        return [CaseRow(*row) for row in await self._database.fetch("cases_all")]

    async def to_do(self) -> list[CaseRow]:
        return [CaseRow(*row) for row in await self._database.fetch("cases_to_do")]

    async def cases_of(self, transfers: Sequence[str]) -> dict[str, CaseRow]:
        rows = await self._database.fetch("cases_by_ids", ids=json.dumps(list(transfers)))
        return {row[0]: CaseRow(*row) for row in rows}

    async def busy_scopes(self) -> set[str]:
        """Cases about which something is still to be sent or worked on."""
        return {str(row[0]) for row in await self._database.fetch("busy_scopes")}

    async def numbers_here(self, numbers: Sequence[int]) -> set[int]:
        """Those of the gateway's numbers that came."""
        return {int(row[0]) for row in await self._database.fetch("inbox_numbers", seqs=json.dumps(list(numbers)))}

    async def last_number(self) -> int:
        """The highest number this bank has given; 0 before the first."""
        return int((await self._database.fetch("outbox_last_number"))[0][0])

    async def numbers_waiting(self, most: int) -> list[int]:
        """Numbers of this bank that are still to be sent, lowest first."""
        return [int(row[0]) for row in await self._database.fetch("outbox_numbers_waiting", most=most)]

    async def by_numbers(self, numbers: Sequence[int]) -> list[OutboxRow]:
        return [OutboxRow(*row) for row in await self._database.fetch("outbox_by_numbers", seqs=json.dumps(list(numbers)))]

    async def floor(self) -> int:
        """Up to which number of the gateway's everything was compared."""
        return int((await self._database.fetch("floor"))[0][0])

    async def differences(self) -> list[DifferenceRow]:
        """What this bank and the gateway did not agree on, oldest first; for the bank's people."""
        return [DifferenceRow(*row) for row in await self._database.fetch("differences_all")]

    async def cases_of_source(self, member: str, since: str, after: str, most: int) -> list[CaseRow]:
        """Cases in which this bank is the source that have changed since, by id, a page at a time."""
        rows = await self._database.fetch("cases_of_source", member=member, since=since, after=after, most=most)
        return [CaseRow(*row) for row in rows]

    async def known_rows(self) -> KnownRows:
        """Every id a row of a feed was given, and where it stood last."""
        found = KnownRows(await self.known_ids())
        for record, key, file, period, line, learner, facts in await self._database.fetch("known_rows_all"):
            found.kept[record] = KeptRow(record, key, RowPlace(file, period, line, learner), json.loads(facts))
        return found

    async def held_rows(self) -> list[HeldRowRow]:
        """Rows of feeds that stay behind, and after them those that were mended."""
        return [HeldRowRow(*row) for row in await self._database.fetch("held_rows_all")]

    async def opened_for(self, cause: str, subject: str) -> str:
        """The case that was opened for this reason; "" where there is none."""
        rows = await self._database.fetch("opened_for", cause=cause, subject=subject)
        return str(rows[0][0]) if rows else ""

    async def known_ids(self) -> dict[str, str]:
        return {str(row[0]): str(row[1]) for row in await self._database.fetch("known_ids_all")}


def _held(box: str, jti: str, contents: Iterable[Content]) -> Iterable[Row]:
    for place, content in enumerate(contents):
        yield box, jti, place, content.name, content.media_type, content.secret, content.data
