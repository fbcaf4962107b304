"""The signed envelope: `seal` makes one, `unseal` is the only door through which a message becomes believed.

A message is one or more contents (bytes, never re-encoded) and a compact JWS (RFC 7515) over a
small set of claims that names each content by its salted digest.  Order inside `unseal`: bounds →
form of header → key of the registry → signature → form of claims → suspension → audience → target
→ contents.  After it the caller checks, in this order, repetition (`replay.judge`),
`check_fresh`, role, and what the contents say.

The only file that knows PyJWT.  Of PyJWT the algorithm objects are used, not its token parser:
that one accepts padding, duplicate names and tokens without `exp`, and looks at every character
in a loop.  The algorithm is a property of the registered key; `alg` of the message must agree and
decides nothing.

ECDSA twins: from a valid ES256 signature (r, s) anybody makes (r, n−s), equally valid.  Both are
accepted, because half of what other libraries sign is the "high" one; nothing here identifies a
message by its token's bytes.  Sentences: docs/protocol-envelope.md (EN-…).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import InitVar, dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final

from jwt import PyJWS
from jwt.exceptions import PyJWTError

from gateway.crypto.digests import salted_digest
from gateway.crypto.keys import EDDSA, ES256, SigningKey, VerifyKey
from gateway.errors import FormatError, Problem, TrustError
from gateway.federation import protocol
from gateway.federation.claims import (
    canonical,
    check_claims,
    check_header,
    check_names,
    is_member_id,
    missing,
    read_object,
    unexpected,
    without_times,
)
from gateway.federation.message import Content, HttpTarget, KeyFinder, RawContent
from gateway.model.canonical import b64url, unb64url

HEADER_CHARS_MAX: Final = 512
_NAMES_OF: Final = {EDDSA: frozenset({"EdDSA", "Ed25519"}), ES256: frozenset({"ES256"})}
"""Names a message may use for the algorithm of a key; we write the first form of protocol.ALGORITHMS."""
_jws: Final = PyJWS(algorithms=list(protocol.ALGORITHMS))
_ALGORITHM: Final = {name: _jws.get_algorithm_by_name(name) for name in protocol.ALGORITHMS}
_DOOR: Final = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedEnvelope:
    """Claims whose signature held.  Made only by this module; times are aware UTC datetimes.

    `content_digest` covers every claim but `iat`, `exp`, `htm`, `htu` (SHA-256 of their JCS bytes, hex):
    two messages of one `(iss, jti)` with the same value are the same message.
    """

    door: InitVar[object]
    token: str
    kid: str
    claims: Mapping[str, Any]
    iss: str
    aud: str
    jti: str
    act: str
    iat: datetime
    exp: datetime
    scp: str | None
    ver: int | None
    irt: str | None
    content_digest: str

    def __post_init__(self, door: object) -> None:
        if door is not _DOOR:
            raise TypeError("a verified message is made by unseal only")

    def sd(self, name: str) -> str | None:
        """The salted digest the sender signed for one content, or None where there is no such content."""
        return next((entry["sd"] for entry in self.claims["con"] if entry["name"] == name), None)

    def check_fresh(self, now: datetime, limit: timedelta) -> None:
        """`iat` − 60 s ≤ now < `exp`, and a lifetime of at most `limit`.

        Raises TrustError `trust.stale` or `trust.not_yet_valid`; both tell the server's time.
        """
        if self.exp - self.iat <= limit and self.iat - protocol.CLOCK_SKEW_MAX <= now < self.exp:
            return
        told = now.astimezone(UTC).isoformat(timespec="seconds")
        if self.exp - self.iat > limit:
            raise TrustError(
                "trust.stale", f"信封有效期过长(服务器时间 {told})", f"the lifetime is over the limit; server time {told}", now=told
            )
        if now >= self.exp:
            raise TrustError("trust.stale", f"信封已过期(服务器时间 {told})", f"the envelope has run out; server time {told}", now=told)
        raise TrustError(
            "trust.not_yet_valid",
            f"签发时间晚于服务器时间 {told},请校准时钟",
            f"signed in the future; set the clock: server time {told}",
            now=told,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedMessage(VerifiedEnvelope):
    """A verified envelope together with exactly the contents it names."""

    contents: Mapping[str, Content]


def _envelope_fault(problems: Sequence[Problem] = ()) -> TrustError:
    return TrustError("trust.bad_envelope", "信封格式不正确", "the envelope does not have its exact form", problems=tuple(problems))


def _no_signature() -> TrustError:
    return TrustError("trust.bad_signature", "签名验证失败", "the signature does not hold")


# ---------------------------------------------------------------- making


def seal(
    *,
    key: SigningKey,
    iss: str,
    aud: str,
    jti: str,
    iat: datetime,
    exp: datetime,
    act: str,
    contents: Sequence[Content],
    scp: str | None = None,
    ver: int | None = None,
    irt: str | None = None,
    seq: int | None = None,
    http: HttpTarget | tuple[str, str] | None = None,
    **claims: str | Sequence[str],
) -> str:
    """The compact JWS for these contents.  `claims`: the further names of protocol.CLAIMS_OPTIONAL.

    `iat` and `exp` lose their fractions of a second.  What `unseal` would refuse is refused here with
    the same codes: `trust.bad_envelope`, `trust.missing_content`, `trust.unexpected_content`.
    """
    body: dict[str, Any] = {
        "v": protocol.VERSION,
        "iss": iss,
        "aud": aud,
        "jti": jti,
        "act": act,
        "con": [
            {"name": each.name, "sd": salted_digest(each.secret, each.data), "type": each.media_type, "length": len(each.data)}
            for each in contents
        ],
    }
    optional = {"scp": scp, "ver": ver, "irt": irt, "seq": seq, **claims}
    body.update((name, list(value) if isinstance(value, tuple) else value) for name, value in optional.items() if value is not None)
    return _sign_claims(key, body, iat, exp, http)


def reseal(token: str, *, key: SigningKey, iss: str, iat: datetime, exp: datetime, http: HttpTarget | tuple[str, str] | None = None) -> str:
    """Sign one of our own stored messages again: same `jti`, `con` and all else, new times and target (late delivery).

    `token` comes from our own store; one that names another issuer raises `trust.bad_envelope`.
    """
    _header, payload, _signature = _split(token)
    body = without_times(_claims_of(payload))
    if body.get("iss") != iss:
        raise _envelope_fault()
    return _sign_claims(key, body, iat, exp, http)


def _sign_claims(key: SigningKey, body: dict[str, Any], iat: datetime, exp: datetime, http: HttpTarget | tuple[str, str] | None) -> str:
    body["iat"], body["exp"] = int(iat.timestamp()), int(exp.timestamp())
    if http is not None:
        body["htm"], body["htu"] = http if isinstance(http, tuple) else (http.method, http.url)
    _accept(check_claims(body))
    _accept(check_names(body["act"], [entry["name"] for entry in body["con"]]))
    return _sign(key, protocol.ENVELOPE_TYP, b64url(canonical(body)))


@lru_cache(maxsize=64)
def _header_text(alg: str, kid: str, typ: str) -> str:
    return b64url(canonical({"alg": alg, "kid": kid, "typ": typ}))


def _sign(key: SigningKey, typ: str, payload: str) -> str:
    signed = f"{_header_text(key.alg, key.kid, typ)}.{payload}"
    return f"{signed}.{b64url(_ALGORITHM[key.alg].sign(signed.encode('ascii'), key.handle))}"


# ---------------------------------------------------------------- believing


def unseal(token: str, contents: Mapping[str, RawContent], *, keys: KeyFinder, audience: str, http: HttpTarget | None) -> VerifiedMessage:
    """Everything that can be checked without memory and without a clock.  `http` is None for files.

    Raises TrustError: `trust.bad_envelope`, `.unknown_member`, `.unknown_key`, `.key_not_valid`, `.bad_signature`,
    `.suspended`, `.wrong_audience`, `.wrong_target`, `.missing_content`, `.unexpected_content`, `.digest_mismatch`.
    """
    kid, claims = _verify_token(token, keys)
    if claims["aud"] != audience:
        raise TrustError("trust.wrong_audience", "信封不是发给本方的", "the envelope is addressed to somebody else")
    _check_target(claims, http)
    believed = _check_contents(claims, contents)
    return VerifiedMessage(**_fields(token, kid, claims), contents=MappingProxyType(believed))


def open_envelope(token: str, *, keys: KeyFinder) -> VerifiedEnvelope:
    """Signature and form only, without contents, audience and target: for auditors of logged envelopes."""
    kid, claims = _verify_token(token, keys)
    return VerifiedEnvelope(**_fields(token, kid, claims))


def _verify_token(token: str, keys: KeyFinder) -> tuple[str, dict[str, Any]]:
    header, payload, signature = _split(token)
    alg, kid = _header_of(header, protocol.ENVELOPE_TYP)
    claims = _claims_of(payload)
    iss = claims.get("iss")
    if not isinstance(iss, str) or not is_member_id(iss):
        raise _envelope_fault()
    found = keys(iss, kid)
    if found is None or found.member != iss or found.key.kid != kid:
        raise TrustError("trust.unknown_key", "该成员没有此公钥", "the member has no such key")
    _verify(found.key, alg, header, payload, signature)
    _accept(check_claims(claims))
    if found.suspended:
        raise TrustError("trust.suspended", "该成员已暂停", "the member is suspended", member=iss)
    _accept(check_names(claims["act"], [entry["name"] for entry in claims["con"]]))
    return kid, claims


def _split(token: str) -> tuple[str, str, str]:
    if len(token) > protocol.ENVELOPE_BYTES_MAX:
        raise _envelope_fault()
    segments = token.split(".", 3)
    if len(segments) != 3:
        raise _envelope_fault()
    header, payload, signature = segments
    return header, payload, signature


def _header_of(segment: str, typ: str) -> tuple[str, str]:
    if len(segment) > HEADER_CHARS_MAX:
        raise _envelope_fault()
    return _read_header(segment, typ)


@lru_cache(maxsize=256)
def _read_header(segment: str, typ: str) -> tuple[str, str]:
    """A sender's header is the same text in each message; failures are not remembered."""
    try:
        return check_header(_claims_of(segment), typ)
    except ValueError:
        raise _envelope_fault() from None


