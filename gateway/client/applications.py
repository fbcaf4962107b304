"""Applications as a bank's counter leaves them in `applications/`: one file each, sent once.

    applications/NAME.toml         who applies for what, with the consents (docs/connector.md shows one)
    applications/NAME.status.json  why it is not sent yet: a record is damaged or not there, or the file is wrong
    applications/sent/             what was sent, with the id of its case

An application waits until every record it names is sound, because a consent opens one case only; `send = "now"` sends
what is there.  A file is known by its bytes: laid again, or found again after a crash, it opens nothing twice.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import structlog

from gateway.client.bank import Application
from gateway.client.office import Office
from gateway.client.opening import opening
from gateway.client.store import Store
from gateway.errors import FormatError
from gateway.model.documents import Consent, Identity, Request, Withdrawal

SUFFIX: Final = ".toml"
FILE_BYTES_MAX: Final = 1024 * 1024
FILES_MAX: Final = 1_000
"""Applications looked at in one round."""
CAUSE: Final = "application"
SENDS: Final = ("complete", "now")
log = structlog.get_logger("gateway.connector")


@dataclass(frozen=True, slots=True)
class Laid:
    """An application, read.  `complete`: it waits until no record is missing."""

    request: Request
    identity: Identity
    consent: Consent
    consent_source: Consent | None
    complete: bool


class ApplicationDesk:
    """Takes applications from `folder` for the bank of `office`."""

    def __init__(self, office: Office, folder: Path) -> None:
        self._office = office
        self._folder = folder
        (folder / "sent").mkdir(parents=True, exist_ok=True)

    async def look(self) -> int:
        """One round; how many cases were opened.  Raises OSError, StorageError."""
        opened = 0
        for path in sorted(self._folder.glob(f"*{SUFFIX}"))[:FILES_MAX]:
            if not path.name.startswith(".") and path.is_file():
                opened += await self._take(path)
        return opened

    async def _take(self, path: Path) -> bool:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
        subject = sha256(content).hexdigest()
        transfer = await self._office.store.opened_for(CAUSE, subject)
        if transfer:
            self._put_away(path, transfer)
            return False
        try:
            laid = read_application(content, self._office.setup.member)
        except FormatError as fault:
            self._say(path, "wrong", {"": fault.code}, fault.zh, str(fault.facts.get("reason", fault.en)))
            return False
        application, missing = self._application(laid)
        if application is None:
            self._say(path, "waiting", missing, "记录尚不齐全,补好后自动提交", "records are missing; it is sent when they are there")
            return False
        message, writes = opening(self._office, application)
        await self._office.commit([*writes, Store.opened_because(CAUSE, [subject], message.scope)])
        self._put_away(path, message.scope)
        return True

    def _application(self, laid: Laid) -> tuple[Application | None, Mapping[str, str]]:
        """With the part where this bank is the source; None while records are missing, and why."""
        request = laid.request
        if request.source != self._office.setup.member:
            return Application(request, laid.identity, laid.consent, consent_source=laid.consent_source), {}
        given = self._office.bank.supply(request, laid.identity)
        if isinstance(given, Withdrawal):
            return None, dict.fromkeys(request.records, given.reason)
        if given.closed and laid.complete:
            return None, given.closed
        return Application(request, laid.identity, laid.consent, given), {}

    def _put_away(self, path: Path, transfer: str) -> None:
        sent = self._folder / "sent"
        _put(sent / f"{path.stem}.json", {"transfer": transfer})
        path.replace(sent / path.name)
        self._status(path).unlink(missing_ok=True)

    def _say(self, path: Path, state: str, records: Mapping[str, str], zh: str, en: str) -> None:
        _put(self._status(path), {"state": state, "records": dict(records), "zh": zh, "en": en})

    def _status(self, path: Path) -> Path:
        return path.with_name(f"{path.stem}.status.json")


def read_application(content: bytes, member: str) -> Laid:
    """Raises FormatError `format.application`, naming the entry."""
    if len(content) > FILE_BYTES_MAX:
        raise FormatError("format.too_large", "文件超过上限", "the file is over its limit")
    try:
        table = tomllib.loads(content.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        raise _wrong("it is not TOML") from None
    source, accepting = _text(table, "source", member), _text(table, "accepting")
    if member not in {source, accepting} or source == accepting:
        raise _wrong("this bank is neither source nor accepting, or both")
    sends = _text(table, "send", "complete")
    if sends not in SENDS:
        raise _wrong("send is complete or now")
    learner = _table(table, "learner")
    request = Request(
        source, accepting, member, _text(table, "programme_code"), _text(table, "programme_name"), _text(table, "purpose"),
        _texts(table, "records"), {member: account} if (account := _text(learner, "account", "")) else {}, _moment(table, "applied_at"),
    )  # fmt: skip
    identity = Identity(_text(learner, "citizen_id").upper(), _text(learner, "name"), synthetic=learner.get("synthetic") is True)
    consent = _consent(_table(table, "consent"), request, accepting)
    asked = _consent(_table(table, "consent_source"), request, source) if source != member else None
    return Laid(request, identity, consent, asked, sends == "complete")


def _consent(table: Mapping[str, Any], request: Request, recipient: str) -> Consent:
    return Consent(
        consent_id=_text(table, "consent_id"),
        controller=request.facing,
        recipient=recipient,
        recipient_contact=_text(table, "recipient_contact"),
        purpose=request.purpose,
        method=_text(table, "method"),
        kinds=_texts(table, "kinds"),
        retention_until=_day(table, "retention_until"),
        rights=_text(table, "rights"),
        notice_digest=_text(table, "notice_digest"),
        source=request.source,
        records=request.records,
        given_at=_moment(table, "given_at"),
        expires_at=_moment(table, "expires_at"),
    )


def _table(table: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = table.get(name)
    if not isinstance(value, dict):
        raise _wrong(f"[{name}] is missing")
    return value


def _text(table: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = table.get(name, default)
    if not isinstance(value, str) or (not value and default is None):
        raise _wrong(f"{name} is missing or no text")
    return value


def _texts(table: Mapping[str, Any], name: str) -> tuple[str, ...]:
    values = table.get(name)
    if not isinstance(values, list) or not values or not all(isinstance(value, str) and value for value in values):
        raise _wrong(f"{name} is missing or no list of texts")
    if len(set(values)) != len(values):
        raise _wrong(f"{name} names one twice")
    return tuple(values)


def _moment(table: Mapping[str, Any], name: str) -> datetime:
    value = table.get(name)
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise _wrong(f"{name} is missing, or has no offset such as +08:00")
    return value.astimezone(UTC)


def _day(table: Mapping[str, Any], name: str) -> date:
    value = table.get(name)
    if not isinstance(value, date) or isinstance(value, datetime):
        raise _wrong(f"{name} is missing or no day")
    return value


def _put(path: Path, content: Mapping[str, Any]) -> None:
    """Whole or not at all, and only where it says something else than before."""
    text = json.dumps(content, ensure_ascii=False, indent=1)
    if path.exists() and path.read_text("utf-8") == text:
        return
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text, "utf-8")
    beside.replace(path)


def _wrong(reason: str) -> FormatError:
    return FormatError("format.application", "申请文件有误", f"an application is wrong: {reason}", reason=reason)
