"""The XML door: what it reads, what it refuses by name, and the schema and escaping it lends out."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.errors import FormatError
from gateway.formats import xml_safe
from gateway.formats.xml_safe import Schema, XmlLimits, parse_xml

SMALL = XmlLimits(bytes_max=200, depth_max=3, nodes_max=5, attributes_max=2, text_max=10)


def refusal(content: bytes, limits: XmlLimits = xml_safe.DEFAULT_LIMITS) -> str:
    with pytest.raises(FormatError) as caught:
        parse_xml(content, limits=limits)
    return caught.value.code


@pytest.mark.parametrize(
    "content",
    [
        "<a>李䶮</a>".encode(),
        '<?xml version="1.0" encoding="UTF-8"?><a>李䶮</a>'.encode(),
        "<?xml version='1.0' encoding='utf-8' standalone='yes' ?>\n<a>李䶮</a>".encode(),
        b"\xef\xbb\xbf" + "<a>李䶮</a>".encode(),
        b"\xef\xbb\xbf" + '<?xml version="1.0" encoding="UTF-8"?><a>李䶮</a>'.encode(),
        '<?xml version="1.0" encoding="GB18030"?><a>李䶮</a>'.encode("gb18030"),
        '<?xml version="1.0" encoding="gbk"?><a>李䶮</a>'.encode("gb18030"),
        '<?xml version="1.0" encoding="GB2312"?><a>李䶮</a>'.encode("gb18030"),
    ],
)
def test_parse_xml_when_the_encoding_is_allowed_then_the_text_is_right(content: bytes) -> None:
    assert xml_safe.text_of(parse_xml(content)) == "李䶮"


def test_parse_xml_when_gb18030_holds_a_position_changed_in_2022_then_the_new_character_is_read() -> None:
    root = parse_xml(b'<?xml version="1.0" encoding="GB18030"?><a>\xfe\x59</a>')
    assert xml_safe.text_of(root) == "\u9fb4"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "format.malformed"),
        (b"  ", "format.malformed"),
        (b"plain", "format.malformed"),
        (b"<a>", "format.malformed"),
        (b"<a/><b/>", "format.malformed"),
        (b"<a/>tail", "format.malformed"),
        (b"<a b='1' b='2'/>", "format.malformed"),
        (b"<p:a/>", "format.malformed"),
        (b"<a>&unknown;</a>", "format.malformed"),
        (b"<a>&#0;</a>", "format.malformed"),
        (b"<a>&#xD800;</a>", "format.malformed"),
        (b"<a>\x01</a>", "format.malformed"),
        (b"<a>\x00</a>\x00", "format.encoding"),
        (b"<abcdefghij>\x00</abcdefghij>", "format.malformed"),
        (b"<?xml encoding='UTF-8'?><a/>", "format.malformed"),
        (b"<?xml version='1.0' charset='UTF-8'?><a/>", "format.malformed"),
        (b"\n<?xml version='1.0'?><a/>", "format.malformed"),
        (b"<!DOCTYPE a><a/>", "format.doctype"),
        (b"<?xml version='1.0'?>\n<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", "format.doctype"),
        (b"<!doctype a><a/>", "format.doctype"),
        (b"<a><!ENTITY x 'y'></a>", "format.doctype"),
        (b"<?xml version='1.0' encoding='GBK'?><!DOCTYPE a><a/>", "format.doctype"),
        (b"<?xml version='1.1'?><a/>", "format.xml_version"),
        (b"<?xml version='2.0'?><a/>", "format.xml_version"),
        (b"<?xml version='1.0' encoding='UTF-7'?><a>+ADw-b/+AD4-</a>", "format.encoding"),
        (b"<?xml version='1.0' encoding='UTF-16'?><a/>", "format.encoding"),
        (b"<?xml version='1.0' encoding='ISO-8859-1'?><a/>", "format.encoding"),
        (b"<?xml version='1.0' encoding='Big5'?><a/>", "format.encoding"),
        ("<a/>".encode("utf-16"), "format.encoding"),
        ("<a/>".encode("utf-16-be"), "format.encoding"),
        ("<a/>".encode("utf-32"), "format.encoding"),
        (b"<a>\xff</a>", "format.encoding"),
        (b"<a>\xed\xa0\x80</a>", "format.encoding"),
        (b"\xef\xbb\xbf<?xml version='1.0' encoding='GBK'?><a/>", "format.encoding"),
        (b"<?xml version='1.0' encoding='GB18030'?><a>\x81</a>", "format.encoding"),
        (b"<a>" * 3000 + b"</a>" * 3000, "format.too_deep"),
    ],
)
def test_parse_xml_when_the_bytes_are_not_acceptable_then_the_named_refusal(content: bytes, code: str) -> None:
    assert refusal(content) == code


@pytest.mark.parametrize(
    ("good", "bad", "code"),
    [
        (b"<a>" + b" " * 9 + b"</a>" + b" " * 184, b"<a>" + b" " * 9 + b"</a>" + b" " * 185, "format.too_large"),
        (b"<a><b><c/></b></a>", b"<a><b><c><d/></c></b></a>", "format.too_deep"),
        (b"<a><b/><b/><b/><b></b></a>", b"<a><b/><b/><b/><b/><b/></a>", "format.too_many_nodes"),
        (b"<a/>" + b"<!--c-->" * 9, b"<a>" + b"<b/>" * 10 + b"</a>", "format.too_many_nodes"),
        (b"<a b='1' c='2'/>", b"<a b='1' c='2' d='3'/>", "format.too_many_nodes"),
        (b"<a>0123456789</a>", b"<a>01234567890</a>", "format.too_large"),
        (b"<a b='0123456789'/>", b"<a b='01234567890'/>", "format.too_large"),
    ],
)
def test_parse_xml_when_at_a_limit_then_accepted_and_one_past_it_refused(good: bytes, bad: bytes, code: str) -> None:
    parse_xml(good, limits=SMALL)
    assert refusal(bad, SMALL) == code


def test_parse_xml_when_refused_then_nothing_of_the_document_is_in_the_error() -> None:
    with pytest.raises(FormatError) as caught:
        parse_xml(b"<a>\n<name>11010119900307123X</nam></a>")
    assert "11010119900307123X" not in str(caught.value) + caught.value.zh + repr(caught.value.facts)
    assert caught.value.facts["line"] == 2


def test_parse_xml_when_there_are_comments_and_instructions_then_they_are_dropped_and_the_text_is_whole() -> None:
    root = parse_xml(b"<?pi x?><a>12<!-- 0 -->34<?pi?>5<b/><!-- end --></a>")
    assert xml_safe.text_of(root) == "12345"
    assert [xml_safe.local_name(node) for node in xml_safe.walk(root)] == ["a", "b"]


def test_line_of_when_the_declaration_takes_lines_then_lines_are_those_of_the_file() -> None:
    root = parse_xml("<?xml version='1.0'\n encoding='GB18030'?>\n<a>\n<b/></a>".encode("gb18030"))
    assert [xml_safe.line_of(node) for node in xml_safe.walk(root)] == [3, 4]


def test_reading_helpers_when_names_have_namespaces_then_local_and_full_names_both_work() -> None:
    root = parse_xml(b"<a xmlns='urn:x' xmlns:p='urn:p'><b> 1 </b><p:b p:k='v' l='w'/><c/></a>")
    assert xml_safe.namespace(root) == "urn:x"
    assert xml_safe.child_text(root, "b") == " 1 "
    assert xml_safe.child_text(root, "c") == ""
    assert xml_safe.child_text(root, "d") is None
    assert len(list(xml_safe.children(root))) == 3
    assert len(list(xml_safe.children(root, "b"))) == 2
    [second] = xml_safe.children(root, "{urn:p}b")
    assert xml_safe.attributes(second) == {"{urn:p}k": "v", "l": "w"}
    assert xml_safe.first_child(root, "{urn:x}c") is not None
    assert xml_safe.namespace(parse_xml(b"<a/>")) == ""


def test_to_bytes_when_parsed_again_then_the_same_tree() -> None:
    root = parse_xml("<a b='\"'>李&amp;<c/>&#13;</a>".encode())
    assert xml_safe.to_bytes(parse_xml(xml_safe.to_bytes(root))) == xml_safe.to_bytes(root)


def test_to_bytes_when_text_follows_the_element_then_it_is_not_taken_along() -> None:
    child = xml_safe.first_child(parse_xml(b"<a><b>1</b>tail</a>"), "b")
    assert child is not None
    assert xml_safe.to_bytes(child).endswith(b"<b>1</b>")


@pytest.mark.parametrize("point", [0x00, 0x0B, 0x1F, 0xD800, 0xDFFF, 0xFFFE, 0xFFFF])
def test_escape_when_xml_cannot_hold_the_character_then_refused_by_code_point(point: int) -> None:
    for escape in (xml_safe.escape_text, xml_safe.escape_attribute):
        with pytest.raises(FormatError, match=r"format\.character") as caught:
            escape("secret" + chr(point))
        assert caught.value.facts == {"character": f"U+{point:04X}"}


def test_plain_in_text_when_true_then_escaping_changes_nothing_whatever_the_character() -> None:
    plain = [chr(point) for point in range(0x110000) if xml_safe.plain_in_text(chr(point))]
    assert xml_safe.escape_text("".join(plain)) == "".join(plain)
    assert {"A", " ", "课", "\U00020000"} <= set(plain)
    assert not {"&", "<", ">", "\r", "\0", "\ud800", "\uffff"} & set(plain)


def test_parse_own_xml_when_the_size_is_past_a_limit_then_refused_like_any_other() -> None:
    limits = XmlLimits(bytes_max=60, nodes_max=4, text_max=20)
    assert xml_safe.parse_own_xml(b"<a><b/><b/><b/></a>", limits=limits).tag == "a"
    for content, code in (
        (b"<" + b"a" * 60 + b"/>", "format.too_large"),
        (b"<a><b/><b/><b/><b/></a>", "format.too_many_nodes"),
        (b"<a>" + b"<b/>" * 9 + b"</a>", "format.too_many_nodes"),
        (b"<a>" + b"x" * 21 + b"</a>", "format.too_large"),
        (b"<a>", "format.malformed"),
    ):
        with pytest.raises(FormatError) as caught:
            xml_safe.parse_own_xml(content, limits=limits)
        assert caught.value.code == code


def test_path_of_when_names_are_odd_or_repeated_then_places_and_stars() -> None:
    root = parse_xml("<a><b/><b><张三/></b></a>".encode())
    assert [xml_safe.path_of(node) for node in xml_safe.walk(root)] == ["/a", "/a/b[1]", "/a/b[2]", "/a/b[2]/*"]


TYPES = b"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:t" xmlns="urn:t" elementFormDefault="qualified">
  <xs:simpleType name="Digit"><xs:restriction base="xs:string"><xs:pattern value="[0-9]"/></xs:restriction></xs:simpleType>
</xs:schema>"""
MAIN = b"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:t" xmlns="urn:t" elementFormDefault="qualified">
  <xs:include schemaLocation="types.xsd"/>
  <xs:element name="list"><xs:complexType><xs:sequence>
    <xs:element name="digit" type="Digit" maxOccurs="200"/></xs:sequence><xs:attribute name="n" type="Digit"/></xs:complexType></xs:element>
