"""`/selections`: bulk actions on what was seen.  Frozen with a reason, shown with counts and a dry run, approved, released, followed.

The gateway has no key to sign an order with: releasing a selection lets the presiding unit's own command line collect it, and this page
says which command, and follows what becomes of it.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from gateway.model.people import Denial
from gateway.model.transfer import Refusal
from gateway.transfers.selection_progress import Line, lines
from gateway.transfers.selections import (
    APPROVED,
    FROZEN,
    NEEDS_APPROVAL,
    NO_REASON,
    OTHER_STATE,
    OWN_APPROVAL,
    PAUSED,
    RELEASED,
    SPENT,
    STALE,
    UNFIT,
    UNKNOWN,
    USED,
    HandedOut,
    Selection,
    Selections,
    Wanted,
    Wish,
)
from gateway.transfers.trial import TRIALS_MAX
from gateway.transfers.waiting_list import CANCEL, HELD, LETTER, RETRY
from gateway.web.pages.render import when
from gateway.web.pages.sheet import Cell, Column, Link, Sheet
from gateway.web.pages.visit import DeniedError, Shown, Visit
from gateway.web.pages.waiting import SHORT, filters_of, seen_digest, sought_of
from gateway.web.pages.waiting_words import said

DENIALS: Final[Mapping[str, Denial]] = {
    UNKNOWN.code: Denial.NOT_FOUND,
    STALE.code: Denial.STALE,
    SPENT.code: Denial.STALE,
    OTHER_STATE.code: Denial.STALE,
    NEEDS_APPROVAL.code: Denial.SECOND_PERSON,
    OWN_APPROVAL.code: Denial.SECOND_PERSON,
    UNFIT.code: Denial.BAD_REQUEST,
    NO_REASON.code: Denial.BAD_REQUEST,
}


async def show_selections(visit: Visit) -> Shown:
    """The newest, so that a second person finds what waits for approval."""
    _ = visit._
    columns = (
        Column(_("选择"), whole=True),
        Column(_("命令")),
        Column(_("件数"), number=True),
        Column(_("状态")),
        Column(_("由谁")),
        Column(_("时刻"), whole=True),
        Column(_("轮值"), whole=True),
        Column(_("理由"), own=True),
    )
    rows = [
        (
            Link(one.token[:SHORT], visit.url(f"/selections/{one.token}"), one.token),
            said(visit, one.wanted.action),
            one.count,
            said(visit, one.state),
            one.made_by,
            when(one.made_at.isoformat()),
            one.wanted.unit,
            one.reason,
        )
        for one in await _selections(visit).recent()
    ]
    return Shown("selections.html", sheets=(Sheet("selections", _("批量选择"), columns, rows),))


async def show_selection(visit: Visit) -> Shown:
    """One: what is in it, what would happen, what to do next, and what became of it."""
    parts, one = visit.site.parts, found(await _selections(visit).find(visit.request.match_info["token"]))
    done, shown = await lines(_selections(visit), parts.reading, one.token)
    context: dict[str, Any] = {
        "one": one,
        "done": done,
        "action": said(visit, one.wanted.action),
        "state": said(visit, one.state),
        "filters": filters_of(visit, one.wanted.sought),
        "ticked": bool(one.wanted.ids),
        "command": command(one, parts.base_url),
        "at": when(one.made_at.isoformat()),
        "waits_second": one.wanted.action == CANCEL and one.state == FROZEN,
        "mine": one.made_by == visit.person.subject,
        "ready": one.state == APPROVED or (one.state == FROZEN and one.wanted.action != CANCEL),
        "released": one.state in RELEASED,
        "going": one.state == USED,
        "paused": one.state == PAUSED,
        "tried": min(one.count, TRIALS_MAX),
    }
    _ = visit._
    sheets = [
        _counts(visit, "provinces", _("按转出行"), _("转出行"), one.by_province),
        _counts(visit, "reasons", _("按原因"), _("原因"), one.by_reason),
    ]
    sheets += [_lines(visit, shown)] if one.state in RELEASED else [await _dry(visit, one)]
    return Shown("selection.html", context, sheets=tuple(sheets))


def command(one: Selection, url: str) -> str:
    """What to run where the presiding unit's key is."""
    act = "cancel" if one.wanted.action == CANCEL else "retry"
    return (
        f"ceg dlq {act} --selection {one.token} --expect-count {one.count} --url {url} "
        f"--member {one.wanted.unit} --key-file MEMBER.pem --trust-file trust.json"
    )


