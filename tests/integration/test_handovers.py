"""The handover between presiding units as an act: who may sign what and when, and that no signature moves a power.  PR-352 to PR-361."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.auditor import books, changed, check_receipt, check_refusal, proven_codes
from support.handovers import COMES, ENDS, GOES, ROTA, SCOPE, STRANGER, Units, rotating, with_rota
from support.region import Heard, World, tools
from support.ruling import suspending
from support.stages import Stage, stage

from gateway.cli.log_rebuild import compare
from gateway.crypto.sealing import KeyEncryptionKey
from gateway.errors import TrustError
from gateway.federation.members import Turn
from gateway.federation.registry import TrustFile
from gateway.mapping.documents import write
from gateway.model.documents import HandoverRemark, Order
from gateway.model.scopes import handover_scope
from gateway.storage.database import load_queries
from gateway.storage.read_only import ReadOnlyDatabase
from gateway.system import package_folder

DAY = timedelta(days=1)
ORDER = write(Order("other", ""))


async def refused(units: Units, code: str, act: str, iss: str = "", document: Any = None, **claims: Any) -> Heard:
    """The named refusal, signed, and nothing else changed."""
    message = await units.message(act, iss, document, **claims)
    async with books(units.world) as found:
        before = found.dump()
        heard = await units.world.send(message)
        assert heard.code == code, heard.body
        check_refusal(units.world, message, heard, iss or (GOES if act == "handover" else COMES))
        assert set(changed(before, found.dump())) == {"message"}, code
    return heard


async def test_handover_when_both_units_sign_then_two_leaves_bind_turns_head_list_and_remarks(tmp_path: Path) -> None:
    """PR-352, PR-355, PR-358, PR-360."""
    async with rotating(tmp_path) as world:
        units = Units(world)
        await stage(world, "held")
        message = await units.message("handover", document=await units.handover(text="交接"))
        heard = await world.send(message)
        given = check_receipt(world, message, heard).leaf
        row = await units.row()
        assert row is not None
        told = heard.body["handover"]
        assert (heard.status, told["scope"], told["state"], told["waits_for"]) == (202, SCOPE, "handed_over", COMES)
        assert (given.type, given.scope, given.seq, given.role, given.state_after) == (
            "presiding.handed_over", SCOPE, 0, "outgoing", "handed_over",
        )  # fmt: skip
        assert (given.facts["log_size"], given.facts["open"], given.facts["digest"]) == (row.log_size, 1, told["digest"])
        assert json.loads(row.duties)["held"] == 1
        again = await world.send(message)
        assert (again.status, again.body["handover"]) == (202, told), "a repeat gets the stored answer"
        await stage(world, "held")
        message = await units.message("handover-accept")
        heard = await world.send(message)
        taken = check_receipt(world, message, heard).leaf
        told = heard.body["handover"]
        assert (heard.status, told["state"], told["waits_for"], told["remarks"]) == (200, "accepted", None, {"held": 2})
        assert (taken.type, taken.seq, taken.role, taken.state_before) == ("presiding.accepted", 1, "incoming", "handed_over")
        assert (taken.facts["remarks"], taken.facts["digest"]) == (1, given.facts["digest"])


async def test_handover_when_somebody_else_signs_then_refused(tmp_path: Path) -> None:
    """PR-353: neither signs for the other, a third member for nobody, a suspended one not at all."""
    async with rotating(tmp_path) as world:
        units = Units(world)
        for iss in (COMES, STRANGER):
            await refused(units, "transfer.not_your_role", "handover", iss)
        await refused(units, "transfer.wrong_state", "handover-accept")
        data = world.trust.data
        world.gateway.registry.replace(suspending(data, 2, COMES))
        await world.gateway.sync_registry(world.gateway.registry.trust)
        await refused(units, "transfer.party_suspended", "handover")
        world.gateway.registry.replace(TrustFile(replace(data, serial=3)))
        await world.gateway.sync_registry(world.gateway.registry.trust)
        await units.must("handover")
        for iss in (GOES, STRANGER):
            await refused(units, "transfer.not_your_role", "handover-accept", iss)
        world.gateway.registry.replace(suspending(data, 4, COMES, GOES))
        await world.gateway.sync_registry(world.gateway.registry.trust)
        with pytest.raises(TrustError, match=r"trust\.suspended"):
            await units.do("handover-accept")
        world.gateway.registry.replace(suspending(data, 5, GOES))
        await world.gateway.sync_registry(world.gateway.registry.trust)
        await units.must("handover-accept")


async def test_handover_when_out_of_turn_or_order_then_refused(tmp_path: Path) -> None:
    """PR-352, PR-354, PR-359."""
    async with rotating(tmp_path) as world:
        units = Units(world)
        wrong = await units.handover(begun_since=ENDS + DAY)
        away = handover_scope(GOES, ENDS, COMES, ENDS + DAY)
        await refused(units, "transfer.not_in_rota", "handover", document=wrong, scp=away)
        await refused(units, "transfer.unknown", "handover", scp=away)
        heard = await refused(units, "transfer.bad_document", "handover", document=replace(wrong, ended_since=ENDS - DAY))
        assert [each["path"] for each in heard.body["problem"]["problems"]] == ["handover/endedSince", "handover/begunSince"]
        heard = await refused(units, "transfer.wrong_state", "handover-accept")
        assert heard.body["problem"]["en"] == "the unit that goes has not handed over yet"
        await refused(units, "standard.invalid", "handover", document=b"<handover/>")
        later = handover_scope(COMES, ROTA[1].until, GOES, ROTA[2].since)
        await refused(units, "transfer.not_in_rota", "handover", COMES, scp=later)
        given = await units.must("handover")
        heard = await refused(units, "transfer.wrong_state", "handover")
        assert (heard.body["state"], given.status) == ("handed_over", 202)
        await refused(units, "transfer.other_terms", "handover-accept", document=await units.acceptance(digest="0" * 64))
        await units.must("handover-accept")
        await refused(units, "transfer.wrong_state", "handover-accept")
        heard = await refused(units, "transfer.wrong_state", "handover")
        assert heard.body["state"] == "accepted"


async def test_handover_when_its_next_turn_is_over_or_the_rota_was_changed_then_refused(tmp_path: Path) -> None:
    """PR-352, PR-354."""
    async with rotating(tmp_path) as world:
        units = Units(world)
        await units.must("handover")
        world.gateway.registry.replace(TrustFile(with_rota(world.trust.data, ROTA[0], Turn(COMES, ENDS, ENDS + DAY))))
        units.at(ENDS + DAY)
        await refused(units, "transfer.not_in_rota", "handover-accept")
        world.gateway.registry.replace(TrustFile(with_rota(world.trust.data, Turn(COMES, ROTA[0].since, ROTA[2].until))))
        await refused(units, "transfer.not_in_rota", "handover-accept")
        (line,) = (await world.gateway.parts.presiding.board()).handovers
        assert (line.handing.scope, line.open, line.overdue) == (SCOPE, False, False), "what was signed is shown for good"


async def test_handover_when_the_head_is_not_the_logs_then_refused(tmp_path: Path) -> None:
    """PR-355."""
    async with rotating(tmp_path) as world:
        units = Units(world)
        early = await units.state()
        await stage(world, "reviewing")
        now = await units.state()
        for size, root in (
            (now["size"], early["root"]),
            (early["size"], now["root"]),
            (now["size"] + 1, now["root"]),
            (10**15 - 1, "0" * 64),
        ):
            await refused(units, "transfer.unknown_head", "handover", document=await units.handover(log_size=size, log_root=root))
        heard = await units.do("handover", document=await units.handover(log_size=early["size"], log_root=early["root"]))
        assert heard.status == 202, "any head the log ever had"


async def test_list_when_it_is_not_the_gateways_state_then_each_difference_is_named(tmp_path: Path) -> None:
    """PR-356, PR-357, PR-358: a list that is wrong when signed is refused; what has changed since is remarked on, all of it and no more."""
    async with rotating(tmp_path) as world:
        units = Units(world)
        await stage(world, "held")
        heard = await refused(units, "transfer.duties_differ", "handover", document=await units.handover(duties={"held": 0, "flags": 2}))
        found = heard.body["problem"]["problems"]
        assert [(each["path"], each["en"]) for each in found] == [
            ("handover/duties/held", "0 by the list, 1 now"), ("handover/duties/flags", "2 by the list, 0 now"),
        ]  # fmt: skip
        short = await units.handover()
        await refused(units, "standard.invalid", "handover", document=replace(short, duties=short.duties[1:]))
        await refused(units, "standard.invalid", "handover", document=replace(short, duties=(*short.duties[1:], short.duties[1])))
        await units.must("handover")
        await stage(world, "held")
        for remarks in (
            (), (HandoverRemark("held", 1, 3),), (HandoverRemark("held", 0, 2),),
            (HandoverRemark("held", 1, 2), HandoverRemark("alarms", 0, 1)),
        ):  # fmt: skip
            heard = await refused(units, "transfer.duties_differ", "handover-accept", document=await units.acceptance(remarks=remarks))
            places = [each["path"] for each in heard.body["problem"]["problems"]]
            assert places == (["acceptance/remarks/alarms"] if len(remarks) == 2 else ["acceptance/remarks/held"])
            assert set(proven_codes(heard.body)) == {"transfer.duties_differ"}
        await units.must("handover-accept")


async def order(case: Stage, iss: str) -> Heard:
    return await case.world.act(iss, "retry", [("order", ORDER)], scp=case.transfer)


@pytest.mark.parametrize("signed", ["not at all", "by one", "by both", "afterwards"])
async def test_powers_when_the_turn_ends_then_they_end_by_date_whatever_was_signed(tmp_path: Path, signed: str) -> None:
    """PR-361: the old unit's act after its end is refused, the new one's taken; before it the other way round; unsigned, an alarm."""
    async with rotating(tmp_path) as world:
        units, board = Units(world), world.gateway.parts.presiding
        if signed in {"by one", "by both"}:
            await units.must("handover")
        if signed == "by both":
            await units.must("handover-accept")
        cases = [await stage(world, "held") for _ in range(2)]
        units.at(ENDS - timedelta(seconds=1))
        assert await board.unsigned() == ()
        assert (await order(cases[0], COMES)).code == "transfer.unknown", "a countersignature gives no power before the day"
        assert (await order(cases[0], GOES)).status == 200
        units.at(ENDS)
        missing = {"not at all": GOES, "afterwards": GOES, "by one": COMES, "by both": None}[signed]
        assert [line.waits_for for line in await board.unsigned()] == ([missing] if missing else [])
        if signed == "afterwards":
            await units.must("handover")
            await units.must("handover-accept")
            assert await board.unsigned() == ()
        assert (await order(cases[1], GOES)).code == "transfer.unknown", "a missing signature prolongs none"
        assert (await order(cases[1], COMES)).status == 200


async def test_rebuild_when_a_handover_was_changed_behind_the_logs_back_then_named(tmp_path: Path) -> None:
    """PR-360."""
    async with rotating(tmp_path) as world:
        units = Units(world)
        await units.must("handover")
        await units.must("handover-accept")
        assert await differences(world) == []
        for statement, field in (
            ("UPDATE handover SET incoming = 'CN-31'", "incoming"), ("UPDATE handover SET state = 'handed_over'", "state"),
            ("UPDATE handover SET accepted_leaf = -1", "accepted_leaf"), ("UPDATE handover SET document = x'00'", "document"),
            ("UPDATE handover SET duties = replace(duties, '0', '1')", "duties"), ("DELETE FROM handover", "scope"),
        ):  # fmt: skip
            async with books(world) as found:
                kept = found.dump()["handover"]
            await tamper(world, statement)
            assert field in await differences(world), statement
            await tamper(world, "DELETE FROM handover")
            await tamper(world, f"INSERT INTO handover VALUES ({', '.join('?' * len(kept[0]))})", *kept[0])


async def tamper(world: World, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(world.folder / "data" / "gateway.db")) as connection, connection:
        connection.execute(statement, values)


async def differences(world: World) -> list[str]:
    key = KeyEncryptionKey.load(world.folder / "keys" / "master.key")
    queries = load_queries(package_folder() / "storage" / "sql" / "queries.sql")
    database = ReadOnlyDatabase.open(world.folder / "data" / "gateway.db", queries, key)
    _, told = compare(database, key, tools().standard, lambda _done, _all: None)
    await database.close()
    return [each.field for each in told.differences if each.table == "handover"]
