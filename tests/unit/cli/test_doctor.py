"""`ceg doctor`: each thing wrong is found, and what to do stands beside it."""

import shutil
import socket
import sqlite3
from contextlib import closing

import pytest
from support.nodes import ceg
from support.region import START

AT = START.isoformat()


def failing(ran) -> set[str]:
    return {check["name"] for check in ran.document["checks"] if not check["ok"]}


def test_doctor_when_all_is_well_then_exit_zero(node) -> None:
    ran = ceg("doctor", "--config", node.config, "--at", AT, "--json")
    assert failing(ran) == set()
    assert (ran.code, ran.document["ok"], ran.err) == (0, True, "")
    text = ceg("doctor", "--config", node.config, "--at", AT).out
    assert "0 项有问题" in text
    assert "✗" not in text


@pytest.mark.parametrize(
    ("days", "limit"), [(-1, None), (335.5, 30), (358.5, 7), (364.5, 1), (300, None)],
)  # fmt: skip
def test_doctor_when_trust_file_runs_out_then_told_at_30_7_and_1_days(node, days: float, limit: int | None) -> None:
    at = datetime_plus(days)
    ran = ceg("doctor", "--config", node.config, "--at", at, "--json")
    told = {check["name"]: check for check in ran.document["checks"]}["trust.expiry"]
    assert told["ok"] == (limit is None)
    if limit is not None:
        assert f"在 {limit} 天内" in told["zh"]
        assert told["do_zh"]
        assert ran.code == 6


def datetime_plus(days: float) -> str:
    from datetime import timedelta

    return (START + timedelta(days=days)).isoformat()


def test_doctor_when_keys_are_missing_or_open_then_each_is_named_with_its_cure(node) -> None:
    keys = node.folder / "keys"
    (keys / "log.pem").unlink()
    (keys / "master.key").chmod(0o644)
    shutil.copy(keys / "pseudonym.key", keys / "gateway.pem")
    ran = ceg("doctor", "--config", node.config, "--at", AT, "--json")
    assert failing(ran) == {"keys.log_key_file", "keys.master_key_file", "keys.signing_key_file"}
    cures = {check["name"]: check["do_en"] for check in ran.document["checks"]}
    assert "ceg keys generate --out" in cures["keys.log_key_file"]
    assert "--alg secret" in cures["keys.master_key_file"]
    assert "✗" in ceg("doctor", "--config", node.config, "--at", AT).out


def test_doctor_when_gateway_key_is_not_listed_then_told(node) -> None:
    file = node.folder / "keys" / "gateway.pem"
    file.unlink()
    ceg("keys", "generate", "--out", file)
    assert failing(ceg("doctor", "--config", node.config, "--at", AT, "--json")) == {"trust.own_key"}


def test_doctor_when_trust_file_is_changed_then_signature_is_told(node) -> None:
    node.trust.write_bytes(node.trust.read_bytes() + b" ")
    assert failing(ceg("doctor", "--config", node.config, "--at", AT, "--json")) == {"trust.signature"}


def test_doctor_when_database_is_newer_or_broken_then_told(node) -> None:
    with closing(sqlite3.connect(node.database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert failing(ceg("doctor", "--config", node.config, "--at", AT, "--json")) == {"database"}
    for file in node.database.parent.iterdir():
        file.unlink()
    node.database.write_bytes(b"no database" * 1000)
    assert failing(ceg("doctor", "--config", node.config, "--at", AT, "--json")) == {"database"}


def test_doctor_when_port_is_taken_then_told(node) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = node.config.read_text("utf-8").replace("\nport = 0", f"\nport = {port}")
        node.config.write_text(text, "utf-8")
        assert failing(ceg("doctor", "--config", node.config, "--at", AT, "--json")) == {"listen.port"}


def test_doctor_when_settings_are_wrong_then_all_at_once(node) -> None:
    node.config.write_text("[listen]\nport = 99999\nnonsense = 1\n", "utf-8")
    ran = ceg("doctor", "--config", node.config, "--at", AT, "--json")
    assert (ran.code, failing(ran)) == (6, {"settings"})
    assert "listen.port" in ran.out
    assert "listen.nonsense" in ran.out


def test_doctor_when_clock_is_mad_then_told(node) -> None:
    assert "clock" in failing(ceg("doctor", "--config", node.config, "--at", "1970-01-01T00:00:00+00:00", "--json"))
