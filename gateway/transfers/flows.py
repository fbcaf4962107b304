"""What went between whom: counts and credits of each ordered pair over a period, by kind, and beside the period before.

Made of the counts kept (`tallies`) and nothing else, so the time it takes does not grow with the number of transfers.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from gateway.model.transfer import ItemState, State
from gateway.storage.database import Database
from gateway.transfers.periods import Period
from gateway.transfers.tallies import SUBMITTED, Measure, credits_of

ENDS = (State.SETTLED, State.REJECTED, State.WITHDRAWN, State.EXPIRED)


@dataclass(frozen=True, slots=True)
class Flow:
    """Arrivals in states in a period: `counts` and `credits` by state, and `submitted`."""

    counts: Mapping[str, int] = field(default_factory=dict)
    credits: Mapping[str, Decimal] = field(default_factory=dict)

    def n(self, state: str) -> int:
        return self.counts.get(state, 0)

    @property
    def success(self) -> Decimal | None:
        """Settled among all that ended, 0 to 1 with four digits; None where nothing ended."""
        return share(self.n(State.SETTLED), sum(self.n(state) for state in ENDS))


@dataclass(frozen=True, slots=True)
class KindFlow:
    """Items of one kind in one state (with the reason of closing, or ""), of the cases opened in a period."""

    kind: str
    state: str
    reason: str
    items: int
    credits: Decimal


@dataclass(frozen=True, slots=True)
class Flows:
    """`pairs` by `(source, accepting)`; `earlier` the same in the period before."""

    period: Period
    earlier_period: Period
    pairs: Mapping[tuple[str, str], Flow]
    earlier: Mapping[tuple[str, str], Flow]
    kinds: tuple[KindFlow, ...]


@dataclass(frozen=True, slots=True)
class Cause:
    """A reason for which items were closed or refused: `items` of them, and the share of all up to and with this one."""

    reason: str
    items: int
    cumulative: Decimal


def share(part: int, whole: int) -> Decimal | None:
    """With four digits; None of nothing."""
    return (Decimal(part) / whole).quantize(Decimal("0.0001")) if whole else None


async def pairs_of(database: Database, period: Period) -> dict[tuple[str, str], Flow]:
    """Arrivals of each pair that had any."""
    counts: dict[tuple[str, str], dict[str, int]] = {}
    units: dict[tuple[str, str], dict[str, Decimal]] = {}
    for source, accepting, name, n, credits_ in await database.fetch("tally_sums", measure=Measure.REACHED, **period.bounds()):
        counts.setdefault((source, accepting), {})[name] = n
        units.setdefault((source, accepting), {})[name] = credits_of(credits_)
    return {pair: Flow(found, units[pair]) for pair, found in counts.items()}


def of_member(pairs: Mapping[tuple[str, str], Flow], member: str) -> dict[tuple[str, str], Flow]:
    """The pairs to which the member belongs; "" all."""
    return {pair: flow for pair, flow in pairs.items() if member in {"", *pair}}


def added(flows: Iterable[Flow]) -> Flow:
    """Over all of them."""
    counts: dict[str, int] = {}
    credits_: dict[str, Decimal] = {}
    for flow in flows:
        for name, n in flow.counts.items():
            counts[name] = counts.get(name, 0) + n
            credits_[name] = credits_.get(name, Decimal(0)) + flow.credits[name]
    return Flow(counts, credits_)


async def kinds_of(database: Database, period: Period, member: str = "") -> tuple[KindFlow, ...]:
    """Items of the cases opened in the period, most first.  `member`: only cases it is source or accepting bank of."""
    found: dict[tuple[str, ...], tuple[int, int]] = {}
    for source, accepting, name, n, units in await database.fetch("tally_sums", measure=Measure.ITEM, **period.bounds()):
        if member in {"", source, accepting}:
            before = found.get(tuple(name.split("/")), (0, 0))
            found[tuple(name.split("/"))] = (before[0] + n, before[1] + units)
    rows = [KindFlow(key[0], key[1], key[2], n, credits_of(units)) for key, (n, units) in found.items() if n]
    return tuple(sorted(rows, key=lambda row: (-row.items, row.kind, row.state, row.reason)))


async def flows(database: Database, period: Period, compared: Period | None = None, seen_by: str = "") -> Flows:
    """`compared` None: the days just before.  With `seen_by` only that member's pairs.  Raises StorageError."""
    earlier = compared or period.before()
    pairs, before = of_member(await pairs_of(database, period), seen_by), of_member(await pairs_of(database, earlier), seen_by)
    return Flows(period, earlier, pairs, before, await kinds_of(database, period, seen_by))


def causes(kinds: Iterable[KindFlow]) -> tuple[Cause, ...]:
    """Why items were not recognised: reasons of closing and refusing, most frequent first, with the running share."""
    sums: dict[str, int] = {}
    for row in kinds:
        if row.reason and row.state in {ItemState.CLOSED, ItemState.REFUSED}:
            sums[row.reason] = sums.get(row.reason, 0) + row.items
    total, run, found = sum(sums.values()), 0, []
    for reason, n in sorted(sums.items(), key=lambda each: (-each[1], each[0])):
        run += n
        found.append(Cause(reason, n, share(run, total) or Decimal(0)))
    return tuple(found)


def submitted(flow: Flow) -> int:
    """Cases opened."""
    return flow.n(SUBMITTED)
