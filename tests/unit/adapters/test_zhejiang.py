"""Zhejiang: the facts of the sample, how entries fold into records, and each trap of the format."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from support.zhejiang import DIGEST, SAMPLE, SAMPLE_PERSON

from gateway.adapters.zhejiang.learner import digest_of
from gateway.errors import RecordError
from gateway.model.local import LocalLearner, LocalPart, Operation
from tests.support.json_provinces import (
    NO_MANIFEST,
    OTHER_CODE,
    achievement,
    batch,
    chained,
    codes_of,
    deposit,
    encode,
    revoke,
    zhejiang,
)


def parse(value: object, **settings: object) -> LocalPart:
    return zhejiang(**settings).parse(encode(value), NO_MANIFEST)


def parse_entries(*payloads: dict[str, Any]) -> LocalPart:
    return parse(batch(chained(*payloads)))


def refused(value: object, **settings: object) -> RecordError:
    with pytest.raises(RecordError) as caught:
        parse(value, **settings)
    return caught.value


def with_learner(payload: dict[str, Any], **learner: object) -> dict[str, Any]:
    return payload | {"learner": payload["learner"] | learner}


def test_parse_when_the_sample_then_its_facts() -> None:
    part = zhejiang().parse(SAMPLE, NO_MANIFEST)
    assert part.learner == LocalLearner("ZX7K3M9QP4T8W2A3", None, DIGEST, "陈*")
    assert part.values == {
        "version": "2.3",
        "batchId": "zj-20240703-0001",
        "count": 3,
        "learner.zheXueMa": "ZX7K-3M9Q-P4T8-W2A3",
        "learner.nameMasked": "陈*",
        "learner.idDigest": DIGEST,
    }
    assert part.warnings == ("chain_start_configured",)
    assert part.rows_read == 3
    assert [(left.row, left.rule) for left in part.ignored] == [(3, "revoke_applied")]
    mooc, certificate = part.records
    assert (mooc.record_id, mooc.form, mooc.operation, mooc.row) == ("ZJA-2023-7710045", "MOOC_COURSE", Operation.DEPOSIT, 1)
    assert (certificate.record_id, certificate.form, certificate.operation) == ("ZJA-2022-1180213", "VOC_CERT", Operation.CANCEL)
    assert (certificate.values["op"], certificate.values["reason"], certificate.values["chain.height"]) == ("REVOKE", "证书撤销", 880123)
    assert certificate.values["cert.skillLevel"] == "四级/中级工"
    assert mooc.issues == certificate.issues == ()


def test_parse_when_the_sample_course_then_its_values_stay_as_they_are() -> None:
    values = zhejiang().parse(SAMPLE, NO_MANIFEST).records[0].values
    assert values["workload.creditValue"] is None
    assert (values["workload.minutes"], values["workload.points"]) == (2880, "48.0")
    assert (values["result.value"], values["result.percent"]) == ("3.75", "87.5")
    moment = values["period.endAt"]
    assert isinstance(moment, int)
    local = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=moment)
    assert local.astimezone(timezone(timedelta(hours=8))).date().isoformat() == "2023-06-30"


def test_digest_when_the_sample_person_then_the_sample_digest() -> None:
    assert digest_of(SAMPLE_PERSON, "zj-salt-2021") == DIGEST
    assert zhejiang().id_digest(SAMPLE_PERSON) == DIGEST
    assert zhejiang().digest_matches(SAMPLE_PERSON, DIGEST)
    assert not zhejiang().digest_matches("320508198811113025", DIGEST)
    assert not zhejiang().digest_matches(SAMPLE_PERSON, "摘要")


def test_parse_when_deposited_and_revoked_then_one_cancelled_record_on_the_deposit_row() -> None:
    part = parse_entries(deposit(1), deposit(2), revoke(1))
    assert [(r.row, r.record_id, r.operation) for r in part.records] == [
        (1, "ZJA-0001", Operation.CANCEL),
        (2, "ZJA-0002", Operation.DEPOSIT),
    ]
    assert part.records[0].values["title"] == "基础会计"
    assert part.rows_read == 3


def test_parse_when_only_the_revocation_is_shown_then_still_a_cancelled_record() -> None:
    part = parse_entries(revoke(1), revoke(1))
    assert [(r.form, r.record_id, r.operation) for r in part.records] == [("REVOKE", "ZJA-0001", Operation.CANCEL)]
    assert [(left.row, left.rule) for left in part.ignored] == [(2, "repeated_revoke")]


def amended(number: int, **changes: object) -> dict[str, Any]:
    return deposit(number, **changes) | {"op": "AMEND"}


def test_parse_when_amended_then_one_changed_record_as_it_was_stated_last() -> None:
    part = parse_entries(deposit(1), deposit(2), amended(1, title="会计基础"), amended(1, title="基础会计学"))
    assert [(r.row, r.record_id, r.operation, r.values["title"]) for r in part.records] == [
        (2, "ZJA-0002", Operation.DEPOSIT, "基础会计"),
        (4, "ZJA-0001", Operation.CHANGE, "基础会计学"),
    ]
    assert [(left.row, left.rule) for left in part.ignored] == [(1, "overwritten"), (3, "overwritten")]
    assert part.rows_read == 4


def test_parse_when_only_the_amendment_is_shown_then_a_changed_record() -> None:
    part = parse_entries(amended(1))
    assert [(r.record_id, r.operation, r.values["op"]) for r in part.records] == [("ZJA-0001", Operation.CHANGE, "AMEND")]


def test_parse_when_revoked_after_an_amendment_then_cancelled_as_amended() -> None:
    part = parse_entries(deposit(1), amended(1, title="基础会计学"), revoke(1))
    assert [(r.row, r.operation, r.values["title"], r.values["op"]) for r in part.records] == [
        (2, Operation.CANCEL, "基础会计学", "REVOKE")
    ]
    assert [(left.row, left.rule) for left in part.ignored] == [(1, "overwritten"), (3, "revoke_applied")]


@pytest.mark.parametrize(
    ("entries", "code", "left"),
    [
        ((deposit(1), amended(1), deposit(1)), "record.deposit_after_amend", []),
        ((deposit(1), amended(1, title=None)), "record.history_damaged", []),
        ((deposit(1), revoke(1), amended(1)), "record.deposit_after_revoke", [Operation.CANCEL]),
    ],
)
def test_parse_when_an_amendment_cannot_be_then_quarantined(entries: Any, code: str, left: list[Operation]) -> None:
    part = parse_entries(*entries)
    assert code in codes_of(part)
    assert [r.operation for r in part.records] == left
    assert part.rows_read == len(entries)


def test_parse_when_deposited_twice_alike_then_one_record() -> None:
    part = parse_entries(deposit(1), deposit(1))
    assert [(left.row, left.rule) for left in part.ignored] == [(2, "repeated_deposit")]
    assert len(part.records) == 1


def test_parse_when_deposited_twice_differently_then_both_are_quarantined_and_a_revocation_stays() -> None:
    part = parse_entries(deposit(1), deposit(1, title="另一门"), revoke(1))
    assert codes_of(part) == ["record.duplicate_id"] * 2
    assert [(r.form, r.operation) for r in part.records] == [("REVOKE", Operation.CANCEL)]


def test_parse_when_deposited_after_its_revocation_then_quarantined() -> None:
    part = parse_entries(deposit(1), revoke(1), deposit(1))
    assert codes_of(part) == ["record.deposit_after_revoke"]
    assert [r.operation for r in part.records] == [Operation.CANCEL]


@pytest.mark.parametrize("damage", [{"op": "CANCEL"}, {"reason": 7}, {"reason": "长" * 201}, {"op": None}])
def test_parse_when_a_revocation_is_damaged_then_its_deposit_is_not_believed(damage: dict[str, object]) -> None:
    part = parse_entries(deposit(1), deposit(2), revoke(1) | damage)
    assert [r.record_id for r in part.records] == ["ZJA-0002"]
    assert "record.history_damaged" in codes_of(part)
    assert part.rows_read == 3


@pytest.mark.parametrize("what", [{}, {"achId": 7}, None, "ZJA-0001"])
def test_parse_when_nobody_can_tell_what_is_revoked_then_the_part_is_refused(what: object) -> None:
    error = refused(batch(chained(deposit(1), revoke(1) | {"achievement": what})))
    assert error.code == "record.revocation_unreadable"


def test_parse_when_payloads_are_withheld_then_links_are_counted() -> None:
    entries = chained(deposit(1), deposit(2), deposit(3))
    part = parse(batch([entries[0]["chain"], entries[1], entries[2]["chain"]]))
    assert [(left.row, left.rule) for left in part.ignored] == [(1, "chain_link"), (3, "chain_link")]
    assert [r.record_id for r in part.records] == ["ZJA-0002"]


def test_disclose_when_some_records_then_the_others_keep_their_links_only() -> None:
    adapter = zhejiang()
    content = encode(batch(chained(deposit(1), deposit(2, title="不公开"), revoke(1))))
    shown = adapter.disclose(content, {"ZJA-0001"})
    assert "不公开" not in shown.decode()
    part = adapter.parse(shown, NO_MANIFEST)
    assert [(r.record_id, r.operation) for r in part.records] == [("ZJA-0001", Operation.CANCEL)]
    assert part.rows_read == 3


@pytest.mark.parametrize(
    ("changes", "code", "path"),
    [
        ({"achType": "HOBBY"}, "record.unknown_code", "achType"),
        ({"origin": "TAKEN"}, "record.unknown_code", "origin"),
        ({"achType": None}, "record.missing", "achType"),
        ({"title": ""}, "record.missing", "title"),
        ({"title": ["x"]}, "record.wrong_type", "title"),
        ({"level": {"code": "L7a", "framework": "ZJ-LX"}}, "record.wrong_form", "level.code"),
        ({"level": "L4b"}, "record.wrong_type", "level"),
        ({"period": {"endAt": "1688054400000"}}, "record.wrong_type", "period.endAt"),
        ({"period": {"endAt": 1688054400}}, "record.impossible_date", "period.endAt"),
        ({"period": {"endAt": 10**15}}, "record.impossible_date", "period.endAt"),
        ({"period": {"endAt": True}}, "record.wrong_type", "period.endAt"),
        ({"result": {"scale": "ECTS", "value": "A"}}, "record.unknown_code", "result.scale"),
        ({"result": {"scale": "GPA5", "value": "5.1"}}, "record.out_of_range", "result.value"),
        ({"result": {"scale": "GPA5", "value": "good"}}, "record.wrong_form", "result.value"),
        ({"result": {"scale": "PASS", "value": "X"}}, "record.wrong_form", "result.value"),
        ({"result": {"percent": "100.1"}}, "record.out_of_range", "result.percent"),
        ({"result": {"percent": 87}}, "record.wrong_type", "result.percent"),
        ({"workload": {"minutes": -1}}, "record.out_of_range", "workload.minutes"),
        ({"workload": {"points": 48}}, "record.wrong_type", "workload.points"),
        ({"workload": {"creditValue": "1e3"}}, "record.wrong_form", "workload.creditValue"),
        ({"cert": {"no": "a\x07b"}}, "record.control_character", "cert.no"),
        ({"achId": "ZJA 1"}, "record.wrong_form", "achId"),
    ],
)
def test_parse_when_one_value_is_wrong_then_that_row_is_quarantined(changes: dict[str, object], code: str, path: str) -> None:
    part = parse_entries(deposit(1), deposit(2, **changes))
    assert [record.row for record in part.records] == [1]
    assert (code, f"row 2/{path}") in [(p.code, p.path) for p in part.quarantined[0].problems]


@pytest.mark.parametrize("name", ["op", "reason", "chain", "payload", "entry", "a.b", "a b", ""])
def test_parse_when_a_field_name_cannot_be_kept_apart_then_quarantined(name: str) -> None:
    assert "record.field_name" in codes_of(parse_entries(deposit(1, **{name: "x"})))


def test_parse_when_fields_are_unknown_then_kept_everywhere() -> None:
    entry = chained(with_learner(deposit(1, extra={"deep": {"er": 1}}, tags=["a"], empty={}) | {"channel": "app"}, phone="138"))[0]
    part = parse(batch([entry | {"page": 7}], source="x"))
    values = part.records[0].values
    assert (values["extra.deep.er"], values["tags"], values["empty"]) == (1, '["a"]', "{}")
    assert (values["payload.channel"], values["entry.page"], part.values["source"]) == ("app", 7, "x")
    assert part.values["learner.phone"] == "138"
    assert part.records[0].issues == ("unknown_field_kept",)


def test_parse_when_null_then_kept_as_none() -> None:
    values = parse_entries(deposit(1, level=None, period={"startAt": None})).records[0].values
    assert (values["level"], values["period.startAt"]) == (None, None)


@pytest.mark.parametrize(
    ("changes", "issue"),
    [
        ({"period": {"startAt": 1704038400000, "endAt": 1693497600000}}, "end_before_start"),
        ({"provider": {"uscc": "123300004700050171"}}, "issuer_code_invalid"),
        ({"result": {"scale": "GPA5", "value": "3.7", "percent": "87.5"}}, "percent_differs_from_gpa"),
        ({"title": "会\ue000计"}, "private_use_character"),
    ],
)
def test_parse_when_a_value_is_doubtful_then_flagged(changes: dict[str, object], issue: str) -> None:
    assert parse_entries(deposit(1, **changes)).records[0].issues == (issue,)


@pytest.mark.parametrize(("value", "percent"), [("3.75", "87.5"), ("5", "100"), ("0", "30"), ("1.0", "60")])
def test_parse_when_points_and_percent_agree_then_no_issue(value: str, percent: str) -> None:
    assert parse_entries(deposit(1, result={"scale": "GPA5", "value": value, "percent": percent})).records[0].issues == ()


@pytest.mark.parametrize("written", ["zx7k3m9qp4t0oo1r", "ZX7K-3M9Q-P4TO-0O1R", "ZX7K-3M9Q-P4T0-0LIR".replace("LI", "0I")])
def test_parse_when_the_code_was_typed_by_a_person_then_folded(written: str) -> None:
    assert parse_entries(deposit(1, code=written.replace("oo1", "001"))).learner.account == "ZX7K3M9QP4T0001R"


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ZX7K-3M9Q-P4T0-001S", "record.bad_check_digit"),
        ("ZX7K-3M9Q-P4T0-001", "record.bad_length"),
        ("UX7K-3M9Q-P4T0-001R", "record.bad_alphabet"),
        (7, "record.wrong_type"),
        (None, "record.missing"),
    ],
)
def test_parse_when_the_code_is_wrong_then_refused(code: object, error: str) -> None:
    assert refused(batch(chained(with_learner(deposit(1), zheXueMa=code)))).code == error


def test_parse_when_two_learners_stand_in_one_part_then_refused() -> None:
    assert refused(batch(chained(deposit(1), deposit(2, code=OTHER_CODE)))).code == "record.other_account"


def test_parse_when_two_digests_stand_in_one_part_then_refused() -> None:
    entries = chained(with_learner(deposit(1), idDigest="sm3:" + "0" * 64), with_learner(deposit(2), idDigest="sm3:" + "1" * 64))
    assert refused(batch(entries)).code == "record.other_person"


@pytest.mark.parametrize("digest", ["sm3:" + "A" * 64, "sm3:" + "0" * 63, "0" * 64, 5, []])
def test_parse_when_the_digest_has_another_form_then_refused(digest: object) -> None:
    assert refused(batch(chained(with_learner(deposit(1), idDigest=digest)))).code == "record.digest_form"


def test_parse_when_the_masked_names_differ_then_warned() -> None:
    part = parse_entries(with_learner(deposit(1), nameMasked="陈*"), with_learner(deposit(2), nameMasked="程*"))
    assert part.warnings == ("identity_conflict_warning",)
    assert part.learner.name == "陈*"


def test_parse_when_an_entry_has_no_learner_then_that_row_is_quarantined() -> None:
    part = parse_entries(deposit(1), {"achievement": achievement(2), "op": "DEPOSIT"})
    assert codes_of(part) == ["record.missing"]


def test_parse_when_no_entry_names_a_learner_then_refused() -> None:
    assert refused(batch([])).code == "record.missing"
    assert refused(batch([chained(deposit(1))[0]["chain"]])).code == "record.missing"


@pytest.mark.parametrize(
    "entry",
    [
        1,
        {},
        {"payload": {}},
        {"payload": None, "chain": {"height": 1, "prevHash": "0" * 64, "hash": "0" * 64}},
        {"height": 1, "prevHash": "0" * 64},
        {"height": 1, "prevHash": "0" * 64, "hash": "0" * 64, "note": "x"},
        {"payload": {}, "chain": {"height": "1", "prevHash": "0" * 64, "hash": "0" * 64}},
        {"payload": {}, "chain": {"height": 1, "prevHash": "0" * 64, "hash": "F" * 64}},
    ],
)
def test_parse_when_an_entry_cannot_be_linked_then_the_part_is_refused(entry: object) -> None:
    error = refused(batch([*chained(deposit(1)), entry]))
    assert (error.code, error.problems[0].path) == ("record.chain_form", "row 2")


def test_parse_when_the_head_has_many_faults_then_all_are_listed() -> None:
    error = refused(batch([], version="9", count=True), entries_max=1)
    assert [(p.path, p.code) for p in error.problems] == [("version", "record.unknown_version"), ("count", "record.wrong_type")]
    assert refused(batch(chained(deposit(1), deposit(2))), entries_max=1).code == "record.too_many_rows"


def test_parse_when_the_count_differs_then_refused_or_warned_as_configured() -> None:
    value = batch(chained(deposit(1)), count=2)
    assert refused(value).code == "record.counter_mismatch"
    assert parse(value, counter_mismatch="warn").warnings == ("counter_mismatch",)


def test_parse_when_the_chain_starts_at_a_configured_height_then_only_for_its_account() -> None:
    sample = json.loads(SAMPLE)
    entry = chained(deposit(1), height=880121)
    assert refused(batch(entry)).code == "record.chain_start"
    cut = batch(sample["records"][1:])
    assert refused(cut).facts["height"] == 880122
