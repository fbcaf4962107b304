"""One signed message as an HTTP listener took it in, bytes kept as they came.

The listener knows sockets and nothing of envelopes; what it hands over here becomes a raw message,
not yet believed, bound to the address the listener answers for.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gateway.errors import FormatError
from gateway.federation.framing import RawMessage, from_http
from gateway.federation.message import HttpTarget
from gateway.federation.multipart import boundary_of, read_parts
from gateway.federation.protocol import HEADER_REPEATED

REPEATED = {HEADER_REPEATED: "1"}
"""The header of an answer that was given before."""


@dataclass(frozen=True, slots=True)
class HttpMessage:
    """Not yet believed.  `target` is the method and the public URL, from configuration, never from what a client says."""

    raw: RawMessage
    target: HttpTarget


def check_head(headers: Mapping[str, str]) -> bytes:
    """The boundary, from the head of a request whose body is not yet read.  Bytes travel as they were signed.

    Raises FormatError `format.content_encoding`, `format.not_multipart`, `format.framing`.
    """
    if headers.get("Content-Encoding"):
        raise FormatError("format.content_encoding", "签名消息不得使用 Content-Encoding", "a signed message must not be content-encoded")
    return boundary_of(headers.get("Content-Type", ""))


def http_message(method: str, url: str, headers: Iterable[tuple[str, str]], boundary: bytes, body: bytes) -> HttpMessage:
    """The whole.  Raises FormatError, TrustError as `multipart.read_parts` and `framing.from_http` do."""
    return HttpMessage(from_http(headers, read_parts(body, boundary)), HttpTarget(method, url))
