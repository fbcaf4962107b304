"""The counts of `tallies` made anew: arrivals from the leaves of the log alone, the rest from the tables; and whether both agree.

What institution an erased item was of nobody can say again: sums by institution keep it (`carried`), and what they hold beyond the
items that can be read must come, per month, pair and kind, to exactly the erased ones.

Reads page by page, so that its memory does not grow with the log.  The leaves are taken as they are: have the log verified
first.  On a running node read through one moment of the file (`storage.read_only`), or what was written meanwhile is found.
"""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.model.places import UNKNOWN
from gateway.storage.database import Database, Write
from gateway.storage.rows import ItemRow, TransferRow
from gateway.transfers.milestones import ENDED, legs
from gateway.transfers.tallies import Differing, Key, Measure, Opened, Tallies, same

PAGE: Final = 1_000
FINDINGS_MAX: Final = 200
OPENED: Final = "transfer.requested"


@dataclass(frozen=True, slots=True)
class Recounted:
    """Everything, at a size of the log.  `heard` is by member; `late` are cases whose row names a first arrival later than a leaf's.

    `erased`: items whose institution cannot be read any more, by `issuer` keys that name `unknown`.
    """

    size: int
    tallies: Tallies
    heard: dict[str, str]
    late: tuple[str, ...]
    erased: Tallies


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A count that is kept otherwise than it comes to: both as `n, hundred-millionths of credits`, or as moments."""

    what: str
    counted: str
    kept: str


async def recount(database: Database) -> Recounted:
    """From scratch.  Raises StorageError."""
    ((size, _, _),) = await database.fetch("head")
    tallies = Tallies()
    async for row in cases(database):
        tallies.stands(row)
        for leg, (first, last) in legs(row).items():
            tallies.leg_ended(row, leg, first, last)
    await _items(database, tallies)
    erased = await _issuers(database, tallies)
    late = await arrivals(database, tallies, 0, size)
    heard: dict[str, str] = {}
    for iss, hour, status, n, last in await database.fetch("recount_answers"):
        counted = Tallies()
        counted.answered(iss, hour, status)
        for key in counted.sums:
            tallies.add(key, n)
        heard[iss] = max(last, heard.get(iss, ""))
    return Recounted(size, tallies, heard, tuple(late), erased)


async def cases(database: Database) -> AsyncIterator[TransferRow]:
    """Every case, in the order of ids."""
    after = ""
    while page := await database.fetch("recount_cases", after=after, most=PAGE):
        for row in page:
            yield TransferRow(*row)
        after = page[-1][0]


async def _items(database: Database, tallies: Tallies) -> None:
    for hour, source, accepting, programme, kind, state, reason, credits_, n in await database.fetch("recount_items"):
        counted = Tallies()
        item = ItemRow("", 0, "", state, reason, "", "", "", kind, credits_, None, None, issuer="")
        counted.item_changed(Opened(hour, source, accepting, programme), None, item)
        for key, (_, units) in counted.sums.items():
            tallies.add(key, n, n * units)


async def _issuers(database: Database, tallies: Tallies) -> Tallies:
    """Items by institution; gives back those of which it cannot be read."""
    erased, after, position = Tallies(), "", -1
    while page := await database.fetch("recount_issuers", after=after, position=position, most=PAGE):
        for _, _, hour, source, accepting, programme, kind, state, credits_, issuer in page:
            item = ItemRow("", 0, "", state, "", "", "", "", kind, credits_, None, None, issuer=issuer or UNKNOWN)
            (tallies if issuer else erased).issued(Opened(hour, source, accepting, programme), item)
        after, position = page[-1][0], page[-1][1]
    return erased


async def arrivals(database: Database, tallies: Tallies, first: int, end: int) -> list[str]:
    """Arrivals in states, from the leaves at `first` to before `end`.  Gives back the cases of `Recounted.late`."""
    late: list[str] = []
    for start in range(first, end, PAGE):
        page = await database.fetch("log_entries_range", first=start, end=min(end, start + PAGE))
        leaves = [leaf for leaf in (json.loads(raw) for _, raw in page) if "totals" in leaf and "ver" in leaf]
        ids = json.dumps(sorted({leaf["scope"] for leaf in leaves}))
        places = {row[0]: (Opened(*row[1:5]), row[5:]) for row in await database.fetch("recount_places", ids=ids)}
        for leaf in leaves:
            case, firsts = places.get(leaf["scope"], (None, ("", "", "")))
            if case is not None:
                arrived(tallies, case, leaf)
                if _is_late(firsts, leaf):
                    late.append(leaf["scope"])
    return late


def arrived(tallies: Tallies, case: Opened, leaf: dict[str, Any]) -> None:
    """What one leaf tells: only its pair and programme are the row's."""
    opened = leaf["type"] == OPENED
    after = leaf.get("state_after", "")
    if opened or after != leaf.get("state_before", ""):
        tallies.arrived(case, after, leaf["at"], leaf["totals"], opened=opened)


