"""The composition root: the only place that builds things.

`wire` takes clock, ids, chance, transport and database; `build` passes it HTTPS and the database's own
threads, the simulation its network and its turns.  Nothing else differs.
"""

import asyncio
import json
import random
import ssl
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeAlias

import aiohttp
import structlog
from aiohttp import web

from gateway.adapters.contract import RegionAdapter
from gateway.adapters.loader import load_adapters
from gateway.crypto.keys import SigningKey, VerifyKey, read_secret_file
from gateway.crypto.sealing import KeyEncryptionKey
from gateway.errors import GatewayError, SettingsError
from gateway.federation.channels.https import HttpsChannel, MessageChannel
from gateway.federation.channels.sftp import SftpChannel, SftpKeys, SftpPlace
from gateway.federation.channels.soap import SoapChannel
from gateway.federation.members import Channel, Member
from gateway.federation.protocol import ENVELOPE_BYTES_MAX, GATEWAY_ID
from gateway.federation.registry import TrustFile
from gateway.federation.registry_watch import diff, warnings
from gateway.mapping.engine import Mapper, load_mapper
from gateway.mapping.schema import Standard
from gateway.model.codes import load_code_tables
from gateway.model.ports import Clock, IdSource
from gateway.recognition.catalogue_load import load_folder
from gateway.settings import Listen, Settings
from gateway.storage.committer import Committer
from gateway.storage.database import Database, load_queries
from gateway.storage.schema import upgrade
from gateway.storage.sqlite import SqliteDatabase
from gateway.system import data_folder, package_folder
from gateway.transferlog.checkpoint import LOG_SIGNATURE, NoteKey
from gateway.transfers.access import use_assertion
from gateway.transfers.agreements import day_of
from gateway.transfers.answers import Answer
from gateway.transfers.courier import Carrier, Courier, Pace, PushCarrier
from gateway.transfers.dispatch import Dispatcher
from gateway.transfers.estimates import Estimates
from gateway.transfers.file_exchange import FileCarrier, FileExchange
from gateway.transfers.intake import Reader
from gateway.transfers.log_files import LogFiles
from gateway.transfers.log_reading import LogReading
from gateway.transfers.mailbox import Mailbox
from gateway.transfers.proposals import Proposer
from gateway.transfers.receive import Receiver
from gateway.transfers.registry import Registry, SyncRegistry
from gateway.transfers.rule_desk import RuleDesk
from gateway.transfers.rule_view import RuleShelf
from gateway.transfers.state_watch import StateWatch
from gateway.transfers.statement_watch import StatementWatch
from gateway.transfers.status import Status
from gateway.transfers.unit_of_work import Change, Ledger
from gateway.transfers.vault import Vault
from gateway.transfers.watch import DeadlineWatch
from gateway.web.keys import Parts
from gateway.web.routes import member_app, ops_app
from gateway.web.token import Access

log = structlog.get_logger("gateway.app")
DATABASE_FILE = "gateway.db"
OpenDatabase: TypeAlias = Callable[[Path, Mapping[str, str]], Awaitable[Database]]
"""A migrated file and the named statements → the database."""
FIELD_BYTES_MAX = ENVELOPE_BYTES_MAX + 1024
"""An envelope travels in one header field; servers' usual limit of 8 KiB is too small for it."""


@dataclass(frozen=True, slots=True)
class LogSigner:
    """The transfer log's own key, as notes name it."""

    key: SigningKey
    note_key: NoteKey

    @property
    def name(self) -> str:
        return self.note_key.name

    @property
    def key_id(self) -> bytes:
        return self.note_key.id

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message)


@dataclass(frozen=True, slots=True)
class Tools:
    """What reads and writes formats: loaded once, used by gateway, connector and command line alike."""

    standard: Standard
    mapper: Mapper
    regions: Mapping[str, RegionAdapter]


