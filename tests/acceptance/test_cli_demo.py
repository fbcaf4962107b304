"""`ceg demo` as a stranger runs it: one document, everything adds up, and what it saves proves itself offline."""

import base64
import json
import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.crypto.digests import salted_digest
from gateway.crypto.keys import verify_ed25519
from gateway.federation.trust_json import read_trust
from gateway.model.canonical import unb64url
from gateway.transferlog.checkpoint import Verifier, decode_vkey
from gateway.transferlog.leaf import parse_leaf
from gateway.transferlog.proof import verify_receipt_proof

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
    verifiers = [Verifier(decode_vkey(read_trust((out / "trust.json").read_bytes()).gateway.log_vkey), verify_ed25519)]
    bundles = sorted((out / "bundles").iterdir())
    assert len(bundles) == transfers["settled"]
    for file in bundles:
        bundle = json.loads(file.read_text("utf-8"))
        opened = {
            salted_digest(unb64url(content["secret"]), base64.b64decode(content["data"]))
            for message in bundle["messages"]
            for content in message["contents"]
        }
        for each in bundle["leaves"]:
            raw = unb64url(each["leaf"])
            verify_receipt_proof(raw, each["proof"], verifiers)
            leaf = parse_leaf(raw)
            if leaf.type != "transfer.refused":  # what was refused is not kept
                assert {sd for _, sd, _ in leaf.content} <= opened

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
