"""`ceg log rebuild`: an honest database agrees; each kind of row changed behind the log's back is named (TL-50 to TL-53)."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from support.log_folder import export
from support.nodes import ceg
from support.region import tools

from gateway.cli.log_rebuild import compare
from gateway.crypto.sealing import KeyEncryptionKey
from gateway.storage.database import load_queries
from gateway.storage.read_only import ReadOnlyDatabase
from gateway.system import package_folder
from gateway.transferlog.leaf import Leaf
from gateway.transferlog.rebuild import Rebuild
from gateway.transfers.rebuilt import Comparison
from gateway.transfers.rebuilt_contents import ContentCheck
from gateway.transfers.rebuilt_heads import compare_heads


def change(database: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        assert connection.execute(statement, values).rowcount != 0, statement


def compared(node: Any) -> Comparison:
    key = KeyEncryptionKey.load(node.folder / "keys" / "master.key")
    database = ReadOnlyDatabase.open(node.database, load_queries(package_folder() / "storage" / "sql" / "queries.sql"), key)
    audited, told = compare(database, key, tools().standard, lambda _done, _all: None)
    asyncio.run(database.close())
    assert audited.ok
    return told


def test_rebuild_when_nothing_was_changed_then_the_database_agrees(node) -> None:
    ran = ceg("log", "rebuild", "--config", node.config, "--json")
    assert ran.code == 0, ran.err
    assert (ran.document["differences"], ran.document["agrees"]) == ([], True)
    rows = ran.document["rows"]
    assert (rows["transfer"], rows["item"], rows["member"]) == (2, 8, 4)
    assert ran.document["contents_opened"] == rows["content"] > 8
    plain = ceg("log", "rebuild", "--data", node.database)
    assert plain.code == 0
    assert "no master key" in plain.out


CHANGES = [
    ("UPDATE transfer SET state = 'rejected' WHERE state = 'settled'", "transfer", "state"),
    ("UPDATE transfer SET ver = ver + 1 WHERE state = 'settled'", "transfer", "ver"),
    ("UPDATE transfer SET accepting = 'CN-34' WHERE state = 'reviewing'", "transfer", "accepting"),
    ("UPDATE transfer SET facing = 'CN-34' WHERE state = 'reviewing'", "transfer", "facing"),
    ("UPDATE transfer SET deadline = '2031-01-01T00:00:00.000000Z' WHERE state = 'reviewing'", "transfer", "deadline"),
    ("UPDATE transfer SET posted_source = 'x' WHERE state = 'settled'", "transfer", "posted_source"),
    ("UPDATE transfer SET decision_jti = '' WHERE state = 'settled'", "transfer", "decision_jti"),
    ("UPDATE transfer SET part_sd = 'x' WHERE state = 'settled'", "transfer", "part_sd"),
    ("UPDATE transfer SET totals = replace(totals, '3.0', '4.0') WHERE state = 'settled'", "transfer", "totals.awarded"),
    ("UPDATE transfer SET id = 'f' || substr(id, 2) WHERE state = 'settled'", "transfer", "id"),
    ("UPDATE item SET state = 'refused' WHERE state = 'recognised'", "item", "state"),
    ("UPDATE item SET cm = nf WHERE state = 'recognised'", "item", "cm"),
    ("UPDATE item SET credits = '9.0' WHERE state = 'recognised'", "item", "credits.recognised"),
    ("UPDATE item SET awarded = '2.5' WHERE state = 'recognised'", "item", "credits.awarded"),
    ("UPDATE item SET record = 'SHC00000000000' WHERE state = 'recognised'", "item", "record"),
    ("DELETE FROM item WHERE state = 'recognised'", "item", "position"),
    ("UPDATE outcome SET state = 'available', holder = '' WHERE state = 'redeemed'", "outcome", "state"),
    ("UPDATE outcome SET holder = 'somebody' WHERE state = 'redeemed'", "outcome", "holder"),
    ("UPDATE outcome SET leaf = leaf + 1 WHERE state = 'redeemed'", "outcome", "leaf"),
    ("UPDATE outcome SET source = 'CN-34' WHERE state = 'redeemed'", "outcome", "source"),
    ("DELETE FROM outcome WHERE state = 'redeemed'", "outcome", "nf"),
    ("UPDATE content SET sd = 'x' WHERE name = 'part'", "content", "sd"),
    ("UPDATE content SET length = length + 1 WHERE name = 'decision'", "content", "length"),
    ("UPDATE content SET sealed = zeroblob(64) WHERE name = 'decision'", "content", "sealed"),
    ("DELETE FROM content WHERE name = 'decision'", "content", "sd"),
    ("DELETE FROM part_key WHERE part_id IN (SELECT id FROM transfer WHERE state = 'settled')", "part_key", "part_id"),
    ("UPDATE member SET status = 'suspended' WHERE member = 'CN-33'", "member", "status"),
    ("DELETE FROM member WHERE member = 'CN-33'", "member", "scope"),
    ("UPDATE member_key SET log_until = 3 WHERE member = 'CN-33'", "member_key", "log_until"),
    ("UPDATE member_key SET member = 'CN-33' WHERE member = 'CN-34'", "member_key", "member"),
    ("INSERT INTO consent SELECT 'new', controller, '', recipient, until, 'given', 1, '', '' FROM consent LIMIT 1", "consent", "scope"),
]


def test_row_when_changed_behind_the_log_then_named_with_both_values(node) -> None:
    honest = node.database.read_bytes()
    for statement, table, field in CHANGES:
        node.database.write_bytes(honest)
        change(node.database, statement)
        told = compared(node)
        assert (table, field) in {(each.table, each.field) for each in told.differences}, (statement, told.differences)
        assert all(each.log != each.database for each in told.differences)


def test_part_when_erased_by_the_logs_own_word_then_no_difference(node) -> None:
    """The row that only an erasure explains is no difference once the log tells of that erasure."""
    change(node.database, "DELETE FROM part_key WHERE part_id = ?", node.cases[0])
    change(node.database, "UPDATE content SET sealed = x'' WHERE transfer = ?", node.cases[0])
    ran = ceg("log", "rebuild", "--config", node.config, "--json")
    assert (ran.code, ran.document["erased"]) == (6, [])
    assert {each["table"] for each in ran.document["differences"]} == {"part_key"}


def test_log_when_it_does_not_hold_then_nothing_is_compared(node) -> None:
    change(
        node.database,
        "UPDATE log_entry SET leaf = CAST(replace(CAST(leaf AS TEXT), 'posted', 'postex') AS BLOB) "
        "WHERE CAST(leaf AS TEXT) LIKE '%transfer.posted%'",
    )
    ran = ceg("log", "rebuild", "--config", node.config, "--json")
    assert (ran.code, ran.document["differences"], ran.document["agrees"]) == (6, [], False)
    assert ran.document["finding"]["code"].startswith("transferlog.")
    assert "does not hold" in ceg("log", "rebuild", "--config", node.config).out
    json.dumps(ran.document)


def test_content_when_gone_by_an_erasure_that_the_log_tells_of_then_erased_and_not_a_difference(node) -> None:
    """TL-53: of two parts whose papers are gone, only the one without its leaf is a difference."""
    at = "2026-11-22T00:00:00.000000Z"
    erased, lost = (Leaf("transfer.decided", at, part, 1, "CN-31", part, content=(("decision", "a" * 64, 9),)) for part in ("one", "two"))
    rebuilt, told = Rebuild(), Comparison()
    rebuilt.take(0, Leaf("erasure.done", at, "part:one", 0, "CN-31", "erase"))
    database = ReadOnlyDatabase.open(node.database, load_queries(package_folder() / "storage" / "sql" / "queries.sql"))
    contents = ContentCheck(database, told, None, None)
    for leaf in (erased, lost):
        contents.take(leaf)
    contents.end(rebuilt)
    asyncio.run(database.close())
    assert told.erased == {"one"}
    assert [(each.table, each.id) for each in told.differences] == [("content", "CN-31/two/decision")]


def test_reads_when_no_bank_asked_by_them_then_they_are_no_enquiry_that_is_missing(node) -> None:
    """The leaf of an answered enquiry is a bank's act; the reads of flags, and of evidence, are leaves that no act brought."""
    at = "2026-11-22T00:00:00.000000Z"
    leaves = [
        Leaf("record.read", at, "reads:one", 0, "gateway", "one", actor="CN-31", facts={"what": "integrity", "under": "own", "flags": 1}),
        Leaf("record.read", at, "asked", 0, "CN-31", "two", actor="CN-31", envelope="e.e.e", facts={"asked": "CN-32"}),
    ]
    rebuilt, told = Rebuild(), Comparison()
    for index, leaf in enumerate(leaves):
        rebuilt.take(index, leaf)
    database = ReadOnlyDatabase.open(node.database, load_queries(package_folder() / "storage" / "sql" / "queries.sql"))
    compare_heads(database, rebuilt, leaves.__getitem__, told)
    asyncio.run(database.close())
    assert [(each.id, each.database) for each in told.differences if each.table == "enquiry"] == [("asked", "(no row)")]


