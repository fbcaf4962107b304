"""`/mine/reads`: which bank has read or been given what of a learner, when; each with its leaf, and where its proof is to be had."""

from typing import Final

from gateway.transfers.learners import OneRead
from gateway.web.pages.figures import NONE, moment, names
from gateway.web.pages.mine_case import proof_url
from gateway.web.pages.mine_words import UNDER, WHAT
from gateway.web.pages.sheet import Cell, Column, Link, Sheet
from gateway.web.pages.visit import Shown, Visit

INDEX_CHARS_MAX: Final = 15


async def show_my_reads(visit: Visit) -> Shown:
    """`before`: the leaf's index before which the page begins."""
    asked = visit.request.query.get("before", "")
    before = int(asked) if asked.isascii() and asked.isdigit() and len(asked) <= INDEX_CHARS_MAX else 0
    found = await visit.site.learners.reads(visit.learner, before)
    final, called = await visit.site.parts.finality.size(), names(visit)
    lines = [
        {
            "read": each, "who": called.get(each.member, each.member), "what": _what(visit, each), "at": moment(each.at),
            "proof": proof_url(visit, each.scope, each.seq), "final": each.leaf < final,
        }
        for each in found.reads
    ]  # fmt: skip
    more = visit.here(before=found.next, csv="") if found.next else ""
    return Shown(
        "mine_reads.html", {"lines": lines, "final": final, "more": more, "later": before > 0}, sheets=(_sheet(visit, found.reads),)
    )


def _what(visit: Visit, read: OneRead) -> str:
    text = visit._(WHAT[read.what])
    if read.under:
        text += (" (%s)" if visit.english else "(%s)") % visit._(UNDER.get(read.under, read.under))
    if read.size is not None:
        text += ": " * visit.english + ":" * (not visit.english) + visit._("%(n)s 个") % {"n": read.size}
    return text


def _sheet(visit: Visit, reads: tuple[OneRead, ...]) -> Sheet:
    _, called = visit._, names(visit)
    columns = (
        Column(_("时间"), whole=True),
        Column(_("银行")),
        Column(_("看了什么")),
        Column(_("案件"), whole=True),
        Column(_("叶"), number=True),
    )
    rows: list[list[Cell]] = [
        [
            moment(each.at), called.get(each.member, each.member), _what(visit, each),
            Link(each.about[:12], visit.url(f"/mine/{each.about}"), whole=each.about) if each.about else NONE, each.leaf,
        ]
        for each in reads
    ]  # fmt: skip
    return Sheet("reads", _("谁看过我的信息"), columns, rows)
