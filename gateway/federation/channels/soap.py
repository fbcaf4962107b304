"""SOAP 1.1 push: one signed message, one POST, one answer; for a member whose system takes nothing else.

As with HTTPS push the answer says only that the bytes arrived.  SOAP says everything with 200 or 500, so the
body decides: an answer is an answer, a fault that allows it is tried again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import aiohttp

from gateway.errors import FormatError, PeerError, PeerUnavailableError
from gateway.federation.channels.https import ANSWER_BYTES_MAX, RETRY_STATUS, HttpAnswer
from gateway.federation.message import Content
from gateway.federation.soap_framing import SoapAnswer, SoapFault, read_answer, to_soap

HEADERS = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}


@dataclass(frozen=True, slots=True)
class _Came:
    status: int
    body: bytes


class SoapChannel:
    """Posts messages over one client session; redirects are faults, answers are bounded."""

    def __init__(self, session: aiohttp.ClientSession, timeout_s: float) -> None:
        self._session = session
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)

    async def post(self, url: str, token: str, contents: Sequence[Content]) -> HttpAnswer:
        """The answer with the status it stands for.

        Raises PeerUnavailableError (try again) when nothing came back or the peer says so, PeerError `peer.off_protocol`
        for what is no SOAP answer, FormatError `format.too_large` for a content over the layout's limit.
        """
        came = await self._send(url, to_soap(token, contents))
        return understood(came.status, came.body)

    async def _send(self, url: str, body: bytes) -> _Came:
        try:
            async with self._session.post(
                url, data=BytesIO(body), headers=HEADERS, timeout=self._timeout, allow_redirects=False
            ) as response:
                came = bytearray()
                while len(came) <= ANSWER_BYTES_MAX and (chunk := await response.content.read(64 * 1024)):
                    came += chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise PeerUnavailableError(
                "peer.unavailable", "对方暂时无法连接", "the other side cannot be reached now", reason=type(error).__name__
            ) from error
        if len(came) > ANSWER_BYTES_MAX:
            raise PeerError("peer.off_protocol", "对方的答复过大", "the answer is over its limit")
        return _Came(response.status, bytes(came))


def understood(status: int, body: bytes) -> HttpAnswer:
    """What came back with that HTTP status, as the answer it stands for.  Raises PeerUnavailableError, PeerError."""
    if not body and 200 <= status < 300:
        return HttpAnswer(status, b"", repeated=False)  # a one-way service: taken, nothing to say
    try:
        said = read_answer(body)
    except FormatError as error:
        if status in RETRY_STATUS:
            raise _later(status) from None
        if status >= 300:
            return HttpAnswer(status, body, repeated=False)
        raise PeerError("peer.off_protocol", "对方的答复不是 SOAP 答复", "what came back is no SOAP answer", reason=error.code) from None
    match said:
        case SoapAnswer(told, content, repeated):
            return HttpAnswer(told, content, repeated)
        case SoapFault() if said.retry or said.status in RETRY_STATUS:  # as HTTP would have said it
            raise _later(said.status or status)
        case SoapFault():
            return HttpAnswer(said.status or 400, said.problem, repeated=False)


def _later(status: int) -> PeerUnavailableError:
    return PeerUnavailableError("peer.unavailable", "对方请稍后再试", "the other side asks to try later", status=status)
