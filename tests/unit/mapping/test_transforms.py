"""Transforms one by one: what each makes of a value, what it refuses, and what it says on the way back."""

from decimal import Decimal

import pytest
from support.mapping_parts import FORMS, MEMBERS, lines, mapper, one, part_of, refusal

from gateway.mapping.grades import band_of
from gateway.model.dates import PartialDate
from gateway.model.local import LocalValue
from gateway.model.regional import Fate
from gateway.model.units import Credits, Points, Sessions, Units

BASE: dict[str, dict[str, LocalValue]] = {
    "shanghai": {"credit_outer_id": "R1", "course_name": "管理学基础"},
    "jiangsu": {"@LB": "01", "@CZ": "X", "KC@MC": "管理学基础"},
    "zhejiang": {"achId": "R1", "achType": "MOOC_COURSE", "title": "基础会计", "op": "DEPOSIT"},
    "anhui": {"成果名称": "会计学基础", "成果类型": "学历课程"},
}


def fields(region, form="", /, **values):
    return one(region, BASE[region] | {path.replace("__", "@"): value for path, value in values.items()}, form=form or FORMS[region]).values


def record(region, values, **facts):
    return one(region, BASE[region] | values, **facts)


def problems(region, values, **facts):
    return refusal(region, BASE[region] | values, **facts)


def written(region, values, target, **facts):
    """What a record of one bank becomes for another, and the lines that say what did not travel."""
    mapped = mapper().to_regional(part_of(region, BASE[region] | values, **facts), MEMBERS[region])
    local = mapper().to_local(mapped.part, target)
    return dict(local.part.records[0].values), lines(local.loss, Fate.DROPPED), lines(local.loss, Fate.APPROXIMATE)


# -- bands and grades --


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


# -- sizes --


def test_quantities_then_carry_their_unit_in_the_type():
    found = fields("zhejiang", **{"workload.points": "48.0", "workload.creditValue": "2"})
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


# -- dates --


@pytest.mark.parametrize(
    ("written_date", "expected"),
    [("20230630", PartialDate(2023, 6, 30)), ("20231100", PartialDate(2023, 11)), ("20230000", PartialDate(2023))],
)
def test_jiangsu_date_then_keeps_its_precision(written_date, expected):
    assert record("jiangsu", {"HDRQ": written_date}).values["date.awarded"] == expected


@pytest.mark.parametrize("value", ["20230230", "2023", "20230030", "2023-06-30", "18000101"])
def test_jiangsu_date_that_is_none_then_is_refused(value):
    assert problems("jiangsu", {"HDRQ": value}) == [("row 1: HDRQ", "mapping.impossible_value")]


def test_milliseconds_then_are_the_day_in_china():
    assert record("zhejiang", {"period.endAt": 1688054400000}).values["date.awarded"] == PartialDate(2023, 6, 30)
    assert record("zhejiang", {"period.endAt": 1688054399999}).values["date.awarded"] == PartialDate(2023, 6, 29)


def test_milliseconds_when_not_midnight_then_the_moment_is_kept_and_comes_back_as_a_number():
    mapped = mapper().to_regional(part_of("zhejiang", BASE["zhejiang"] | {"period.endAt": 1688054400001}), "CN-33")
    assert mapper().to_local(mapped.part, "zhejiang").part.records[0].values["period.endAt"] == 1688054400001


@pytest.mark.parametrize("value", ["1688054400000", True, 10**15, -(10**15)])
def test_milliseconds_that_are_no_moment_then_are_refused(value):
    assert problems("zhejiang", {"period.endAt": value}) == [("row 1: period.endAt", "mapping.impossible_value")]


@pytest.mark.parametrize("value", ["2023-02-30 00:00:00", "2023-07-05", "2023-07-05T00:00:00", "2023-07-05 25:00:00", 20230705])
def test_shanghai_time_that_is_none_then_is_refused(value):
    assert problems("shanghai", {"experience_time": value}) == [("row 1: experience_time", "mapping.impossible_value")]


@pytest.mark.parametrize(
    ("cell", "awarded", "started"),
    [
        ("2023年6月", PartialDate(2023, 6), None),
        ("2023/6/30", PartialDate(2023, 6, 30), None),
        ("2019-9", PartialDate(2019, 9), None),
        ("2024.3.1-2024.5.31", PartialDate(2024, 5, 31), PartialDate(2024, 3, 1)),
        ("2024年3月至2024年5月", PartialDate(2024, 5), PartialDate(2024, 3)),
    ],
)
def test_anhui_date_then_keeps_precision_and_period(cell, awarded, started):
    found = record("anhui", {"取得时间": cell}).values
    assert found["date.awarded"] == awarded
    assert found.get("date.started") == started


def test_anhui_date_that_is_none_then_is_refused():
    assert problems("anhui", {"取得时间": "45107"}) == [("row 1: 取得时间", "mapping.impossible_value")]


