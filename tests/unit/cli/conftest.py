"""A node that has carried two cases and stands still: its folder, its settings file, its trust file."""

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.nodes import write_config
from support.region import SAMPLES, decide, posting, region, take, to_reviewing

from gateway.model.documents import Verdict

SH = (SAMPLES / "shanghai" / "samples" / "good" / "sh.json").read_bytes()
SH_RECORDS = ("SHC20230098812", "SHC20230098813", "SHZ2022551201", "SHT2024000917")
COURSE, CERTIFICATE = "SHC20230098812", "SHZ2022551201"


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
        opened = await world.send(world.request("CN-31", "CN-32", SH_RECORDS, SH))
        owed, heard = await to_reviewing(world, "CN-32")
        verdicts = {COURSE: (Verdict.RECOGNISED, "3.0"), CERTIFICATE: (Verdict.REFUSED, "0")}
        decided = await decide(world, "CN-32", owed, heard, verdicts)
        notice = next(each for each in await take(world, "CN-31") if each.event == "decided")
        await world.act("CN-31", "posted", posting(world, COURSE), scp=owed.transfer, irt=notice.jti, posture="done")
        settled = await world.act("CN-32", "posted", posting(world, COURSE), scp=owed.transfer, irt=decided.body["jti"], posture="done")
        assert settled.body["state"] == "settled", settled.body
        second = await world.send(world.request("CN-31", "CN-33", SH_RECORDS, SH))
        assert second.status == 202, second.body
        await to_reviewing(world, "CN-33")
        config = write_config(world.gateway.settings, folder / "gateway.toml")
        return Node(folder, config, (str(opened.body["transfer"]), str(second.body["transfer"])))


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
