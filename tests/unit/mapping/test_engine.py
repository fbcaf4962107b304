"""The engine: credits of the comparable course, accounting, refusals, and all twelve ordered pairs of banks."""

from dataclasses import replace
from decimal import Decimal

import pytest
from support.mapping_parts import (
    FORMS,
    MEMBERS,
    PAIRS,
    adapter,
    codes,
    good_samples,
    lines,
    manifest,
    mapper,
    one,
    part_of,
    refusal,
    sample,
)

from gateway.errors import MappingError
from gateway.mapping.grades import GRADE_FIELDS
from gateway.mapping.loss import MASK, balances
from gateway.model.dates import PartialDate
from gateway.model.local import Operation
from gateway.model.regional import LEARNER_FIELDS, RECORD_FIELDS, Fate
from gateway.model.units import Credits, Minutes, Points

COURSE = {"credit_outer_id": "R1", "course_name": "管理学基础"}


@pytest.mark.parametrize(("region", "credits_expected"), [("shanghai", "4.0"), ("jiangsu", "3.0"), ("zhejiang", "4.0"), ("anhui", "3.5")])
def test_credits_of_the_comparable_course_when_each_bank_declares_it_its_own_way_then_follow_the_policy(region, credits_expected):
    record = mapper().to_regional(sample(region), MEMBERS[region]).part.records[0]
    assert str(record.credits) == credits_expected
    assert record.values["size.policy"] == "YRD-2024.1"


def test_points_when_the_declared_credit_is_null_then_stay_points_and_never_enter_the_minimum():
    values = mapper().to_regional(sample("zhejiang"), "CN-33").part.records[0].values
    assert values["size.points"] == Points(Decimal("48.0"))
    assert values["size.minutes"] == Minutes(Decimal(2880))
    assert "size.declared" not in values


def test_credits_when_neither_credits_nor_hours_are_given_then_are_absent_and_not_zero():
    record = one("shanghai", COURSE)
    assert record.credits is None
    assert "size.policy" not in record.values


def test_credits_when_zero_is_declared_then_are_zero():
    assert one("shanghai", COURSE | {"credit": 0, "credit_hour": 16}).credits == Credits(Decimal("0.0"))


def test_hours_of_a_certificate_then_are_kept_but_give_no_credits():
    record = one("anhui", {"成果名称": "护理员", "成果类型": "职业技能等级", "课时": "80", "发证单位": "x"})
    assert record.credits is None
    assert str(record.values["size.units"]) == "80"


@pytest.mark.parametrize(("region", "name"), good_samples())
def test_every_good_sample_then_balances_and_holds_only_fields_of_the_standard(region, name):
    part = sample(region, name)
    mapped = mapper().to_regional(part, MEMBERS[region])
    assert balances(mapped.loss)
    assert mapped.loss.values_read == len(part.values) + sum(len(record.values) for record in part.records)
    assert not mapped.refused
    known = {field.path: field for field in RECORD_FIELDS}
    required = {field.path for field in RECORD_FIELDS if field.required}
    for record in mapped.part.records:
        assert required <= record.values.keys() <= known.keys()
        for path, value in record.values.items():
            if known[path].codes:
                assert codes().lookup(known[path].codes, str(value)), path
        for issue in record.issues:
            assert codes().lookup("quality_issue", issue), issue
    assert mapped.part.learner.keys() <= {field.path for field in LEARNER_FIELDS}
    for line in mapped.loss.losses:
        assert codes().lookup("loss_reason", line.reason), line


