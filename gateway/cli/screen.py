"""Where output goes: data to stdout, everything else to stderr; colour and motion only where someone looks.

`emit` is the one way out for data: one JSON document with `--json`, else whatever `draw` puts on the
console.  Colour is off for `--no-color`, `NO_COLOR`, `TERM=dumb` and anything that is no terminal.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from gateway.cli.faults import CliError, problem_document
from gateway.errors import GatewayError

Draw = Callable[[Console], None]
WIDTH = 80


class Tick(Protocol):
    """How far it is."""

    def __call__(self, done: int, of: int, what: str = "", /) -> None: ...


def is_plain(no_color: bool = False) -> bool:
    """Whether the user, or the terminal, wants neither colour nor motion."""
    return no_color or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM", "") in {"dumb", "unknown"}


@dataclass(frozen=True, slots=True)
class Screen:
    """One command's output.  Make it with `open`."""

    as_json: bool
    out: Console
    err: Console

    @classmethod
    def open(cls, as_json: bool = False, no_color: bool = False) -> "Screen":
        plain = is_plain(no_color)
        return cls(as_json, _console(plain, sys.stdout), _console(plain, sys.stderr))

    def emit(self, document: Any, draw: Draw | None = None) -> None:
        """The command's data: `document` with `--json`, else `draw`."""
        if self.as_json or draw is None:
            sys.stdout.write(json.dumps(document, ensure_ascii=not _is_utf8(sys.stdout.encoding), indent=2) + "\n")
        else:
            draw(self.out)

    def line(self, document: Any) -> None:
        """A document that a program waits for while this one goes on: one line, at once."""
        sys.stdout.write(json.dumps(document, ensure_ascii=not _is_utf8(sys.stdout.encoding)) + "\n")
        sys.stdout.flush()

    def note(self, zh: str, en: str) -> None:
        """A remark, on stderr; silent with `--json`."""
        if not self.as_json:
            self.err.print(zh, style="cyan", markup=False, highlight=False)
            self.err.print(en, style="dim", markup=False, highlight=False)

    def fault(self, error: GatewayError) -> None:
        """Why it did not work: a problem document with `--json`, else text in both languages with every problem."""
        if self.as_json:
            sys.stderr.write(json.dumps(problem_document(error), ensure_ascii=not _is_utf8(sys.stderr.encoding)) + "\n")
            return
        self.err.print(f"错误 {error.code}: {error.zh}", style="bold red", markup=False, highlight=False)
        self.err.print(f"error: {error.en}", markup=False, highlight=False)
        for problem in error.problems:
            where = f"{problem.path}: " if problem.path else ""
            self.err.print(f"  {where}{problem.code}: {problem.zh} / {problem.en}", markup=False, highlight=False)
        for name, value in error.facts.items():
            self.err.print(f"  {name} = {value}", style="dim", markup=False, highlight=False)

    @property
    def moves(self) -> bool:
        """Whether someone looks at stderr on a terminal that can show motion."""
        return not self.as_json and self.err.is_terminal and not is_plain()

    @contextmanager
    def progress(self, zh: str) -> Iterator[Tick]:
        """A bar on stderr where that is a terminal that can; else silence.  Give it `(done, of)` and, if it changes, what is done."""
        if not self.moves:
            yield lambda _done, _of, _what="": None
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self.err, transient=True) as bar:
            task = bar.add_task(zh, total=None)
            yield lambda done, of, what="": bar.update(task, completed=done, total=of, description=what or zh)

    def confirm(self, zh: str, en: str, *, yes: bool) -> None:
        """Ask on a terminal; elsewhere `--yes` is needed.  Raises CliError(`cli.confirm`), typer.Abort."""
        if yes:
            return
        if self.as_json or not sys.stdin.isatty():
            raise CliError("cli.confirm", "不在终端中,须加 --yes 确认", "this is no terminal: confirm with --yes")
        self.note(zh, en)
        typer.confirm("继续吗? Go on?", abort=True, err=True)


def table(*columns: str, title: str = "") -> Table:
    """A table that stands in 80 columns: long values fold, nothing is cut."""
    made = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def facts(rows: Sequence[tuple[str, str]]) -> Table:
    """Names and values, one a line."""
    made = Table(box=None, show_header=False, pad_edge=False)
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in rows:
        made.add_row(name, value)
    return made


def _console(plain: bool, stream: Any) -> Console:
    terminal = stream.isatty() and not plain
    width = None if stream.isatty() or os.environ.get("COLUMNS") else WIDTH
    return Console(
        file=stream,
        width=width,
        color_system="auto" if terminal else None,
        force_terminal=terminal,
        no_color=plain,
        markup=False,
        highlight=False,
        emoji=False,
    )


def _is_utf8(encoding: str | None) -> bool:
    return (encoding or "").lower().replace("-", "") in {"utf8", "gb18030"}
