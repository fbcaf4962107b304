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
from gateway.model.transfer import CARRIED_OUT, TABLE, Act, Role, State
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


def act_table() -> str:
    """State × act × role: for each act and role, where it may be done and where it leads."""
    lines = [
        "| act | role | 可在 in these states | 到 to | leaf | 写明 `ver` | 办理 carried out |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    order = list(State)
    for rule in TABLE:
        states = " ".join(f"`{state}`" for state in order if state in rule.states)
        if rule.states == frozenset(order):
            states = "全部 all"
        to = " ".join(f"`{state}`" for state in rule.to) or "不变 unchanged"
        leaves = " ".join(f"`{leaf}`" for leaf in rule.leaf)
        yes = "✓" if rule.act in CARRIED_OUT else "–"
        lines.append(f"| `{rule.act}` | {rule.role} | {states} | {to} | {leaves} | {'✓' if rule.names_ver else ''} | {yes} |")
    return "\n".join(lines)


def state_table() -> str:
    """The same, from a state's side: what each role may do there now."""
    lines = [f"| state | {' | '.join(Role)} |", "| --- " * (len(Role) + 1) + "|"]
    for state in State:
        cells = []
        for role in Role:
            acts = [f"`{rule.act}`" for rule in TABLE if rule.role is role and state in rule.states and rule.act in CARRIED_OUT]
            cells.append(" ".join(dict.fromkeys(acts)) or "–")
        lines.append(f"| `{state}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def contents_table() -> str:
    lines = ["| act | 必须有 must have | 可以有 may have |", "| --- | --- | --- |"]
    for act, (must, may) in CONTENT_NAMES.items():
        lines.append(f"| `{act}` | {_names(must)} | {_names(may)} |")
    return "\n".join(lines)


def not_yet() -> str:
    return _names([act.value for act in Act if act not in CARRIED_OUT])


def _names(names: Any) -> str:
    return " ".join(f"`{name}`" for name in names) or "–"


BLOCKS: dict[Path, dict[str, Callable[[], str]]] = {
    DOCS / "settings.md": {"settings": settings_table},
    DOCS / "protocol.md": {"contents": contents_table, "acts": act_table, "states": state_table, "not-yet": not_yet},
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
