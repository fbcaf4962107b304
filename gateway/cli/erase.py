"""`ceg erase`, `ceg hold`: what is to become of a part that is kept, each order signed by a bank; `ceg erased`: what was erased."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from rich.console import Console

from gateway.cli.faults import CliError
from gateway.cli.helps import Command, about, group
from gateway.cli.options import AsJson, Config, NoColor
from gateway.cli.screen import Screen, facts, table
from gateway.cli.signing import Signer, sign_and_send
from gateway.cli.sources import open_node
from gateway.cli.spread import spread
from gateway.cli.transfer_source import Where, find_case
from gateway.federation.part_orders import ERASE_REASONS, HOLD_REASONS, PartOrder, is_part_id
from gateway.model.scopes import consent_scope
from gateway.model.transfer import Act
from gateway.storage.part_rows import FateRow
from gateway.transferlog.erased import erased_parts

HELD_MAX = 1000
WHERE = "--url https://gw.example --member CN-31 --key-file m.pem --trust-file trust.json"
app = group(
    "法定保全:禁止删除某一分件。",
    "Legal holds: a part that may not be erased.",
    "ceg hold list --config gateway.toml",
    f"ceg hold set 5f0c21 --reason court_order --until 2027-06-30 {WHERE}",
)
PartId = Annotated[str, typer.Argument(metavar="TRANSFER", help="转移号,或其唯一的开头。 / Transfer id, or its unique beginning.")]
WholePart: TypeAlias = Annotated[
    str,
    typer.Option("--part", metavar="ID", help="分件号,用于没有转移的分件(查询)。 / A part id, where there is no transfer (an enquiry)."),
]
NamedConsent: TypeAlias = Annotated[
    str,
    typer.Option("--consent", metavar="HOLDER/ID", help="不属任何案件的授权:持有行/编号。 / A consent of no case: its holder and id."),
]
EraseReason = Annotated[str, typer.Option("--reason", metavar="CODE", help="理由代码。 / Reason: " + ", ".join(ERASE_REASONS))]
HoldReason = Annotated[str, typer.Option("--reason", metavar="CODE", help="理由代码。 / Reason: " + ", ".join(HOLD_REASONS))]


@spread
def erase(
    signer: Signer,
    transfer: Annotated[str, typer.Argument(metavar="TRANSFER", help="转移号,或其唯一的开头。 / Transfer id, or its beginning.")] = "",
    part: WholePart = "",
    consent: NamedConsent = "",
    reason: EraseReason = "learner_request",
) -> None:
    """The signed order, and what the gateway answered."""
    if [bool(transfer), bool(part), bool(consent)].count(True) != 1:
        raise CliError(
            "cli.usage", "须写明转移号、--part 或 --consent 其中之一", "name a transfer, or a part (--part), or a consent (--consent)"
        )
    _order(signer, Act.ERASE, transfer or part or _consent_part(consent), PartOrder("", reason))


def _consent_part(named: str) -> str:
    holder, _, number = named.partition("/")
    if not (holder and number):
        raise CliError("cli.usage", "授权写作 持有行/编号,如 CN-31/c-17", "a consent is written HOLDER/ID, as CN-31/c-17")
    return consent_scope(holder, number)


ERASE_HELP = about(
    "删除网关所存的一个分件:销毁其密钥。不可恢复。",
    "Erase what the gateway keeps of a case: its key is destroyed, for good.",
    f"ceg erase 5f0c21 --reason learner_request {WHERE}",
    f"ceg erase --consent CN-31/c-17 --reason learner_request {WHERE}",
    more_zh="由受理行或轮值单位签署。未了结、仍可异议或受法定保全的不删除,并告知何日起可以。两行另存的一份不受影响。"
    "--consent 用于不属任何案件的授权(诚信查询,或从未使用);已被案件使用的随案件删除。",
    more_en="Signed by the facing bank or the presiding unit. Open, disputable or legally held parts are refused, with the date from "
    "which it is possible. What the two banks keep is not touched. --consent is for a consent that belongs to no case (for integrity "
    "flags, or never used); one that a case took up goes with the case.",
)


@app.command(
    "set",
    cls=Command,
    help=about(
        "对一个转移设法定保全。",
        "Put a transfer under a legal hold.",
        f"ceg hold set 5f0c21 --reason court_order --until 2027-06-30 {WHERE}",
        more_zh="案中任一银行或轮值单位签署;不写 --until 则直到解除为止。",
        more_en="Signed by any bank of the case or the presiding unit; without --until it lasts until it is released.",
    ),
)
@spread
def set_hold(
    transfer: PartId,
    signer: Signer,
    reason: HoldReason = "court_order",
    until: Annotated[str, typer.Option("--until", metavar="DAY", help="保全的最后一日。 / The hold's last day (YYYY-MM-DD).")] = "",
) -> None:
    """`legal-hold`."""
    _order(signer, Act.LEGAL_HOLD, transfer, PartOrder("", reason, until))


@app.command(
    "release",
    cls=Command,
    help=about("解除法定保全。", "Release a legal hold.", f"ceg hold release 5f0c21 --reason court_order {WHERE}"),
)
@spread
def release(
    transfer: PartId,
    signer: Signer,
    reason: HoldReason = "court_order",
) -> None:
    """`legal-release`."""
    _order(signer, Act.LEGAL_RELEASE, transfer, PartOrder("", reason))


@app.command(
    "list",
    cls=Command,
    help=about("列出受法定保全的分件。", "List what is under a legal hold.", "ceg hold list --config gateway.toml --json"),
)
def list_held(
    config: Config = None,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="PATH", help="数据目录或数据库文件。 / A node's data folder or file.")
    ] = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """From a node's own database."""
    screen = Screen.open(as_json, no_color)
    shown = asyncio.run(_held(config, data))

    def draw(console: Console) -> None:
        made = table("分件 Part", "自 Since", "由 By", "理由 Reason", "至 Until")
        for each in shown:
            made.add_row(each["part"], each["at"][:10], each["by"], each["reason"], each["until"] or "-")
        console.print(made if shown else "没有受法定保全的分件。 Nothing is under a legal hold.")

    screen.emit(shown, draw)


