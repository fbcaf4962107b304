"""The only door to the library that reads XLSX, and it opens last.

Order: the zip's directory (`zip_safe`), refused kinds of parts (macros, outside links, embedded
objects), then the XML as a stream (`xlsx_scan`), and only then the library, over a fresh archive that
holds just the checked parts of the one sheet with content.  Cells come with their kind, because a
spreadsheet changes what it believes to be numbers and dates: the caller must be able to tell.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from python_calamine import CalamineWorkbook

from gateway.errors import FormatError
from gateway.formats.xlsx_scan import Place, SheetFacts, SheetLimits, relationships, shared_lengths, sheet_facts, workbook_facts
from gateway.formats.zip_safe import SafeZip, ZipLimits, repacked

SIGNATURE: Final = b"PK\x03\x04"
MEDIA_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
DIGITS_KEPT: Final = 15
"""A spreadsheet keeps so many digits of a number; a longer whole number has lost some."""

_WORKBOOK: Final[str] = "xl/workbook.xml"
_WORKBOOK_LINKS: Final[str] = "xl/_rels/workbook.xml.rels"
_STRINGS: Final[str] = "xl/sharedStrings.xml"
_ALSO_NEEDED: Final[tuple[str, ...]] = ("[Content_Types].xml", "_rels/.rels", "xl/styles.xml")
_MACROS: Final = ("xl/vbaproject", "xl/vbadata", "xl/macrosheets/", "xl/dialogsheets/", "xl/activex/", "xl/ctrlprops/", "customui/")
_LINKS: Final = ("xl/externallinks/", "xl/connections", "xl/querytables/", "xl/webextensions/", "xl/embeddings/", "xl/model/")


@dataclass(frozen=True, slots=True)
class XlsxLimits:
    """Both halves; `zip_safe` and `xlsx_scan` say what they mean."""

    zip: ZipLimits = field(default_factory=ZipLimits)
    sheet: SheetLimits = field(default_factory=SheetLimits)


DEFAULT_LIMITS: Final = XlsxLimits()


FAULT_TEXT: Final = "#N/A"


class CellKind(StrEnum):
    """How the workbook stores a cell.  FAULT is `#N/A` and the like; TIME has no day."""

    EMPTY = "empty"
    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    TIME = "time"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class XlsxCell:
    """`text`: a text as stored; a number in plain digits, or in scientific notation where digits are lost; a date in ISO 8601.

    `formula` means the value is only what the last program that saved the file computed, if it did.
    """

    text: str
    kind: CellKind
    formula: bool = False


EMPTY_CELL: Final = XlsxCell("", CellKind.EMPTY)


@dataclass(frozen=True, slots=True)
class XlsxSheet:
    """Rows from the sheet's first line on, all of one width.  `merges` are 0-based corners (row, column), both included."""

    rows: tuple[tuple[XlsxCell, ...], ...]
    merges: tuple[tuple[Place, Place], ...]
    epoch1904: bool


def is_xlsx(content: bytes) -> bool:
    """By the signature of a zip: nothing a bank sends as CSV begins so."""
    return content.startswith(SIGNATURE)


