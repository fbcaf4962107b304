"""Free-text cells: what they mean, and what is refused rather than guessed."""

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.cells import (
    CellError,
    DateCell,
    GradeCell,
    HoursCell,
    credits_cell,
    date_cell,
    excel_serial,
    grade_cell,
    hours_addends,
    hours_cell,
)
from gateway.model.dates import PartialDate
from gateway.model.regional import Scale


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("64(48+16)", HoursCell(Decimal(64), Decimal(48), Decimal(16))),
        (" ６４（４８＋１６） ", HoursCell(Decimal(64), Decimal(48), Decimal(16))),
        ("64学时(理论48+实践16)", HoursCell(Decimal(64), Decimal(48), Decimal(16))),
        ("40.5(32+8.5)", HoursCell(Decimal("40.5"), Decimal(32), Decimal("8.5"))),
        ("80", HoursCell(Decimal(80))),
        ("80课时", HoursCell(Decimal(80))),
        ("12次", HoursCell(sessions=Decimal(12))),
        ("—", HoursCell()),
        ("——", HoursCell()),
        ("－", HoursCell()),
        ("", HoursCell()),
    ],
)
def test_hours_when_written_in_a_known_form_then_read(text: str, meaning: HoursCell) -> None:
    assert hours_cell(text) == meaning


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("32+32", "record.ambiguous_hours"),
        ("16+16+16", "record.ambiguous_hours"),
        ("60(48+16)", "record.hours_differ"),
        ("八十", "record.bad_hours"),
        ("-8", "record.bad_hours"),
        ("8e3", "record.bad_hours"),
        ("٨٠", "record.bad_hours"),
        ("1" * 300, "record.bad_hours"),
        ("123456", "record.bad_hours"),
    ],
)
def test_hours_when_doubtful_then_refused(text: str, code: str) -> None:
    with pytest.raises(CellError) as caught:
        hours_cell(text)
    assert caught.value.code == code


def test_addends_when_a_bare_sum_then_counted() -> None:
    assert [hours_addends(text) for text in ("32+32", "1+2+3", "64(48+16)", "80", "")] == [2, 3, 0, 0, 0]


def test_credits_when_with_or_without_a_unit_then_read() -> None:
    assert [credits_cell(text) for text in ("3.5学分", "3", "", "—", "０．５")] == [Decimal("3.5"), Decimal(3), None, None, Decimal("0.5")]


@pytest.mark.parametrize("text", ["-1", "3E1", "3,5", "三", "3.555", "nan", "inf"])
def test_credits_when_not_a_plain_number_then_refused(text: str) -> None:
    with pytest.raises(CellError, match=r"record\.bad_credits"):
        credits_cell(text)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("良好", GradeCell("良好", Scale.LEVEL5, None, "良好", passed=True)),
        ("良", GradeCell("良", Scale.LEVEL5, None, "良好", passed=True)),
        ("优秀", GradeCell("优秀", Scale.LEVEL5, None, "优秀", passed=True)),
        ("中等", GradeCell("中等", Scale.LEVEL5, None, "中等", passed=True)),
        ("及格", GradeCell("及格", Scale.LEVEL5, None, "及格", passed=True)),
        ("不及格", GradeCell("不及格", Scale.LEVEL5, None, "不及格", passed=False)),
        ("78/100", GradeCell("78/100", Scale.PERCENT, Decimal(78), "", passed=None)),
        ("合格", GradeCell("合格", Scale.PASS, None, "合格", passed=True)),
        ("不合格", GradeCell("不合格", Scale.PASS, None, "不合格", passed=False)),
        ("二级甲等", GradeCell("二级甲等", Scale.PUTONGHUA, None, "二级甲等", passed=None)),
        ("参加", GradeCell("参加", Scale.ATTENDANCE, None, "参加", passed=None)),
    ],
)
def test_grade_when_written_in_a_known_form_then_keeps_its_scale(text: str, meaning: GradeCell) -> None:
    assert grade_cell(text) == meaning


