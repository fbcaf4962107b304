"""`/flows`: who sends to whom, in a period and in the one it is compared with: Sankey, four-node map and matrix of one table.

The map is a layout and no map: four boxes at the corners, no boundaries, so that it needs no approval number.
"""

from decimal import Decimal

from gateway.model.people import Right
from gateway.model.transfer import State
from gateway.transfers.flows import Flow, Flows, added, submitted
from gateway.web.pages.figures import (
    NONE,
    asked_period,
    credits_text,
    leads,
    names,
    percent,
    period_links,
    period_title,
)
from gateway.web.pages.sheet import Cell, Column, Sheet
from gateway.web.pages.visit import Shown, Visit

KINDS_SHOWN = 50


async def show_flows(visit: Visit) -> Shown:
    """`period` and `compared` name periods; without `compared` it is as many days just before."""
    period = asked_period(visit, "period", "30d")
    compared = asked_period(visit, "compared", "") if visit.request.query.get("compared") else None
    found = await visit.site.parts.centre.flows(period, compared, visit.person.sees)
    now, before = period_title(visit, found.period), f"{found.earlier_period.first} – {found.earlier_period.last}"
    context = {"periods": period_links(visit), "period": period, "now": now, "before": before, "asked": visit.request.query}
    return Shown("flows.html", context, sheets=(_pairs(visit, found), _matrix(visit, found), _kinds(visit, found)))


def _address(visit: Visit, found: Flows, pair: tuple[str, str], state: str) -> str:
    when = {"opened" if state == "all" else "moved": found.period.name}
    return visit.url("/transfers", state=state, source=pair[0], accepting=pair[1], **when)


def _pairs(visit: Visit, found: Flows) -> Sheet:
    _, called, may = visit._, names(visit), Right.CASES in visit.person.rights
    rows: list[list[Cell]] = []
    for pair in sorted(found.pairs.keys() | found.earlier.keys()):
        flow, earlier = found.pairs.get(pair, Flow()), found.earlier.get(pair, Flow())
        rows.append(
            [
                called.get(pair[0], pair[0]), called.get(pair[1], pair[1]),
                leads(submitted(flow), _address(visit, found, pair, "all"), may=may),
                leads(flow.n(State.SETTLED), _address(visit, found, pair, State.SETTLED), may=may),
                credits_text(flow.credits.get(State.SETTLED, Decimal(0))), percent(flow.success),
                submitted(earlier), percent(earlier.success), change(submitted(flow), submitted(earlier)),
            ]
        )  # fmt: skip
    columns = (
        Column(_("转出行")), Column(_("接收行")), Column(_("提交"), number=True), Column(_("办结"), number=True),
        Column(_("办结学分"), number=True), Column(_("成功率"), number=True), Column(_("对比期提交"), number=True),
        Column(_("对比期成功率"), number=True), Column(_("提交增减"), number=True),
    )  # fmt: skip
    return Sheet("pairs", _("各对成员行"), columns, rows, chart="sankey", order=tuple(called.values()))


def _matrix(visit: Visit, found: Flows) -> Sheet:
    """Count, credits and success in one cell each; sums at the edges."""
    _, called = visit._, names(visit)

    def cell(flow: Flow) -> str:
        if not submitted(flow) and flow.success is None:
            return NONE
        amount = credits_text(flow.credits.get(State.SETTLED, Decimal(0)))
        return _("%(n)s 件 · %(credits)s 学分 · %(success)s") % {"n": submitted(flow), "credits": amount, "success": percent(flow.success)}

    def total(source: str = "", accepting: str = "") -> str:
        return cell(added(flow for pair, flow in found.pairs.items() if source in {"", pair[0]} and accepting in {"", pair[1]}))

    rows = [
        [called[source], *(cell(found.pairs.get((source, accepting), Flow())) for accepting in called), total(source)] for source in called
    ]
    rows.append([_("合计"), *(total(accepting=accepting) for accepting in called), total()])
    columns = (Column(_("转出行")), *(Column(name) for name in called.values()), Column(_("合计")))
    return Sheet("flow_matrix", _("矩阵(提交件数 · 办结学分 · 成功率)"), columns, rows)


def _kinds(visit: Visit, found: Flows) -> Sheet:
    _ = visit._
    columns = (Column(_("种类")), Column(_("状态")), Column(_("原因")), Column(_("项目数"), number=True), Column(_("学分"), number=True))
    rows = [
        (visit.word(row.kind) or NONE, visit.word(f"item.{row.state}"), row.reason or NONE, row.items, credits_text(row.credits))
        for row in found.kinds[:KINDS_SHOWN]
    ]
    return Sheet("kinds", _("本期立案的项目,按种类与结果"), columns, rows)


def change(now: int, before: int) -> str:
    """More or less than before, signed; nothing to compare with is a dash."""
    return NONE if not before else f"{Decimal(now - before) * 100 / before:+.1f}%"
