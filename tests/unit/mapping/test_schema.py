"""The standard's schemas: what is written in them, and the verdicts and explanations given by them."""

import shutil
from pathlib import Path

import pytest

from gateway.errors import FormatError, StandardError
from gateway.formats.xml_safe import Element, attributes, children, first_child, local_name, parse_xml, text_of, walk
from gateway.mapping import schema
from gateway.mapping.documents import kind_of
from gateway.mapping.regional_xml import xml_name
from gateway.mapping.schema import ROOTS, Standard
from gateway.model.documents import Document, Verdict
from gateway.model.regional import LEARNER_FIELDS, RECORD_FIELDS, STANDARD_VERSION, Band, Fate, Field, Kind, Scale

STANDARDS = Path(__file__).parents[3] / "standards"
FILES = sorted((STANDARDS / "xsd" / STANDARD_VERSION).glob("*.xsd"))
NAMESPACE = 'xmlns="urn:yrd:credit-exchange:1.0" version="1.0"'
GOOD = f"<withdrawal {NAMESPACE}><reason>learner_request</reason><text>王强 110101</text></withdrawal>"

TYPES_OF_FIELDS = {
    "text": {"ShortText", "LongText", "RecordId", "Account", "PersonName"},
    "code": {"Code", "MemberId", "Kind", "GradeBand", "GradeScale"},
    "int": {"RegionalLevel"},
    "bool": {"Flag"},
    "decimal": {"Percent"},
    "date": {"PartialDate"},
    "credits": {"Credits"},
    "points": {"Quantity"},
    "units": {"Quantity"},
    "minutes": {"Quantity"},
    "sessions": {"Quantity"},
}
ENUMERATIONS = {"Kind": Kind, "GradeBand": Band, "GradeScale": Scale, "Verdict": Verdict, "Fate": Fate}
STANDARD = Standard(STANDARDS)


def xsd(name: str) -> Element:
    return parse_xml((STANDARDS / "xsd" / STANDARD_VERSION / f"{name}.xsd").read_bytes())


def problems(kind: str, content: str) -> list[tuple[str, str]]:
    with pytest.raises(StandardError, match=r"standard\.invalid") as caught:
        STANDARD.validate(kind, content.encode())
    return [(problem.path, problem.code) for problem in caught.value.problems]


def documented(node: Element) -> set[str]:
    annotation = first_child(node, "annotation")
    texts = [] if annotation is None else list(children(annotation, "documentation"))
    return {next(iter(attributes(text).values())) for text in texts if text_of(text).strip()}


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_xsd_when_read_then_every_element_attribute_and_type_is_documented_in_both_languages(file: Path) -> None:
    nodes = [
        node
        for node in walk(parse_xml(file.read_bytes()))
        if local_name(node) in ("schema", "element", "attribute", "simpleType", "complexType")
    ]
    missing = [f"{local_name(node)} {node.get('name')}" for node in nodes if documented(node) != {"zh", "en"}]
    assert nodes
    assert missing == []


def test_xsd_when_listed_then_one_file_a_kind_each_with_its_root_and_the_types() -> None:
    assert {file.stem for file in FILES} == {*ROOTS, "types"}
    for kind, root in ROOTS.items():
        assert [node.get("name") for node in children(xsd(kind), "element")] == [root]


def test_kind_of_when_asked_for_each_document_class_then_a_root_exists() -> None:
    assert {kind_of(cls) for cls in Document.__args__} | {"records", "loss"} == set(ROOTS)


def declared(type_name: str, prefix: str = "") -> list[tuple[str, bool, str]]:
    """(path, required, type) of every leaf element below a complex type of records.xsd, in order."""
    types = {node.get("name"): node for node in children(xsd("records"), "complexType")}
    leaves = []
    for node in children(next(children(types[type_name], "sequence")), "element"):
        path, inner = prefix + str(node.get("name")), str(node.get("type")).removeprefix("cx:")
        if inner.startswith("Record") and inner in types:
            group = declared(inner, path + ".")
            assert (node.get("minOccurs") != "0") == any(required for _, required, _ in group), path
            leaves += group
        else:
            leaves.append((path, node.get("minOccurs") != "0", inner))
    return leaves


def named(field: Field) -> str:
    return ".".join(map(xml_name, field.path.split(".")))


@pytest.mark.parametrize(("type_name", "fields"), [("Learner", LEARNER_FIELDS), ("Record", RECORD_FIELDS)])
def test_records_xsd_when_compared_with_the_field_list_then_same_paths_order_and_obligation(
    type_name: str, fields: tuple[Field, ...]
) -> None:
    leaves = [leaf for leaf in declared(type_name) if leaf[0] not in ("issues", "extras")]
    assert [(path, required) for path, required, _ in leaves] == [(named(field), field.required) for field in fields]
    assert [path for (path, _, inner), field in zip(leaves, fields, strict=True) if inner not in TYPES_OF_FIELDS[field.type]] == []


