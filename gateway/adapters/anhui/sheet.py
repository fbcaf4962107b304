"""Bytes to the lines of one sheet, CSV and XLSX alike: headings found and named, cells with their kind.

A line's faults that come from the sheet itself (a row of another width, a formula, a merged size
cell) stay with the line; what the cells mean is read in `rows`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gateway.adapters.anhui.settings import CITIZEN, COLUMNS, NAME, NUMBER, REQUIRED_COLUMNS, TITLE, AnhuiSettings, plain_heading
from gateway.adapters.fields import FIELD_NAME, Fault, extra_fault, text
from gateway.errors import Problem, RecordError
from gateway.formats.csv_safe import CsvLimits, Encoding, read_csv
from gateway.formats.xlsx_safe import EMPTY_CELL, CellKind, XlsxCell, XlsxLimits, XlsxSheet, is_xlsx, read_xlsx
from gateway.formats.xlsx_scan import SheetLimits

CELL_CHARS_MAX = 2_000
TITLE_CELLS_MAX = 2

RAGGED = Fault("record.ragged_row", "该行列数与表头不符", "the row has another number of cells than the header")
FORMULA = Fault("record.formula_cell", "单元格为公式,其缓存值不可采信", "the cell is a formula; its stored value cannot be relied on")
FAULT_CELL = Fault("record.fault_cell", "单元格为错误值", "the cell holds a spreadsheet error")
MERGED = Fault("record.merged_cell", "该列的合并单元格无法归于单个成果", "a merged cell of this column cannot belong to one achievement")

_FAULT_TEXTS = frozenset({"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!"})  # as CSV exports them
_readable = text(CELL_CHARS_MAX)


@dataclass(frozen=True, slots=True)
class SheetForm:
    """How the sheet was written: `encoding` of CSV, "" for XLSX; `epoch1904` is the date system of its serial numbers."""

    encoding: Encoding | None
    epoch1904: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One row after the header (`row` 1-based).  `cells` by column, trimmed; a column that is not ours by its heading.

    `filled` are the columns whose value came down from a merged cell above.
    """

    row: int
    cells: Mapping[str, XlsxCell]
    problems: tuple[Problem, ...] = ()
    filled: frozenset[str] = frozenset()

    def text(self, column: str) -> str:
        return self.cells.get(column, EMPTY_CELL).text

    @property
    def blank(self) -> bool:
        return not any(cell.text or cell.formula for cell in self.cells.values())


@dataclass(frozen=True, slots=True)
class Sheet:
    """`header` as written; `columns` names each of its cells ("" for an empty heading)."""

    header: tuple[str, ...]
    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    form: SheetForm
    alias_used: bool


def read_sheet(content: bytes, settings: AnhuiSettings, rows_max: int) -> Sheet:
    """Raises FormatError as `csv_safe` and `xlsx_safe` do; RecordError `record.no_header`, `.missing_column`, `.repeated_column`."""
    rows_max += settings.header_rows_max
    if is_xlsx(content):
        workbook = read_xlsx(content, limits=XlsxLimits(sheet=SheetLimits(rows_max=rows_max, text_chars_max=CELL_CHARS_MAX)))
        return _sheet(workbook.rows, SheetForm(None, workbook.epoch1904), settings, workbook)
    limits = CsvLimits(rows_max=rows_max, cell_chars_max=CELL_CHARS_MAX)
    table = read_csv(content, limits=limits, plain_utf8=settings.accept_plain_utf8)
    rows = [tuple(_csv_cell(cell) for cell in row.cells) for row in table.rows]
    return _sheet(rows, SheetForm(table.encoding, settings.csv_epoch_1904), settings, None)


def _csv_cell(cell: str) -> XlsxCell:
    return XlsxCell(cell, CellKind.TEXT if cell else CellKind.EMPTY)


def _sheet(rows: Iterable[tuple[XlsxCell, ...]], form: SheetForm, settings: AnhuiSettings, workbook: XlsxSheet | None) -> Sheet:
    rows = [tuple(_trimmed(cell) for cell in row) for row in rows]
    at, columns = _find_header(rows, settings)
    header = tuple(cell.text for cell in rows[at][: len(columns)])
    merged = _Merges(workbook, rows, at, columns, settings.fill_down)
    lines = tuple(_line(number, cells, columns, merged) for number, cells in enumerate(rows[at + 1 :], start=1))
    usual = [settings.headings[column][0] for column in columns if column in settings.headings]
    used = [plain_heading(heading) for heading, column in zip(header, columns, strict=True) if column in settings.headings]
    return Sheet(header, columns, lines, form, used != [plain_heading(heading) for heading in usual])


