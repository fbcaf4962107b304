"""`ceg backup`, `restore`, `erased`, `hold list`, and what `ceg erase` asks for before it signs anything."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from support.nodes import ceg

NEEDS = ("--url", "http://127.0.0.1:9", "--member", "CN-31")


def moved(node, folder: Path) -> Path:
    """The node's settings with another data folder."""
    text = node.config.read_text("utf-8").replace(str(node.database.parent), str(folder))
    file = node.config.with_name("moved.toml")
    file.write_text(text, "utf-8")
    return file


def keys(database: Path) -> set[str]:
    with closing(sqlite3.connect(database)) as connection:
        return {row[0] for row in connection.execute("SELECT part_id FROM part_key")}


def test_restore_when_given_the_list_of_what_was_erased_then_those_keys_are_not_in_the_new_database(node, tmp_path: Path) -> None:
    backup, erased = tmp_path / "backup", tmp_path / "erased.json"
    made = ceg("backup", backup, "--config", node.config, "--json")
    assert made.code == 0, made.err
    assert (made.document["parts"], len(made.document["master_keys"])) == (len(keys(node.database)), 1)
    assert ceg("backup", backup, "--config", node.config).code == 8
    config = moved(node, tmp_path / "elsewhere")
    assert ceg("restore", backup, "--config", config).code == 2, "what was erased since has to be said"
    erased.write_text("{}", "ascii")
    assert ceg("restore", backup, "--erasures", erased, "--config", config, "--json").problem["code"] == "transferlog.erased_list"
    gone, *_ = node.cases
    erased.write_text(json.dumps({"v": 1, "erased": {gone: {"at": "2026-12-01T00:00:00Z", "by": "CN-31", "reason": "unlawful"}}}), "ascii")
    tried = ceg("restore", backup, "--erasures", erased, "--config", config, "--dry-run", "--json")
    assert (tried.code, tried.document["restored"], (tmp_path / "elsewhere" / "gateway.db").exists()) == (0, False, False)
    done = ceg("restore", backup, "--erasures", erased, "--config", config, "--json")
    assert (done.code, done.document["destroyed"]) == (0, [gone]), done.err
    assert keys(node.database) - keys(tmp_path / "elsewhere" / "gateway.db") == {gone}
    again = ceg("restore", backup, "--erasures", erased, "--config", config, "--json")
    assert (again.code, again.problem["code"]) == (8, "storage.database_exists")
    shown = ceg("transfer", "show", gone, "--config", config, "--json")
    assert {item["record"][:7] for item in shown.document["items"]} == {"erased-"}


def test_lists_when_nothing_was_ordered_then_empty(node) -> None:
    assert ceg("erased", "--config", node.config, "--json").document == {"v": 1, "erased": {}}
    assert ceg("hold", "list", "--config", node.config, "--json").document == []


def test_erase_when_the_order_does_not_hold_then_nothing_is_sent(node, tmp_path: Path) -> None:
    key = node.folder / "keys" / "gateway.pem"
    where = (*NEEDS, "--key-file", key, "--config", node.config)
    case = node.cases[0]
    assert ceg("erase", *where).code == 2
    assert ceg("erase", case, "--part", case, *where).code == 2
    assert ceg("erase", case, "--reason", "because", *where).code == 2
    assert ceg("hold", "set", case, "--until", "soon", *where).code == 2
    planned = ceg("erase", case, "--dry-run", *where, "--json")
    assert (planned.code, planned.document["sent"], planned.document["part"]) == (0, False, case), planned.err
    assert ceg("erase", case, *where, "--json").problem["code"] == "cli.confirm"
