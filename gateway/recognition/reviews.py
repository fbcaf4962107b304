"""Review dates: which are near, which have passed, and what of a rule set no longer counts because its entries have passed theirs.

A version of a rule set that is past its review is not in force (`lifecycle.in_force`).  A rule that stands on a catalogue entry is
worth no more than the entry: on a day on which the entry may not be used, the rule is not carried out.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from enum import StrEnum
from typing import Final, NamedTuple

from gateway.recognition.catalogue import Catalogue, EntryStatus, Table
from gateway.recognition.lifecycle import RuleState, Version
from gateway.recognition.rules import RuleSet

WARN_DAYS: Final = 60


class ReviewState(StrEnum):
    """How a review date stands to a day."""

    FAR = "far"
    NEAR = "near"
    PASSED = "passed"


class Review(NamedTuple):
    """One date.  `what` is `rule` or `catalogue`; `whose` the accepting bank or the table; `days` are left, below 0 it has passed."""

    what: str
    whose: str
    id: str
    version: str
    on: date
    days: int

    def state(self, warn_days: int) -> ReviewState:
        """Near from so many days before it on, its own day included."""
        return ReviewState.PASSED if self.days < 0 else ReviewState.NEAR if self.days <= warn_days else ReviewState.FAR


def rule_reviews(histories: Iterable[Sequence[Version]], day: date) -> Iterator[Review]:
    """Of each rule set the version that took effect last, and those that are yet to.  What a later version replaced needs no review."""
    for history in histories:
        published = [each for each in history if each.state is RuleState.PUBLISHED]
        begun = [each for each in published if each.effective <= day]
        latest = max((each.effective for each in begun), default=None)
        last = [each for each in begun if each.effective == latest][-1:]
        for each in (*last, *(version for version in published if version.effective > day)):
            yield Review("rule", each.accepting, each.id, each.version, each.review, (each.review - day).days)


def catalogue_reviews(catalogue: Catalogue, day: date) -> Iterator[Review]:
    """Of each entry the newest active version."""
    for table, name in dict.fromkeys((table, entry.id) for table, entry in catalogue.entries()):
        active = [entry for entry in catalogue.versions(table, name) if entry.status is EntryStatus.ACTIVE]
        if active:
            entry = active[-1]
            yield Review("catalogue", table.value, name, str(entry.version), entry.review_on, (entry.review_on - day).days)


def lapsed(rules: RuleSet, catalogue: Catalogue, day: date) -> frozenset[str]:
    """Catalogue entries that rules of the set stand on and that may not be used on `day`; not those the catalogue does not know."""
    named = {rule.catalogue for rule in rules.rules if rule.catalogue}
    return frozenset(entry for entry in named if _known(catalogue, entry) and not _usable(catalogue, entry, day))


def without_lapsed(rules: RuleSet, catalogue: Catalogue, day: date) -> RuleSet:
    """The same set, knowing which entries no longer count; itself where none has lapsed."""
    found = lapsed(rules, catalogue, day)
    return replace(rules, lapsed=found) if found else rules


def counted(reviews: Iterable[Review], warn_days: int) -> Mapping[ReviewState, int]:
    """How many are near, how many have passed."""
    found = dict.fromkeys((ReviewState.NEAR, ReviewState.PASSED), 0)
    for each in reviews:
        state = each.state(warn_days)
        if state is not ReviewState.FAR:
            found[state] += 1
    return found


_TABLES: Final = (Table.CERTIFICATES, Table.CRITERIA)
"""Where the entry a rule stands on is looked for, as the lint does."""


def _known(catalogue: Catalogue, entry: str) -> bool:
    return any(catalogue.versions(table, entry) for table in _TABLES)


def _usable(catalogue: Catalogue, entry: str, day: date) -> bool:
    return any(catalogue.find(table, entry, day) is not None for table in _TABLES)
