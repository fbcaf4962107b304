"""What people of the centre do: change, audit row and leaf together or not at all, and an auditor holds row and leaf side by side.

PR-376 to PR-380.
"""

import json
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from support.operators import Region, operating
from support.region import World, region, tools

from gateway.app import DATABASE_FILE
from gateway.cli.log_rebuild import compare
from gateway.crypto.sealing import KeyEncryptionKey
from gateway.errors import StorageError
from gateway.federation.protocol import GATEWAY_ID
from gateway.model.people import Person, Role
from gateway.storage.database import load_queries
from gateway.storage.people_rows import PersonActRow
from gateway.storage.read_only import ReadOnlyDatabase
from gateway.system import package_folder
from gateway.transferlog.leaf import Leaf, commit_record, open_field, parse_leaf, verify_opening
from gateway.transfers.alerts import ACKED, Alerts, Finding
from gateway.transfers.letter_notes import LetterNotes
from gateway.transfers.operator_acts import LEAF, SCOPE, Acting, OperatorAudit
from gateway.transfers.rebuilt import NO_LEAF, NO_ROW, Comparison
from gateway.transfers.retention import forget_audit

WHO = Person("li-4711", "李测试", frozenset({Role.CENTRE_OPERATOR, Role.VIEWER}))
UNIT = Person("wang-1", "王测试", frozenset({Role.PRESIDING}), "CN-33")
HELD = Finding("held", "CN-32", "error", 2)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with region(tmp_path) as found:
        yield found


class Desk:
    """The use cases over one node."""

    def __init__(self, world: World) -> None:
        gateway = world.gateway
        acting = Acting(gateway.committer, world.ids)
        self.world, self.database = world, gateway.database
        self.alerts, self.notes = Alerts(self.database, world.clock, acting), LetterNotes(self.database, acting)

    async def rows(self) -> list[PersonActRow]:
        """Oldest first."""
        asked = {"person": "", "act": "", "outcome": "", "since": "", "until": "~"}
        found = await self.database.fetch("person_acts", before=2**62, most=100, **asked)
        return [PersonActRow(*row) for row in reversed(found)]

    async def leaves(self) -> list[tuple[int, Leaf]]:
        return [(index, parse_leaf(raw)) for _, index, raw in await self.world.gateway.parts.reading.scope(SCOPE)]

    async def acted(self) -> None:
        """An alarm acknowledged and silenced, and a note."""
        await self.alerts.note([HELD])
        assert await self.alerts.acknowledge(HELD.fingerprint, WHO, "已联系该行")
        self.world.clock.advance(minutes=1)
        assert await self.alerts.silence(HELD.fingerprint, UNIT, "检修", 8)
        self.world.clock.advance(minutes=1)
        assert await self.notes.add("letter-1", WHO, "对方周一恢复")

    async def compared(self) -> Comparison:
        queries = load_queries(package_folder() / "storage" / "sql" / "queries.sql")
        settings = self.world.gateway.settings
        database = ReadOnlyDatabase.open(settings.node.data_folder / DATABASE_FILE, queries)
        try:
            audited, told = compare(
                database, KeyEncryptionKey.load(settings.keys.master_key_file), tools().standard, lambda _done, _all: None
            )
        finally:
            await database.close()
        assert audited.ok
        return told

    async def tampered(self, *statements: str) -> Comparison:
        """As a rebuild finds the file after somebody has been at it."""
        file = self.world.gateway.settings.node.data_folder / DATABASE_FILE
        with sqlite3.connect(file) as connection:
            for statement in statements:
                connection.execute(statement)
        connection.close()
        return await self.compared()