@pytest.mark.parametrize(("region", "name"), good_samples())
def test_every_good_sample_when_written_for_each_bank_then_its_adapter_renders_and_reads_it_again(region, name):
    mapped = mapper().to_regional(sample(region, name), MEMBERS[region])
    for target in MEMBERS:
        local = mapper().to_local(mapped.part, target)
        assert balances(local.loss)
        assert {line.reason for line in local.loss.losses} <= {entry.code for entry in codes()["loss_reason"]}
        again = adapter(target).parse(adapter(target).render(local.part), manifest(target))
        assert not again.quarantined
        assert len(again.records) == len(local.part.records)
        assert not mapper().to_regional(again, MEMBERS[target]).refused


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_no_grade_disappears_without_a_line_when_a_sample_is_written_for_another_bank(source, target):
    mapped = mapper().to_regional(sample(source), MEMBERS[source])
    local = mapper().to_local(mapped.part, target)
    back = {record.record_id: record for record in mapper().to_regional(local.part, MEMBERS[target]).part.records}
    for record in mapped.part.records:
        named = {line.path for line in local.loss.losses if line.record == record.record_id}
        held = back[record.record_id].values if record.record_id in back else {}
        for field in GRADE_FIELDS:
            if field in record.values and held.get(field) != record.values[field]:
                assert field in named or (field == "result.raw" and held.get("result.band") == record.values.get("result.band")), field


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_no_bank_gains_a_percentage_or_credits_that_the_source_did_not_give(source, target):
    mapped = mapper().to_regional(sample(source), MEMBERS[source])
    local = mapper().to_local(mapped.part, target)
    back = {record.record_id: record for record in mapper().to_regional(local.part, MEMBERS[target]).part.records}
    for record in mapped.part.records:
        held = back[record.record_id].values if record.record_id in back else {}
        for field in ("result.percent", "size.declared", "size.points", "level.regional", "certificate.skill_level"):
            assert held.get(field, record.values.get(field)) == record.values.get(field), field


LOST_GRADES = {
    ("shanghai", "jiangsu"): ({"CJ": "86", "CJ@LX": "BF"}, {}),
    ("shanghai", "zhejiang"): ({"result.value": "86", "result.scale": "PERCENT", "result.percent": "86"}, {}),
    ("shanghai", "anhui"): ({"成绩": "86/100"}, {}),
    ("jiangsu", "shanghai"): ({}, {"result.raw": "no_counterpart", "result.scale": "no_counterpart"}),
    ("jiangsu", "zhejiang"): ({"result.value": "良好", "result.scale": "LEVEL5"}, {}),
    ("jiangsu", "anhui"): ({"成绩": "良好"}, {}),
    ("zhejiang", "shanghai"): ({}, {"result.raw": "no_counterpart", "result.percent": "no_counterpart"}),
    ("zhejiang", "jiangsu"): ({"CJ": "87.5", "CJ@LX": "BF"}, {"result.raw": "narrower_scale", "result.scale": "narrower_scale"}),
    ("zhejiang", "anhui"): ({"成绩": "87.5/100"}, {"result.raw": "narrower_scale", "result.scale": "narrower_scale"}),
    ("anhui", "shanghai"): ({}, {"result.raw": "no_counterpart", "result.band": "no_counterpart"}),
    ("anhui", "jiangsu"): ({"CJ": "良", "CJ@LX": "DJ"}, {}),
    ("anhui", "zhejiang"): ({"result.value": "良好", "result.scale": "LEVEL5"}, {}),
}
GRADE_PATHS = {"course_score", "CJ", "CJ@LX", "result.value", "result.scale", "result.percent", "成绩"}


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_grade_of_the_comparable_course_when_written_for_another_bank_then_is_as_agreed(source, target):
    mapped = mapper().to_regional(sample(source), MEMBERS[source])
    local = mapper().to_local(mapped.part, target)
    written = {path: value for path, value in local.part.records[0].values.items() if path in GRADE_PATHS and value}
    expected, lost = LOST_GRADES[source, target]
    assert written == expected
    dropped = lines(local.loss, Fate.DROPPED, mapped.part.records[0].record_id)
    assert {path: dropped[path][0] for path in lost} == lost
    if not lost:
        assert not {"result.raw", "result.scale", "result.percent"} & dropped.keys()


def test_shanghai_when_credits_have_a_fraction_then_they_are_left_out_and_named_never_rounded():
    mapped = mapper().to_regional(sample("jiangsu"), "CN-32")
    local = mapper().to_local(mapped.part, "shanghai")
    assert "credit" not in local.part.records[0].values
    assert lines(local.loss, Fate.DROPPED, "jiangsu-1")["size.declared"] == ("precision", "3.5")


