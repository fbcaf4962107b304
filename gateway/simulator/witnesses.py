"""A witness put together and running: one real bank's (`ceg witness`), and the four of the sandbox."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import structlog

from gateway.client.mirror import Mirror
from gateway.client.own_leaves import Book
from gateway.client.own_receipts import OwnReceipts
from gateway.client.reading import ReadingApi
from gateway.client.store import Store
from gateway.client.witness import Witness
from gateway.client.witness_file import WitnessFile, log_verifier, witness_key
from gateway.crypto.keys import SigningKey
from gateway.errors import GatewayError
from gateway.federation.channels.reading import ReadingChannel, http_session
from gateway.federation.registry import TrustFile
from gateway.storage.connector_schema import open_connector
from gateway.system import SystemClock, SystemIds
from gateway.web.witness_api import witness_listening

TIMEOUT_S = 10.0
TRUST_POLL_S = 5.0
log = structlog.get_logger("gateway.witness")


@dataclass(frozen=True, slots=True)
class RunningWitness:
    """Where it listens, and what it has cosigned."""

    member: str
    url: str
    witness: Witness


@asynccontextmanager
async def witness_running(settings: WitnessFile) -> AsyncIterator[RunningWitness]:
    """What `ceg witness` runs.  Raises SettingsError, TrustError, TransferLogError, StorageError."""
    trusted = [settings.trust()]
    key = settings.key(trusted[0])
    async with AsyncExitStack() as stack:
        mirror = receipts = None
        if settings.member_key_file is not None:
            session = await stack.enter_async_context(http_session())
            member_key = SigningKey.load(settings.member_key_file)
            api = reading(session, settings.gateway_url, settings.member, member_key)
            book = None
            if settings.connector_db is not None:
                store = Store(await open_connector(settings.connector_db))
                stack.push_async_callback(store.close)
                book, receipts = Book(settings.member, store), OwnReceipts(store)
            mirror = Mirror(settings.folder, settings.member, lambda: trusted[0], api.log_file, book)
        witness = Witness.open(settings.folder, key, log_verifier(trusted[0]), mirror, SystemClock().now, receipts)
        stack.callback(witness.close)
        url = await stack.enter_async_context(witness_listening([witness], settings.host, settings.port))
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        watching = tasks.create_task(_watch(settings, trusted))
        try:
            yield RunningWitness(settings.member, url, witness)
        finally:
            watching.cancel()


def sandbox_witness(
    folder: Path, member: str, key: SigningKey, trust: Callable[[], TrustFile], api: ReadingApi, receipts: OwnReceipts
) -> Witness:
    """One of the sandbox's: with a mirror and the connector's receipts, without its book, since the script also sends by hand."""
    mirror = Mirror(folder, member, trust, api.log_file)
    found = trust()
    return Witness.open(folder, witness_key(key, member, found), log_verifier(found), mirror, SystemClock().now, receipts)


def reading(session: aiohttp.ClientSession, url: str, member: str, key: SigningKey) -> ReadingApi:
    """A member's way to read the log."""
    return ReadingApi(ReadingChannel(session, TIMEOUT_S), url, member, key, SystemClock(), SystemIds())


async def _watch(settings: WitnessFile, trusted: list[TrustFile]) -> None:
    """A newer trust file is taken without a restart; a bad one is refused and the old one stays."""
    seen = settings.trust_signature_file.stat().st_mtime_ns
    while True:
        await asyncio.sleep(TRUST_POLL_S)
        try:
            found = settings.trust_signature_file.stat().st_mtime_ns
            if found != seen:
                trust = settings.trust()
                if trust.data.serial > trusted[0].data.serial:
                    trusted[0] = trust
                seen = found
        except (OSError, GatewayError) as error:
            log.warning("trust_file_refused", code=getattr(error, "code", type(error).__name__))
