"""`ceg consent`: which permissions of learners stand, what they are used by, and taking one back for the learner."""

import asyncio
from typing import Annotated, Any

import typer
from rich.console import Console

from gateway.cli.helps import Command, about, group
from gateway.cli.screen import facts, table
from gateway.cli.signing import Signer, reason_of, sign_and_send
from gateway.cli.spread import spread
from gateway.cli.transfer_source import Reader, Where
from gateway.cli.transfer_words import local_time
from gateway.model.documents import ConsentWithdrawal

SHORT = 12
STATES = {"given": "有效 given", "withdrawn": "已撤回 withdrawn", "erased": "已删除 erased"}
LISTED_MAX = 2000
app = group(
    "学习者的授权:查看,代学习者撤回。",
    "Learners' consents: list them, and take one back for the learner.",
    "ceg consent list --config gateway.toml",
    "ceg consent withdraw c-17 --reason 学习者来电撤回 --url https://gw.example --member CN-31 --key-file m.pem",
)


@app.command(
    "list",
    cls=Command,
    help=about(
        "列出授权:给谁、至何时、由哪一案使用。没有个人信息。",
        "List consents: for whom, until when, used by which case. Nothing personal.",
        "ceg consent list --url https://gw.example --member CN-31 --key-file m.pem",
        "ceg consent list --transfer 5f0c21 --config gateway.toml --json",
        more_zh="给 --url 时为本行(受理行)持有的;否则直接读节点的数据库,为中心所见。",
        more_en="With --url these are the ones that we hold as facing bank; else the node's database is read, as the centre sees it.",
    ),
)
@spread
def list_consents(
    reader: Reader,
    used_by: Annotated[
        str, typer.Option("--transfer", metavar="ID", help="只列此转移所用的,可写开头。 / Only of this transfer, or its beginning.")
    ] = "",
) -> None:
    """In the order of their ids, at most 2,000."""
    screen = reader.screen()
    found, more = asyncio.run(_all(reader.where, used_by))
    if more:
        screen.note("注意:还有更多,此处未全部列出。", "Note: there are more than are shown here.")
    screen.emit(found, lambda console: _draw(console, found))


async def _all(where: Where, used_by: str) -> tuple[list[dict[str, Any]], bool]:
    found: list[dict[str, Any]] = []
    cursor, seen = "", 0
    async with where.open() as cases:
        while True:
            page = await cases.consents(cursor=cursor)
            seen += len(page["consents"])
            found += [each for each in page["consents"] if each["used_by"].startswith(used_by)]
            cursor = page["next"] or ""
            if not cursor or seen >= LISTED_MAX:
                return found, bool(cursor)


def _draw(console: Console, consents: list[dict[str, Any]]) -> None:
    if not consents:
        console.print("没有授权。 There are no consents.")
        return
    shown = table("授权 Consent", "受理行→接收方 Held by→for", "至 Until", "状态 State", "用于 Used by")
    for each in consents:
        state = STATES.get(each["state"], each["state"])
        shown.add_row(
            each["consent"], f"{each['controller']}→{each['recipient']}", local_time(each["until"]), state, each["used_by"][:SHORT] or "-"
        )
    console.print(shown)


@app.command(
    "withdraw",
    cls=Command,
    help=about(
        "代学习者撤回一项授权。",
        "Take one consent back for the learner.",
        "ceg consent withdraw c-17 --reason 学习者来电撤回 --url https://gw.example --member CN-31 --key-file m.pem",
        "ceg consent withdraw c-17 --reason 书面撤回 --dry-run --url https://gw.example --member CN-31 --key-file m.pem",
        more_zh="由持有授权的受理行签署并写叶,不能收回;尚未认定的案件随即停止,已认定的不受影响。",
        more_en="The facing bank that holds it signs; it is a leaf and cannot be undone. An undecided case stops; what is decided stands.",
    ),
)
@spread
def withdraw(
    consent: Annotated[str, typer.Argument(metavar="CONSENT", help="授权编号。 / The consent's id.")],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="说明,写入签名的文件;不得含个人信息。 / Why; signed. Nothing personal.")
    ],
    signer: Signer,
) -> None:
    """One signed withdrawal, one verified answer."""
    withdrawal = ConsentWithdrawal(consent, "learner_request", reason_of(reason))
    plan = {"consent": consent, "controller": signer.member}
    sign_and_send(signer.screen(), signer, plan, _draw_withdrawal, lambda operator: operator.withdraw_consent(withdrawal))


def _draw_withdrawal(console: Console, plan: dict[str, Any]) -> None:
    result = plan["code"] or (str(plan["status"]) if plan["sent"] else "未发 not sent")
    rows = [("授权 Consent", plan["consent"]), ("受理行 Held by", plan["controller"]), ("结果 Result", result)]
    console.print(facts([*rows, ("存证叶 Leaf", "-" if plan["leaf"] is None else str(plan["leaf"]))]))
