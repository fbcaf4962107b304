"""Rule files that may not be published: each finding with its code and exact place, all at once; and the ones that may."""

from datetime import date

import pytest
from support.rules import CAPS, DAY, HEAD, RULE_SETS, catalogue, codes, demo_programme, programme, rule

from gateway.errors import Problem, RecognitionError
from gateway.recognition.lint import lint
from gateway.recognition.rule_file import load_rules

TARGET = programme(("A", "4"), ("B", "3"))
DEMO = [demo_programme("DEMO-P-XZGL"), demo_programme("DEMO-P-KJ")]


def found(rules: str, *, head: str = HEAD, caps: str = CAPS, day: date = DAY) -> list[Problem]:
    return list(lint("t.toml", (head + caps + rules).encode(), codes(), day=day, programmes=[TARGET]))


def only(rules: str, **more) -> Problem:
    [problem] = found(rules, **more)
    return problem


def line_of(text: str, wanted: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if line.startswith(wanted))


@pytest.mark.parametrize("name", ["demo-xzgl", "demo-kj"])
def test_demonstration_sets_when_judged_with_catalogue_and_programmes_then_clean(name):
    raw = (RULE_SETS / f"{name}.toml").read_bytes()
    assert lint(name, raw, codes(), day=DAY, catalogue=catalogue(), programmes=DEMO) == ()
    assert "演示数据" in raw.decode()


def test_clean_rules_when_judged_then_nothing_is_found():
    assert found(rule("a", "A") + rule("b", "B", title="乙")) == []


@pytest.mark.parametrize(
    ("rules", "code", "place"),
    [
        ("[[rule]\n", "recognition.bad_toml", "t.toml:1: "),
        (rule("a", "A", more="surprise = 1"), "recognition.unknown_setting", "rule 1.surprise (a)"),
        (rule("a", "A", need="surprise = 1"), "recognition.unknown_setting", "rule 1.need 1.surprise (a)"),
        (rule("a", "A").replace('zh = "a"\n', ""), "recognition.missing_setting", "rule 1.zh (a)"),
        (rule("a", "A", credits='"许多"'), "recognition.bad_setting", "rule 1.credits (a)"),
        (rule("a", "A", credits='"0.0001"'), "recognition.bad_setting", "rule 1.credits (a)"),
        (rule("a", "A", credits="3"), "recognition.unknown_unit", "rule 1.credits (a)"),
        (rule("a", "A", credits='"48 学时"'), "recognition.unknown_unit", "rule 1.credits (a)"),
        (rule("a", "A", credits='"3 credits"'), "recognition.unknown_unit", "rule 1.credits (a)"),
        (rule("a", "A", credits='"points"'), "recognition.points_rule", "rule 1.credits (a)"),
        (rule("a", "A", credits='"积分"'), "recognition.points_rule", "rule 1.credits (a)"),
        (rule("a", "A", more='per_point = "0.1"'), "recognition.points_rule", "rule 1.per_point (a)"),
        (rule("a", "A", need='points_min = "10"'), "recognition.points_rule", "rule 1.need 1.points_min (a)"),
        (rule("a", "A", need="sessions_min = 10"), "recognition.points_rule", "rule 1.need 1.sessions_min (a)"),
        (rule("a", "A", kind="COMMUNITY"), "recognition.leisure_rule", "rule 1.need 1.kind (a)"),
        (rule("a", "A", kind="HOBBY"), "recognition.unknown_code", "rule 1.need 1.kind (a)"),
        (rule("a", "A", need='source = ["CN-35"]'), "recognition.unknown_code", "rule 1.need 1.source (a)"),
        (rule("a", "A", need='skill_level = ["9"]'), "recognition.unknown_code", "rule 1.need 1.skill_level (a)"),
        (rule("a", "A", need='issuer = ["1"]'), "recognition.bad_setting", "rule 1.need 1.issuer (a)"),
        (rule("a", "A", need='course_code = ["X1"]'), "recognition.bad_setting", "rule 1.need 1.course_code (a)"),
        (rule("a", "A", need='band_min = "E"'), "recognition.bad_setting", "rule 1.need 1.band_min (a)"),
        (rule("a", "A", need="pass_counts = true"), "recognition.bad_setting", "rule 1.need 1.pass_counts (a)"),
        (rule("a", "A", need='confidence = "exact"'), "recognition.bad_setting", "rule 1.need 1.confidence (a)"),
        (rule("a", "A", need="level_min = 11"), "recognition.bad_setting", "rule 1.need 1.level_min (a)"),
        (rule("a", "A", need="years_max = 0"), "recognition.bad_setting", "rule 1.need 1.years_max (a)"),
        (rule("a", "A", more='group = "g"'), "recognition.unknown_group", "rule 1.group (a)"),
        (rule("a", "A", more='catalogue = "X"'), "recognition.bad_setting", "rule 1.catalogue (a)"),
        (rule("a", "A", more='cardinality = "many-to-one"'), "recognition.bad_cardinality", "rule 1.need (a)"),
        (rule("a", "A", more='cardinality = "one-to-many"'), "recognition.bad_cardinality", "rule 1.to (a)"),
        (rule("a", ["A", "B"], credits='["1", "2", "3"]'), "recognition.bad_cardinality", "rule 1.credits (a)"),
        (rule("a", "A", more='to_standard = ["S"]'), "recognition.missing_setting", "rule 1.to (a)"),
        (rule("a", "A") + rule("a", "B", title="乙"), "recognition.repeated_id", "rule 2.id"),
        (rule("a", "Z"), "recognition.unknown_course", "rule 1.to (a)"),
        (rule("a", "Z").replace("to =", "to_standard ="), "recognition.unknown_course", "rule 1.to_standard (a)"),
        (rule("a", "A", credits='"5"'), "recognition.impossible_cap", "rule 1.credits (a)"),
    ],
)
def test_rule_when_wrong_then_told_with_code_and_place(rules, code, place):
    problem = only(rules)
    assert problem.code == code
    assert problem.path.startswith("t.toml:")
    assert place in problem.path
    assert problem.zh
    assert problem.en


