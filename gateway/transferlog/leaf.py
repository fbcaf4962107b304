"""One leaf of the transfer log: the RFC 8785 bytes of a JSON object, stored verbatim and never serialised again.

A leaf says who did what to which scope, with the actor's own envelope inside; it holds salted digests and ids only.
Member names of the JSON object are the attribute names of `Leaf`; a member at its default is left out, so each leaf has
one spelling.  Types that this version does not know are read like any other and reported by whoever audits.
Records appear as commitments: fixed-length salts and length prefixes make them binding, the secret (erased with the
record) makes them hiding.
docs/transfer-log.md, TL-1 to TL-14, is the format's text.
"""

import hmac
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from hashlib import sha256
from operator import attrgetter
from typing import Any, Final, TypeAlias

from gateway.crypto.digests import SECRET_BYTES
from gateway.errors import Problem, TransferLogError
from gateway.model.canonical import jcs, jcs_known
from gateway.transferlog.leaf_form import CHECKS, VERSION, totals_hold

LEAF_BYTES_MAX: Final = 65_535
FIELD_CONTEXT: Final = b"ceg-field-v1\x00"
RECORD_CONTEXT: Final = b"ceg-record-v1\x00"

Fact: TypeAlias = str | int | bool
Item: TypeAlias = tuple[str, str, str]
"""`(cm, nf, state)`; `cm` and `nf` are "" while the source bank has not sent the record, or there is no outcome key."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """Field by field docs/transfer-log.md, section 3.  Times are RFC 3339 UTC with six digits of a second, credits decimal strings."""

    type: str
    at: str
    scope: str
    seq: int
    iss: str
    jti: str
    n: int = 0
    v: int = VERSION
    cause: tuple[str, int] | None = None
    actor: str = ""
    role: str = ""
    kid: str = ""
    envelope: str = ""
    content: tuple[tuple[str, str, int], ...] = ()
    answer: str = ""
    status: int | str | None = None
    state_before: str | None = None
    state_after: str | None = None
    ver: int | None = None
    deadline: str | None = None
    mapping: tuple[str, str] | None = None
    rules: str = ""
    totals: Mapping[str, str] | None = None
    items: tuple[Item, ...] = ()
    facts: Mapping[str, Fact] = field(default_factory=dict)

    @property
    def known(self) -> bool:
        """Whether this version knows the type.  If not: report it, never stop."""
        return self.type in TYPES


COMMON: Final = frozenset({"v", "type", "at", "scope", "seq", "iss", "jti", "n"})
SIGNED: Final = frozenset({"actor", "role", "kid", "envelope", "answer", "status"})
"""Of the leaf that holds an act (`n` 0); the act's further leaves name it as `cause` instead.
`content` is there unless the act brought none."""
_STATES: Final = frozenset({"state_before", "state_after", "ver"})
_CASE: Final = _STATES | {"totals", "items"}
_TIMED: Final = _CASE | {"cause"}

TYPES: Final[Mapping[str, tuple[bool, frozenset[str]]]] = {
    # type: (does it hold or stem from a signed act, members it must have beside the common and the signed ones)
    "transfer.requested": (True, _CASE),
    "transfer.confirmed": (True, _CASE),
    "transfer.rejected": (True, _CASE),
    "transfer.delivered": (True, _CASE),
    "transfer.asked": (True, _CASE),
    "transfer.supplemented": (True, _CASE),
    "transfer.amended": (True, _CASE),
    "transfer.decided": (True, _CASE),
    "transfer.posted": (True, _CASE),
    "transfer.settled": (True, _CASE),
    "transfer.withdrawn": (True, _CASE),
    "transfer.disputed": (True, _CASE),
    "transfer.upheld": (True, _CASE),
    "transfer.remitted": (True, _CASE),
    "transfer.late": (True, _STATES),
    "transfer.refused": (True, _STATES),
    "record.revoked": (True, _CASE),
    "item.recalled": (True, _CASE),
    "operator.retried": (True, _CASE),
    "operator.cancelled": (True, _CASE),
    "operator.acted": (False, frozenset({"role", "facts"})),
    "transfer.expired": (False, _TIMED),
    "transfer.held": (False, _TIMED),
    "transfer.escalated": (False, _TIMED),
    "transfer.lapsed": (False, _TIMED),
    "transfer.rescheduled": (False, _STATES | {"cause", "deadline"}),
    "record.read": (False, frozenset({"actor"})),
    "enquiry.declined": (True, frozenset()),
    "enquiry.withdrawn": (True, frozenset()),
    "enquiry.expired": (False, frozenset({"cause"})),
    "enquiry.rescheduled": (False, frozenset({"cause", "deadline"})),
    "consent.given": (True, frozenset()),
    "consent.withdrawn": (True, frozenset()),
    "outcome.contested": (True, _CASE),
    "outcome.cleared": (True, frozenset()),
    "erasure.done": (True, frozenset()),
    "erasure.lapsed": (False, frozenset({"cause", "facts"})),
    "hold.set": (True, frozenset()),
    "hold.released": (True, frozenset()),
    "agreement.proposed": (True, frozenset()),
    "agreement.signed": (True, frozenset()),
    "agreement.suspended": (True, frozenset()),
    "agreement.resumed": (True, frozenset()),
    "agreement.ended": (True, frozenset()),
    "integrity.flagged": (True, frozenset()),
    "integrity.appealed": (True, frozenset()),
    "integrity.upheld": (True, frozenset()),
    "integrity.escalated": (True, frozenset()),
    "integrity.lifted": (True, frozenset()),
    "rule.proposed": (True, frozenset()),
    "rule.approved": (True, frozenset()),
    "rule.published": (True, frozenset()),
    "rule.withdrawn": (True, frozenset()),
    "statement.issued": (False, frozenset()),
    "statement.signed": (True, frozenset()),
    "statement.disputed": (True, frozenset()),
    "key.added": (False, frozenset({"kid"})),
    "key.revoked": (False, frozenset({"kid"})),
    "member.added": (False, frozenset()),
    "member.suspended": (False, frozenset()),
    "member.resumed": (False, frozenset()),
    "presiding.changed": (False, frozenset()),
    "presiding.handed_over": (True, frozenset()),
    "presiding.accepted": (True, frozenset()),
    "log.opened": (False, frozenset()),
}


def leaf_bytes(leaf: Leaf) -> bytes:
    """The bytes to store and to hash.

    Raises `transferlog.leaf_form` with every wrong member in `problems`, `.totals_broken` or `.leaf_size`.
    """
    members = zip(_NAMES, _values_of(leaf), strict=True)
    shown = {name: value for name, value in members if name in COMMON or value != _DEFAULTS[name]}  # a tuple is written as a list
    _check_members(shown)
    raw = jcs_known(shown)  # every member has just been checked
    _check_size(raw)
    return raw


def parse_leaf(raw: bytes) -> Leaf:
    """The inverse of `leaf_bytes`; only its own spelling is accepted.

    Raises `transferlog.leaf_size`, `.leaf_canonical` (not the RFC 8785 form), `.leaf_version`, `.leaf_form` or
    `.totals_broken`.
    """
    _check_size(raw)
    shown = _canonical_object(raw)
    if shown.get("v") != VERSION or isinstance(shown.get("v"), bool):
        raise TransferLogError("transferlog.leaf_version", "不认识的叶版本", "a leaf of a version this program does not know")
    _check_members(shown)
    return Leaf(**{name: _frozen(value) for name, value in shown.items()})


@dataclass(frozen=True, slots=True)
class Opening:
    """One field of a record shown, the others not: `others` are their commitments in ascending order."""

    name: str
    value: str
    salt: bytes
    others: tuple[bytes, ...]


def commit_record(secret: bytes, fields: Mapping[str, str]) -> str:
    """`cm` (64 hexadecimal digits): all fields of one record under its own secret, in any order.

    The salts of the fields follow from the secret, which stays with the content and dies with it.
    """
    _check_secret(secret)
    # HMAC (RFC 2104) as its two states, made once a record: some twenty-five fields each, and the library's one-shot
    # call costs three times as much.  `tests/unit/transferlog` compare with `hmac`.
    inner, outer = sha256(secret.translate(_INNER) + _INNER_REST).copy, sha256(secret.translate(_OUTER) + _OUTER_REST).copy
    commitments = []
    for name, value in fields.items():
        raw_name, sized_name = _name_bytes(name)
        state, salt = inner(), outer()
        state.update(raw_name)
        salt.update(state.digest())
        raw = value.encode("utf-8", "surrogatepass")
        size = len(raw)
        sized = _SIZES[size] if size < 256 else size.to_bytes(4, "big")
        commitments.append(sha256(b"".join((FIELD_CONTEXT, salt.digest(), sized_name, sized, raw))).digest())
    return _digest_of(commitments)


def open_field(secret: bytes, fields: Mapping[str, str], name: str) -> Opening:
    """Raises KeyError when the record has no such field."""
    _check_secret(secret)
    others = sorted(_commit_field(_salt(secret, other), other, value) for other, value in fields.items() if other != name)
    return Opening(name, fields[name], _salt(secret, name), tuple(others))


def verify_opening(cm: str, opening: Opening) -> None:
    """Raises `transferlog.bad_opening` unless the record behind `cm` holds exactly this field and value."""
    shown = _commit_field(opening.salt, opening.name, opening.value)
    sizes_hold = len(opening.salt) == SECRET_BYTES and all(len(other) == sha256().digest_size for other in opening.others)
    if not sizes_hold or _digest_of([shown, *opening.others]) != cm:
        raise TransferLogError("transferlog.bad_opening", "出示的字段与承诺不符", "the field shown is not the one committed to")


@dataclass(frozen=True, slots=True)
class Disclosure:
    """Some fields of one record shown, each with its salt; `others`: the commitments of the rest, in ascending order."""

    fields: tuple[tuple[str, str, bytes], ...]
    others: tuple[bytes, ...]


def disclose(secret: bytes, fields: Mapping[str, str], shown: Collection[str]) -> Disclosure:
    """Show the fields named in `shown`, in the record's order; what the record does not hold cannot be shown."""
    _check_secret(secret)
    told = tuple((name, value, _salt(secret, name)) for name, value in fields.items() if name in shown)
    others = sorted(_commit_field(_salt(secret, name), name, value) for name, value in fields.items() if name not in shown)
    return Disclosure(told, tuple(others))


