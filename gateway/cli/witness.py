"""`ceg witness`: what a member bank runs to cosign checkpoints, until it is told to stop; and how it makes its key."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.faults import CliError
from gateway.cli.helps import Command, Group, about
from gateway.cli.logs import configure
from gateway.cli.options import AsJson, DryRun, NoColor
from gateway.cli.screen import Screen, facts
from gateway.cli.serve import port_fault, stop_event
from gateway.client.witness_file import WitnessFile
from gateway.crypto.keys import SigningKey
from gateway.errors import TransferLogError
from gateway.simulator.witnesses import witness_running
from gateway.transferlog.checkpoint import COSIGNATURE, NoteKey

app = typer.Typer(
    cls=Group,
    invoke_without_command=True,
    rich_markup_mode=None,
    add_completion=False,
    help=about(
        "运行成员行的见证程序,直到 Ctrl-C 或 SIGTERM。",
        "Run a member bank's witness until Ctrl-C or SIGTERM.",
        "ceg witness --config witness.toml --dry-run",
        "ceg witness --config witness.toml",
        more_zh="只见证与上次一致的检查点;设 member_key_file 时先取回并核对每一片新叶。",
        more_en="It cosigns only what extends the last checkpoint; with member_key_file it first fetches and checks every new leaf.",
    ),
)


@app.callback()
def witness(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option("--config", metavar="FILE", help="见证程序配置文件。 / Settings of the witness.")] = None,
    check: Annotated[bool, typer.Option("--dry-run", help="只核对配置与密钥,不启动。 / Check settings and keys; do not start.")] = False,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Run until SIGTERM or SIGINT; exit 0 then."""
    if context.invoked_subcommand is not None:
        return
    screen = Screen.open(as_json, no_color)
    if config is None:
        raise CliError("cli.usage", "须以 --config 指明配置文件", "name the settings file with --config")
    if not config.is_file():
        raise CliError("cli.not_found", "没有此配置文件", "there is no such settings file", file=str(config))
    settings = WitnessFile.load(config)
    if check:
        key = settings.key(settings.trust()).key
        found = {"member": settings.member, "vkey": key.vkey, "mirrors": settings.member_key_file is not None}
        screen.emit(
            found, lambda console: console.print(f"配置有效。 The settings are valid.  {settings.member}  {key.vkey}", soft_wrap=True)
        )
        return
    configure()
    asyncio.run(_run(settings, screen))


@app.command(
    "keygen",
    cls=Command,
    help=about(
        "生成见证私钥(Ed25519),打印给登记方的公钥。",
        "Make a witness key (Ed25519); print its public half.",
        "ceg witness keygen --name bank.example/witness --out witness.pem",
        "ceg witness keygen --name bank.example/witness --out witness.pem --json",
        more_zh="已有的文件从不覆盖。此密钥只用于见证。",
        more_en="A file that exists is never replaced. The key is for witnessing only.",
    ),
)
def keygen(
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="见证者名称,写入签名行。 / The witness's name on its lines.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="私钥文件。 / The private key file.")],
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
    key = SigningKey.generate()
    vkey = _vkey(name, key)
    document: dict[str, Any] = {"file": str(out), "name": name, "written": not dry_run}
    if dry_run:
        screen.note("试运行:未写入密钥。", "Dry run: no key was written.")
    else:
        key.save(out)
        document["vkey"] = vkey
    rows = [("文件 File", str(out)), ("名称 Name", name)] + ([] if dry_run else [("vkey", vkey)])
    screen.emit(document, lambda console: console.print(facts(rows)))


def _vkey(name: str, key: SigningKey) -> str:
    try:
        return NoteKey(name, COSIGNATURE, key.public_raw).vkey
    except TransferLogError:
        raise CliError("cli.usage", "名称不可含空白或 +", "a name has no space and no plus sign") from None


async def _run(settings: WitnessFile, screen: Screen) -> None:
    stop = stop_event()
    try:
        async with witness_running(settings) as running:
            if screen.as_json:
                screen.line({"witness": {"member": running.member, "url": running.url, "size": running.witness.held.size}})
            else:
                screen.err.print(f"就绪 ready  {running.member}  {running.url}  {running.witness.held.size} 叶 leaves", soft_wrap=True)
            await stop.wait()
    except* OSError as group:
        raise port_fault(group) from group