def load_tools() -> Tools:
    """Standards, code tables, mapping rules and the four adapters of this installation."""
    standards = data_folder("standards")
    codes = load_code_tables(standards)
    mapper = load_mapper(package_folder() / "mapping" / "rules", codes)
    return Tools(Standard(standards), mapper, load_adapters(region_settings()))


def region_settings() -> dict[str, dict[str, object]]:
    """The `[adapter]` table of each `config/regions/<region>.toml`."""
    found: dict[str, dict[str, object]] = {}
    for file in sorted((data_folder("config") / "regions").glob("*.toml")):
        table = tomllib.loads(file.read_text("utf-8"))
        found[str(table["region"])] = table["adapter"]
    return found


def load_trust(settings: Settings) -> TrustFile:
    """The trust file under its pinned registry key.  Raises SettingsError, TrustError."""
    try:
        pinned = VerifyKey.from_jwk(json.loads(settings.trust.registry_key_file.read_text("ascii")))
        raw = settings.trust.file.read_bytes()
        signature = settings.trust.signature_file.read_text("ascii")
    except (OSError, ValueError) as error:
        raise SettingsError(
            "settings.trust_file", "信任文件无法读取", "the trust file cannot be read", reason=type(error).__name__
        ) from error
    return TrustFile.load(raw, signature, [pinned])


