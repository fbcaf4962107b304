"""How a token, its contents and their secrets are laid out in SOAP 1.1, and how the answer is.  Pure: no sockets.

A message is one element of our own namespace inside the body; the envelope's digests cover the
decoded bytes of each content, so what an XML library does to the text around them changes nothing:

    <m:message xmlns:m="urn:yrd-credit:message:1">
      <m:envelope>compact JWS</m:envelope>
      <m:content name="part" type="application/xml" secret="base64url of 32 bytes">base64</m:content> …
    </m:message>

An answer is the same JSON that HTTP gives, in base64, because a CDATA section cannot hold every text and XML
readers change line ends: `<m:answer status="202" repeated="false">base64</m:answer>`.  What is not an answer is
a SOAP fault whose detail holds the problem document.  The form is our invention, not the bank's real interface.
Sentences: docs/transports.md, TR-8 to TR-16.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.errors import FormatError
from gateway.federation import protocol
from gateway.federation.framing import HttpPart, RawMessage, from_http
from gateway.federation.message import Content
from gateway.formats.soap import SOAP_NS, base64_bytes, base64_text, open_envelope, write_soap
from gateway.formats.xml_safe import (
    Element,
    XmlLimits,
    attributes,
    children,
    escape_attribute,
    escape_text,
    first_child,
    local_name,
    namespace,
    parse_xml,
    text_of,
)
from gateway.model.canonical import b64url

MESSAGE_NS: Final = "urn:yrd-credit:message:1"
CONTENT_SOAP_BYTES_MAX: Final = 6 * 1024 * 1024
"""An XML reader holds one text of at most 10 MB; in base64 with line breaks this much stays below it."""
LIMITS: Final = XmlLimits(
    bytes_max=24 * 1024 * 1024, depth_max=8, nodes_max=256, attributes_max=8, text_max=(CONTENT_SOAP_BYTES_MAX * 3) // 2
)
_YES_NO: Final = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class SoapAnswer:
    """What came back as an answer: the status it stands for, its JSON, whether it is a stored answer given again."""

    status: int
    body: bytes
    repeated: bool


@dataclass(frozen=True, slots=True)
class SoapFault:
    """What came back as a fault.  `status`, `problem` are 0 and empty where the detail is not ours; `server`: not the message's fault."""

    status: int
    problem: bytes
    retry: bool
    server: bool


def _fault(en: str) -> FormatError:
    return FormatError("format.soap_message", "SOAP 正文不是本协议的消息", f"the SOAP body does not hold a message of this protocol: {en}")


def to_soap(token: str, contents: Sequence[Content]) -> bytes:
    """The envelope of a message.  Raises FormatError `format.too_large` for a content that no SOAP reader would take."""
    if any(len(each.data) > CONTENT_SOAP_BYTES_MAX for each in contents):
        raise FormatError("format.too_large", "内容超过 SOAP 承载的上限", "a content is over the limit of the SOAP layout")
    inside = "".join(_content(each) for each in contents)
    return write_soap(f'<m:message xmlns:m="{MESSAGE_NS}"><m:envelope>{escape_text(token)}</m:envelope>{inside}</m:message>')


def _content(content: Content) -> str:
    named = f'name="{escape_attribute(content.name)}" type="{escape_attribute(content.media_type)}" secret="{b64url(content.secret)}"'
    return f"<m:content {named}>{base64_text(content.data)}</m:content>"


def from_soap(raw: bytes) -> RawMessage:
    """Token and contents, not yet believed.

    Raises FormatError `format.soap_message`, `format.too_large` and what `parse_xml`, `open_envelope`, `base64_bytes` and
    `framing.from_http` raise; TrustError `trust.no_envelope`, `trust.missing_secret`, `trust.missing_content`.
    """
    body = open_envelope(parse_xml(raw, limits=LIMITS)).body
    if not _is(body, "message"):
        raise _fault("the element inside the body is not `message`")
    headers: list[tuple[str, str]] = []
    parts: list[HttpPart] = []
    for child in children(body):
        named = _own(child)
        if _is(child, "envelope") and not named:
            headers.append((protocol.HEADER_ENVELOPE, text_of(child).strip()))
        elif _is(child, "content") and named.keys() == {"name", "type", "secret"}:
            headers.append((protocol.HEADER_SECRET, f"{named['name']}={named['secret']}"))
            parts.append(HttpPart(named["name"], _bytes(child), named["type"]))
        else:
            raise _fault("an element or attribute that does not belong there")
    return from_http(headers, parts)


