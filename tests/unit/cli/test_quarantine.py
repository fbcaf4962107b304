"""`ceg connector quarantine` beside a connector's own database: what stays behind and what was mended."""

import asyncio
from pathlib import Path

import pytest
from support.connectors import four_banks
from support.folder_bank import FolderHost
from support.nodes import ceg
from support.region import region

SETTINGS = """
member = "CN-34"
gateway_url = "http://127.0.0.1:1"
folder = "bank"
key_file = "bank.pem"
trust_file = "trust.json"
trust_signature_file = "trust.json.sig"
registry_key_file = "registry.jwk.json"
"""


async def _ran(folder: Path) -> None:
    """Three months: one row damaged, one mended since, one file that cannot be read."""
    async with region(folder / "g") as world, four_banks(world) as banks:
        host = FolderHost(banks, "CN-34", folder / "bank")
        await host.start()
        host.lay(host.feed(80, broken=True), "2024-05.csv")
        host.lay(host.feed(70, broken=True), "2024-06.csv")
        host.lay(b"\x00", "2024-07.csv")
        await host.desk.look()
        world.clock.advance(days=1)
        host.lay(host.feed(80), "2024-05.csv")
        await host.desk.look()


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quarantine")
    asyncio.run(_ran(folder))
    path = folder / "connector.toml"
    path.write_text(SETTINGS, "utf-8")
    return path


def test_list_when_read_then_rows_that_stay_behind_and_with_all_those_mended_too(config: Path) -> None:
    ran = ceg("connector", "quarantine", "list", "--config", config, "--json")
    assert (ran.code, ran.err) == (0, "")
    assert [(each["file"], each["row"], each["mended_at"]) for each in ran.document] == [("2024-06.csv", 2, ""), ("2024-07.csv", 0, "")]
    assert ran.document[0]["problems"][0]["code"].startswith("record.")
    everything = ceg("connector", "quarantine", "list", "--config", config, "--all", "--json").document
    assert [(each["file"], bool(each["mended_at"])) for each in everything][-1] == ("2024-05.csv", True)
    text = ceg("connector", "quarantine", "list", "--config", config).out
    assert "2024-06.csv" in text


def test_show_when_a_row_is_named_then_every_problem_of_it_and_nothing_else(config: Path) -> None:
    ran = ceg("connector", "quarantine", "show", "2024-06.csv", "2", "--config", config, "--json")
    assert [(each["row"], len(each["problems"]) > 0) for each in ran.document] == [(2, True)]
    text = ceg("connector", "quarantine", "show", "2024-07.csv", "--config", config).out
    assert "整个文件" in text
    assert "feeds/" in text


@pytest.mark.parametrize(
    "arguments", [("show", "2024-05.csv"), ("show", "2024-06.csv", "1"), ("show", "none.csv"), ("list", "--config", "none.toml")]
)
def test_quarantine_when_there_is_nothing_then_said_so(config: Path, arguments: tuple[str, ...]) -> None:
    ran = ceg("connector", "quarantine", *arguments, *(() if "--config" in arguments else ("--config", config)))
    assert (ran.code, "cli.not_found" in ran.err) == (3, True)


def test_quarantine_when_the_connector_never_ran_then_said_so(tmp_path: Path) -> None:
    path = tmp_path / "connector.toml"
    path.write_text(SETTINGS, "utf-8")
    assert ceg("connector", "quarantine", "list", "--config", path).code == 3
    assert not (tmp_path / "bank").exists()


def test_connector_when_no_settings_are_named_then_a_usage_fault() -> None:
    ran = ceg("connector")
    assert (ran.code, "cli.usage" in ran.err) == (2, True)
