"""`ceg transfer evidence` and `ceg verify`: taken at a node, checked with the trust file and nothing else."""

import asyncio
import json
import re
import runpy
import stat
import sys
from pathlib import Path

import pytest
from support.evidence import AT, court, retired_witness
from support.nodes import Ran, ceg
from support.tree import ROOT

from gateway.cli.sources import open_node
from gateway.model.canonical import unb64url
from gateway.transferlog.folder import export_files
from gateway.transferlog.leaf import parse_leaf
from gateway.transferlog.tiles import TileRef, all_tiles
from gateway.verifier.report import CHECKS


def take(node, out: Path, *more: object) -> Ran:
    return ceg("transfer", "evidence", node.cases[0], "--config", node.config, "-o", out, "--json", *more)


def test_verify_when_the_bundle_is_whole_then_zero_and_plain_words_in_both_languages(node, tmp_path: Path) -> None:
    """What is not final is said to be so (EV-23)."""
    out = tmp_path / "case.json"
    ran = take(node, out)
    assert (ran.code, stat.S_IMODE(out.stat().st_mode)) == (0, 0o600), ran.err
    found = ceg("verify", out, "--trust", node.trust, "--registry-key", node.folder / "registry.jwk.json")
    assert (found.code, found.err) == (0, "")
    text = found.out.replace("\n", "")
    assert "证据成立" in text
    assert "认定 3.0 学分,第 1 项 SHC20230098812" in text
    assert "尚未终局" in text
    assert "answered 3.0 credits recognised, item 1 SHC20230098812, to exactly these" in text
    document = ceg("verify", out, "--trust", node.trust, "--json").document
    assert (document["verified"], document["final"], document["findings"], document["state"]) == (True, False, [], "settled")
    assert {each["check"] for each in document["checks"]} == set(CHECKS)
    assert [each["code"] for each in document["not_proven"]] == ["truth", "suppressed", "complete", "later", "learner_act", "time"]


def test_verify_when_a_byte_that_matters_changed_then_six_and_nothing_is_shown(node, tmp_path: Path) -> None:
    out = tmp_path / "case.json"
    take(node, out)
    raw = out.read_text("utf-8")
    out.write_text(raw.replace('"name": "decision"', '"name": "decisiom"'), "utf-8")
    ran = ceg("verify", out, "--trust", node.trust, "--json")
    assert (ran.code, ran.document["verified"], ran.document["shown"]) == (6, False, [])
    assert {each["code"] for each in ran.document["findings"]} == {"evidence.other_message", "evidence.content_missing"}
    out.write_text(raw[:-40], "utf-8")
    ran = ceg("verify", out, "--trust", node.trust)
    assert ran.code == 6
    assert "evidence.unreadable" in ran.out


def test_verify_when_named_wrongly_then_the_table_of_exit_codes(node, tmp_path: Path) -> None:
    out = tmp_path / "case.json"
    take(node, out)
    assert ceg("verify", out).code == 2
    assert ceg("verify", tmp_path / "none.json", "--trust", node.trust).code == 3
    assert ceg("verify", out, "--trust", tmp_path / "none.json").code == 3
    assert ceg("verify", out, "--trust", out).code == 4
    assert ceg("transfer", "evidence", node.cases[0], "--config", node.config, "--item", "1").code == 2
    assert take(node, tmp_path / "a.json", "--for", "learner", "--item", "9").code == 3
    assert take(node, tmp_path / "b.json", "--for", "learner", "--field", "no.such").code == 3


def test_learners_proof_when_made_then_holds_and_holds_back(node, tmp_path: Path) -> None:
    out = tmp_path / "proof.json"
    assert take(node, out, "--for", "learner", "--item", "1", "--field", "title").code == 0
    text = out.read_text("utf-8")
    (record,) = json.loads(text)["records"]
    assert {name for name, _, _ in record["fields"]} == {"source.record", "title"}
    assert not any(word in text for word in ("11010519491231002X", "王测试", "SHZ2022551201", "100238845511"))
    ran = ceg("verify", out, "--trust", node.trust)
    assert ran.code == 0
    assert "学习者证明未出示此项" in ran.out
    named = tmp_path / "named.json"
    assert take(node, named, "--for", "learner", "--identity").code == 0
    document = ceg("verify", named, "--trust", node.trust, "--json").document
    assert document["verified"]
    assert any("3.0 credits recognised" in each["en"] for each in document["shown"])
    assert {each["check"] for each in document["not_checked"]} == {"answers", "documents"} - {each["check"] for each in document["checks"]}