def verify_disclosure(cm: str, told: Disclosure) -> None:
    """Raises `transferlog.bad_opening` unless the record behind `cm` holds exactly these fields and values, and as many others."""
    salts_hold = all(len(salt) == SECRET_BYTES for _, _, salt in told.fields)
    sizes_hold = salts_hold and all(len(other) == sha256().digest_size for other in told.others)
    shown = [_commit_field(salt, name, value) for name, value, salt in told.fields]
    named_once = len({name for name, _, _ in told.fields}) == len(shown)
    if not sizes_hold or not named_once or list(told.others) != sorted(told.others) or _digest_of([*shown, *told.others]) != cm:
        raise TransferLogError("transferlog.bad_opening", "出示的字段与承诺不符", "the fields shown are not those committed to")


def _canonical_object(raw: bytes) -> dict[str, Any]:
    # Comparing with the canonical form also refuses repeated keys, floats, NaN, lone surrogates and spaces.
    shown: Any = None
    try:
        shown = json.loads(raw.decode("utf-8"))
        canonical = isinstance(shown, dict) and jcs(shown) == raw
    except (ValueError, RecursionError):
        canonical = False
    if not canonical:
        raise TransferLogError("transferlog.leaf_canonical", "叶不是规范形式(RFC 8785)", "the leaf is not in the RFC 8785 form")
    return dict(shown)


