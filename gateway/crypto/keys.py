"""Signing keys and public keys: Ed25519 (`EdDSA`) and ECDSA P-256 (`ES256`).

A private key comes from a PKCS#8 PEM file that only its owner can read, from the system's
generator, or from a seed (sandbox and tests).  A public key travels as a JWK with exactly the
members RFC 7638 hashes, so its `kid` is always recomputed and never believed.  Algorithms belong
to the key: nothing here takes an algorithm name from a message.

The library's key objects are exposed as `handle`, so that `gateway.federation.envelope` can give
them to PyJWT without importing the library itself.
"""

import base64
import binascii
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Final, Self, TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from gateway.errors import SettingsError, TrustError

EDDSA: Final = "EdDSA"
ES256: Final = "ES256"
KEY_FILE_BYTES_MAX: Final = 16 * 1024
SEED_BYTES: Final = 32

PublicHandle: TypeAlias = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey
PrivateHandle: TypeAlias = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey

_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
# y coordinates (little endian, sign bit cleared) of every encoding of a point whose order divides 8.
# Under such a key one signature fits many messages, so it cannot stand for anybody's word.
_SMALL_ORDER: Final = frozenset(
    bytes.fromhex(text)
    for text in (
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
    )
)


def _b64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _unb64url(text: object) -> bytes:
    if not isinstance(text, str) or not text.isascii():
        raise ValueError("not base64url text")
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _b64url(raw) != text:
        raise ValueError("not the canonical base64url form")
    return raw


def _bad_key(en: str) -> TrustError:
    return TrustError("trust.bad_key", "公钥格式不正确", f"not a usable public key: {en}")


def _bad_file(en: str) -> SettingsError:
    return SettingsError("settings.key_file", "私钥文件不可用", f"the private key file cannot be used: {en}")


@dataclass(frozen=True, eq=False)
class VerifyKey:
    """A public key with its algorithm.  Two are equal when their thumbprints are.

    Not slotted: the thumbprint is computed once and kept on the object.
    """

    alg: str
    handle: PublicHandle

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, object]) -> Self:
        """Read exactly {kty, crv, x} (OKP, Ed25519) or {kty, crv, x, y} (EC, P-256).

        Raises TrustError `trust.bad_key` for anything else: other members (a private `d` too),
        other curves, non-canonical base64url, a point off the curve or of small order.
        """
        try:
            match dict(jwk):
                case {"kty": "OKP", "crv": "Ed25519", "x": x, **rest} if not rest:
                    return cls.from_ed25519(_unb64url(x))
                case {"kty": "EC", "crv": "P-256", "x": x, "y": y, **rest} if not rest:
                    raw_x, raw_y = _unb64url(x), _unb64url(y)
                    if len(raw_x) != 32 or len(raw_y) != 32:
                        raise _bad_key("coordinates of P-256 have 32 bytes")
                    point = b"\x04" + raw_x + raw_y
                    return cls(ES256, ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point))
        except (ValueError, binascii.Error) as error:
            raise _bad_key("members do not decode to a point") from error
        raise _bad_key("members are not exactly those of Ed25519 or P-256")

    @classmethod
    def from_ed25519(cls, raw: bytes) -> Self:
        """32 public bytes (RFC 8032).  Raises TrustError `trust.bad_key`."""
        if len(raw) != 32 or raw[:31] + bytes([raw[31] & 0x7F]) in _SMALL_ORDER:
            raise _bad_key("wrong length or a point of small order")
        return cls(EDDSA, ed25519.Ed25519PublicKey.from_public_bytes(raw))

    @cached_property
    def raw(self) -> bytes:
        """Ed25519: 32 bytes; P-256: the 65-byte uncompressed point."""
        if isinstance(self.handle, ed25519.Ed25519PublicKey):
            return self.handle.public_bytes_raw()
        return self.handle.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)

    @property
    def jwk(self) -> dict[str, str]:
        """The members RFC 7638 section 3.2 (RFC 8037 for OKP) hashes, and no others."""
        if self.alg == EDDSA:
            return {"crv": "Ed25519", "kty": "OKP", "x": _b64url(self.raw)}
        return {"crv": "P-256", "kty": "EC", "x": _b64url(self.raw[1:33]), "y": _b64url(self.raw[33:])}

    @cached_property
    def kid(self) -> str:
        """RFC 7638 thumbprint: SHA-256, base64url, 43 characters."""
        members = ",".join(f'"{name}":"{value}"' for name, value in sorted(self.jwk.items()))
        return _b64url(sha256(b"{%s}" % members.encode("ascii")).digest())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VerifyKey) and self.kid == other.kid

    def __hash__(self) -> int:
        return hash(self.kid)