def test_finding_when_told_then_names_the_line():
    text = HEAD + CAPS + rule("a", "A") + rule("b", "B", title="乙", need='band_min = "E"')
    [problem] = lint("t.toml", text.encode(), codes(), day=DAY)
    assert problem.path == f"t.toml:{line_of(text, 'band_min')}: rule 2.need 1.band_min (b)"


def test_findings_when_several_then_all_at_once():
    rules = (
        rule("a", "A", kind="COMMUNITY") + rule("b", "B", credits='"points"', title="乙") + rule("c", "B", title="丙", need="level_min = 0")
    )
    assert [problem.code for problem in found(rules)] == ["recognition.leisure_rule", "recognition.points_rule", "recognition.bad_setting"]


@pytest.mark.parametrize(
    ("head", "code", "place"),
    [
        (HEAD.replace("ceg-rules-1", "ceg-rules-9"), "recognition.bad_setting", "format"),
        (HEAD.replace('"CN-34"', '"CN-YRD"'), "recognition.unknown_code", "accepting"),
        (HEAD.replace("2028-12-31", "2026-01-01"), "recognition.bad_period", "review"),
        (HEAD.replace("2028-12-31", "2026-06-30"), "recognition.review_passed", "review"),
        (HEAD.replace("2028-12-31", '"2028"'), "recognition.bad_setting", "review"),
        (HEAD + 'sources = ["CN-34"]\n', "recognition.bad_setting", "sources"),
        (HEAD + 'programmes = ["P", "Q"]\n', "recognition.unknown_programme", "programmes"),
        (HEAD + "more = 1\n", "recognition.unknown_setting", "more"),
    ],
)
def test_head_when_wrong_then_told_with_code_and_place(head, code, place):
    problems = found(rule("a", "A"), head=head)
    assert code in {problem.code for problem in problems}
    assert any(problem.path.split(": ")[1] == place for problem in problems)


