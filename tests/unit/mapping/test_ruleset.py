"""Rule files: what is wrong with one is said at once, place by place; every shipped one is sound."""

import tomllib
from pathlib import Path

import pytest
from support.mapping_parts import MEMBERS, ROOT, codes, mapper

from gateway.errors import MappingError
from gateway.mapping.engine import load_mapper
from gateway.mapping.policy import read_policies
from gateway.mapping.ruleset import BYTES_MAX, read_ruleset
from gateway.mapping.transforms import CATALOGUE
from gateway.model.regional import Kind

RULES = ROOT / "gateway/mapping/rules"
JIANGSU = (RULES / "jiangsu.toml").read_text(encoding="utf-8")
SHANGHAI = (RULES / "shanghai.toml").read_text(encoding="utf-8")
POLICIES = read_policies((RULES / "policies.toml").read_text(encoding="utf-8"))


def faults(text: str) -> set[str]:
    with pytest.raises(MappingError) as caught:
        read_ruleset("test.toml", text.encode(), codes(), POLICIES)
    assert caught.value.code == "mapping.bad_ruleset"
    return {problem.code for problem in caught.value.problems}


def test_shipped_rules_then_compile_for_all_four_banks():
    assert {region: ruleset.member for region, ruleset in mapper().rulesets.items()} == MEMBERS
    for ruleset in mapper().rulesets.values():
        assert ruleset.policy in mapper().policies.by_id
        assert set(ruleset.form_for_kind) == {kind.value for kind in Kind}


def test_catalogue_then_holds_no_transform_that_no_rule_uses():
    used = {
        str(rule["do"])
        for path in RULES.glob("*.toml")
        for key in ("record", "part")
        for rule in tomllib.loads(path.read_text(encoding="utf-8")).get(key, [])
    }
    assert used == set(CATALOGUE)


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ('do = "typed_grade"', 'do = "eval"', "mapping.unknown_transform"),
        ('field = "course.code"', 'field = "course.number"', "mapping.unknown_field"),
        ('field = "course.code"', 'field = ["course.code", "title"]', "mapping.wrong_arity"),
        ('01 = "COURSE"', '01 = "COURSES"', "mapping.unknown_code"),
        ('"优" = "A"', '"优" = "A+"', "mapping.unknown_code"),
        ("frameworks = { JSLOF =", "frameworks = { JSLOF = 'X', Y =", "mapping.unknown_code"),
        ('written = "compact"', 'written = "roman"', "mapping.bad_setting"),
        ('pass_mark = "60"', "pass_mark = 60", "mapping.bad_setting"),
        ('pass_mark = "60"', 'pass_marks = "60"', "mapping.unknown_setting"),
        ('id = "js.kind"', 'id = "js.title"', "mapping.repeated_id"),
        ('id = "js.kind"', 'name = "js.kind"', "mapping.missing_setting"),
        ('local = "KC@DM"', 'local = "XF"', "mapping.repeated_path"),
        ('local = "KC@DM"', "local = 7", "mapping.bad_setting"),
        ('reason = "transport"', 'reason = "because"', "mapping.unknown_code"),
        ('forms = ["CG"]', 'forms = ["XX"]', "mapping.missing_setting"),
        ('forms = ["CG"]', "", "mapping.missing_setting"),
        ('policy = "YRD-2024.1"', 'policy = "YRD-2030.1"', "mapping.bad_setting"),
        ('standard = "1.0"', 'standard = "2.0"', "mapping.bad_setting"),
        ('member = "CN-32"', 'member = "CN-99"', "mapping.unknown_code"),
        ('AWARD = "CG"', "", "mapping.missing_setting"),
        ('version = "1.1.0"', 'version = "1.1.0"\nscript = "rm"', "mapping.unknown_setting"),
        ('version = "1.1.0"', 'version = "1.1.0"\noperations = ["undo"]', "mapping.bad_setting"),
        ('version = "1.1.0"', 'version = "1.1.0"\nleisure_convertible = "no"', "mapping.bad_setting"),
        ('version = "1.1.0"', "", "mapping.bad_setting"),
        ("map = { B = true, X = false }", 'map = { B = "yes" }', "mapping.bad_setting"),
        ("[[keep]]", "[[keep]", "mapping.bad_toml"),
        ('local = "@LY"', "", "mapping.bad_setting"),
        ('local = "@LY"', 'local = "XF"', "mapping.repeated_path"),
        ('value = "Z"', "value = 1", "mapping.bad_setting"),
        ('value = "Z"', 'value = "Z"\n[[converted]]\nlocal = "@LZ"\nvalue = "Z"', "mapping.bad_setting"),
        ('value = "Z"', 'value = "Z"\nforms = ["XX"]', "mapping.unknown_form"),
    ],
)
def test_rule_file_with_a_fault_then_is_refused_by_name(before, after, code):
    assert before in JIANGSU
    assert code in faults(JIANGSU.replace(before, after, 1))


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ('map = { 30 = "ADULT", 31 = "REGULAR" }', 'map = { x = "ADULT" }', "mapping.bad_setting"),
        ('do = "kind_of_form"\nkind = "COURSE"', 'do = "kind_of_form"\nkind = "LESSON"', "mapping.unknown_code"),
        ('reason = "no_certificate"', 'reason = "unlucky"', "mapping.unknown_code"),
        ('local = "have_project_certificate"\nvalue = "2"', "value = '2'", "mapping.bad_setting"),
        ('field = "programme.outcome"\nvalue', 'field = "programme.result"\nvalue', "mapping.unknown_field"),
        ('id = "sh.credit.id"\nforms = ["credit"]', 'id = "sh.credit.id"\nforms = ["credits"]', "mapping.unknown_form"),
        ('names = ["上海开放大学黄浦分校"', "name = ['上海开放大学黄浦分校'", "mapping.missing_setting"),
        ('"上海开放大学(黄浦)", ', '"上海开放大学黄浦分校", ', "mapping.repeated_id"),
        ('do = "quantity"', 'do = "quantity"\nor_from = "size.points"', "mapping.bad_setting"),
        ('field = "size.declared"', 'field = "title"', "mapping.wrong_arity"),
    ],
)
def test_shanghai_rules_with_a_fault_then_are_refused_by_name(before, after, code):
    assert before in SHANGHAI
    assert code in faults(SHANGHAI.replace(before, after, 1))


