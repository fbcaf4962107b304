"""`ceg keys` and `ceg member`."""

import json
import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from support.nodes import ceg
from support.region import START, key_of, trust_data, write_files

from gateway.crypto.keys import SigningKey
from gateway.federation.members import KeyRecord, Status

AT = START.isoformat()


@pytest.fixture
def trust(tmp_path: Path) -> Path:
    data = trust_data()
    old = KeyRecord(key_of("old").verify_key, START - timedelta(days=90), START + timedelta(days=90), START - timedelta(days=60), 3, 9)
    first = replace(data.members[0], keys=(*data.members[0].keys, old))
    ending = replace(data.members[1].keys[0], not_after=START + timedelta(days=10, hours=1))
    second = replace(data.members[1], keys=(ending,), status=Status.SUSPENDED)
    unsigned = replace(data.agreements[0], signatures={})
    changed = replace(
        data, members=(first, second, *data.members[2:]), agreements=(unsigned, *data.agreements[1:]), issued_at=START - timedelta(days=1)
    )
    write_files(tmp_path, changed)
    return tmp_path / "trust.json"


@pytest.mark.parametrize("alg", ["EdDSA", "ES256"])
def test_generate_when_new_then_private_file_and_only_the_public_key_shown(tmp_path: Path, alg: str) -> None:
    file = tmp_path / "m.pem"
    ran = ceg("keys", "generate", "--out", file, "--alg", alg, "--json")
    assert ran.code == 0
    key = SigningKey.load(file)
    assert ran.document == {"file": str(file), "alg": alg, "written": True, "kid": key.kid, "jwk": key.verify_key.jwk}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "d" not in ran.document["jwk"]


def test_generate_when_file_exists_then_refused_and_untouched(tmp_path: Path) -> None:
    file = tmp_path / "m.pem"
    file.write_text("mine")
    ran = ceg("keys", "generate", "--out", file, "--json")
    assert (ran.code, ran.out, ran.problem["code"]) == (8, "", "cli.file_exists")
    assert file.read_text() == "mine"


def test_generate_when_dry_run_or_folder_missing_then_nothing_written(tmp_path: Path) -> None:
    ran = ceg("keys", "generate", "--out", tmp_path / "m.pem", "--dry-run", "--json")
    assert (ran.code, ran.document["written"]) == (0, False)
    assert ceg("keys", "generate", "--out", tmp_path / "no" / "m.pem").code == 3
    assert list(tmp_path.iterdir()) == []


def test_generate_when_secret_wanted_then_32_bytes_and_none_shown(tmp_path: Path) -> None:
    file = tmp_path / "master.key"
    ran = ceg("keys", "generate", "--out", file, "--alg", "secret", "--json")
    assert (ran.code, len(file.read_bytes())) == (0, 32)
    assert ran.document == {"file": str(file), "alg": "secret", "written": True}


def test_list_when_read_then_windows_revocation_and_days_are_told(trust: Path) -> None:
    ran = ceg("keys", "list", "--trust-file", trust, "--registry-key", trust.with_name("registry.jwk.json"), "--at", AT, "--json")
    assert (ran.code, ran.err) == (0, "")
    keys = {key["kid"]: key for key in ran.document}
    assert len(keys) == 6
    old, ending, own = keys[key_of("old").kid], keys[key_of("CN-32").kid], keys[key_of("CN-YRD").kid]
    assert (old["valid_now"], old["days_left"], old["log_from"], old["log_until"]) == (False, 0, 3, 9)
    assert (ending["valid_now"], ending["days_left"]) == (True, 10)
    assert (own["member"], own["days_left"]) == ("CN-YRD", 365)
    one = ceg("keys", "list", "--trust-file", trust, "--member", "CN-31", "--json")
    assert len(one.document) == 2
    assert ceg("keys", "list", "--trust-file", trust, "--member", "CN-99", "--json").document == []
    assert "已撤销" in ceg("keys", "list", "--trust-file", trust, "--at", AT).out


def test_show_when_beginning_is_unique_then_that_key_else_not_found(trust: Path) -> None:
    kid = key_of("CN-34").kid
    ran = ceg("keys", "show", kid[:8], "--trust-file", trust, "--json")
    assert (ran.code, ran.document["kid"]) == (0, kid)
    assert ceg("keys", "show", "zzzzzz", "--trust-file", trust).code == 3


def test_trust_file_when_changed_or_key_is_another_then_bad_signature(trust: Path) -> None:
    registry = trust.with_name("registry.jwk.json")
    unsigned = ceg("keys", "list", "--trust-file", trust)
    assert "未核验" in unsigned.err
    trust.write_bytes(trust.read_bytes().replace(b"sandbox", b"sandbax", 1))
    ran = ceg("keys", "list", "--trust-file", trust, "--registry-key", registry, "--json")
    assert (ran.code, ran.problem["code"]) == (5, "trust.bad_registry_signature")
    trust.write_bytes(b"{}")
    ran = ceg("member", "list", "--trust-file", trust, "--json")
    assert (ran.code, ran.problem["code"]) == (4, "trust.bad_registry")
    assert ran.problem["errors"][0]["path"] == "$.version"
    assert ceg("member", "list", "--trust-file", trust.with_name("none.json")).code == 3


def test_at_when_not_a_time_then_usage(trust: Path) -> None:
    for text in ("yesterday", "2026-11-02T01:00:00"):
        assert ceg("keys", "list", "--trust-file", trust, "--at", text).code == 2


def test_member_when_shown_then_keys_agreements_and_warnings(trust: Path) -> None:
    ran = ceg("member", "show", "CN-32", "--trust-file", trust, "--at", AT, "--json")
    assert ran.code == 0
    found = ran.document
    assert (found["status"], found["channel"], found["formats"]) == ("suspended", "push", ["text/xml", "application/xml"])
    assert len(found["agreements"]) == 6
    codes = [warning["code"] for warning in found["warnings"]]
    assert codes == ["member.suspended", "member.key_ends", "member.unsigned"]
    text = ceg("member", "show", "CN-32", "--trust-file", trust, "--at", AT).out
    assert "成员已中止" in text
    assert key_of("CN-32").kid[:20] in text
    listed = ceg("member", "list", "--trust-file", trust, "--at", AT, "--json").document
    assert [member["id"] for member in listed] == ["CN-31", "CN-32", "CN-33", "CN-34"]
    assert json.dumps(listed).count("member.suspended") == 1
    assert "CN-33" in ceg("member", "list", "--trust-file", trust).out


def test_member_when_unknown_then_not_found(trust: Path) -> None:
    ran = ceg("member", "show", "CN-99", "--trust-file", trust, "--json")
    assert (ran.code, ran.problem["code"], ran.problem["status"]) == (3, "cli.not_found", 404)
