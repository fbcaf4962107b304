"""CSV: strict in, harmless out."""

import csv
import io
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import FormatError
from gateway.formats.csv_safe import CsvLimits, guard, read_csv, write_csv

MARK = b"\xef\xbb\xbf"


def cells_of(content: bytes, **options: bool) -> list[tuple[str, ...]]:
    return [row.cells for row in read_csv(content, **options).rows]


def code_of(content: bytes, limits: CsvLimits | None = None) -> str:
    with pytest.raises(FormatError) as caught:
        read_csv(content, limits=limits or CsvLimits())
    return caught.value.code


def test_encoding_when_no_mark_then_gb18030_with_characters_outside_gbk() -> None:
    table = read_csv("姓名\r\n李䶮𠮷\r\n".encode("gb18030"))
    assert (table.encoding, table.rows[1].cells, table.private_use) == ("gb18030", ("李䶮𠮷",), False)


def test_encoding_when_marked_then_utf8_without_the_mark_in_the_first_cell() -> None:
    table = read_csv(MARK + "姓名\n李䶮\n".encode())
    assert (table.encoding, table.rows[0].cells) == ("utf-8-sig", ("姓名",))


def test_encoding_when_plain_utf8_then_only_where_allowed() -> None:
    content = "姓名,号\n李明,1\n".encode()
    assert cells_of(content, plain_utf8=True)[1] == ("李明", "1")
    assert code_of("李".encode()) == "format.encoding"


def test_encoding_when_plain_utf8_is_allowed_then_gb18030_is_still_read() -> None:
    assert cells_of("姓名,李䶮\n".encode("gb18030"), plain_utf8=True) == [("姓名", "李䶮")]


def test_private_use_when_the_table_of_2022_moved_it_then_mapped_and_else_reported() -> None:
    moved, kept = read_csv(b"\xfe\x59\n"), read_csv(b"\xfe\x51\n")
    assert (moved.rows[0].cells, moved.private_use, kept.private_use) == (("\u9fb4",), False, True)


def test_lines_when_a_quoted_cell_spans_two_then_physical_numbers_go_on() -> None:
    table = read_csv(b'a,"b\r\nc"\r\nd,e')
    assert [(row.line, row.cells) for row in table.rows] == [(1, ("a", "b\r\nc")), (3, ("d", "e"))]


def test_rows_when_ragged_or_empty_then_given_as_they_are() -> None:
    assert cells_of(b"a,b\n\nc\nd,e,f\n") == [("a", "b"), (), ("c",), ("d", "e", "f")]


@pytest.mark.parametrize(
    "content", [b'a,"b\n', b'a,b"c\n', b'"a"b,c\n', b"a\rb\n", b'a,"b', b'"a""\n', b'ok\n"never closed\n' + b"x,y\n" * 50_000]
)
def test_quoting_when_out_of_place_then_refused(content: bytes) -> None:
    assert code_of(content) == "format.csv_quoting"


def test_quoting_when_refused_then_names_the_line() -> None:
    with pytest.raises(FormatError) as caught:
        read_csv(b'a,b\nc,d\ne,f"g\n')
    assert caught.value.facts["line"] == 3


@pytest.mark.parametrize(
    ("content", "limits", "code"),
    [
        (b"a\0b\n", CsvLimits(), "format.nul"),
        ("a\n".encode("utf-16"), CsvLimits(), "format.encoding"),
        (b"\x81", CsvLimits(), "format.encoding"),
        (MARK + b"\xd0\xf2\xba", CsvLimits(), "format.encoding"),
        (b"a" * 11, CsvLimits(bytes_max=10), "format.too_large"),
        (b"a\n" * 11, CsvLimits(rows_max=10), "format.too_many_rows"),
        (b"," * 10 + b"\n", CsvLimits(columns_max=10), "format.too_many_cells"),
        (b"a" * 11 + b"\n", CsvLimits(cell_chars_max=10), "format.cell_too_long"),
    ],
)
def test_bounds_when_crossed_then_the_file_is_refused(content: bytes, limits: CsvLimits, code: str) -> None:
    assert code_of(content, limits) == code


def test_bounds_when_just_met_then_read() -> None:
    limits = CsvLimits(bytes_max=10, rows_max=5, columns_max=1, cell_chars_max=1)
    assert len(read_csv(b"a\n" * 5, limits=limits).rows) == 5


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "+86", "-", "@SUM(A1)", "\tx", "\rx", "'text", "＝1+1", "－", "＠x", " =1", "\u3000=1", '=HYPERLINK("http://a.example")'],
)
def test_writing_when_a_cell_would_be_run_then_marked_as_text(cell: str) -> None:
    content = write_csv([["plain", cell]], encoding="utf-8-sig")
    written = next(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))[1]
    assert written == "'" + cell
    assert cells_of(content) == [("plain", cell)]


def test_writing_when_a_column_is_text_then_its_numbers_are_marked_and_its_heading_is_not() -> None:
    content = write_csv([["身份证号", "学分"], ["340111197906155039", "3"]], encoding="gb18030", text_columns=frozenset({0}))
    assert content.decode("gb18030") == "身份证号,学分\r\n'340111197906155039,3\r\n"


def test_writing_when_no_encoding_holds_it_then_refused() -> None:
    for encoding in ("gb18030", "utf-8-sig"):
        with pytest.raises(FormatError, match=r"format\.encoding"):
            write_csv([["\ud800"]], encoding=encoding)  # type: ignore[arg-type]
    with pytest.raises(FormatError, match=r"format\.nul"):
        write_csv([["\0"]], encoding="gb18030")


def test_guard_when_the_cell_is_plain_then_left_alone() -> None:
    assert [guard(cell) for cell in ("", "64(48+16)", "—", "a=1", "3.5学分")] == ["", "64(48+16)", "—", "a=1", "3.5学分"]


CELLS = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@given(
    st.lists(st.lists(CELLS, min_size=1, max_size=4), min_size=1, max_size=5),
    st.sampled_from(["gb18030", "utf-8-sig"]),
    st.frozensets(st.integers(0, 3)),
)
def test_round_trip_when_any_cells_then_the_same_and_none_executable(rows: list[list[str]], encoding: str, marked: frozenset[int]) -> None:
    content = write_csv(rows, encoding=encoding, text_columns=marked)  # type: ignore[arg-type]
    assert cells_of(content) == [tuple(row) for row in rows]
    text = content.decode("utf-8-sig" if encoding == "utf-8-sig" else "gb18030")
    for row in csv.reader(io.StringIO(text, newline="")):
        assert not any(cell.lstrip(" \u3000\xa0").startswith(("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")) for cell in row)


@given(st.binary(max_size=200))
def test_reading_when_any_bytes_then_a_table_or_a_format_error(content: bytes) -> None:
    with suppress(FormatError):
        read_csv(content)
