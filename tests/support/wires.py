"""Both ends of every transport, for the contract that they all keep: a whole gateway, and the bank's end as a small real server.

`wired(kind, folder)` gives one; what a bank does to send, to look and to be away differs by transport, nothing else.
"""

import asyncio
import base64
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from support.region import SAMPLES, ManualClock, Message, SeededIds, World, tools, trust_data, write_files
from support.sftp_server import Host, sftp_host

from gateway.app import build, serving
from gateway.errors import PeerUnavailableError
from gateway.federation.channels.https import HttpAnswer, HttpsChannel
from gateway.federation.channels.sftp import SftpChannel, SftpKeys, SftpPlace
from gateway.federation.channels.soap import SoapChannel
from gateway.federation.framing import RawMessage, from_files, to_files
from gateway.federation.members import Channel
from gateway.federation.message import HttpTarget, RawContent
from gateway.federation.protocol import LIFETIME_FILE_MAX
from gateway.model.canonical import unb64url
from gateway.transfers.file_exchange import OUTBOX
from gateway.web.member_api import read_multipart
from gateway.web.soap_api import read_soap, soap_fault

SH = (SAMPLES / "shanghai" / "samples" / "good" / "sh.json").read_bytes()
SH_RECORDS = ("SHC20230098812", "SHC20230098813", "SHZ2022551201", "SHT2024000917")
SENDER, TAKER = "CN-31", "CN-33"
WAIT_S = 10.0


async def until(true: Callable[[], bool | Awaitable[bool]]) -> None:
    async with asyncio.timeout(WAIT_S):
        while True:
            found = true()
            if await found if isinstance(found, Awaitable) else found:
                return
            await asyncio.sleep(0.01)


@dataclass
class Wire:
    """One transport between a bank and the gateway, seen from the bank."""

    world: World
    session: aiohttp.ClientSession
    base: str
    taken: list[RawMessage] = field(default_factory=list)

    target: HttpTarget | None = None
    inbox: HttpTarget | None = None
    life = timedelta(minutes=4)

    def request(self, **changes: Any) -> Message:
        return self.world.request(SENDER, TAKER, SH_RECORDS, SH, target=self.target, life=self.life, **changes)

    def __post_init__(self) -> None:
        """Each transport makes its own ends."""

    async def send(self, message: Message) -> HttpAnswer:
        raise NotImplementedError

    async def send_part(self, message: Message) -> None:
        """As much as gets through before the line is cut."""
        raise NotImplementedError

    async def look(self) -> None:
        """What the bank does to find the gateway's messages, where they do not come by themselves."""

    async def away(self) -> None:
        """The bank's end is down."""
        raise NotImplementedError

    async def back(self) -> None:
        raise NotImplementedError

    async def to_nobody(self, message: Message) -> HttpAnswer:
        """Send where nobody listens."""
        raise NotImplementedError


class Posted(Wire):
    """A bank with an HTTP endpoint of its own."""

    path = "/v1/messages"

    def __post_init__(self) -> None:
        self.target = HttpTarget("POST", self.base + self.path)
        self.channel: HttpsChannel | SoapChannel = HttpsChannel(self.session, 5)
        self.open = True

    async def send(self, message: Message) -> HttpAnswer:
        assert self.target is not None
        return await self.channel.post(self.target.url, message.token, list(message.contents.values()))

    async def send_part(self, message: Message) -> None:
        address = self.base.removeprefix("http://").split(":")
        _reader, writer = await asyncio.open_connection(address[0], int(address[1]))
        writer.write(await whole_request(self, message, cut=600))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def to_nobody(self, message: Message) -> HttpAnswer:
        return await self.channel.post("http://127.0.0.1:1" + self.path, message.token, list(message.contents.values()))

    async def away(self) -> None:
        self.open = False

    async def back(self) -> None:
        self.open = True

    async def take(self, request: web.Request) -> web.Response:
        assert self.inbox is not None
        if not self.open:
            return web.Response(status=503)
        self.taken.append((await read_multipart(request, self.inbox.url)).raw)
        return web.Response(status=202)


class Soap(Posted):
    """As above, in SOAP 1.1."""

    path = "/v1/soap"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.channel = SoapChannel(self.session, 5)

    async def take(self, request: web.Request) -> web.Response:
        assert self.inbox is not None
        if not self.open:
            return soap_fault(PeerUnavailableError("peer.unavailable", "稍后", "later"))
        self.taken.append((await read_soap(request, self.inbox.url)).raw)
        return web.Response(status=202)


class Mailbox(Posted):
    """A bank that polls: what is owed comes inside the answer, signed for that very poll."""

    async def look(self) -> None:
        if not self.open:
            return
        self.inbox = HttpTarget("POST", self.base + "/v1/mailbox")
        self.world.clock.advance(minutes=2)
        asked = self.world.message(TAKER, "collect", [], target=self.inbox)
        answer = await self.channel.post(self.inbox.url, asked.token, [])
        for handed in json.loads(answer.body)["messages"]:
            contents = {
                each["name"]: RawContent(each["name"], base64.b64decode(each["data"]), each["type"], unb64url(each["secret"]))
                for each in handed["contents"]
            }
            self.taken.append(RawMessage(handed["envelope"], contents))


