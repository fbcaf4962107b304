"""`/dead-letters`: dead letters by fingerprint; `/dead-letters/{id}`: one of them, what would happen now, and what people wrote on it."""

from typing import Any, Final

from gateway.model.people import Denial, Right
from gateway.transfers.letter_notes import CHARS_MAX
from gateway.transfers.selection_progress import orders_on
from gateway.transfers.trial import Trial
from gateway.transfers.waiting_list import CANCEL, LETTER, RETRY, Sought, Waiting
from gateway.web.pages.render import when
from gateway.web.pages.sheet import Column, Link, Sheet
from gateway.web.pages.visit import DeniedError, Shown, Visit
from gateway.web.pages.waiting import replayed, replays_of
from gateway.web.pages.waiting_words import said

ID_CHARS_MAX: Final = 128


async def show_letters(visit: Visit) -> Shown:
    """A bank's operator sees the own bank's."""
    _ = visit._
    groups = await visit.site.parts.centre.letters(visit.person.sees)
    columns = (
        Column(_("成员行")),
        Column(_("环节")),
        Column(_("原因")),
        Column(_("规则版本")),
        Column(_("条数"), number=True),
        Column(_("案件数"), number=True),
        Column(_("最早"), whole=True),
        Column(_("最近"), whole=True),
        Column(_("样例"), whole=True),
    )
    rows = [
        (
            Link(
                group.member,
                visit.url("/dead-letters/list", member=group.member, stage=group.stage, reason=group.reason_code, rules=group.rules),
            ),
            said(visit, group.stage),
            said(visit, group.reason_code),
            group.rules or "–",
            group.n,
            group.cases,
            when(group.first_seen.isoformat()),
            when(group.last_seen.isoformat()),
            Link(group.sample[0][:12], visit.url(f"/dead-letters/{group.sample[0]}"), group.sample[0]),
        )
        for group in groups
    ]
    return Shown("dead_letters.html", {"total": sum(group.n for group in groups)}, sheets=(Sheet("letters", _("按指纹"), columns, rows),))


async def show_letter(visit: Visit) -> Shown:
    """One, with the orders on it, a dry run of both orders, and its notes."""
    parts, one = visit.site.parts, await _letter(visit)
    trials = parts.centre.trials
    dry: list[tuple[str, Trial]] = []
    if trials is not None and one.unit:
        dry = [(action, trial) for action in (RETRY, CANCEL) for trial in await trials.run([one], action)]
    orders = [order for order in await orders_on(parts.reading, one.transfer) if order.message == one.id]
    context: dict[str, Any] = {
        "one": one,
        "what": said(visit, one.stage),
        "why": said(visit, one.reason),
        "replays": replayed(visit, await replays_of(visit, one)),
        "dry": [_tried(visit, action, trial) for action, trial in dry],
        "notes": await visit.site.notes.of(one.id),
        "may": Right.OPERATE in visit.person.rights and not visit.television,
        "chars": CHARS_MAX,
        "now_rules": trials.rules_now(one.source) if trials is not None and one.source else "",
    }
    _ = visit._
    told = Sheet(
        "orders",
        _("对它的命令"),
        (Column(_("时刻"), whole=True), Column(_("命令")), Column(_("存证叶"))),
        [(when(order.at), said(visit, order.type), Link(str(order.index), visit.url("/log", leaf=order.index))) for order in orders],
    )
    return Shown("dead_letter.html", context, sheets=(told,))


def _tried(visit: Visit, action: str, trial: Trial) -> tuple[str, str, str]:
    return said(visit, action), said(visit, trial.outcome), said(visit, trial.detail) if trial.detail else ""


async def annotate(visit: Visit, form: dict[str, list[str]]) -> str:
    """`POST /dead-letters/{id}/note`."""
    one = await _letter(visit)
    if not await visit.site.notes.add(one.id, visit.person, form.get("text", [""])[0]):
        raise DeniedError(Denial.BAD_REQUEST)
    return visit.url(f"/dead-letters/{one.id}")


async def _letter(visit: Visit) -> Waiting:
    """Raises DeniedError alike for one that does not exist and one that is not this person's to see."""
    sought = Sought(LETTER, ids=(visit.request.match_info["id"][:ID_CHARS_MAX],), seen_by=visit.person.sees)
    found = await visit.site.parts.centre.selections.listed(sought)
    if not found:
        raise DeniedError(Denial.NOT_FOUND)
    return found[0]