def test_rule_file_with_several_faults_then_all_are_reported_at_once():
    text = (
        JIANGSU.replace('do = "typed_grade"', 'do = "eval"')
        .replace('01 = "COURSE"', '01 = "COURSES"')
        .replace('id = "js.kind"', 'id = "js.title"')
    )
    assert {"mapping.unknown_transform", "mapping.unknown_code", "mapping.repeated_id"} <= faults(text)


def test_rule_file_that_is_too_big_or_no_text_then_is_refused():
    assert faults(JIANGSU + "#" * BYTES_MAX) == {"mapping.bad_toml"}
    with pytest.raises(MappingError):
        read_ruleset("test.toml", b"\xff\xfe", codes(), POLICIES)


def test_folder_when_two_files_are_wrong_then_both_are_named(tmp_path: Path):
    for path in RULES.glob("*.toml"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "jiangsu.toml").write_text(JIANGSU.replace('do = "typed_grade"', 'do = "eval"'), encoding="utf-8")
    (tmp_path / "shanghai.toml").write_text(SHANGHAI.replace('reason = "derived"', 'reason = "why"'), encoding="utf-8")
    with pytest.raises(MappingError) as caught:
        load_mapper(tmp_path, codes())
    assert {problem.path.partition(":")[0] for problem in caught.value.problems} >= {"shanghai.toml"}
    assert "mapping.unknown_transform" in {problem.code for problem in caught.value.problems}


def test_folder_when_two_files_speak_for_one_region_then_is_refused(tmp_path: Path):
    for path in RULES.glob("*.toml"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "again.toml").write_text(JIANGSU, encoding="utf-8")
    with pytest.raises(MappingError) as caught:
        load_mapper(tmp_path, codes())
    assert {problem.path for problem in caught.value.problems} == {"id jiangsu", "region jiangsu", "member CN-32"}
