"""Dates keep the precision they were given in."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.dates import YEAR_MAX, YEAR_MIN, PartialDate

days = st.dates(min_value=date(YEAR_MIN, 1, 1), max_value=date(YEAR_MAX, 12, 31))


@pytest.mark.parametrize(
    ("text", "precision", "earliest", "latest"),
    [
        ("2023-06-30", "day", date(2023, 6, 30), date(2023, 6, 30)),
        ("2023-02", "month", date(2023, 2, 1), date(2023, 2, 28)),
        ("2024-02", "month", date(2024, 2, 1), date(2024, 2, 29)),
        ("2023", "year", date(2023, 1, 1), date(2023, 12, 31)),
        ("1900", "year", date(1900, 1, 1), date(1900, 12, 31)),
        ("2200-12", "month", date(2200, 12, 1), date(2200, 12, 31)),
    ],
)
def test_from_iso_when_well_formed_then_precision_and_range_kept(text, precision, earliest, latest):
    value = PartialDate.from_iso(text)
    assert str(value) == text
    assert (value.precision, value.earliest(), value.latest()) == (precision, earliest, latest)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "23",
        "2023-",
        "2023-6",
        "2023-06-3",
        "20230630",
        "2023-06-30-01",
        "2023/06/30",
        "2023-13",
        "2023-02-30",
        "2023-00-10",
        "1899",
        "2201",
        "２０２３",
        "+023",
        "2023-06-30 ",
        "-2023",
    ],
)
def test_from_iso_when_not_a_partial_date_then_value_error(text):
    with pytest.raises(ValueError, match=r"date|range"):
        PartialDate.from_iso(text)


@pytest.mark.parametrize("parts", [(2023, 0, 1), (2023, 13, 0), (2023, -1, 0), (2023, 2, 29), (2023, 1, -1), (1899, 1, 1)])
def test_partial_date_when_parts_impossible_then_value_error(parts):
    with pytest.raises(ValueError, match="out of range"):
        PartialDate(*parts)


@given(days)
def test_partial_date_when_a_whole_day_then_it_means_that_day(day):
    value = PartialDate(day.year, day.month, day.day)
    assert value.earliest() == value.latest() == day
    assert PartialDate.from_iso(day.isoformat()) == value


@given(days, st.sampled_from(["day", "month", "year"]))
def test_partial_date_when_written_then_read_back_the_same(day, precision):
    value = PartialDate(day.year, day.month if precision != "year" else 0, day.day if precision == "day" else 0)
    assert value.precision == precision
    assert PartialDate.from_iso(str(value)) == value
    assert value.earliest() <= day <= value.latest()
