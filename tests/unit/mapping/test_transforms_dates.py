"""Dates: precision kept, the day in China, no day invented."""

import pytest
from support.mapping_parts import BASE, mapper, part_of, problems, record

from gateway.model.dates import PartialDate


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
