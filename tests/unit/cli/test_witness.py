"""`ceg witness` and `ceg monitor`: keys, settings, and a log in a folder that grows, shrinks and forks."""

import json
import stat
from pathlib import Path

import pytest
from support.nodes import Ran, ceg
from support.region import ORIGIN, key_of, write_files
from support.witnesses import witnessed_trust

from gateway.client.witness_file import WitnessFile
from gateway.crypto.keys import SigningKey
from gateway.errors import SettingsError
from gateway.transferlog.checkpoint import COSIGNATURE, LOG_SIGNATURE, NoteKey, decode_vkey, sign_note, write_checkpoint
from gateway.transferlog.folder import export_files
from gateway.transferlog.leaf import Leaf, leaf_bytes
from gateway.transferlog.merkle import leaf_hash
from gateway.transferlog.tiles import TreeState, append, rows_reader


def export(folder: Path, size: int, word: str = "") -> Path:
    """A log of so many leaves in `folder`; `word` makes another history of it."""
    at = "2026-11-02T01:00:00.000000Z"
    leaves = [
        leaf_bytes(Leaf("member.added", at, f"member:{number}{word if number else ''}", 0, "CN-YRD", "added", number))
        for number in range(size)
    ]
    key = key_of("log")
    note = sign_note(
        write_checkpoint(ORIGIN, size, append(TreeState(), [leaf_hash(leaf) for leaf in leaves]).root),
        ORIGIN, NoteKey(ORIGIN, LOG_SIGNATURE, key.public_raw).id, key.sign,
    )  # fmt: skip
    for path, data in export_files(size, note, rows_reader(lambda _id: None, lambda a, b: leaves[a:b]), lambda a, b: leaves[a:b]):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


@pytest.fixture
def trust(tmp_path: Path) -> Path:
    write_files(tmp_path, witnessed_trust())
    return tmp_path / "trust.json"


def look(trust: Path, folder: Path, *more: str) -> Ran:
    registry = trust.with_name("registry.jwk.json")
    return ceg(
        "monitor", "--dir", folder, "--state", trust.with_name("seen"), "--trust-file", trust, "--registry-key", registry, "--once", *more
    )  # fmt: skip


def test_monitor_when_a_folder_grows_shrinks_and_forks_then_exit_6_and_both_heads_are_kept(trust: Path, tmp_path: Path) -> None:
    first = look(trust, export(tmp_path / "a", 5), "--json")
    assert (first.code, first.document["before"], first.document["size"], first.document["leaves_checked"]) == (0, 0, 5, 5)
    assert first.document["unknown"] == {}
    again = look(trust, export(tmp_path / "b", 9), "--json")
    assert (again.code, again.document["before"], again.document["size"], again.document["final"]) == (0, 5, 9, 0)

    shrunk = look(trust, tmp_path / "a", "--json")
    (finding,) = shrunk.document["findings"]
    assert (shrunk.code, shrunk.document["ok"], finding["code"], finding["index"]) == (6, False, "transferlog.rolled_back", 5)
    notes = {(trust.with_name("seen") / each).read_bytes() for each in finding["evidence"]}
    assert notes == {(tmp_path / "a" / "checkpoint").read_bytes(), (tmp_path / "b" / "checkpoint").read_bytes()}

    forked = look(trust, export(tmp_path / "c", 12, "x"))
    assert forked.code == 6
    assert "transferlog.leaf_changed  叶 leaf 0" in forked.out
    assert "证据 evidence: evidence/" in forked.out
    assert look(trust, export(tmp_path / "d", 12), "--json").document["ok"]


def test_monitor_when_called_wrongly_then_usage(trust: Path, tmp_path: Path) -> None:
    assert look(trust, tmp_path, "--url", "https://gw.example", "--json").problem["code"] == "cli.usage"
    assert ceg("monitor", "--state", tmp_path / "s", "--trust-file", trust, "--json").code == 2
    assert look(trust, tmp_path / "nothing", "--json").code == 6
    assert look(trust, tmp_path, "--connector-db", str(trust), "--json").problem["code"] == "cli.usage"
    assert (
        look(trust, tmp_path, "--connector-db", str(tmp_path / "no.db"), "--member", "CN-31", "--json").problem["code"] == "cli.not_found"
    )


def test_keygen_when_made_then_private_and_its_verifier_key_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "w.pem"
    dry = ceg("witness", "keygen", "--name", "bank.example/w", "--out", file, "--dry-run", "--json")
    assert (dry.code, dry.document["written"], file.exists()) == (0, False, False)
    made = ceg("witness", "keygen", "--name", "bank.example/w", "--out", file, "--json")
    key = decode_vkey(made.document["vkey"])
    assert key == NoteKey("bank.example/w", COSIGNATURE, SigningKey.load(file).public_raw)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert ceg("witness", "keygen", "--name", "bank.example/w", "--out", file, "--json").problem["code"] == "cli.file_exists"
    assert ceg("witness", "keygen", "--name", "bank example", "--out", tmp_path / "x.pem", "--json").problem["code"] == "cli.usage"


def settings(trust: Path, **changes: object) -> Path:
    values = {
        "member": "CN-31", "gateway_url": "https://gw.example", "folder": "mirror", "key_file": "w.pem", "trust_file": "trust.json",
        "trust_signature_file": "trust.json.sig", "registry_key_file": "registry.jwk.json",
    } | changes  # fmt: skip
    file = trust.with_name("witness.toml")
    file.write_text("\n".join(f"{name} = {json.dumps(value)}" for name, value in values.items()), "utf-8")
    return file


def test_witness_when_checked_then_its_key_must_be_the_one_in_the_trust_file(trust: Path) -> None:
    key_of("wCN-31").save(trust.with_name("w.pem"))
    ran = ceg("witness", "--config", settings(trust), "--dry-run", "--json")
    assert (ran.code, ran.document["member"], ran.document["mirrors"]) == (0, "CN-31", False)
    assert decode_vkey(ran.document["vkey"]).name == "witness.test/CN-31"
    assert ceg("witness", "--config", settings(trust, member="CN-32"), "--dry-run", "--json").problem["code"] == "settings.witness"
    assert ceg("witness", "--dry-run", "--json").problem["code"] == "cli.usage"
    assert ceg("witness", "--config", trust.with_name("no.toml"), "--json").problem["code"] == "cli.not_found"


def test_witness_settings_when_wrong_then_every_entry_is_told(trust: Path) -> None:
    file = settings(trust, gateway_url="gw.example/x", port=70_000, folder=3, extra="?")
    with pytest.raises(SettingsError) as caught:
        WitnessFile.load(file)
    assert sorted(each.path for each in caught.value.problems) == ["extra", "folder", "gateway_url", "port"]
    with pytest.raises(SettingsError):
        WitnessFile.load(file.with_name("none.toml"))
    with pytest.raises(SettingsError) as caught:  # a check that could not be made is not left out in silence
        WitnessFile.load(settings(trust, connector_db="connector.db"))
    assert [each.path for each in caught.value.problems] == ["connector_db"]
    found = WitnessFile.load(settings(trust, member_key_file="bank.pem", port=0))
    assert (found.member_key_file, found.host, found.port) == (file.with_name("bank.pem"), "127.0.0.1", 0)
