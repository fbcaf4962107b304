"""An audit of contested outcomes (TL-13): two transfers may claim one where a leaf says so, and nobody redeems it before the ruling."""

from typing import Any

import pytest

from gateway.transferlog.continuity import Continuity, Fault

Step = tuple[Any, ...]


def walk(shop: Any, *steps: Step) -> Fault | None:
    """Leaves in order: `(case, state of its one item, does the leaf say that it is contested)`, or `"ruling"`."""
    continuity, seqs = Continuity(), dict[Any, int]()
    for at, step in enumerate(steps):
        who = step[0]
        seq = seqs[who] = seqs.get(who, -1) + 1
        if who == "ruling":
            leaf = shop.requested(0, at, type="outcome.cleared", scope=shop.hexed("nf"), seq=seq, jti=f"j{at}", state_before=None,
                                  state_after=None, ver=None, items=(), totals=None)  # fmt: skip
        else:
            _, state, *more = step
            kind, before = ("transfer.requested", "") if seq == 0 else ("transfer.late", "delivering")
            items = ((shop.hexed(f"cm {who}"), shop.hexed("nf"), state),)
            leaf = shop.requested(who, at, type=kind, seq=seq, jti=f"j{at}", state_before=before, state_after="delivering", items=items,
                                  facts={"contested": 1} if more else {})  # fmt: skip
        fault = continuity.check(leaf)
        if fault is not None:
            return fault
    return None


CONTEST: tuple[Step, ...] = ((1, "claimed"), (2, "claimed", True), (1, "claimed", True))
RULING: Step = ("ruling",)


@pytest.mark.parametrize(
    "steps",
    [
        CONTEST,
        (*CONTEST, (3, "claimed", True)),
        (*CONTEST, RULING, (2, "closed"), (1, "claimed"), (1, "recognised")),
        (*CONTEST, RULING, (1, "closed"), (2, "claimed"), (2, "recognised"), (2, "refused"), (3, "claimed")),
        (*CONTEST, (1, "closed"), RULING, (2, "claimed"), (2, "recognised")),
        (*CONTEST, RULING, (1, "closed"), (2, "closed"), (3, "claimed"), (3, "recognised")),
        ((1, "recognised"), (2, "claimed", True), (1, "recognised", True), RULING, (2, "closed"), (1, "recognised")),
        ((1, "recognised"), (2, "claimed", True), RULING, (1, "recalling", True), (1, "recalled"), (2, "claimed"), (2, "recognised")),
    ],
)
def test_contest_when_kept_to_its_rules_then_the_audit_has_nothing_to_say(shop: Any, steps: tuple[Step, ...]) -> None:
    assert walk(shop, *steps) is None


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        (((1, "claimed"), (2, "claimed")), "outcome_taken_twice"),
        (((1, "claimed"), (2, "recognised", True)), "outcome_taken_twice"),
        (((1, "recognised"), (2, "recognised", True)), "outcome_redeemed_twice"),
        ((*CONTEST, (3, "claimed")), "outcome_taken_twice"),
        ((*CONTEST, (1, "recognised", True)), "outcome_contested"),
        ((*CONTEST, (2, "recognised", True)), "outcome_contested"),
        ((*CONTEST, (2, "closed"), (1, "recognised")), "outcome_contested"),
        ((*CONTEST, RULING, (1, "recognised")), "outcome_contested"),
        ((*CONTEST, RULING, (3, "claimed", True), (2, "closed"), (1, "closed"), (3, "recognised")), "outcome_contested"),
        (((1, "recognised"), (2, "claimed", True), RULING, (1, "recalling", True), (2, "recognised")), "outcome_contested"),
        ((*CONTEST, RULING, (2, "closed"), (1, "claimed"), (2, "claimed")), "outcome_taken_twice"),
    ],
)
def test_contest_when_a_rule_is_broken_then_the_audit_names_it(shop: Any, steps: tuple[Step, ...], code: str) -> None:
    fault = walk(shop, *steps)
    assert fault is not None
    assert fault.code == f"transferlog.{code}"


def test_leaf_of_a_contest_when_it_moves_the_state_then_only_a_ruling_may_and_only_to_rejected(shop: Any) -> None:
    for kind, after, code in (
        ("outcome.contested", "delivering", ""),
        ("outcome.contested", "rejected", "transferlog.state_illegal"),
        ("outcome.cleared", "rejected", ""),
        ("outcome.cleared", "settled", "transferlog.state_illegal"),
    ):
        continuity = Continuity()
        assert continuity.check(shop.requested(1)) is None
        fault = continuity.check(
            shop.requested(1, 1, type=kind, seq=1, jti="other", n=0, state_before="delivering", state_after=after, ver=2)
        )
        assert (fault.code if fault else "") == code, kind
