"""A catalogue as CSV, XLSX and JSON: the same comes back, nothing can run, hostile files get a name and a place."""

import csv
import io
import json
from dataclasses import replace

import openpyxl
import pytest
from support.catalogues import STANDARDS, codes, demonstration, document, faults, row
from support.workbooks import parts_of

from gateway.errors import GatewayError
from gateway.formats.xlsx_safe import CellKind, XlsxCell
from gateway.formats.xlsx_write import text_cells, write_xlsx
from gateway.formats.zip_safe import repacked
from gateway.recognition.catalogue import Catalogue, Table
from gateway.recognition.catalogue_columns import LAYOUTS, headings
from gateway.recognition.catalogue_files import FileForm, json_document, read_catalogue, write_catalogue

COURSES = Table.COURSES
HEAD = headings(COURSES, chinese=False)


def sheet(table: Table = COURSES, **cells: str) -> list[list[str]]:
    """A table's rows as texts; `cells` are put into its first row."""
    content = write_catalogue(demonstration(), FileForm.CSV, tables=[table])[f"{table.value}.csv"]
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    for name, text in cells.items():
        rows[1][rows[0].index(name)] = text
    return rows


def as_csv(rows: list[list[str]], encoding: str = "utf-8-sig") -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue().encode(encoding)


def spoilt(rows: list[list[str]]) -> set[tuple[str, str]]:
    return faults({"courses.csv": as_csv(rows)}, demonstration())


def with_title(title: str) -> Catalogue:
    whole = document()
    row(whole, "courses", "DEMO-C-101")["title"] = title
    return read_catalogue({"catalogue.json": json.dumps(whole).encode()}, codes())


@pytest.mark.parametrize("chinese", [False, True], ids=["en", "zh"])
@pytest.mark.parametrize("form", FileForm)
def test_whole_catalogue_when_written_and_read_then_equal_and_bytes_repeat(form: FileForm, chinese: bool) -> None:
    files = write_catalogue(demonstration(), form, chinese=chinese)
    again = read_catalogue(files, codes())
    assert again == demonstration()
    assert write_catalogue(again, form, chinese=chinese) == files
    assert len(files) == (1 if form is FileForm.JSON else len(Table))


@pytest.mark.parametrize("form", FileForm)
@pytest.mark.parametrize("table", Table)
def test_one_table_when_written_and_read_over_the_rest_then_equal(table: Table, form: FileForm) -> None:
    files = write_catalogue(demonstration(), form, tables=[table])
    assert list(files) == [f"{table.value}.{form.value}"]
    assert read_catalogue(files, codes(), base=demonstration()) == demonstration()


def test_shipped_files_when_compared_with_the_writer_then_the_same_bytes() -> None:
    folder = STANDARDS / "catalogue" / "demo-1.0"
    written = write_catalogue(demonstration(), FileForm.CSV)
    assert {path.name: path.read_bytes() for path in folder.glob("*.csv")} == written
    assert all(content.startswith(b"\xef\xbb\xbf") for content in written.values())
    assert json_document(demonstration())["demo"] is True


def test_csv_when_gb18030_or_plain_utf8_then_read() -> None:
    for encoding in ("gb18030", "utf-8", "utf-8-sig"):
        files = {"courses.csv": as_csv(sheet(), encoding)}
        assert read_catalogue(files, codes(), base=demonstration()) == demonstration()


def test_dates_when_a_spreadsheet_rewrote_them_then_still_read() -> None:
    for text in ("2026/1/1", "2026-1-1", "2026年1月1日"):
        assert spoilt(sheet(valid_from=text)) == set()
    for text in ("2026/13/1", "2026-1/1", "1/2/2026", "45107"):
        assert spoilt(sheet(valid_from=text)) == {("courses:2:valid_from", "catalogue.bad_date")}


def test_table_when_given_alone_without_a_base_then_missing_tables_are_told() -> None:
    missing = {(table.value, "catalogue.missing_table") for table in Table if LAYOUTS[table].required and table is not COURSES}
    assert faults({"courses.csv": as_csv(sheet())}) >= missing


