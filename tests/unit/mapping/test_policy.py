"""Policies: exact arithmetic, one rounding, and sentences that show every step."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import MappingError
from gateway.mapping.policy import Measures, Policies, read_policies, steps

TEXT = (Path(__file__).parents[3] / "gateway/mapping/rules/policies.toml").read_text(encoding="utf-8")
POLICY = read_policies(TEXT).by_id["YRD-2024.1"]


def size(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


@pytest.mark.parametrize(
    ("declared", "units", "theory", "practice", "minutes", "expected"),
    [
        ("4", "64", None, None, None, "4.0"),
        ("3.5", "63", "45", "18", None, "3.0"),
        (None, None, None, None, "2880", "4.0"),
        ("3.5", "64", "48", "16", None, "3.5"),
        ("4", None, None, None, None, "4.0"),
        ("3.9", None, None, None, None, "3.5"),
        ("10", "64", None, None, None, "4.0"),
        (None, "7", None, None, None, "0.0"),
        ("0", "64", None, None, None, "0.0"),
        (None, "64", "32", None, None, "3.0"),
        (None, "64", None, "32", None, "3.0"),
        (None, None, None, None, None, None),
    ],
)
def test_credits_of_a_course_then_are_the_smaller_rounded_down_once(declared, units, theory, practice, minutes, expected):
    measures = Measures("COURSE", *map(size, (declared, units, theory, practice, minutes)))
    found = POLICY.work(measures).credits
    assert (None if found is None else str(found)) == expected


def test_rounding_when_both_parts_have_halves_then_happens_after_the_minimum():
    working = POLICY.work(Measures("COURSE", Decimal("3.4"), Decimal(63), Decimal(45), Decimal(18)))
    assert working.computed == Decimal("3.375")
    assert working.least == Decimal("3.375")
    assert working.credits == Decimal("3.0")


@pytest.mark.parametrize("kind", ["SKILL_CERT", "QUAL_CERT", "TRAINING", "COMMUNITY", "AWARD", "WORK"])
def test_hours_of_other_kinds_then_do_not_count(kind):
    working = POLICY.work(Measures(kind, None, Decimal(80)))
    assert (working.hours_count, working.computed, working.credits) == (False, None, None)


def test_assumptions_then_are_named_only_where_they_were_made():
    assert POLICY.work(Measures("COURSE", None, Decimal(64))).assumptions == ("assumed_45_minutes", "assumed_all_theory")
    assert POLICY.work(Measures("COURSE", None, Decimal(64), Decimal(48), Decimal(16))).assumptions == ("assumed_45_minutes",)
    assert POLICY.work(Measures("COURSE", None, minutes=Decimal(2880))).assumptions == ("assumed_all_theory",)
    assert POLICY.work(Measures("COURSE", Decimal(3))).assumptions == ()


sizes = st.none() | st.decimals(min_value=0, max_value=2000, places=2)


@given(declared=sizes, units=sizes, minutes=sizes)
def test_credits_then_are_a_multiple_of_a_half_and_never_more_than_either_side(declared, units, minutes):
    working = POLICY.work(Measures("COURSE", declared, units, None, None, minutes))
    if working.credits is None:
        assert declared is None
        assert units is None
        assert minutes is None
        return
    assert working.credits % Decimal("0.5") == 0
    assert declared is None or working.credits <= declared
    assert working.computed is None or working.credits <= working.computed
    assert working.least is not None
    assert working.least - working.credits < Decimal("0.5")


def test_sentences_when_three_and_a_half_becomes_three_then_show_each_step_in_both_languages():
    working = POLICY.work(Measures("COURSE", Decimal("3.5"), Decimal(63), Decimal(45), Decimal(18)))
    assert steps(working, POLICY, "zh") == (
        "折算规则 YRD-2024.1",
        "假定每学时 45 分钟",
        "由学时折算(理论/16 + 实践/32):45/16 + 18/32 = 3.375",
        "来源申报 3.5 学分",
        "取较小者:min(3.5, 3.375) = 3.375",
        "向下取整到 0.5:3.375 → 3.0 区域学分",
    )
    english = steps(working, POLICY, "en")
    assert len(english) == 6
    assert english[-1] == "rounded down to 0.5: 3.375 → 3.0 regional credits"


@pytest.mark.parametrize(
    ("measures", "words"),
    [
        (Measures("COURSE", None, minutes=Decimal(2880)), "2880 分钟 ÷ 45 = 64 学时"),
        (Measures("COURSE", None, minutes=Decimal(2880)), "来源未申报学分,不参与比较"),
        (Measures("COURSE", Decimal(4), Decimal(64)), "来源未分理论与实践,假定 64 学时全部为理论"),
        (Measures("COURSE", Decimal(4)), "没有学时,无法由学时折算"),
        (Measures("COURSE"), "既无申报学分,也无可折算的学时:不给出学分(不是 0)"),
        (Measures("SKILL_CERT", Decimal(2), Decimal(80)), "此类成果的学时不折算学分"),
    ],
)
def test_sentences_then_say_what_was_missing_or_assumed(measures, words):
    assert words in steps(POLICY.work(measures), POLICY, "zh")


def test_workings_when_asked_twice_then_are_the_same():
    policies = Policies((POLICY,))
    first = policies.work("YRD-2024.1", "COURSE", Decimal("3.5"), Decimal(63), Decimal(45), Decimal(18), None)
    assert policies.work("YRD-2024.1", "COURSE", Decimal("3.5"), Decimal(63), Decimal(45), Decimal(18), None) == first


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ('"45"', "45", "mapping.bad_setting"),
        ('"16"', '"0"', "mapping.bad_setting"),
        ('"16"', '"NaN"', "mapping.bad_setting"),
        ('"COURSE", ', '"COARSE", ', "mapping.bad_setting"),
        ('id = "YRD-2024.1"', 'name = "YRD-2024.1"', "mapping.missing_setting"),
        ("leisure_convertible = true", 'leisure_convertible = "yes"', "mapping.bad_setting"),
        ("rounding_step", "rounding", "mapping.unknown_setting"),
        ("[[policy]]", "[[policy]", "mapping.bad_toml"),
        ("[[policy]]", "[[policies]]", "mapping.missing_setting"),
    ],
)
def test_policy_file_with_a_fault_then_is_refused_by_name(before, after, code):
    assert before in TEXT
    with pytest.raises(MappingError) as caught:
        read_policies(TEXT.replace(before, after, 1))
    assert caught.value.code == "mapping.bad_ruleset"
    assert code in {problem.code for problem in caught.value.problems}


def test_policy_file_with_one_id_twice_then_is_refused():
    with pytest.raises(MappingError) as caught:
        read_policies(TEXT + TEXT)
    assert [problem.code for problem in caught.value.problems] == ["mapping.repeated_id"]
