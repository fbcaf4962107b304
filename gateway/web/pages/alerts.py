"""`/alerts`: alarms as rows, by fingerprint; acknowledged or silenced with a reason by whoever operates."""

from typing import Any, Final

from gateway.model.people import EVERYBODY, Denial, Right
from gateway.transfers.alerts import FIRING, REASON_MAX, silenced
from gateway.web.pages.render import when
from gateway.web.pages.sheet import Column, Sheet
from gateway.web.pages.visit import DeniedError, Shown, Visit
from gateway.web.pages.waiting_words import said

HOURS: Final = (1, 8, 24, 72)


async def show_alerts(visit: Visit) -> Shown:
    """A bank's operator sees those about the own bank."""
    _ = visit._
    now = visit.site.alerts.clock.now()
    rows = [row for row in await visit.site.alerts.all() if visit.person.sees in {EVERYBODY, row.member}]
    columns = (
        Column(_("告警")),
        Column(_("成员行"), whole=True),
        Column(_("状态")),
        Column(_("件数"), number=True),
        Column(_("起"), whole=True),
        Column(_("最近"), whole=True),
        Column(_("已通知"), whole=True),
        Column(_("由谁")),
        Column(_("静默至"), whole=True),
        Column(_("理由"), own=True),
    )
    sheet = Sheet(
        "alerts",
        _("告警"),
        columns,
        [
            (
                said(visit, row.event),
                row.member or "–",
                said(visit, row.state),
                row.n,
                when(row.first_at),
                when(row.last_at),
                when(row.told_at),
                row.acked_by or row.silenced_by or "–",
                when(row.silenced_until) if silenced(row, now) else "–",
                row.reason or "–",
            )
            for row in rows
        ],
    )
    context: dict[str, Any] = {
        "firing": [(row, said(visit, row.event), silenced(row, now)) for row in rows if row.state == FIRING],
        "may": Right.OPERATE in visit.person.rights and not visit.television,
        "hours": HOURS,
        "chars": REASON_MAX,
    }
    return Shown("alerts.html", context, sheets=(sheet,))


async def acknowledge(visit: Visit, form: dict[str, list[str]]) -> str:
    """`POST /alerts/{fingerprint}/acknowledge`."""
    fingerprint, reason = await _asked(visit, form)
    if not await visit.site.alerts.acknowledge(fingerprint, visit.person, reason):
        raise DeniedError(Denial.STALE)
    return visit.url("/alerts")


async def silence(visit: Visit, form: dict[str, list[str]]) -> str:
    """`POST /alerts/{fingerprint}/silence`; 0 hours ends a silence."""
    fingerprint, reason = await _asked(visit, form)
    hours = form.get("hours", [""])[0]
    if not hours.isdecimal() or not await visit.site.alerts.silence(fingerprint, visit.person, reason, int(hours[:6])):
        raise DeniedError(Denial.BAD_REQUEST)
    return visit.url("/alerts")


async def _asked(visit: Visit, form: dict[str, list[str]]) -> tuple[str, str]:
    """Fingerprint and reason.  Raises DeniedError."""
    fingerprint, reason = visit.request.match_info["fingerprint"], form.get("reason", [""])[0].strip()
    if await visit.site.alerts.find(fingerprint) is None:
        raise DeniedError(Denial.NOT_FOUND)
    if not 0 < len(reason) <= REASON_MAX:
        raise DeniedError(Denial.BAD_REQUEST)
    return fingerprint, reason