</xs:schema>"""


def schema() -> Schema:
    return Schema({"main.xsd": MAIN, "types.xsd": TYPES}, "main.xsd")


def listing(*digits: str) -> bytes:
    return ("<list xmlns='urn:t'>" + "".join(f"\n<digit>{digit}</digit>" for digit in digits) + "</list>").encode()


def test_schema_when_the_document_is_valid_then_no_faults() -> None:
    assert schema().validate(listing("1", "2")) == []
    assert schema().validate(parse_xml(listing("1"))) == []


@pytest.mark.parametrize("prefix", ["", "p:"])
def test_schema_when_invalid_then_path_line_rule_and_no_value(prefix: str) -> None:
    content = (
        listing("1", "王强's number", "3").decode().replace("</", f"</{prefix}").replace("<l", f"<{prefix}l").replace("<d", f"<{prefix}d")
    )
    content = content.replace("xmlns=", "xmlns:p=") if prefix else content
    faults = schema().validate(content.encode())
    assert {(fault.path, fault.line) for fault in faults} == {("/list/digit[2]", 3)}
    assert faults[0].rule == "CVC_PATTERN_VALID"
    assert "王强" not in repr(faults)


def test_schema_when_an_attribute_is_invalid_then_the_path_names_it() -> None:
    faults = schema().validate(b"<list xmlns='urn:t' n='ten'><digit>1</digit></list>")
    assert {fault.path for fault in faults} == {"/list/@n"}


def test_schema_when_there_are_many_faults_then_fifty() -> None:
    assert len(schema().validate(listing(*["x"] * 150))) == xml_safe.FAULTS_MAX


@pytest.mark.parametrize(
    "namespace",
    [
        "http://www.w3.org/2001/XMLSchema-instance",
        "http://www.w3.org/2001/XMLSchema&#45;instance",
        "http://www.w3.org/2001/XMLSchem&#x61;-instance",
    ],
)
def test_schema_when_the_document_hints_at_a_schema_then_a_fault_and_no_file_is_opened(namespace: str) -> None:
    content = f"<list xmlns='urn:t' xmlns:q='{namespace}' q:schemaLocation='urn:z file:///etc/hostname'><digit>1</digit></list>".encode()
    tree = parse_xml(content)
    for faults in (schema().validate(content), schema().validate(tree), schema().validate(tree, content)):
        assert [(fault.rule, fault.path) for fault in faults] == [("XSI", "/list")]


@pytest.mark.parametrize("address", ["file:///etc/hostname", "/etc/hostname", "http://127.0.0.1:9/x.xsd", "../types.xsd", "other.xsd"])
def test_schema_when_it_includes_what_was_not_given_then_it_does_not_compile(address: str) -> None:
    with pytest.raises(ValueError, match=r"main\.xsd"):
        Schema({"main.xsd": MAIN.replace(b"types.xsd", address.encode()), "types.xsd": TYPES}, "main.xsd")


def test_schema_when_it_includes_a_real_file_that_was_not_given_then_it_does_not_compile(tmp_path: Path) -> None:
    outside = tmp_path / "types.xsd"
    outside.write_bytes(TYPES)
    with pytest.raises(ValueError, match=r"main\.xsd"):
        Schema({"main.xsd": MAIN.replace(b"types.xsd", str(outside).encode())}, "main.xsd")


def test_schema_when_what_it_includes_has_other_defaults_then_it_does_not_compile() -> None:
    unqualified = TYPES.replace(b' elementFormDefault="qualified"', b"")
    with pytest.raises(ValueError, match=r"types\.xsd has other namespaces or defaults"):
        Schema({"main.xsd": MAIN, "types.xsd": unqualified}, "main.xsd")


@pytest.mark.parametrize("opening", ["import", "redefine"])
def test_schema_when_it_opens_a_file_by_another_word_than_include_then_it_does_not_compile(opening: str) -> None:
    with pytest.raises(ValueError, match="only includes"):
        Schema({"main.xsd": MAIN.replace(b"xs:include", f"xs:{opening}".encode()), "types.xsd": TYPES}, "main.xsd")


def test_schema_when_it_is_included_in_a_ring_then_each_file_is_read_once() -> None:
    ring = TYPES.replace(b"  <xs:simpleType", b'  <xs:include schemaLocation="main.xsd"/><xs:simpleType')
    assert Schema({"main.xsd": MAIN, "types.xsd": ring}, "main.xsd").validate(listing("1")) == []


def test_schema_when_it_compiles_while_other_threads_parse_then_it_always_finds_what_it_includes() -> None:
    stop = threading.Event()

    def parse() -> None:
        while not stop.is_set():
            parse_xml(listing(*["1"] * 150))

    with ThreadPoolExecutor(3) as pool:
        parsing = [pool.submit(parse) for _ in range(3)]
        try:
            assert all(schema().validate(listing("1")) == [] for _ in range(1_000))
        finally:
            stop.set()
        assert [each.result() for each in parsing] == [None] * 3


def test_schema_when_threads_share_it_then_each_hears_its_own_faults() -> None:
    shared = schema()
    barrier = threading.Barrier(4)

    def judge(bad: int) -> set[int]:
        tree = parse_xml(listing(*["x"] * bad, *["1"] * 150))
        barrier.wait()
        return {len({fault.path for fault in shared.validate(tree)}) for _ in range(100)}

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(judge, (0, 10, 20, 30))) == [{0}, {10}, {20}, {30}]
