"""`ceg log`: head, proofs and audit of the transfer log, of a node's database or of an exported folder."""

import asyncio
import base64
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from rich.console import Console

from gateway.cli.exits import ExitCode
from gateway.cli.faults import CliError
from gateway.cli.helps import Command, about, group
from gateway.cli.log_audit import Audited, audit_database, audit_export, read_export_head
from gateway.cli.options import AsJson, Config, Data, NoColor, RegistryKey, TrustPath
from gateway.cli.screen import Screen, facts
from gateway.cli.sources import open_node, read_file, trust_of
from gateway.federation.registry import TrustFile
from gateway.transferlog.folder import folder_entries, folder_tiles
from gateway.transferlog.proof import write_proof
from gateway.transferlog.tiles import inclusion_proof

app = group(
    "存证日志:树头、证明、全面核验。",
    "Transfer log: head, proofs, audit of the whole.",
    "ceg log head --config gateway.toml",
    "ceg log verify --dir out/log --trust-file out/trust.json",
)
Export: TypeAlias = Annotated[Path | None, typer.Option("--dir", metavar="DIR", help="导出的存证日志目录。 / An exported log folder.")]


@app.command(
    "head",
    cls=Command,
    help=about(
        "显示存证日志的大小、根与签名检查点。",
        "Show size, root and signed checkpoint.",
        "ceg log head --config gateway.toml",
        "ceg log head --data var/gateway --json",
        "ceg log head --dir out/log",
        more_zh="运行中的节点也可读;只给 --data 时没有日志私钥,不给检查点。",
        more_en="A running node may be read. With --data alone there is no log key, hence no checkpoint.",
    ),
)
def head(config: Config = None, data: Data = None, folder: Export = None, as_json: AsJson = False, no_color: NoColor = False) -> None:
    """Size, root, checkpoint."""
    screen = Screen.open(as_json, no_color)
    document = _folder_head(folder) if folder is not None else asyncio.run(_node_head(config, data))

    def draw(console: Console) -> None:
        console.print(facts([("大小 Size", str(document["size"])), ("根 Root", document["root"])]))
        if document["checkpoint"]:
            console.print("检查点 Checkpoint\n")
            console.print(document["checkpoint"], soft_wrap=True)

    screen.emit(document, draw)


