"""Looks for alarms, keeps them as rows, and tells the contact groups: all that is new in one message, to a target at most so often an hour.

A message that could not be sent is tried at the next look, and counts as one of the hour's: a receiver that is down is not hammered.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import structlog

from gateway.errors import Problem, SettingsError, StorageError
from gateway.model.canonical import jcs
from gateway.model.ports import IdSource
from gateway.storage.alert_rows import AlertRow
from gateway.storage.database import Row, Write
from gateway.transfers.alert_findings import Findings
from gateway.transfers.alerts import Alerts, to_tell
from gateway.transfers.case import utc_text

Send: TypeAlias = Callable[[str, str, bytes], Awaitable[bool]]
"""Target, message id, canonical JSON → whether it was taken."""
HOUR: Final = timedelta(hours=1)
KEPT: Final = timedelta(days=30)
WEBHOOK: Final = "webhook"
MAIL: Final = "mail"
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
log = structlog.get_logger("gateway.alerts")


@dataclass(frozen=True, slots=True)
class Contacts:
    """`groups` maps a group's name to its targets; `routes` an event to its group: an event without a route is told to every group."""

    groups: Mapping[str, tuple[str, ...]]
    routes: Mapping[str, str]
    per_hour: int

    @classmethod
    def of(cls, groups: Mapping[str, str], routes: Mapping[str, str], per_hour: int, *, mail: bool) -> "Contacts":
        """Targets stand with blanks between them.  Raises SettingsError(`settings.alerts`) with everything that is wrong."""
        made, wrong = {name: tuple(text.split()) for name, text in groups.items()}, []
        for name, targets in made.items():
            if not targets or any(not _sound(target, mail=mail) for target in targets):
                text = "须为 https: 或 mailto: 地址;发邮件须设 mail_host", "must be https: or mailto: addresses; mail needs mail_host"
                wrong.append(Problem(f"alerts.groups.{name}", "settings.alerts", *text))
        wrong += [
            Problem(f"alerts.routes.{event}", "settings.alerts", "没有此联系组", "there is no such contact group")
            for event, name in routes.items()
            if name not in made
        ]
        if wrong:
            raise SettingsError("settings.alerts", "告警的设置有误", "the settings for alarms are wrong", problems=tuple(wrong))
        return cls(made, dict(routes), per_hour)

    def targets(self, event: str) -> tuple[str, ...]:
        route = self.routes.get(event)
        return self.groups[route] if route else tuple(dict.fromkeys(target for group in self.groups.values() for target in group))


def _sound(target: str, *, mail: bool) -> bool:
    url = urlsplit(target)
    if url.scheme == "mailto":
        return mail and "@" in url.path
    return bool(url.hostname) and (url.scheme == "https" or (url.scheme == "http" and url.hostname in LOOPBACK))


@dataclass(frozen=True, slots=True)
class AlertWatch:
    """One task a node with pages.  `send` maps `webhook` and `mail` to what carries them."""

    alerts: Alerts
    findings: Findings
    contacts: Contacts
    send: Mapping[str, Send]
    ids: IdSource
    origin: str

    async def run(self, poll_s: float) -> None:
        """Look every `poll_s` seconds until cancelled."""
        while True:
            try:
                await self.look()
            except StorageError as error:
                log.warning("alerts_not_looked_at", code=error.code)
            await asyncio.sleep(poll_s)

    async def look(self) -> None:
        """One round.  Raises StorageError."""
        await self.alerts.note(await self.findings.now())
        due: dict[str, list[AlertRow]] = {}
        for row in to_tell(await self.alerts.all(), self.alerts.clock.now()):
            for target in self.contacts.targets(row.event):
                due.setdefault(target, []).append(row)
        told: set[str] = set()
        for target, rows in due.items():
            if await self._may(target) and await self._tell(target, rows):
                told |= {row.fingerprint for row in rows}
        if told:
            await self.alerts.told(sorted(told))

    async def _may(self, target: str) -> bool:
        since = utc_text(self.alerts.clock.now() - HOUR)
        ((n,),) = await self.alerts.database.fetch("alerts_sent", target=target, since=since)
        return int(n) < self.contacts.per_hour

    async def _tell(self, target: str, rows: Sequence[AlertRow]) -> bool:
        now = self.alerts.clock.now()
        kind = MAIL if target.startswith("mailto:") else WEBHOOK
        body = jcs(
            {
                "v": 1, "at": utc_text(now), "gateway": self.origin,
                "alerts": [
                    {"fingerprint": row.fingerprint, "event": row.event, "member": row.member, "level": row.level, "n": row.n,
                     "since": row.first_at}
                    for row in rows
                ],
            }
        )  # fmt: skip
        taken = await self.send[kind](target, self.ids.jti(), body)
        if not taken:
            log.warning("alert_not_told", by=kind)
        writes = [
            Write("alert_sent_put", [(utc_text(now), target, "sent" if taken else "failed")]),
            Write("alerts_sent_forget", [(utc_text(now - KEPT),)]),
        ]

        def decide(_rows: Sequence[list[Row]]) -> Sequence[Write]:
            return writes

        await self.alerts.database.group((), decide)
        return taken


def mail_text(body: bytes) -> tuple[str, str]:
    """Subject and text of a message, in both languages."""
    found = json.loads(body)
    lines = [f"{each['event']} {each['member'] or '-'} ×{each['n']}  {each['since']}" for each in found["alerts"]]
    subject = f"[学分互认网关] {len(lines)} 项告警 / alarms"
    return subject, "\n".join(
        [f"{found['gateway']}  {found['at']}", "", *lines, "", "处置见运维手册。What to do: the operations manual.", ""]
    )
