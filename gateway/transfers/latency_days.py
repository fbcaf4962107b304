"""How long one leg took, day by day: the percentiles of `latency`, drawn over time."""

from dataclasses import dataclass
from datetime import date

from gateway.storage.database import Database
from gateway.transfers.latency import Spread, spread
from gateway.transfers.milestones import Leg
from gateway.transfers.periods import Period
from gateway.transfers.tallies import Measure


@dataclass(frozen=True, slots=True)
class DaySpread:
    """The legs that ended on this day (+08:00)."""

    day: date
    spread: Spread


async def latency_days(database: Database, period: Period, leg: Leg, member: str = "") -> tuple[DaySpread, ...]:
    """Every day of the period; `member` is the accepting one, "" for all.  Raises StorageError."""
    buckets: dict[str, dict[str, int]] = {}
    for day, _, accepting, bucket, n, _ in await database.fetch("tally_days", measure=Measure(f"leg.{leg}"), **period.bounds()):
        if member in {"", accepting}:
            found = buckets.setdefault(day, {})
            found[bucket] = found.get(bucket, 0) + n
    return tuple(DaySpread(day, spread(buckets.get(day.isoformat(), {}))) for day in period.days())
