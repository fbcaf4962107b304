"""The answer to a poll, taken apart: messages as read, none of them believed yet."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

from gateway.errors import FormatError, PeerError
from gateway.federation.framing import RawMessage
from gateway.federation.message import RawContent
from gateway.federation.protocol import CONTENTS_MAX, SECRET_BYTES
from gateway.formats.json_safe import JsonLimits, read_json
from gateway.model.canonical import unb64url

MESSAGES_MAX: Final = 64
LIMITS: Final = JsonLimits(bytes_max=32 * 1024 * 1024, depth_max=8, nodes_max=20_000)


def read_handed(content: bytes, poll: str) -> list[RawMessage]:
    """The messages of an answer to the poll of that id.  Raises PeerError(`peer.off_protocol`)."""
    try:
        value: Any = read_json(content, LIMITS)
    except FormatError:
        raise _off_protocol() from None
    messages = value.get("messages") if isinstance(value, dict) else None
    if not isinstance(messages, list) or value.get("irt") != poll or len(messages) > MESSAGES_MAX:
        raise _off_protocol()
    try:
        return [_raw(each) for each in messages]
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise _off_protocol() from None


def _raw(each: Mapping[str, Any]) -> RawMessage:
    contents = {}
    if len(each["contents"]) > CONTENTS_MAX:
        raise ValueError("too many contents")
    for content in each["contents"]:
        name, secret = str(content["name"]), unb64url(content["secret"])
        if len(secret) != SECRET_BYTES or name in contents:
            raise ValueError("a secret has 32 bytes; a content occurs once")
        contents[name] = RawContent(name, base64.b64decode(content["data"], validate=True), str(content["type"]), secret)
    return RawMessage(str(each["envelope"]), contents)


def _off_protocol() -> PeerError:
    return PeerError("peer.off_protocol", "网关的取件答复不合规定", "the mailbox's answer does not have its form")
