"""`ceg verify`: an evidence bundle or a learner's proof, offline, against the trust file and nothing else.

No configuration is read.  What is shown is said in plain words, what is not proven is said too; every finding has its code.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gateway.cli.exits import ExitCode
from gateway.cli.faults import CliError
from gateway.cli.helps import about
from gateway.cli.log import Export
from gateway.cli.options import AsJson, NoColor
from gateway.cli.screen import Screen, facts
from gateway.cli.sources import read_file, trust_of
from gateway.federation.registry import TrustFile
from gateway.transferlog.audit import audit_folder
from gateway.transferlog.checkpoint import open_checkpoint
from gateway.verifier.bundle import BUNDLE_BYTES_MAX, Bundle, read_bundle
from gateway.verifier.complete import WholeCase
from gateway.verifier.log_checks import verifiers_of
from gateway.verifier.report import CHECKS, UNPROVEN, Report
from gateway.verifier.verify import verify_bundle


def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="证据文件。 / The evidence bundle.")],
    trust_file: Annotated[
        Path | None, typer.Option("--trust", "--trust-file", metavar="FILE", help="信任文件。 / The regional trust file.")
    ] = None,
    registry_key: Annotated[
        Path | None,
        typer.Option("--registry-key", metavar="FILE", help="登记公钥(JWK),核验 FILE.sig。 / Registry key, to check FILE.sig with."),
    ] = None,
    log: Export = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Exit 0 when everything holds, 6 on any finding."""
    screen = Screen.open(as_json, no_color)
    if trust_file is None:
        raise CliError("cli.usage", "须给信任文件:--trust", "name the trust file: --trust")
    raw = read_file(file, BUNDLE_BYTES_MAX)
    trust = trust_of(screen, None, trust_file, registry_key)
    report = verify_bundle(raw, trust)
    if log is not None and report.ok:
        _whole(log, read_bundle(raw), trust, report)
    screen.emit(report.document(), lambda console: draw(console, report))
    if not report.ok:
        raise typer.Exit(ExitCode.FINDINGS)


def _whole(folder: Path, bundle: Bundle, trust: TrustFile, report: Report) -> None:
    """Whether a copy of the log, audited here and of the same checkpoint, has another leaf of the case."""
    verifiers = verifiers_of(trust)
    head = open_checkpoint(bundle.checkpoint, verifiers)
    asked = WholeCase(bundle, report)
    found = audit_folder(lambda path: (folder / path).read_bytes(), verifiers, check=asked, earlier=[(head.size, head.root)])
    if found.finding is not None:
        report.find("evidence.log_copy", f"leaf {found.finding.index}", found.finding.zh, f"{found.finding.code}: {found.finding.en}")
        return
    asked.close()


def draw(console: Console, report: Report) -> None:
    """What holds, what is thereby shown, what is not."""
    if report.ok:
        console.print("证据成立。 The evidence holds.", style="bold green")
        for each in report.shown:
            console.print(f"· {each.zh}", f"  {each.en}", sep="\n", soft_wrap=True)
    else:
        console.print("证据不成立。 The evidence does NOT hold.", style="bold red")
        for found in report.findings:
            console.print(f"✗ {found.place}  {found.code}", f"  {found.zh}", f"  {found.en}", sep="\n", soft_wrap=True)
    console.print(
        facts(
            [
                ("已核 Checked", " ".join(report.done) or "-"),
                ("未核 Not checked", " ".join(report.not_done) or "-"),
            ]
        )
    )
    for name, why in report.not_done.items():
        console.print(f"未核 {CHECKS[name].zh}:{why.zh} / {CHECKS[name].en}: {why.en}", style="dim", soft_wrap=True)
    console.print("本证据不证明 It does not prove:")
    for code in report.unproven:
        console.print(f"- {UNPROVEN[code].zh}", f"  {UNPROVEN[code].en}", sep="\n", style="dim", soft_wrap=True)


COMMANDS = (
    (
        "verify",
        verify,
        about(
            "离线核验一份证据,除信任文件外不需要任何配置。",
            "Check an evidence bundle offline; nothing but the trust file is needed.",
            "ceg verify case.json --trust trust.json",
            "ceg verify case.json --trust trust.json --registry-key registry.jwk.json --json",
            "ceg verify case.json --trust trust.json --dir log",
            more_zh="学习者证明同样核验。成立时退出码为 0,有任何不符为 6。--dir 给出存证日志的副本,"
            "则连本案有无遗漏的叶一并核对。做法与含义见 docs/evidence.md。",
            more_en="A learner's proof is checked the same way. Exit code 0 when it holds, 6 on any finding. "
            "With --dir, a copy of the log, leaves of the case that were left out are found too. See docs/evidence.md.",
        ),
    ),
)
