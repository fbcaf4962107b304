"""RFC 3161 time stamps: the request for a digest, and whether a token is the pinned authority's word about it.

No path is built and no authority is believed but the one whose certificate is given: it signed the token, it may stamp (extended key
usage), it was valid at the stamped time, and the token names it (RFC 5035).  Written by hand over `der`: docs/adr/0011.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha1, sha256, sha384, sha512
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from gateway.crypto import der
from gateway.crypto.der import DerError, Node
from gateway.errors import SettingsError, TransferLogError

REPLY_BYTES_MAX: Final = 64 * 1024
NONCE_BYTES: Final = 8
SHA256_OID: Final = "2.16.840.1.101.3.4.2.1"
_DIGESTS: Final = {
    SHA256_OID: (sha256, hashes.SHA256()),
    "2.16.840.1.101.3.4.2.2": (sha384, hashes.SHA384()),
    "2.16.840.1.101.3.4.2.3": (sha512, hashes.SHA512()),
}
_SIGNED_DATA: Final = "1.2.840.113549.1.7.2"
_TST_INFO: Final = "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE: Final = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"
_SIGNING_CERTIFICATE: Final = "1.2.840.113549.1.9.16.2.12"
_SIGNING_CERTIFICATE_V2: Final = "1.2.840.113549.1.9.16.2.47"


@dataclass(frozen=True, slots=True)
class Authority:
    """The pinned certificate."""

    certificate: x509.Certificate

    @classmethod
    def load(cls, raw: bytes) -> "Authority":
        """PEM or DER.  Raises SettingsError(`settings.timestamp`) for what is no certificate, or one that may not stamp."""
        try:
            found = x509.load_pem_x509_certificate(raw) if b"-----BEGIN" in raw else x509.load_der_x509_certificate(raw)
            usage = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        except (ValueError, x509.ExtensionNotFound) as error:
            raise _bad_authority() from error
        if ExtendedKeyUsageOID.TIME_STAMPING not in usage:
            raise _bad_authority()
        return cls(found)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a verified token says: when, by which policy, under which serial number (hexadecimal)."""

    at: datetime
    policy: str
    serial: str


def stamp_request(digest: bytes, nonce: int) -> bytes:
    """TimeStampReq over a SHA-256 digest, with the authority's certificate asked for (RFC 3161, 2.4.1)."""
    algorithm = der.write(der.SEQUENCE, der.write_oid(SHA256_OID), der.write(der.NULL))
    imprint = der.write(der.SEQUENCE, algorithm, der.write(der.OCTET_STRING, digest))
    return der.write(der.SEQUENCE, der.write_integer(1), imprint, der.write_integer(nonce), der.write(der.BOOLEAN, b"\xff"))


def token_of(reply: bytes) -> bytes:
    """The token out of a TimeStampResp (2.4.2).  Raises `transferlog.stamp_refused` where the authority gave none, `.bad_stamp`."""
    try:
        status, *rest = der.parse(reply[:REPLY_BYTES_MAX]).expect(der.SEQUENCE).children()
        granted = status.expect(der.SEQUENCE).children()[0].integer() in {0, 1}
    except (DerError, IndexError, ValueError) as error:
        raise _bad("form") from error
    if not granted or not rest:
        raise TransferLogError("transferlog.stamp_refused", "时间戳机构未予签发", "the time-stamping authority gave no stamp")
    return rest[0].raw


def verify_stamp(token: bytes, digest: bytes, authority: Authority, nonce: int | None = None) -> Stamp:
    """That the pinned authority stamped this SHA-256 digest (and echoed the nonce, where one is given).  Raises `transferlog.bad_stamp`."""
    try:
        signed = _signed_data(der.parse(token))
        content, info = _info(signed)
        _check_signature(_signer(signed), content, authority)
        return _read_info(info, digest, authority, nonce)
    except (DerError, IndexError, ValueError) as error:
        raise _bad("form") from error


def _signed_data(node: Node) -> list[Node]:
    kind, content = node.expect(der.SEQUENCE).children()
    if kind.oid() != _SIGNED_DATA:
        raise _bad("not signed data")
    return der.parse(content.expect(0xA0).body).expect(der.SEQUENCE).children()


def _info(signed: list[Node]) -> tuple[bytes, list[Node]]:
    """The signed content, which is TSTInfo, and its parts."""
    kind, content = signed[2].expect(der.SEQUENCE).children()
    if kind.oid() != _TST_INFO:
        raise _bad("not a time stamp")
    raw = der.parse(content.expect(0xA0).body).expect(der.OCTET_STRING).body
    return raw, der.parse(raw).expect(der.SEQUENCE).children()


