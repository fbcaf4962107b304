"""The JSON door: what it lets in exactly, and that everything else is a named refusal."""

import contextlib
import json
import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import FormatError
from gateway.formats.json_safe import JsonLimits, read_json, write_json

SMALL = JsonLimits(bytes_max=200, depth_max=4, nodes_max=10, number_chars_max=8, exponent_max=3)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "format.json"),
        (b"{", "format.json"),
        (b"{'a':1}", "format.json"),
        (b'{"a":01}', "format.json"),
        (b'"a\tb"', "format.json"),
        (b"[1,]", "format.json"),
        (b'{"a":1,"a":1}', "format.duplicate_key"),
        (b'{"a":{"b":1,"\\u0062":2}}', "format.duplicate_key"),
        (b"NaN", "format.not_finite"),
        (b"[Infinity]", "format.not_finite"),
        (b'{"a":-Infinity}', "format.not_finite"),
        (b"1 2", "format.trailing_data"),
        (b"{}x", "format.trailing_data"),
        (b"\xef\xbb\xbf{}", "format.bom"),
        ("{}".encode("utf-16"), "format.bom"),
        (b'"\xff"', "format.encoding"),
        (b'"\xed\xa0\x80"', "format.encoding"),
        (b'"\\ud800"', "format.surrogate"),
        (b'"\\udc00\\ud800"', "format.surrogate"),
        (b'{"\\uDBff":1}', "format.surrogate"),
        (b'[{"a":["\\ud83d x"]}]', "format.surrogate"),
        (b"[" * 5 + b"]" * 5, "format.too_deep"),
        (b'{"a":' * 5 + b"1" + b"}" * 5, "format.too_deep"),
        (b"[{" * 3, "format.too_deep"),
        (b"[" * 150, "format.too_deep"),
        (b"[" + b"1," * 10 + b"1]", "format.too_many_nodes"),
        (b"[" + b"{}," * 10 + b"{}]", "format.too_many_nodes"),
        (b'"' * 150, "format.trailing_data"),
        (b"[" + b'"",' * 30 + b'""]', "format.too_many_nodes"),
        (b" " * 201, "format.too_large"),
        (b"123456789", "format.number"),
        (b"1.2345678", "format.number"),
        (b"1e4", "format.number"),
        (b"1e-4", "format.number"),
        (b"12345.6", "format.number"),
        (b"-1E+9999", "format.number"),
    ],
)
def test_read_json_when_malformed_or_over_a_limit_then_refused_by_name(raw: bytes, code: str) -> None:
    with pytest.raises(FormatError) as caught:
        read_json(raw, SMALL)
    assert caught.value.code == code


def test_read_json_when_ordinary_then_plain_values() -> None:
    assert read_json(b' {"a":[1,-0,2.50,true,null,"\\ud842\\udfb7"],"b":{}}\n') == {
        "a": [1, 0, Decimal("2.50"), True, None, "𠮷"],
        "b": {},
    }


def test_read_json_when_fraction_then_decimal_with_its_digits() -> None:
    value = read_json(b"[2.50, 1e2, 7]")
    assert isinstance(value, list)
    assert [type(item) for item in value] == [Decimal, Decimal, int]
    assert str(value[0]) == "2.50"


def test_read_json_when_brackets_and_commas_stand_in_strings_then_not_counted() -> None:
    text = '[[[{"k":"' + '[{,\\"\\\\' * 15 + '"}]]]'
    assert read_json(text.encode(), SMALL) == json.loads(text)


def test_read_json_at_the_limits_then_read() -> None:
    assert read_json(b"[[[[1]]]]", SMALL) == [[[[1]]]]
    assert read_json(b"[1,2,3,4,5,6,7,8,9]", SMALL) == list(range(1, 10))
    assert read_json(b"[12345678,1e3]", SMALL) == [12345678, 1000]
    assert read_json(b" " * 199 + b"1", SMALL) == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 1_000_000,
        b'{"":' * 1_000_000,
        b'"' + b'\\"' * 1_000_000,
        b'""' * 1_000_000,
        b"\\" * 2_000_001,
        b'["' * 1_000_000,
        b"[]" * 1_000_000,
        b"9" * 2_000_000,
        b"[" + b"0," * 1_000_000 + b"0]",
        b"{" + b'"a":0,' * 400_000 + b'"a":0}',
    ],
)
def test_read_json_when_megabytes_are_hostile_then_refused_without_a_hang(raw: bytes) -> None:
    with pytest.raises(FormatError):
        read_json(raw)


@given(st.binary(max_size=200))
def test_read_json_when_any_bytes_then_value_or_format_error(raw: bytes) -> None:
    with contextlib.suppress(FormatError):
        read_json(raw, SMALL)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4),
    max_leaves=20,
)


@given(json_values, st.sampled_from([None, 1, 2]))
def test_write_json_when_read_again_then_the_same(value: object, indent: int | None) -> None:
    written = write_json(value, indent=indent)
    assert read_json(written) == value
    expected = json.dumps(value, ensure_ascii=False, indent=indent, separators=(",", ":") if indent is None else (",", ": "))
    assert written.decode() == expected


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=4))
def test_write_json_when_decimal_then_the_same_number_exactly(number: Decimal) -> None:
    assert read_json(write_json([number])) == [number]


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_read_json_when_python_writes_a_float_then_equal(number: float) -> None:
    limits = JsonLimits(exponent_max=60)
    value = read_json(json.dumps([number]).encode(), limits)
    assert isinstance(value, list)
    assert math.isclose(float(str(value[0])), number, rel_tol=1e-15)
