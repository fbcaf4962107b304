"""`ceg rule simulate` on a node's own past cases: compared with the rules in force, what cannot be opened counted under its reason."""

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support.nodes import Ran, ceg, write_config
from support.region import region
from support.rules import ROOT, rule
from support.ruling import Draft, Hands
from support.stages import ACCEPTING, SOURCE, stage

from gateway.cli import rule_past
from gateway.crypto.sealing import KeyEncryptionKey
from gateway.federation.protocol import GATEWAY_ID
from gateway.model.transfer import State

PROGRAMME = "120402"
TITLES = ["管理学基础"]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rules in force that take a course whole, and three cases: two reviewed, one of which no part has come."""
    folder = tmp_path_factory.mktemp("past")

    async def play() -> None:
        async with region(folder) as world:
            await Hands(world, Draft(effective=world.clock.now().date(), rules=rule("management", "XZ004", title=TITLES))).published()
            await stage(world, State.REVIEWING)
            world.clock.advance(days=1)
            await stage(world, State.REVIEWING)
            await stage(world, State.CONFIRMING, pulled=True)
            write_config(world.gateway.settings, folder / "gateway.toml")

    asyncio.run(play())
    catalogue = folder / "catalogue"
    shutil.copytree(ROOT / "standards/catalogue/demo-1.0", catalogue)
    for file in catalogue.glob("*.csv"):  # under the code that the requests of the tests name
        file.write_bytes(file.read_bytes().replace(b"DEMO-P-XZGL", PROGRAMME.encode()))
    return folder


@pytest.fixture
def node(played: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "node"
    shutil.copytree(played, folder)
    (folder / "gateway.toml").write_text((folder / "gateway.toml").read_text("utf-8").replace(str(played), str(folder)), "utf-8")
    return folder


def written(folder: Path, rules: str, **more: str) -> Path:
    file = folder / "draft.toml"
    file.write_bytes(Draft("next", rules=rules, **more).data)
    return file


def simulated(node: Path, draft: Path, *more: object) -> Ran:
    return ceg("rule", "simulate", draft, "--config", node / "gateway.toml", "--catalogue", node / "catalogue", "--json", *more)


def spoil(node: Path, statement: str) -> None:
    with closing(sqlite3.connect(node / "data" / "gateway.db")) as database, database:
        database.execute(statement)


def reviewing(node: Path) -> list[str]:
    with closing(sqlite3.connect(node / "data" / "gateway.db")) as database:
        return [row[0] for row in database.execute("SELECT id FROM transfer WHERE state = 'reviewing' ORDER BY id")]


def test_simulation_when_the_draft_gives_less_than_the_rules_in_force_then_each_change_by_case_and_position(node: Path) -> None:
    draft = written(node, rule("management", "XZ004", title=TITLES, credits='"2"') + rule("never", "XZ001", title=["无此课程"]))
    ran = simulated(node, draft)
    assert ran.code == 0, ran.err
    found = ran.document
    assert (found["compared_with"], found["transfers"], found["lost"], found["dead"]) == (["test 2026.1"], 2, 2, ["never"])
    assert (found["credits_before"], found["credits_after"]) == ("8.0", "4.0")
    assert sorted(each["transfer"] for each in found["changes"]) == reviewing(node)
    assert {each["record"] for each in found["changes"]} <= {"0", "1"}  # by position, not by record id
    assert "SHC" not in ran.out
    assert found["unread"] == {"no_content": {"transfers": 1, "items": 2}}


def test_simulation_when_cases_cannot_be_opened_then_counted_under_their_reasons(node: Path) -> None:
    draft = written(node, rule("management", "XZ004", title=["别的课程"]))
    one, two = reviewing(node)
    spoil(node, f"DELETE FROM part_key WHERE part_id = '{one}'")
    spoil(node, f"UPDATE transfer SET consent_withdrawn = '2026-11-02T00:00:00.000000Z' WHERE id = '{two}'")
    spoil(node, f"UPDATE item SET state = 'closed' WHERE transfer = '{two}' AND position = 0")
    found = simulated(node, draft).document
    assert (found["items"], found["unread"]) == (
        0,
        {
            "closed": {"transfers": 0, "items": 1},
            "consent_withdrawn": {"transfers": 1, "items": 1},
            "no_content": {"transfers": 1, "items": 2},
            "erased": {"transfers": 1, "items": 2},
        },
    )
    told = ceg("rule", "simulate", draft, "--config", node / "gateway.toml", "--catalogue", node / "catalogue")
    assert "未试算 not tried: 2 项 items(1 案 cases):内容已删除 / erased" in told.out


def rewrite(node: Path, transfer: str, old: bytes, new: bytes) -> None:
    """The case's regional form with other bytes in it, sealed as it was."""
    key = KeyEncryptionKey.load(node / "keys" / "master.key")
    with closing(sqlite3.connect(node / "data" / "gateway.db")) as database, database:
        (wrapped,) = database.execute("SELECT wrapped FROM part_key WHERE part_id = ?", (transfer,)).fetchone()
        (sealed,) = database.execute("SELECT sealed FROM content WHERE jti = ? AND name = 'regional'", (transfer,)).fetchone()
        part, name = key.open_part_key(transfer, wrapped), f"{GATEWAY_ID}/{transfer}/regional"
        plain = part.open(name, sealed)
        assert old in plain
        changed = part.seal(name, plain.replace(old, new, 1), bytes(12))
        database.execute("UPDATE content SET sealed = ? WHERE jti = ? AND name = 'regional'", (changed, transfer))


