"""Many cases at once, as their estimates propose: the selection is frozen with the stamp of each case, shown with its counts and a dry run,
and sent as one commit, or not at all where a single case has changed.
"""

import asyncio
from collections import Counter
from decimal import Decimal
from typing import Any, Final

from gateway.client.casework import OpenCase, Stamp
from gateway.client.judgement import followed, totals
from gateway.errors import GatewayError
from gateway.model.documents import Decision
from gateway.model.people import Denial
from gateway.transfers.people import Deed
from gateway.web.console.case import ID, Form, one
from gateway.web.console.inbox import wanted_of
from gateway.web.console.site import Console, console
from gateway.web.pages.sheet import Cell, Column, Link, Sheet
from gateway.web.pages.visit import DeniedError, Shown, Visit

BULK_MAX: Final = 100


async def freeze(visit: Visit, form: Form) -> str:
    """`POST /bulk`: the cases that were ticked, or all that were shown, each at the version shown.  Raises DeniedError."""
    here = console(visit)
    chosen = form.get("shown" if form.get("all") else "case", [])
    pairs = [tuple(each.split(":", 1)) for each in dict.fromkeys(chosen)]
    if not 0 < len(pairs) <= BULK_MAX or not all(len(each) == 2 and ID.fullmatch(each[0]) and each[1].isdigit() for each in pairs):
        raise DeniedError(Denial.BAD_REQUEST)
    cases = []
    for transfer, ver in pairs:
        opened = await _look(here, transfer)
        if opened is None or not opened.open or str(opened.row.ver) != ver:
            raise DeniedError(Denial.STALE)
        cases.append({"transfer": transfer, "ver": opened.stamp.ver, "seen": opened.stamp.seen})
    members = [member.id for member in here.connector.trust.data.members]
    wanted = wanted_of(one(form, "turn"), one(form, "state"), one(form, "source"), members)
    filter_ = {"turn": wanted.turn, "state": wanted.state, "source": wanted.source}
    token = await here.book.freeze("bulk", visit.person.subject, {"cases": cases, "filter": filter_})
    return visit.url(f"/confirm/{token}")


async def show(visit: Visit, token: str, body: dict[str, Any]) -> Shown:
    """Counts and a dry run.  Raises DeniedError(STALE) where one of the cases has changed."""
    here, _ = console(visit), visit._
    tried = await _dry_run(here, body)
    by_source = Counter(opened.row.source for opened, _decision in tried)
    rows: list[tuple[Cell, ...]] = []
    recognised, refused, size = 0, 0, Decimal(0)
    for opened, decision in tried:
        yes, no, credits_ = totals(decision.items) if decision is not None else (0, 0, Decimal(0))
        recognised, refused, size = recognised + yes, refused + no, size + credits_
        result = _("照测算认定") if decision is not None else _("没有完整测算或有争议,不在此列")
        link = Link(opened.row.transfer[:12], visit.url(f"/cases/{opened.row.transfer}"))
        rows.append((link, opened.row.source, yes, no, format(credits_, "f"), result))
    dry = Sheet(
        "dry_run", _("试算:逐案照测算认定"),
        (Column(_("案件")), Column(_("转出行")), Column(_("认定项数"), number=True), Column(_("不予认定项数"), number=True),
         Column(_("认定学分"), number=True), Column(_("结果"))), rows,
    )  # fmt: skip
    sources = Sheet(
        "sources", _("按转出行"), (Column(_("转出行")), Column(_("件数"), number=True)),
        [(name, by_source[name]) for name in sorted(by_source)],
    )  # fmt: skip
    context = {
        "token_id": token, "count": len(tried), "following": sum(decision is not None for _opened, decision in tried),
        "recognised": recognised, "refused": refused, "size": size,
        "filter": body["filter"], "kid": here.connector.office.setup.key.kid,
    }  # fmt: skip
    return Shown("console_bulk.html", context, sheets=(sources, dry))


async def send(visit: Visit, token: str, body: dict[str, Any]) -> str:
    """All that can follow their estimates, in one commit.  Raises DeniedError."""
    here = console(visit)
    tried = await _dry_run(here, body)
    replies = [(opened.row.transfer, opened.stamp, decision) for opened, decision in tried if decision is not None]
    if not replies:
        raise DeniedError(Denial.BAD_REQUEST)
    try:
        no = await here.casework.answer(replies, [here.book.use(token)])
    except GatewayError:
        raise DeniedError(Denial.STALE) from None
    if no is not None:
        raise DeniedError(Denial.STALE)
    for transfer, _stamp, _decision in replies:
        await here.people.did(visit.person, Deed("decide_bulk", transfer), token)
    return visit.url("/", sent=len(replies))


async def _dry_run(here: Console, body: dict[str, Any]) -> list[tuple[OpenCase, Decision | None]]:
    """Each case as it was frozen, with what following its estimate decides.  Raises DeniedError(STALE)."""
    found = []
    for each in body["cases"]:
        opened = await _look(here, str(each["transfer"]))
        if opened is None or not opened.open or opened.stamp != Stamp(int(each["ver"]), str(each["seen"])):
            raise DeniedError(Denial.STALE)
        found.append((opened, followed(opened, here.decided_by, here.connector.office.setup.clock.now())))
        await asyncio.sleep(0)  # verifying a case takes its time; others are answered in between
    return found


async def _look(here: Console, transfer: str) -> OpenCase | None:
    try:
        return await here.casework.look(transfer)
    except GatewayError:
        return None
