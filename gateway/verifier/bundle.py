"""An evidence bundle as values: hostile bytes in, a closed form out, nothing in it believed.

The form is ours (docs/evidence.md, EV-1 to EV-12).  Every object has exactly the members listed here and every value one
spelling, so that there is no byte in a bundle that a verifier passes over in silence.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from gateway.crypto.digests import SECRET_BYTES
from gateway.errors import EvidenceError, FormatError, Problem
from gateway.formats.json_safe import JsonLimits, read_json
from gateway.model.canonical import unb64url
from gateway.transferlog.leaf import Disclosure

FORM: Final = 1
KIND: Final = "ceg-evidence"
FULL, LEARNER, BARE = "full", "learner", "bare"
"""Everything that was signed and kept; a learner's selection; leaves and proofs alone, without a personal value."""
NOT_PROVEN: Final = ("truth", "suppressed", "complete", "later", "learner_act", "time")
"""What no bundle proves (docs/evidence.md, section 5); each bundle says so itself."""
BUNDLE_BYTES_MAX: Final = 64 * 1024 * 1024
LIMITS: Final = JsonLimits(bytes_max=BUNDLE_BYTES_MAX, depth_max=8, nodes_max=500_000)
MANY: Final = 10_000

_HEX: Final = re.compile(r"[0-9a-f]{64}")
_WORD: Final = re.compile(r"[!-~]{1,128}")
_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9./+-]{0,127}")
_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LoggedLeaf:
    """A leaf's bytes, where it is said to stand, and the tlog-proof text that is to show it."""

    index: int
    data: bytes
    proof: str


@dataclass(frozen=True, slots=True)
class RawKey:
    """A key as it was when the bundle was made, with the leaves that began and ended it.  `times`: not_before, not_after, revoked_at."""

    member: str
    kid: str
    alg: str
    jwk: Mapping[str, Any]
    times: tuple[str, str, str | None]
    added: LoggedLeaf
    revoked: LoggedLeaf | None


