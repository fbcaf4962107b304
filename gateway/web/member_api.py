"""The member API: signed messages in, receipts out; the mailbox; a bank's own cases."""

import asyncio

from aiohttp import ClientPayloadError, web
from aiohttp.http_exceptions import HttpProcessingError

from gateway.errors import FormatError, TransferError
from gateway.metrics import MESSAGES
from gateway.model.transfer import Refusal
from gateway.transfers.evidence_desk import selection_of
from gateway.transfers.http_message import REPEATED, HttpMessage, check_head, http_message
from gateway.transfers.presiding_board import board_json
from gateway.transfers.receive import Reply
from gateway.transfers.selection_progress import collect, released_for
from gateway.web.keys import PARTS
from gateway.web.token import member_of

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
    hints = [hint["leaf"] for hint in shown.get("likely_twins", [])]  # they change with other cases, each with a new last leaf
    final = "-final" if shown.get("final") else ""
    etag = f'"{shown["ver"]}-{len(shown["steps"])}{f"-{len(hints)}.{max(hints)}" if hints else ""}{final}"'
    if request.headers.get("If-None-Match") == etag:
        return web.Response(status=304, headers={"ETag": etag})
    return web.json_response(shown, headers={"ETag": etag})


async def get_evidence(request: web.Request) -> web.Response:
    """`GET /v1/transfers/{id}/evidence?form=full|learner|bare&item=…&field=…&identity=1`: the case as a file that proves itself."""
    member, query = member_of(request), request.query
    selection = selection_of(
        query.get("form", "full"), query.getall("item", []), query.getall("field", []), identity=query.get("identity", "") == "1"
    )
    bundle = await request.app[PARTS].evidence.take(request.match_info["id"], member, selection)
    return web.json_response(bundle, headers={"Cache-Control": "no-store"})


async def get_stuck(request: web.Request) -> web.Response:
    """`GET /v1/dlq`: held transfers and dead letters of the asker's cases, and of those it presides over."""
    return web.json_response(await request.app[PARTS].status.stuck(member_of(request)))


async def get_selections(request: web.Request) -> web.Response:
    """`GET /v1/selections`: released selections whose orders the asker, as presiding unit, is to sign."""
    return web.json_response(await released_for(request.app[PARTS].centre.selections, member_of(request)))


async def get_selection(request: web.Request) -> web.Response:
    """`GET /v1/selections/{token}`: a released selection, for the presiding unit that is to sign its orders."""
    parts = request.app[PARTS]
    found = await collect(parts.centre.selections, member_of(request), request.match_info["token"])
    if isinstance(found, Refusal):
        raise TransferError(found.code, found.zh, found.en)
    return web.json_response(found)


async def get_agreements(request: web.Request) -> web.Response:
    """`GET /v1/agreements`: the agreements the asker is a party of, with what is proposed and who has suspended."""
    return web.json_response(await request.app[PARTS].status.agreements(member_of(request)))


async def get_presiding(request: web.Request) -> web.Response:
    """`GET /v1/presiding`: rota, open duties, handovers, and the log's head that a handover names; all members see the same."""
    member_of(request)
    parts = request.app[PARTS]
    size, root = await parts.reading.head()
    head = {"size": size, "root": root.hex(), "checkpoint": parts.ledger.note(size, root)}
    return web.json_response(board_json(await parts.presiding.board()) | {"head": head})


async def get_rules(request: web.Request) -> web.Response:
    """`GET /v1/rules`: every version of every rule set, newest first, a page at a time; rules are public among members."""
    member_of(request)
    parts, query = request.app[PARTS], request.query
    most = query.get("limit", "50")
    page = await parts.rules.rule_page(
        parts.today(), query.get("accepting", ""), query.get("id", ""), cursor=query.get("cursor", "")[:256],
        most=int(most) if most.isdecimal() and len(most) < 5 else 50,
    )  # fmt: skip
    return web.json_response(page)


