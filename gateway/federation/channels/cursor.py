"""Pages pulled by cursor: one question, one bounded page, until there is no next.

A bank that is pulled keeps each learner's records as a list that only grows.  The question goes by POST, since an
account is personal and belongs in no URL: `{"account", "from", "limit"}`, and from the second page on `"cursor"` as
the bank gave it.  A page is the bank's own batch with a `next` beside it (null at the end).  What stands in a page
is not looked at here.  The form is our invention, not the bank's real interface.
Sentences: docs/transports.md, TR-33 to TR-40.
"""

from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from gateway.errors import FormatError, PeerError, PeerUnavailableError
from gateway.federation.channels.https import RETRY_STATUS
from gateway.formats.json_safe import JsonLimits, JsonValue, read_json
from gateway.model.canonical import jcs

PAGE_BYTES_MAX: Final = 4 * 1024 * 1024
PAGE_LIMITS: Final = JsonLimits(bytes_max=PAGE_BYTES_MAX)
CURSOR_CHARS_MAX: Final = 256


@dataclass(frozen=True, slots=True)
class Question:
    """From which height on, or from which cursor; at most `limit` entries."""

    account: str
    height: int
    limit: int
    cursor: str = ""

    def body(self) -> bytes:
        """Canonical JSON."""
        told: dict[str, Any] = {"account": self.account, "from": self.height, "limit": self.limit}
        return jcs(told | ({"cursor": self.cursor} if self.cursor else {}))


@dataclass(frozen=True, slots=True)
class Page:
    """One answer, not yet believed.  `batch` is the bank's own; `cursor` is "" on the last page."""

    batch: dict[str, JsonValue]
    cursor: str


class CursorChannel:
    """Asks one endpoint over one client session; redirects are faults.  `token`: the bank's own bearer token, "" for none."""

    def __init__(self, session: aiohttp.ClientSession, url: str, timeout_s: float, token: str = "") -> None:
        self._session = session
        self._url = url
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})

    async def page(self, question: Question) -> Page:
        """Raises PeerUnavailableError (try again), PeerError (`peer.refused`, `peer.off_protocol`)."""
        status, body = await self._ask(question.body())
        if status in RETRY_STATUS:
            raise PeerUnavailableError("peer.unavailable", "对方请稍后再试", "the other side asks to try later", status=status)
        if status != 200:
            raise PeerError("peer.refused", "对方拒绝了查询", "the other side refused the question", status=status)
        try:
            value = read_json(body, PAGE_LIMITS)
        except FormatError as error:
            raise _off_protocol(error.code) from None
        if not isinstance(value, dict):
            raise _off_protocol("not an object")
        following = value.pop("next", None)
        if following is not None and not (isinstance(following, str) and 0 < len(following) <= CURSOR_CHARS_MAX):
            raise _off_protocol("a cursor that is none")
        return Page(value, following or "")

    async def _ask(self, body: bytes) -> tuple[int, bytes]:
        try:
            async with self._session.post(
                self._url, data=body, headers=self._headers, timeout=self._timeout, allow_redirects=False
            ) as response:
                came = bytearray()
                while len(came) <= PAGE_BYTES_MAX and (chunk := await response.content.read(64 * 1024)):
                    came += chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise PeerUnavailableError(
                "peer.unavailable", "对方暂时无法连接", "the other side cannot be reached now", reason=type(error).__name__
            ) from error
        if len(came) > PAGE_BYTES_MAX:
            raise _off_protocol("a page over its limit")
        return response.status, bytes(came)


def _off_protocol(reason: str) -> PeerError:
    return PeerError("peer.off_protocol", "对方的分页不合协议", "the page does not follow the protocol", reason=reason)
