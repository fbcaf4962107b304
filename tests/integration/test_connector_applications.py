"""Applications as files: sent once, kept until their records are sound, told about when they are wrong."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from support.connectors import KilledError, Mortal, four_banks
from support.folder_bank import FolderHost
from support.region import region

from gateway.client.applications import ApplicationDesk, read_application
from gateway.errors import FormatError
from gateway.storage.database import Database

CONSENT = """
consent_id = "{id}"
recipient_contact = "cn-32@example.org"
method = "经网关加密传输"
kinds = ["学习成果", "身份信息"]
retention_until = 2031-01-01
rights = "可随时撤回"
notice_digest = "{digest}"
given_at = 2026-11-02T08:00:00+08:00
expires_at = 2027-01-01T00:00:00+08:00
"""


def text(host: FolderHost, accepting: str, /, *records: str, source: str = "", **changes: str) -> str:
    """An application of the host's learner, with some lines changed."""
    lines = {
        "accepting": f'"{accepting}"',
        "programme_code": '"120209"',
        "programme_name": '"行政管理(专升本)"',
        "purpose": '"credit_recognition"',
        "records": json.dumps(list(records)),
        "applied_at": "2026-11-02T08:30:00+08:00",
    } | ({"source": f'"{source}"'} if source else {})
    head = "\n".join(f"{name} = {value}" for name, value in (lines | changes).items() if value)
    learner = f'citizen_id = "{host.learner.citizen_id}"\nname = "{host.learner.name}"\naccount = "{host.learner.accounts[host.member]}"'
    given = CONSENT.format(id="C-1", digest="0" * 64)
    asked = f"\n[consent_source]{CONSENT.format(id='C-2', digest='0' * 64)}" if source else ""
    return f"{head}\n[learner]\n{learner}\nsynthetic = true\n[consent]{given}{asked}"


def laid(host: FolderHost, content: str, name: str = "a1") -> Path:
    path = host.folder / "applications" / f"{name}.toml"
    path.write_text(content, "utf-8")
    return path


async def until(host: FolderHost, other: str, holds: Callable[[], Awaitable[bool]]) -> None:
    await host.banks.work(host.member, other, until=holds)


async def stands(host: FolderHost, transfer: str, state: str) -> bool:
    return await host.banks.state(transfer) == state


async def begun(host: FolderHost, other: str) -> ApplicationDesk:
    connector = await host.start()
    await host.banks.connect(other)
    host.banks.banks[other].enrol(host.learner)
    return ApplicationDesk(connector.office, host.folder / "applications")


def status(host: FolderHost, name: str = "a1") -> dict[str, object]:
    found: dict[str, object] = json.loads((host.folder / "applications" / f"{name}.status.json").read_text("utf-8"))
    return found


@pytest.mark.parametrize("member", ["CN-31", "CN-34"])
async def test_application_when_laid_then_sent_with_the_part_and_put_away_with_its_case(tmp_path: Path, member: str) -> None:
    async with region(tmp_path / "g") as world, four_banks(world) as banks:
        host = FolderHost(banks, member, tmp_path / "bank")
        desk = await begun(host, "CN-32")
        host.lay(host.feed(80, 70))
        path = laid(host, text(host, "CN-32", *host.records()))
        assert await desk.look() == 1
        assert not path.exists()
        sent = json.loads((path.parent / "sent" / "a1.json").read_text("utf-8"))["transfer"]
        assert (path.parent / "sent" / "a1.toml").exists()
        await until(host, "CN-32", lambda: stands(host, sent, "settled"))
        laid(host, (path.parent / "sent" / "a1.toml").read_text("utf-8"), "again")
        assert await desk.look() == 0
        assert json.loads((path.parent / "sent" / "again.json").read_text("utf-8"))["transfer"] == sent


async def test_application_when_this_bank_is_the_accepting_one_then_the_source_is_asked(tmp_path: Path) -> None:
    async with region(tmp_path / "g") as world, four_banks(world) as banks:
        host = FolderHost(banks, "CN-34", tmp_path / "bank")
        desk = await begun(host, "CN-31")
        (host.folder / "policy.toml").write_text('default = "recognise"\n', "utf-8")
        learner = banks.learner("CN-31", "CN-34")
        host.learner = learner
        (host.folder / "learners.csv").write_text(f"citizen_id,account\n{learner.citizen_id},AHXFYH-0001-0001\n", "utf-8")
        laid(host, text(host, "CN-34", *banks.banks["CN-31"].record_ids(learner), source="CN-31"))
        assert await desk.look() == 1
        sent = json.loads((host.folder / "applications" / "sent" / "a1.json").read_text("utf-8"))["transfer"]
        await until(host, "CN-31", lambda: stands(host, sent, "settled"))


