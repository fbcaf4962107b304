"""Salted and keyed digests: the only forms in which content and people are named outside their parts.

A plain digest of a record or a citizen number can be found by trying all values, so it is
personal data itself.  `salted_digest` hides content behind a secret that is erased with it;
`pseudonym` and `nullifier` hide a number behind a key that never leaves the gateway.
Each keyed digest has its own label, so that one key used twice by mistake still gives unlinkable values.
"""

import hashlib
import hmac
import re
from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC

SECRET_BYTES: Final = 32
KEY_BYTES_MIN: Final = 32

_CITIZEN_NUMBER: Final = re.compile(r"[0-9]{17}[0-9X]")
_LABEL_PSEUDONYM: Final = b"ceg-pseudonym-1\0"
_LABEL_NULLIFIER: Final = b"ceg-nullifier-1\0"


def salted_digest(secret: bytes, content: bytes) -> str:
    """SHA-256(32-byte secret ‖ bytes), 64 lower-case hexadecimal digits: `sd` of the envelope, `answer` of the leaf (TL-19).

    The secret has a fixed length, so no other pair of secret and content joins to the same bytes.
    """
    if len(secret) != SECRET_BYTES:
        raise ValueError("a content's secret has 32 bytes")
    state = hashlib.sha256(secret)
    state.update(content)
    return state.hexdigest()


def pseudonym(key: bytes, citizen_number: str) -> str:
    """HMAC-SM3 under the region's key, 64 hexadecimal digits.

    `citizen_number` is the normalised form of GB 11643 (18 characters, capital X): any other form
    would silently give the same person a second pseudonym, so it raises ValueError.
    """
    if _CITIZEN_NUMBER.fullmatch(citizen_number) is None:
        raise ValueError("not a normalised citizen number")
    return hmac_sm3(_checked(key), _LABEL_PSEUDONYM + citizen_number.encode("ascii")).hex()


def nullifier(key: bytes, outcome_key: str) -> str:
    """HMAC-SHA-256 of an outcome's key, 64 hexadecimal digits: equal for the same outcome, unlinkable otherwise."""
    inner, outer = _nullifier_states(key)
    state, result = inner.copy(), outer.copy()
    state.update(outcome_key.encode("utf-8"))
    result.update(state.digest())
    return result.hexdigest()


@lru_cache(maxsize=4)
def _nullifier_states(key: bytes) -> tuple["hashlib._Hash", "hashlib._Hash"]:
    """HMAC (RFC 2104) as its two states, the label already taken: the key never changes, and the library's one-shot call lets
    other threads in for each record.
    """
    checked = _checked(key)
    block = (checked if len(checked) <= 64 else hashlib.sha256(checked).digest()).ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block) + _LABEL_NULLIFIER)
    return inner, hashlib.sha256(bytes(byte ^ 0x5C for byte in block))


def hmac_sm3(key: bytes, message: bytes) -> bytes:
    """HMAC (RFC 2104) with SM3 (GB/T 32905), 32 bytes; by the system's OpenSSL, else by the library's own."""
    if "sm3" in hashlib.algorithms_available:
        return hmac.digest(key, message, "sm3")
    return hmac_sm3_library(key, message)


def hmac_sm3_library(key: bytes, message: bytes) -> bytes:
    """The same by the library that brings its own SM3: for systems whose OpenSSL was built without it."""
    state = HMAC(key, hashes.SM3())
    state.update(message)
    return state.finalize()


def _checked(key: bytes) -> bytes:
    if len(key) < KEY_BYTES_MIN:
        raise ValueError("a digest key has at least 32 bytes")
    return key
