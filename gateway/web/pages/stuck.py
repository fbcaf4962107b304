"""`/stuck`: held cases by whose turn it was, where and why, with their ages; each group opens its list."""

from datetime import timedelta

from gateway.transfers.waiting_groups import AGES, StuckGroup
from gateway.web.pages.figures import span
from gateway.web.pages.sheet import Column, Link, Sheet
from gateway.web.pages.visit import Shown, Visit
from gateway.web.pages.waiting_words import said


async def show_stuck(visit: Visit) -> Shown:
    """A bank's operator sees the own bank's."""
    groups = await visit.site.parts.centre.stuck(visit.person.sees)
    total = sum(group.n for group in groups)
    return Shown("stuck.html", {"total": total}, sheets=(_groups(visit, groups), _ages(visit, groups)))


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
