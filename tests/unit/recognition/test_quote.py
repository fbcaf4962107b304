"""Estimates: every bar, every condition, what a rule gives, what is cut, and the sentence that says so."""

from datetime import date
from decimal import Decimal

import pytest
from support.rules import CAPS, DAY, HEAD, demo_programme, programme, quoted, record, rule, rule_set

from gateway.errors import RecognitionError
from gateway.model.regional import RegionalRecord
from gateway.model.transfer import Refusal
from gateway.recognition.estimate import Verdict
from gateway.recognition.limits import Standing
from gateway.recognition.quote import RECORDS_MAX, Item, Quote, quote

ONE = programme(("A", "4"), ("B", "3"))


def only(records: list[RegionalRecord], rules: str, target=ONE, caps: str = CAPS, day: date = DAY) -> Item:
    """The item of a single record."""
    [item] = quoted(records, target, rule_set(rules, caps=caps), day).items
    return item


def awards(item: Item) -> list[tuple[str, str]]:
    return [(award.course, str(award.credits)) for award in item.awards]


def test_record_when_a_rule_fits_then_recognised_with_rule_version_and_reason():
    item = only([record()], rule("r", "A"))
    assert (item.verdict, item.reason, item.rule, awards(item)) == (Verdict.RECOGNISED, "content_equivalent", "r", [("A", "4.0")])
    assert item.in_short == ("认定 4.0 学分", "4.0 credits are recognised")
    assert "规则集 test 版本 1" in item.why[1].zh
    assert "rule set test version 1" in item.why[1].en


@pytest.mark.parametrize(
    ("values", "reason", "words"),
    [
        ({"kind": "COMMUNITY"}, "kind_excluded", "leisure"),
        ({"status": "REVOKED"}, "not_convertible", "revoked"),
        ({"band": "F"}, "grade_insufficient", "not passed"),
        ({"convertible": "false", "convertible_reason": "converted_before"}, "not_convertible", "converted_before"),
        ({"bank": "CN-34"}, "not_convertible", "own record"),
        ({"date__valid_until": "2026-08"}, "expired", "2026-08"),
        ({"date__awarded": "2026-10"}, "not_verified", "after the day"),
        ({"size": None, "size__points": "48"}, "not_convertible", "points are not credits"),
        ({"title": "高等数学"}, "not_in_catalogue", "no rule"),
        ({"kind": "MOOC"}, "kind_excluded", "kind must be COURSE"),
        ({"size": None}, "size_insufficient", "no regional credits"),
        ({"size__credits": "0.0"}, "size_insufficient", "less than one step"),
    ],
)
def test_record_when_something_bars_it_then_refused_and_told_why(values, reason, words):
    item = only([record(**values)], rule("r", ["A"]))
    assert (item.verdict, item.reason, item.awards, item.rule) == (Verdict.REFUSED, reason, (), "")
    assert words in item.in_short.en
    assert item.in_short.zh.startswith("未认定:")


def test_validity_when_it_ends_on_the_day_then_still_valid():
    rules, ends = rule("r", "A"), record(date__valid_until="2026-09-15")
    assert only([ends], rules).verdict is Verdict.RECOGNISED
    assert only([ends], rules, day=date(2026, 9, 16)).reason == "expired"
    assert only([record(date__valid_until="2026-09")], rules, day=date(2026, 9, 30)).verdict is Verdict.RECOGNISED


def level(number: str, confidence: str = "exact") -> dict[str, str]:
    return {"level__regional": number, "level__confidence": confidence}


SHANGHAI, NANJING = {"issuer__uscc": "12310000425060017N"}, {"issuer__uscc": "12320000466003019N"}
HOURS = """
[[hours]]
policy = "{policy}"
unit_minutes = "45"
theory_units_per_credit = "16"
practice_units_per_credit = "32"
rounding_step = "0.5"
"""


