"""Processes that can die: the gateway's node and each bank's connector, as their own programs build them.

A process is a set of tasks over one database file.  It dies at a commit (before it, or after it and before
anybody hears), by a fault of its database, or by being told; the file is then as a killed process leaves
it, write-ahead log and all, and the next start finds it so.
"""

import asyncio
import shutil
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from gateway.app import DATABASE_FILE, Gateway, Tools, wire
from gateway.client.connector import MAILBOX_PATH, Connector
from gateway.client.office import Setup
from gateway.client.store import Store
from gateway.errors import GatewayError, SettingsError, StorageBusyError, StorageError
from gateway.federation.channels.https import HttpAnswer
from gateway.federation.framing import from_http
from gateway.federation.message import HttpTarget
from gateway.federation.protocol import status_of
from gateway.settings import Settings
from gateway.simulator.banks import SimulatedBank
from gateway.simulator.faults import Kind
from gateway.simulator.forgetting import STATEMENTS as FORGETTING
from gateway.simulator.network import GATEWAY_URL, Form, Network, Trace
from gateway.simulator.virtual_loop import VirtualClock, VirtualLoop
from gateway.storage.connector_schema import open_connector
from gateway.storage.database import Database, Decide, Read, Row, Write
from gateway.storage.sqlite import SqliteDatabase
from gateway.transfers.problems import problem_document
from gateway.transfers.soap_message import FAULT_STATUS, soap_message, soap_refusal, soap_reply
from gateway.web.soap_api import SOAP_PATH

RESTART_S = 20.0
CHANGE_LEAF = "change_leaf"
STATEMENTS = {CHANGE_LEAF: "UPDATE log_entry SET leaf = ? WHERE idx = ?"}
"""What only somebody with the file in his hands would do."""
BEFORE = frozenset({Kind.DIES_BEFORE_COMMIT, Kind.BANK_DIES_BEFORE_COMMIT})
AFTER = frozenset({Kind.DIES_AFTER_COMMIT, Kind.BANK_DIES_AFTER_COMMIT})


LEAVES = "log_entry_add"


