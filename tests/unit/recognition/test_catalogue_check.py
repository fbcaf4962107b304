"""Each rule between rows, and each form of a cell: one thing is spoilt, exactly that place and code come back."""

from collections.abc import Callable
from typing import Any

import pytest
from support.catalogues import demonstration, document, number, problems, read, row

from gateway.errors import CatalogueError
from gateway.recognition.catalogue_problems import PROBLEMS_MAX, WORDS, invalid, problem


def test_demonstration_when_nothing_is_spoilt_then_nothing_is_wrong() -> None:
    assert problems(document()) == set()
    assert read(document()) == demonstration()


CELLS = [
    ("courses", "DEMO-C-101", "id", "DEMO C 101", "bad_id"),
    ("courses", "DEMO-C-101", "id", "", "required"),
    ("courses", "DEMO-C-113", "version", 0, "bad_number"),
    ("courses", "DEMO-C-113", "version", "1.5", "bad_number"),
    ("courses", "DEMO-C-113", "credits", "-2", "bad_number"),
    ("courses", "DEMO-C-113", "credits", "2.125", "bad_number"),
    ("courses", "DEMO-C-113", "credits", "2学分", "bad_number"),
    ("courses", "DEMO-C-113", "credits", 4000, "bad_number"),
    ("courses", "DEMO-C-113", "credits", [2], "bad_cell"),
    ("courses", "DEMO-C-113", "level", 11, "bad_number"),
    ("courses", "DEMO-C-113", "level", 0, "bad_number"),
    ("courses", "DEMO-C-113", "title", "公共\u202e关系", "bad_text"),
    ("courses", "DEMO-C-113", "title", "公共\n关系", "bad_text"),
    ("courses", "DEMO-C-113", "title", "公" * 201, "text_too_long"),
    ("courses", "DEMO-C-113", "title", None, "required"),
    ("courses", "DEMO-C-113", "aliases", ["甲", "甲"], "bad_list"),
    ("courses", "DEMO-C-113", "aliases", ["甲;乙"], "bad_list"),
    ("courses", "DEMO-C-113", "aliases", "甲", "bad_list"),
    ("courses", "DEMO-C-113", "stage", "COLLEGE", "unknown_code"),
    ("courses", "DEMO-C-113", "status", "published", "unknown_word"),
    ("courses", "DEMO-C-113", "valid_from", "2026-13-01", "bad_date"),
    ("courses", "DEMO-C-113", "valid_from", "01.02.2026", "bad_date"),
    ("courses", "DEMO-C-113", "valid_until", "9999-12-31", "bad_date"),
    ("courses", "DEMO-C-113", "demo", "maybe", "bad_flag"),
    ("criteria", "DEMO-K-001", "kind", "LEISURE", "unknown_word"),
    ("criteria", "DEMO-K-001", "grade_min", "F", "unknown_word"),
    ("criteria", "DEMO-K-001", "content_min", 101, "bad_number"),
    ("criteria", "DEMO-K-001", "sources", ["CN-99"], "unknown_code"),
    ("criteria", "DEMO-K-001", "results", [], "required"),
    ("certificates", "DEMO-X-001", "skill_level", "9", "unknown_code"),
    ("certificates", "DEMO-X-001", "scheme", "HRS", "unknown_code"),
    ("certificates", "DEMO-X-001", "courses", [{"course": "DEMO-C-111"}], "bad_list"),
    ("certificates", "DEMO-X-001", "courses", [{"course": "DEMO-C-111", "credits": "two"}], "bad_number"),
    ("dossiers", "DEMO-D-03", "members", [{"role": "chair", "members": -1}], "bad_number"),
    ("programmes", "DEMO-P-KJ", "accepting", "CN-99", "unknown_code"),
]


@pytest.mark.parametrize(("table", "entry", "column", "value", "code"), CELLS)
def test_cell_when_it_is_not_of_its_form_then_refused_at_its_place(table: str, entry: str, column: str, value: Any, code: str) -> None:
    whole = document()
    place = number(whole, table, entry)
    row(whole, table, entry)[column] = value
    found = problems(whole)
    assert (f"{table}:{place}:{column}", f"catalogue.{code}") in found
    assert {each for each in found if each[0].startswith(f"{table}:{place}")} == {(f"{table}:{place}:{column}", f"catalogue.{code}")}
    assert len(found) <= (1 if entry != "DEMO-C-101" else 8)


