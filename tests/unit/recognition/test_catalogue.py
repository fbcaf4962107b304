"""A catalogue's entries: which version may be used when, and why not."""

from dataclasses import fields, replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from support.catalogues import codes, demonstration
from support.tree import ROOT, text_of

from gateway.errors import CatalogueError
from gateway.model.regional import Kind
from gateway.recognition.catalogue import ENTRY_TABLES, Catalogue, Dossier, EntryStatus, Table, why_not
from gateway.recognition.catalogue_build import rows_of
from gateway.recognition.catalogue_check import DEMO_WORD
from gateway.recognition.catalogue_columns import LAYOUTS

DAY = date(2026, 11, 22)
CLERK = "行政办事员(政务服务办事员)"


def code_of(catalogue: Catalogue, table: Table, entry_id: str, day: date) -> str:
    with pytest.raises(CatalogueError) as caught:
        catalogue.require(table, entry_id, day)
    return caught.value.code


@pytest.mark.parametrize("table", Table)
def test_columns_when_compared_with_the_dataclass_then_every_field_has_one(table: Table) -> None:
    names = [column.name for column in LAYOUTS[table].columns]
    assert set(names) == {each.name for each in fields(LAYOUTS[table].row)}
    assert len(set(names)) == len(names) == len({column.zh for column in LAYOUTS[table].columns})


@pytest.mark.parametrize("table", Table)
def test_columns_when_looked_for_in_the_guide_then_each_is_told(table: Table) -> None:
    page = text_of(ROOT / "docs" / "catalogue.md")
    assert [column.name for column in LAYOUTS[table].columns if f"`{column.name}`" not in page] == []


def test_require_when_a_newer_version_took_over_then_each_day_has_its_own() -> None:
    now = demonstration().require(Table.CRITERIA, "DEMO-K-020", DAY)
    before = demonstration().require(Table.CRITERIA, "DEMO-K-020", date(2025, 6, 1))
    assert (before.version, now.version) == (1, 2)


def test_require_when_entry_cannot_be_used_then_named_refusal_with_its_place() -> None:
    catalogue = demonstration()
    assert code_of(catalogue, Table.CRITERIA, "DEMO-K-020", date(2025, 7, 1)) == "catalogue.not_yet_valid"
    assert code_of(catalogue, Table.COURSES, "DEMO-C-101", date(2031, 1, 1)) == "catalogue.expired"
    assert code_of(catalogue, Table.COURSES, "DEMO-C-101", date(2029, 1, 1)) == "catalogue.review_overdue"
    assert code_of(catalogue, Table.CERTIFICATES, "DEMO-X-009", DAY) == "catalogue.not_active"
    assert code_of(catalogue, Table.CRITERIA, "DEMO-K-021", DAY) == "catalogue.not_active"
    assert code_of(catalogue, Table.COURSES, "NOBODY", DAY) == "catalogue.unknown_entry"
    with pytest.raises(CatalogueError) as caught:
        catalogue.require(Table.COURSES, "DEMO-C-101", date(2031, 1, 1))
    assert [each.path for each in caught.value.problems] == ["courses DEMO-C-101@1"]


def test_why_not_when_last_days_are_asked_then_they_still_count() -> None:
    entry = demonstration().courses[0]
    one = timedelta(days=1)
    reviewed = replace(entry, review_on=entry.valid_until)
    expected = {entry.valid_from - one: "catalogue.not_yet_valid", entry.valid_from: "", entry.review_on: "",
                entry.review_on + one: "catalogue.review_overdue"}  # fmt: skip
    found = {day: (why.code if (why := why_not(Table.COURSES, entry, day)) else "") for day in expected}
    assert found == expected
    assert why_not(Table.COURSES, reviewed, entry.valid_until) is None
    why = why_not(Table.COURSES, reviewed, entry.valid_until + one)
    assert why is not None
    assert why.code == "catalogue.expired"


def test_carried_when_votes_are_counted_then_more_than_half_of_those_present() -> None:
    dossier = demonstration().dossiers[0]
    votes = [(5, 4, 0, True), (5, 2, 2, True), (4, 4, 1, False), (3, 1, 2, False), (0, 0, 0, False)]
    assert [replace(dossier, votes_for=f, votes_against=a, votes_abstain=n).carried for f, a, n, _ in votes] == [each[3] for each in votes]


def test_programme_when_asked_for_then_a_target_of_recognition() -> None:
    found = demonstration().programme("DEMO-P-XZGL", DAY)
    assert (found.accepting, found.total_credits, found.resident_credits_min) == ("CN-32", Decimal(76), Decimal(23))
    assert found.category_caps == {"公共基础课": Decimal(6), "专业选修课": Decimal(6)}
    assert {course.standard_course for course in found.courses} >= {"DEMO-C-101", "DEMO-C-111", ""}
    with pytest.raises(CatalogueError):
        demonstration().programme("DEMO-P-XZGL", date(2031, 1, 1))


def test_demonstration_when_read_then_the_two_majors_and_the_clerk_certificate_in_all_levels() -> None:
    catalogue = demonstration()
    assert {course.subject for course in catalogue.courses} == {"行政管理", "会计", "公共"}
    assert [each.skill_level for each in catalogue.certificates if each.title == CLERK] == ["5", "4", "3", "2", "1"]
    counts = {table: len(catalogue.table(table)) for table in ENTRY_TABLES}
    assert counts == {Table.COURSES: 26, Table.DESCRIPTIONS: 26, Table.CRITERIA: 22, Table.CERTIFICATES: 15, Table.DOSSIERS: 7,
                      Table.PROGRAMMES: 2}  # fmt: skip
    assert {each.id for each in catalogue.dossiers if not each.carried} == {"DEMO-D-07"}
    assert all(isinstance(each, Dossier) and each.kind is not Kind.COMMUNITY for each in catalogue.dossiers)


def test_demonstration_when_read_then_every_row_says_so() -> None:
    for table in Table:
        for each in rows_of(demonstration(), table):
            assert each.demo
            assert DEMO_WORD in each.note
    assert DEMO_WORD in demonstration().head.title
    assert all(DEMO_WORD in each.title for each in demonstration().programmes)
    assert DEMO_WORD in text_of(ROOT / "standards" / "catalogue" / "demo-1.0" / "README.md")


def test_demonstration_when_courses_are_described_then_each_once_with_its_credits() -> None:
    catalogue = demonstration()
    assert {each.course: each.credits for each in catalogue.descriptions} == {each.id: each.credits for each in catalogue.courses}


def test_versions_when_listed_then_oldest_first_and_drafts_among_them() -> None:
    catalogue = demonstration()
    assert [each.version for each in catalogue.versions(Table.CRITERIA, "DEMO-K-020")] == [1, 2]
    draft = catalogue.versions(Table.CRITERIA, "DEMO-K-021")
    assert [each.status for each in draft] == [EntryStatus.DRAFT]
    assert catalogue.versions(Table.CRITERIA, "NOBODY") == ()
    assert "member" in codes()
