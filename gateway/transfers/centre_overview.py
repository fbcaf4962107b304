"""The centre's first page: how much, how well, how long, what is oldest, who presides, how large the log is.

Made of the counts kept and of a few index look-ups, so that its time does not grow with the number of transfers
(`benches/bench_overview.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from gateway.federation.members import Turn
from gateway.model.transfer import CLOSED, State
from gateway.storage.database import Database
from gateway.transfers.flows import Flow, added, of_member, pairs_of
from gateway.transfers.latency import Spread, whole_of
from gateway.transfers.periods import Period

DAYS: Final = (1, 7, 30)


class FinalSize(Protocol):
    """`finality.Finality`, as far as it is wanted here."""

    async def size(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Figures:
    """A period in one line: arrivals in states, and the time from request to settlement."""

    period: Period
    flow: Flow
    whole: Spread


@dataclass(frozen=True, slots=True)
class Oldest:
    """The case that has been open longest."""

    transfer: str
    state: str
    source: str
    accepting: str
    opened_at: datetime
    age: timedelta


@dataclass(frozen=True, slots=True)
class Presiding:
    """Who holds the centre's duties now, and for how many more days (begun ones count)."""

    member: str
    until: datetime
    days_left: int


@dataclass(frozen=True, slots=True)
class LogHead:
    """`age` since the newest leaf; `final` is None where nobody says how far the log is witnessed."""

    size: int
    at: datetime | None
    age: timedelta | None
    final: int | None


@dataclass(frozen=True, slots=True)
class Overview:
    """What there is to say at `at`.

    `matrix` is of the longest period, by `(source, accepting)`; `standing` counts open cases by `(state, whose turn)`, `states` all
    of them by state, every state named.
    """

    at: datetime
    figures: tuple[Figures, ...]
    matrix: Mapping[tuple[str, str], Flow]
    states: Mapping[str, int]
    standing: Mapping[tuple[str, str], int]
    in_flight: int
    held: int
    dead_letters: int
    oldest: Oldest | None
    presiding: Presiding | None
    head: LogHead


async def overview(
    database: Database, now: datetime, rota: Sequence[Turn], finality: FinalSize | None = None, seen_by: str = ""
) -> Overview:
    """As of the last commit; with `seen_by` of the pairs that member belongs to, and how long it took as the accepting one.

    Raises StorageError.
    """
    periods = [Period.ending(now, days) for days in DAYS]
    pairs = [of_member(await pairs_of(database, period), seen_by) for period in periods]
    figures = [
        Figures(period, added(found.values()), await whole_of(database, period, seen_by))
        for period, found in zip(periods, pairs, strict=True)
    ]
    standing = await _standing(database, seen_by)
    open_cases = {key: n for key, n in standing.items() if key[0] not in CLOSED}
    return Overview(
        at=now,
        figures=tuple(figures),
        matrix=pairs[-1],
        states={state.value: sum(n for (found, _), n in standing.items() if found == state) for state in State},
        standing=open_cases,
        in_flight=sum(n for (state, _), n in open_cases.items() if state != State.HELD),
        held=sum(n for (state, _), n in open_cases.items() if state == State.HELD),
        dead_letters=sum(row[1] for row in await database.fetch("dead_letter_counts") if seen_by in {"", row[0]}),
        oldest=await _oldest(database, now, seen_by),
        presiding=presiding_now(rota, now),
        head=await _head(database, now, finality),
    )


async def _standing(database: Database, seen_by: str) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for source, accepting, name, n in await database.fetch("tally_standing"):
        if seen_by not in {"", source, accepting}:
            continue
        state, _, turn = name.partition("/")
        found[state, turn] = found.get((state, turn), 0) + n
    return found


async def _oldest(database: Database, now: datetime, seen_by: str) -> Oldest | None:
    for transfer, opened_at, state, source, accepting in await database.fetch("oldest_open", member=seen_by):
        since = datetime.fromisoformat(opened_at)
        return Oldest(transfer, state, source, accepting, since, now - since)
    return None


def presiding_now(rota: Sequence[Turn], now: datetime) -> Presiding | None:
    """None: nobody has the duty now."""
    turn = next((turn for turn in rota if turn.since <= now < turn.until), None)
    return Presiding(turn.member, turn.until, -(-(turn.until - now) // timedelta(days=1))) if turn else None


async def _head(database: Database, now: datetime, finality: FinalSize | None) -> LogHead:
    ((size, _, at_text),) = await database.fetch("head")
    at = datetime.fromisoformat(at_text) if at_text else None
    return LogHead(size, at, now - at if at else None, await finality.size() if finality is not None else None)
