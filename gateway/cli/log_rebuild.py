"""`ceg log rebuild`: states, outcomes and heads from the leaves alone, compared with the database row by row.

The leaves are the database's own, or those of a copy (a bank's mirror, an export): after a database lost its newest leaves the copy
tells case by case what is behind.  Nothing is written either way: leaves put back under rows that are behind would be followed by
leaves that do not fit them.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import typer
from rich.console import Console

from gateway.cli.exits import ExitCode
from gateway.cli.helps import about
from gateway.cli.log import Export
from gateway.cli.log_audit import Audited, audit_database, audit_export
from gateway.cli.options import AsJson, Config, Data, NoColor, RegistryKey, TrustPath
from gateway.cli.screen import Screen, facts, table
from gateway.cli.sources import open_node, trust_of
from gateway.crypto.sealing import KeyEncryptionKey
from gateway.federation.registry import TrustFile
from gateway.mapping.schema import Standard
from gateway.storage.database import Read
from gateway.storage.read_only import ReadOnlyDatabase
from gateway.system import data_folder
from gateway.transferlog.leaf import Leaf, parse_leaf
from gateway.transferlog.rebuild import Rebuild
from gateway.transferlog.tiles import ENTRIES, WIDTH, TileRef, parse_bundle, tile_width
from gateway.transfers.rebuilt import Comparison, ReadLeaf, compare_cases, leaf_reader
from gateway.transfers.rebuilt_acts import compare_acts
from gateway.transfers.rebuilt_contents import ContentCheck
from gateway.transfers.rebuilt_heads import compare_heads, compare_outcomes

SHOWN_MAX: Final = 40
BUNDLES_KEPT: Final = 64


def rebuild(
    config: Config = None,
    data: Data = None,
    folder: Export = None,
    trust_file: TrustPath = None,
    registry_key: RegistryKey = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Exit 6 on any difference."""
    screen = Screen.open(as_json, no_color)
    copy = None if folder is None else Copied(folder, trust_of(screen, config, trust_file, registry_key))
    with screen.progress("重建 Rebuilding") as progress:
        audited, told = asyncio.run(_compare(config, data, copy, progress))
    finding = audited.report.finding
    document = {
        "size": audited.report.size, "leaves": audited.report.leaves, "finding": audited.document()["finding"], "rows": told.rows,
        "contents_opened": told.opened, "erased": sorted(told.erased), "more": told.more,
        "differences": [each._asdict() for each in told.differences], "agrees": finding is None and told.ok,
    }  # fmt: skip
    screen.emit(document, lambda console: _draw(console, document))
    if not document["agrees"]:
        raise typer.Exit(ExitCode.FINDINGS)


@dataclass(frozen=True, slots=True)
class Copied:
    """A folder with the log's files, and the trust file under which it is audited."""

    folder: Path
    trust: TrustFile


async def _compare(
    config: Path | None, data: Path | None, copy: Copied | None, progress: Callable[[int, int], None]
) -> tuple[Audited, Comparison]:
    async with open_node(config, data) as node:
        key = None if node.settings is None else KeyEncryptionKey.load(node.settings.keys.master_key_file)
        return compare(node.database, key, Standard(data_folder("standards")) if key is not None else None, progress, copy)


def compare(
    database: ReadOnlyDatabase,
    key: KeyEncryptionKey | None,
    standard: Standard | None,
    progress: Callable[[int, int], None],
    copy: Copied | None = None,
) -> tuple[Audited, Comparison]:
    """The log is audited in the same pass: leaves that do not hold rebuild nothing, and nothing is compared then.

    With a `copy` its leaves are taken, and the database's head has to lie on its history.
    """
    rebuilt, told = Rebuild(), Comparison()
    contents = ContentCheck(database, told, key, standard)

    def watch(index: int, leaf: Leaf) -> None:
        rebuilt.take(index, leaf)
        contents.take(leaf)

    if copy is None:
        audited = audit_database(database, None, (), progress, watch)
    else:
        heads = [(size, root) for size, root, _ in database.rows(Read("head", {})) if size]
        audited = audit_export(copy.folder, copy.trust, (), progress, heads, watch)
    told.size = rebuilt.size
    if audited.ok:
        read = leaf_reader(database) if copy is None else copy_reader(copy.folder, rebuilt.size)
        contents.end(rebuilt)
        compare_cases(database, rebuilt, read, told)
        compare_outcomes(database, rebuilt, read, told)
        compare_heads(database, rebuilt, read, told)
        compare_acts(database, told)
    return audited, told


def copy_reader(folder: Path, size: int) -> ReadLeaf:
    """Leaves of an audited copy by index."""

    @lru_cache(maxsize=BUNDLES_KEPT)
    def bundle(number: int) -> list[bytes]:
        ref = TileRef(ENTRIES, number, tile_width(size, ENTRIES, number))
        return parse_bundle((folder / ref.path).read_bytes(), ref.width)

    return lambda index: parse_leaf(bundle(index // WIDTH)[index % WIDTH])


def _draw(console: Console, document: dict[str, Any]) -> None:
    rows = [("叶 Leaves", str(document["size"]))]
    rows += [(name, str(count)) for name, count in sorted(document["rows"].items())]
    opened = document["contents_opened"]
    rows.append(("打开核对的内容 Contents opened", "未给主密钥 no master key" if opened is None else str(opened)))
    rows.append(("已擦除的分件 Parts erased", str(len(document["erased"]))))
    console.print(facts(rows))
    finding = document["finding"]
    if finding is not None:
        console.print(f"存证日志本身有误,未作比对 the log itself does not hold; nothing was compared: {finding['code']}", style="bold red")
        console.print(f"{finding['zh']}\n{finding['en']}")
        return
    if document["agrees"]:
        console.print("数据库与存证日志逐项一致。 The database is what the log says.", style="bold green")
        return
    shown = table("表 Table", "编号 Id", "字段 Field", "日志 Log says", "数据库 Database says")
    for each in document["differences"][:SHOWN_MAX]:
        shown.add_row(*(value[:64] for value in each.values()))
    console.print(shown)
    count = len(document["differences"])
    told = f"{'至少 at least ' if document['more'] else ''}{count} 处不一致 differences"
    console.print(told + (",其余见 --json; the rest with --json" if count > SHOWN_MAX else ""), style="bold red")


COMMANDS = (
    (
        "rebuild",
        rebuild,
        about(
            "从存证日志重建各案、成果与各范围的状态,与数据库逐项比对。",
            "Rebuild cases, outcomes and heads from the leaves; compare with the database.",
            "ceg log rebuild --config gateway.toml",
            "ceg log rebuild --config gateway.toml --json",
            "ceg log rebuild --data var/gateway",
            "ceg log rebuild --config gateway.toml --dir mirror",
            more_zh="同时核验日志本身。有主密钥(--config)时还打开存储的内容重算摘要。有差异时退出码为 6;已擦除的分件单列,不算差异。"
            "--dir 以一份副本(某行的镜像或导出)为准:逐案指出数据库落后于副本之处。",
            more_en="The log itself is audited in the same pass. With the master key (--config) stored contents are opened and "
            "hashed anew. Exit code 6 if anything differs; erased parts are listed apart and are no difference. "
            "--dir takes the leaves of a copy instead (a bank's mirror, an export): each case that is behind it is named.",
        ),
    ),
)