def _claims_of(segment: str) -> dict[str, Any]:
    try:
        return read_object(unb64url(segment))
    except ValueError:
        raise _envelope_fault() from None  # the cause could quote the input
    except FormatError as error:
        raise _envelope_fault((Problem("", error.code, error.zh, error.en),)) from None


def _verify(key: VerifyKey, alg: str, header: str, payload: str, signature: str) -> None:
    """The key's own algorithm is used; the message's word must merely agree with it."""
    if alg not in _NAMES_OF[key.alg]:
        raise _no_signature()
    try:
        raw = unb64url(signature)
        if not _ALGORITHM[key.alg].verify(f"{header}.{payload}".encode("ascii"), key.handle, raw):
            raise _no_signature()
    except ValueError:
        raise _envelope_fault() from None
    except PyJWTError:
        raise _no_signature() from None


def _accept(problems: Sequence[Problem]) -> None:
    """Raise the code the problems share; missing and unexpected contents together are told as missing."""
    if not problems:
        return
    codes = {problem.code for problem in problems}
    if "trust.missing_content" in codes:
        raise TrustError("trust.missing_content", "缺少内容", "contents are missing", problems=tuple(problems))
    if "trust.unexpected_content" in codes:
        raise TrustError("trust.unexpected_content", "有不应出现的内容", "contents that do not belong here", problems=tuple(problems))
    raise _envelope_fault(problems)


