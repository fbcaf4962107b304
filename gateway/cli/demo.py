"""`ceg demo`: the whole region on this machine, every scene played, everything added up."""

import asyncio
import logging
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gateway.cli.exits import ExitCode
from gateway.cli.faults import CliError
from gateway.cli.helps import about
from gateway.cli.logs import configure
from gateway.cli.options import AsJson, NoColor
from gateway.cli.screen import Screen, facts
from gateway.cli.serve import chance_of, stop_event
from gateway.simulator.canaries import keep_singing
from gateway.simulator.demo import DemoResult, leave_to_people, play
from gateway.simulator.live import Sandbox, running
from gateway.simulator.story import Line

Steps = Callable[[int, int, str, str], None]
SEED = 1
CANARY_EVERY_S = 60.0


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="演完后继续运行,直到 Ctrl-C。 / Go on running afterwards, until Ctrl-C.")] = False,
    headless: Annotated[
        bool, typer.Option("--headless", help="不显示过程与故事,只给结果。 / No progress, no story: the result only.")
    ] = False,
    save: Annotated[
        Path | None,
        typer.Option("--save", metavar="DIR", help="存证日志、信任文件与证据写入此目录。 / Log export, trust file and evidence into DIR."),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="逐项讲述全部折算与存证,不只一例。 / Tell every computation and leaf, not just of one case.")
    ] = False,
    lang: Annotated[str, typer.Option("--lang", metavar="zh|en|both", help="故事的语言,默认随环境。 / Language of the story.")] = "",
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="剧本的种子,默认 1。 / Seed of the script, 1 by default.")] = SEED,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Exit 0 when everything adds up, 6 when something does not."""
    screen = Screen.open(as_json, no_color)
    if save is not None and save.exists() and (not save.is_dir() or any(save.iterdir())):
        raise CliError("cli.file_exists", "目录非空,不覆盖", "the folder is not empty and is not written over", folder=str(save))
    telling = Telling(_languages(lang), full=full, silent=headless)
    configure(logging.INFO if os.environ.get("CEG_DEBUG") == "1" else logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="ceg-demo-") as folder:
        wrong = asyncio.run(_demo(screen, Path(folder), seed, save, telling, keep=keep))
    if wrong:
        raise typer.Exit(ExitCode.FINDINGS)


async def _demo(screen: Screen, folder: Path, seed: int, save: Path | None, telling: "Telling", *, keep: bool) -> tuple[str, ...]:
    loop = asyncio.get_running_loop()
    started = loop.time()
    if not telling.silent:
        screen.note("启动网关与四家模拟银行……", "Starting the gateway and four simulated banks …")
    async with running(folder, chance_of(seed)) as sandbox:
        ready = loop.time() - started
        if not keep:
            return await _play(screen, sandbox, ready, save, telling)
        stop, singing = stop_event(), asyncio.Event()
        if screen.as_json:
            screen.line({"addresses": dict(sandbox.addresses)})
        else:
            for name, address in sandbox.addresses.items():
                screen.err.print(f"{name:<16} {address}", soft_wrap=True)
        async with asyncio.TaskGroup() as tasks:
            playing = tasks.create_task(_play(screen, sandbox, ready, save, telling, keep=True))
            playing.add_done_callback(lambda done: None if done.cancelled() or done.exception() else singing.set())
            canaries = tasks.create_task(_sing(sandbox, singing))
            await stop.wait()
            playing.cancel()
            canaries.cancel()
        return () if playing.cancelled() else playing.result()


async def _sing(sandbox: Sandbox, after: asyncio.Event) -> None:
    """Canaries, once the story has been told and added up."""
    await after.wait()
    await keep_singing(sandbox, CANARY_EVERY_S)


async def _play(
    screen: Screen, sandbox: Sandbox, ready: float, save: Path | None, telling: "Telling", *, keep: bool = False
) -> tuple[str, ...]:
    """With `keep` and `--json` the one document was the addresses; the result is not printed then."""
    with screen.progress("演示 Demo") as tick:
        result = await play(sandbox, _steps(screen, tick, quiet=telling.silent), ready, save)
    if not (keep and screen.as_json):
        screen.emit(result.document, lambda console: draw(console, result, telling))
    if keep:
        await leave_to_people(sandbox)
        screen.note(
            "仍在运行,Ctrl-C 结束。安徽行离线,一件案件送不到:见「滞留」,在「沙箱」恢复。",
            "Still running; Ctrl-C ends it. Anhui's bank is away and a case is stuck: see Stuck; Sandbox puts it right.",
        )
    return result.wrong


def _steps(screen: Screen, tick: Callable[[int, int, str], None], *, quiet: bool) -> Steps:
    """A bar where someone looks; lines on stderr elsewhere; nothing where nothing is wanted."""

    def step(done: int, of: int, zh: str, en: str) -> None:
        if quiet or screen.as_json:
            return
        if screen.moves:
            tick(done, of, zh)
        else:
            screen.err.print(f"[{done}/{of}] {zh} / {en}", soft_wrap=True)

    return step


@dataclass(frozen=True, slots=True)
class Telling:
    """How the story is told: in which languages, of one case in full or of all, or not at all."""

    languages: tuple[str, ...]
    full: bool
    silent: bool

    def of(self, story: Sequence[Line]) -> list[Line]:
        """All of it, or of every case the outcome and of one, partly recognised, every step."""
        if self.silent:
            return []
        cases: list[list[Line]] = []
        for line in story:
            if line.level == 0:
                cases.append([])
            cases[-1].append(line)
        worked = max(cases, key=_tells, default=None)
        return [line for case in cases for line in case if self.full or case is worked or not _detail(line)]


def _tells(case: Sequence[Line]) -> int:
    """How much a case tells of why credits became fewer: by published rules, or in part, or not at all."""
    in_part = any("recognised_in_part" in line.en for line in case)
    return 2 * any(line.by_rules and "became" in line.en for line in case) + in_part


def _detail(line: Line) -> bool:
    return line.level > 1 or line.en.startswith("leaf ")


def _languages(wanted: str) -> tuple[str, ...]:
    """`zh`, `en` or both; unsaid, the environment's language, and both where it is neither."""
    if wanted not in {"", "zh", "en", "both"}:
        raise CliError("cli.usage", "语言只能是 zh、en 或 both", "the language is zh, en or both")
    spoken = wanted or (os.environ.get("LC_ALL") or os.environ.get("LANG") or "")[:2]
    return (spoken,) if spoken in {"zh", "en"} else ("zh", "en")