@pytest.mark.parametrize("title", ["=1+1", "+86", "-学", "@SUM(A1)", "＝1", "'=1", "'学", "  =x".strip()])
def test_title_when_a_spreadsheet_could_run_it_then_marked_in_the_file_and_back_as_it_was(title: str) -> None:
    catalogue = with_title(title)
    for form in FileForm:
        files = write_catalogue(catalogue, form)
        assert read_catalogue(files, codes()).courses[0].title == title
        if form is FileForm.CSV:
            cell = list(csv.reader(io.StringIO(files["courses.csv"].decode("utf-8-sig"))))[1][HEAD.index("title")]
            assert cell == "'" + title
        if form is FileForm.XLSX:
            found = openpyxl.load_workbook(io.BytesIO(files["courses.xlsx"])).worksheets[0].cell(2, HEAD.index("title") + 1)
            assert (found.data_type, found.value) == ("s", "'" + title)


def test_xlsx_when_opened_by_another_reader_then_numbers_and_dates_are_such() -> None:
    files = write_catalogue(demonstration(), FileForm.XLSX, tables=[COURSES])
    opened = openpyxl.load_workbook(io.BytesIO(files["courses.xlsx"])).worksheets[0]
    cells = {name: opened.cell(2, place) for place, name in enumerate(HEAD, 1)}
    assert (cells["credits"].value, cells["credits"].data_type) == (4, "n")
    assert cells["valid_from"].is_date
    assert cells["id"].data_type == "s"


def test_xlsx_when_a_cell_is_a_formula_or_fault_then_refused_at_its_place() -> None:
    rows = sheet()
    cells = [[XlsxCell(text, CellKind.TEXT if text else CellKind.EMPTY) for text in each] for each in rows]
    plain = write_xlsx(cells)
    assert faults({"courses.xlsx": plain}, demonstration()) == set()
    book = openpyxl.load_workbook(io.BytesIO(plain))
    book.worksheets[0].cell(3, HEAD.index("credits") + 1).value = "=1+2"
    book.worksheets[0].cell(4, HEAD.index("title") + 1).value = '=HYPERLINK("x")'
    out = io.BytesIO()
    book.save(out)
    assert faults({"courses.xlsx": out.getvalue()}, demonstration()) == {
        ("courses:3:credits", "catalogue.formula"), ("courses:4:title", "catalogue.formula"),
    }  # fmt: skip


def test_xlsx_when_digits_were_lost_or_cells_merged_then_refused() -> None:
    cells = [[XlsxCell(text, CellKind.TEXT if text else CellKind.EMPTY) for text in each] for each in sheet()]
    cells[1][HEAD.index("note")] = XlsxCell("3.40111E+17", CellKind.NUMBER)
    assert faults({"courses.xlsx": write_xlsx(cells)}, demonstration()) == {("courses:2:note", "catalogue.bad_cell")}
    book = openpyxl.load_workbook(io.BytesIO(write_xlsx([text_cells(each) for each in sheet()])))
    book.worksheets[0].merge_cells("C5:D5")
    out = io.BytesIO()
    book.save(out)
    assert ("courses:5", "catalogue.merged_cells") in faults({"courses.xlsx": out.getvalue()}, demonstration())


def test_headings_when_wrong_then_each_is_told_and_nothing_else() -> None:
    rows = sheet()
    rows[0][HEAD.index("credits")] = "points"
    assert spoilt(rows) == {(f"courses:1:{HEAD.index('credits') + 1}", "catalogue.unknown_column"),
                            ("courses:1:credits", "catalogue.missing_column")}  # fmt: skip
    rows = sheet()
    rows[0][HEAD.index("note")] = "title"
    assert spoilt(rows) == {("courses:1:title", "catalogue.repeated_column")}
    assert spoilt([[]]) == spoilt([["", ""]]) == {("courses", "catalogue.no_header")}
    rows = sheet()
    del rows[0][0]
    assert ("courses:1:id", "catalogue.missing_column") in spoilt(rows)


def test_optional_columns_when_left_out_then_read_as_empty_in_any_order() -> None:
    rows = [list(reversed([cell for name, cell in zip(HEAD, each, strict=True) if name != "title_en"])) for each in sheet()]
    found = read_catalogue({"courses.csv": as_csv(rows)}, codes(), base=demonstration())
    assert found.courses[0].title_en == ""
    assert [course.id for course in found.courses] == [course.id for course in demonstration().courses]


def test_rows_when_empty_then_left_out_and_when_too_wide_then_refused() -> None:
    rows = sheet()
    assert spoilt([*rows[:2], [""] * len(HEAD), *rows[2:], ["  "]]) == set()
    rows[4].append("and more")
    assert spoilt(rows) == {("courses:5", "catalogue.row_width")}