def test_simulation_when_a_content_is_not_of_the_standard_of_today_or_lacks_a_record_then_counted(node: Path) -> None:
    one, two = reviewing(node)
    rewrite(node, one, b"credit-exchange:1.0", b"credit-exchange:0.9")
    rewrite(node, two, b"<record>SHC", b"<record>X")
    found = simulated(node, written(node, rule("management", "XZ004", title=TITLES))).document
    assert found["unread"]["unreadable"] == {"transfers": 1, "items": 2}
    assert (found["items"], found["unread"]["no_content"]) == (1, {"transfers": 1, "items": 3})


def test_simulation_when_the_key_is_anothers_or_the_programme_unknown_then_said_so(node: Path) -> None:
    draft = written(node, rule("management", "XZ004", title=TITLES))
    other = node / "other.key"
    other.write_bytes(bytes(32))
    other.chmod(0o600)
    found = ceg("rule", "simulate", draft, "--data", node / "data", "--master-key", other, "--json").document
    assert found["unread"]["sealed_elsewhere"] == {"transfers": 3, "items": 6}
    plain = ceg("rule", "simulate", draft, "--config", node / "gateway.toml", "--json").document  # the shipped catalogue
    assert plain["unread"]["no_programme"] == {"transfers": 2, "items": 4}
    elsewhere = written(node, rule("management", "XZ004", title=TITLES), more='programmes = ["X"]')
    assert simulated(node, elsewhere).document["unread"]["other_programme"] == {"transfers": 2, "items": 4}
    assert ceg("rule", "simulate", draft, "--data", node / "data", "--json").problem["code"] == "cli.usage"


def test_simulation_when_no_rule_speaks_of_past_records_then_a_gap_and_with_a_file_it_is_compared_with_that(node: Path) -> None:
    draft = written(node, rule("law", "XZ010", title=["行政法学"]))
    old = node / "old.toml"
    old.write_bytes(draft.read_bytes())
    found = simulated(node, draft, "--old", old).document
    assert (found["compared_with"], found["unchanged"]) == (["test next"], 4)
    assert sum(each["items"] for each in found["gaps"]) == found["without_rule"] > 0


@pytest.mark.parametrize(("member", "code"), [(ACCEPTING, 0), (SOURCE, 4)])
def test_simulation_when_a_member_asks_then_only_for_cases_that_came_to_it(node: Path, member: str, code: int) -> None:
    ran = simulated(node, written(node, rule("management", "XZ004", title=TITLES)), "--member", member)
    assert ran.code == code, ran.err
    if code:
        assert ran.problem["code"] == "recognition.not_your_cases"
    else:
        assert ran.document["unchanged"] == ran.document["items"] == 4


def test_simulation_when_several_processes_share_it_then_the_very_same_is_told(node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draft = written(node, rule("management", "XZ004", title=TITLES, credits='"2"') + rule("never", "XZ001", title=["无此课程"]))
    alone = simulated(node, draft)
    monkeypatch.setattr(rule_past, "CASES_SHARED_MIN", 1)
    shared = simulated(node, draft)
    assert (shared.code, shared.document) == (0, alone.document)
    assert shared.document["items"] == 4


def test_simulation_when_a_row_is_damaged_then_the_same_fault_from_another_process(node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(node, "UPDATE item SET record = char(1) || 'QUJDRA=='")
    draft = written(node, rule("management", "XZ004", title=TITLES))
    alone = simulated(node, draft)
    monkeypatch.setattr(rule_past, "CASES_SHARED_MIN", 1)
    shared = simulated(node, draft)
    assert alone.problem["code"] == "storage.sealed_broken"
    assert (shared.code, shared.problem) == (alone.code, alone.problem)


def test_stretches_when_made_then_each_begins_where_the_one_before_ends() -> None:
    made = rule_past.stretches()
    bounds = [first for first, _ in made] + [made[-1][1]]
    assert (len(made), bounds[0], bounds[-1]) == (rule_past.SHARES, "", "")
    assert [last for _, last in made] == bounds[1:]
    assert bounds[:-1] == sorted(set(bounds[:-1]))