async def get_rule(request: web.Request) -> web.Response:
    """`GET /v1/rules/{id}/{version}`: the rule file, byte for byte as it was proposed.  Raises RecognitionError."""
    member_of(request)
    shelf, named = request.app[PARTS].rules, request.match_info
    row = await shelf.find(named["id"], named["version"], request.query.get("accepting", ""))
    etag = f'"{row.digest}"'
    if request.headers.get("If-None-Match") == etag:
        return web.Response(status=304, headers={"ETag": etag})
    return web.Response(body=await shelf.document(row), content_type="application/toml", headers={"ETag": etag})


async def post_quote(request: web.Request) -> web.Response:
    """`POST /v1/quote?accepting=…&programme=…`: the asker's own file, estimated by the accepting bank's rules; nothing is kept."""
    member, query = member_of(request), request.query
    content = await read_body(request)
    return web.json_response(await request.app[PARTS].estimates.of(member, content, query.get("accepting", ""), query.get("programme", "")))


async def get_consents(request: web.Request) -> web.Response:
    """`GET /v1/consents`: the consents that the asker holds as facing bank."""
    return web.json_response(await request.app[PARTS].status.consents(member_of(request), request.query.get("cursor", "")[:256]))


async def get_integrity(request: web.Request) -> web.Response:
    """`GET /v1/integrity?transfer=…`, `?consent=…` or neither: flags in a case, under a consent, or one's own.  Each read is a leaf."""
    reads, member, query = request.app[PARTS].integrity, member_of(request), request.query
    transfer, consent = query.get("transfer", "")[:64], query.get("consent", "")[:64]
    if transfer and consent:
        raise TransferError("transfer.bad_document", "transfer 与 consent 只能写一项", "ask by a transfer or by a consent, not by both")
    if consent:
        return web.json_response(await reads.under_consent(member, consent))
    if transfer:
        return web.json_response(await reads.of_case(member, transfer))
    return web.json_response(await reads.own(member, query.get("cursor", "")[:256]))


async def get_outcomes(request: web.Request) -> web.Response:
    """`GET /v1/outcomes`: contested outcomes on which the asker, as presiding unit, is to rule."""
    return web.json_response(await request.app[PARTS].status.contested(member_of(request)))


async def read_message(request: web.Request) -> HttpMessage:
    """A message to the gateway.  The URL is from configuration, never from what a proxy or a client says of the host."""
    return await read_multipart(request, request.app[PARTS].base_url + request.raw_path)


async def read_multipart(request: web.Request, url: str) -> HttpMessage:
    """A multipart body, bounded in bytes and time; `url` is what the message must be bound to.

    Raises FormatError, TrustError; HTTPRequestEntityTooLarge, HTTPRequestTimeout.
    """
    boundary = check_head(request.headers)
    body = await read_body(request)
    return http_message(request.method, url, request.headers.items(), boundary, body)


async def read_body(request: web.Request) -> bytes:
    """The body, bounded in bytes and time.  Raises FormatError; HTTPRequestEntityTooLarge, HTTPRequestTimeout."""
    if (request.content_length or 0) > request.client_max_size:  # told beforehand: no need to wait for it
        raise web.HTTPRequestEntityTooLarge(request.client_max_size, request.content_length or 0)
    if request.content.is_eof():  # it came with its head: there is nothing to wait for
        return await request.read()
    try:
        async with asyncio.timeout(BODY_S):
            return await request.read()
    except TimeoutError as error:
        raise web.HTTPRequestTimeout from error
    except (ClientPayloadError, HttpProcessingError, ConnectionError) as error:
        raise FormatError("format.framing", "消息的承载形式不正确", "the body ended before it was whole") from error


def _answer(reply: Reply) -> web.Response:
    return web.Response(status=reply.status, body=reply.body, content_type="application/json", headers=REPEATED if reply.repeated else None)
