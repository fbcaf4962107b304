"""`ceg demo` as a stranger runs it: one document, everything adds up, and what it saves proves itself offline."""

import json
import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from support.nodes import ceg as in_process

pytestmark = pytest.mark.acceptance
CEG = (sys.executable, "-c", "from gateway.cli.main import main; main()")
ENV = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
WAIT_S = 180


def ceg(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*CEG, *map(str, arguments)], capture_output=True, text=True, timeout=WAIT_S, env=ENV, check=False)


def test_demo_when_headless_then_sums_hold_and_saved_evidence_proves_itself(tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran = ceg("demo", "--headless", "--json", "--save", out)
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout + ran.stderr
    found = json.loads(ran.stdout)
    names = ["ready_s", "pairs", "transfers", "credits", "receipts", "transfer_log", "refused_inputs", "quarantined_rows"]
    assert list(found) == names
    transfers, amounts = dict(found["transfers"]), {name: Decimal(text) for name, text in found["credits"].items()}
    assert transfers.pop("submitted") == sum(transfers.values())
    assert (found["pairs"], transfers["open"], amounts["pending"]) == (12, 0, 0)
    assert amounts["submitted"] == amounts["recognised"] + amounts["refused"] + amounts["closed"] + amounts["pending"]
    assert found["receipts"]["issued"] == found["receipts"]["verified"] > 0

    audit = ceg("log", "verify", "--dir", out / "log", "--trust-file", out / "trust.json", "--json")
    assert (audit.returncode, json.loads(audit.stdout)["size"]) == (0, found["transfer_log"]["size"]), audit.stdout
    bundles = sorted((out / "bundles").iterdir())
    assert len(bundles) == transfers["settled"]
    for file in bundles:
        found = in_process("verify", file, "--trust", out / "trust.json", "--json").document
        assert (found["verified"], found["final"], found["state"]) == (True, True, "settled"), found["findings"]
    file = bundles[0]
    ran = ceg("verify", file, "--trust", out / "trust.json", "--registry-key", out / "registry.jwk.json", "--dir", out / "log")
    assert ran.returncode == 0, ran.stdout
    assert "证据成立" in ran.stdout
    raw = file.read_bytes()
    for bent in (raw[:-9], raw.replace(b'"final": true', b'"final": false'), raw.replace(b'"index": ', b'"index": 1', 1)):
        assert bent != raw
        (out / "bent.json").write_bytes(bent)
        assert in_process("verify", out / "bent.json", "--trust", out / "trust.json").code == 6

    again = ceg("demo", "--headless", "--json", "--save", out)
    assert (again.returncode, json.loads(again.stderr)["code"]) == (8, "cli.file_exists")


def test_demo_when_people_watch_then_story_on_stdout_and_progress_on_stderr() -> None:
    ran = ceg("demo", "--seed", "7")
    assert ran.returncode == 0, ran.stderr
    assert "各项相符" in ran.stdout
    assert "[1/" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert "\x1b" not in ran.stdout + ran.stderr


def test_demo_when_kept_then_one_line_of_addresses_and_a_signal_ends_it() -> None:
    with subprocess.Popen([*CEG, "demo", "--keep", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENV) as process:
        assert process.stdout is not None
        addresses = json.loads(process.stdout.readline())["addresses"]
        assert {"member_api", "operations"} <= set(addresses)
        process.send_signal(signal.SIGTERM)
        rest, err = process.communicate(timeout=WAIT_S)
    assert (process.returncode, rest, err) == (0, b"", b"")
