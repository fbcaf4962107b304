"""`ceg rule`: judge a rule file, tell two versions apart, see what a draft would change, find the version that holds on a day.

What is said to a gateway about a version is in `rule_wire`.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gateway.cli import rule_wire
from gateway.cli.catalogue_source import day_of, open_source, refuse_existing, standard_codes
from gateway.cli.catalogue_words import draw_problems, label
from gateway.cli.exits import ExitCode
from gateway.cli.helps import Command, about, group
from gateway.cli.options import AsJson, Config, Data, NoColor
from gateway.cli.rule_options import Code, Day, From, Old, Region, Results, RuleFile
from gateway.cli.rule_past import Own, simulate_past
from gateway.cli.rule_source import past_items, programme_of, programmes_on, rule_set_at, version_at
from gateway.cli.rule_trial import How, try_out
from gateway.cli.rule_words import draw_simulation, draw_tried, stop_at, trial_document
from gateway.cli.screen import Screen, table
from gateway.cli.sources import read_file
from gateway.recognition.lifecycle import in_force
from gateway.recognition.links import standard_courses
from gateway.recognition.lint import lint
from gateway.recognition.rule_diff import diff
from gateway.recognition.rule_file import BYTES_MAX
from gateway.recognition.simulate import simulate
from gateway.recognition.simulation_report import simulation_document

app = group(
    "互认规则:检查、比较、试算、测试、提出、批准、发布。",
    "Recognition rules: judge, compare, try out, propose, approve, publish.",
    "ceg rule lint my-rules.toml",
    "ceg rule test my-rules.toml --results sh.json",
    "ceg rule diff old.toml new.toml",
    "ceg rule simulate --old old.toml new.toml sh.json",
)


@app.command(
    "lint",
    cls=Command,
    help=about(
        "检查规则文件:写法、矛盾、用不到的规则、上限。",
        "Judge a rule file: form, contradictions, dead rules, caps.",
        "ceg rule lint my-rules.toml",
        "ceg rule lint my-rules.toml --catalogue my-catalogue --json",
        more_zh="发现任何问题时退出码为 6;没有问题才可发布。",
        more_en="Exit code 6 if anything is found; only a file without findings may be published.",
    ),
)
def lint_file(file: RuleFile, catalogue: From = None, at: Day = "", as_json: AsJson = False, no_color: NoColor = False) -> None:
    """Everything at once, each with its line."""
    screen = Screen.open(as_json, no_color)
    source, day = open_source(catalogue), day_of(at)
    label(screen, source)
    raw = read_file(file, BYTES_MAX)
    found = lint(file.name, raw, standard_codes(), day=day, catalogue=source.catalogue, programmes=programmes_on(source, day))

    def draw(console: Console) -> None:
        draw_problems(console, found)
        if not found:
            console.print("没有问题,可以发布。 Nothing was found: it may be published.")

    screen.emit({"valid": not found, "problems": [asdict(each) for each in found]}, draw)
    if found:
        raise typer.Exit(ExitCode.FINDINGS)


@app.command(
    "diff",
    cls=Command,
    help=about(
        "用文字说明两个版本的差别。",
        "Say in words what changed from one version to another.",
        "ceg rule diff old.toml new.toml",
        "ceg rule diff old.toml new.toml --json",
    ),
)
def diff_files(
    old: RuleFile,
    new: Annotated[Path, typer.Argument(metavar="NEW", help="较新的文件。 / The newer file.")],
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Rules are matched by id."""
    screen = Screen.open(as_json, no_color)
    changes = diff(rule_set_at(old), rule_set_at(new))

    def draw(console: Console) -> None:
        for each in changes:
            console.print(f"{each.where}\n    {each.words.zh}\n    {each.words.en}")
        if not changes:
            console.print("没有差别。 No difference.")

    screen.emit([{"what": each.what, "where": each.where, "zh": each.words.zh, "en": each.words.en} for each in changes], draw)


