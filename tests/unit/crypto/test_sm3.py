"""SM3 against the standard's vectors, by both doors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.crypto.sm3 import VECTOR_ABC, choose, sm3, sm3_by_cryptography, sm3_by_hashlib, sm3_hex

# GB/T 32905-2016, annex A: "abc" and 16 times "abcd".
ANNEX = {b"abc": VECTOR_ABC, b"abcd" * 16: "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"}


@pytest.mark.parametrize("content", list(ANNEX))
def test_sm3_when_given_the_annex_then_its_digest(content: bytes) -> None:
    assert sm3_hex(content) == ANNEX[content]
    assert sm3_by_cryptography(content).hex() == ANNEX[content]


@given(st.binary(max_size=300))
def test_sm3_when_either_library_then_the_same_digest(content: bytes) -> None:
    assert sm3(content) == sm3_by_cryptography(content)


def test_choose_when_hashlib_has_none_then_the_next() -> None:
    def missing(_content: bytes) -> bytes:
        raise ValueError("unsupported hash type")

    assert choose((missing, sm3_by_cryptography)) is sm3_by_cryptography


def test_choose_when_one_is_wrong_then_passed_over() -> None:
    assert choose((lambda _content: bytes(32), sm3_by_hashlib, sm3_by_cryptography)) in (sm3_by_hashlib, sm3_by_cryptography)


def test_choose_when_none_is_right_then_refuses_to_start() -> None:
    with pytest.raises(RuntimeError):
        choose((lambda _content: bytes(32),))
