"""A bank corrects its file, and its connector the cases: amended, supplemented, revoked, or asked about; each province in its own words."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from support.connectors import KilledError, Mortal, four_banks
from support.folder_bank import FolderHost, chained, jiangsu_rows
from support.region import region

from gateway.adapters.part_manifest import read_manifest
from gateway.client.bank import NO_MANIFEST
from gateway.client.connector import Connector
from gateway.crypto.sm3 import sm3_hex
from gateway.mapping.documents import read
from gateway.model.documents import Posting, Withdrawal
from gateway.model.transfer import Act
from gateway.simulator.banks import Programme
from gateway.simulator.ledgers import Entry, write_feed
from gateway.simulator.people import MEMBERS
from gateway.storage.database import Database

BEFORE, AFTER = (80, 70), (91, 70)


def other_than(member: str) -> str:
    return "CN-32" if member != "CN-32" else "CN-31"


async def stands(host: FolderHost, transfer: str, state: str) -> bool:
    return await host.banks.state(transfer) == state


async def has_step(host: FolderHost, transfer: str, step: str, times: int = 1) -> bool:
    return (await host.banks.steps(transfer)).count(step) >= times


async def until(host: FolderHost, holds: Callable[[], Awaitable[bool]]) -> None:
    await host.banks.work(host.member, other_than(host.member), until=holds)


async def scores(host: FolderHost, transfer: str) -> list[str]:
    """The grades that the accepting bank was last given, in the order of the records."""
    connector = host.banks.connectors[other_than(host.member)]
    rows = [row for row in await connector.store.inbox_of(transfer) if row.act in {"forward", "notify"}]
    parts = [contents for row in rows if "part" in (contents := await connector.store.contents("in", row.jti))]
    adapter = host.connector.office.setup.tools.adapters[host.member]
    last = parts[-1]
    read = adapter.parse(last["part"].data, read_manifest(last["manifest"].data) if "manifest" in last else NO_MANIFEST)
    path = {"CN-31": "course_score", "CN-32": "CJ", "CN-33": "result.percent", "CN-34": "成绩"}[host.member]
    return [str(record.values[path]) for record in read.records]


WORDS = {"CN-31": ["91", "70"], "CN-32": ["优", "中"], "CN-33": ["70", "91"], "CN-34": ["91/100", "70/100"]}
"""What the accepting bank reads after the first score was corrected (Zhejiang: in the order of the chain)."""


@pytest.mark.parametrize("pulled", [False, True])
@pytest.mark.parametrize("member", MEMBERS)
async def test_file_when_corrected_before_the_decision_then_the_case_is_amended_and_decided_over_it(
    tmp_path: Path, member: str, pulled: bool
) -> None:
    async with region(tmp_path / "g") as world, four_banks(world) as banks:
        host = FolderHost(banks, member, tmp_path / "bank")
        accepting = other_than(member)
        await host.start()
        await banks.connect(accepting)
        host.lay(host.feed(*BEFORE))
        records = host.records()
        opened = await host.applied(accepting, records, programme=Programme.SLOW, pulled=pulled)
        await until(host, lambda: stands(host, opened.scope, "reviewing"))
        host.lay(host.corrected(BEFORE, AFTER))
        assert sorted(host.records()) == sorted(records)  # ids hold through the correction
        await until(host, lambda: has_step(host, opened.scope, "transfer.amended"))
        await until(host, lambda: stands(host, opened.scope, "reviewing"))
        assert await scores(host, opened.scope) == WORDS[member]
        banks.banks[accepting].signed = True
        await until(host, lambda: stands(host, opened.scope, "settled"))
        assert (await banks.steps(opened.scope)).count("transfer.amended") == 1
        assert host.attention(opened.scope) == ""


async def started(host: FolderHost, *scores: int, programme: Programme = Programme.OPEN, state: str) -> Any:
    """A case of all the learner's records, pulled, in this state."""
    accepting = other_than(host.member)
    await host.start()
    await host.banks.connect(accepting)
    host.lay(host.feed(*scores))
    opened = await host.applied(accepting, host.records(), programme=programme, pulled=True)
    await until(host, lambda: stands(host, opened.scope, state))
    return opened


async def acts(host: FolderHost, transfer: str, act: str) -> list[tuple[str, str]]:
    rows = await host.connector.store.of_transfer(transfer)
    return [(row.state, row.last_error) for row in rows if row.act == act]