@dataclass(frozen=True, slots=True)
class RawPiece:
    """One content with the secret that opens its digest."""

    name: str
    media_type: str
    secret: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What the gateway answered: the body without its receipt, and the secret of its digest."""

    body: str
    secret: bytes


@dataclass(frozen=True, slots=True)
class RawAct:
    """What one message brought, and what was answered; the envelope stands in the leaf."""

    iss: str
    jti: str
    contents: tuple[RawPiece, ...]
    answer: RawAnswer | None


@dataclass(frozen=True, slots=True)
class RawRecord:
    """A record behind a commitment, as far as it is shown."""

    cm: str
    told: Disclosure


@dataclass(frozen=True, slots=True)
class Bundle:
    """See docs/evidence.md, section 2."""

    form: str
    transfer: str
    gateway: str
    origin: str
    size: int
    final: bool
    cosigned: tuple[str, ...]
    checkpoint: str
    leaves: tuple[LoggedLeaf, ...]
    causes: tuple[LoggedLeaf, ...]
    keys: tuple[RawKey, ...]
    messages: tuple[RawAct, ...]
    made: tuple[RawPiece, ...]
    records: tuple[RawRecord, ...]


def read_bundle(raw: bytes) -> Bundle:
    """Raises EvidenceError `evidence.unreadable` (not whole, not JSON, too large) or `evidence.form` with the place."""
    try:
        value = read_json(raw, LIMITS)
    except FormatError as error:
        problem = Problem("", error.code, error.zh, error.en)
        raise EvidenceError(
            "evidence.unreadable", "不是完整的证据文件", "not a whole evidence bundle", problems=(problem,), reason=error.code
        ) from None
    found = _members(
        value,
        "",
        "v",
        "kind",
        "form",
        "transfer",
        "gateway",
        "log",
        "leaves",
        "causes",
        "keys",
        "messages",
        "made",
        "records",
        "not_proven",
    )
    if found["v"] != FORM or isinstance(found["v"], bool) or found["kind"] != KIND or found["form"] not in {FULL, LEARNER, BARE}:
        raise _bad("v, kind, form")
    if found["not_proven"] != list(NOT_PROVEN):
        raise _bad("not_proven")
    log = _members(found["log"], "log", "origin", "size", "final", "cosigned", "checkpoint")
    if not isinstance(log["final"], bool):
        raise _bad("log.final")
    return Bundle(
        form=str(found["form"]),
        transfer=_match(found["transfer"], "transfer", _HEX),
        gateway=_match(found["gateway"], "gateway", _WORD),
        origin=_match(log["origin"], "log.origin", _WORD),
        size=_count(log["size"], "log.size"),
        final=log["final"],
        cosigned=_rows(log["cosigned"], "log.cosigned", lambda value, path: _match(value, path, _WORD)),
        checkpoint=_text(log["checkpoint"], "log.checkpoint"),
        leaves=_rows(found["leaves"], "leaves", _logged),
        causes=_rows(found["causes"], "causes", _logged),
        keys=_rows(found["keys"], "keys", _key),
        messages=_rows(found["messages"], "messages", _act),
        made=_rows(found["made"], "made", _piece),
        records=_rows(found["records"], "records", _record),
    )


def _logged(value: Any, path: str) -> LoggedLeaf:
    found = _members(value, path, "index", "leaf", "proof")
    return LoggedLeaf(_count(found["index"], f"{path}.index"), _raw(found["leaf"], f"{path}.leaf"), _text(found["proof"], f"{path}.proof"))


def _key(value: Any, path: str) -> RawKey:
    found = _members(value, path, "member", "kid", "alg", "jwk", "not_before", "not_after", "revoked_at", "added", "revoked")
    jwk = found["jwk"]
    if not isinstance(jwk, dict) or not all(isinstance(each, str) for each in jwk.values()):
        raise _bad(f"{path}.jwk")
    revoked_at = None if found["revoked_at"] is None else _match(found["revoked_at"], f"{path}.revoked_at", _MOMENT)
    return RawKey(
        member=_match(found["member"], f"{path}.member", _WORD),
        kid=_match(found["kid"], f"{path}.kid", _WORD),
        alg=_match(found["alg"], f"{path}.alg", _WORD),
        jwk=jwk,
        times=(
            _match(found["not_before"], f"{path}.not_before", _MOMENT),
            _match(found["not_after"], f"{path}.not_after", _MOMENT),
            revoked_at,
        ),
        added=_logged(found["added"], f"{path}.added"),
        revoked=None if found["revoked"] is None else _logged(found["revoked"], f"{path}.revoked"),
    )


def _act(value: Any, path: str) -> RawAct:
    found = _members(value, path, "iss", "jti", "contents", "answer")
    contents = _rows(found["contents"], f"{path}.contents", _piece)
    if len({each.name for each in contents}) != len(contents):
        raise _bad(f"{path}.contents")
    answer = found["answer"]
    return RawAct(
        _match(found["iss"], f"{path}.iss", _WORD),
        _match(found["jti"], f"{path}.jti", _WORD),
        contents,
        None if answer is None else _answer(answer, f"{path}.answer"),
    )


def _answer(value: Any, path: str) -> RawAnswer:
    found = _members(value, path, "body", "secret")
    return RawAnswer(_text(found["body"], f"{path}.body"), _secret(found["secret"], f"{path}.secret"))


def _piece(value: Any, path: str) -> RawPiece:
    found = _members(value, path, "name", "type", "secret", "data")
    try:
        data = base64.b64decode(_text(found["data"], f"{path}.data").encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise _bad(f"{path}.data") from None
    if base64.b64encode(data).decode("ascii") != found["data"]:
        raise _bad(f"{path}.data")
    return RawPiece(
        _match(found["name"], f"{path}.name", _WORD),
        _match(found["type"], f"{path}.type", _TYPE),
        _secret(found["secret"], f"{path}.secret"),
        data,
    )


def _record(value: Any, path: str) -> RawRecord:
    found = _members(value, path, "cm", "fields", "others")
    fields = _rows(found["fields"], f"{path}.fields", _field)
    others = _rows(found["others"], f"{path}.others", lambda text, where: bytes.fromhex(_match(text, where, _HEX)))
    return RawRecord(_match(found["cm"], f"{path}.cm", _HEX), Disclosure(fields, others))


def _field(value: Any, path: str) -> tuple[str, str, bytes]:
    if not isinstance(value, list) or len(value) != 3:
        raise _bad(path)
    return _match(value[0], path, _WORD), _text(value[1], path), _secret(value[2], path)


def _members(value: Any, path: str, *names: str) -> dict[str, Any]:
    if not isinstance(value, dict) or value.keys() != set(names):
        raise _bad(path or "the whole")
    return value


def _rows(value: Any, path: str, read: Callable[[Any, str], T]) -> tuple[T, ...]:
    if not isinstance(value, list) or len(value) > MANY:
        raise _bad(path)
    return tuple(read(each, f"{path}[{place}]") for place, each in enumerate(value))


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise _bad(path)
    return value


def _match(value: Any, path: str, pattern: re.Pattern[str]) -> str:
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise _bad(path)
    return value


def _count(value: Any, path: str) -> int:
    if type(value) is not int or not 0 <= value < 2**53:
        raise _bad(path)
    return value


def _raw(value: Any, path: str) -> bytes:
    try:
        return unb64url(_text(value, path))
    except ValueError:
        raise _bad(path) from None


def _secret(value: Any, path: str) -> bytes:
    found = _raw(value, path)
    if len(found) != SECRET_BYTES:
        raise _bad(path)
    return found


def _bad(path: str) -> EvidenceError:
    problem = Problem(path, "evidence.form", "此处不合证据文件的格式", "this is not of the bundle's form")
    return EvidenceError(
        "evidence.form", f"不合证据文件的格式:{path}", f"not of the form of an evidence bundle: {path}", problems=(problem,), reason=path
    )
