"""A catalogue as files: CSV, XLSX, JSON, in and out.

One file a table (`courses.csv`, `courses.xlsx`), or one JSON document with any number of tables.  Read
from hostile bytes by the bounded readers; headings may be our names or the Chinese ones.  No formula is
ever read as its value or written, and a cell that a spreadsheet could run carries its mark for text (an
apostrophe) in both kinds of sheet.  Nothing is taken unless everything is right.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from gateway.errors import FormatError, Problem
from gateway.formats.csv_safe import TEXT_MARK, CsvLimits, guard, read_csv, write_csv
from gateway.formats.json_safe import JsonInput, JsonLimits, JsonValue, read_json, write_json
from gateway.formats.xlsx_safe import CellKind, XlsxCell, XlsxLimits, read_xlsx
from gateway.formats.xlsx_scan import SheetLimits
from gateway.formats.xlsx_write import text_cells, write_xlsx
from gateway.formats.zip_safe import ZipLimits
from gateway.model.codes import CodeTables
from gateway.recognition.catalogue import Catalogue, Table
from gateway.recognition.catalogue_build import UNREAD_TABLE, Raw, RawRow, build, merged, raw_of, rows_of, tables_of
from gateway.recognition.catalogue_cells import CELL_CHARS_MAX, CellReadError, Written
from gateway.recognition.catalogue_columns import LAYOUTS, Layout, headings
from gateway.recognition.catalogue_problems import at, problem


class FileForm(StrEnum):
    """The value is the file's ending."""

    CSV = "csv"
    XLSX = "xlsx"
    JSON = "json"


JSON_FORMAT: Final = "ceg-catalogue-1"
WHOLE: Final = f"{Table.HEAD.value}.{FileForm.JSON.value}"
ROWS_MAX: Final = 20_000
COLUMNS_MAX: Final = 40
_MIB: Final = 1024 * 1024

CSV_LIMITS: Final = CsvLimits(32 * _MIB, ROWS_MAX + 1, COLUMNS_MAX, CELL_CHARS_MAX + 1)
JSON_LIMITS: Final = JsonLimits(64 * _MIB, 8, 4_000_000)
XLSX_LIMITS: Final = XlsxLimits(
    ZipLimits(64 * _MIB, 200, 128 * _MIB, 160 * _MIB), SheetLimits(ROWS_MAX + 1, COLUMNS_MAX, 1_000_000, 1_000, CELL_CHARS_MAX + 1)
)


def read_catalogue(files: Mapping[str, bytes], codes: CodeTables, *, base: Catalogue | None = None) -> Catalogue:
    """The catalogue in `files` (by file name); tables not given come from `base`.

    Raises CatalogueError (`catalogue.invalid`) with every problem of every file.
    """
    raw: dict[Table, Sequence[RawRow]] = {}
    problems: list[Problem] = []
    for name in sorted(files):
        try:
            found = _read_file(name, files[name], problems)
        except FormatError as error:
            line = error.facts.get("line")
            problems.append(Problem(_stem(name) + (f":{line}" if line else ""), error.code, error.zh, error.en))
            found = dict.fromkeys(_table_named(name), UNREAD_TABLE)
        for table, rows in found.items():
            if table in raw:
                problems.append(problem(table.value, "catalogue.table_twice"))
            raw[table] = rows
    return build(merged(base, raw), codes, problems)


def write_catalogue(catalogue: Catalogue, form: FileForm, *, tables: Sequence[Table] = (), chinese: bool = False) -> dict[str, bytes]:
    """File name → bytes, the same for the same catalogue.  All tables unless `tables` says which.

    Raises CatalogueError (`catalogue.invalid`) for values made in the program that no file could give back.
    """
    wanted = tuple(tables) or tables_of(catalogue)
    if form is FileForm.JSON:
        name = WHOLE if not tables or len(tables) > 1 else f"{wanted[0].value}.json"
        return {name: write_json(json_document(catalogue, wanted), indent=1) + b"\n"}
    write = _csv if form is FileForm.CSV else _xlsx
    return {f"{table.value}.{form.value}": write(catalogue, table, headings(table, chinese=chinese)) for table in wanted}


def json_document(catalogue: Catalogue, tables: Sequence[Table] = ()) -> dict[str, JsonInput]:
    """The JSON form: the label, and the rows of each table."""
    wanted = tuple(tables) or tables_of(catalogue)
    for table in wanted:
        raw_of(catalogue, table)
    return {
        "format": JSON_FORMAT,
        "demo": catalogue.head.demo,
        "tables": {table.value: [json_row(table, each) for each in rows_of(catalogue, table)] for table in wanted},
    }


def json_row(table: Table, row: object) -> dict[str, JsonInput]:
    """One row by its columns' names."""
    return {column.name: column.form.to_json(getattr(row, column.name)) for column in LAYOUTS[table].columns}


def _stem(name: str) -> str:
    return name.rpartition(".")[0] or name


def _table_named(name: str) -> tuple[Table, ...]:
    return tuple(table for table in Table if table.value == _stem(name))


def _read_file(name: str, content: bytes, problems: list[Problem]) -> Raw:
    ending = name.rpartition(".")[2].lower()
    if ending == FileForm.JSON:
        return _read_json(_stem(name), content, problems)
    tables = _table_named(name)
    if not tables or ending not in set(FileForm):
        problems.append(problem(_stem(name)[:40], "catalogue.unknown_table"))
        return {}
    layout = LAYOUTS[tables[0]]
    rows = _csv_cells(content) if ending == FileForm.CSV else _xlsx_cells(layout.table, content, problems)
    return {layout.table: _headed(layout, rows, problems)}