@pytest.mark.parametrize(
    ("need", "fits", "fails", "reason"),
    [
        ('source = ["CN-31"]', {}, {"bank": "CN-32"}, "issuer_not_recognised"),
        ('issuer = ["12310000425060017N"]', SHANGHAI, NANJING, "issuer_not_recognised"),
        ('scheme = ["HRSS"]', {"certificate__scheme": "HRSS"}, {"certificate__scheme": "OTHER"}, "not_verified"),
        ('skill_level = ["3", "4"]', {"certificate__skill_level": "4"}, {"certificate__skill_level": "5"}, "level_insufficient"),
        ('stage = ["BACHELOR"]', {"programme__stage": "BACHELOR"}, {"programme__stage": "ASSOCIATE"}, "level_insufficient"),
        ("level_min = 6", level("6"), level("5"), "level_insufficient"),
        ("level_min = 6", level("7"), {}, "level_insufficient"),
        ("level_min = 6", level("6"), level("6", "approximate"), "level_insufficient"),
        ('level_min = 6\nconfidence = "approximate"', level("6", "approximate"), level("5", "approximate"), "level_insufficient"),
        ('band_min = "B"', {"band": "A"}, {"band": "C"}, "grade_insufficient"),
        ('band_min = "B"', {"band": "B"}, {"band": "P"}, "grade_insufficient"),
        ('band_min = "B"\npass_counts = true', {"band": "P"}, {"band": "C"}, "grade_insufficient"),
        ('band_min = "D"', {"band": "D"}, {"band": ""}, "grade_insufficient"),
        ('credits_min = "3.5"', {"size": "3.5"}, {"size": "3"}, "size_insufficient"),
        ("years_max = 8", {"date__awarded": "2018-09-15"}, {"date__awarded": "2018-09-14"}, "too_old"),
        ("years_max = 8", {"date__awarded": "2018"}, {"date__awarded": "2018-08"}, "too_old"),
        ("years_max = 8", {"date__awarded": "2024"}, {"date__awarded": "2017"}, "too_old"),
    ],
)  # fmt: skip
def test_condition_when_met_and_when_not_then_decides_and_names_itself(need, fits, fails, reason):
    rules = rule("r", "A", need=need)
    assert only([record(**fits)], rules).verdict is Verdict.RECOGNISED
    item = only([record(**fails)], rules)
    assert (item.verdict, item.reason) == (Verdict.REFUSED, reason)
    assert "rule r" in item.why[-1].en


def test_age_when_the_record_has_no_date_then_refused():
    values = {path: value for path, value in record().values.items() if path != "date.awarded"}
    assert only([RegionalRecord(values)], rule("r", "A", need="years_max = 8")).reason == "too_old"


def test_refused_record_when_several_rules_name_it_then_told_of_the_nearest():
    rules = rule("far", "A", need='band_min = "A"\nstage = ["MASTER"]') + rule("near", "A", need='band_min = "A"')
    item = only([record()], rules)
    assert item.why[0].en == "grade must be band A or better, here it is B"
    assert "rule near" in item.why[1].en


@pytest.mark.parametrize("title", ["管理学基础\uff08一\uff09", " 管理学 基础(一)"])
def test_title_when_written_with_other_width_or_spaces_then_the_same(title):
    assert only([record(title=title)], rule("r", "A", title="管理学基础(一)")).verdict is Verdict.RECOGNISED


def test_course_code_when_of_another_bank_then_not_the_same_course():
    rules = rule("r", "A", title=[], need='course_code = ["CN-31/X1"]')
    assert only([record(course__code="X1")], rules).verdict is Verdict.RECOGNISED
    assert only([record(course__code="X1", bank="CN-32")], rules).reason == "not_in_catalogue"


def test_rule_without_titles_when_the_kind_fits_then_it_meets():
    assert only([record(title="随便")], rule("r", "A", title=[])).verdict is Verdict.RECOGNISED