def _check_size(raw: bytes) -> None:
    if not 0 < len(raw) <= LEAF_BYTES_MAX:
        raise TransferLogError("transferlog.leaf_size", "叶的长度超限", "the leaf is empty or too long", bytes=len(raw))


def _check_members(shown: Mapping[str, Any]) -> None:
    if not _fits(shown):
        problems = tuple(_problems(shown))
        raise TransferLogError("transferlog.leaf_form", "叶的内容不合规定", "the leaf is not of its type's form", problems=problems)
    if "totals" in shown and not totals_hold(shown["totals"]):
        raise TransferLogError("transferlog.totals_broken", "叶中学分合计不平", "the credits of the leaf do not add up")


def _fits(shown: Mapping[str, Any]) -> bool:
    return all(name in CHECKS and CHECKS[name](value) for name, value in shown.items()) and _required(shown) <= shown.keys()


def _problems(shown: Mapping[str, Any]) -> list[Problem]:
    problems = [
        Problem(name, "transferlog.leaf_form", "取值不合规定", "a value the member cannot have")
        for name, value in shown.items()
        if name in CHECKS and not CHECKS[name](value)
    ]
    problems += [_problem(name, "没有这个成员", "no such member") for name in sorted(shown.keys() - CHECKS.keys())]
    problems += [_problem(name, "缺少此成员", "the member is missing") for name in sorted(_required(shown) - shown.keys())]
    return problems