@dataclass(frozen=True, slots=True)
class Ail:
    """What a commit is to suffer; `leaves_only`: the next one that writes to the transfer log."""

    kind: Kind
    leaves_only: bool


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every process of a run shares."""

    loop: VirtualLoop
    network: Network
    trace: Trace
    met: Counter[str]
    spawn: Callable[[Coroutine[Any, Any, Any]], object]


class Host:
    """One process, kept alive by `keep` until `stop`."""

    def __init__(self, name: str, file: Path, around: Surroundings) -> None:
        self.name = name
        self.up = False
        self.ails: deque[Ail] = deque()
        self.unexpected: list[str] = []
        self.starts = 0
        self._file = file
        self._around = around
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._dying = asyncio.Event()
        self._standing = asyncio.Event()
        self._allowed = asyncio.Event()
        self._allowed.set()
        self._stopped = False
        self._database: Database | None = None

    # -- what runs in it --

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = self._around.loop.create_task(work)
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))
        return task

    def main(self, work: Coroutine[Any, Any, Any]) -> None:
        """The process ends when this does."""
        self.spawn(work).add_done_callback(self._main_ended)

    def _main_ended(self, task: asyncio.Task[Any]) -> None:
        if task.cancelled():
            return
        for fault in _leaves(task.exception()):
            if not isinstance(fault, StorageError):
                self.unexpected.append(f"{self.name} ended by {type(fault).__name__}: {fault}"[:300])
            self._around.trace.add("ended", self.name, type(fault).__name__)
        self.die("its own fault")

    async def start(self) -> Database:
        """Build the process and begin its `main` work."""
        raise NotImplementedError

    async def answer(self, url: str, form: Form) -> HttpAnswer:
        """What its HTTP edge answers."""
        raise NotImplementedError

    async def serve(self, url: str, form: Form) -> HttpAnswer:
        """As the edge does, a fault nobody foresaw becomes a 500; here it also fails the run."""
        try:
            return await self.answer(url, form)
        except Exception as error:  # noqa: BLE001 (as it says)
            self.unexpected.append(f"{self.name} answers 500: {type(error).__name__}: {error}"[:300])
            return HttpAnswer(500, b"{}", repeated=False)

    # -- life and death --

    def die(self, why: str) -> None:
        """At once: nobody hears anything from it any more."""
        if self.up:
            self.up = False
            self._standing.clear()
            self._around.trace.add("dies", self.name, why)
            self._dying.set()

    def down(self) -> None:
        """Switch it off until `allow`."""
        self._allowed.clear()
        self.die("switched off")

    def allow(self) -> None:
        self._allowed.set()

    async def standing(self) -> None:
        """Wait until it runs."""
        await self._standing.wait()

    async def keep(self) -> None:
        while not self._stopped:
            await self._allowed.wait()
            self._dying.clear()
            try:
                self._database = await self.start()
            except StorageError as fault:
                self._around.trace.add("cannot start", self.name, fault.code)
            else:
                self.starts += 1
                self.up = True
                self._standing.set()
                self._around.trace.add("starts", self.name)
                await self._dying.wait()
                await self._clear_up()
            await asyncio.sleep(RESTART_S)

    async def stop(self) -> None:
        """For good; the file is closed in order."""
        self._stopped = True
        self.up = False
        await self._end_tasks()
        if self._database is not None:
            await self._database.close()
            self._database = None

    async def _clear_up(self) -> None:
        """Tasks end, then the file is put back as it was at the moment of death."""
        await self._end_tasks()
        if self._database is not None:
            kept = [path for path in (self._file, self._file.with_name(self._file.name + "-wal")) if path.exists()]
            for path in kept:
                shutil.copyfile(path, path.with_name(path.name + ".kept"))
            await self._database.close()
            self._database = None
            for path in kept:
                path.with_name(path.name + ".kept").replace(path)

    async def _end_tasks(self) -> None:
        while self._tasks:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            for task in tasks:
                if not task.cancelled():
                    task.exception()

    # -- its database --

    def ailing(self, database: Database) -> Database:
        return AilingDatabase(database, self, self._around)


class _NeverCommittedError(Exception):
    """The process died inside the transaction."""


def raise_before(ail: Kind) -> None:
    """What keeps a transaction from being committed."""
    if ail in BEFORE:
        raise _NeverCommittedError
    if ail is Kind.DATABASE_BUSY:
        raise StorageBusyError("storage.busy", "数据库繁忙", "the database is busy")
    if ail is Kind.DISK_FULL:
        raise StorageError("storage.failed", "数据库写入失败", "the database could not write", reason="the disk is full")


@dataclass(frozen=True, slots=True)
class AilingDatabase:
    """A database whose next commits suffer what `host.ails` lists, one each."""

    inner: Database
    host: Host
    around: Surroundings

    async def group(self, reads: Sequence[Read], decide: Decide) -> None:
        met: list[Kind] = []

        def spoiled(rows: Sequence[list[Row]]) -> Sequence[Write]:
            """On the writer's thread, inside the transaction: what raises here is rolled back."""
            writes = decide(rows)
            ail = self._ail(writes)
            if ail is not None:
                met.append(ail)
                raise_before(ail)
            return writes

        try:
            await self.inner.group(reads, spoiled)
        except _NeverCommittedError:
            await self._die(met[0])
        finally:
            for ail in met:
                self.around.met[ail] += 1
                self.around.trace.add("ails", self.host.name, ail)
        self.around.trace.add("commit", self.host.name)
        if met and met[0] in AFTER:
            await self._die(met[0])
        if met and met[0] is Kind.COMMIT_UNKNOWN:
            raise StorageError("storage.failed", "数据库写入失败", "the database could not write", reason="nobody knows")

    def _ail(self, writes: Sequence[Write]) -> Kind | None:
        """The next ail, if this is a commit it waits for."""
        ails = self.host.ails
        if not ails or not self.host.up or (ails[0].leaves_only and not any(write.name == LEAVES for write in writes)):
            return None
        return ails.popleft().kind

    async def _die(self, why: Kind) -> None:
        """Nothing after this line ever runs in the process that called."""
        self.host.die(why)
        await asyncio.get_running_loop().create_future()

    async def fetch(self, name: str, **params: str | int) -> list[Row]:
        return await self.inner.fetch(name, **params)

    async def truncate_log(self) -> bool:
        return await self.inner.truncate_log()

    async def close(self) -> None:
        await self.inner.close()