def test_empty_validity_then_means_no_expiry_by_setting_and_is_noted():
    found = record("jiangsu", {"YXQZ": ""})
    assert found.values["date.unlimited"] is True
    assert "date.valid_until" not in found.values
    assert "no_expiry_assumed" in found.issues
    assert record("jiangsu", {"YXQZ": "20330630"}).values["date.valid_until"] == PartialDate(2033, 6, 30)
    assert "date.unlimited" not in record("jiangsu", {}).values


# -- codes, levels, certificates, education --


@pytest.mark.parametrize(
    ("region", "path", "value"),
    [
        ("jiangsu", "@LB", "09"),
        ("jiangsu", "KC@XZ", "G"),
        ("shanghai", "learning_stage", 31),
        ("shanghai", "learning_stage", "21"),
        ("anhui", "成果类型", "其他"),
    ],
)
def test_code_outside_its_table_then_is_refused(region, path, value):
    assert problems(region, {path: value}) == [(f"row 1: {path}", "mapping.unknown_code")]


@pytest.mark.parametrize(("code", "stage"), [(20, "BACHELOR"), (21, "ASSOCIATE")])
def test_shanghai_stage_then_is_its_own_code_not_the_national_one(code, stage):
    assert record("shanghai", {"learning_stage": code}).values["programme.stage"] == stage


def test_word_that_is_not_the_usual_one_for_its_kind_then_is_kept_and_returns():
    mapped = mapper().to_regional(part_of("anhui", BASE["anhui"] | {"成果类型": "证书"}), "CN-34")
    assert mapped.part.records[0].values["kind"] == "QUAL_CERT"
    assert mapper().to_local(mapped.part, "anhui").part.records[0].values["成果类型"] == "证书"


def test_open_course_when_written_for_jiangsu_then_is_not_called_a_degree_course():
    values, _, near = written("zhejiang", {}, "jiangsu")
    assert values["@LB"] == "05"
    assert near["kind"] == ("no_counterpart", "MOOC")


def test_elective_word_that_is_unknown_then_is_kept():
    found = record("zhejiang", {"subType": "minor"})
    assert "course.required" not in found.values
    assert [(extra.path, extra.value) for extra in found.extras] == [("subType", "minor")]


@pytest.mark.parametrize(
    ("region", "values", "path", "code"),
    [
        ("jiangsu", {"DJ": "5"}, "DJ", "mapping.no_code_set"),
        ("jiangsu", {"DJ": "8", "DJ@KJ": "JSLOF"}, "DJ", "mapping.unknown_code"),
        ("jiangsu", {"DJ": "5", "DJ@KJ": "EQF"}, "DJ@KJ", "mapping.unknown_code"),
        ("zhejiang", {"level.code": "L7a", "level.framework": "ZJ-LX"}, "level.code", "mapping.unknown_code"),
        ("jiangsu", {"ZS@JB": "6"}, "ZS@JB", "mapping.unknown_code"),
        ("jiangsu", {"ZS@JB": "高级"}, "ZS@JB", "mapping.unknown_code"),
    ],
)
def test_level_without_a_framework_or_outside_it_then_is_refused(region, values, path, code):
    assert problems(region, values) == [(f"row 1: {path}", code)]


@pytest.mark.parametrize(
    ("text", "level"), [("四级", "4"), ("四级/中级工", "4"), ("初级工", "5"), ("高级技师", "1"), ("学徒工", "APPRENTICE")]
)
def test_skill_level_in_the_scheme_s_words_then_is_read_on_the_inverted_scale(text, level):
    found = one("shanghai", {"certificate_name": "x", "certificate_level": text}, form="certificate_experience").values
    assert (found["certificate.level_text"], found["certificate.skill_level"]) == (text, level)


@pytest.mark.parametrize("text", ["高级", "中级", "初级", "A级"])
def test_skill_level_without_a_scheme_then_is_ambiguous_and_never_guessed(text):
    found = one("shanghai", {"certificate_name": "x", "certificate_level": text}, form="certificate_experience")
    assert found.values["certificate.level_text"] == text
    assert "certificate.skill_level" not in found.values
    assert "level_text_ambiguous" in found.issues
    local = mapper().to_local(
        mapper()
        .to_regional(part_of("shanghai", {"certificate_name": "x", "certificate_level": text}, form="certificate_experience"), "CN-31")
        .part,
        "jiangsu",
    )
    assert "ZS@JB" not in local.part.records[0].values
    assert lines(local.loss, Fate.DROPPED)["certificate.level_text"] == ("no_local_field", text)