@pytest.mark.parametrize("name", ENUMERATIONS)
def test_types_xsd_when_compared_with_the_model_then_same_enumerations(name: str) -> None:
    [found] = [node for node in children(xsd("types"), "simpleType") if node.get("name") == name]
    values = [node.get("value") for node in walk(found) if local_name(node) == "enumeration"]
    assert values == [member.value for member in ENUMERATIONS[name]]


def test_validate_when_valid_then_gives_the_root_and_explain_has_nothing_to_say() -> None:
    assert local_name(STANDARD.validate("withdrawal", GOOD.encode())) == "withdrawal"
    assert STANDARD.explain("withdrawal", GOOD.encode()) == ()


CASES = [
    (GOOD.replace("learner_request", "Learner"), "/withdrawal/reason", "standard.value"),
    (GOOD.replace("王强 110101", ""), "/withdrawal/text", "standard.length"),
    (GOOD.replace("王强 110101", "王" * 4001), "/withdrawal/text", "standard.length"),
    (GOOD.replace('version="1.0"', 'version="1.1"'), "/withdrawal/@version", "standard.value"),
    (GOOD.replace('version="1.0"', ""), "/withdrawal/@version", "standard.attribute"),
    (GOOD.replace('version="1.0"', 'version="1.0" lang="zh"'), "/withdrawal/@lang", "standard.attribute"),
    (GOOD.replace("</reason>", "</reason>stray"), "/withdrawal", "standard.structure"),
    (GOOD.replace("王强", "<b/>"), "/withdrawal/text", "standard.structure"),
    (GOOD.replace("withdrawal", "identity"), "/", "standard.root"),
    (GOOD.replace("credit-exchange:1.0", "credit-exchange:2.0"), "/", "standard.root"),
    (GOOD.replace('1.0">', '1.0" xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true">'), "/withdrawal", "standard.hint"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "path", "code"), CASES)
def test_validate_and_explain_when_invalid_then_both_name_the_place_and_the_rule(content: str, path: str, code: str) -> None:
    assert (path, code) in problems("withdrawal", content)
    explained = STANDARD.explain("withdrawal", content.encode())
    assert (path, code) in [(problem.path, problem.code) for problem in explained]
    assert all("王强" not in problem.zh + problem.en + problem.path and "110101" not in problem.en for problem in explained)


def test_explain_when_a_value_is_wrong_then_the_words_come_from_the_schema() -> None:
    [problem] = STANDARD.explain("withdrawal", GOOD.replace("learner_request", "Learner").encode())
    assert problem.zh == "值不符合该项的规定;应为:原因代码(小写英文词,以下划线或点连接)"
    assert problem.en.endswith("expected: a reason code: lower-case English words joined by underscores or dots")


def test_explain_when_an_element_is_missing_then_it_is_named() -> None:
    [problem] = STANDARD.explain("withdrawal", f"<withdrawal {NAMESPACE}><text>x</text></withdrawal>".encode())
    assert (problem.code, problem.en.rpartition(": ")[2]) == ("standard.structure", "reason")


def test_validate_when_a_record_is_named_twice_then_duplicate() -> None:
    posting = (
        f"<posting {NAMESPACE}><done/><postedAt>2024-01-01T00:00:00Z</postedAt>"
        "<records><record>a</record><record>a</record></records></posting>"
    )
    assert problems("posting", posting) == [("/posting/records/record[2]", "standard.duplicate")]
    assert [problem.code for problem in STANDARD.explain("posting", posting.encode())] == ["standard.duplicate"]


def test_validate_when_there_are_many_problems_then_fifty_of_them() -> None:
    records = "".join(f"<record>a b {number}</record>" for number in range(200))
    posting = f"<posting {NAMESPACE}><done/><postedAt>2024-01-01T00:00:00Z</postedAt><records>{records}</records></posting>"
    assert len(problems("posting", posting)) == schema.PROBLEMS_MAX
    assert len(STANDARD.explain("posting", posting.encode())) == schema.PROBLEMS_MAX


