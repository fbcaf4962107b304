"""`ceg report` on a node's own database."""

import json
import sqlite3
from contextlib import closing

from support.nodes import ceg

from gateway.recognition.statement import StatedCase, StatedItem, figures_of, scope_of
from gateway.storage.rows import StatementRow

AT = "2026-12-01T02:00:00.000000Z"
PAIR = ("--source", "CN-31", "--accepting", "CN-32", "--period", "2026-11")


def issue(node) -> None:
    figures = figures_of([StatedCase(node.cases[0], "settled", 5, (StatedItem("r", "recognised", "", "3.0", "3.0", None),))])
    disputed = {"CN-32": [[node.cases[0], "r", "refused", "3.0", "recognised", "3.0"]]}
    row = StatementRow(
        scope_of("CN-31", "CN-32", "2026-11"), "CN-31", "CN-32", "2026-11", 1, "disputed", 1, 9, AT, AT, 9, "J", "0" * 64,
        json.dumps(figures.json()), AT, "", json.dumps(disputed),
    )  # fmt: skip
    with closing(sqlite3.connect(node.database, isolation_level=None)) as connection:
        connection.execute(f"INSERT INTO statement VALUES ({', '.join('?' * len(row))})", row)


def test_statement_when_none_was_issued_then_the_list_says_so_and_one_is_shown_as_a_draft(node) -> None:
    assert ceg("report", "statement", "--config", node.config, "--json").document == []
    assert "No statement" in ceg("report", "statement", "--config", node.config).out
    (draft,) = ceg("report", "statement", *PAIR, "--config", node.config, "--json").document
    assert (draft["state"], draft["revision"], draft["figures"]["transfers"]) == ("draft", 0, 1)
    assert draft["figures"]["lines"]["recognised"]["items"] == 1
    assert "not issued" in ceg("report", "statement", *PAIR, "--config", node.config).out


def test_statement_when_disputed_then_item_by_item(node) -> None:
    issue(node)
    (listed,) = ceg("report", "statement", "--config", node.config, "--json").document
    assert (listed["state"], listed["signed"]) == ("disputed", {"CN-31": AT, "CN-32": None})
    assert listed["differences"] == [
        {"member": "CN-32", "transfer": node.cases[0], "record": "r", "own_state": "refused", "own_credits": "3.0",
         "stated_state": "recognised", "stated_credits": "3.0"},
    ]  # fmt: skip
    assert "disputed" in ceg("report", "statement", "--config", node.config).out
    shown = ceg("report", "statement", *PAIR, "--config", node.config).out
    assert "not signed" in shown
    assert "refused 3.0" in shown


def test_statement_when_the_month_has_another_form_then_usage(node) -> None:
    assert ceg("report", "statement", "--period", "2026-13", "--config", node.config).code == 2


def test_check_when_everything_agrees_then_ok(node) -> None:
    ran = ceg("report", "check", "--config", node.config, "--json")
    assert (ran.code, ran.document["ok"], ran.document["transfers"], ran.document["findings"]) == (0, True, 2, [])
    assert [(each["source"], each["accepting"], each["transfers"]) for each in ran.document["pairs"]] == [
        ("CN-31", "CN-32", 1), ("CN-31", "CN-33", 1),
    ]  # fmt: skip
    assert "conserved" in ceg("report", "check", "--config", node.config).out


def test_check_when_a_row_was_changed_then_named_and_exit_six(node) -> None:
    with closing(sqlite3.connect(node.database, isolation_level=None)) as connection:
        connection.execute("UPDATE item SET state = 'refused' WHERE transfer = ? AND state = 'recognised'", (node.cases[0],))
    ran = ceg("report", "check", "--config", node.config, "--json")
    assert (ran.code, ran.document["ok"]) == (6, False)
    conservation = [each for each in ran.document["findings"] if each["code"] != "statistics.count"]
    assert {each["where"] for each in conservation} == {node.cases[0]}
    assert len(conservation) < len(ran.document["findings"]), "the kept counts no longer tell the same either"
    told = ceg("report", "check", "--config", node.config)
    assert told.code == 6
    assert "conservation.leaf" in told.out


def test_check_when_a_statement_has_no_leaf_then_named(node) -> None:
    issue(node)
    ran = ceg("report", "check", "--config", node.config, "--json")
    assert [each["code"] for each in ran.document["findings"]] == ["conservation.no_leaf"]