_Line = tuple[int, tuple[str, ...], tuple[tuple[int, str], ...]]
"""Row number, texts, and faults as (column index, code)."""


def _csv_cells(content: bytes) -> list[_Line]:
    return [(row.line, row.cells, ()) for row in read_csv(content, limits=CSV_LIMITS, plain_utf8=True).rows]


def _xlsx_cells(table: Table, content: bytes, problems: list[Problem]) -> list[_Line]:
    sheet = read_xlsx(content, limits=XLSX_LIMITS)
    problems.extend(at(table.value, top + 1, "", "catalogue.merged_cells") for (top, _), _ in sheet.merges)
    return [
        (
            number,
            tuple(cell.text.removeprefix(TEXT_MARK) if cell.kind is CellKind.TEXT else cell.text for cell in row),
            tuple((index, code) for index, cell in enumerate(row) if (code := _cell_fault(cell))),
        )
        for number, row in enumerate(sheet.rows, 1)
    ]


def _cell_fault(cell: XlsxCell) -> str:
    if cell.formula:
        return "catalogue.formula"
    lost = cell.kind is CellKind.NUMBER and "E" in cell.text
    return "catalogue.bad_cell" if lost or cell.kind in {CellKind.FAULT, CellKind.TIME} else ""


def _headed(layout: Layout, lines: Sequence[_Line], problems: list[Problem]) -> list[RawRow]:
    """Rows under their headings.  Empty rows are left out, as sheets end in them."""
    table = layout.table.value
    if not lines or not any(lines[0][1]):
        problems.append(problem(table, "catalogue.no_header"))
        return list(UNREAD_TABLE)
    number, head, _ = lines[0]
    names = {name: column.name for column in layout.columns for name in (column.name, column.zh)}
    columns = [names.get(cell.strip().casefold(), "") for cell in head]
    while head and not head[-1].strip():
        head, columns = head[:-1], columns[:-1]
    found = [at(table, number, str(index), "catalogue.unknown_column") for index, name in enumerate(columns, 1) if not name]
    found += [at(table, number, name, "catalogue.repeated_column") for name in sorted({*columns} - {""}) if columns.count(name) > 1]
    missing = [column.name for column in layout.columns if column.required and column.name not in columns]
    found += [at(table, number, name, "catalogue.missing_column") for name in missing]
    problems += found
    rows = []
    for row, cells, faults in lines[1:]:
        if not any(cell.strip() for cell in cells) and not faults:
            continue
        wrong = [at(table, row, columns[index] if index < len(columns) else "", code) for index, code in faults]
        if any(cell.strip() for cell in cells[len(columns) :]):
            wrong.append(at(table, row, "", "catalogue.row_width"))
        texts = {name: cell for name, cell in zip(columns, cells, strict=False) if name}
        rows.append(RawRow(row, texts, tuple(wrong), readable=not found))
    return rows if "id" in columns else [*rows, *UNREAD_TABLE]


def _read_json(stem: str, content: bytes, problems: list[Problem]) -> Raw:
    document = read_json(content, JSON_LIMITS)
    tables = document.get("tables") if isinstance(document, dict) and document.get("format") == JSON_FORMAT else None
    if not isinstance(tables, dict) or not isinstance(document, dict) or set(document) - {"format", "demo", "tables"}:
        problems.append(problem(stem[:40], "catalogue.bad_json"))
        return {}
    found: dict[Table, Sequence[RawRow]] = {}
    for name, rows in tables.items():
        table = next((table for table in Table if table.value == name), None)
        if table is None:
            problems.append(problem(stem[:40], "catalogue.unknown_table"))
        elif not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            problems.append(problem(name, "catalogue.bad_json"))
            found[table] = UNREAD_TABLE
        elif len(rows) > ROWS_MAX:
            problems.append(problem(name, "catalogue.too_many_rows"))
            found[table] = UNREAD_TABLE
        else:
            found[table] = [_json_row(LAYOUTS[table], number, row) for number, row in enumerate(rows, 1) if isinstance(row, dict)]
    return found


def _json_row(layout: Layout, number: int, row: Mapping[str, JsonValue]) -> RawRow:
    table = layout.table.value
    forms = {column.name: column.form for column in layout.columns}
    cells: dict[str, str] = {}
    wrong = [at(table, number, "", "catalogue.unknown_column") for name in row if name not in forms]
    for name, form in forms.items():
        try:
            cells[name] = form.from_json(row.get(name))
        except CellReadError as fault:
            wrong.append(at(table, number, name, fault.code))
    return RawRow(number, cells, tuple(wrong))


def _csv(catalogue: Catalogue, table: Table, head: list[str]) -> bytes:
    columns = LAYOUTS[table].columns
    texts = frozenset(index for index, column in enumerate(columns) if column.form.written is Written.TEXT)
    rows = [[row.cells[column.name] for column in columns] for row in raw_of(catalogue, table)]
    return write_csv([head, *rows], encoding="utf-8-sig", text_columns=texts)


_KINDS: Final = {Written.TEXT: CellKind.TEXT, Written.NUMBER: CellKind.NUMBER, Written.DATE: CellKind.DATE}


def _xlsx(catalogue: Catalogue, table: Table, head: list[str]) -> bytes:
    layout = LAYOUTS[table]
    rows = [
        [XlsxCell(guard(row.cells[column.name]), _KINDS[column.form.written]) for column in layout.columns]
        for row in raw_of(catalogue, table)
    ]
    return write_xlsx([text_cells(head), *rows], sheet=table.value)
