"""Reports for education departments: counts of a month, quarter or year by month, province of source and accepting bank, kind, and
city, county and institution that issued the record, with small cells hidden.

City and county are where the institution is registered, by its code (`model.places`); where a learner lives is in no format and in no
count.  A report of *arrivals* (by month, source, accepting bank) is made of leaves, so it can be made again at any later size of the
log from the leaves up to the size its manifest names.  One by kind or place shows the items as they stand, and can be made again only
while the log has that size.
"""

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from itertools import product
from typing import Final, TypeAlias

from gateway.errors import TransferError
from gateway.formats.xlsx_safe import CellKind, XlsxCell
from gateway.formats.xlsx_write import text_cells, write_xlsx
from gateway.model.canonical import Json, jcs
from gateway.model.places import city_of, county_of
from gateway.model.transfer import ItemState, State
from gateway.storage.database import Database
from gateway.transfers.periods import Period
from gateway.transfers.recount import arrivals
from gateway.transfers.suppression import Cell, Line, hidden_cells
from gateway.transfers.tallies import SUBMITTED, Measure, Tallies, credits_of

MONTH, SOURCE, ACCEPTING, KIND = "month", "source", "accepting", "kind"
CITY, COUNTY, INSTITUTION = "city", "county", "institution"
PLACES: Final = (CITY, COUNTY, INSTITUTION)
DIMENSIONS: Final = (MONTH, SOURCE, ACCEPTING, KIND, *PLACES)
WIDTH_MAX: Final = 4
CELLS_MAX: Final = 10_000
"""Combinations of values in a report of one dimension; what is to be hidden in a wider one takes much longer to find."""
CELLS_MAX_WIDE: Final = 1_000
ARRIVALS: Final = (SUBMITTED, State.SETTLED.value, State.REJECTED.value, State.WITHDRAWN.value, State.EXPIRED.value)
RECOGNISED, OTHER, ITEMS = "recognised", "other", "items"
ALL: Final = "*"
HIDDEN: Final = "*"
K_DEFAULT: Final = 5
VERSION: Final = 1
_PLAIN: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Query:
    """`by` in the order of `DIMENSIONS`, one to four.  Raises ValueError for a period or a dimension that is none."""

    period: str
    by: tuple[str, ...]
    k: int = K_DEFAULT

    def __post_init__(self) -> None:
        Period.named(self.period)
        if not 0 < len(self.by) <= WIDTH_MAX or self.by != tuple(name for name in DIMENSIONS if name in self.by):
            raise ValueError("not dimensions of a report, in their order")

    @property
    def of_places(self) -> bool:
        return not set(PLACES).isdisjoint(self.by)

    @property
    def of_items(self) -> bool:
        return KIND in self.by or self.of_places

    @property
    def measure(self) -> Measure:
        """What it is made of."""
        return Measure.ISSUER if self.of_places else Measure.ITEM if self.of_items else Measure.REACHED

    def json(self) -> dict[str, Json]:
        return {"period": self.period, "by": list(self.by), "k": self.k}


