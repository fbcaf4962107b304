"""Help texts: Chinese first, English under it, examples before anything else, in 80 columns of a Chinese terminal.

A command's text is made by `about`; `render` lays out any command for the screen, and `reference` lays out
all of them for docs/cli.md, from the same values.
"""

from collections.abc import Iterator
from typing import Any, Final

import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperCommand, TyperGroup

WIDTH: Final = 80
INDENT: Final = 6
_LIBRARY: Final = {
    "--help": "显示本说明。 / Show this text.",
    "--install-completion": "为当前 shell 安装补全。 / Install completion for this shell.",
    "--show-completion": "打印补全脚本。 / Print the completion script.",
}
_MEASURE: Final = Console(width=WIDTH, color_system=None)


def about(zh: str, en: str, *examples: str, more_zh: str = "", more_en: str = "") -> str:
    """A help text: one sentence in each language, examples (`ceg …`), and what else is to say."""
    more = "\n".join(text for text in (more_zh, more_en) if text)
    shown = "\n".join(f"$ {example}" for example in examples)
    return "\n\n".join(part for part in (f"{zh}\n{en}", shown, more) if part)


class Command(TyperCommand):
    """A command with our own help layout."""

    def get_help(self, ctx: Any) -> str:
        return render(self, ctx)


class Group(TyperGroup):
    """A group with our own help layout; commands stand in the order in which they are declared."""

    def get_help(self, ctx: Any) -> str:
        return render(self, ctx)

    def list_commands(self, ctx: Any) -> list[str]:
        del ctx
        return list(self.commands)


def group(zh: str, en: str, *examples: str) -> typer.Typer:
    """An empty command group."""
    return typer.Typer(cls=Group, help=about(zh, en, *examples), no_args_is_help=True, rich_markup_mode=None, add_completion=False)


def render(command: Any, ctx: Any) -> str:
    """The whole help of one command."""
    head, examples, more = _parts(command.help or "")
    lines = [f"用法 Usage: {' '.join([ctx.command_path, *command.collect_usage_pieces(ctx)])}", "", *head]
    if examples:
        lines += ["", "示例 Examples:", *(f"  {example}" for example in examples)]
    if more:
        lines += ["", *more]
    if isinstance(command, TyperGroup):
        lines += ["", "命令 Commands:", *_commands(command, ctx)]
    for title, kind in (("参数 Arguments:", "argument"), ("选项 Options:", "option")):
        shown = [param for param in command.get_params(ctx) if param.param_type_name == kind and not getattr(param, "hidden", False)]
        if shown:
            lines += ["", title, *(line for param in shown for line in _param(param))]
    return "\n".join(part for line in lines for part in _wrap(line))


def reference(command: Any, ctx: Any) -> Iterator[str]:
    """Markdown of a command and, in their order, of all below it."""
    yield f"## `{ctx.command_path}`\n\n```text\n{render(command, ctx)}\n```\n"
    if isinstance(command, TyperGroup):
        for name in command.list_commands(ctx):
            found: Any = command.get_command(ctx, name)
            yield from reference(found, type(ctx)(found, info_name=name, parent=ctx))


def _parts(text: str) -> tuple[list[str], list[str], list[str]]:
    lines = text.split("\n")
    examples = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    rest = [line for line in lines if line and not line.startswith("$ ")]
    return rest[:2], examples, rest[2:]


def _commands(command: TyperGroup, ctx: Any) -> Iterator[str]:
    for name in command.list_commands(ctx):
        found: Any = command.get_command(ctx, name)
        head, _, _ = _parts(found.help or "")
        yield f"  {name:<12}{head[0]}"
        yield from (f"  {'':<12}{line}" for line in head[1:])


def _param(param: Any) -> Iterator[str]:
    names = ", ".join([*param.opts, *param.secondary_opts]) if param.param_type_name == "option" else ""
    metavar = param.metavar or ("" if getattr(param, "is_flag", False) else param.name.upper())
    yield "  " + " ".join(part for part in (names, metavar) if part)
    text = _LIBRARY.get(param.opts[-1]) or param.help or ""
    yield from (" " * INDENT + part for part in text.split(" / "))


def _wrap(line: str) -> Iterator[str]:
    """Lines of at most 80 cells; a Chinese character takes two."""
    body = line.lstrip(" ")
    indent = " " * (len(line) - len(body))
    if not body:
        yield ""
    for part in Text(body).wrap(_MEASURE, WIDTH - len(indent)) if body else ():
        yield (indent + part.plain).rstrip()
