"""A node whose log a witness contradicts: up, readable, not ready, and taking nothing until that is over (TL-40, TL-41)."""

import asyncio
import random
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from support.region import ManualClock, SeededIds, key_of, tools, write_files
from support.witnesses import witnessed_trust

from gateway.app import build, serving
from gateway.client.witness import Witness
from gateway.client.witness_file import log_verifier, witness_key
from gateway.errors import PeerUnavailableError
from gateway.federation.channels.witness import HttpWitnesses
from gateway.federation.registry import TrustFile
from gateway.storage.database import Write
from gateway.transferlog.merkle import EMPTY_ROOT
from gateway.web.witness_api import witness_listening


async def test_node_when_started_with_a_standing_conflict_then_reads_but_is_not_ready_until_that_witness_cosigns(tmp_path: Path) -> None:
    clock, holder = ManualClock(), list[Witness]()
    async with witness_listening(holder, "127.0.0.1", 0) as url, aiohttp.ClientSession() as session:
        data = witnessed_trust()
        members = tuple(replace(each, witness_url=url if each.id == "CN-34" else "") for each in data.members)
        settings = write_files(tmp_path, replace(data, members=members, gateway=replace(data.gateway, witness_quorum=1)))
        gateway = await build(settings, session, clock, SeededIds(), random.Random(1), tools())
        note = gateway.ledger.note(0, EMPTY_ROOT)
        row = ("2026-11-01T00:00:00.000000Z", "CN-34", "rolled_back", 0, note, 0, "")
        await gateway.database.group([], lambda _rows: [Write("conflict_add", [row])])
        async with serving(gateway) as addresses:
            assert await status(session, addresses.operations + "/readyz") == 503
            assert await status(session, addresses.member_api + "/log/checkpoint") == 200
            assert await status(session, addresses.member_api + "/log/checkpoints/final") == 404
            assert (await gateway.ledger.head())[0] == 0  # not even the registry's own leaves

            key = witness_key(key_of("wCN-34"), "CN-34", TrustFile(data))
            holder.append(Witness.open(tmp_path / "witness", key, log_verifier(TrustFile(data)), None, clock.now))
            await gateway.witnessing.check()
            await until(session, addresses.operations + "/readyz")
            await until(session, addresses.member_api + "/log/checkpoints/final")
            async with session.get(addresses.member_api + "/log/proof?scope=log&seq=0") as answer:
                assert (answer.status, answer.headers["Credit-Final"]) == (200, "true")
            assert await status(session, addresses.member_api + "/log/proof?scope=log&seq=01") == 404
        holder[0].close()


async def test_witness_when_asked_over_http_then_what_is_malformed_or_too_long_is_refused(tmp_path: Path) -> None:
    async with witness_listening([], "127.0.0.1", 0) as url, aiohttp.ClientSession() as session:
        channel = HttpWitnesses(session, 2.0)
        assert (await channel.offer(url, "old 0\n\nnote")).status == 503
        assert (await channel.held(url)).status == 404
        data = TrustFile(witnessed_trust())
        witness = Witness.open(tmp_path, witness_key(key_of("wCN-31"), "CN-31", data), log_verifier(data), None, ManualClock().now)
        async with witness_listening([witness], "127.0.0.1", 0) as there:
            assert (await channel.offer(there, "old 0\n\nnote")).status == 400
            async with session.post(there + "/add-checkpoint", data=b"\xff\xfe") as answer:
                assert answer.status == 400
            async with session.post(there + "/add-checkpoint", data=b"x" * 200_000) as answer:
                assert answer.status == 413
        witness.close()
        with pytest.raises(PeerUnavailableError):
            await channel.held(there)


async def status(session: aiohttp.ClientSession, url: str) -> int:
    async with session.get(url) as answer:
        return answer.status


async def until(session: aiohttp.ClientSession, url: str) -> None:
    """Until it answers 200."""
    async with asyncio.timeout(10):
        while True:
            if await status(session, url) == 200:
                return
            await asyncio.sleep(0.02)
