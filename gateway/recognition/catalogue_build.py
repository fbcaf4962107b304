"""Rows of text to a checked catalogue, and back.  All or nothing, with every problem at its place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.errors import Problem
from gateway.model.codes import CodeTables
from gateway.recognition.catalogue import Catalogue, Table
from gateway.recognition.catalogue_cells import CellReadError
from gateway.recognition.catalogue_check import ANY_ID, check
from gateway.recognition.catalogue_columns import LAYOUTS, Column, Layout
from gateway.recognition.catalogue_problems import at, invalid, problem


@dataclass(frozen=True, slots=True)
class RawRow:
    """`row` as the file counts; `cells` text by column name, "" or absent where empty; `problems` met while reading it.

    Not `readable`: its headings are wrong, so that only its id is believed.
    """

    row: int
    cells: Mapping[str, str]
    problems: tuple[Problem, ...] = ()
    readable: bool = True


Raw = Mapping[Table, Sequence[RawRow]]
UNREAD_TABLE: Final = (RawRow(0, {"id": ANY_ID}, readable=False),)
"""Stands for a table that could not be read at all: nothing is said of references to it."""


def build(raw: Raw, codes: CodeTables, problems: Sequence[Problem] = ()) -> Catalogue:
    """The catalogue.  `problems` are those already met in the files.  Raises CatalogueError (`catalogue.invalid`) with all of them."""
    found = list(problems)
    placed: dict[Table, list[tuple[int, Any]]] = {}
    unread: dict[Table, frozenset[str]] = {}
    for table, layout in LAYOUTS.items():
        if table not in raw:
            if layout.required:
                found.append(problem(table.value, "catalogue.missing_table"))
            continue
        bad: set[str] = set()
        placed[table] = []
        for line in raw[table]:
            faults = list(line.problems)
            value = _row(layout, line, codes, faults) if line.readable else None
            if faults or not line.readable:
                found.extend(faults)
                bad.add(line.cells.get("id", "").strip())
            else:
                placed[table].append((line.row, value))
        unread[table] = frozenset(bad)
    if Table.HEAD in raw and len(raw[Table.HEAD]) != 1:
        found.append(problem(Table.HEAD.value, "catalogue.one_head"))
    found.extend(check(placed, unread))
    if found:
        raise invalid(found)
    tables = {table: tuple(value for _, value in rows) for table, rows in placed.items()}
    head = tables.pop(Table.HEAD)[0]
    return Catalogue(head, **{table.value: rows for table, rows in tables.items()})


def _row(layout: Layout, line: RawRow, codes: CodeTables, faults: list[Problem]) -> Any:
    values: dict[str, Any] = {}
    told = {fault.path for fault in faults}
    for column in layout.columns:
        if f"{layout.table.value}:{line.row}:{column.name}" in told:
            continue
        text = line.cells.get(column.name, "").strip()
        try:
            values[column.name] = _value(column, text, codes)
        except CellReadError as fault:
            faults.append(at(layout.table.value, line.row, column.name, fault.code))
    return None if faults else layout.row(**values)


def _value(column: Column, text: str, codes: CodeTables) -> Any:
    if column.required and not text:
        raise CellReadError("catalogue.required")
    value = column.form.read(text)
    if column.codes:
        known = codes[column.codes]
        if any(each not in known for each in ((value,) if isinstance(value, str) else value) if each):
            raise CellReadError("catalogue.unknown_code")
    return value


def rows_of(catalogue: Catalogue, table: Table) -> tuple[Any, ...]:
    """A table's rows as values; the head is a table of one row."""
    return (catalogue.head,) if table is Table.HEAD else getattr(catalogue, table.value)


def raw_of(catalogue: Catalogue, table: Table) -> tuple[RawRow, ...]:
    """A table's rows as text, numbered as a file would: the header is row 1.

    Raises CatalogueError (`catalogue.invalid`) for a value made in the program that its text would not give back.
    """
    made, problems = [], []
    for number, each in enumerate(rows_of(catalogue, table), 2):
        cells = {}
        for column in LAYOUTS[table].columns:
            value = getattr(each, column.name)
            cells[column.name] = column.form.write(value)
            if not _comes_back(column, cells[column.name], value):
                problems.append(at(table.value, number, column.name, "catalogue.bad_cell"))
        made.append(RawRow(number, cells))
    if problems:
        raise invalid(problems)
    return tuple(made)


def _comes_back(column: Column, text: str, value: Any) -> bool:
    try:
        return text == text.strip() and bool(column.form.read(text) == value)
    except CellReadError:
        return False


def tables_of(catalogue: Catalogue) -> tuple[Table, ...]:
    """The tables that have rows, or must be there."""
    return tuple(table for table in Table if LAYOUTS[table].required or rows_of(catalogue, table))


def merged(base: Catalogue | None, raw: Raw) -> Raw:
    """`raw` over the tables of an existing catalogue: a table given replaces the whole of the old one."""
    old: Raw = {} if base is None else {table: raw_of(base, table) for table in tables_of(base)}
    return {**old, **raw}
