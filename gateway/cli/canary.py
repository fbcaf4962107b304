"""`ceg canary`: how the newest canary of each ordered pair stands, at the node; and one sent now, from a bank's connector."""

import asyncio
import random
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from gateway.app import load_tools
from gateway.cli.exits import ExitCode
from gateway.cli.faults import CliError
from gateway.cli.helps import Command, about, group
from gateway.cli.options import AsJson, Config, Data, NoColor
from gateway.cli.screen import Screen, table
from gateway.cli.sources import open_node
from gateway.client.canary import Canaries
from gateway.client.cases import Tools
from gateway.client.connector_file import ConnectorFile
from gateway.client.folder_bank import FolderBank
from gateway.client.office import Office, Setup
from gateway.client.store import Store
from gateway.errors import PeerError
from gateway.federation.channels.https import HttpAnswer
from gateway.federation.message import Content
from gateway.settings import Settings
from gateway.storage.connector_schema import open_connector
from gateway.system import SystemClock, SystemIds
from gateway.transfers.canaries import ALARMS, Canary, canaries

SOUNDS = {"good": "正常 good", "under_way": "进行中 under way", "late": "逾时 late", "failed": "失败 failed", "none": "没有 none"}
NOT_SENT = "未发:前一次未完,或银行文件中没有该学习者 not sent: the one before is under way, or the learner is not in the files"
MEMBERS = ("CN-31", "CN-32", "CN-33", "CN-34")
app = group(
    "探测:关于虚构学习者的整件转移,看每一对成员之间是否走得通。",
    "Canaries: whole cases about a made-up learner, to see that each pair works.",
    "ceg canary list --config gateway.toml",
    "ceg canary send --config connector.toml --to CN-32",
)


@app.command(
    "list",
    cls=Command,
    help=about(
        "每对成员最近一次探测:结果、距今、用时。",
        "The newest canary of each pair: result, age, time taken.",
        "ceg canary list --config gateway.toml",
        "ceg canary list --data var/gateway --json",
        more_zh="有失败或逾时的,退出码为 6。",
        more_en="Exit code 6 where one failed or is late.",
    ),
)
def list_canaries(config: Config = None, data: Data = None, as_json: AsJson = False, no_color: NoColor = False) -> None:
    """Twelve lines."""
    screen = Screen.open(as_json, no_color)

    async def read() -> tuple[Canary, ...]:
        async with open_node(config, data) as node:
            late_s = (node.settings or Settings.load(None)).canary.late_s
            return await canaries(node.database, MEMBERS, SystemClock().now(), timedelta(seconds=late_s))

    found = asyncio.run(read())
    screen.emit([_shown(each) for each in found], lambda console: _draw(console, found))
    if any(each.sound in ALARMS for each in found):
        raise typer.Exit(ExitCode.FINDINGS)


@app.command(
    "send",
    cls=Command,
    help=about(
        "由本行连接程序现在发出探测。",
        "Send canaries now, through this bank's connector.",
        "ceg canary send --config connector.toml",
        "ceg canary send --config connector.toml --to CN-32 --json",
        more_zh="写入连接程序的待发消息,由运行中的 ceg connector 发出;配置须有 [canary] 一节,所指学习者须在银行文件中。",
        more_en="What is owed is a row that the running ceg connector sends. The settings need a table [canary], "
        "whose learner is in the bank's files.",
    ),
)
def send(
    config: Annotated[Path, typer.Option("--config", metavar="FILE", help="连接程序配置文件。 / Settings of the connector.")],
    to: Annotated[str, typer.Option("--to", metavar="ID", help="接收行;不指明则发往其他各家。 / One bank; all others without it.")] = "",
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """One to each bank named."""
    screen = Screen.open(as_json, no_color)
    if not config.is_file():
        raise CliError("cli.not_found", "没有此配置文件", "there is no such settings file", file=str(config))
    settings = ConnectorFile.load(config)
    if settings.canary is None:
        raise CliError("cli.usage", "配置中没有 [canary] 一节", "the settings have no table [canary]")
    found = asyncio.run(_send(settings, to))
    screen.emit(found, lambda console: _draw_sent(console, found))
    if not all(each["transfer"] for each in found):
        raise typer.Exit(ExitCode.FINDINGS)


async def _send(settings: ConnectorFile, to: str) -> list[dict[str, str]]:
    """The rows are written and nothing is posted: a connector that runs beside this sends them."""
    clock, tools, trust = SystemClock(), load_tools(), settings.trust()
    regions = {each.id: tools.regions[each.region] for each in trust.data.members}
    store = Store(await open_connector(settings.folder / "connector.db"))
    try:
        bank = FolderBank(settings.folder, regions[settings.member], await store.known_rows(), clock)
        made = Tools(regions, tools.mapper, tools.standard)
        setup = Setup(settings.member, settings.key(), trust, settings.gateway_url, False, made, clock, SystemIds(), random.SystemRandom())
        assert settings.canary is not None
        sender = Canaries(Office(setup, bank, store, _nowhere), settings.canary.learner)
        if to and to not in sender.others():
            raise CliError("cli.not_found", "没有这家在用的成员行", "there is no such active member", member=to)
        sent = [(accepting, await sender.send(accepting)) for accepting in ([to] if to else sender.others())]
        return [{"to": accepting, "transfer": message.scope if message is not None else ""} for accepting, message in sent]
    finally:
        await store.close()


async def _nowhere(_url: str, _token: str, _contents: Sequence[Content]) -> HttpAnswer:
    raise PeerError("peer.unavailable", "此处不发送", "nothing is posted from here")


def _shown(each: Canary) -> dict[str, Any]:
    return {
        "source": each.source,
        "accepting": each.accepting,
        "sound": each.sound.value,
        "transfer": each.transfer,
        "opened_at": each.opened_at.isoformat() if each.opened_at else None,
        "age_s": each.age.total_seconds() if each.age else None,
        "latency_s": each.latency.total_seconds() if each.latency else None,
    }


def _draw(console: Console, found: Sequence[Canary]) -> None:
    shown = table("转出→接收 Pair", "结果 Result", "距今 Age", "用时 Took", "案件 Case")
    for each in found:
        age, took = (f"{span.total_seconds():.1f} s" if span is not None else "-" for span in (each.age, each.latency))
        shown.add_row(f"{each.source}→{each.accepting}", SOUNDS[each.sound.value], age, took, each.transfer[:12] or "-")
    console.print(shown)


def _draw_sent(console: Console, found: Sequence[dict[str, str]]) -> None:
    for each in found:
        console.print(f"{each['to']}  {each['transfer'] or NOT_SENT}", soft_wrap=True)
