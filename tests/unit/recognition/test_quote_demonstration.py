"""The demonstration: like courses of four banks, the administrative clerk, and why 3.5 credits became 3.0."""

from decimal import Decimal

import pytest
from support.mapping_parts import MEMBERS, SAMPLES, mapper, sample
from support.rules import DAY, catalogue, codes, demo, demo_programme, quoted, record

from gateway.model.regional import RegionalRecord
from gateway.recognition.facts import facts_of
from gateway.recognition.links import standard_courses
from gateway.recognition.names import KINDS
from gateway.recognition.quote import Item, Quote, quote
from gateway.recognition.sizes import size_steps


def awards(item: Item) -> list[tuple[str, str]]:
    return [(award.course, str(award.credits)) for award in item.awards]


def comparable() -> list[RegionalRecord]:
    """The course of each bank's sample as the mapping makes it."""
    return [mapper().to_regional(sample(region), MEMBERS[region]).part.records[0] for region in SAMPLES]


def demo_item(record: RegionalRecord, rules: str, code: str) -> Item:
    found = quote([record], demo_programme(code), demo(rules), DAY, courses=standard_courses(catalogue(), DAY))
    assert isinstance(found, Quote)
    assert found.demonstration
    return found.items[0]


def test_comparable_course_of_jiangsu_when_taken_by_zhejiang_then_why_3_5_became_3_0():
    item = demo_item(comparable()[1], "demo-kj", "DEMO-P-KJ")
    assert (awards(item), item.rule, item.submitted, item.refused) == ([("KJ004", "3.0")], "kj-management", Decimal("3.0"), 0)
    assert item.in_short.zh == (
        "3.5 学分成为 3.0 学分,因为:按折算规则 YRD-2024.1,理论 16 学时、实践 32 学时为 1 学分:45/16 + 18/32 = 3.375;"
        "取申报 3.5 与折算 3.375 的较小者;向下取整到 0.5:3.375 → 3.0"
    )
    assert item.in_short.en == (
        "3.5 credits became 3.0 because: by policy YRD-2024.1, 16 theory or 32 practice units are 1 credit: 45/16 + 18/32 = 3.375; "
        "the smaller of 3.5 declared and 3.375 computed; rounded down to 0.5: 3.375 → 3.0"
    )


@pytest.mark.parametrize(
    ("place", "rules", "code", "expected"),
    [
        (0, "demo-xzgl", "DEMO-P-XZGL", [("XZ004", "4.0")]),
        (0, "demo-kj", "DEMO-P-KJ", [("KJ004", "3.0")]),
        (1, "demo-kj", "DEMO-P-KJ", [("KJ004", "3.0")]),
        (3, "demo-kj", "DEMO-P-KJ", [("KJ001", "3.5")]),
    ],
)
def test_comparable_course_when_brought_to_a_demonstration_programme_then_its_credits(place, rules, code, expected):
    assert awards(demo_item(comparable()[place], rules, code)) == expected


@pytest.mark.parametrize("place", range(4))
def test_size_steps_when_told_then_they_lead_to_the_credits_of_the_mapping(place):
    record = comparable()[place]
    [hours] = demo("demo-kj").hours
    steps = size_steps(facts_of(record), (hours,))
    assert steps
    assert "policy" in steps[0].en
    assert "/16 + " in steps[0].en


def clerk(level: str, id: str = "c") -> RegionalRecord:
    title = "行政办事员(政务服务办事员)职业技能等级证书"
    marks = {"certificate__scheme": "HRSS", "certificate__skill_level": level}
    return record(id, None, bank="CN-34", kind="SKILL_CERT", title=title, band="P", **marks)


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("5", [("XZ011", "2.0")]),
        ("4", [("XZ011", "4.0")]),
        ("3", [("XZ011", "4.0"), ("XZ005", "3.0")]),
        ("1", [("XZ011", "4.0"), ("XZ005", "3.0"), ("XZ008", "3.0"), ("XZ013", "2.0")]),
    ],
)
def test_clerk_certificate_when_of_a_level_then_the_courses_of_the_catalogue(level, expected):
    item = demo_item(clerk(level), "demo-xzgl", "DEMO-P-XZGL")
    assert (awards(item), item.reason) == (expected, "certificate_relation")


def test_clerk_certificates_when_of_two_levels_then_the_highest_only():
    found = quoted([clerk("5", "c5"), clerk("3", "c3")], demo_programme("DEMO-P-XZGL"), demo("demo-xzgl"))
    assert [(item.record, item.reason) for item in found.items] == [("c3", "certificate_relation"), ("c5", "highest_only")]


def test_course_by_standard_course_when_the_catalogue_knows_the_alias_then_recognised():
    item = demo_item(record(title="人力资源开发与管理"), "demo-xzgl", "DEMO-P-XZGL")
    assert awards(item) == [("XZ007", "4.0")]


def test_kind_names_when_compared_with_the_code_table_then_equal():
    assert {entry.code: (entry.zh, entry.en) for entry in codes()["achievement_kind"]} == {
        str(kind): tuple(words) for kind, words in KINDS.items()
    }