def _bytes(element: Element) -> bytes:
    if next(children(element), None) is not None:
        raise _fault("an element inside a content")
    data = base64_bytes(element)
    if len(data) > CONTENT_SOAP_BYTES_MAX:
        raise FormatError("format.too_large", "内容超过 SOAP 承载的上限", "a content is over the limit of the SOAP layout")
    return data


def soap_answer(status: int, body: bytes, *, repeated: bool) -> bytes:
    """The envelope of an answer; `body` is the JSON as HTTP gives it."""
    flag = "true" if repeated else "false"
    return write_soap(f'<m:answer xmlns:m="{MESSAGE_NS}" status="{status}" repeated="{flag}">{base64_text(body)}</m:answer>')


def soap_fault(code: str, status: int, text: str, problem: bytes, *, retry: bool) -> bytes:
    """A fault (section 4.4): `Server` where the sender is not to blame or may try again, else `Client`; our code stands in the detail."""
    blame = "Server" if retry or status >= 500 else "Client"
    again = "true" if retry else "false"
    detail = (
        f'<m:problem xmlns:m="{MESSAGE_NS}" code="{escape_attribute(code)}" status="{status}" retry="{again}">'
        f"{base64_text(problem)}</m:problem>"
    )
    return write_soap(
        f"<soap:Fault><faultcode>soap:{blame}</faultcode><faultstring>{escape_text(text)}</faultstring>"
        f"<detail>{detail}</detail></soap:Fault>"
    )


def read_answer(raw: bytes) -> SoapAnswer | SoapFault:
    """What a SOAP peer said.  Raises FormatError for anything that is neither an answer nor a fault."""
    root = parse_xml(raw, limits=LIMITS)
    fault = _fault_of(root)
    if fault is not None:
        return _read_fault(fault)
    body = open_envelope(root).body
    named = _own(body)
    if not _is(body, "answer") or named.keys() != {"status", "repeated"} or named["repeated"] not in _YES_NO:
        raise _fault("neither an answer nor a fault")
    return SoapAnswer(_status(named["status"]), base64_bytes(body), _YES_NO[named["repeated"]])


def _fault_of(root: Element) -> Element | None:
    if local_name(root) != "Envelope" or namespace(root) != SOAP_NS:
        return None
    body = next((each for each in children(root) if local_name(each) == "Body"), None)
    inside = next(children(body), None) if body is not None else None
    return inside if inside is not None and local_name(inside) == "Fault" and namespace(inside) == SOAP_NS else None


def _read_fault(fault: Element) -> SoapFault:
    code = first_child(fault, "faultcode")
    server = code is not None and text_of(code).strip().rpartition(":")[2].partition(".")[0] == "Server"
    detail = first_child(fault, "detail")
    ours = next((each for each in children(detail) if _is(each, "problem")), None) if detail is not None else None
    if ours is None:
        return SoapFault(0, b"", retry=server, server=server)
    named = _own(ours)
    return SoapFault(_status(named.get("status", "")), base64_bytes(ours), retry=named.get("retry") == "true", server=server)


def _status(text: str) -> int:
    if len(text) == 3 and text.isascii() and text.isdecimal() and 200 <= int(text) <= 599:
        return int(text)
    raise _fault("a status that is none")


def _own(element: Element) -> dict[str, str]:
    """Attributes without namespace; SOAP stacks add some of theirs (`xsi:type`), which say nothing to us."""
    return {name: value for name, value in attributes(element).items() if not name.startswith("{")}


def _is(element: Element, name: str) -> bool:
    return local_name(element) == name and namespace(element) == MESSAGE_NS
