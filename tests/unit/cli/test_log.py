"""`ceg log`: head, proof, audit; a flipped byte anywhere is found and named."""

import base64
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support.nodes import ceg
from support.region import ORIGIN, key_of

from gateway.crypto.keys import verify_ed25519
from gateway.storage.database import Read, load_queries
from gateway.storage.read_only import ReadOnlyDatabase
from gateway.system import package_folder
from gateway.transferlog.checkpoint import LOG_SIGNATURE, NoteKey, Verifier, open_checkpoint
from gateway.transferlog.folder import export_files
from gateway.transferlog.proof import verify_receipt_proof
from gateway.transferlog.tiles import rows_reader

VERIFIER = Verifier(NoteKey(ORIGIN, LOG_SIGNATURE, key_of("log").public_raw), verify_ed25519)


def change(database: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(statement, values)


def export(node, folder: Path) -> Path:
    note = ceg("log", "head", "--config", node.config, "--json").document
    database = ReadOnlyDatabase.open(node.database, load_queries(package_folder() / "storage" / "sql" / "queries.sql"))

    def leaves(first: int, end: int) -> list[bytes]:
        return [row[1] for row in database.rows(Read("log_entries_range", {"first": first, "end": end}))]

    for path, data in export_files(note["size"], note["checkpoint"], rows_reader(lambda _id: None, leaves), leaves):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def test_head_when_read_then_checkpoint_is_the_logs_own(node) -> None:
    ran = ceg("log", "head", "--config", node.config, "--json")
    assert (ran.code, ran.err) == (0, "")
    opened = open_checkpoint(ran.document["checkpoint"], [VERIFIER])
    assert (opened.size, base64.b64encode(opened.root).decode()) == (ran.document["size"], ran.document["root"])
    for where in (node.database, node.database.parent):
        plain = ceg("log", "head", "--data", where, "--json").document
        assert (plain["root"], plain["checkpoint"]) == (ran.document["root"], "")
    assert ORIGIN in ceg("log", "head", "--config", node.config).out


def test_prove_when_by_index_or_scope_then_proof_verifies(node) -> None:
    by_scope = ceg("log", "prove", node.cases[0], "2", "--config", node.config, "--json")
    assert by_scope.code == 0, by_scope.err
    found = by_scope.document
    leaf = base64.urlsafe_b64decode(found["leaf"] + "==")
    assert json.loads(leaf)["scope"] == node.cases[0]
    verify_receipt_proof(leaf, found["proof"], [VERIFIER])
    assert ceg("log", "prove", found["index"], "--config", node.config, "--json").document == found
    assert ceg("log", "prove", found["index"], "--config", node.config).out == found["proof"]


def test_prove_when_no_such_leaf_or_no_key_then_named(node) -> None:
    assert ceg("log", "prove", "9999", "--config", node.config).code == 3
    assert ceg("log", "prove", "f" * 64, "0", "--config", node.config).code == 3
    assert ceg("log", "prove", "-1", "--config", node.config).code == 2
    assert ceg("log", "prove", "0", "--data", node.database).code == 2


def test_verify_when_whole_then_every_leaf_and_envelope_counted(node) -> None:
    ran = ceg("log", "verify", "--config", node.config, "--json")
    assert (ran.code, ran.err) == (0, "")
    found = ran.document
    assert found["verified"]
    assert found["leaves"] == found["size"]
    assert found["envelopes"] == 7
    assert "存证日志完整无误" in ceg("log", "verify", "--config", node.config).out
    bare = ceg("log", "verify", "--data", node.database, "--json").document
    assert (bare["verified"], bare["envelopes"]) == (True, None)


def test_verify_when_any_byte_of_any_leaf_is_flipped_then_that_region_is_named(node) -> None:
    with closing(sqlite3.connect(node.database)) as connection:
        rows = connection.execute("SELECT idx, leaf FROM log_entry ORDER BY idx").fetchall()
    for index, leaf in rows:
        for place in (0, len(leaf) // 2, len(leaf) - 1):
            spoiled = bytearray(leaf)
            spoiled[place] ^= 1
            change(node.database, "UPDATE log_entry SET leaf = ? WHERE idx = ?", bytes(spoiled), index)
            ran = ceg("log", "verify", "--config", node.config, "--json")
            assert ran.code == 6, (index, place)
            finding = ran.document["finding"]
            assert finding["index"] <= index <= (finding["through"] if finding["through"] is not None else index)
        change(node.database, "UPDATE log_entry SET leaf = ? WHERE idx = ?", leaf, index)
    assert ceg("log", "verify", "--config", node.config).code == 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE log_head SET root = zeroblob(32)",
        "UPDATE log_head SET size = size - 1",
        "UPDATE log_head SET size = size + 1",
        "UPDATE log_key SET scope = 'x' WHERE idx = 4",
        "UPDATE log_key SET jti = 'x' WHERE idx = 0",
        "UPDATE log_key SET idx = 9999 WHERE idx = 5",
        "DELETE FROM log_key WHERE idx = (SELECT MAX(idx) FROM log_key)",
        "INSERT INTO log_key VALUES ('y', 0, 'i', 'j', 0, 9999)",
        "DELETE FROM log_entry WHERE idx = 3",
        "INSERT INTO log_entry VALUES ((SELECT size FROM log_head), x'00')",
    ],
)
def test_verify_when_head_or_index_is_changed_then_found(node, statement: str) -> None:
    change(node.database, statement)
    ran = ceg("log", "verify", "--config", node.config, "--json")
    assert ran.code == 6, ran.out
    assert ran.document["finding"]["code"].startswith("transferlog.")
    assert "发现问题 FOUND" in ceg("log", "verify", "--config", node.config).out


