"""`ceg`: the table of commands, and the one place where a fault becomes an exit code.

Nobody ever sees a traceback: a named fault is told in both languages (or as a problem document), an
unexpected one in one line; `CEG_DEBUG=1` shows the details.
"""

import logging
import os
import sys
import traceback
from collections.abc import Sequence
from types import TracebackType
from typing import Annotated, Any

import typer
from typer.main import get_command

from gateway import __version__
from gateway.cli import (
    agreement,
    backup,
    canary,
    catalogue,
    connector,
    consent,
    demo,
    dlq,
    docs,
    doctor,
    erase,
    integrity,
    keys,
    log,
    log_archive,
    log_rebuild,
    log_timestamps,
    mapping,
    member,
    monitor,
    outcome,
    presiding,
    quote,
    reconcile,
    report,
    report_proof,
    retention,
    rule,
    serve,
    transfer,
    verify,
    version,
    witness,
)
from gateway.cli.exits import ExitCode, exit_of
from gateway.cli.faults import CliError, first_fault
from gateway.cli.helps import Command, Group, about
from gateway.cli.logs import configure
from gateway.cli.screen import Screen
from gateway.errors import GatewayError

DEBUG = "CEG_DEBUG"
_ClickError: type[Exception] = typer.BadParameter.__mro__[2]
"""Every wrong usage; typer brings its own copy of click, or not, by version."""

app = typer.Typer(
    name="ceg",
    cls=Group,
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["--help", "-h"]},
    help=about(
        "长三角学分互认网关。",
        "Credit Exchange Gateway of the Yangtze River Delta.",
        "ceg demo",
        "ceg doctor --config gateway.toml",
        "ceg serve --config gateway.toml",
        "ceg map explain sh.json",
        more_zh="数据写到标准输出,其余写到标准错误;各命令都有 --json。退出码见 docs/cli.md。",
        more_en="Data goes to stdout, all else to stderr; every command has --json. Exit codes are in docs/cli.md.",
    ),
)


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"ceg {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    show_version: Annotated[
        bool, typer.Option("--version", help="显示版本。 / Show the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    del show_version


for _name, _run, _help in (
    *version.COMMANDS,
    *demo.COMMANDS,
    *serve.COMMANDS,
    *doctor.COMMANDS,
    *quote.COMMANDS,
    *verify.COMMANDS,
    *monitor.COMMANDS,
    *erase.COMMANDS,
    *backup.COMMANDS,
):
    app.command(_name, cls=Command, help=_help)(_run)
for _name, _kept, _help in (*log_rebuild.COMMANDS, *log_archive.COMMANDS, *log_timestamps.COMMANDS):
    log.app.command(_name, cls=Command, help=_help)(_kept)
for _name, _shown, _help in report_proof.COMMANDS:
    report.app.command(_name, cls=Command, help=_help)(_shown)
for _name, _group in (
    ("connector", connector.app),
    ("map", mapping.app),
    ("agreement", agreement.app),
    ("catalogue", catalogue.app),
    ("rule", rule.app),
    ("transfer", transfer.app),
    ("dlq", dlq.app),
    ("consent", consent.app),
    ("outcome", outcome.app),
    ("presiding", presiding.app),
    ("hold", erase.app),
    ("integrity", integrity.app),
    ("reconcile", reconcile.app),
    ("report", report.app),
    ("canary", canary.app),
    ("member", member.app),
    ("keys", keys.app),
    ("log", log.app),
    ("retention", retention.app),
    ("witness", witness.app),
    ("docs", docs.app),
):
    app.add_typer(_group, name=_name)


def main() -> None:
    """The console script."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    configure(logging.CRITICAL)  # data only on stdout: what the parts log is for a running service, which configures it anew
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Carry out one command line; the exit code."""
    door = LastDoor(list(arguments))
    with door:
        result: Any = get_command(app)(list(arguments), prog_name="ceg", standalone_mode=False)
        sys.stdout.flush()
        door.code = result if isinstance(result, int) else ExitCode.OK
    return int(door.code)


class LastDoor:
    """Whatever is raised inside becomes an exit code, told once."""

    def __init__(self, arguments: list[str]) -> None:
        flags = arguments[: arguments.index("--")] if "--" in arguments else arguments
        self._arguments = arguments
        self._screen = Screen.open("--json" in flags, "--no-color" in flags)
        self.code: int = ExitCode.UNEXPECTED

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        if error is None:
            return True
        if isinstance(error, SystemExit) and not isinstance(error.__context__, BrokenPipeError):
            self.code = error.code if isinstance(error.code, int) else ExitCode.OK
            return True
        if isinstance(error, SystemExit | BrokenPipeError):
            # The reader has had enough; Python would complain about it once more at the end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            self.code = ExitCode.OK
            return True
        named = _named(error, self._arguments)
        self._screen.fault(named)
        if os.environ.get(DEBUG) == "1":
            traceback.print_exception(kind, error, trace, file=sys.stderr)
        self.code = exit_of(named.code)
        return True


def _named(raised: BaseException, arguments: list[str]) -> GatewayError:
    error = first_fault(raised)
    if isinstance(error, GatewayError):
        return error
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return _interrupted()
    if isinstance(error, _ClickError):
        return _usage(error)
    words = [word for word in arguments[:2] if not word.startswith("-")]
    return CliError(
        "cli.unexpected",
        f"意外错误。请设 {DEBUG}=1 重试,并把输出连同版本 {__version__} 发给维护者。",
        f"Something unexpected. Run it again with {DEBUG}=1 and send the output to the maintainers.",
        command=" ".join(["ceg", *words]),
        reason=type(error).__name__,
    )


def _usage(error: Any) -> GatewayError:
    told = " ".join(str(error.format_message()).split())
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "ceg"
    if type(error).__name__ == "NoArgsIsHelpError":
        return CliError("cli.usage", f"须指明命令,见 {path} --help", f"a command is missing; see {path} --help")
    return CliError("cli.usage", f"命令用法有误,见 {path} --help", told or "wrong usage")


def _interrupted() -> GatewayError:
    return CliError("cli.interrupted", "已中断", "interrupted")
