"""Buckets bound the error of a percentile, and the same time falls into the same bucket everywhere."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from gateway.transfers.case import utc_text
from gateway.transfers.milestones import BOUNDS_US, bucket_of, percentile

START = datetime(2026, 11, 2, tzinfo=UTC)


def bucket(took: timedelta) -> str:
    return bucket_of(utc_text(START), utc_text(START + took))


def test_bounds_when_compared_then_each_is_less_than_19_percent_above_the_one_below() -> None:
    assert BOUNDS_US[0] == 1_000_000
    assert timedelta(microseconds=BOUNDS_US[-1]) > timedelta(days=730)
    assert all(low < high < low * 1.19 for low, high in pairwise(BOUNDS_US))


@pytest.mark.parametrize("took", [timedelta(seconds=1), timedelta(seconds=61), timedelta(days=3, microseconds=1), timedelta(days=200)])
def test_percentile_when_all_took_the_same_then_its_buckets_bound(took: timedelta) -> None:
    told = percentile({bucket(took): 7}, 95)
    assert told is not None
    assert took <= told < took * 1.19


def test_percentile_when_told_from_buckets_then_the_nearest_rank_counts() -> None:
    counts = {bucket(timedelta(seconds=2)): 95, bucket(timedelta(hours=2)): 4, bucket(timedelta(days=9)): 1}
    told = [percentile(counts, percent) for percent in (50, 95, 96, 99, 100)]
    seconds, hours, days = timedelta(seconds=2), timedelta(hours=2), timedelta(days=9)
    wanted = (seconds, seconds, hours, hours, days)
    assert all(each is not None and low <= each < low * 1.19 for each, low in zip(told, wanted, strict=True))
    assert percentile({}, 95) is None
    assert percentile({f"{len(BOUNDS_US):03d}": 1}, 95) is None


def test_bucket_when_time_lies_at_a_bound_then_the_bound_belongs_to_it() -> None:
    assert (bucket(timedelta(0)), bucket(timedelta(seconds=1)), bucket(timedelta(seconds=1, microseconds=1))) == ("000", "000", "001")