def draw(console: Console, result: DemoResult, telling: Telling) -> None:
    """Story, sums, addresses."""
    for line in telling.of(result.story):
        for place, language in enumerate(telling.languages):
            style = "dim" if place else "bold" if line.level == 0 else ""
            console.print("  " * line.level + (line.zh if language == "zh" else line.en), style=style, soft_wrap=True)
    document = result.document
    transfers, amounts = document["transfers"], document["credits"]
    console.print(
        facts(
            [
                ("启动 Ready", f"{document['ready_s']} s"),
                ("省际方向 Pairs", str(document["pairs"])),
                ("转移 Transfers", "  ".join(f"{name} {count}" for name, count in transfers.items())),
                ("学分 Credits", "  ".join(f"{name} {amount}" for name, amount in amounts.items())),
                ("回执 Receipts", "  ".join(f"{name} {count}" for name, count in document["receipts"].items())),
                ("存证日志 Log", "  ".join(f"{name} {value}" for name, value in document["transfer_log"].items())),
                ("拒绝 Refused", "  ".join(f"{code} {count}" for code, count in document["refused_inputs"].items()) or "-"),
                ("隔离行 Quarantined", str(document["quarantined_rows"])),
            ]
        )
    )
    if result.wrong:
        console.print("有账不平 does not add up:", style="bold red")
        for each in result.wrong:
            console.print(f"  {each}")
    else:
        console.print("各项相符。 Everything adds up.", style="bold green")


COMMANDS = (
    (
        "demo",
        demo,
        about(
            "在本机演示整个区域:网关与四家模拟银行,十二个方向。",
            "The whole region on this machine: gateway and four simulated banks, all pairs.",
            "ceg demo",
            "ceg demo --headless --json",
            "ceg demo --save out",
            "ceg demo --keep --json",
            more_zh="学习者都是虚构的。各项相符时退出码为 0,否则为 6。",
            more_en="All learners are made up. Exit code 0 when everything adds up, else 6.",
        ),
    ),
)
