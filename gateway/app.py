"""The composition root: the only place that builds things.

`wire` takes clock, ids, chance, transport and database; `build` passes it HTTPS and the database's own
threads, the simulation its network and its turns.  Nothing else differs.
"""

import asyncio
import json
import random
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
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
from gateway.federation.channels.soap import SoapChannel
from gateway.federation.channels.timestamp import stamps_of
from gateway.federation.channels.witness import HttpWitnesses, WitnessChannel
from gateway.federation.members import Channel
from gateway.federation.protocol import ENVELOPE_BYTES_MAX, GATEWAY_ID
from gateway.federation.registry import TrustFile
from gateway.federation.registry_watch import diff, warnings
from gateway.listening import PeopleDoor, listen, tls
from gateway.mapping.engine import Mapper, load_mapper
from gateway.mapping.schema import Standard
from gateway.model.codes import load_code_tables
from gateway.model.ports import Clock, IdSource
from gateway.reach import carriers, sftp_channels
from gateway.recognition.catalogue_load import load_folder
from gateway.settings import Settings
from gateway.storage.committer import Committer
from gateway.storage.database import Database, load_queries
from gateway.storage.schema import upgrade
from gateway.storage.sealed_rows import SealedDatabase
from gateway.storage.sqlite import SqliteDatabase
from gateway.system import data_folder, package_folder
from gateway.transferlog.checkpoint import LOG_SIGNATURE, NoteKey
from gateway.transfers.access import use_assertion
from gateway.transfers.agreements import day_of
from gateway.transfers.answers import Answer
from gateway.transfers.canaries import CanaryWatch
from gateway.transfers.centre import Centre
from gateway.transfers.consent_terms import ConsentTerms
from gateway.transfers.courier import Courier, Pace
from gateway.transfers.dispatch import Dispatcher
from gateway.transfers.estimates import Estimates
from gateway.transfers.evidence import Evidence
from gateway.transfers.evidence_desk import EvidenceDesk
from gateway.transfers.file_exchange import FileExchange
from gateway.transfers.finality import Finality
from gateway.transfers.handover_desk import HandoverDesk
from gateway.transfers.intake import Reader
from gateway.transfers.integrity_reads import IntegrityReads
from gateway.transfers.log_files import LogFiles
from gateway.transfers.log_reading import LogReading
from gateway.transfers.log_signer import LogSigner
from gateway.transfers.log_tasks import Task, export_tasks, stamp_tasks
from gateway.transfers.mailbox import Mailbox
from gateway.transfers.news_watch import NewsWatch
from gateway.transfers.presiding_board import PresidingBoard
from gateway.transfers.proposals import Proposer
from gateway.transfers.receive import Receiver
from gateway.transfers.recognised import Before
from gateway.transfers.registry import Registry, SyncRegistry
from gateway.transfers.report_paper import Papers
from gateway.transfers.review_watch import ReviewWatch
from gateway.transfers.rule_book import RuleBook
from gateway.transfers.rule_desk import RuleDesk
from gateway.transfers.rule_view import RuleShelf
from gateway.transfers.stamping import Ask
from gateway.transfers.state_watch import StateWatch
from gateway.transfers.statement_watch import StatementWatch
from gateway.transfers.status import Status
from gateway.transfers.trial import DryDispatcher, Trials
from gateway.transfers.unit_of_work import Change, Ledger
from gateway.transfers.vault import Vault
from gateway.transfers.watch import DeadlineWatch
from gateway.transfers.witnessing import Witnessing
from gateway.web.keys import Parts
from gateway.web.pages.sandbox_door import SandboxDoor
from gateway.web.routes import member_app, ops_app
from gateway.web.token import Access