class GatewayHost(Host):
    """The node, wired by `gateway.app` itself."""

    gateway: Gateway

    def __init__(self, settings: Settings, clock: VirtualClock, ids: Any, chance: Random, tools: Tools, around: Surroundings) -> None:
        super().__init__("gateway", settings.node.data_folder / DATABASE_FILE, around)
        self.settings = settings
        self.clock = clock
        self.ids = ids
        self._chance = chance
        self._tools = tools

    async def start(self) -> Database:
        opened: list[Database] = []

        async def open_database(path: Path, queries: Mapping[str, str]) -> Database:
            opened.append(self.ailing(await SqliteDatabase.open(path, {**queries, **STATEMENTS}, self._around.loop.turns)))
            return opened[-1]

        network = self._around.network
        self.gateway = await wire(
            self.settings, network.line(self.name), self.clock, self.ids, self._chance, self._tools, open_database,
            soap=network.soap_line(self.name),
        )  # fmt: skip
        self.gateway.parts.base_url = GATEWAY_URL
        self.main(self.gateway.run())
        await asyncio.wait([self.spawn(self.gateway.parts.ready.wait()), *list(self._tasks)[:1]], return_when=asyncio.FIRST_COMPLETED)
        if not self.gateway.parts.ready.is_set():
            await self._end_tasks()
            await opened[0].close()
            raise StorageError("storage.failed", "数据库写入失败", "the node could not start")
        return opened[0]

    async def answer(self, url: str, form: Form) -> HttpAnswer:
        """`gateway.web.member_api` and `soap_api` without sockets."""
        if isinstance(form, bytes):
            return await self._answer_soap(url, form)
        parts = self.gateway.parts
        try:
            raw, target = from_http(form.headers, form.parts), HttpTarget("POST", url)
            if url.endswith(MAILBOX_PATH):
                reply = await parts.mailbox.collect(raw, target)
            else:
                reply = await parts.receiver.receive(raw, target)
                parts.heard_from(reply.sender)
        except GatewayError as error:
            self._around.met[f"refused {error.code}"] += 1
            return HttpAnswer(*problem_document(error), repeated=False)
        return HttpAnswer(reply.status, reply.body, reply.repeated)

    async def _answer_soap(self, url: str, body: bytes) -> HttpAnswer:
        parts = self.gateway.parts
        try:
            message = soap_message("POST", url, body)
            reply = await parts.receiver.receive(message.raw, message.target)
        except GatewayError as error:
            self._around.met[f"refused {error.code}"] += 1
            return HttpAnswer(FAULT_STATUS, soap_refusal(error), repeated=False)
        parts.heard_from(reply.sender)
        return HttpAnswer(200, soap_reply(reply), repeated=False)


class BankHost(Host):
    """A bank's connector.  `bank` is the bank's own system, which does not die with it."""

    connector: Connector

    def __init__(self, setup: Setup, bank: SimulatedBank, file: Path, clock: VirtualClock, around: Surroundings) -> None:
        super().__init__(setup.member, file, around)
        self.setup = setup
        self.bank = bank
        self.clock = clock

    async def start(self) -> Database:
        database = self.ailing(await open_connector(self._file, self._around.loop.turns, FORGETTING))
        network = self._around.network
        line = network.soap_line(self.name) if self.setup.messages_path == SOAP_PATH else network.line(self.name)
        self.connector = Connector(self.setup, self.bank, Store(database), line.post)
        self.main(self.connector.run())
        return database

    async def answer(self, url: str, form: Form) -> HttpAnswer:
        """`live.inbox_app` without sockets."""
        try:
            if isinstance(form, bytes):
                message = soap_message("POST", url, form)
                await self.connector.take(message.raw, message.target)
            else:
                await self.connector.take(from_http(form.headers, form.parts), HttpTarget("POST", url))
        except GatewayError as error:
            self._around.met[f"not taken {error.code}"] += 1
            if isinstance(form, bytes):
                return HttpAnswer(FAULT_STATUS, soap_refusal(error), repeated=False)
            return HttpAnswer(status_of(error.code), b"{}", repeated=False)
        return HttpAnswer(202, b"", repeated=False)

    def use(self, **changes: Any) -> None:
        """Another key, another trust file: from the next start on; the process is told to restart."""
        self.setup = replace(self.setup, **changes)
        self.die("restarts with other settings")


def _leaves(fault: BaseException | None) -> list[BaseException]:
    if isinstance(fault, BaseExceptionGroup):
        return [leaf for each in fault.exceptions for leaf in _leaves(each)]
    return [fault if fault is not None else SettingsError("settings.connector", "进程自行结束", "the process ended by itself")]
