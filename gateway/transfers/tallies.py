"""The counts behind the consoles, kept in the same transaction as what they count.

While a batch is decided, each change of a row adds to sums in memory (`Tallies`); the commit writes one upsert a touched key,
whatever the number of changes, and reads nothing.  `recount` makes the same sums from the log and the tables, and `ceg report
check` compares.  What each measure means, by a formula: docs/statistics.md.

A case whose programme begins with `CANARY-` is a probe of ours about a made-up learner: it is counted in `canary` and nowhere else.
Sums of credits are whole numbers of hundred-millionths, so that adding them is exact.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from gateway.model.canary import is_canary
from gateway.model.transfer import State
from gateway.storage.rows import ItemRow, TransferRow
from gateway.transfers.milestones import Leg, bucket_of, legs
from gateway.transfers.turns import waiting_on

CHINA: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
CREDIT_DIGITS: Final = 8
SUBMITTED: Final = "submitted"
COUNTED_BY_HOUR: Final = frozenset({State.SETTLED, State.REJECTED, State.WITHDRAWN, State.EXPIRED})
RECOGNISING: Final = frozenset({State.POSTING, State.SETTLED, State.RECALLED})


class Measure(StrEnum):
    """What a count is of.  Name, day and parties differ: docs/statistics.md."""

    REACHED = "reached"
    STANDING = "standing"
    ITEM = "item"
    ISSUER = "issuer"
    HOUR = "hour"
    HOUR_WHOLE = "hour.whole"
    ANSWERED = "answered"
    CANARY = "canary"
    LEG_DELIVERY = "leg.delivery"
    LEG_DECISION = "leg.decision"
    LEG_POSTING = "leg.posting"
    LEG_WHOLE = "leg.whole"


class Opened(NamedTuple):
    """As much of a case as the counts of its leaves and items need."""

    opened_at: str
    source: str
    accepting: str
    programme: str


Key: TypeAlias = tuple[str, str, str, str, str]
"""Measure, day, source, accepting, name."""
Differing: TypeAlias = tuple[Key, tuple[int, int], tuple[int, int]]
"""A key, what it comes to, what is kept; both as n and hundred-millionths of credits."""


def leg_measure(leg: Leg) -> Measure:
    """Where the histogram of a leg is kept."""
    return Measure(f"leg.{leg.value}")


def day_of(at: str) -> str:
    """The Chinese day of a moment as it is stored (UTC text)."""
    return _hour(at[:13])[:10]


def month_day(at: str) -> str:
    """The first day of the Chinese month of a moment."""
    return f"{day_of(at)[:7]}-01"


def hour_of(at: str) -> str:
    """The Chinese hour of the day, two digits."""
    return _hour(at[:13])[11:]


@lru_cache(maxsize=4096)
def _hour(utc_hour: str) -> str:
    moment = datetime.fromisoformat(f"{utc_hour}:00:00").replace(tzinfo=UTC)
    return moment.astimezone(CHINA).strftime("%Y-%m-%dT%H")


@lru_cache(maxsize=4096)
def credit_units(amount: str) -> int:
    """A decimal text in hundred-millionths of a credit."""
    return int(Decimal(amount).scaleb(CREDIT_DIGITS))


def credits_of(units: int) -> Decimal:
    """Back again, without trailing zeros."""
    amount = Decimal(units).scaleb(-CREDIT_DIGITS).normalize()
    return Decimal(format(amount, "f"))


def credits_at(state: str, totals: dict[str, str]) -> int:
    """The credits that an arrival counts with: what was recognised once it is decided, before that what was asked for."""
    return credit_units(totals.get("recognised" if state in RECOGNISING else "submitted", "0"))


def standing_name(row: TransferRow) -> str:
    """State and whose turn it is: `posting/CN-31+CN-32`."""
    return f"{row.state}/{'+'.join(waiting_on(row))}"


def item_name(item: ItemRow) -> str:
    """Kind, state, reason of closing: `COURSE/closed/outcome_taken`."""
    return f"{item.kind}/{item.state}/{item.reason}"


def issuer_name(item: ItemRow) -> str:
    """Kind, state, institution: `COURSE/recognised/12310000425060017N`."""
    return f"{item.kind}/{item.state}/{item.issuer}"


@dataclass(slots=True)
class Tallies:
    """Sums by key; what comes to nothing is left out of `rows`."""

    sums: dict[Key, list[int]] = field(default_factory=dict)

    def add(self, key: Key, n: int = 1, units: int = 0) -> None:
        found = self.sums.get(key)
        if found is None:
            self.sums[key] = [n, units]
        else:
            found[0] += n
            found[1] += units

    def rows(self) -> list[tuple[str, str, str, str, str, int, int]]:
        return [(*key, n, units) for key, (n, units) in self.sums.items() if n or units]

    def arrived(self, row: TransferRow | Opened, state: str, at: str, totals: dict[str, str], *, opened: bool = False) -> None:
        """A case came into `state`; `opened` where it began with that."""
        day, source, accepting = day_of(at), row.source, row.accepting
        if is_canary(row.programme):
            for name in (SUBMITTED, state) if opened else (state,):
                self.add((Measure.CANARY, day, source, accepting, name))
            return
        if opened:
            self.add((Measure.REACHED, day, source, accepting, SUBMITTED), 1, credits_at(SUBMITTED, totals))
            self.add((Measure.HOUR, day, "", accepting, f"{hour_of(at)}/{SUBMITTED}"))
        self.add((Measure.REACHED, day, source, accepting, state), 1, credits_at(state, totals))
        if state in COUNTED_BY_HOUR:
            self.add((Measure.HOUR, day, "", accepting, f"{hour_of(at)}/{state}"))

    def stands(self, row: TransferRow, n: int = 1) -> None:
        """A case is where its row says; `n` -1: is there no longer."""
        if not is_canary(row.programme):
            self.add((Measure.STANDING, "", row.source, row.accepting, standing_name(row)), n)

    def leg_ended(self, row: TransferRow, leg: Leg, first: str, last: str) -> None:
        """A stretch of a case is over."""
        if is_canary(row.programme):
            return
        bucket = bucket_of(first, last)
        self.add((leg_measure(leg), day_of(last), "", row.accepting, bucket))
        if leg is Leg.WHOLE:
            self.add((Measure.HOUR_WHOLE, day_of(last), "", row.accepting, f"{hour_of(last)}/{bucket}"))

    def moved(self, before: TransferRow | None, after: TransferRow) -> None:
        """A case's row was written anew."""
        if before is None:
            self.arrived(after, after.state, after.changed_at, json.loads(after.totals), opened=True)
            self.stands(after)
        else:
            if before.state != after.state:
                self.arrived(after, after.state, after.changed_at, json.loads(after.totals))
            if _turn(before) != _turn(after):
                self.stands(before, -1)
                self.stands(after)
        if before is None or _arrivals(before) != _arrivals(after):
            ended = legs(before) if before is not None else {}
            for leg, (first, last) in legs(after).items():
                if leg not in ended:
                    self.leg_ended(after, leg, first, last)

    def item_changed(self, case: TransferRow | Opened, before: ItemRow | None, after: ItemRow) -> None:
        """An item's row was written anew, or for the first time."""
        if is_canary(case.programme):
            return
        for item, n in ((before, -1), (after, 1)):
            if item is not None:
                key = (Measure.ITEM, day_of(case.opened_at), case.source, case.accepting, item_name(item))
                self.add(key, n, n * credit_units(item.credits or "0"))
                if after.issuer:
                    self.issued(case, item, n)

    def issued(self, case: TransferRow | Opened, item: ItemRow, n: int = 1) -> None:
        """An item by its institution, and by month, for these are many.  One that is erased stays as it was counted last."""
        if not is_canary(case.programme):
            key = (Measure.ISSUER, month_day(case.opened_at), case.source, case.accepting, issuer_name(item))
            self.add(key, n, n * credit_units(item.credits or "0"))

    def answered(self, member: str, at: str, status: int) -> None:
        """A member's message was answered."""
        self.add((Measure.ANSWERED, day_of(at), member, "", str(status)))


def _turn(row: TransferRow) -> tuple[str, str, str, str, bool]:
    """All that decides whose turn it is."""
    return row.state, row.posted_source, row.posted_accepting, row.stage, row.deadline is None


def _arrivals(row: TransferRow) -> tuple[str, str, str]:
    return row.delivered_at, row.decided_at, row.settled_at


def same(kept: Iterable[tuple[Key, int, int]], counted: Tallies) -> list[Differing]:
    """Where the sums kept differ from those counted: key, counted, kept."""
    kept_by_key = {key: (n, units) for key, n, units in kept}
    keys = sorted(kept_by_key.keys() | counted.sums.keys())
    pairs = ((key, tuple(counted.sums.get(key, (0, 0))), kept_by_key.get(key, (0, 0))) for key in keys)
    return [(key, (wanted[0], wanted[1]), found) for key, wanted, found in pairs if wanted != found]