@pytest.mark.parametrize(
    ("caps", "code", "place"),
    [
        ("[caps]\nprogramme_percent = '50'\n", "recognition.missing_setting", "caps.resident_credits_min"),
        (CAPS.replace('"50"', '"101"'), "recognition.bad_setting", "caps.programme_percent"),
        (CAPS.replace('"50"', '"50%"'), "recognition.bad_setting", "caps.programme_percent"),
        (CAPS.replace('"50"', '"0"'), "recognition.impossible_cap", "caps.programme_percent"),
        (CAPS.replace('"0"', '"80"'), "recognition.impossible_cap", "caps.resident_credits_min"),
        (CAPS + '[caps.kind_percent]\nMOOC = "60"\n', "recognition.impossible_cap", "caps.kind_percent.MOOC"),
        (CAPS + '[caps.kind_percent]\nCOURSE = "0"\n', "recognition.impossible_cap", "caps.kind_percent.COURSE"),
        (CAPS + '[caps.kind_percent]\nCOMMUNITY = "5"\n', "recognition.leisure_rule", "caps.kind_percent.COMMUNITY"),
        (CAPS + '[caps.kind_percent]\nHOBBY = "5"\n', "recognition.unknown_code", "caps.kind_percent.HOBBY"),
        (CAPS + '[caps.category_credits]\n"没有" = "5"\n', "recognition.impossible_cap", "caps.category_credits.没有"),
        (CAPS + '[[group]]\nid = "g"\nzh = "组"\nen = "g"\nreason = "equal_content"\n', "recognition.unused_group", "group 1"),
        (CAPS + '[[group]]\nid = "g"\nzh = "组"\nen = "g"\nreason = "so"\n', "recognition.bad_setting", "group 1.reason"),
    ],
)
def test_caps_and_groups_when_wrong_then_told_with_code_and_place(caps, code, place):
    problems = found(rule("a", "A"), caps=caps)
    assert (code, place) in {(problem.code, problem.path.split(": ")[1]) for problem in problems}


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        (rule("a", "A") + rule("b", "A", credits='"2"'), "recognition.contradictory_rules"),
        (rule("a", "A") + rule("b", "A", more="exam_still_required = true"), "recognition.contradictory_rules"),
        (rule("a", "A") + rule("b", "A", credits='"2"', need='band_min = "B"'), "recognition.overlapping_rules"),
        (rule("a", "A", title=[]) + rule("b", "A", credits='"2"'), "recognition.overlapping_rules"),
        (rule("a", "A") + rule("b", "A"), "recognition.shadowed_rule"),
        (rule("a", "A") + rule("b", "A", need='band_min = "B"'), "recognition.shadowed_rule"),
        (rule("a", "A", need="years_max = 5") + rule("b", "A", need="years_max = 4"), "recognition.shadowed_rule"),
        (rule("a", "A", more="priority = 1") + rule("b", "A", credits='"2"', need='credits_min = "3"'), "recognition.shadowed_rule"),
        (rule("a", ["A", "B"], more="priority = 1") + rule("b", "B", credits='"2"'), "recognition.shadowed_rule"),
    ],
)
def test_two_rules_when_they_clash_then_the_later_is_told_with_both_names(rules, code):
    problem = only(rules)
    assert problem.code == code
    assert "rule 2 (b)" in problem.path
    assert "a" in problem.en.rpartition(":")[2]


@pytest.mark.parametrize(
    "rules",
    [
        rule("a", "A") + rule("b", "B", credits='"2"'),
        rule("a", "A", need='source = ["CN-31"]') + rule("b", "A", credits='"2"', need='source = ["CN-32"]'),
        rule("a", "A") + rule("b", "A", kind="MOOC", credits='"2"'),
        rule("a", "A") + rule("b", "A", credits='"2"', more="priority = 1", need='band_min = "B"'),
        rule("a", "A", credits='"4"', need='band_min = "A"') + rule("b", "A", credits='"4"', title="乙"),
        rule("a", "A", more="priority = 1") + rule("b", "A", credits='"2"', more='catalogue = "X"'),
        rule("a", "A", more="priority = 1", need="level_min = 5") + rule("b", "A", need='level_min = 5\nconfidence = "approximate"'),
        rule("a", "A", more="priority = 1", need='band_min = "B"') + rule("b", "A", need='band_min = "B"\npass_counts = true'),
    ],
)
def test_two_rules_when_each_has_its_own_use_then_nothing_is_found(rules):
    assert found(rules) == []


def test_rule_when_its_sources_are_outside_the_set_then_dead():
    assert only(rule("a", "A", need='source = ["CN-32"]'), head=HEAD + 'sources = ["CN-31"]\n').code == "recognition.shadowed_rule"