def test_record_when_larger_than_the_course_then_the_surplus_is_not_carried():
    item = only([record(size="4")], rule("r", "B"))
    assert (item.recognised, item.refused, awards(item)) == (Decimal("3.0"), Decimal("1.0"), [("B", "3.0")])
    assert item.reason == "recognised_in_part"
    assert item.in_short.en == "4.0 credits became 3.0 because: the course has 3.0 credits; the surplus of 1.0 is not carried"
    assert item.in_short.zh == "4.0 学分成为 3.0 学分,因为:课程共 3.0 学分,多出的 1.0 学分不结转"


def test_fixed_credits_when_more_than_the_record_has_then_the_record_decides():
    assert awards(only([record(size="2")], rule("r", "A", credits='"4"'))) == [("A", "2.0")]
    item = only([record(size="4")], rule("r", "A", credits='"3"'))
    assert awards(item) == [("A", "3.0")]
    assert "the rule gives 1.0 less" in item.in_short.en


def test_fixed_credits_when_a_catalogue_entry_fixes_them_then_the_record_does_not_limit():
    item = only([record(size=None)], rule("r", "A", credits='"4"', more='catalogue = "X-1"'))
    assert (awards(item), item.submitted, item.recognised, item.refused) == ([("A", "4.0")], None, 0, 0)
    assert "catalogue entry X-1" in item.why[-1].en


def test_zero_credits_when_a_rule_gives_them_then_a_legal_exemption():
    item = only([record(size=None)], rule("r", "A", credits='"0"'))
    assert (item.verdict, item.reason, awards(item)) == (Verdict.RECOGNISED, "credit_exemption", [("A", "0.0")])
    assert item.in_short == ("免修,不计学分", "exempt, without credits")


def test_exam_when_still_required_then_flagged_and_told():
    item = only([record()], rule("r", "A", more="exam_still_required = true"))
    assert (item.exam_still_required, item.reason) == (True, "exam_required")
    assert "免修不免考" in item.why[-1].zh


def test_amounts_when_no_whole_step_then_rounded_down():
    item = only([record(size="3.75")], rule("r", "A"))
    assert (item.recognised, item.refused) == (Decimal("3.5"), Decimal("0.25"))


def test_one_to_many_when_the_record_is_smaller_then_courses_are_filled_in_order():
    rules = rule("r", ["A", "B"], more='cardinality = "one-to-many"')
    assert awards(only([record(size="7")], rules)) == [("A", "4.0"), ("B", "3.0")]
    assert awards(only([record(size="5")], rules)) == [("A", "4.0"), ("B", "1.0")]
    assert awards(only([record(size="4")], rules)) == [("A", "4.0")]


MANY = """
[[rule]]
id = "both"
zh = "二合一"
en = "two in one"
cardinality = "many-to-one"
to = ["A"]
credits = "record"
[[rule.need]]
kind = ["COURSE"]
title = ["甲"]
[[rule.need]]
kind = ["COURSE"]
title = ["乙"]
"""


def test_many_to_one_when_all_are_there_then_one_course_of_all():
    found = quoted([record("1", "2", title="甲"), record("2", "1.5", title="乙")], ONE, rule_set(MANY))
    assert [awards(item) for item in found.items] == [[("A", "2.0")], [("A", "1.5")]]
    assert "together with 1 other" in found.items[0].why[-2].en


def test_many_to_one_when_one_is_missing_then_refused_with_what_is_missing():
    item = only([record(title="甲")], MANY)
    assert item.reason == "content_insufficient"
    assert "needs 2 records together" in item.in_short.en


def test_many_to_one_when_both_attempts_at_one_course_then_they_are_not_two():
    rules = MANY.replace('"乙"', '"甲"')
    found = quoted([record("1", "2", title="甲"), record("2", "2", title="甲")], ONE, rule_set(rules))
    assert {item.verdict for item in found.items} == {Verdict.REFUSED}


def test_course_when_two_records_want_it_then_the_better_grade_has_it():
    found = quoted([record("1", band="C"), record("2", bank="CN-32", band="A")], ONE, rule_set(rule("r", "A")))
    assert [item.verdict for item in found.items] == [Verdict.REFUSED, Verdict.RECOGNISED]
    assert found.items[0].reason == "recognised_before"
    assert "course A goes to record 2" in found.items[0].in_short.en


