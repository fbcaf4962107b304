"""GB 18030-2022: vectors, exhaustive two-byte table, round trips."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import FormatError
from gateway.formats.gb18030 import decode_gb18030, encode_gb18030, has_private_use

VECTORS = [
    ("fe9f", "䶮"),
    ("82328d37", "㼆"),
    ("9534b235", "𠮷"),
    ("fe59", "\u9fb4"),
    ("fea0", "\u9fbb"),
    ("a8bc", "\u1e3f"),
    ("a6d9", "\ufe10"),
    ("a6da", "\ufe12"),
    ("a6f3", "\ufe19"),
    ("c0ee", "李"),
    ("a1a4", "·"),
]
FORMERLY = [("8135f437", "\ue7c7"), ("82359037", "\ue81e"), ("84318236", "\ue78d"), ("fe51", "\ue816")]


@pytest.mark.parametrize(("code", "character"), VECTORS)
def test_position_when_read_and_written_then_2022_character(code, character):
    decoded = decode_gb18030(bytes.fromhex(code))
    assert (decoded.text, decoded.private_use) == (character, False)
    assert encode_gb18030(character) == bytes.fromhex(code)


@pytest.mark.parametrize(("code", "character"), FORMERLY)
def test_private_use_position_when_read_then_flagged_and_written_back(code, character):
    decoded = decode_gb18030(bytes.fromhex(code))
    assert (decoded.text, decoded.private_use) == (character, True)
    assert encode_gb18030(character) == bytes.fromhex(code)


def test_two_byte_area_when_read_whole_then_one_to_one_and_18_positions_left_the_private_area():
    left = 0
    for lead in range(0x81, 0xFF):
        for trail in (*range(0x40, 0x7F), *range(0x80, 0xFF)):
            code = bytes((lead, trail))
            decoded = decode_gb18030(code)
            assert encode_gb18030(decoded.text) == code
            left += has_private_use(code.decode("gb18030")) and not decoded.private_use
    assert left == 19  # 18 of the 2022 edition and a8bc of the 2005 edition


@pytest.mark.parametrize("content", [b"\x80", b"\xff", b"\xc0", b"ok \xfe\x39\xfe\x39", b"\xe3\x32\x9a\x36", b"\x81\x35\xf4"])
def test_bytes_that_are_not_gb18030_when_read_then_encoding_fault(content):
    with pytest.raises(FormatError) as caught:
        decode_gb18030(content)
    assert caught.value.code == "format.encoding"


def test_lone_surrogate_when_written_then_refused_not_replaced():
    with pytest.raises(FormatError) as caught:
        encode_gb18030("王\ud800")
    assert caught.value.code == "format.encoding"
    assert caught.value.facts == {"offset": 1}


@given(st.text())
def test_text_when_written_and_read_then_same(text):
    decoded = decode_gb18030(encode_gb18030(text))
    assert decoded.text == text
    assert decoded.private_use == has_private_use(text)


def read_and_write(content):
    try:
        return encode_gb18030(decode_gb18030(content).text)
    except FormatError as error:
        return error.code


@given(st.binary(max_size=64))
def test_any_bytes_when_read_then_same_bytes_or_encoding_fault(content):
    assert read_and_write(content) in (content, "format.encoding")
