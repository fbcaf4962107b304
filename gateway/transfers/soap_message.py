"""One signed message as a SOAP listener took it in, and the reply as SOAP tells it.

The same use case as over HTTP: only the layout differs.  A signed "no" is an answer like any other and travels
with HTTP 200, because SOAP stacks throw away the body of other statuses; a fault (HTTP 500, SOAP 1.1
section 6.2) is what was not authentic, not of its form, or came at a bad moment.
Sentences: docs/transports.md, TR-8 to TR-16.
"""

from collections.abc import Mapping
from typing import Final

from gateway.errors import FormatError, GatewayError
from gateway.federation.message import HttpTarget
from gateway.federation.soap_framing import from_soap, soap_answer, soap_fault
from gateway.transfers.http_message import HttpMessage
from gateway.transfers.problems import problem_document
from gateway.transfers.receive import Reply

MEDIA_TYPE: Final = "text/xml"
FAULT_STATUS: Final = 500


def check_soap_head(headers: Mapping[str, str]) -> None:
    """From the head of a request whose body is not yet read.  Raises FormatError `format.content_encoding`, `format.not_soap`."""
    if headers.get("Content-Encoding"):
        raise FormatError("format.content_encoding", "签名消息不得使用 Content-Encoding", "a signed message must not be content-encoded")
    if headers.get("Content-Type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise FormatError("format.not_soap", "此处只接受 SOAP 1.1(text/xml)", "only SOAP 1.1 (text/xml) is taken here")


def soap_message(method: str, url: str, body: bytes) -> HttpMessage:
    """The whole, not yet believed, bound to method and address.  Raises FormatError, TrustError as `from_soap` does."""
    return HttpMessage(from_soap(body), HttpTarget(method, url))


def soap_reply(reply: Reply) -> bytes:
    """The envelope of an answer."""
    return soap_answer(reply.status, reply.body, repeated=reply.repeated)


def soap_refusal(error: GatewayError) -> bytes:
    """The envelope of a fault."""
    status, document = problem_document(error)
    return soap_fault(error.code, status, f"{error.zh} {error.en}", document, retry=error.retry)
