"""Each regional document: written, valid for both validators, read back the same, and refused where it must be."""

import dataclasses
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.errors import FormatError, StandardError
from gateway.mapping.documents import kind_of, read, write
from gateway.mapping.schema import Standard
from gateway.model.documents import (
    Acknowledgement,
    AgreementSignature,
    AgreementTerms,
    Confirmation,
    ConfirmationItem,
    Consent,
    ConsentWithdrawal,
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
from gateway.model.units import Credits

STANDARD = Standard(Path(__file__).parents[3] / "standards")
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LATER = datetime(2027, 5, 21, 12, 0, 0, 250_000, tzinfo=UTC)

RECOGNISED = DecisionItem(
    "R-1", Verdict.RECOGNISED, Credits(Decimal("3.0")), "3", "学分", "管理学", "content_equivalent", "YRD-1", "内容等效", "same"
)
REFUSED = DecisionItem("R-2", Verdict.REFUSED, Credits(Decimal(0)), "", "", "", "not_in_catalogue", "", "", "")
IDENTITY = Identity("11010119900307123X", "测试·人员", synthetic=True)
REQUEST = Request("CN-32", "CN-31", "CN-31", "P-7", "行政管理", "<课程> & 免修", ("R-1", "R-2"), {"CN-31": "1", "CN-32": "JS2"}, NOON)
CONSENT = Consent(
    consent_id="C-1",
    controller="CN-32",
    recipient="CN-31",
    recipient_contact="021-00000000",
    purpose="学分认定",
    method="加密传输",
    kinds=("课程成绩", "证书"),
    retention_until=date(2031, 12, 31),
    rights="查阅、更正、撤回",
    notice_digest="0f" * 32,
    source="CN-32",
    records=("R-1",),
    given_at=NOON,
    expires_at=LATER,
)
CONFIRMATION = Confirmation("JS2", (ConfirmationItem("R-1"), ConfirmationItem("R-2", "not_passed")))
DECISION = Decision("P-7", NOON, "教务处", (RECOGNISED, REFUSED))
POSTING = Posting("", "B-9", NOON, ("R-1",))
LISTED = ListedRecord("R-1", "COURSE", "管理学", "2023-06", "4 学分;64 学时")
LISTING = Listing(date(2026, 11, 21), (LISTED, ListedRecord("R-2", "SKILL_CERT", "养老护理员", "", "")))

AGREEMENT = AgreementTerms("A-1", 2, "CN-31", "CN-32", ("COURSE", "SKILL_CERT"), date(2026, 9, 1), date(2029, 8, 31))

DUTIES = ("held", "disputed", "contested", "flags", "dead_letters", "rules", "agreements", "alarms", "legal_holds")
OPEN = tuple(HandoverDuty(duty, n) for n, duty in enumerate(DUTIES))
HANDOVER = Handover("CN-34", "CN-33", NOON, LATER, LATER, LATER, 912, "0f" * 32, OPEN)
ACCEPTANCE = HandoverAcceptance("0f" * 32, (HandoverRemark("held", 1, 0),), "已核对")

DOCUMENTS: list[Document] = [
    IDENTITY,
    Identity("110101199003071233", "王强"),
    REQUEST,
    dataclasses.replace(REQUEST, accounts={}),
    CONSENT,
    CONFIRMATION,
    Confirmation("", (ConfirmationItem("R-1"),)),
    Acknowledgement("SH1", "", NOON),
    Acknowledgement("", "no_account", LATER),
    DECISION,
    POSTING,
    Posting("account_closed", "", LATER, ()),
    Withdrawal("learner_request", "改主意了"),
    Withdrawal("other", ""),
    Order("other", "请再送", "q3vYk2mT7Zr-0aB_c9dE1w"),
    Order("other", ""),
    ConsentWithdrawal("C-1", "learner_request", "改主意了"),
    ConsentWithdrawal("C-1", "other", ""),
    Enquiry("CN-31", NOON),
    LISTING,
    Listing(date(2024, 6, 30), ()),
    AGREEMENT,
    dataclasses.replace(AGREEMENT, item_credits_max="6", learner_year_credits_max="20.5", text="两行商定"),
    AgreementSignature(2, "0f" * 32),
    HANDOVER,
    dataclasses.replace(HANDOVER, text="如清单"),
    ACCEPTANCE,
    HandoverAcceptance("0f" * 32, ()),
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: type(document).__name__)
def test_read_when_written_then_the_same_document_and_both_validators_agree(document: Document) -> None:
    content = write(document)
    assert read(content, type(document), STANDARD) == document
    assert STANDARD.oracle(kind_of(type(document))).is_valid(content.decode())
    assert write(read(content, type(document), STANDARD)) == content


def test_write_when_a_document_is_small_then_these_bytes() -> None:
    assert write(Posting("", "", datetime(2026, 1, 2, 8, 30, tzinfo=timezone(timedelta(hours=8))), ("R-1",))) == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n<posting xmlns="urn:yrd:credit-exchange:1.0" version="1.0"><done/>'
        b"<postedAt>2026-01-02T00:30:00Z</postedAt><records><record>R-1</record></records></posting>\n"
    )


