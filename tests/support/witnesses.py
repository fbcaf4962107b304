"""Four witnesses in one process: the banks' own programs, reached without sockets, and ways to misbehave."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from support.region import REGIONS, World, key_of, trust_data

from gateway.client.mirror import Mirror
from gateway.client.own_leaves import Book
from gateway.client.own_receipts import OwnReceipts
from gateway.client.store import Store
from gateway.client.witness import Witness
from gateway.client.witness_file import log_verifier, witness_key
from gateway.errors import PeerUnavailableError
from gateway.federation.channels.witness import WitnessAnswer
from gateway.federation.members import Status, TrustData
from gateway.federation.registry import TrustFile
from gateway.transferlog.checkpoint import COSIGNATURE, NoteKey
from gateway.transfers.witnessing import Witnessing

Lie = Callable[[str], WitnessAnswer]
"""An offer's text to whatever a hostile witness answers."""


def witnessed_trust(**changes: object) -> TrustData:
    """The region's trust file with a witness for each member; the quorum is three."""
    data = trust_data()
    members = tuple(
        replace(
            member,
            witness_vkey=NoteKey(f"witness.test/{member.id}", COSIGNATURE, key_of(f"w{member.id}").public_raw).vkey,
            witness_url=f"http://127.0.0.1:1/{member.id}",
        )
        for member in data.members
    )
    return replace(data, members=members, **changes)


@dataclass
class Four:
    """A `WitnessChannel`.  `down` do not answer; `lies` answer as they please; `heads` is what `/checkpoint` shows instead."""

    folder: Path
    world: World
    mirrors: bool = False
    down: set[str] = field(default_factory=set)
    lies: dict[str, Lie] = field(default_factory=dict)
    heads: dict[str, str] = field(default_factory=dict)
    books: Mapping[str, Book] = field(default_factory=dict)
    receipts: Mapping[str, Store] = field(default_factory=dict)
    alter: Callable[[bytes], bytes] = lambda data: data
    offered: list[tuple[str, str]] = field(default_factory=list)
    witnesses: dict[str, Witness] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for member in REGIONS:
            self.start(member)

    @property
    def trust(self) -> TrustFile:
        return self.world.gateway.registry.trust

    def start(self, member: str) -> None:
        """Start it, or start it again on what it has on its disk."""
        if member in self.witnesses:
            self.witnesses[member].close()
        place = self.folder / f"witness-{member}"
        mirror = Mirror(place, member, lambda: self.trust, self.fetch, self.books.get(member)) if self.mirrors else None
        key = witness_key(key_of(f"w{member}"), member, TrustFile(witnessed_trust()))
        store = self.receipts.get(member)
        receipts = OwnReceipts(store) if store is not None else None
        self.witnesses[member] = Witness.open(place, key, log_verifier(self.trust), mirror, self.world.clock.now, receipts)

    def close(self) -> None:
        for witness in self.witnesses.values():
            witness.close()

    async def fetch(self, path: str) -> bytes:
        found = await self.world.gateway.parts.log_files.tile(path)
        assert found is not None, path
        return self.alter(found)

    async def offer(self, url: str, text: str) -> WitnessAnswer:
        member = url.rpartition("/")[2]
        self.offered.append((member, text))
        self._answering(member)
        if member in self.lies:
            return self.lies[member](text)
        reply = await self.witnesses[member].add(text)
        return WitnessAnswer(reply.status, reply.text)

    async def held(self, url: str) -> WitnessAnswer:
        member = url.rpartition("/")[2]
        self._answering(member)
        note = self.heads.get(member, self.witnesses[member].note)
        return WitnessAnswer(200 if note else 404, note)

    def service(self) -> Witnessing:
        """The gateway's own side, with these to ask."""
        gateway = self.world.gateway
        return Witnessing(
            gateway.database, gateway.parts.reading, gateway.ledger, gateway.finality, lambda: gateway.registry.trust, self, gateway.clock
        )  # fmt: skip

    def _answering(self, member: str) -> None:
        if member in self.down:
            raise PeerUnavailableError("peer.unavailable", "无法连接", "cannot be reached")


async def one_round(service: Witnessing) -> None:
    """Offer the present checkpoint to everybody, and wait for all the answers."""
    async with asyncio.TaskGroup() as tasks:
        await service.offer_round(tasks)


async def grow(world: World) -> int:
    """One more leaf: a member is suspended, or is no more.  The log's size."""
    data = world.gateway.registry.trust.data
    last = data.members[-1]
    status = Status.ACTIVE if last.status is Status.SUSPENDED else Status.SUSPENDED
    members = (*data.members[:-1], replace(last, status=status))
    await world.gateway.sync_registry(TrustFile(replace(data, serial=data.serial + 1, members=members)))
    return (await world.gateway.ledger.head())[0]
