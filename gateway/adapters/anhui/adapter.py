"""The Anhui adapter: a monthly sheet, CSV or XLSX, in and out; a feed of many learners, cut by learner.

Format: our invention; see README.md here.  A sheet has no record ids and no period, so both come
in the part manifest.  A sheet has no operations either: every row is a deposit, and a cancellation
cannot be written.  Where the learner's citizen number is not known, a declared empty slot stands
in its cell (only in parts; in a bank's feed it is a fault).
"""

import re
from collections.abc import Mapping

from gateway.adapters.anhui.feed import cut, write_sheet
from gateway.adapters.anhui.ids import repeated
from gateway.adapters.anhui.persons import CONFLICT_WARNING, Person
from gateway.adapters.anhui.rows import Reading, Row, read_rows
from gateway.adapters.anhui.settings import (
    CITIZEN,
    COLUMNS,
    NAME,
    PERIOD,
    PERSON_COLUMNS,
    REGION,
    UNIT,
    VERSION,
    AnhuiSettings,
    read_settings,
)
from gateway.adapters.anhui.sheet import read_sheet
from gateway.adapters.contract import Feed, RegionAdapter
from gateway.adapters.fields import Fault, extra_fault
from gateway.errors import Problem, RecordError
from gateway.formats.csv_safe import Encoding
from gateway.formats.xlsx_safe import MEDIA_TYPE
from gateway.model.local import LocalLearner, LocalPart, LocalRecord, LocalValue, Operation, PartManifest, Quarantined

FORM = "row"
NO_ID = Fault("record.no_stable_id", "清单没有给出该行的记录号", "the manifest has no record id for this row")
AMBIGUOUS_ID = Fault("record.ambiguous_id", "记录号不唯一", "the record id stands for more than one row")
_PERIOD = re.compile(r"(?:[0-9]{4}-(?:0[1-9]|1[0-2]))?", re.ASCII)
_RECORD_ID = re.compile(r"[!-~]{1,128}", re.ASCII)
_ENCODINGS: Mapping[str, Encoding | None] = {"csv-gb18030": "gb18030", "csv-utf8-bom": "utf-8-sig", "xlsx": None}
_MANIFEST_ISSUES = frozenset({CONFLICT_WARNING})


def build(settings: Mapping[str, object]) -> RegionAdapter:
    """Check the `[adapter]` table and make the adapter.  Raises SettingsError."""
    return AnhuiAdapter(read_settings(settings))


class AnhuiAdapter:
    """Implements `gateway.adapters.contract.RegionAdapter`."""

    region = REGION
    media_types: tuple[str, ...] = ("text/csv", MEDIA_TYPE)

    def __init__(self, settings: AnhuiSettings) -> None:
        self._settings = settings

    def parse(self, content: bytes, manifest: PartManifest) -> LocalPart:
        """Read one learner's sheet.  Raises FormatError; RecordError `record.several_learners` and those of `read_sheet`."""
        sheet = read_sheet(content, self._settings, self._settings.rows_part_max)
        _check_manifest(manifest, len(sheet.lines))
        reading = read_rows(sheet, self._settings)
        person = _one_person(reading)
        doubtful = repeated(manifest.ids[row.number] for row in reading.rows if row.number in manifest.ids)
        records: list[LocalRecord] = []
        quarantined: list[Quarantined] = []
        for row in reading.rows:
            identifier = manifest.ids.get(row.number, "")
            problems = row.problems or tuple(_id_problems(row.number, identifier, doubtful))
            if problems:
                quarantined.append(Quarantined(row.number, identifier, problems))
            else:
                records.append(_record(row, identifier, person, manifest.issues.get(row.number, ())))
        learner, values = _learner(person, self._settings.empty_slot)
        return LocalPart(
            region=REGION,
            version=VERSION,
            learner=learner,
            values=values | {PERIOD: manifest.period},
            records=tuple(records),
            quarantined=tuple(quarantined),
            ignored=reading.ignored,
            warnings=reading.warnings,
        )

    def split(self, content: bytes, manifest: PartManifest, known_ids: Mapping[str, str]) -> Feed:
        """A month's sheet → one sheet a learner, in the same form and encoding.  Raises FormatError, RecordError."""
        sheet = read_sheet(content, self._settings, self._settings.rows_feed_max)
        _check_manifest(manifest, len(sheet.lines))
        return cut(sheet, read_rows(sheet, self._settings), manifest.period, known_ids, self._settings)

    def render(self, part: LocalPart) -> bytes:
        """Write one learner's sheet.  Raises RecordError with everything that cannot be said in this format."""
        extras = sorted({path for record in part.records for path in record.values if path not in COLUMNS})
        person = _person_cells(part, self._settings.empty_slot)
        problems = [fault.at("header") for path in extras if (fault := extra_fault(path, None))]
        rows = []
        for record in part.records:
            if record.operation is not Operation.DEPOSIT:
                problem = Problem(
                    f"row {record.row}", "record.no_cancel", "该格式不能表示变更或撤销", "this format cannot change or cancel"
                )
                problems.append(problem)
            values = person | {path: _text(value) for path, value in record.values.items()}
            rows.append([values.get(column, "") for column in (*COLUMNS, *extras)])
        header = [self._settings.headings[column][0] for column in COLUMNS] + extras
        content = write_sheet([header, *rows], (*COLUMNS, *extras), _ENCODINGS[self._settings.render_as])
        problems.extend(self._unreadable(content, len(rows)))
        if problems:
            raise RecordError(
                problems[0].code, "记录无法写成安徽的格式", "records cannot be said in Anhui's format", problems=tuple(problems)
            )
        return content

    def digest_matches(self, citizen_number: str, digest: str) -> bool:  # noqa: ARG002 (the format holds the number itself)
        return False

    def _unreadable(self, content: bytes, rows: int) -> list[Problem]:
        """What our own reader would not take back."""
        reading = read_rows(read_sheet(content, self._settings, self._settings.rows_part_max), self._settings)
        problems = [problem for row in reading.rows for problem in row.problems]
        if len(reading.rows) != rows:
            problems.append(
                Problem("", "record.unwritable", "有记录会被读作合计行或空行", "a record would be read as a totals line or a blank one")
            )
        return problems


