"""`ceg map`: how the mapping came to each value, and whether the rule files hold together."""

from dataclasses import asdict
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from gateway.adapters.part_manifest import read_manifest
from gateway.app import Tools, load_tools
from gateway.cli.explain_input import Parts, guess_region, read_parts
from gateway.cli.faults import CliError
from gateway.cli.helps import Command, about, group
from gateway.cli.options import AsJson, NoColor
from gateway.cli.screen import Screen, table
from gateway.cli.sources import read_file
from gateway.errors import Problem
from gateway.mapping.engine import Localised, Mapped, load_mapper
from gateway.mapping.explain import explain, render_explanation
from gateway.model.codes import load_code_tables
from gateway.model.local import LocalPart
from gateway.model.regional import LossReport
from gateway.system import data_folder, package_folder

app = group("映射:逐值解释,检查规则。", "Mapping: explain each value, check the rules.", "ceg map explain sh.json", "ceg map check")


class Language(StrEnum):
    """Of texts for people."""

    ZH = "zh"
    EN = "en"


@app.command(
    "explain",
    cls=Command,
    help=about(
        "解释一个本地文件如何成为区域记录:每个值、每条规则、每处损失。",
        "Explain how a bank's file becomes regional records: each value, rule and loss.",
        "ceg map explain sh.json",
        "ceg map explain ah.csv --region anhui --to shanghai",
        "ceg map explain part.xml --manifest part.manifest --json",
        "ceg map explain zj.json --lang en",
        more_zh="省份能从内容看出时不必指明;多人文件先拆成一人一件。个人信息显示为 ***。",
        more_en="The province is guessed where the bytes show it; a feed is cut into its learners first. Personal values show as ***.",
    ),
)
def explain_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="银行自己格式的文件。 / A file in the bank's own format.")],
    region: Annotated[str, typer.Option("--region", metavar="REGION", help="省份:shanghai 等。 / Whose format, as shanghai.")] = "",
    manifest: Annotated[
        Path | None, typer.Option("--manifest", metavar="FILE", help="分件清单;文件即为一件。 / Part manifest; the file is one part.")
    ] = None,
    to: Annotated[str, typer.Option("--to", metavar="REGION", help="再写成该省格式。 / Write it on in this region's words.")] = "",
    lang: Annotated[Language, typer.Option("--lang", metavar="zh|en", help="语言,默认 zh。 / Language, zh by default.")] = Language.ZH,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Trace, loss report and what was refused, one learner after another."""
    screen = Screen.open(as_json, no_color)
    tools = load_tools()
    for name in (region, to):
        if name and name not in tools.regions:
            raise CliError("cli.usage", "没有此省份", "there is no such region", given=name, regions=", ".join(tools.regions))
    content = read_file(file)
    found = read_parts(
        tools.regions[region or guess_region(tools.regions, content)],
        content,
        None if manifest is None else read_manifest(read_file(manifest)),
    )
    explained = [_Explained.of(tools, part, to) for part in found.parts]
    document = {
        "region": found.region,
        "rows_read": found.rows_read,
        "quarantined": [_quarantined(each.row, each.record_id, each.problems) for each in found.quarantined],
        "ignored": [asdict(each) for each in found.ignored],
        "parts": [{"rows": rows, **each.document()} for rows, each in zip(found.rows, explained, strict=True)],
    }
    screen.emit(document, lambda console: _draw(console, found, explained, lang.value, tools))


class _Explained:
    """One part with its mapping, its trace and, where asked, its way on."""

    def __init__(self, part: LocalPart, mapped: Mapped, lines: list[Any], to: str, onward: Localised | None) -> None:
        self.part, self.mapped, self.lines, self.to, self.onward = part, mapped, lines, to, onward

    @classmethod
    def of(cls, tools: Tools, part: LocalPart, to: str) -> "_Explained":
        source = tools.mapper.ruleset(part.region).member
        mapped = tools.mapper.to_regional(part, source)
        onward = tools.mapper.to_local(mapped.part, to) if to else None
        return cls(part, mapped, explain(tools.mapper, part, source), to, onward)

    def document(self) -> dict[str, Any]:
        mapped = self.mapped
        found: dict[str, Any] = {
            "mapping": {"id": mapped.loss.mapping_id, "version": mapped.loss.mapping_version},
            "rows_read": self.part.rows_read,
            "records": [
                {
                    "record": each.record_id,
                    "credits": _plain(each.values.get("size.credits")),
                    "convertible": each.values.get("convertible"),
                }
                for each in mapped.part.records
            ],
            "refused": [_quarantined(each.row, each.record_id, each.problems) for each in mapped.refused],
            "quarantined": [_quarantined(each.row, each.record_id, each.problems) for each in self.part.quarantined],
            "ignored": [asdict(each) for each in self.part.ignored],
            "warnings": list(mapped.warnings),
            "trace": [asdict(line) for line in self.lines],
            "loss": _loss(mapped.loss),
        }
        if self.onward is not None:
            found["to"] = {"region": self.to, "records": len(self.onward.part.records), "loss": _loss(self.onward.loss)}
        return found


def _draw(console: Console, found: Parts, explained: list[_Explained], lang: str, tools: Tools) -> None:
    zh = lang == "zh"
    head = (
        f"省份 {found.region},共 {found.rows_read} 行,{len(explained)} 人"
        if zh
        else (f"region {found.region}: {found.rows_read} rows, {len(explained)} learners")
    )
    console.print(head, style="bold")
    for place, each in enumerate(explained, 1):
        console.rule(f"{place}/{len(explained)}", align="left")
        console.print(render_explanation(each.lines, each.mapped.loss, lang, tools.mapper.codes), soft_wrap=False, end="")
        for bad in each.part.quarantined:
            _print_bad(console, bad.row, bad.record_id, bad.problems, zh=zh)
        for refused in each.mapped.refused:
            _print_bad(console, refused.row, refused.record_id, refused.problems, zh=zh)
        if each.onward is not None:
            console.print(f"\n{'写往' if zh else 'onward to'} {each.to}", style="bold")
            console.print(render_explanation([], each.onward.loss, lang, tools.mapper.codes), end="")
    for bad in found.quarantined:
        _print_bad(console, bad.row, bad.record_id, bad.problems, zh=zh)
    for ignored in found.ignored:
        console.print(f"第 {ignored.row} 行按规则略过:{ignored.rule}" if zh else f"row {ignored.row} left out by rule: {ignored.rule}")


def _print_bad(console: Console, row: int, record: str, problems: tuple[Problem, ...], *, zh: bool) -> None:
    console.print(
        f"{'隔离或拒绝:第' if zh else 'quarantined or refused: row'} {row} {'行' if zh else ''} {record}".rstrip(), style="yellow"
    )
    for problem in problems:
        console.print(f"  {problem.path}: {problem.code}: {problem.zh if zh else problem.en}")


def _quarantined(row: int, record: str, problems: tuple[Problem, ...]) -> dict[str, Any]:
    return {"row": row, "record": record, "problems": [asdict(problem) for problem in problems]}


def _loss(report: LossReport) -> dict[str, Any]:
    return {
        "direction": report.direction,
        "values_read": report.values_read,
        "values_mapped": report.values_mapped,
        "losses": [{"record": each.record, "path": each.path, "fate": each.fate.value, "reason": each.reason} for each in report.losses],
    }


def _plain(value: Any) -> str | None:
    amount = getattr(value, "value", None)
    return format(amount, "f") if isinstance(amount, Decimal) else None


@app.command(
    "check",
    cls=Command,
    help=about(
        "检查全部映射规则文件,一次列出所有问题。",
        "Check all mapping rule files and list every problem at once.",
        "ceg map check",
        "ceg map check --rules my-rules --json",
        more_zh="有问题时退出码为 6。",
        more_en="Exit code 6 if anything is wrong.",
    ),
)
def check(
    rules: Annotated[
        Path | None, typer.Option("--rules", metavar="DIR", help="规则目录,默认自带的。 / Folder of rules; the built-in ones by default.")
    ] = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """The same compiler as at start."""
    screen = Screen.open(as_json, no_color)
    folder = rules or package_folder() / "mapping" / "rules"
    if not (folder / "policies.toml").is_file():
        raise CliError("cli.not_found", "目录中没有 policies.toml", "there is no policies.toml in the folder", folder=str(folder))
    mapper = load_mapper(folder, load_code_tables(data_folder("standards")))
    found = [
        {
            "region": ruleset.region,
            "id": ruleset.id,
            "version": ruleset.version,
            "member": ruleset.member,
            "policy": ruleset.policy,
            "classes": len(ruleset.plans),
            "rules": len(ruleset.part.steps) + sum(len(plan.steps) for plan in ruleset.plans.values()),
            "dropped": sum(len(plan.dropped) for plan in (ruleset.part, *ruleset.plans.values())),
        }
        for ruleset in mapper.rulesets.values()
    ]

    def draw(console: Console) -> None:
        shown = table("省份 Region", "规则 Rules", "版本 Version", "折算 Policy", "类别", "规则数", "声明舍弃 Dropped")
        for each in found:
            shown.add_row(*(str(each[name]) for name in ("region", "id", "version", "policy", "classes", "rules", "dropped")))
        console.print(shown)

    screen.emit(found, draw)
