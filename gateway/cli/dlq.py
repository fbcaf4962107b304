"""`ceg dlq`: held transfers and dead letters; and the presiding unit's orders on them, each its own signed message."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Console

from gateway.cli.dlq_selection import Chosen, ExpectCount, SelectionToken, carried_out, check_count, plan_of
from gateway.cli.dlq_words import SHORT, groups, reason_words, then_words, what
from gateway.cli.exits import exit_of
from gateway.cli.faults import CliError
from gateway.cli.helps import Command, about, group
from gateway.cli.screen import Screen, facts, table
from gateway.cli.signing import REASON_CHARS_MAX, Signer, operator_at
from gateway.cli.spread import spread
from gateway.cli.transfer import draw_case
from gateway.cli.transfer_source import Reader, Where
from gateway.cli.transfer_words import STATES, local_time
from gateway.client.reading import problem_error
from gateway.client.receipts import Judge
from gateway.client.selected import line_of
from gateway.errors import GatewayError
from gateway.model.documents import Order
from gateway.model.transfer import Act, State

ORDERS_MAX = 100
app = group(
    "挂起的转移与死信:查看、重试、取消。",
    "Held transfers and dead letters: list, show, retry, cancel.",
    "ceg dlq list --config gateway.toml",
    "ceg dlq show 5f0c21 --config gateway.toml",
    "ceg dlq retry 5f0c21 --reason 已与该行电话确认 --url https://gw.example --member CN-33 --key-file m.pem --trust-file trust.json",
)
StuckId = Annotated[
    str, typer.Argument(metavar="ID", help="转移号或消息号,或其唯一的开头。 / Transfer or message id, or its unique beginning.")
]
StuckIds = Annotated[
    list[str] | None,
    typer.Argument(metavar="ID...", help="看到的各项的编号,逐一写明。 / The ids of what was seen, each by itself.", show_default=False),
]
Reason = Annotated[
    str,
    typer.Option(
        "--reason",
        metavar="TEXT",
        help="理由,写入签名的命令;不得含个人信息。 / Why; part of the signed order. Nothing personal.",
    ),
]


@app.command(
    "list",
    cls=Command,
    help=about(
        "列出挂起的转移与死信,按等待的银行与原因分组。",
        "List what is held and the dead letters, by bank and by reason.",
        "ceg dlq list --config gateway.toml --bank CN-32",
        "ceg dlq list --url https://gw.example --member CN-33 --key-file m.pem --json",
        more_zh="给 --url 时为本行案件及本行轮值的案件;否则直接读节点的数据库,为中心所见。",
        more_en="With --url these are our own cases and those we preside over; else the node's database is read, as the centre sees it.",
    ),
)
@spread
def list_stuck(
    reader: Reader,
    bank: Annotated[str, typer.Option("--bank", metavar="ID", help="只看等待此银行的。 / Only what waits for this bank.")] = "",
) -> None:
    """Everything that waits for an operator."""
    screen = reader.screen()
    found = asyncio.run(_stuck(reader.where))
    shown = [each for each in found["stuck"] if not bank or bank in each["members"]]
    if found["more"]:
        screen.note("注意:还有更多,此处未全部列出。", "Note: there are more than are shown here.")
    screen.emit(shown, lambda console: _draw_list(console, shown))


def _draw_list(console: Console, entries: Sequence[dict[str, Any]]) -> None:
    if not entries:
        console.print("没有挂起的转移,也没有死信。 Nothing is held, and there are no dead letters.")
    for (members, reason), inside in groups(entries).items():
        title = f"{members}  {reason_words(reason)}  ×{len(inside)}"
        shown = table("编号 Id", "什么 What", "自 Since", "已试 Tries", "之后 Next", title=title)
        shown.columns[0].no_wrap = True
        for each in inside:
            tries = f"{each['tries']} {each['last_error']}".rstrip()
            shown.add_row(each["id"][:SHORT], what(each), local_time(each["since"])[5:], tries, then_words(each))
        console.print(shown)


@app.command(
    "show",
    cls=Command,
    help=about(
        "查看其中一项及其经过。",
        "Show one of them with its history.",
        "ceg dlq show 5f0c21 --config gateway.toml",
        "ceg dlq show q3vYk2 --url https://gw.example --member CN-33 --key-file m.pem --json",
    ),
)
@spread
def show(
    reader: Reader,
    id: StuckId,
) -> None:
    """One held transfer or dead letter whole."""
    screen = reader.screen()
    entry, case = asyncio.run(_one(reader.where, id))

    def draw(console: Console) -> None:
        state = "-" if entry["state"] is None else " ".join(STATES[State(entry["state"])])
        rows = [
            ("编号 Id", entry["id"]),
            ("什么 What", what(entry)),
            ("等待 Waits for", ", ".join(entry["members"])),
            ("原因 Reason", reason_words(entry["reason"])),
            ("状态 State", state),
            ("自 Since", local_time(entry["since"])),
            ("次数 Tries", f"{entry['tries']}  {entry['last_error']}".rstrip()),
            ("下次 Next try", local_time(entry["next_try"])),
            ("之后 Then", then_words(entry)),
            ("轮值 Presiding", entry["presiding_unit"] or "-"),
            ("可以 May be", "、".join([*["重试 retried"] * entry["can_retry"], *["取消 cancelled"] * entry["can_cancel"]]) or "-"),
        ]
        console.print(facts(rows))
        if case is not None:
            draw_case(console, case)

    screen.emit({**entry, "case": case}, draw)


async def _stuck(where: Where) -> dict[str, Any]:
    async with where.open() as cases:
        return await cases.stuck()


async def _one(where: Where, id: str) -> tuple[dict[str, Any], dict[str, Any] | None]:
    async with where.open() as cases:
        entry = find((await cases.stuck())["stuck"], id)
        return entry, None if entry["transfer"] is None else await cases.transfer(entry["transfer"])


def find(entries: Sequence[dict[str, Any]], id: str) -> dict[str, Any]:
    """The one whose id is this or begins like this.  Raises CliError(`cli.usage`, `cli.not_found`)."""
    if len(id) < 4:
        raise CliError("cli.usage", "编号至少写出开头 4 位", "give at least the first 4 characters of the id")
    found = [each for each in entries if each["id"] == id] or [each for each in entries if each["id"].startswith(id)]
    if len(found) > 1:
        raise CliError("cli.usage", "不止一项以此开头", "several ids begin like this", id=id, matches=len(found))
    if not found:
        raise CliError("cli.not_found", "现在没有此项挂起或成为死信", "nothing of this id is held or a dead letter now", id=id)
    return found[0]


def _help(zh: str, en: str, act: str, more_zh: str, more_en: str) -> str:
    where = "--url https://gw.example --member CN-33 --key-file m.pem --trust-file trust.json"
    return about(
        zh,
        en,
        f"ceg dlq {act} 5f0c21 q3vYk2 --reason 已与该行电话确认 {where}",
        f"ceg dlq {act} 5f0c21 --reason test --dry-run {where}",
        f"ceg dlq {act} --selection TOKEN --expect-count 12 {where}",
        more_zh="只对写明编号的各项,每项一条签名消息,各有回执并写叶。由轮值单位签署。" + more_zh,
        more_en="Only what is named, one signed message each, each with its receipt and a leaf. The presiding unit signs. " + more_en,
    )


@app.command(
    "retry",
    cls=Command,
    help=_help(
        "令挂起的转移回到原环节,或立即再送死信。",
        "Let held transfers go on where they stood, and have dead letters tried now.",
        "retry",
        "死信送到之前仍是死信。",
        "A dead letter stays one until it has arrived.",
    ),
)
@spread
def retry(
    signer: Signer,
    ids: StuckIds = None,
    reason: Reason = "",
    selection: SelectionToken = "",
    expect_count: ExpectCount = None,
) -> None:
    """`retry` on each."""
    _order(Act.RETRY, ids or [], reason, signer, Chosen(selection, expect_count))


@app.command(
    "cancel",
    cls=Command,
    help=_help(
        "取消停在送达环节的转移,或放弃一条死信。",
        "End transfers held from delivery, or give dead letters up.",
        "cancel",
        "关系入账或冲回的通知不能放弃(transfer.must_arrive)。",
        "A notice that settles money cannot be given up (transfer.must_arrive).",
    ),
)
@spread
def cancel(
    signer: Signer,
    ids: StuckIds = None,
    reason: Reason = "",
    selection: SelectionToken = "",
    expect_count: ExpectCount = None,
) -> None:
    """`cancel` on each."""
    _order(Act.CANCEL, ids or [], reason, signer, Chosen(selection, expect_count))


def _order(act: Act, ids: list[str], reason: str, signer: Signer, chosen: Chosen) -> None:
    screen, where = signer.screen(), signer.where
    if chosen.token:
        _order_selected(act, ids, reason, signer, chosen)
        return
    if not 0 < len(reason.strip()) <= REASON_CHARS_MAX or len(ids) > ORDERS_MAX:
        raise CliError(
            "cli.usage",
            "须有理由(至多 500 字),一次至多 100 项",
            "a reason of at most 500 characters is needed, and at most 100 ids at once",
        )
    judge = signer.judge(screen)
    entries = asyncio.run(_stuck(where))["stuck"]
    seen = {each["id"]: each for each in (find(entries, one) for one in ids)}
    plan = [_planned(act, each) for each in seen.values()]
    check_count(chosen.expected, len(plan))
    if signer.dry_run:
        screen.emit(plan, lambda console: _draw_orders(console, plan))
        return
    zh, en = (
        f"以 {where.member} 签署 {act} 共 {len(plan)} 项,发往 {where.base}。",
        f"Sign {act} for {len(plan)} items and send to {where.base}.",
    )
    if not signer.yes and not screen.as_json:
        _draw_orders(screen.err, plan)
    screen.confirm(zh, en, yes=signer.yes)
    done, fault = asyncio.run(_send(act, plan, reason.strip(), where, judge, screen))
    screen.emit(done, lambda console: _draw_orders(console, done))
    if fault is not None:
        screen.fault(fault)
        raise typer.Exit(exit_of(fault.code))


def _order_selected(act: Act, ids: list[str], reason: str, signer: Signer, chosen: Chosen) -> None:
    """The reason is the selection's own: it was confirmed with it."""
    if ids or reason:
        raise CliError("cli.usage", "给 --selection 时不另给编号与理由", "--selection brings its own ids and reason")
    screen, where = signer.screen(), signer.where
    judge = signer.judge(screen)
    selected = plan_of(act, chosen, where)
    left = [line_of(entry, act) for entry in selected.entries if not entry.done]
    screen.note(
        f"选择 {chosen.token}:共 {selected.count} 项,待执行 {len(left)} 项,每秒至多 {selected.rate} 项。摘要 {selected.digest}。",
        f"Selection of {selected.count}, {len(left)} left, at most {selected.rate} a second. Digest {selected.digest}.",
    )
    if signer.dry_run:
        screen.emit(left, lambda console: _draw_orders(console, left))
        return
    screen.confirm(
        f"以 {where.member} 签署 {act} 共 {len(left)} 项,发往 {where.base}。",
        f"Sign {act} for {len(left)} items and send to {where.base}.",
        yes=signer.yes,
    )
    done = carried_out(selected, where, judge, screen)
    screen.emit(done, lambda console: _draw_orders(console, done))
    if code := next((each["code"] for each in done if each["code"]), ""):
        raise typer.Exit(exit_of(code))


