"""Tells members what holds between them: looks at rule versions and agreements and owes what nobody was told yet (`news`).

A round is idempotent; a scope whose last leaf was seen is not read again before it has another.  Rules are told to every active
member, agreements to their two parties.
"""

from collections.abc import Callable
from datetime import date, datetime

import structlog

from gateway.model.ports import Clock, IdSource
from gateway.model.scopes import RULE_EXPIRED
from gateway.recognition.lifecycle import RuleState
from gateway.storage.committer import Committer
from gateway.storage.database import Database
from gateway.storage.rows import AgreementRow, RuleRow
from gateway.transferlog.leaf import parse_leaf
from gateway.transfers.agreements import day_of
from gateway.transfers.answers import Answer
from gateway.transfers.log_reading import LogReading
from gateway.transfers.news import EVENTS, FRESH, Announced
from gateway.transfers.rounds import rounds
from gateway.transfers.rule_view import version_of
from gateway.transfers.unit_of_work import Change

log = structlog.get_logger("gateway.news")


class NewsWatch:
    """One task a node.  `active` gives the members that are not suspended."""

    def __init__(
        self, database: Database, committer: Committer[Change, Answer], reading: LogReading, active: Callable[[], frozenset[str]],
        clock: Clock, ids: IdSource,
    ) -> None:  # fmt: skip
        self._database = database
        self._committer = committer
        self._reading = reading
        self._active = active
        self._clock = clock
        self._ids = ids
        self._seen: dict[str, int] = {}
        self._expired: set[str] = set()

    async def run(self, poll_s: float) -> None:
        """Look every `poll_s` seconds until cancelled.  What the database refuses now is tried at the next look."""
        await rounds(self.look, poll_s, lambda code: log.warning("news_not_looked_at", code=code))

    async def look(self) -> None:
        """One round."""
        day = day_of(self._clock.now())
        for values in await self._database.fetch("rules_all"):
            rule = RuleRow(*values)
            await self._scope(rule.scope, rule.leaf, tuple(sorted(self._active())))
            await self._expiry(rule, day)
        for values in await self._database.fetch("agreements_all"):
            agreement = AgreementRow(*values)
            await self._scope(agreement.scope, agreement.leaf, (agreement.source, agreement.accepting))

    async def _scope(self, scope: str, last: int, members: tuple[str, ...]) -> None:
        if self._seen.get(scope, -1) >= last:
            return
        for _, index, data in await self._reading.scope(scope):
            leaf = parse_leaf(data)
            recent = datetime.fromisoformat(leaf.at) > self._clock.now() - FRESH
            if leaf.type in EVENTS and index > self._seen.get(scope, -1) and recent:
                await self._announce(scope, EVENTS[leaf.type], index, members)
        self._seen[scope] = last

    async def _expiry(self, rule: RuleRow, day: date) -> None:
        """Nobody acts when a version expires: the leaf that tells of it is the one that published it, with its review date."""
        version = version_of(rule)
        if version.state_on(day) is RuleState.EXPIRED and day - version.review <= FRESH and rule.scope not in self._expired:
            await self._announce(rule.scope, RULE_EXPIRED, rule.published, tuple(sorted(self._active())))
            self._expired.add(rule.scope)

    async def _announce(self, scope: str, event: str, leaf: int, members: tuple[str, ...]) -> None:
        await self._committer.submit(Announced(scope, event, leaf, members, self._ids.jti))