def test_verify_when_rewritten_whole_then_a_kept_checkpoint_tells(node, tmp_path: Path) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text(ceg("log", "head", "--config", node.config, "--json").document["checkpoint"], "utf-8")
    assert ceg("log", "verify", "--config", node.config, "--checkpoint", kept).code == 0
    size = ceg("log", "head", "--data", node.database, "--json").document["size"]
    kept.write_text(kept.read_text("utf-8").replace(f"\n{size}\n", f"\n{size + 1}\n", 1), "utf-8")
    ran = ceg("log", "verify", "--config", node.config, "--checkpoint", kept, "--json")
    assert (ran.code, ran.problem["code"]) == (6, "transferlog.bad_signature")
    kept.write_text("", "utf-8")
    assert ceg("log", "verify", "--config", node.config, "--checkpoint", kept).code == 6


def test_verify_when_signer_is_unknown_then_envelope_is_named(node) -> None:
    other = node.folder / "other.json"
    document = json.loads(node.trust.read_text("utf-8"))
    document["members"][0]["keys"], document["members"][2]["keys"] = document["members"][2]["keys"], document["members"][0]["keys"]
    other.write_text(json.dumps(document), "utf-8")
    ran = ceg("log", "verify", "--config", node.config, "--trust-file", other, "--json")
    assert (ran.code, ran.document["finding"]["code"]) == (6, "transferlog.bad_envelope")


def test_verify_when_export_then_same_answer_and_every_flipped_byte_found(node, tmp_path: Path) -> None:
    folder = export(node, tmp_path / "log")
    arguments = ("--dir", folder, "--trust-file", node.trust, "--registry-key", node.folder / "registry.jwk.json", "--json")
    whole = ceg("log", "verify", *arguments)
    assert (whole.code, whole.document["envelopes"]) == (0, 7), whole.err
    assert ceg("log", "head", "--dir", folder, "--json").document == ceg("log", "head", "--config", node.config, "--json").document
    proof = ceg("log", "prove", "5", "--dir", folder, "--json").document
    assert proof == ceg("log", "prove", "5", "--config", node.config, "--json").document
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = file.read_bytes()
        for place in range(0, len(data), max(1, len(data) // 12)):
            file.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
            ran = ceg("log", "verify", *arguments)
            assert ran.code == 6, (file.name, place)
        file.unlink()
        assert ceg("log", "verify", *arguments).code == 6
        file.write_bytes(data)
    assert ceg("log", "verify", *arguments).code == 0


def test_database_when_missing_or_another_then_named(tmp_path: Path) -> None:
    ran = ceg("log", "head", "--data", tmp_path, "--json")
    assert (ran.code, ran.problem["code"]) == (3, "storage.no_database")
    file = tmp_path / "gateway.db"
    file.write_bytes(b"not a database at all, but long enough to be looked at" * 40)
    assert (ceg("log", "head", "--data", tmp_path, "--json").problem["code"]) == "storage.failed"
    file.unlink()
    change(file, "CREATE TABLE x (y)")
    ran = ceg("log", "head", "--data", tmp_path, "--json")
    assert (ran.code, ran.problem["code"]) == (8, "storage.schema_other")
    change(file, "CREATE TABLE alembic_version (version_num)")
    change(file, "INSERT INTO alembic_version VALUES ('9999')")
    assert ceg("log", "head", "--data", tmp_path, "--json").problem["code"] == "storage.schema_too_new"