@app.command(
    "simulate",
    cls=Command,
    help=about(
        "试算:草案用于以往的成果会改变什么。",
        "Try a draft on past results and see what would change.",
        "ceg rule simulate new.toml sh.json ah.csv",
        "ceg rule simulate --old old.toml new.toml sh.json --json",
        "ceg rule simulate new.toml --config gateway.toml",
        "ceg rule simulate new.toml --data /var/lib/ceg --master-key master.key --member CN-32 --json",
        more_zh="成果取自各行自己格式的文件,一名学习者算一次转移;不给文件时,取自本网关以往的案件,与现行规则比较。",
        more_en=(
            "Results are read from files in the banks' own formats; each learner counts as one transfer. "
            "Without files: the gateway's own past cases, compared with the rules in force."
        ),
    ),
)
def simulate_files(
    file: RuleFile,
    results: Annotated[
        list[Path] | None, typer.Argument(metavar="[RESULTS]...", help="各行自己格式的文件。 / Files in a bank's own format.")
    ] = None,
    old: Annotated[Path | None, typer.Option("--old", metavar="FILE", help="现行版本。 / The version that holds now.")] = None,
    programme: Code = "",
    region: Region = "",
    catalogue: From = None,
    at: Day = "",
    config: Config = None,
    data: Data = None,
    master_key: Annotated[
        Path | None, typer.Option("--master-key", metavar="FILE", help="主密钥文件,代替配置中的。 / The master key's file.")
    ] = None,
    member: Annotated[
        str, typer.Option("--member", metavar="ID", help="为该行试算:只能是其认定的案件。 / For this bank: only cases that came to it.")
    ] = "",
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Nothing is stored and nobody is told."""
    screen = Screen.open(as_json, no_color)
    if not results:
        simulate_past(screen, file, Own(config, data, master_key, member, old, programme, catalogue, day_of(at)))
        return
    source, day = open_source(catalogue), day_of(at)
    label(screen, source)
    new, before = rule_set_at(file), None if old is None else rule_set_at(old)
    items = past_items(results, region, programme_of(source, new, programme, day), day)
    with screen.progress("试算 simulating") as tick:
        found = simulate(before, new, items, courses=standard_courses(source.catalogue, day), progress=lambda done: tick(done, len(items)))
    screen.emit(simulation_document(found), lambda console: draw_simulation(console, found))


@app.command(
    "test",
    cls=Command,
    help=about(
        "测试规则文件:检查并试算,写出提出时所附的测试单。",
        "Test a rule file: lint and simulation in one; shows the trial to send.",
        "ceg rule test new.toml --results sh.json",
        "ceg rule test new.toml --old old.toml --results sh.json --results ah.csv --report report.json --json",
        more_zh="发现任何问题时退出码为 6,不作试算。",
        more_en="Exit code 6 if anything is found; nothing is simulated then.",
    ),
)
def try_file(
    file: RuleFile,
    results: Results,
    old: Old = None,
    programme: Code = "",
    region: Region = "",
    catalogue: From = None,
    at: Day = "",
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="将试算报告写入文件。 / Write the simulation's report there.")
    ] = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Nothing is sent and nobody is told."""
    screen = Screen.open(as_json, no_color)
    if report is not None:
        refuse_existing(report, replace_old=False)
    tried = try_out(screen, file, How(results, old, programme, region, catalogue, at))
    stop_at(screen, tried.findings)
    if report is not None:
        report.write_bytes(tried.report)
    screen.emit(trial_document(tried), lambda console: draw_tried(console, tried))


@app.command(
    "current",
    cls=Command,
    help=about(
        "在已发布的几个版本中,指出某日有效的一个。",
        "Of several published versions, the one in force on a day.",
        "ceg rule current v1.toml v2.toml --at 2027-03-01",
        more_zh="生效最晚的一个有效;它过了复审日期,就没有有效的,旧版本不会自动恢复。没有时退出码为 3。",
        more_en="The one that took effect last; past its review none is: an older one never revives. Exit code 3 if there is none.",
    ),
)
def current(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="同一规则集的各版本。 / Versions of one rule set.")],
    at: Day = "",
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """By effective and review date."""
    screen = Screen.open(as_json, no_color)
    day, versions = day_of(at), [version_at(path) for path in files]
    found = in_force(versions, day)
    states = [{"version": each.version, "effective": str(each.effective), "state": each.state_on(day).value} for each in versions]
    document = {"id": versions[0].id, "day": str(day), "in_force": found.version if found is not None else None, "versions": states}

    def draw(console: Console) -> None:
        lines = table("版本 version", "生效 effective", "状态 state")
        for each in states:
            lines.add_row(each["version"], each["effective"], each["state"])
        console.print(lines)
        console.print(f"{day}: {found.version if found is not None else '没有有效的版本 none in force'}")

    screen.emit(document, draw)
    if found is None:
        raise typer.Exit(ExitCode.NOT_FOUND)


app.registered_commands.extend(rule_wire.app.registered_commands)
