"""`/presiding`: the rota, who acts where the unit is a party, what waits for it, and the checklist of the next handover."""

from datetime import datetime

from gateway.transfers.presiding_board import Board
from gateway.web.pages.render import BEIJING
from gateway.web.pages.sheet import Cell, Column, Link, Sheet
from gateway.web.pages.visit import Shown, Visit


async def show_presiding(visit: Visit) -> Shown:
    """Read only: powers end by the dates of the trust file, and members sign with their own keys."""
    board = await visit.site.parts.presiding.board()
    sheets = (_rota(visit, board), _acting(visit, board), _duties(visit, board), _checks(visit, board))
    return Shown("presiding.html", {"board": board, "names": _names(visit), "day": _day}, sheets=sheets)


def _names(visit: Visit) -> dict[str, str]:
    return {line.id: line.en if visit.english else line.zh for line in visit.site.overview.members()}


def _day(at: datetime) -> str:
    return f"{at.astimezone(BEIJING):%Y-%m-%d}"


def _rota(visit: Visit, board: Board) -> Sheet:
    _, names = visit._, _names(visit)
    columns = (Column(_("成员行")), Column(_("名称")), Column(_("自")), Column(_("至")), Column(_("状态")), Column(_("天数"), number=True))
    rows = [
        (
            turn.member, names.get(turn.member, "–"), _day(turn.since), _day(turn.until), visit.word(f"turn.{turn.when}"),
            "–" if turn.days is None else turn.days,
        )
        for turn in board.turns
    ]  # fmt: skip
    return Sheet("rota", _("轮值表"), columns, rows)


def _acting(visit: Visit, board: Board) -> Sheet:
    _ = visit._
    columns = Column(_("当事成员行")), Column(_("另一当事成员行")), Column(_("今日代行轮值职责")), Column(_("说明"))
    unit = board.now.member if board.now is not None else None
    rows = [(one, other, who or "–", _("当值") if who == unit else _("当值单位为当事方,依轮值表顺延")) for one, other, who in board.acting]
    return Sheet("acting", _("各对成员之间由谁处置"), columns, rows)


def _duties(visit: Visit, board: Board) -> Sheet:
    _ = visit._
    columns = (Column(_("事项")), Column(_("转出行")), Column(_("接收行")), Column(_("由谁处置")), Column(_("件数"), number=True))
    rows: list[tuple[Cell, ...]] = []
    for duty in board.duties:
        what = Link(visit.word(duty.what), visit.url("/transfers", state=duty.what))
        rows.append((what, duty.source, duty.accepting, duty.acting or "–", duty.cases))
    return Sheet("duties", _("等待轮值单位的事项"), columns, rows)


def _checks(visit: Visit, board: Board) -> Sheet:
    _ = visit._
    columns = Column(_("核对项")), Column(_("结果")), Column(_("未了"), number=True)
    rows = [(visit.word(f"handover.{each.code}"), _("已清") if each.done else _("未清"), each.n) for each in board.checks]
    return Sheet("handover", _("交接核对单"), columns, rows)
