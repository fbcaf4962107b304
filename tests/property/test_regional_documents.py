"""Whatever a part, report or document holds: reading gives back what was written, and two independent validators agree.

libxml2 (the hot path) and the xmlschema library (the oracle) judge every written document and
many damaged ones; a difference between them is a fault in the schema's clarity or in ours.
"""

import re
import string
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from xml.sax import saxutils

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from gateway.errors import FormatError, StandardError
from gateway.formats.xml_safe import Element, escape_attribute, escape_text, parse_xml, text_of, to_bytes, walk
from gateway.mapping.documents import kind_of, read, write
from gateway.mapping.regional_xml import read_loss, read_part, write_loss, write_part
from gateway.mapping.schema import Standard
from gateway.model import documents as d
from gateway.model.dates import PartialDate
from gateway.model.regional import (
    LEARNER_FIELDS,
    RECORD_FIELDS,
    Band,
    Extra,
    Fate,
    Field,
    Kind,
    Loss,
    LossReport,
    RegionalPart,
    RegionalRecord,
    Scale,
)
from gateway.model.units import Credits, Minutes, Points, Sessions, Units

STANDARD = Standard(Path(__file__).parents[2] / "standards")
FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

HELD = st.one_of(
    st.sampled_from("\t\n\r &<>\"'\u0085\u2028\u3000\ufeff䶮𠮷\ue000\ufffd"),
    st.characters(exclude_categories=["Cs"], exclude_characters=[*map(chr, range(32)), "\ufffe", "\uffff"]),
)


def texts(most: int, least: int = 1) -> st.SearchStrategy[str]:
    return st.text(HELD, min_size=least, max_size=min(most, 30))


IDS = st.text(string.ascii_letters + string.digits + "-_:./𠮷", min_size=1, max_size=20)
CODES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.:+\-]{0,20}", fullmatch=True)
REASONS = st.from_regex(r"[a-z][a-z0-9]{0,5}([_.][a-z0-9]{1,5}){0,3}", fullmatch=True)
MEMBERS = st.sampled_from(["CN-31", "CN-32", "CN-33", "CN-34", "CN-YRD"])
MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2900, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 (naive bounds are asked for)
DATES = st.one_of(
    st.builds(PartialDate, st.integers(1900, 2200)),
    st.builds(PartialDate, st.integers(1900, 2200), st.integers(1, 12)),
    st.dates(date(1900, 1, 1), date(2200, 12, 31)).map(lambda day: PartialDate(day.year, day.month, day.day)),
)
CREDITS = st.decimals(0, Decimal("9999.99"), places=2) | st.decimals(0, 9999, places=1) | st.integers(0, 9999).map(Decimal)
QUANTITIES = st.decimals(0, 99999999, places=4) | st.integers(0, 99999999).map(Decimal)
VALUES = {
    "text": texts(64),
    "code": CODES,
    "int": st.integers(1, 10),
    "bool": st.booleans(),
    "decimal": st.decimals(0, 100, places=2),
    "date": DATES,
    "credits": st.builds(Credits, CREDITS),
    "points": st.builds(Points, QUANTITIES),
    "units": st.builds(Units, QUANTITIES),
    "minutes": st.builds(Minutes, QUANTITIES),
    "sessions": st.builds(Sessions, QUANTITIES),
}
TABLES = {
    "member": MEMBERS,
    "achievement_kind": st.sampled_from([kind.value for kind in Kind]),
    "grade_band": st.sampled_from([band.value for band in Band]),
    "grade_scale": st.sampled_from([scale.value for scale in Scale]),
}


def values(fields: tuple[Field, ...]) -> st.SearchStrategy[dict[str, object]]:
    each = {field.path: TABLES.get(field.codes, VALUES[field.type]) for field in fields}
    if "source.record" in each:
        each["source.record"] = IDS
    return st.fixed_dictionaries(
        {field.path: each[field.path] for field in fields if field.required},
        optional={field.path: each[field.path] for field in fields if not field.required},
    )