RULES = [
    ("courses", "DEMO-C-113", {"valid_until": "2025-01-01"}, "valid_until", "period"),
    ("courses", "DEMO-C-113", {"review_on": "2031-01-01"}, "review_on", "review_outside"),
    ("courses", "DEMO-C-113", {"dossier": ""}, "dossier", "no_dossier"),
    ("courses", "DEMO-C-113", {"dossier": "DEMO-D-99"}, "dossier", "unknown_dossier"),
    ("courses", "DEMO-C-112", {"dossier": "DEMO-D-07"}, "dossier", "not_carried"),
    ("courses", "DEMO-C-113", {"demo": False}, "demo", "demo_mixed"),
    ("courses", "DEMO-C-113", {"note": ""}, "note", "demo_label"),
    ("descriptions", "DEMO-S-113", {"credits": 3}, "credits", "credits_differ"),
    ("descriptions", "DEMO-S-113", {"prerequisites": ["DEMO-C-999"]}, "prerequisites", "unknown_course"),
    ("descriptions", "DEMO-S-113", {"prerequisites": ["DEMO-C-113"]}, "prerequisites", "circle"),
    ("criteria", "DEMO-K-001", {"course": "DEMO-C-999"}, "course", "unknown_course"),
    ("criteria", "DEMO-K-001", {"kind": "COMMUNITY"}, "kind", "never_academic"),
    ("certificates", "DEMO-X-003", {"credits": 8}, "credits", "sum_differs"),
    ("certificates", "DEMO-X-003", {"scheme": ""}, "skill_level", "level_without_scheme"),
    ("certificates", "DEMO-X-003", {"level_text": "高级"}, "skill_level", "level_without_scheme"),
    ("certificates", "DEMO-X-012", {"level_text": ""}, "skill_level", "level_without_scheme"),
    ("dossiers", "DEMO-D-03", {"votes_abstain": 1}, "votes_for", "votes_differ"),
    ("dossiers", "DEMO-D-03", {"members": [{"role": "subject_expert", "members": 7}]}, "members", "no_chair"),
    (
        "dossiers",
        "DEMO-D-03",
        {"members": [{"role": "chair", "members": 2}, {"role": "subject_expert", "members": 5}]},
        "members",
        "no_chair",
    ),
    ("dossiers", "DEMO-D-03", {"scheme": "", "skill_level": "3"}, "skill_level", "level_without_scheme"),
    ("dossiers", "DEMO-D-03", {"credits": 13}, "credits", "sum_differs"),
    ("dossiers", "DEMO-D-07", {"kind": "COMMUNITY"}, "kind", "never_academic"),
    ("programmes", "DEMO-P-KJ", {"resident_credits_min": 77}, "resident_credits_min", "resident_over_total"),
    ("programmes", "DEMO-P-KJ", {"category_caps": [{"category": "专业选修课", "credits": 77}]}, "category_caps", "cap_over_total"),
    ("programmes", "DEMO-P-KJ", {"category_caps": [{"category": "体育课", "credits": 2}]}, "category_caps", "unknown_category"),
    ("programme_courses", "KJ001", {"programme": "DEMO-P-99"}, "programme", "unknown_programme"),
    ("programme_courses", "KJ001", {"standard_course": "DEMO-C-999"}, "standard_course", "unknown_course"),
]


@pytest.mark.parametrize(("table", "entry", "changes", "column", "code"), RULES)
def test_rows_when_one_does_not_hold_then_that_alone_at_its_place(
    table: str, entry: str, changes: dict[str, Any], column: str, code: str
) -> None:
    whole = document()
    row(whole, table, entry).update(changes)
    assert problems(whole) == {(f"{table}:{number(whole, table, entry)}:{column}", f"catalogue.{code}")}


def change(spoil: Callable[[dict[str, Any]], None]) -> set[tuple[str, str]]:
    whole = document()
    spoil(whole["tables"])
    return problems(whole)


def test_criterion_when_above_the_course_and_the_panel_then_both_are_told() -> None:
    def spoil(tables: dict[str, Any]) -> None:
        tables["criteria"][0]["credits"] = 5

    assert change(spoil) == {("criteria:1:credits", "catalogue.over_course"), ("criteria:1:credits", "catalogue.over_dossier")}


def test_certificate_when_above_the_panel_only_then_over_dossier() -> None:
    def spoil(tables: dict[str, Any]) -> None:
        tables["certificates"][0].update(courses=[{"course": "DEMO-C-110", "credits": 4}], credits=4)

    assert change(spoil) == {("certificates:1:credits", "catalogue.over_dossier")}