class Files(Wire):
    """Two banks with folders: one that sends, one that takes."""

    life = LIFETIME_FILE_MAX

    def __post_init__(self) -> None:
        self.hosts: dict[str, Host] = {}
        self.names = 0

    @property
    def folder(self) -> Path:
        return self.hosts[SENDER].exchange / "to-gateway"

    def lay(self, message: Message, name: str, *, most: int | None = None) -> None:
        for file, data in to_files(name, message.token, list(message.contents.values()))[:most]:
            beside = self.folder / f".{file}.tmp"
            beside.write_bytes(data)
            beside.rename(self.folder / file)

    async def send(self, message: Message) -> HttpAnswer:
        self.names += 1
        name = f"m{self.names}"
        await until(self.folder.is_dir)
        self.lay(message, name)
        places = [self.folder / place / f"{name}.receipt" for place in ("done", "refused")]
        await until(lambda: any(place.exists() for place in places))
        found = next(place for place in places if place.exists())
        body = json.loads(found.read_bytes())
        problem = body.get("problem", body)
        status = 202 if found.parent.name == "done" else int(problem["status"])
        return HttpAnswer(status, found.read_bytes(), body.get("receipt", {}).pop("repeated", False))

    async def send_part(self, message: Message) -> None:
        await until(self.folder.is_dir)
        self.lay(message, "cut", most=-1)
        (self.folder / "cut.jws").write_bytes(message.token.encode()[:100])  # and this one without renaming
        (self.folder / ".cut.other.tmp").write_bytes(b"half")

    async def look(self) -> None:
        outbox = self.hosts[TAKER].exchange / OUTBOX
        for envelope in sorted(outbox.glob("*.jws")):
            files = {file.name: file.read_bytes() for file in outbox.glob(f"{envelope.stem}.*")}
            self.taken.append(from_files(envelope.stem, files))
            for file in files:
                (outbox / file).unlink()

    async def away(self) -> None:
        self.hosts[TAKER].steps.dead = True

    async def back(self) -> None:
        self.hosts[TAKER].steps.heal()

    async def to_nobody(self, message: Message) -> HttpAnswer:
        host = self.hosts[SENDER]
        place = replace(SftpPlace.read(host.endpoint), port=1)
        async with SftpChannel(place, SftpKeys(host.private_key_file, host.known_hosts_file), 1).open():
            raise AssertionError("somebody is there")


async def whole_request(wire: Posted, message: Message, *, cut: int) -> bytes:
    """A request that says it is long and ends early."""
    kind = "text/xml" if isinstance(wire, Soap) else "multipart/form-data; boundary=b"
    fields = (f"Content-Type: {kind}", "Content-Length: 100000", f"Credit-Envelope: {message.token}")
    head = "\r\n".join((f"POST {wire.path} HTTP/1.1", "Host: x", *fields, "", ""))
    return head.encode() + b"x" * cut


KINDS: dict[str, tuple[type[Wire], Channel]] = {
    "https": (Posted, Channel.PUSH),
    "mailbox": (Mailbox, Channel.MAILBOX),
    "soap": (Soap, Channel.SOAP),
    "sftp": (Files, Channel.SFTP),
}


@asynccontextmanager
async def wired(kind: str, folder: Path) -> AsyncIterator[Wire]:
    made, channel = KINDS[kind]
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        holder: list[Wire] = []
        endpoints, settings, hosts = dict[str, str](), dict[str, Any](), dict[str, Host]()
        url = ""
        if channel in {Channel.PUSH, Channel.SOAP}:

            async def take(request: web.Request) -> web.Response:
                wire = holder[0]
                assert isinstance(wire, Posted)
                return await wire.take(request)

            app = web.Application(client_max_size=32 << 20)
            app.add_routes([web.post("/inbox", take)])
            runner = web.AppRunner(app, access_log=None, max_field_size=32 * 1024)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            url = f"http://127.0.0.1:{runner.addresses[0][1]}/inbox"
            endpoints = {TAKER: url}
        elif channel is Channel.SFTP:
            for member in (SENDER, TAKER):
                hosts[member] = await stack.enter_async_context(sftp_host(folder / f"host-{member}", login=folder / "login"))
            endpoints = {member: host.endpoint for member, host in hosts.items()}
            known = folder / "known_hosts"
            known.write_text("".join(host.known_hosts_file.read_text() for host in hosts.values()))
            settings = {**hosts[SENDER].settings, "known_hosts_file": known}
        data = trust_data()
        members = tuple(
            replace(each, channel=channel, endpoint=endpoints.get(each.id, "")) if each.id in {TAKER, *endpoints} else each
            for each in data.members
        )
        files = write_files(folder / "node", replace(data, members=members))
        if settings:
            files = files.model_copy(update={"sftp": type(files.sftp)(**settings)})
        clock, ids = ManualClock(), SeededIds()
        gateway = await build(files, session, clock, ids, random.Random(1), tools())
        addresses = await stack.enter_async_context(serving(gateway))
        wire = made(World(gateway, clock, ids, gateway.registry.trust, folder), session, addresses.member_api)
        if url:
            wire.inbox = HttpTarget("POST", url)
        if isinstance(wire, Files):
            wire.hosts = hosts
        holder.append(wire)
        yield wire
