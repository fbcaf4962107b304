"""What becomes of a selection that was released: which of its cases have moved, by which order; and what the presiding unit collects.

An entry is done when its stamp has changed since it was frozen: its order was taken, or something else moved it first; either way nobody
is to order it again.  So whoever carries the selection out may be cut off at any point and start again.
Sentences: docs/protocol.md, PR-350 and PR-351.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from gateway.model.transfer import Refusal
from gateway.transferlog.leaf import parse_leaf
from gateway.transfers.case import utc_text
from gateway.transfers.log_reading import LogReading
from gateway.transfers.selections import PAUSED, RELEASED, STALE, UNKNOWN, USED, Chosen, Selections, chosen_of, shown
from gateway.transfers.waiting_list import CANCEL, Sought

VALID: Final = timedelta(hours=8)
"""How long a released selection can be collected: a working day."""
ORDERS: Final = frozenset({"operator.retried", "operator.cancelled"})
NOT_RELEASED = Refusal("transfer.selection_not_released", "此选择尚未放行", "this selection has not been released yet")
DETAILS_MAX: Final = 50
LISTED_MAX: Final = 200
"""Of the newest selections of the region, those for one unit are told."""
OFFERED: Final = frozenset({USED, PAUSED})


@dataclass(frozen=True, slots=True)
class Order:
    """A presiding unit's order as its leaf tells.  `message` is "" for one on the case itself."""

    index: int
    type: str
    at: str
    message: str


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of a selection: whether it has moved, and the newest order on it, where there is one."""

    id: str
    transfer: str
    province: str
    reason: str
    done: bool
    order: Order | None


async def orders_on(reading: LogReading, transfer: str) -> list[Order]:
    """Every order on a case, oldest first."""
    found: list[Order] = []
    for _, index, raw in await reading.scope(transfer):
        leaf = parse_leaf(raw)
        if leaf.type in ORDERS:
            found.append(Order(index, leaf.type, leaf.at, str(leaf.facts.get("message", ""))))
    return found


def tries_of(orders: list[Order], id_: str, transfer: str) -> int:
    """How often this very letter, or the held case itself, was ordered to be tried again."""
    about = "" if id_ == transfer else id_
    return sum(order.type == "operator.retried" and order.message == about for order in orders)


async def lines(selections: Selections, reading: LogReading, token: str, most: int = DETAILS_MAX) -> tuple[int, list[Line]]:
    """How many have moved; and the first entries, with their orders' leaves.  An unknown token has none."""
    row = await selections.row(token)
    if row is None:
        return 0, []
    done = await _moved(selections, chosen_of(row), row.kind)
    found: list[Line] = []
    for each in chosen_of(row)[:most]:
        about = "" if each.id == each.transfer else each.id
        orders = [order for order in await orders_on(reading, each.transfer) if order.message == about and order.at >= row.made_at]
        found.append(Line(each.id, each.transfer, each.province, each.reason, each.id in done, orders[-1] if orders else None))
    return len(done), found


async def collect(selections: Selections, member: str, token: str) -> dict[str, Any] | Refusal:
    """What the presiding unit whose selection it is carries out.  To anybody else it is unknown."""
    row = await selections.row(token)
    if row is None:
        return UNKNOWN
    found = shown(row)
    if found.wanted.unit != member:
        return UNKNOWN
    if row.state not in RELEASED:
        return NOT_RELEASED
    until = found.changed_at + VALID
    if selections.clock.now() > until:
        return STALE
    done = await _moved(selections, chosen_of(row), row.kind)
    return {
        "v": 1,
        "selection": row.token,
        "kind": row.kind,
        "act": "cancel" if row.action == CANCEL else "retry",
        "state": "released" if row.state == USED else row.state,
        "count": found.count,
        "digest": found.digest,
        "reason": row.reason,
        "rate": row.rate,
        "until": utc_text(until),
        "items": [{"id": each.id, "transfer": each.transfer, "done": each.id in done} for each in chosen_of(row)],
    }


async def released_for(selections: Selections, member: str) -> dict[str, Any]:
    """What that presiding unit may collect now, the newest first; what is in each it asks for by its token."""
    now = selections.clock.now()
    found = [one for one in await selections.recent(LISTED_MAX) if one.state in OFFERED and one.wanted.unit == member]
    return {
        "selections": [
            {"selection": one.token, "state": "released" if one.state == USED else one.state, "until": utc_text(one.changed_at + VALID)}
            for one in found
            if now <= one.changed_at + VALID
        ]
    }


async def _moved(selections: Selections, chosen: list[Chosen], kind: str) -> frozenset[str]:
    """The ids that do not wait any more as they did when they were frozen."""
    ids = tuple(each.id for each in chosen)
    there = {one.id: one.stamp for one in await selections.listed(Sought(kind, ids=ids))}
    return frozenset(each.id for each in chosen if there.get(each.id) != each.stamp)