def test_course_when_two_records_are_alike_then_the_first_record_has_it():
    records = [record("1"), record("2", bank="CN-32")]
    for order in (records, records[::-1]):
        assert [item.verdict for item in quoted(order, ONE, rule_set(rule("r", "A"))).items] == [Verdict.RECOGNISED, Verdict.REFUSED]


def test_records_when_one_can_go_elsewhere_then_both_are_recognised():
    rules = rule("flexible", ["A", "B"]) + rule("bound", "A", title="甲")
    found = quoted([record("1", "4"), record("2", "4", title="甲")], ONE, rule_set(rules))
    assert [awards(item) for item in found.items] == [[("B", "3.0")], [("A", "4.0")]]


def test_retake_when_two_attempts_then_only_the_best_counts():
    rules = rule("r", ["A", "B"])
    found = quoted([record("1", band="C"), record("2", band="A")], ONE, rule_set(rules))
    assert [item.verdict for item in found.items] == [Verdict.REFUSED, Verdict.RECOGNISED]
    assert found.items[0].reason == "highest_only"


GROUPS = """
[[group]]
id = "g"
zh = "同类"
en = "alike"
reason = "{reason}"
"""


@pytest.mark.parametrize(("reason", "told"), [("highest_only", "highest_only"), ("equal_content", "recognised_before")])
def test_group_when_two_rules_of_it_fit_then_only_the_highest_counts(reason, told):
    rules = rule("small", "B", title="甲", more='group = "g"') + rule("large", "A", title="乙", more='group = "g"')
    found = quoted([record("1", title="甲"), record("2", title="乙")], ONE, rule_set(rules, caps=CAPS + GROUPS.format(reason=reason)))
    assert [item.rule for item in found.items] == ["", "large"]
    assert found.items[0].reason == told
    assert "alike" in found.items[0].in_short.en


def test_priority_when_two_rules_fit_then_the_higher_is_carried_out():
    rules = rule("general", "A") + rule("special", "A", credits='"2"', more="priority = 5")
    item = only([record()], rules)
    assert (item.rule, awards(item)) == ("special", [("A", "2.0")])


def test_cap_of_the_programme_when_reached_then_the_worse_grade_is_cut_and_told():
    target = programme(("A", "4"), ("B", "4"), total="12")
    rules = rule("a", "A", title="甲") + rule("b", "B", title="乙")
    found = quoted([record("1", title="甲", band="C"), record("2", title="乙", band="A")], target, rule_set(rules))
    assert [awards(item) for item in found.items] == [[("A", "2.0")], [("B", "4.0")]]
    assert found.items[0].in_short.en == "4.0 credits became 2.0 because: the programme's cap of 6.0 credits cuts 2.0 credits"
    assert (found.caps[0].limit, found.caps[0].used) == (Decimal("6.0"), Decimal("6.0"))


def test_cap_when_nothing_is_left_then_refused():
    target = programme(("A", "4"), ("B", "4"), total="8")
    rules = rule("a", "A", title="甲") + rule("b", "B", title="乙")
    found = quoted([record("1", title="甲", band="C"), record("2", title="乙", band="A")], target, rule_set(rules))
    assert (found.items[0].verdict, found.items[0].reason, found.items[0].rule) == (Verdict.REFUSED, "cap_reached", "")
    assert found.recognised == 4


def test_cap_of_a_kind_when_it_binds_then_the_other_kind_takes_the_course():
    caps = CAPS + '[caps.kind_percent]\nMOOC = "5"\n'
    rules = rule("m", ["A", "B"], kind="MOOC", title="甲") + rule("m2", ["A", "B"], kind="MOOC", title="乙") + rule("c", "A", title="丙")
    records = [
        record("1", title="甲", kind="MOOC", band="A"),
        record("2", title="乙", kind="MOOC", band="A"),
        record("3", title="丙", band="D"),
    ]
    found = quoted(records, ONE, rule_set(rules, caps=caps))
    assert found.recognised == 7
    assert [item.verdict for item in found.items].count(Verdict.RECOGNISED) == 2
    assert found.exact


