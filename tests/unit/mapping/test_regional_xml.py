"""Regional parts and loss reports as XML: exact bytes, exact values back, refusals."""

import dataclasses
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.errors import FormatError, StandardError
from gateway.mapping.regional_xml import part_of, read_loss, read_own_records, read_part, write_loss, write_part, xml_name
from gateway.mapping.schema import Standard
from gateway.model.dates import PartialDate
from gateway.model.regional import LEARNER_FIELDS, RECORD_FIELDS, Extra, Fate, Loss, LossReport, RegionalPart, RegionalRecord
from gateway.model.units import Credits, Minutes, Points, Sessions, Units

STANDARD = Standard(Path(__file__).parents[3] / "standards")

SAMPLES = {
    "text": '管理学 <基础> & "more"\r\n',
    "code": "X-1",
    "int": 7,
    "bool": False,
    "decimal": Decimal("87.5"),
    "date": PartialDate(2023, 6),
    "credits": Credits(Decimal("4.0")),
    "points": Points(Decimal(48)),
    "units": Units(Decimal("2.2222")),
    "minutes": Minutes(Decimal(2880)),
    "sessions": Sessions(Decimal(12)),
}  # fmt: skip
CODES = {"member": "CN-33", "achievement_kind": "MOOC", "grade_band": "A", "grade_scale": "GPA5"}
FULL = {field.path: CODES.get(field.codes, SAMPLES[field.type]) for field in RECORD_FIELDS} | {"source.record": "R-1"}
LEAST = {field.path: FULL[field.path] for field in RECORD_FIELDS if field.required} | {"source.record": "R-2"}
PART = RegionalPart(
    source="CN-33",
    mapping_id="zhejiang",
    mapping_version="1.0",
    learner={field.path: SAMPLES[field.type] for field in LEARNER_FIELDS},
    records=(
        RegionalRecord(FULL, ("assumed_hours", "zero"), (Extra("学分", ""), Extra('a"b\n<', "v\t&"))),
        RegionalRecord(LEAST),
    ),
    extras=(Extra("batchId", "zj-1"),),
)
REPORT = LossReport(
    "zhejiang",
    "1.0",
    "to_regional",
    9,
    7,
    (Loss("", "batchId", Fate.RETAINED, "no_field", "zj & 1"), Loss("R-1", "a", Fate.DROPPED, "x", "")),
)


def with_values(**values: object) -> RegionalPart:
    record = RegionalRecord(LEAST | {name.replace("__", "."): value for name, value in values.items()})
    return dataclasses.replace(PART, records=(record,))


def test_read_part_when_every_field_is_there_then_exactly_what_was_written() -> None:
    content = write_part(PART)
    assert read_part(content, STANDARD) == PART
    assert part_of(STANDARD.validate("records", content)) == PART
    assert STANDARD.oracle("records").is_valid(content.decode())


def test_write_part_when_little_is_known_then_these_bytes() -> None:
    part = RegionalPart("CN-31", "shanghai", "2", {}, (RegionalRecord(LEAST | {"title": "A&B"}),))
    assert write_part(part).decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<regionalPart xmlns="urn:yrd:credit-exchange:1.0" version="1.0"><source>CN-31</source><mappingId>shanghai</mappingId>'
        "<mappingVersion>2</mappingVersion><learner></learner><records><record><source><bank>CN-33</bank><record>R-2</record>"
        '<form>管理学 &lt;基础&gt; &amp; "more"&#13;\n</form></source><kind>MOOC</kind><status>X-1</status><title>A&amp;B</title>'
        "<convertible>false</convertible></record></records></regionalPart>\n"
    )  # fmt: skip
    assert read_part(write_part(part), STANDARD) == part


def test_write_part_when_values_come_in_another_order_then_the_same_bytes() -> None:
    turned = RegionalRecord(dict(reversed(FULL.items())))
    plain = RegionalRecord(FULL)
    assert write_part(dataclasses.replace(PART, records=(turned,))) == write_part(dataclasses.replace(PART, records=(plain,)))


@pytest.mark.parametrize("number", ["0", "4", "4.0", "4.00", "9999.99", "1E+2"])
def test_read_part_when_credits_are_written_then_the_digits_stay(number: str) -> None:
    [record] = read_part(write_part(with_values(size__credits=Credits(Decimal(number)))), STANDARD).records
    assert record.credits is not None
    assert format(record.credits.value, "f") == format(Decimal(number), "f")


@pytest.mark.parametrize("date", [PartialDate(1900), PartialDate(2200, 12, 31), PartialDate(2024, 2, 29), PartialDate(2024, 2)])
def test_read_part_when_a_date_is_partial_then_its_precision_stays(date: PartialDate) -> None:
    [record] = read_part(write_part(with_values(date__awarded=date)), STANDARD).records
    assert record.values["date.awarded"] == date


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("size__credits", Credits(Decimal("4.001"))),
        ("size__credits", Credits(Decimal(-1))),
        ("size__credits", Credits(Decimal("NaN"))),
        ("size__minutes", Minutes(Decimal("0.00001"))),
        ("level__regional", 11),
        ("result__percent", Decimal("100.01")),
        ("kind", "DEGREE"),
        ("source__bank", "33"),
        ("source__record", "has blank"),
        ("title", ""),
        ("title", "题" * 301),
        ("status", "with blank"),
    ],
)
def test_read_part_when_a_value_is_outside_the_standard_then_refused_at_its_place(field: str, value: object) -> None:
    with pytest.raises(StandardError, match=r"standard\.invalid") as caught:
        read_part(write_part(with_values(**{field: value})), STANDARD)
    place = "/".join(map(xml_name, field.split("__")))
    assert {problem.path for problem in caught.value.problems} == {f"/regionalPart/records/record/{place}"}


