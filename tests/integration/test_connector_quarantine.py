"""A damaged row stays behind, people read why, correct the file, and the record goes its way: as a new request, or as they are told."""

import csv
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from support.connectors import KilledError, Mortal, four_banks
from support.folder_bank import FolderHost
from support.region import region

from gateway.client.bank import Supply
from gateway.client.store import Outgoing
from gateway.model.local import PartManifest
from gateway.storage.database import Database

DAMAGE: dict[str, tuple[str, str]] = {
    "CN-31": ('"course_score": 66', '"course_score": 660'),
    "CN-34": ("66/100", "六十六"),
}
"""What a hand does to the third row of a feed: a score that cannot be."""


def other_than(member: str) -> str:
    return "CN-32" if member != "CN-32" else "CN-31"


def damaged(host: FolderHost, *scores: int) -> bytes:
    encoding = "gb18030" if host.member == "CN-34" else "utf-8"
    right, wrong = DAMAGE[host.member]
    text = host.feed(*scores).decode(encoding)
    assert right in text
    return text.replace(right, wrong).encode(encoding)


async def until(host: FolderHost, holds: Callable[[], Awaitable[bool]]) -> None:
    await host.banks.work(host.member, other_than(host.member), until=holds)


async def stands(host: FolderHost, transfer: str, state: str) -> bool:
    return await host.banks.state(transfer) == state


async def idle(host: FolderHost, looks: int = 12) -> None:
    left = looks

    async def enough() -> bool:
        nonlocal left
        left -= 1
        return left < 0

    await until(host, enough)


async def prepared(host: FolderHost) -> tuple[str, str, str]:
    """Three sound records, of which the third is then damaged."""
    await host.start()
    await host.banks.connect(other_than(host.member))
    host.lay(host.feed(80, 70, 66))
    await host.desk.look()
    records = host.records()
    for path in (host.folder / "feeds").iterdir():
        path.unlink()
    host.lay(damaged(host, 80, 70, 66))
    await host.desk.look()
    assert set(host.records()) == set(records[:2])
    return records[0], records[1], records[2]


def table(host: FolderHost) -> list[list[str]]:
    """The only table of damaged rows, without its heading."""
    (path,) = (host.folder / "quarantine").iterdir()
    return list(csv.reader(path.read_text("utf-8-sig").splitlines()))[1:]


async def cases(host: FolderHost) -> set[str]:
    return {case.transfer for case in await host.connector.store.cases_of_source(host.member, "", "", 100)}


@pytest.mark.parametrize("member", sorted(DAMAGE))
async def test_row_when_damaged_then_people_read_why_and_it_is_remembered_since_when(tmp_path: Path, member: str) -> None:
    async with region(tmp_path / "g") as world, four_banks(world) as banks:
        host = FolderHost(banks, member, tmp_path / "bank")
        _, _, third = await prepared(host)
        ((row, record, _, code, zh, en),) = table(host)
        assert (row, record) == ("3", third if member == "CN-31" else "")
        assert code.startswith("record.")
        assert zh
        assert en
        assert host.learner.name not in str(table(host))
        assert host.learner.citizen_id not in str(table(host))
        (kept,) = await host.connector.store.held_rows()
        assert (kept.line, json.loads(kept.problems)[0][1], kept.mended_at) == (3, code, "")
        world.clock.advance(days=2)
        await host.start()
        await host.desk.look()
        assert await host.connector.store.held_rows() == [kept]
        host.lay(host.feed(80, 70, 66))
        if member == "CN-31":
            (host.folder / "feeds" / "2024-06-2.dat").unlink()  # pushes add up: the damaged one is taken back
        await host.desk.look()
        (mended,) = await host.connector.store.held_rows()
        assert (mended.found_at, bool(mended.mended_at)) == (kept.found_at, True)
        assert list((host.folder / "quarantine").iterdir()) == []


async def refused_for_damage(host: FolderHost, third: str) -> Outgoing:
    """A request whose only row the gateway cannot read either: nothing is opened, and the consent stays unused."""
    part = damaged(host, 80, 70, 66)
    lines = part.split(b"\r\n")
    person = b",".join(lines[1].split(b",")[:4])
    alone = b"\r\n".join([lines[0], person + lines[3][3:], b""])
    supply = Supply(alone, "text/csv", PartManifest("2024-06", {1: third}))
    opened = await host.applied(other_than(host.member), (third,), pulled=False, supply=supply)
    await until(host, lambda: answered(host, opened.jti))
    row = await host.connector.store.message(opened.jti)
    assert row is not None
    assert (row.state, row.last_error) == ("refused", "transfer.nothing_left")
    return opened


