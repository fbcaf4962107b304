"""`ceg report`: statements per pair and month, and whether the books balance."""

import asyncio
import json
from dataclasses import replace
from typing import Annotated, Any

import typer
from rich.console import Console

from gateway.cli.exits import ExitCode
from gateway.cli.faults import CliError
from gateway.cli.helps import Command, about, group
from gateway.cli.options import AsJson, Config, Data, NoColor
from gateway.cli.screen import Screen, facts, table
from gateway.cli.sources import open_node
from gateway.cli.transfer_words import local_time
from gateway.recognition.statement import LINES, bounds_of, figures_of
from gateway.storage.rows import StatementRow
from gateway.transfers.conservation import Balance, Finding, balance
from gateway.transfers.recount import compared
from gateway.transfers.statement_watch import cases_of
from gateway.transfers.statements import statement_json

STATEMENTS_MAX = 1_000
SHORT = 12
STATES = {"issued": "待签署 issued", "signed": "双方已签 signed", "disputed": "有异议 disputed", "draft": "未出 not issued"}
LINE_WORDS = {
    "submitted": "申请 submitted",
    "recognised": "认可 recognised",
    "refused": "拒绝 refused",
    "closed": "关闭 closed",
    "pending": "待定 pending",
}
app = group(
    "报表:按对、按月的对账单,以及学分守恒的核对。",
    "Statements per ordered pair and month, and whether credits balance.",
    "ceg report statement --period 2026-11 --config gateway.toml",
    "ceg report check --config gateway.toml --json",
)


