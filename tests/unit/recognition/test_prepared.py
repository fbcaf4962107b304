"""The index over rules, and the link from titles to standard courses."""

from dataclasses import replace

import pytest
from support.rules import DAY, catalogue, programme, quoted, record, rule, rule_set

from gateway.recognition.facts import StandardCourses, facts_of
from gateway.recognition.links import standard_courses
from gateway.recognition.prepared import prepared

COURSES = StandardCourses(by_title={"管理学基础": "S-1"})


def test_need_when_found_in_several_ways_then_once():
    rules = rule_set(
        rule("a", "A", need='standard_course = ["S-1"]\ncourse_code = ["CN-31/X1"]') + rule("b", "A", title=[], more="priority = 1")
    )
    facts = facts_of(record(course__code="X1"), COURSES)
    assert [entry.rule.id for entry in prepared(rules).met(facts, DAY)] == ["a", "b"]
    assert [entry.rule.id for entry in prepared(rules).named(facts)] == ["a", "b"]


@pytest.mark.parametrize(("wanted", "given"), [("MOOC", "COURSE"), ("COURSE", "MOOC"), ("SKILL_CERT", "QUAL_CERT")])
def test_record_when_of_another_kind_then_named_and_not_met(wanted, given):
    item = quoted([record(kind=given)], programme(("A", "4")), rule_set(rule("r", "A", kind=wanted))).items[0]
    assert (item.reason, item.why[0].en) == ("kind_excluded", f"kind must be {wanted}, here it is {given}")


def test_rule_set_when_prepared_twice_then_made_once():
    rules, target = rule_set(rule("r", "A")), programme(("A", "4"))
    assert prepared(rules) is prepared(rules)
    assert prepared(rules).plan(target) is prepared(rules).plan(target)
    assert prepared(rules).plan(target) is not prepared(rules).plan(replace(target))


def test_standard_courses_when_read_from_the_catalogue_then_titles_and_aliases():
    found = standard_courses(catalogue(), DAY).by_title
    assert (found["人力资源管理"], found["人力资源开发与管理"], found["管理学原理"]) == ("DEMO-C-107", "DEMO-C-107", "DEMO-C-204")


def test_standard_courses_when_two_have_one_title_then_neither():
    [first, second, *rest] = catalogue().courses
    twins = replace(catalogue(), courses=(first, replace(second, aliases=(first.title,)), *rest))
    found = standard_courses(twins, DAY).by_title
    assert first.title not in found
    assert found[second.title] == second.id


def test_standard_courses_when_an_entry_has_ended_then_left_out():
    [first, *rest] = catalogue().courses
    ended = replace(catalogue(), courses=(replace(first, valid_until=DAY.replace(year=2025)), *rest))
    assert first.title not in standard_courses(ended, DAY).by_title
