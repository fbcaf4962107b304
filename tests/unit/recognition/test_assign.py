"""The choice under caps that cross, and what happens when the search is cut short."""

from decimal import Decimal

import pytest
from support.rules import CAPS, programme, quoted, record, rule, rule_set

from gateway.model.regional import RegionalRecord
from gateway.recognition import assign as module
from gateway.recognition.programme import Programme
from gateway.recognition.quote import Quote
from gateway.recognition.rules import RuleSet


def kind_cap(kind: str, percent: str) -> str:
    return CAPS + f'[caps.kind_percent]\n{kind} = "{percent}"\n'


def total(quote: Quote) -> Decimal:
    assert quote.exact
    return quote.awarded


def test_caps_when_they_cross_then_the_better_grade_yields_where_more_is_gained():
    target = programme(("A/x", "4"), ("B/y", "4"), ("C/x", "4"), total="40", caps={"x": "4"})
    rules = rule("a", "A", title="甲", kind="MOOC") + rule("b", "B", title="乙", kind="MOOC") + rule("c", "C", title="丙")
    records = [
        record("1", title="甲", kind="MOOC", band="A"),
        record("2", title="乙", kind="MOOC", band="D"),
        record("3", title="丙", band="D"),
    ]
    found = quoted(records, target, rule_set(rules, caps=kind_cap("MOOC", "10")))
    assert total(found) == 8
    assert [item.recognised for item in found.items] == [0, 4, 4]
    assert found.items[0].reason == "cap_reached"


def test_choice_when_less_now_leaves_room_under_a_cap_then_less_is_taken():
    target = programme(("A", "4"), ("B", "4"), total="40")
    rules = rule("m", "A", title="甲", kind="MOOC") + rule("c", "A", title="乙") + rule("b", "B", title="丙", kind="MOOC")
    records = [
        record("1", "4", title="甲", kind="MOOC", band="A"),
        record("2", "3", title="乙", band="D"),
        record("3", "4", title="丙", kind="MOOC", band="D"),
    ]
    assert total(quoted(records, target, rule_set(rules, caps=kind_cap("MOOC", "10")))) == 7


def crowded() -> tuple[list[RegionalRecord], Programme, RuleSet]:
    """Twelve records that all want the same twelve courses."""
    codes = [f"C{number:02d}" for number in range(12)]
    rules = "".join(rule(f"r{number}", codes, title=f"成果{number}") for number in range(12))
    records = [record(f"{number:02d}", str(1 + number % 4), title=f"成果{number}") for number in range(12)]
    return records, programme(*((code, str(1 + place % 4)) for place, code in enumerate(codes)), total="100"), rule_set(rules)


def test_search_when_cut_short_then_says_so_and_still_keeps_every_rule():
    records, target, rules = crowded()
    found = quoted(records, target, rules)
    assert not found.exact
    courses = [award.course for item in found.items for award in item.awards]
    assert len(set(courses)) == len(courses) == 12
    assert found.submitted == found.recognised + found.refused
    assert 20 <= found.awarded <= 30
    assert quoted(records[::-1], target, rules) == found


def test_search_when_the_bound_is_met_then_exact(monkeypatch):
    records, target, rules = crowded()
    some = records[:5]
    best = quoted(some, target, rules)
    assert best.exact
    monkeypatch.setattr(module, "STEPS_MAX", 20)
    short = quoted(some, target, rules)
    assert not short.exact
    assert short.awarded <= best.awarded


@pytest.mark.parametrize("size", ["3.75", "3.999"])
def test_fixed_credits_when_the_record_has_no_whole_step_then_rounded_down(size):
    found = quoted([record(size=size)], programme(("A", "4")), rule_set(rule("r", "A", credits='"4"')))
    assert total(found) == Decimal("3.5")


def test_combinations_when_too_many_then_said_to_be_not_exact():
    need = '[[rule.need]]\nkind = ["COURSE"]\ntitle = ["{0}"]\n'
    head = '[[rule]]\nid = "m"\nzh = "z"\nen = "e"\ncardinality = "many-to-one"\nto = ["A"]\ncredits = "record"\n'
    many = head + need.format("甲") + need.format("乙")
    records = [record(f"{title}{number}", "2", title=title, course__code=str(number)) for title in "甲乙" for number in range(15)]
    found = quoted(records, programme(("A", "4")), rule_set(many))
    assert (found.awarded, found.exact) == (4, False)
