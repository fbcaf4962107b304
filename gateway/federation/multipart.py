"""The body of `multipart/form-data` (RFC 7578) as our messages use it: named parts of bytes, nothing else.

Reading is strict, since every sender is a connector: one Content-Disposition with a plain name, one
media type without parameters, no nesting, no encodings, no preamble.  What is cut out wrongly
cannot be believed anyway: the envelope holds each content's digest and length.  aiohttp's own
reader parses each header with the email package and took a third of the time of a submission.
"""

import re
from typing import Final

from gateway.errors import FormatError
from gateway.federation.framing import HttpPart
from gateway.federation.protocol import CONTENTS_MAX

_MEDIA: Final = re.compile(r"""multipart/form-data; ?boundary=("?)([A-Za-z0-9'()+_,./:=?-]{1,70})\1""")
_DISPOSITION: Final = re.compile(rb'form-data; ?name="([a-z0-9-]{1,128})"')
_TYPE: Final = re.compile(rb"[a-zA-Z0-9/.+-]{3,128}")
_ENCODINGS: Final = frozenset({b"content-encoding", b"content-transfer-encoding"})
HEADER_BYTES_MAX: Final = 1024
OCTETS: Final = b"application/octet-stream"


def boundary_of(content_type: str) -> bytes:
    """The boundary of a Content-Type header.  Raises FormatError `format.not_multipart`, `format.framing`."""
    found = _MEDIA.fullmatch(content_type)
    if found is not None:
        return found[2].encode("ascii")
    if content_type.partition(";")[0].strip().lower() != "multipart/form-data":
        raise FormatError("format.not_multipart", "消息须为 multipart/form-data", "a message is multipart/form-data")
    raise _misframed()


def read_parts(body: bytes, boundary: bytes) -> list[HttpPart]:
    """Every part in order.  Raises FormatError `format.framing`, `format.content_encoding`."""
    delimiter = b"--" + boundary
    if body == delimiter + b"--\r\n":
        return []
    head, *pieces = (b"\r\n" + body).split(b"\r\n" + delimiter, CONTENTS_MAX + 2)
    if head or not pieces or pieces.pop() not in {b"--\r\n", b"--"}:
        raise _misframed()
    return [_part(piece) for piece in pieces]


def _part(piece: bytes) -> HttpPart:
    head, gap, data = piece.partition(b"\r\n\r\n")
    if not gap or not head.startswith(b"\r\n") or len(head) > HEADER_BYTES_MAX:
        raise _misframed()
    fields: dict[bytes, bytes] = {}
    for line in head[2:].split(b"\r\n"):
        name, colon, value = line.partition(b":")
        lowered = name.lower()
        if not colon or lowered in fields:
            raise _misframed()
        fields[lowered] = value.strip(b" \t")
    if not _ENCODINGS.isdisjoint(fields):
        raise FormatError("format.content_encoding", "签名消息不得使用 Content-Encoding", "a signed message must not be content-encoded")
    disposition = _DISPOSITION.fullmatch(fields.get(b"content-disposition", b""))
    media_type = fields.get(b"content-type", OCTETS)
    if disposition is None or _TYPE.fullmatch(media_type) is None:
        raise _misframed()
    return HttpPart(disposition[1].decode("ascii"), data, media_type.decode("ascii").lower())


def _misframed() -> FormatError:
    return FormatError("format.framing", "消息的承载形式不正确", "the message is not laid out as it must be")
