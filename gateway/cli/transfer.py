"""`ceg transfer`: send a case, see where cases stand, take evidence."""

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from gateway.cli.exits import exit_of
from gateway.cli.faults import CliError
from gateway.cli.helps import Command, about, group
from gateway.cli.options import AsJson, Config, DryRun, NoColor, RegistryKey, TrustPath, Yes
from gateway.cli.screen import Screen, facts, table
from gateway.cli.sources import trust_of
from gateway.cli.spread import spread
from gateway.cli.transfer_evidence import EVIDENCE, evidence_file
from gateway.cli.transfer_source import TIMEOUT_S, KeyFile, MemberId, Reader, Url, Where, all_cases, find_case
from gateway.cli.transfer_words import (
    ITEMS,
    STATES,
    deadline_day,
    final_words,
    is_closed,
    local_time,
    remarks,
    sentences,
    state_words,
    turn,
)
from gateway.client.prepared import PreparedMessage, Submitted, read_prepared, submit
from gateway.client.reading import problem_error
from gateway.client.receipts import Judge
from gateway.crypto.keys import write_secret_file
from gateway.federation.channels.https import HttpsChannel
from gateway.federation.channels.reading import http_session
from gateway.federation.registry import TrustFile
from gateway.system import SystemClock, SystemIds

app = group(
    "转移:提交、查看、跟踪、取证。",
    "Transfers: submit, list, show, watch, evidence.",
    "ceg transfer list --config gateway.toml",
    "ceg transfer show 5f0c21 --url https://gw.example --member CN-31 --key-file m.pem",
)
TransferId = Annotated[str, typer.Argument(metavar="TRANSFER", help="转移号或其唯一的开头。 / Transfer id, or its beginning if unique.")]
SHORT = 12


