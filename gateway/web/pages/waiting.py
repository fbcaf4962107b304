"""`/stuck/list` and `/dead-letters/list`: one group, item by item, its filter in the URL; whoever may operate freezes a selection here.

The form carries a digest of what was shown: if anything came or went meanwhile, freezing is refused as stale.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from gateway.model.people import Right
from gateway.transfers.selection_progress import orders_on, tries_of
from gateway.transfers.selections import RATE_MAX, REASON_MAX, selection_digest
from gateway.transfers.waiting_list import HELD, LETTER, Sought, Waiting, age
from gateway.web.pages.figures import span
from gateway.web.pages.render import when
from gateway.web.pages.sheet import Cell, Column, Link, Sheet
from gateway.web.pages.visit import Shown, Visit
from gateway.web.pages.waiting_words import said

SHOWN_MAX: Final = 100
FILTERS: Final = ("member", "stage", "reason", "rules")
ASKED_MAX: Final = 200
SEEN: Final = "seen"
SHORT: Final = 12


async def show_held(visit: Visit) -> Shown:
    return await _show(visit, HELD, visit._("挂起的案件"), "/stuck")


async def show_letter_list(visit: Visit) -> Shown:
    return await _show(visit, LETTER, visit._("死信清单"), "/dead-letters")


def sought_of(kind: str, asked: Mapping[str, str], seen_by: str = "") -> Sought:
    """What a query or a form asks for."""
    member, stage, reason, rules = (asked.get(name, "")[:ASKED_MAX] for name in FILTERS)
    return Sought(kind, member=member, stage=stage, reason=reason, rules=rules, seen_by=seen_by)


def seen_digest(ones: Sequence[Waiting]) -> str:
    """What was shown, in short."""
    return selection_digest(SEEN, [f"{one.id} {one.stamp}" for one in ones])


async def _show(visit: Visit, kind: str, title: str, up: str) -> Shown:
    asked = sought_of(kind, visit.request.query, visit.person.sees)
    ones = await visit.site.parts.centre.selections.listed(asked)
    shown = ones[:SHOWN_MAX]
    replays = {one.id: await replays_of(visit, one) for one in shown}
    units: dict[str, int] = {}
    for one in ones:
        if one.unit:
            units[one.unit] = units.get(one.unit, 0) + 1
    context: dict[str, Any] = {
        "title": title,
        "kind": kind,
        "up": up,
        "total": len(ones),
        "shown": shown,
        "asked": {name: getattr(asked, name) for name in FILTERS},
        "filters": filters_of(visit, asked),
        "units": sorted(units.items()),
        "seen": seen_digest(ones),
        "may": Right.OPERATE in visit.person.rights and not visit.television and bool(units),
        "rate_max": RATE_MAX,
        "reason_max": REASON_MAX,
        "cancellable": sum(one.can_cancel for one in ones),
    }
    return Shown("waiting.html", context, sheets=(_sheet(visit, shown, replays),))


async def replays_of(visit: Visit, one: Waiting) -> int:
    """How often it was ordered to be tried again."""
    return tries_of(await orders_on(visit.site.parts.reading, one.transfer), one.id, one.transfer)


def replayed(visit: Visit, times: int) -> str:
    """The mark of what was replayed already: its next one is one more."""
    return visit._("第 %(n)s 次重放") % {"n": times} if times else ""


def _case(visit: Visit, one: Waiting) -> Cell:
    return Link(one.transfer[:SHORT], visit.url(f"/transfers/{one.transfer}"), one.transfer) if one.source else one.transfer[:SHORT]


def filters_of(visit: Visit, asked: Sought) -> list[tuple[str, str]]:
    """What narrows a list, in words."""
    _ = visit._
    names = (_("在等谁"), _("环节"), _("原因"), _("规则版本"))
    values = (asked.member, said(visit, asked.stage), said(visit, asked.reason), asked.rules)
    return [(name, value) for name, value in zip(names, values, strict=True) if value]


def _sheet(visit: Visit, ones: Sequence[Waiting], replays: Mapping[str, int]) -> Sheet:
    _ = visit._
    now = visit.site.parts.centre.clock.now()
    columns = (
        Column(_("编号"), whole=True),
        Column(_("转移"), whole=True),
        Column(_("流向"), whole=True),
        Column(_("在等谁"), whole=True),
        Column(_("环节")),
        Column(_("原因")),
        Column(_("已等"), whole=True),
        Column(_("已试"), number=True),
        Column(_("下次再试"), whole=True),
        Column(_("轮值"), whole=True),
        Column(_("重放")),
    )
    rows: list[tuple[Cell, ...]] = []
    for one in ones:
        id_: Cell = Link(one.id[:SHORT], visit.url(f"/dead-letters/{one.id}"), one.id) if one.kind == LETTER else one.id[:SHORT]
        rows.append(
            (
                id_,
                _case(visit, one),
                f"{one.source} → {one.accepting}" if one.source else "–",
                "、".join(one.members),
                said(visit, one.stage),
                said(visit, one.reason),
                span(visit, timedelta(hours=age(one, now))),
                one.tries,
                when(one.next_try),
                one.unit or "–",
                replayed(visit, replays[one.id]) or "–",
            )
        )
    return Sheet("waiting", _("清单"), columns, rows)
