"""What an enemy, or a broken program, may send to the listener: each gets a named answer, and the next bank is served."""

import asyncio
import io
import json
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from support.auditor import Books, books, shanghai_part
from support.region import PERSON, ManualClock, Message, SeededIds, World, tools, trust_data, write_files

from gateway.app import Addresses, Gateway, build, serving
from gateway.federation.channels.https import HttpsChannel
from gateway.federation.message import HttpTarget
from gateway.model.canonical import b64url
from gateway.transfers.receive import Reply

RECORDS = ("SHC00000000001",)
MIB = 1024 * 1024


@dataclass
class Site:
    gateway: Gateway
    world: World
    addresses: Addresses
    session: aiohttp.ClientSession
    found: Books

    @property
    def url(self) -> str:
        return self.addresses.member_api + "/v1/messages"

    def message(self, record: str = RECORDS[0]) -> Message:
        return self.world.request("CN-31", "CN-33", (record,), shanghai_part(record), target=HttpTarget("POST", self.url))

    async def post(self, message: Message) -> tuple[int, dict[str, Any]]:
        answer = await HttpsChannel(self.session, 20).post(self.url, message.token, list(message.contents.values()))
        return answer.status, json.loads(answer.body)

    async def raw(self, data: bytes, *, wait_s: float = 5.0) -> bytes:
        """Bytes on a socket; what comes back until the other side closes, or for a while."""
        where = urlsplit(self.url)
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        got = b""
        try:
            writer.write(data)
            async with asyncio.timeout(wait_s):
                await writer.drain()
                while chunk := await reader.read(65536):
                    got += chunk
                    if b"\r\n\r\n" in got and b"Connection: close" not in got:
                        break
        except (TimeoutError, ConnectionError):
            pass
        finally:
            writer.close()
        return got

    async def still_serves(self) -> None:
        async with asyncio.timeout(10):
            status, body = await self.post(self.message(f"SHC{self.world.ids.chance.randrange(10**11):011d}"))
        assert status == 202, body


@asynccontextmanager
async def site(folder: Path) -> AsyncIterator[Site]:
    settings = write_files(folder, trust_data())
    clock, ids = ManualClock(), SeededIds()
    async with aiohttp.ClientSession() as session:
        gateway = await build(settings, session, clock, ids, random.Random(1), tools())
        async with serving(gateway) as addresses:
            world = World(gateway, clock, ids, gateway.registry.trust, folder)
            async with books(world) as found:
                yield Site(gateway, world, addresses, session, found)


HEAD = "POST /v1/messages HTTP/1.1\r\nHost: gateway\r\nContent-Type: multipart/form-data; boundary=b\r\n"
PART = '--b\r\nContent-Disposition: form-data; name="request"\r\nContent-Type: application/xml\r\n\r\n'


def with_body(body: bytes, *fields: str) -> bytes:
    return (HEAD + "".join(f"{field}\r\n" for field in fields) + f"Content-Length: {len(body)}\r\n\r\n").encode() + body


