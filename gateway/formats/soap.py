"""SOAP 1.1 envelopes (W3C Note of 8 May 2000): open one, close one.

Reading goes through `gateway.formats.xml_safe`, so an envelope is as bounded as any document.
Section 4.2.3: a header block that must be understood and is not known refuses the message;
other unknown blocks belong to the transport and carry nothing for us.  Payloads travel as base64 text.
"""

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from gateway.errors import FormatError
from gateway.formats.xml_safe import DEFAULT_LIMITS, Element, XmlLimits, attributes, children, local_name, namespace, parse_xml, text_of

SOAP_NS: Final = "http://schemas.xmlsoap.org/soap/envelope/"
MEDIA_TYPE: Final = "text/xml"
# One text of an envelope is a whole document in base64.
ENVELOPE_LIMITS: Final = XmlLimits(text_max=DEFAULT_LIMITS.bytes_max)

_XML_SPACE: Final = dict.fromkeys(map(ord, " \t\r\n"))


@dataclass(frozen=True, slots=True)
class SoapMessage:
    """`headers` are the blocks of the header, `body` is the one element inside the body."""

    headers: tuple[Element, ...]
    body: Element


def is_envelope(root: Element) -> bool:
    """Whether the document is an envelope of any SOAP version."""
    return local_name(root) == "Envelope"


def read_soap(content: bytes, *, understood: Iterable[str] = ()) -> SoapMessage:
    """Parse and open an envelope.  Raises FormatError as `parse_xml` and `open_envelope` do."""
    return open_envelope(parse_xml(content, limits=ENVELOPE_LIMITS), understood=understood)


def open_envelope(root: Element, *, understood: Iterable[str] = ()) -> SoapMessage:
    """Open a parsed envelope; `understood` names header blocks as `{namespace}name`.

    Raises FormatError: `format.soap_version` (not SOAP 1.1), `format.soap_envelope` (not one header at
    most and one body with one element), `format.soap_must_understand`, `format.soap_fault`.
    """
    if not is_envelope(root) or namespace(root) != SOAP_NS:
        raise FormatError("format.soap_version", "不是 SOAP 1.1 信封", "not a SOAP 1.1 envelope")
    names = [str(child.tag) for child in children(root)]
    if names not in ([f"{{{SOAP_NS}}}Body"], [f"{{{SOAP_NS}}}Header", f"{{{SOAP_NS}}}Body"]):
        raise _bad_envelope()
    *header, body = children(root)
    blocks = tuple(children(header[0])) if header else ()
    known = frozenset(understood)
    for block in blocks:
        if str(block.tag) not in known and attributes(block).get(f"{{{SOAP_NS}}}mustUnderstand") in {"1", "true"}:
            raise FormatError(
                "format.soap_must_understand", "信封含必须理解而无法理解的头", "a header that must be understood is not known"
            )
    inside = tuple(children(body))
    if len(inside) != 1:
        raise _bad_envelope()
    if str(inside[0].tag) == f"{{{SOAP_NS}}}Fault":
        raise FormatError("format.soap_fault", "信封内是 SOAP 错误", "the envelope holds a SOAP fault")
    return SoapMessage(blocks, inside[0])


def base64_bytes(element: Element) -> bytes:
    """The payload of an element of type xsd:base64Binary; line breaks are allowed.  Raises FormatError `format.base64`."""
    try:
        return base64.b64decode(text_of(element).translate(_XML_SPACE), validate=True)
    except (binascii.Error, ValueError) as error:
        raise FormatError("format.base64", "base64 内容有误", "the base64 text is damaged") from error


def write_soap(body: str, *, header: str = "") -> bytes:
    """An envelope in UTF-8 around markup already escaped by the caller; no header element where `header` is empty."""
    head = f"<soap:Header>{header}</soap:Header>" if header else ""
    opening = f'<?xml version="1.0" encoding="UTF-8"?>\n<soap:Envelope xmlns:soap="{SOAP_NS}">'
    text = f"{opening}{head}<soap:Body>{body}</soap:Body></soap:Envelope>\n"
    return text.encode("utf-8")


def base64_text(content: bytes) -> str:
    """The text form `base64_bytes` reads."""
    return base64.b64encode(content).decode("ascii")


def _bad_envelope() -> FormatError:
    return FormatError("format.soap_envelope", "SOAP 信封结构有误", "the envelope is not built as SOAP 1.1 says")