def test_versions_when_repeated_or_overlapping_then_refused() -> None:
    def twice(tables: dict[str, Any]) -> None:
        tables["courses"].append(tables["courses"][0] | {"status": "withdrawn"})

    def overlapping(tables: dict[str, Any]) -> None:
        tables["courses"].append(tables["courses"][0] | {"version": 2, "valid_from": "2030-12-31", "review_on": "2030-12-31"})

    def following(tables: dict[str, Any]) -> None:
        tables["courses"].append(
            tables["courses"][0] | {"version": 2, "valid_from": "2031-01-01", "review_on": "2031-06-01", "valid_until": "2032-01-01"}
        )

    assert change(twice) == {("courses:27:id", "catalogue.duplicate_entry")}
    assert change(overlapping) == {("courses:27:valid_from", "catalogue.periods_overlap")}
    assert change(following) == set()


def test_versions_when_a_long_one_covers_two_then_both_overlap() -> None:
    def spoil(tables: dict[str, Any]) -> None:
        first = tables["courses"][0]
        tables["courses"] += [
            first | {"version": 2, "valid_from": "2027-01-01", "valid_until": "2027-12-31", "review_on": "2027-06-01"},
            first | {"version": 3, "valid_from": "2029-01-01", "valid_until": "2029-12-31", "review_on": "2029-06-01"},
        ]

    assert change(spoil) == {("courses:27:valid_from", "catalogue.periods_overlap"), ("courses:28:valid_from", "catalogue.periods_overlap")}


def test_programme_course_when_it_stands_twice_then_refused() -> None:
    def spoil(tables: dict[str, Any]) -> None:
        tables["programme_courses"].append(tables["programme_courses"][0])

    assert change(spoil) == {("programme_courses:34:id", "catalogue.duplicate_entry")}


def test_prerequisites_when_they_form_a_longer_circle_then_every_link_is_told() -> None:
    def spoil(tables: dict[str, Any]) -> None:
        by_course = {each["course"]: each for each in tables["descriptions"]}
        by_course["DEMO-C-112"]["prerequisites"] = ["DEMO-C-113"]
        by_course["DEMO-C-113"]["prerequisites"] = ["DEMO-C-112"]

    assert change(spoil) == {("descriptions:12:prerequisites", "catalogue.circle"), ("descriptions:13:prerequisites", "catalogue.circle")}


def test_head_when_missing_or_twice_then_refused() -> None:
    def none(tables: dict[str, Any]) -> None:
        tables["catalogue"] = []

    def two(tables: dict[str, Any]) -> None:
        tables["catalogue"] *= 2

    assert change(none) == change(two) == {("catalogue", "catalogue.one_head")}
    assert change(lambda tables: tables.pop("dossiers")) >= {("dossiers", "catalogue.missing_table")}


def test_broken_course_when_others_name_it_then_no_second_complaint() -> None:
    def spoil(tables: dict[str, Any]) -> None:
        tables["courses"][0]["credits"] = "many"

    assert change(spoil) == {("courses:1:credits", "catalogue.bad_number")}


def test_real_catalogue_when_a_demonstration_entry_slips_in_then_refused() -> None:
    def spoil(tables: dict[str, Any]) -> None:
        for table in tables.values():
            for each in table:
                each["demo"] = False
        tables["courses"][0]["demo"] = True

    assert change(spoil) == {("courses:1:demo", "catalogue.demo_mixed")}


def test_problems_when_there_are_too_many_then_the_last_says_so() -> None:
    error = invalid([problem(str(place), "catalogue.required") for place in range(PROBLEMS_MAX + 7)])
    assert (len(error.problems), error.problems[-1].code, error.facts["count"]) == (PROBLEMS_MAX + 1, "catalogue.more_problems", 507)
    assert len(invalid([problem("", "catalogue.required")] * PROBLEMS_MAX).problems) == PROBLEMS_MAX


def test_everything_wrong_at_once_when_read_then_everything_is_told() -> None:
    whole = document()
    for table, entry, column, value, _ in CELLS[10:20]:
        row(whole, table, entry)[column] = value
    for table, entry, changes, _, _ in RULES[-6:]:
        row(whole, table, entry).update(changes)
    with pytest.raises(CatalogueError) as caught:
        read(whole)
    assert len(caught.value.problems) > 8
    assert all(each.code in WORDS for each in caught.value.problems)
