"""Anhui's connector over its exchange folder, which a real SFTP server shows to the gateway; and a disk on which it can die at any step."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from support.connectors import KilledError, Region, four_banks
from support.region import World, region
from support.sftp_server import Host, sftp_host

from gateway.client.connector import Connector
from gateway.client.exchange_folder import ExchangeFolder
from gateway.errors import PeerUnavailableError
from gateway.federation.channels.sftp import SftpChannel, SftpKeys, SftpPlace
from gateway.storage.database import Database
from gateway.transfers.file_exchange import FileCarrier, FileExchange

BANK = "CN-34"


class MortalFolder(ExchangeFolder):
    """Dies at its `death`-th step: before it (a file then is half written), or right after it."""

    def __init__(self, path: Path, death: int = -1, *, after: bool = False) -> None:
        super().__init__(path)
        self.death, self.after = death, after
        self.steps: list[str] = []

    def write(self, beside: Path, data: bytes) -> None:
        self._step("write", lambda: super(MortalFolder, self).write(beside, data), lambda: beside.write_bytes(data[: len(data) // 2]))

    def rename(self, source: Path, target: Path) -> None:
        self._step("rename", lambda: super(MortalFolder, self).rename(source, target))

    def unlink(self, path: Path) -> None:
        self._step("unlink", lambda: super(MortalFolder, self).unlink(path))

    def _step(self, name: str, done: Callable[[], object], half: Callable[[], object] = lambda: None) -> None:
        here = len(self.steps) == self.death
        self.steps.append(name)
        if here and not self.after:
            half()
            raise KilledError
        done()
        if here:
            raise KilledError


@dataclass
class FileSide:
    """Four banks, of which Anhui's speaks in files.  `replay`: the gateway lays what it owes again at every look."""

    banks: Region
    host: Host
    exchange: FileExchange
    carrier: FileCarrier
    replay: bool = False
    laid: set[str] = field(default_factory=set)

    @property
    def world(self) -> World:
        return self.banks.world

    async def connect(
        self, disk: ExchangeFolder | None = None, wrap: Callable[[Database], Database] = lambda database: database
    ) -> Connector:
        """Start (or start again) Anhui's connector, on its database and its folder."""
        return await self.banks.connect(BANK, wrap, disk or ExchangeFolder(self.host.exchange))

    async def gateway_looks(self) -> None:
        """As its own loop does; a file that is renamed while the server lists the folder only ends the round."""
        with suppress(PeerUnavailableError):
            await self._look()

    async def _look(self) -> None:
        await self.exchange.look()
        dispatcher = self.carrier.dispatcher
        for row in await dispatcher.due(BANK, 16, at_once=True):
            if row.jti not in self.laid or self.replay:
                parcel = await dispatcher.parcel(row)
                if parcel is not None:
                    await self.carrier.carry(parcel)
                    self.laid.add(row.jti)

    async def work(self, *others: str, until: Callable[[], Any], away: bool = False) -> None:
        """Run Anhui's connector and `others` until `until` holds; `away`: the gateway does not look."""
        async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(self.banks.connectors[member].run()) for member in (BANK, *others)]
            while not await until():
                await asyncio.sleep(0.005)
                if not away:
                    await self.gateway_looks()
                self.world.clock.advance(seconds=2)
            for each in running:
                each.cancel()

    def left(self) -> list[str]:
        """Every file under the exchange folder."""
        return sorted(str(path.relative_to(self.host.exchange)) for path in self.host.exchange.rglob("*") if path.is_file())

    async def quiet(self) -> bool:
        """Nothing is owed by Anhui, and its folder is empty."""
        store = self.banks.connectors[BANK].store
        return not (await store.due("9999", 1) or await store.kept(1) or await store.to_do() or self.left())


@asynccontextmanager
async def file_side(folder: Path) -> AsyncIterator[FileSide]:
    async with sftp_host(folder / "host") as host, region(folder / "node") as world, four_banks(world) as banks:
        channel = SftpChannel(SftpPlace.read(host.endpoint), SftpKeys(host.private_key_file, host.known_hosts_file), 5)
        gateway = world.gateway
        exchange = FileExchange(BANK, channel, gateway.receiver.receive, gateway.courier.heard_from, world.clock, timedelta(hours=1))
        yield FileSide(banks, host, exchange, FileCarrier(gateway.parts.mailbox.dispatcher, channel, 1.0))
