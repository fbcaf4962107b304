"""A bank down for three virtual days, and what was owed to it when it is back.  `make sim BACKLOG=1000` runs the whole thing."""

from dataclasses import replace

import pytest

from gateway.simulator import backlog
from gateway.simulator.backlog import in_order, run
from gateway.simulator.testimony import Evidence

OWED = 60
MINUTES = 60


@pytest.fixture(scope="module")
def kept() -> tuple[backlog.Backlog, Evidence]:
    found: list[Evidence] = []
    return run(OWED, kept=found), found[0]


def test_backlog_when_the_bank_returns_then_all_is_delivered_in_order_once(kept: tuple[backlog.Backlog, Evidence]) -> None:
    outcome, _ = kept
    assert (outcome.wrong, outcome.settled) == ([], OWED)
    assert outcome.virtual_s < MINUTES * 60


def test_backlog_when_the_bank_is_away_then_it_is_probed_and_not_flooded(kept: tuple[backlog.Backlog, Evidence]) -> None:
    """The lane as a whole waits between probes: three days at ten minutes, and one try a case at most besides."""
    outcome, _ = kept
    assert outcome.probes < 3 * 24 * 6 * 2 + OWED


def test_backlog_when_something_is_twice_late_or_lost_then_told(kept: tuple[backlog.Backlog, Evidence]) -> None:
    _, evidence = kept
    record = evidence.banks[backlog.JIANGSU]
    forwards = [row for row in record.inbox if row.act == "forward"]
    less = [row for row in record.inbox if row is not forwards[0]]
    scope = next(row.scope for row in record.inbox if row.act == "notify" and row.scope in evidence.cases)
    mixed = sorted(record.inbox, key=lambda row: (row.scope == scope, -row.number if row.scope == scope else row.number))
    for inbox in ([*record.inbox, forwards[0]], less, mixed):
        assert in_order(replace(evidence, banks={**evidence.banks, backlog.JIANGSU: replace(record, inbox=inbox)}), OWED) != []
