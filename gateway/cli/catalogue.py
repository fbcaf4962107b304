"""`ceg catalogue`: look into a catalogue, bring one in, take one out, and see what in it may not be used."""

from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer
from rich.console import Console

from gateway.cli.catalogue_source import day_of, files_at, open_source, refuse_existing, replace, standard_codes
from gateway.cli.catalogue_words import brief, draw_briefs, draw_problems, draw_whole, label, whole
from gateway.cli.exits import ExitCode
from gateway.cli.faults import CliError
from gateway.cli.helps import Command, about, group
from gateway.cli.options import AsJson, DryRun, NoColor, Yes
from gateway.cli.screen import Screen
from gateway.errors import CatalogueError, Problem
from gateway.recognition.catalogue import ENTRY_TABLES, Catalogue, EntryStatus, Table, place, why_not
from gateway.recognition.catalogue_build import rows_of, tables_of
from gateway.recognition.catalogue_draft import draft_rules, draft_toml
from gateway.recognition.catalogue_files import FileForm, read_catalogue, write_catalogue
from gateway.recognition.catalogue_load import search_index
from gateway.recognition.catalogue_problems import problem, words
from gateway.recognition.rule_file import load_rules

REVIEW_SOON_DAYS: Final = 90

app = group(
    "认定目录:查看、查找、导入、导出、检查。",
    "The recognition catalogue: look, search, import, export, check.",
    "ceg catalogue search xzgl",
    "ceg catalogue show DEMO-X-003",
    "ceg catalogue check my-catalogue",
)

From: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--catalogue",
        metavar="PATH",
        help="目录:文件夹或 JSON 文件,默认自带的演示数据。 / Folder or JSON file; the demonstration data by default.",
    ),
]
Tables: TypeAlias = Annotated[
    list[Table] | None,
    typer.Option("--table", metavar="TABLE", help="只看此表,可重复:courses 等。 / This table only, as courses; may be repeated."),
]
Day: TypeAlias = Annotated[
    str, typer.Option("--at", metavar="DATE", help="以此日判断,默认今天。 / Judge as of this day (2026-01-31), not today.")
]
Usable: TypeAlias = Annotated[bool, typer.Option("--usable", help="只列当日可用的。 / Only what may be used that day.")]


@app.command(
    "list",
    cls=Command,
    help=about(
        "列出目录条目,并说明当日可用与否。",
        "List the entries, and whether each may be used that day.",
        "ceg catalogue list",
        "ceg catalogue list --table certificates --usable",
        "ceg catalogue list --catalogue my-catalogue --json",
    ),
)
def list_entries(
    catalogue: From = None,
    tables: Tables = None,
    usable: Usable = False,
    at: Day = "",
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """In the catalogue's own order."""
    screen = Screen.open(as_json, no_color)
    source, day = open_source(catalogue), day_of(at)
    label(screen, source)
    wanted = _entry_tables(tables)
    lines = [brief(each, entry, day) for each, entry in source.catalogue.entries() if each in wanted]
    found = [line for line in lines if line["usable"] or not usable]
    screen.emit(found, lambda console: draw_briefs(console, found))


@app.command(
    "search",
    cls=Command,
    help=about(
        "查找条目:中文、拼音、拼音首字母、英文、编号均可。",
        "Find entries by Chinese, pinyin, its initials, English or id.",
        "ceg catalogue search 行政管理",
        "ceg catalogue search xzgl --table courses",
        "ceg catalogue search kuaiji --usable --json",
        more_zh="全角半角不分;多个词须同时符合。",
        more_en="Full and half width are one; several words must all fit.",
    ),
)
def search(
    query: Annotated[list[str], typer.Argument(metavar="QUERY", help="要找的词。 / What to look for.")],
    catalogue: From = None,
    tables: Tables = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="最多条数,默认 20。 / At most so many, 20 by default.")] = 20,
    usable: Usable = False,
    at: Day = "",
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Best first."""
    screen = Screen.open(as_json, no_color)
    source, day = open_source(catalogue), day_of(at)
    label(screen, source)
    index = search_index(source.catalogue)
    hits = index.search(" ".join(query), limit=limit, tables=_entry_tables(tables), day=day if usable else None)
    found = [{**brief(hit.table, hit.entry, day), "score": hit.score, "by": hit.by} for hit in hits]
    screen.emit(found, lambda console: draw_briefs(console, found, [hit.by for hit in hits]))


@app.command(
    "show",
    cls=Command,
    help=about(
        "查看一个条目:全部字段、专家评议、被谁引用。",
        "Show one entry: every field, the panel's word, what rests on it.",
        "ceg catalogue show DEMO-X-003",
        "ceg catalogue show DEMO-K-020 --at 2025-06-01",
        more_zh="有多个版本时取当日可用的,没有则取最新的。",
        more_en="Of several versions the one usable that day, else the newest.",
    ),
)
def show(
    entry_id: Annotated[str, typer.Argument(metavar="ID", help="条目编号。 / The entry's id.")],
    catalogue: From = None,
    at: Day = "",
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Exit code 3 if there is no such entry."""
    screen = Screen.open(as_json, no_color)
    source, day = open_source(catalogue), day_of(at)
    label(screen, source)
    each = next((each for each in ENTRY_TABLES if source.catalogue.versions(each, entry_id)), None)
    if each is None:
        raise CatalogueError("catalogue.unknown_entry", *words("catalogue.unknown_entry"))
    entry = source.catalogue.find(each, entry_id, day) or source.catalogue.versions(each, entry_id)[-1]
    document = whole(source.catalogue, each, entry, day)
    screen.emit(document, lambda console: draw_whole(console, document))


