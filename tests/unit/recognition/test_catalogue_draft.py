"""A dossier becomes a draft that the rule reader takes as it is."""

import tomllib
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from support.catalogues import codes, demonstration

from gateway.errors import CatalogueError
from gateway.recognition.catalogue import Catalogue, EntryStatus
from gateway.recognition.catalogue_draft import draft_rules, draft_toml
from gateway.recognition.lint import lint
from gateway.recognition.rule_file import load_rules
from gateway.recognition.rules import Cardinality, RuleSet

DAY = date(2026, 11, 22)


def drafted(dossier: str, accepting: str = "CN-32", catalogue: Catalogue | None = None, programme: str = "") -> RuleSet:
    text = draft_toml(draft_rules(catalogue or demonstration(), dossier, accepting, DAY, programme))
    return load_rules("draft.toml", text.encode(), codes())


@pytest.mark.parametrize("number", range(1, 7))
def test_dossier_when_carried_then_its_draft_is_a_rule_file(number: int) -> None:
    rules = drafted(f"DEMO-D-0{number}")
    assert rules.rules
    assert rules.demonstration
    assert (rules.effective, rules.review) == (DAY, date(2028, 12, 31))
    known = {entry.id: entry for _, entry in demonstration().entries()}
    assert all(known[rule.catalogue].status is EntryStatus.ACTIVE for rule in rules.rules)


def test_clerk_certificate_when_drafted_then_one_rule_a_level_and_only_the_highest_counts() -> None:
    rules = {rule.id: rule for rule in drafted("DEMO-D-03").rules}
    third = rules["DEMO-X-003"]
    assert (third.cardinality, third.to_standard, third.credits) == (
        Cardinality.ONE_TO_MANY, ("DEMO-C-111", "DEMO-C-105"), (Decimal(4), Decimal(3)),
    )  # fmt: skip
    assert (third.needs[0].kinds, third.needs[0].skill_levels, third.needs[0].schemes) == ({"SKILL_CERT"}, {"3"}, {"HRSS"})
    assert {rule.group for rule in rules.values()} == {"DEMO-G-XZBSY"}
    assert rules["DEMO-K-018"].exam_still_required
    assert rules["DEMO-K-018"].needs[0].pass_counts


def test_criterion_when_its_only_source_is_the_accepting_bank_or_it_is_not_usable_then_left_out() -> None:
    assert {rule.needs[0].sources for rule in drafted("DEMO-D-03").rules if rule.id == "DEMO-K-018"} == {frozenset({"CN-33"})}
    catalogue = demonstration()
    criteria = tuple(replace(each, sources=("CN-32",)) if each.id == "DEMO-K-018" else each for each in catalogue.criteria)
    assert "DEMO-K-018" not in {rule.id for rule in drafted("DEMO-D-03", catalogue=replace(catalogue, criteria=criteria)).rules}
    assert "DEMO-X-009" not in {rule.id for rule in drafted("DEMO-D-04").rules}
    assert [rule.id for rule in drafted("DEMO-D-02").rules].count("DEMO-K-020") == 1


def test_level_given_as_text_when_drafted_then_part_of_the_title_so_that_levels_never_mix() -> None:
    titles = {rule.id: rule.needs[0].titles for rule in drafted("DEMO-D-05").rules}
    assert titles["DEMO-X-012"] == ("会计专业技术资格(初级)", "会计专业技术资格初级")
    assert set(titles["DEMO-X-012"]).isdisjoint(titles["DEMO-X-013"])


def test_courses_of_equal_content_when_drafted_then_in_one_group() -> None:
    assert {rule.group for rule in drafted("DEMO-D-01").rules} == {""}  # the other course of the group is not in this draft
    catalogue = demonstration()
    courses = tuple(replace(each, content_group="DEMO-G-MGMT") if each.id == "DEMO-C-101" else each for each in catalogue.courses)
    found = drafted("DEMO-D-01", catalogue=replace(catalogue, courses=courses))
    assert {rule.id for rule in found.rules if rule.group == "DEMO-G-MGMT"} == {"DEMO-K-001", "DEMO-K-003"}
    assert [group.reason.value for group in found.groups] == ["equal_content"]


def test_dossier_when_nothing_rests_on_it_yet_then_rules_of_its_own() -> None:
    catalogue = replace(demonstration(), criteria=(), certificates=())
    together = drafted("DEMO-D-03", catalogue=catalogue).rules
    apart = drafted("DEMO-D-01", catalogue=catalogue).rules
    assert [(rule.cardinality, len(rule.to_standard)) for rule in together] == [(Cardinality.ONE_TO_MANY, 4)]
    assert [(rule.cardinality, len(rule.to_standard)) for rule in apart] == [(Cardinality.ONE_TO_ONE, 1)] * 13
    assert apart[0].needs[0].band_min == "C"


PROGRAMMES = {"DEMO-P-XZGL": ("CN-32", (1, 3, 4, 5, 6)), "DEMO-P-KJ": ("CN-33", (2, 5, 6))}
"""Accepting bank, and the dossiers that have something for the programme."""


@pytest.mark.parametrize(("programme", "number"), [(name, number) for name, (_, numbers) in PROGRAMMES.items() for number in numbers])
def test_draft_when_linted_for_its_programme_then_no_finding(programme: str, number: int) -> None:
    catalogue = demonstration()
    text = draft_toml(draft_rules(catalogue, f"DEMO-D-0{number}", PROGRAMMES[programme][0], DAY, programme))
    target = catalogue.programme(programme, DAY)
    assert lint("draft.toml", text.encode(), codes(), day=DAY, catalogue=catalogue, programmes=(target,)) == ()


def test_draft_when_the_programme_has_none_of_the_courses_then_refused() -> None:
    with pytest.raises(CatalogueError) as caught:
        draft_rules(demonstration(), "DEMO-D-03", "CN-33", DAY, "DEMO-P-KJ")
    assert caught.value.code == "catalogue.nothing_to_draft"


def test_programme_when_named_then_its_resident_minimum_is_taken() -> None:
    found = drafted("DEMO-D-03", programme="DEMO-P-XZGL")
    assert (found.programmes, found.caps.resident_credits_min) == ({"DEMO-P-XZGL"}, Decimal(23))


def test_dossier_when_not_carried_expired_or_unknown_then_no_draft() -> None:
    for dossier, day, code in (
        ("DEMO-D-07", DAY, "catalogue.not_carried"),
        ("DEMO-D-03", date(2031, 1, 1), "catalogue.expired"),
        ("DEMO-D-03", date(2029, 1, 1), "catalogue.review_overdue"),
        ("DEMO-D-99", DAY, "catalogue.unknown_entry"),
    ):
        with pytest.raises(CatalogueError) as caught:
            draft_rules(demonstration(), dossier, "CN-32", day)
        assert caught.value.code == code


def test_texts_when_they_hold_quotes_and_backslashes_then_the_file_still_gives_them_back() -> None:
    catalogue = demonstration()
    dossiers = tuple(replace(each, title='"]\\ = #') if each.id == "DEMO-D-03" else each for each in catalogue.dossiers)
    text = draft_toml(draft_rules(replace(catalogue, dossiers=dossiers), "DEMO-D-03", "CN-32", DAY))
    assert tomllib.loads(text)["zh"] == '草案:"]\\ = #'
