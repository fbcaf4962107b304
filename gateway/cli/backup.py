"""`ceg backup`, `ceg restore`: a node's database as a checked copy, and back, without what was erased since."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from gateway.app import DATABASE_FILE
from gateway.cli.faults import CliError
from gateway.cli.helps import about
from gateway.cli.log_audit import audit_export, read_export_head
from gateway.cli.options import AsJson, Config, DryRun, NoColor, RegistryKey, TrustPath
from gateway.cli.screen import Screen, facts
from gateway.cli.sources import read_file, settings_of, trust_of
from gateway.errors import TransferLogError
from gateway.storage.backup import Backup, back_up, read_backup, restore
from gateway.system import SystemClock
from gateway.transferlog.erased import erased_parts, read_erased
from gateway.transferlog.folder import folder_entries
from gateway.transfers.case import utc_text

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="备份目录。 / The backup's folder.")]


def make(folder: Folder, config: Config = None, as_json: AsJson = False, no_color: NoColor = False) -> None:
    """Copy the database of the settings into a new folder."""
    screen = Screen.open(as_json, no_color)
    source = settings_of(config).node.data_folder / DATABASE_FILE
    made = back_up(source, folder, utc_text(SystemClock().now()))
    told = {**asdict(made), "folder": str(folder)}
    screen.emit(told, lambda console: console.print(facts([(name, str(value)) for name, value in told.items()])))


BACKUP_HELP = about(
    "备份节点的数据库;节点可照常运行。",
    "Back a node's database up; the node may go on working.",
    "ceg backup backups/2026-11-22 --config gateway.toml",
    more_zh="分件密钥在备份中是加密的;主密钥不在其中,须另处保存。",
    more_en="Part keys are wrapped in it; the master key is not in it and is kept elsewhere.",
)
LogFolder = Annotated[
    Path | None,
    typer.Option("--log", metavar="DIR", help="存证日志的副本(导出或镜像)。 / A copy of the transfer log (an export, a mirror)."),
]
ErasedFile = Annotated[
    Path | None, typer.Option("--erasures", metavar="FILE", help="ceg erased --json 的输出。 / The output of ceg erased --json.")
]


def bring_back(
    folder: Folder,
    config: Config = None,
    log: LogFolder = None,
    erasures: ErasedFile = None,
    trust_file: TrustPath = None,
    registry_key: RegistryKey = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """A new database in the data folder of the settings."""
    screen = Screen.open(as_json, no_color)
    if log is None and erasures is None:
        raise CliError(
            "cli.usage",
            "须以 --log 或 --erasures 写明备份之后删除了什么",
            "--log or --erasures is needed: what was erased since the backup has to be erased again",
        )
    slip = read_backup(folder)
    erased: dict[str, dict[str, str]] = {}
    if log is not None:
        erased |= _of_log(screen, log, config, trust_file, registry_key, slip)
    if erasures is not None:
        erased |= read_erased(json.loads(read_file(erasures)))
    told = {**asdict(slip), "erased": len(erased), "restored": False, "destroyed": []}
    target = settings_of(config).node.data_folder / DATABASE_FILE
    if not dry_run:
        done = restore(folder, target, erased)
        told |= {"restored": True, "destroyed": list(done.destroyed)}
    screen.emit(told, lambda console: console.print(facts([(name, str(value)) for name, value in told.items()])))


RESTORE_HELP = about(
    "由备份恢复数据库,并再次销毁其后删除的分件的密钥。",
    "Restore a database from a backup, and destroy again what was erased since.",
    "ceg restore backups/2026-11-22 --log mirror/log --config gateway.toml",
    "ceg restore backups/2026-11-22 --erasures erased.json --config gateway.toml --dry-run",
    more_zh="不覆盖已有的数据库。恢复的日志较短时,节点启动后须先向见证行补齐,见 docs/operations.md。",
    more_en="An existing database is never replaced. A restored log is shorter than what the witnesses hold: see docs/operations.md.",
)


def _of_log(
    screen: Screen, log: Path, config: Path | None, trust_file: Path | None, registry_key: Path | None, slip: Backup
) -> dict[str, dict[str, str]]:
    """What a copy of the log says was erased, after all of it was checked.  It goes on from the backup's own log, or it is refused."""
    trust = trust_of(screen, config, trust_file, registry_key)
    _, head = read_export_head(log)
    if head.size < slip.size:
        raise CliError(
            "cli.log_too_short", "存证日志的副本比备份旧", "the copy of the log is older than the backup", size=head.size, backup=slip.size
        )
    with screen.progress("核验存证日志") as tick:
        audited = audit_export(log, trust, [], tick, [(slip.size, bytes.fromhex(slip.root))])
    report = audited.report
    if report.finding is not None:
        raise TransferLogError(report.finding.code, report.finding.zh, report.finding.en)
    return erased_parts(folder_entries(lambda path: (log / path).read_bytes(), report.size))


COMMANDS = (("backup", make, BACKUP_HELP), ("restore", bring_back, RESTORE_HELP))
