"""`ceg doctor`: is this machine and this configuration fit to serve?  Each finding says what to do."""

import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from hashlib import new
from pathlib import Path
from typing import Final

import typer
from rich.console import Console

from gateway.app import DATABASE_FILE, load_tools, load_trust
from gateway.cli.exits import ExitCode
from gateway.cli.helps import about
from gateway.cli.options import AsJson, At, Config, NoColor
from gateway.cli.screen import Screen
from gateway.cli.sources import moment, settings_of
from gateway.crypto.keys import SigningKey, read_secret_file
from gateway.errors import GatewayError
from gateway.federation.registry import TrustFile
from gateway.settings import Settings
from gateway.storage.read_only import SQLITE, revision_of
from gateway.storage.schema import REVISIONS

PYTHON_MIN: Final = (3, 11)
SQLITE_MIN: Final = (3, 38, 0)
DISK_FREE_MIN: Final = 1 << 30
WARN_DAYS: Final = (1, 7, 30)
SANE_FROM_YEAR: Final = 2025
DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at.  `do_*` says what to do where it is not `ok`."""

    name: str
    ok: bool
    zh: str
    en: str
    do_zh: str = ""
    do_en: str = ""


def doctor(config: Config = None, at: At = "", as_json: AsJson = False, no_color: NoColor = False) -> None:
    """Exit 6 if anything was found."""
    screen = Screen.open(as_json, no_color)
    checks = list(examine(config, moment(at)))
    bad = [each for each in checks if not each.ok]

    def draw(console: Console) -> None:
        for each in checks:
            console.print(f"{'✓' if each.ok else '✗'} {each.zh} / {each.en}", style="green" if each.ok else "bold red")
            if not each.ok:
                console.print(f"    → {each.do_zh}\n      {each.do_en}")
        told = f"{len(checks)} 项检查,{len(bad)} 项有问题。 {len(checks)} checks, {len(bad)} findings."
        console.print(told, style="bold")

    screen.emit({"ok": not bad, "checks": [asdict(each) for each in checks]}, draw)
    if bad:
        raise typer.Exit(ExitCode.FINDINGS)


def examine(config: Path | None, now: datetime) -> Iterator[Check]:
    """Machine first, then installation, then what the settings name."""
    yield from _machine(now)
    yield _tried(
        "installation", load_tools, "自带的标准、规则与适配器", "built-in standard, rules and adapters", "重新安装", "install again"
    )
    try:
        settings = settings_of(config)
    except GatewayError as error:
        told = "; ".join(problem.path for problem in error.problems)
        yield Check("settings", False, f"配置有误 {told}", f"settings: {error.en} {told}", "改正所列各项", "correct what is listed")
        return
    yield Check("settings", True, "配置有效", "the settings are valid")
    yield from _keys(settings)
    yield from _trust(settings, now)
    yield from _database(settings)
    yield from _ports(settings)


def _machine(now: datetime) -> Iterator[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Check(
        "python",
        sys.version_info >= PYTHON_MIN,
        f"Python {version}",
        f"Python {version}",
        "安装 Python 3.11 或更新",
        "install Python 3.11 or newer",
    )
    yield Check(
        "sqlite", tuple(map(int, SQLITE.split("."))) >= SQLITE_MIN, f"SQLite {SQLITE}", f"SQLite {SQLITE}",
        "升级到 SQLite 3.38 或更新", "use SQLite 3.38 or newer",
    )  # fmt: skip
    yield Check("sm3", True, _sm3(), "SM3 works")
    sane = SANE_FROM_YEAR <= now.year < SANE_FROM_YEAR + 50
    yield Check("clock", sane, f"时钟 {now:%Y-%m-%d %H:%M} UTC", f"clock {now:%Y-%m-%d %H:%M} UTC", "校准时钟(NTP)", "set the clock (NTP)")


def _sm3() -> str:
    try:
        new("sm3", b"", usedforsecurity=False)
    except ValueError:
        return "SM3 可用(OpenSSL 无 SM3,用自带实现)"
    return "SM3 可用(OpenSSL)"


def _keys(settings: Settings) -> Iterator[Check]:
    keys = settings.keys
    signing = (("signing_key_file", keys.signing_key_file), ("log_key_file", keys.log_key_file))
    secret = (
        ("master_key_file", keys.master_key_file),
        ("pseudonym_key_file", keys.pseudonym_key_file),
        ("nullifier_key_file", keys.nullifier_key_file),
    )
    for name, path in signing:
        yield _key(name, path, SigningKey.load, "")
    for name, path in secret:
        yield _key(name, path, read_secret_file, " --alg secret")


def _key(name: str, path: Path, read: Callable[[Path], object], kind: str) -> Check:
    make = f"ceg keys generate --out {path}{kind}"
    do_zh, do_en = f"缺少则 {make};权限过宽则 chmod 600", f"if missing: {make}; if too open: chmod 600"
    return _tried(f"keys.{name}", lambda: read(path), f"密钥文件 {path}", f"key file {path}", do_zh, do_en)


def _trust(settings: Settings, now: datetime) -> Iterator[Check]:
    found: list[TrustFile] = []
    yield _tried(
        "trust.signature", lambda: found.append(load_trust(settings)), "信任文件及其签名", "trust file and its signature",
        "从登记处取得 trust.json、签名与登记公钥", "get trust.json, its signature and the registry's key from the registry",
    )  # fmt: skip
    if not found:
        return
    trust = found[0]
    yield _left("trust.expiry", "信任文件", "trust file", trust.data.expires_at - now)
    gateway = trust.data.gateway
    for owner, keys in ((gateway.id, gateway.keys), *((member.id, member.keys) for member in trust.data.members)):
        ends = [record.not_after - now for record in keys if record.valid(now)]
        yield _left(f"trust.keys.{owner}", f"{owner} 公钥", f"keys of {owner}", max(ends, default=timedelta(0)))
    try:
        own = SigningKey.load(settings.keys.signing_key_file).kid
    except GatewayError:
        return
    listed = trust.find_key(trust.data.gateway.id, own) is not None
    yield Check(
        "trust.own_key", listed, "网关签名公钥在信任文件中" if listed else "网关签名公钥不在信任文件中",
        "the gateway's key is in the trust file" if listed else "the gateway's key is not in the trust file",
        "请登记处登记该公钥,或改用已登记的私钥", "have the registry list it, or use the key that is listed",
    )  # fmt: skip


def _left(name: str, zh: str, en: str, left: timedelta) -> Check:
    days = left // DAY
    if left <= timedelta(0):
        return Check(name, False, f"{zh}已过期", f"{en}: run out", "向登记处取得新的", "get a new one from the registry")
    limit = next((limit for limit in WARN_DAYS if left <= limit * DAY), None)
    if limit is None:
        return Check(name, True, f"{zh}还有 {days} 天", f"{en}: {days} days left")
    return Check(
        name, False, f"{zh}在 {limit} 天内到期(还有 {days} 天)", f"{en}: ends within {limit} days ({days} left)", "尽快更新", "renew it now"
    )


def _database(settings: Settings) -> Iterator[Check]:
    folder = settings.node.data_folder
    place = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
    free = shutil.disk_usage(place).free
    told = f"{free / (1 << 30):.1f} GiB"
    yield Check("disk", free >= DISK_FREE_MIN, f"磁盘剩余 {told}", f"disk free {told}", "至少留出 1 GiB", "free at least 1 GiB")
    file = folder / DATABASE_FILE
    if not file.exists():
        yield Check("database", True, "数据库尚未建立,启动时建立", "no database yet; made at start")
        return
    yield _schema(file)


def _schema(file: Path) -> Check:
    try:
        revision = revision_of(file)
    except GatewayError as error:
        return Check("database", False, f"数据库:{error.zh}", f"database: {error.en}", "从备份恢复", "restore a backup")
    if revision in REVISIONS:
        return Check("database", True, f"数据库版本 {revision}", f"database schema {revision}")
    return Check(
        "database",
        False,
        "数据库不是本程序的版本",
        "the database is of another program version",
        "换用相应版本的程序",
        "use the matching program",
    )


def _ports(settings: Settings) -> Iterator[Check]:
    listen = settings.listen
    for name, host, port in (("listen.port", listen.host, listen.port), ("listen.ops_port", listen.ops_host, listen.ops_port)):
        free = port == 0 or _is_free(host, port)
        yield Check(
            name, free, f"端口 {port} {'空闲' if free else '被占用'}", f"port {port} {'is free' if free else 'is taken'}",
            "停止占用者(可能是已在运行的节点),或改端口", "stop who holds it (a running node, perhaps), or use another port",
        )  # fmt: skip


def _is_free(host: str, port: int) -> bool:
    try:
        with socket.create_server((host, port)):
            return True
    except OSError:
        return False


def _tried(name: str, work: Callable[[], object], zh: str, en: str, do_zh: str, do_en: str) -> Check:
    try:
        work()
    except GatewayError as error:
        return Check(name, False, f"{zh}:{error.zh}", f"{en}: {error.en}", do_zh, do_en)
    return Check(name, True, zh, en)


COMMANDS = (
    (
        "doctor",
        doctor,
        about(
            "检查机器与配置能否运行节点,并告诉怎么办。",
            "Check whether machine and settings are fit to serve, and say what to do.",
            "ceg doctor",
            "ceg doctor --config gateway.toml --json",
            more_zh="发现任何问题时退出码为 6。",
            more_en="Exit code 6 if anything is found.",
        ),
    ),
)
