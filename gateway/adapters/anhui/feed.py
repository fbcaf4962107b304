"""A month's sheet → one sheet a learner: the header and that learner's rows, CSV in its encoding, XLSX as XLSX.

Damaged rows stay behind, reported, where the bank can mend them.  A row that continued a row which
stays behind is given the person's cells itself.  CSV cells are guarded on the way out, so a part
never carries a formula even where the feed did.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gateway.adapters.anhui.ids import ambiguous, natural_key, record_id
from gateway.adapters.anhui.persons import CONFLICT_WARNING
from gateway.adapters.anhui.rows import Reading, Row
from gateway.adapters.anhui.settings import CERTIFICATE, CITIZEN, NAME, PERSON_COLUMNS, UNIT, AnhuiSettings
from gateway.adapters.anhui.sheet import Sheet
from gateway.adapters.contract import Feed, FeedPart
from gateway.adapters.fields import MISSING, Fault
from gateway.formats.csv_safe import Encoding, write_csv
from gateway.formats.xlsx_safe import EMPTY_CELL, MEDIA_TYPE, CellKind, XlsxCell
from gateway.formats.xlsx_write import text_cells, write_xlsx
from gateway.model.local import PartManifest, Quarantined

AMBIGUOUS = Fault("record.ambiguous_id", "与另一行无法区分,不能确定记录号", "another row is the same: no record id can be told")
_NUMBERS_AS_TEXT = frozenset({CITIZEN, CERTIFICATE})


def cut(sheet: Sheet, reading: Reading, period: str, known_ids: Mapping[str, str], settings: AnhuiSettings) -> Feed:
    quarantined = {row.number: row.problems for row in reading.rows if row.problems}
    for row in reading.rows:
        if row.person is not None and row.person.slot:
            quarantined[row.number] = (*row.problems, MISSING.at(f"row {row.number}/{CITIZEN}"))
    sound: dict[int, tuple[Row, str, str]] = {}
    for row in reading.rows:
        if row.number not in quarantined:
            key = natural_key(_citizen(row), row.values, settings.record_id_salt)
            sound[row.number] = (row, key, record_id(key, known_ids))
    for number in ambiguous([(row, identifier) for row, _, identifier in sound.values()]):
        quarantined[number] = (AMBIGUOUS.at(f"row {number}"),)
        del sound[number]
    learners: dict[str, list[tuple[Row, str, str]]] = {}
    for each in sound.values():
        learners.setdefault(_citizen(each[0]), []).append(each)
    conflicts = {CONFLICT_WARNING} if any(CONFLICT_WARNING in row.issues for row, _, _ in sound.values()) else set()
    return Feed(
        parts=tuple(_part(citizen, rows, sheet, period) for citizen, rows in learners.items()),
        rows_read=len(sheet.lines),
        quarantined=tuple(Quarantined(number, "", problems) for number, problems in sorted(quarantined.items())),
        ignored=reading.ignored,
        warnings=tuple(sorted({*reading.warnings, *conflicts})),
    )


def write_sheet(rows: Sequence[Sequence[str]], columns: Sequence[str], encoding: Encoding | None) -> bytes:
    """Texts as CSV in `encoding`, or as XLSX where it is None.  Long numbers are marked as text."""
    if encoding is not None:
        marked = frozenset(at for at, column in enumerate(columns) if column in _NUMBERS_AS_TEXT)
        return write_csv(rows, encoding=encoding, text_columns=marked)
    return write_xlsx([text_cells(row) for row in rows])


def _citizen(row: Row) -> str:
    assert row.person is not None
    assert row.person.citizen_id is not None
    return row.person.citizen_id


def _part(citizen: str, rows: Sequence[tuple[Row, str, str]], sheet: Sheet, period: str) -> FeedPart:
    numbers = tuple(row.number for row, _, _ in rows)
    cells = [_cells(row, sheet, frozenset(numbers)) for row, _, _ in rows]
    if sheet.form.encoding is None:
        content = write_xlsx([text_cells(sheet.header), *cells], epoch1904=sheet.form.epoch1904)
    else:
        content = write_sheet([sheet.header, *([cell.text for cell in row] for row in cells)], sheet.columns, sheet.form.encoding)
    places = range(1, len(rows) + 1)
    warned = {place: (CONFLICT_WARNING,) for place, (row, _, _) in zip(places, rows, strict=True) if CONFLICT_WARNING in row.issues}
    manifest = PartManifest(period, {place: identifier for place, (_, _, identifier) in zip(places, rows, strict=True)}, warned)
    keys = {place: key for place, (_, key, _) in zip(places, rows, strict=True)}
    return FeedPart(citizen, content, "text/csv" if sheet.form.encoding else MEDIA_TYPE, manifest, numbers, keys)


def _cells(row: Row, sheet: Sheet, kept: frozenset[int]) -> tuple[XlsxCell, ...]:
    """The row's cells under the sheet's header; the person's are filled in where the row above that names him is left behind."""
    cells = dict(row.owned.line.cells)
    person = row.person
    if row.owned.inherited and row.owned.head not in kept and person is not None:
        written = {NAME: person.name, CITIZEN: person.number, UNIT: person.unit}
        for column in PERSON_COLUMNS:
            if not cells.get(column, EMPTY_CELL).text and written[column]:
                cells[column] = XlsxCell(written[column], CellKind.TEXT)
    return tuple(replace(cells.get(column, EMPTY_CELL), formula=False) for column in sheet.columns)