EXTRAS = st.lists(st.builds(Extra, texts(200), texts(4000, 0)), max_size=3).map(tuple)
ISSUES = st.lists(CODES, max_size=3).map(lambda issues: tuple(sorted(issues)))
RECORDS = st.lists(
    st.builds(RegionalRecord, values(RECORD_FIELDS), ISSUES, EXTRAS), max_size=3, unique_by=lambda record: record.record_id
).map(tuple)
PARTS = st.builds(RegionalPart, MEMBERS, CODES, CODES, values(LEARNER_FIELDS), RECORDS, EXTRAS)
LOSSES = st.lists(st.builds(Loss, st.just("") | IDS, texts(200), st.sampled_from(Fate), CODES, texts(4000, 0)), max_size=4).map(tuple)
REPORTS = st.builds(
    LossReport, CODES, CODES, st.sampled_from(["to_regional", "to_local"]), st.integers(0, 10**9 - 1), st.integers(0, 10**9 - 1), LOSSES
)

TEXT = texts(300)
NONE = st.just("")
RECORD_IDS = st.lists(IDS, max_size=4, unique=True).map(tuple)
CREDIT_VALUES = st.builds(Credits, CREDITS)
DECISION_ITEMS = st.builds(
    d.DecisionItem,
    IDS,
    st.sampled_from(d.Verdict),
    CREDIT_VALUES,
    *[NONE | TEXT] * 3,
    NONE | REASONS,
    *[NONE | TEXT] * 3,
)

LISTED = st.builds(
    d.ListedRecord, IDS, st.sampled_from(Kind).map(lambda kind: kind.value), TEXT, NONE | DATES.map(str), NONE | TEXT
)  # fmt: skip
COUNTS = st.integers(0, 999_999_999)
DUTIES = ("held", "disputed", "contested", "flags", "dead_letters", "rules", "agreements", "alarms", "legal_holds")
REMARKS = st.builds(d.HandoverRemark, st.sampled_from(DUTIES), COUNTS, COUNTS)
DAYS = st.dates(date(1900, 1, 1), date(2200, 12, 31))


def items(item: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.lists(item, min_size=1, max_size=3, unique_by=lambda one: one.record).map(tuple)


DOCUMENTS = st.one_of(
    st.builds(d.Identity, st.from_regex(r"[0-9]{17}[0-9X]", fullmatch=True), TEXT, st.booleans()),
    st.builds(d.Request, *[MEMBERS] * 3, *[TEXT] * 3, RECORD_IDS, st.dictionaries(MEMBERS, texts(64), max_size=4), MOMENTS),
    st.builds(
        d.Consent,
        IDS,
        *[MEMBERS] * 2,
        *[TEXT] * 3,
        st.lists(TEXT, min_size=1, max_size=3).map(tuple),
        st.dates(date(1900, 1, 1), date(2200, 12, 31)),
        TEXT,
        st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
        MEMBERS,
        RECORD_IDS,
        *[MOMENTS] * 2,
    ),
    st.builds(d.Confirmation, NONE | texts(64), items(st.builds(d.ConfirmationItem, IDS, NONE | REASONS))),
    st.builds(d.Acknowledgement, texts(64), NONE, MOMENTS),
    st.builds(d.Acknowledgement, NONE, REASONS, MOMENTS),
    st.builds(d.Decision, TEXT, MOMENTS, TEXT, items(DECISION_ITEMS)),
    st.builds(d.Posting, NONE | REASONS, NONE | TEXT, MOMENTS, RECORD_IDS),
    st.builds(d.Withdrawal, REASONS, NONE | TEXT),
    st.builds(d.ConsentWithdrawal, IDS, REASONS, NONE | TEXT),
    st.builds(d.Enquiry, MEMBERS, MOMENTS),
    st.builds(
        d.AgreementTerms,
        st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True),
        st.integers(1, 9999),
        *[MEMBERS] * 2,
        st.lists(st.sampled_from([kind.value for kind in Kind]), min_size=1, unique=True).map(tuple),
        *[DAYS] * 2,
        *[NONE | st.sampled_from(["0", "6", "20.5", "9999.99"])] * 2,
        NONE | TEXT,
    ),
    st.builds(d.AgreementSignature, st.integers(1, 9999), st.from_regex(r"[0-9a-f]{64}", fullmatch=True)),
    st.builds(
        d.Handover,
        *[MEMBERS] * 2,
        *[MOMENTS] * 4,
        st.integers(1, 10**15 - 1),
        st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
        st.tuples(*(st.builds(d.HandoverDuty, st.just(duty), COUNTS) for duty in DUTIES)),
        NONE | TEXT,
    ),
    st.builds(
        d.HandoverAcceptance,
        st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
        st.lists(REMARKS, max_size=9, unique_by=lambda each: each.duty).map(tuple),
        NONE | TEXT,
    ),
    st.builds(d.Listing, DAYS, st.lists(LISTED, max_size=4, unique_by=lambda each: each.record).map(tuple)),
)
WRITTEN = st.one_of(
    PARTS.map(lambda part: ("records", write_part(part))),
    REPORTS.map(lambda report: ("loss", write_loss(report))),
    DOCUMENTS.map(lambda document: (kind_of(type(document)), write(document))),
)


