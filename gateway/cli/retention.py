"""`ceg retention`: what has been kept as long as it has to be, and goes; `ceg connector retention` likewise for a bank's own audit rows."""

import asyncio
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from gateway.app import DATABASE_FILE
from gateway.cli.exits import exit_of
from gateway.cli.faults import CliError
from gateway.cli.helps import Command, about, group
from gateway.cli.log_archive import opened
from gateway.cli.options import AsJson, At, Config, DryRun, NoColor, RegistryKey, TrustPath, Yes
from gateway.cli.screen import Screen, facts, table
from gateway.cli.signing import operator_at
from gateway.cli.sources import moment, open_node, settings_of, trust_of
from gateway.cli.transfer_source import KeyFile, MemberId, Url, Where
from gateway.client.audit_terms import MONTHS_MIN, counted, forget
from gateway.client.connector_file import ConnectorFile
from gateway.client.receipts import Judge
from gateway.client.retiring import retire
from gateway.storage.connector_schema import open_connector
from gateway.transfers.case import utc_text
from gateway.transfers.retention import CASES_MAX, Due, OldCase, due, forget_audit, months_before

SHOWN_MAX: Final = 20
WHERE: Final = "--url https://gw.example --member CN-31 --key-file m.pem"
WHY: Final = {"": "可删除 may go", "open": "未结案 open", "held": "法定保全 held", "not_ours": "他行受理 another bank's"}
app = group(
    "留存:到期的数据。",
    "Retention: what has been kept long enough goes.",
    "ceg retention apply --dry-run --config gateway.toml",
    f"ceg retention apply --config gateway.toml {WHERE}",
)


