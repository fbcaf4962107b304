"""What only SQLite can promise: durable at COMMIT, deleted means overwritten, one file left behind."""

import asyncio
import json
from pathlib import Path

import pytest

from gateway.errors import StorageError
from gateway.storage.database import Write, load_queries
from gateway.storage.schema import upgrade
from gateway.storage.sqlite import SqliteDatabase, _many_rows
from gateway.system import package_folder


async def opened(folder: Path) -> SqliteDatabase:
    upgrade(folder / "gateway.db")
    return await SqliteDatabase.open(folder / "gateway.db", load_queries(package_folder() / "storage" / "sql" / "queries.sql"))


def names(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


@pytest.mark.parametrize(("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("secure_delete", 1), ("foreign_keys", 1)])
async def test_writer_when_opened_then_set_for_durability_and_erasure(tmp_path: Path, pragma: str, value: object) -> None:
    database = await opened(tmp_path)
    try:
        assert list(await database._writer.execute_fetchall(f"PRAGMA {pragma}")) == [(value,)]
        for reader in database._readers:
            assert list(await reader.execute_fetchall("PRAGMA query_only")) == [(1,)]
    finally:
        await database.close()


async def test_database_when_closed_then_the_file_alone_is_complete(tmp_path: Path) -> None:
    database = await opened(tmp_path)
    await database.group([], lambda _rows: [Write("log_entry_add", [(0, b"leaf")])])
    await database.close()
    assert names(tmp_path) == ["gateway.db"]
    again = await opened(tmp_path)
    assert await again.fetch("log_entries_range", first=0, end=9) == [(0, b"leaf")]
    await again.close()


async def test_group_when_its_caller_is_cancelled_then_the_connection_is_left_in_order(tmp_path: Path) -> None:
    database = await opened(tmp_path)
    try:
        for n in range(20):
            task = asyncio.ensure_future(database.group([], lambda _rows, n=n: [Write("log_entry_add", [(n, b"leaf")])]))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        await database.group([], lambda _rows: [Write("log_entry_add", [(99, b"leaf")])])
        assert len(await database.fetch("log_entries_range", first=0, end=100)) == 21
    finally:
        await database.close()


@pytest.mark.parametrize("count", [1, 3, 4, 5, 19, 63, 64, 65, 149])
async def test_write_when_of_any_number_of_rows_then_each_lies_there_once_and_the_last_of_a_key_counts(tmp_path: Path, count: int) -> None:
    database = await opened(tmp_path)
    rows = [(n, b"leaf %d" % n) for n in range(count)]
    tiles = [(f"0/{n % 7}", b"tile %d" % n) for n in range(count)]
    try:
        await database.group([], lambda _rows: [Write("log_entry_add", rows), Write("log_tile_put", tiles)])
        assert await database.fetch("log_entries_range", first=0, end=999) == rows
        assert set(await database.fetch("log_tiles_by_id", ids=json.dumps([f"0/{n}" for n in range(7)]))) == set(dict(tiles).items())
    finally:
        await database.close()


@pytest.mark.parametrize("count", [1, 4, 64, 149])
async def test_write_when_one_of_its_rows_cannot_be_then_nothing_of_the_batch_is_stored(tmp_path: Path, count: int) -> None:
    database = await opened(tmp_path)
    rows = [(n, b"leaf") for n in range(count)]
    try:
        with pytest.raises(StorageError):
            await database.group([], lambda _rows: [Write("log_entry_add", [*rows, rows[-1]])])
        assert await database.fetch("log_entries_range", first=0, end=999) == []
    finally:
        await database.close()


def test_queries_when_they_insert_a_row_then_nearly_all_can_insert_many() -> None:
    queries = load_queries(package_folder() / "storage" / "sql" / "queries.sql")
    inserting = {name for name, text in queries.items() if text.startswith("INSERT")}
    few = {
        "alert_sent_put", "conflict_add", "cosignature_put", "heard_put", "lane_move", "letter_note_put", "person_act_put",
        "sign_in_failure_put", "tally_add",
    }  # fmt: skip
    assert {name for name in inserting if not _many_rows(queries[name])} == few