@FEW
@given(PARTS)
def test_read_part_when_written_then_equal_and_valid_for_both(part: RegionalPart) -> None:
    content = write_part(part)
    assert read_part(content, STANDARD) == part
    assert write_part(read_part(content, STANDARD)) == content
    assert STANDARD.oracle("records").is_valid(content.decode())


@FEW
@given(REPORTS)
def test_read_loss_when_written_then_equal_and_valid_for_both(report: LossReport) -> None:
    content = write_loss(report)
    assert read_loss(content, STANDARD) == report
    assert STANDARD.oracle("loss").is_valid(content.decode())


@FEW
@given(DOCUMENTS)
def test_read_when_written_then_equal_and_valid_for_both(document: d.Document) -> None:
    content = write(document)
    assert read(content, type(document), STANDARD) == document
    assert STANDARD.oracle(kind_of(type(document))).is_valid(content.decode())


# No U+3000 here: where only XML white space may stand, xmlschema takes any Unicode white space for it, and libxml2 rightly does not.
WORDS = st.sampled_from(
    ["", " ", "0", "-1", "1.5", "4.005", "1e3", "+1", "00", " 5 ", "NaN", "true", "TRUE", "1900", "1899", "2201", "2024-13", "2023-02-29",
     "2024-02-29", "2024-02-29Z", "2200-12-31", "-2024", "12024", "2024-01-01T00:00:00Z", "2024-01-01T24:00:00Z", "CN-31", "cn-31", "A",
     "COURSE", "R 1", "R-1", "not_passed", "Not", "recognised", "retained", "x" * 65, "王" * 301, "\n", "١", "𠮷", "1.0", "1.1"]
)  # fmt: skip


def _damage(root: Element, data: st.DataObject) -> None:
    """One thing changed somewhere: in the tree, or in its texts and attributes."""
    below = list(walk(root))[1:]
    if below:
        data.draw(st.sampled_from([_damage_tree, _damage_words]))(root, below, data)


def _damage_tree(root: Element, below: list[Element], data: st.DataObject) -> None:
    victim = data.draw(st.sampled_from(below))
    parent = victim.getparent()
    assert parent is not None
    match data.draw(st.sampled_from(["remove", "double", "move", "rename", "inner"])):
        case "remove":
            parent.remove(victim)
        case "double":
            parent.append(parse_xml(to_bytes(victim)))
        case "move":
            parent.insert(data.draw(st.integers(0, len(parent) - 1)), victim)
        case "rename":
            victim.tag = data.draw(st.sampled_from([*[str(node.tag) for node in (root, *below)], "other", "{urn:other}record"]))
        case "inner":
            victim.append(parse_xml(to_bytes(data.draw(st.sampled_from(below)))))


def _damage_words(root: Element, below: list[Element], data: st.DataObject) -> None:
    victim = data.draw(st.sampled_from([root, *below]))
    leaf = data.draw(st.sampled_from([node for node in below if len(node) == 0]))
    match data.draw(st.sampled_from(["text", "leaf", "tail", "attribute", "drop"])):
        case "text":
            victim.text = data.draw(WORDS)
        case "leaf":
            leaf.text = data.draw(WORDS)
        case "tail":
            leaf.tail = data.draw(WORDS)
        case "attribute":
            name = data.draw(st.sampled_from(["version", "path", "fate", "reason", "record", "member", "{urn:other}a"]))
            victim.set(name, data.draw(WORDS))
        case "drop":
            for name in list(victim.attrib)[:1]:
                del victim.attrib[name]


