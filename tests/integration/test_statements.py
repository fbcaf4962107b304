"""Statements: PR-250 to PR-257.  Issued once a month is over, countersigned or disputed item by item, provable from the leaves alone."""

import asyncio
import json
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

from support.auditor import books, check_books
from support.connectors import four_banks
from support.region import region, take
from support.statements import (
    ACCEPTING,
    MONTH,
    SCOPE,
    SOURCE,
    figures,
    handed,
    month_over,
    pending_case,
    row_of,
    settled_case,
)

from gateway.recognition.statement import Difference
from gateway.storage.rows import OwedRow
from gateway.transfers.conservation import balance

RECORDS = ("SHC00000000001", "SHC00000000002")
OTHERS = ("SHC00000000003",)


def test_statement_when_the_month_is_over_then_both_banks_get_the_same_document_with_its_leaf(tmp_path: Path) -> None:
    """PR-250, PR-251, PR-252: figures, list and totals of the month's cases, one leaf, one document."""

    async def run() -> None:
        async with region(tmp_path) as world, books(world) as found:
            case = await settled_case(world, *RECORDS)
            waiting = await pending_case(world, *OTHERS)
            await world.gateway.statements.look()
            assert found.rows("SELECT * FROM statement") == []  # the month is not over
            await month_over(world)
            ours, theirs = await handed(world, SOURCE), await handed(world, ACCEPTING)
            assert ours.owed.contents["statement"] == theirs.owed.contents["statement"]
            statement = ours.statement
            assert {each.transfer for each in statement.cases or ()} == {case, waiting}
            lines = statement.figures.lines
            assert [lines[name].items for name in ("submitted", "recognised", "refused", "pending")] == [3, 1, 1, 1]
            assert lines["submitted"].credits == sum(lines[name].credits for name in ("recognised", "refused", "closed", "pending"))
            assert statement.figures.awarded == Decimal("2.5")
            row = row_of(found)
            leaf = found.leaves()[row.leaf]
            assert (leaf.type, leaf.scope, leaf.totals) == ("statement.issued", SCOPE, statement.figures.totals())
            assert leaf.content == (("statement", ours.sd, len(ours.owed.contents["statement"])),)
            assert (leaf.facts["period"], leaf.facts["transfers"], leaf.facts["size"]) == (MONTH, 2, statement.size)
            await world.gateway.statements.look()
            assert row_of(found) == row  # once a month
            check_books(found)
            assert found.audit(world.trust).ok

    asyncio.run(run())


def test_statement_when_both_sign_then_it_is_signed_and_each_word_is_a_leaf(tmp_path: Path) -> None:
    """PR-253: bound to the document and the revision, once for each bank."""

    async def run() -> None:
        async with region(tmp_path) as world, books(world) as found:
            await settled_case(world, *RECORDS)
            await month_over(world)
            ours, theirs = await handed(world, SOURCE), await handed(world, ACCEPTING)
            assert (await ours.sign(sd="0" * 64)).code == "transfer.other_bytes"
            assert (await ours.sign(ver=2)).code == "transfer.stale_version"
            first = await ours.sign()
            assert (first.status, first.body["statement"]["state"]) == (200, "issued")
            assert (await ours.sign()).code == "transfer.wrong_state"
            second = await theirs.sign()
            assert second.body["statement"]["state"] == row_of(found).state == "signed"
            leaves = [leaf for leaf in found.leaves() if leaf.scope == SCOPE]
            assert [(leaf.type, leaf.role, leaf.seq) for leaf in leaves] == [
                ("statement.issued", "gateway", 0), ("statement.signed", "source", 1), ("statement.signed", "accepting", 2),
            ]  # fmt: skip
            assert [each for each in await take(world, SOURCE) if each.event == "statement"] == []  # its word ends the notice
            assert found.audit(world.trust).ok

    asyncio.run(run())


def test_statement_when_a_bank_disputes_then_its_figures_stand_beside_ours_item_by_item(tmp_path: Path) -> None:
    """PR-254: the differences are kept; the bank may sign the same revision later."""

    async def run() -> None:
        async with region(tmp_path) as world, books(world) as found:
            case = await settled_case(world, *RECORDS)
            await month_over(world)
            theirs = await handed(world, ACCEPTING)
            said = await theirs.dispute(Difference(case, RECORDS[0], "refused", "3.0"), Difference("f" * 64, "", "", None))
            assert said.body["statement"]["disputed"] == {ACCEPTING: 2}
            (first, second) = json.loads(row_of(found).disputed)[ACCEPTING]
            assert first[:4] == [case, RECORDS[0], "refused", "3.0"]
            assert first[4] == "recognised"
            assert second == ["f" * 64, "", "", None, "", None]
            assert row_of(found).state == "disputed"
            assert [leaf.facts.get("items") for leaf in found.leaves() if leaf.type == "statement.disputed"] == [2]
            assert (await theirs.sign()).status == 200
            assert row_of(found).state == "issued"

    asyncio.run(run())