def test_skill_level_that_the_digits_do_not_have_then_is_named():
    part = part_of("shanghai", {"certificate_name": "x", "certificate_level": "特级技师"}, form="certificate_experience")
    local = mapper().to_local(mapper().to_regional(part, "CN-31").part, "jiangsu")
    assert lines(local.loss, Fate.DROPPED)["certificate.skill_level"] == ("no_counterpart", "SPECIAL")


@pytest.mark.parametrize(
    ("number", "scheme", "kind"),
    [("S000032000117234000456", "HRSS", "SKILL_CERT"), ("2233000000401187", "OLD_QUAL", "QUAL_CERT"), ("ABC-1", "OTHER", "SKILL_CERT")],
)
def test_certificate_number_then_gives_its_scheme_and_corrects_the_kind(number, scheme, kind):
    found = one("zhejiang", {"achId": "R1", "achType": "VOC_CERT", "title": "x", "cert.no": number}, form="VOC_CERT").values
    assert (found["certificate.number"], found["certificate.scheme"], found["kind"]) == (number, scheme, kind)


def test_certificate_class_then_returns_to_its_own_bank_whatever_the_kind():
    part = part_of("zhejiang", {"achId": "R1", "achType": "VOC_CERT", "title": "x", "cert.no": "2233000000401187"}, form="VOC_CERT")
    back = mapper().to_local(mapper().to_regional(part, "CN-33").part, "zhejiang").part.records[0]
    assert (back.form, back.values["achType"]) == ("VOC_CERT", "VOC_CERT")


def test_certificate_number_that_a_spreadsheet_cut_then_is_refused():
    assert problems("anhui", {"证书编号": "3.40111E+17"}) == [("row 1: 证书编号", "mapping.impossible_value")]


def test_remark_that_is_a_skill_level_then_is_read_as_one_for_certificates_only():
    found = record("anhui", {"成果类型": "职业技能等级", "备注": "五级/初级工"}).values
    assert (found["remark"], found["certificate.skill_level"]) == ("五级/初级工", "5")
    assert "certificate.skill_level" not in record("anhui", {"备注": "五级/初级工"}).values


@pytest.mark.parametrize(
    ("code", "vintage", "expected", "issue"),
    [
        ("31", "1984", "31", False),
        ("31", "2006", "31", False),
        ("42", "1984", "41", True),
        ("42", "2006", "42", False),
        ("62", "1984", "44", False),
        ("62", "2006", "62", False),
        ("90", "1984", "90", True),
        ("90", "2006", "90", False),
    ],
)
def test_education_then_is_read_by_the_vintage_beside_it(code, vintage, expected, issue):
    part = part_of("jiangsu", BASE["jiangsu"], values={"XXZ/XLM": code, "XXZ/XLM@BB": vintage})
    mapped = mapper().to_regional(part, "CN-32")
    assert mapped.part.learner["education"] == expected
    assert ("code_crosswalk_approximate" in mapped.warnings) is issue
    back = mapper().to_local(mapped.part, "jiangsu").part.values
    assert (back["XXZ/XLM"], back["XXZ/XLM@BB"]) == (code, vintage)


def test_education_without_a_counterpart_then_is_only_kept():
    part = part_of("jiangsu", BASE["jiangsu"], values={"XXZ/XLM": "28", "XXZ/XLM@BB": "1984"})
    mapped = mapper().to_regional(part, "CN-32")
    assert "education" not in mapped.part.learner
    assert lines(mapped.loss, Fate.RETAINED, "")["XXZ/XLM@BB"] == ("no_counterpart", "1984")


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"XXZ/XLM": "99", "XXZ/XLM@BB": "2006"}, "XXZ/XLM"),
        ({"XXZ/XLM": "31", "XXZ/XLM@BB": "1999"}, "XXZ/XLM@BB"),
        ({"XXZ/XBM": "7"}, "XXZ/XBM"),
    ],
)
def test_learner_code_outside_its_table_then_is_refused(values, path):
    mapped = mapper().to_regional(part_of("jiangsu", BASE["jiangsu"], values=values), "CN-32")
    assert [problem.path for problem in mapped.problems] == [f"part: {path}"]


# -- titles, issuers, accounts --


def test_jiangsu_title_then_is_looked_for_where_its_class_keeps_it():
    found = one("jiangsu", {"@LB": "03", "@CZ": "X", "KC@MC": "课程", "ZS@MC": "证书"})
    assert found.values["title"] == "证书"
    assert [(extra.path, extra.value) for extra in found.extras] == [("KC@MC", "课程")]


def test_jiangsu_title_when_it_stands_elsewhere_then_returns_to_where_it_stood():
    part = part_of("jiangsu", {"@LB": "05", "@CZ": "X", "ZS@MC": "培训证书"})
    back = mapper().to_local(mapper().to_regional(part, "CN-32").part, "jiangsu").part.records[0].values
    assert back["ZS@MC"] == "培训证书"
    assert "KC@MC" not in back


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