@app.command(
    "prove",
    cls=Command,
    help=about(
        "给出一叶的存证证明(tlog-proof)。",
        "Give the inclusion proof (tlog-proof) of one leaf.",
        "ceg log prove 42 --config gateway.toml",
        "ceg log prove 5f0c…e1 3 --config gateway.toml",
        "ceg log prove 42 --dir out/log --json",
        more_zh="叶以序号 INDEX 指明,或以范围与其内序号 SCOPE SEQ 指明。",
        more_en="A leaf is named by its INDEX, or by SCOPE and SEQ within it.",
    ),
)
def prove(
    leaf: Annotated[list[str], typer.Argument(metavar="INDEX | SCOPE SEQ", help="哪一叶。 / Which leaf.")],
    config: Config = None,
    data: Data = None,
    folder: Export = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Index, leaf and proof."""
    screen = Screen.open(as_json, no_color)
    if len(leaf) > 2 or not leaf[-1].isascii() or not leaf[-1].isdigit() or len(leaf[-1]) > 15:
        raise CliError("cli.usage", "应为 INDEX 或 SCOPE SEQ", "name the leaf by INDEX, or by SCOPE and SEQ")
    if folder is None:
        document = asyncio.run(_prove_node(leaf, config, data))
    elif len(leaf) == 1:
        document = _prove_export(int(leaf[0]), folder)
    else:
        raise CliError("cli.usage", "导出目录中只能以序号指明", "in an exported folder a leaf is named by its index")
    screen.emit(document, lambda console: console.print(document["proof"], soft_wrap=True, end=""))


@app.command(
    "verify",
    cls=Command,
    help=about(
        "核验整个存证日志,指出第一处错误。",
        "Audit the whole log and name the first thing wrong.",
        "ceg log verify --config gateway.toml",
        "ceg log verify --data var/gateway --trust-file trust.json",
        "ceg log verify --dir out/log --trust-file out/trust.json --json",
        "ceg log verify --config gateway.toml --checkpoint kept-last-month.txt",
        more_zh="逐叶核对哈希、树、顺序、状态与信封签名。发现问题时退出码为 6。--checkpoint 可多次给出以前保存的检查点。",
        more_en="Every leaf: hash, tree, order, states, envelope signature. Exit code 6 if anything is wrong. "
        "--checkpoint may be given often: heads kept from before.",
    ),
)
def verify(
    config: Config = None,
    data: Data = None,
    folder: Export = None,
    checkpoint: Annotated[
        list[Path] | None, typer.Option("--checkpoint", metavar="FILE", help="以前保存的检查点。 / A checkpoint kept from before.")
    ] = None,
    trust_file: TrustPath = None,
    registry_key: RegistryKey = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Exit 6 on any finding."""
    screen = Screen.open(as_json, no_color)
    trust = _trust(screen, config, trust_file, registry_key, needed=folder is not None or data is None or bool(checkpoint))
    kept = [read_file(path, 64 * 1024) for path in checkpoint or ()]
    with screen.progress("核验 Verifying") as progress:
        if folder is None:
            found = asyncio.run(_audit_node(config, data, trust, kept, progress))
        else:
            assert trust is not None
            found = audit_export(folder, trust, kept, progress)
    screen.emit(found.document(), lambda console: _draw_audit(console, found))
    if not found.ok:
        raise typer.Exit(ExitCode.FINDINGS)


def _trust(screen: Screen, config: Path | None, trust_file: Path | None, registry_key: Path | None, *, needed: bool) -> TrustFile | None:
    if trust_file is None and not needed:
        screen.note("未给信任文件:不核对信封签名。", "No trust file given: envelope signatures are not checked.")
        return None
    return trust_of(screen, config, trust_file, registry_key)


async def _audit_node(config: Path | None, data: Path | None, trust: TrustFile | None, kept: list[bytes], progress: Any) -> Audited:
    async with open_node(config, data) as node:
        return audit_database(node.database, trust, kept, progress)


async def _node_head(config: Path | None, data: Path | None) -> dict[str, Any]:
    async with open_node(config, data) as node:
        size, root = await node.reading.head()
        note = "" if node.settings is None else (await (await node.ledger()).head())[1]
        return {"size": size, "root": base64.b64encode(root).decode("ascii"), "checkpoint": note}


def _folder_head(folder: Path) -> dict[str, Any]:
    note, found = read_export_head(folder)
    return {"size": found.size, "root": base64.b64encode(found.root).decode("ascii"), "checkpoint": note}


async def _prove_node(leaf: list[str], config: Path | None, data: Path | None) -> dict[str, Any]:
    async with open_node(config, data) as node:
        size, _ = await node.reading.head()
        index = int(leaf[-1])
        if len(leaf) == 2:
            rows = await node.database.fetch("log_index_of", scope=leaf[0], seq=index)
            index = rows[0][0] if rows else size
        _in_log(index, size)
        ledger = await node.ledger()
        entry = (await node.reading.entries(index, index + 1))[0]
        return _proven(index, entry, await ledger.proof(index, size))


def _prove_export(index: int, folder: Path) -> dict[str, Any]:
    note, found = read_export_head(folder)
    _in_log(index, found.size)

    def read(path: str) -> bytes:
        return (folder / path).read_bytes()

    entry = next(data for number, data in folder_entries(read, found.size) if number == index)
    return _proven(index, entry, write_proof(index, inclusion_proof(index, found.size, folder_tiles(read)), note))


def _proven(index: int, leaf: bytes, proof: str) -> dict[str, Any]:
    return {"index": index, "leaf": base64.urlsafe_b64encode(leaf).rstrip(b"=").decode("ascii"), "proof": proof}


def _in_log(index: int, size: int) -> None:
    if index >= size:
        raise CliError("cli.not_found", "存证日志中没有此叶", "the log has no such leaf", size=size)


def _draw_audit(console: Console, found: Audited) -> None:
    report = found.report
    rows = [("大小 Size", str(report.size)), ("核对通过的叶 Leaves good", str(report.leaves))]
    rows.append(("信封签名 Envelopes", f"{found.envelopes} 核验 checked" if found.envelopes_checked else "未核验 not checked"))
    if found.ok:
        rows.append(("根 Root", base64.b64encode(report.root).decode("ascii")))
    console.print(facts(rows))
    if report.unknown:
        console.print(f"不认识的类型 Unknown types: {', '.join(report.unknown)}", style="yellow")
    finding = report.finding
    if finding is None:
        console.print("存证日志完整无误。 The whole log holds.", style="bold green")
        return
    where = "树头或检查点 head or checkpoint" if finding.index is None else f"叶 leaf {finding.index}"
    if finding.through is not None and finding.through != finding.index:
        where += f" – {finding.through}"
    console.print(f"发现问题 FOUND: {where}", style="bold red")
    console.print(f"{finding.code}: {finding.zh}\n{finding.en}")
