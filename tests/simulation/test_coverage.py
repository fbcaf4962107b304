"""What is counted as reached, and the pieces of a run that stand for themselves: the older tables, the holidays that come late."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from gateway.model.transfer import TABLE, Act, Role, State
from gateway.simulator.coverage import ABOUT_LETTERS, Step, reached, table, wanted
from gateway.simulator.holidays import holidays
from gateway.simulator.last_year import TABLE as CROSSWALK
from gateway.simulator.last_year import behind
from gateway.simulator.region import CaseTools
from gateway.simulator.scenario import tools
from gateway.transfers.deadlines import deadline_after, is_working_day

ASKED = Step(7, "ab", Act.ASK, frozenset({Role.ACCEPTING}), State.REVIEWING, State.SUPPLEMENTING, ("transfer.asked",))


def test_rows_when_listed_then_each_state_and_target_of_the_table_once() -> None:
    count = sum(len(rule.states) + len(rule.to) for rule in TABLE if rule not in ABOUT_LETTERS)
    assert len(wanted()) == len(set(wanted())) == count + len(ABOUT_LETTERS)


def test_step_when_in_the_table_then_its_state_and_target_count() -> None:
    met = reached([ASKED, ASKED])
    assert met == {"ask accepting (transfer.asked) in reviewing": 2, "ask accepting (transfer.asked) to supplementing": 2}
    told = table(met)
    assert "not reached: confirm source (transfer.confirmed) in confirming" in told
    assert "not reached: ask accepting" not in told
    assert f"rows: 2 of {len(wanted())} reached" in told


@pytest.mark.parametrize(
    "changes",
    [
        {"before": State.POSTING},
        {"after": State.SETTLED},
        {"roles": frozenset({Role.SOURCE})},
        {"leaves": ("transfer.delivered",)},
        {"act": Act.CONFIRM},
    ],
)
def test_step_when_in_no_row_then_it_has_none(changes: dict[str, Any]) -> None:
    assert ASKED.rules() != []
    assert replace(ASKED, **changes).rules() == []


def test_order_when_about_a_letter_then_not_counted_as_one_about_the_case() -> None:
    order = Step(1, "ab", Act.RETRY, frozenset({Role.PRESIDING}), State.HELD, State.HELD, ("operator.retried",), letter=True)
    assert list(reached([order])) == ["retry presiding (operator.retried) of a dead letter in any state"]
    moved = replace(order, letter=False, after=State.POSTING)
    assert "retry presiding (operator.retried) to posting" in reached([moved])


def test_tables_when_behind_then_another_mapping_of_the_same_part() -> None:
    found = tools()
    older = behind(CaseTools(found.regions, found.mapper, found.standard))
    assert older.mapper.codes[CROSSWALK].version != found.mapper.codes[CROSSWALK].version
    assert {entry.columns["confidence"] for entry in older.mapper.codes[CROSSWALK]} == {"exact"}


def test_holidays_when_not_known_then_guessed_and_when_they_are_then_not() -> None:
    late = datetime(2026, 12, 30, 1, tzinfo=UTC)
    with holidays() as known:
        guessed = deadline_after(3, late)
        assert guessed[1]
        known.grow()
        assert not deadline_after(3, late)[1]
        assert deadline_after(3, late)[0] > guessed[0]
        assert is_working_day(date(2027, 1, 2)) == (True, False)
    assert deadline_after(3, late) == guessed
