"""The sandbox alive on loopback: the gateway as `ceg serve` builds it, and four banks with their connectors.

The banks' sockets are bound first (Anhui's is an SFTP server), because the trust file names their addresses; then
come keys and trust file, the gateway, the connectors.  Everything ends when the context ends.
"""

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import structlog
from aiohttp import web

from gateway.app import Gateway, Tools, build, load_tools, region_settings, serving
from gateway.client.canary import Canaries
from gateway.client.cases import Tools as CaseTools
from gateway.client.chain_feed import ChainFeed, chain_starts
from gateway.client.connector import Connector
from gateway.client.connector_file import ConnectorFile
from gateway.client.exchange_folder import ExchangeFolder
from gateway.client.feed_desk import FeedDesk
from gateway.client.folder_bank import FolderBank
from gateway.client.office import MESSAGES_PATH, Office, Setup
from gateway.client.own_receipts import OwnReceipts
from gateway.client.pace import Pace
from gateway.client.reading import ReadingApi
from gateway.client.selection_book import SelectionBook
from gateway.client.selection_desk import Policy, SelectionDesk
from gateway.client.store import Store
from gateway.client.witness import Witness
from gateway.errors import GatewayError, SettingsError
from gateway.federation.channels.cursor import CursorChannel
from gateway.federation.channels.https import HttpsChannel, MessageChannel
from gateway.federation.channels.reading import ReadingChannel
from gateway.federation.channels.soap import SoapChannel
from gateway.federation.members import Channel
from gateway.federation.protocol import status_of
from gateway.listening import ConsoleDoor
from gateway.recognition.catalogue_load import DEMONSTRATION
from gateway.settings import Console, Recognition, Settings
from gateway.simulator.banks import SimulatedBank
from gateway.simulator.identity import identity_host, with_people
from gateway.simulator.people import ANHUI, MEMBERS
from gateway.simulator.sandbox import CHANNELS, PUSHED, REGIONS, SandboxFiles, prepare
from gateway.simulator.sftp_host import sftp_host
from gateway.simulator.switch_desk import SwitchDesk
from gateway.simulator.switches import Board, SkewedClock, Wire
from gateway.simulator.witnesses import reading, sandbox_witness
from gateway.storage.connector_schema import open_connector
from gateway.system import SystemClock, SystemIds, data_folder
from gateway.web.member_api import read_multipart
from gateway.web.pages.sign_in import CALLBACK
from gateway.web.soap_api import SOAP_PATH, read_soap, soap_fault
from gateway.web.witness_api import witness_listening

