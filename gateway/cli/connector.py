"""`ceg connector`: what a bank runs beside its own system, until it is told to stop; and what its people ask of it."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli import quarantine, retention
from gateway.cli.faults import CliError
from gateway.cli.helps import Group, about
from gateway.cli.logs import configure
from gateway.cli.options import AsJson, NoColor
from gateway.cli.screen import Screen
from gateway.cli.serve import port_fault, stop_event
from gateway.client.connector_file import ConnectorFile
from gateway.settings import Console
from gateway.simulator.live import connector_running

app = typer.Typer(
    cls=Group,
    invoke_without_command=True,
    rich_markup_mode=None,
    add_completion=False,
    help=about(
        "在银行侧运行连接程序,直到 Ctrl-C 或 SIGTERM。",
        "Run a bank's connector until Ctrl-C or SIGTERM.",
        "ceg connector --config connector.toml",
        "ceg connector --config connector.toml --dry-run",
        "ceg connector quarantine list --config connector.toml",
        more_zh="收发均为持久化的记录,随时可被杀死而不丢不重。私钥不离开本机。",
        more_en="What it owes and received are durable rows: it may be killed at any time and nothing is lost or doubled. "
        "The private key never leaves the machine.",
    ),
)
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(retention.connector_app, name="retention")


@app.callback()
def connector(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option("--config", metavar="FILE", help="连接程序配置文件。 / Settings of the connector.")] = None,
    check: Annotated[bool, typer.Option("--dry-run", help="只核对配置与密钥,不启动。 / Check settings and keys; do not start.")] = False,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Run until SIGTERM or SIGINT; exit 0 then."""
    if context.invoked_subcommand is not None:
        return
    screen = Screen.open(as_json, no_color)
    if config is None:
        raise CliError("cli.usage", "须以 --config 指明配置文件", "name the settings file with --config")
    if not config.is_file():
        raise CliError("cli.not_found", "没有此配置文件", "there is no such settings file", file=str(config))
    settings = ConnectorFile.load(config)
    if check:
        key, trust = settings.key(), settings.trust()
        if settings.people:
            Console.of(settings.people)
        found = {"member": settings.member, "kid": key.kid, "listed": trust.find_key(settings.member, key.kid) is not None}
        screen.emit(found, lambda console: console.print(f"配置有效。 The settings are valid.  {settings.member}  kid {key.kid}"))
        return
    configure()
    asyncio.run(_run(settings, screen))


async def _run(settings: ConnectorFile, screen: Screen) -> None:
    stop = stop_event()
    try:
        async with connector_running(settings) as running:
            if screen.as_json:
                screen.line({"connector": {"member": running.member, "gateway": settings.gateway_url}})
            else:
                screen.err.print(f"就绪 ready  {running.member} ⇄ {settings.gateway_url}", soft_wrap=True)
            await stop.wait()
    except* OSError as group:
        raise port_fault(group) from group
