"""What must hold between the rows of a catalogue; what a single cell must be is `catalogue_build`'s.

Every check adds its problems and goes on, so one reading tells everything.  A row that could not be
read still counts as known by its id, so one fault does not make a dozen others.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final, TypeVar

from gateway.errors import Problem
from gateway.recognition.catalogue import (
    ENTRY_TABLES,
    CertificateRelation,
    CourseDescription,
    CourseShare,
    Criterion,
    Dossier,
    Entry,
    EntryStatus,
    Evaluated,
    Head,
    ProgrammeCourse,
    ProgrammeEntry,
    StandardCourse,
    Table,
)
from gateway.recognition.catalogue_problems import at
from gateway.recognition.rules import ACADEMIC_KINDS

DEMO_WORD: Final = "演示"
CHAIR: Final = "chair"
ANY_ID: Final = "*"
"""Among unread ids: the whole table is unread."""

Placed = Mapping[Table, Sequence[tuple[int, Any]]]
"""The readable rows of each table, each with its row number in the file."""
T = TypeVar("T")


def check(placed: Placed, unread: Mapping[Table, frozenset[str]]) -> list[Problem]:
    """Every problem between rows.  `unread` are ids of rows that could not be read."""
    return _Check(placed, unread).problems


class _Check:
    def __init__(self, placed: Placed, unread: Mapping[Table, frozenset[str]]) -> None:
        self._placed, self._unread = placed, unread
        self.problems: list[Problem] = []
        self._course_credits: dict[str, list[Decimal]] = {}
        for _, course in self._rows(Table.COURSES, StandardCourse):
            self._course_credits.setdefault(course.id, []).append(course.credits)
        self._dossiers: dict[str, list[Dossier]] = {}
        for _, dossier in self._rows(Table.DOSSIERS, Dossier):
            self._dossiers.setdefault(dossier.id, []).append(dossier)
        self._categories: dict[str, set[str]] = {}
        for _, each in self._rows(Table.PROGRAMME_COURSES, ProgrammeCourse):
            self._categories.setdefault(each.programme, set()).add(each.category)
        self._programmes = {entry.id for _, entry in self._rows(Table.PROGRAMMES, ProgrammeEntry)}
        for table in ENTRY_TABLES:
            for row, entry in self._rows(table, Entry):
                self._entry(table, row, entry)
            self._versions(table)
        self._demo()
        self._circles()
        for row, line in self._rows(Table.PROGRAMME_COURSES, ProgrammeCourse):
            self._programme_course(row, line)
        self._once(Table.PROGRAMME_COURSES, (((each.programme, each.id), row) for row, each in self._programme_courses()))

    def _rows(self, table: Table, _kind: type[T]) -> Sequence[tuple[int, T]]:
        return self._placed.get(table, ())

    def _programme_courses(self) -> Sequence[tuple[int, ProgrammeCourse]]:
        return self._rows(Table.PROGRAMME_COURSES, ProgrammeCourse)

    def _say(self, table: Table, row: int, column: str, code: str) -> None:
        self.problems.append(at(table.value, row, column, code))

    def _excused(self, table: Table, entry_id: str) -> bool:
        unread = self._unread.get(table, frozenset())
        return entry_id in unread or ANY_ID in unread

    def _entry(self, table: Table, row: int, entry: Entry) -> None:
        if entry.valid_from > entry.valid_until:
            self._say(table, row, "valid_until", "catalogue.period")
        elif not entry.valid_from <= entry.review_on <= entry.valid_until:
            self._say(table, row, "review_on", "catalogue.review_outside")
        if isinstance(entry, Evaluated):
            self._evaluated(table, row, entry)
        match entry:
            case CourseDescription():
                self._description(row, entry)
            case Criterion():
                self._criterion(row, entry)
            case CertificateRelation():
                self._certificate(row, entry)
            case Dossier():
                self._dossier(row, entry)
            case ProgrammeEntry():
                self._programme(row, entry)
            case _:
                pass

    def _evaluated(self, table: Table, row: int, entry: Evaluated) -> None:
        """Drafts may still lack a dossier; what is in use rests on one that was carried."""
        if not entry.dossier:
            if entry.status is EntryStatus.ACTIVE:
                self._say(table, row, "dossier", "catalogue.no_dossier")
            return
        found = self._dossiers.get(entry.dossier)
        if found is None:
            if not self._excused(Table.DOSSIERS, entry.dossier):
                self._say(table, row, "dossier", "catalogue.unknown_dossier")
        elif entry.status is EntryStatus.ACTIVE and not any(each.carried and each.status is EntryStatus.ACTIVE for each in found):
            self._say(table, row, "dossier", "catalogue.not_carried")

    def _known(self, table: Table, row: int, column: str, course: str) -> list[Decimal]:
        """The credits of a course's versions; empty where they are not known."""
        found = self._course_credits.get(course, [])
        if not found and not self._excused(Table.COURSES, course):
            self._say(table, row, column, "catalogue.unknown_course")
        return found

    def _description(self, row: int, entry: CourseDescription) -> None:
        found = self._known(Table.DESCRIPTIONS, row, "course", entry.course)
        if found and entry.credits not in found:
            self._say(Table.DESCRIPTIONS, row, "credits", "catalogue.credits_differ")
        for each in entry.prerequisites:
            self._known(Table.DESCRIPTIONS, row, "prerequisites", each)

    def _criterion(self, row: int, entry: Criterion) -> None:
        found = self._known(Table.CRITERIA, row, "course", entry.course)
        if found and entry.credits > max(found):
            self._say(Table.CRITERIA, row, "credits", "catalogue.over_course")
        if entry.kind not in ACADEMIC_KINDS:
            self._say(Table.CRITERIA, row, "kind", "catalogue.never_academic")
        self._within_dossier(Table.CRITERIA, row, entry, (CourseShare(entry.course, entry.credits),))

    def _certificate(self, row: int, entry: CertificateRelation) -> None:
        table = Table.CERTIFICATES
        self._shares(table, row, "courses", entry.courses, entry.credits)
        self._within_dossier(table, row, entry, entry.courses)
        if bool(entry.skill_level) == bool(entry.level_text) or bool(entry.skill_level) != bool(entry.scheme):
            self._say(table, row, "skill_level", "catalogue.level_without_scheme")

    def _dossier(self, row: int, entry: Dossier) -> None:
        table = Table.DOSSIERS
        self._shares(table, row, "targets", entry.targets, entry.credits)
        if entry.votes_for + entry.votes_against + entry.votes_abstain != sum(seat.members for seat in entry.members):
            self._say(table, row, "votes_for", "catalogue.votes_differ")
        if [seat.members for seat in entry.members if seat.role == CHAIR] != [1]:
            self._say(table, row, "members", "catalogue.no_chair")
        if entry.skill_level and not entry.scheme:
            self._say(table, row, "skill_level", "catalogue.level_without_scheme")
        if entry.kind not in ACADEMIC_KINDS:
            self._say(table, row, "kind", "catalogue.never_academic")

    def _shares(self, table: Table, row: int, column: str, shares: Sequence[CourseShare], total: Decimal) -> None:
        for share in shares:
            found = self._known(table, row, column, share.course)
            if found and share.credits > max(found):
                self._say(table, row, column, "catalogue.over_course")
        if sum((share.credits for share in shares), Decimal(0)) != total:
            self._say(table, row, "credits", "catalogue.sum_differs")

    def _within_dossier(self, table: Table, row: int, entry: Evaluated, shares: Sequence[CourseShare]) -> None:
        """No more for a course than some version of the dossier proposed for it."""
        dossiers = self._dossiers.get(entry.dossier)
        if dossiers is None:
            return
        for share in shares:
            proposed = [target.credits for each in dossiers for target in each.targets if target.course == share.course]
            if share.course in self._course_credits and share.credits > max(proposed, default=Decimal(0)):
                self._say(table, row, "credits", "catalogue.over_dossier")
                return

    def _programme(self, row: int, entry: ProgrammeEntry) -> None:
        if entry.resident_credits_min > entry.credits:
            self._say(Table.PROGRAMMES, row, "resident_credits_min", "catalogue.resident_over_total")
        for cap in entry.category_caps:
            if cap.credits > entry.credits:
                self._say(Table.PROGRAMMES, row, "category_caps", "catalogue.cap_over_total")
            if cap.category not in self._categories.get(entry.id, ()) and not self._unread.get(Table.PROGRAMME_COURSES):
                self._say(Table.PROGRAMMES, row, "category_caps", "catalogue.unknown_category")

    def _programme_course(self, row: int, line: ProgrammeCourse) -> None:
        table = Table.PROGRAMME_COURSES
        if line.programme not in self._programmes and not self._excused(Table.PROGRAMMES, line.programme):
            self._say(table, row, "programme", "catalogue.unknown_programme")
        if line.standard_course:
            self._known(table, row, "standard_course", line.standard_course)

    def _versions(self, table: Table) -> None:
        """One id: each version once, and never two active ones on one day."""
        rows = self._rows(table, Entry)
        self._once(table, (((entry.id, entry.version), row) for row, entry in rows))
        active = sorted(
            ((entry.id, entry.valid_from, entry.valid_until, row) for row, entry in rows if entry.status is EntryStatus.ACTIVE),
        )
        last, ends = "", date.min
        for entry_id, since, until, row in active:
            if entry_id != last:
                last, ends = entry_id, until
                continue
            if since <= ends:
                self._say(table, row, "valid_from", "catalogue.periods_overlap")
            ends = max(ends, until)

    def _once(self, table: Table, keys: Iterable[tuple[object, int]]) -> None:
        seen: Counter[object] = Counter()
        for key, row in keys:
            seen[key] += 1
            if seen[key] > 1:
                self._say(table, row, "id", "catalogue.duplicate_entry")

    def _demo(self) -> None:
        """A made-up entry never stands among real ones, and says in words what it is."""
        heads = self._rows(Table.HEAD, Head)
        for table, rows in self._placed.items():
            for row, each in rows:
                if heads and each.demo != heads[0][1].demo:
                    self._say(table, row, "demo", "catalogue.demo_mixed")
                if each.demo and DEMO_WORD not in each.title + each.note:
                    self._say(table, row, "note", "catalogue.demo_label")

    def _circles(self) -> None:
        """Peel off courses whose prerequisites are all peeled; what stays stands in, or behind, a circle."""
        needs: dict[str, set[str]] = {}
        rows = self._rows(Table.DESCRIPTIONS, CourseDescription)
        for _, entry in rows:
            needs.setdefault(entry.course, set()).update(entry.prerequisites)
        waiting = dict(needs)
        while free := [course for course, before in waiting.items() if not before & waiting.keys()]:
            for course in free:
                del waiting[course]
        for row, entry in rows:
            if entry.course in waiting and set(entry.prerequisites) & waiting.keys():
                self._say(Table.DESCRIPTIONS, row, "prerequisites", "catalogue.circle")
