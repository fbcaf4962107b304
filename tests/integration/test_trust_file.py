"""The trust file replaced on disk while a node serves: a newer whole one works at once, one that forgets is refused."""

import asyncio
import random
from dataclasses import replace
from pathlib import Path

import aiohttp
from support.region import ManualClock, SeededIds, key_of, tools, trust_data, write_files

from gateway.app import Gateway, build, serving
from gateway.federation.members import KeyRecord, Member, TrustData


def with_key(data: TrustData, name: str, *, forget: bool) -> TrustData:
    """Anhui's next key, beside the old one or instead of it."""

    def changed(member: Member) -> Member:
        if member.id != "CN-34":
            return member
        old = member.keys[0]
        new = KeyRecord(key_of(name).verify_key, old.not_before, old.not_after)
        return replace(member, keys=(new,) if forget else (old, new))

    return replace(data, serial=data.serial + 1, members=tuple(map(changed, data.members)))


async def taken(gateway: Gateway, serial: int) -> bool:
    """Whether the file of `serial` is in force within a few looks."""
    for _ in range(40):
        if gateway.registry.trust.data.serial == serial:
            return True
        await asyncio.sleep(0.02)
    return False


async def test_trust_file_when_replaced_then_taken_unless_it_forgets_a_key(tmp_path: Path) -> None:
    data = trust_data()
    settings = write_files(tmp_path, data)
    async with aiohttp.ClientSession() as session:
        gateway = await build(settings, session, ManualClock(), SeededIds(), random.Random(1), tools())
        async with serving(gateway):
            size = gateway.ledger.size
            write_files(tmp_path, with_key(data, "next", forget=True))
            assert not await taken(gateway, data.serial + 1)
            assert gateway.ledger.size == size
            write_files(tmp_path, with_key(data, "next", forget=False))
            assert await taken(gateway, data.serial + 1)
            assert gateway.ledger.size == size + 1
