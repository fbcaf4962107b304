"""A witness over HTTP (C2SP tlog-witness): one POST, one small text back.  Nothing it says is believed here.

Beside the standard's `add-checkpoint` our own witnesses show the note they cosigned last, so that where two histories
exist both heads are at hand as evidence; another witness has no such address, and is asked in vain.
"""

from dataclasses import dataclass
from typing import Protocol

import aiohttp

from gateway.errors import PeerError, PeerUnavailableError

ADD_PATH = "/add-checkpoint"
HELD_PATH = "/checkpoint"
ANSWER_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class WitnessAnswer:
    """What came back, not yet believed.  Bytes that are no UTF-8 are replaced: no rule accepts them anyway."""

    status: int
    text: str


class WitnessChannel(Protocol):
    """Whatever carries an offer to a witness.  `url` is the witness's own, without a slash at its end."""

    async def offer(self, url: str, text: str) -> WitnessAnswer:
        """Raises PeerUnavailableError (`peer.unavailable`), PeerError (`peer.off_protocol`)."""
        ...

    async def held(self, url: str) -> WitnessAnswer:
        """The note that it cosigned last.  Raises as `offer`."""
        ...


class HttpWitnesses:
    """Over one client session; redirects are not followed, answers are bounded in bytes and time."""

    def __init__(self, session: aiohttp.ClientSession, timeout_s: float) -> None:
        self._session = session
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)

    async def offer(self, url: str, text: str) -> WitnessAnswer:
        return await self._ask("POST", url + ADD_PATH, text.encode("utf-8"))

    async def held(self, url: str) -> WitnessAnswer:
        return await self._ask("GET", url + HELD_PATH, None)

    async def _ask(self, method: str, url: str, data: bytes | None) -> WitnessAnswer:
        try:
            async with self._session.request(method, url, data=data, timeout=self._timeout, allow_redirects=False) as response:
                body = bytearray()
                while len(body) <= ANSWER_BYTES_MAX and (chunk := await response.content.read(ANSWER_BYTES_MAX)):
                    body += chunk
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise PeerUnavailableError(
                "peer.unavailable", "对方暂时无法连接", "the other side cannot be reached now", reason=type(error).__name__
            ) from error
        if len(body) > ANSWER_BYTES_MAX:
            raise PeerError("peer.off_protocol", "对方的答复过大", "the answer is over its limit")
        return WitnessAnswer(response.status, body.decode("utf-8", "replace"))
