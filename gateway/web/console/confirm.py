"""`/confirm/{id}`: what was frozen, shown once more, and done by one click: signed with the bank's key and sent.

Whatever was frozen is compared with how its cases stand now, when it is shown and again in the commit that does it; where one stands
otherwise, nothing of it is done (409).
"""

import json
from typing import Any

from gateway.client.casework import No, OpenCase, Stamp
from gateway.client.judgement import Judgement, Wrong, decided, departs, totals
from gateway.errors import GatewayError
from gateway.model.documents import Decision, Withdrawal
from gateway.model.people import Denial
from gateway.transfers.people import Deed
from gateway.web.console import bulk
from gateway.web.console.case import Form, reason_words
from gateway.web.console.site import Console, console
from gateway.web.console.words import word
from gateway.web.pages.visit import DeniedError, Shown, Visit


async def show_confirm(visit: Visit) -> Shown:
    """Raises DeniedError."""
    token, kind, body = await _frozen(visit)
    if kind == "bulk":
        return await bulk.show(visit, token, body)
    here = console(visit)
    context: dict[str, Any] = {
        "token_id": token, "kind": kind, "body": body, "word": lambda code: word(visit, code), "reason": reason_words(visit),
        "kid": here.connector.office.setup.key.kid, "wrong": [], "decision": None, "departs": False, "totals": None,
        "decided_by": here.decided_by,
    }  # fmt: skip
    if kind == "decide":
        opened = await look(here, body)
        await here.book.viewed(visit.person.subject, body["transfer"], "confirm")
        made = _decision(here, opened, body)
        if isinstance(made, Decision):
            proposal = opened.found.case.proposal
            context |= {"decision": made, "departs": departs(made, proposal), "totals": totals(made.items)}
        else:
            context["wrong"] = made
    elif body["act"] != "dispute":
        await look(here, body)
    return Shown("console_confirm.html", context)


async def confirm(visit: Visit, _form: Form) -> str:
    """Do it.  Raises DeniedError(STALE) where nothing was done."""
    here = console(visit)
    token, kind, body = await _frozen(visit)
    if kind == "bulk":
        return await bulk.send(visit, token, body)
    use, transfer = [here.book.use(token)], str(body["transfer"])
    if kind == "decide":
        opened = await look(here, body)
        made = _decision(here, opened, body)
        if not isinstance(made, Decision):
            raise DeniedError(Denial.BAD_REQUEST)
        no = await _answer(here, transfer, body, made, token)
        what, why = "decide", made.departure
    else:
        why, what = str(body["reason"]), str(body["act"])
        said = Withdrawal(why, str(body["text"]))
        if what == "dispute":
            no = await here.casework.dispute(transfer, int(body["ver"]), said, use)
        else:
            no = await _answer(here, transfer, body, said, token)
    if no is not None:
        raise DeniedError(Denial.STALE)
    await here.people.did(visit.person, Deed(what, transfer), why)
    return visit.url(f"/cases/{transfer}", done="1")


async def look(here: Console, body: dict[str, Any]) -> OpenCase:
    """The case as it was frozen.  Raises DeniedError(STALE) where it stands otherwise."""
    try:
        opened = await here.casework.look(str(body["transfer"]))
    except GatewayError:
        raise DeniedError(Denial.STALE) from None
    if opened is None or not opened.open or opened.stamp != _stamp(body):
        raise DeniedError(Denial.STALE)
    return opened


async def _answer(here: Console, transfer: str, body: dict[str, Any], said: Decision | Withdrawal, token: str) -> No | None:
    try:
        return await here.casework.answer([(transfer, _stamp(body), said)], [here.book.use(token)])
    except GatewayError:
        raise DeniedError(Denial.STALE) from None


async def _frozen(visit: Visit) -> tuple[str, str, dict[str, Any]]:
    """Id, kind and body of what this person froze.  Raises DeniedError: not theirs, or used or too old by now."""
    here = console(visit)
    row = await here.book.frozen(visit.request.match_info["frozen"][:64], visit.person.subject)
    if row is None:
        raise DeniedError(Denial.NOT_FOUND)
    if not here.book.fresh(row):
        raise DeniedError(Denial.STALE)
    return row.id, row.kind, json.loads(row.body)


def _decision(here: Console, opened: OpenCase, body: dict[str, Any]) -> Decision | list[Wrong]:
    office = here.connector.office
    return decided(opened, Judgement.from_json(body), here.decided_by, office.setup.clock.now(), office.setup.tools.mapper.codes)


def _stamp(body: dict[str, Any]) -> Stamp:
    return Stamp(int(body["ver"]), str(body["seen"]))