def _signer(signed: list[Node]) -> list[Node]:
    (signer,) = signed[-1].expect(der.SET).children()  # one signature, the authority's (2.4.2)
    return signer.expect(der.SEQUENCE).children()


def _check_signature(signer: list[Node], content: bytes, authority: Authority) -> None:
    kind = signer[2].expect(der.SEQUENCE).children()[0].oid()
    if kind not in _DIGESTS:
        raise _bad("digest algorithm")
    make, algorithm = _DIGESTS[kind]
    attributes = signer[3].expect(0xA0)
    values = _attributes(attributes)
    named, digest = values.get(_CONTENT_TYPE), values.get(_MESSAGE_DIGEST)
    if named is None or named.oid() != _TST_INFO or digest is None or digest.expect(der.OCTET_STRING).body != make(content).digest():
        raise _bad("content digest")
    _check_named(values, authority)
    signature = signer[5].expect(der.OCTET_STRING).body
    message = bytes([der.SET]) + attributes.raw[1:]  # signed as a SET OF (RFC 5652, 5.4)
    try:
        _verify(authority, signature, message, algorithm)
    except InvalidSignature as error:
        raise _bad("signature") from error


def _attributes(node: Node) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for attribute in node.children():
        kind, values = attribute.expect(der.SEQUENCE).children()
        (value,) = values.expect(der.SET).children()
        if kind.oid() in found:
            raise _bad("an attribute twice")
        found[kind.oid()] = value
    return found


def _check_named(values: dict[str, Node], authority: Authority) -> None:
    """The token names the pinned certificate by its digest: SHA-1 in the first version (RFC 2634), any here in the second."""
    raw = authority.certificate.public_bytes(Encoding.DER)
    if _SIGNING_CERTIFICATE_V2 in values:
        parts = values[_SIGNING_CERTIFICATE_V2].children()[0].children()[0].children()
        kind = parts[0].children()[0].oid() if parts[0].tag == der.SEQUENCE else SHA256_OID
        shown = der.tagged(parts, der.OCTET_STRING)
        if kind not in _DIGESTS or shown is None or shown.body != _DIGESTS[kind][0](raw).digest():
            raise _bad("another certificate")
    elif _SIGNING_CERTIFICATE in values:
        parts = values[_SIGNING_CERTIFICATE].children()[0].children()[0].children()
        if parts[0].expect(der.OCTET_STRING).body != sha1(raw, usedforsecurity=False).digest():
            raise _bad("another certificate")
    else:
        raise _bad("no certificate named")


def _verify(authority: Authority, signature: bytes, message: bytes, algorithm: hashes.HashAlgorithm) -> None:
    match authority.certificate.public_key():
        case rsa.RSAPublicKey() as key:
            key.verify(signature, message, padding.PKCS1v15(), algorithm)
        case ec.EllipticCurvePublicKey() as key:
            key.verify(signature, message, ec.ECDSA(algorithm))
        case ed25519.Ed25519PublicKey() as key:
            key.verify(signature, message)
        case _:
            raise _bad("key type")


def _read_info(info: list[Node], digest: bytes, authority: Authority, nonce: int | None) -> Stamp:
    version, policy, imprint, serial, made, *rest = info
    kind, hashed = imprint.expect(der.SEQUENCE).children()
    if version.integer() != 1 or kind.children()[0].oid() != SHA256_OID or hashed.expect(der.OCTET_STRING).body != digest:
        raise _bad("another digest")
    echoed = der.tagged(rest, der.INTEGER)
    if nonce is not None and (echoed is None or echoed.integer() != nonce):
        raise _bad("nonce")
    at = _moment(made)
    certificate = authority.certificate
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        raise _bad("certificate not valid then")
    return Stamp(at, policy.oid(), format(serial.integer(), "x"))


def _moment(node: Node) -> datetime:
    """`20261122060427Z`, or with a fraction that does not end in 0 (2.4.2)."""
    text = node.expect(der.GENERALIZED_TIME).body.decode("ascii")
    whole, _, fraction = text.removesuffix("Z").partition(".")
    if not text.endswith("Z") or not whole.isdigit() or len(whole) != 14 or not (fraction or "0").isdigit():
        raise DerError("a time in another form")
    moment = datetime.strptime(whole, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return moment.replace(microsecond=int(fraction[:6].ljust(6, "0"))) if fraction else moment


def _bad(reason: str) -> TransferLogError:
    return TransferLogError("transferlog.bad_stamp", "时间戳不成立", "the time stamp does not hold", reason=reason)


def _bad_authority() -> SettingsError:
    return SettingsError("settings.timestamp", "时间戳机构的证书无法使用", "the time-stamping authority's certificate cannot be used")
