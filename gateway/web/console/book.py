"""The console's own book: rows that stay behind, messages that did not go through, figures, keys and contacts, who looked at whom."""

import json

from gateway.client.keys_view import contacts, own_keys
from gateway.model.people import Denial
from gateway.transfers.people import Deed
from gateway.web.console.case import Form, one, reason_words
from gateway.web.console.site import console
from gateway.web.console.words import word
from gateway.web.pages.render import when
from gateway.web.pages.sheet import Column, Link, Sheet
from gateway.web.pages.visit import DeniedError, Shown, Visit


async def show_rows(visit: Visit) -> Shown:
    """`/rows`: damaged rows of the bank's feeds, why, and what was mended; and what this bank and the gateway do not agree on."""
    here, _ = console(visit), visit._
    rows = []
    for row in await here.book.held_rows():
        for path, code, zh, en in json.loads(row.problems):
            rows.append(
                (row.file, row.line or _("整个文件"), row.record or "–", path or "–", code, en if visit.english else zh, when(row.found_at),
                 when(row.mended_at))
            )  # fmt: skip
    held = Sheet(
        "rows", _("隔离的行"),
        (Column(_("文件")), Column(_("行")), Column(_("记录号")), Column(_("位置")), Column(_("代码")), Column(_("原因")), Column(_("自")),
         Column(_("改好"))), rows,
    )  # fmt: skip
    differences = Sheet(
        "differences", _("与网关不一致之处"),
        (Column(_("案件")), Column(_("种类")), Column(_("本行")), Column(_("网关")), Column(_("发现"))),
        [
            (Link(each.transfer[:12], visit.url(f"/cases/{each.transfer}")) if each.transfer else "–", each.kind, each.ours, each.theirs,
             when(each.found_at))
            for each in await here.connector.store.differences() if not each.closed_at
        ],
    )  # fmt: skip
    return Shown("console_rows.html", {"looked": visit.request.query.get("looked") == "1"}, sheets=(held, differences))


async def look_again(visit: Visit, _form: Form) -> str:
    """`POST /rows/look`: hold the cases against the bank's records now."""
    here = console(visit)
    try:
        await here.connector.correct()
    except OSError:
        raise DeniedError(Denial.UNAVAILABLE) from None
    await here.people.did(visit.person, Deed("look_again", ""))
    return visit.url("/rows", looked="1")


async def show_messages(visit: Visit) -> Shown:
    """`/messages`: what could not be delivered or was refused, and what of the gateway's did not hold."""
    here, _ = console(visit), visit._
    stuck = await here.book.stuck()
    sheet = Sheet(
        "messages", _("未送达的消息"),
        (Column(_("案件")), Column(_("动作")), Column(_("状态")), Column(_("次数"), number=True), Column(_("下次")), Column(_("最后错误")),
         Column(_("自"))),
        [
            (Link(row.scope[:12], visit.url(f"/cases/{row.scope}")), word(visit, row.act), word(visit, row.state), row.attempts,
             when(row.next_at) if row.state == "waiting" else "–", row.last_error or "–", when(row.created_at))
            for row in stuck
        ],
    )  # fmt: skip
    doubted = Sheet(
        "not_believed", _("不予采信的网关消息"), (Column(_("案件")), Column(_("动作")), Column(_("错误")), Column(_("收到"))),
        [(row.scope[:12], row.act, row.error, when(row.at)) for row in await here.book.not_believed()],
    )  # fmt: skip
    again = [row for row in stuck if row.state != "waiting"]
    return Shown("console_messages.html", {"again": again, "word": lambda code: word(visit, code)}, sheets=(sheet, doubted))


async def send_again(visit: Visit, form: Form) -> str:
    """`POST /messages/again`: the same message once more.  Raises DeniedError."""
    here, jti, reason = console(visit), one(form, "jti"), one(form, "reason").strip()
    row = await here.connector.store.message(jti[:64])
    if row is None or not 0 < len(reason) <= 200:
        raise DeniedError(Denial.NOT_FOUND if row is None else Denial.BAD_REQUEST)
    if row.state != one(form, "state") or row.state == "waiting":
        raise DeniedError(Denial.STALE)
    await here.connector.resend(row.jti)
    await here.people.did(visit.person, Deed("send_again", row.scope), reason)
    return visit.url("/messages")