async def test_acts_when_done_then_row_and_leaf_say_the_same_and_the_leaf_names_nobody(world: World) -> None:
    desk = Desk(world)
    await desk.acted()
    rows, leaves = await desk.rows(), await desk.leaves()
    assert [(row.person, row.member, row.act, row.reason) for row in rows] == [
        ("li-4711", "", "alert.acknowledge", "已联系该行"), ("wang-1", "CN-33", "alert.silence", "检修"),
        ("li-4711", "", "letter.note", "对方周一恢复"),
    ]  # fmt: skip
    assert [(leaf.type, leaf.iss, leaf.actor, leaf.role, leaf.seq, leaf.at) for _, leaf in leaves] == [
        (LEAF, GATEWAY_ID, "", role, seq, rows[seq].at) for seq, role in enumerate(("centre_operator", "presiding", "centre_operator"))
    ]
    facts = [leaf.facts for _, leaf in leaves]
    assert [(each["act"], each["object"]) for each in facts] == [(row.act, row.object) for row in rows]
    assert (facts[0]["event"], facts[0]["member"], "until" in facts[0], facts[1]["until"]) == ("held", "CN-32", False, facts[1]["until"])
    raw = json.dumps([dict(each) for each in facts], ensure_ascii=False)
    assert not [word for word in ("li-4711", "wang-1", "李", "王", "已联系", "检修", "周一", "CN-33") if word in raw]
    found = await OperatorAudit(desk.database).leaves(rows)
    assert [(found[row.merge].index, found[row.merge].agrees) for row in rows] == [(index, True) for index, _ in leaves]
    said = {"person": "li-4711", "member": "", "reason": "已联系该行"}
    secret = found[rows[0].merge].secret
    assert facts[0]["cm"] == commit_record(secret, said)
    verify_opening(str(facts[0]["cm"]), open_field(secret, said, "person"))  # who, without why
    told = await desk.compared()
    assert (told.ok, told.rows["person_act"]) == (True, 3)


async def test_acts_when_nothing_changes_then_neither_leaf_nor_row(world: World) -> None:
    desk = Desk(world)
    await desk.alerts.note([HELD])
    assert not await desk.alerts.acknowledge("unknown", WHO, "x")
    assert not await desk.alerts.silence("unknown", WHO, "x", 1)
    assert not await desk.notes.add("letter-1", WHO, " ")
    assert await desk.alerts.acknowledge(HELD.fingerprint, WHO, "x")
    assert not await desk.alerts.acknowledge(HELD.fingerprint, WHO, "again")
    assert (len(await desk.rows()), len(await desk.leaves())) == (1, 1)


async def test_act_when_the_log_takes_no_leaf_then_nothing_is_changed_either(world: World) -> None:
    desk = Desk(world)
    await desk.alerts.note([HELD])
    world.gateway.ledger.stopped = True
    with pytest.raises(StorageError) as caught:
        await desk.alerts.acknowledge(HELD.fingerprint, WHO, "x")
    found = await desk.alerts.find(HELD.fingerprint)
    assert found is not None
    assert (caught.value.code, found.state, await desk.rows()) == ("storage.log_stopped", "firing", [])
    world.gateway.ledger.stopped = False
    assert await desk.alerts.acknowledge(HELD.fingerprint, WHO, "x")
    assert [row.state for row in await desk.alerts.all()] == [ACKED]