@app.command(
    "apply",
    cls=Command,
    help=about(
        "清理到期的应用审计记录;签署到期案件的删除命令。",
        "Delete audit rows past their term; order the erasure of cases past theirs.",
        "ceg retention apply --dry-run --config gateway.toml",
        f"ceg retention apply --config gateway.toml {WHERE}",
        more_zh="期限见设置 retention,不得低于法定下限。给出 --url、--member、--key-file 的,对本行受理的到期案件逐件签署删除命令"
        "(retention_ended);轮值单位加 --presiding,则对全部。未结案、受法定保全的跳过并说明至何日;中断后重新运行即接着做。"
        "存证日志永久保存。",
        more_en="Terms are the settings of [retention], never below the law's. With --url, --member and --key-file an erasure "
        "(retention_ended) is signed for each case past its term that our bank faces; with --presiding, as presiding unit, for all. Open "
        "and legally held ones are passed over, with the day. Cut off, it is run again and goes on. The transfer log is kept for ever.",
    ),
)
def apply(
    config: Config = None,
    url: Url = "",
    member: MemberId = "",
    key_file: KeyFile = None,
    presiding: Annotated[bool, typer.Option("--presiding", help="以轮值单位对全部案件。 / As presiding unit: every bank's cases.")] = False,
    most: Annotated[
        int, typer.Option("--most", metavar="N", min=1, max=CASES_MAX, help="本次至多几案。 / At most so many cases.")
    ] = CASES_MAX,
    trust_file: TrustPath = None,
    registry_key: RegistryKey = None,
    at: At = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Audit rows first, then the orders, one by one."""
    screen = Screen.open(as_json, no_color)
    where = Where(url, member, key_file, config, None)
    if bool(url) != bool(member and key_file):
        raise CliError("cli.usage", "--url、--member、--key-file 须一并给出", "--url, --member and --key-file come together")
    signs = Judge(trust_of(screen, config, trust_file, registry_key)) if url else None
    found = asyncio.run(_due(config, at, most))
    cases = [_ours(case, "" if presiding else member) for case in found.cases]
    document = found_json(found, cases)
    ordered = [case.transfer for case in cases if not case.skip] if signs is not None else []
    if not dry_run and (found.audit_rows or ordered):
        if not yes:
            _draw(screen.err, document)
        screen.confirm(
            f"删除 {found.audit_rows} 条审计记录,签署 {len(ordered)} 件删除命令(不可恢复)。",
            f"Delete {found.audit_rows} audit rows and sign {len(ordered)} erasures, which cannot be undone.",
            yes=yes,
        )
        document["deleted"] = asyncio.run(_forget(screen, config, found.audit_before))
        if signs is not None and ordered:
            document["orders"] = asyncio.run(_order(screen, where, signs, ordered))
    screen.emit(document, lambda console: _draw(console, document))
    unheard = next((each["code"] for each in document["orders"] if not each["sent"]), "")
    if unheard:
        raise typer.Exit(exit_of(unheard))


def found_json(found: Due, cases: list[OldCase]) -> dict[str, Any]:
    """What is due, and nothing done yet."""
    return {
        "audit_before": found.audit_before, "audit_rows": found.audit_rows, "deleted": 0, "records_before": found.records_before,
        "cases": [list(case) for case in cases], "more": found.more, "orders": [],
    }  # fmt: skip


def _ours(case: OldCase, member: str) -> OldCase:
    """`member` "" may order any."""
    return case._replace(skip="not_ours") if member and not case.skip and case.facing != member else case


async def _due(config: Path | None, at: str, most: int) -> Due:
    async with open_node(config, None) as node:
        assert node.settings is not None
        terms = node.settings.retention
        return await due(node.database, moment(at), terms.audit_months, terms.records_years, most)


async def _forget(screen: Screen, config: Path | None, before: str) -> int:
    with screen.progress("清理审计记录") as tick:
        async with opened(settings_of(config).node.data_folder / DATABASE_FILE) as database:
            return await forget_audit(database, before, tick)


async def _order(screen: Screen, where: Where, judge: Judge, parts: list[str]) -> list[dict[str, Any]]:
    async with operator_at(where, judge) as operator:
        with screen.progress("签署删除命令") as tick:
            return await retire(parts, operator, lambda done: tick(done, len(parts)))


def _draw(console: Console, document: dict[str, Any]) -> None:
    may = sum(not case[4] for case in document["cases"])
    rows = [("审计早于 Audit before", document["audit_before"]), ("审计记录 Audit rows", str(document["audit_rows"]))]
    rows += [("已删除 Deleted", str(document["deleted"])), ("结案早于 Ended before", document["records_before"])]
    rows.append(("可擦除的案件 Cases that may be erased", f"{may}{'+' if document['more'] else ''}"))
    console.print(facts(rows))
    for transfer, state, ended, _facing, skip, until in document["cases"][:SHOWN_MAX]:
        console.print(f"{transfer}  {state}  {ended}  {WHY[skip]}{'  ' + until if until else ''}")
    if document["orders"]:
        shown = table("分件 Part", "结果 Result", "何时可以 From")
        for each in document["orders"]:
            shown.add_row(each["part"], each["code"] or f"leaf {each['leaf']}", each["possible_from"] or "-")
        console.print(shown)


connector_app = group(
    "连接程序的留存:应用审计记录。",
    "A connector's retention: its application audit.",
    "ceg connector retention apply --dry-run --config connector.toml",
    "ceg connector retention apply --config connector.toml",
)


@connector_app.command(
    "apply",
    cls=Command,
    help=about(
        "清理到期的应用审计:谁做了什么,谁看过哪位学习者的案件。",
        "Delete audit rows past their term: who did what, who looked at whose case.",
        "ceg connector retention apply --dry-run --config connector.toml",
        "ceg connector retention apply --months 12 --config connector.toml --yes",
        more_zh="期限不得低于法定的六个月;案件与消息依银行自己的制度保存,不在此列。",
        more_en="The term is never below the law's six months. Cases and messages follow the bank's own rules and are not touched.",
    ),
)
def apply_connector(
    config: Annotated[Path, typer.Option("--config", metavar="FILE", help="连接程序配置文件。 / Settings of the connector.")],
    months: Annotated[
        int, typer.Option("--months", metavar="N", min=MONTHS_MIN, max=1200, help="至少保存的月数。 / Months that are kept.")
    ] = MONTHS_MIN,
    at: At = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Two tables of the connector's own database."""
    screen = Screen.open(as_json, no_color)
    before = utc_text(months_before(moment(at), months))
    file = ConnectorFile.load(config).folder / "connector.db"

    async def run(*, delete: bool) -> dict[str, Any]:
        database = await open_connector(file)
        try:
            with screen.progress("清理审计记录") as tick:
                found = await (forget(database, before, tick) if delete else counted(database, before))
        finally:
            await database.close()
        return {"before": before, "acts": found.acts, "views": found.views, "deleted": delete}

    if not file.is_file():
        raise CliError("cli.not_found", "没有此数据库", "there is no such database", file=str(file))
    told = asyncio.run(run(delete=False))
    if not dry_run and told["acts"] + told["views"]:
        screen.confirm(
            f"删除 {told['acts']} 条操作与 {told['views']} 条查看记录。",
            f"Delete {told['acts']} acts and {told['views']} looks.",
            yes=yes,
        )
        told = asyncio.run(run(delete=True))
    screen.emit(told, lambda console: console.print(facts([(name, str(value)) for name, value in told.items()])))
