"""Numbers, times and periods as pages write them, the same on each: durations, shares, moments, credits, and periods of the URL."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from gateway.model.people import Denial
from gateway.transfers.periods import Period
from gateway.transfers.tallies import CHINA
from gateway.web.languages import EN, msg
from gateway.web.pages.sheet import Cell, Link
from gateway.web.pages.visit import DeniedError, Visit

NONE: Final = "–"
DAYS: Final = (1, 7, 30)
PERIODS: Final = {"1d": msg("今日"), "7d": msg("近 7 天"), "30d": msg("近 30 天")}
UNITS: Final = ((timedelta(days=1), msg("天")), (timedelta(hours=1), msg("小时")), (timedelta(minutes=1), msg("分钟")))


def span(visit: Visit, took: timedelta | None) -> str:
    """How long, to two units: `3 天 4 小时`."""
    if took is None:
        return NONE
    seconds = max(int(took.total_seconds()), 0)
    days, hours, minutes = seconds // 86_400, seconds // 3_600 % 24, seconds // 60 % 60
    if days:
        return visit._("%(days)s 天 %(hours)s 小时") % {"days": days, "hours": hours}
    if hours:
        return visit._("%(hours)s 小时 %(minutes)s 分") % {"hours": hours, "minutes": minutes}
    if minutes:
        return visit._("%(minutes)s 分 %(seconds)s 秒") % {"minutes": minutes, "seconds": seconds % 60}
    return visit._("%(seconds)s 秒") % {"seconds": seconds}


def unit_of(spans: Iterable[timedelta | None]) -> tuple[timedelta, str]:
    """The unit in which the longest of them is a number of one or more, and its name; seconds if none is that long."""
    longest = max((each for each in spans if each is not None), default=timedelta(0))
    return next(((unit, name) for unit, name in UNITS if longest >= 2 * unit), (timedelta(seconds=1), msg("秒")))


def in_units(took: timedelta | None, unit: timedelta) -> str:
    """With two decimals, for a chart's table."""
    return NONE if took is None else f"{took / unit:.2f}"


def percent(share: Decimal | None) -> str:
    return NONE if share is None else f"{share * 100:.2f}%"


def credits_text(amount: Decimal) -> str:
    """Without trailing zeros."""
    return f"{amount.normalize():f}"


def moment(at: datetime | None) -> str:
    """Chinese time, to the second."""
    return at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S") if at else NONE


def names(visit: Visit) -> dict[str, str]:
    """Members' names in the visitor's language, by id, in the order of the trust file."""
    return {line.id: line.en if visit.tongue.code == EN else line.zh for line in visit.site.overview.members()}


def seen_members(visit: Visit) -> list[str]:
    """Those whose figures the visitor sees: a bank's operator the own bank's."""
    return [member for member in names(visit) if visit.person.sees in {"", member}]


def asked_period(visit: Visit, name: str, default: str) -> Period:
    """The period that the URL's parameter names: `7d`, `2026-11`, `2026-Q4`, `2026`.  Raises DeniedError."""
    text = visit.request.query.get(name, "") or default
    if text in PERIODS:
        return visit.site.parts.centre.last_days(int(text[:-1]))
    try:
        return Period.named(text)
    except ValueError:
        raise DeniedError(Denial.BAD_REQUEST) from None


def period_title(visit: Visit, period: Period) -> str:
    """In words, or as its days."""
    return visit._(PERIODS[period.name]) if period.name in PERIODS else f"{period.first} – {period.last}"


def period_links(visit: Visit) -> list[tuple[str, str, str]]:
    """`(name, words, address)` of the usual periods, the page's other parameters kept."""
    return [(name, visit._(words), visit.here(period=name, csv="")) for name, words in PERIODS.items()]


def leads(text: str | int, url: str, *, may: bool = True) -> Cell:
    """A number that opens its list; plain for whoever may not read lists, and where there is nothing to list."""
    return Link(str(text), url) if may and text not in {0, "0", NONE} else text