RAW: Mapping[str, tuple[bytes, set[int]]] = {
    "no HTTP at all": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64), {400}),
    "header without end": (HEAD.encode() + b"X-Pad: " + b"a" * 100_000 + b"\r\n\r\n", {400, 431}),
    "too many headers": (HEAD.encode() + b"".join(b"X-%d: a\r\n" % n for n in range(100_000)) + b"\r\n", {400, 431}),
    "address without end": (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: g\r\n\r\n", {400, 414}),
    "two lengths": (HEAD.encode() + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", {400}),
    "length and chunks": (HEAD.encode() + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}),
    "length that is no number": (HEAD.encode() + b"Content-Length: many\r\n\r\n", {400}),
    "length below nought": (HEAD.encode() + b"Content-Length: -1\r\n\r\n", {400}),
    "length beyond the bound": (HEAD.encode() + b"Content-Length: 99999999999\r\n\r\n", {413, 400}),
    "chunk size that is no number": (HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n", {400}),
    "chunk longer than said": (HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\n2\r\nabcdef\r\n0\r\n\r\n", {400}),
    "chunk size beyond all": (HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 5000 + b"\r\n", {400}),
    "empty body": (with_body(b""), {400}),
    "boundary never comes": (with_body(b"x" * 100_000), {400}),
    "part never ends": (with_body(PART.encode() + b"x" * 100_000), {400}),
    "many parts": (with_body(PART.encode() + b"x\r\n" + (PART.encode() + b"\r\n") * 5000 + b"--b--\r\n"), {400, 413}),
    "part inside part": (with_body(b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--c--\r\n--b--\r\n"), {400}),
    "part without a name": (with_body(b"--b\r\nContent-Type: application/xml\r\n\r\nx\r\n--b--\r\n"), {400}),
    "part with a path for a name": (with_body(PART.replace("request", "../../etc/passwd").encode() + b"x\r\n--b--\r\n"), {400}),
    "part with endless headers": (with_body(b"--b\r\n" + b"X: y\r\n" * 50_000 + b"\r\nx\r\n--b--\r\n"), {400}),
    "part compressed": (with_body(PART.replace("\r\n\r\n", "\r\nContent-Encoding: gzip\r\n\r\n").encode() + b"x\r\n--b--\r\n"), {400}),
    "body compressed": (with_body(b"\x1f\x8b\x08", "Content-Encoding: gzip"), {400}),
    "body compressed and not": (with_body(b"x", "Content-Encoding: br"), {400}),
    "two envelopes": (with_body(PART.encode() + b"x\r\n--b--\r\n", "Credit-Envelope: a.b.c", "Credit-Envelope: a.b.c"), {400}),
    "envelope of rubbish": (
        with_body(PART.encode() + b"x\r\n--b--\r\n", "Credit-Envelope: a.b.c", "Credit-Secret: request=" + "A" * 43), {400},
    ),
    "envelope beyond its bound": (
        with_body(PART.encode() + b"x\r\n--b--\r\n", "Credit-Envelope: " + "a" * 17_000, "Credit-Secret: request=" + "A" * 43), {400, 413},
    ),
    "secrets without end": (
        with_body(PART.encode() + b"x\r\n--b--\r\n", "Credit-Envelope: a.b.c", "Credit-Secret: " + "a=b," * 4000), {400, 413},
    ),
    "upgrade": (HEAD.encode() + b"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n", {400}),
    "smuggled second request": (with_body(b"") + b"GET /v1/transfers HTTP/1.1\r\nHost: g\r\n\r\n", {400}),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::ResourceWarning")
async def test_listener_when_attacked_then_named_refusals_nothing_kept_and_it_goes_on(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        before = here.found.dump()
        for name, (data, statuses) in RAW.items():
            got = await here.raw(data)
            status = int(got.split(b" ", 2)[1]) if got.startswith(b"HTTP/1.") else 0
            assert status in statuses, (name, got[:300])
        assert here.found.dump() == before
        await here.still_serves()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/messages", 405), ("PUT", "/v1/messages", 405), ("DELETE", "/v1/transfers", 405), ("TRACE", "/v1/messages", 405),
        ("POST", "/v1/messages/", 404), ("POST", "/v1/message", 404), ("POST", "//v1/messages", 404), ("GET", "/", 404),
        ("GET", "/v1/transfers/" + "0" * 63, 404), ("GET", "/v1/transfers/%00", 404), ("GET", "/log/tile/0/%2e%2e/x", 404),
        ("GET", "/log/tile/" + "9" * 200, 404), ("GET", "/log/tile/9/000", 404), ("GET", "/log/tile/0/x" + "9" * 100, 404),
        ("GET", "/v1/transfers?cursor=%00%ff&limit=-1&state=%27;--", 401), ("GET", "/v1/log/proof?index=" + "9" * 400, 401),
        ("OPTIONS", "*", 404),
    ],
)  # fmt: skip
async def test_listener_when_asked_for_what_is_not_there_then_a_problem(tmp_path: Path, method: str, path: str, status: int) -> None:
    async with site(tmp_path) as here:
        got = await here.raw(f"{method} {path} HTTP/1.1\r\nHost: g\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        assert got.split(b" ", 2)[1] == str(status).encode(), got[:300]
        assert b"application/problem+json" in got
        await here.still_serves()


async def test_body_when_over_its_limit_then_413_before_it_is_whole(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        for total in (21 * MIB, 200 * MIB):

            async def body(total: int = total) -> AsyncIterator[bytes]:
                for _ in range(total // MIB):
                    yield bytes(MIB)

            try:
                async with here.session.post(here.url, data=body(), headers={"Content-Type": "multipart/form-data; boundary=b"}) as answer:
                    assert (answer.status, (await answer.json(content_type=None))["code"]) == (413, "format.too_large")
            except aiohttp.ClientError:
                pass  # it hung up while we were still sending
            await here.still_serves()


async def test_message_when_a_content_is_over_its_limit_then_named(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        good = here.message()
        body = b'--b\r\nContent-Disposition: form-data; name="part"\r\n\r\n' + bytes(8 * MIB + 1) + b"\r\n--b--\r\n"
        headers = {"Credit-Envelope": good.token, "Credit-Secret": "part=" + "A" * 43, "Content-Type": "multipart/form-data; boundary=b"}
        async with here.session.post(here.url, data=io.BytesIO(body), headers=headers) as answer:
            assert (answer.status, (await answer.json(content_type=None))["code"]) == (413, "format.too_large")
        await here.still_serves()


async def test_body_when_it_comes_too_slowly_then_408_and_others_are_not_kept_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.web.member_api.BODY_S", 0.3)
    async with site(tmp_path) as here:
        where = urlsplit(here.url)
        slow = [await asyncio.open_connection(where.hostname, where.port) for _ in range(40)]
        for _, writer in slow:
            writer.write(HEAD.encode() + b"Content-Length: 1000\r\n\r\n--b\r\n")
        await here.still_serves()
        async with asyncio.timeout(5):
            first = [await reader.readline() for reader, _ in slow]
        assert set(first) == {b"HTTP/1.1 408 Request Timeout\r\n"}
        for _, writer in slow:
            writer.close()
        await here.still_serves()


async def test_sender_when_it_hangs_up_midway_then_nothing_kept_and_others_served(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        where = urlsplit(here.url)
        before = here.found.dump()
        for _ in range(20):
            _, writer = await asyncio.open_connection(where.hostname, where.port)
            writer.write(HEAD.encode() + b"Content-Length: 1000\r\n\r\n--b\r\n")
            await writer.drain()
            writer.transport.abort()
        await asyncio.sleep(0.05)
        assert here.found.dump() == before
        await here.still_serves()


async def test_sender_when_it_hangs_up_before_the_answer_then_the_repeat_gets_it(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        message = here.message()
        task = asyncio.ensure_future(here.post(message))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])
        status, body = await here.post(message)
        assert status == 202, body
        assert len(here.found.transfers()) == 1


async def test_envelope_when_as_long_as_it_may_be_then_read_and_one_longer_not(tmp_path: Path) -> None:
    """16 KiB in one header field: past aiohttp's own limit, inside ours."""
    async with site(tmp_path) as here:
        names = [f"{'n' * 30}-{'m' * 30}-{n}" for n in range(24)]
        contents = [(name, b"x") for name in names]
        message = here.world.message("CN-31", "expire", contents, scp="c" * 64, target=HttpTarget("POST", here.url))
        assert 5_000 < len(message.token) < 16 * 1024
        status, body = await here.post(message)
        assert (status, body["problem"]["code"]) == (404, "transfer.unknown")
        padded = message.token + "A" * (16 * 1024 - len(message.token))
        async with here.session.post(
            here.url, data=with_form(b"x"), headers={"Credit-Envelope": padded, "Credit-Secret": "a=" + "A" * 43}
        ) as answer:
            assert (answer.status, (await answer.json(content_type=None))["code"]) == (401, "trust.bad_signature")
        await here.still_serves()


def with_form(data: bytes) -> aiohttp.MultipartWriter:
    form = aiohttp.MultipartWriter("form-data", boundary="b")
    form.append(data, {"Content-Type": "application/xml"}).set_content_disposition("form-data", name="a")
    return form


async def test_queue_when_full_then_503_with_retry_after_and_later_done(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        committer = here.gateway.committer
        committer._waiting_max = 0
        good = here.message()
        async with here.session.post(here.url, data=form_of(good), headers=headers_of(good)) as answer:
            body = await answer.json(content_type=None)
            assert (answer.status, body["code"], body["retryable"]) == (503, "storage.overloaded", True)
            assert int(answer.headers["Retry-After"]) > 0
        committer._waiting_max = 100
        assert (await here.post(good))[0] == 202


def form_of(message: Message) -> aiohttp.MultipartWriter:
    form = aiohttp.MultipartWriter("form-data", boundary="b")
    for content in message.contents.values():
        form.append(content.data, {"Content-Type": content.media_type}).set_content_disposition("form-data", name=content.name)
    return form


def headers_of(message: Message) -> list[tuple[str, str]]:
    return [
        ("Credit-Envelope", message.token),
        *(("Credit-Secret", f"{each.name}={b64url(each.secret)}") for each in message.contents.values()),
    ]


async def test_handler_when_it_fails_unexpectedly_then_a_problem_without_details(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with site(tmp_path) as here:

        async def broken(*_: object) -> Reply:
            raise LookupError(PERSON.name)

        monkeypatch.setattr(type(here.gateway.receiver), "receive", broken)
        good = here.message()
        async with here.session.post(here.url, data=form_of(good), headers=headers_of(good)) as answer:
            text = await answer.text()
            assert (answer.status, json.loads(text)["code"]) == (500, "http.500")
            assert PERSON.name not in text


@pytest.mark.parametrize(
    ("kind", "body", "statuses"),
    [
        ("application/x-www-form-urlencoded", b"\xff\xfe=1", {400}),
        ("application/x-www-form-urlencoded; charset=nonsense", b"a=1", {400, 415}),
        ("application/json", b"{}", {400}),
        ("application/x-www-form-urlencoded", b"a=1&" * 100_000, {400, 413}),
        ("application/x-www-form-urlencoded", b"grant_type=client_credentials&client_assertion=" + b"x" * 5000, {400, 401}),
        ("application/x-www-form-urlencoded", b"grant_type=password&username=a&password=b", {400, 401}),
    ],
)
async def test_token_request_when_hostile_then_refused(tmp_path: Path, kind: str, body: bytes, statuses: set[int]) -> None:
    async with site(tmp_path) as here:
        async with here.session.post(here.addresses.member_api + "/v1/token", data=body, headers={"Content-Type": kind}) as answer:
            assert answer.status in statuses, await answer.text()
        await here.still_serves()
