"""`/transfers/{id}`: where one case stands, whose turn it is, each signed step with key and leaf, its records, what was sent, its proof.

A case that is not the visitor's is answered like one that does not exist.  Records appear by id, size and code, never by what they say.
"""

import re
from typing import Any, Final

from gateway.model.people import Denial
from gateway.model.transfer import CLOSED, State
from gateway.transfers.case_deliveries import Delivery
from gateway.transfers.case_detail import CaseDetail, Step
from gateway.transfers.turns import WAITING_ON
from gateway.web.pages.figures import NONE, credits_text, moment, names, span
from gateway.web.pages.sheet import Cell, Column, Link, Sheet
from gateway.web.pages.transfer_filter import asked_filter, asked_order, kept
from gateway.web.pages.transfers import SHORT, turn
from gateway.web.pages.visit import DeniedError, Shown, Visit

ID: Final = re.compile(r"[0-9a-f]{64}")
KEY_CHARS: Final = 12


async def show_transfer(visit: Visit) -> Shown:
    """Raises DeniedError(NOT_FOUND) for an unknown case and for one the visitor may not see."""
    transfer, centre, query = visit.request.match_info["id"], visit.site.parts.centre, visit.request.query
    found = await centre.case(transfer, asked_filter(visit), asked_order(visit)) if ID.fullmatch(transfer) else None
    if found is None:
        raise DeniedError(Denial.NOT_FOUND)
    detail, before, after = found
    final = await visit.site.parts.finality.size()
    filtered = kept(query)
    context = {
        "detail": detail, "case": detail.case, "called": names(visit), "turn": turn(visit, detail.case.waiting_on), "final": final,
        "times": [moment(at) for at in (detail.case.opened_at, *detail.first, detail.case.deadline)], "age": span(visit, detail.case.age),
        "before": visit.url(f"/transfers/{before}", **filtered) if before else "",
        "after": visit.url(f"/transfers/{after}", **filtered) if after else "",
        "listed": visit.url("/transfers", **filtered), "command": _command(visit, transfer),
        "is_final": bool(detail.steps) and detail.steps[-1].leaf < final,
    }  # fmt: skip
    deliveries = await centre.deliveries(transfer, visit.person.sees)
    return Shown(
        "transfer_detail.html", context, sheets=(_steps(visit, detail, final), _items(visit, detail), _deliveries(visit, deliveries))
    )


def _command(visit: Visit, transfer: str) -> str:
    """What gets the evidence: over HTTPS for a bank, which signs with its own key; on the node for the centre."""
    file = f"{transfer[:SHORT]}.json"
    if visit.person.sees:
        where = f"--url {visit.site.parts.base_url} --member {visit.person.sees} --key-file member-key.pem"
    else:
        where = "--config gateway.toml"
    return f"ceg transfer evidence {transfer} {where} -o {file}"


def _steps(visit: Visit, detail: CaseDetail, final: int) -> Sheet:
    _ = visit._
    rows = [_step(visit, detail, step, final) for step in detail.steps]
    columns = (
        Column(_("步"), number=True), Column(_("时间"), whole=True), Column(_("动作")),
        Column(_("谁")), Column(_("状态变化")), Column(_("轮到"), whole=True),
        Column(_("期限"), whole=True), Column(_("原因")),
        Column(_("密钥"), whole=True), Column(_("叶"), number=True), Column(_("见证"), whole=True),
    )  # fmt: skip
    return Sheet("steps", _("经过:每一步都有签名并已存证"), columns, rows)


def _step(visit: Visit, detail: CaseDetail, step: Step, final: int) -> list[Cell]:
    _ = visit._
    moved = f"{visit.word(step.state_before) or NONE} → {visit.word(step.state_after)}" if step.state_after != step.state_before else NONE
    by = _("随上一步") if step.caused and not step.kid else NONE
    key: Cell = Link(step.kid[:KEY_CHARS], visit.url("/log", leaf=step.leaf), whole=step.kid) if step.kid else by
    return [
        step.seq, moment(step.at), visit.word(step.type), _who(visit, step), moved, _turn_after(visit, detail, step),
        moment(step.deadline), step.reason or NONE, key, Link(str(step.leaf), visit.url("/log", leaf=step.leaf)),
        _("已见证") if step.leaf < final else _("已存证"),
    ]  # fmt: skip


def _who(visit: Visit, step: Step) -> str:
    roles = (", " if visit.english else "、").join(visit.word(f"role.{role}") for role in step.role.split(".") if role)
    return f"{step.actor} · {roles}" if roles else step.actor


def _turn_after(visit: Visit, detail: CaseDetail, step: Step) -> str:
    """Whose turn it was once the step had moved the case; a step that left the state as it was changed no turn."""
    if not step.state_after or step.state_after == step.state_before or State(step.state_after) in CLOSED:
        return NONE
    state, case = State(step.state_after), detail.case
    if state is State.POSTING:
        return turn(visit, tuple(sorted((case.source, case.accepting))))
    if state is State.DISPUTED:
        return turn(visit, (case.accepting,))
    holders: dict[Any, str] = {"source": case.source, "accepting": case.accepting, "facing": case.facing, "presiding": "presiding"}
    return turn(visit, tuple(holders[role.value] for role in WAITING_ON.get(state, ())))


def _items(visit: Visit, detail: CaseDetail) -> Sheet:
    _ = visit._
    columns = (
        Column(_("记录"), whole=True), Column(_("种类")), Column(_("状态")), Column(_("原因")), Column(_("区域学分"), number=True),
        Column(_("认定学分"), number=True), Column(_("争用")),
    )  # fmt: skip
    rows: list[list[Cell]] = [
        [
            item.record, visit.word(item.kind) or NONE, visit.word(f"item.{item.state}"), item.reason or NONE,
            NONE if item.credits is None else credits_text(item.credits), item.awarded or NONE, _("争用中") if item.contested else NONE,
        ]
        for item in detail.items
    ]  # fmt: skip
    return Sheet("records", _("记录"), columns, rows)


def _deliveries(visit: Visit, sent: tuple[Delivery, ...]) -> Sheet:
    _ = visit._
    columns = (
        Column(_("消息"), whole=True), Column(_("送往"), whole=True), Column(_("动作")), Column(_("状态")), Column(_("次数"), number=True),
        Column(_("最近错误")), Column(_("产生"), whole=True), Column(_("下次"), whole=True),
    )  # fmt: skip
    rows: list[list[Cell]] = [
        [
            each.message, each.member,
            f"{visit.word('act.' + each.act)}{' · ' + visit.word(each.event) if each.event else ''}",
            _("死信") if each.dead else visit.word(f"sent.{each.state}"), each.attempts, each.last_error or NONE, moment(each.created_at),
            moment(each.next_at),
        ]
        for each in sent
    ]  # fmt: skip
    return Sheet("deliveries", _("送达与尝试"), columns, rows)