def test_month_when_the_target_writes_days_then_is_left_out_and_named_never_completed():
    mapped = mapper().to_regional(sample("anhui"), "CN-34")
    local = mapper().to_local(mapped.part, "zhejiang")
    assert local.part.records[0].values["period.endAt"] is None
    assert lines(local.loss, Fate.DROPPED, "anhui-1")["date.awarded"][0] == "precision"


def test_learner_account_when_written_for_another_bank_then_is_the_declared_empty_slot():
    mapped = mapper().to_regional(sample("shanghai"), "CN-31")
    local = mapper().to_local(mapped.part, "jiangsu")
    assert local.part.learner.account == ""
    assert local.part.values["XXZ@ZH"] == ""
    assert lines(local.loss, Fate.DROPPED, "")["account"] == ("not_applicable", MASK)


@pytest.mark.parametrize("region", list(MEMBERS))
def test_personal_values_then_are_dropped_or_masked_and_appear_in_no_line(region):
    part = sample(region)
    mapped = mapper().to_regional(part, MEMBERS[region])
    personal = {str(part.values.get(path)) for path in mapper().ruleset(region).personal} - {"None", "", "1", "2", "01", "31"}
    assert personal
    reports = [mapped.loss, *(mapper().to_local(mapped.part, target).loss for target in MEMBERS)]
    assert not [line for report in reports for line in report.losses if line.value in personal]
    extras = {extra.value for extra in mapped.part.extras}
    numbers = {str(part.values.get(path)) for path in ("XXZ/SFZJ", "身份证号", "learner.idDigest")} - {"None"}
    assert not numbers & extras


def test_citizen_number_and_chain_when_read_then_are_dropped_for_their_own_reasons():
    jiangsu = mapper().to_regional(sample("jiangsu"), "CN-32").loss
    assert lines(jiangsu, Fate.DROPPED, "")["XXZ/SFZJ"] == ("personal", MASK)
    zhejiang = mapper().to_regional(sample("zhejiang"), "CN-33").loss
    assert lines(zhejiang, Fate.DROPPED, "")["learner.idDigest"] == ("personal", MASK)
    assert lines(zhejiang, Fate.DROPPED, "ZJA-2023-7710045")["chain.hash"][0] == "transport"
    soap = mapper().to_regional(sample("jiangsu", "js-soap.xml"), "CN-32").loss
    assert lines(soap, Fate.DROPPED, "")["Sec/Sign"][0] == "transport"


def test_record_when_it_cannot_be_mapped_then_is_refused_whole_with_every_problem_and_the_rest_goes_on():
    good = {"@LB": "01", "@CZ": "X", "KC@MC": "管理学基础"}
    bad = good | {"@LB": "99", "CJ": "良", "DJ": "5", "HDRQ": "20230230"}
    mapped = mapper().to_regional(part_of("jiangsu", bad, good), "CN-32")
    assert [record.record_id for record in mapped.part.records] == ["R2"]
    (refused,) = mapped.refused
    assert (refused.record_id, refused.row) == ("R1", 1)
    assert {(problem.path, problem.code) for problem in refused.problems} == {
        ("row 1: @LB", "mapping.unknown_code"),
        ("row 1: CJ", "mapping.no_code_set"),
        ("row 1: DJ", "mapping.no_code_set"),
        ("row 1: HDRQ", "mapping.impossible_value"),
    }
    assert lines(mapped.loss, Fate.REFUSED)["KC@MC"] == ("policy", "管理学基础")
    assert lines(mapped.loss, Fate.REFUSED)["CJ"] == ("ambiguous", "良")
    assert balances(mapped.loss)


def test_record_of_an_unknown_class_then_is_refused():
    assert refusal("shanghai", COURSE, form="volunteering") == [("row 1: form", "mapping.unknown_form")]


def test_record_without_a_title_then_is_refused():
    assert refusal("shanghai", {"credit_outer_id": "R1"}) == [("row 1: title", "mapping.missing_value")]