def test_write_when_accounts_come_in_another_order_then_the_same_bytes() -> None:
    turned = dataclasses.replace(REQUEST, accounts=dict(reversed(REQUEST.accounts.items())))
    assert write(turned) == write(REQUEST)


@pytest.mark.parametrize(
    ("document", "path", "code"),
    [
        (dataclasses.replace(IDENTITY, citizen_id="110101900307123"), "/identity/citizenId", "standard.value"),
        (dataclasses.replace(IDENTITY, name=""), "/identity/synthetic", "standard.structure"),
        (dataclasses.replace(IDENTITY, name="王" * 101), "/identity/name", "standard.length"),
        (dataclasses.replace(REQUEST, accepting="31"), "/request/accepting", "standard.value"),
        (dataclasses.replace(REQUEST, records=("R-1", "R-1")), "/request/records/record[2]", "standard.duplicate"),
        (dataclasses.replace(REQUEST, records=("R 1",)), "/request/records/record", "standard.value"),
        (dataclasses.replace(REQUEST, accounts={"CN-31": ""}), "/request/accounts/account", "standard.length"),
        (dataclasses.replace(CONSENT, notice_digest="0F" * 32), "/consent/noticeDigest", "standard.value"),
        (dataclasses.replace(CONSENT, kinds=()), "/consent/kinds", "standard.structure"),
        (dataclasses.replace(CONSENT, retention_until=date(1850, 1, 1)), "/consent/retentionUntil", "standard.value"),
        (Confirmation("", ()), "/confirmation/items", "standard.structure"),
        (Confirmation("", (ConfirmationItem("R", "Bad Code"),)), "/confirmation/items/item/closed", "standard.value"),
        (Confirmation("", (ConfirmationItem("R"), ConfirmationItem("R"))), "/confirmation/items/item[2]", "standard.duplicate"),
        (Acknowledgement("", "", NOON), "/acknowledgement/receivedAt", "standard.structure"),
        (Acknowledgement("A", "no_account", NOON), "/acknowledgement/noneReason", "standard.structure"),
        (
            dataclasses.replace(DECISION, items=(dataclasses.replace(RECOGNISED, credits=Credits(Decimal("0.125"))),)),
            "/decision/items/item/credits",
            "standard.value",
        ),
        (dataclasses.replace(DECISION, items=(REFUSED, REFUSED)), "/decision/items/item[2]", "standard.duplicate"),
        (dataclasses.replace(DECISION, decided_at=datetime(1, 1, 1, tzinfo=UTC)), "/decision/decidedAt", "standard.value"),
        (dataclasses.replace(POSTING, impossible="No"), "/posting/impossible", "standard.value"),
        (Withdrawal("", "why"), "/withdrawal/text", "standard.structure"),
        (Order("other", "", "q3vYk2mT7Zr-0aB_c9dE1x"), "/withdrawal/message", "standard.value"),
        (ConsentWithdrawal("", "other", ""), "/consentWithdrawal/reason", "standard.structure"),
        (dataclasses.replace(AGREEMENT, agreement_id="协议 1"), "/agreement/agreementId", "standard.value"),
        (dataclasses.replace(AGREEMENT, version=0), "/agreement/version", "standard.value"),
        (dataclasses.replace(AGREEMENT, kinds=()), "/agreement/kinds", "standard.structure"),
        (dataclasses.replace(AGREEMENT, kinds=("COURSE", "COURSE")), "/agreement/kinds/kind[2]", "standard.duplicate"),
        (dataclasses.replace(AGREEMENT, kinds=("POINTS",)), "/agreement/kinds/kind", "standard.value"),
        (dataclasses.replace(AGREEMENT, item_credits_max="-1"), "/agreement/itemCreditsMax", "standard.value"),
        (AgreementSignature(2, "0F" * 32), "/agreementSignature/digest", "standard.value"),
        (dataclasses.replace(HANDOVER, duties=OPEN[1:]), "/handover/duties", "standard.structure"),
        (dataclasses.replace(HANDOVER, duties=(*OPEN[1:], OPEN[1])), "/handover/duties/item[9]", "standard.duplicate"),
        (dataclasses.replace(HANDOVER, duties=(HandoverDuty("peace", 0), *OPEN[1:])), "/handover/duties/item[1]/duty", "standard.value"),
        (dataclasses.replace(HANDOVER, log_size=0), "/handover/logSize", "standard.value"),
        (dataclasses.replace(HANDOVER, incoming="Zhejiang"), "/handover/incoming", "standard.value"),
        (dataclasses.replace(ACCEPTANCE, remarks=ACCEPTANCE.remarks * 2), "/handoverAcceptance/remarks/item[2]", "standard.duplicate"),
        (dataclasses.replace(ACCEPTANCE, digest="0F" * 32), "/handoverAcceptance/digest", "standard.value"),
        (ConsentWithdrawal("C 1", "other", ""), "/consentWithdrawal/consentId", "standard.value"),
        (Enquiry("Shanghai", NOON), "/enquiry/source", "standard.value"),
        (Listing(date(2026, 11, 21), (LISTED, LISTED)), "/listing/items/item[2]", "standard.duplicate"),
        (Listing(date(2026, 11, 21), (dataclasses.replace(LISTED, achieved="2023-13"),)), "/listing/items/item/achieved", "standard.value"),
        (Listing(date(2026, 11, 21), (dataclasses.replace(LISTED, kind="OTHER"),)), "/listing/items/item/kind", "standard.value"),
    ],
)
def test_read_when_the_document_breaks_the_standard_then_refused_at_its_place(document: Document, path: str, code: str) -> None:
    content = write(document)
    with pytest.raises(StandardError, match=r"standard\.invalid") as caught:
        read(content, type(document), STANDARD)
    assert (path, code) in [(problem.path, problem.code) for problem in caught.value.problems]
    assert code in [problem.code for problem in STANDARD.explain(kind_of(type(document)), content)]
    assert not STANDARD.oracle(kind_of(type(document))).is_valid(content.decode())


