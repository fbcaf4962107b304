"""`/transfers`: cases by filter, a page at a time both ways, most recently moved first or last; the CSV holds all of them up to a bound."""

from gateway.model.transfer import State
from gateway.transfers.transfer_list import Filter, Listed, Page
from gateway.transfers.turns import PRESIDING_UNIT
from gateway.web.pages.figures import NONE, PERIODS, moment, names, span
from gateway.web.pages.sheet import Cell, Column, Link, Sheet
from gateway.web.pages.transfer_filter import ALL, FLIGHT, OLDEST, OPEN, asked_filter, kept
from gateway.web.pages.visit import Shown, Visit

PAGE = 50
CSV_MAX = 5_000
BEGINNING = "|"
"""The cursor before everything: read back from there, the oldest come first."""
SHORT = 12
CURSOR_CHARS_MAX = 120


async def show_transfers(visit: Visit) -> Shown:
    """State is in the URL: filter, order, and the cursor of the page."""
    wanted, query = asked_filter(visit), visit.request.query
    n, whole = await visit.site.parts.centre.transfers_count(wanted)
    cases, before, after = await _page(visit, wanted)
    if query.get("csv") == "transfers":
        cases = await _many(visit, wanted)
    context = {
        "n": n, "whole": whole, "csv_max": CSV_MAX, "before": before, "after": after, "asked": query, "called": names(visit),
        "groups": [(OPEN, visit._("未结")), (FLIGHT, visit._("在途(未结且未挂起)")), (ALL, visit._("全部"))],
        "states": [(state.value, visit.word(state)) for state in State],
        "turns": [*names(visit).items(), (PRESIDING_UNIT, visit._("轮值单位"))],
        "periods": [(name, visit._(words)) for name, words in PERIODS.items()], "oldest": OLDEST,
    }  # fmt: skip
    return Shown("transfers.html", context, sheets=(_sheet(visit, cases),))


async def _page(visit: Visit, wanted: Filter) -> tuple[list[Listed], str, str]:
    """The cases in the order asked for, and the addresses of the pages before and after."""
    centre, query = visit.site.parts.centre, visit.request.query
    cursor, oldest = query.get("cursor", "")[:CURSOR_CHARS_MAX], query.get("sort") == OLDEST
    back = (query.get("back") == "1") != oldest
    found: Page = await centre.transfers(wanted, cursor=cursor or (BEGINNING if oldest else ""), back=back, most=PAGE)
    cases, after, before = list(found.cases), found.next, found.before
    if oldest and not wanted.prefix:
        cases.reverse()
        before, after = (after if cursor else ""), before
    return (
        cases,
        visit.here(cursor=before, back="1") if before else "",
        visit.here(cursor=after, back="") if after else "",
    )


async def _many(visit: Visit, wanted: Filter) -> list[Listed]:
    """From the beginning, up to the bound."""
    found: list[Listed] = []
    cursor = ""
    while len(found) < CSV_MAX:
        page = await visit.site.parts.centre.transfers(wanted, cursor=cursor, most=200)
        found += page.cases
        cursor = page.next
        if not cursor:
            break
    if visit.request.query.get("sort") == OLDEST:
        found.reverse()
    return found[:CSV_MAX]


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
        Column(_("状态")), Column(_("轮到"), whole=True), Column(_("立案"), whole=True),
        Column(_("已历时"), whole=True), Column(_("未动"), whole=True),
        Column(_("期限"), whole=True), Column(_("是否过期")), Column(_("挂起于")),
    )  # fmt: skip
    return Sheet("transfers", _("转移件"), columns, rows)


def turn(visit: Visit, waiting_on: tuple[str, ...]) -> str:
    """Whose turn it is, in words."""
    return (", " if visit.english else "、").join(visit._("轮值单位") if each == PRESIDING_UNIT else each for each in waiting_on) or NONE
