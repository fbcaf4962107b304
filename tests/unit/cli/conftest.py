"""A node that has carried three cases and stands still: its folder, its settings file, its trust file."""

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.nodes import write_config
from support.region import SAMPLES, decide, posting, region, to_reviewing

from gateway.model.documents import Verdict

SH = (SAMPLES / "shanghai" / "samples" / "good" / "sh.json").read_bytes()
SH_RECORDS = ("SHC20230098812", "SHC20230098813", "SHZ2022551201", "SHT2024000917")


@dataclass
class Node:
    """`cases` are transfer ids: one settled, one under review."""

    folder: Path
    config: Path
    cases: tuple[str, str]

    @property
    def database(self) -> Path:
        return self.folder / "data" / "gateway.db"

    @property
    def trust(self) -> Path:
        return self.folder / "trust.json"


async def _play(folder: Path) -> Node:
    async with region(folder) as world:
        first = await world.send(world.request("CN-31", "CN-33", SH_RECORDS[:2], SH))
        assert first.status == 202, first.body
        owed, heard = await to_reviewing(world, "CN-33")
        verdicts = {item["record"]: (Verdict.RECOGNISED, "2.0") for item in heard.body["items"] if item["state"] == "claimed"}
        decided = await decide(world, "CN-33", owed, heard, verdicts)
        assert decided.status == 200, decided.body
        for member in ("CN-31", "CN-33"):
            posted = await world.act(member, "posted", posting(world, *verdicts), scp=owed.transfer, irt="", posture="done")
            assert posted.status in {200, 400, 409}, posted.body
        second = await world.send(world.request("CN-31", "CN-34", SH_RECORDS[3:], SH))
        assert second.status == 202, second.body
        await to_reviewing(world, "CN-34")
        config = write_config(world.gateway.settings, folder / "gateway.toml")
        return Node(folder, config, (str(first.body["transfer"]), str(second.body["transfer"])))


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Node:
    return asyncio.run(_play(tmp_path_factory.mktemp("node")))


@pytest.fixture
def node(played: Node, tmp_path: Path) -> Node:
    """A copy that a test may spoil."""
    folder = tmp_path / "node"
    shutil.copytree(played.folder, folder)
    text = played.config.read_text("utf-8").replace(str(played.folder), str(folder))
    (folder / "gateway.toml").write_text(text, "utf-8")
    return Node(folder, folder / "gateway.toml", played.cases)
