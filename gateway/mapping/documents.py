"""Requests, decisions and the other regional documents as XML bytes, and back.

One table says how each field of each class stands in XML: a field is one element, named by the
field in camel case, in the order of the table, which is the schema's.  An empty text is an absent
element.  Where "" means something was done (`Posting.impossible`, `ConfirmationItem.closed`) an
empty element says so aloud, because silence must not read as success.  Reading goes through
`Standard`, so the tree is known to be valid before a value is taken from it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final, TypeVar, cast

from gateway.errors import FormatError, Problem, StandardError
from gateway.formats.xml_safe import Element, escape_attribute, escape_text, text_of
from gateway.mapping.regional_xml import xml_name
from gateway.mapping.schema import NAMESPACE, ROOTS, Standard
from gateway.model.documents import (
    Acknowledgement,
    AgreementSignature,
    AgreementTerms,
    Clearance,
    Confirmation,
    ConfirmationItem,
    Consent,
    ConsentWithdrawal,
    Correction,
    Decision,
    DecisionItem,
    Document,
    Enquiry,
    Handover,
    HandoverAcceptance,
    HandoverDuty,
    HandoverRemark,
    Identity,
    ListedRecord,
    Listing,
    Order,
    Posting,
    Request,
    Verdict,
    Withdrawal,
)
from gateway.model.regional import STANDARD_VERSION
from gateway.model.units import Credits

D = TypeVar("D", bound=Document)


@dataclass(frozen=True, slots=True)
class _Slot:
    """One field: `write` gives the inside of its element, `read` the value of it.

    `empty` is what is written for "": nothing for a text, a telling empty element for an outcome, None where "" cannot be.
    """

    field: str
    write: Callable[[Any], str]
    read: Callable[[Element], Any]
    empty: str | None = None


def _text(field: str, *, empty: str = "") -> _Slot:
    return _Slot(field, escape_text, text_of, empty)


def _texts(fields: str) -> tuple[_Slot, ...]:
    return tuple(_text(field) for field in fields.split())


def _flag(field: str) -> _Slot:
    return _Slot(field, lambda value: "true" if value else "false", lambda element: text_of(element).strip() == "true")


def _moment(field: str) -> _Slot:
    return _Slot(field, _rfc3339, lambda element: datetime.fromisoformat(text_of(element).strip()))


def _day(field: str) -> _Slot:
    return _Slot(field, date.isoformat, lambda element: date.fromisoformat(text_of(element).strip()))


def _number(field: str) -> _Slot:
    return _Slot(field, str, lambda element: int(text_of(element)))


def _words(field: str, inner: str) -> _Slot:
    """A tuple of texts, one inner element each."""
    return _Slot(
        field,
        lambda words: "".join(_element(inner, escape_text(word)) for word in words),
        lambda element: tuple(text_of(word) for word in element),
    )


def _items(field: str, cls: type[Any]) -> _Slot:
    """A tuple of dataclasses, each an `item`."""
    return _Slot(
        field,
        lambda items: "".join(_element("item", _write_fields(item)) for item in items),
        lambda element: tuple(_read_fields(item, cls) for item in element),
    )


def _rfc3339(value: datetime) -> str:
    """UTC with `Z`; fractions of a second only where there are any."""
    if value.tzinfo is None:
        raise StandardError("standard.naive_time", "时刻缺少时区", "a time without zone cannot be written")
    return value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def _write_accounts(accounts: Mapping[str, str]) -> str:
    return "".join(
        f'<account member="{escape_attribute(member)}">{escape_text(account)}</account>' for member, account in sorted(accounts.items())
    )


def _read_accounts(element: Element) -> dict[str, str]:
    return {str(account.get("member")): text_of(account) for account in element}


_RECORDS: Final = _words("records", "record")

_TABLE: Final[dict[type[Any], tuple[_Slot, ...]]] = {
    Identity: (*_texts("citizen_id name"), _flag("synthetic")),
    Request: (
        *_texts("source accepting facing programme_code programme_name purpose"),
        _RECORDS,
        _Slot("accounts", _write_accounts, _read_accounts),
        _moment("applied_at"),
    ),
    Consent: (
        *_texts("consent_id controller recipient recipient_contact purpose method"),
        _words("kinds", "kind"),
        _day("retention_until"),
        *_texts("rights notice_digest source"),
        _RECORDS,
        _moment("given_at"),
        _moment("expires_at"),
    ),
    Confirmation: (_text("account"), _items("items", ConfirmationItem)),
    ConfirmationItem: (_text("record"), _text("closed", empty="<confirmed/>")),
    Acknowledgement: (*_texts("account none_reason"), _moment("received_at")),
    Decision: (
        _text("programme_code"),
        _moment("decided_at"),
        _text("decided_by"),
        _items("items", DecisionItem),
        *_texts("estimate departure"),
    ),
    DecisionItem: (
        _text("record"),
        _Slot("verdict", lambda value: Verdict(value).value, lambda element: Verdict(text_of(element))),
        _Slot("credits", str, lambda element: Credits(Decimal(text_of(element)))),
        *_texts("awarded awarded_unit target_course reason rule text_zh text_en"),
    ),
    Posting: (_text("impossible", empty="<done/>"), _text("reference"), _moment("posted_at"), _RECORDS),
    Withdrawal: _texts("reason text"),
    Order: _texts("reason text message"),
    Correction: (*_texts("reason text"), _RECORDS),
    ConsentWithdrawal: _texts("consent_id reason text"),
    Enquiry: (_text("source"), _moment("asked_at")),
    Listing: (_day("as_of"), _items("items", ListedRecord)),
    Clearance: (*_texts("reason text"), _text("stands", empty="<none/>"), _text("record")),
    ListedRecord: _texts("record kind title achieved size"),
    AgreementTerms: (
        _text("agreement_id"),
        _number("version"),
        *_texts("source accepting"),
        _words("kinds", "kind"),
        _day("since"),
        _day("until"),
        *_texts("item_credits_max learner_year_credits_max text"),
    ),
    AgreementSignature: (_number("version"), _text("digest")),
    Handover: (
        *_texts("outgoing incoming"),
        *(_moment(field) for field in ("ended_since", "ended_until", "begun_since", "begun_until")),
        _number("log_size"),
        _text("log_root"),
        _items("duties", HandoverDuty),
        _text("text"),
    ),
    HandoverDuty: (_text("duty"), _number("open")),
    HandoverAcceptance: (_text("digest"), _items("remarks", HandoverRemark), _text("text")),
    HandoverRemark: (_text("duty"), _number("signed"), _number("found")),
}

_KINDS: Final[dict[type[Any], str]] = {
    Identity: "identity",
    Request: "request",
    Consent: "consent",
    Confirmation: "confirmation",
    Acknowledgement: "acknowledgement",
    Decision: "decision",
    Posting: "posting",
    Withdrawal: "withdrawal",
    Order: "order",
    Correction: "correction",
    ConsentWithdrawal: "consent-withdrawal",
    Enquiry: "enquiry",
    Listing: "listing",
    Clearance: "clearance",
    AgreementTerms: "agreement",
    AgreementSignature: "agreement-signature",
    Handover: "handover",
    HandoverAcceptance: "handover-acceptance",
}


def kind_of(kind: type[Document]) -> str:
    """The kind (key of `schema.ROOTS`) of a document class."""
    return _KINDS[kind]


def write(document: Document) -> bytes:
    """The document as UTF-8 XML, the same bytes for the same values; not validated here.

    Raises StandardError: `standard.character` for a character XML 1.0 cannot hold, `standard.naive_time` for a
    time without zone.
    """
    root = ROOTS[_KINDS[type(document)]]
    body = _write_fields(document)
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{NAMESPACE}" version="{STANDARD_VERSION}">{body}</{root}>\n'
    return text.encode("utf-8")


def read(content: bytes, kind: type[D], standard: Standard) -> D:
    """The document in those bytes; the exact inverse of `write`.

    Raises FormatError for unsafe XML, StandardError `standard.invalid` for anything the schema of that kind refuses.
    """
    return cast("D", _read_fields(standard.validate(_KINDS[kind], content), kind))


def _write_fields(document: Any) -> str:
    out = []
    for slot in _TABLE[type(document)]:
        value = getattr(document, slot.field)
        try:
            out.append(slot.empty if value == "" and slot.empty is not None else _element(xml_name(slot.field), slot.write(value)))
        except FormatError as error:
            problem = Problem(f"/{slot.field}", "standard.character", error.zh, error.en)
            raise StandardError("standard.character", error.zh, error.en, problems=(problem,), field=slot.field) from None
    return "".join(out)


def _element(name: str, inner: str) -> str:
    return f"<{name}>{inner}</{name}>"


_READERS: Final = {
    kind: {f"{{{NAMESPACE}}}{xml_name(slot.field)}": (slot.field, slot.read) for slot in slots} for kind, slots in _TABLE.items()
}
_ABSENT: Final = {kind: dict.fromkeys((slot.field for slot in slots), "") for kind, slots in _TABLE.items()}
"""Only a text may be absent, by the schema; it is "" then."""


def _read_fields(element: Element, kind: type[Any]) -> Any:
    readers = _READERS[kind]
    values: dict[str, Any] = dict(_ABSENT[kind])
    for child in element:
        reader = readers.get(child.tag)
        if reader is not None:  # a telling empty element (`<done/>`) says "" for the field it stands in for
            values[reader[0]] = reader[1](child)
    return kind(**values)
