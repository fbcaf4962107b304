"""`ceg transfer` on a node's own database, and its words."""

import base64
import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.nodes import ceg

from gateway.cli.transfer_words import NEXT, STATES, deadline_day, local_time, sentences
from gateway.crypto.digests import salted_digest
from gateway.model.canonical import unb64url
from gateway.model.transfer import CLOSED, State
from gateway.transferlog.leaf import parse_leaf


def test_words_when_compared_with_the_states_then_each_has_both_languages() -> None:
    assert set(STATES) == set(NEXT) == set(State)
    for state in State:
        waiting = [] if state in CLOSED else ["CN-31"]
        case = {"state": state, "since": "2026-11-02T01:00:00.000000Z", "deadline": None, "waiting_on": waiting}
        zh, en = sentences(case)
        assert en.isascii()
        assert not zh.isascii()
        assert ("CN-31" in zh) == (state not in CLOSED)


def test_times_when_shown_then_chinese_wall_time_and_last_whole_day() -> None:
    assert local_time("2026-11-02T01:00:00.000000Z") == "2026-11-02 09:00"
    assert deadline_day(datetime(2026, 11, 20, 16, tzinfo=UTC).isoformat()) == "2026-11-20"
    assert (local_time(None), deadline_day(None)) == ("-", "-")


def test_list_when_read_then_newest_first_and_filtered(node) -> None:
    ran = ceg("transfer", "list", "--config", node.config, "--json")
    assert (ran.code, ran.err) == (0, "")
    assert sorted(each["transfer"] for each in ran.document) == sorted(node.cases)
    settled = ceg("transfer", "list", "--config", node.config, "--state", "settled", "--json").document
    assert [each["transfer"] for each in settled] == [node.cases[0]]
    assert ceg("transfer", "list", "--config", node.config, "--state", "expired", "--json").out == "[]\n"
    assert len(ceg("transfer", "list", "--config", node.config, "--limit", "1", "--json").document) == 1
    assert ceg("transfer", "list", "--config", node.config, "--state", "lost").code == 2
    text = ceg("transfer", "list", "--data", node.database).out
    assert node.cases[0][:12] in text
    assert "认定中" in text


def test_show_when_asked_by_beginning_then_whose_turn_since_until_and_next(node) -> None:
    ran = ceg("transfer", "show", node.cases[1][:10], "--config", node.config)
    assert ran.code == 0
    assert "认定中,自 2026-11-02 09:00 起轮到 CN-33,至 2026-11-23。" in ran.out.replace("\n", "")
    assert "接收行作出认定后" in ran.out
    case = ceg("transfer", "show", node.cases[1], "--config", node.config, "--json").document
    assert (case["waiting_on"], case["state"]) == (["CN-33"], "reviewing")


def test_show_when_unknown_or_misspelt_then_named(node) -> None:
    for given in ("f" * 64, "f" * 8):
        ran = ceg("transfer", "show", given, "--config", node.config, "--json")
        assert (ran.code, ran.problem["code"], ran.problem["status"]) == (3, "transfer.unknown", 404)
    for given in ("abc", "no-hex-at-all", node.cases[0].upper()):
        assert ceg("transfer", "show", given, "--config", node.config).code == 2


def test_watch_when_closed_then_ends_and_when_not_then_times_out(node) -> None:
    ran = ceg("transfer", "watch", node.cases[0], "--config", node.config, "--json")
    assert (ran.code, ran.document["state"], ran.err) == (0, "settled", "")
    ran = ceg("transfer", "watch", node.cases[1], "--config", node.config, "--timeout", "0.3", "--interval", "0.05")
    assert ran.code == 7
    assert ran.err.count("认定中") == 1


def test_evidence_when_written_then_private_complete_and_every_secret_opens_its_digest(node, tmp_path: Path) -> None:
    out = tmp_path / "case.json"
    ran = ceg("transfer", "evidence", node.cases[0], "--config", node.config, "--out", out, "--json")
    assert ran.code == 0, ran.err
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    found = json.loads(out.read_text("utf-8"))
    assert (found["kind"], found["v"], ran.document["leaves"]) == ("ceg-evidence", 1, 6)
    told = {
        (name, sd) for each in found["leaves"] for name, sd, _ in parse_leaf(unb64url(each["leaf"])).content
    }  # fmt: skip
    opened = {
        (content["name"], salted_digest(unb64url(content["secret"]), base64.b64decode(content["data"])))
        for message in found["messages"]
        for content in message["contents"]
    }
    assert told <= opened
    again = ceg("transfer", "evidence", node.cases[0], "--config", node.config, "--out", out, "--json")
    assert (again.code, again.problem["code"]) == (8, "cli.file_exists")


def test_evidence_when_without_contents_then_nothing_personal(node) -> None:
    ran = ceg("transfer", "evidence", node.cases[0], "--config", node.config, "--without-contents", "--json")
    assert ran.document["messages"] == []
    assert "11010519491231002X" not in ran.out
    assert base64.b64encode("王测试".encode()).decode()[:6] not in ran.out


def test_evidence_when_dry_run_then_nothing_written(node, tmp_path: Path) -> None:
    out = tmp_path / "case.json"
    ran = ceg("transfer", "evidence", node.cases[0], "--config", node.config, "--out", out, "--dry-run", "--json")
    assert (ran.code, ran.document["written"], out.exists()) == (0, False, False)


@pytest.mark.parametrize("url", ["ftp://x", "https://host/path", "host:1", "https://"])
def test_url_when_misspelt_then_usage(url: str) -> None:
    assert ceg("transfer", "list", "--url", url, "--member", "CN-31", "--key-file", "none.pem").code in {2, 4}
    assert ceg("transfer", "list", "--url", "https://host").code == 2
