"""`ceg presiding`: the rota, what is open, and the handover between two units: look, hand over, countersign, with a member's own key."""

import asyncio
import base64
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from rich.console import Console

from gateway.cli.faults import CliError
from gateway.cli.helps import Command, about, group
from gateway.cli.screen import facts, table
from gateway.cli.signing import Plan, Signer, sign_and_send
from gateway.cli.spread import spread
from gateway.cli.transfer_source import TIMEOUT_S, Reader, Where
from gateway.client.reading import ReadingApi
from gateway.errors import TransferError, TransferLogError
from gateway.federation.channels.reading import ReadingChannel, http_session
from gateway.mapping.documents import read, write
from gateway.mapping.schema import Standard
from gateway.model.documents import Handover, HandoverAcceptance, HandoverDuty, HandoverRemark
from gateway.model.scopes import handover_scope
from gateway.model.transfer import Act
from gateway.system import SystemClock, SystemIds, data_folder
from gateway.transferlog.checkpoint import Verifier, open_checkpoint

HERE: Final = "--url https://gw.example --member CN-34 --key-file m.pem"
DUTIES: Final[Mapping[str, str]] = {
    "held": "挂起案件 held cases",
    "disputed": "待裁定异议 disputes",
    "contested": "有争议成果 contested outcomes",
    "flags": "待裁定标记 integrity flags",
    "dead_letters": "死信 dead letters",
    "rules": "未发布规则 rule versions",
    "agreements": "待签协议 agreements",
    "alarms": "未了报警 alarms",
    "legal_holds": "法定保全 legal holds",
}
STATES: Final = {None: "未交出 not handed over", "handed_over": "待会签 handed over", "accepted": "双方已签 signed by both"}
app = group(
    "轮值单位:轮值表、未了事项、交接。",
    "The presiding unit: rota, open duties, handover.",
    f"ceg presiding show {HERE}",
    f"ceg presiding hand-over {HERE}",
)


@app.command(
    "show",
    cls=Command,
    help=about(
        "显示轮值表、未了事项与交接:谁已签,还缺谁,清单当时与现在。",
        "Show rota, open duties and handovers: who signed, what changed.",
        "ceg presiding show --config gateway.toml",
        f"ceg presiding show {HERE} --json",
        more_zh="给 --url 时以成员行的身份向网关查询,各成员行所见相同;否则直接读节点的数据库与信任文件。"
        "交接不改变职权:职权依轮值表的日期起止。",
        more_en="With --url asked of the gateway as one member, and all members see the same; else read from the node's database and "
        "its trust file. No handover moves a power: powers follow the rota's dates.",
    ),
)
@spread
def show(reader: Reader) -> None:
    """What the gateway says, as it is."""
    screen = reader.screen()
    found = asyncio.run(_shown(reader.where))
    screen.emit(found, lambda console: _draw(console, found))


@app.command(
    "hand-over",
    cls=Command,
    help=about(
        "以卸任单位签署交出:未了事项的清单与存证日志的头。",
        "Hand over as the unit that goes: the list, and the log's head.",
        f"ceg presiding hand-over {HERE}",
        f"ceg presiding hand-over {HERE} --dry-run",
        more_zh="日志的头先核对日志的签名。签署之间清单若有变,网关拒绝,重做即可。不延长、不缩短职权。",
        more_en="The head's signature is checked first. If the list changes meanwhile the gateway refuses: do it again. Moves no power.",
    ),
)
@spread
def hand_over(signer: Signer) -> None:
    """One list, one signature, one verified answer."""
    screen = signer.screen()
    found = asyncio.run(_found(signer.where))
    line = _mine(found, "outgoing", signer.member)
    size, root = believed_head(found["head"], signer.judge(screen).verifiers)
    one, other = line["outgoing"], line["incoming"]
    (ended_since, ended_until), (begun_since, begun_until) = _turn(one), _turn(other)
    handover = Handover(
        one["member"], other["member"], ended_since, ended_until, begun_since, begun_until, size, root,
        tuple(HandoverDuty(duty, found["duties"][duty]) for duty in DUTIES),
    )  # fmt: skip
    content = _checked("handover", handover)
    plan = _plan(Act.HANDOVER, line) | {"head": {"size": size, "root": root}, "duties": found["duties"], "remarks": None}
    sign_and_send(screen, signer, plan, _draw_plan, lambda operator: operator.agree(Act.HANDOVER, line["scope"], content))


