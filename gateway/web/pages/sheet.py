"""A table of a page as a value: drawn as HTML, offered as CSV of the same rows, and read by the chart beside it.

So a chart has no data of its own: what it draws is what the table says, and without JavaScript nothing is lost.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would compute."""


@dataclass(frozen=True, slots=True)
class Link:
    """A cell that leads somewhere; `url` is made by `Visit.url`.  `whole` is what the CSV says where `text` is cut short."""

    text: str
    url: str
    whole: str = ""


Cell: TypeAlias = str | int | Link


@dataclass(frozen=True, slots=True)
class Column:
    """`number` columns are set right and are what a chart draws; `whole` ones (moments, ids, durations) are not broken into lines.

    `own` ones hold what people wrote, in their language on every page.  Where the page can be sorted by it, `url` sorts, or turns round
    the order it has now: `order` is `ascending`, `descending`, or "" while the page is sorted by another.
    """

    title: str
    number: bool = False
    whole: bool = False
    own: bool = False
    url: str = ""
    order: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """`name` is its name in the URL (`?csv=name`) and the page; `chart` is a kind that `charts.js` knows, or ""."""

    name: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    chart: str = ""
    order: Sequence[str] = ()
    """The fixed order of names that a chart gives places and colours by."""

    def __post_init__(self) -> None:
        assert all(len(row) == len(self.columns) for row in self.rows), "every row has a cell for each column"


def csv_bytes(sheet: Sheet) -> bytes:
    """The sheet as CSV, UTF-8 with a byte-order mark (spreadsheets take Chinese for something else without it), no cell a formula."""
    out = io.StringIO()
    writer = csv.writer(out, strict=True)
    writer.writerow([_plain(column.title) for column in sheet.columns])
    writer.writerows([[_plain(cell) for cell in row] for row in sheet.rows])
    return out.getvalue().encode("utf-8-sig")


def _plain(cell: Cell) -> str | int:
    if isinstance(cell, int):
        return cell
    text = cell.whole or cell.text if isinstance(cell, Link) else cell
    return f"'{text}" if text.startswith(FORMULA) else text
