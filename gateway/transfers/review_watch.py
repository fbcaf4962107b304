"""Looks after review dates: rule versions and catalogue entries of which one is near or has passed are counted and told, once each.

What has passed no longer counts by itself; here somebody is told in time.  Nothing is stored: after a restart it is told again.
"""

from collections.abc import Iterable
from datetime import date

import structlog

from gateway.metrics import REVIEWS
from gateway.model.ports import Clock
from gateway.recognition.catalogue import Catalogue
from gateway.recognition.lifecycle import Version
from gateway.recognition.reviews import Review, ReviewState, catalogue_reviews, counted, rule_reviews
from gateway.transfers.agreements import day_of
from gateway.transfers.rounds import rounds
from gateway.transfers.rule_view import RuleShelf, version_of

LINES_MAX = 50
"""Lines a look may write of rules, and of the catalogue."""
log = structlog.get_logger("gateway.reviews")


class ReviewWatch:
    """One task a node.  `warn_days` before a review date people are warned; the day after it they are alarmed."""

    def __init__(self, shelf: RuleShelf, catalogue: Catalogue | None, clock: Clock, warn_days: int) -> None:
        self._shelf = shelf
        self._catalogue = catalogue
        self._clock = clock
        self._warn_days = warn_days
        self._told: dict[tuple[str, str, str, str], ReviewState] = {}
        self._entries: tuple[date, list[Review]] | None = None

    async def run(self, poll_s: float) -> None:
        """Look every `poll_s` seconds until cancelled.  What the database refuses now is tried at the next look."""
        await rounds(self.look, poll_s, lambda code: log.warning("reviews_not_looked_at", code=code), at_once=True)

    async def look(self) -> None:
        """One round."""
        day = day_of(self._clock.now())
        histories: dict[tuple[str, str], list[Version]] = {}
        for row in sorted(await self._shelf.rows(), key=lambda each: each.published):
            histories.setdefault((row.accepting, row.id), []).append(version_of(row))
        self._say_new("rule", list(rule_reviews(histories.values(), day)))
        self._say_new("catalogue", self._catalogue_on(day))

    def _catalogue_on(self, day: date) -> list[Review]:
        """The catalogue is the same as long as the node runs, so it is looked at once a day."""
        if self._entries is None or self._entries[0] != day:
            self._entries = day, list(catalogue_reviews(self._catalogue, day)) if self._catalogue is not None else []
        return self._entries[1]

    def _say_new(self, what: str, reviews: Iterable[Review]) -> None:
        for state, count in counted(reviews, self._warn_days).items():
            REVIEWS.labels(what, state.value).set(count)
        fresh = 0
        for each in reviews:
            key, state = (what, each.whose, each.id, each.version), each.state(self._warn_days)
            if self._told.get(key, ReviewState.FAR) is state:
                continue
            fresh += 1
            if fresh > LINES_MAX:  # the others at the next look
                break
            self._told[key] = state
            facts = {"what": what, "whose": each.whose, "id": each.id, "version": each.version, "review": str(each.on), "days": each.days}
            if state is ReviewState.PASSED:
                log.error("review_passed", **facts)
            elif state is ReviewState.NEAR:
                log.warning("review_near", **facts)