INBOX_PATH = "/inbox"
BODY_BYTES_MAX = 20 * 1024 * 1024
TIMEOUT_S = 10.0
HURRIED = Pace(first_s=0.2, most_s=5.0, idle_s=0.5, poll_s=0.15)
TRUST_POLL_S = 5.0
PULL_S = 60.0
SELECTIONS_S = 2.0
"""How often a bank of the sandbox asks for bulk selections."""
log = structlog.get_logger("gateway.connector")


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running region.  `connectors`, `banks` and `witnesses` by member id."""

    files: SandboxFiles
    tools: Tools
    gateway: Gateway
    channel: HttpsChannel
    banks: Mapping[str, SimulatedBank]
    connectors: Mapping[str, Connector]
    addresses: Mapping[str, str]
    chance: random.Random
    witnesses: Mapping[str, Witness]
    desk: SwitchDesk
    selections: Mapping[str, SelectionBook]


def inbox_app(
    connectors: list[Connector], url: str, path: str = INBOX_PATH, *, soap: bool = False, wire: Wire | None = None
) -> web.Application:
    """What a pushed member listens with: one route, which takes messages of the gateway bound to `url`.

    The list holds the one connector once it is there; before that the member asks to try later.  A sandbox's `wire` has faults.
    """

    async def take(request: web.Request) -> web.Response:
        if not connectors:
            return web.Response(status=503)
        try:
            message = await (read_soap(request, url) if soap else read_multipart(request, url))
            take = connectors[0].take if wire is None else wire.taking(connectors[0].take)
            await take(message.raw, message.target)
        except GatewayError as error:
            log.warning("message_not_taken", member=connectors[0].member, code=error.code, reason=error.facts.get("reason"))
            return soap_fault(error) if soap else web.json_response({"code": error.code}, status=status_of(error.code))
        return web.Response(status=202)

    app = web.Application(client_max_size=BODY_BYTES_MAX)
    app.add_routes([web.post(path, take)])
    return app


@asynccontextmanager
async def running(folder: Path, chance: random.Random) -> AsyncIterator[Sandbox]:
    """Start all of it in `folder`; listening when the body begins.  What goes wrong inside comes out as itself, not as a group."""
    try:
        async with _running(folder, chance) as sandbox:
            yield sandbox
    except BaseExceptionGroup as group:
        raise _first_of(group) from group


def _first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    first = group.exceptions[0]
    return _first_of(first) if isinstance(first, BaseExceptionGroup) else first


@asynccontextmanager
async def _running(folder: Path, chance: random.Random) -> AsyncIterator[Sandbox]:
    clock, ids, tools = SystemClock(), SystemIds(), load_tools()
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        channel = HttpsChannel(session, TIMEOUT_S)
        board = Board()
        waiting: dict[str, list[Connector]] = {member: [] for member in PUSHED}
        endpoints = {
            member: await _listen(stack, waiting[member], board.wire(member), soap=_speaks_soap(member)) for member in PUSHED
        }  # fmt: skip
        host = await stack.enter_async_context(sftp_host(folder / "banks" / ANHUI, board.wire(ANHUI)))
        endpoints[ANHUI] = host.endpoint
        reach = {"private_key_file": host.login_key_file, "known_hosts_file": host.known_hosts_file}
        holders: dict[str, list[Witness]] = {member: [] for member in MEMBERS}
        urls = {member: await stack.enter_async_context(witness_listening(holders[member], "127.0.0.1", 0)) for member in MEMBERS}
        files = await asyncio.to_thread(prepare, folder, endpoints, clock, ids, reach, urls)
        readers = {member: reading(session, "", member, files.bank_keys[member]) for member in MEMBERS}
        for member in MEMBERS:
            holders[member].append(await _witness(stack, files, member, readers[member]))
        provider = await stack.enter_async_context(identity_host(folder / "identity", clock, ids))
        gateway = await build(with_people(with_catalogue(files.settings), provider), session, clock, ids, random.SystemRandom(), tools)
        banks: dict[str, SimulatedBank] = {}
        connectors: dict[str, Connector] = {}
        desk = SwitchDesk(board, clock, ids, random.SystemRandom(), banks, connectors)
        listening = await stack.enter_async_context(serving(gateway, desk.door))
        provider.redirects.add(listening.people + CALLBACK)
        for reader in readers.values():
            reader.url = listening.member_api
        regions = {member: tools.regions[REGIONS[member]] for member in MEMBERS}
        case_tools = CaseTools(regions, tools.mapper, tools.standard)
        banks |= {member: SimulatedBank(member, regions[member], clock) for member in MEMBERS}
        consoles: dict[str, str] = {}
        selections: dict[str, SelectionBook] = {}
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        for member in MEMBERS:
            database = await open_connector(folder / "banks" / f"{member}.db")
            store = Store(database)
            stack.push_async_callback(store.close)
            setup = Setup(
                member, files.bank_keys[member], files.trust, listening.member_api, member not in endpoints, case_tools,
                SkewedClock(clock, board, member), ids, random.SystemRandom(), HURRIED,
                SOAP_PATH if _speaks_soap(member) else MESSAGES_PATH,
            )  # fmt: skip
            own: MessageChannel = SoapChannel(session, TIMEOUT_S) if _speaks_soap(member) else channel
            exchange = ExchangeFolder(host.exchange) if member == ANHUI else None
            connectors[member] = Connector(setup, banks[member], store, board.wire(member).posting(own.post), exchange)
            waiting.get(member, []).append(connectors[member])
            selections[member] = SelectionBook(database, clock)
            door = ConsoleDoor(Console.of({**provider.settings, "port": 0}), connectors[member], database, clock, ids, selections[member])
            stack.push_async_callback(door.close)
            consoles[member] = await door.open()
            provider.redirects.add(consoles[member] + CALLBACK)
        works = [tasks.create_task(desk.run()), *(tasks.create_task(each.run()) for each in connectors.values())]
        works += [  # a bank that speaks in files only has no way to ask
            tasks.create_task(selections_of(connectors[member].office, session, selections[member], Policy.ASK).run(SELECTIONS_S))
            for member in MEMBERS
            if member != ANHUI
        ]
        addresses = {
            "member_api": listening.member_api,
            "operations": listening.operations,
            "people": listening.people,
            "api_docs": listening.people + "/api/",
            **provider.doors(listening.people, consoles),
            **endpoints,
            **{f"{member} witness": url for member, url in urls.items()},
        }
        try:
            yield Sandbox(
                files, tools, gateway, channel, banks, connectors, addresses, chance,
                {member: holder[0] for member, holder in holders.items()}, desk, selections,
            )  # fmt: skip
        finally:
            for work in works:
                work.cancel()


@asynccontextmanager
async def connector_running(settings: ConnectorFile) -> AsyncIterator[Connector]:
    """What `ceg connector` runs: one real bank's connector over a bank of folders; pushed to, polling or in files, as the trust file says.

    Raises SettingsError, TrustError; StorageError for a database of a newer program.
    """
    clock, ids, tools = SystemClock(), SystemIds(), load_tools()
    trust, key = settings.trust(), settings.key()
    member = trust.member(settings.member)
    if member is None or trust.find_key(settings.member, key.kid) is None:
        raise SettingsError("settings.connector", "信任文件中没有该成员或其公钥", "the trust file knows no such member with this key")
    regions = {each.id: tools.regions[each.region] for each in trust.data.members}
    soap = member.channel is Channel.SOAP
    pushed = soap or member.channel is Channel.PUSH
    exchange = settings.exchange() if member.channel is Channel.SFTP else None
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        database = await open_connector(settings.folder / "connector.db")
        store = Store(database)
        stack.push_async_callback(store.close)
        bank = FolderBank(settings.folder, regions[member.id], await store.known_rows(), clock)
        setup = Setup(
            member.id, key, trust, settings.gateway_url, member.channel is Channel.MAILBOX,
            CaseTools(regions, tools.mapper, tools.standard), clock, ids, random.SystemRandom(),
            messages_path=SOAP_PATH if soap else MESSAGES_PATH,
        )  # fmt: skip
        channel: MessageChannel = SoapChannel(session, TIMEOUT_S) if soap else HttpsChannel(session, TIMEOUT_S)
        connector = Connector(setup, bank, store, channel.post, exchange)
        if pushed:
            inbox = inbox_app([connector], member.endpoint, urlsplit(member.endpoint).path, soap=soap)
            runner = web.AppRunner(inbox, access_log=None)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, settings.endpoint_host, settings.endpoint_port).start()
        selections = SelectionBook(database, clock)
        if settings.people:
            door = ConsoleDoor(Console.of(settings.people), connector, database, clock, ids, selections)
            stack.push_async_callback(door.close)
            log.info("console_open", member=member.id, url=await door.open())
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        works = [tasks.create_task(connector.run()), tasks.create_task(_watch(settings, connector))]
        works.append(tasks.create_task(FeedDesk(connector.office, bank.feeds, settings.folder).run()))
        if exchange is None:  # one that speaks in files only has no way to ask
            desk = selections_of(connector.office, session, selections, settings.selections)
            works.append(tasks.create_task(desk.run(settings.selections_every_s)))
        if settings.canary is not None:
            works.append(tasks.create_task(Canaries(connector.office, settings.canary.learner).run(settings.canary.every_s)))
        if settings.pull_url:
            pulled = CursorChannel(session, settings.pull_url, TIMEOUT_S, settings.pull_token())
            feed = ChainFeed(settings.folder / "feeds", pulled, chain_starts(region_settings()[member.region]), bank.accounts)
            works.append(tasks.create_task(feed.run(PULL_S)))
        try:
            yield connector
        finally:
            for work in works:
                work.cancel()


def selections_of(office: Office, session: aiohttp.ClientSession, book: SelectionBook, policy: Policy) -> SelectionDesk:
    """What collects the bulk selections that are released for this bank."""
    setup = office.setup
    api = ReadingApi(ReadingChannel(session, TIMEOUT_S), setup.gateway_url, setup.member, setup.key, setup.clock, setup.ids)
    return SelectionDesk(office, api, HttpsChannel(session, TIMEOUT_S), book, policy)


async def _watch(settings: ConnectorFile, connector: Connector) -> None:
    """A newer trust file is taken without a restart; a bad one is refused and the old one stays."""
    seen = settings.trust_signature_file.stat().st_mtime_ns
    while True:
        await asyncio.sleep(TRUST_POLL_S)
        try:
            found = settings.trust_signature_file.stat().st_mtime_ns
            if found != seen:
                trust = settings.trust()
                if trust.data.serial > connector.trust.data.serial:
                    connector.replace_trust(trust)
                seen = found
        except (OSError, GatewayError) as error:
            log.warning("trust_file_refused", code=getattr(error, "code", type(error).__name__))


def with_catalogue(settings: Settings) -> Settings:
    """The same, with the demonstration catalogue to estimate by.  It names programmes of two of the four banks."""
    folder = data_folder("standards") / "catalogue" / DEMONSTRATION
    return settings.model_copy(update={"recognition": Recognition(catalogue_folder=folder)})


def _speaks_soap(member: str) -> bool:
    return CHANNELS.get(member) is Channel.SOAP


async def _witness(stack: AsyncExitStack, files: SandboxFiles, member: str, reader: ReadingApi) -> Witness:
    """The member's own witness; it reads receipts in the connector's database, as `ceg witness` does with `connector_db`."""
    banks = files.folder / "banks"
    store = Store(await open_connector(banks / f"{member}.db"))
    stack.push_async_callback(store.close)
    key = files.witness_keys[member]
    witness = sandbox_witness(banks / f"{member}-witness", member, key, lambda: files.trust, reader, OwnReceipts(store))
    stack.callback(witness.close)
    return witness


async def _listen(stack: AsyncExitStack, connectors: list[Connector], wire: Wire, *, soap: bool) -> str:
    """An endpoint on a port of its own; its URL is known before anything answers there."""
    bound = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{bound.getsockname()[1]}{INBOX_PATH}"
    runner = web.AppRunner(inbox_app(connectors, url, soap=soap, wire=wire), access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.SockSite(runner, bound).start()
    return url
