"""`ceg quote`: what would be recognised, item by item, before anyone applies, with the reason in plain words."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gateway.app import load_tools
from gateway.cli.catalogue_source import day_of, open_source
from gateway.cli.catalogue_words import label
from gateway.cli.faults import CliError
from gateway.cli.helps import about
from gateway.cli.options import AsJson, NoColor
from gateway.cli.rule_options import Code, Day, From, Region
from gateway.cli.rule_source import learners_in, programme_of, rule_set_at
from gateway.cli.screen import Screen
from gateway.errors import Problem
from gateway.model.transfer import Refusal
from gateway.recognition.links import standard_courses
from gateway.recognition.quote import Quote, quote


def estimate(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="银行自己格式的文件。 / A file in the bank's own format.")],
    rules: Annotated[Path, typer.Option("--rules", metavar="FILE", help="规则文件。 / The rule file.")],
    programme: Code = "",
    region: Region = "",
    catalogue: From = None,
    at: Day = "",
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """One estimate a learner.  Nothing is sent to anybody."""
    screen = Screen.open(as_json, no_color)
    source, day = open_source(catalogue), day_of(at)
    label(screen, source)
    rule_set = rule_set_at(rules)
    target = programme_of(source, rule_set, programme, day)
    courses = standard_courses(source.catalogue, day)
    found: list[Quote] = []
    for records in learners_in(file, region, load_tools()):
        made = quote(records, target, rule_set, day, courses=courses)
        if isinstance(made, Refusal):
            raise CliError("cli.rules_not_for_this", made.zh, made.en, problems=(Problem(rules.name, made.code, made.zh, made.en),))
        found.append(made)
    screen.emit([each.document() for each in found], lambda console: _draw(console, found))


def _draw(console: Console, found: list[Quote]) -> None:
    for number, each in enumerate(found, 1):
        console.print(f"学习者 learner {number}: {each.programme},规则 rules {each.rule_set} {each.version},{each.day}")
        for item in each.items:
            console.print(f"  {item.record}  {item.submitted if item.submitted is not None else '–'} → {item.recognised}")
            for words in (item.in_short, *(why for why in item.why if why != item.in_short)):
                console.print(f"      {words.zh}\n      {words.en}")
        console.print(f"  申请 submitted {each.submitted} = 认可 recognised {each.recognised} + 不认可 refused {each.refused}")
        if not each.exact:
            console.print("  未穷尽所有组合,可能还有更好的结果。 Not every combination was tried; there may be a better one.")


COMMANDS = (
    (
        "quote",
        estimate,
        about(
            "估算:申请之前先看每项能认可多少学分,为什么。",
            "Estimate what would be recognised, item by item, and why, before anyone applies.",
            "ceg quote sh.json --rules my-rules.toml",
            "ceg quote ah.csv --rules my-rules.toml --programme DEMO-P-KJ --json",
            more_zh="只是估算:由接收行认定。",
            more_en="An estimate only: the accepting bank decides.",
        ),
    ),
)
