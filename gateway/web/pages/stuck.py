"""`/stuck`: cases whose next message does not get through; held cases by whose turn it was, where and why, with their ages.

Each group of held ones opens its list.
"""

from datetime import timedelta

from gateway.transfers.failing import Failing
from gateway.transfers.waiting_groups import AGES, StuckGroup
from gateway.web.pages.figures import span
from gateway.web.pages.render import when
from gateway.web.pages.sheet import Column, Link, Sheet
from gateway.web.pages.visit import Shown, Visit
from gateway.web.pages.waiting import SHORT, SHOWN_MAX
from gateway.web.pages.waiting_words import said


async def show_stuck(visit: Visit) -> Shown:
    """A bank's operator sees the own bank's."""
    groups = await visit.site.parts.centre.stuck(visit.person.sees)
    failing = await visit.site.parts.centre.failing(visit.person.sees)
    context = {"total": sum(group.n for group in groups), "failing": len(failing)}
    return Shown("stuck.html", context, sheets=(_failing(visit, failing[:SHOWN_MAX]), _groups(visit, groups), _ages(visit, groups)))


def _failing(visit: Visit, found: tuple[Failing, ...]) -> Sheet:
    _ = visit._
    columns = (
        Column(_("案件")),
        Column(_("在等谁")),
        Column(_("停在")),
        Column(_("原因")),
        Column(_("试送"), number=True),
        Column(_("已等")),
        Column(_("下次再试"), whole=True),
    )
    rows = [
        (
            Link(each.transfer[:SHORT], visit.url(f"/transfers/{each.transfer}"), each.transfer),
            each.member,
            said(visit, each.state),
            said(visit, each.reason),
            each.tries,
            span(visit, each.waited),
            when(each.next_at),
        )
        for each in found
    ]
    return Sheet("failing", _("送不到的案件"), columns, rows)


def _groups(visit: Visit, groups: tuple[StuckGroup, ...]) -> Sheet:
    _ = visit._
    columns = (
        Column(_("在等谁")),
        Column(_("轮到")),
        Column(_("停在")),
        Column(_("原因")),
        Column(_("件数"), number=True),
        Column(_("最久")),
    )
    rows = [
        (
            Link(
                "、".join(group.silent),
                visit.url("/stuck/list", member=" ".join(group.silent), stage=group.stage, reason=group.reason),
            ),
            "、".join(said(visit, each) for each in group.waiting_on),
            said(visit, group.stage),
            said(visit, group.reason),
            group.n,
            span(visit, group.oldest),
        )
        for group in groups
    ]
    return Sheet("groups", _("按在等谁、停在何处、为何"), columns, rows)


def _ages(visit: Visit, groups: tuple[StuckGroup, ...]) -> Sheet:
    _ = visit._
    counts = [sum(group.ages[place] for group in groups) for place in range(len(AGES) + 1)]
    names = [_("%(n)s 天以内") % {"n": bound // timedelta(days=1)} for bound in AGES]
    names.append(_("超过 %(n)s 天") % {"n": AGES[-1] // timedelta(days=1)})
    return Sheet(
        "ages", _("挂起多久"), (Column(_("时长")), Column(_("件数"), number=True)), list(zip(names, counts, strict=True)), chart="bar"
    )
