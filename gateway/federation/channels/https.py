"""HTTPS push: one signed message, one POST, one answer.

The answer to a push says only that the bytes arrived; success is the member's signed
acknowledgement, which comes as a message of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Protocol

import aiohttp

from gateway.errors import PeerError, PeerUnavailableError
from gateway.federation.framing import HttpForm, to_http
from gateway.federation.message import Content

ANSWER_BYTES_MAX = 24 * 1024 * 1024
"""A mailbox answer may hold one message of the largest size in base64."""
RETRY_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back: status, body, whether it is a stored answer given again."""

    status: int
    body: bytes
    repeated: bool


class MessageChannel(Protocol):
    """Whatever carries a signed message to an address and brings an answer."""

    async def post(self, url: str, token: str, contents: Sequence[Content]) -> HttpAnswer:
        """Raises PeerUnavailableError (try again), PeerError."""
        ...


class HttpsChannel:
    """Posts messages over one client session; redirects are faults, answers are bounded."""

    def __init__(self, session: aiohttp.ClientSession, timeout_s: float) -> None:
        self._session = session
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)

    async def post(self, url: str, token: str, contents: Sequence[Content]) -> HttpAnswer:
        """Raises PeerUnavailableError (try again) when nothing came back or the peer says so."""
        form = to_http(token, contents)
        try:
            async with self._session.post(
                url, data=_multipart(form), headers=form.headers, timeout=self._timeout, allow_redirects=False
            ) as response:
                body = await response.content.read(ANSWER_BYTES_MAX + 1)
                while not response.content.at_eof() and len(body) <= ANSWER_BYTES_MAX:
                    body += await response.content.read(ANSWER_BYTES_MAX + 1)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise PeerUnavailableError(
                "peer.unavailable", "对方暂时无法连接", "the other side cannot be reached now", reason=type(error).__name__
            ) from error
        if len(body) > ANSWER_BYTES_MAX:
            raise PeerError("peer.off_protocol", "对方的答复过大", "the answer is over its limit")
        if response.status in RETRY_STATUS:
            raise PeerUnavailableError("peer.unavailable", "对方请稍后再试", "the other side asks to try later", status=response.status)
        return HttpAnswer(response.status, body, "Credit-Repeated" in response.headers)


def _multipart(form: HttpForm) -> aiohttp.MultipartWriter:
    writer = aiohttp.MultipartWriter("form-data")
    for part in form.parts:
        payload = writer.append(BytesIO(part.data), {"Content-Type": part.media_type})
        payload.set_content_disposition("form-data", name=part.name)
    return writer
