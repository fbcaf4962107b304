"""The bank of folders behind a connector: feeds in, decisions by policy or by a person, bookings out; and `ceg connector`'s settings."""

import asyncio
import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from support.connectors import HASTE, REGIONS, Region, case_tools, four_banks
from support.region import key_of, region, tools, trust_data, write_files
from support.wires import until

from gateway.client.bank import Question
from gateway.client.connector import Connector
from gateway.client.connector_file import ConnectorFile
from gateway.client.feed_rows import KnownRows
from gateway.client.folder_bank import FolderBank
from gateway.client.office import Setup
from gateway.client.store import Outgoing, Store
from gateway.errors import SettingsError
from gateway.federation.members import Channel
from gateway.model.documents import Enquiry
from gateway.simulator.ledgers import Entry
from gateway.simulator.live import connector_running
from gateway.simulator.people import MEMBERS, Learner
from gateway.storage.connector_schema import open_connector


async def beside(banks: Region, member: str, folder: Path) -> Connector:
    """A connector of `member` over a bank of folders."""
    database = await open_connector(folder / "connector.db")
    banks.databases[member] = database
    bank = FolderBank(folder, tools().regions[REGIONS[member]], KnownRows(), banks.world.clock)
    setup = Setup(
        member, key_of(member), banks.world.trust, "http://127.0.0.1:1", True, case_tools(), banks.world.clock, banks.world.ids,
        random.Random(1), HASTE,
    )  # fmt: skip
    banks.connectors[member] = Connector(setup, bank, Store(database), banks.line.post)
    return banks.connectors[member]


def enrol(folder: Path, learner: Learner, member: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "learners.csv").write_text(f"citizen_id,account\n{learner.citizen_id},{learner.accounts[member]}\n", "utf-8")


async def pulled_case(banks: Region, source: str, accepting: str, folder: Path) -> Outgoing:
    """The learner applies at `accepting`; her records lie in the folder of `source` as that bank's system wrote them."""
    learner = banks.learner(source, accepting)
    enrol(folder, learner, source)
    (folder / "feeds").mkdir(exist_ok=True)
    (folder / "feeds" / "2024-06-feed").write_bytes(banks.banks[source].feed(learner))
    return await banks.connectors[accepting].submit(banks.counter.pulled(banks.banks[source], accepting, learner))


@pytest.mark.parametrize("source", MEMBERS)
async def test_source_bank_when_made_of_folders_then_confirms_from_its_feed_and_books(tmp_path: Path, source: str) -> None:
    accepting = "CN-32" if source != "CN-32" else "CN-31"
    async with region(tmp_path / "g") as world, four_banks(world) as banks:
        await banks.connect(accepting)
        connector = await beside(banks, source, tmp_path / "bank")
        opened = await pulled_case(banks, source, accepting, tmp_path / "bank")
        await banks.work(source, accepting, until=lambda: stands(banks, opened.scope, "settled"))
        booking = json.loads((tmp_path / "bank" / "bookings" / f"{opened.scope}-source.json").read_text("utf-8"))
        assert booking["items"][0]["verdict"] == "recognised"
        if source in {"CN-32", "CN-34"}:
            assert len(await connector.store.known_ids()) == 1


async def test_source_bank_when_feed_does_not_know_the_learner_then_declines(tmp_path: Path) -> None:
    async with region(tmp_path / "g") as world, four_banks(world) as banks:
        await banks.connect("CN-32")
        await beside(banks, "CN-31", tmp_path / "bank")
        learner = banks.learner("CN-31", "CN-32")
        opened = await banks.connectors["CN-32"].submit(banks.counter.pulled(banks.banks["CN-31"], "CN-32", learner))
        await banks.work("CN-31", "CN-32", until=lambda: stands(banks, opened.scope, "rejected"))


async def test_bank_of_folders_when_asked_what_it_has_then_lists_its_last_feed_dated(tmp_path: Path) -> None:
    """Anhui has only its last sheet, of a month; whoever asked finds the list in a folder of its own."""
    async with region(tmp_path / "g") as world, four_banks(world) as banks:
        source = await beside(banks, "CN-34", tmp_path / "asked")
        await beside(banks, "CN-31", tmp_path / "asks")
        learner = banks.learner("CN-34", "CN-31")
        enrol(tmp_path / "asked", learner, "CN-34")
        (tmp_path / "asked" / "feeds" / "2024-06-feed").write_bytes(banks.banks["CN-34"].feed(learner))
        consent = world.consent("CN-31", "CN-34", "CN-34", (), purpose="listing")
        asked = await banks.connectors["CN-31"].enquire(Question(Enquiry("CN-34", world.clock.now()), learner.identity, consent))
        file = tmp_path / "asks" / "listings" / f"{asked.scope}.json"

        async def there() -> bool:
            return file.exists()

        await banks.work("CN-34", "CN-31", until=there)
        told = json.loads(file.read_text("utf-8"))
        assert (told["as_of"], [item["title"] for item in told["items"]]) == ("2024-06-30", ["管理学基础"])
        assert {item["record"] for item in told["items"]} == set((await source.store.known_ids()).values())


