"""Sizes: units in the type, nothing rounded, minutes and units exact or named."""

from decimal import Decimal

import pytest
from support.mapping_parts import problems, record, written

from gateway.model.units import Credits, Points, Sessions, Units


def test_quantities_then_carry_their_unit_in_the_type():
    found = record("zhejiang", {"workload.points": "48.0", "workload.creditValue": "2"}).values
    assert (found["size.points"], found["size.declared"]) == (Points(Decimal("48.0")), Credits(Decimal(2)))


@pytest.mark.parametrize("value", ["-1", "1e3", "١٢", "4,5", "1234567890", "NaN", 4, True])
def test_decimal_text_that_is_no_size_then_is_refused(value):
    assert problems("jiangsu", {"XF": value}) == [("row 1: XF", "mapping.impossible_value")]


@pytest.mark.parametrize("value", [-1, "4", True, Decimal(4), 10**12])
def test_integer_that_is_no_size_then_is_refused(value):
    assert problems("shanghai", {"credit": value}) == [("row 1: credit", "mapping.impossible_value")]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("64(48+16)", {"size.units": Units(Decimal(64)), "size.theory": Units(Decimal(48)), "size.practice": Units(Decimal(16))}),
        ("80", {"size.units": Units(Decimal(80))}),
        ("12次", {"size.sessions": Sessions(Decimal(12))}),
        ("—", {}),
        ("", {}),
    ],
)
def test_anhui_hours_then_are_units_or_sessions_never_both(cell, expected):
    found = record("anhui", {"课时": cell}).values
    assert {
        path: value for path, value in found.items() if path.startswith("size.") and path not in ("size.credits", "size.policy")
    } == expected


@pytest.mark.parametrize("cell", ["32+32", "64(48+10)", "很多"])
def test_anhui_hours_that_are_unclear_then_are_refused(cell):
    assert problems("anhui", {"课时": cell}) == [("row 1: 课时", "mapping.impossible_value")]


def test_anhui_credits_then_are_read_with_their_unit_word_which_is_kept():
    found = record("anhui", {"学分": "3.5学分"})
    assert found.values["size.declared"] == Credits(Decimal("3.5"))
    assert [(extra.path, extra.value) for extra in found.extras] == [("学分", "3.5学分")]
    assert problems("anhui", {"学分": "三"}) == [("row 1: 学分", "mapping.impossible_value")]


@pytest.mark.parametrize(("minutes", "hours"), [(2880, "64"), (90, "2"), (1035, "23")])
def test_minutes_when_the_target_counts_units_then_are_divided_exactly_and_noted(minutes, hours):
    values, _, _ = written("zhejiang", {"workload.minutes": minutes}, "jiangsu")
    assert values["XS"] == hours


@pytest.mark.parametrize("target", ["jiangsu", "shanghai", "anhui"])
def test_minutes_that_are_no_whole_hundredth_of_a_unit_then_are_named_not_rounded(target):
    values, dropped, _ = written("zhejiang", {"workload.minutes": 100}, target)
    assert not {"XS", "credit_hour"} & values.keys()
    assert not values.get("课时")
    assert dropped["size.minutes"] == ("precision", "100")


def test_units_when_the_target_counts_minutes_then_are_multiplied():
    values, _, _ = written("anhui", {"课时": "64(48+16)"}, "zhejiang")
    assert values["workload.minutes"] == 2880