log = structlog.get_logger("gateway.app")
DATABASE_FILE = "gateway.db"
OpenDatabase: TypeAlias = Callable[[Path, Mapping[str, str]], Awaitable[Database]]
"""A migrated file and the named statements → the database."""
FIELD_BYTES_MAX = ENVELOPE_BYTES_MAX + 1024
"""An envelope travels in one header field; servers' usual limit of 8 KiB is too small for it."""


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
    finality: Finality
    witnessing: Witnessing
    reviews: ReviewWatch
    news: NewsWatch
    keeping: tuple[Task, ...]

    async def sync_registry(self, trust: TrustFile) -> None:
        """Make a trust file's changes leaves first, then law."""
        await self.committer.submit(SyncRegistry(trust, self.ids.jti(), GATEWAY_ID, self.settings.log.origin))
        self.registry.replace(trust)

    async def run(self) -> None:
        """Write, deliver and watch the trust file until cancelled.  If one of them dies, all stop."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.committer.run())
            await self.witnessing.check()
            tasks.create_task(self.witnessing.run())
            if not self.witnessing.open.is_set():  # reading goes on; whatever would write waits until the conflict is over
                self.parts.ready.set()
                await self.witnessing.open.wait()
            await self.sync_registry(self.registry.trust)
            tasks.create_task(self.courier.run())
            for exchange in self.exchanges:
                tasks.create_task(exchange.run(self.settings.sftp.poll_s))
            tasks.create_task(self._watch_trust())
            tasks.create_task(self.watch.run(self.settings.deadlines.poll_s))
            tasks.create_task(self.states.run(self.settings.deadlines.poll_s))
            tasks.create_task(self.statements.run(self.settings.deadlines.poll_s))
            tasks.create_task(self.reviews.run(self.settings.deadlines.poll_s))
            tasks.create_task(self.news.run(self.settings.deadlines.poll_s))
            for keep in self.keeping:
                tasks.create_task(keep())
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
    soap, witnesses = SoapChannel(session, timeout_s), HttpWitnesses(session, settings.log.witness_timeout_s)
    https, ask = HttpsChannel(session, timeout_s), stamps_of(session, settings.timestamp.url, settings.timestamp.timeout_s)
    return await wire(settings, https, clock, ids, chance, tools, soap=soap, witnesses=witnesses, ask=ask)


async def wire(
    settings: Settings,
    channel: MessageChannel,
    clock: Clock,
    ids: IdSource,
    chance: random.Random,
    tools: Tools,
    open_database: OpenDatabase = SqliteDatabase.open,
    soap: MessageChannel | None = None,
    witnesses: WitnessChannel | None = None,
    ask: Ask | None = None,
) -> Gateway:
    """Open the database and wire a node; without `soap` its members are posted to over `channel`, without `witnesses` none is asked.

    `ask` reaches the time-stamping authority, where one is named.

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
    master_key = KeyEncryptionKey.load(settings.keys.master_key_file)
    opened = await open_database(file, load_queries(package_folder() / "storage" / "sql" / "queries.sql"))
    database = SealedDatabase(opened, master_key)
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
    finality = Finality(database, reading, ledger, lambda: registry.trust)
    witnessing = Witnessing(database, reading, ledger, finality, lambda: registry.trust, witnesses, clock, settings.log.witness_every_s)
    committer = Committer[Change, Answer](database, ledger, batch_max=settings.node.batch_max, waiting_max=settings.node.waiting_max)
    vault = Vault(database, master_key, ids)
    codes = tools.mapper.codes
    shelf, folder = RuleShelf(database, codes), settings.recognition.catalogue_folder
    catalogue = load_folder(folder, codes) if folder is not None else None
    proposer = Proposer(Before(database, vault, tools.standard), catalogue, shelf.current_rules, clock)
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
        handovers=HandoverDesk(registry, tools.standard, vault, database, reading, clock, ids),
    )
    delivery = settings.delivery
    courier = Courier(
        dispatcher,
        committer,
        carriers(settings, members, dispatcher, {Channel.PUSH: channel, Channel.SOAP: soap or channel}, files),
        clock,
        chance,
        Pace(delivery.first_s, delivery.most_s, delivery.idle_s),
    )
    patience = timedelta(seconds=settings.sftp.patience_s)
    exchanges = tuple(
        FileExchange(member, files[member], receiver.receive, courier.heard_from, clock, patience) for member in sorted(files)
    )
    lanes.append(courier)
    log_files, stamp = LogFiles(database, reading, ledger, finality), settings.timestamp
    keeping = export_tasks(log_files, settings.log.export_folder, settings.log.export_every_s)
    keeping += stamp_tasks(database, log_files, clock, ids, ask, stamp.certificate_file, stamp.every_s)
    watch = DeadlineWatch(database, committer, clock, ids, timedelta(seconds=settings.deadlines.warn_s))
    evidence = Evidence(database, reading, ledger, finality, vault, lambda: registry.trust)
    status = Status(
        database, reading, lambda parties: registry.trust.presiding(clock.now(), parties), lambda: registry.founding, finality.size
    )
    canaries, lasting = CanaryWatch(
        database, lambda: [each.id for each in registry.trust.data.members], clock, timedelta(seconds=settings.canary.late_s)
    ), ConsentTerms(database, committer, clock, ids, settings.retention.records_years)  # fmt: skip
    keeping += tuple(partial(each.run, settings.deadlines.poll_s) for each in (canaries, lasting))
    trials = Trials(DryDispatcher.of(dispatcher), lambda: registry.trust, courier.condition)
    parts = Parts(
        receiver=receiver,
        mailbox=Mailbox(receiver, dispatcher),
        estimates=Estimates(adapters, tools.mapper, proposer),
        integrity=IntegrityReads(database, committer, lambda parties: registry.trust.presiding(clock.now(), parties), ids),
        status=status,
        reading=reading,
        ledger=ledger,
        log_files=log_files,
        finality=finality,
        evidence=EvidenceDesk(evidence, status, committer, ids),
        log_open=witnessing.open.is_set,
        heard_from=courier.heard_from,
        clocks_agree=watch.clocks_agree,
        body_bytes_max=settings.listen.body_bytes_max,
        rules=shelf,
        canaries=canaries,
        presiding=PresidingBoard(database, lambda: registry.trust, clock),
        rule_book=RuleBook(shelf, database, codes, catalogue, needed, settings.rules.review_warn_days),
        centre=Centre(database, reading, committer, clock, ids, lambda: registry.trust, signing_key, finality, courier.condition, trials),
        papers=Papers.of(tools.mapper, settings.report.fonts_folder),
        today=lambda: day_of(clock.now()),
    )
    access = Access(registry, partial(use_assertion, committer), signing_key, GATEWAY_ID, clock, ids)
    return Gateway(
        settings, tools, database, committer, ledger, registry, receiver, courier, exchanges, watch, states, statements, parts, access,
        ids, clock, finality, witnessing, ReviewWatch(shelf, catalogue, clock, settings.rules.review_warn_days),
        NewsWatch(database, committer, reading, registry.active, clock, ids), keeping,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a served node listens."""

    member_api: str
    operations: str
    people: str = ""
    """"" where no identity provider is named: then there are no pages."""


@asynccontextmanager
async def serving(gateway: Gateway, sandbox: SandboxDoor | None = None) -> AsyncIterator[Addresses]:
    """Listen, and run the node in the background while the body runs.  Only a sandbox gives its door."""
    settings = gateway.settings.listen
    members = web.AppRunner(member_app(gateway.parts, gateway.access), access_log=None, max_field_size=FIELD_BYTES_MAX)
    ops = web.AppRunner(ops_app(gateway.parts), access_log=None)
    door = PeopleDoor(gateway.settings, gateway.parts, gateway.database, gateway.registry, gateway.clock, gateway.ids, sandbox)
    try:
        member_url = await listen(members, settings.host, settings.port, tls(settings))
        ops_url = await listen(ops, settings.ops_host, settings.ops_port)
        gateway.parts.base_url = settings.public_url or member_url
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(gateway.run())
            await gateway.parts.ready.wait()
            people = await door.open()
            watching = tasks.create_task(door.watch())
            yield Addresses(settings.public_url or member_url, ops_url, people)
            watching.cancel()
            await door.close()
            await members.cleanup()  # no new connections, and what is under way is answered, while the writer still writes
            running.cancel()
    finally:
        await door.close()
        await members.cleanup()
        await ops.cleanup()
        await gateway.database.close()