def read_xlsx(content: bytes, *, limits: XlsxLimits = DEFAULT_LIMITS) -> XlsxSheet:
    """The one sheet with content, from hostile bytes.

    Raises FormatError: those of `SafeZip` and `xlsx_scan`, `format.macro`, `format.external_link`, `format.not_a_workbook`,
    `format.several_sheets`, `format.no_content`, `format.unreadable_sheet`.
    """
    archive = SafeZip(content, limits.zip)
    _refuse_parts(archive.names)
    if not {_WORKBOOK, _WORKBOOK_LINKS, "[Content_Types].xml"} <= archive.names:
        raise FormatError("format.not_a_workbook", "不是 XLSX 工作簿", "not an XLSX workbook")
    parts: dict[str, bytes] = {name: archive.read(name) for name in (*_ALSO_NEEDED, _WORKBOOK, _WORKBOOK_LINKS) if name in archive.names}
    facts, targets = workbook_facts(parts[_WORKBOOK]), relationships(parts[_WORKBOOK_LINKS])
    if _STRINGS in archive.names:
        parts[_STRINGS] = archive.read(_STRINGS)
    shared = shared_lengths(parts[_STRINGS], limits.sheet) if _STRINGS in parts else []
    filled: list[tuple[int, SheetFacts]] = []
    for index, link in enumerate(facts.sheets):
        name = targets.get(link, "")
        if not name.startswith("xl/worksheets/") or name not in archive.names:
            continue
        part = archive.read(name)
        sheet = sheet_facts(part, shared, limits.sheet)
        if sheet.filled:
            parts[name] = part
            filled.append((index, sheet))
    if len(filled) > 1:
        raise FormatError("format.several_sheets", "多个工作表含有内容", "several sheets have content", sheets=len(filled))
    if not filled:
        raise FormatError("format.no_content", "工作簿没有内容", "the workbook has no content")
    index, sheet = filled[0]
    return XlsxSheet(_cells(_rows(parts, index), sheet), tuple(sheet.merges), facts.epoch1904)


def _refuse_parts(names: frozenset[str]) -> None:
    for name in names:
        if name.lower().startswith(_MACROS):
            raise FormatError("format.macro", "工作簿含宏", "the workbook holds macros")
        if name.lower().startswith(_LINKS):
            raise FormatError("format.external_link", "工作簿引用外部文件或嵌入对象", "the workbook refers to or embeds other files")


def _rows(parts: Mapping[str, bytes], index: int) -> list[list[Any]]:
    """What the library reads.  It is compiled code over bytes from outside: whatever it raises means they are unreadable."""
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(repacked(parts))) as workbook:
            return workbook.get_sheet_by_index(index).to_python(skip_empty_area=False)
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as fault:  # noqa: BLE001 (a panic of compiled code is no Exception)
        raise FormatError("format.unreadable_sheet", "工作表无法读取", "the sheet cannot be read", kind=type(fault).__name__) from None


def _cells(rows: list[list[Any]], facts: SheetFacts) -> tuple[tuple[XlsxCell, ...], ...]:
    """Rows of one width.  The library leaves out what has no value; a formula without one, or a fault, still is a cell."""
    marked = facts.formulas | facts.faults
    height = max([len(rows), *(row + 1 for row, _ in marked)])
    width = max([0, *map(len, rows), *(column + 1 for _, column in marked)])
    rows = [*rows, *([] for _ in range(height - len(rows)))]
    return tuple(
        tuple(
            _cell(value, fault=(row, column) in facts.faults, formula=(row, column) in facts.formulas)
            for column, value in enumerate([*values, *[""] * (width - len(values))])
        )
        for row, values in enumerate(rows)
    )


def _cell(value: object, *, fault: bool, formula: bool) -> XlsxCell:
    if fault:
        return XlsxCell(str(value) or FAULT_TEXT, CellKind.FAULT, formula)
    match value:
        case bool():
            return XlsxCell("TRUE" if value else "FALSE", CellKind.TEXT, formula)
        case int() | float():
            return XlsxCell(number_text(value), CellKind.NUMBER, formula)
        case datetime():
            return XlsxCell(value.date().isoformat(), CellKind.DATE, formula)
        case date():
            return XlsxCell(value.isoformat(), CellKind.DATE, formula)
        case str():
            return XlsxCell(value, CellKind.TEXT, formula) if value or formula else EMPTY_CELL
        case _:
            return XlsxCell(str(value), CellKind.TIME, formula)


def number_text(value: float) -> str:
    """Plain digits; scientific notation where a spreadsheet cannot have kept them all (`3.40111E+17`)."""
    number = Decimal(repr(value))
    if not number.is_finite() or abs(number) >= Decimal(10) ** DIGITS_KEPT:
        return f"{value:.5E}"
    if number == number.to_integral_value():
        return str(int(number))
    return format(number, "f")
