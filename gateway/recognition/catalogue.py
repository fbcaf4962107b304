"""The regional catalogue: what the panels of the four banks agreed that may be recognised, and for how much.

Four tables, as in the regional standard: standard course, course description, recognition criterion,
certificate-to-course relation.  Beside them the expert panels' dossiers, on which each entry stands, and
the accepting banks' programmes.  An entry has versions; one id may have several, one after the other.
An entry outside its period, past its review date or not active is refused by name (`Catalogue.require`),
never silently used.  Values only: files are read by `catalogue_files`, checked by `catalogue_check`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple

from gateway.errors import CatalogueError, Problem
from gateway.model.regional import Band, Kind
from gateway.recognition.catalogue_problems import problem, words
from gateway.recognition.programme import Programme, TargetCourse


class Table(StrEnum):
    """The tables of one catalogue; the value is the name of its file."""

    HEAD = "catalogue"
    COURSES = "courses"
    DESCRIPTIONS = "descriptions"
    CRITERIA = "criteria"
    CERTIFICATES = "certificates"
    DOSSIERS = "dossiers"
    PROGRAMMES = "programmes"
    PROGRAMME_COURSES = "programme_courses"


class EntryStatus(StrEnum):
    """Only an active entry may be used."""

    DRAFT = "draft"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    WITHDRAWN = "withdrawn"


class CourseShare(NamedTuple):
    """So many credits of one standard course."""

    course: str
    credits: Decimal


class Seat(NamedTuple):
    """How many members sat on a panel in one role.  Panels are recorded by role, never by name."""

    role: str
    members: int


class Cap(NamedTuple):
    """The most credits that may be recognised in one category of a programme."""

    category: str
    credits: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What the catalogue says of itself.  `demo`: made up to show the product, not for decisions."""

    id: str
    version: str
    title: str
    title_en: str
    issuer: str
    published_on: date
    demo: bool
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What every entry has.  `credits` are regional credits; `valid_until` and `review_on` are the last days of use."""

    id: str
    version: int
    title: str
    credits: Decimal
    valid_from: date
    valid_until: date
    review_on: date
    status: EntryStatus
    demo: bool
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated(Entry):
    """An entry that stands on a panel's evaluation; `dossier` is its id, "" only while a draft."""

    dossier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardCourse(Evaluated):
    """标准课程.  `subject` is the major; courses of one `content_group` ("" none) have equal content and count once."""

    title_en: str
    aliases: tuple[str, ...]
    subject: str
    category: str
    stage: str
    level: int | None
    hours: Decimal | None
    content_group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseDescription(Evaluated):
    """课程说明 of one standard course.  Its credits are the course's."""

    course: str
    summary: str
    outcomes: tuple[str, ...]
    topics: tuple[str, ...]
    assessment: str
    prerequisites: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion(Evaluated):
    """认定标准: results of `kind` named in `results` count for `course`, for at most `credits`.

    `sources` are member ids, empty for all.  None = no such demand: `grade_min`, `level_min` (regional level 1 to 10),
    `content_min` (percent of the course's content), `age_years_max` (years since the award).  Of one `similar_group`
    only the highest counts.  `exam_required`: the learner is freed from classes, not from the examination.
    """

    course: str
    kind: Kind
    results: tuple[str, ...]
    sources: tuple[str, ...]
    grade_min: Band | None
    level_min: int | None
    content_min: Decimal | None
    age_years_max: int | None
    exam_required: bool
    similar_group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRelation(Evaluated):
    """证书与课程对应关系: one certificate at one level, and the courses it frees from; `credits` is the sum.

    `skill_level` needs its numbering scheme; `level_text` is for certificates without skill levels.
    """

    scheme: str
    skill_level: str
    level_text: str
    issuer: str
    level: int | None
    courses: tuple[CourseShare, ...]
    age_years_max: int | None
    exam_required: bool
    similar_group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier(Entry):
    """专家评议档案: what a panel was asked, how it voted, what it proposed.  `credits` are the credits proposed."""

    kind: Kind
    results: tuple[str, ...]
    scheme: str
    skill_level: str
    targets: tuple[CourseShare, ...]
    grade_min: Band | None
    meeting_on: date
    members: tuple[Seat, ...]
    votes_for: int
    votes_against: int
    votes_abstain: int
    opinion: str

    @property
    def carried(self) -> bool:
        """More than half of the members present voted for it."""
        return self.votes_for > self.votes_against + self.votes_abstain


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgrammeEntry(Entry):
    """A programme of an accepting bank; `credits` are those needed to graduate."""

    accepting: str
    resident_credits_min: Decimal
    category_caps: tuple[Cap, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgrammeCourse:
    """One course of a programme; `standard_course` is a catalogue id or ""."""

    programme: str
    id: str
    title: str
    credits: Decimal
    category: str
    standard_course: str
    demo: bool
    note: str


ENTRY_TABLES: Final = (
    Table.COURSES,
    Table.DESCRIPTIONS,
    Table.CRITERIA,
    Table.CERTIFICATES,
    Table.DOSSIERS,
    Table.PROGRAMMES,
)
"""Tables whose rows are entries: with versions, periods, a status."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One catalogue as published, every table in its own order.  Make it with `catalogue_files.read_catalogue`, which checks it."""

    head: Head
    courses: tuple[StandardCourse, ...] = ()
    descriptions: tuple[CourseDescription, ...] = ()
    criteria: tuple[Criterion, ...] = ()
    certificates: tuple[CertificateRelation, ...] = ()
    dossiers: tuple[Dossier, ...] = ()
    programmes: tuple[ProgrammeEntry, ...] = ()
    programme_courses: tuple[ProgrammeCourse, ...] = ()
    _versions: Mapping[tuple[Table, str], tuple[Entry, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        found: dict[tuple[Table, str], list[Entry]] = {}
        for table, entry in self.entries():
            found.setdefault((table, entry.id), []).append(entry)
        ordered = {key: tuple(sorted(each, key=lambda entry: entry.version)) for key, each in found.items()}
        object.__setattr__(self, "_versions", ordered)

    def table(self, table: Table) -> tuple[Entry, ...]:
        """The entries of one of `ENTRY_TABLES`, in their order."""
        found: tuple[Entry, ...] = getattr(self, table.value)
        return found

    def entries(self) -> Iterator[tuple[Table, Entry]]:
        """Every entry with its table."""
        return ((table, entry) for table in ENTRY_TABLES for entry in self.table(table))

    def versions(self, table: Table, entry_id: str) -> tuple[Entry, ...]:
        """All versions of an entry, oldest first; empty where there is none."""
        return self._versions.get((table, entry_id), ())

    def find(self, table: Table, entry_id: str, day: date) -> Entry | None:
        """The version that may be used on `day`, or None."""
        return next((entry for entry in reversed(self.versions(table, entry_id)) if why_not(table, entry, day) is None), None)

    def require(self, table: Table, entry_id: str, day: date) -> Entry:
        """The version to use on `day`.

        Raises CatalogueError: `catalogue.unknown_entry`; with the newest version's place, `catalogue.not_active`,
        `catalogue.not_yet_valid`, `catalogue.expired`, `catalogue.review_overdue`.
        """
        versions = self.versions(table, entry_id)
        if not versions:
            zh, en = words("catalogue.unknown_entry")
            raise CatalogueError("catalogue.unknown_entry", zh, en, table=table.value)
        found = self.find(table, entry_id, day)
        if found is not None:
            return found
        newest = why_not(table, versions[-1], day)
        assert newest is not None
        raise CatalogueError(newest.code, newest.zh, newest.en, problems=(newest,), table=table.value)

    def programme(self, code: str, day: date) -> Programme:
        """The programme as a target of recognition.  Raises as `require`."""
        entry = self.require(Table.PROGRAMMES, code, day)
        assert isinstance(entry, ProgrammeEntry)
        courses = tuple(
            TargetCourse(each.id, each.title, each.credits, each.category, each.standard_course)
            for each in self.programme_courses
            if each.programme == code
        )
        caps = {cap.category: cap.credits for cap in entry.category_caps}
        return Programme(entry.id, entry.title, entry.accepting, entry.credits, entry.resident_credits_min, courses, caps)


def place(table: Table, entry: Entry) -> str:
    """Where an entry stands, when it is not a line of a file: `courses DEMO-C-101@1`."""
    return f"{table.value} {entry.id}@{entry.version}"


def why_not(table: Table, entry: Entry, day: date) -> Problem | None:
    """Why an entry may not be used on `day`; None if it may.  Both its last day and its review date still count."""
    match entry:
        case _ if entry.status is not EntryStatus.ACTIVE:
            return problem(place(table, entry), "catalogue.not_active")
        case _ if day < entry.valid_from:
            return problem(place(table, entry), "catalogue.not_yet_valid")
        case _ if day > entry.valid_until:
            return problem(place(table, entry), "catalogue.expired")
        case _ if day > entry.review_on:
            return problem(place(table, entry), "catalogue.review_overdue")
        case _:
            return None
