"""Salted and keyed digests."""

import hmac
from hashlib import sha256

import pytest

from gateway.crypto.digests import hmac_sm3, hmac_sm3_library, nullifier, pseudonym, salted_digest
from gateway.crypto.sm3 import sm3

KEY = bytes(range(32))


def test_salted_digest_when_made_then_is_sha256_of_secret_and_bytes() -> None:
    assert salted_digest(KEY, b"part") == sha256(KEY + b"part").hexdigest()
    assert salted_digest(KEY, b"") == sha256(KEY).hexdigest()


@pytest.mark.parametrize("length", [0, 31, 33])
def test_salted_digest_when_secret_has_another_length_then_raises(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        salted_digest(b"s" * length, b"part")


@pytest.mark.parametrize("key", [b"", b"k", b"k" * 32, b"k" * 64, b"k" * 65])
def test_hmac_sm3_when_made_two_ways_and_by_its_definition_then_agrees(key: bytes) -> None:
    block = (key if len(key) <= 64 else sm3(key)).ljust(64, b"\0")
    inner = sm3(bytes(byte ^ 0x36 for byte in block) + b"message")
    defined = sm3(bytes(byte ^ 0x5C for byte in block) + inner)
    assert hmac_sm3(key, b"message") == defined == hmac_sm3_library(key, b"message")


def test_pseudonym_when_made_then_is_keyed_and_labelled() -> None:
    number = "11010519491231002X"  # the example of GB 11643 itself
    assert pseudonym(KEY, number) == hmac.digest(KEY, b"ceg-pseudonym-1\0" + number.encode(), "sm3").hex()
    assert pseudonym(KEY, number) != pseudonym(KEY[::-1], number)


@pytest.mark.parametrize("number", ["", "11010519491231002x", "110105194912310", "11010519491231002X ", "１１010519491231002X"])
def test_pseudonym_when_number_is_not_normalised_then_raises_without_it(number: str) -> None:
    with pytest.raises(ValueError, match=r"^not a normalised citizen number$"):
        pseudonym(KEY, number)


@pytest.mark.parametrize("key", [KEY, b"k" * 64, b"k" * 65])
def test_nullifier_is_the_librarys_hmac_whatever_the_key_length(key: bytes) -> None:
    for outcome in ("", "hrss\nS000000000000000000001", "值" * 300):
        assert nullifier(key, outcome) == hmac.digest(key, b"ceg-nullifier-1\0" + outcome.encode(), "sha256").hex()


def test_nullifier_when_outcomes_differ_then_differs_and_never_meets_a_pseudonym() -> None:
    assert nullifier(KEY, "a") == nullifier(KEY, "a") != nullifier(KEY, "b")
    assert nullifier(KEY, "11010519491231002X") != pseudonym(KEY, "11010519491231002X")


def test_keyed_digests_when_key_is_short_then_raise() -> None:
    with pytest.raises(ValueError, match="at least 32"):
        nullifier(b"k" * 31, "a")
    with pytest.raises(ValueError, match="at least 32"):
        pseudonym(b"k" * 31, "11010519491231002X")