@dataclass(frozen=True, slots=True)
class Gateway:
    """A built node.  `run` keeps it working."""

    settings: Settings
    tools: Tools
    database: Database
    committer: Committer[Change, Answer]
    ledger: Ledger
    registry: Registry
    receiver: Receiver
    courier: Courier
    exchanges: tuple[FileExchange, ...]
    watch: DeadlineWatch
    states: StateWatch
    statements: StatementWatch
    parts: Parts
    access: Access
    ids: IdSource
    clock: Clock

    async def sync_registry(self, trust: TrustFile) -> None:
        """Make a trust file's changes leaves first, then law."""
        await self.committer.submit(SyncRegistry(trust, self.ids.jti(), GATEWAY_ID, self.settings.log.origin))
        self.registry.replace(trust)

    async def run(self) -> None:
        """Write, deliver and watch the trust file until cancelled.  If one of them dies, all stop."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.committer.run())
            await self.sync_registry(self.registry.trust)
            tasks.create_task(self.courier.run())
            for exchange in self.exchanges:
                tasks.create_task(exchange.run(self.settings.sftp.poll_s))
            tasks.create_task(self._watch_trust())
            tasks.create_task(self.watch.run(self.settings.deadlines.poll_s))
            tasks.create_task(self.states.run(self.settings.deadlines.poll_s))
            tasks.create_task(self.statements.run(self.settings.deadlines.poll_s))
            self.parts.ready.set()

    async def _watch_trust(self) -> None:
        """A new trust file works at once, without a restart; one that is bad, goes back or forgets is refused and the old one stays."""
        seen = self.settings.trust.signature_file.stat().st_mtime_ns
        while True:
            await asyncio.sleep(self.settings.trust.poll_s)
            try:
                found = self.settings.trust.signature_file.stat().st_mtime_ns
                if found != seen:
                    trust = load_trust(self.settings)
                    changes = diff(self.registry.trust, trust)
                    if trust.data != self.registry.trust.data:
                        await self.sync_registry(trust)
                        log.info("trust_file_taken", serial=trust.data.serial, changes=[change.kind for change in changes])
                    seen = found
            except (OSError, GatewayError) as error:
                log.warning("trust_file_refused", code=getattr(error, "code", type(error).__name__))


async def build(
    settings: Settings, session: aiohttp.ClientSession, clock: Clock, ids: IdSource, chance: random.Random, tools: Tools
) -> Gateway:
    """A node that speaks HTTPS and SOAP over `session`.  Raises SettingsError, TrustError, StorageError."""
    timeout_s = settings.delivery.timeout_s
    return await wire(settings, HttpsChannel(session, timeout_s), clock, ids, chance, tools, soap=SoapChannel(session, timeout_s))


async def wire(
    settings: Settings,
    channel: MessageChannel,
    clock: Clock,
    ids: IdSource,
    chance: random.Random,
    tools: Tools,
    open_database: OpenDatabase = SqliteDatabase.open,
    soap: MessageChannel | None = None,
) -> Gateway:
    """Open the database and wire a node; without `soap` its members are posted to over `channel`.

    Raises SettingsError, TrustError, StorageError.
    """
    trust = load_trust(settings)
    trust.check_current(clock.now())
    for expiry in warnings(trust, clock.now()):
        log.warning("runs_out", what=expiry.what, subject=expiry.subject, kid=expiry.kid, within_days=expiry.within_days)
    members = trust.data.members
    files = sftp_channels(settings, members)
    file = settings.node.data_folder / DATABASE_FILE
    upgrade(file)
    database = await open_database(file, load_queries(package_folder() / "storage" / "sql" / "queries.sql"))
    registry = Registry(trust)
    adapters = {member.id: tools.regions[member.region] for member in members}
    log_key = SigningKey.load(settings.keys.log_key_file)
    signing_key = SigningKey.load(settings.keys.signing_key_file)
    reading = LogReading(database)
    lanes: list[Courier] = []

    def wake(woken: set[str]) -> None:
        for lane in lanes:
            lane.wake(woken)

    ledger = Ledger(
        reading,
        clock,
        LogSigner(log_key, NoteKey(settings.log.origin, LOG_SIGNATURE, log_key.public_raw)),
        wake,
        registry.take,
    )
    committer = Committer[Change, Answer](database, ledger, batch_max=settings.node.batch_max, waiting_max=settings.node.waiting_max)
    vault = Vault(database, KeyEncryptionKey.load(settings.keys.master_key_file), ids)
    codes = tools.mapper.codes
    shelf, folder = RuleShelf(database, codes), settings.recognition.catalogue_folder
    proposer = Proposer(database, load_folder(folder, codes) if folder is not None else None, shelf.current_rules, clock)
    dispatcher = Dispatcher(
        database, committer, ledger, reading, vault, adapters, tools.mapper, tools.standard, signing_key, clock, ids, proposer
    )
    every = timedelta(seconds=settings.delivery.digest_every_s)
    states = StateWatch(database, committer, vault, registry.active, clock, ids, every)
    statements = StatementWatch(database, committer, vault, clock, ids)
    needed = settings.rules.approvals_needed
    receiver = Receiver(
        registry=registry,
        reader=Reader(adapters, tools.mapper, tools.standard, read_secret_file(settings.keys.nullifier_key_file), ids),
        vault=vault,
        database=database,
        committer=committer,
        ledger=ledger,
        reading=reading,
        signing_key=signing_key,
        pseudonym_key=read_secret_file(settings.keys.pseudonym_key_file),
        clock=clock,
        ids=ids,
        states=states,
        statements=statements,
        rules=RuleDesk(shelf, codes, tools.standard, vault, database, clock, ids, needed),
    )
    delivery = settings.delivery
    courier = Courier(
        dispatcher,
        committer,
        _carriers(settings, members, dispatcher, {Channel.PUSH: channel, Channel.SOAP: soap or channel}, files),
        clock,
        chance,
        Pace(delivery.first_s, delivery.most_s, delivery.idle_s),
    )
    patience = timedelta(seconds=settings.sftp.patience_s)
    exchanges = tuple(
        FileExchange(member, files[member], receiver.receive, courier.heard_from, clock, patience) for member in sorted(files)
    )
    lanes.append(courier)
    watch = DeadlineWatch(database, committer, clock, ids, timedelta(seconds=settings.deadlines.warn_s))
    parts = Parts(
        receiver=receiver,
        mailbox=Mailbox(receiver, dispatcher),
        estimates=Estimates(adapters, tools.mapper, proposer),
        status=Status(database, reading, lambda parties: registry.trust.presiding(clock.now(), parties), lambda: registry.founding),
        reading=reading,
        ledger=ledger,
        log_files=LogFiles(reading, ledger),
        heard_from=courier.heard_from,
        clocks_agree=watch.clocks_agree,
        body_bytes_max=settings.listen.body_bytes_max,
        rules=shelf,
        today=lambda: day_of(clock.now()),
    )
    access = Access(registry, partial(use_assertion, committer), signing_key, GATEWAY_ID, clock, ids)
    return Gateway(
        settings, tools, database, committer, ledger, registry, receiver, courier, exchanges, watch, states, statements, parts, access,
        ids, clock,
    )  # fmt: skip


def sftp_channels(settings: Settings, members: Sequence[Member]) -> dict[str, SftpChannel]:
    """For each member that speaks in files.  Raises SettingsError `settings.sftp` when there is one and no key to use."""
    spoken = [member for member in members if member.channel is Channel.SFTP]
    if not spoken:
        return {}
    key, hosts = settings.sftp.private_key_file, settings.sftp.known_hosts_file
    if key is None or hosts is None:
        raise SettingsError(
            "settings.sftp",
            "信任文件中有 SFTP 成员,须设置 sftp 的私钥与主机公钥文件",
            "the trust file names SFTP members: set both [sftp] files",
        )
    keys = SftpKeys(key, hosts)
    keys.check()
    return {member.id: SftpChannel(SftpPlace.read(member.endpoint), keys, settings.sftp.timeout_s) for member in spoken}


def _carriers(
    settings: Settings,
    members: Sequence[Member],
    dispatcher: Dispatcher,
    pushes: Mapping[Channel, MessageChannel],
    files: Mapping[str, SftpChannel],
) -> dict[str, Carrier]:
    """How each member that is sent to is reached; a mailbox is not: its member comes and asks."""
    found: dict[str, Carrier] = {}
    for member in members:
        if member.channel in pushes:
            found[member.id] = PushCarrier(dispatcher, pushes[member.channel], member.endpoint, settings.delivery.acknowledge_s)
        elif member.id in files:
            found[member.id] = FileCarrier(dispatcher, files[member.id], settings.sftp.acknowledge_s)
    return found


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a served node listens."""

    member_api: str
    operations: str


