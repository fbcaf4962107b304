"""`/`: the cases that wait, by deadline; whose turn it is, since when, and what happens next.  The filter is the URL."""

from gateway.client.console_book import CASES_MAX, OPEN, Line, Wanted
from gateway.client.todo import DECIDE
from gateway.model.transfer import State
from gateway.web.console.site import console
from gateway.web.console.words import next_of, word
from gateway.web.pages.render import when
from gateway.web.pages.sheet import Column, Link, Sheet
from gateway.web.pages.visit import Shown, Visit

TURNS = ("ours", "open", "all")


async def show_inbox(visit: Visit) -> Shown:
    """Raises StorageError."""
    here, _, query = console(visit), visit._, visit.request.query
    members = [member.id for member in here.connector.trust.data.members]
    wanted = wanted_of(query.get("turn", ""), query.get("state", ""), query.get("source", ""), members)
    found = await here.book.lines(wanted)
    lines, more = found[:CASES_MAX], len(found) > CASES_MAX
    counts = await here.book.counts()
    sheet = Sheet(
        "cases", _("案件"),
        (Column(_("案件")), Column(_("转出行")), Column(_("接收行")), Column(_("状态")), Column(_("轮到")), Column(_("期限")),
         Column(_("自")), Column(_("下一步")), Column(_("项数"), number=True)),
        [
            (Link(line.transfer[:12], visit.url(f"/cases/{line.transfer}")), line.source, line.accepting, word(visit, line.state),
             turn_words(visit, line), when(line.deadline), when(line.since), next_of(visit, line), line.items)
            for line in lines
        ],
    )  # fmt: skip
    ours = sum(row[3] for row in counts)
    opened = sum(row[2] for row in counts if row[0] in OPEN)
    return Shown(
        "console_inbox.html",
        {
            "lines": lines, "wanted": wanted, "more": more, "members": members, "states": [state.value for state in State], "turns": TURNS,
            "word": lambda code: word(visit, code), "next": lambda line: next_of(visit, line),
            "whose": lambda line: turn_words(visit, line), "ours": ours, "open": opened, "total": sum(row[2] for row in counts),
            "decidable": any(may_decide(line) for line in lines),
            "may": may_decide, "bank": lambda member: here.bank_name(member, english=visit.english),
        },
        sheets=(sheet,),
    )  # fmt: skip


def wanted_of(turn: str, state: str, source: str, members: list[str]) -> Wanted:
    """The filter; what is not one of its words is left out."""
    return Wanted(turn if turn in TURNS else "ours", state if state in set(State) else "", source if source in members else "")


def turn_words(visit: Visit, line: Line) -> str:
    """Whose turn it is: this bank, other members by id, the presiding unit."""
    here = console(visit)
    names = [visit._("本行") if who == here.member else word(visit, who) for who in line.waiting]
    return visit._("、").join(names) or "–"


def may_decide(line: Line) -> bool:
    return DECIDE in line.todo and line.part == "accepting"
