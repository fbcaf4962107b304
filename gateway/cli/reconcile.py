"""`ceg reconcile`: what state digests found between the gateway and its members, item by item."""

import asyncio
from typing import Annotated, Any

import typer
from rich.console import Console

from gateway.cli.helps import Command, about, group
from gateway.cli.options import AsJson, Config, Data, NoColor
from gateway.cli.screen import Screen, facts, table
from gateway.cli.sources import open_node
from gateway.cli.transfer_words import local_time
from gateway.transfers.reconciled import Reconciled

SHORT = 12
KINDS = {
    "acknowledged_not_kept": ("已签收而未保存", "acknowledged, not kept"),
    "unknown_number": ("双方都没有此消息", "neither side has it"),
    "missing_here": ("网关缺少该行的消息", "the gateway lacks it"),
    "lost_at_bank": ("该行自己也没有此消息", "the bank lost its own"),
    "number_twice": ("一号两件", "one number, two messages"),
    "unknown_transfer": ("该行不知此案", "unknown to the bank"),
    "ahead": ("该行所知更新", "the bank knows more"),
    "state": ("状态不同", "another state"),
    "item": ("单项不同", "another item"),
}
REPAIRS = {
    "": "",
    "owed_again": "已再次列为应发 sent again",
    "owed_again_before": "已再发过 was sent again",
    "superseded": "不再发送:已被取代 superseded",
    "no_consent": "不再发送:授权已止 no consent",
    "none": "无可再发 nothing to send",
}
app = group(
    "与各成员核对:消息编号与案件状态的差异。",
    "What the gateway and its members do not agree on.",
    "ceg reconcile list --config gateway.toml",
    "ceg reconcile show CN-32 --config gateway.toml --all",
)


@app.command(
    "list",
    cls=Command,
    help=about(
        "列出各成员的核对进度与差异数。",
        "List members: their state digests and how many differences stand.",
        "ceg reconcile list --config gateway.toml",
        "ceg reconcile list --data var/gateway --json",
    ),
)
def list_members(config: Config = None, data: Data = None, as_json: AsJson = False, no_color: NoColor = False) -> None:
    """One line a member."""
    screen = Screen.open(as_json, no_color)

    async def read() -> list[dict[str, Any]]:
        async with open_node(config, data) as node:
            return await Reconciled(node.database).listing()

    found = asyncio.run(read())

    def draw(console: Console) -> None:
        if not found:
            console.print("尚未与任何成员核对。 No member was reconciled with yet.")
            return
        shown = table("成员 Member", "次 Digests", "上次 Answered", "下次 Next", "差异 Differences")
        for each in found:
            standing = " ".join(f"{KINDS[kind][0]}×{count}" for kind, count in sorted(each["differences"].items()))
            upcoming = "等待答复 waiting" if each["under_way"] else _day(each["next_at"])
            shown.add_row(each["member"], str(each["digests"]), _day(each["answered_at"]), upcoming, standing or "无 none")
        console.print(shown)

    screen.emit(found, draw)


@app.command(
    "show",
    cls=Command,
    help=about(
        "逐项列出与一个成员的差异。",
        "Show the differences with one member, item by item.",
        "ceg reconcile show CN-32 --config gateway.toml",
        "ceg reconcile show CN-32 --config gateway.toml --all --json",
        more_zh="各类差异的含义与处置见 docs/operations.md。",
        more_en="What each kind means, and what to do, is in docs/operations.md.",
    ),
)
def show(
    member: Annotated[str, typer.Argument(metavar="MEMBER", help="成员标识,如 CN-32。 / Member id, as CN-32.")],
    closed: Annotated[bool, typer.Option("--all", help="也列出已消除的。 / Also those that no longer stand.")] = False,
    config: Config = None,
    data: Data = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """One member, one line a difference."""
    screen = Screen.open(as_json, no_color)

    async def read() -> dict[str, Any]:
        async with open_node(config, data) as node:
            return await Reconciled(node.database).show(member, closed=closed)

    found = asyncio.run(read())
    screen.emit(found, lambda console: _draw(console, found))


def _draw(console: Console, found: dict[str, Any]) -> None:
    numbers = f"发出 sent {found['sent']} (已核 settled {found['sent_settled']})  收到 received, settled {found['received_settled']}"
    console.print(facts([("成员 Member", found["member"]), ("摘要 Digests", str(found["digests"])), ("编号 Numbers", numbers)]))
    if not found["items"]:
        console.print("没有差异。 Nothing differs.")
        return
    shown = table("何事 What", "转移 Transfer", "编号/记录", "本方 Ours", "对方 Theirs", "自 Since", "至 Until")
    for each in found["items"]:
        zh, en = KINDS[each["kind"]]
        theirs = "\n".join(part for part in (each["theirs"], REPAIRS.get(each["repair"], each["repair"])) if part)
        until = _day(each["closed_at"])
        shown.add_row(f"{zh}\n{en}", each["transfer"][:SHORT], each["subject"], each["ours"], theirs, _day(each["found_at"]), until)
    console.print(shown)


def _day(moment: str) -> str:
    return local_time(moment)[5:] if moment else ""