def test_rebuild_when_the_database_is_behind_a_banks_copy_then_each_case_and_what_it_lost_are_named(node, tmp_path: Path) -> None:
    """TL-64, PR-374: an older database, and a mirror that has all of it.  A copy that is not its continuation compares nothing."""
    mirror = export(node, tmp_path / "mirror")
    same = ceg("log", "rebuild", "--config", node.config, "--dir", mirror, "--json")
    assert (same.code, same.document["agrees"]) == (0, True), same.err

    def behind(*more: object) -> Any:
        return ceg("log", "rebuild", "--config", node.config, "--dir", mirror, "--json", *more)

    last = node.cases[0]  # as it stood before its newest acts: a state of then, and contents that had not come
    change(node.database, "UPDATE transfer SET state = 'reviewing', ver = ver - 1 WHERE id = ?", last)
    change(node.database, "DELETE FROM content WHERE name = 'decision'")
    ran = behind()
    told = {(each["table"], each["id"], each["field"]): (each["log"], each["database"]) for each in ran.document["differences"]}
    assert ran.code == 6
    assert told["transfer", last, "state"][1] == "reviewing"
    assert ("transfer", last, "ver") in told
    assert any(table == "content" and name.endswith("decision") and says[1] == "(no row)" for (table, name, _), says in told.items())

    change(node.database, "DELETE FROM transfer WHERE id = ?", node.cases[1])
    told = {(each["table"], each["id"], each["database"]) for each in behind().document["differences"]}
    assert ("transfer", node.cases[1], "(no row)") in told

    change(node.database, "UPDATE log_head SET root = zeroblob(32)")
    other = behind()
    assert (other.code, other.document["finding"]["code"], other.document["differences"]) == (6, "transferlog.root_mismatch", [])