async def freeze(visit: Visit, form: dict[str, list[str]]) -> str:
    """`POST /selections`: by ticks, or all that the filter shows; only if it is still what was seen."""
    said_ = {name: values[0] for name, values in form.items()}
    kind, action, unit = said_.get("kind", ""), said_.get("action", ""), said_.get("unit", "")
    if kind not in {HELD, LETTER} or action not in {RETRY, CANCEL} or not unit or not said_.get("rate", "").isdecimal():
        raise DeniedError(Denial.BAD_REQUEST)
    sought = sought_of(kind, said_, visit.person.sees)
    if seen_digest(await _selections(visit).listed(sought)) != said_.get("seen"):
        raise DeniedError(Denial.STALE)
    wanted = Wanted(
        kind,
        action,
        sought.member,
        sought.reason,
        sought.stage,
        sought.rules,
        unit,
        tuple(sorted(set(form.get("id", ())))),
    )
    reason = said_.get("why", "")
    one = found(await _selections(visit).freeze(visit.person, wanted, reason, int(said_["rate"][:4])))
    return visit.url(f"/selections/{one.token}")


async def approve(visit: Visit, _form: dict[str, list[str]]) -> str:
    return await _move(visit, Wish.APPROVE)


async def release(visit: Visit, _form: dict[str, list[str]]) -> str:
    """`POST /selections/{token}/release`: from now on the presiding unit may collect it; a stale one never."""
    token = visit.request.match_info["token"]
    out = await _selections(visit).use(visit.person, token)
    if isinstance(out, Refusal):
        raise DeniedError(DENIALS[out.code])
    assert isinstance(out, HandedOut), "nothing else is handed out"
    return visit.url(f"/selections/{token}")


async def pause(visit: Visit, _form: dict[str, list[str]]) -> str:
    return await _move(visit, Wish.PAUSE)


async def go_on(visit: Visit, _form: dict[str, list[str]]) -> str:
    return await _move(visit, Wish.GO_ON)


async def stop(visit: Visit, _form: dict[str, list[str]]) -> str:
    return await _move(visit, Wish.STOP)


async def _move(visit: Visit, wish: Wish) -> str:
    token = visit.request.match_info["token"]
    found(await _selections(visit).move(visit.person, token, wish))
    return visit.url(f"/selections/{token}")


def found(out: Selection | Refusal) -> Selection:
    """Raises DeniedError as the refusal says."""
    if isinstance(out, Refusal):
        raise DeniedError(DENIALS[out.code])
    return out


def _selections(visit: Visit) -> Selections:
    return visit.site.parts.centre.selections


def _counts(visit: Visit, name: str, caption: str, by: str, counts: Mapping[str, int]) -> Sheet:
    return Sheet(name, caption, (Column(by), Column(visit._("件数"), number=True)), [(said(visit, key), n) for key, n in counts.items()])


def _lines(visit: Visit, shown: list[Line]) -> Sheet:
    _ = visit._
    columns = (
        Column(_("编号"), whole=True),
        Column(_("转移"), whole=True),
        Column(_("已变化")),
        Column(_("命令")),
        Column(_("时刻"), whole=True),
        Column(_("存证叶")),
    )
    return Sheet("lines", _("进度"), columns, [_line(visit, line) for line in shown])


def _line(visit: Visit, line: Line) -> tuple[Cell, ...]:
    case = Link(line.transfer[:SHORT], visit.url(f"/transfers/{line.transfer}"), line.transfer)
    moved, order = visit._("是") if line.done else "–", line.order
    if order is None:
        return (line.id[:SHORT], case, moved, "–", "–", "–")
    leaf = Link(str(order.index), visit.url("/log", leaf=order.index))
    return (line.id[:SHORT], case, moved, said(visit, order.type), when(order.at), leaf)


async def _dry(visit: Visit, one: Selection) -> Sheet:
    """What would happen now, counted; of a thousand, the first fifty."""
    _ = visit._
    centre = visit.site.parts.centre
    there = {each.id: each for each in await _selections(visit).listed(one.wanted.sought)}
    ones = [there[id_] for id_ in one.ids if id_ in there]
    trials = await centre.trials.run(ones, one.wanted.action) if centre.trials is not None else []
    counts = Counter((trial.outcome, trial.detail) for trial in trials)
    columns = (Column(_("会怎样")), Column(_("原因")), Column(_("件数"), number=True))
    rows = [(said(visit, outcome), said(visit, detail) if detail else "–", n) for (outcome, detail), n in sorted(counts.items())]
    return Sheet("dry", _("试算"), columns, rows)