def _is_late(firsts: Sequence[str], leaf: dict[str, Any]) -> bool:
    """Whether the row's first arrival (in review, decision, settlement) is missing, or after this one."""
    reviewed, decided, settled = firsts
    marks = {"reviewing": reviewed, "posting": decided, **dict.fromkeys(map(str, ENDED), settled)}
    mark = marks.get(leaf.get("state_after", ""))
    return leaf["type"] != OPENED and mark is not None and (not mark or mark > leaf["at"])


async def mismatches(database: Database) -> list[Mismatch]:
    """Where the counts kept are not those that it comes to, at most a bounded number; [] when all is well."""
    return (await compared(database))[0]


async def compared(database: Database) -> tuple[list[Mismatch], int]:
    """The same, and of how many items the institution cannot be read any more: they are erased, or the master key was not given."""
    found = await recount(database)
    kept = [((row[0], row[1], row[2], row[3], row[4]), row[5], row[6]) for row in await database.fetch("tally_all")]
    _, differing = carried(same(kept, found.tallies), found.erased)
    wrong = [Mismatch("/".join(key), "{}, {}".format(*wanted), "{}, {}".format(*had)) for key, wanted, had in differing]
    heard = {str(row[0]): str(row[1]) for row in await database.fetch("heard_all")}
    for member in sorted(heard.keys() | found.heard.keys()):
        wanted_at, had_at = found.heard.get(member, ""), heard.get(member, "")
        if wanted_at != had_at:
            wrong.append(Mismatch(f"heard/{member}", wanted_at, had_at))
    wrong += [Mismatch(f"first_arrival/{transfer}", "", "late") for transfer in found.late]
    return wrong[:FINDINGS_MAX], sum(n for n, _ in found.erased.sums.values())


def carried(differing: Sequence[Differing], erased: Tallies) -> tuple[Tallies, list[Differing]]:
    """What sums by institution hold of erased items, and the differences that these do not explain.

    Where a month, pair and kind is not explained to the item and the credit, all of its differences are given back, and what is carried
    of it are the erased items themselves, of an unknown institution.
    """
    beyond: dict[tuple[str, ...], list[Differing]] = {}
    for each in differing:
        if each[0][0] == Measure.ISSUER:
            beyond.setdefault(_group(each[0]), []).append(each)
    lost: dict[tuple[str, ...], Tallies] = {}
    for key, (n, units) in erased.sums.items():
        lost.setdefault(_group(key), Tallies()).add(key, n, units)
    kept, wrong = Tallies(), [each for each in differing if each[0][0] != Measure.ISSUER]
    for group in sorted(beyond.keys() | lost.keys()):
        over = [(key, had[0] - wanted[0], had[1] - wanted[1]) for key, wanted, had in beyond.get(group, [])]
        gone = lost.get(group, Tallies()).rows()
        sums = [(sum(row[-2] for row in rows), sum(row[-1] for row in rows)) for rows in (over, gone)]
        explained = sums[0] == sums[1] and all(n >= 0 for _, n, _ in over)
        for key, n, units in over if explained else [((*row[:5],), row[5], row[6]) for row in gone]:
            kept.add(key, n, units)
        if not explained:
            wrong += beyond.get(group) or [(next(iter(lost[group].sums)), sums[1], (0, 0))]
    return kept, wrong


def _group(key: Key) -> tuple[str, ...]:
    """Month, pair and kind of an `issuer` key: its state may have changed since it could be read."""
    return *key[1:4], key[4].partition("/")[0]


async def rebuild(database: Database) -> Recounted:
    """Throw the counts away and write those that it comes to.  Only while nobody else writes.  Raises StorageError."""
    found = await recount(database)
    kept = [((row[0], row[1], row[2], row[3], row[4]), row[5], row[6]) for row in await database.fetch("tally_all")]
    over, _ = carried(same(kept, found.tallies), found.erased)
    for key, (n, units) in over.sums.items():
        found.tallies.add(key, n, units)
    writes = [Write("tally_clear", [()]), Write("tally_add", found.tallies.rows()), Write("heard_put", sorted(found.heard.items()))]
    await database.group([], lambda _rows: [write for write in writes if write.rows])
    return found
