"""A world without listeners, a real SFTP server, and the exchange between them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from support.region import SAMPLES, Message, World, region
from support.sftp_server import Host, sftp_host

from gateway.federation.channels.sftp import SftpChannel, SftpKeys, SftpPlace
from gateway.federation.framing import to_files
from gateway.federation.protocol import LIFETIME_FILE_MAX
from gateway.metrics import REGISTRY
from gateway.transfers.file_exchange import FileExchange

SH = (SAMPLES / "shanghai" / "samples" / "good" / "sh.json").read_bytes()
RECORDS = ("SHC20230098812", "SHC20230098813", "SHZ2022551201", "SHT2024000917")
SENDER, TAKER = "CN-31", "CN-33"


@dataclass
class Desk:
    """A world, a server, and the exchange between them."""

    world: World
    host: Host
    channel: SftpChannel
    exchange: FileExchange

    @property
    def inbox(self) -> Path:
        return self.host.exchange / "to-gateway"

    def request(self, number: int = 0, **changes: Any) -> Message:
        """A case of its own for each number: other records, so that no outcome is asked for twice."""
        records, part = RECORDS, SH
        if number:
            records = tuple(f"{record[:3]}{number:04d}{record[7:]}" for record in RECORDS)
            for old, new in zip(RECORDS, records, strict=True):
                part = part.replace(old.encode(), new.encode())
        return self.world.request(SENDER, TAKER, records, part, target=None, **{"life": LIFETIME_FILE_MAX} | changes)

    def lay(self, message: Message, name: str) -> list[str]:
        self.inbox.mkdir(exist_ok=True)
        files = to_files(name, message.token, list(message.contents.values()))
        for file, data in files:
            (self.inbox / file).write_bytes(data)
        return [file for file, _data in files]

    def receipt(self, name: str, place: str = "done") -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.inbox / place / f"{name}.receipt").read_bytes())
        return found

    def left(self) -> list[str]:
        return sorted(file.name for file in self.inbox.iterdir() if file.is_file() and not file.name.startswith("."))


@asynccontextmanager
async def desk(folder: Path, *, without: frozenset[str] = frozenset()) -> AsyncIterator[Desk]:
    async with sftp_host(folder / "host", without=without) as host, region(folder / "node") as world:
        channel = SftpChannel(SftpPlace.read(host.endpoint), SftpKeys(host.private_key_file, host.known_hosts_file), 5)
        receiver = world.gateway.receiver
        heard = world.gateway.courier.heard_from
        exchange = FileExchange(SENDER, channel, receiver.receive, heard, world.clock, timedelta(hours=1))
        yield Desk(world, host, channel, exchange)


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0