def _trimmed(cell: XlsxCell) -> XlsxCell:
    """Ends trimmed; `="340…"`, which is how some programs force text into CSV, is that text."""
    plain = cell.text.strip()
    if cell.kind is CellKind.TEXT and plain.startswith('="') and plain.endswith('"') and plain.count('"') == 2 and len(plain) > 2:
        plain = plain[2:-1].strip()
    if plain == cell.text:
        return cell
    return XlsxCell(plain, cell.kind if plain else CellKind.EMPTY, cell.formula)


def _find_header(rows: list[tuple[XlsxCell, ...]], settings: AnhuiSettings) -> tuple[int, tuple[str, ...]]:
    """The row that heads the sheet; above it only title lines may stand."""
    for at, row in enumerate(rows[: settings.header_rows_max]):
        columns = tuple(_column(cell.text, settings) for cell in row)
        if {NAME, CITIZEN, TITLE} <= set(columns):
            while columns[-1] == "":
                columns = columns[:-1]
            _check_columns(columns)
            return at, columns
        if len({cell.text for cell in row if cell.text}) > TITLE_CELLS_MAX:
            break
    raise RecordError("record.no_header", "找不到表头,或文件编码与约定不符", "there is no header, or the encoding is not the agreed one")


def _column(heading: str, settings: AnhuiSettings) -> str:
    plain = plain_heading(heading)
    return settings.by_heading.get(plain, plain)


def _check_columns(columns: tuple[str, ...]) -> None:
    problems = [
        Problem(column, "record.missing_column", "缺少必需的列", "a required column is missing")
        for column in REQUIRED_COLUMNS
        if column not in columns
    ]
    problems += [
        Problem(f"header/{at + 1}", "record.repeated_column", "列名重复", "a column is named twice")
        for at, column in enumerate(columns)
        if column and column in columns[:at]
    ]
    problems += [
        FIELD_NAME.at(f"header/{at + 1}")
        for at, column in enumerate(columns)
        if column and column not in COLUMNS and extra_fault(column, None) is not None
    ]
    if problems:
        raise RecordError(problems[0].code, "表头不符合约定", "the header is not as agreed", problems=tuple(problems))


class _Merges:
    """Which cells of data rows stand in a merged range, and what the range's first cell holds."""

    def __init__(
        self,
        workbook: XlsxSheet | None,
        rows: list[tuple[XlsxCell, ...]],
        at: int,
        columns: tuple[str, ...],
        fill_down: frozenset[str],
    ) -> None:
        self._first = at + 1
        self._fills: dict[tuple[int, str], XlsxCell] = {}
        self._bad: dict[int, set[str]] = {}
        for (top, left), (bottom, right) in workbook.merges if workbook else ():
            for row in range(max(top, self._first), min(bottom, len(rows) - 1) + 1):
                for column in columns[left : right + 1]:
                    if left != right or column not in fill_down or top < self._first:
                        self._bad.setdefault(row, set()).add(column)
                    elif row > top:
                        self._fills[row, column] = rows[top][left]

    def fill(self, number: int, column: str) -> XlsxCell | None:
        return self._fills.get((self._first + number - 1, column))

    def bad(self, number: int) -> set[str]:
        return self._bad.get(self._first + number - 1, set())


def _line(number: int, row: tuple[XlsxCell, ...], columns: tuple[str, ...], merged: _Merges) -> Line:
    place = f"row {number}"
    cells: dict[str, XlsxCell] = {}
    filled: set[str] = set()
    problems: list[Problem] = []
    unheaded = [cell for cell, name in zip(row, columns, strict=False) if not name] + list(row[len(columns) :])
    if len(row) < len(columns) or any(cell.text for cell in unheaded):
        problems.append(RAGGED.at(place))
    for column, cell in zip(columns, (*row, *[EMPTY_CELL] * (len(columns) - len(row))), strict=False):
        from_above = merged.fill(number, column) if not cell.text else None
        if from_above is not None and from_above.text:
            filled.add(column)
        if column:
            cells[column] = from_above or cell
            problems.extend(_cell_problems(cells[column], column, place))
    problems.extend(MERGED.at(f"{place}/{column or 'header'}") for column in sorted(merged.bad(number)))
    return Line(number, cells, tuple(problems), frozenset(filled))


def _cell_problems(cell: XlsxCell, column: str, place: str) -> Iterable[Problem]:
    if cell.formula and column != NUMBER:  # a running number computed by the sheet is read by nobody
        yield FORMULA.at(f"{place}/{column}")
    elif cell.kind is CellKind.FAULT or cell.text in _FAULT_TEXTS:
        yield FAULT_CELL.at(f"{place}/{column}")
    elif cell.text:
        fault = _readable(cell.text)
        if fault is not None:
            yield fault.at(f"{place}/{column}")
