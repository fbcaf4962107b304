"""What the lines of a sheet mean: each is a record, a damaged row, or ignored by a named rule.

Every fault of a line is found before it is put aside, and nothing is guessed: two courses in one
line, hours that may be a sum of two things, a date that may have lost a digit go back to the bank.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from gateway.adapters.anhui.persons import CONFLICT_WARNING, NOT_TEXT, Owned, Person, own
from gateway.adapters.anhui.settings import (
    CERTIFICATE,
    CITIZEN,
    COLUMNS,
    CREDITS,
    DATE,
    GRADE,
    HOURS,
    ISSUER,
    KIND,
    NAME,
    NUMBER,
    ORIGIN,
    ORIGINS,
    PERSON_COLUMNS,
    RECORD_COLUMNS,
    REMARK,
    TITLE,
    AnhuiSettings,
)
from gateway.adapters.anhui.sheet import Line, Sheet
from gateway.adapters.fields import MISSING, UNKNOWN_CODE, Fault
from gateway.errors import Problem
from gateway.formats.gb18030 import has_private_use
from gateway.formats.xlsx_safe import CellKind, XlsxCell
from gateway.model.cells import CellError, credits_cell, date_cell, excel_serial, fold, grade_cell, hours_addends, hours_cell
from gateway.model.identifiers import IdentifierError, certificate_scheme
from gateway.model.local import Ignored

SEVERAL = Fault("record.several_achievements", "一行写了多个成果,无法拆分", "one row holds several achievements; they cannot be told apart")
_CELL_FAULTS = {
    fault.code: fault
    for fault in (
        Fault("record.bad_hours", "课时写法无法识别", "the hours cannot be read"),
        Fault("record.hours_differ", "课时合计与理论加实践不符", "the hours differ from theory plus practice"),
        Fault("record.ambiguous_hours", "课时只写了几项之和,含义不明", "the hours are only a sum; what they mean is unclear"),
        Fault("record.bad_credits", "学分写法无法识别", "the credits cannot be read"),
        Fault("record.grade_without_scale", "成绩未写明成绩制", "the grade does not tell its scale"),
        Fault("record.unknown_grade", "成绩写法无法识别", "the grade cannot be read"),
        Fault("record.bad_date", "取得时间写法无法识别或日期不存在", "the date cannot be read or does not exist"),
        Fault("record.date_order", "起止日期颠倒", "the period ends before it starts"),
        Fault("record.ambiguous_date", "取得时间被存为数值,可能已丢失末位", "the date is stored as a number and may have lost a digit"),
    )
}
_SERIAL = re.compile(r"[1-9][0-9]{4}(?:\.[0-9]+)?", re.ASCII)
_WHOLE_DATE = re.compile(r"[0-9]{4}(?:[0-9]{4})?", re.ASCII)
_KEPT_AS_DATE = frozenset({DATE, REMARK, NUMBER})


@dataclass(frozen=True, slots=True)
class Row:
    """A data line as read.  `values` are complete where `problems` is empty."""

    owned: Owned
    values: dict[str, str]
    issues: tuple[str, ...]
    problems: tuple[Problem, ...]

    @property
    def number(self) -> int:
        return self.owned.line.row

    @property
    def person(self) -> Person | None:
        return self.owned.person


@dataclass(frozen=True, slots=True)
class Reading:
    """All lines of a sheet: data rows + ignored = lines.  `warnings` are batch-level issue codes."""

    rows: tuple[Row, ...]
    ignored: tuple[Ignored, ...]
    warnings: tuple[str, ...]


def read_rows(sheet: Sheet, settings: AnhuiSettings) -> Reading:
    rules = {line.row: rule for line in sheet.lines if (rule := _ignoring_rule(line, sheet, settings))}
    rows = tuple(_row(owned, sheet, settings) for owned in own(sheet.lines, frozenset(rules), settings.empty_slot))
    warnings = set()
    if _totals_differ(sheet.lines, rules, settings):
        warnings.add("totals_differ")
    if sheet.alias_used:
        warnings.add("header_alias_used")
    ignored = tuple(Ignored(row, rule) for row, rule in sorted(rules.items()))
    return Reading(rows, ignored, tuple(sorted(warnings)))


def _ignoring_rule(line: Line, sheet: Sheet, settings: AnhuiSettings) -> str:
    if line.blank:
        return "blank_row"
    if _totals_word(line) in settings.totals_words and not line.text(CITIZEN) and not line.text(TITLE):
        return "totals_row"
    if all(line.text(column) == heading for column, heading in zip(sheet.columns, sheet.header, strict=True) if column):
        return "repeated_header"
    return ""


def _totals_word(line: Line) -> str:
    """`合 计` too: the first cell that holds something, in the running number's or the name's column."""
    return "".join(fold(line.text(NUMBER) or line.text(NAME)).split()).rstrip(":")


def _totals_differ(lines: Iterable[Line], rules: dict[int, str], settings: AnhuiSettings) -> bool:
    """Compares each grand total with the sum of the readable credits of all data lines, damaged ones included."""
    total = Decimal(0)
    declared: list[Decimal] = []
    for line in lines:
        try:
            found = credits_cell(line.text(CREDITS))
        except CellError:
            continue
        if found is None:
            continue
        if line.row not in rules:
            total += found
        elif rules[line.row] == "totals_row" and _totals_word(line) in settings.grand_totals:
            declared.append(found)
    return any(each != total for each in declared)


def _row(owned: Owned, sheet: Sheet, settings: AnhuiSettings) -> Row:
    line = owned.line
    place = f"row {line.row}"
    problems = [*line.problems, *owned.problems]
    seen = {problem.path for problem in line.problems}
    values = {column: line.text(column) for column in RECORD_COLUMNS}
    values.update({column: cell.text for column, cell in line.cells.items() if column not in COLUMNS and cell.text})
    found = [(column, NOT_TEXT) for column, cell in line.cells.items() if _is_spoilt(column, cell)]
    spoilt = {column for column, _ in found}
    found.extend((column, fault) for column, fault in _faults(line, settings) if column not in spoilt)
    issues = _issues(owned, values)
    try:
        values[DATE], date_issues = _date(line.cells.get(DATE), epoch1904=sheet.form.epoch1904)
        issues.update(date_issues)
    except CellError as error:
        found.append((DATE, _CELL_FAULTS[error.code]))
    problems.extend(fault.at(f"{place}/{column}") for column, fault in found if f"{place}/{column}" not in seen)
    return Row(owned, values, tuple(sorted(issues)), tuple(problems))


def _is_spoilt(column: str, cell: XlsxCell) -> bool:
    """A grade of 3/5 or a title of 5-1 that a spreadsheet took for a date.  Names and numbers of persons are read in `persons`."""
    return cell.kind in (CellKind.DATE, CellKind.TIME) and column in COLUMNS and column not in _KEPT_AS_DATE | {NAME, CITIZEN}


def _faults(line: Line, settings: AnhuiSettings) -> Iterable[tuple[str, Fault]]:
    for column in (TITLE, KIND, ISSUER):
        if not line.text(column):
            yield column, MISSING
    if line.text(ORIGIN) and line.text(ORIGIN) not in ORIGINS:
        yield ORIGIN, UNKNOWN_CODE
    several = _holds_several(line, settings)
    if several:
        yield TITLE, SEVERAL
    hours_fault = _fault_of(hours_cell, line.text(HOURS))
    if hours_fault is not None and not (several and hours_addends(line.text(HOURS))):
        yield HOURS, hours_fault
    for column, read in ((CREDITS, credits_cell), (GRADE, grade_cell)):
        fault = _fault_of(read, line.text(column))
        if fault is not None:
            yield column, fault
    try:
        certificate_scheme(line.text(CERTIFICATE))
    except IdentifierError as error:
        yield CERTIFICATE, Fault(error.code, error.zh, error.en)


def _fault_of(read: Callable[[str], object], text: str) -> Fault | None:
    try:
        read(text)
    except CellError as error:
        return _CELL_FAULTS.get(error.code)  # an empty grade is no fault of the row
    return None


def _holds_several(line: Line, settings: AnhuiSettings) -> bool:
    """A title of several names is one course or several: hours in as many parts, or a remark that says so, decide."""
    names = 1
    for separator in settings.title_separators:
        names = max(names, sum(1 for name in line.text(TITLE).replace(";", ";").split(separator) if name.strip()))
    if names == 1:
        return False
    return hours_addends(line.text(HOURS)) == names or any(word in line.text(REMARK) for word in settings.several_words)


def _date(cell: XlsxCell | None, *, epoch1904: bool) -> tuple[str, set[str]]:
    """The text of the date, and issues.  Raises CellError."""
    if cell is None or not cell.text:
        return "", set()
    plain = fold(cell.text)
    if cell.kind in (CellKind.TEXT, CellKind.NUMBER) and _SERIAL.fullmatch(plain):
        issues = {"excel_serial_date"} | ({"excel_1904_date_system"} if epoch1904 else set())
        return str(excel_serial(Decimal(plain), epoch1904=epoch1904)), issues
    if cell.kind is CellKind.NUMBER and not _WHOLE_DATE.fullmatch(plain):
        raise CellError("record.ambiguous_date")  # 2023.1 is what a sheet makes of 2023.10
    try:
        date_cell(plain)
    except CellError as error:
        if error.code != "record.no_date":
            raise
    return cell.text, set()


def _issues(owned: Owned, values: dict[str, str]) -> set[str]:
    issues: set[str] = set(owned.person.issues) if owned.person is not None else set()
    if owned.warned:
        issues.add(CONFLICT_WARNING)
    if owned.inherited or owned.line.filled & set(PERSON_COLUMNS):
        issues.add("inherited_from_merged_cell")
    if any(has_private_use(value) for value in values.values()):
        issues.add("private_use_character")
    return issues
