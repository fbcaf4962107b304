"""The member API: signed messages in, receipts out; the mailbox; a bank's own cases."""

import asyncio

from aiohttp import BodyPartReader, ClientPayloadError, web
from aiohttp.http_exceptions import HttpProcessingError

from gateway.errors import FormatError
from gateway.metrics import MESSAGES
from gateway.transfers.http_message import REPEATED, HttpIntake, HttpMessage, misframed
from gateway.transfers.receive import Reply
from gateway.web.keys import PARTS
from gateway.web.token import member_of

MULTIPART = "multipart/form-data"
CHUNK_BYTES = 64 * 1024
BODY_S = 60.0
"""A message is at most 16 MiB: whoever takes longer is not sending one."""


async def post_message(request: web.Request) -> web.Response:
    """`POST /v1/messages`: any act of a bank."""
    parts = request.app[PARTS]
    message = await read_message(request)
    reply = await parts.receiver.receive(message.raw, message.target)
    parts.heard_from(reply.sender)
    MESSAGES.labels(reply.sender, reply.act, str(reply.status)).inc()
    return _answer(reply)


async def post_collect(request: web.Request) -> web.Response:
    """`POST /v1/mailbox`: a bank polls for what it is owed."""
    parts = request.app[PARTS]
    message = await read_message(request)
    return _answer(await parts.mailbox.collect(message.raw, message.target))


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


async def read_message(request: web.Request) -> HttpMessage:
    """A message to the gateway.  The URL is from configuration, never from what a proxy or a client says of the host."""
    return await read_multipart(request, request.app[PARTS].base_url + request.raw_path)


async def read_multipart(request: web.Request, url: str) -> HttpMessage:
    """A multipart body, bounded in bytes and time as it arrives; `url` is what the message must be bound to.

    Raises FormatError, TrustError; HTTPRequestTimeout.
    """
    if request.content_type != MULTIPART:
        raise FormatError("format.not_multipart", "消息须为 multipart/form-data", "a message is multipart/form-data")
    intake = HttpIntake(request.method, url)
    intake.refuse_encoded([request.headers.get("Content-Encoding")])
    try:
        async with asyncio.timeout(BODY_S):
            await _take_parts(request, intake)
    except TimeoutError as error:
        raise web.HTTPRequestTimeout from error
    except (ValueError, AssertionError, RuntimeError, LookupError, ClientPayloadError, HttpProcessingError, ConnectionError) as error:
        raise misframed() from error
    return intake.message(request.headers.items())


async def _take_parts(request: web.Request, intake: HttpIntake) -> None:
    reader = await request.multipart()
    while (part := await reader.next()) is not None:
        if not isinstance(part, BodyPartReader):
            raise misframed()
        encodings = (part.headers.get("Content-Encoding"), part.headers.get("Content-Transfer-Encoding"))
        intake.begin(part.name, part.headers.get("Content-Type", "application/octet-stream"), encodings)
        while chunk := await part.read_chunk(CHUNK_BYTES):
            intake.feed(chunk)


def _answer(reply: Reply) -> web.Response:
    return web.Response(status=reply.status, body=reply.body, content_type="application/json", headers=REPEATED if reply.repeated else None)