def test_explain_when_the_document_is_very_large_then_the_quick_words_are_given() -> None:
    count = schema.EXPLAINED_NODES_MAX + 1
    losses = '<loss path="p" fate="dropped" reason="x">v</loss>' * count
    report = (
        f"<lossReport {NAMESPACE}><mappingId>m</mappingId><mappingVersion>1</mappingVersion><direction>to_local</direction>"
        f"<valuesRead>one</valuesRead><valuesMapped>1</valuesMapped><losses>{losses}</losses></lossReport>"
    )
    explained = STANDARD.explain("loss", report.encode())
    assert [(problem.path, problem.code) for problem in explained] == problems("loss", report)
    assert explained[0].en == "the value is not one this field can have"
    assert "expected: a count" in STANDARD.explain("loss", report.replace(losses, "").encode())[0].en


def large_posting(*last: str) -> str:
    records = "".join(f"<record>{name}</record>" for name in (*(f"R{number}" for number in range(20_000 - len(last))), *last))
    return f"<posting {NAMESPACE}><done/><postedAt>2024-01-01T00:00:00Z</postedAt><records>{records}</records></posting>"


def large_report(good: int, bad: int) -> str:
    losses = '<loss path="p" fate="dropped" reason="x"/>' * good + '<loss path="p" fate="gone" reason="x"/>' * bad
    return (
        f"<lossReport {NAMESPACE}><mappingId>m</mappingId><mappingVersion>1</mappingVersion><direction>to_local</direction>"
        f"<valuesRead>1</valuesRead><valuesMapped>1</valuesMapped><losses>{losses}</losses></lossReport>"
    )


def test_validate_when_a_large_document_is_valid_then_its_tree() -> None:
    assert len(next(children(STANDARD.validate("loss", large_report(60_000, 0).encode()), "losses"))) == 60_000


def test_validate_when_a_large_document_is_wrong_everywhere_then_the_first_problems_and_soon() -> None:
    found = problems("loss", large_report(0, 100_000))
    assert found == [(f"/lossReport/losses/loss[{place}]/@fate", "standard.value") for place in range(1, schema.PROBLEMS_MAX + 1)]


def test_validate_when_a_large_document_is_wrong_far_down_then_refused_without_a_place() -> None:
    assert problems("loss", large_report(60_000, 1)) == [("/lossReport", "standard.unplaced")]
    assert [problem.code for problem in STANDARD.explain("loss", large_report(60_000, 1).encode())] == ["standard.unplaced"]
    assert problems("posting", large_posting())[0][1].startswith("standard.")


def test_explain_when_only_libxml2_objects_then_its_verdict_is_told_all_the_same() -> None:
    content = GOOD.replace("</reason>", "</reason>\u3000").encode()
    assert STANDARD.oracle("withdrawal").is_valid(content.decode())
    assert [(problem.path, problem.code) for problem in STANDARD.explain("withdrawal", content)] == [("/withdrawal", "standard.structure")]


def test_validate_when_the_bytes_are_not_xml_then_a_format_error() -> None:
    for ask in (STANDARD.validate, STANDARD.explain):
        with pytest.raises(FormatError, match=r"format\.malformed"):
            ask("withdrawal", b"<withdrawal>")


@pytest.mark.parametrize(
    "content",
    [
        GOOD.replace("learner_request", "no code"),
        GOOD.replace("withdrawal", "posting"),
        GOOD.replace("</withdrawal>", "<more/></withdrawal>"),
        large_report(60_000, 1).replace("lossReport", "withdrawal"),
    ],
)
def test_validate_own_when_the_document_is_invalid_then_the_same_problems_as_validate(content: str) -> None:
    with pytest.raises(StandardError, match=r"standard\.invalid") as caught:
        STANDARD.validate_own("withdrawal", content.encode())
    assert [(problem.path, problem.code) for problem in caught.value.problems] == problems("withdrawal", content)


def test_validate_own_when_valid_then_the_tree_that_validate_gives() -> None:
    assert local_name(STANDARD.validate_own("withdrawal", GOOD.encode())) == "withdrawal"
    assert len(next(children(STANDARD.validate_own("loss", large_report(2_000, 0).encode()), "losses"))) == 2_000


def test_standard_when_the_folder_has_no_schemas_then_it_does_not_load(tmp_path: Path) -> None:
    with pytest.raises(StandardError) as caught:
        Standard(tmp_path)
    assert caught.value.code == "standard.bad_manifest"


def test_standard_when_a_schema_was_changed_then_it_does_not_load(tmp_path: Path) -> None:
    shutil.copytree(STANDARDS, tmp_path / "standards")
    changed = tmp_path / "standards" / "xsd" / "1.0" / "request.xsd"
    changed.write_bytes(changed.read_bytes() + b"\n")
    with pytest.raises(StandardError) as caught:
        Standard(tmp_path / "standards")
    assert caught.value.code == "standard.checksum"