@app.command(
    "accept",
    cls=Command,
    help=about(
        "以接任单位会签:先核对所交出的字节,与现状不同之处作为备注一并签署。",
        "Countersign as the unit that comes; what has changed is remarked.",
        f"ceg presiding accept {HERE}",
        f"ceg presiding accept {HERE} --dry-run",
        more_zh="清单读自所会签的字节本身。备注须恰为现状与清单不同之处,否则网关拒绝并逐项指出。",
        more_en="The list is read from the very bytes to be countersigned. The remarks must be exactly what stands otherwise.",
    ),
)
@spread
def accept(signer: Signer) -> None:
    """One countersignature, one verified answer."""
    screen = signer.screen()
    found = asyncio.run(_found(signer.where))
    line = _mine(found, "incoming", signer.member)
    if line["document"] is None:
        raise TransferError(
            "transfer.wrong_state", "卸任单位尚未交出", "the unit that goes has not handed over yet", state=line["state"] or "-"
        )
    document = base64.b64decode(line["document"])
    handover = read(document, Handover, Standard(data_folder("standards")))
    if handover_scope(handover.outgoing, handover.ended_until, handover.incoming, handover.begun_since) != line["scope"]:
        raise TransferError("transfer.bad_document", "所交出的文件属于另一次交接", "the document handed over is about another handover")
    signed = {each.duty: each.open for each in handover.duties}
    changed = {duty: found["duties"][duty] for duty in DUTIES if found["duties"][duty] != signed[duty]}
    remarks = tuple(HandoverRemark(duty, signed[duty], n) for duty, n in changed.items())
    content = _checked("acceptance", HandoverAcceptance(sha256(document).hexdigest(), remarks))
    head = {"size": handover.log_size, "root": handover.log_root}
    plan = _plan(Act.HANDOVER_ACCEPT, line) | {"head": head, "duties": signed, "remarks": changed}
    sign_and_send(screen, signer, plan, _draw_plan, lambda operator: operator.agree(Act.HANDOVER_ACCEPT, line["scope"], content))


async def _shown(where: Where) -> dict[str, Any]:
    async with where.open() as cases:
        return await cases.presiding()


async def _found(where: Where) -> dict[str, Any]:
    member, key = where.identity()
    async with http_session() as session:
        return await ReadingApi(ReadingChannel(session, TIMEOUT_S), where.base, member, key, SystemClock(), SystemIds()).presiding()


def _mine(found: Mapping[str, Any], side: str, member: str) -> dict[str, Any]:
    """The oldest handover that this member can sign now on that side.  Raises CliError(`cli.not_found`)."""
    mine = [each for each in reversed(found["handovers"]) if each["open"] and each[side]["member"] == member]
    if not mine:
        zh, en = "现在没有须由本行这样签署的交接", "there is no handover that this member could sign so now"
        raise CliError("cli.not_found", zh, en, member=member)
    return dict(mine[0])


def _turn(turn: Mapping[str, str]) -> tuple[datetime, datetime]:
    return datetime.fromisoformat(turn["from"]), datetime.fromisoformat(turn["until"])


def believed_head(head: Mapping[str, Any], verifiers: tuple[Verifier, ...]) -> tuple[int, str]:
    """Size and root (hex) as the log's own key signed them.  Raises TransferLogError."""
    signed = open_checkpoint(head["checkpoint"], verifiers)
    if (signed.size, signed.root.hex()) != (head["size"], head["root"]):
        raise TransferLogError("transferlog.bad_checkpoint", "日志头与其签名不符", "the log's head is not what its key signed")
    return signed.size, signed.root.hex()


def _checked(name: str, document: Handover | HandoverAcceptance) -> tuple[str, bytes]:
    """The content, after the standard has been asked: what is wrong is said before anything is signed."""
    data = write(document)
    read(data, type(document), Standard(data_folder("standards")))
    return name, data


def _plan(act: Act, line: Mapping[str, Any]) -> Plan:
    return {"act": act.value, "scope": line["scope"], "outgoing": line["outgoing"], "incoming": line["incoming"]}


def _draw(console: Console, found: Mapping[str, Any]) -> None:
    rota = table("成员行 Member", "自 From", "至 Until", "")
    for turn in found["rota"]:
        rota.add_row(turn["member"], turn["from"], turn["until"], turn["when"])
    console.print(rota)
    newest = next(iter(found["handovers"]), None)
    _draw_duties(console, (newest or {}).get("duties"), found["duties"])
    for each in found["handovers"]:
        late = " · 逾期 overdue" if each["overdue"] else ""
        signed = [f"{who} {at['at']} #{at['leaf']}" for who, at in ((_unit(each, "outgoing"), each["handed"]),
                                                                   (_unit(each, "incoming"), each["accepted"])) if at]  # fmt: skip
        console.print(facts([
            ("交接 Handover", f"{_unit(each, 'outgoing')} → {_unit(each, 'incoming')} {each['incoming']['from']}"),
            ("状态 State", STATES[each["state"]] + late), ("已签 Signed", "; ".join(signed) or "-"),
            ("尚缺 Missing", each["waits_for"] or "-"),
        ]))  # fmt: skip


def _unit(line: Mapping[str, Any], side: str) -> str:
    return str(line[side]["member"])


def _draw_duties(console: Console, signed: Mapping[str, int] | None, now: Mapping[str, int]) -> None:
    shown = table("事项 Duty", "清单 By the list", "现在 Now")
    for duty, words in DUTIES.items():
        shown.add_row(words, "-" if signed is None else str(signed[duty]), str(now[duty]))
    console.print(shown)


def _draw_plan(console: Console, plan: Plan) -> None:
    _draw_duties(console, plan["duties"], plan["duties"] | (plan["remarks"] or {}))
    result = plan["code"] or (str(plan["status"]) if plan["sent"] else "未发 not sent")
    console.print(facts([
        ("动作 Act", plan["act"]), ("范围 Scope", plan["scope"]),
        ("交接 Handover", f"{_unit(plan, 'outgoing')} → {_unit(plan, 'incoming')} {plan['incoming']['from']}"),
        ("日志头 Log head", f"{plan['head']['size']} {plan['head']['root']}"), ("结果 Result", result),
        ("存证叶 Leaf", "-" if plan["leaf"] is None else str(plan["leaf"])),
    ]))  # fmt: skip
