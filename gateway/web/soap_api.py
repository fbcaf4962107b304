"""`POST /v1/soap`: the same messages as `/v1/messages`, laid out in SOAP 1.1, for banks whose systems speak nothing else.

Envelopes are bound to this very URL, so a message for one layout cannot be replayed through the other.
"""

from aiohttp import web

from gateway.errors import FormatError, GatewayError
from gateway.metrics import MESSAGES, REFUSED
from gateway.transfers.http_message import HttpMessage
from gateway.transfers.soap_message import FAULT_STATUS, MEDIA_TYPE, check_soap_head, soap_message, soap_refusal, soap_reply
from gateway.web.errors import RETRY_AFTER_S
from gateway.web.keys import PARTS
from gateway.web.member_api import read_body

SOAP_PATH = "/v1/soap"


async def post_soap(request: web.Request) -> web.Response:
    """Any act of a bank.  Answers and signed refusals with 200, everything else as a fault with 500."""
    parts = request.app[PARTS]
    try:
        message = await read_soap(request, parts.base_url + request.raw_path)
        reply = await parts.receiver.receive(message.raw, message.target)
    except web.HTTPRequestEntityTooLarge:
        return soap_fault(FormatError("format.too_large", "请求体过大", "the request body is over its limit"))
    except GatewayError as error:
        return soap_fault(error)
    parts.heard_from(reply.sender)
    MESSAGES.labels(reply.sender, reply.act, str(reply.status)).inc()
    return web.Response(body=soap_reply(reply), content_type=MEDIA_TYPE, charset="utf-8")


async def read_soap(request: web.Request, url: str) -> HttpMessage:
    """A SOAP body, bounded in bytes and time; `url` is what the message must be bound to.

    Raises FormatError, TrustError; HTTPRequestEntityTooLarge, HTTPRequestTimeout.
    """
    check_soap_head(request.headers)
    return soap_message(request.method, url, await read_body(request))


def soap_fault(error: GatewayError) -> web.Response:
    """A refusal that is no answer, as SOAP says it."""
    REFUSED.labels(error.code).inc()
    headers = {"Retry-After": RETRY_AFTER_S} if error.retry else {}
    return web.Response(status=FAULT_STATUS, body=soap_refusal(error), content_type=MEDIA_TYPE, charset="utf-8", headers=headers)
