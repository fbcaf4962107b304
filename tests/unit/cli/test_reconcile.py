"""`ceg reconcile` on a node's own database."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support.nodes import ceg

from gateway.cli.reconcile import KINDS
from gateway.storage.rows import DifferenceRow, ReconciliationRow
from gateway.transfers.state_watch import CODES

AT = "2026-11-03T02:00:00.000000Z"


@pytest.fixture
def compared(node) -> Path:
    """The node has compared notes with one bank, and two things differed; one of them no longer does."""
    rows = [
        DifferenceRow("CN-32", "acknowledged_not_kept", node.cases[0], "1", "forward done", "missing", "J", "owed_again", AT, AT),
        DifferenceRow("CN-32", "item", node.cases[1], "SHC20230098812", "recognised 3.0", "refused 3.0", "", "", AT, AT, AT, 1),
    ]
    place = ReconciliationRow("CN-32", 3, "", AT, AT, "2026-11-04T02:00:00.000000Z", sent_floor=2, received_floor=4)
    with closing(sqlite3.connect(node.database, isolation_level=None)) as connection:
        connection.execute(f"INSERT INTO reconciliation VALUES ({', '.join('?' * len(place))})", place)
        connection.executemany(f"INSERT INTO difference VALUES ({', '.join('?' * len(rows[0]))})", rows)
    return node.config


def test_words_when_compared_with_the_kinds_then_each_has_both_languages() -> None:
    assert KINDS.keys() == CODES.keys()
    assert all(en.isascii() and not zh.isascii() for zh, en in KINDS.values())


def test_list_when_nothing_was_compared_then_says_so(node) -> None:
    assert ceg("reconcile", "list", "--config", node.config, "--json").document == []
    assert "No member" in ceg("reconcile", "list", "--config", node.config).out


def test_list_when_read_then_one_line_a_member(compared) -> None:
    (entry,) = ceg("reconcile", "list", "--config", compared, "--json").document
    assert (entry["member"], entry["digests"], entry["under_way"]) == ("CN-32", 3, False)
    assert entry["differences"] == {"acknowledged_not_kept": 1}
    assert (entry["sent"], entry["sent_settled"], entry["received_settled"]) == (1, 2, 4)
    text = ceg("reconcile", "list", "--config", compared).out
    assert "CN-32" in text
    assert "×1" in text


def test_show_when_asked_then_item_by_item_and_closed_ones_only_with_all(compared) -> None:
    shown = ceg("reconcile", "show", "CN-32", "--config", compared, "--json").document
    assert [(each["kind"], each["subject"], each["repair"]) for each in shown["items"]] == [("acknowledged_not_kept", "1", "owed_again")]
    everything = ceg("reconcile", "show", "CN-32", "--config", compared, "--all", "--json").document
    assert [each["kind"] for each in everything["items"]] == ["acknowledged_not_kept", "item"]
    text = ceg("reconcile", "show", "CN-32", "--config", compared, "--all").out
    assert "SHC20230098812" in text.replace("\n", "").replace(" ", "") or "SHC2023" in text


def test_show_when_the_member_was_never_compared_with_then_named(compared) -> None:
    ran = ceg("reconcile", "show", "CN-99", "--config", compared)
    assert ran.code == 3
    assert "transfer.unknown" in ran.err