async def accepting_case(banks: Region, folder: Path, policy: str) -> Outgoing:
    learner = banks.learner("CN-31", "CN-32")
    banks.banks["CN-31"].enter(learner, [Entry("course", "20239999999", "基础会计", 71)])
    enrol(folder, learner, "CN-32")
    (folder / "policy.toml").write_text(policy, "utf-8")
    return await banks.connectors["CN-31"].submit(banks.counter.pushed(banks.banks["CN-31"], "CN-32", learner))


@pytest.mark.parametrize(("verdict", "awarded"), [("recognise", "8.0"), ("refuse", "0")])
async def test_accepting_bank_when_policy_says_so_then_decides_by_itself(tmp_path: Path, verdict: str, awarded: str) -> None:
    async with region(tmp_path / "g") as world, four_banks(world) as banks:
        await banks.connect("CN-31")
        await beside(banks, "CN-32", tmp_path / "bank")
        opened = await accepting_case(banks, tmp_path / "bank", f'default = "wait"\n[programme.120209]\nverdict = "{verdict}"\n')
        await banks.work("CN-31", "CN-32", until=lambda: stands(banks, opened.scope, "settled"))
        shown = await world.gateway.parts.status.show(opened.scope, "")
        assert shown["totals"]["awarded"] == awarded


async def test_accepting_bank_when_policy_waits_then_a_person_decides_item_by_item(tmp_path: Path) -> None:
    async with region(tmp_path / "g") as world, four_banks(world) as banks:
        await banks.connect("CN-31")
        await beside(banks, "CN-32", tmp_path / "bank")
        opened = await accepting_case(banks, tmp_path / "bank", "")
        paper = tmp_path / "bank" / "review" / f"{opened.scope}.json"
        await banks.work("CN-31", "CN-32", until=lambda: asyncio.to_thread(paper.exists))
        one, two = json.loads(paper.read_text("utf-8"))["items"]
        answer = paper.with_suffix(".toml")
        answer.write_text(
            f'decided_by = "教务处"\n[[item]]\nrecord = "{one["record"]}"\nverdict = "recognised"\ncredits = "3.0"\n'
            f'reason = "recognised_in_part"\n[[item]]\nrecord = "{two["record"]}"\nverdict = "refused"\nreason = "grade_insufficient"\n',
            "utf-8",
        )
        await banks.work("CN-31", "CN-32", until=lambda: stands(banks, opened.scope, "settled"))
        shown = await world.gateway.parts.status.show(opened.scope, "")
        assert [item.get("awarded") for item in shown["items"]] == ["3.0", None]


async def stands(banks: Region, transfer: str, state: str) -> bool:
    return await banks.state(transfer) == state


def settings_text(**changes: str) -> str:
    values = {
        "member": '"CN-33"',
        "gateway_url": '"http://127.0.0.1:1"',
        "folder": '"bank"',
        "key_file": '"bank.pem"',
        "trust_file": '"g/trust.json"',
        "trust_signature_file": '"g/trust.json.sig"',
        "registry_key_file": '"g/registry.jwk.json"',
    } | changes
    return "\n".join(f"{name} = {value}" for name, value in values.items())


def test_connector_settings_when_wrong_then_every_entry_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "connector.toml"
    path.write_text(settings_text(gateway_url='"ftp://x/y"', folder="7", endpoint_port="70000", extra="1"), "utf-8")
    with pytest.raises(SettingsError, match=r"settings\.connector") as caught:
        ConnectorFile.load(path)
    assert {problem.path for problem in caught.value.problems} == {"folder", "gateway_url", "endpoint_port", "extra"}
    with pytest.raises(SettingsError, match=r"settings\.connector"):
        ConnectorFile.load(tmp_path / "none.toml")


async def test_connector_when_started_from_its_file_then_runs_and_polls(tmp_path: Path) -> None:
    async with region(tmp_path / "g"):
        key_of("CN-33").save(tmp_path / "bank.pem")
        (tmp_path / "connector.toml").write_text(settings_text(), "utf-8")
        async with connector_running(ConnectorFile.load(tmp_path / "connector.toml")) as connector:
            assert connector.member == "CN-33"
        (tmp_path / "connector.toml").write_text(settings_text(member='"CN-34"'), "utf-8")
        with pytest.raises(SettingsError, match=r"settings\.connector"):
            async with connector_running(ConnectorFile.load(tmp_path / "connector.toml")):
                pass


async def test_connector_when_its_member_speaks_in_files_then_needs_its_exchange_folder_and_lays_its_folders(tmp_path: Path) -> None:
    data = trust_data()
    members = tuple(
        replace(each, channel=Channel.SFTP, endpoint="sftp://ceg@127.0.0.1:1/exchange") if each.id == "CN-34" else each
        for each in data.members
    )
    write_files(tmp_path / "g", replace(data, members=members))
    key_of("CN-34").save(tmp_path / "bank.pem")
    path = tmp_path / "connector.toml"
    path.write_text(settings_text(member='"CN-34"', exchange_folder='"exchange"'), "utf-8")
    with pytest.raises(SettingsError, match=r"settings\.connector"):
        ConnectorFile.load(path).exchange()
    (tmp_path / "exchange").mkdir()
    async with connector_running(ConnectorFile.load(path)):
        await until((tmp_path / "exchange" / "from-gateway" / "refused").is_dir)
    path.write_text(settings_text(member='"CN-34"'), "utf-8")
    with pytest.raises(SettingsError, match=r"settings\.connector"):
        async with connector_running(ConnectorFile.load(path)):
            pass
