"""`/audit`: who did what, when, on what and why, and who was turned away; narrowed by the URL, a page at a time, as CSV.

Each act is a leaf: the row leads to it and its proof, says whether row and leaf agree, and shows what opens the leaf's commitment.
Orders on cases are the presiding unit's own signed messages: a selection's page leads from here to their leaves.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from gateway.transfers.operator_acts import RowLeaf
from gateway.transfers.people import DONE, REFUSED, ActLine
from gateway.web.pages.audit_words import act_words
from gateway.web.pages.render import when
from gateway.web.pages.sheet import Cell, Column, Link, Sheet
from gateway.web.pages.visit import Shown, Visit
from gateway.web.pages.waiting_words import said

PAGE: Final = 100
DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
LEADS: Final = (("selection.", "/selections/"), ("letter.", "/dead-letters/"))
CHARS_MAX: Final = 100


async def show_audit(visit: Visit) -> Shown:
    """Days are UTC days of the rows' own times."""
    query = visit.request.query
    asked = {name: query.get(name, "").strip()[:CHARS_MAX] for name in ("person", "act", "outcome", "from", "to")}
    since, until = (asked[name] if DAY.fullmatch(asked[name]) else "" for name in ("from", "to"))
    before = query.get("before", "")
    rows = await visit.site.people.acts(
        person=asked["person"],
        act=asked["act"],
        outcome=asked["outcome"],
        since=since,
        until=f"{until}~" if until else "~",
        before=int(before) if before.isdecimal() and len(before) < 19 else 2**62,
        most=PAGE + 1,
    )
    more = visit.here(before=rows[PAGE - 1].n) if len(rows) > PAGE else ""
    context: dict[str, Any] = {"asked": asked, "more": more, "outcomes": [(each, said(visit, each)) for each in (DONE, REFUSED)]}
    shown = rows[:PAGE]
    leaves = await visit.site.audit.leaves(shown)
    return Shown("audit.html", context, sheets=(_sheet(visit, shown, leaves), _openings(visit, shown, leaves)))


def _sheet(visit: Visit, rows: list[ActLine], leaves: Mapping[str, RowLeaf]) -> Sheet:
    _ = visit._
    columns = (
        Column(_("时刻"), whole=True),
        Column(_("人员")),
        Column(_("角色")),
        Column(_("成员行")),
        Column(_("动作")),
        Column(_("对象")),
        Column(_("结果")),
        Column(_("理由"), own=True),
        Column(_("次数"), number=True),
        Column(_("存证叶"), whole=True),
        Column(_("与叶核对")),
    )
    return Sheet("audit", _("谁做了什么"), columns, [_line(visit, row, leaves.get(row.merge)) for row in rows])


def _openings(visit: Visit, rows: list[ActLine], leaves: Mapping[str, RowLeaf]) -> Sheet:
    """What anybody needs, beside a row, to compute the commitment in its leaf."""
    _ = visit._
    columns = (Column(_("存证叶"), whole=True), Column(_("人员")), Column(_("成员行")), Column(_("理由"), own=True), Column(_("随机数")))
    found = [(row, leaves[row.merge]) for row in rows if row.merge in leaves]
    lines = [(str(leaf.index), row.person, row.member or "–", row.reason, leaf.secret.hex()) for row, leaf in found]
    return Sheet("openings", _("打开承诺"), columns, lines)


def _line(visit: Visit, row: ActLine, leaf: RowLeaf | None) -> tuple[Cell, ...]:
    lead = next((to for act, to in LEADS if row.act.startswith(act)), "")
    about: Cell = Link(row.object[:40], visit.url(lead + row.object), row.object) if lead and row.object else row.object or "–"
    roles = "、".join(visit.word(role) for role in row.roles.split()) or "–"
    return (
        when(row.at),
        row.person or "–",
        roles,
        row.member or "–",
        act_words(visit, row.act),
        about,
        said(visit, row.outcome),
        row.reason or "–",
        row.times,
        Link(str(leaf.index), visit.url("/log", leaf=leaf.index)) if leaf else "–",
        (visit._("一致") if leaf.agrees else visit._("不符")) if leaf else "–",
    )
