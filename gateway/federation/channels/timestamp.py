"""Asking a time-stamping authority over HTTP (RFC 3161, 3.4): one POST, one bounded reply."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp

from gateway.crypto.timestamps import REPLY_BYTES_MAX
from gateway.errors import PeerUnavailableError

TYPE = "application/timestamp-query"
REPLY_TYPE = "application/timestamp-reply"


@dataclass(frozen=True, slots=True)
class HttpStamps:
    """One authority.  Follows no redirect."""

    session: aiohttp.ClientSession
    url: str
    timeout_s: float
    reply_bytes_max: int

    async def ask(self, request: bytes) -> bytes:
        """The reply's bytes.  Raises PeerUnavailableError for anything but a reply of that type in time and within its bound."""
        timeout = aiohttp.ClientTimeout(total=self.timeout_s)
        try:
            async with self.session.post(
                self.url, data=request, headers={"Content-Type": TYPE}, timeout=timeout, allow_redirects=False
            ) as response:
                data = await response.content.read(self.reply_bytes_max + 1)
                while len(data) <= self.reply_bytes_max and (more := await response.content.read(self.reply_bytes_max)):
                    data += more
                if response.status != 200 or response.content_type != REPLY_TYPE or len(data) > self.reply_bytes_max:
                    raise _unavailable(f"status {response.status}")
                return data
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _unavailable(type(error).__name__) from error


def stamps_of(session: aiohttp.ClientSession, url: str, timeout_s: float) -> Callable[[bytes], Awaitable[bytes]] | None:
    """How the authority at this URL is asked; None where none is named."""
    return HttpStamps(session, url, timeout_s, REPLY_BYTES_MAX).ask if url else None


def _unavailable(reason: str) -> PeerUnavailableError:
    return PeerUnavailableError("peer.unavailable", "时间戳机构无法连接", "the time-stamping authority cannot be reached", reason=reason)