@pytest.mark.parametrize("sends", ["complete", "now"])
async def test_application_when_a_record_is_damaged_then_waits_for_it_unless_it_says_now(tmp_path: Path, sends: str) -> None:
    async with region(tmp_path / "g") as world, four_banks(world) as banks:
        host = FolderHost(banks, "CN-34", tmp_path / "bank")
        desk = await begun(host, "CN-32")
        host.lay(host.feed(80, 70))
        records = host.records()
        host.lay(host.feed(80, 70).decode("gb18030").replace("70/100", "七十").encode("gb18030"))
        laid(host, text(host, "CN-32", *records, send=f'"{sends}"'))
        assert await desk.look() == (1 if sends == "now" else 0)
        if sends == "complete":
            assert status(host)["records"] == {records[1]: "quarantined"}
            host.lay(host.feed(80, 72))
            assert await desk.look() == 1
            assert not (host.folder / "applications" / "a1.status.json").exists()
        sent = json.loads((host.folder / "applications" / "sent" / "a1.json").read_text("utf-8"))["transfer"]
        await until(host, "CN-32", lambda: stands(host, sent, "settled"))
        shown = await world.gateway.parts.status.show(sent, "")
        assert [item["state"] for item in shown["items"]] == ["recognised", "recognised" if sends == "complete" else "closed"]


async def test_application_when_the_learner_is_not_known_then_waits_and_says_so(tmp_path: Path) -> None:
    async with region(tmp_path / "g") as world, four_banks(world) as banks:
        host = FolderHost(banks, "CN-34", tmp_path / "bank")
        desk = await begun(host, "CN-32")
        laid(host, text(host, "CN-32", "AH1"))
        assert await desk.look() == 0
        assert (status(host)["state"], status(host)["records"]) == ("waiting", {"AH1": "unknown_person"})


async def test_application_when_wrong_then_told_and_mended_by_a_new_file(tmp_path: Path) -> None:
    async with region(tmp_path / "g") as world, four_banks(world) as banks:
        host = FolderHost(banks, "CN-34", tmp_path / "bank")
        desk = await begun(host, "CN-32")
        host.lay(host.feed(80))
        laid(host, text(host, "CN-32", *host.records(), purpose=""))
        assert await desk.look() == 0
        assert status(host) == {
            "state": "wrong",
            "records": {"": "format.application"},
            "zh": "申请文件有误",
            "en": "purpose is missing or no text",
        }
        laid(host, text(host, "CN-32", *host.records()))
        assert await desk.look() == 1
        assert sorted(path.name for path in (host.folder / "applications").iterdir()) == ["sent"]


async def test_connector_when_killed_between_sending_and_putting_away_then_sent_once(tmp_path: Path) -> None:
    async with region(tmp_path / "g") as world, four_banks(world) as banks:
        host = FolderHost(banks, "CN-34", tmp_path / "bank")

        def mortal(database: Database) -> Database:
            return Mortal(database, death=1, after=True)

        await begun(host, "CN-32")
        host.lay(host.feed(80))
        laid(host, text(host, "CN-32", *host.records()))
        connector = await host.start(mortal)
        with pytest.raises(KilledError):
            await ApplicationDesk(connector.office, host.folder / "applications").look()
        connector = await host.start()
        assert await ApplicationDesk(connector.office, host.folder / "applications").look() == 0
        (message,) = await connector.store.messages()
        assert json.loads((host.folder / "applications" / "sent" / "a1.json").read_text("utf-8"))["transfer"] == message.scope


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"accepting": ""}, "accepting"),
        ({"accepting": '"CN-34"'}, "neither"),
        ({"records": "[]"}, "records"),
        ({"records": '["a", "a"]'}, "twice"),
        ({"records": "7"}, "records"),
        ({"applied_at": "2026-11-02T08:30:00"}, "offset"),
        ({"send": '"later"'}, "send"),
        ({"programme_code": "7"}, "programme_code"),
    ],
)
async def test_application_when_an_entry_is_wrong_then_it_is_named(tmp_path: Path, changes: dict[str, str], named: str) -> None:
    async with region(tmp_path / "g") as world, four_banks(world) as banks:
        host = FolderHost(banks, "CN-34", tmp_path / "bank")
        with pytest.raises(FormatError) as told:
            read_application(text(host, "CN-32", "AH1", **changes).encode(), "CN-34")
        assert named in str(told.value.facts["reason"])
    for content in (b"\xff", b"= 7", b"[learner]", b"x" * 1_100_000):
        with pytest.raises(FormatError):
            read_application(content, "CN-34")