@pytest.mark.parametrize(
    ("statements", "wrong"),
    [
        (["UPDATE person_act SET reason = '另有缘故' WHERE act = 'alert.silence'"], [("2", "cm")]),
        (["UPDATE person_act SET person = 'somebody' WHERE act = 'letter.note'"], [("3", "cm")]),
        (["UPDATE person_act SET object = 'letter-2', act = 'alert.silence' WHERE act = 'letter.note'"], [("3", "act"), ("3", "object")]),
        (["UPDATE person_act SET roles = 'viewer' WHERE act = 'alert.acknowledge'"], [("1", "role")]),
        (["DELETE FROM person_act WHERE act = 'alert.silence'"], [("leaf", "n")]),
        (["DELETE FROM person_act_leaf WHERE idx = (SELECT max(idx) FROM person_act_leaf)"], [("leaf", "n"), ("3", "leaf")]),
        (["INSERT INTO person_act SELECT 9, 'm', at, 'x', roles, member, 'selection.use', 't', 'done', 'r', 1 FROM person_act WHERE n = 1"],
         [("9", "leaf")]),
    ],
    ids=["reason", "person", "act", "role", "row_gone", "leaf_gone", "row_made_up"],
)  # fmt: skip
async def test_rebuild_when_an_audit_row_was_touched_then_named(
    world: World, statements: Sequence[str], wrong: list[tuple[str, str]]
) -> None:
    desk = Desk(world)
    await desk.acted()
    told = await desk.tampered(*statements)
    assert [(each.id.split()[0], each.field) for each in told.differences] == wrong
    shown = json.dumps([each._asdict() for each in told.differences], ensure_ascii=False)
    assert not [word for word in ("li-4711", "somebody", "缘故") if word in shown]
    assert {each.log for each in told.differences} | {each.database for each in told.differences} >= (
        {NO_ROW} if wrong[0] == ("leaf", "n") else {NO_LEAF} if wrong[-1][1] == "leaf" else set()
    )


async def test_audit_rows_when_their_time_is_over_then_secrets_go_with_them_and_the_rest_still_holds(world: World) -> None:
    desk = Desk(world)
    await desk.acted()
    rows = await desk.rows()
    await forget_audit(desk.database, rows[1].at)
    assert set(await OperatorAudit(desk.database).leaves(rows)) == {row.merge for row in rows[1:]}
    told = await desk.compared()
    assert (told.ok, told.rows["person_act"], len(await desk.leaves())) == (True, 2, 3)


async def test_audit_page_when_an_auditor_reads_then_each_act_leads_to_its_leaf_and_says_whether_it_agrees(tmp_path: Path) -> None:
    async with operating(tmp_path) as here:
        centre, auditor = await here.browser("centre"), await here.browser("auditor")
        status, to = await centre.freeze("/stuck/list", kind="held", action="retry")
        assert (status, (await centre.post(f"{to}/release"))[0]) == (303, 303)
        assert (await centre.post(f"{to}/release"))[0] == 409
        letter = f"/dead-letters/{here.node.letter}"
        assert (await centre.post(f"{letter}/note", {"text": "对方周一恢复"}))[0] == 303
        page = (await auditor.get("/audit?outcome=done&lang=en"))[1]
        assert (page.count(">agrees<"), "DIFFERS" in page) == (3, False)
        leaves = await here.gateway.parts.reading.scope(SCOPE)
        assert [parse_leaf(raw).facts["act"] for _, _, raw in leaves] == ["selection.freeze", "selection.use", "letter.note"]
        assert parse_leaf(leaves[0][2]).facts["digest"] == parse_leaf(leaves[1][2]).facts["digest"]
        for _, index, _ in leaves:
            assert f"/log?leaf={index}&amp;lang=en" in page
        shown = (await auditor.get(f"/log?leaf={leaves[0][1]}&lang=en"))[1]
        assert ("An operator&#39;s act" in shown or "An operator's act" in shown, LEAF in shown) == (True, True)
        await _opened(here)
        assert ">–<" in (await auditor.get("/audit?outcome=refused&lang=en"))[1], "refused: no leaf"


async def _opened(here: Region) -> None:
    """From the CSV alone, as anybody would."""
    text = (await (await here.browser("auditor")).get("/audit?csv=openings&act=selection.freeze&lang=en"))[1]
    index, person, member, reason, secret = text.splitlines()[1].split(",")
    (raw,) = await here.gateway.parts.reading.entries(int(index), int(index) + 1)
    said = {"person": person, "member": member.strip("–"), "reason": reason}
    assert parse_leaf(raw).facts["cm"] == commit_record(bytes.fromhex(secret), said)
