"""Who each line is about: a line names a person, or continues the one above (merged cells).

A number that lost digits in a spreadsheet is never repaired.  One citizen number under two names
is a conflict a person must look at; which side stays is decided by evidence alone, not by who comes
first: a checked 18-digit number outweighs a 15-digit one, and two equals are both kept back.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.adapters.anhui.settings import CITIZEN, NAME, UNIT
from gateway.adapters.anhui.sheet import Line
from gateway.adapters.fields import MISSING, Fault
from gateway.errors import Problem
from gateway.formats.gb18030 import has_private_use
from gateway.formats.xlsx_safe import CellKind
from gateway.model.cells import fold
from gateway.model.identifiers import IdentifierError, citizen_birth, citizen_number

NO_PERSON = Fault("record.no_person", "该行未写姓名和证件号,其上也没有可承接的人", "the line names nobody and continues nobody")
CONFLICT = Fault("record.identity_conflict", "同一证件号对应不同姓名,须人工核实", "one citizen number under two names: a person must look")
NOT_TEXT = Fault("record.cell_became_date", "单元格被电子表格改成了日期或时间", "a spreadsheet turned the cell into a date or time")

CONFLICT_WARNING = "identity_conflict_warning"
_DOTS = str.maketrans(dict.fromkeys("·•‧∙・⋅.", "·"))


@dataclass(frozen=True, slots=True)
class Person:
    """`citizen_id` is the checked 18-character number, or None with `problems` (or the declared empty slot, without).

    `long` means it was written with 18 characters; `key` is the name for comparing only.
    """

    name: str
    number: str
    unit: str
    key: str
    citizen_id: str | None
    long: bool
    slot: bool
    faults: tuple[tuple[str, Fault], ...]
    issues: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Owned:
    """A line with its person; `head` is the line that names the person, None where nobody is named."""

    line: Line
    person: Person | None
    head: int | None
    inherited: bool
    problems: tuple[Problem, ...] = ()
    warned: bool = False


def name_key(name: str) -> str:
    """For comparing names only: width, spaces and the kind of middle dot do not count."""
    return "".join(fold(name).split()).translate(_DOTS)


def own(lines: Iterable[Line], breaks: frozenset[int], empty_slot: str) -> list[Owned]:
    """Give each line its person.  `breaks` are the ignored rows (totals, headers, blanks): nothing is inherited across one."""
    owned: list[Owned] = []
    head: int | None = None
    person: Person | None = None
    for line in lines:
        if line.row in breaks:
            head = person = None
            continue
        inherited = not line.text(NAME) and not line.text(CITIZEN)
        if not inherited:
            head, person = line.row, read_person(line, empty_slot)
        problems = (NO_PERSON.at(f"row {line.row}"),) if person is None else _at(person.faults, line.row)
        owned.append(Owned(line, person, head, inherited and person is not None, problems))
    return _conflicts(owned)


def read_person(line: Line, empty_slot: str) -> Person:
    name, number = line.text(NAME), line.text(CITIZEN)
    slot = number == empty_slot
    faults: list[tuple[str, Fault]] = []
    if not name:
        faults.append((NAME, MISSING))
    kinds = {column: line.cells[column].kind for column in (NAME, CITIZEN) if column in line.cells}
    faults.extend((column, NOT_TEXT) for column, kind in kinds.items() if kind in (CellKind.DATE, CellKind.TIME))
    citizen_id = None
    if not slot:
        citizen_id, found = _citizen(number)
        faults.extend((CITIZEN, fault) for fault in found)
    plain = _plain_number(number)
    issues = _issues(name, number, plain, upgraded=citizen_id is not None and len(plain) == 15)
    if line.filled & {NAME, CITIZEN}:
        issues = (*issues, "inherited_from_merged_cell")
    return Person(
        name=name,
        number="" if slot else number,
        unit=line.text(UNIT),
        key=name_key(name),
        citizen_id=citizen_id,
        long=citizen_id is not None and len(plain) == 18,
        slot=slot,
        faults=tuple(faults),
        issues=issues,
    )


def _citizen(number: str) -> tuple[str | None, list[Fault]]:
    """The number, or everything wrong with it: a wrong check digit does not hide an impossible date."""
    if not number:
        return None, [MISSING]
    try:
        return citizen_number(number), []
    except IdentifierError as error:
        faults = [Fault(error.code, error.zh, error.en)]
        if error.code == "record.bad_check_digit":
            try:
                citizen_birth(_plain_number(number))
            except IdentifierError as second:
                faults.append(Fault(second.code, second.zh, second.en))
        return None, faults


def _plain_number(number: str) -> str:
    return "".join(fold(number).split()).upper()


def _issues(name: str, number: str, plain: str, *, upgraded: bool) -> tuple[str, ...]:
    found = []
    if "".join(name.split()) != name:
        found.append("name_spacing")
    if any("\uff01" <= letter <= "\uff5e" or letter == "\u3000" for letter in name):
        found.append("name_full_width")
    if any(letter in "•‧∙・⋅." for letter in name):
        found.append("name_middle_dot")
    if has_private_use(name):
        found.append("private_use_character")
    if upgraded:
        found.append("id_upgraded")
    if plain != number:
        found.append("id_normalised")
    return tuple(found)


def _conflicts(owned: Sequence[Owned]) -> list[Owned]:
    """Mark every line of a citizen number that stands under more than one name."""
    names: dict[str, dict[str, bool]] = {}
    for each in owned:
        if each.person is not None and each.person.citizen_id is not None:
            known = names.setdefault(each.person.citizen_id, {})
            known[each.person.key] = known.get(each.person.key, False) or each.person.long
    judged = []
    for each in owned:
        known = names.get(each.person.citizen_id or "", {}) if each.person is not None else {}
        if each.person is None or len(known) < 2:
            judged.append(each)
        elif known[each.person.key] and sum(known.values()) == 1:
            judged.append(Owned(each.line, each.person, each.head, each.inherited, each.problems, warned=True))
        else:
            problems = (*each.problems, CONFLICT.at(f"row {each.line.row}/{CITIZEN}"))
            judged.append(Owned(each.line, each.person, each.head, each.inherited, problems))
    return judged


def _at(faults: Iterable[tuple[str, Fault]], row: int) -> tuple[Problem, ...]:
    return tuple(fault.at(f"row {row}/{column}") for column, fault in faults)
