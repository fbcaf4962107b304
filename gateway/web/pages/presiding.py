"""`/presiding`: the rota, who acts where the unit is a party, what waits for it, and its handovers: who signed, what is left."""

from datetime import datetime

from gateway.transfers.handovers import DUTIES, HandoverLine
from gateway.transfers.presiding_board import Board
from gateway.web.pages.figures import NONE, moment
from gateway.web.pages.render import BEIJING
from gateway.web.pages.sheet import Cell, Column, Link, Sheet
from gateway.web.pages.visit import Shown, Visit


async def show_presiding(visit: Visit) -> Shown:
    """Read only: powers end by the dates of the trust file, and members sign with their own keys."""
    board = await visit.site.parts.presiding.board()
    sheets = (
        _rota(visit, board), _acting(visit, board), _duties(visit, board), _checks(visit, board), _handovers(visit, board),
        _then_and_now(visit, board),
    )  # fmt: skip
    line = board.at_hand
    context = {"board": board, "names": _names(visit), "day": _day, "line": line, "commands": _commands(line, visit.site.parts.base_url)}
    return Shown("presiding.html", context, sheets=sheets)


def _commands(line: HandoverLine | None, url: str) -> tuple[str, ...]:
    """What each unit runs where its key is: the one that goes first."""
    if line is None or not line.open:
        return ()
    units = (("hand-over", line.handing.outgoing.member), ("accept", line.handing.incoming.member))
    return tuple(f"ceg presiding {act} --url {url} --member {unit} --key-file MEMBER.pem --trust-file trust.json" for act, unit in units)


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


def _handovers(visit: Visit, board: Board) -> Sheet:
    """Every signature with its moment and its leaf, which leads to the proof."""
    _ = visit._
    columns = (
        Column(_("卸任单位")), Column(_("至")), Column(_("交出时间"), whole=True), Column(_("存证叶")),
        Column(_("接任单位")), Column(_("自")), Column(_("会签时间"), whole=True), Column(_("存证叶")), Column(_("状态")),
    )  # fmt: skip
    return Sheet("handovers", _("历次交接"), columns, [_signatures(visit, line) for line in board.handovers])


def _signatures(visit: Visit, line: HandoverLine) -> tuple[Cell, ...]:
    one, other, row = line.handing.outgoing, line.handing.incoming, line.row
    handed, accepted = (row.handed_at, row.accepted_at) if row is not None else ("", "")
    return (
        one.member, _day(one.until), _at(handed), _leaf(visit, row.handed_leaf if row is not None else -1),
        other.member, _day(other.since), _at(accepted), _leaf(visit, row.accepted_leaf if row is not None else -1), _state(visit, line),
    )  # fmt: skip


def _at(text: str) -> str:
    return moment(datetime.fromisoformat(text)) if text else NONE


def _leaf(visit: Visit, index: int) -> Cell:
    return Link(str(index), visit.url("/log", leaf=index)) if index >= 0 else NONE


def _state(visit: Visit, line: HandoverLine) -> str:
    words = [visit.word(line.state) if line.state else visit._("未交出")]
    return " · ".join([*words, visit._("逾期未签齐")] if line.overdue else words)


def _then_and_now(visit: Visit, board: Board) -> Sheet:
    """The list as it was signed, as it was countersigned, and as it is."""
    _, line = visit._, board.at_hand
    columns = (
        Column(_("事项")), Column(_("交出时"), number=True), Column(_("会签时"), number=True), Column(_("现在"), number=True),
        Column(_("与交出时相比")),
    )  # fmt: skip
    signed = line.duties if line is not None else {}
    found = line.remarks if line is not None else {}
    rows: list[tuple[Cell, ...]] = []
    for duty in DUTIES:
        now, then = board.open[duty], signed.get(duty)
        countersigned = NONE if then is None or found is None else found.get(duty, then)
        change = NONE if then is None else _("未变") if then == now else f"{now - then:+d}"
        rows.append((visit.word(f"duty.{duty}"), NONE if then is None else then, countersigned, now, change))
    return Sheet("then_and_now", _("未了事项:交出时与现在"), columns, rows)