async def items(host: FolderHost, transfer: str) -> dict[str, tuple[str, str]]:
    shown = await host.banks.world.gateway.parts.status.show(transfer, "")
    return {item["record"]: (item["state"], item.get("reason", "")) for item in shown["items"]}


async def idle(host: FolderHost, looks: int = 12) -> None:
    """Both banks at work for a while, in which nothing need happen."""
    left = looks

    async def enough() -> bool:
        nonlocal left
        left -= 1
        return left < 0

    await until(host, enough)


@pytest.mark.parametrize("member", MEMBERS)
async def test_file_when_corrected_after_the_decision_then_amended_and_decided_anew(tmp_path: Path, member: str) -> None:
    async with region(tmp_path / "g") as world, four_banks(world) as banks:
        host = FolderHost(banks, member, tmp_path / "bank")
        opened = await started(host, *BEFORE, state="settled")
        host.lay(host.corrected(BEFORE, AFTER))
        await until(host, lambda: has_step(host, opened.scope, "transfer.decided", 2))
        await until(host, lambda: stands(host, opened.scope, "settled"))
        assert await scores(host, opened.scope) == WORDS[member]
        steps = await banks.steps(opened.scope)
        assert steps.count("transfer.amended") == 1
        await idle(host)
        assert await banks.steps(opened.scope) == steps


async def test_file_when_corrected_while_more_is_asked_then_supplemented(tmp_path: Path) -> None:
    async with region(tmp_path / "g") as world, four_banks(world) as banks:
        host = FolderHost(banks, "CN-32", tmp_path / "bank")
        opened = await started(host, *BEFORE, programme=Programme.SLOW, state="reviewing")
        await until(host, lambda: knows(banks.connectors["CN-31"], opened.scope, "reviewing"))
        await banks.connectors["CN-31"].say(Act.ASK, opened.scope, Withdrawal("other", "成绩与证明不符,请核对"))
        await until(host, lambda: stands(host, opened.scope, "supplementing"))
        await until(host, lambda: knows(host.connector, opened.scope, "supplementing"))
        host.lay(host.corrected(BEFORE, AFTER))
        await until(host, lambda: has_step(host, opened.scope, "transfer.supplemented"))
        await until(host, lambda: stands(host, opened.scope, "reviewing"))
        assert await scores(host, opened.scope) == WORDS["CN-32"]
        assert await acts(host, opened.scope, "amend") == []


async def knows(connector: Connector, transfer: str, state: str) -> bool:
    case = await connector.store.case(transfer)
    return case is not None and case.state == state


def cancelled(host: FolderHost, scores: tuple[int, ...]) -> tuple[bytes, str]:
    """How each province says that the first record is void: a cancelling row, a revoking entry, a month without it and a slip."""
    content = host.feed(*scores)
    match host.member:
        case "CN-32":
            return jiangsu_rows(content, lambda text: text.replace('CZ="X"', 'CZ="C"', 1)), ""
        case "CN-33":
            first = json.loads(content)["records"][0]["payload"]
            revoke = {
                "achievement": {"achId": first["achievement"]["achId"]},
                "learner": first["learner"],
                "op": "REVOKE",
                "reason": "作废",
            }
            return chained(content, revoke), ""
        case _:
            left = write_feed(host.member, host.learner, host.entries(*scores)[1:])
            return left, f'sm3 = "{sm3_hex(left)}"\ndisappeared = "cancelled"\n'


@pytest.mark.parametrize("member", ["CN-32", "CN-33", "CN-34"])
async def test_record_when_void_before_the_decision_then_revoked_and_its_item_closed(tmp_path: Path, member: str) -> None:
    async with region(tmp_path / "g") as world, four_banks(world) as banks:
        host = FolderHost(banks, member, tmp_path / "bank")
        opened = await started(host, *BEFORE, programme=Programme.SLOW, state="reviewing")
        first, second = host.records()
        content, slip = cancelled(host, BEFORE)
        host.lay(content, slip=slip)
        await until(host, lambda: has_step(host, opened.scope, "record.revoked"))
        assert await items(host, opened.scope) == {first: ("closed", "revoked"), second: ("claimed", "")}
        await idle(host)
        assert await acts(host, opened.scope, "revoke") == [("done", "")]
        assert await acts(host, opened.scope, "amend") == []


