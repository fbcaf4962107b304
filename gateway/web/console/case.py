"""`/cases/{transfer}`: one case in full, and the forms to decide it item by item, to ask, to uphold, to dispute.

The only page that shows a learner's data: each view is a row before anything is shown.  A form freezes what was filled in together with the
stamp of what was shown; nothing is sent before the confirm page (`confirm`).
"""

import json
import re
from typing import Any, Final

from gateway.client.case_view import code_words, explanation, items, timeline
from gateway.client.casework import OpenCase, Stamp, may_dispute
from gateway.client.judgement import Choice, Judgement, proposed_choices, reasons
from gateway.errors import GatewayError
from gateway.model.documents import Verdict
from gateway.model.people import Denial
from gateway.model.transfer import State
from gateway.web.console.inbox import turn_words
from gateway.web.console.site import console
from gateway.web.console.words import next_of, word
from gateway.web.languages import EN, ZH
from gateway.web.pages.render import when
from gateway.web.pages.sheet import Column, Sheet
from gateway.web.pages.visit import DeniedError, Shown, Visit

ID: Final = re.compile(r"[0-9a-f]{64}")
WITHDRAWALS: Final = "withdrawal_reason"
ACTS: Final = ("ask", "uphold", "dispute")
Form = dict[str, list[str]]


async def show_case(visit: Visit) -> Shown:
    """Raises DeniedError, StorageError."""
    here, _ = console(visit), visit._
    row = await here.connector.store.case(transfer_of(visit))
    if row is None:
        raise DeniedError(Denial.NOT_FOUND)
    await here.book.viewed(visit.person.subject, row.transfer, "case")
    office, codes = here.connector.office, here.connector.office.setup.tools.mapper.codes
    opened, text, fault = None, "", ""
    try:
        opened = await here.casework.look(row.transfer)
        if opened is not None:
            text = await explanation(office, here.connector.desk, row, EN if visit.english else ZH)
    except GatewayError as error:
        fault = error.code
    line = here.book.line(row)
    steps = Sheet(
        "steps", _("签名步骤"),
        (Column(_("叶号")), Column(_("时间")), Column(_("步骤")), Column(_("行为人")), Column(_("密钥")), Column(_("状态")),
         Column(_("存证"))),
        [
            (str(step.index) if step.index is not None else "–", when(step.at), word(visit, step.type), step.actor or _("网关"),
             step.kid[:12] or "–", word(visit, step.state) if step.state else "–",
             word(visit, step.proof) + (f" · {step.size}" if step.size else "") + (f" · {step.code}" if step.code else ""))
            for step in await timeline(office, row.transfer)
        ],
    )  # fmt: skip
    open_now = opened is not None and opened.open
    context: dict[str, Any] = {
        "row": row, "line": line, "opened": opened, "fault": fault, "explanation": text, "items": items(row, opened),
        "word": lambda code: word(visit, code), "next": next_of(visit, line), "whose": turn_words(visit, line),
        "reason": reason_words(visit), "filled": await _filled(visit, opened), "open": open_now,
        "recognising": reasons(codes, Verdict.RECOGNISED), "refusing": reasons(codes, Verdict.REFUSED),
        "withdrawals": list(codes[WITHDRAWALS]), "said": "ask" if row.state == State.REVIEWING else "uphold",
        "disputable": may_dispute(row, here.member), "done": visit.request.query.get("done") == "1",
        "bank": lambda member: here.bank_name(member, english=visit.english),
    }  # fmt: skip
    return Shown("console_case.html", context, sheets=(steps,))


async def judge(visit: Visit, form: Form) -> str:
    """Freeze what was filled in, to be confirmed.  Raises DeniedError(STALE) where the case is not what was shown."""
    here, transfer = console(visit), transfer_of(visit)
    stamp = await seen(visit, form, transfer)
    places = [name.removeprefix("record-") for name in form if name.startswith("record-")]
    choices = tuple(
        Choice(*(one(form, f"{name}-{place}") for name in ("record", "verdict", "credits", "reason", "text"))) for place in places
    )
    judgement = Judgement(choices, one(form, "departure"), one(form, "departure_text"))
    body = {"transfer": transfer, "ver": stamp.ver, "seen": stamp.seen, **judgement.to_json()}
    token = await here.book.freeze("decide", visit.person.subject, body)
    return visit.url(f"/confirm/{token}")


async def say(visit: Visit, form: Form) -> str:
    """Freeze a question, an uphold, a dispute.  Raises DeniedError."""
    here, transfer, act = console(visit), transfer_of(visit), one(form, "act")
    codes = here.connector.office.setup.tools.mapper.codes
    reason, text = one(form, "reason"), one(form, "text").strip()
    if act not in ACTS or codes.lookup(WITHDRAWALS, reason) is None or not 0 < len(text) <= 500:
        raise DeniedError(Denial.BAD_REQUEST)
    if act == "dispute":
        stamp = Stamp(int(one(form, "ver") or -1) if one(form, "ver").isdigit() else -1, "")
        row = await here.connector.store.case(transfer)
        if row is None or row.ver != stamp.ver or not may_dispute(row, here.member):
            raise DeniedError(Denial.STALE)
    else:
        stamp = await seen(visit, form, transfer)
    body = {"transfer": transfer, "ver": stamp.ver, "seen": stamp.seen, "act": act, "reason": reason, "text": text}
    return visit.url(f"/confirm/{await here.book.freeze('word', visit.person.subject, body)}")


async def seen(visit: Visit, form: Form, transfer: str) -> Stamp:
    """The stamp the form carries, if that is how the case stands and it is open.  Raises DeniedError."""
    try:
        opened = await console(visit).casework.look(transfer)
    except GatewayError:
        raise DeniedError(Denial.STALE) from None
    if opened is None:
        raise DeniedError(Denial.NOT_FOUND)
    stamp = opened.stamp
    if not opened.open or (one(form, "ver"), one(form, "seen")) != (str(stamp.ver), stamp.seen):
        raise DeniedError(Denial.STALE)
    return stamp


def transfer_of(visit: Visit) -> str:
    """Raises DeniedError for what is no transfer id."""
    found = visit.request.match_info["transfer"]
    if not ID.fullmatch(found):
        raise DeniedError(Denial.NOT_FOUND)
    return found


def one(form: Form, name: str) -> str:
    return form.get(name, [""])[0]


async def _filled(visit: Visit, opened: OpenCase | None) -> dict[str, Any]:
    """What the form begins with: what was filled in before where the page is come back to, else the estimate."""
    empty: dict[str, Any] = {"choices": {}, "departure": "", "departure_text": ""}
    if opened is None:
        return empty
    found = {**empty, "choices": proposed_choices(opened)}
    row = await console(visit).book.frozen(visit.request.query.get("draft", "")[:64], visit.person.subject)
    if row is None or row.kind != "decide":
        return found
    body = _body(row.body)
    if body["transfer"] != opened.row.transfer:
        return found
    before = Judgement.from_json(body)
    chosen = {each.record: each for each in before.choices}
    return {"choices": {**found["choices"], **chosen}, "departure": before.departure, "departure_text": before.departure_text}


def reason_words(visit: Visit) -> dict[str, str]:
    """Reasons of decisions and of closed items, in the visitor's language."""
    codes = console(visit).connector.office.setup.tools.mapper.codes
    return {code: both[visit.english] for table in ("closed_reason", "decision_reason") for code, both in code_words(codes, table).items()}


def _body(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found