def test_many_to_one_when_the_same_needs_give_other_credits_then_contradictory():
    tables = '[[rule.need]]\nkind = ["COURSE"]\ntitle = ["甲"]\n[[rule.need]]\nkind = ["COURSE"]\ntitle = ["乙"]\n'
    many = [
        f'[[rule]]\nid = "{name}"\nzh = "z"\nen = "e"\ncardinality = "many-to-one"\nto = ["A"]\ncredits = "{size}"\n{tables}'
        for name, size in (("a", "record"), ("b", "2"))
    ]
    assert only("".join(many)).code == "recognition.contradictory_rules"
    assert found(many[0] + rule("c", "A", title="甲", credits='"2"')) == []


DEMO_HEAD = HEAD.replace("CN-34", "CN-32").replace("2028-12-31", "2028-06-30")


@pytest.mark.parametrize(
    ("rules", "code", "place"),
    [
        (rule("a", "XZ011", credits='"2"', more='catalogue = "NONE"'), "recognition.unknown_catalogue_entry", "rule 1.catalogue (a)"),
        (rule("a", "XZ006", credits='"1"', more='catalogue = "DEMO-X-009"'), "recognition.expired_catalogue_entry", "rule 1.catalogue (a)"),
        (rule("a", "XZ011", credits='"3"', more='catalogue = "DEMO-X-001"'), "recognition.credits_over_catalogue", "rule 1.credits (a)"),
        (
            rule("a", "XZ004", title=[], need='standard_course = ["S-0"]'),
            "recognition.unknown_catalogue_entry",
            "rule 1.need 1.standard_course (a)",
        ),
    ],
)
def test_catalogue_when_a_rule_leans_on_it_wrongly_then_told(rules, code, place):
    problems = lint("t.toml", (DEMO_HEAD + CAPS + rules).encode(), codes(), day=DAY, catalogue=catalogue(), programmes=DEMO)
    assert [problem.code for problem in problems] == [code]
    assert place in problems[0].path


def test_catalogue_when_an_entry_ends_before_the_review_date_then_told():
    rules = rule("a", "XZ011", credits='"2"', more='catalogue = "DEMO-X-001"')
    head = DEMO_HEAD.replace("2028-06-30", "2029-06-30")
    problems = lint("t.toml", (head + CAPS + rules).encode(), codes(), day=DAY, catalogue=catalogue(), programmes=DEMO)
    assert [problem.code for problem in problems] == ["recognition.expired_catalogue_entry"]


def test_overlap_when_title_and_standard_course_are_the_same_course_then_the_catalogue_tells():
    rules = rule("a", "XZ007", title="人力资源开发与管理") + rule(
        "b", "XZ007", title=[], credits='"2"', need='standard_course = ["DEMO-C-107"]'
    )
    problems = lint("t.toml", (DEMO_HEAD + CAPS + rules).encode(), codes(), day=DAY, catalogue=catalogue(), programmes=DEMO)
    assert [problem.code for problem in problems] == ["recognition.overlapping_rules"]


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"[" * 5000, b"a = 1\n" + b"#" * (8 * 1024 * 1024)])
def test_file_when_hostile_then_one_finding(raw):
    [problem] = lint("t.toml", raw, codes(), day=DAY)
    assert problem.code == "recognition.bad_toml"


def test_load_when_the_file_is_wrong_then_a_fault_with_every_problem():
    with pytest.raises(RecognitionError) as caught:
        load_rules("t.toml", (HEAD + CAPS + rule("a", "A", kind="COMMUNITY", credits='"points"')).encode(), codes())
    assert caught.value.code == "recognition.bad_rule_set"
    assert {problem.code for problem in caught.value.problems} == {"recognition.leisure_rule", "recognition.points_rule"}


def test_lint_when_thousands_of_rules_may_meet_then_one_finding_instead_of_comparing_them_all():
    many = "".join(rule(f"r{number}", "C1", credits=f'"{number % 9 + 1}"') for number in range(700))
    found = lint("many.toml", (HEAD + CAPS + many).encode(), codes(), day=DAY)
    assert [each.code for each in found] == ["recognition.too_many_meetings"]
