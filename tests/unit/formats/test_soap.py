"""SOAP 1.1 envelopes: opened, refused by name, written and read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import FormatError
from gateway.formats.soap import SOAP_NS, base64_bytes, base64_text, read_soap, write_soap
from gateway.formats.xml_safe import children, local_name, text_of

SEC = '<x:Sec xmlns:x="urn:x"{}>7</x:Sec>'


def envelope(inside, namespace=SOAP_NS):
    return f'<s:Envelope xmlns:s="{namespace}">{inside}</s:Envelope>'.encode()


def code_of(content, **options):
    with pytest.raises(FormatError) as caught:
        read_soap(content, **options)
    return caught.value.code


def test_envelope_when_read_then_headers_and_the_one_body_element():
    message = read_soap(envelope(f"<s:Header>{SEC.format('')}</s:Header><s:Body><push><data>QQ==</data></push></s:Body>"))
    assert [local_name(block) for block in message.headers] == ["Sec"]
    assert [text_of(child) for child in children(message.body)] == ["QQ=="]


def test_envelope_when_without_header_then_no_blocks():
    assert read_soap(envelope("<s:Body><push/></s:Body>")).headers == ()


@pytest.mark.parametrize(
    "inside",
    [
        "",
        "<s:Header/>",
        "<s:Body/>",
        "<s:Body><a/><b/></s:Body>",
        "<s:Body><a/></s:Body><s:Header/>",
        "<s:Body><a/></s:Body><s:Body><a/></s:Body>",
        "<s:Header/><s:Header/><s:Body><a/></s:Body>",
        "<Body><a/></Body>",
    ],
)
def test_envelope_when_built_otherwise_then_refused(inside):
    assert code_of(envelope(inside)) == "format.soap_envelope"


def test_envelope_when_soap_12_or_none_then_version_refused():
    assert code_of(envelope("<s:Body><a/></s:Body>", "http://www.w3.org/2003/05/soap-envelope")) == "format.soap_version"
    assert code_of(b"<Envelope><Body><a/></Body></Envelope>") == "format.soap_version"
    assert code_of(b"<CGPC/>") == "format.soap_version"


def test_header_when_it_must_be_understood_then_refused_unless_known():
    block = SEC.format(' s:mustUnderstand="1"')
    content = envelope(f"<s:Header>{block}</s:Header><s:Body><a/></s:Body>")
    assert code_of(content) == "format.soap_must_understand"
    assert len(read_soap(content, understood=["{urn:x}Sec"]).headers) == 1


def test_body_when_a_fault_then_refused_as_fault():
    assert code_of(envelope("<s:Body><s:Fault><faultcode>s:Server</faultcode></s:Fault></s:Body>")) == "format.soap_fault"


def test_envelope_when_hostile_then_format_fault():
    assert code_of(b"<!DOCTYPE a []>" + envelope("<s:Body><a/></s:Body>")) == "format.doctype"


@pytest.mark.parametrize("text", ["Q", "QQ", "QQ=", "Q$==", "QQ==QQ", "中"])
def test_base64_when_damaged_then_refused(text):
    message = read_soap(envelope(f"<s:Body><data>{text}</data></s:Body>"))
    with pytest.raises(FormatError) as caught:
        base64_bytes(message.body)
    assert caught.value.code == "format.base64"


def test_base64_when_broken_into_lines_then_read():
    message = read_soap(envelope("<s:Body><data>\n  QU\r\n  JD\n</data></s:Body>"))
    assert base64_bytes(message.body) == b"ABC"


def test_payload_when_longer_than_one_text_of_other_documents_then_read():
    content = bytes(100_000)
    assert base64_bytes(read_soap(write_soap(f"<data>{base64_text(content)}</data>")).body) == content


@given(st.binary(max_size=200))
def test_payload_when_written_and_read_then_same_bytes(content):
    message = read_soap(write_soap(f"<data>{base64_text(content)}</data>", header="<h/>"))
    assert base64_bytes(message.body) == content
    assert len(message.headers) == 1