@pytest.mark.parametrize("member", ["CN-32", "CN-33", "CN-34"])
async def test_record_when_void_after_posting_then_recalled_by_the_record_that_was_booked(tmp_path: Path, member: str) -> None:
    async with region(tmp_path / "g") as world, four_banks(world) as banks:
        host = FolderHost(banks, member, tmp_path / "bank")
        opened = await started(host, *BEFORE, state="settled")
        first, second = host.records()
        content, slip = cancelled(host, BEFORE)
        host.lay(content, slip=slip)
        await until(host, lambda: has_step(host, opened.scope, "item.recalled"))
        assert {record: state for record, (state, _) in (await items(host, opened.scope)).items()} == {
            first: "recalled",
            second: "recognised",
        }
        accepting = banks.connectors[other_than(member)]
        posted = [row for row in await accepting.store.of_transfer(opened.scope) if row.act == "posted"]
        content = (await accepting.store.contents("out", posted[-1].jti))["posting"].data
        assert read(content, Posting, accepting.office.setup.tools.standard).records == (first,)
        assert banks.banks[other_than(member)].recalls[opened.scope] == {first}


@pytest.mark.parametrize("slip", ["", 'disappeared = "ask"\n'])
@pytest.mark.parametrize("member", ["CN-31", "CN-34"])
async def test_record_when_not_shown_any_more_and_nobody_says_why_then_people_are_asked_and_nothing_is_sent(
    tmp_path: Path, member: str, slip: str
) -> None:
    async with region(tmp_path / "g") as world, four_banks(world) as banks:
        host = FolderHost(banks, member, tmp_path / "bank")
        opened = await started(host, *BEFORE, programme=Programme.SLOW, state="reviewing")
        first, second = host.records()
        left = write_feed(member, host.learner, host.entries(*BEFORE)[1:])
        for path in (host.folder / "feeds").iterdir():
            path.unlink()  # Shanghai's pushes add up: only a file taken away makes one disappear
        host.lay(left, slip=slip)
        await until(host, lambda: told(host, opened.scope, first))
        assert "unknown_record" in host.attention(opened.scope)
        assert second not in host.attention(opened.scope)
        host.lay(host.feed(*BEFORE))
        await until(host, lambda: told(host, opened.scope, ""))
        assert await acts(host, opened.scope, "revoke") == await acts(host, opened.scope, "amend") == []


async def told(host: FolderHost, transfer: str, record: str) -> bool:
    """Whether people are asked about this record; "": about none any more."""
    said = host.attention(transfer)
    return record in said if record else not said


