"""Pulling a chain by cursor from a small bank of the test, and every way that bank can go wrong.  docs/transports.md, TR-33 to TR-40."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs
from support.region import key_of, region, tools
from support.wires import until

from gateway.adapters.zhejiang.chain import ZERO_HASH, Start, extend
from gateway.app import region_settings
from gateway.client.chain_feed import ChainFeed, chain_starts
from gateway.client.chain_pull import ENTRIES_MAX, PAGE_ENTRIES, PulledChain, pull
from gateway.client.connector_file import ConnectorFile
from gateway.crypto.keys import write_secret_file
from gateway.errors import PeerError, PeerUnavailableError, RecordError, SettingsError
from gateway.federation.channels.cursor import PAGE_BYTES_MAX, CursorChannel, Question
from gateway.model.local import PartManifest
from gateway.simulator.live import connector_running

ACCOUNT = "ZX7K3M9QP4T8W2A3"
SHOWN = "ZX7K-3M9Q-P4T8-W2A3"
START = Start(1, ZERO_HASH)
SAMPLE = Path(__file__).parents[3] / "gateway/adapters/zhejiang/samples/good/zj.json"


def payload(number: int, **changes: Any) -> dict[str, Any]:
    first: dict[str, Any] = json.loads(SAMPLE.read_bytes())["records"][0]["payload"]
    first["achievement"] |= {"achId": f"ZJA-2023-{number:07d}", **changes}
    return first


def chain(count: int, first: int = 1, prev_hash: str = ZERO_HASH, **changes: Any) -> list[dict[str, Any]]:
    payloads = [payload(first + place, **changes) for place in range(count)]
    return [
        {"payload": each, "chain": {"height": height, "prevHash": before, "hash": own}}
        for each, (height, before, own) in zip(payloads, extend(first, prev_hash, payloads), strict=True)
    ]


@dataclass
class Bank:
    """Shows its entries in pages; `wrong` may change an answer."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    page: int = 3
    asked: list[dict[str, Any]] = field(default_factory=list)
    wrong: Any = None
    wait_s: float = 0.0
    headers: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        asked = await request.json()
        await asyncio.sleep(self.wait_s)
        self.asked.append(asked)
        self.headers.append(request.headers.get("Authorization", ""))
        at = int(
            asked.get("cursor") or next((n for n, each in enumerate(self.entries) if height(each) >= asked["from"]), len(self.entries))
        )
        shown = self.entries[at : at + min(self.page, asked["limit"])]
        after = at + len(shown)
        body = {"version": "2.3", "batchId": f"b-{at}", "count": len(shown), "records": shown}
        body["next"] = str(after) if after < len(self.entries) else None
        if self.wrong is not None:
            changed = self.wrong(len(self.asked), body)
            if isinstance(changed, web.Response):
                return changed
        return web.json_response(body)


def height(entry: dict[str, Any]) -> int:
    return int(entry["chain"]["height"])


