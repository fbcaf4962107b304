"""`ceg monitor`: follow the transfer log from outside, over HTTP or in a folder, and say what is wrong with it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from gateway.cli.exits import ExitCode
from gateway.cli.faults import CliError
from gateway.cli.helps import about
from gateway.cli.options import AsJson, Config, NoColor, RegistryKey, TrustPath
from gateway.cli.screen import Screen, facts
from gateway.cli.serve import stop_event
from gateway.cli.sources import trust_of
from gateway.cli.transfer_source import KeyFile, MemberId, Url, Where
from gateway.client.mirror import Fetch, Mirror
from gateway.client.monitor import Look, Monitor, folder_fetch
from gateway.client.own_leaves import Book
from gateway.client.own_receipts import OwnReceipts
from gateway.client.reading import problem_error
from gateway.client.store import Store
from gateway.errors import PeerError, TransferLogError
from gateway.federation.channels.reading import ReadingChannel, http_session
from gateway.federation.registry import TrustFile
from gateway.simulator.witnesses import TIMEOUT_S, reading
from gateway.storage.connector_schema import open_connector
from gateway.transfers.finality import verifiers_of

EVERY_S = 30.0


@dataclass(frozen=True, slots=True)
class Watched:
    """What the options say."""

    state: Path
    where: Where
    folder: Path | None
    connector: Path | None
    trust: TrustFile


def monitor(
    state: Annotated[
        Path,
        typer.Option(
            "--state", metavar="DIR", help="监测者自己的目录:见过的检查点、副本、证据。 / Its own folder: heads seen, mirror, evidence."
        ),
    ],
    url: Url = "",
    member: MemberId = "",
    key_file: KeyFile = None,
    folder: Annotated[
        Path | None, typer.Option("--dir", metavar="DIR", help="改读导出的存证日志目录。 / Read an exported log folder instead.")
    ] = None,
    connector: Annotated[
        Path | None,
        typer.Option(
            "--connector-db",
            metavar="FILE",
            help="本行连接程序的数据库,核对本行的叶。 / The connector's database, to check our own leaves.",
        ),
    ] = None,
    config: Config = None,
    trust_file: TrustPath = None,
    registry_key: RegistryKey = None,
    once: Annotated[bool, typer.Option("--once", help="只看一次。 / One look, then end.")] = False,
    every_s: Annotated[float, typer.Option("--every", metavar="S", min=1.0, help="间隔秒数,默认 30。 / Seconds between looks.")] = EVERY_S,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Exit 6 on any finding."""
    screen = Screen.open(as_json, no_color)
    if bool(url) == (folder is not None):
        raise CliError("cli.usage", "须给 --url 或 --dir 之一", "give one of --url and --dir")
    if connector is not None and not connector.is_file():
        raise CliError("cli.not_found", "没有此数据库文件", "there is no such database file", file=str(connector))
    if connector is not None and not member:
        raise CliError("cli.usage", "--connector-db 须与 --member 同用", "--connector-db needs --member")
    trust = trust_of(screen, config, trust_file, registry_key)
    watched = Watched(state, Where(url, member, key_file, None, None), folder, connector, trust)
    if not asyncio.run(_watch(screen, watched, None if once else every_s)):
        raise typer.Exit(ExitCode.FINDINGS)


async def _watch(screen: Screen, watched: Watched, every_s: float | None) -> bool:
    """Whether every look was good."""
    async with _opened(watched) as found:
        if every_s is None:
            look = await found.look()
            screen.emit(document(look), lambda console: draw(console, look))
            return look.ok
        stop, good = stop_event(), True
        while not stop.is_set():
            try:
                look = await found.look()
            except PeerError as error:
                screen.fault(error)
            else:
                good = good and look.ok
                _tell(screen, look)
            with suppress(TimeoutError):
                async with asyncio.timeout(every_s):
                    await stop.wait()
        return good


def _tell(screen: Screen, look: Look) -> None:
    """Only what is new, or wrong."""
    if look.ok and look.size == look.before:
        return
    if screen.as_json:
        screen.line(document(look))
    else:
        draw(screen.out, look)


@asynccontextmanager
async def _opened(watched: Watched) -> AsyncIterator[Monitor]:
    """With leaves where they can be had: from a folder, or as a member with a key."""
    where, trust = watched.where, watched.trust
    async with AsyncExitStack() as stack:
        book = receipts = None
        if watched.connector is not None:
            store = Store(await open_connector(watched.connector))
            stack.push_async_callback(store.close)
            book, receipts = Book(where.member, store), OwnReceipts(store)
        if watched.folder is not None:
            fetch, leaves = folder_fetch(watched.folder), True
        else:
            session = await stack.enter_async_context(http_session())
            leaves = where.key_file is not None
            if leaves:
                fetch = reading(session, where.base, *where.identity()).log_file
            else:
                fetch = public_fetch(ReadingChannel(session, TIMEOUT_S), where.base)
        watched.state.mkdir(parents=True, exist_ok=True)
        mirror = Mirror(watched.state, where.member, lambda: trust, fetch, book) if leaves else None
        yield Monitor(watched.state, verifiers_of(trust), trust.data.gateway.witness_quorum, fetch, mirror, receipts)


def public_fetch(channel: ReadingChannel, base: str) -> Fetch:
    """What everybody may read."""

    async def fetch(path: str) -> bytes:
        answer = await channel.get_public(f"{base}/log/{path}")
        if answer.status == 404:
            raise TransferLogError("transferlog.file_missing", "存证日志缺少文件", "a file of the log is missing", path=path)
        if answer.status != 200:
            raise problem_error({})
        return answer.body

    return fetch


def document(look: Look) -> dict[str, Any]:
    """One look, for programs."""
    return {
        "ok": look.ok,
        "before": look.before,
        "size": look.size,
        "final": look.final,
        "leaves_checked": look.leaves,
        "unknown": look.unknown,
        "findings": [asdict(each) for each in look.noticed],
    }


def draw(console: Console, look: Look) -> None:
    """One look, for people."""
    rows = [
        ("大小 Size", f"{look.before} → {look.size}"),
        ("已见证 Final", str(look.final)),
        ("核对的新叶 New leaves checked", str(look.leaves)),
    ]
    console.print(facts(rows))
    if look.unknown:
        console.print(f"不认识的类型 Unknown types: {', '.join(look.unknown)}", style="yellow")
    for each in look.noticed:
        place = "" if each.index is None else f"  叶 leaf {each.index}"
        console.print(f"{each.code}{place}: {each.zh}\n{each.en}", style="bold red")
        for name in each.evidence:
            console.print(f"  证据 evidence: {name}")
    if look.ok:
        console.print("与以前所见一致。 Consistent with all seen before.", style="bold green")


COMMANDS = (
    (
        "monitor",
        monitor,
        about(
            "从外部监测存证日志,发现问题时退出码为 6。",
            "Follow the transfer log from outside; exit code 6 if anything is wrong.",
            "ceg monitor --url https://gw.example --trust-file trust.json --state seen --once",
            "ceg monitor --url https://gw.example --member CN-31 --key-file m.pem --trust-file trust.json --state seen",
            "ceg monitor --dir out/log --trust-file out/trust.json --state seen --once --json",
            more_zh="每次与上次见过的检查点比对;分叉与回滚被拒绝,两份检查点存入 evidence。给出本行密钥或目录时逐叶核对。",
            more_en="Each look is compared with the last. A fork or a rollback is refused, and both checkpoints go to evidence. "
            "With a member's key, or a folder, every new leaf is checked.",
        ),
    ),
)