def test_split_that_does_not_add_up_then_is_refused():
    values = {"@LB": "01", "@CZ": "X", "KC@MC": "x", "XS": "64", "XS@LL": "45", "XS@SJ": "18"}
    assert refusal("jiangsu", values) == [("row 1: size.units", "mapping.split_mismatch")]


def test_learner_value_when_its_code_set_is_missing_then_only_that_value_is_refused():
    part = part_of("jiangsu", {"@LB": "01", "@CZ": "X", "KC@MC": "x"}, values={"XXZ/XLM": "31", "XXZ/XBM": "2"})
    mapped = mapper().to_regional(part, "CN-32")
    assert mapped.part.learner == {"sex": "2"}
    assert [(problem.path, problem.code) for problem in mapped.problems] == [("part: XXZ/XLM", "mapping.no_code_set")]
    assert lines(mapped.loss, Fate.REFUSED, "") == {"XXZ/XLM": ("ambiguous", MASK)}
    assert len(mapped.part.records) == 1
    assert balances(mapped.loss)


@pytest.mark.parametrize(
    ("operation", "code", "status"), [("deposit", "X", "VALID"), ("change", "G", "CHANGED"), ("cancel", "C", "REVOKED")]
)
def test_operation_then_is_the_status_and_back(operation, code, status):
    part = part_of("jiangsu", {"@LB": "01", "@CZ": code, "KC@MC": "x"}, operation=operation)
    mapped = mapper().to_regional(part, "CN-32")
    assert mapped.part.records[0].values["status"] == status
    back = mapper().to_local(mapped.part, "jiangsu").part.records[0]
    assert (back.operation, back.values["@CZ"]) == (Operation(operation), code)


def test_cancellation_when_the_target_format_has_none_then_every_value_of_it_is_named():
    part = part_of("jiangsu", {"@LB": "01", "@CZ": "C", "KC@MC": "x"}, operation="cancel")
    mapped = mapper().to_regional(part, "CN-32")
    local = mapper().to_local(mapped.part, "shanghai")
    assert local.part.records == ()
    assert {"title", "status", "source.record"} <= lines(local.loss, Fate.DROPPED).keys()
    assert balances(local.loss)


def test_revocation_of_something_not_shown_then_still_reaches_the_standard():
    record = one("zhejiang", {"achId": "R1", "op": "REVOKE", "reason": "证书撤销"}, form="REVOKE", operation="cancel")
    assert record.values["status"] == "REVOKED"
    assert record.values["convertible_reason"] == "revoked"


@pytest.mark.parametrize(
    ("region", "form", "values", "reason"),
    [
        ("shanghai", "credit", COURSE | {"course_score": 59}, "not_passed"),
        ("shanghai", "credit", COURSE | {"course_score": 80, "course_result_code": 41}, "outcome_of_programme"),
        ("shanghai", "training", {"project_name": "书法", "inst_name": "黄浦区老年大学", "have_project_certificate": 1}, "leisure"),
        ("shanghai", "training", {"project_name": "x", "inst_name": "某中心", "have_project_certificate": 2}, "no_certificate"),
        ("shanghai", "training", {"project_name": "x", "inst_name": "某中心", "have_project_certificate": 1}, "kind_not_admitted"),
        ("zhejiang", "COMMUNITY", {"achType": "COMMUNITY", "title": "x", "workload.points": "48.0"}, "points_only"),
        ("anhui", "row", {"成果名称": "书法", "成果类型": "社区教育", "学分": "0.5", "成绩": "参加"}, "attendance_only"),
    ],
)
def test_record_that_may_not_be_offered_then_says_why(region, form, values, reason):
    record = one(region, values, form=form)
    assert record.values["convertible"] is False
    assert record.values["convertible_reason"] == reason


def test_community_course_of_another_bank_when_only_shanghai_bans_leisure_then_is_convertible():
    record = one("jiangsu", {"@LB": "06", "@CZ": "X", "KC@MC": "书法", "XF": "1"})
    assert record.values["convertible"] is True
    assert "convertible_reason" not in record.values