@asynccontextmanager
async def bank(entries: list[dict[str, Any]]) -> AsyncIterator[tuple[Bank, CursorChannel]]:
    told = Bank(entries)
    app = web.Application()
    app.add_routes([web.post("/chain", told.answer)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with aiohttp.ClientSession() as session:
            yield told, CursorChannel(session, f"http://127.0.0.1:{runner.addresses[0][1]}/chain", 0.5, "secret-token")
    finally:
        await runner.cleanup()


async def pulled(channel: CursorChannel, held: PulledChain | None = None) -> PulledChain:
    made = held or PulledChain(ACCOUNT, START)
    await pull(channel, made)
    return made


async def refused(channel: CursorChannel, held: PulledChain | None = None) -> RecordError:
    with pytest.raises(RecordError) as told:
        await pulled(channel, held)
    return told.value


async def test_pull_when_the_chain_has_many_pages_then_one_batch_that_the_adapter_reads() -> None:
    async with bank(chain(8)) as (told, channel):
        got = await pulled(channel)
        part = tools().regions["zhejiang"].parse(got.content(), PartManifest())
        assert (part.learner.account, len(part.records), part.quarantined) == (ACCOUNT, 8, ())
        assert [asked.get("cursor") for asked in told.asked] == [None, "3", "6"]
        assert {asked["account"] for asked in told.asked} == {ACCOUNT}
        assert set(told.headers) == {"Bearer secret-token"}


async def test_pull_when_entries_are_withheld_then_their_links_are_checked_all_the_same() -> None:
    entries = chain(5)
    entries[2] = entries[2]["chain"]
    async with bank(entries) as (told, channel):
        told.wrong = None
        got = PulledChain(ACCOUNT, START)
        got.add({"version": "2.3", "batchId": "b", "count": 5, "records": entries}, first=True)
        assert [link.payload is None for link in got.links] == [False, False, True, False, False]
        assert len(tools().regions["zhejiang"].parse(got.content(), PartManifest()).records) == 4
        del channel


async def test_pull_when_a_height_is_missing_then_gap_with_heights_and_what_came_before_stays() -> None:
    entries = chain(8)
    del entries[4]
    async with bank(entries) as (told, channel):
        held = PulledChain(ACCOUNT, START)
        fault = await refused(channel, held)
        assert (fault.code, fault.facts) == ("record.chain_gap", {"missing_from": 5, "missing_to": 5})
        assert held.height == 3  # the good page is held, nothing of the bad one
        assert len(told.asked) == 2
        told.entries = chain(8)
        assert (await pulled(channel, held)).height == 8
        assert told.asked[2]["from"] == 3


async def test_pull_when_two_entries_claim_a_height_then_fork_with_height() -> None:
    entries = chain(5)
    other = chain(1, 4, entries[2]["chain"]["hash"], title="会计学")
    async with bank([*entries[:4], *other, entries[4]]) as (_told, channel):
        fault = await refused(channel)
        assert (fault.code, fault.facts) == ("record.chain_fork", {"height": 4})


async def test_pull_when_a_page_shows_an_earlier_height_anew_then_fork() -> None:
    entries = chain(4)
    entries.append(chain(1, 2, entries[0]["chain"]["hash"], title="会计学")[0])
    async with bank(entries) as (_told, channel):
        fault = await refused(channel)
        assert (fault.code, fault.facts) == ("record.chain_fork", {"height": 2})


async def test_pull_when_a_payload_was_changed_then_broken_at_its_height() -> None:
    entries = chain(5)
    entries[3]["payload"]["achievement"]["title"] = "别的课程"
    async with bank(entries) as (_told, channel):
        fault = await refused(channel)
        assert (fault.code, fault.facts) == ("record.chain_broken", {"height": 4})


async def test_pull_when_the_chain_does_not_begin_at_the_trusted_start_then_refused() -> None:
    async with bank(chain(3, 5, "ab" * 32)) as (_told, channel):
        fault = await refused(channel)
        assert (fault.code, fault.facts) == ("record.chain_start", {"height": 5})


async def test_pull_when_started_again_then_goes_on_at_the_height_it_held() -> None:
    entries = chain(9)
    async with bank(entries[:4]) as (told, channel):
        held = await pulled(channel)
        assert held.height == 4
        again = PulledChain(ACCOUNT, START)
        again.load(json.loads(held.content()))
        assert await pull(channel, again) == 0
        told.entries = entries
        assert await pull(channel, again) == 5
        assert told.asked[-2]["from"] == 4
        assert again.content() == (await pulled(channel)).content().replace(b'"b-6"', json.dumps(again.head["batchId"]).encode())


@pytest.mark.parametrize("kept", [2, 3], ids=["shorter", "rewritten"])
async def test_pull_when_the_bank_rewrote_what_was_held_then_fork(kept: int) -> None:
    entries = chain(4)
    async with bank(entries) as (told, channel):
        held = await pulled(channel)
        told.entries = [*entries[:kept], *(chain(3, 4, entries[2]["chain"]["hash"], title="会计学") if kept == 3 else [])]
        fault = await refused(channel, held)
        assert (fault.code, fault.facts) == ("record.chain_fork", {"height": 4})
        assert held.height == 4


async def test_pull_when_a_page_is_larger_than_asked_or_the_chain_has_no_end_then_refused() -> None:
    async with bank(chain(PAGE_ENTRIES + 1)) as (told, channel):
        told.page = 10_000

        def all_at_once(_number: int, body: dict[str, Any]) -> None:
            body["records"] = told.entries

        told.wrong = all_at_once
        assert (await refused(channel)).code == "record.too_many_rows"
    held = PulledChain(ACCOUNT, START)
    entries = chain(PAGE_ENTRIES)
    held.entries = [None] * ENTRIES_MAX
    with pytest.raises(RecordError) as told_:
        held.add({"records": entries}, first=False)
    assert told_.value.code == "record.too_many_rows"


async def test_pull_when_the_cursor_does_not_advance_then_off_protocol() -> None:
    async with bank(chain(3)) as (told, channel):

        def stuck(_number: int, body: dict[str, Any]) -> None:
            body["next"] = "0"

        told.wrong = stuck
        with pytest.raises(PeerError) as fault:
            await pulled(channel)
        assert fault.value.code == "peer.off_protocol"
        assert len(told.asked) <= 3


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"status": 503}, "peer.unavailable"),
        ({"status": 429}, "peer.unavailable"),
        ({"status": 403}, "peer.refused"),
        ({"status": 302, "headers": {"Location": "/"}}, "peer.refused"),
        ({"body": b"<html/>"}, "peer.off_protocol"),
        ({"body": b"[]"}, "peer.off_protocol"),
        ({"body": b'{"next": 5}'}, "peer.off_protocol"),
        ({"body": b'{"next": ""}'}, "peer.off_protocol"),
        ({"body": b'{"next": "' + b"x" * 257 + b'"}'}, "peer.off_protocol"),
        ({"body": b'{"a": 1, "a": 2}'}, "peer.off_protocol"),
        ({"body": b" " * (PAGE_BYTES_MAX + 1)}, "peer.off_protocol"),
    ],
)
async def test_page_when_the_bank_says_something_else_then_named(answer: dict[str, Any], code: str) -> None:
    async with bank([]) as (told, channel):
        told.wrong = lambda _number, _body: web.Response(**answer)
        with pytest.raises(PeerError) as fault:
            await channel.page(Question(ACCOUNT, 1, 5))
        assert (fault.value.code, fault.value.retry) == (code, code == "peer.unavailable")


