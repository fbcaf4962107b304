"""The filter of the list of cases as its URL says it, and back: the same for the list, its CSV, and the case opened from it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Final
from urllib.parse import parse_qsl, urlencode

from gateway.model.people import Denial
from gateway.model.transfer import CLOSED, State
from gateway.transfers.list_order import ORDERS, Order
from gateway.transfers.periods import Period
from gateway.transfers.tallies import CHINA
from gateway.transfers.transfer_list import Filter
from gateway.transfers.turns import PRESIDING_UNIT
from gateway.web.pages.figures import asked_period, names
from gateway.web.pages.visit import DeniedError, Visit

NAMES: Final = ("state", "waiting", "member", "source", "accepting", "opened", "moved", "id", "sort")
"""Parameters of the URL that choose and order cases."""
ALL, OPEN, FLIGHT = "all", "open", "flight"
ID_CHARS: Final = 64
_HEX: Final = frozenset("0123456789abcdef")


def states_of(text: str) -> tuple[State, ...]:
    """`open` (also for none), `flight` (open and not held), `all`, or one state.  Raises DeniedError."""
    if text in {"", OPEN}:
        return tuple(state for state in State if state not in CLOSED)
    if text == FLIGHT:
        return tuple(state for state in State if state not in CLOSED and state is not State.HELD)
    if text == ALL:
        return tuple(State)
    if text not in set(State):
        raise DeniedError(Denial.BAD_REQUEST)
    return (State(text),)


def asked_filter(visit: Visit) -> Filter:
    """What the URL asks for, within what the visitor may see.  Raises DeniedError."""
    query = visit.request.query
    known = {"", *names(visit)}
    wanted = Filter(
        states=states_of(query.get("state", "")), waiting_on=query.get("waiting", ""), member=query.get("member", ""),
        source=query.get("source", ""), accepting=query.get("accepting", ""), prefix=query.get("id", "").strip().lower(),
        seen_by=visit.person.sees,
    )  # fmt: skip
    if not {wanted.member, wanted.source, wanted.accepting} <= known or wanted.waiting_on not in known | {PRESIDING_UNIT}:
        raise DeniedError(Denial.BAD_REQUEST)
    if len(wanted.prefix) > ID_CHARS or not _HEX.issuperset(wanted.prefix):
        raise DeniedError(Denial.BAD_REQUEST)
    if query.get("opened"):
        since, until = bounds(asked_period(visit, "opened", ""))
        wanted = replace(wanted, opened_since=since, opened_until=until)
    if query.get("moved"):
        since, until = bounds(asked_period(visit, "moved", ""))
        wanted = replace(wanted, since=since, until=until)
    return wanted


def asked_order(visit: Visit) -> Order:
    """The order that the URL names.  Raises DeniedError."""
    order = ORDERS.get(visit.request.query.get("sort", ""))
    if order is None:
        raise DeniedError(Denial.BAD_REQUEST)
    return order


def bounds(period: Period) -> tuple[datetime, datetime]:
    """First and last moment of its days (+08:00)."""
    first = datetime.combine(period.first, time(), CHINA)
    last = datetime.combine(period.last + timedelta(days=1), time(), CHINA) - timedelta(microseconds=1)
    return first.astimezone(UTC), last.astimezone(UTC)


def kept(query: Mapping[str, str]) -> dict[str, str]:
    """The parameters that make the filter, for addresses of cases opened from it."""
    return {name: query[name] for name in NAMES if query.get(name)}


def filter_text(query: Mapping[str, str]) -> str:
    """The same as one text, in one spelling: what a saved view holds."""
    return urlencode(sorted(kept(query).items()))


def view_of(text: str) -> dict[str, str]:
    """The inverse of `filter_text`."""
    return kept(dict(parse_qsl(text)))
