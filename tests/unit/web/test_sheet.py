"""Tables of pages as CSV."""

import csv
import io
from collections.abc import Sequence

import pytest

from gateway.web.pages.sheet import Cell, Column, Link, Sheet, csv_bytes


def sheet(*rows: Sequence[Cell]) -> Sheet:
    return Sheet("one", "一", (Column("名称"), Column("件数", number=True)), rows)


def test_csv_when_cells_look_like_formulas_then_they_are_texts() -> None:
    made = csv_bytes(sheet(("=1+1", -3), ("@x", 2), (Link("+86", "/a"), 1), ("平常", 0)))
    rows = list(csv.reader(io.StringIO(made.decode("utf-8-sig"))))
    assert rows == [["名称", "件数"], ["'=1+1", "-3"], ["'@x", "2"], ["'+86", "1"], ["平常", "0"]]


def test_sheet_when_a_row_is_short_then_an_assertion() -> None:
    with pytest.raises(AssertionError):
        sheet(("only one",))