def test_unknown_path_then_is_kept_and_named_and_returns_to_its_own_bank_only():
    mapped = mapper().to_regional(
        part_of("zhejiang", {"achId": "R1", "achType": "WORK", "title": "x", "skill.tag": "a"}, form="WORK"), "CN-33"
    )
    assert [extra.path for extra in mapped.part.records[0].extras] == ["skill.tag"]
    assert lines(mapped.loss, Fate.RETAINED) == {"skill.tag": ("no_field", "a")}
    assert mapper().to_local(mapped.part, "zhejiang").part.records[0].values["skill.tag"] == "a"
    away = mapper().to_local(mapped.part, "jiangsu")
    assert "skill.tag" not in away.part.records[0].values
    assert lines(away.loss, Fate.DROPPED)["skill.tag"] == ("no_local_field", "a")


def test_empty_text_when_all_else_is_mapped_then_is_kept_where_the_format_means_it():
    kept = mapper().to_regional(part_of("shanghai", COURSE | {"course_subject": ""}), "CN-31")
    assert [tuple(extra) for extra in kept.part.records[0].extras] == [("course_subject", "")]
    assert lines(kept.loss, Fate.RETAINED)["course_subject"] == ("empty", "")


def test_assumptions_then_are_issues_and_lines():
    mapped = mapper().to_regional(part_of("shanghai", COURSE | {"credit": 4, "credit_hour": 64}), "CN-31")
    assert {"assumed_all_theory", "assumed_45_minutes"} <= set(mapped.part.records[0].issues)
    assert lines(mapped.loss, Fate.DEFAULTED)["size.theory"] == ("assumption", "64")


def test_two_runs_then_give_the_same_values_in_the_same_order():
    first, second = (mapper().to_regional(sample("zhejiang"), "CN-33") for _ in range(2))
    assert first == second
    assert [list(record.values) for record in first.part.records] == [list(record.values) for record in second.part.records]


def test_level_when_only_approximate_then_is_never_carried_to_another_framework():
    values = {"@LB": "01", "@CZ": "X", "KC@MC": "x", "DJ": "3", "DJ@KJ": "JSLOF"}
    mapped = mapper().to_regional(part_of("jiangsu", values), "CN-32")
    record = mapped.part.records[0]
    assert (record.values["level.regional"], record.values["level.confidence"]) == (4, "approximate")
    assert "level_approximate" in record.issues
    assert lines(mapped.loss, Fate.APPROXIMATE)["DJ"] == ("no_counterpart", "3")
    local = mapper().to_local(mapped.part, "zhejiang")
    assert "level.code" not in local.part.records[0].values
    assert lines(local.loss, Fate.DROPPED)["level.code"] == ("no_counterpart", "3")


def test_level_when_both_rows_are_exact_then_is_carried_and_noted():
    values = {"@LB": "01", "@CZ": "X", "KC@MC": "x", "DJ": "5", "DJ@KJ": "JSLOF"}
    local = mapper().to_local(mapper().to_regional(part_of("jiangsu", values), "CN-32").part, "zhejiang")
    assert local.part.records[0].values["level.code"] == "L4b"
    assert lines(local.loss, Fate.APPROXIMATE)["level.code"][0] == "narrower_scale"


def test_date_of_award_when_another_bank_knows_only_the_end_then_is_written_and_noted():
    mapped = mapper().to_regional(part_of("shanghai", COURSE | {"experience_time": "2023-07-05 00:00:00"}), "CN-31")
    record = mapped.part.records[0]
    values = {path: value for path, value in record.values.items() if path != "date.awarded"} | {"date.ended": PartialDate(2023, 7, 5)}
    part = replace(mapped.part, records=(replace(record, values=values),))
    local = mapper().to_local(part, "jiangsu")
    assert local.part.records[0].values["HDRQ"] == "20230705"
    assert lines(local.loss, Fate.APPROXIMATE)["date.ended"][0] == "assumption"


def test_region_without_rules_then_is_a_mapping_error():
    with pytest.raises(MappingError) as caught:
        mapper().to_regional(replace(part_of("anhui"), region="fujian"), "CN-35")
    assert caught.value.code == "mapping.unknown_region"


def test_every_form_then_has_a_plan():
    for region, form in FORMS.items():
        assert form in mapper().ruleset(region).plans
