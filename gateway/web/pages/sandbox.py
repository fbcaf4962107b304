"""`/sandbox`: the faults of the simulated banks, switched by hand or by a scenario, and the cases sent through them.

Only a sandbox has this page.  What a switch does happens on the lines between the gateway and its banks; gateway and banks are
those of every day, and the other pages show what becomes of the cases.
"""

from dataclasses import asdict
from typing import Any, Final

from gateway.model.people import Denial, Right
from gateway.transfers.people import Deed
from gateway.web.languages import msg
from gateway.web.pages.figures import NONE
from gateway.web.pages.sandbox_door import DELAYS_MS, SKEWS_S, Line, SandboxDoor, Switches
from gateway.web.pages.sheet import Cell, Column, Link, Sheet
from gateway.web.pages.transfer_filter import asked_filter
from gateway.web.pages.transfers import SHORT, turn
from gateway.web.pages.visit import DeniedError, Shown, Visit

TICKS: Final = {
    "down": msg("银行离线"),
    "drop": msg("每两个请求丢一个"),
    "lose_answer": msg("每两个请求丢一个答复(对方已办)"),
    "duplicate": msg("每个请求到两次"),
    "tamper": msg("每个请求改一个字节"),
}


async def show_sandbox(visit: Visit) -> Shown:
    """Each bank with its switches, the scenarios, and the cases sent from here."""
    door = _door(visit)
    lines = door.lines()
    context: dict[str, Any] = {
        "lines": [(line, visit._("一切正常") if not _wrong(visit, line) else " · ".join(_wrong(visit, line))) for line in lines],
        "ticks": [(name, visit._(text)) for name, text in TICKS.items()],
        "delays": DELAYS_MS,
        "skews": SKEWS_S,
        "scenarios": door.scenarios,
    }
    return Shown("sandbox.html", context, sheets=(_now(visit, lines), await _sent(visit, door)))


async def switch(visit: Visit, form: dict[str, list[str]]) -> str:
    """`POST /sandbox/members/{member}`: everything about one bank at once; what is not ticked is off."""
    member = _known(visit, visit.request.match_info["member"])
    said = {name: values[0] for name, values in form.items()}
    delay, skew = said.get("delay_ms", "0"), said.get("skew_s", "0")
    if delay not in map(str, DELAYS_MS) or skew not in map(str, SKEWS_S):
        raise DeniedError(Denial.BAD_REQUEST)
    ticked = {name: said.get(name) == "1" for name in TICKS}
    wanted = Switches(**ticked, delay_ms=int(delay), skew_s=int(skew))
    await _door(visit).turn(member, wanted)
    told = " ".join(f"{name}={int(value)}" for name, value in asdict(wanted).items() if value)
    await visit.site.people.did(visit.person, Deed("sandbox.switch", member), told or "off")
    return visit.url("/sandbox")


async def reset(visit: Visit, _form: dict[str, list[str]]) -> str:
    """`POST /sandbox/reset`: every switch of every bank off."""
    await _door(visit).reset()
    await visit.site.people.did(visit.person, Deed("sandbox.reset", ""))
    return visit.url("/sandbox")


async def play(visit: Visit, _form: dict[str, list[str]]) -> str:
    """`POST /sandbox/scenarios/{code}`."""
    found = [each for each in _door(visit).scenarios if each.code == visit.request.match_info["code"]]
    if not found:
        raise DeniedError(Denial.NOT_FOUND)
    return await _opened(visit, "sandbox.scenario", found[0].code, await _door(visit).play(found[0]))


async def send(visit: Visit, form: dict[str, list[str]]) -> str:
    """`POST /sandbox/cases`: one made-up learner's case from one bank to another."""
    source, accepting = (_known(visit, form.get(name, [""])[0]) for name in ("source", "accepting"))
    if source == accepting:
        raise DeniedError(Denial.BAD_REQUEST)
    return await _opened(visit, "sandbox.case", f"{source} {accepting}", await _door(visit).send(source, accepting))


async def _opened(visit: Visit, act: str, what: str, transfer: str) -> str:
    if not transfer:
        raise DeniedError(Denial.UNAVAILABLE)
    await visit.site.people.did(visit.person, Deed(act, what), transfer)
    return visit.url("/sandbox")


def _door(visit: Visit) -> SandboxDoor:
    assert visit.site.sandbox is not None, "there is no such route elsewhere"
    return visit.site.sandbox


def _known(visit: Visit, member: str) -> str:
    if member not in {line.member for line in _door(visit).lines()}:
        raise DeniedError(Denial.NOT_FOUND)
    return member


def _wrong(visit: Visit, line: Line) -> list[str]:
    """What is switched on, in words."""
    now = line.switches
    found = [visit._(text) for name, text in TICKS.items() if getattr(now, name)]
    if now.delay_ms:
        found.append(visit._("延迟 %(n)s 毫秒") % {"n": now.delay_ms})
    if now.skew_s:
        found.append(visit._("时钟偏 %(n)s 秒") % {"n": f"{now.skew_s:+d}"})
    return found


def _now(visit: Visit, lines: Any) -> Sheet:
    _ = visit._
    rows: list[tuple[Cell, ...]] = [
        (
            f"{line.en if visit.english else line.zh} {line.member}",
            " · ".join(_wrong(visit, line)) or _("一切正常"),
            NONE if line.left_s is None else line.left_s,
        )
        for line in lines
    ]
    return Sheet("switches", _("现在的故障"), (Column(_("成员行")), Column(_("故障")), Column(_("还有几秒自动恢复"), number=True)), rows)


async def _sent(visit: Visit, door: SandboxDoor) -> Sheet:
    """Where the cases are now; whoever may not read cases sees only that they were sent."""
    _, may = visit._, Right.CASES in visit.person.rights
    rows: list[tuple[Cell, ...]] = []
    for transfer in door.sent():
        found = await visit.site.parts.centre.case(transfer, asked_filter(visit)) if may else None
        if found is None:  # not there yet, or not for this person
            rows.append((transfer[:SHORT], NONE, NONE, _("尚未到达网关") if may else NONE, NONE))
            continue
        case = found[0].case
        link = Link(transfer[:SHORT], visit.url(f"/transfers/{transfer}"), whole=transfer)
        rows.append((link, case.source, case.accepting, visit.word(case.state), turn(visit, case.waiting_on)))
    columns = (
        Column(_("编号"), whole=True),
        Column(_("转出行"), whole=True),
        Column(_("接收行"), whole=True),
        Column(_("状态")),
        Column(_("轮到"), whole=True),
    )
    return Sheet("sent", _("从本页送出的案件"), columns, rows)
