"""What an agreement permits: kinds, days, caps; and its two written forms."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from gateway.model.documents import AgreementTerms
from gateway.recognition.agreement import (
    CAP,
    NO_AGREEMENT,
    Agreement,
    any_between,
    barred,
    in_force,
    only_suspended,
    over_year_cap,
    year_capped,
)

SINCE, UNTIL = date(2026, 1, 1), date(2026, 12, 31)
PLAIN = Agreement("A-1", "CN-31", "CN-32", frozenset({"COURSE", "MOOC"}), SINCE, UNTIL, suspended=False)
CAPPED = replace(PLAIN, id="A-2", item_credits_max=Decimal(6), learner_year_credits_max=Decimal(20))
WAY = ("CN-31", "CN-32")


@pytest.mark.parametrize("agreement", [PLAIN, CAPPED, replace(PLAIN, suspended=True, version=7)])
def test_mapping_when_written_and_read_then_the_same(agreement: Agreement) -> None:
    assert Agreement.from_mapping(agreement.to_mapping()) == agreement


def test_terms_when_read_then_caps_are_there_only_where_written() -> None:
    terms = AgreementTerms("A-2", 3, *WAY, ("MOOC", "COURSE"), SINCE, UNTIL, "6", "20")
    assert Agreement.from_terms(terms) == replace(CAPPED, version=3)
    assert Agreement.from_terms(replace(terms, item_credits_max="", learner_year_credits_max="")).item_credits_max is None


@pytest.mark.parametrize(
    "change",
    [
        {"kinds": []}, {"kinds": "COURSE"}, {"suspended": "no"}, {"version": -1}, {"version": True}, {"version": "1"}, {"since": "soon"},
        {"item_credits_max": 6}, {"item_credits_max": "six"}, {"item_credits_max": "NaN"}, {"learner_year_credits_max": "-1"},
    ],
)  # fmt: skip
def test_mapping_when_malformed_then_refused(change: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        Agreement.from_mapping(CAPPED.to_mapping() | change)


def test_in_force_when_day_direction_or_suspension_differ_then_not() -> None:
    assert in_force([PLAIN, CAPPED], *WAY, SINCE) == (PLAIN, CAPPED)
    assert in_force([PLAIN, replace(CAPPED, suspended=True)], *WAY, UNTIL) == (PLAIN,)
    assert not any_between([PLAIN], *reversed(WAY), SINCE)
    assert not any_between([PLAIN], *WAY, date(2025, 12, 31))
    assert not any_between([PLAIN], *WAY, date(2027, 1, 1))


def test_only_suspended_when_another_covers_the_kind_then_not() -> None:
    asleep = replace(PLAIN, suspended=True)
    assert only_suspended([asleep], *WAY, SINCE, "COURSE")
    assert not only_suspended([asleep, CAPPED], *WAY, SINCE, "COURSE")
    assert not only_suspended([asleep], *WAY, SINCE, "TRAINING")
    assert not only_suspended([asleep], *WAY, date(2027, 1, 1), "COURSE"), "what is over is not merely suspended"


def test_barred_when_kind_or_size_does_not_fit_any_then_says_which() -> None:
    assert barred([], "COURSE", Decimal(1)) == NO_AGREEMENT
    assert barred([CAPPED], "TRAINING", None) == NO_AGREEMENT
    assert barred([CAPPED], "COURSE", Decimal("6.01")) == CAP
    assert barred([CAPPED], "COURSE", Decimal(6)) == ""
    assert barred([CAPPED], "COURSE", None) == "", "what has no computed credits is not capped"
    assert barred([CAPPED, replace(PLAIN, kinds=frozenset({"COURSE"}))], "COURSE", Decimal(9)) == "", "one is enough"


def test_year_cap_when_kinds_are_summed_then_only_those_of_the_agreement() -> None:
    spent = {"COURSE": Decimal(12), "MOOC": Decimal(4), "TRAINING": Decimal(100)}
    assert not over_year_cap([CAPPED], "COURSE", Decimal(4), spent)
    assert over_year_cap([CAPPED], "COURSE", Decimal("4.01"), spent)
    assert not over_year_cap([CAPPED], "COURSE", None, spent)
    assert not over_year_cap([CAPPED, PLAIN], "COURSE", Decimal(5), spent)
    assert year_capped([PLAIN, CAPPED], *WAY)
    assert not year_capped([PLAIN, CAPPED], *reversed(WAY))
