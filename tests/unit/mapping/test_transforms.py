"""Titles, issuers, accounts and ids, and values of a wrong type."""

from decimal import Decimal

import pytest
from support.mapping_parts import BASE, lines, mapper, one, part_of, problems, record, written

from gateway.model.regional import Fate


def test_jiangsu_title_then_is_looked_for_where_its_class_keeps_it():
    found = one("jiangsu", {"@LB": "03", "@CZ": "X", "KC@MC": "课程", "ZS@MC": "证书"})
    assert found.values["title"] == "证书"
    assert [(extra.path, extra.value) for extra in found.extras] == [("KC@MC", "课程")]


def test_jiangsu_title_when_it_stands_elsewhere_then_returns_to_where_it_stood():
    part = part_of("jiangsu", {"@LB": "05", "@CZ": "X", "ZS@MC": "培训证书"})
    back = mapper().to_local(mapper().to_regional(part, "CN-32").part, "jiangsu").part.records[0].values
    assert back["ZS@MC"] == "培训证书"
    assert "KC@MC" not in back


def test_jiangsu_title_when_both_places_say_the_same_then_the_second_is_a_duplicate_and_the_first_returns():
    mapped = mapper().to_regional(part_of("jiangsu", {"@LB": "01", "@CZ": "X", "KC@MC": "会计", "ZS@MC": "会计"}), "CN-32")
    assert lines(mapped.loss, Fate.DROPPED) == {"ZS@MC": ("duplicate", "会计")}
    assert mapper().to_local(mapped.part, "jiangsu").part.records[0].values["KC@MC"] == "会计"


@pytest.mark.parametrize("name", ["上海开放大学黄浦分校", "上海开放大学(黄浦)"])
def test_two_spellings_of_one_school_then_give_one_code_and_keep_the_spelling(name):
    found = record("shanghai", {"inst_name": name})
    assert (found.values["issuer.name"], found.values["issuer.uscc"]) == (name, "12310000425060017N")
    assert "issuer_unresolved" not in found.issues
    assert ("issuer_alias_used" in found.issues) is (name != "上海开放大学黄浦分校")


def test_school_that_no_table_knows_then_is_flagged_unresolved():
    assert "issuer_unresolved" in record("shanghai", {"inst_name": "某某中心"}).issues


@pytest.mark.parametrize(("code", "field"), [("513200005098812349", "issuer.uscc"), ("4232051256", "issuer.school")])
def test_jiangsu_issuer_code_then_is_told_apart_by_its_form(code, field):
    assert record("jiangsu", {"FZDW@DM": code}).values[field] == code


def test_issuer_code_that_fails_its_check_then_is_kept_beside_and_flagged():
    found = record("zhejiang", {"provider.uscc": "123300004700050171"})
    assert "issuer.uscc" not in found.values
    assert {"issuer_code_invalid", "issuer_unresolved"} <= set(found.issues)
    assert [extra.path for extra in found.extras] == ["provider.uscc"]


def test_issuer_known_only_by_code_then_is_printed_by_the_target_s_table():
    values, _, near = written("zhejiang", {"provider.uscc": "12340000485009010C"}, "anhui")
    assert values["发证单位"] == "安徽继续教育网络园区"
    assert near["issuer.uscc"][0] == "no_local_field"


def test_account_then_is_canonical_and_returns_as_it_was_written():
    part = part_of("zhejiang", BASE["zhejiang"], values={"learner.zheXueMa": "ZX7K-3M9Q-P4T8-W2A3"}, account="ZX7K3M9QP4T8W2A3")
    mapped = mapper().to_regional(part, "CN-33")
    assert mapped.part.learner["account"] == "ZX7K3M9QP4T8W2A3"
    back = mapper().to_local(mapped.part, "zhejiang").part
    assert back.learner.account == "ZX7K3M9QP4T8W2A3"
    assert back.values["learner.zheXueMa"] == "ZX7K-3M9Q-P4T8-W2A3"


def test_id_inside_the_record_that_is_another_one_then_is_refused():
    assert problems("zhejiang", {"achId": "R2"}) == [("row 1: achId", "mapping.impossible_value")]


@pytest.mark.parametrize(
    ("region", "path"),
    [
        ("shanghai", "course_name"),
        ("shanghai", "inst_name"),
        ("jiangsu", "KC@MC"),
        ("zhejiang", "title"),
        ("zhejiang", "cert.no"),
        ("anhui", "备注"),
        ("jiangsu", "FZDW@DM"),
        ("zhejiang", "provider.uscc"),
        ("anhui", "成绩"),
        ("anhui", "取得时间"),
        ("anhui", "课时"),
        ("anhui", "学分"),
    ],
)
@pytest.mark.parametrize("value", [7, True, Decimal("1.5")])
def test_text_that_is_no_text_then_is_refused_not_a_crash(region, path, value):
    assert (f"row 1: {path}", "mapping.impossible_value") in problems(region, {path: value}) or (
        f"row 1: {path}",
        "mapping.unknown_code",
    ) in problems(region, {path: value})