@app.command(
    "submit",
    cls=Command,
    help=about(
        "提交一份备好的申请,核验回执。",
        "Submit a prepared request and verify the receipt.",
        "ceg transfer submit out/case1 --url https://gw.example --member CN-31 --key-file m.pem --trust-file trust.json",
        "ceg transfer submit out/case1 --member CN-31 --key-file m.pem --url https://gw.example --dry-run",
        more_zh="NAME 的各文件:NAME.request、NAME.identity、NAME.consent,以及 NAME.part、NAME.manifest、NAME.consent-source。"
        "重复提交是同一消息,得同一答复;回执写入 NAME.receipt。",
        more_en="Files of NAME: NAME.request, NAME.identity, NAME.consent, and maybe NAME.part, NAME.manifest, NAME.consent-source. "
        "A second submit is the same message and gets the same answer; the receipt goes to NAME.receipt.",
    ),
)
def submit_request(
    path: Annotated[Path, typer.Argument(metavar="FOLDER/NAME", help="备好的消息文件。 / The prepared message's files.")],
    url: Url,
    member: MemberId,
    key_file: KeyFile,
    config: Config = None,
    trust_file: TrustPath = None,
    registry_key: RegistryKey = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """One message, one verified answer."""
    screen = Screen.open(as_json, no_color)
    where = Where(url, member, key_file, None, None)
    prepared = read_prepared(path, SystemIds())
    trust = trust_of(screen, config, trust_file, registry_key)
    if dry_run:
        where.identity()
        screen.emit(
            {"name": prepared.name, "contents": [each.name for each in prepared.contents], "url": where.base, "sent": False},
            lambda console: console.print(f"试运行:将提交 {', '.join(each.name for each in prepared.contents)} 到 {where.base}。"),
        )
        return
    screen.confirm(f"向 {where.base} 提交 {prepared.name}。", f"Submit {prepared.name} to {where.base}.", yes=yes or as_json)
    found = asyncio.run(_submit(prepared, where, trust))
    document = _receipt(prepared, found)
    if not prepared.receipt_file.exists():
        write_secret_file(prepared.receipt_file, json.dumps(dict(found.answer.body) | {"receipt": dict(found.answer.receipt)}).encode())
    screen.emit(document, lambda console: _draw_receipt(console, document))
    if found.answer.code:
        screen.fault(problem_error(dict(found.answer.body["problem"])))
        raise typer.Exit(exit_of(found.answer.code))


async def _submit(prepared: PreparedMessage, where: Where, trust: TrustFile) -> Submitted:
    member, key = where.identity()
    async with http_session() as session:
        return await submit(
            prepared, url=where.base, member=member, key=key, judge=Judge(trust), channel=HttpsChannel(session, TIMEOUT_S),
            clock=SystemClock(), ids=SystemIds(),
        )  # fmt: skip


def _receipt(prepared: PreparedMessage, found: Submitted) -> dict[str, Any]:
    answer = found.answer
    return {
        "transfer": answer.body.get("transfer"),
        "jti": found.jti,
        "status": answer.status,
        "code": answer.code,
        "state": answer.body.get("state"),
        "waiting_on": answer.body.get("waiting_on", []),
        "deadline": answer.body.get("deadline"),
        "verified": True,
        "repeated": found.repeated,
        "leaf": answer.index,
        "log_size": None if answer.checkpoint is None else answer.checkpoint.size,
        "final": None if answer.checkpoint is None else False,  # it was signed a moment ago
        "items": answer.body.get("items", []),
        "receipt_file": str(prepared.receipt_file),
    }


def _draw_receipt(console: Console, document: dict[str, Any]) -> None:
    names = (
        ("转移 Transfer", "transfer"),
        ("状态 State", "state"),
        ("结果 Status", "status"),
        ("存证叶 Leaf", "leaf"),
        ("日志大小 Log size", "log_size"),
    )
    rows = [(title, str(document[name])) for title, name in names if document[name] is not None]
    rows.append(("存证 Log", final_words(document) if document["leaf"] is not None else "-"))
    console.print(facts([*rows, ("回执 Receipt", f"已核验 verified  {document['receipt_file']}")]))


@app.command(
    "list",
    cls=Command,
    help=about(
        "列出转移,新的在前。",
        "List transfers, newest first.",
        "ceg transfer list --config gateway.toml --state reviewing",
        "ceg transfer list --url https://gw.example --member CN-31 --key-file m.pem --json",
        more_zh="给 --url 时为本行所见;否则直接读节点的数据库,为中心所见。",
        more_en="With --url it is what our member sees; else the node's database is read, as the centre sees it.",
    ),
)
@spread
def list_cases(
    reader: Reader,
    state: Annotated[str, typer.Option("--state", metavar="STATE", help="只看此状态。 / Only this state.")] = "",
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=10_000, help="至多几个,默认 50。 / At most so many; 50.")] = 50,
) -> None:
    """A page of cases."""
    screen = reader.screen()
    if state and state not in set(STATES):
        raise CliError("cli.usage", "没有此状态", "there is no such state", states=", ".join(STATES))
    found = asyncio.run(_collect(reader.where, state, limit))

    def draw(console: Console) -> None:
        shown = table("转移 Transfer", "转出→接收", "状态 State", "轮到 Turn", "自 Since", "至 Until")
        for each in found:
            banks = f"{each['source']}→{each['accepting']}"
            shown.add_row(
                each["transfer"][:SHORT],
                banks,
                state_words(each) + ("(待见证 not final)" if each.get("final") is False else ""),
                turn(each),
                local_time(each["since"])[5:],
                deadline_day(each["deadline"]),
            )
        console.print(shown)

    screen.emit(found, draw)


async def _collect(where: Where, state: str, limit: int) -> list[dict[str, Any]]:
    async with where.open() as cases:
        return [each async for each in all_cases(cases, state, limit)]


async def _find(where: Where, id: str) -> dict[str, Any]:
    async with where.open() as cases:
        return await find_case(cases, id)


