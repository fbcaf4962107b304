"""`/canaries`: the twelve ordered pairs and the newest probe of each: how it ended, how long ago, how long it took."""

from datetime import timedelta
from functools import partial

from gateway.transfers.canaries import Canary, Sound
from gateway.web.pages.sheet import Cell, Column, Link, Sheet
from gateway.web.pages.visit import Shown, Visit


async def show_canaries(visit: Visit) -> Shown:
    """A heatmap for the eye, and the same as a table for everybody else."""
    board = await visit.site.parts.canaries.board()
    members = list(dict.fromkeys(each.source for each in board))
    by_pair = {(each.source, each.accepting): each for each in board}
    grid = [(source, [by_pair.get((source, accepting)) for accepting in members]) for source in members]
    counts = {sound.value: sum(each.sound is sound for each in board) for sound in Sound}
    context = {"grid": grid, "members": members, "counts": counts, "span": partial(span, visit)}
    return Shown("canaries.html", context, sheets=(_sheet(visit, board),))


def span(visit: Visit, length: timedelta | None) -> str:
    """A stretch of time in its two largest units."""
    if length is None:
        return "–"
    seconds = length.total_seconds()
    if seconds < 60:
        return visit._("%(n).1f 秒") % {"n": seconds}
    minutes, hours = int(seconds // 60), int(seconds // 3600)
    if minutes < 60:
        return visit._("%(n)d 分钟") % {"n": minutes}
    return visit._("%(h)d 小时 %(m)d 分钟") % {"h": hours, "m": minutes % 60}


def _sheet(visit: Visit, board: tuple[Canary, ...]) -> Sheet:
    _ = visit._
    columns = (
        Column(_("转出行")), Column(_("接收行")), Column(_("最近结果")), Column(_("距今")), Column(_("用时")), Column(_("案件")),
    )  # fmt: skip
    rows: list[tuple[Cell, ...]] = []
    for each in board:
        case: Cell = Link(each.transfer[:12], visit.url(f"/transfers/{each.transfer}", state="all")) if each.transfer else "–"
        rows.append(
            (each.source, each.accepting, visit.word(f"canary.{each.sound.value}"), span(visit, each.age), span(visit, each.latency), case)
        )
    return Sheet("canaries", _("各对成员最近的探测"), columns, rows)
