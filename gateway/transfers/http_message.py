"""One signed message as an HTTP listener takes it in: bounded while it arrives, bytes kept as they came.

The listener knows sockets and nothing of envelopes; what it hands over here becomes a raw message,
not yet believed, bound to the address the listener answers for.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.errors import FormatError
from gateway.federation.framing import HttpPart, RawMessage, from_http
from gateway.federation.message import HttpTarget
from gateway.federation.protocol import CONTENT_BYTES_MAX, CONTENTS_MAX, HEADER_REPEATED, MESSAGE_BYTES_MAX

REPEATED = {HEADER_REPEATED: "1"}
"""The header of an answer that was given before."""


@dataclass(frozen=True, slots=True)
class HttpMessage:
    """Not yet believed.  `target` is the method and the public URL, from configuration, never from what a client says."""

    raw: RawMessage
    target: HttpTarget


class HttpIntake:
    """Takes the parts of one multipart body as they arrive: `begin` a part, `feed` it, and at the end ask for `message`."""

    def __init__(self, method: str, url: str) -> None:
        self._target = HttpTarget(method, url)
        self._parts: list[tuple[str, bytearray, str]] = []
        self._size = 0

    def begin(self, name: str | None, media_type: str, encodings: Iterable[str | None]) -> None:
        """Start a part.  Raises FormatError when it has no name, is one too many, or is encoded."""
        if not name or len(self._parts) >= CONTENTS_MAX:
            raise misframed()
        self.refuse_encoded(encodings)
        self._parts.append((name, bytearray(), media_type.split(";", 1)[0].strip().lower()))

    def refuse_encoded(self, encodings: Iterable[str | None]) -> None:
        """Bytes travel as they were signed.  Raises FormatError("format.content_encoding")."""
        if any(encodings):
            raise FormatError(
                "format.content_encoding", "签名消息不得使用 Content-Encoding", "a signed message must not be content-encoded"
            )

    def feed(self, chunk: bytes) -> None:
        """Add to the part begun last.  Raises FormatError("format.too_large") as soon as a limit is passed."""
        data = self._parts[-1][1]
        data += chunk
        self._size += len(chunk)
        if len(data) > CONTENT_BYTES_MAX or self._size > MESSAGE_BYTES_MAX:
            raise FormatError("format.too_large", "消息超过大小或件数上限", "the message is over a limit of size or count")

    def message(self, headers: Iterable[tuple[str, str]]) -> HttpMessage:
        """The whole.  Raises TrustError, FormatError as `framing.from_http` does."""
        parts = [HttpPart(name, bytes(data), media_type) for name, data, media_type in self._parts]
        return HttpMessage(from_http(headers, parts), self._target)


def misframed() -> FormatError:
    """The body is no multipart body of ours."""
    return FormatError("format.framing", "消息的承载形式不正确", "the message is not laid out as it must be")
