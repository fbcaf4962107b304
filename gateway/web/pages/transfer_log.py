"""`/log`: head, witnesses, final size; a leaf by its index or by scope and number, and its inclusion proof, verified and step by step."""

from datetime import timedelta
from typing import Any, Final

from gateway.model.people import Denial, Right
from gateway.transfers.log_view import LogState, ShownLeaf
from gateway.web.pages.figures import NONE, moment, names, span
from gateway.web.pages.sheet import Cell, Column, Sheet
from gateway.web.pages.visit import DeniedError, Shown, Visit

ASKED_CHARS_MAX: Final = 200
NOBODY: Final = "-"
"""Whose leaves somebody sees who may not read cases: nobody's."""


async def show_log(visit: Visit) -> Shown:
    """`leaf` is an index, or `scope/number`.  Unknown and not the visitor's read the same: nothing found."""
    log, asked = visit.site.log, visit.request.query.get("leaf", "").strip()
    if len(asked) > ASKED_CHARS_MAX:
        raise DeniedError(Denial.BAD_REQUEST)
    state, seen_by = await log.state(), visit.person.sees if Right.CASES in visit.person.rights else NOBODY
    index = await log.find(asked, seen_by) if asked else None
    leaf = await log.shown(index, seen_by) if index is not None else None
    context: dict[str, Any] = {
        "state": state, "at": moment(state.at), "age": span(visit, timedelta(seconds=state.age_s)), "asked": asked, "leaf": leaf,
        "base": visit.site.parts.base_url, "facts": _facts(visit, leaf) if leaf else (),
        "cosigners": len(leaf.checkpoint.cosigned) if leaf else 0,
    }  # fmt: skip
    sheets = [_witnesses(visit, state), *([_steps(visit, leaf)] if leaf else [])]
    return Shown("transfer_log.html", context, sheets=sheets)


def _witnesses(visit: Visit, state: LogState) -> Sheet:
    _, called = visit._, names(visit)
    columns = (
        Column(_("见证方")),
        Column(_("已签至(叶数)"), number=True),
        Column(_("落后(叶数)"), number=True),
        Column(_("签署时间"), whole=True),
    )
    rows: list[list[Cell]] = [
        [called[line.member], *([line.size, state.size - line.size, moment(line.at)] if line.size else
                                [NONE, NONE, _("尚无见证签名") if line.named else _("未设见证")])]
        for line in state.witnesses
    ]  # fmt: skip
    return Sheet("witnesses", _("见证"), columns, rows)


def _facts(visit: Visit, shown: ShownLeaf) -> tuple[tuple[str, str], ...]:
    """What the leaf says, where the visitor may see it."""
    _, leaf = visit._, shown.leaf
    if leaf is None:
        return ()
    found = (
        (_("类型"), f"{visit.word(leaf.type)} ({leaf.type})" if visit.word(leaf.type) != leaf.type else leaf.type), (_("时间"), leaf.at),
        (_("范围"), leaf.scope), (_("号"), str(leaf.seq)), (_("谁"), leaf.actor or leaf.iss), (_("密钥"), leaf.kid),
        (_("状态变化"), f"{visit.word(leaf.state_before or '') or NONE} → {visit.word(leaf.state_after)}" if leaf.state_after else ""),
        (_("期限"), leaf.deadline or ""),
    )  # fmt: skip
    return tuple((name, value) for name, value in found if value)


def _steps(visit: Visit, shown: ShownLeaf) -> Sheet:
    _ = visit._
    rows: list[list[Cell]] = [["0", _("叶的散列"), NONE, shown.hashed.hex()]]
    for number, step in enumerate(shown.steps, 1):
        rows.append([str(number), _("左邻") if step.on_the_left else _("右邻"), step.sibling.hex(), step.result.hex()])
    columns = (Column(_("步"), whole=True), Column(_("并入"), whole=True), Column(_("邻居的散列")), Column(_("结果")))
    return Sheet("proof_steps", _("从叶到根"), columns, rows)