def test_grade_when_a_pass_mark_is_given_then_judged_by_it() -> None:
    assert [grade_cell(f"{score}/100", pass_percent=Decimal(60)).passed for score in (59, 60)] == [False, True]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "record.no_grade"),
        ("78", "record.grade_without_scale"),
        ("78分", "record.grade_without_scale"),
        ("101/100", "record.unknown_grade"),
        ("39/50", "record.unknown_grade"),
        ("A", "record.unknown_grade"),
        ("四级甲等", "record.unknown_grade"),
    ],
)
def test_grade_when_its_scale_is_not_certain_then_refused(text: str, code: str) -> None:
    with pytest.raises(CellError) as caught:
        grade_cell(text)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2023年6月", None, "2023-06"),
        ("2023年", None, "2023"),
        ("2023", None, "2023"),
        ("2023年6月30日", None, "2023-06-30"),
        ("2023/6/30", None, "2023-06-30"),
        ("２０２３／６／３０", None, "2023-06-30"),
        ("2019-9", None, "2019-09"),
        ("2023-06-30", None, "2023-06-30"),
        ("2023-06-30 00:00:00", None, "2023-06-30"),
        ("20230630", None, "2023-06-30"),
        ("2024.3.1-2024.5.31", "2024-03-01", "2024-05-31"),
        ("2024年3月至2024年5月", "2024-03", "2024-05"),
        ("2024-03-01~2024-05-31", "2024-03-01", "2024-05-31"),
        ("2024-03-01 - 2024-05-31", "2024-03-01", "2024-05-31"),
    ],
)
def test_date_when_written_in_a_known_form_then_keeps_its_precision(text: str, start: str | None, end: str) -> None:
    expected = DateCell(PartialDate.from_iso(start) if start else None, PartialDate.from_iso(end))
    assert date_cell(text) == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "record.no_date"),
        ("45107", "record.bad_date"),
        ("2023/13", "record.bad_date"),
        ("2023-02-30", "record.bad_date"),
        ("2023-00", "record.bad_date"),
        ("2023/6-30", "record.bad_date"),
        ("202306", "record.bad_date"),
        ("23.6.30", "record.bad_date"),
        ("1899-12-31", "record.bad_date"),
        ("2024.3.1-2024.5.31-2024.6.1", "record.bad_date"),
        ("2024.5.31-2024.3.1", "record.date_order"),
        ("2023-06-30 10:00:00", "record.bad_date"),
    ],
)
def test_date_when_doubtful_then_refused(text: str, code: str) -> None:
    with pytest.raises(CellError) as caught:
        date_cell(text)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("serial", "epoch1904", "day"),
    [
        (45107, False, "2023-06-30"),
        (45107, True, "2027-07-01"),
        (43645, True, "2023-06-30"),
        (45107.75, False, "2023-06-30"),
        (Decimal("45107.999"), False, "2023-06-30"),
        (61, False, "1900-03-01"),
        (59, False, "1900-02-28"),
        (0, True, "1904-01-01"),
    ],
)
def test_serial_when_a_day_then_read_in_its_date_system(serial: float, epoch1904: bool, day: str) -> None:
    assert excel_serial(serial, epoch1904=epoch1904) == PartialDate.from_iso(day)


@pytest.mark.parametrize("serial", [60, 0, -1, 10**9, float("nan"), float("inf"), 200_000])
def test_serial_when_no_day_then_refused(serial: float) -> None:
    with pytest.raises(CellError, match=r"record\.bad_date"):
        excel_serial(serial, epoch1904=False)


@given(st.text(max_size=40) | st.text(alphabet="0123456789.+-/()年月日次学分至 ", max_size=24))
def test_cells_when_any_text_then_a_value_or_a_cell_error(text: str) -> None:
    for read in (hours_cell, credits_cell, grade_cell, date_cell):
        with suppress(CellError):
            read(text)
