"""A bank that loses what it acknowledged is found out; and when nobody looked any more, the run would say so."""

from collections.abc import Iterator

import pytest

from gateway.simulator import region
from gateway.simulator.faults import Kind, Plan, draw
from gateway.simulator.scenario import run
from gateway.simulator.testimony import Evidence
from gateway.transfers import reconciling

SEEDS = range(1, 40)


def losing_seeds() -> Iterator[tuple[int, Evidence]]:
    """Runs in which something was lost after it was acknowledged."""
    for seed in SEEDS:
        kept: list[Evidence] = []
        outcome = run(seed, kept=kept)
        if kept and kept[0].lost and not outcome.wrong:
            yield seed, kept[0]


@pytest.fixture(scope="module")
def losing() -> tuple[int, Evidence]:
    return next(losing_seeds())


def test_loss_when_a_bank_acknowledged_the_message_then_is_named_and_comes_again(losing: tuple[int, Evidence]) -> None:  # PR-206
    _, evidence = losing
    for lost in evidence.lost:
        row = next(row for row in evidence.differences if (row.member, row.jti) == (lost.member, lost.jti))
        assert (row.kind, row.subject, row.told) == (reconciling.NOT_KEPT, str(lost.number), 1)
        if row.repair == "owed_again":
            assert lost.jti in {each.jti for each in evidence.banks[lost.member].inbox}


def test_loss_when_the_gateway_no_longer_compares_then_the_run_says_so(
    losing: tuple[int, Evidence], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciling.StateAnswered, "_lacked", lambda _self: [])
    outcome = run(losing[0])
    assert any("nobody said so" in each for each in outcome.wrong)


def test_plans_when_drawn_then_some_banks_forget() -> None:
    def of(seed: int) -> Plan:
        return draw(region.Random(seed), region.HOURS)

    assert any(fault.kind is Kind.FORGETS for seed in range(20) for fault in of(seed).faults)
