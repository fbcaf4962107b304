"""Which version holds for a programme on a day, as the wire tells it."""

import json
from datetime import date

import pytest

from gateway.errors import RecognitionError
from gateway.federation.protocol import STATUS, status_of
from gateway.storage.rows import RuleRow
from gateway.transfers.rule_view import current_row, one_version, rule_json, version_of

DAY = date(2026, 12, 1)


def row(
    version: str, published: int, *, id: str = "a", programmes: tuple[str, ...] = (), effective: str = "2026-11-01",
    state: str = "published", withdrawn: str = "",
) -> RuleRow:  # fmt: skip
    return RuleRow(
        f"rule:{id}{version}", id, version, "CN-32", json.dumps(programmes), "d", effective, "2028-08-31", "CN-32", state,
        published=published, withdrawn=withdrawn,
    )  # fmt: skip


def current(*rows: RuleRow, programme: str = "P", day: date = DAY) -> str | None:
    found = current_row(rows, "CN-32", programme, day)
    return found and found.id + found.version


def test_current_when_one_set_has_several_versions_then_the_latest_effective_and_of_one_day_the_later_published() -> None:
    assert current() is None
    assert current(row("1", 5), row("2", 9, effective="2026-12-02")) == "a1"
    assert current(row("1", 9), row("2", 5)) == "a1", "by publication, not by their order in the table"
    assert current(row("1", 5, state="approved")) is None
    assert current(row("1", 5), day=date(2028, 9, 1)) is None


def test_current_when_several_sets_cover_a_programme_then_the_one_that_names_it() -> None:
    named, every = row("1", 5, id="b", programmes=("P", "Q")), row("1", 9)
    assert (current(named, every), current(named, every, programme="R")) == ("b1", "a1")
    assert current(named) == "b1"
    assert current(named, programme="R") is None
    assert current(row("1", 5, id="b"), row("1", 6, id="c")) == "c1"
    assert current(row("1", 5, id="b", effective="2026-11-02"), row("1", 6, id="c")) == "b1"


def test_current_when_the_newest_version_no_longer_covers_the_programme_then_none_of_that_set() -> None:
    assert current(row("1", 5), row("2", 6, effective="2026-11-20", programmes=("Q",))) is None


def test_version_when_withdrawn_or_expired_then_the_listing_says_so() -> None:
    gone = row("1", 5, state="withdrawn", withdrawn="2026-11-20")
    assert (rule_json(gone, DAY)["state"], rule_json(gone, DAY)["withdrawn"], version_of(gone).was_published) == (
        "withdrawn", "2026-11-20", True,
    )  # fmt: skip
    assert rule_json(row("1", 5), date(2028, 9, 1))["state"] == "expired"
    assert rule_json(row("1", -1, state="tested"), DAY)["published"] is None


def test_version_when_two_banks_use_one_name_then_the_bank_has_to_be_named() -> None:
    mine, theirs = row("1", 5), row("1", 6)._replace(accepting="CN-33")
    assert one_version([mine, theirs], "a", "1", "CN-33") is theirs
    for rows, code in (([mine, theirs], "recognition.ambiguous_version"), ([], "recognition.unknown_version")):
        with pytest.raises(RecognitionError) as caught:
            one_version(rows, "a", "1")
        assert caught.value.code == code


@pytest.mark.parametrize(
    ("status", "codes"),
    [
        (403, ("not_a_member", "member_suspended", "not_your_version")),
        (404, ("unknown_version",)),
        (409, ("wrong_rule_state", "version_taken", "approved_already", "too_few_approvals", "proposer_alone", "accepting_absent",
               "changed_since_test", "retroactive", "too_many_versions", "ambiguous_version")),
        (422, ("not_clean", "not_simulated", "not_restored", "review_passed", "leisure_rule", "bad_toml")),
    ],
)  # fmt: skip
def test_status_when_a_step_is_refused_then_role_403_state_409_document_422(status: int, codes: tuple[str, ...]) -> None:
    assert {status_of(f"recognition.{code}") for code in codes} == {status}
    assert STATUS["recognition"] == 422