@app.command(
    "import",
    cls=Command,
    help=about(
        "导入表格(CSV、XLSX、JSON),全部无误才写入。",
        "Import tables (CSV, XLSX, JSON); written only if all is right.",
        "ceg catalogue import courses.xlsx --into my-catalogue --yes",
        "ceg catalogue import colleagues-folder --into my-catalogue --dry-run",
        more_zh="文件名即表名;给出的表整体替换原表,其余表不动。有误时一次列出所有问题。",
        more_en="A file's name is its table's; a table given replaces the old one whole. All problems are listed at once.",
    ),
)
def import_tables(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="表格文件或文件夹。 / Files of tables, or folders of them.")],
    into: Annotated[Path, typer.Option("--into", metavar="PATH", help="写入的文件夹或 JSON 文件。 / Folder or JSON file to write.")],
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """All or nothing."""
    screen = Screen.open(as_json, no_color)
    codes = standard_codes()
    given: dict[str, bytes] = {}
    for path in files:
        for name, content in files_at(path).items():
            if name in given:
                raise CliError("cli.usage", "同名文件给出两次", "two files have one name", file=name)
            given[name] = content
    base = read_catalogue(files_at(into), codes) if into.exists() else None
    made = read_catalogue(given, codes, base=base)
    written = write_catalogue(made, FileForm.JSON if into.suffix.lower() == ".json" else FileForm.CSV)
    refuse_existing(into, replace_old=yes or dry_run)
    if not dry_run:
        replace(into, written)
    _told(screen, made, str(into), written, dry_run=dry_run)


@app.command(
    "export",
    cls=Command,
    help=about(
        "导出目录:整个文件夹,或一个文件。",
        "Export the catalogue: a folder of tables, or one file.",
        "ceg catalogue export out --format xlsx --chinese",
        "ceg catalogue export courses.csv --table courses",
        "ceg catalogue export all.json --catalogue my-catalogue",
        more_zh="CSV 为带标记的 UTF-8;可能被表格软件当作公式的文字前加撇号,导入时去掉。",
        more_en="CSV is UTF-8 with its mark; a text that a spreadsheet could run gets an apostrophe, which importing takes away.",
    ),
)
def export(
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="文件夹或文件。 / A folder or a file.")],
    catalogue: From = None,
    form: Annotated[
        FileForm, typer.Option("--format", metavar="FORMAT", help="文件夹内的格式:csv、xlsx。 / Form in a folder: csv or xlsx.")
    ] = FileForm.CSV,
    tables: Tables = None,
    chinese: Annotated[bool, typer.Option("--chinese", help="用中文列名。 / Chinese headings.")] = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """A file's ending tells its form."""
    screen = Screen.open(as_json, no_color)
    source = open_source(catalogue)
    label(screen, source)
    ending = target.suffix.lower().removeprefix(".")
    single = ending in set(FileForm)
    form = FileForm(ending) if single else form
    if single != (form is FileForm.JSON) and not (single and len(tables or []) == 1):
        raise CliError(
            "cli.usage", "JSON 写成一个文件;CSV、XLSX 写成文件夹,或以 --table 指明一张表写成一个文件",
            "JSON goes to one file; CSV and XLSX to a folder, or one --table to one file",
        )  # fmt: skip
    written = write_catalogue(source.catalogue, form, tables=tables or (), chinese=chinese)
    refuse_existing(target, replace_old=yes)
    if not dry_run:
        replace(target, written)
    _told(screen, source.catalogue, str(target), written, dry_run=dry_run)