async def test_month_when_its_file_is_half_copied_then_nothing_is_revoked_and_people_see_the_file(tmp_path: Path) -> None:
    async with region(tmp_path / "g") as world, four_banks(world) as banks:
        host = FolderHost(banks, "CN-34", tmp_path / "bank")
        opened = await started(host, *BEFORE, programme=Programme.SLOW, state="reviewing")
        whole = host.feed(*BEFORE)
        slip = f'sm3 = "{sm3_hex(whole)}"\ndisappeared = "cancelled"\n'
        host.lay(whole[: len(whole) * 2 // 3], "2024-06-b.csv", slip)
        await host.desk.look()
        assert "format.feed_digest" in (host.folder / "quarantine" / "2024-06-b.csv.csv").read_text("utf-8-sig")
        await idle(host)
        assert await acts(host, opened.scope, "revoke") == await acts(host, opened.scope, "amend") == []
        host.lay(whole, "2024-06-b.csv", slip)
        await host.desk.look()
        assert list((host.folder / "quarantine").iterdir()) == []
        assert host.attention(opened.scope) == ""


async def test_amendment_when_refused_then_not_repeated_until_the_file_changes_and_people_are_told(tmp_path: Path) -> None:
    async with region(tmp_path / "g") as world, four_banks(world) as banks:
        host = FolderHost(banks, "CN-31", tmp_path / "bank")
        opened = await started(host, 60, 70, programme=Programme.SLOW, state="reviewing")
        for turn, score in enumerate((61, 62, 63), 1):
            host.lay(host.feed(score, 70))
            await until(host, lambda turn=turn: has_step(host, opened.scope, "transfer.amended", turn))
            await until(host, lambda: stands(host, opened.scope, "reviewing"))
        host.lay(host.feed(64, 70))
        await until(host, lambda: told(host, opened.scope, host.records()[0]))
        refused = [
            code for state, code in await acts(host, opened.scope, "amend") if state == "refused" and code != "transfer.stale_version"
        ]
        assert refused == ["transfer.too_often"]
        assert "transfer.too_often" in host.attention(opened.scope)
        await idle(host)
        await host.start()  # nor after a restart
        await idle(host)
        again = [code for state, code in await acts(host, opened.scope, "amend") if state == "refused" and code != "transfer.stale_version"]
        assert again == refused
        host.lay(host.feed(63, 70))
        await until(host, lambda: told(host, opened.scope, ""))


async def test_connector_when_killed_at_each_commit_of_a_correction_then_amended_once(tmp_path: Path) -> None:
    async with region(tmp_path / "g") as world, four_banks(world) as banks:
        host = FolderHost(banks, "CN-34", tmp_path / "bank")
        opened = await started(host, *BEFORE, programme=Programme.SLOW, state="reviewing")
        host.lay(host.corrected(BEFORE, AFTER))
        accepting, deaths = other_than("CN-34"), 0

        def mortal(database: Database) -> Database:
            return Mortal(database, death=1, after=True)

        while not await has_step(host, opened.scope, "transfer.amended"):
            await host.start(mortal)
            try:
                await until(host, lambda: has_step(host, opened.scope, "transfer.amended"))
            except* KilledError:
                deaths += 1
        assert deaths >= 1
        await host.start()
        await idle(host)
        assert (await banks.steps(opened.scope)).count("transfer.amended") == 1
        banks.banks[accepting].signed = True
        await until(host, lambda: stands(host, opened.scope, "settled"))


async def test_files_when_they_still_change_between_two_looks_then_nothing_is_corrected(tmp_path: Path) -> None:
    async with region(tmp_path / "g") as world, four_banks(world) as banks:
        host = FolderHost(banks, "CN-34", tmp_path / "bank")
        opened = await started(host, *BEFORE, programme=Programme.SLOW, state="reviewing")
        await host.start()  # so that nothing was looked at before
        for score in (90, 91, 92):
            host.lay(host.feed(score, 70), "2024-06-growing.csv")
            await host.connector.correct()
        assert await acts(host, opened.scope, "amend") == []
        await host.connector.correct()
        assert await acts(host, opened.scope, "amend") == [("waiting", "")]
        host.lay(host.feed(93, 70), "2024-06-growing.csv")
        for _ in range(3):  # the gateway does not answer: the next correction waits for this one's answer
            await host.connector.correct()
        assert await acts(host, opened.scope, "amend") == [("waiting", "")]


async def test_month_when_a_row_of_it_is_damaged_then_what_is_gone_is_not_void_yet(tmp_path: Path) -> None:
    async with region(tmp_path / "g") as world, four_banks(world) as banks:
        host = FolderHost(banks, "CN-34", tmp_path / "bank")
        opened = await started(host, *BEFORE, programme=Programme.SLOW, state="reviewing")
        await host.desk.look()
        first, _ = host.records()
        rows = [Entry("broken", "20239999999", "统计学原理", 75), *host.entries(*BEFORE)[1:]]
        left = write_feed("CN-34", host.learner, [rows[1], rows[0]])
        slip = f'sm3 = "{sm3_hex(left)}"\ndisappeared = "cancelled"\n'
        host.lay(left, slip=slip)
        await until(host, lambda: told(host, opened.scope, first))
        assert await acts(host, opened.scope, "revoke") == []
        left = write_feed("CN-34", host.learner, [rows[1]])
        host.lay(left, slip=f'sm3 = "{sm3_hex(left)}"\ndisappeared = "cancelled"\n')
        await until(host, lambda: has_step(host, opened.scope, "record.revoked"))
        assert host.attention(opened.scope) == ""


async def test_record_when_refused_and_void_later_then_revoked_once_and_the_decision_stays(tmp_path: Path) -> None:
    async with region(tmp_path / "g") as world, four_banks(world) as banks:
        host = FolderHost(banks, "CN-32", tmp_path / "bank")
        opened = await started(host, *BEFORE, programme=Programme.CLOSED, state="settled")
        await until(host, lambda: knows(host.connector, opened.scope, "settled"))
        content, _ = cancelled(host, BEFORE)
        host.lay(content)
        await until(host, lambda: has_step(host, opened.scope, "record.revoked"))
        await idle(host)
        assert await acts(host, opened.scope, "revoke") == [("done", "")]
        assert {state for state, _ in (await items(host, opened.scope)).values()} == {"refused"}
