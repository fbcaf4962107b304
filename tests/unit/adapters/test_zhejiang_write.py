"""Zhejiang: batches the gateway writes, and what they say of their own chain."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from support.zhejiang import DIGEST, SAMPLE, SAMPLE_PERSON, record

from gateway.errors import RecordError, SettingsError
from gateway.model.local import LocalLearner, LocalPart, LocalRecord, Operation
from tests.support.json_provinces import (
    CODE,
    NO_MANIFEST,
    adapter_table,
    zhejiang,
)

# -- rendering --


def foreign(*records: LocalRecord, learner: LocalLearner | None = None, **values: Any) -> LocalPart:
    return LocalPart("zhejiang", "2.3", learner or LocalLearner(""), values, records)


def test_render_when_the_sample_chain_is_begun_at_its_height_then_the_same_hashes() -> None:
    start = {"height": 880121, "prev_hash": "0" * 64}
    adapter = zhejiang(trusted_starts=[start], render_start=start)
    written = json.loads(adapter.render(adapter.parse(SAMPLE, NO_MANIFEST)))
    assert written.pop("chainOrigin") == "gateway"
    assert written == json.loads(SAMPLE)


def test_render_when_the_record_comes_from_elsewhere_then_a_fresh_marked_chain() -> None:
    adapter = zhejiang()
    learner = LocalLearner("", citizen_id=SAMPLE_PERSON, name="陈小明")
    values = {"workload.minutes": Decimal(2880), "workload.creditValue": Decimal("3.5"), "period.endAt": None}
    part = adapter.parse(adapter.render(foreign(record(1, **values), record(2), learner=learner)), NO_MANIFEST)
    assert part.learner == LocalLearner("", None, DIGEST, "陈*")
    assert part.values["chainOrigin"] == "gateway"
    assert [r.values["chain.height"] for r in part.records] == [1, 2]
    own = {path: value for path, value in part.records[0].values.items() if not path.startswith("chain.")}
    assert own == {
        "achId": "X1",
        "achType": "MOOC_COURSE",
        "title": "会计学基础",
        "op": "DEPOSIT",
        "workload.minutes": 2880,
        "workload.creditValue": "3.5",
        "period.endAt": None,
    }
    assert part.warnings == ()


def test_render_when_cancelled_then_deposit_and_revocation() -> None:
    adapter = zhejiang()
    part = foreign(record(1, Operation.CANCEL, reason="证书撤销"), record(2), LocalRecord("X3", Operation.CANCEL, 3, "REVOKE", {}))
    again = adapter.parse(adapter.render(part), NO_MANIFEST)
    assert [(r.record_id, r.operation, r.form) for r in again.records] == [
        ("X1", Operation.CANCEL, "MOOC_COURSE"),
        ("X2", Operation.DEPOSIT, "MOOC_COURSE"),
        ("X3", Operation.CANCEL, "REVOKE"),
    ]
    assert again.records[0].values["reason"] == "证书撤销"


@pytest.mark.parametrize(
    ("part", "code"),
    [
        (foreign(record(1), record(1)), "record.duplicate_id"),
        (foreign(record(1, form="CG")), "record.unknown_code"),
        (foreign(record(1, form="REVOKE")), "record.wrong_form"),
        (foreign(record(1, title=None)), "record.missing"),
        (foreign(record(1, achId="Y")), "record.other_id"),
        (foreign(record(1, level=None, **{"level.code": "L1a"})), "record.wrong_form"),
        (foreign(record(1, **{"workload.minutes": Decimal("2.5")})), "record.wrong_type"),
        (foreign(record(1, 会=1)), "record.not_canonical"),
        (foreign(record(1), learner=LocalLearner("JS320519000421770")), "record.bad_length"),
        (foreign(record(1), **{"a b": 1}), "record.field_name"),
        (foreign(record(1, Operation.CANCEL, reason=5)), "record.wrong_type"),
    ],
)
def test_render_when_the_format_cannot_say_it_then_refused(part: LocalPart, code: str) -> None:
    with pytest.raises(RecordError) as caught:
        zhejiang().render(part)
    assert caught.value.code == code


def test_render_when_the_account_is_known_then_written_as_the_bank_writes_it() -> None:
    adapter = zhejiang()
    part = adapter.parse(adapter.render(foreign(record(1), learner=LocalLearner("ZX7K3M9QP4T0001R"))), NO_MANIFEST)
    assert part.values["learner.zheXueMa"] == CODE
    assert replace(part.learner, name=None) == LocalLearner("ZX7K3M9QP4T0001R")


def test_build_when_settings_are_nonsense_then_every_problem_is_told() -> None:
    table = adapter_table("zhejiang")
    wrong = {
        "versions": [],
        "id_salt": "",
        "trusted_starts": [{"height": -1, "prev_hash": "x", "account": "U", "extra": 1}],
        "ach_types": "MOOC_COURSE",
    }
    with pytest.raises(SettingsError) as caught:
        zhejiang(**(table | wrong))
    assert sorted((p.path.removeprefix("zhejiang/adapter/"), p.code) for p in caught.value.problems) == [
        ("ach_types", "settings.wrong_type"),
        ("id_salt", "settings.wrong_type"),
        ("render_start", "settings.out_of_range"),
        ("trusted_starts.0/account", "settings.wrong_form"),
        ("trusted_starts.0/extra", "settings.unknown_key"),
        ("trusted_starts.0/height", "settings.out_of_range"),
        ("trusted_starts.0/prev_hash", "settings.wrong_form"),
        ("versions", "settings.out_of_range"),
    ]