async def show_figures(visit: Visit) -> Shown:
    """`/figures`: counts from this bank's own book."""
    here, _ = console(visit), visit._
    counts, reasons = await here.book.counts(), reason_words(visit)
    by_state: dict[str, int] = {}
    for state, _part, n, _ours in counts:
        by_state[state] = by_state.get(state, 0) + n
    states = Sheet(
        "states", _("各状态的案件"), (Column(_("状态")), Column(_("件数"), number=True)),
        [(word(visit, state), n) for state, n in by_state.items()], chart="bar",
    )  # fmt: skip
    parts = Sheet(
        "parts", _("按本行身份"),
        (Column(_("状态")), Column(_("本行身份")), Column(_("件数"), number=True), Column(_("轮到本行"), number=True)),
        [(word(visit, state), word(visit, part), n, ours) for state, part, n, ours in counts],
    )  # fmt: skip
    items = Sheet(
        "items", _("本行接收的各项"), (Column(_("转出行")), Column(_("状态")), Column(_("理由")), Column(_("项数"), number=True)),
        [(source, word(visit, state), reasons.get(reason, reason) or "–", n) for source, state, reason, n in await here.book.items()],
    )  # fmt: skip
    messages = Sheet(
        "sent", _("本行发出的消息"), (Column(_("动作")), Column(_("状态")), Column(_("件数"), number=True)),
        [(word(visit, act), word(visit, state), n) for act, state, n in await here.book.messages()],
    )  # fmt: skip
    return Shown("console_figures.html", {"total": sum(row[2] for row in counts)}, sheets=(states, parts, items, messages))


async def show_keys(visit: Visit) -> Shown:
    """`/keys`: own keys and how long they last; whom to call elsewhere."""
    here, _ = console(visit), visit._
    office = here.connector.office
    keys = own_keys(office)
    own = Sheet(
        "keys", _("本行密钥"),
        (Column(_("密钥")), Column(_("算法")), Column(_("起")), Column(_("止")), Column(_("剩余天数"), number=True), Column(_("状态"))),
        [
            (key.kid, key.alg, when(key.not_before.isoformat()), when(key.not_after.isoformat()), key.days,
             (_("有效") if key.valid else _("无效")) + (_("、签名使用") if key.used else ""))
            for key in keys
        ],
    )  # fmt: skip
    others = Sheet(
        "contacts", _("成员行与联系方式"),
        (Column(_("编号")), Column(_("名称")), Column(_("联系方式")), Column(_("连接方式")), Column(_("状态")), Column(_("密钥剩余天数")),
         Column(_("轮值"))),
        [
            (each.id, each.en if visit.english else each.zh, each.contact, visit.word(each.channel), visit.word(each.status),
             "–" if each.days is None else str(each.days), _("本期轮值") if each.presiding else "–")
            for each in contacts(office)
        ],
    )  # fmt: skip
    data = here.connector.trust.data
    soon = min((key.days for key in keys if key.valid and key.used), default=-1)
    return Shown("console_keys.html", {"serial": data.serial, "expires": data.expires_at.isoformat(), "soon": soon}, sheets=(own, others))


async def show_views(visit: Visit) -> Shown:
    """`/views`: who looked at which learner's case, newest first."""
    here, _ = console(visit), visit._
    views = Sheet(
        "views", _("查看记录"), (Column(_("时间")), Column(_("人员")), Column(_("案件")), Column(_("页面"))),
        [
            (when(at), person, Link(transfer[:12], visit.url(f"/cases/{transfer}")), word(visit, page))
            for at, person, transfer, page in await here.book.views()
        ],
    )  # fmt: skip
    return Shown("console_views.html", sheets=(views,))
