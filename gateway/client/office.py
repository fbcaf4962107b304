"""What sender, desk and connector share: who they are, their store, the trust file in force, and the bells that wake them."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from gateway.client.bank import Bank
from gateway.client.canary_bank import CanaryBank
from gateway.client.cases import CaseReader, Tools
from gateway.client.outgoing import Writer
from gateway.client.pace import Pace
from gateway.client.receipts import Judge
from gateway.client.store import Store, moment_text
from gateway.crypto.keys import SigningKey
from gateway.errors import StorageBusyError
from gateway.federation.channels.https import HttpAnswer
from gateway.federation.message import Content
from gateway.federation.registry import TrustFile
from gateway.model.ports import Clock, IdSource
from gateway.storage.database import Write

BUSY_WAIT_S = 0.05
MESSAGES_PATH = "/v1/messages"

Post: TypeAlias = Callable[[str, str, Sequence[Content]], Awaitable[HttpAnswer]]
"""URL, token, contents → the answer.  Raises PeerError; a `PeerUnavailableError` is tried again."""


@dataclass(frozen=True, slots=True)
class Setup:
    """Who this connector speaks for, and with what.  `gateway_url` has no path; `mailbox`: it polls instead of being pushed to.

    `messages_path` is where its messages go: `/v1/messages`, or `/v1/soap` where `post` speaks SOAP.
    """

    member: str
    key: SigningKey
    trust: TrustFile
    gateway_url: str
    mailbox: bool
    tools: Tools
    clock: Clock
    ids: IdSource
    chance: random.Random
    pace: Pace = field(default_factory=Pace)
    messages_path: str = MESSAGES_PATH


class Office:
    """One bank's; `trust` is replaced whole when a newer trust file comes.

    `books` is held from reading a case to the commit that changes it, so that sender and desk never write over each other.
    """

    def __init__(self, setup: Setup, bank: Bank, store: Store, post: Post) -> None:
        self.setup = setup
        self.bank: Bank = CanaryBank(bank)
        self.store = store
        self.post = post
        self.trust = setup.trust
        self.writer = Writer(setup.ids)
        self.sender_bell = asyncio.Event()
        self.desk_bell = asyncio.Event()
        self.books = asyncio.Lock()

    @property
    def judge(self) -> Judge:
        """What answers are checked against."""
        return Judge(self.trust)

    @property
    def reader(self) -> CaseReader:
        """What messages of the gateway are checked with."""
        return CaseReader(self.setup.member, self.judge, self.setup.tools)

    def now_text(self) -> str:
        return moment_text(self.setup.clock.now())

    async def commit(self, writes: Sequence[Write]) -> None:
        """One transaction, then everybody looks again.  Waits while the file is busy; any other fault of the store ends the connector."""
        while True:
            try:
                await self.store.commit(writes)
                break
            except StorageBusyError:
                await asyncio.sleep(BUSY_WAIT_S)
        if writes:
            self.sender_bell.set()
            self.desk_bell.set()


async def wait_for(bell: asyncio.Event, seconds: float) -> None:
    """Until it rings, or so long."""
    try:
        async with asyncio.timeout(seconds):
            await bell.wait()
    except TimeoutError:
        return
