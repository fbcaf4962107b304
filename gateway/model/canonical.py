"""Canonical bytes (RFC 8785, JCS) for the values the protocol hashes, and base64url in its one form.

With ASCII keys and only strings, booleans, null, integers below 2^53, lists and objects, the
standard library's encoder with sorted keys gives the same bytes as JCS; `tests/vectors` compare
the two.  Floats are refused rather than formatted.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias, Union

Json: TypeAlias = Union[bool, int, str, Sequence["Json"], Mapping[str, "Json"], None]

INTEGER_MAX = 2**53 - 1
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode


def jcs(value: Json) -> bytes:
    """The RFC 8785 bytes of `value`.  Raises ValueError for a float, a big integer or a non-ASCII key."""
    _check(value)
    return _encode(value).encode("utf-8")


def jcs_known(value: Json) -> bytes:
    """As `jcs`, for a value this program has just built out of nothing but ASCII keys, strings, small integers and booleans.

    Saves the walk over it, which costs as much as the encoding.  Never for anything read.
    """
    return _encode(value).encode("utf-8")


def _check(value: object) -> None:
    match value:
        case dict():
            for key in value:
                if not (isinstance(key, str) and key.isascii()):
                    raise ValueError("object keys are ASCII strings")
            _check_each(value.values())
        case list() | tuple():
            _check_each(value)
        case None | bool() | str():
            return
        case int():
            if abs(value) > INTEGER_MAX:
                raise ValueError("integer beyond 2^53")
        case _:
            raise ValueError(f"{type(value).__name__} has no canonical form here")


def _check_each(values: Iterable[object]) -> None:
    """Most values are texts, and a call for each took half of `jcs`."""
    for value in values:
        if not isinstance(value, str):
            _check(value)


def b64url(raw: bytes) -> str:
    """RFC 4648 section 5 without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def unb64url(text: str) -> bytes:
    """The inverse of `b64url`.  Raises ValueError for padding, other alphabets and non-zero trailing bits."""
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("not base64url") from error
    if b64url(raw) != text:
        raise ValueError("not the canonical base64url form")
    return raw
