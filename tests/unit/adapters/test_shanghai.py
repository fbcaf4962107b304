"""Shanghai: the facts of the sample push, and each trap of the format."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from gateway.errors import RecordError, SettingsError
from gateway.model.local import LocalLearner, LocalPart, LocalRecord, Operation
from tests.support.json_provinces import CB_ID, NO_MANIFEST, OTHER_CB_ID, ROOT, codes_of, credit, encode, push, shanghai

SAMPLE = (ROOT / "gateway/adapters/shanghai/samples/good/sh.json").read_bytes()


def parse(value: object, **settings: object) -> LocalPart:
    return shanghai(**settings).parse(encode(value), NO_MANIFEST)


def refused(value: object, **settings: object) -> RecordError:
    with pytest.raises(RecordError) as caught:
        parse(value, **settings)
    return caught.value


def test_parse_when_the_sample_push_then_its_facts() -> None:
    part = shanghai().parse(SAMPLE, NO_MANIFEST)
    assert (part.region, part.learner, part.rows_read, part.warnings) == ("shanghai", LocalLearner(CB_ID), 4, ())
    assert part.values == {
        "channel": "shcreditbank",
        "cb_id": CB_ID,
        "trace_no": "20240703102233000017",
        "pushed_at": "2024-07-03 10:22:33",
        "credit_num": 2,
        "certificate_num": 1,
        "training_num": 1,
    }
    assert [(r.row, r.form, r.record_id, r.operation) for r in part.records] == [
        (1, "credit", "SHC20230098812", Operation.DEPOSIT),
        (2, "credit", "SHC20230098813", Operation.DEPOSIT),
        (3, "certificate_experience", "SHZ2022551201", Operation.DEPOSIT),
        (4, "training", "SHT2024000917", Operation.DEPOSIT),
    ]
    assert part.records[0].values["credit"] == 4
    assert part.records[0].values["credit_hour"] == 64
    assert part.records[1].issues == ("programme_not_graduated",)
    assert part.records[1].values["inst_name"] == "上海开放大学(黄浦)"
    assert part.records[2].values["inst_name"] == "上海××职业技能评价中心"
    assert part.records[3].values["have_project_certificate"] == 2


def test_render_when_the_sample_was_parsed_then_its_bytes() -> None:
    assert shanghai().render(shanghai().parse(SAMPLE, NO_MANIFEST)) == SAMPLE


def test_parse_when_the_lists_stand_in_another_order_then_rows_do_not_change() -> None:
    adapter = shanghai()
    part = adapter.parse(SAMPLE, NO_MANIFEST)
    head = dict(part.values)
    by_form: dict[str, list[Any]] = {}
    for record in reversed(part.records):
        by_form.setdefault(record.form, []).insert(0, dict(record.values))
    assert adapter.parse(encode(by_form | head), NO_MANIFEST).records == part.records


@pytest.mark.parametrize(
    ("changes", "code", "path"),
    [
        ({"course_property": 31.0}, "record.wrong_type", "course_property"),
        ({"course_property": 32}, "record.unknown_code", "course_property"),
        ({"course_property": "30"}, "record.wrong_type", "course_property"),
        ({"learning_stage": 22}, "record.unknown_code", "learning_stage"),
        ({"course_result_code": 42}, "record.unknown_code", "course_result_code"),
        ({"course_season": 52}, "record.unknown_code", "course_season"),
        ({"course_score": True}, "record.wrong_type", "course_score"),
        ({"course_score": 101}, "record.out_of_range", "course_score"),
        ({"credit": 2.5}, "record.wrong_type", "credit"),
        ({"credit": -1}, "record.out_of_range", "credit"),
        ({"credit_hour": 100_000}, "record.out_of_range", "credit_hour"),
        ({"course_year": 2023}, "record.wrong_type", "course_year"),
        ({"course_year": "2023年"}, "record.wrong_form", "course_year"),
        ({"experience_time": "2023-02-29 00:00:00"}, "record.impossible_date", "experience_time"),
        ({"experience_time": "2023-07-05 24:00:00"}, "record.impossible_date", "experience_time"),
        ({"experience_time": "1023-07-05 00:00:00"}, "record.impossible_date", "experience_time"),
        ({"experience_time": "2023-W27-3 00:00:00"}, "record.date_form", "experience_time"),
        ({"experience_time": "2023-07-05T00:00:00"}, "record.date_form", "experience_time"),
        ({"experience_time": "２023-07-05 00:00:00"}, "record.date_form", "experience_time"),
        ({"experience_time": 1688486400000}, "record.wrong_type", "experience_time"),
        ({"course_name": None}, "record.missing", "course_name"),
        ({"course_name": ["x"]}, "record.wrong_type", "course_name"),
        ({"inst_name": "a\u202eb"}, "record.control_character", "inst_name"),
        ({"credit_outer_id": "SHC 1"}, "record.wrong_form", "credit_outer_id"),
        ({"credit_outer_id": ""}, "record.missing", "credit_outer_id"),
        ({"credit_outer_id": 7}, "record.wrong_type", "credit_outer_id"),
        ({"credit_outer_id": "x" * 129}, "record.text_too_long", "credit_outer_id"),
    ],
)
def test_parse_when_one_value_is_wrong_then_that_row_is_quarantined(changes: dict[str, object], code: str, path: str) -> None:
    part = parse(push(credit(1), credit(2, **changes)))
    assert [record.row for record in part.records] == [1]
    assert [(damaged.row, [(p.code, p.path) for p in damaged.problems]) for damaged in part.quarantined] == [(2, [(code, f"row 2/{path}")])]


def test_parse_when_a_row_has_many_faults_then_all_are_listed() -> None:
    part = parse(push(credit(1, credit="4", course_score=-3, experience_time="x", course_name="")))
    assert sorted(codes_of(part)) == ["record.date_form", "record.missing", "record.out_of_range", "record.wrong_type"]


def test_parse_when_a_problem_is_told_then_without_the_value() -> None:
    part = parse(push(credit(1, course_name="机密\x00姓名")))
    assert "机密" not in str(part.quarantined)


def test_parse_when_null_stands_for_an_optional_value_then_kept_as_none() -> None:
    assert parse(push(credit(1, learning_stage=None))).records[0].values["learning_stage"] is None


def test_parse_when_fields_are_unknown_then_kept() -> None:
    part = parse(push(credit(1, note="免修", weight=1.50, tags=["a", {"b": 1}]), app="2.0"))
    values = part.records[0].values
    assert (values["note"], values["weight"], values["tags"]) == ("免修", Decimal("1.50"), '["a",{"b":1}]')
    assert part.values["app"] == "2.0"


def test_parse_when_an_unknown_list_stands_beside_the_three_then_told() -> None:
    part = parse(push(credit(1), honours=[{"x": 1}]))
    assert part.warnings == ("unknown_field_kept",)
    assert part.values["honours"] == '[{"x":1}]'


def test_parse_when_one_id_stands_on_two_different_rows_then_both_are_quarantined_in_either_order() -> None:
    for rows in ((credit(1), credit(1, course_score=90)), (credit(1, course_score=90), credit(1))):
        part = parse(push(*rows, credit(2)))
        assert codes_of(part) == ["record.duplicate_id"] * 2
        assert [record.record_id for record in part.records] == ["SHC0002"]


def test_parse_when_a_damaged_row_has_the_id_of_a_good_one_then_neither_is_believed() -> None:
    part = parse(push(credit(1), credit(1, credit="x")))
    assert codes_of(part) == ["record.duplicate_id", "record.wrong_type"]
    assert part.rows_read == 2


def test_parse_when_a_row_is_repeated_exactly_then_ignored_by_rule() -> None:
    part = parse(push(credit(1), credit(1), credit(1)))
    assert [(left.row, left.rule) for left in part.ignored] == [(2, "repeated_row"), (3, "repeated_row")]
    assert part.rows_read == 3


def test_parse_when_an_award_lies_after_the_push_then_flagged() -> None:
    value = push(credit(1, experience_time="2024-07-03 10:22:34"), credit(2), pushed_at="2024-07-03 10:22:33")
    assert [record.issues for record in parse(value).records] == [("future_date",), ()]


@pytest.mark.parametrize("name", ["\ue000", "\uf8ff", "\U000f0000"])
def test_parse_when_a_text_holds_a_private_use_character_then_flagged(name: str) -> None:
    value = push(credit(1, course_name=name))
    assert parse(value).records[0].issues == ("private_use_character",)
    ascii_only = shanghai().parse(
        encode(value).decode().encode("ascii", "backslashreplace").replace(b"\\U000f0000", b"\\udb80\\udc00"), NO_MANIFEST
    )
    assert ascii_only.records[0].issues == ("private_use_character",)


def test_parse_when_a_counter_differs_then_refused_or_warned_as_configured() -> None:
    value = push(credit(1), credit_num=2)
    assert refused(value).code == "record.counter_mismatch"
    assert parse(value, counter_mismatch="warn").warnings == ("counter_mismatch",)


def test_parse_when_a_counter_is_missing_then_warned() -> None:
    value = push(credit(1))
    del value["credit_num"]
    assert parse(value).warnings == ("counter_mismatch",)


def test_parse_when_the_head_has_many_faults_then_all_are_listed() -> None:
    error = refused(push(credit(1), channel="x", cb_id="12", trace_no=5, pushed_at="now", credit_num=True, training={}))
    assert {(problem.path, problem.code) for problem in error.problems} == {
        ("channel", "record.unknown_channel"),
        ("cb_id", "record.account_form"),
        ("/trace_no", "record.wrong_type"),
        ("/pushed_at", "record.date_form"),
        ("credit_num", "record.wrong_type"),
        ("training", "record.wrong_type"),
    }


@pytest.mark.parametrize("value", [[], [push(credit(1))], "x", 3, None, True])
def test_parse_when_not_one_push_then_refused(value: object) -> None:
    assert refused(value).code == "record.not_one_push"


@pytest.mark.parametrize("cb_id", ["12345", "1" * 21, "１２３４５６７", "12345x", " 123456", "-123456"])
def test_parse_when_the_account_is_no_run_of_digits_then_refused(cb_id: str) -> None:
    assert refused(push(cb_id=cb_id)).code == "record.account_form"


def test_parse_when_a_row_names_another_account_then_quarantined() -> None:
    part = parse(push(credit(1, cb_id=OTHER_CB_ID), credit(2, cb_id=CB_ID)))
    assert codes_of(part) == ["record.other_account"]
    assert [record.row for record in part.records] == [2]


def test_parse_when_the_rows_are_too_many_then_refused() -> None:
    assert refused(push(credit(1), credit(2), credit(3)), rows_max=2).code == "record.too_many_rows"


def foreign(*records: LocalRecord, account: str = "", **values: Any) -> LocalPart:
    return LocalPart("shanghai", "1", LocalLearner(account), values, records)


def record(number: int = 1, form: str = "credit", operation: Operation = Operation.DEPOSIT, **values: Any) -> LocalRecord:
    name = {"credit": "course_name", "training": "project_name"}.get(form, "certificate_name")
    return LocalRecord(f"X{number}", operation, number, form, {name: "会计学基础"} | values)


def test_render_when_the_record_comes_from_elsewhere_then_what_is_there_is_written() -> None:
    adapter = shanghai()
    written = adapter.render(foreign(record(1, credit=Decimal(3), experience_time="2023-06-30 00:00:00"), record(2, "training")))
    part = adapter.parse(written, NO_MANIFEST)
    assert part.learner.account == ""
    assert [(r.record_id, r.form) for r in part.records] == [("X1", "credit"), ("X2", "training")]
    assert part.records[0].values == {
        "credit_outer_id": "X1",
        "course_name": "会计学基础",
        "credit": 3,
        "experience_time": "2023-06-30 00:00:00",
    }
    assert (part.values["credit_num"], part.values["certificate_num"], part.values["training_num"]) == (1, 0, 1)


@pytest.mark.parametrize(
    ("part", "code"),
    [
        (foreign(record(1, credit=Decimal("3.5"))), "record.wrong_type"),
        (foreign(record(1, operation=Operation.CANCEL)), "record.no_cancel"),
        (foreign(record(1, form="CG")), "record.unknown_form"),
        (foreign(record(1), record(1)), "record.duplicate_id"),
        (foreign(record(1), account="JS320519000421770"), "record.account_form"),
        (foreign(record(1), **{"XXZ XM": "x"}), "record.field_name"),
        (foreign(record(1), pushed_at="2024"), "record.date_form"),
        (foreign(record(1, credit_outer_id="Y")), "record.other_id"),
        (foreign(record(1, **{"a.b": 1})), "record.field_name"),
    ],
)
def test_render_when_the_format_cannot_say_it_then_refused(part: LocalPart, code: str) -> None:
    with pytest.raises(RecordError) as caught:
        shanghai().render(part)
    assert caught.value.code == code


def test_render_when_counters_came_with_the_part_then_recomputed() -> None:
    adapter = shanghai()
    part = adapter.parse(SAMPLE, NO_MANIFEST)
    again = adapter.parse(adapter.render(replace(part, records=part.records[:1])), NO_MANIFEST)
    assert (again.values["credit_num"], again.values["training_num"]) == (1, 0)


def test_digest_matches_when_shanghai_then_never() -> None:
    assert shanghai().digest_matches("330106199512244027", "sm3:00") is False


def test_build_when_settings_are_nonsense_then_every_problem_is_told() -> None:
    with pytest.raises(SettingsError) as caught:
        shanghai(channel="", account_digits_min=9, account_digits_max=8, rows_max="many", counter_mismatch="maybe", colour=1)
    assert sorted((p.path, p.code) for p in caught.value.problems) == [
        ("shanghai/adapter/account_digits_min", "settings.out_of_range"),
        ("shanghai/adapter/channel", "settings.wrong_type"),
        ("shanghai/adapter/colour", "settings.unknown_key"),
        ("shanghai/adapter/counter_mismatch", "settings.unknown_choice"),
        ("shanghai/adapter/rows_max", "settings.wrong_type"),
    ]
