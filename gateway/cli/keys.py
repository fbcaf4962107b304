"""`ceg keys`: make key files; see which keys count, and for how long."""

import json
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from gateway.cli.faults import CliError
from gateway.cli.helps import Command, about, group
from gateway.cli.options import AsJson, At, Config, DryRun, NoColor, RegistryKey, TrustPath
from gateway.cli.screen import Screen, facts, table
from gateway.cli.sources import moment, trust_of
from gateway.crypto.keys import SigningKey, write_secret_file
from gateway.federation.members import KeyRecord
from gateway.federation.registry import TrustFile
from gateway.system import SystemIds

app = group("密钥:生成与查看。", "Keys: make them, look at them.", "ceg keys generate --out member.pem", "ceg keys list")
DAY = timedelta(days=1)
SHORT = 16
"""So much of a kid the list shows; `show` takes it."""


class Algorithm(StrEnum):
    """What `generate` makes: signing keys, or 32 random bytes for the node's secret files."""

    EDDSA = "EdDSA"
    ES256 = "ES256"
    BYTES = "secret"


@app.command(
    "generate",
    cls=Command,
    help=about(
        "生成私钥文件(权限 0600),打印公钥。",
        "Make a private key file (mode 0600) and print the public key.",
        "ceg keys generate --out keys/member.pem",
        "ceg keys generate --out keys/member.pem --alg ES256 --json",
        "ceg keys generate --out keys/master.key --alg secret",
        more_zh="已有的文件从不覆盖。--alg secret 生成 32 个随机字节,供主密钥、化名密钥与成果密钥。",
        more_en="A file that exists is never replaced. --alg secret makes the 32 random bytes "
        "of master, pseudonym and nullifier key files.",
    ),
)
def generate(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="私钥文件。 / The private key file.")],
    alg: Annotated[
        Algorithm, typer.Option("--alg", metavar="EdDSA|ES256|secret", help="种类,默认 EdDSA。 / Kind; EdDSA by default.")
    ] = Algorithm.EDDSA,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """One key, one new file."""
    screen = Screen.open(as_json, no_color)
    if out.exists():
        raise CliError("cli.file_exists", "文件已存在,不覆盖", "the file exists and is not replaced", file=str(out))
    if not out.parent.is_dir():
        raise CliError("cli.not_found", "目标目录不存在", "the folder for the key is not there", folder=str(out.parent))
    document: dict[str, Any] = {"file": str(out), "alg": alg.value, "written": not dry_run}
    if dry_run:
        screen.note("试运行:未生成密钥。", "Dry run: no key was made.")
    elif alg is Algorithm.BYTES:
        write_secret_file(out, SystemIds().secret())
    else:
        key = SigningKey.generate(alg.value)
        key.save(out)
        document |= {"kid": key.kid, "jwk": key.verify_key.jwk}

    def draw(console: Console) -> None:
        rows = [("文件 File", str(out)), ("种类 Kind", alg.value)]
        if "kid" in document:
            rows += [("kid", document["kid"]), ("公钥 Public", json.dumps(document["jwk"]))]
        console.print(facts(rows))

    screen.emit(document, draw)


@app.command(
    "list",
    cls=Command,
    help=about(
        "列出信任文件中的公钥。",
        "List the public keys of the trust file.",
        "ceg keys list",
        "ceg keys list --member CN-31 --json",
        "ceg keys list --trust-file trust.json --registry-key registry.jwk.json",
    ),
)
def list_keys(
    member: Annotated[str, typer.Option("--member", metavar="ID", help="只看一个成员。 / One member's only.")] = "",
    config: Config = None,
    trust_file: TrustPath = None,
    registry_key: RegistryKey = None,
    at: At = "",
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Every key ever valid, gateway's and members'."""
    screen = Screen.open(as_json, no_color)
    now = moment(at)
    trust = trust_of(screen, config, trust_file, registry_key)
    found = [key_json(owner, record, now) for owner, record in records(trust) if member in {"", owner}]

    def draw(console: Console) -> None:
        shown = table("成员 Member", "kid", "算法 Alg", "有效 Valid", "截止 Until", "天 Days")
        for key in found:
            shown.add_row(key["member"], key["kid"][:SHORT], key["alg"], validity(key), key["not_after"][:10], str(key["days_left"]))
        console.print(shown)

    screen.emit(found, draw)


@app.command(
    "show",
    cls=Command,
    help=about("查看一个公钥。", "Show one public key.", "ceg keys show kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "ceg keys show kPrK"),
)
def show(
    kid: Annotated[str, typer.Argument(metavar="KID", help="kid 或其唯一的开头。 / The kid, or its beginning if no other has it.")],
    config: Config = None,
    trust_file: TrustPath = None,
    registry_key: RegistryKey = None,
    at: At = "",
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """One key whole."""
    screen = Screen.open(as_json, no_color)
    now = moment(at)
    trust = trust_of(screen, config, trust_file, registry_key)
    found = [key_json(owner, record, now) for owner, record in records(trust) if record.kid.startswith(kid)]
    if len(found) != 1:
        raise CliError("cli.not_found", "没有唯一匹配的公钥", "no key, or several, begin like this", matches=len(found))
    key = found[0]

    def draw(console: Console) -> None:
        names = (
            ("成员 Member", "member"), ("kid", "kid"), ("算法 Alg", "alg"), ("生效 From", "not_before"), ("截止 Until", "not_after"),
            ("撤销 Revoked", "revoked_at"), ("存证起 Leaf from", "log_from"), ("存证止 Leaf until", "log_until"),
            ("剩余天 Days left", "days_left"),
        )  # fmt: skip
        rows = [(title, "-" if key[name] is None else str(key[name])) for title, name in names]
        console.print(facts([*rows, ("现在有效 Valid now", validity(key)), ("公钥 Public", json.dumps(key["jwk"]))]))

    screen.emit(key, draw)


def records(trust: TrustFile) -> list[tuple[str, KeyRecord]]:
    """Every key with its owner; the gateway's first."""
    gateway = trust.data.gateway
    held = [(gateway.id, record) for record in gateway.keys]
    return held + [(member.id, record) for member in trust.data.members for record in member.keys]


def key_json(owner: str, record: KeyRecord, now: datetime) -> dict[str, Any]:
    """One key as a document.  `days_left` are whole days until it ends, 0 once it has."""
    end = record.not_after if record.revoked_at is None else min(record.not_after, record.revoked_at)
    return {
        "member": owner,
        "kid": record.kid,
        "alg": record.key.alg,
        "jwk": record.key.jwk,
        "not_before": record.not_before.isoformat(),
        "not_after": record.not_after.isoformat(),
        "revoked_at": None if record.revoked_at is None else record.revoked_at.isoformat(),
        "log_from": record.log_from,
        "log_until": record.log_until,
        "valid_now": record.valid(now),
        "days_left": max(0, (end - now) // DAY),
    }


def validity(key: dict[str, Any]) -> str:
    """In words."""
    if key["revoked_at"] is not None:
        return "已撤销 revoked"
    return "是 yes" if key["valid_now"] else "否 no"
