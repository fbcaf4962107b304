"""`ceg log timestamps`: the time stamps that were kept, each verified against the log and the pinned authority."""

import asyncio
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from gateway.cli.exits import ExitCode
from gateway.cli.faults import CliError
from gateway.cli.helps import about
from gateway.cli.options import AsJson, Config, NoColor
from gateway.cli.screen import Screen, table
from gateway.cli.sources import open_node
from gateway.cli.transfer_words import local_time
from gateway.errors import TransferLogError
from gateway.transfers.log_tasks import load_authority
from gateway.transfers.stamping import ALL, check_stamp, stamps

PAGE = 200


def timestamps(config: Config = None, as_json: AsJson = False, no_color: NoColor = False) -> None:
    """Exit 6 if one does not hold."""
    screen = Screen.open(as_json, no_color)
    found = asyncio.run(_timestamps(config))
    screen.emit(found, lambda console: _draw(console, found))
    if any(each["code"] for each in found):
        raise typer.Exit(ExitCode.FINDINGS)


async def _timestamps(config: Path | None) -> list[dict[str, Any]]:
    async with open_node(config, None) as node:
        assert node.settings is not None
        if node.settings.timestamp.certificate_file is None:
            raise CliError("cli.usage", "配置中未设时间戳机构的证书", "no [timestamp] certificate_file is configured")
        authority, ledger = load_authority(node.settings.timestamp.certificate_file), await node.ledger()
        shown: list[dict[str, Any]] = []
        below = ALL
        while page := await stamps(node.database, below=below, most=PAGE):
            for row in page:
                code = ""
                try:
                    await check_stamp(row, node.reading, ledger.note, authority)
                except TransferLogError as error:
                    code = error.code
                shown.append({"size": row.size, "at": row.at, "serial": row.serial, "policy": row.policy, "code": code})
            below = page[-1].size
        return shown


def _draw(console: Console, found: list[dict[str, Any]]) -> None:
    if not found:
        console.print("没有时间戳。 There are no time stamps.")
        return
    shown = table("大小 Size", "机构时间 Stamped at", "序列号 Serial", "核验 Verified")
    for each in found:
        shown.add_row(str(each["size"]), local_time(each["at"]), each["serial"], each["code"] or "成立 holds")
    console.print(shown)


COMMANDS = (
    (
        "timestamps",
        timestamps,
        about(
            "列出检查点的时间戳(RFC 3161),逐个核验。",
            "List the RFC 3161 time stamps of checkpoints, each verified.",
            "ceg log timestamps --config gateway.toml",
            "ceg log timestamps --config gateway.toml --json",
            more_zh="时间戳覆盖检查点(只含日志自己的签名)的 SHA-256。有不成立的,退出码为 6。",
            more_en="A stamp is over the SHA-256 of the checkpoint with the log's own signature only. Exit code 6 if one does not hold.",
        ),
    ),
)
