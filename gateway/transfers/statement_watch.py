"""Issues statements: when a month is over, one for each ordered pair that had cases in it, and a new revision of each earlier
one whose cases have changed since.

A round is idempotent and reads everything it needs from the database, so a crash in the middle loses nothing: the next look goes on.
After a round that went through nothing is read again before the month changes.
"""

import json
from collections.abc import Iterable

import structlog

from gateway.errors import GatewayError
from gateway.federation.envelope import VerifiedMessage
from gateway.federation.message import Content
from gateway.federation.protocol import GATEWAY_ID, MEDIA_JSON
from gateway.model.ports import Clock, IdSource
from gateway.model.transfer import Act, Refusal
from gateway.recognition.statement import (
    CONTENT,
    StatedCase,
    StatedItem,
    Statement,
    Word,
    against,
    bounds_of,
    is_statement_scope,
    named_differences,
    period_of,
    read_countersignature,
    read_differences,
    stated_cases,
)
from gateway.storage.committer import Committer
from gateway.storage.database import Database
from gateway.storage.part_rows import ContentLineRow
from gateway.storage.rows import ContentRow, StatementRow
from gateway.transfers.acts import UNKNOWN, Presiding
from gateway.transfers.answers import Answer
from gateway.transfers.case import utc_text
from gateway.transfers.enquiry_acts import Unread
from gateway.transfers.rounds import rounds
from gateway.transfers.statements import OTHER_BYTES, Issue, Said
from gateway.transfers.unit_of_work import Change
from gateway.transfers.vault import Vault

log = structlog.get_logger("gateway.statements")


class StatementWatch:
    """One task a node.  Two nodes may both see a statement due; under the lock it is issued once."""

    def __init__(self, database: Database, committer: Committer[Change, Answer], vault: Vault, clock: Clock, ids: IdSource) -> None:
        self._database = database
        self._committer = committer
        self._vault = vault
        self._clock = clock
        self._ids = ids
        self._through = ""

    async def run(self, poll_s: float) -> None:
        """Look every `poll_s` seconds until cancelled.  What the database refuses now is tried at the next look."""
        await rounds(self.look, poll_s, lambda code: log.warning("statements_not_looked_at", code=code))

    async def look(self) -> None:
        """One round, where the month has changed since the last."""
        month = period_of(self._clock.now())
        if month == self._through:
            return
        before = utc_text(bounds_of(month)[0])
        for source, accepting, period, revision in await self._database.fetch("statements_wanted", before=before):
            await self._issue(source, accepting, period, revision + 1)
        self._through = month

    async def _issue(self, source: str, accepting: str, period: str, revision: int) -> None:
        at = utc_text(self._clock.now())
        size, cases = await cases_of(self._database, source, accepting, period)
        statement = Statement.of(source, accepting, period, revision, size, at, cases)
        if await self._database.fetch("part_key_by_id", part_id=statement.scope):
            key, part_key = await self._vault.part_key(statement.scope), None
        else:
            key, part_key = self._vault.new_part(statement.scope, at)
        content = Content(CONTENT, statement.write(), MEDIA_JSON, self._ids.secret())
        there = await self._there(case.transfer for case in statement.cases or ())
        named = [each for each in statement.named() if each[0] in there]  # what is erased names nobody any more
        (row,), lines = self._vault.seal_named(key, statement.scope, GATEWAY_ID, self._ids.jti(), [content], {CONTENT: lambda _data: named})
        await self._committer.submit(Issue(statement, row, lines, part_key, self._ids.jti))

    async def _there(self, parts: Iterable[str]) -> frozenset[str]:
        """Those of these parts whose key is there."""
        rows = await self._database.fetch("part_keys_by_id", ids=json.dumps(sorted(set(parts))))
        return frozenset(row[0] for row in rows)

    async def said(self, message: VerifiedMessage, secret: bytes, presiding: Presiding) -> Change:
        """A bank's word on a statement, read.  Who names something else hears of no transfer."""
        rows = await self._database.fetch("statements_by_id", ids=json.dumps([message.scp]))
        row = StatementRow(*rows[0]) if rows else None
        if row is None or not is_statement_scope(message.scp) or message.iss not in {row.source, row.accepting}:
            return Unread(message, secret, UNKNOWN, (), presiding)
        try:
            signs = message.act == Act.STATEMENT_SIGN
            word = (
                read_countersignature(message.contents["countersignature"].data)
                if signs
                else read_differences(message.contents["differences"].data)
            )
        except GatewayError as error:
            return Unread(message, secret, Refusal(error.code, error.zh, error.en), error.problems, presiding)
        stated = await self._stated(row, word)
        if stated is None and not signs:
            return Unread(message, secret, OTHER_BYTES, (), presiding)
        differences = against(stated, word.items) if stated is not None else ()
        return Said(message, secret, word, differences, *await self._kept(message, row.id, word))

    async def _stated(self, row: StatementRow, word: Word) -> tuple[StatedCase, ...] | None:
        """What the revision says that the word is about, where that is the one that stands: of cases that were erased nothing."""
        if word.sd != row.sd:
            return None
        return stated_cases(await self._vault.legible(row.id, (GATEWAY_ID, row.jti, CONTENT), b"[]"))

    async def _kept(self, message: VerifiedMessage, scope: str, word: Word) -> tuple[tuple[ContentRow, ...], tuple[ContentLineRow, ...]]:
        """A word against it names cases, each of which may be erased by itself; what names no case of ours stays in the paper."""
        key = await self._vault.part_key(scope)
        envelope = Content("envelope", message.token.encode(), "application/jose", self._ids.secret())
        known = {row[0] for row in await self._database.fetch("transfers_by_id", ids=json.dumps([each.transfer for each in word.items]))}
        named = named_differences(each for each in word.items if each.transfer in known)
        contents = [*message.contents.values(), envelope]
        return self._vault.seal_named(key, scope, message.iss, message.jti, contents, {"differences": lambda _data: named})


async def cases_of(database: Database, source: str, accepting: str, period: str) -> tuple[int, tuple[StatedCase, ...]]:
    """The size of the log, and every case of the pair that was opened in that month, as of one commit."""
    first, before = (utc_text(moment) for moment in bounds_of(period))
    rows = await database.fetch("statement_cases", source=source, accepting=accepting, first=first, before=before)
    cases = tuple(
        StatedCase(transfer, state, ver, tuple(StatedItem(*item) for item in json.loads(items))) for _, transfer, state, ver, items in rows
    )
    return (rows[0][0] if rows else 0), cases
