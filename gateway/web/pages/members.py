"""`/members`: how each member is doing, from what the gateway itself knows.  A bank's operator sees the own bank."""

from datetime import timedelta
from typing import Final

from gateway import __version__
from gateway.model.people import Right
from gateway.transfers.member_health import MemberHealth
from gateway.web.pages.figures import NONE, leads, moment, names, span
from gateway.web.pages.sheet import Cell, Column, Link, Sheet
from gateway.web.pages.visit import Shown, Visit

KEY_SOON: Final = 30
"""Days before a key's end from which on it is said."""


async def show_members(visit: Visit) -> Shown:
    """Channel, lane, breaker, keys; and beside them witness, last probe, versions."""
    found = [each for each in await visit.site.parts.centre.members() if visit.person.sees in {"", each.member}]
    return Shown(
        "members.html", {"version": __version__}, sheets=(_traffic(visit, found), await _trust(visit, found), _errors(visit, found))
    )


def _traffic(visit: Visit, found: list[MemberHealth]) -> Sheet:
    _, called, may = visit._, names(visit), Right.CASES in visit.person.rights
    columns = (
        Column(_("成员行")), Column(_("状态")), Column(_("连接方式")),
        Column(_("最近来信"), whole=True), Column(_("静默"), whole=True), Column(_("通路")),
        Column(_("待送消息"), number=True), Column(_("最久待送"), whole=True),
        Column(_("死信"), number=True), Column(_("近 7 天消息"), number=True),
        Column(_("其中被拒"), number=True), Column(_("待其处理")), Column(_("全程时长 p95,近 30 天")),
    )  # fmt: skip
    rows: list[list[Cell]] = [
        [
            called[each.member], visit.word(each.status), visit.word(each.channel), moment(each.heard_at), span(visit, each.silent_for),
            visit.word(f"breaker.{each.breaker}") if each.breaker else NONE, each.lane_depth, span(visit, each.oldest_owed),
            each.dead_letters, each.answered, each.refused, leads(_("查看"), visit.url("/transfers", waiting=each.member), may=may),
            span(visit, each.whole.p95),
        ]
        for each in found
    ]  # fmt: skip
    return Sheet("traffic", _("收发"), columns, rows)


async def _trust(visit: Visit, found: list[MemberHealth]) -> Sheet:
    _, called = visit._, names(visit)
    witnesses = {line.member: line for line in await visit.site.log.witnesses()}
    size = (await visit.site.overview.head()).size
    columns = (
        Column(_("成员行")), Column(_("密钥余期"), whole=True),
        Column(_("见证至(叶数)"), number=True), Column(_("落后(叶数)"), number=True),
        Column(_("见证时间"), whole=True), Column(_("最近探测"), whole=True), Column(_("探测办结")), Column(_("行方程序版本")),
    )  # fmt: skip
    rows: list[list[Cell]] = []
    for each in found:
        line = witnesses[each.member]
        seen: list[Cell] = [Link(str(line.size), visit.url("/log")), size - line.size, moment(line.at)] if line.size else [
            0 if line.named else NONE, size if line.named else NONE, _("尚无见证签名") if line.named else _("未设见证")
        ]  # fmt: skip
        sent, done = each.probe.sent, each.probe.settled
        rows.append(
            [
                called[each.member], _key_text(visit, each.key_days), *seen,
                Link(sent.isoformat(), visit.url("/canaries")) if sent else _("近 30 天无探测"),
                done.isoformat() if done else NONE, _("不可得知"),
            ]
        )  # fmt: skip
    return Sheet("trust", _("密钥、见证、探测与版本"), columns, rows)


def _key_text(visit: Visit, days: int | None) -> str:
    if days is None:
        return visit._("没有有效密钥")
    left = span(visit, timedelta(days=days))
    return visit._("%(left)s,请尽快更换") % {"left": left} if days < KEY_SOON else left


def _errors(visit: Visit, found: list[MemberHealth]) -> Sheet:
    _, called = visit._, names(visit)
    rows = [(called[each.member], code, n) for each in found for code, n in each.errors.items()]
    columns = (Column(_("成员行")), Column(_("错误代码")), Column(_("消息数"), number=True))
    return Sheet("errors", _("待送消息的最近错误"), columns, rows)