async def test_page_when_records_are_not_what_they_should_be_then_record_errors() -> None:
    for records in (None, {}, [1], [{"chain": {}}], [{"payload": {}, "chain": {"height": -1, "prevHash": "", "hash": ""}}]):
        with pytest.raises(RecordError):
            PulledChain(ACCOUNT, START).add({"records": records}, first=True)


async def test_page_when_nobody_listens_or_the_bank_is_silent_then_unavailable() -> None:
    async with bank([]) as (told, channel):
        told.wait_s = 2.0
        with pytest.raises(PeerUnavailableError):
            await channel.page(Question(ACCOUNT, 1, 5))
        channel._url = "http://127.0.0.1:1/chain"
        with pytest.raises(PeerUnavailableError):
            await channel.page(Question(ACCOUNT, 1, 5))


# ---------------------------------------------------------------- the feed folder


async def test_feed_when_looked_at_then_file_is_a_feed_the_adapter_splits_and_grows(tmp_path: Path) -> None:
    folder = tmp_path / "feeds"
    folder.mkdir()
    entries = chain(7)
    async with bank(entries[:4]) as (told, channel):
        feed = ChainFeed(folder, channel, (START,), lambda: [SHOWN, "not an account"])
        assert await feed.look() == 1
        (file,) = folder.iterdir()
        assert ACCOUNT not in file.name
        (part,) = tools().regions["zhejiang"].split(file.read_bytes(), PartManifest(), {}).parts
        assert len(tools().regions["zhejiang"].parse(part.content, part.manifest).records) == 4
        assert await feed.look() == 0
        told.entries = entries
        assert await ChainFeed(folder, channel, (START,), lambda: [SHOWN]).look() == 1  # as after a restart
        assert json.loads(file.read_bytes())["count"] == 7
        assert list(folder.iterdir()) == [file]


async def test_feed_when_the_chain_is_at_fault_then_last_good_file_stays_and_it_is_told_with_heights(tmp_path: Path) -> None:
    folder = tmp_path / "feeds"
    folder.mkdir()
    entries = chain(8)
    async with bank(entries[:4]) as (told, channel):
        feed = ChainFeed(folder, channel, (START,), lambda: [SHOWN])
        await feed.look()
        told.entries, told.page = [*entries[:5], *entries[6:]], 1
        with capture_logs() as logs:
            await feed.look()
            told.wrong = lambda _number, _body: web.Response(status=503)
            await feed.look()
        assert [(line["event"], line["log_level"], line["code"]) for line in logs] == [
            ("chain_at_fault", "error", "record.chain_gap"),
            ("chain_not_pulled", "warning", "peer.unavailable"),
        ]
        assert (logs[0]["missing_from"], logs[0]["missing_to"]) == (6, 6)
        assert ACCOUNT not in json.dumps(logs)
        assert json.loads(feed.file(ACCOUNT).read_bytes())["count"] == 5  # the good page before the fault is kept


async def test_connector_when_told_where_to_pull_then_its_feeds_fill(tmp_path: Path) -> None:
    async with region(tmp_path / "g"), bank(chain(4)) as (told, channel):
        key_of("CN-33").save(tmp_path / "bank.pem")
        write_secret_file(tmp_path / "token", b"secret-token\n")
        (tmp_path / "bank").mkdir()
        (tmp_path / "bank" / "learners.csv").write_text(f"citizen_id,account\n330106199512244027,{SHOWN}\n", "utf-8")
        told.entries = chain(4, 880121)
        (tmp_path / "connector.toml").write_text(
            f"""
member = "CN-33"
gateway_url = "http://127.0.0.1:1"
folder = "bank"
key_file = "bank.pem"
trust_file = "g/trust.json"
trust_signature_file = "g/trust.json.sig"
registry_key_file = "g/registry.jwk.json"
pull_url = "{channel._url}"
pull_token_file = "token"
""",
            "utf-8",
        )
        async with connector_running(ConnectorFile.load(tmp_path / "connector.toml")):
            await until(lambda: any((tmp_path / "bank" / "feeds").glob("chain-*.json")))
        assert told.headers[0] == "Bearer secret-token"
        text = (tmp_path / "connector.toml").read_text("utf-8").replace(channel._url, "ftp://x")
        (tmp_path / "connector.toml").write_text(text, "utf-8")
        with pytest.raises(SettingsError) as wrong:
            ConnectorFile.load(tmp_path / "connector.toml")
        assert [problem.path for problem in wrong.value.problems] == ["pull_url"]


def test_starts_when_read_from_the_regions_settings_then_a_single_accounts_come_first() -> None:
    starts = chain_starts(region_settings()["zhejiang"])
    assert starts == (Start(880121, ZERO_HASH, ACCOUNT), START)
