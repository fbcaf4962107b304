"""`ceg serve`: one node of the gateway, until it is told to stop.

Everything that was answered is durable, so it may also be killed.  SIGTERM and Ctrl-C stop it cleanly:
no new connections, what is under way is answered, then the database is closed.
"""

import asyncio
import errno
import random
import signal
from dataclasses import asdict
from typing import Annotated

import typer

from gateway.app import Addresses, build, load_tools, serving
from gateway.cli.helps import about
from gateway.cli.logs import configure
from gateway.cli.options import AsJson, Config, NoColor
from gateway.cli.screen import Screen
from gateway.cli.sources import settings_of
from gateway.errors import GatewayError, SettingsError
from gateway.federation.channels.reading import http_session
from gateway.settings import Settings
from gateway.system import SystemClock, SystemIds, leave_alone


def serve(
    config: Config = None,
    check: Annotated[bool, typer.Option("--dry-run", help="只核对配置,不启动。 / Check the settings; do not start.")] = False,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Run until SIGTERM or SIGINT; exit 0 then."""
    screen = Screen.open(as_json, no_color)
    settings = settings_of(config)
    if check:
        screen.emit({"settings": "ok"}, lambda console: console.print("配置有效。 The settings are valid."))
        return
    configure()
    asyncio.run(_serve(settings, screen))


async def _serve(settings: Settings, screen: Screen) -> None:
    stop = stop_event()
    ids = SystemIds()
    chance = chance_of(int.from_bytes(ids.secret(), "big"))
    settings.node.data_folder.mkdir(parents=True, exist_ok=True)
    async with http_session() as session:
        gateway = await build(settings, session, SystemClock(), ids, chance, load_tools())
        try:
            async with serving(gateway) as addresses:
                leave_alone()
                announce(screen, addresses)
                await stop.wait()
        except* OSError as group:
            raise port_fault(group) from group


def chance_of(seed: int) -> random.Random:
    """What spreads retries, or plays a script; no secret is made of it."""
    return random.Random(seed)  # noqa: S311 (as it says)


def announce(screen: Screen, addresses: Addresses) -> None:
    """The ready line: JSON on stdout with `--json`, else one line on stderr."""
    if screen.as_json:
        screen.line({"addresses": asdict(addresses)})
    else:
        people = f"  人员页面 people {addresses.people}" if addresses.people else ""
        line = f"就绪 ready  成员接口 member API {addresses.member_api}  运维 operations {addresses.operations}{people}"
        screen.err.print(line, soft_wrap=True)


def stop_event() -> asyncio.Event:
    """Set by the first SIGTERM or SIGINT; a second one acts as the system has it."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def told() -> None:
        stop.set()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told)
    return stop


def port_fault(group: BaseExceptionGroup[OSError]) -> GatewayError | BaseExceptionGroup[OSError]:
    """A taken port by its name; anything else as it is."""
    first = group.exceptions[0]
    if isinstance(first, OSError) and first.errno == errno.EADDRINUSE:
        return SettingsError("settings.port_taken", "端口已被占用", "a port to listen on is taken", reason=str(first.strerror)[:200])
    return group


COMMANDS = (
    (
        "serve",
        serve,
        about(
            "运行网关节点,直到 Ctrl-C 或 SIGTERM。",
            "Run a gateway node until Ctrl-C or SIGTERM.",
            "ceg serve --config gateway.toml",
            "ceg serve --config gateway.toml --json > ready.json",
            "ceg serve --config gateway.toml --dry-run",
            more_zh='就绪后打印一行;--json 时标准输出得一行 {"addresses": …}。日志为 JSON,写到标准错误,不含个人信息。',
            more_en='One line when ready; with --json one line {"addresses": …} on stdout. Logs are JSON on stderr, without personal data.',
        ),
    ),
)
