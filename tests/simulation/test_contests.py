"""What is counted of contested outcomes, and the rivals who bring them about: another certificate number for nobody else's run."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from hashlib import sha256
from random import Random
from typing import Any, NoReturn, cast

import pytest
from support.region import START

from gateway.model.transfer import CLOSED
from gateway.simulator.banks import Programme
from gateway.simulator.contests import (
    AFTER_BOOKING,
    AT_CONFIRM,
    AT_OPENING,
    FOR_NONE,
    FOR_ONE,
    PASSED_ON,
    REJECTED,
    REVERSAL,
    WANTED,
    contests,
)
from gateway.simulator.coverage import table
from gateway.simulator.faults import HOURS
from gateway.simulator.people import JIANGSU
from gateway.simulator.rivals import Claim, Rivals
from gateway.simulator.rulings import judged
from gateway.transferlog.leaf import Leaf
from gateway.transferlog.leaf_form import at_text

NF, FIRST, SECOND = (sha256(name).hexdigest() for name in (b"nf", b"first", b"second"))


def leaf(type_: str, case: str, item: str, *, before: str = "", after: str = "reviewing", cause: str = "", **facts: Any) -> Leaf:
    return Leaf(
        type_, at_text(START), case, 0, "CN-31", "A" * 22, cause=(cause, 0) if cause else None, state_before=before or after,
        state_after=after, items=((case, NF, item),), facts=facts,
    )  # fmt: skip


def ruling(stands: str) -> Leaf:
    return Leaf("outcome.cleared", at_text(START), NF, 0, "CN-33", "B" * 22, actor="CN-33", facts={"stands": stands})


SETTLED = leaf("transfer.settled", FIRST, "recognised", after="settled")
OPENED = leaf("transfer.requested", FIRST, "claimed")
CLEARED = "outcome.cleared"


@pytest.mark.parametrize(
    ("leaves", "met"),
    [
        ([OPENED], {}),
        ([leaf("transfer.requested", SECOND, "claimed", contested=1)], {AT_OPENING: 1}),
        ([leaf("transfer.confirmed", SECOND, "claimed", contested=1)], {AT_CONFIRM: 1}),
        ([leaf("transfer.delivered", SECOND, "claimed", contested=1)], {}),
        ([SETTLED, leaf("outcome.contested", FIRST, "recognised", after="settled", contested=1)], {AFTER_BOOKING: 1}),
        ([OPENED, leaf("outcome.contested", FIRST, "claimed", contested=1)], {}),
        ([ruling(FIRST), ruling("none")], {FOR_ONE: 1, FOR_NONE: 1}),
        ([OPENED, ruling(FIRST), leaf(CLEARED, FIRST, "claimed", cause=NF)], {FOR_ONE: 1}),
        ([OPENED, leaf(CLEARED, FIRST, "closed", before="reviewing", after="rejected", cause=NF)], {REJECTED: 1}),
        ([SETTLED, leaf(CLEARED, FIRST, "recalling", after="settled", cause=NF)], {REVERSAL: 1}),
        ([SETTLED, leaf(CLEARED, FIRST, "recalling", after="settled", cause=NF),
          leaf(CLEARED, SECOND, "claimed", cause=FIRST), leaf(CLEARED, FIRST, "recalling", after="settled", cause=NF)],
         {REVERSAL: 1, PASSED_ON: 1}),
    ],
)  # fmt: skip
def test_contests_when_read_from_leaves_then_each_turn_counts_once(leaves: Sequence[Leaf], met: Mapping[str, int]) -> None:
    assert contests(leaves) == met


def test_table_when_a_turn_of_a_contest_is_missing_then_named() -> None:
    told = table({AT_OPENING: 3})
    assert f"{AT_OPENING}: 3, {AT_CONFIRM}: 0" in told
    assert [name for name in WANTED if f"not reached: {name}" not in told] == [AT_OPENING]


async def nobody(*_: Any, **__: Any) -> NoReturn:
    raise AssertionError


def claims_of(seed: int) -> list[Claim]:
    def enter(*_: Any) -> None:
        raise AssertionError

    work = Rivals(Random(seed), Counter(), nobody, enter, nobody, nobody).plan(HOURS.storm_s, HOURS)
    return list(cast("partial[Any]", work[0][1]).args[0]) if work else []


def test_rivals_when_drawn_then_some_runs_have_two_or_three_and_every_way_there_is() -> None:
    drawn = [claims_of(seed) for seed in range(300)]
    some = [claims for claims in drawn if claims]
    assert 50 < len(some) < 100
    assert {len(claims) for claims in some} == {2, 3}
    assert all(not claims[0].after and claims[0].accepting != claims[0].source for claims in some)
    assert all(claims[0].swift and claims[0].programme is Programme.OPEN for claims in some if claims[1].after == CLOSED)
    both = {(claims[0].source == claims[1].source == JIANGSU, claims[0].accepting == claims[1].accepting) for claims in some}
    assert len(both) == 4
    assert drawn == [claims_of(seed) for seed in range(300)]


ENDED, LIVE = {"transfer": FIRST, "record": "a", "live": False}, {"transfer": SECOND, "record": "b", "live": True}


def test_ruling_when_a_claim_has_ended_then_it_is_not_upheld_and_some_rulings_are_for_nobody() -> None:
    chance = Random(1)
    rulings = [judged((ENDED, LIVE), chance) for _ in range(20)]
    assert {(ruling.stands, ruling.record) for ruling in rulings} == {(SECOND, "b"), ("", "")}
    assert judged((ENDED, ENDED), chance).stands == ""
