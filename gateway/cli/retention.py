"""`ceg retention`: what has been kept as long as it has to be, and may go."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from gateway.app import DATABASE_FILE
from gateway.cli.helps import Command, about, group
from gateway.cli.log_archive import opened
from gateway.cli.options import AsJson, At, Config, DryRun, NoColor, Yes
from gateway.cli.screen import Screen, facts
from gateway.cli.sources import moment, open_node, settings_of
from gateway.transfers.retention import Due, due, forget_audit

SHOWN_MAX: Final = 20
app = group(
    "留存:到期可清理的数据。",
    "Retention: what may go now.",
    "ceg retention apply --dry-run --config gateway.toml",
    "ceg retention apply --config gateway.toml",
)


@app.command(
    "apply",
    cls=Command,
    help=about(
        "清理到期的应用审计记录;列出内容可以擦除的案件。",
        "Delete audit rows past their term; list the cases whose contents may be erased.",
        "ceg retention apply --dry-run --config gateway.toml",
        "ceg retention apply --config gateway.toml --yes",
        more_zh="期限见设置 retention,不得低于法定下限。案件内容由有权的银行或轮值单位以 ceg erase 签名擦除;存证日志永久保存。",
        more_en="Terms are the settings of [retention], never below the law's. Contents of cases are erased by ceg erase, signed by "
        "whoever may order it; the transfer log is kept for ever.",
    ),
)
def apply(
    config: Config = None, at: At = "", dry_run: DryRun = False, yes: Yes = False, as_json: AsJson = False, no_color: NoColor = False
) -> None:
    """Only rows of the application's audit are deleted here."""
    screen = Screen.open(as_json, no_color)
    found = asyncio.run(_due(config, at))
    document = asdict(found) | {"deleted": 0}
    if not dry_run and found.audit_rows:
        if not yes:
            _draw(screen.err, document)
        screen.confirm(f"删除 {found.audit_rows} 条审计记录。", f"Delete {found.audit_rows} audit rows.", yes=yes)
        asyncio.run(_forget(config, found.audit_before))
        document["deleted"] = found.audit_rows
    screen.emit(document, lambda console: _draw(console, document))


async def _due(config: Path | None, at: str) -> Due:
    async with open_node(config, None) as node:
        assert node.settings is not None
        terms = node.settings.retention
        return await due(node.database, moment(at), terms.audit_months, terms.records_years)


async def _forget(config: Path | None, before: str) -> None:
    async with opened(settings_of(config).node.data_folder / DATABASE_FILE) as database:
        await forget_audit(database, before)


def _draw(console: Console, document: dict[str, Any]) -> None:
    rows = [("审计早于 Audit before", document["audit_before"]), ("审计记录 Audit rows", str(document["audit_rows"]))]
    rows += [("已删除 Deleted", str(document["deleted"])), ("结案早于 Ended before", document["records_before"])]
    rows.append(("可擦除的案件 Cases that may be erased", f"{len(document['cases'])}{'+' if document['more'] else ''}"))
    console.print(facts(rows))
    for transfer, state, ended in document["cases"][:SHOWN_MAX]:
        console.print(f"{transfer}  {state}  {ended}")
