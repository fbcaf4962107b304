"""Grades: each keeps its own scale; what a format cannot say is named."""

from decimal import Decimal

import pytest
from support.mapping_parts import problems, record, written

from gateway.mapping.grades import band_of


@pytest.mark.parametrize(
    ("percent", "band"),
    [
        ("100", "A"),
        ("90", "A"),
        ("89.99", "B"),
        ("80", "B"),
        ("79.99", "C"),
        ("70", "C"),
        ("69.99", "D"),
        ("60", "D"),
        ("59.99", "F"),
        ("0", "F"),
    ],
)
def test_band_of_a_percentage_then_has_sharp_edges(percent, band):
    assert band_of(Decimal(percent)) == band


@pytest.mark.parametrize(("score", "passed", "band"), [(60, True, "D"), (59, False, "F"), (0, False, "F"), (100, True, "A")])
def test_shanghai_score_then_is_a_percentage_by_assumption(score, passed, band):
    found = record("shanghai", {"course_score": score})
    assert found.values["result.raw"] == str(score)
    assert found.values["result.scale"] == "PERCENT"
    assert found.values["result.percent"] == Decimal(score)
    assert (found.values["result.passed"], found.values["result.band"]) == (passed, band)
    assert "scale_unstated" in found.issues


@pytest.mark.parametrize("score", [101, -1, "86", True, Decimal("86.5")])
def test_shanghai_score_that_is_none_then_is_refused(score):
    assert problems("shanghai", {"course_score": score}) == [("row 1: course_score", "mapping.impossible_value")]


@pytest.mark.parametrize(
    ("grade", "kind", "scale", "percent", "passed", "band"),
    [
        ("优", "DJ", "LEVEL5", None, True, "A"),
        ("良", "DJ", "LEVEL5", None, True, "B"),
        ("中", "DJ", "LEVEL5", None, True, "C"),
        ("及", "DJ", "LEVEL5", None, True, "D"),
        ("不", "DJ", "LEVEL5", None, False, "F"),
        ("1", "HG", "PASS", None, True, "P"),
        ("0", "HG", "PASS", None, False, "F"),
        ("87.5", "BF", "PERCENT", Decimal("87.5"), True, "B"),
        ("59", "BF", "PERCENT", Decimal(59), False, "F"),
    ],
)
def test_jiangsu_grade_then_keeps_its_scale_beside_the_band(grade, kind, scale, percent, passed, band):
    found = record("jiangsu", {"CJ": grade, "CJ@LX": kind}).values
    assert (found["result.raw"], found["result.scale"], found["result.passed"], found["result.band"]) == (grade, scale, passed, band)
    assert found.get("result.percent") == percent


@pytest.mark.parametrize(
    ("values", "path", "code"),
    [
        ({"CJ": "良"}, "CJ", "mapping.no_code_set"),
        ({"CJ@LX": "DJ"}, "CJ", "mapping.missing_value"),
        ({"CJ": "良", "CJ@LX": "XX"}, "CJ@LX", "mapping.unknown_code"),
        ({"CJ": "好", "CJ@LX": "DJ"}, "CJ", "mapping.unknown_code"),
        ({"CJ": "2", "CJ@LX": "HG"}, "CJ", "mapping.unknown_code"),
        ({"CJ": "101", "CJ@LX": "BF"}, "CJ", "mapping.impossible_value"),
    ],
)
def test_jiangsu_grade_that_is_none_then_is_refused(values, path, code):
    assert problems("jiangsu", values) == [(f"row 1: {path}", code)]


@pytest.mark.parametrize(
    ("value", "scale", "percent", "passed", "band"),
    [
        ("3.75", "GPA5", "87.5", True, "B"),
        ("3.75", "GPA5", None, True, None),
        ("0.5", "GPA5", None, False, "F"),
        ("P", "PASS", None, True, "P"),
        ("F", "PASS", None, False, "F"),
        ("88", "PERCENT", None, True, "B"),
        ("良好", "LEVEL5", None, True, "B"),
        ("不及格", "LEVEL5", None, False, "F"),
        ("二级甲等", "PUTONGHUA", None, None, None),
        ("参加", "ATTENDANCE", None, None, None),
    ],
)
def test_zhejiang_grade_then_keeps_its_scale_and_invents_no_band(value, scale, percent, passed, band):
    found = record("zhejiang", {"result.value": value, "result.scale": scale, "result.percent": percent}).values
    assert (found["result.raw"], found["result.scale"]) == (value, scale)
    assert (found.get("result.passed"), found.get("result.band")) == (passed, band)


