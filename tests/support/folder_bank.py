"""A bank of folders as the source of a case: what its own system leaves in `feeds/`, and how each province says a correction there."""

import base64
import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.connectors import HASTE, REGIONS, Region, case_tools
from support.region import key_of, tools

from gateway.client.bank import Application, Supply
from gateway.client.connector import Connector
from gateway.client.feed_desk import FeedDesk
from gateway.client.folder_bank import FolderBank
from gateway.client.office import Setup
from gateway.client.store import Outgoing, Store
from gateway.crypto.sm3 import sm3_hex
from gateway.model.canonical import jcs
from gateway.model.documents import Request
from gateway.simulator.banks import Programme
from gateway.simulator.ledgers import Entry, write_feed
from gateway.simulator.people import Learner, make_learner
from gateway.storage.connector_schema import open_connector
from gateway.storage.database import Database

TITLES = ("管理学基础", "基础会计", "经济法概论")
PERIOD = "2024-06"


@dataclass
class FolderHost:
    """The connector of `member` beside its folders; `lay` is what the bank's own system does."""

    banks: Region
    member: str
    folder: Path
    laid: int = 0
    learner: Learner = field(init=False)
    bank: FolderBank = field(init=False)
    connector: Connector = field(init=False)
    desk: FeedDesk = field(init=False)

    def __post_init__(self) -> None:
        self.learner = make_learner(7, self.member, random.Random(7))
        self.folder.mkdir(parents=True, exist_ok=True)
        account = f"citizen_id,account\n{self.learner.citizen_id},{self.learner.accounts[self.member]}\n"
        (self.folder / "learners.csv").write_text(account, "utf-8")

    async def start(self, wrap: Callable[[Database], Database] = lambda database: database) -> Connector:
        """Start, or start again on the same files."""
        banks = self.banks
        if self.member in banks.databases:
            await banks.databases[self.member].close()
        database = banks.databases[self.member] = wrap(await open_connector(self.folder / "connector.db"))
        store = Store(database)
        self.bank = FolderBank(self.folder, tools().regions[REGIONS[self.member]], await store.known_rows(), banks.world.clock)
        setup = Setup(
            self.member, key_of(self.member), banks.world.trust, "http://127.0.0.1:1", True, case_tools(), banks.world.clock,
            banks.world.ids, random.Random(1), HASTE,
        )  # fmt: skip
        self.connector = banks.connectors[self.member] = Connector(setup, self.bank, store, banks.line.post)
        self.desk = FeedDesk(self.connector.office, self.bank.feeds, self.folder)
        return self.connector

    def entries(self, *scores: int, broken: bool = False) -> list[Entry]:
        found = [Entry("course", f"20231{place:06d}", TITLES[place], score) for place, score in enumerate(scores)]
        return found + [Entry("broken", "20239999999", "统计学原理", 75)] * broken

    def feed(self, *scores: int, broken: bool = False) -> bytes:
        return write_feed(self.member, self.learner, self.entries(*scores, broken=broken))

    def lay(self, content: bytes, name: str = "", slip: str = "") -> Path:
        """A file renamed into place; each is later than the one before."""
        self.laid += 1
        path = self.folder / "feeds" / (name or f"{PERIOD}-{self.laid}.dat")
        if slip:
            path.with_name(path.name + ".toml").write_text(slip, "utf-8")
        beside = path.with_name(f".{path.name}")
        beside.write_bytes(content)
        beside.replace(path)
        return path

    def records(self) -> tuple[str, ...]:
        """What the feeds hold of the learner now."""
        return tuple(self.bank.feeds.shelf().people[0].entries)

    async def applied(
        self, accepting: str, records: tuple[str, ...], *, programme: Programme = Programme.OPEN, pulled: bool, supply: Supply | None = None
    ) -> Outgoing:
        """The learner applies: at the accepting bank, or here with the part."""
        counter, bank = self.banks.counter, self.banks.banks[self.member]
        self.banks.banks[accepting].enrol(self.learner)
        bank.enter(self.learner, self.entries(80))
        facing = accepting if pulled else self.member
        request = Request(
            self.member, accepting, facing, programme.value, "行政管理", "credit_recognition", records,
            {facing: self.learner.accounts[facing]}, counter._now(),
        )  # fmt: skip
        consent, identity = counter._consent(request, accepting), self.learner.identity
        if pulled:
            source = counter._consent(request, self.member)
            return await self.banks.connectors[accepting].submit(Application(request, identity, consent, consent_source=source))
        given = supply or self.bank.supply(request, identity)
        assert isinstance(given, Supply), given
        return await self.connector.submit(Application(request, identity, consent, given))

    def corrected(self, before: tuple[int, ...], after: tuple[int, ...]) -> bytes:
        """How the bank's own system says that scores were wrong."""
        return CORRECTING[self.member](self, before, after)

    def attention(self, transfer: str) -> str:
        path = self.folder / "attention" / f"{transfer}.csv"
        return path.read_text("utf-8-sig") if path.exists() else ""


def _again(host: FolderHost, _before: tuple[int, ...], after: tuple[int, ...]) -> bytes:
    """Shanghai sends the same outer ids again; Anhui replaces the month."""
    return host.feed(*after)


def jiangsu_rows(content: bytes, change: Callable[[str], str]) -> bytes:
    """A Jiangsu feed with its inner document changed."""
    found = re.search(rb"<js:data>(.*)</js:data>", content)
    assert found is not None
    inner = change(base64.b64decode(found[1]).decode("gb18030")).encode("gb18030")
    return content.replace(found[1], base64.b64encode(inner))


def _jiangsu(host: FolderHost, _before: tuple[int, ...], after: tuple[int, ...]) -> bytes:
    """Rows with CZ=G."""
    return jiangsu_rows(host.feed(*after), lambda text: text.replace('CZ="X"', 'CZ="G"'))


def chained(content: bytes, *payloads: dict[str, Any]) -> bytes:
    """A Zhejiang batch with more entries at the end of its chain."""
    batch = json.loads(content)
    for payload in payloads:
        last = batch["records"][-1]["chain"]
        own = sm3_hex(last["hash"].encode("ascii") + b"\n" + jcs(payload))
        batch["records"].append({"payload": payload, "chain": {"height": last["height"] + 1, "prevHash": last["hash"], "hash": own}})
    batch["count"] = len(batch["records"])
    return json.dumps(batch, ensure_ascii=False).encode()


def _zhejiang(host: FolderHost, before: tuple[int, ...], after: tuple[int, ...]) -> bytes:
    """Entries with op AMEND at the end of the chain."""
    told = json.loads(host.feed(*after))["records"]
    amended = [told[place]["payload"] | {"op": "AMEND"} for place, score in enumerate(after) if score != before[place]]
    return chained(host.feed(*before), *amended)


CORRECTING: dict[str, Callable[[FolderHost, tuple[int, ...], tuple[int, ...]], bytes]] = {
    "CN-31": _again, "CN-32": _jiangsu, "CN-33": _zhejiang, "CN-34": _again,
}  # fmt: skip