@asynccontextmanager
async def serving(gateway: Gateway) -> AsyncIterator[Addresses]:
    """Listen, and run the node in the background while the body runs."""
    settings = gateway.settings.listen
    members = web.AppRunner(member_app(gateway.parts, gateway.access), access_log=None, max_field_size=FIELD_BYTES_MAX)
    ops = web.AppRunner(ops_app(gateway.parts), access_log=None)
    try:
        member_url = await _listen(members, settings.host, settings.port, tls(settings))
        ops_url = await _listen(ops, settings.ops_host, settings.ops_port)
        gateway.parts.base_url = settings.public_url or member_url
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(gateway.run())
            await gateway.parts.ready.wait()
            yield Addresses(settings.public_url or member_url, ops_url)
            await members.cleanup()  # no new connections, and what is under way is answered, while the writer still writes
            running.cancel()
    finally:
        await members.cleanup()
        await ops.cleanup()
        await gateway.database.close()


async def _listen(runner: web.AppRunner, host: str, port: int, context: ssl.SSLContext | None = None) -> str:
    await runner.setup()
    site = web.TCPSite(runner, host, port, ssl_context=context)
    await site.start()
    address = runner.addresses[0]
    return f"{'https' if context else 'http'}://{address[0]}:{address[1]}"


def tls(listen: Listen) -> ssl.SSLContext | None:
    """TLS for the member API where both files are set.  Raises SettingsError when they cannot be used."""
    if listen.tls_cert_file is None and listen.tls_key_file is None:
        return None
    try:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(listen.tls_cert_file or "", listen.tls_key_file)
    except (OSError, ValueError) as error:
        raise SettingsError(
            "settings.tls", "TLS 证书或私钥无法使用", "the TLS certificate or key cannot be used", reason=type(error).__name__
        ) from error
    return context
