"""The trust file's JSON form: `read_trust` and `write_trust`, strict both ways.

Every object has exactly the names listed here; every problem is reported, with its JSON path.
The form is the same on each machine (two spaces, this order of names, one final line feed), but
what is signed are the bytes, so a reader never depends on that.
Sentences: docs/protocol-envelope.md, EN-70 to EN-89.
"""

import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from gateway.crypto.keys import VerifyKey
from gateway.errors import FormatError, Problem, TrustError
from gateway.federation import protocol
from gateway.federation.claims import is_member_id, read_object
from gateway.federation.members import (
    Channel,
    GatewayRecord,
    KeyRecord,
    Member,
    Name,
    RetiredWitness,
    SignedAgreement,
    Status,
    TrustData,
    Turn,
)
from gateway.formats.json_safe import JsonLimits

FORM: Final = 1
TRUST_BYTES_MAX: Final = 4 * 1024 * 1024
MEMBERS_MAX: Final = 200
KEYS_MAX: Final = 200
AGREEMENTS_MAX: Final = 2_000
LIMITS: Final = JsonLimits(bytes_max=TRUST_BYTES_MAX, depth_max=8, nodes_max=200_000, number_chars_max=16)

_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_REGION: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
_CITY: Final = re.compile(r"[0-9]{6}")
_ENDPOINT: Final = re.compile(r"https://[!-~]{1,500}|http://(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{1,5})?(?:/[!-~]{0,500})?|")
_SFTP: Final = re.compile(r"sftp://[a-z_][a-z0-9_.-]{0,31}@[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?(?:/[A-Za-z0-9_-]{1,64}){1,8}")
_TEXT: Final = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
_VKEY: Final = re.compile(r"[!-~]{1,200}\+[0-9a-f]{8}\+[A-Za-z0-9+/]{1,200}={0,2}|")
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_JWS: Final = re.compile(r"[A-Za-z0-9_-]{1,1024}\.\.[A-Za-z0-9_-]{1,1024}")
_LONG_TEXT_MAX: Final = 64 * 1024
_INDEX_MAX: Final = 2**53 - 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

T = TypeVar("T")


def moment(at: datetime) -> str:
    """RFC 3339 in UTC, whole seconds, `Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _name(name: Name) -> dict[str, str]:
    return {"zh": name.zh, "en": name.en}


def _key(record: KeyRecord) -> dict[str, Any]:
    return {
        "kid": record.kid,
        "alg": record.key.alg,
        "jwk": record.key.jwk,
        "not_before": moment(record.not_before),
        "not_after": moment(record.not_after),
        "revoked_at": None if record.revoked_at is None else moment(record.revoked_at),
        "log_from": record.log_from,
        "log_until": record.log_until,
    }


def _member(member: Member) -> dict[str, Any]:
    return {
        "id": member.id,
        "name": _name(member.name),
        "region": member.region,
        "city_code": member.city_code,
        "endpoint": member.endpoint,
        "channel": member.channel.value,
        "status": member.status.value,
        "contact": member.contact,
        "keys": [_key(key) for key in member.keys],
        "witness": _witness(member),
    }


def _witness(member: Member) -> dict[str, Any]:
    """`retired` is left out while there is none."""
    found: dict[str, Any] = {"vkey": member.witness_vkey, "url": member.witness_url}
    if member.witness_retired:
        found["retired"] = [
            {"vkey": each.vkey, "until": moment(each.until), "log_until": each.log_until} for each in member.witness_retired
        ]
    return found


def write_trust(data: TrustData) -> bytes:
    """The file's bytes; `read_trust` gives the same data back."""
    gateway = data.gateway
    document = {
        "version": FORM,
        "serial": data.serial,
        "issued_at": moment(data.issued_at),
        "expires_at": moment(data.expires_at),
        "presiding": [{"member": turn.member, "from": moment(turn.since), "until": moment(turn.until)} for turn in data.presiding],
        "gateway": {
            "id": gateway.id,
            "name": _name(gateway.name),
            "keys": [_key(key) for key in gateway.keys],
            "log": {"origin": gateway.log_origin, "vkey": gateway.log_vkey, "quorum": gateway.witness_quorum},
        },
        "members": [_member(member) for member in data.members],
        "agreements": [{"id": each.id, "text": each.text, "signatures": dict(each.signatures)} for each in data.agreements],
    }
    return json.dumps(document, ensure_ascii=False, indent=2).encode("utf-8") + b"\n"


