"""XLSX: refused before it is opened, read with the kinds of its cells, written without formulas and the same each time.

openpyxl makes the inputs and reads the outputs: it is the second opinion, never the reader.
"""

import io
import resource
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from typing import Any

import openpyxl
import pytest
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from support.workbooks import parts_of

from gateway.errors import FormatError
from gateway.formats.xlsx_safe import CellKind, XlsxCell, XlsxLimits, is_xlsx, number_text, read_xlsx
from gateway.formats.xlsx_scan import SheetLimits
from gateway.formats.xlsx_write import text_cells, write_xlsx
from gateway.formats.zip_safe import SafeZip, ZipLimits

SHEET = "xl/worksheets/sheet1.xml"
MORNING = datetime.fromisoformat("2023-06-30T08:00:00")
Fill = Callable[[Any, Any], None]


def book(fill: Fill) -> bytes:
    workbook = openpyxl.Workbook()
    fill(workbook, workbook.active)
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def one_row(*values: object) -> bytes:
    return book(lambda _, sheet: sheet.append(values))


def packed(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return out.getvalue()


def changed(name: str, old: bytes, new: bytes, content: bytes | None = None) -> bytes:
    parts = parts_of(content or one_row("a", 1))
    assert old in parts[name]
    return packed(parts | {name: parts[name].replace(old, new, 1)})


def code_of(content: bytes, limits: XlsxLimits | None = None) -> str:
    with pytest.raises(FormatError) as caught:
        read_xlsx(content, limits=limits or XlsxLimits())
    return caught.value.code


@pytest.fixture
def small_memory() -> Iterator[None]:
    """Fails where Python or a library underneath took more than 32 MiB."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 * 1024 * 1024
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024


# -- reading --


def test_cells_when_of_every_kind_then_told_apart() -> None:
    cells = read_xlsx(one_row("文", 64, 3.5, date(2023, 6, 30), MORNING, time(8, 0), True, "#N/A", None, "z")).rows[0]
    assert [(cell.kind, cell.text) for cell in cells] == [
        (CellKind.TEXT, "文"),
        (CellKind.NUMBER, "64"),
        (CellKind.NUMBER, "3.5"),
        (CellKind.DATE, "2023-06-30"),
        (CellKind.DATE, "2023-06-30"),
        (CellKind.TIME, "08:00:00"),
        (CellKind.TEXT, "TRUE"),
        (CellKind.FAULT, "#N/A"),
        (CellKind.EMPTY, ""),
        (CellKind.TEXT, "z"),
    ]


def test_numbers_when_longer_than_a_sheet_keeps_then_scientific() -> None:
    cells = read_xlsx(one_row(340111197906155039, 340111790615503, 2233000000401187)).rows[0]
    assert [cell.text for cell in cells] == ["3.40111E+17", "340111790615503", "2.23300E+15"]


@pytest.mark.parametrize(
    ("value", "text"), [(1e15, "1.00000E+15"), (999999999999999.0, "999999999999999"), (1e-7, "0.0000001"), (-2.50, "-2.5")]
)
def test_number_text_when_at_the_edge_then_plain_or_scientific(value: float, text: str) -> None:
    assert number_text(value) == text


@pytest.mark.parametrize("epoch1904", [False, True])
def test_dates_when_in_either_system_then_the_same_day_and_the_flag_is_told(epoch1904: bool) -> None:
    def fill(workbook: Any, sheet: Any) -> None:
        if epoch1904:
            workbook.epoch = CALENDAR_MAC_1904
        sheet.append([date(2023, 6, 30), 45107])

    found = read_xlsx(book(fill))
    assert found.epoch1904 is epoch1904
    assert [(cell.kind, cell.text) for cell in found.rows[0]] == [(CellKind.DATE, "2023-06-30"), (CellKind.NUMBER, "45107")]


def test_formula_when_in_a_cell_then_marked_with_or_without_a_stored_value() -> None:
    without = one_row("a", "=1+1")
    stored = changed(SHEET, b"<f>1+1</f><v></v>", b"<f>1+1</f><v>2</v>", without)
    assert read_xlsx(without).rows[0][1] == XlsxCell("", CellKind.TEXT, formula=True)
    assert read_xlsx(stored).rows[0][1] == XlsxCell("2", CellKind.NUMBER, formula=True)


def test_formula_when_alone_in_the_last_row_then_still_a_cell() -> None:
    def fill(_: Any, sheet: Any) -> None:
        sheet.append(["a"])
        sheet["A3"] = "=1+1"

    assert [row[0].formula for row in read_xlsx(book(fill)).rows] == [False, False, True]


def test_merges_when_present_then_given_as_corners() -> None:
    def fill(_: Any, sheet: Any) -> None:
        sheet.append(["a", "b"])
        sheet["A2"] = "c"
        sheet.merge_cells("A2:A4")

    assert read_xlsx(book(fill)).merges == (((1, 0), (3, 0)),)


def test_rows_when_some_are_skipped_then_places_are_kept() -> None:
    def fill(_: Any, sheet: Any) -> None:
        sheet["B3"] = "x"

    rows = read_xlsx(book(fill)).rows
    assert [[cell.text for cell in row] for row in rows] == [["", ""], ["", ""], ["", "x"]]


def test_sheets_when_one_has_content_then_that_one_is_read() -> None:
    def fill(workbook: Any, _: Any) -> None:
        workbook.create_sheet("二").append(["here"])

    assert read_xlsx(book(fill)).rows[0][0].text == "here"


def test_shared_strings_when_used_then_read() -> None:
    parts = parts_of(write_xlsx([text_cells(["a"])]))
    parts["xl/sharedStrings.xml"] = "<sst><si><t>甲</t></si><si><r><t>乙</t></r><r><t>丙</t></r></si></sst>".encode()
    parts["xl/_rels/workbook.xml.rels"] = parts["xl/_rels/workbook.xml.rels"].replace(
        b"</Relationships>",
        b'<Relationship Id="rId9" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"'
        b' Target="sharedStrings.xml"/></Relationships>',
    )
    parts[SHEET] = (
        b"<worksheet><sheetData><row r='1'><c r='A1' t='s'><v>0</v></c><c r='B1' t='s'><v>1</v></c></row></sheetData></worksheet>"
    )
    assert [cell.text for cell in read_xlsx(packed(parts)).rows[0]] == ["甲", "乙丙"]
    parts[SHEET] = parts[SHEET].replace(b"<v>1</v>", b"<v>2</v>")
    assert code_of(packed(parts)) == "format.cell_place"


# -- refusals before opening --


@pytest.mark.usefixtures("small_memory")
def test_sparse_bomb_when_five_kilobytes_then_refused_before_opening() -> None:
    content = changed(SHEET, b"</sheetData>", b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>')
    assert len(content) < 8_000
    assert code_of(content) == "format.too_many_rows"


@pytest.mark.usefixtures("small_memory")
def test_ratio_bomb_when_three_hundred_kilobytes_then_refused_before_opening() -> None:
    packer = io.BytesIO()
    with zipfile.ZipFile(packer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, part in parts_of(one_row("a")).items():
            if name != SHEET:
                archive.writestr(name, part)
        with archive.open(SHEET, "w") as sheet:
            for _ in range(300):
                sheet.write(b" " * 1024 * 1024)
    assert 250_000 < len(packer.getvalue()) < 400_000
    assert code_of(packer.getvalue()) in ("format.too_large", "format.zip_ratio")


def test_ratio_when_under_the_size_limit_then_refused_all_the_same() -> None:
    assert code_of(packed(parts_of(one_row("a")) | {"xl/theme/theme9.xml": b" " * 4_000_000})) == "format.zip_ratio"


@pytest.mark.usefixtures("small_memory")
def test_size_when_the_archive_understates_it_then_refused_without_inflating() -> None:
    """Directory and local header say 100 bytes, with the checksum of the first 100; the stream goes on for 30 MiB."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = b"<worksheet>".ljust(100)
    body = stream.compress(head) + b"".join(stream.compress(b" " * 1024 * 1024) for _ in range(30)) + stream.flush()
    content = packed({"a": b""} | parts_of(one_row("a")) | {SHEET: head})
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        offset = archive.getinfo(SHEET).header_offset
    local = bytearray(content[offset : offset + 30])
    struct.pack_into("<III", local, 14, zlib.crc32(head), len(body), len(head))
    lying = io.BytesIO()
    with zipfile.ZipFile(lying, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts_of(content).items():
            if name != SHEET:
                archive.writestr(name, part)
    whole = lying.getvalue()
    directory_at = struct.unpack("<I", whole[-6:-2])[0]
    name = SHEET.encode()
    entry = struct.pack(
        "<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 8, 0, 33, zlib.crc32(head), len(body), len(head), len(name), 0, 0, 0, 0, 0, directory_at
    )
    count = struct.unpack("<H", whole[-12:-10])[0] + 1
    central = whole[directory_at:-22] + entry + name
    start = directory_at + 30 + len(name) + len(body)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(central), start, 0)
    content = whole[:directory_at] + bytes(local) + name + body + central + end
    assert SHEET in SafeZip(content, ZipLimits()).names
    assert code_of(content) == "format.zip"


@pytest.mark.parametrize("name", ["../x", "/x", "a//../b", "a\\b", "c:x", "xl/./a", "xl/..", "é"])
def test_zip_path_when_it_leads_elsewhere_then_refused(name: str) -> None:
    assert code_of(packed(parts_of(one_row("a")) | {name: b""})) == "format.zip_path"


def test_zip_when_a_name_stands_twice_then_refused() -> None:
    assert code_of(packed(parts_of(one_row("a")) | {"XL/workbook.xml": b""})) == "format.zip_path"


def test_zip_when_it_has_too_many_parts_then_refused() -> None:
    assert code_of(packed(parts_of(one_row("a")) | {f"x{n}": b"" for n in range(201)})) == "format.too_many_parts"


def test_zip_when_cut_or_encrypted_or_no_zip_then_refused() -> None:
    content = one_row("a")
    encrypted = bytearray(content)
    at = content.index(b"PK\x01\x02")
    encrypted[at + 8] |= 1
    assert [code_of(each) for each in (content[:-30], bytes(encrypted), b"PK\x03\x04", b"")] == ["format.zip"] * 4
    assert (is_xlsx(content), is_xlsx("序号".encode("gb18030"))) == (True, False)


def test_zip_when_a_byte_of_a_part_changed_then_its_checksum_tells() -> None:
    content = bytearray(write_xlsx([text_cells(["abcdef"])]))
    at = content.index(b"abcdef")
    content[at] ^= 1
    assert code_of(bytes(content)) == "format.zip"


@pytest.mark.parametrize(
    ("extra", "code"),
    [
        ("xl/vbaProject.bin", "format.macro"),
        ("xl/macrosheets/sheet1.xml", "format.macro"),
        ("xl/activeX/activeX1.bin", "format.macro"),
        ("customUI/customUI.xml", "format.macro"),
        ("xl/externalLinks/externalLink1.xml", "format.external_link"),
        ("xl/embeddings/oleObject1.bin", "format.external_link"),
        ("xl/connections.xml", "format.external_link"),
    ],
)
def test_parts_when_active_or_outside_then_refused(extra: str, code: str) -> None:
    assert code_of(packed(parts_of(one_row("a")) | {extra: b""})) == code


@pytest.mark.parametrize(
    ("name", "old", "new", "code"),
    [
        (SHEET, b"<worksheet", b'<!DOCTYPE x [<!ENTITY a "b">]><worksheet', "format.doctype"),
        ("xl/workbook.xml", b"<workbook", b"<!DOCTYPE x><workbook", "format.doctype"),
        (SHEET, b"<worksheet", b'<?xml version="1.0" encoding="UTF-7"?><worksheet', "format.encoding"),
        (SHEET, b"<worksheet", b'<?xml version="1.1"?><worksheet', "format.encoding"),
        (SHEET, b"</sheetData>", b"", "format.malformed"),
        (SHEET, b"<sheetData>", b"<a>" * 40 + b"</a>" * 40 + b"<sheetData>", "format.too_deep"),
        (SHEET, b'r="A1"', b'r="ZZZ1"', "format.too_many_cells"),
        (SHEET, b'r="A1"', b'r="A5"', "format.cell_place"),
        (SHEET, b'r="A1"', b'r="1A"', "format.cell_place"),
        (SHEET, b'r="A1"', b'x="A1" r="C1"', "format.cell_place"),
        (SHEET, b'<row r="1"', b'<row r="0"', "format.cell_place"),
        (SHEET, b'<row r="1"', b'<row r="99999999"', "format.too_many_rows"),
        (SHEET, b'ref="A1:B1"', b'ref="A1:XFD1048576"', "format.too_many_rows"),
        (SHEET, b'ref="A1:B1"', b'ref="A1:XFD1"', "format.too_many_cells"),
        ("xl/_rels/workbook.xml.rels", b'Target="/xl/work', b'TargetMode="External" Target="/xl/work', "format.external_link"),
        ("xl/_rels/workbook.xml.rels", b"sheet1.xml", b"sheet7.xml", "format.no_content"),
    ],
)
def test_xml_when_hostile_or_out_of_bounds_then_refused(name: str, old: bytes, new: bytes, code: str) -> None:
    assert code_of(changed(name, old, new)) == code


def test_attributes_when_a_foreign_one_hides_the_place_then_the_real_one_counts() -> None:
    masked = b'<row r="2"><c xmlns:q="urn:q" r="XFD2" q:r="A2"><v>1</v></c></row></sheetData>'
    assert code_of(changed(SHEET, b"</sheetData>", masked)) == "format.too_many_cells"


def test_texts_when_one_is_long_or_all_are_then_refused() -> None:
    limits = XlsxLimits(sheet=SheetLimits(text_chars_max=10))
    assert code_of(one_row("x" * 11), limits) == "format.cell_too_long"
    assert code_of(one_row(*["x" * 10] * 9), XlsxLimits(sheet=SheetLimits(total_chars_max=80))) == "format.too_large"


def test_cells_when_more_than_allowed_then_refused() -> None:
    assert code_of(one_row(*"abcdef"), XlsxLimits(sheet=SheetLimits(cells_max=5))) == "format.too_many_cells"
    assert code_of(one_row(*"abcdef"), XlsxLimits(sheet=SheetLimits(columns_max=5))) == "format.too_many_cells"


def test_merges_when_their_area_is_large_then_refused() -> None:
    many = b"<mergeCells>" + b'<mergeCell ref="A1:BL40000"/>' * 3 + b"</mergeCells>"
    assert code_of(changed(SHEET, b"<pageMargins", many + b"<pageMargins")) == "format.too_many_cells"


def test_workbook_when_not_one_or_empty_or_of_two_sheets_then_refused() -> None:
    def both(workbook: Any, sheet: Any) -> None:
        sheet.append(["a"])
        workbook.create_sheet().append(["b"])

    two = book(both)
    empty = book(lambda _, __: None)
    assert [code_of(each) for each in (packed({"a": b"x"}), empty, two)] == [
        "format.not_a_workbook",
        "format.no_content",
        "format.several_sheets",
    ]
