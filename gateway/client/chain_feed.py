"""Keeps a bank's feed folder filled from its own chain endpoint: one file an account, replaced whole when it has grown.

The file is the state: after a restart it is read, checked and continued.  A chain at fault keeps its last good
file and is told with the heights; the other accounts go on.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import structlog

from gateway.adapters.zhejiang.chain import Start
from gateway.adapters.zhejiang.learner import account_of
from gateway.client.chain_pull import PulledChain, pull
from gateway.errors import FormatError, GatewayError, RecordError
from gateway.federation.channels.cursor import PAGE_LIMITS, CursorChannel
from gateway.formats.json_safe import JsonLimits, read_json

FILE_LIMITS: Final = JsonLimits(bytes_max=16 * PAGE_LIMITS.bytes_max, nodes_max=2_000_000)
log = structlog.get_logger("gateway.connector")


def chain_starts(table: Mapping[str, Any]) -> tuple[Start, ...]:
    """The trusted starts of an adapter's settings, those of a single account first."""
    rows = [Start(row["height"], row["prev_hash"], account_of(row.get("account", ""))) for row in table.get("trusted_starts", ())]
    return tuple(sorted(rows, key=lambda start: not start.account))


class ChainFeed:
    """`starts`: trusted starts, one for a single account before one for any.  `accounts` tells whom to ask for."""

    def __init__(self, folder: Path, channel: CursorChannel, starts: Sequence[Start], accounts: Callable[[], Iterable[str]]) -> None:
        self._folder = folder
        self._channel = channel
        self._starts = starts
        self._accounts = accounts

    async def run(self, every_s: float) -> None:
        """Until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(every_s)

    async def look(self) -> int:
        """One round over all accounts; how many files were replaced."""
        replaced = 0
        for written in self._accounts():
            try:
                account = account_of(written)
            except ValueError:
                log.warning("chain_account_unreadable")
                continue
            try:
                replaced += await self._refresh(account)
            except GatewayError as fault:
                self._tell(account, fault)
        return replaced

    def _tell(self, account: str, fault: GatewayError) -> None:
        """A chain at fault is an alarm, a bank that cannot be asked just now is not."""
        if isinstance(fault, RecordError):
            log.error("chain_at_fault", code=fault.code, file=self.file(account).name, **fault.facts)
        else:
            log.warning("chain_not_pulled", code=fault.code, file=self.file(account).name)

    def file(self, account: str) -> Path:
        """Named by a digest: file names are shown in places where an account has no business."""
        return self._folder / f"chain-{sha256(account.encode()).hexdigest()[:16]}.json"

    async def _refresh(self, account: str) -> bool:
        chain = self._held(account)
        try:
            grown = await pull(self._channel, chain)
        except GatewayError:
            self._keep(chain, account)  # what was checked before the fault is good
            raise
        if grown:
            self._keep(chain, account)
        return grown > 0

    def _held(self, account: str) -> PulledChain:
        start = next(each for each in self._starts if each.account in {account, ""})
        chain = PulledChain(account, start)
        path = self.file(account)
        if path.exists():
            value = read_json(path.read_bytes(), FILE_LIMITS)
            if not isinstance(value, dict):
                raise FormatError("format.not_object", "文件不是一个对象", "the file is not one object")
            chain.load(value)
        return chain

    def _keep(self, chain: PulledChain, account: str) -> None:
        if not chain.entries:
            return
        path = self.file(account)
        beside = self._folder.parent / f"{path.name}.new"  # not among the feeds: somebody may be reading those
        beside.write_bytes(chain.content())
        beside.replace(path)
