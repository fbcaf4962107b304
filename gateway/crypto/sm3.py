"""SM3 (GB/T 32905-2016), the hash of the Zhejiang chain, of identity digests and of Anhui's manifests.

OpenSSL offers it through hashlib on most systems; where a build leaves it out, `cryptography`
brings its own OpenSSL that has it.  The choice is made once, by the standard's own first vector.
"""

import hashlib
from collections.abc import Callable

from cryptography.hazmat.primitives import hashes

VECTOR_ABC = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"


def sm3_by_hashlib(content: bytes) -> bytes:
    """Raises ValueError where the system's OpenSSL has no SM3."""
    return hashlib.new("sm3", content).digest()


def sm3_by_cryptography(content: bytes) -> bytes:
    """The same digest from the library's own OpenSSL."""
    digest = hashes.Hash(hashes.SM3())
    digest.update(content)
    return digest.finalize()


def choose(candidates: tuple[Callable[[bytes], bytes], ...]) -> Callable[[bytes], bytes]:
    """The first candidate that gives the standard's digest of `abc`."""
    for candidate in candidates:
        try:
            if candidate(b"abc").hex() == VECTOR_ABC:
                return candidate
        except ValueError:
            continue
    raise RuntimeError("no SM3 implementation gives the digest of GB/T 32905-2016 annex A.1")


sm3 = choose((sm3_by_hashlib, sm3_by_cryptography))


def sm3_hex(content: bytes) -> str:
    """64 lower-case hexadecimal digits."""
    return sm3(content).hex()
