"""The form of an envelope's header and claims, checked without any cryptography.

Strict JSON, a closed set of claims, one exact form each.
Values of a message are never repeated in a problem: only the claim's name is.
Sentences: docs/protocol-envelope.md, EN-10 to EN-29.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from gateway.errors import FormatError, Problem
from gateway.federation import protocol
from gateway.formats.json_safe import JsonLimits, read_json
from gateway.model.transfer import Act

STRING_MAX: Final = 2048
NAME_MAX: Final = 128
ENVELOPE_LIMITS: Final = JsonLimits(bytes_max=protocol.ENVELOPE_BYTES_MAX, depth_max=4, nodes_max=1024, number_chars_max=16)
NUMERIC_DATE_MAX: Final = 253_402_300_799  # 9999-12-31T23:59:59Z
VER_MAX: Final = 2**31
SEQ_MAX: Final = 2**53 - 1

_MEMBER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_JTI: Final = re.compile(r"[A-Za-z0-9_-]{21}[AQgw]")  # 16 bytes, canonical base64url
_KID: Final = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")  # 32 bytes, canonical base64url
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_SCOPE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_METHOD: Final = re.compile(r"[A-Z]{1,16}")
_TARGET: Final = re.compile(r"https?://[!-~]{1,2000}")
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
CONTENT_NAME: Final = re.compile(r"[a-z][a-z0-9]{0,31}(?:-[a-z0-9]{1,31}){0,3}")
MEDIA_TYPE: Final = re.compile(r"[a-z0-9]{1,32}/[a-z0-9][a-z0-9.+-]{0,95}")
_POSTURES: Final = frozenset({"done", "impossible", "account", "none"})
_ACTS: Final = frozenset({*Act, *protocol.CONTENT_NAMES})
_HEADER_NAMES: Final = frozenset({"alg", "kid", "typ"})
_CONTENT_MEMBERS: Final = frozenset({"name", "sd", "type", "length"})
_UNSIGNED_BY_REPEAT: Final = frozenset({"iat", "exp", "htm", "htu"})


_encode: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def read_object(raw: bytes, limits: JsonLimits = ENVELOPE_LIMITS) -> dict[str, Any]:
    """One JSON object, strictly (no duplicate names, no surrogates, bounded).  Raises FormatError without the input in it."""
    found = read_json(raw, limits)
    if isinstance(found, dict):
        return found
    raise FormatError("format.not_object", "应为一个 JSON 对象", "a JSON object is wanted here")


def check_header(header: Mapping[str, Any], typ: str) -> tuple[str, str]:
    """`(alg, kid)` of a header that is exactly {alg, kid, typ}.  Raises ValueError.

    So `jwk`, `jku`, `x5u`, `x5c`, `crit`, `b64` and whatever comes after them are refused by form.
    """
    if header.keys() != _HEADER_NAMES:
        raise ValueError("the header holds exactly alg, kid and typ")
    alg, kid = header["alg"], header["kid"]
    if header["typ"] != typ or not isinstance(alg, str) or not _text(_KID)(kid):
        raise ValueError("alg, kid or typ has a wrong form")
    return alg, kid


def _text(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    def matches(value: Any) -> bool:
        return isinstance(value, str) and len(value) <= STRING_MAX and pattern.fullmatch(value) is not None

    return matches


def _number(highest: int) -> Callable[[Any], bool]:
    def in_range(value: Any) -> bool:
        return type(value) is int and 0 <= value <= highest  # bool is an int to isinstance

    return in_range


def _mapping(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(_text(_WORD)(inner) for inner in value)


_FORMS: Final[dict[str, Callable[[Any], bool]]] = {
    "v": lambda value: type(value) is int and value == protocol.VERSION,
    "iss": _text(_MEMBER),
    "aud": _text(_MEMBER),
    "jti": _text(_JTI),
    "iat": _number(NUMERIC_DATE_MAX),
    "exp": _number(NUMERIC_DATE_MAX),
    "act": lambda value: isinstance(value, str) and value in _ACTS,
    "con": lambda value: isinstance(value, list) and len(value) <= protocol.CONTENTS_MAX,
    "scp": _text(_SCOPE),
    "ver": _number(VER_MAX),
    "irt": _text(_JTI),
    "htm": _text(_METHOD),
    "htu": _text(_TARGET),
    "same_person": _text(_DIGEST),
    "delivered": _text(_DIGEST),
    "part": _text(_DIGEST),
    "mapping": _mapping,
    "posture": lambda value: isinstance(value, str) and value in _POSTURES,
    "reason": _text(_WORD),
    "seq": lambda value: type(value) is int and 1 <= value <= SEQ_MAX,
}
assert _FORMS.keys() == {*protocol.CLAIMS_REQUIRED, *protocol.CLAIMS_OPTIONAL}
assert all(CONTENT_NAME.fullmatch(name) for names in protocol.CONTENT_NAMES.values() for group in names for name in group)

is_member_id: Final = _text(_MEMBER)
is_kid: Final = _text(_KID)
is_digest: Final = _text(_DIGEST)


def _bad(path: str) -> Problem:
    return Problem(path, "trust.bad_claim", "此项的形式不正确", "this claim does not have its exact form")


def check_claims(claims: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Every claim that is missing, unknown or not in its exact form; empty when all is well."""
    problems = [
        Problem(name, "trust.missing_claim", "缺少必需的声明", "a required claim is missing")
        for name in protocol.CLAIMS_REQUIRED
        if name not in claims
    ]
    unknown = 0
    for name, value in claims.items():
        form = _FORMS.get(name)
        if form is None:
            unknown += 1
        elif not form(value):
            problems.append(_bad(name))
    if unknown:
        problems.append(Problem("", "trust.unknown_claim", "含有未定义的声明", f"{unknown} claims are not defined in this version"))
    if problems:
        return tuple(problems)
    if claims["iat"] > claims["exp"]:
        problems.append(_bad("exp"))
    if ("htm" in claims) != ("htu" in claims):
        problems.append(_bad("htm"))
    return (*problems, *_check_contents(claims["con"]))