@pytest.mark.parametrize("missing", sorted(LEAST))
def test_read_part_when_a_required_field_is_missing_then_refused(missing: str) -> None:
    record = RegionalRecord({path: value for path, value in LEAST.items() if path != missing})
    with pytest.raises(StandardError, match=r"standard\.invalid"):
        read_part(write_part(dataclasses.replace(PART, records=(record,))), STANDARD)


def test_read_part_when_two_records_have_one_id_then_refused_as_duplicate() -> None:
    content = write_part(dataclasses.replace(PART, records=(PART.records[1], PART.records[1])))
    with pytest.raises(StandardError) as caught:
        read_part(content, STANDARD)
    assert [problem.code for problem in caught.value.problems] == ["standard.duplicate"]


def test_read_part_when_the_declared_encoding_is_gb18030_then_the_same_part() -> None:
    content = write_part(PART).decode().replace("UTF-8", "GB18030").encode("gb18030")
    assert read_part(content, STANDARD) == PART


@pytest.mark.parametrize(
    "part",
    [
        with_values(title="a\x0bb"),
        dataclasses.replace(PART, learner={"name": "\ufffe"}),
        dataclasses.replace(PART, extras=(Extra("p", "\x00"),)),
        dataclasses.replace(PART, extras=(Extra("\x00", "v"),)),
        dataclasses.replace(PART, records=(RegionalRecord(LEAST, ("\x01",)),)),
        dataclasses.replace(PART, mapping_id="\x01"),
    ],
)
def test_write_part_when_xml_cannot_hold_a_character_then_refused_by_name(part: RegionalPart) -> None:
    with pytest.raises(StandardError, match=r"standard\.character") as caught:
        write_part(part)
    assert len(caught.value.problems) == 1


def test_write_part_when_a_field_is_not_in_the_standard_then_refused_and_never_left_out() -> None:
    with pytest.raises(StandardError, match=r"standard\.unknown_field") as caught:
        write_part(with_values(size__weeks=3, hobby="x"))
    assert {problem.path for problem in caught.value.problems} == {"size.weeks", "hobby"}


def test_read_part_when_the_bytes_are_another_document_then_refused() -> None:
    with pytest.raises(StandardError, match=r"standard\.invalid"):
        read_part(write_loss(REPORT), STANDARD)
    with pytest.raises(FormatError, match=r"format\.doctype"):
        read_part(b"<!DOCTYPE regionalPart>" + write_part(PART)[39:], STANDARD)


def test_read_loss_when_written_then_the_same_report() -> None:
    assert read_loss(write_loss(REPORT), STANDARD) == REPORT


@pytest.mark.parametrize(
    "report",
    [
        dataclasses.replace(REPORT, values_read=-1),
        dataclasses.replace(REPORT, direction="sideways"),
        dataclasses.replace(REPORT, losses=(Loss("", "", Fate.DROPPED, "x", ""),)),
        dataclasses.replace(REPORT, losses=(Loss("", "p", Fate.DROPPED, "", ""),)),
    ],
)
def test_read_loss_when_outside_the_standard_then_refused(report: LossReport) -> None:
    with pytest.raises(StandardError, match=r"standard\.invalid"):
        read_loss(write_loss(report), STANDARD)


def test_write_loss_when_xml_cannot_hold_a_character_then_refused_by_name() -> None:
    with pytest.raises(StandardError, match=r"standard\.character"):
        write_loss(dataclasses.replace(REPORT, losses=(Loss("", "p", Fate.DROPPED, "x", "\x00"),)))


SOME = frozenset({"source.record", "kind", "size.credits", "date.awarded", "level.regional"})


def test_read_own_records_when_some_fields_are_asked_then_those_alone() -> None:
    content = write_part(PART)
    assert [record.values for record in read_own_records(content, SOME)] == [
        {path: value for path, value in record.values.items() if path in SOME} for record in PART.records
    ]
    everything = frozenset(field.path for field in RECORD_FIELDS)
    assert [record.values for record in read_own_records(content, everything)] == [record.values for record in PART.records]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<kind>MOOC</kind>", b""),
        (b'version="1.0">', b'version="2.0">'),
        (b"credit-exchange:1.0", b"credit-exchange:0.9"),
        (b"regionalPart", b"lossReport"),
        (b"<credits>4.0<", b"<credits>four<"),
        (b"<awarded>2023-06<", b"<awarded>2023-13<"),
        (b"<regional>7<", b"<regional>seven<"),
    ],
)
def test_read_own_records_when_not_of_the_standard_of_today_then_refused(old: bytes, new: bytes) -> None:
    content = write_part(PART)
    assert old in content
    with pytest.raises(StandardError) as caught:
        read_own_records(content.replace(old, new), SOME)
    assert caught.value.code == "standard.invalid"


def test_read_own_records_when_cut_short_then_not_well_formed() -> None:
    with pytest.raises(FormatError):
        read_own_records(write_part(PART)[:-20], SOME)