async def answered(host: FolderHost, jti: str) -> bool:
    row = await host.connector.store.message(jti)
    return row is not None and row.state != "waiting"


async def test_record_when_mended_and_its_request_was_refused_then_a_new_request_under_the_same_consent_once(tmp_path: Path) -> None:
    async with region(tmp_path / "g") as world, four_banks(world) as banks:
        host = FolderHost(banks, "CN-34", tmp_path / "bank")
        _, _, third = await prepared(host)
        opened = await refused_for_damage(host, third)
        await idle(host)
        assert await cases(host) == {opened.scope}
        host.lay(host.feed(80, 70, 66))
        await until(host, lambda: more_than_one(host))
        (second,) = await cases(host) - {opened.scope}
        await until(host, lambda: stands(host, second, "settled"))
        shown = await world.gateway.parts.status.show(second, "")
        assert [(item["record"], item["state"]) for item in shown["items"]] == [(third, "recognised")]
        await host.start()
        await idle(host)
        assert await cases(host) == {opened.scope, second}
        assert host.attention(opened.scope) == ""


async def more_than_one(host: FolderHost) -> bool:
    return len(await cases(host)) > 1


@pytest.mark.parametrize("pulled", [False, True])
async def test_record_when_mended_after_its_case_was_opened_then_people_are_told_that_it_may_be_applied_for_again(
    tmp_path: Path, pulled: bool
) -> None:
    async with region(tmp_path / "g") as world, four_banks(world) as banks:
        host = FolderHost(banks, "CN-34", tmp_path / "bank")
        records = await prepared(host)
        opened = await host.applied(other_than("CN-34"), records, pulled=pulled)
        await until(host, lambda: stands(host, opened.scope, "settled"))
        shown = await world.gateway.parts.status.show(opened.scope, "")
        assert shown["items"][2]["reason"] == ("quarantined" if pulled else "unknown_record")
        host.lay(host.feed(80, 70, 66))
        await until(host, lambda: told(host, opened.scope, "mended"))
        await idle(host)
        assert await cases(host) == {opened.scope}


async def told(host: FolderHost, transfer: str, code: str) -> bool:
    return code in host.attention(transfer)


async def test_row_when_damaged_while_its_case_is_open_then_nothing_is_corrected_until_it_is_mended(tmp_path: Path) -> None:
    async with region(tmp_path / "g") as world, four_banks(world) as banks:
        host = FolderHost(banks, "CN-34", tmp_path / "bank")
        await host.start()
        await banks.connect("CN-32")
        host.lay(host.feed(80, 70, 66))
        await host.desk.look()
        records = host.records()
        opened = await host.applied("CN-32", records, pulled=True)
        await until(host, lambda: stands(host, opened.scope, "settled"))
        host.lay(damaged(host, 80, 70, 66))
        await until(host, lambda: told(host, opened.scope, "quarantined"))
        assert records[2] in host.attention(opened.scope)
        host.lay(host.feed(80, 70, 69))
        await until(host, lambda: amended(host, opened.scope))
        assert host.records() == records
        assert host.attention(opened.scope) == ""


async def amended(host: FolderHost, transfer: str) -> bool:
    return (await host.banks.steps(transfer)).count("transfer.amended") == 1


async def test_connector_when_killed_at_each_commit_of_mending_then_applies_once(tmp_path: Path) -> None:
    async with region(tmp_path / "g") as world, four_banks(world) as banks:
        host = FolderHost(banks, "CN-34", tmp_path / "bank")
        _, _, third = await prepared(host)
        await refused_for_damage(host, third)
        host.lay(host.feed(80, 70, 66))
        deaths = 0

        def mortal(database: Database) -> Database:
            return Mortal(database, death=1, after=True)

        while not await more_than_one(host):
            await host.start(mortal)
            try:
                await until(host, lambda: more_than_one(host))
            except* KilledError:
                deaths += 1
        assert deaths >= 1
        await host.start()
        await idle(host)
        assert len(await cases(host)) == 2