def _check_contents(entries: list[Any]) -> Iterable[Problem]:
    problems = [_bad(f"con[{place}]") for place, entry in enumerate(entries) if not _content_fits(entry)]
    if problems:
        return problems
    if len({entry["name"] for entry in entries}) != len(entries):
        problems.append(_bad("con"))
    if sum(entry["length"] for entry in entries) > protocol.MESSAGE_BYTES_MAX:
        problems.append(_bad("con"))
    return problems


def _content_fits(entry: Any) -> bool:
    """Exactly {name, sd, type, length}.  Written out, because it runs for each content of each message."""
    if not isinstance(entry, dict) or entry.keys() != _CONTENT_MEMBERS:
        return False
    name, sd, type_, length = entry["name"], entry["sd"], entry["type"], entry["length"]
    if type(length) is not int or not (isinstance(name, str) and isinstance(sd, str) and isinstance(type_, str)):
        return False
    if not 0 <= length <= protocol.CONTENT_BYTES_MAX or len(name) > NAME_MAX or len(type_) > NAME_MAX:
        return False
    return _DIGEST.fullmatch(sd) is not None and MEDIA_TYPE.fullmatch(type_) is not None and CONTENT_NAME.fullmatch(name) is not None


def check_names(act: str, names: Iterable[str]) -> tuple[Problem, ...]:
    """What `protocol.CONTENT_NAMES` finds missing or too many.  An act without a row there is not judged here."""
    row = protocol.CONTENT_NAMES.get(act)
    if row is None:
        return ()
    given = set(names)
    must, may = row
    return (*missing(set(must) - given), *unexpected(given - {*must, *may}))


def missing(names: Iterable[str]) -> tuple[Problem, ...]:
    """One problem a content that should be there."""
    return tuple(Problem(f"content {name}", "trust.missing_content", "缺少此内容", "this content is missing") for name in sorted(names))


def unexpected(names: Iterable[str]) -> tuple[Problem, ...]:
    """One problem a content that should not be there; a name that is not of our form is not repeated."""
    shown = sorted(name if CONTENT_NAME.fullmatch(name) else "?" for name in names)
    return tuple(
        Problem(f"content {name}", "trust.unexpected_content", "不应有此内容", "this content does not belong here") for name in shown
    )


def canonical(claims: Mapping[str, Any]) -> bytes:
    """The RFC 8785 bytes of claims that `check_claims` accepted: ASCII strings, small integers, no floats.

    For those the plain encoder gives the same bytes as `gateway.model.canonical.jcs`, in half the time.
    """
    return _encode(claims).encode("ascii")


def without_times(claims: Mapping[str, Any]) -> dict[str, Any]:
    """What stays the same when a message is signed again: everything but `iat`, `exp`, `htm`, `htu` (EN-43)."""
    return {name: value for name, value in claims.items() if name not in _UNSIGNED_BY_REPEAT}
