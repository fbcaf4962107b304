"""Plain reads of a gateway over HTTP: bounded, without redirects, every failure to answer named.

Nothing read here is signed; it is believed because the connection was made to the right place.
"""

from dataclasses import dataclass

import aiohttp

from gateway.errors import PeerError, PeerUnavailableError

ANSWER_BYTES_MAX = 16 * 1024 * 1024
BUSY_STATUS = frozenset({408, 425, 429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class ReadAnswer:
    """What came back; `body` is not yet believed to be anything."""

    status: int
    body: bytes


def http_session() -> aiohttp.ClientSession:
    """A client session for one process; close it (`async with`)."""
    return aiohttp.ClientSession()


class ReadingChannel:
    """GET and form POST over one session."""

    def __init__(self, session: aiohttp.ClientSession, timeout_s: float) -> None:
        self._session = session
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)

    async def get(self, url: str, token: str) -> ReadAnswer:
        """Raises PeerUnavailableError (`peer.unavailable`), PeerError (`peer.off_protocol`)."""
        return await self._ask("GET", url, {"Authorization": f"Bearer {token}"}, None)

    async def get_public(self, url: str) -> ReadAnswer:
        """As `get`, without saying who asks."""
        return await self._ask("GET", url, {}, None)

    async def post_form(self, url: str, form: dict[str, str]) -> ReadAnswer:
        """As `get`."""
        return await self._ask("POST", url, {}, form)

    async def _ask(self, method: str, url: str, headers: dict[str, str], form: dict[str, str] | None) -> ReadAnswer:
        try:
            async with self._session.request(
                method, url, headers=headers, data=form, timeout=self._timeout, allow_redirects=False
            ) as response:
                body = bytearray()
                while len(body) <= ANSWER_BYTES_MAX and (chunk := await response.content.read(64 * 1024)):
                    body += chunk
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise PeerUnavailableError(
                "peer.unavailable", "对方暂时无法连接", "the other side cannot be reached now", reason=type(error).__name__
            ) from error
        if len(body) > ANSWER_BYTES_MAX:
            raise PeerError("peer.off_protocol", "对方的答复过大", "the answer is over its limit")
        if response.status in BUSY_STATUS:
            raise PeerUnavailableError("peer.unavailable", "对方请稍后再试", "the other side asks to try later", status=response.status)
        return ReadAnswer(response.status, bytes(body))
