"""The sums of a case: every credit in exactly one place, items without credits counted apart."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.transfer import ItemState
from gateway.storage.rows import ItemRow, OutcomeRow, TransferRow
from gateway.transfers.case import TOTAL_OF, Case, totals_of, utc_text
from gateway.transfers.view import RegistryRows, View

AMOUNTS = st.decimals(min_value=0, max_value=99, places=2).map(str)
ITEMS = st.lists(st.tuples(st.sampled_from(list(ItemState)), st.none() | AMOUNTS, st.none() | AMOUNTS), max_size=30)


def item(state: str, credits: str | None, awarded: str | None = None) -> ItemRow:
    return ItemRow("t", 0, "r", state, "", "", "", "", "COURSE", credits, awarded, None)


@given(ITEMS)
def test_totals_when_items_are_in_any_state_then_submitted_is_the_sum_of_the_others(
    rows: list[tuple[ItemState, str | None, str | None]],
) -> None:
    totals = totals_of([item(state, size, awarded) for state, size, awarded in rows])
    parts = [Decimal(totals[name]) for name in ("recognised", "refused", "closed", "pending")]
    assert Decimal(totals["submitted"]) == sum(parts, Decimal(0)) == sum((Decimal(row[1]) for row in rows if row[1]), Decimal(0))
    assert int(totals["uncounted"]) == sum(row[1] is None for row in rows)
    assert Decimal(totals["awarded"]) == sum((Decimal(row[2]) for row in rows if row[2]), Decimal(0))


def test_totals_when_tenths_are_added_then_exact() -> None:
    assert totals_of([item("claimed", "0.1")] * 3)["pending"] == "0.3"


def view_with(outcome: OutcomeRow) -> View:
    now = datetime(2026, 11, 2, tzinfo=UTC)
    named = {"head": [(0, b"", "")], "outcomes_by_key": [tuple(outcome)]}
    return View.load(named, RegistryRows({}, {}, {}), now, utc_text(now))


@pytest.mark.parametrize("held", ["redeemed", "revoked", "available"])
def test_outcome_when_not_reserved_by_this_case_then_not_released(held: str) -> None:
    mine = TransferRow(*[""] * 30)._replace(id="t")
    for holder in ("t", "another"):
        outcome = OutcomeRow("nf", held if holder == "t" else "reserved", "weak", holder, "learner", "CN-31", 7)
        view = view_with(outcome)
        case = Case(view, mine, (item("claimed", "1")._replace(nf="nf"),))
        case.release(case.items)
        assert view.outcomes["nf"] == outcome


def test_outcome_when_reserved_by_this_case_then_released_and_redeemed() -> None:
    mine = TransferRow(*[""] * 30)._replace(id="t")
    for act, state, holder in ((Case.release, "available", ""), (Case.redeem, "redeemed", "t")):
        view = view_with(OutcomeRow("nf", "reserved", "weak", "t", "learner", "CN-31", 7))
        act(Case(view, mine, ()), [item("claimed", "1")._replace(nf="nf")])
        assert (view.outcomes["nf"].state, view.outcomes["nf"].holder) == (state, holder)


@pytest.mark.parametrize("state", list(ItemState))
def test_item_state_when_listed_then_it_has_a_total(state: ItemState) -> None:
    assert TOTAL_OF[state] in {"pending", "recognised", "refused", "closed"}