def test_statement_when_another_bank_speaks_then_it_hears_what_it_hears_of_none(tmp_path: Path) -> None:
    """PR-253: a stranger, a scope without a statement, a transfer as scope."""

    async def run() -> None:
        async with region(tmp_path) as world, books(world):
            case = await settled_case(world, *RECORDS)
            await month_over(world)
            ours = await handed(world, SOURCE)
            stranger, nothing = await ours.sign("CN-34"), await ours.sign(scp=SCOPE.replace("CN-32", "CN-33"))
            assert [each.code for each in (stranger, nothing)] == ["transfer.unknown"] * 2
            assert (await ours.sign(scp=case)).code == "transfer.not_your_role"
            assert (await world.act(SOURCE, "statement-sign", [("countersignature", b"[]")], scp=SCOPE, ver=1)).code == "format.statement"
            assert (await world.act("CN-34", "noted", scp=SCOPE, irt=ours.owed.jti)).code == "transfer.unknown"
            assert (await world.act(SOURCE, "noted", scp=SCOPE, irt="A" * 22)).code == "transfer.not_asked"
            assert (await world.act(SOURCE, "noted", scp=SCOPE, irt=ours.owed.jti)).status == 200

    asyncio.run(run())


def test_statement_when_a_case_moves_on_then_the_next_month_brings_a_new_revision_and_the_old_words_are_void(tmp_path: Path) -> None:
    """PR-255: the earlier notice is stopped, its signatures count no more."""

    async def run() -> None:
        async with region(tmp_path) as world, books(world) as found:
            await settled_case(world, *RECORDS)
            await pending_case(world, *OTHERS)
            await month_over(world, days=29)
            old = await handed(world, SOURCE)
            assert (await old.sign()).status == 200
            world.clock.advance(days=1)
            await world.gateway.watch.look()  # nobody has answered: held
            world.clock.advance(days=20)
            await world.gateway.watch.look()  # and then expired
            await month_over(world, days=11)
            row = row_of(found)
            assert figures(row)["closed_by_reason"]["expired"]["items"] == 1
            assert (row.revision, row.state, row.signed_source) == (2, "issued", "")
            assert (await old.sign()).code == "transfer.stale_version"
            owed = [OwedRow(*each) for each in found.rows("SELECT * FROM owed WHERE transfer = ? ORDER BY number", SCOPE)]
            assert [(each.lane, each.state) for each in owed] == [
                (SOURCE, "done"), (ACCEPTING, "cancelled"), (SOURCE, "new"), (ACCEPTING, "new"),
            ]  # fmt: skip
            assert (await handed(world, SOURCE)).statement.revision == 2
            assert (await balance(world.gateway.database)).ok

    asyncio.run(run())


def test_balance_when_rows_leaves_and_statements_agree_then_ok_and_when_one_is_changed_then_named(tmp_path: Path) -> None:
    """PR-256, PR-257: three reckonings, of which the leaves' needs no row."""

    async def run() -> None:
        async with region(tmp_path) as world, books(world) as found:
            case = await settled_case(world, *RECORDS)
            await month_over(world)
            await pending_case(world, *OTHERS)
            whole = await balance(world.gateway.database)
            assert (whole.ok, whole.transfers, whole.statements, whole.size) == (True, 2, 1, found.size())
            assert whole.sums[SOURCE, ACCEPTING, MONTH].shown()["submitted"] == figures(row_of(found))["lines"]["submitted"]["credits"]
            with closing(sqlite3.connect(tmp_path / "data" / "gateway.db", isolation_level=None)) as connection:
                connection.execute("UPDATE item SET credits = '9' WHERE transfer = ? AND position = 0", (case,))
                wrong = await balance(world.gateway.database)
                assert {each.code for each in wrong.findings} == {"conservation.items", "conservation.leaf"}
                assert {each.where for each in wrong.findings} == {case}
                connection.execute("UPDATE statement SET sd = ?", ("0" * 64,))
                assert "conservation.figures" in {each.code for each in (await balance(world.gateway.database)).findings}
                connection.execute("DELETE FROM transfer WHERE id = ?", (case,))
                assert "conservation.no_row" in {each.code for each in (await balance(world.gateway.database)).findings}

    asyncio.run(run())


def test_connectors_when_a_statement_comes_then_they_compare_it_with_their_books_and_say_their_word(tmp_path: Path) -> None:
    """PR-252, PR-254: one bank's books were changed behind its back; it disputes, the other signs."""

    async def run() -> None:
        async with region(tmp_path) as world, books(world) as found, four_banks(world) as banks:
            for member in (SOURCE, ACCEPTING):
                await banks.connect(member)
            sent = await banks.open(SOURCE, ACCEPTING)

            async def settled() -> bool:
                return await banks.state(sent.scope) == "settled"

            await banks.work(SOURCE, ACCEPTING, until=settled)
            path = tmp_path / f"{ACCEPTING}.db"
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                ((body,),) = connection.execute("SELECT body FROM bank_case").fetchall()
                told = json.loads(body)
                told["items"][0]["credits"] = "17"
                connection.execute("UPDATE bank_case SET body = ?", (json.dumps(told),))
            await month_over(world, days=30)

            async def answered() -> bool:
                row = row_of(found)
                return bool(row.signed_source) and row.disputed != "{}"

            await banks.work(SOURCE, ACCEPTING, until=answered)
            ((transfer, record, state, size, stated, stated_size),) = json.loads(row_of(found).disputed)[ACCEPTING]
            assert (transfer, size) == (sent.scope, "17")
            assert (record, state) == (told["items"][0]["record"], stated)
            assert stated_size != "17"
            assert found.audit(world.trust).ok

    asyncio.run(run())
