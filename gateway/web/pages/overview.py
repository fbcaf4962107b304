"""`/`: how much, how well, how long, what is oldest, who presides, how large and how far witnessed the transfer log is.

Each number opens the list of what it counts.  The same fragments go out on the live line whenever the log has grown.
"""

from typing import Any

from gateway.model.people import Right
from gateway.model.transfer import State
from gateway.transfers.centre_overview import Overview
from gateway.transfers.flows import ENDS, submitted
from gateway.web.pages.figures import NONE, PERIODS, leads, names, percent, span
from gateway.web.pages.sheet import Cell, Column, Link, Sheet
from gateway.web.pages.visit import Shown, Visit


async def show_overview(visit: Visit) -> Shown:
    """Figures of what the visitor may see: the region, or the own bank's pairs."""
    cards, sheets = await overview_parts(visit)
    return Shown("overview.html", {"head": await visit.site.overview.head(), **cards}, sheets=(*sheets, _members(visit)))


async def overview_parts(visit: Visit) -> tuple[dict[str, Any], tuple[Sheet, ...]]:
    """What the cards say, and the sheets that move."""
    shown = await visit.site.parts.centre.overview(visit.person.sees)
    final = shown.head.final or 0
    witnesses = sum(line.size >= final > 0 for line in await visit.site.log.witnesses())
    return {"shown": shown, "witnesses": witnesses, **_cards(visit, shown)}, (
        _figures(visit, shown),
        _matrix(visit, shown),
        _states(visit, shown),
    )


def may_list(visit: Visit) -> bool:
    return Right.CASES in visit.person.rights


def _cards(visit: Visit, shown: Overview) -> dict[str, Any]:
    oldest, may = shown.oldest, may_list(visit)
    found: Cell = NONE if oldest is None else span(visit, oldest.age)
    if oldest is not None and may:
        found = Link(str(found), visit.url(f"/transfers/{oldest.transfer}"))
    return {
        "in_flight": leads(shown.in_flight, visit.url("/transfers", state="flight"), may=may),
        "held": leads(shown.held, visit.url("/transfers", state=State.HELD), may=may),
        "dead_letters": leads(shown.dead_letters, visit.url("/dead-letters"), may="/dead-letters" in {entry.path for entry in visit.menu}),
        "oldest": found,
        "log_age": span(visit, shown.head.age),
        "presiding": names(visit).get(shown.presiding.member, shown.presiding.member) if shown.presiding else NONE,
    }


def _figures(visit: Visit, shown: Overview) -> Sheet:
    _, may, periods = visit._, may_list(visit), [figures.period.name for figures in shown.figures]
    rows: list[list[Cell]] = [
        [_("提交"), *(leads(submitted(each.flow), visit.url("/transfers", state="all", opened=each.period.name), may=may)
                    for each in shown.figures)]
    ]  # fmt: skip
    for state in ENDS:
        cells = (leads(each.flow.n(state), visit.url("/transfers", state=state, moved=each.period.name), may=may) for each in shown.figures)
        rows.append([visit.word(state), *cells])
    reports = Right.REPORTS in visit.person.rights
    rows.append([_("成功率"), *(leads(percent(each.flow.success), visit.url("/latency", period=each.period.name), may=reports)
                             for each in shown.figures)])  # fmt: skip
    rows.append([_("全程时长 p95"), *(leads(span(visit, each.whole.p95), visit.url("/latency", period=each.period.name), may=reports)
                                   for each in shown.figures)])  # fmt: skip
    return Sheet("figures", _("主要指标"), (Column(_("指标")), *(Column(_(PERIODS[name]), number=True) for name in periods)), rows)


def _matrix(visit: Visit, shown: Overview) -> Sheet:
    _, called, period = visit._, names(visit), shown.figures[-1].period.name

    def cell(source: str, accepting: str) -> Cell:
        flow = shown.matrix.get((source, accepting))
        if source == accepting or visit.person.sees not in {"", source, accepting}:
            return NONE
        url = visit.url("/transfers", state="all", source=source, accepting=accepting, opened=period)
        return leads(submitted(flow) if flow else 0, url, may=may_list(visit))

    return Sheet(
        "matrix", _("省际转移件数,近 30 天(行为转出行,列为接收行)"),
        (Column(_("转出行")), *(Column(name, number=True) for name in called.values())),
        [[called[source], *(cell(source, accepting) for accepting in called)] for source in called],
    )  # fmt: skip


def _states(visit: Visit, shown: Overview) -> Sheet:
    _, may = visit._, may_list(visit)
    return Sheet(
        "states", _("各状态的转移件数"), (Column(_("状态")), Column(_("件数"), number=True)),
        [(visit.word(state), leads(n, visit.url("/transfers", state=state), may=may)) for state, n in shown.states.items()], chart="bar",
    )  # fmt: skip


def _members(visit: Visit) -> Sheet:
    _, called = visit._, names(visit)
    return Sheet(
        "members", _("成员行"), (Column(_("编号")), Column(_("名称")), Column(_("连接方式")), Column(_("状态")), Column(_("轮值"))),
        [
            (line.id, called[line.id], visit.word(line.channel), visit.word(line.status), _("本期轮值") if line.presiding else NONE)
            for line in visit.site.overview.members()
        ],
    )  # fmt: skip
