"""Canonical bytes against an independent RFC 8785 implementation, and base64url in its one form."""

import base64

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.canonical import INTEGER_MAX, b64url, jcs, unb64url

texts = st.text(st.characters(exclude_categories=["Cs"]))
keys = st.text(st.characters(max_codepoint=127))
scalars = st.none() | st.booleans() | st.integers(-INTEGER_MAX, INTEGER_MAX) | texts
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=6) | st.dictionaries(keys, inner, max_size=6), max_leaves=30)


@given(values)
def test_jcs_when_any_plain_value_then_same_bytes_as_the_library(value):
    assert jcs(value) == rfc8785.dumps(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"b": 1, "a": [True, None]}, b'{"a":[true,null],"b":1}'),
        (("ceg-transfer", "CN-31", "x"), b'["ceg-transfer","CN-31","x"]'),
        ({"名": 1}["名"], b"1"),
        ('\u2028\u007f𠮷\x00\x1f\b\t\n\f\r"\\/', '"\u2028\u007f𠮷\\u0000\\u001f\\b\\t\\n\\f\\r\\"\\\\/"'.encode()),
        ({"a": {}, "A": [], "": 0, "aa": -0}, b'{"":0,"A":[],"a":{},"aa":0}'),
        (INTEGER_MAX, b"9007199254740991"),
    ],
)
def test_jcs_when_worked_value_then_exact_bytes(value, expected):
    assert jcs(value) == expected


@pytest.mark.parametrize("value", [1.0, float("nan"), 2**53, -(2**53), {"名": 1}, {1: "a"}, b"bytes", {"a": {"b": [0.5]}}, object()])
def test_jcs_when_no_canonical_form_then_value_error(value):
    with pytest.raises(ValueError, match=r"canonical|integer|keys"):
        jcs(value)


def test_jcs_when_lone_surrogate_then_value_error():
    with pytest.raises(ValueError, match="surrogates"):
        jcs("\ud800")


@given(st.binary(max_size=70))
def test_b64url_when_any_bytes_then_round_trip_without_padding(raw):
    text = b64url(raw)
    assert "=" not in text
    assert unb64url(text) == raw
    assert text == base64.urlsafe_b64encode(raw).decode().rstrip("=")


@pytest.mark.parametrize("text", ["YQ==", "YR", "Y", "a+b/", "YQ\n", " YQ", "é", "YWJj=", "AB"])
def test_unb64url_when_not_the_canonical_form_then_value_error(text):
    with pytest.raises(ValueError, match="base64url"):
        unb64url(text)