def _verdict(kind: str, content: bytes) -> list[str]:
    """The paths of the problems; empty where valid."""
    try:
        STANDARD.validate(kind, content)
    except StandardError as error:
        return [problem.path for problem in error.problems] or ["nowhere"]
    return []


def _refusal(ask: Callable[[], object]) -> str:
    """The code of the refusal, "" where there is none; any other exception escapes and fails the test."""
    try:
        ask()
    except (FormatError, StandardError) as error:
        return error.code
    return ""


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(WRITTEN, st.data())
def test_validate_when_a_document_is_damaged_then_both_validators_give_the_same_verdict(
    written: tuple[str, bytes], data: st.DataObject
) -> None:
    kind, content = written
    root = parse_xml(content)
    for _ in range(data.draw(st.integers(1, 2))):
        _damage(root, data)
    damaged = to_bytes(root)
    assume(_refusal(lambda: _verdict(kind, damaged)) != "format.too_deep")  # a record put into a record: refused before any schema
    paths = _verdict(kind, damaged)
    assert all(re.fullmatch(r"/[A-Za-z0-9/\[\]@*]*", path) for path in paths)
    verdict = not paths
    assert verdict is STANDARD.oracle(kind).is_valid(damaged.decode().partition("?>")[2].lstrip())
    assert verdict is (STANDARD.explain(kind, damaged) == ())


@FEW
@given(st.text(HELD))
def test_escape_when_parsed_then_the_same_text(text: str) -> None:
    root = parse_xml(f'<a b="{escape_attribute(text)}">{escape_text(text)}</a>'.encode())
    assert text_of(root) == text
    assert root.get("b") == text


@FEW
@given(st.text())
def test_escape_when_given_any_text_then_it_escapes_or_refuses_by_name(text: str) -> None:
    refused = _refusal(lambda: escape_text(text))
    assert refused in ("", "format.character")
    assert refused or saxutils.unescape(escape_text(text).replace("&#13;", "\r")) == text


REFUSALS = {"", "standard.invalid", "format.malformed", "format.encoding", "format.doctype", "format.xml_version", "format.too_deep"}
SEED = write(d.Posting("", "B-9", datetime(2026, 1, 2, tzinfo=UTC), ("R-1",)))
PIECES = st.sampled_from(
    [b"<", b">", b"</a>", b"<a>", b"&", b"&lt;", b"&#x0;", b"\x00", b"\xff", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<?x", b"?>",
     b"<!DOCTYPE a", b'<?xml version="1.1"?>', b'<?xml version="1.0" encoding="GBK"?>', b"\xef\xbb\xbf", b"\xfe\xff",
     b" xmlns='", b"\x81", "李".encode()]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES | st.binary(max_size=6), max_size=8).map(b"".join), st.integers(0, len(SEED)), st.integers(0, 20))
def test_parse_xml_when_the_bytes_are_arbitrary_then_a_tree_or_a_format_error(noise: bytes, at: int, cut: int) -> None:
    for content in (noise, SEED[:at] + noise + SEED[at + cut :]):
        assert _refusal(lambda content=content: parse_xml(content)) in REFUSALS - {"standard.invalid"}
        assert _refusal(lambda content=content: STANDARD.validate("posting", content)) in REFUSALS


@pytest.mark.parametrize("number", ["+5", "05", "5.", ".5", "5.123", "1e2", "INF", "", "10000", "-0"])
def test_validate_when_a_number_is_not_in_its_one_form_then_both_refuse(number: str) -> None:
    item = d.DecisionItem("R", d.Verdict.RECOGNISED, Credits(Decimal(7)), "", "", "", "", "", "", "")
    content = write(d.Decision("P", datetime(2026, 1, 2, tzinfo=UTC), "x", (item,))).replace(b"<credits>7<", f"<credits>{number}<".encode())
    with pytest.raises(StandardError):
        STANDARD.validate("decision", content)
    assert not STANDARD.oracle("decision").is_valid(content.decode())
