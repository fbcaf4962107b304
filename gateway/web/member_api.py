"""The member API: signed messages in, receipts out; the mailbox; a bank's own cases."""

from aiohttp import BodyPartReader, web

from gateway.errors import FormatError
from gateway.federation.framing import HttpPart, RawMessage, from_http
from gateway.federation.message import HttpTarget
from gateway.federation.protocol import CONTENT_BYTES_MAX, CONTENTS_MAX, HEADER_REPEATED, MESSAGE_BYTES_MAX
from gateway.metrics import MESSAGES
from gateway.transfers.receive import Reply
from gateway.web.keys import PARTS
from gateway.web.token import member_of

MULTIPART = "multipart/form-data"


async def post_message(request: web.Request) -> web.Response:
    """`POST /v1/messages`: any act of a bank."""
    parts = request.app[PARTS]
    raw = await read_message(request)
    reply = await parts.receiver.receive(raw, _target(request, parts.base_url))
    parts.heard_from(reply.sender)
    MESSAGES.labels(reply.sender, reply.act, str(reply.status)).inc()
    return _answer(reply)


async def post_collect(request: web.Request) -> web.Response:
    """`POST /v1/mailbox`: a bank polls for what it is owed."""
    parts = request.app[PARTS]
    raw = await read_message(request)
    return _answer(await parts.mailbox.collect(raw, _target(request, parts.base_url)))


async def get_transfers(request: web.Request) -> web.Response:
    """`GET /v1/transfers`: the bank's own cases, newest first."""
    parts = request.app[PARTS]
    member = member_of(request)
    query = request.query
    most = query.get("limit", "50")
    listing = await parts.status.listing(
        member, state=query.get("state", ""), cursor=query.get("cursor", ""), most=int(most) if most.isdecimal() and len(most) < 5 else 50
    )
    return web.json_response(listing)


async def get_transfer(request: web.Request) -> web.Response:
    """`GET /v1/transfers/{id}`."""
    parts = request.app[PARTS]
    shown = await parts.status.show(request.match_info["id"], member_of(request))
    etag = f'"{shown["ver"]}-{len(shown["steps"])}"'
    if request.headers.get("If-None-Match") == etag:
        return web.Response(status=304, headers={"ETag": etag})
    return web.json_response(shown, headers={"ETag": etag})


async def read_message(request: web.Request) -> RawMessage:
    """The parts of a multipart body, bounded as they arrive.  Bytes are kept as they came."""
    if not request.content_type == MULTIPART:
        raise FormatError("format.not_multipart", "消息须为 multipart/form-data", "a message is multipart/form-data")
    try:
        reader = await request.multipart()
        parts: list[HttpPart] = []
        size = 0
        while (part := await reader.next()) is not None:
            if not isinstance(part, BodyPartReader) or not part.name or len(parts) >= CONTENTS_MAX:
                raise FormatError("format.framing", "消息的承载形式不正确", "the message is not laid out as it must be")
            if part.headers.get("Content-Encoding") or part.headers.get("Content-Transfer-Encoding"):
                raise FormatError(
                    "format.content_encoding", "签名消息不得使用 Content-Encoding", "a signed message must not be content-encoded"
                )
            data = bytearray()
            while chunk := await part.read_chunk(64 * 1024):
                data += chunk
                size += len(chunk)
                if len(data) > CONTENT_BYTES_MAX or size > MESSAGE_BYTES_MAX:
                    raise FormatError("format.message_too_large", "消息超过大小或件数上限", "the message is over a limit of size or count")
            media_type = part.headers.get("Content-Type", "application/octet-stream").split(";", 1)[0].strip().lower()
            parts.append(HttpPart(part.name, bytes(data), media_type))
    except (ValueError, AssertionError, RuntimeError, LookupError) as error:
        raise FormatError("format.framing", "消息的承载形式不正确", "the multipart body is malformed") from error
    return from_http(((name, value) for name, value in request.headers.items()), parts)


def _target(request: web.Request, base_url: str) -> HttpTarget:
    """The URL from configuration, never from what a proxy or a client says of the host."""
    return HttpTarget(request.method, base_url + request.raw_path)


def _answer(reply: Reply) -> web.Response:
    headers = {HEADER_REPEATED: "1"} if reply.repeated else {}
    return web.Response(status=reply.status, body=reply.body, content_type="application/json", headers=headers)