def _check_target(claims: Mapping[str, Any], http: HttpTarget | None) -> None:
    named = (claims.get("htm"), claims.get("htu"))
    wanted = (None, None) if http is None else (http.method, http.url)
    if named != wanted:
        raise TrustError("trust.wrong_target", "信封绑定的请求地址或方法不符", "the envelope is bound to another request (htm, htu)")


def _check_contents(claims: Mapping[str, Any], contents: Mapping[str, RawContent]) -> dict[str, Content]:
    named = {entry["name"] for entry in claims["con"]}
    _accept((*missing(named - contents.keys()), *unexpected(contents.keys() - named)))
    believed: dict[str, Content] = {}
    problems: list[Problem] = []
    for entry in claims["con"]:
        raw = contents[entry["name"]]
        if _matches(entry, raw):
            believed[raw.name] = Content(raw.name, raw.data, entry["type"], raw.secret)
        else:
            problems.append(
                Problem(
                    f"content {entry['name']}", "trust.digest_mismatch", "内容与签名不符", "digest, length or type is not what was signed"
                )
            )
    if problems:
        raise TrustError("trust.digest_mismatch", "内容与签名不符", "contents are not what was signed", problems=tuple(problems))
    return believed


def _matches(entry: Mapping[str, Any], raw: RawContent) -> bool:
    return (
        raw.name == entry["name"]
        and len(raw.data) == entry["length"]
        and len(raw.secret) == protocol.SECRET_BYTES
        and raw.media_type in {None, entry["type"]}
        and salted_digest(raw.secret, raw.data) == entry["sd"]
    )


def _fields(token: str, kid: str, claims: dict[str, Any]) -> dict[str, Any]:
    return {
        "door": _DOOR,
        "token": token,
        "kid": kid,
        "claims": MappingProxyType(claims),
        "iss": claims["iss"],
        "aud": claims["aud"],
        "jti": claims["jti"],
        "act": claims["act"],
        "iat": datetime.fromtimestamp(claims["iat"], UTC),
        "exp": datetime.fromtimestamp(claims["exp"], UTC),
        "scp": claims.get("scp"),
        "ver": claims.get("ver"),
        "irt": claims.get("irt"),
        "content_digest": sha256(canonical(without_times(claims))).hexdigest(),
    }


# ---------------------------------------------------------------- documents signed whole (trust file, agreements)


def sign_detached(key: SigningKey, document: bytes, typ: str) -> str:
    """A compact JWS with detached content (RFC 7515, appendix F): `header..signature` over the exact bytes."""
    header, _payload, signature = _sign(key, typ, b64url(document)).split(".")
    return f"{header}..{signature}"


def verify_detached(text: str, document: bytes, typ: str, keys: Callable[[str], VerifyKey | None]) -> str:
    """The `kid` that signed `document`.  Raises TrustError `trust.bad_envelope`, `.unknown_key`, `.bad_signature`."""
    header, payload, signature = _split(text)
    if payload:
        raise _envelope_fault()
    alg, kid = _header_of(header, typ)
    key = keys(kid)
    if key is None or key.kid != kid:
        raise TrustError("trust.unknown_key", "没有此公钥", "no such key is pinned here")
    _verify(key, alg, header, b64url(document), signature)
    return kid
