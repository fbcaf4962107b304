"""XLSX: any bytes give a sheet or a named error, and what is written is read back as it was, by us and by another library."""

import io
import zipfile
from contextlib import suppress
from datetime import date

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.workbooks import parts_of

from gateway.errors import FormatError
from gateway.formats.xlsx_safe import CellKind, XlsxCell, read_xlsx
from gateway.formats.xlsx_write import text_cells, write_xlsx
from gateway.formats.zip_safe import repacked


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=150, deadline=None)
@given(st.data())
def test_reading_when_bytes_of_a_part_are_mutated_then_a_sheet_or_a_format_error(data: st.DataObject) -> None:
    parts = parts_of(write_xlsx([text_cells(["甲", "=1"]), (XlsxCell("45107", CellKind.NUMBER), XlsxCell("2023-06-30", CellKind.DATE))]))
    name = data.draw(st.sampled_from(sorted(parts)))
    part = bytearray(parts[name])
    for _ in range(data.draw(st.integers(1, 4))):
        part[data.draw(st.integers(0, len(part) - 1))] = data.draw(st.integers(0, 255))
    with suppress(FormatError):
        read_xlsx(repacked(parts | {name: bytes(part)}))


@given(st.binary(max_size=300))
def test_reading_when_any_bytes_then_a_format_error(content: bytes) -> None:
    with pytest.raises(FormatError):
        read_xlsx(b"PK\x03\x04" + content)


# -- writing --

TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=20)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(TEXTS | st.just("=1+1") | st.just("_x0041_"), min_size=1, max_size=4), min_size=1, max_size=4))
def test_round_trip_when_any_texts_then_the_same_texts(rows: list[list[str]]) -> None:
    if not any(text for row in rows for text in row):
        return
    found = [
        [cell.text for cell in row if cell.kind is not CellKind.EMPTY]
        for row in read_xlsx(write_xlsx([text_cells(row) for row in rows])).rows
    ]
    expected = [[text for text in row if text] for row in rows]
    while expected and not expected[-1]:
        expected.pop()
    assert found == expected


def test_writing_when_read_by_another_library_then_texts_are_texts_and_nothing_is_a_formula() -> None:
    row = ["=HYPERLINK(1)", "+1", "340111197906155039", " a\r\nb ", "&<>", "45107"]
    sheet = openpyxl.load_workbook(io.BytesIO(write_xlsx([text_cells(row)]))).active
    assert [cell.value for cell in next(sheet.rows)] == row
    assert {cell.data_type for cell in next(sheet.rows)} == {"s"}


@pytest.mark.parametrize("epoch1904", [False, True])
def test_writing_when_dates_and_numbers_then_read_back_as_such(epoch1904: bool) -> None:
    row = [XlsxCell("2023-06-30", CellKind.DATE), XlsxCell("3.5", CellKind.NUMBER), XlsxCell("3.40111E+17", CellKind.NUMBER)]
    content = write_xlsx([row], epoch1904=epoch1904)
    assert list(read_xlsx(content).rows[0]) == row
    assert openpyxl.load_workbook(io.BytesIO(content)).active["A1"].value.date() == date(2023, 6, 30)


def test_writing_when_a_date_is_doubtful_in_a_sheet_then_written_as_text() -> None:
    cells = read_xlsx(write_xlsx([[XlsxCell("1900-02-28", CellKind.DATE), XlsxCell("x", CellKind.NUMBER)]])).rows[0]
    assert [(cell.kind, cell.text) for cell in cells] == [(CellKind.TEXT, "1900-02-28"), (CellKind.TEXT, "x")]


def test_writing_when_done_twice_then_the_same_bytes_and_no_clock_in_them() -> None:
    first, second = (write_xlsx([text_cells(["甲"])]) for _ in range(2))
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert first == second


def test_writing_when_xml_cannot_hold_it_then_refused() -> None:
    with pytest.raises(FormatError, match=r"format\.character"):
        write_xlsx([text_cells(["\x01"])])
