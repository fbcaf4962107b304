"""CSV from banks we do not trust: bounded and strict; and CSV that a spreadsheet cannot execute.

Encoding: with a UTF-8 mark it is UTF-8, otherwise GB18030; UTF-8 without mark only where the caller
allows it, because most GB18030 bytes are not valid UTF-8 but most UTF-8 bytes are valid GB18030.
Quoting is RFC 4180 without leniency.  A row of another width than the first is read and left to the caller.

A spreadsheet runs cells that begin like a formula, and shortens long digits.  `write_csv` puts the
spreadsheet's own mark for text, an apostrophe, before both; `read_csv` takes one apostrophe away
again.  So every text survives, and no cell written here is ever a formula.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from gateway.errors import FormatError
from gateway.formats.gb18030 import decode_gb18030, encode_gb18030, has_private_use

Encoding: TypeAlias = Literal["gb18030", "utf-8-sig", "utf-8"]

UTF8_MARK: Final = b"\xef\xbb\xbf"
TEXT_MARK: Final = "'"
# What a spreadsheet takes for the start of a formula, after spaces it drops; full width forms are folded by some of them.
_EXECUTABLE: Final = re.compile(r"[ \u3000\u00a0]*[=+\-@\t\r\n＝＋－＠]")
_WELL_QUOTED: Final = re.compile(r'(?:"(?:[^"]|"")*+"|[^",\r\n]*+)(?:,(?:"(?:[^"]|"")*+"|[^",\r\n]*+))*+(?:\r?\n)?')


@dataclass(frozen=True, slots=True)
class CsvLimits:
    """Bytes of the file, rows with the header, cells in a row, characters in a cell."""

    bytes_max: int = 8 * 1024 * 1024
    rows_max: int = 50_000
    columns_max: int = 64
    cell_chars_max: int = 2_000


DEFAULT_LIMITS: Final = CsvLimits()


@dataclass(frozen=True, slots=True)
class CsvRow:
    """`line` is the 1-based physical line it begins on.  An empty line has no cells.  Text marks are taken away."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CsvTable:
    """`rows` with the header first; `private_use` as `gb18030.Decoded` has it."""

    rows: tuple[CsvRow, ...]
    encoding: Encoding
    private_use: bool


def read_csv(content: bytes, *, limits: CsvLimits = DEFAULT_LIMITS, plain_utf8: bool = False) -> CsvTable:
    """The table in hostile bytes.

    Raises FormatError: `format.too_large`, `format.encoding`, `format.nul`, `format.csv_quoting`,
    `format.too_many_rows`, `format.too_many_cells`, `format.cell_too_long`.
    """
    if len(content) > limits.bytes_max:
        raise FormatError("format.too_large", "文件过大", "the file is too large", bytes=len(content), most=limits.bytes_max)
    text, encoding = _decode(content, plain_utf8=plain_utf8)
    if "\0" in text:
        raise FormatError("format.nul", "文件含空字符", "the file holds a NUL character")
    return CsvTable(tuple(_rows(text, limits)), encoding, has_private_use(text))


def write_csv(rows: Sequence[Sequence[str]], *, encoding: Encoding, text_columns: frozenset[int] = frozenset()) -> bytes:
    """Rows with CRLF.  Numbers in `text_columns` (0-based) are marked as text, so that no digit is lost.

    Raises FormatError: `format.nul`, `format.encoding` (a lone surrogate).
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    for row in rows:
        writer.writerow([guard(cell, as_text=column in text_columns) for column, cell in enumerate(row)])
    return _encode(out.getvalue(), encoding)


def _encode(text: str, encoding: Encoding) -> bytes:
    if "\0" in text:
        raise FormatError("format.nul", "文件含空字符", "the file holds a NUL character")
    if encoding == "gb18030":
        return encode_gb18030(text)
    try:
        return text.encode(encoding)
    except UnicodeEncodeError as error:
        raise FormatError(
            "format.encoding", "含有 UTF-8 无法表示的字符", "holds a character that UTF-8 cannot", offset=error.start
        ) from error


def guard(cell: str, *, as_text: bool = False) -> str:
    """The cell with a text mark where a spreadsheet would run it, shorten it, or take its own apostrophe for the mark."""
    if cell.startswith(TEXT_MARK) or _EXECUTABLE.match(cell) or (as_text and cell[:1].isdigit()):
        return TEXT_MARK + cell
    return cell


def _decode(content: bytes, *, plain_utf8: bool) -> tuple[str, Encoding]:
    marked = content.startswith(UTF8_MARK)
    if marked or plain_utf8:
        try:
            return content.removeprefix(UTF8_MARK).decode("utf-8"), "utf-8-sig" if marked else "utf-8"
        except UnicodeDecodeError as error:
            if marked:
                raise FormatError("format.encoding", "不是有效的 UTF-8", "the bytes are not UTF-8", offset=error.start) from None
    return decode_gb18030(content).text, "gb18030"


def _rows(text: str, limits: CsvLimits) -> Iterator[CsvRow]:
    lines = text.split("\n")
    ends = [line + "\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
    reader = csv.reader(iter(ends), strict=True)
    before = 0
    try:
        for number, cells in enumerate(reader, start=1):
            raw = "".join(ends[before : reader.line_num])
            if number > limits.rows_max:
                raise FormatError("format.too_many_rows", "行数过多", "there are too many rows", most=limits.rows_max)
            _check(cells, raw, before + 1, limits)
            yield CsvRow(before + 1, tuple(cell.removeprefix(TEXT_MARK) for cell in cells))
            before = reader.line_num
    except csv.Error:
        # Its text differs between versions and may quote the file: only the place is passed on.
        raise _quoting(before + 1) from None


def _check(cells: list[str], raw: str, line: int, limits: CsvLimits) -> None:
    if len(cells) > limits.columns_max:
        raise FormatError("format.too_many_cells", "一行的单元格过多", "a row has too many cells", line=line, most=limits.columns_max)
    if any(len(cell) > limits.cell_chars_max for cell in cells):
        raise FormatError("format.cell_too_long", "单元格过长", "a cell is too long", line=line, most=limits.cell_chars_max)
    if '"' in raw and not _WELL_QUOTED.fullmatch(raw):
        raise _quoting(line)


def _quoting(line: int) -> FormatError:
    return FormatError("format.csv_quoting", "引号未闭合或换行有误", "a quote or a line end is out of place", line=line)