async def _held(config: Path | None, data: Path | None) -> list[dict[str, Any]]:
    async with open_node(config, data) as node:
        rows = [FateRow(*row) for row in await node.database.fetch("fates_held", most=HELD_MAX)]
    return [{"part": row.part_id, "at": row.held_at, "by": row.held_by, "reason": row.held_reason, "until": row.held_until} for row in rows]


def erased(
    config: Config = None,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="PATH", help="数据目录或数据库文件。 / A node's data folder or file.")
    ] = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """The list of what was erased, for `ceg restore --erasures`."""
    screen = Screen.open(as_json, no_color)
    found = asyncio.run(_erased(config, data))

    def draw(console: Console) -> None:
        made = table("分件 Part", "删除于 Erased", "由 By", "理由 Reason")
        for part, how in found.items():
            made.add_row(part, how["at"][:19], how["by"], how["reason"])
        console.print(made if found else "没有已删除的分件。 Nothing was erased.")

    screen.emit({"v": 1, "erased": found}, draw)


ERASED_HELP = about(
    "列出已删除的分件。",
    "List what was erased.",
    "ceg erased --config gateway.toml --json > erased.json",
    more_zh="与备份分开保存;ceg restore --erasures 用它。存证日志的任一副本(导出、成员行的镜像)也可代替它。",
    more_en="Keep it apart from the backups, for ceg restore --erasures. Any copy of the transfer log (an export, a bank's mirror) will do "
    "instead.",
)


async def _erased(config: Path | None, data: Path | None) -> dict[str, dict[str, str]]:
    async with open_node(config, data) as node:
        size, _ = await node.reading.head()
        found: dict[str, dict[str, str]] = {}
        for first in range(0, size, HELD_MAX):
            leaves = await node.reading.entries(first, min(size, first + HELD_MAX))
            found |= {part: how for part, how in erased_parts(enumerate(leaves, first)).items() if part not in found}
        return found


def _order(signer: Signer, act: Act, named: str, order: PartOrder) -> None:
    screen = signer.screen()
    order = PartOrder(asyncio.run(_part(signer.where, named)), order.reason, order.until)
    if not order.sound():
        raise CliError("cli.usage", "理由不在代码表内,或日期写错", "the reason is not one of the list, or the day is not a day")
    if act is Act.ERASE and not signer.dry_run:
        screen.note(
            "注意:删除之后无法恢复,也无法再出具此案的证据包。", "Note: this cannot be undone, and no evidence can be made of the case."
        )
    plan = {"act": act.value, "part": order.part, "reason": order.reason, "until": order.until or None}
    sign_and_send(screen, signer, plan, _draw, lambda operator: operator.order_part(act, order))


async def _part(where: Where, named: str) -> str:
    """A whole id stands for itself: a part need not be a transfer that this bank may read."""
    if is_part_id(named):
        return named
    async with where.open() as cases:
        return str((await find_case(cases, named))["transfer"])


def _draw(console: Console, told: Mapping[str, Any]) -> None:
    rows = [("命令 Order", told["act"]), ("分件 Part", told["part"]), ("理由 Reason", told["reason"])]
    rows += [("至 Until", told["until"])] if told["until"] else []
    result = told["code"] or f"{told['status']}  leaf {told['leaf']}"
    rows.append(("结果 Result", result if told["sent"] else "未发 not sent"))
    console.print(facts(rows))


COMMANDS = (("erase", erase, ERASE_HELP), ("erased", erased, ERASED_HELP))