def _check_manifest(manifest: PartManifest, lines: int) -> None:
    problems = []
    if not _PERIOD.fullmatch(manifest.period):
        problems.append(Problem("period", "record.bad_period", "期间应写作 YYYY-MM", "a period is written YYYY-MM"))
    problems.extend(
        Problem(f"row {row}", "record.manifest_mismatch", "清单中的行不存在", "the manifest names a row that is not there")
        for row in sorted({*manifest.ids, *manifest.issues})
        if not 1 <= row <= lines
    )
    if any(issue not in _MANIFEST_ISSUES for issues in manifest.issues.values() for issue in issues):
        problems.append(Problem("issues", "record.manifest_mismatch", "清单中的提示代码未知", "the manifest names an unknown issue"))
    if problems:
        raise RecordError(problems[0].code, "分件清单有误", "the part manifest is wrong", problems=tuple(problems))


def _one_person(reading: Reading) -> Person | None:
    """The learner of the part, as the first row writes it that names him without fault; None where no row does."""
    named = [(row.person, row.owned.problems) for row in reading.rows if row.person is not None]
    if len({person.citizen_id for person, _ in named if person.citizen_id or person.slot}) > 1:
        raise RecordError("record.several_learners", "一个分件只能有一名学习者", "a part holds one learner only")
    return next((person for person, problems in named if not problems), None)


def _learner(person: Person | None, empty_slot: str) -> tuple[LocalLearner, dict[str, LocalValue]]:
    if person is None:
        return LocalLearner(""), {}
    name = "" if person.name == empty_slot else person.name
    return LocalLearner("", person.citizen_id, None, name or None), {NAME: name, CITIZEN: person.number, UNIT: person.unit}


def _id_problems(row: int, identifier: str, doubtful: frozenset[str]) -> list[Problem]:
    if not identifier:
        return [NO_ID.at(f"row {row}")]
    if identifier in doubtful or not _RECORD_ID.fullmatch(identifier):
        return [AMBIGUOUS_ID.at(f"row {row}")]
    return []


def _record(row: Row, identifier: str, person: Person | None, issues: tuple[str, ...]) -> LocalRecord:
    values: dict[str, LocalValue] = dict(row.values)
    if row.person and person and row.person.unit != person.unit:
        values[UNIT] = row.person.unit
    return LocalRecord(identifier, Operation.DEPOSIT, row.number, FORM, values, tuple(sorted({*row.issues, *issues})))


def _person_cells(part: LocalPart, empty_slot: str) -> dict[str, str]:
    """The learner's cells, as the part's values have them, else as the learner is known."""
    learner = part.learner
    known = {NAME: learner.name or "", CITIZEN: learner.citizen_id or "", UNIT: ""}
    cells = {column: _text(part.values.get(column)) or known[column] for column in PERSON_COLUMNS}
    return cells | {column: cells[column] or empty_slot for column in (NAME, CITIZEN)}


def _text(value: LocalValue) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "是" if value else "否"
        case str() | int():
            return str(value)
        case _:
            return format(value, "f")