def test_lists_when_parted_by_a_chinese_semicolon_then_read() -> None:
    found = read_catalogue({"courses.csv": as_csv(sheet(aliases="甲 ； 乙;丙"))}, codes(), base=demonstration())
    assert found.courses[0].aliases == ("甲", "乙", "丙")


def test_files_when_unknown_or_twice_then_told() -> None:
    assert faults({"teachers.csv": b"a"}, demonstration()) == {("teachers", "catalogue.unknown_table")}
    assert faults({"courses.pdf": b"a"}, demonstration()) == {("courses", "catalogue.unknown_table")}
    both = write_catalogue(demonstration(), FileForm.CSV, tables=[COURSES]) | write_catalogue(
        demonstration(), FileForm.XLSX, tables=[COURSES]
    )
    assert faults(both, demonstration()) == {("courses", "catalogue.table_twice")}


@pytest.mark.parametrize(
    ("content", "place", "code"),
    [
        (b"[]", "all", "catalogue.bad_json"),
        (b'{"format":"other","tables":{}}', "all", "catalogue.bad_json"),
        (b'{"format":"ceg-catalogue-1","tables":[]}', "all", "catalogue.bad_json"),
        (b'{"format":"ceg-catalogue-1","tables":{},"more":1}', "all", "catalogue.bad_json"),
        (b'{"format":"ceg-catalogue-1","tables":{"teachers":[]}}', "all", "catalogue.unknown_table"),
        (b'{"format":"ceg-catalogue-1","tables":{"courses":{}}}', "courses", "catalogue.bad_json"),
        (b'{"format":"ceg-catalogue-1","tables":{"courses":[1]}}', "courses", "catalogue.bad_json"),
        (b'{"format":"ceg-catalogue-1","tables":{"courses":[' + b"{}," * 20_000 + b"{}]}}", "courses", "catalogue.too_many_rows"),
        (b'{"format":', "all:1", "format.json"),
        (b"[" * 50, "all", "format.too_deep"),
        (b'{"format":"ceg-catalogue-1","format":"x"}', "all", "format.duplicate_key"),
    ],
)
def test_json_when_it_is_no_catalogue_then_named(content: bytes, place: str, code: str) -> None:
    assert faults({"all.json": content}, demonstration()) == {(place, code)}


def test_json_when_a_row_has_an_unknown_name_then_told() -> None:
    whole = document()
    whole["tables"]["courses"][2]["price"] = 3
    assert faults({"all.json": json.dumps(whole).encode()}) == {("courses:3", "catalogue.unknown_column")}


@pytest.mark.parametrize(
    ("name", "content", "place", "code"),
    [
        ("courses.csv", b'id,"title\n', "courses:1", "format.csv_quoting"),
        ("courses.csv", b"id,\0title\n", "courses", "format.nul"),
        ("courses.csv", b"\xef\xbb\xbf\xff", "courses", "format.encoding"),
        ("courses.csv", b"\x81", "courses", "format.encoding"),
        ("courses.csv", b"x," * 50 + b"\n", "courses:1", "format.too_many_cells"),
        ("courses.csv", b"id\n" * 20_002, "courses", "format.too_many_rows"),
        ("courses.csv", b"id\n" + b"x" * 9_000, "courses:2", "format.cell_too_long"),
        ("courses.xlsx", b"PK\x03\x04 not a zip", "courses", "format.zip"),
        ("courses.xlsx", b"", "courses", "format.zip"),
    ],
)
def test_sheet_when_hostile_then_named_and_no_second_complaints(name: str, content: bytes, place: str, code: str) -> None:
    assert faults({name: content}, demonstration()) == {(place, code)}


def test_workbook_when_it_holds_macros_then_refused() -> None:
    content = repacked(parts_of(write_xlsx([text_cells(["id"])])) | {"xl/vbaProject.bin": b"x"})
    assert faults({"courses.xlsx": content}, demonstration()) == {("courses", "format.macro")}


def test_value_made_in_the_program_when_no_file_can_hold_it_then_not_written() -> None:
    catalogue = demonstration()
    bad = Catalogue(catalogue.head, (replace(catalogue.courses[0], aliases=("甲;乙",)),))
    with pytest.raises(GatewayError, match=r"catalogue\.invalid"):
        write_catalogue(bad, FileForm.CSV, tables=[COURSES])
    with pytest.raises(GatewayError, match=r"catalogue\.invalid"):
        write_catalogue(bad, FileForm.JSON, tables=[COURSES])
