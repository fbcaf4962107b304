"""Alarms kept as rows: one a fingerprint (event and member), counted up while it lasts, over when it is seen no more.

People acknowledge an alarm (it is being looked after: nobody is told again) or silence it until a moment, with a reason.  What is over
and comes again fires anew, unless it is silenced.  What the node finds is written by the database's own `group`, without a leaf;
what a person does about it is a leaf (`operator_acts`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from gateway.model.people import Person
from gateway.model.ports import Clock
from gateway.storage.alert_rows import AlertRow
from gateway.storage.database import Database, Read, Row, Write
from gateway.transferlog.leaf import Fact
from gateway.transfers.alarm_lines import LINES
from gateway.transfers.answers import Answer
from gateway.transfers.case import utc_text
from gateway.transfers.operator_acts import Acting
from gateway.transfers.view import View, Wants

FIRING: Final = "firing"
ACKED: Final = "acked"
OVER: Final = "over"
ALERTS_MAX: Final = 500
REASON_MAX: Final = 300
SILENCE_MAX: Final = timedelta(days=30)
EVENT_LASTS: Final = timedelta(hours=1)
"""An alarm that is lines of the log and no state is over when none came for so long."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One alarm as it stands now.  `member` "" where it is about none; `n` how many things stand behind it."""

    event: str
    member: str
    level: str
    n: int = 1

    @property
    def fingerprint(self) -> str:
        return sha256(f"{self.event}\0{self.member}".encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class _Looked:
    """Acknowledge one that fires (`until` None), or silence one until a moment, "" to end a silence."""

    fingerprint: str
    who: str
    reason: str
    until: str | None = None

    @property
    def wants(self) -> Wants:
        return Wants(alerts=(self.fingerprint,))

    def apply(self, view: View) -> Answer:
        row = view.alerts.get(self.fingerprint)
        if row is None or (self.until is None and row.state != FIRING):
            return Answer(409, b"", b"")
        if self.until is None:
            view.put_alert(row._replace(state=ACKED, acked_by=self.who, acked_at=view.at_text, reason=self.reason))
        else:
            view.put_alert(row._replace(silenced_by=self.who, silenced_until=self.until, reason=self.reason))
        return Answer(200, b"", b"")

    def facts(self, view: View) -> Mapping[str, Fact]:
        """Which alarm it was about, in words, and the end of a silence."""
        row = view.alerts[self.fingerprint]
        about = {"event": row.event, "member": row.member}
        return about if self.until is None else {**about, "until": self.until}


@dataclass(frozen=True, slots=True)
class Alerts:
    """The use cases behind the page, and behind the watch."""

    database: Database
    clock: Clock
    acting: Acting

    async def all(self) -> list[AlertRow]:
        """Firing first, then acknowledged, then what is over; newest first."""
        rows = [AlertRow(*row) for row in await self.database.fetch("alerts", most=ALERTS_MAX)]
        order = {FIRING: 0, ACKED: 1, OVER: 2}
        return sorted(sorted(rows, key=lambda row: row.last_at, reverse=True), key=lambda row: order[row.state])

    async def find(self, fingerprint: str) -> AlertRow | None:
        return next((row for row in await self.all() if row.fingerprint == fingerprint), None)

    async def note(self, findings: Sequence[Finding]) -> None:
        """What was found now; states that are not among it are over.  Raises StorageError."""
        now = self.clock.now()
        found = {each.fingerprint: each for each in findings}

        def change(rows: Mapping[str, AlertRow]) -> list[AlertRow]:
            made = [_seen(rows.get(fingerprint), each, now) for fingerprint, each in found.items()]
            return made + [row._replace(state=OVER) for row in rows.values() if row.fingerprint not in found and _is_over(row, now)]

        await self._change(change)

    async def told(self, fingerprints: Sequence[str]) -> None:
        """Somebody was told of these."""
        at = utc_text(self.clock.now())
        await self._change(lambda rows: [rows[each]._replace(told_at=at) for each in fingerprints if each in rows])

    async def acknowledge(self, fingerprint: str, who: Person, reason: str) -> bool:
        """False for one that is unknown or does not fire.  Raises StorageError."""
        looked = _Looked(fingerprint, who.subject, reason)
        return (await self.acting.do(who, "alert.acknowledge", fingerprint, reason, looked)).status == 200

    async def silence(self, fingerprint: str, who: Person, reason: str, hours: int) -> bool:
        """Until so many hours from now; 0 ends a silence.  False for one that is unknown, or too long a silence.  Raises StorageError."""
        if not 0 <= hours <= SILENCE_MAX // timedelta(hours=1):
            return False
        until = utc_text(self.clock.now() + timedelta(hours=hours)) if hours else ""
        looked = _Looked(fingerprint, who.subject, reason, until)
        return (await self.acting.do(who, "alert.silence", fingerprint, reason, looked)).status == 200

    async def _change(self, change: Callable[[Mapping[str, AlertRow]], Sequence[AlertRow]]) -> None:
        """Read and written under one lock: two who act at once do not undo each other."""

        def decide(found: Sequence[list[Row]]) -> Sequence[Write]:
            made = change({row[0]: AlertRow(*row) for row in found[0]})
            return [Write("alert_put", list(made))] if made else []

        await self.database.group([Read("alerts", {"most": ALERTS_MAX})], decide)


def silenced(row: AlertRow, now: datetime) -> bool:
    return row.silenced_until > utc_text(now)


def to_tell(rows: Sequence[AlertRow], now: datetime) -> list[AlertRow]:
    """What fires, is not silenced, was there at as many looks as it takes, and of which nobody was told since it began."""
    due = [row for row in rows if row.state == FIRING and not silenced(row, now) and row.told_at < row.first_at]
    return [row for row in due if row.event not in LINES or row.times >= LINES[row.event].told_after]


def _seen(row: AlertRow | None, each: Finding, now: datetime) -> AlertRow:
    at = utc_text(now)
    if row is None:
        return AlertRow(each.fingerprint, each.event, each.member, each.level, at, at, 1, each.n, FIRING, "", "", "", "", "", "")
    if row.state == OVER:
        row = row._replace(first_at=at, times=0, state=FIRING, acked_by="", acked_at="", reason="")
    return row._replace(level=each.level, last_at=at, times=row.times + 1, n=each.n)


def _is_over(row: AlertRow, now: datetime) -> bool:
    return row.state != OVER and (row.event not in LINES or row.last_at <= utc_text(now - EVENT_LASTS))
