"""`ceg log rebuild` and the papers that name several cases: a stretch that is gone is a difference unless the log tells of its erasure.

TL-53, PR-362.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from support.auditor import books
from support.erasing import ordered
from support.region import World, region, tools
from support.statements import ACCEPTING, handed, month_over, settled_case

from gateway.cli.log_rebuild import compare
from gateway.crypto.sealing import KeyEncryptionKey
from gateway.recognition.statement import Difference
from gateway.storage.database import load_queries
from gateway.storage.read_only import ReadOnlyDatabase
from gateway.system import package_folder
from gateway.transfers.rebuilt import Comparison

ANOTHERS = "SELECT l.text FROM content_line l WHERE l.jti = content_line.jti AND l.part_id <> content_line.part_id"
ONE, OTHER = "SHCNAMED00001", "SHCSTAYS00003"


async def compared(world: World, copy: Path, behind: str = "", *values: str) -> Comparison:
    """What a rebuild says of a copy of the database in which one row was changed behind the log's back."""
    with closing(sqlite3.connect(world.folder / "data" / "gateway.db")) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
        if behind:
            assert target.execute(behind, values).rowcount == 1, behind
            target.commit()
    key = KeyEncryptionKey.load(world.folder / "keys" / "master.key")
    database = ReadOnlyDatabase.open(copy, load_queries(package_folder() / "storage" / "sql" / "queries.sql"), key)
    audited, told = compare(database, key, tools().standard, lambda _done, _all: None)
    await database.close()
    assert audited.ok
    return told


def named(told: Comparison) -> list[tuple[str, str, str, str]]:
    return [(each.table, each.id, each.field, each.database) for each in told.differences]


async def test_stretch_when_gone_then_named_unless_the_log_tells_of_its_erasure_and_a_changed_one_is_found(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case, other = await settled_case(world, ONE), await settled_case(world, OTHER)
        await month_over(world)
        heard = await (await handed(world, ACCEPTING)).dispute(Difference(case, ONE, "refused", "2.5"), Difference(other, OTHER, "", None))
        assert heard.status == 200, heard.body
        copy = tmp_path / "copy.db"
        whole = await compared(world, copy)
        assert (named(whole), whole.erased) == ([], set())
        jti, paper = heard.body["jti"], f"{ACCEPTING}/{heard.body['jti']}/differences"
        lines = found.rows("SELECT name, line, part_id FROM content_line WHERE jti = ? ORDER BY line", jti)
        assert lines == [("differences", 0, case), ("differences", 1, other)]
        gone = "UPDATE content_line SET text = '' WHERE jti = ? AND part_id = ?"
        lost = [("content_line", f"{paper}/1", "part_id", "(no row)")]
        assert named(await compared(world, copy, gone, jti, other)) == lost
        for behind, why in (
            ("DELETE FROM content_line WHERE jti = ? AND part_id = ?", "storage.erased"),
            (f"UPDATE content_line SET text = ({ANOTHERS}) WHERE jti = ? AND part_id = ?", "storage.sealed_broken"),
        ):
            assert named(await compared(world, copy, behind, jti, other)) == [("content", paper, "sealed", why)], behind

        world.clock.advance(days=31)
        assert (await ordered(world, "legal-hold", other, reason="audit")).status == 200, "an order is no content either"
        assert (await ordered(world, "erase", case)).status == 200
        erased = await compared(world, copy)
        assert (named(erased), erased.erased) == ([], {case}), "what the log tells of is listed, and is no difference"
        assert named(await compared(world, copy, gone, jti, other)) == lost, "the other case was not erased"