def test_learners_proof_when_its_identity_is_another_persons_then_refused(node, tmp_path: Path) -> None:
    named = tmp_path / "named.json"
    take(node, named, "--for", "learner", "--identity")
    found = json.loads(named.read_text("utf-8"))
    piece = found["messages"][0]["contents"][0]
    assert piece["name"] == "identity"
    piece["data"] = piece["data"][:-8] + "AAAA" + piece["data"][-4:]
    named.write_text(json.dumps(found), "utf-8")
    ran = ceg("verify", named, "--trust", node.trust, "--json")
    assert [each["code"] for each in ran.document["findings"]] == ["evidence.content_changed"]


def test_verify_when_given_a_copy_of_the_log_then_what_was_left_out_is_found(node, tmp_path: Path) -> None:
    """EV-21: a forger drops the last leaf with its message; only the log can tell."""
    out, folder = tmp_path / "case.json", tmp_path / "log"
    take(node, out)
    asyncio.run(export(node, folder))
    whole = ceg("verify", out, "--trust", node.trust, "--dir", folder, "--json")
    assert (whole.code, whole.document["complete"]) == (0, True)
    assert "complete" not in {each["code"] for each in whole.document["not_proven"]}
    short = json.loads(out.read_text("utf-8"))
    short["leaves"] = [each for each in short["leaves"] if parse_leaf(unb64url(each["leaf"])).type != "transfer.settled"][:-1]
    short["messages"].pop()
    out.write_text(json.dumps(short), "utf-8")
    assert ceg("verify", out, "--trust", node.trust).code == 0
    ran = ceg("verify", out, "--trust", node.trust, "--dir", folder, "--json")
    assert (ran.code, {each["code"] for each in ran.document["findings"]}) == (6, {"evidence.leaf_left_out"})
    (folder / "checkpoint").write_text("nothing", "utf-8")
    take(node, tmp_path / "again.json")
    ran = ceg("verify", tmp_path / "again.json", "--trust", node.trust, "--dir", folder, "--json")
    assert [each["code"] for each in ran.document["findings"]] == ["evidence.log_copy"]


async def export(node, folder: Path) -> None:
    """The node's log as files."""
    async with open_node(node.config, None) as opened:
        size, note = await (await opened.ledger()).head()
        leaves, tiles = await opened.reading.entries(0, size), await opened.reading.tiles(all_tiles(size))
    files = export_files(size, note, lambda *place: tiles[TileRef(*place)], lambda first, end: leaves[first:end])
    for path, data in dict(files).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


def script() -> str:
    (found,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "evidence.md").read_text("utf-8"), re.DOTALL)
    return str(found)


@pytest.mark.parametrize("which", ["bundle", "other", "learner"])
def test_script_of_the_page_when_run_on_a_bundle_then_it_holds_without_our_code(
    which: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """EV-24.  And on one that was changed it stops."""
    code = script()
    assert "gateway." not in code
    (tmp_path / "check.py").write_text(code, "utf-8")
    found = getattr(court(), which)
    (tmp_path / "trust.json").write_bytes(court().trust.to_bytes())
    bundle = tmp_path / "bundle.json"
    bundle.write_text(json.dumps(found), "utf-8")
    monkeypatch.setattr(sys, "argv", ["check.py", str(bundle), str(tmp_path / "trust.json")])
    runpy.run_path(str(tmp_path / "check.py"))
    shown = capsys.readouterr().out
    assert shown.splitlines()[-1].startswith("final ")
    assert ("<credits>3.0</credits>" in shown) == (which != "learner")
    (tmp_path / "trust.json").write_bytes(retired_witness(court().trust, "CN-31", AT + 1, found["log"]["size"]).to_bytes())
    runpy.run_path(str(tmp_path / "check.py"))  # EV-25: a witness took a new key since
    capsys.readouterr()
    (tmp_path / "trust.json").write_bytes(retired_witness(court().trust, "CN-31", AT, None).to_bytes())
    with pytest.raises(AssertionError):
        runpy.run_path(str(tmp_path / "check.py"))
    (tmp_path / "trust.json").write_bytes(court().trust.to_bytes())
    bundle.write_text(json.dumps(found).replace(found["leaves"][1]["leaf"][-20:], "A" * 20), "utf-8")
    with pytest.raises(AssertionError):
        runpy.run_path(str(tmp_path / "check.py"))
