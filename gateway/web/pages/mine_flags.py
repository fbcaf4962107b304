"""`/mine/flags`: the integrity flags on a learner's own outcomes: kind, who set it and why, and how far an appeal has come."""

from typing import Any, Final

from gateway.web.pages.figures import names
from gateway.web.pages.mine_case import proof_url
from gateway.web.pages.visit import Shown, Visit

SKIP_MAX: Final = 100_000


async def show_my_flags(visit: Visit) -> Shown:
    """`skip`: how many newer ones are on the pages before."""
    asked = visit.request.query.get("skip", "")
    skip = min(int(asked), SKIP_MAX) if asked.isascii() and asked.isdigit() and len(asked) <= 6 else 0
    flags, more = await visit.site.learners.flags(visit.learner, skip)
    shown = [_flag(visit, each) for each in flags]
    return Shown(
        "mine_flags.html",
        {"flags": shown, "called": names(visit), "more": visit.here(skip=skip + len(flags)) if more else "", "skip": skip},
    )


def _flag(visit: Visit, flag: dict[str, Any]) -> dict[str, Any]:
    """The flag with its words in the visitor's language under the words' own names."""
    tongue = "en" if visit.english else "zh"
    words = {name: flag.get(f"{name}_{tongue}") or "" for name in ("kind", "reason", "state", "appeal_reason", "ruling_reason")}
    return flag | {"said": words, "proof": proof_url(visit, flag["flag"], flag["ver"] - 1), "open": flag["state"] == "flagged"}
