"""The parts of the documentation that are made from the source.

`python tests/support/generated.py` (with the project's Python) writes them anew; the style tests
compare them with what is there.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from gateway.federation.protocol import CONTENT_NAMES
from gateway.model.state_table import acts_markdown, states_markdown
from gateway.settings import Settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
EXAMPLE = ROOT / "config" / "gateway.example.toml"


def fields() -> Iterator[tuple[str, str, Any]]:
    """`(section, name, field)` of every setting, in order."""
    for section, outer in Settings.model_fields.items():
        kind = outer.annotation
        assert isinstance(kind, type)
        assert issubclass(kind, BaseModel)
        for name, inner in kind.model_fields.items():
            yield section, name, inner


def toml_value(value: Any) -> str:
    match value:
        case None:
            return '""'
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case dict():
            return "{" + ", ".join(f'"{key}" = {toml_value(each)}' for key, each in value.items()) + "}"
        case _:
            return f'"{value}"'


def example_toml() -> str:
    """Every setting with its default.  One that is off by default stands in a comment."""
    lines = [
        "# 网关的全部设置及其默认值。复制为 gateway.toml 后修改;未写的取默认值。",
        "# Every setting of the gateway and its default.  Copy it, change what you need, leave out the rest.",
        "# 优先次序 Precedence: 命令行 flag > 环境变量 CEG_<SECTION>__<NAME> > 本文件 this file > 默认 default",
    ]
    seen = ""
    for section, name, field in fields():
        if section != seen:
            lines += ["", f"[{section}]"]
            seen = section
        lines.append(f"# {field.description}")
        lines.append(f"{'# ' if field.default is None else ''}{name} = {toml_value(field.default)}")
    return "\n".join(lines) + "\n"


def settings_table() -> str:
    lines = ["| 设置 setting | 环境变量 environment | 默认 default | 含义 meaning |", "| --- | --- | --- | --- |"]
    for section, name, field in fields():
        default = "–" if field.default is None else f"`{toml_value(field.default)}`"
        variable = f"CEG_{section}__{name}".upper()
        lines.append(f"| `{section}.{name}` | `{variable}` | {default} | {field.description} |")
    return "\n".join(lines)


def contents_table() -> str:
    lines = ["| act | 必须有 must have | 可以有 may have |", "| --- | --- | --- |"]
    for act, (must, may) in CONTENT_NAMES.items():
        lines.append(f"| `{act}` | {_names(must)} | {_names(may)} |")
    return "\n".join(lines)


def _names(names: Any) -> str:
    return " ".join(f"`{name}`" for name in names) or "–"


BLOCKS: dict[Path, dict[str, Callable[[], str]]] = {
    DOCS / "settings.md": {"settings": settings_table},
    DOCS / "protocol.md": {"contents": contents_table, "acts": acts_markdown, "states": states_markdown},
}


def begin(name: str) -> str:
    return f"<!-- made from the source: {name} -->"


def end(name: str) -> str:
    return f"<!-- end of {name} -->"


def with_blocks(text: str, blocks: dict[str, Callable[[], str]]) -> str:
    """The page with its made parts made anew.  A page without a block's marks is a mistake."""
    for name, make in blocks.items():
        head, found, rest = text.partition(begin(name))
        _, closed, tail = rest.partition(end(name))
        assert found, f"no {begin(name)}"
        assert closed, f"no {end(name)}"
        text = f"{head}{begin(name)}\n{make()}\n{end(name)}{tail}"
    return text


def main() -> None:
    EXAMPLE.write_text(example_toml(), "utf-8")
    for page, blocks in BLOCKS.items():
        page.write_text(with_blocks(page.read_text("utf-8"), blocks), "utf-8")
    sys.stdout.write("written\n")


if __name__ == "__main__":
    main()