def test_cap_of_a_category_when_it_binds_then_cut_by_name():
    item = only([record()], rule("r", "A"), programme(("A/公共", "4"), caps={"公共": "1.7"}))
    assert awards(item) == [("A", "1.5")]
    assert "courses of category 公共" in item.in_short.en


def test_resident_credits_when_they_leave_less_then_they_are_the_cap():
    found = quoted([record()], programme(("A", "4"), total="10", resident="8"), rule_set(rule("r", "A")))
    assert (found.recognised, found.caps[0].limit) == (2, 2)


def test_standing_when_recognised_before_then_it_counts_towards_caps_courses_and_groups():
    rules = rule_set(
        rule("a", "A", title="甲") + rule("b", "B", title="乙", more='group = "g"'), caps=CAPS + GROUPS.format(reason="highest_only")
    )
    target = programme(("A", "4"), ("B", "3"), total="20")
    records = [record("1", title="甲"), record("2", title="乙")]
    assert quoted(records, target, rules).recognised == 7
    some = quote(records, target, rules, DAY, standing=Standing(total=Decimal(5)))
    assert isinstance(some, Quote)
    assert some.recognised == 5
    taken = quote(records, target, rules, DAY, standing=Standing(targets=frozenset({"A"}), groups=frozenset({"g"})))
    assert isinstance(taken, Quote)
    assert [item.reason for item in taken.items] == ["recognised_before", "recognised_before"]


def test_policy_when_not_accepted_then_the_credits_do_not_count():
    rules = rule_set(rule("r", "A"), caps=CAPS + HOURS.format(policy="P-2"))
    found = quoted([record()], ONE, rules)
    assert found.items[0].reason == "not_verified"
    assert "YRD-2024.1" in found.items[0].in_short.en


def test_sources_when_not_listed_then_refused():
    found = quoted([record(bank="CN-32")], ONE, rule_set(rule("r", "A"), head=HEAD + 'sources = ["CN-31"]\n'))
    assert found.items[0].reason == "issuer_not_recognised"


@pytest.mark.parametrize(
    ("day", "target", "code"),
    [
        (date(2025, 12, 31), ONE, "recognition.not_in_force"),
        (date(2029, 1, 1), ONE, "recognition.rule_set_expired"),
        (DAY, demo_programme("DEMO-P-KJ"), "recognition.other_programme"),
    ],
)
def test_quote_when_the_rule_set_does_not_apply_then_refused_as_a_whole(day, target, code):
    found = quote([record()], target, rule_set(rule("r", "A")), day)
    assert isinstance(found, Refusal)
    assert found.code == code


def test_quote_when_on_the_first_and_on_the_last_day_then_given():
    for day in (date(2026, 1, 1), date(2028, 12, 31)):
        assert isinstance(quote([record()], ONE, rule_set(rule("r", "A")), day), Quote)


def test_question_when_a_record_stands_twice_or_there_are_too_many_then_a_fault():
    rules = rule_set(rule("r", "A"))
    with pytest.raises(RecognitionError, match=r"recognition\.repeated_record"):
        quote([record(), record()], ONE, rules, DAY)
    with pytest.raises(RecognitionError, match=r"recognition\.too_many_records"):
        quote([record(str(number)) for number in range(RECORDS_MAX + 1)], ONE, rules, DAY)


def test_document_when_made_then_every_number_is_text_and_all_is_told():
    document = quoted([record(size="4.0"), record("2", size=None, title="无")], ONE, rule_set(rule("r", "A"))).document()
    assert isinstance(document, dict)
    assert (document["submitted"], document["recognised"], document["refused"], document["exact"]) == ("4.0", "4.0", "0.0", True)
    assert [item["submitted"] for item in document["items"]] == [None, "4.0"]
