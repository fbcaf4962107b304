"""`ceg docs`: what this program itself goes by, printed from the same data."""

from typing import Annotated

import typer
from rich.console import Console

from gateway.cli.faults import CliError
from gateway.cli.helps import Command, about, group
from gateway.cli.options import AsJson, NoColor
from gateway.cli.screen import Screen, table
from gateway.cli.transfer_words import STATES
from gateway.model.state_table import act_rows, acts_markdown, state_rows, states_markdown
from gateway.model.transfer import State

app = group("规则:由程序自身打印。", "The rules, printed by the program itself.", "ceg docs states", "ceg docs states --markdown")


@app.command(
    "states",
    cls=Command,
    help=about(
        "打印状态 × 动作 × 角色表。",
        "Print the table of states, acts and roles.",
        "ceg docs states",
        "ceg docs states --json",
        "ceg docs states --markdown",
        more_zh="网关判定每个动作、测试逐行核对、docs/protocol.md 所载,都是这一张表。",
        more_en="It is the one table that the gateway judges every act by, that tests go through, and that docs/protocol.md shows.",
    ),
)
def states(
    markdown: Annotated[bool, typer.Option("--markdown", help="写成 Markdown 表格。 / As Markdown tables.")] = False,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """By act, then by state."""
    screen = Screen.open(as_json, no_color)
    if markdown and as_json:
        raise CliError("cli.usage", "--markdown 与 --json 只能取一", "take --markdown or --json, not both")
    if markdown:
        screen.emit(None, lambda console: console.print(f"{acts_markdown()}\n\n{states_markdown()}", soft_wrap=True))
        return
    screen.emit({"acts": act_rows(), "states": state_rows()}, _draw)


def _draw(console: Console) -> None:
    for state, roles in state_rows().items():
        zh, en = STATES[State(state)]
        shown = table("角色 Role", "动作 Act", "到 To", "叶 Leaf", title=f"{state}  {zh} {en}")
        for row in act_rows():
            if state in row["states"] and row["act"] in roles[row["role"]]:
                ver = " (ver)" if row["names_ver"] else ""
                shown.add_row(row["role"], row["act"] + ver, " ".join(row["to"]) or "不变 unchanged", " ".join(row["leaf"]))
        console.print(shown)