class _Reader:
    """Takes values out of untyped objects and remembers each one that is not what it must be."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def wrong(self, path: str, en: str, zh: str = "此项不符合规定") -> None:
        self.problems.append(Problem(path, "trust.bad_registry", zh, en))

    def members(self, value: Any, path: str, *names: str) -> dict[str, Any]:
        """Exactly these names; what is missing reads as None."""
        if not isinstance(value, dict) or value.keys() != set(names):
            self.wrong(path, f"must be an object of exactly: {', '.join(names)}")
            value = value if isinstance(value, dict) else {}
        return {name: value.get(name) for name in names}

    def rows(self, value: Any, path: str, most: int, read: Callable[[Any, str], T]) -> tuple[T, ...]:
        if not isinstance(value, list) or len(value) > most:
            self.wrong(path, f"must be a list of at most {most}")
            return ()
        return tuple(read(row, f"{path}[{place}]") for place, row in enumerate(value))

    def text(self, value: Any, path: str, pattern: re.Pattern[str]) -> str:
        if isinstance(value, str) and pattern.fullmatch(value):
            return value
        self.wrong(path, "is not a text of the right form")
        return ""

    def member_id(self, value: Any, path: str) -> str:
        if isinstance(value, str) and is_member_id(value):
            return value
        self.wrong(path, "is not a member id")
        return ""

    def whole(self, value: Any, path: str) -> int:
        if type(value) is int and 0 <= value <= _INDEX_MAX:
            return value
        self.wrong(path, "is not a whole number from 0")
        return 0

    def time(self, value: Any, path: str) -> datetime:
        try:
            if isinstance(value, str) and _MOMENT.fullmatch(value):
                return datetime.fromisoformat(value)
        except ValueError:
            pass
        self.wrong(path, "is not a time like 2026-01-31T00:00:00Z")
        return _EPOCH

    def name(self, value: Any, path: str) -> Name:
        found = self.members(value, path, "zh", "en")
        return Name(self.text(found["zh"], f"{path}.zh", _TEXT), self.text(found["en"], f"{path}.en", _TEXT))

    def key(self, value: Any, path: str) -> KeyRecord | None:
        found = self.members(value, path, "kid", "alg", "jwk", "not_before", "not_after", "revoked_at", "log_from", "log_until")
        since, until = self.time(found["not_before"], f"{path}.not_before"), self.time(found["not_after"], f"{path}.not_after")
        if since >= until:
            self.wrong(path, "not_before must be earlier than not_after")
        revoked = None if found["revoked_at"] is None else self.time(found["revoked_at"], f"{path}.revoked_at")
        log_from = None if found["log_from"] is None else self.whole(found["log_from"], f"{path}.log_from")
        log_until = None if found["log_until"] is None else self.whole(found["log_until"], f"{path}.log_until")
        if log_until is not None and (log_from is None or log_until < log_from):
            self.wrong(path, "log_until needs a log_from that is not later")
        try:
            key = VerifyKey.from_jwk(found["jwk"] if isinstance(found["jwk"], dict) else {})
        except TrustError as error:
            self.wrong(f"{path}.jwk", error.en, error.zh)
            return None
        if found["kid"] != key.kid or found["alg"] != key.alg:
            self.wrong(path, "kid or alg is not that of the key")
        return KeyRecord(key, since, until, revoked, log_from, log_until)

    def keys(self, value: Any, path: str) -> tuple[KeyRecord, ...]:
        return tuple(key for key in self.rows(value, path, KEYS_MAX, self.key) if key is not None)

    def member(self, value: Any, path: str) -> Member:
        names = ("id", "name", "region", "city_code", "endpoint", "channel", "status", "contact", "keys", "witness")
        found = self.members(value, path, *names)
        raw = found["witness"]
        retired = isinstance(raw, dict) and "retired" in raw
        witness = self.members(raw, f"{path}.witness", "vkey", "url", *(("retired",) if retired else ()))
        if found["channel"] not in set(Channel) or found["status"] not in set(Status):
            self.wrong(path, "channel is push, soap, sftp or mailbox, status is active or suspended")
        member = Member(
            id=self.member_id(found["id"], f"{path}.id"),
            name=self.name(found["name"], f"{path}.name"),
            region=self.text(found["region"], f"{path}.region", _REGION),
            city_code=self.text(found["city_code"], f"{path}.city_code", _CITY),
            endpoint=self.text(found["endpoint"], f"{path}.endpoint", _SFTP if found["channel"] == Channel.SFTP else _ENDPOINT),
            channel=Channel(found["channel"]) if found["channel"] in set(Channel) else Channel.PUSH,
            status=Status.ACTIVE if found["status"] == Status.ACTIVE else Status.SUSPENDED,
            contact=self.text(found["contact"], f"{path}.contact", _TEXT),
            keys=self.keys(found["keys"], f"{path}.keys"),
            witness_vkey=self.text(witness["vkey"], f"{path}.witness.vkey", _VKEY),
            witness_url=self.text(witness["url"], f"{path}.witness.url", _ENDPOINT),
            witness_retired=self.rows(witness["retired"], f"{path}.witness.retired", KEYS_MAX, self.retired) if retired else (),
        )
        if retired and not member.witness_retired:
            self.wrong(f"{path}.witness.retired", "is left out while there is none")
        if member.channel is not Channel.MAILBOX and not member.endpoint:
            self.wrong(f"{path}.endpoint", "a member that is sent to needs an endpoint")
        return member

    def retired(self, value: Any, path: str) -> RetiredWitness:
        found = self.members(value, path, "vkey", "until", "log_until")
        log_until = None if found["log_until"] is None else self.whole(found["log_until"], f"{path}.log_until")
        vkey = self.text(found["vkey"] or None, f"{path}.vkey", _VKEY)
        return RetiredWitness(vkey, self.time(found["until"], f"{path}.until"), log_until)

    def gateway(self, value: Any, path: str) -> GatewayRecord:
        found = self.members(value, path, "id", "name", "keys", "log")
        log = self.members(found["log"], f"{path}.log", "origin", "vkey", "quorum")
        return GatewayRecord(
            id=self.member_id(found["id"], f"{path}.id"),
            name=self.name(found["name"], f"{path}.name"),
            keys=self.keys(found["keys"], f"{path}.keys"),
            log_origin=self.text(log["origin"], f"{path}.log.origin", _TEXT),
            log_vkey=self.text(log["vkey"], f"{path}.log.vkey", _VKEY),
            witness_quorum=self.whole(log["quorum"], f"{path}.log.quorum"),
        )

    def turn(self, value: Any, path: str) -> Turn:
        found = self.members(value, path, "member", "from", "until")
        turn = Turn(
            self.member_id(found["member"], f"{path}.member"),
            self.time(found["from"], f"{path}.from"),
            self.time(found["until"], f"{path}.until"),
        )
        if turn.since >= turn.until:
            self.wrong(path, "from must be earlier than until")
        return turn

    def agreement(self, value: Any, path: str) -> SignedAgreement:
        found = self.members(value, path, "id", "text", "signatures")
        text, signatures = found["text"], found["signatures"]
        if not isinstance(text, str) or not 0 < len(text) <= _LONG_TEXT_MAX:
            self.wrong(f"{path}.text", f"must be a text of 1 to {_LONG_TEXT_MAX} characters")
            text = ""
        if not isinstance(signatures, dict) or len(signatures) > MEMBERS_MAX:
            self.wrong(f"{path}.signatures", "must map members to signatures")
            signatures = {}
        read = {
            self.member_id(member, f"{path}.signatures"): self.text(jws, f"{path}.signatures", _JWS) for member, jws in signatures.items()
        }
        return SignedAgreement(self.text(found["id"], f"{path}.id", _ID), text, read)


def read_trust(raw: bytes) -> TrustData:
    """The data of bytes whose signature the caller has checked.  Raises TrustError `trust.bad_registry` with every problem."""
    try:
        document = read_object(raw, LIMITS)
    except FormatError as error:
        raise _refused((Problem("", error.code, error.zh, error.en),)) from None
    reader = _Reader()
    names = ("version", "serial", "issued_at", "expires_at", "presiding", "gateway", "members", "agreements")
    found = reader.members(document, "$", *names)
    if type(found["version"]) is not int or found["version"] != FORM:
        raise _refused((Problem("$.version", "trust.bad_registry", "不支持的版本", f"only version {FORM} can be read"),))
    data = TrustData(
        serial=reader.whole(found["serial"], "$.serial"),
        issued_at=reader.time(found["issued_at"], "$.issued_at"),
        expires_at=reader.time(found["expires_at"], "$.expires_at"),
        presiding=reader.rows(found["presiding"], "$.presiding", MEMBERS_MAX, reader.turn),
        gateway=reader.gateway(found["gateway"], "$.gateway"),
        members=reader.rows(found["members"], "$.members", MEMBERS_MAX, reader.member),
        agreements=reader.rows(found["agreements"], "$.agreements", AGREEMENTS_MAX, reader.agreement),
    )
    if not reader.problems:
        _check_together(data, reader)
    if reader.problems:
        raise _refused(reader.problems)
    return data


def _refused(problems: Sequence[Problem]) -> TrustError:
    return TrustError("trust.bad_registry", "信任文件不正确", "the trust file is not as it must be", problems=tuple(problems))


def _check_together(data: TrustData, reader: _Reader) -> None:
    """What no single entry can show: doubles, names of nobody, times out of order."""
    ids = [data.gateway.id, *(member.id for member in data.members)]
    if len(set(ids)) != len(ids):
        reader.wrong("$.members", "an id occurs twice")
    records = [*data.gateway.keys, *(key for member in data.members for key in member.keys)]
    if len({record.kid for record in records}) != len(records):
        reader.wrong("$.members", "a key occurs twice: one key belongs to one member")
    if any(record.revoked_at is not None and record.revoked_at > data.issued_at for record in records):
        reader.wrong("$.members", "a revocation lies after the file's own date; use not_after to end a key in the future")
    if data.issued_at >= data.expires_at:
        reader.wrong("$.expires_at", "must be later than issued_at")
    if any(turn.member not in ids[1:] for turn in data.presiding):
        reader.wrong("$.presiding", "names somebody who is no member")
    if any(earlier.until > later.since for earlier, later in zip(data.presiding, data.presiding[1:], strict=False)):
        reader.wrong("$.presiding", "turns are in order and do not overlap")
    if len({each.id for each in data.agreements}) != len(data.agreements):
        reader.wrong("$.agreements", "an id occurs twice")
    _check_witnesses(data, reader)
    if any(signer not in ids[1:] for each in data.agreements for signer in each.signatures):
        reader.wrong("$.agreements", "a signature by somebody who is no member")


def _check_witnesses(data: TrustData, reader: _Reader) -> None:
    names = [{vkey.partition("+")[0] for vkey in _vkeys(member)} for member in data.members]
    if any(len(own) > 1 for own in names):
        reader.wrong("$.members", "a witness keeps its name when its key is changed: a name counts once towards the quorum")
    if len(set().union(*names)) != sum(map(len, names)):
        reader.wrong("$.members", "two witnesses of one name: a name counts once towards the quorum")
    vkeys = [vkey for member in data.members for vkey in _vkeys(member)]
    if len(set(vkeys)) != len(vkeys):
        reader.wrong("$.members", "a witness key occurs twice")
    if any(retired.until > data.issued_at for member in data.members for retired in member.witness_retired):
        reader.wrong("$.members", "a witness key is retired that has not ended when the file is issued")
    if any(member.witness_url and not member.witness_vkey for member in data.members):
        reader.wrong("$.members", "a witness with an address and no key")
    if data.gateway.witness_quorum < 1:
        reader.wrong("$.gateway.log.quorum", "must be at least 1")


def _vkeys(member: Member) -> list[str]:
    """Every key it cosigns or cosigned with."""
    return [vkey for vkey in (member.witness_vkey, *(each.vkey for each in member.witness_retired)) if vkey]


assert is_member_id(protocol.GATEWAY_ID)
