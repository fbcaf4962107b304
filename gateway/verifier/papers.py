"""The few values that a verifier needs of the banks' own XML papers, read through the bounded parser.

A paper is believed for what its signer says in it and for nothing else; the schema was asked when it was taken.
"""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from gateway.errors import EvidenceError, FormatError
from gateway.formats.xml_safe import Element, child_text, children, first_child, parse_xml


@dataclass(frozen=True, slots=True)
class Judged:
    """One item of a decision: the bank's verdict and the regional credits it recognises."""

    record: str
    verdict: str
    size: Decimal
    rule: str
    text_zh: str
    text_en: str


@dataclass(frozen=True, slots=True)
class DecisionPaper:
    """Content `decision`."""

    items: tuple[Judged, ...]
    estimate: str
    departure: str


@dataclass(frozen=True, slots=True)
class RequestPaper:
    """Content `request`."""

    source: str
    accepting: str
    facing: str
    records: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConsentPaper:
    """Content `consent`."""

    consent_id: str
    controller: str
    recipient: str
    source: str
    records: tuple[str, ...]


def read_decision(data: bytes) -> DecisionPaper:
    """Raises EvidenceError `evidence.paper`."""
    root = _root(data, "decision")
    items = first_child(root, "items")
    try:
        judged = tuple(
            Judged(
                _of(item, "record"), _of(item, "verdict"), Decimal(_of(item, "credits")), _of(item, "rule"), _of(item, "textZh"),
                _of(item, "textEn"),
            )
            for item in (children(items, "item") if items is not None else ())
        )  # fmt: skip
    except InvalidOperation:
        raise _bad("decision") from None
    return DecisionPaper(judged, _of(root, "estimate"), _of(root, "departure"))


def read_request(data: bytes) -> RequestPaper:
    """Raises EvidenceError `evidence.paper`."""
    root = _root(data, "request")
    return RequestPaper(_of(root, "source"), _of(root, "accepting"), _of(root, "facing"), _records(root))


def read_consent(data: bytes) -> ConsentPaper:
    """Raises EvidenceError `evidence.paper`."""
    root = _root(data, "consent")
    return ConsentPaper(_of(root, "consentId"), _of(root, "controller"), _of(root, "recipient"), _of(root, "source"), _records(root))


def read_mapping(data: bytes) -> tuple[str, str]:
    """Id and version of the mapping that a loss report is about.  Raises EvidenceError `evidence.paper`."""
    root = _root(data, "lossReport")
    return _of(root, "mappingId"), _of(root, "mappingVersion")


def _root(data: bytes, name: str) -> Element:
    try:
        root = parse_xml(data)
    except FormatError:
        raise _bad(name) from None
    if not str(root.tag).endswith("}" + name):
        raise _bad(name)
    return root


def _of(element: Element, name: str) -> str:
    return (child_text(element, name) or "").strip()


def _records(root: Element) -> tuple[str, ...]:
    held = first_child(root, "records")
    return tuple((each.text or "").strip() for each in children(held, "record")) if held is not None else ()


def _bad(name: str) -> EvidenceError:
    return EvidenceError("evidence.paper", f"不是可读的文件:{name}", f"not a readable paper: {name}")
