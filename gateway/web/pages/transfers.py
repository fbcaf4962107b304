"""`/transfers`: cases by filter and order, a page at a time both ways; the CSV holds all of them up to a bound.

Headers of the columns by which the list can be read in order are links; above it stand the views that whoever looks has saved.
"""

from collections.abc import Mapping
from typing import Final

from gateway.model.people import Denial
from gateway.model.transfer import State
from gateway.transfers.people import Deed
from gateway.transfers.saved_views import NAME_MAX, VIEWS_MAX
from gateway.transfers.transfer_list import Filter, Listed
from gateway.transfers.turns import PRESIDING_UNIT
from gateway.web.languages import msg
from gateway.web.pages.figures import NONE, PERIODS, moment, names, span
from gateway.web.pages.sheet import Cell, Column, Link, Sheet
from gateway.web.pages.transfer_filter import ALL, FLIGHT, OPEN, asked_filter, asked_order, filter_text, kept, view_of
from gateway.web.pages.visit import DeniedError, Shown, Visit

PAGE = 50
CSV_MAX = 5_000
SHORT = 12
CURSOR_CHARS_MAX = 160
SORTS: Final[Mapping[str, str]] = {
    "": msg("最近变动在前"),
    "oldest": msg("最久未动在前"),
    "-opened": msg("最近立案在前"),
    "opened": msg("最早立案在前"),
    "due": msg("期限最近在前(只列有期限的)"),
    "-due": msg("期限最远在前(只列有期限的)"),
    "state": msg("按状态"),
    "-state": msg("按状态,倒序"),
}
"""Orders by their names in the URL (`list_order`), in words."""
STATE, OPENED, QUIET, DUE = ("state", "-state"), ("opened", "-opened"), ("", "oldest"), ("due", "-due")
"""Of a column, the orders in which its values ascend and descend."""


async def show_transfers(visit: Visit) -> Shown:
    """State is in the URL: filter, order, and the cursor of the page."""
    wanted, query = asked_filter(visit), visit.request.query
    n, whole = await visit.site.parts.centre.transfers_count(wanted)
    cases, before, after = await _page(visit, wanted)
    if query.get("csv") == "transfers":
        cases = await _many(visit, wanted)
    views = await visit.site.views.of(visit.person)
    context = {
        "n": n, "whole": whole, "csv_max": CSV_MAX, "before": before, "after": after, "asked": query, "called": names(visit),
        "groups": [(OPEN, visit._("未结")), (FLIGHT, visit._("在途(未结且未挂起)")), (ALL, visit._("全部"))],
        "states": [(state.value, visit.word(state)) for state in State],
        "turns": [*names(visit).items(), (PRESIDING_UNIT, visit._("轮值单位"))],
        "periods": [(name, visit._(words)) for name, words in PERIODS.items()],
        "sorts": [(name, visit._(words)) for name, words in SORTS.items()],
        "views": [(view.name, visit.url("/transfers", **view_of(view.query)), view.query == filter_text(query)) for view in views],
        "room": len(views) < VIEWS_MAX, "name_chars": NAME_MAX,
        "save_to": visit.url("/transfers/views", **kept(query)), "forget_to": visit.url("/transfers/views/forget"),
    }  # fmt: skip
    return Shown("transfers.html", context, sheets=(_sheet(visit, cases),))


async def save_view(visit: Visit, form: dict[str, list[str]]) -> str:
    """`POST /transfers/views?…`: the filter of the URL under a name, one's own."""
    asked_filter(visit), asked_order(visit)  # only what the list itself would take
    name = form.get("name", [""])[0]
    if not await visit.site.views.save(visit.person, name, filter_text(visit.request.query)):
        raise DeniedError(Denial.BAD_REQUEST)
    await visit.site.people.did(visit.person, Deed("view.save", ""))
    return visit.url("/transfers", **kept(visit.request.query))


async def forget_view(visit: Visit, form: dict[str, list[str]]) -> str:
    """`POST /transfers/views/forget`."""
    if not await visit.site.views.forget(visit.person, form.get("name", [""])[0]):
        raise DeniedError(Denial.NOT_FOUND)
    await visit.site.people.did(visit.person, Deed("view.forget", ""))
    return visit.url("/transfers")


async def _page(visit: Visit, wanted: Filter) -> tuple[list[Listed], str, str]:
    """The cases in the order asked for, and the addresses of the pages before and after."""
    query = visit.request.query
    cursor = query.get("cursor", "")[:CURSOR_CHARS_MAX]
    found = await visit.site.parts.centre.transfers(
        wanted, order=asked_order(visit), cursor=cursor, back=query.get("back") == "1", most=PAGE
    )
    return (
        list(found.cases),
        visit.here(cursor=found.before, back="1") if found.before else "",
        visit.here(cursor=found.next, back="") if found.next else "",
    )


async def _many(visit: Visit, wanted: Filter) -> list[Listed]:
    """From the beginning, up to the bound."""
    found: list[Listed] = []
    cursor, order = "", asked_order(visit)
    while len(found) < CSV_MAX:
        page = await visit.site.parts.centre.transfers(wanted, order=order, cursor=cursor, most=200)
        found += page.cases
        cursor = page.next
        if not cursor:
            break
    return found[:CSV_MAX]


def _sorted(visit: Visit, title: str, orders: tuple[str, str], *, whole: bool = True) -> Column:
    """A column by which the list can be sorted: the first time ascending, then the other way round."""
    sort = visit.request.query.get("sort", "")
    order = dict(zip(orders, ("ascending", "descending"), strict=True)).get(sort, "")
    to = orders[1] if order == "ascending" else orders[0]
    return Column(title, whole=whole, url=visit.here(sort=to, cursor="", back=""), order=order)


def _sheet(visit: Visit, cases: list[Listed]) -> Sheet:
    _, filtered = visit._, kept(visit.request.query)
    rows: list[list[Cell]] = [
        [
            Link(case.transfer[:SHORT], visit.url(f"/transfers/{case.transfer}", **filtered), whole=case.transfer),
            case.source, case.accepting, visit.word(case.state), turn(visit, case.waiting_on), moment(case.opened_at),
            span(visit, case.age), span(visit, case.quiet), moment(case.deadline), _("已过期限") if case.overdue else NONE,
            visit.word(case.held_from) if case.state == State.HELD else NONE,
        ]
        for case in cases
    ]  # fmt: skip
    columns = (
        Column(_("编号"), whole=True), Column(_("转出行"), whole=True), Column(_("接收行"), whole=True),
        _sorted(visit, _("状态"), STATE, whole=False), Column(_("轮到"), whole=True), _sorted(visit, _("立案"), OPENED),
        Column(_("已历时"), whole=True), _sorted(visit, _("未动"), QUIET),
        _sorted(visit, _("期限"), DUE), Column(_("是否过期")), Column(_("挂起于")),
    )  # fmt: skip
    return Sheet("transfers", _("转移件"), columns, rows)


def turn(visit: Visit, waiting_on: tuple[str, ...]) -> str:
    """Whose turn it is, in words."""
    return (", " if visit.english else "、").join(visit._("轮值单位") if each == PRESIDING_UNIT else each for each in waiting_on) or NONE