@app.command(
    "draft",
    cls=Command,
    help=about(
        "由评议档案生成规则草案(TOML),写到标准输出。",
        "Draft rules (TOML, to stdout) from a panel's dossier.",
        "ceg catalogue draft DEMO-D-03 --accepting CN-32 > draft.toml",
        "ceg catalogue draft DEMO-D-03 --accepting CN-32 --programme DEMO-P-XZGL --json",
        more_zh="评议未通过、已过期或逾期未复审的档案不能生成。",
        more_en="Refused for a dossier that was not carried, has expired or is past its review.",
    ),
)
def draft(
    dossier: Annotated[str, typer.Argument(metavar="DOSSIER", help="评议档案编号。 / The dossier's id.")],
    accepting: Annotated[str, typer.Option("--accepting", metavar="MEMBER", help="接收行,如 CN-32。 / The accepting bank, as CN-32.")],
    programme: Annotated[str, typer.Option("--programme", metavar="ID", help="只用于此培养方案。 / For this programme only.")] = "",
    catalogue: From = None,
    at: Day = "",
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """The same catalogue, dossier and day give the same bytes."""
    screen = Screen.open(as_json, no_color)
    source, day = open_source(catalogue), day_of(at)
    label(screen, source)
    text = draft_toml(draft_rules(source.catalogue, dossier, accepting, day, programme))
    rules = load_rules(f"{dossier}.toml", text.encode(), standard_codes())
    document = {"dossier": dossier, "rules": [rule.id for rule in rules.rules], "demo": rules.demonstration, "toml": text}
    screen.emit(document, lambda console: console.print(text, soft_wrap=True, end=""))


@app.command(
    "check",
    cls=Command,
    help=about(
        "检查目录:有误之处,以及当日已不能用的条目。",
        "Check a catalogue: what is wrong, and what may not be used that day.",
        "ceg catalogue check my-catalogue",
        "ceg catalogue check my-catalogue --at 2029-01-01 --json",
        more_zh="有误或有在用条目已失效、逾期未复审时,退出码为 6;90 日内到复审期的只作提示。",
        more_en="Exit code 6 if anything is wrong, or an active entry is past its period or review; reviews due in 90 days are only told.",
    ),
)
def check(
    path: Annotated[Path | None, typer.Argument(metavar="[PATH]", help="文件夹或文件,默认自带的。 / The shipped one by default.")] = None,
    at: Day = "",
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """The same reader as at import."""
    screen = Screen.open(as_json, no_color)
    day = day_of(at)
    try:
        source = open_source(path)
    except CatalogueError as error:
        problems, stale, soon = list(error.problems), [], []
    else:
        label(screen, source)
        problems, stale, soon = [], *_dates(source.catalogue, day)
    document = {
        "valid": not problems,
        "problems": [asdict(each) for each in problems],
        "stale": [asdict(each) for each in stale],
        "review_soon": soon,
    }

    def draw(console: Console) -> None:
        draw_problems(console, [*problems, *stale])
        for each in soon:
            console.print(f"90 日内须复审 review due within 90 days: {each}")
        if not problems and not stale:
            console.print("目录无误,条目均在有效期内。 Nothing is wrong and nothing is out of date.")

    screen.emit(document, draw)
    if problems or stale:
        raise typer.Exit(ExitCode.FINDINGS)


def _dates(catalogue: Catalogue, day: date) -> tuple[list[Problem], list[str]]:
    """Active entries whose newest version has run out, and those soon to be reviewed."""
    stale, soon = [], []
    for each, entry in catalogue.entries():
        if entry.status is not EntryStatus.ACTIVE or entry is not catalogue.versions(each, entry.id)[-1]:
            continue
        why = why_not(each, entry, day)
        if why is not None and why.code != "catalogue.not_yet_valid":
            stale.append(problem(place(each, entry), why.code))
        elif why is None and entry.review_on <= day + timedelta(days=REVIEW_SOON_DAYS):
            soon.append(place(each, entry))
    return stale, soon


def _entry_tables(tables: list[Table] | None) -> tuple[Table, ...]:
    wrong = [each.value for each in tables or () if each not in ENTRY_TABLES]
    if wrong:
        raise CliError("cli.usage", "此表没有条目", "this table has no entries", table=wrong[0])
    return tuple(tables or ENTRY_TABLES)


def _told(screen: Screen, catalogue: Catalogue, target: str, written: dict[str, bytes], *, dry_run: bool) -> None:
    document = {
        "target": target,
        "written": not dry_run,
        "demo": catalogue.head.demo,
        "files": {name: len(content) for name, content in written.items()},
        "rows": {each.value: len(rows_of(catalogue, each)) for each in tables_of(catalogue)},
    }
    if dry_run:
        screen.note("试运行:未写入任何文件。", "Dry run: nothing was written.")

    def draw(console: Console) -> None:
        for name, content in written.items():
            console.print(f"{name}  {len(content)} 字节 bytes")
        console.print(f"{'将写入 would be written to' if dry_run else '已写入 written to'} {target}")

    screen.emit(document, draw)