def _problem(path: str, zh: str, en: str) -> Problem:
    return Problem(path, "transferlog.leaf_form", zh, en)


def _required(shown: Mapping[str, Any]) -> frozenset[str]:
    kind = shown.get("type")
    # An act's first leaf holds the envelope; its further leaves point at the first.
    known = kind if isinstance(kind, str) and kind in TYPES else ""
    return _required_of(known, first=shown.get("n") == 0, enveloped="envelope" in shown)


@lru_cache(maxsize=4 * 64)
def _required_of(kind: str, *, first: bool, enveloped: bool) -> frozenset[str]:
    signed, members = TYPES.get(kind, (False, frozenset[str]()))
    if signed:
        members |= SIGNED if first else {"cause"}
    if enveloped:
        members |= {"kid"}
    return COMMON | members


def _frozen(value: Any) -> Any:
    return tuple(_frozen(inner) for inner in value) if isinstance(value, list) else value


_SIZES: Final = tuple(size.to_bytes(4, "big") for size in range(256))
_INNER: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER: Final = bytes(byte ^ 0x5C for byte in range(256))
_INNER_REST: Final = b"\x36" * (64 - SECRET_BYTES)
_OUTER_REST: Final = b"\x5c" * (64 - SECRET_BYTES)


@lru_cache(maxsize=512)
def _name_bytes(name: str) -> tuple[bytes, bytes]:
    """A field's name as the salt takes it and, with its length, as the commitment takes it: few names, very many records."""
    raw = name.encode("utf-8", "surrogatepass")
    return raw, len(raw).to_bytes(4, "big") + raw


def _salt(secret: bytes, name: str) -> bytes:
    return hmac.digest(secret, _name_bytes(name)[0], "sha256")


def _commit_field(salt: bytes, name: str, value: str) -> bytes:
    raw = value.encode("utf-8", "surrogatepass")
    return sha256(b"".join((FIELD_CONTEXT, salt, _name_bytes(name)[1], len(raw).to_bytes(4, "big"), raw))).digest()


def _digest_of(commitments: list[bytes]) -> str:
    return sha256(RECORD_CONTEXT + len(commitments).to_bytes(4, "big") + b"".join(sorted(commitments))).hexdigest()


def _check_secret(secret: bytes) -> None:
    # A short secret would make every digest guessable; the caller's bug, not a peer's.
    assert len(secret) == SECRET_BYTES


_NAMES: Final = tuple(CHECKS)
_values_of: Final = attrgetter(*_NAMES)
_DEFAULTS: Final[Mapping[str, Any]] = {
    member.name: member.default_factory() if callable(member.default_factory) else member.default for member in fields(Leaf)
}
