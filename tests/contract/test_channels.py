"""One contract for every way a message travels: HTTPS push, mailbox, SOAP, SFTP.  docs/transports.md, TR-1 to TR-7.

Both ways: what a bank sends reaches the gateway, what the gateway owes reaches the bank.  The gateway is whole
and real, the bank's end is a small server of the test, and everything goes over sockets.
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
import pytest
from aiohttp import web
from support.region import SAMPLES, ManualClock, Message, SeededIds, World, tools, trust_data, write_files
from support.sftp_server import Host, sftp_host

from gateway.app import build, serving
from gateway.client.receipts import Judge, Sent
from gateway.crypto.digests import salted_digest
from gateway.errors import GatewayError, PeerUnavailableError
from gateway.federation.channels.https import HttpAnswer, HttpsChannel
from gateway.federation.channels.sftp import SftpChannel, SftpKeys, SftpPlace
from gateway.federation.channels.soap import SoapChannel
from gateway.federation.envelope import VerifiedMessage, unseal
from gateway.federation.framing import RawMessage, from_files, to_files
from gateway.federation.members import Channel
from gateway.federation.message import HttpTarget, RawContent
from gateway.federation.protocol import CONTENT_BYTES_MAX, LIFETIME_FILE_MAX
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


@pytest.fixture(params=sorted(KINDS))
async def wire(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Wire]:
    async with wired(request.param, tmp_path) as made:
        yield made


def judged(wire: Wire, message: Message, answer: HttpAnswer) -> Any:
    """The answer, believed as a bank's connector would."""
    digests = tuple((each.name, salted_digest(each.secret, each.data), len(each.data)) for each in message.contents.values())
    body = json.loads(answer.body)
    body["receipt"].pop("repeated", None)
    sent = Sent(SENDER, message.jti, "request", digests)
    return Judge(wire.world.trust).answer(sent, answer.status, json.dumps(body).encode(), wire.world.clock.now())


async def came(wire: Wire) -> VerifiedMessage:
    """The next message the bank was given, believed."""

    async def some() -> bool:
        await wire.look()
        return bool(wire.taken)

    await until(some)
    raw = wire.taken[0]
    world = wire.world
    return unseal(raw.token, raw.contents, keys=world.trust.finder(world.clock.now()), audience=TAKER, http=wire.inbox)


async def test_message_of_a_bank_when_sent_then_kept_byte_for_byte_with_its_secrets(wire: Wire) -> None:
    message = wire.request()
    answer = await wire.send(message)
    body = judged(wire, message, answer).body
    kept = await wire.world.gateway.receiver.vault.all_of(body["transfer"])
    for name, content in message.contents.items():
        found = kept[SENDER, message.jti, name]
        assert (found.data, found.secret) == (content.data, content.secret), name
    assert not answer.repeated


async def test_message_of_the_gateway_when_owed_then_arrives_byte_for_byte_with_its_secrets(wire: Wire) -> None:
    sent = wire.request()
    await wire.send(sent)
    message = await came(wire)
    kept = await wire.world.gateway.receiver.vault.all_of(message.scp or "")
    assert message.act == "forward"
    assert {"case", "local", "regional", "part", "identity"} <= message.contents.keys()
    for name, content in message.contents.items():
        mine = next(each for key, each in kept.items() if key[2] == name)
        assert (content.data, content.secret) == (mine.data, mine.secret), name
    assert message.contents["part"].data == sent.contents["part"].data


async def test_message_when_repeated_then_stored_answer_marked_and_nothing_done_twice(wire: Wire) -> None:
    message = wire.request()
    first = await wire.send(message)
    size = wire.world.gateway.ledger.size
    again = await wire.send(message)
    assert (first.repeated, again.repeated) == (False, True)
    assert judged(wire, message, again).raw == judged(wire, message, first).raw
    assert wire.world.gateway.ledger.size == size


async def test_send_when_cut_off_then_nothing_is_half_done_and_the_whole_one_is_taken(wire: Wire) -> None:
    message = wire.request()
    size = wire.world.gateway.ledger.size
    await wire.send_part(message)
    await asyncio.sleep(0.2)
    assert wire.world.gateway.ledger.size == size
    answer = await wire.send(message)
    assert (judged(wire, message, answer).status, answer.repeated) == (202, False)


async def test_peer_when_down_then_unavailable_is_raised(wire: Wire) -> None:
    with pytest.raises(PeerUnavailableError) as told:
        await wire.to_nobody(wire.request())
    assert (told.value.code, told.value.retry) == ("peer.unavailable", True)


async def test_bank_when_down_then_nothing_is_lost_and_it_comes_once_it_is_back(wire: Wire) -> None:
    await wire.away()
    await wire.send(wire.request())
    dispatcher = wire.world.gateway.parts.mailbox.dispatcher

    async def tried() -> bool:
        await wire.look()
        wire.world.clock.advance(seconds=1)
        rows = await dispatcher.due(TAKER, 10, at_once=True)
        return bool(rows) and (isinstance(wire, Mailbox) or rows[0].attempts > 1)

    await until(tried)
    assert wire.taken == []
    if not isinstance(wire, Mailbox):
        assert (await dispatcher.due(TAKER, 10, at_once=True))[0].last_error == "peer.unavailable"
    await wire.back()
    wire.world.clock.advance(minutes=5)
    assert (await came(wire)).act == "forward"


async def test_answer_when_held_against_another_message_then_not_believed(wire: Wire) -> None:
    message, other = wire.request(), wire.request()
    answer = await wire.send(message)
    assert judged(wire, message, answer).body["jti"] == message.jti
    with pytest.raises(GatewayError) as told:
        judged(wire, other, answer)
    assert told.value.code == "peer.unproven"


async def test_message_when_signed_for_another_transport_then_refused(wire: Wire) -> None:
    size = wire.world.gateway.ledger.size
    other = HttpTarget("POST", wire.base + "/v1/elsewhere")
    answer = await wire.send(wire.world.request(SENDER, TAKER, SH_RECORDS, SH, target=other, life=timedelta(minutes=4)))
    assert (answer.status, json.loads(answer.body)["code"]) == (401, "trust.wrong_target")
    assert wire.world.gateway.ledger.size == size


async def test_message_when_over_its_bounds_then_refused_by_name_and_nothing_kept(wire: Wire) -> None:
    size = wire.world.gateway.ledger.size
    message = wire.request()
    part = message.contents["part"]
    large = replace(message, contents={**message.contents, "part": replace(part, data=bytes(CONTENT_BYTES_MAX + 1))})
    try:
        answer = await wire.send(large)
        told = (answer.status, json.loads(answer.body)["code"])
    except GatewayError as refused:  # what this side already knows will not be taken
        told = (413, refused.code)
    assert told == (413, "format.too_large")
    assert wire.world.gateway.ledger.size == size
    assert (await wire.send(message)).status == 202
