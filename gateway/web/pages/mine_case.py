"""`/mine/{id}`: one of a learner's own cases, item by item: what was brought, what was proposed, what was decided, and why.

Another learner's case is answered like one that does not exist.
"""

import re
from decimal import Decimal
from typing import Final

from gateway.model.people import Denial
from gateway.transfers.learner_case import OneItem
from gateway.web.pages.figures import NONE, moment, names
from gateway.web.pages.mine import said, turns
from gateway.web.pages.mine_words import ITEMS, KINDS
from gateway.web.pages.visit import DeniedError, Shown, Visit

ID: Final = re.compile(r"[0-9a-f]{64}")
CHINESE: Final = re.compile(r"([\u3000-\u303f\u4e00-\u9fff]+)")


async def show_my_case(visit: Visit) -> Shown:
    """Raises DeniedError(NOT_FOUND) for an unknown case and for another learner's alike."""
    transfer = visit.request.match_info["id"]
    found = await visit.site.learners.case(visit.learner, transfer) if ID.fullmatch(transfer) else None
    if found is None:
        raise DeniedError(Denial.NOT_FOUND)
    context = {
        "found": found, "brief": found.brief, "case": found.brief.case, "called": names(visit), "said": said(found.brief),
        "turn": turns(visit, found.brief), "credits": points, "runs": runs, "became": became, "items": ITEMS, "proposals": KINDS,
        "times": [moment(at) for at in (found.brief.case.opened_at, *found.first)],
        "proof": proof_url(visit, transfer, found.seq), "recognised": any(each.state == "recognised" for each in found.items),
    }  # fmt: skip
    return Shown("mine_case.html", context)


def points(amount: Decimal | None) -> str:
    """Credits with one decimal at least: `3.0`, `3.375`."""
    if amount is None:
        return NONE
    text = f"{amount.normalize():f}"
    return text if "." in text else f"{text}.0"


def became(item: OneItem) -> tuple[str, str] | None:
    """`(claimed, decided)` where the two can be said in credits; None before a decision."""
    if item.decided is None or item.state not in {"recognised", "refused"}:
        return None
    claimed = item.declared if item.declared is not None else item.credits
    return points(claimed), points(item.decided.credits.value)


def runs(text: str) -> list[tuple[str, bool]]:
    """A sentence cut where its script changes, and whether a piece is Chinese: titles stay so in English, and are marked."""
    return [(piece, bool(CHINESE.fullmatch(piece))) for piece in CHINESE.split(text) if piece]


def proof_url(visit: Visit, scope: str, seq: int) -> str:
    """Where anybody gets a leaf's proof from: the public part of the member API; "" where that has no address."""
    base = visit.site.parts.base_url
    return f"{base}/log/proof?scope={scope}&seq={seq}" if base else ""
