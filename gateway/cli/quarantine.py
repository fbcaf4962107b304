"""`ceg connector quarantine`: which rows of a bank's feeds stay behind, why, and since when."""

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from gateway.cli.faults import CliError
from gateway.cli.helps import Command, about, group
from gateway.cli.options import AsJson, NoColor
from gateway.cli.screen import Screen, facts, table
from gateway.cli.transfer_words import local_time
from gateway.client.connector_file import ConnectorFile
from gateway.client.store import Store
from gateway.storage.connector_schema import HeldRowRow, open_connector

WHOLE = "整个文件 whole file"
Settings = Annotated[Path, typer.Option("--config", metavar="FILE", help="连接程序配置文件。 / Settings of the connector.")]
app = group(
    "隔离的行:哪些行没有送出,为什么,怎么办。",
    "Rows that stay behind: which, why, and what to do.",
    "ceg connector quarantine list --config connector.toml",
    "ceg connector quarantine show 2024-06.csv 17 --config connector.toml",
)


@app.command(
    "list",
    cls=Command,
    help=about(
        "列出现在隔离的行。",
        "List the rows that stay behind now.",
        "ceg connector quarantine list --config connector.toml",
        "ceg connector quarantine list --config connector.toml --all --json",
        more_zh="同样的内容在银行目录的 quarantine/ 中,每个文件一张表,可用电子表格打开。",
        more_en="The same lies in the bank's quarantine/ folder, one table a file, for a spreadsheet.",
    ),
)
def list_rows(
    config: Settings,
    mended: Annotated[bool, typer.Option("--all", help="也列出已改好的。 / Also those that were mended.")] = False,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """One line a row."""
    screen = Screen.open(as_json, no_color)
    found = [row_json(row) for row in _held(config) if mended or not row.mended_at]

    def draw(console: Console) -> None:
        if not found:
            console.print("没有隔离的行。 No row stays behind.")
            return
        shown = table("文件与行 File, row", "原因 Reason", "自 Since", "改好 Mended" if mended else "")
        for row in found:
            first = row["problems"][0]
            more = f" (+{len(row['problems']) - 1})" if len(row["problems"]) > 1 else ""
            where = f"{row['file']}\n{row['row'] or WHOLE}"
            done = local_time(row["mended_at"]) if row["mended_at"] else ""
            shown.add_row(where, f"{first['code']}\n{first['zh']}{more}", local_time(row["found_at"]), done)
        console.print(shown)

    screen.emit(found, draw)


@app.command(
    "show",
    cls=Command,
    help=about(
        "说明一个文件中隔离的行,每个问题一段。",
        "Explain the rows of a file that stay behind, every problem of each.",
        "ceg connector quarantine show 2024-06.csv --config connector.toml",
        "ceg connector quarantine show 2024-06.csv 17 --config connector.toml --json",
    ),
)
def show(
    file: Annotated[str, typer.Argument(metavar="FEED", help="feeds/ 中的文件名。 / The file's name in feeds/.")],
    config: Settings,
    row: Annotated[int | None, typer.Argument(metavar="[ROW]", min=0, help="行号;0 为整个文件。 / The row; 0 is the whole file.")] = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """All problems, with what is to be done."""
    screen = Screen.open(as_json, no_color)
    rows = [each for each in _held(config) if each.file == file and not each.mended_at and row in {None, each.line}]
    if not rows:
        raise CliError("cli.not_found", "该文件没有这样的隔离行", "no such row of this file stays behind", file=file)
    found = [row_json(each) for each in rows]

    def draw(console: Console) -> None:
        for each in found:
            where = f"第 {each['row']} 行 row {each['row']}" if each["row"] else WHOLE
            console.print(f"{file}  {where}  自 since {local_time(each['found_at'])}", style="bold")
            for problem in each["problems"]:
                console.print(facts([("代码 Code", problem["code"]), ("位置 Where", problem["path"] or "-"), ("原因", problem["zh"])]))
                console.print(facts([("Reason", problem["en"])]))
        console.print("改正源文件后重新放入 feeds/;改好的记录保持原记录号。 Correct the source and lay it in feeds/ again; ids hold.")

    screen.emit(found, draw)


def row_json(row: HeldRowRow) -> dict[str, Any]:
    """A row as `--json` prints it; times are RFC 3339, UTC."""
    problems = [dict(zip(("path", "code", "zh", "en"), each, strict=True)) for each in json.loads(row.problems)]
    return {
        "file": row.file, "row": row.line, "record": row.record, "problems": problems, "found_at": row.found_at, "mended_at": row.mended_at,
    }  # fmt: skip


def _held(config: Path) -> list[HeldRowRow]:
    if not config.is_file():
        raise CliError("cli.not_found", "没有此配置文件", "there is no such settings file", file=str(config))
    path = ConnectorFile.load(config).folder / "connector.db"
    if not path.is_file():
        raise CliError("cli.not_found", "连接程序尚未运行过", "the connector has not run yet", file=str(path))
    return asyncio.run(_read(path))


async def _read(path: Path) -> list[HeldRowRow]:
    store = Store(await open_connector(path))
    try:
        return await store.held_rows()
    finally:
        await store.close()
