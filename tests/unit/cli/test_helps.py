"""Help texts: both languages, 80 columns, and the page that is made of them."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.cells import cell_len
from support.nodes import ceg
from typer.core import TyperGroup
from typer.main import get_command

from gateway.cli.helps import render
from gateway.cli.main import app
from gateway.cli.reference import page

ROOT = Path(__file__).parents[3]
WANTED = {
    "ceg version", "ceg serve", "ceg connector", "ceg connector quarantine list", "ceg connector quarantine show",
    "ceg demo", "ceg doctor", "ceg map explain", "ceg map check", "ceg keys generate",
    "ceg keys list", "ceg keys show",
    "ceg member list", "ceg member show", "ceg log head", "ceg log prove", "ceg log verify", "ceg transfer submit", "ceg transfer list",
    "ceg transfer show", "ceg transfer watch", "ceg transfer evidence",
    "ceg catalogue list", "ceg catalogue search", "ceg catalogue show", "ceg catalogue import", "ceg catalogue export",
    "ceg catalogue check", "ceg catalogue draft",
}  # fmt: skip


def walk(command: Any, context: Any) -> Iterator[tuple[str, Any, Any]]:
    yield context.command_path, command, context
    if isinstance(command, TyperGroup):
        for name in command.list_commands(context):
            found: Any = command.get_command(context, name)
            yield from walk(found, type(context)(found, info_name=name, parent=context))


@cache
def tree() -> list[tuple[str, Any, Any]]:
    root = get_command(app)
    return list(walk(root, typer.Context(root, info_name="ceg")))


def leaves() -> list[tuple[str, Any, Any]]:
    """What does something by itself: commands, and the group that runs where none of its commands is named."""
    return [each for each in tree() if not isinstance(each[1], TyperGroup) or each[1].invoke_without_command]


def test_page_when_made_from_the_commands_then_it_is_docs_cli_md() -> None:
    assert (ROOT / "docs" / "cli.md").read_text("utf-8") == page(), "run: python -m gateway.cli.reference > docs/cli.md"


def test_commands_when_listed_then_all_are_there() -> None:
    assert {path for path, _, _ in leaves()} >= WANTED


@pytest.mark.parametrize("path", [path for path, _, _ in tree()])
def test_help_when_rendered_then_chinese_first_english_second_within_80_columns(path: str) -> None:
    _, command, context = next(each for each in tree() if each[0] == path)
    text = render(command, context)
    assert max(map(cell_len, text.split("\n"))) <= 80
    lines = text.split("\n")
    assert lines[0].startswith(f"用法 Usage: {path}")
    assert any(ord(char) > 0x2E80 for char in lines[2])
    assert lines[3].isascii()
    assert lines[5] == "示例 Examples:"
    for example in lines[6 : lines.index("", 6)]:
        assert example.startswith("  ceg") or not example.startswith("  $"), example


@pytest.mark.parametrize("path", [path for path, _, _ in leaves()])
def test_options_when_listed_then_each_is_told_twice_and_none_takes_a_secret(path: str) -> None:
    _, command, context = next(each for each in tree() if each[0] == path)
    params = {param.opts[0]: param for param in command.get_params(context)}
    assert {"--json", "--no-color"} <= set(params)
    for name, param in params.items():
        if name != "--help":
            assert " / " in (param.help or ""), f"{path} {name} lacks a language"
        assert not any(word in name for word in ("password", "secret", "token")), f"{path} {name}"
        assert "key" not in name or name.endswith(("-file", "-key")), f"{path} {name}"


@pytest.mark.parametrize("path", [path for path, _, _ in leaves()])
def test_examples_when_parsed_then_their_commands_and_options_exist(path: str) -> None:
    known = {each: {option for param in command.get_params(context) for option in param.opts} for each, command, context in leaves()}
    _, command, _ = next(each for each in tree() if each[0] == path)
    for line in (command.help or "").split("\n"):
        if line.startswith("$ "):
            words = line.removeprefix("$ ").split()
            assert line.removeprefix("$ ").startswith(path), line
            assert {word for word in words if word.startswith("--")} <= known[path], line


def test_help_when_asked_then_exit_zero_and_printed_on_stdout() -> None:
    ran = ceg("log", "verify", "--help")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("用法 Usage: ceg log verify")


def test_completion_when_asked_then_a_script_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    ran = ceg("--show-completion", "bash")
    assert ran.code == 0
    assert "_CEG_COMPLETE" in ran.out
