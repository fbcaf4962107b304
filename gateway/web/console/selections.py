"""`/selections`: bulk selections the centre released for this bank as presiding unit; what each would do, and the button that signs it.

Nothing is signed by looking.  The button signs exactly the digest that was shown, and the connector then gives the orders one by one,
with the bank's key, at the selection's rate.
"""

from typing import Any

from gateway.client.selection_book import ASKED, Here
from gateway.model.people import Denial
from gateway.transfers.people import Deed
from gateway.web.console.case import Form, one
from gateway.web.console.site import console
from gateway.web.pages.render import when
from gateway.web.pages.sheet import Cell, Column, Sheet
from gateway.web.pages.visit import DeniedError, Shown, Visit
from gateway.web.pages.waiting_words import said

SHOWN_MAX = 50
SHORT = 12


async def show_selections(visit: Visit) -> Shown:
    """Those that wait for a person in full, and all as a list."""
    _, found = visit._, await console(visit).selections.rows()
    waiting = [here for here in found if here.state == ASKED]
    columns = (
        Column(_("选择"), whole=True),
        Column(_("命令")),
        Column(_("件数"), number=True),
        Column(_("状态")),
        Column(_("由谁")),
        Column(_("收到"), whole=True),
        Column(_("代码")),
        Column(_("理由"), own=True),
    )
    rows: list[tuple[Cell, ...]] = [
        (
            here.token[:SHORT],
            said(visit, here.act),
            len(here.entries),
            state_words(visit, here),
            here.signed_by or "–",
            when(here.seen_at),
            said(visit, here.code) if here.code else "–",
            here.reason,
        )
        for here in found
    ]
    sheets = [Sheet("selections", _("为本行放行的批量选择"), columns, rows), *(_entries(visit, here) for here in waiting)]
    context: dict[str, Any] = {"waiting": [(here, said(visit, here.act), when(here.until)) for here in waiting], "most": SHOWN_MAX}
    return Shown("console_selections.html", context, sheets=tuple(sheets))


async def sign(visit: Visit, form: Form) -> str:
    """`POST /selections/sign`: let the connector sign it.  Raises DeniedError(STALE) where it is not what was shown any more."""
    here, token = console(visit), one(form, "selection")[:128]
    found = await here.selections.known(token)
    if found is None:
        raise DeniedError(Denial.NOT_FOUND)
    if not await here.selections.sign(token, one(form, "digest"), visit.person.subject):
        raise DeniedError(Denial.STALE)
    await here.people.did(visit.person, Deed("selection.sign", token), found.digest)
    return visit.url("/selections")


def state_words(visit: Visit, here: Here) -> str:
    """Where it stands."""
    _ = visit._
    words = {
        "asked": _("等待本行人员"),
        "signed": _("正在签署"),
        "over": _("已执行完"),
        "stale": _("已过时"),
        "stopped": _("已停止"),
    }
    return words[here.state]


def _entries(visit: Visit, here: Here) -> Sheet:
    """What would be signed, one order a line."""
    _ = visit._
    columns = (Column(_("编号"), whole=True), Column(_("转移"), whole=True), Column(_("命令")))
    rows: list[tuple[Cell, ...]] = [(each.id[:SHORT], each.transfer[:SHORT], said(visit, here.act)) for each in here.entries[:SHOWN_MAX]]
    return Sheet(f"entries-{here.token}", _("将签署的命令"), columns, rows)