@dataclass(frozen=True, slots=True)
class Report:
    """`rows` are texts, the first names the columns; `size`, `root`, `at` are the log's head it was made at."""

    query: Query
    rows: tuple[tuple[str, ...], ...]
    size: int
    root: bytes
    at: datetime | None

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the rows as canonical JSON."""
        return sha256(jcs([list(row) for row in self.rows])).hexdigest()

    def csv(self) -> bytes:
        """UTF-8 with CRLF (RFC 4180)."""
        out = io.StringIO(newline="")
        csv.writer(out).writerows(self.rows)
        return out.getvalue().encode("utf-8")

    def xlsx(self) -> bytes:
        """Numbers as numbers, everything else as text, codes too."""
        head, *body = self.rows
        width = len(self.query.by)
        return write_xlsx([text_cells(head), *((*text_cells(row[:width]), *map(_cell, row[width:])) for row in body)], sheet="report")


def _cell(text: str) -> XlsxCell:
    return XlsxCell(text, CellKind.NUMBER if _PLAIN.fullmatch(text) else CellKind.TEXT)


Sums: TypeAlias = dict[Cell, dict[str, tuple[int, int]]]
"""By the values of the dimensions, then by what is counted: n, and hundred-millionths of credits."""


async def report(database: Database, query: Query) -> Report:
    """As of the last commit, all of it of one commit.  Raises StorageError, TransferError `transfer.report_too_wide`."""
    found = await database.fetch("tally_report", measure=query.measure, **Period.named(query.period).bounds())
    sums: Sums = {}
    for _, _, _, month, source, accepting, name, n, units in found:
        if name is not None:
            _add(sums, query, (month, source, accepting), name, n, units)
    if len(sums) > (CELLS_MAX if len(query.by) == 1 else CELLS_MAX_WIDE):
        raise TransferError(
            "transfer.report_too_wide",
            "分组过细,无法在此范围内保护小单元格:请减少分组或缩短时段",
            "there are too many rows to protect small cells in: group by less, or by a shorter period",
            rows=len(sums),
        )
    size, root, at = found[0][:3]
    return Report(query, _rows(sums, query), size, root, datetime.fromisoformat(at) if at else None)


async def report_at(database: Database, query: Query, size: int, root: bytes) -> Report | None:
    """The same as it was when the log had `size` leaves, from those leaves alone.

    None where that cannot be known: a report by kind or place, once the log has grown.  Raises as `report` does.
    """
    now = await report(database, query)
    if now.size == size:
        return now if now.root == root else None
    if query.of_items or size > now.size:
        return None
    tallies = Tallies()
    await arrivals(database, tallies, 0, size)
    return of_arrivals(query, tallies, size, root)


def of_arrivals(query: Query, tallies: Tallies, size: int, root: bytes) -> Report:
    """The report that arrivals counted from leaves come to.  `query` is without kinds and places."""
    assert not query.of_items, "a leaf does not say of what kind its records are, nor who issued them"
    sums: Sums = {}
    period = Period.named(query.period).bounds()
    for (measure, day, source, accepting, name), (n, units) in tallies.sums.items():
        if measure == Measure.REACHED and period["first"] <= day <= period["last"]:
            _add(sums, query, (day[:7], source, accepting), name, n, units)
    return Report(query, _rows(sums, query), size, root, None)


def _add(sums: Sums, query: Query, place: tuple[str, str, str], name: str, n: int, units: int) -> None:
    kind, _, rest = name.partition("/")
    state, _, institution = rest.partition("/")
    values = dict(zip(DIMENSIONS, (*place, kind, city_of(institution), county_of(institution), institution), strict=True))
    what = (RECOGNISED if state in {ItemState.RECOGNISED, ItemState.RECALLING} else OTHER) if query.of_items else name
    found = sums.setdefault(tuple(values[each] for each in query.by), {})
    before = found.get(what, (0, 0))
    found[what] = (before[0] + n, before[1] + units)


def _rows(sums: Sums, query: Query) -> tuple[tuple[str, ...], ...]:
    """A row for each combination that occurs, for each value of a single dimension, and for all; `*` stands for all and for hidden."""
    tables = [(RECOGNISED, OTHER)] if query.of_items else [(name,) for name in ARRIVALS]
    credited = RECOGNISED if query.of_items else State.SETTLED.value
    places = _places(sums, len(query.by))
    shown: dict[Cell, list[str]] = {place: [] for place in places}
    for parts in tables:
        cells, lines = _table(sums, places, parts)
        hidden = hidden_cells(cells, lines, query.k)
        for place in places:
            for part in (*parts, ITEMS) if len(parts) > 1 else parts:
                cell = (*place, part)
                shown[place].append(HIDDEN if cell in hidden else str(cells[cell]))
                if part == credited:
                    shown[place].append(HIDDEN if cell in hidden else _credits(sums, places[place], part))
    names = [name for parts in tables for part in ((*parts, ITEMS) if len(parts) > 1 else parts) for name in _columns(part, credited)]
    return ((*query.by, *names), *((*place, *shown[place]) for place in sorted(places, key=_last_all)))


def _columns(part: str, credited: str) -> tuple[str, ...]:
    return (part, f"{part}_credits") if part == credited else (part,)


def _last_all(place: Cell) -> tuple[tuple[bool, str], ...]:
    return tuple((value == ALL, value) for value in place)


def _credits(sums: Sums, members: tuple[Cell, ...], part: str) -> str:
    return format(credits_of(sum(sums[cell].get(part, (0, 0))[1] for cell in members)) or Decimal(0), "f")


def _places(sums: Sums, width: int) -> dict[Cell, tuple[Cell, ...]]:
    """Each row's values, with the combinations that are in it: themselves, one value and all others, all."""
    kept = {tuple(range(width)), *((at,) for at in range(width)), ()}
    found: dict[Cell, list[Cell]] = {(ALL,) * width: []}
    for values, keep in product(sorted(sums), sorted(kept)):
        found.setdefault(tuple(value if at in keep else ALL for at, value in enumerate(values)), []).append(values)
    return {place: tuple(dict.fromkeys(members)) for place, members in found.items()}


def _table(sums: Sums, places: Mapping[Cell, tuple[Cell, ...]], parts: tuple[str, ...]) -> tuple[dict[Cell, int], list[Line]]:
    """The cells of one table of counts, and every sum that it shows."""
    cells: dict[Cell, int] = {}
    lines: list[Line] = []
    for place, members in places.items():
        for part in parts:
            cells[(*place, part)] = sum(sums[cell].get(part, (0, 0))[0] for cell in members)
            if ALL in place:
                lines.append(((*place, part), tuple((*cell, part) for cell in members)))
        if len(parts) > 1:
            cells[(*place, ITEMS)] = sum(cells[(*place, part)] for part in parts)
            lines.append(((*place, ITEMS), tuple((*place, part) for part in parts)))
    return cells, lines
