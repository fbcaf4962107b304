"""`/latency`: how long each leg takes, when cases succeed, and why items are closed: heatmap, percentiles over days, Pareto."""

from gateway.model.people import Denial
from gateway.transfers.flows import Cause
from gateway.transfers.latency import Latency, Spread
from gateway.transfers.latency_days import DaySpread
from gateway.transfers.milestones import Leg
from gateway.web.languages import msg
from gateway.web.pages.figures import asked_period, in_units, names, percent, period_links, period_title, span, unit_of
from gateway.web.pages.sheet import Cell, Column, Sheet
from gateway.web.pages.visit import DeniedError, Shown, Visit

LEGS = {Leg.DELIVERY: msg("送达"), Leg.DECISION: msg("认定"), Leg.POSTING: msg("入账"), Leg.WHOLE: msg("全程")}


async def show_latency(visit: Visit) -> Shown:
    """`period`; `leg` and `member` choose what is drawn over days.  A bank's operator sees the own bank's figures."""
    period, centre = asked_period(visit, "period", "30d"), visit.site.parts.centre
    leg, member = _asked(visit)
    found = await centre.latency(period)
    days = await centre.latency_days(period, leg, member)
    causes = await centre.causes(period, visit.person.sees)
    context = {
        "periods": period_links(visit), "period": period, "now": period_title(visit, period), "leg": leg, "member": member,
        "legs": [(each.value, visit._(words)) for each, words in LEGS.items()],
        "members": {key: words for key, words in names(visit).items() if visit.person.sees in {"", key}},
    }  # fmt: skip
    sheets = (_hours(visit, found), _legs(visit, found), _days(visit, days, leg, member), _causes(visit, causes))
    return Shown("latency.html", context, sheets=sheets)


def _asked(visit: Visit) -> tuple[Leg, str]:
    """Raises DeniedError for a leg that is none, and for a member that is not the visitor's."""
    leg, member = visit.request.query.get("leg", Leg.WHOLE), visit.request.query.get("member", "") or visit.person.sees
    if leg not in set(Leg):
        raise DeniedError(Denial.BAD_REQUEST)
    if member and (member not in names(visit) or visit.person.sees not in {"", member}):
        raise DeniedError(Denial.NOT_FOUND)
    return Leg(leg), member


def _hours(visit: Visit, found: Latency) -> Sheet:
    _, called = visit._, names(visit)
    rows: list[list[Cell]] = [
        [called.get(cell.member, cell.member), f"{cell.hour:02d}", cell.submitted, cell.settled, cell.ended, span(visit, cell.p95),
         percent(cell.success)]
        for cell in found.hours if visit.person.sees in {"", cell.member}
    ]  # fmt: skip
    columns = (
        Column(_("接收行")), Column(_("时(北京时间)")), Column(_("提交"), number=True), Column(_("办结"), number=True),
        Column(_("已结"), number=True), Column(_("全程时长 p95")), Column(_("成功率"), number=True),
    )  # fmt: skip
    return Sheet("hours", _("成员行 × 时段的成功率"), columns, rows, chart="heatmap")


def _legs(visit: Visit, found: Latency) -> Sheet:
    _, called = visit._, names(visit)
    wanted = [("", _("全区域")), *called.items()] if not visit.person.sees else [(visit.person.sees, called[visit.person.sees])]
    none = Spread(0, None, None, None)
    rows: list[list[Cell]] = []
    for member, words in wanted:
        for leg, leg_words in LEGS.items():
            took = found.legs.get((member, leg), none)
            rows.append([words, _(leg_words), took.n, span(visit, took.p50), span(visit, took.p95), span(visit, took.p99)])
    columns = (
        Column(_("接收行")),
        Column(_("段"), whole=True),
        Column(_("件数"), number=True),
        *(Column(name, whole=True) for name in ("p50", "p95", "p99")),
    )
    return Sheet("legs", _("各段时长"), columns, rows)


def _days(visit: Visit, days: tuple[DaySpread, ...], leg: Leg, member: str) -> Sheet:
    _ = visit._
    unit, unit_words = unit_of(took for each in days for took in (each.spread.p50, each.spread.p95, each.spread.p99))
    rows: list[list[Cell]] = [
        [each.day.isoformat(), each.spread.n, *(in_units(took, unit) for took in (each.spread.p50, each.spread.p95, each.spread.p99))]
        for each in days
    ]
    columns = (
        Column(_("日"), whole=True), Column(_("件数"), number=True),
        *(Column(f"{name}({_(unit_words)})", number=True) for name in ("p50", "p95", "p99")),
    )  # fmt: skip
    who = names(visit).get(member, _("全区域"))
    caption = _("%(leg)s时长逐日 · %(who)s") % {"leg": _(LEGS[leg]), "who": who}
    return Sheet("days", caption, columns, rows, chart="percentiles")


def _causes(visit: Visit, causes: tuple[Cause, ...]) -> Sheet:
    _ = visit._
    columns = (Column(_("原因代码")), Column(_("项目数"), number=True), Column(_("累计占比"), number=True))
    rows = [(each.reason, each.items, percent(each.cumulative)) for each in causes]
    return Sheet("causes", _("未获认定的原因"), columns, rows, chart="pareto")