@app.command(
    "statement",
    cls=Command,
    help=about(
        "列出对账单;指明转出行、接收行与月份时显示该单。",
        "List statements; with source, accepting bank and month, show that one.",
        "ceg report statement --config gateway.toml",
        "ceg report statement --source CN-31 --accepting CN-32 --period 2026-11 --config gateway.toml --json",
        more_zh="指明的一单若尚未发出,显示此刻的数字。各行的异议逐项列出。",
        more_en="One that was not issued yet is shown with the figures of this moment. What a bank disputes is listed item by item.",
    ),
)
def statement(
    source: Annotated[str, typer.Option("--source", metavar="ID", help="转出行,如 CN-31。 / Source bank, as CN-31.")] = "",
    accepting: Annotated[str, typer.Option("--accepting", metavar="ID", help="接收行。 / Accepting bank.")] = "",
    period: Annotated[str, typer.Option("--period", metavar="MONTH", help="月份,如 2026-11。 / Month, as 2026-11.")] = "",
    config: Config = None,
    data: Data = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """All of them, one line each; or one."""
    screen = Screen.open(as_json, no_color)
    _check_period(period)

    async def read() -> list[dict[str, Any]]:
        async with open_node(config, data) as node:
            rows = await node.database.fetch("statements_all", source=source, accepting=accepting, period=period, most=STATEMENTS_MAX)
            found = [_shown(StatementRow(*row)) for row in rows]
            if found or not (source and accepting and period):
                return found
            _, cases = await cases_of(node.database, source, accepting, period)
            draft = {"source": source, "accepting": accepting, "period": period, "revision": 0, "state": "draft", "differences": []}
            return [draft | {"figures": figures_of(cases).json()}]

    found = asyncio.run(read())
    one = bool(source and accepting and period)
    screen.emit(found, lambda console: _draw_one(console, found[0]) if one else _draw_all(console, found))


def _check_period(period: str) -> None:
    if not period:
        return
    try:
        bounds_of(period)
    except ValueError:
        raise CliError("cli.usage", "--period 为月份,如 2026-11", "--period is a month, as 2026-11") from None


def _shown(row: StatementRow) -> dict[str, Any]:
    names = ("transfer", "record", "own_state", "own_credits", "stated_state", "stated_credits")
    disputed = json.loads(row.disputed)
    differences = [{"member": member, **dict(zip(names, item, strict=True))} for member, items in disputed.items() for item in items]
    return {**statement_json(row), "differences": differences}


def _draw_all(console: Console, found: list[dict[str, Any]]) -> None:
    if not found:
        console.print("没有对账单。 No statement was issued yet.")
        return
    shown = table("月份 Month", "转出→接收", "版 Rev.", "案 Cases", "申请 Submitted", "认可 Recognised", "状态 State")
    for each in found:
        lines = each["figures"]["lines"]
        pair = f"{each['source']}→{each['accepting']}"
        sizes = (lines["submitted"]["credits"], lines["recognised"]["credits"])
        shown.add_row(each["period"], pair, str(each["revision"]), str(each["figures"]["transfers"]), *sizes, STATES[each["state"]])
    console.print(shown)


def _draw_one(console: Console, each: dict[str, Any]) -> None:
    figures = each["figures"]
    rows = [
        ("对账单 Statement", f"{each['source']}→{each['accepting']} {each['period']}"),
        ("版 Revision", str(each["revision"])),
        ("状态 State", STATES[each["state"]]),
        ("案件 Cases", str(figures["transfers"])),
        ("实际入账 Awarded", figures["awarded"]),
        ("积分 Points", f"{figures['points']['points']} ({figures['points']['items']})"),
    ]
    if "signed" in each:
        signed = (f"{member} {local_time(at) if at else '未签 not signed'}" for member, at in each["signed"].items())
        rows += [("签署 Signed", "\n".join(signed)), ("存证叶 Leaf", str(each["leaf"]))]
    console.print(facts(rows))
    shown = table("", "项 Items", "学分 Credits", "未计 Uncounted")
    for name in LINES:
        line = figures["lines"][name]
        shown.add_row(LINE_WORDS[name], str(line["items"]), line["credits"], str(line["uncounted"]))
    for reason, line in figures["closed_by_reason"].items():
        shown.add_row(f"  {reason}", str(line["items"]), line["credits"], str(line["uncounted"]))
    console.print(shown)
    if each["differences"]:
        differing = table("异议行 By", "转移 Transfer", "记录 Record", "对账单 Stated", "该行 Its own")
        for item in each["differences"]:
            stated, own = (f"{item[f'{side}_state'] or '-'} {item[f'{side}_credits'] or ''}".rstrip() for side in ("stated", "own"))
            differing.add_row(item["member"], item["transfer"][:SHORT], item["record"], stated, own)
        console.print(differing)


@app.command(
    "check",
    cls=Command,
    help=about(
        "核对学分守恒:由数据库、仅由存证日志的叶、由对账单各算一遍。",
        "Check conservation: by database, by leaves alone, by statements.",
        "ceg report check --config gateway.toml",
        "ceg report check --data var/gateway --json",
        more_zh="发现不符时逐案列出,退出码 6;页面所用的各项计数也由叶与表重算一遍。不核验叶本身:先用 ceg log verify。",
        more_en=(
            "What differs is listed case by case, exit code 6; so is any count behind the pages that leaves and tables do not come to. "
            "The leaves are taken as they are: run ceg log verify first."
        ),
    ),
)
def check(config: Config = None, data: Data = None, as_json: AsJson = False, no_color: NoColor = False) -> None:
    """One check of everything."""
    screen = Screen.open(as_json, no_color)

    async def read() -> tuple[Balance, int]:
        async with open_node(config, data) as node:
            found = await balance(node.database)
            wrong, unread = await compared(node.database)
            counts = [Finding("statistics.count", each.what, each.counted, each.kept) for each in wrong]
            return replace(found, findings=(*found.findings, *counts)), unread

    found, unread = asyncio.run(read())
    screen.emit({**_balance_json(found), "issuers_unread": unread}, lambda console: _draw_balance(console, found, unread))
    if not found.ok:
        raise typer.Exit(ExitCode.FINDINGS)


def _balance_json(found: Balance) -> dict[str, Any]:
    return {
        "ok": found.ok,
        "size": found.size,
        "transfers": found.transfers,
        "statements": found.statements,
        "pairs": [
            {"source": source, "accepting": accepting, "period": period, **sums.shown()}
            for (source, accepting, period), sums in sorted(found.sums.items())
        ],
        "findings": [{"code": each.code, "where": each.where, "wanted": each.wanted, "found": each.found} for each in found.findings],
        "more": found.more,
    }


def _draw_balance(console: Console, found: Balance, unread: int) -> None:
    console.print(
        facts([("叶 Leaves", str(found.size)), ("案件 Cases", str(found.transfers)), ("对账单 Statements", str(found.statements))])
    )
    shown = table("月份 Month", "转出→接收", "案 Cases", *LINE_WORDS.values(), "入账 awarded")
    for (source, accepting, period), sums in sorted(found.sums.items()):
        amounts = (format(sums.amounts[name], "f") for name in (*LINES, "awarded"))
        shown.add_row(period, f"{source}→{accepting}", str(sums.transfers), *amounts)
    console.print(shown)
    if unread:
        console.print(
            f"{unread} 项的出具机构已不可读(已删除,或未给主密钥):只能核对其合计。 "
            f"The institution of {unread} items cannot be read (erased, or no master key): only their sums were checked."
        )
    if found.ok:
        console.print("三处一致,学分守恒,计数无误。 All three agree: credits are conserved, and the counts are right.")
        return
    wrong = table("代码 Code", "何处 Where", "应为 Wanted", "现为 Found")
    for each in found.findings:
        wrong.add_row(each.code, each.where, each.wanted, each.found)
    console.print(wrong)
    if found.more:
        console.print("还有更多,此处未全部列出。 There are more than are shown here.")