def test_zhejiang_grade_when_point_and_percentage_disagree_then_is_flagged():
    values = {"result.value": "3.0", "result.scale": "GPA5", "result.percent": "87.5"}
    assert "percent_differs_from_gpa" in record("zhejiang", values).issues


@pytest.mark.parametrize(
    ("values", "path", "code"),
    [
        ({"result.value": "3.75"}, "result.value", "mapping.no_code_set"),
        ({"result.scale": "GPA5"}, "result.value", "mapping.missing_value"),
        ({"result.value": "5.5", "result.scale": "GPA5"}, "result.value", "mapping.impossible_value"),
        ({"result.value": "Q", "result.scale": "PASS"}, "result.value", "mapping.impossible_value"),
        ({"result.value": "88", "result.scale": "PERCENT", "result.percent": "90"}, "result.value", "mapping.impossible_value"),
        ({"result.value": "合格", "result.scale": "LEVEL5"}, "result.value", "mapping.impossible_value"),
        ({"result.value": "A", "result.scale": "ECTS"}, "result.scale", "mapping.unknown_code"),
        ({"result.percent": "101"}, "result.percent", "mapping.impossible_value"),
    ],
)
def test_zhejiang_grade_that_is_none_then_is_refused(values, path, code):
    assert problems("zhejiang", values) == [(f"row 1: {path}", code)]


@pytest.mark.parametrize(
    ("cell", "scale", "percent", "passed", "band"),
    [
        ("良好", "LEVEL5", None, True, "B"),
        ("78/100", "PERCENT", Decimal(78), True, "C"),
        ("合格", "PASS", None, True, "P"),
        ("不合格", "PASS", None, False, "F"),
        ("二级甲等", "PUTONGHUA", None, None, None),
        ("参加", "ATTENDANCE", None, None, None),
    ],
)
def test_anhui_grade_then_keeps_its_scale(cell, scale, percent, passed, band):
    found = record("anhui", {"成绩": cell}).values
    assert (found["result.raw"], found["result.scale"], found.get("result.percent")) == (cell, scale, percent)
    assert (found.get("result.passed"), found.get("result.band")) == (passed, band)


def test_anhui_grade_when_it_is_a_bare_number_then_has_no_scale_and_is_refused():
    assert problems("anhui", {"成绩": "78"}) == [("row 1: 成绩", "mapping.no_code_set")]
    assert problems("anhui", {"成绩": "还行"}) == [("row 1: 成绩", "mapping.unknown_code")]


@pytest.mark.parametrize(
    ("cell", "target", "expected", "reason"),
    [
        ("二级甲等", "jiangsu", {}, "no_counterpart"),
        ("二级甲等", "zhejiang", {"result.value": "二级甲等", "result.scale": "PUTONGHUA"}, ""),
        ("合格", "jiangsu", {"CJ": "1", "CJ@LX": "HG"}, ""),
        ("不合格", "zhejiang", {"result.value": "F", "result.scale": "PASS"}, ""),
        ("78/100", "shanghai", {"course_score": 78}, ""),
        ("合格", "shanghai", {}, "no_counterpart"),
    ],
)
def test_anhui_grade_when_written_for_another_bank_then_is_said_or_named(cell, target, expected, reason):
    values, dropped, _ = written("anhui", {"成绩": cell}, target)
    paths = {"course_score", "CJ", "CJ@LX", "result.value", "result.scale"}
    assert {path: value for path, value in values.items() if path in paths} == expected
    assert dropped.get("result.raw", ("", ""))[0] == reason


def test_grade_point_without_a_percentage_when_the_target_has_no_points_then_only_passed_is_said():
    values, dropped, near = written("zhejiang", {"result.value": "3.75", "result.scale": "GPA5"}, "jiangsu")
    assert (values["CJ"], values["CJ@LX"]) == ("1", "HG")
    assert dropped["result.raw"] == ("narrower_scale", "3.75")
    assert near["result.raw"] == ("narrower_scale", "3.75 (GPA5)")
