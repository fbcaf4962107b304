"""`/mine`: a learner's own cases: where each stands, whose turn it is and until when, what comes next.

Found by the pseudonym of whoever signed in, and by nothing that a request says.
"""

from typing import Final

from gateway.transfers.learner_case import Brief
from gateway.transfers.turns import PRESIDING_UNIT
from gateway.web.pages.figures import names
from gateway.web.pages.mine_words import STATES, Said
from gateway.web.pages.visit import Shown, Visit

CURSOR_CHARS_MAX: Final = 100


async def show_mine(visit: Visit) -> Shown:
    """`after` is where the page begins."""
    after = visit.request.query.get("after", "")[:CURSOR_CHARS_MAX]
    page = await visit.site.learners.cases(visit.learner, after)
    more = visit.here(after=page.next) if page.next else ""
    context = {"cases": page.cases, "called": names(visit), "said": said, "turns": turns, "later": bool(after), "more": more}
    return Shown("mine.html", context)


def said(brief: Brief) -> Said:
    """How a case stands."""
    return STATES[brief.case.state]


def turns(visit: Visit, brief: Brief) -> str:
    """Whose turn it is, by name; "" where it is nobody's."""
    called = names(visit) | {PRESIDING_UNIT: visit._("轮值单位")}
    return (", " if visit.english else "、").join(called.get(each, each) for each in brief.case.waiting_on)