def _planned(act: Act, entry: dict[str, Any]) -> dict[str, Any]:
    return {"id": entry["id"], "kind": entry["kind"], "act": act.value, "transfer": entry["transfer"] or entry["scope"],
            "message": entry["message"], "sent": False, "status": None, "code": "", "state": entry["state"], "leaf": None}  # fmt: skip


async def _send(
    act: Act, plan: Sequence[dict[str, Any]], reason: str, where: Where, judge: Judge, screen: Screen
) -> tuple[list[dict[str, Any]], GatewayError | None]:
    """Each in turn.  A refusal ends that one, a gateway that does not answer ends all; the first fault is given back."""
    done: list[dict[str, Any]] = []
    first: GatewayError | None = None
    async with operator_at(where, judge) as operator:
        with screen.progress("签署并发送") as tick:
            for number, each in enumerate(plan):
                try:
                    found = (await operator.give(act, each["transfer"], Order("other", reason, each["message"] or ""))).answer
                except GatewayError as fault:
                    rest = [{**left, "code": "" if left is not each else fault.code} for left in plan[number:]]
                    return [*done, *rest], first or fault
                state = found.body.get("state")
                done.append({**each, "sent": True, "status": found.status, "code": found.code, "state": state, "leaf": found.index})
                if found.code and first is None:
                    first = problem_error(dict(found.body["problem"]))
                tick(number + 1, len(plan))
    return done, first


def _draw_orders(console: Console, orders: Sequence[dict[str, Any]]) -> None:
    shown = table("编号 Id", "命令 Order", "转移 Transfer", "结果 Result", "状态 State", "存证叶 Leaf")
    for each in orders:
        result = each["code"] or (str(each["status"]) if each["sent"] else "未发 not sent")
        leaf = "-" if each["leaf"] is None else str(each["leaf"])
        shown.add_row(each["id"][:SHORT], each["act"], each["transfer"][:SHORT], result, each["state"] or "-", leaf)
    console.print(shown)
