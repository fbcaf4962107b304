"""Codes, levels, certificates and education: nothing without its scheme or vintage is guessed."""

import pytest
from support.mapping_parts import BASE, lines, mapper, one, part_of, problems, record, written

from gateway.model.regional import Fate


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
