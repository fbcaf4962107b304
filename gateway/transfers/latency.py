"""How long each leg takes and how often cases succeed: by accepting member, over a period, and by the hour of the day.

Percentiles come from histogram buckets: never too small, at most 19 % too large (`milestones`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from gateway.model.transfer import State
from gateway.storage.database import Database
from gateway.transfers.flows import ENDS, share
from gateway.transfers.milestones import Leg, percentile
from gateway.transfers.periods import Period
from gateway.transfers.tallies import Measure, leg_measure

PERCENTS = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Spread:
    """How long `n` legs took.  None: there were none, or it is past the last bucket (two years)."""

    n: int
    p50: timedelta | None
    p95: timedelta | None
    p99: timedelta | None


@dataclass(frozen=True, slots=True)
class HourCell:
    """One member in one hour of the day (+08:00), over a period.  `success` as in `flows.Flow`."""

    member: str
    hour: int
    submitted: int
    settled: int
    ended: int
    success: Decimal | None
    p95: timedelta | None


@dataclass(frozen=True, slots=True)
class Latency:
    """`legs` by accepting member and leg, "" for all members; `hours` only where something happened."""

    period: Period
    legs: Mapping[tuple[str, Leg], Spread]
    hours: tuple[HourCell, ...]


def spread(buckets: Mapping[str, int]) -> Spread:
    """Of a histogram."""
    p50, p95, p99 = (percentile(buckets, percent) for percent in PERCENTS)
    return Spread(sum(buckets.values()), p50, p95, p99)


async def whole_of(database: Database, period: Period, member: str = "") -> Spread:
    """From request to settlement, at that accepting member; "" over all."""
    if not member:
        return spread(dict(await _pairs(database, Measure.LEG_WHOLE, period)))
    rows = await database.fetch("tally_sums", measure=Measure.LEG_WHOLE, **period.bounds())
    buckets: dict[str, int] = {}
    for _, accepting, bucket, n, _ in rows:
        if accepting == member:
            buckets[bucket] = buckets.get(bucket, 0) + n
    return spread(buckets)


async def _pairs(database: Database, measure: Measure, period: Period) -> list[tuple[str, int]]:
    return [(str(name), int(n)) for name, n in await database.fetch("tally_names", measure=measure, **period.bounds())]


async def latency(database: Database, period: Period) -> Latency:
    """Everything of M3.  Raises StorageError."""
    found: dict[tuple[str, Leg], Spread] = {}
    for leg in Leg:
        by_member: dict[str, dict[str, int]] = {"": {}}
        for _, member, bucket, n, _ in await database.fetch("tally_sums", measure=leg_measure(leg), **period.bounds()):
            for who in ("", member):
                buckets = by_member.setdefault(who, {})
                buckets[bucket] = buckets.get(bucket, 0) + n
        found |= {(member, leg): spread(buckets) for member, buckets in by_member.items()}
    return Latency(period, found, await _hours(database, period))


async def _hours(database: Database, period: Period) -> tuple[HourCell, ...]:
    counts: dict[tuple[str, str], dict[str, int]] = {}
    for _, member, name, n, _ in await database.fetch("tally_sums", measure=Measure.HOUR, **period.bounds()):
        hour, what = name.split("/")
        counts.setdefault((member, hour), {})[what] = n
    buckets: dict[tuple[str, str], dict[str, int]] = {}
    for _, member, name, n, _ in await database.fetch("tally_sums", measure=Measure.HOUR_WHOLE, **period.bounds()):
        hour, bucket = name.split("/")
        buckets.setdefault((member, hour), {})[bucket] = n
    return tuple(_cell(key, counts[key], buckets.get(key, {})) for key in sorted(counts))


def _cell(key: tuple[str, str], counts: Mapping[str, int], buckets: Mapping[str, int]) -> HourCell:
    ended = sum(counts.get(state, 0) for state in ENDS)
    settled = counts.get(State.SETTLED, 0)
    return HourCell(
        key[0], int(key[1]), counts.get("submitted", 0), settled, ended, share(settled, ended), percentile(buckets, 95)
    )  # fmt: skip