@pytest.mark.parametrize(
    "moment",
    [
        "2026-11-21T12:00:00",
        "2026-11-21T12:00:00+08:00",
        "2026-11-21T12:00:00z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T12:00:60Z",
        "2026-02-30T12:00:00Z",
        "2026-11-21T12:00:00.1234567Z",
        "2026-11-21 12:00:00Z",
        "20261121T120000Z",
        "12026-11-21T12:00:00Z",
    ],
)
def test_read_when_a_time_is_not_rfc_3339_in_utc_then_refused(moment: str) -> None:
    content = write(POSTING).replace(b"2026-11-21T12:00:00Z", moment.encode())
    assert moment.encode() in content
    with pytest.raises(StandardError, match=r"standard\.invalid"):
        read(content, Posting, STANDARD)


@pytest.mark.parametrize("fraction", ["1", "25", "123456"])
def test_read_when_a_time_has_a_fraction_then_exact(fraction: str) -> None:
    content = write(POSTING).replace(b"12:00:00Z", f"12:00:00.{fraction}Z".encode())
    assert read(content, Posting, STANDARD).posted_at.microsecond == int(fraction.ljust(6, "0"))


@pytest.mark.parametrize("outcome", [b"", b"<done/><impossible>other</impossible>", b"<done>yes</done>"])
def test_read_when_a_posting_does_not_say_its_outcome_plainly_then_refused(outcome: bytes) -> None:
    with pytest.raises(StandardError, match=r"standard\.invalid"):
        read(write(POSTING).replace(b"<done/>", outcome), Posting, STANDARD)


def test_read_when_the_content_is_another_kind_then_refused_by_root() -> None:
    with pytest.raises(StandardError) as caught:
        read(write(POSTING), Withdrawal, STANDARD)
    assert [problem.code for problem in caught.value.problems] == ["standard.root"]


def test_read_when_the_bytes_are_hostile_then_a_format_error() -> None:
    with pytest.raises(FormatError, match=r"format\.doctype"):
        read(write(POSTING).replace(b"<posting", b"<!DOCTYPE posting><posting"), Posting, STANDARD)


def test_write_when_a_time_has_no_zone_then_refused() -> None:
    with pytest.raises(StandardError, match=r"standard\.naive_time"):
        write(dataclasses.replace(POSTING, posted_at=NOON.replace(tzinfo=None)))


@pytest.mark.parametrize(
    "document",
    [
        Withdrawal("other", "\x00"),
        dataclasses.replace(REQUEST, accounts={"CN-31": "\x01"}),
        dataclasses.replace(REQUEST, accounts={"\x01": "1"}),
        dataclasses.replace(REQUEST, records=("\ufffe",)),
        dataclasses.replace(DECISION, items=(dataclasses.replace(RECOGNISED, text_zh="\x0c"),)),
    ],
)
def test_write_when_xml_cannot_hold_a_character_then_refused_by_name(document: Document) -> None:
    with pytest.raises(StandardError, match=r"standard\.character") as caught:
        write(document)
    assert len(caught.value.problems) == 1
