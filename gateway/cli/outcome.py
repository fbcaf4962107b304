"""`ceg outcome`: certificate numbers that are claimed for two learners, and the presiding unit's ruling on one."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Console

from gateway.cli.faults import CliError
from gateway.cli.helps import Command, about, group
from gateway.cli.screen import facts, table
from gateway.cli.signing import Signer, reason_of, sign_and_send
from gateway.cli.spread import spread
from gateway.cli.transfer_source import Reader, Where
from gateway.cli.transfer_words import ITEMS, STATES, deadline_day, local_time
from gateway.model.documents import Clearance
from gateway.model.transfer import State

SHORT = 12
NONE = "none"
app = group(
    "有争议的成果:查看,由轮值单位裁定。",
    "Contested outcomes: list them, and rule on one as the presiding unit.",
    "ceg outcome list --config gateway.toml",
    "ceg outcome clear 26f8b5 --stands 5f0c21 --reason 已向两行核实 --url https://gw.example --member CN-33 --key-file m.pem",
)


@app.command(
    "list",
    cls=Command,
    help=about(
        "列出有争议的成果与各项主张,久者在前。",
        "List contested outcomes with their claims, the oldest first.",
        "ceg outcome list --config gateway.toml",
        "ceg outcome list --url https://gw.example --member CN-33 --key-file m.pem --json",
        more_zh="给 --url 时为须由本行裁定的;否则直接读节点的数据库,为中心所见。",
        more_en="With --url these are the ones that we are to rule on; else the node's database is read, as the centre sees it.",
    ),
)
@spread
def list_contested(
    reader: Reader,
) -> None:
    """Everything that waits for a ruling."""
    screen = reader.screen()
    found = asyncio.run(_contested(reader.where))
    if found["more"]:
        screen.note("注意:还有更多,此处未全部列出。", "Note: there are more than are shown here.")
    screen.emit(found["outcomes"], lambda console: _draw_list(console, found["outcomes"]))


async def _contested(where: Where) -> dict[str, Any]:
    async with where.open() as cases:
        return await cases.contested()


def _draw_list(console: Console, outcomes: Sequence[dict[str, Any]]) -> None:
    if not outcomes:
        console.print("没有有争议的成果。 No outcome is contested.")
    for each in outcomes:
        waits = "待裁定 waits for a ruling" if each["waits_for"] == "ruling" else "已裁定,待冲回 ruled, waits for a recall"
        console.print(f"{each['outcome'][:SHORT]}  {waits}", style="bold")
        console.print(f"{each['presiding_unit'] or '-'}  自 since {local_time(each['since'])}")
        shown = table("转移 Transfer", "记录 Record", "转出→接收", "该项 Item", "状态 State", "至 Until")
        shown.columns[0].no_wrap = True
        for claim in each["claims"]:
            zh, en = STATES[State(claim["state"])]
            shown.add_row(
                claim["transfer"][:SHORT],
                claim["record"],
                f"{claim['source']}→{claim['accepting']}",
                ITEMS.get(claim["item"], claim["item"]) if claim["live"] else "已结束 ended",
                f"{zh} {en}",
                deadline_day(claim["deadline"]),
            )
        console.print(shown)


@app.command(
    "clear",
    cls=Command,
    help=about(
        "裁定一项有争议的成果:哪一主张成立,或都不成立。",
        "Rule on a contested outcome: which claim stands, or that none does.",
        "ceg outcome clear 26f8b5 --stands 5f0c21 --reason 已向两行核实 --url https://gw.example --member CN-33 --key-file m.pem",
        "ceg outcome clear 26f8b5 --stands none --reason 编号有误 --dry-run --url https://gw.example --member CN-33 --key-file m.pem",
        more_zh="不成立的主张:待定的项关闭,已认可的由接收行冲回,冲回之后成果才归成立的一方。由轮值单位签署并写叶,不能收回。",
        more_en="Where a claim does not stand, its open item is closed, and a recognised one is recalled: only once that is booked "
        "does the outcome pass. The presiding unit signs; it is a leaf and cannot be taken back.",
    ),
)
@spread
def clear(
    outcome: Annotated[
        str, typer.Argument(metavar="OUTCOME", help="成果标识,或其唯一的开头。 / The outcome's key, or its unique beginning.")
    ],
    stands: Annotated[
        str,
        typer.Option(
            "--stands", metavar="TRANSFER", help="成立的主张的转移号或其开头,或 none。 / The claim that stands: transfer, or none."
        ),
    ],
    reason: Annotated[
        str,
        typer.Option("--reason", metavar="TEXT", help="理由,写入签名的裁定;不得含个人信息。 / Why; part of the ruling. Nothing personal."),
    ],
    signer: Signer,
) -> None:
    """One ruling, one verified answer."""
    why = reason_of(reason)
    found = _one(asyncio.run(_contested(signer.where))["outcomes"], "outcome", outcome)
    claim = None if stands == NONE else _one([each for each in found["claims"] if each["live"]], "transfer", stands)
    plan = {
        "outcome": found["outcome"], "ver": found["ver"], "stands": claim["transfer"] if claim else NONE,
        "record": claim["record"] if claim else "",
    }  # fmt: skip
    ruling = Clearance("other", why, claim["transfer"] if claim else "", plan["record"])
    sign_and_send(
        signer.screen(), signer, plan, _draw_ruling, lambda operator: operator.clear(found["outcome"], found["ver"], ruling),
        before=lambda console: _draw_list(console, [found]),
    )  # fmt: skip


def _one(entries: Sequence[dict[str, Any]], name: str, id: str) -> dict[str, Any]:
    """The one whose id is this or begins like this.  Raises CliError(`cli.usage`, `cli.not_found`)."""
    found = [each for each in entries if len(id) >= 4 and each[name].startswith(id)]
    if len(found) > 1 or len(id) < 4:
        raise CliError("cli.usage", "编号写出唯一的开头,至少 4 位", "give a beginning that only one id has, at least 4 characters", id=id)
    if not found:
        raise CliError(
            "cli.not_found", "须由本行裁定的成果或其主张中没有此项", "there is no such outcome or claim for us to rule on", id=id
        )
    return found[0]


def _draw_ruling(console: Console, plan: dict[str, Any]) -> None:
    result = plan["code"] or (str(plan["status"]) if plan["sent"] else "未发 not sent")
    rows = [
        ("成果 Outcome", plan["outcome"]),
        ("成立 Stands", f"{plan['stands']} {plan['record']}".rstrip()),
        ("结果 Result", result),
        ("存证叶 Leaf", "-" if plan["leaf"] is None else str(plan["leaf"])),
    ]
    console.print(facts(rows))