@app.command(
    "show",
    cls=Command,
    help=about(
        "查看一个转移:轮到谁、自何时、至何时、之后如何。",
        "Show one transfer: whose turn, since when, until when, what next.",
        "ceg transfer show 5f0c21 --config gateway.toml",
        "ceg transfer show 5f0c21 --url https://gw.example --member CN-31 --key-file m.pem --json",
    ),
)
@spread
def show(
    reader: Reader,
    transfer: TransferId,
) -> None:
    """One case whole."""
    screen = reader.screen()
    case = asyncio.run(_find(reader.where, transfer))
    screen.emit(case, lambda console: draw_case(console, case))


@app.command(
    "watch",
    cls=Command,
    help=about(
        "跟踪一个转移直到结束,每有变化显示一行。",
        "Watch one transfer until it ends; one line for each change.",
        "ceg transfer watch 5f0c21 --config gateway.toml",
        "ceg transfer watch 5f0c21 --timeout 600 --json",
        more_zh="变化写到标准错误,结束时把整个转移写到标准输出。逾时退出码为 7。",
        more_en="Changes go to stderr; at the end the whole transfer goes to stdout. Exit code 7 when time runs out.",
    ),
)
@spread
def watch(
    reader: Reader,
    transfer: TransferId,
    timeout: Annotated[float, typer.Option("--timeout", metavar="S", min=0, help="至多几秒,默认不限。 / Seconds at most; no limit.")] = 0,
    interval: Annotated[
        float, typer.Option("--interval", metavar="S", min=0.05, help="几秒看一次,默认 2。 / Seconds between looks; 2.")
    ] = 2,
) -> None:
    """Until closed."""
    screen = reader.screen()
    try:
        case = asyncio.run(_watch(screen, reader.where, transfer, interval, timeout or None))
    except TimeoutError:
        raise CliError("cli.timeout", "到时仍未结束", "it has not ended in time") from None
    screen.emit(case, lambda console: draw_case(console, case))


async def _watch(screen: Screen, where: Where, id: str, interval: float, timeout_s: float | None) -> dict[str, Any]:
    seen: tuple[object, ...] | None = None
    async with asyncio.timeout(timeout_s):
        while True:
            case = await _find(where, id)
            letters = {each["message"] for each in case["owed"] if each["dead_since"]}
            now = (case["ver"], len(case["steps"]), case["deadline"], letters)
            if now != seen:
                seen = now
                for zh, en in (sentences(case), *remarks(case)):
                    screen.note(zh, en)
            if is_closed(case):
                return case
            await asyncio.sleep(interval)


app.command("evidence", cls=Command, help=EVIDENCE)(evidence_file)


def draw_case(console: Console, case: dict[str, Any]) -> None:
    """A case on the screen."""
    zh, en = sentences(case)
    console.print(zh, style="bold")
    console.print(en)
    for remark in remarks(case):
        console.print(*remark, sep="\n", style="yellow")
    totals = case["totals"]
    console.print(
        facts(
            [
                ("转移 Transfer", case["transfer"]),
                ("转出→接收", f"{case['source']} → {case['accepting']}(受理 facing {case['facing']})"),
                ("状态 State", f"{state_words(case)}  ver {case['ver']}"),
                ("存证 Log", final_words(case)),
                (
                    "学分 Credits",
                    f"申报 {totals['submitted']}  认可 {totals['recognised']}  不认可 {totals['refused']}  待定 {totals['pending']}",
                ),
            ]
        )
    )
    items = table("记录 Record", "状态 State", "学分 Credits", "原因 Reason", title="成果 Items")
    for item in case["items"]:
        items.add_row(item["record"], ITEMS.get(item["state"], item["state"]), item["credits"] or "-", item.get("reason", "-"))
    steps = table("#", "时间 At", "步骤 Step", "谁 Who", "叶 Leaf", title="步骤 Steps")
    for step in case["steps"]:
        steps.add_row(str(step["seq"]), local_time(step["at"]), step["type"], step["actor"], str(step["leaf"]))
    console.print(items, steps)
    waiting = [each for each in case["owed"] if each["state"] in {"new", "ready"} and not each["dead_since"]]
    for each in waiting:
        console.print(
            f"待送 owed  {each['to']}  {each['act']} {each['event']}  尝试 tries {each['attempts']}  {each['last_error']}".rstrip()
        )