@dataclass(frozen=True, eq=False, repr=False)
class SigningKey:
    """A private key.  Its text form never appears in `repr`, errors or logs."""

    alg: str
    handle: PrivateHandle

    @classmethod
    def generate(cls, alg: str = EDDSA) -> Self:
        """A new key from the operating system's generator."""
        match alg:
            case "EdDSA":
                return cls(alg, ed25519.Ed25519PrivateKey.generate())
            case "ES256":
                return cls(alg, ec.generate_private_key(ec.SECP256R1()))
            case _:
                raise ValueError("no such signature algorithm")

    @classmethod
    def from_seed(cls, seed: bytes, alg: str = EDDSA) -> Self:
        """The same 32 bytes give the same key: for sandbox and tests, where a run must repeat."""
        if len(seed) != SEED_BYTES:
            raise ValueError("a seed has 32 bytes")
        if alg == EDDSA:
            return cls(alg, ed25519.Ed25519PrivateKey.from_private_bytes(seed))
        if alg != ES256:
            raise ValueError("no such signature algorithm")
        return cls(alg, ec.derive_private_key(int.from_bytes(seed, "big") % (_P256_ORDER - 1) + 1, ec.SECP256R1()))

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """Unencrypted PKCS#8.  Raises SettingsError `settings.key_file`."""
        try:
            handle = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise _bad_file("not an unencrypted PKCS#8 PEM key") from error
        if isinstance(handle, ed25519.Ed25519PrivateKey):
            return cls(EDDSA, handle)
        if isinstance(handle, ec.EllipticCurvePrivateKey) and isinstance(handle.curve, ec.SECP256R1):
            return cls(ES256, handle)
        raise _bad_file("neither Ed25519 nor P-256")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a PEM file that nobody but its owner may read.  Raises SettingsError `settings.key_file`, `settings.key_file_mode`."""
        return cls.from_pem(read_secret_file(path))

    def to_pem(self) -> bytes:
        """PKCS#8 PEM, not encrypted: for `save` and for a bank's own tool."""
        return self.handle.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())

    def save(self, path: Path) -> None:
        """Write a new file with mode 0600; an existing file is never replaced.  Raises SettingsError `settings.key_file`."""
        write_secret_file(path, self.to_pem())

    @cached_property
    def verify_key(self) -> VerifyKey:
        """Its public half."""
        return VerifyKey(self.alg, self.handle.public_key())

    @property
    def kid(self) -> str:
        """Thumbprint of the public half."""
        return self.verify_key.kid

    @property
    def public_raw(self) -> bytes:
        """See `VerifyKey.raw`; for Ed25519 the 32 bytes that log notes name."""
        return self.verify_key.raw

    def sign(self, message: bytes) -> bytes:
        """Ed25519: 64 bytes, deterministic (log notes rely on it).  Raises TypeError for another algorithm."""
        if not isinstance(self.handle, ed25519.Ed25519PrivateKey):
            raise TypeError("bare signatures are made with Ed25519 only")
        return self.handle.sign(message)

    def __repr__(self) -> str:
        return f"SigningKey({self.alg}, kid={self.kid})"


@lru_cache(maxsize=64)
def _ed25519(raw: bytes) -> ed25519.Ed25519PublicKey | None:
    try:
        return ed25519.Ed25519PublicKey.from_public_bytes(raw)
    except ValueError:
        return None


def verify_ed25519(public_raw: bytes, signature: bytes, message: bytes) -> bool:
    """Whether `signature` (64 bytes) of `message` was made by the key with these 32 public bytes."""
    key = _ed25519(public_raw)
    if key is None:
        return False
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def read_secret_file(path: Path) -> bytes:
    """The bytes of a small regular file that group and others cannot touch.

    Raises SettingsError `settings.key_file` (unreadable, too big) or `settings.key_file_mode`.
    """
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_size > KEY_FILE_BYTES_MAX:
                raise _bad_file("not a regular file, or too big for a key")
            if found.st_mode & 0o077:
                raise SettingsError(
                    "settings.key_file_mode",
                    "私钥文件权限过宽,应为 0600",
                    "the key file is open to group or others; its mode must be 0600",
                )
            return file.read(KEY_FILE_BYTES_MAX)
    except OSError as error:
        raise _bad_file("it cannot be read") from error


def write_secret_file(path: Path, content: bytes) -> None:
    """Create `path` with mode 0600 and flush it to disk; never replaces a file.  Raises SettingsError `settings.key_file`."""
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(number, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise _bad_file("a file of that name exists and is not replaced") from error
    except OSError as error:
        raise _bad_file("it cannot be written") from error
