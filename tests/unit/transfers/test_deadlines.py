"""Deadlines count Chinese working days: holidays not, make-up weekends yes, past the table a marked guess."""

from datetime import UTC, date, datetime

import pytest

from gateway.model.transfer import CLOSED, State
from gateway.transfers.deadlines import WORKING_DAYS, add_working_days, deadline_after, is_working_day


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        (date(2024, 9, 30), 1, date(2024, 10, 8)),  # National Day 1 to 7 October
        (date(2024, 10, 11), 1, date(2024, 10, 12)),  # a Saturday that is worked
        (date(2024, 2, 9), 1, date(2024, 2, 18)),  # Spring Festival, then a Sunday that is worked
        (date(2024, 6, 3), 5, date(2024, 6, 11)),  # the Dragon Boat Monday is free
        (date(2024, 6, 3), 0, date(2024, 6, 3)),
    ],
)
def test_working_days_when_added_then_holidays_do_not_count(start: date, days: int, end: date) -> None:
    assert add_working_days(start, days) == (end, False)


def test_day_when_past_the_holiday_table_then_a_guess_by_weekday() -> None:
    assert is_working_day(date(2099, 1, 2)) == (True, True)
    assert is_working_day(date(2099, 1, 3)) == (False, True)
    assert add_working_days(date(2098, 12, 31), 1) == (date(2099, 1, 1), True)


def test_deadline_when_entered_late_in_the_chinese_day_then_counted_from_that_day() -> None:
    """17:00 UTC is the next day in China; the deadline is the end of its day there."""
    before, provisional = deadline_after(WORKING_DAYS[State.DELIVERING], datetime(2024, 6, 3, 15, 59, tzinfo=UTC))
    after, _ = deadline_after(WORKING_DAYS[State.DELIVERING], datetime(2024, 6, 3, 16, 0, tzinfo=UTC))
    assert (before, provisional) == (datetime(2024, 6, 6, 16, 0, tzinfo=UTC), False)
    assert after == datetime(2024, 6, 7, 16, 0, tzinfo=UTC)


def test_deadline_when_state_is_closed_then_none_and_every_open_state_has_one() -> None:
    assert WORKING_DAYS.keys() == set(State) - CLOSED
