"""`ceg report make`, `verify`, `prove`: a report as a file, and its figures made again, at a node or from a copy of the log alone.

`prove` believes nobody: the copy is audited, its head opened under the log's key, its root at the manifest's size compared, and the
figures are added up from the leaves.  `verify` is the quick check at the node.
"""

import asyncio
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from gateway.app import load_tools
from gateway.cli.exits import ExitCode
from gateway.cli.faults import CliError
from gateway.cli.helps import about
from gateway.cli.log_audit import LeafQuestions, verifiers_of
from gateway.cli.options import AsJson, Config, Data, NoColor
from gateway.cli.screen import Screen, facts, table
from gateway.cli.sources import open_node, read_file, settings_of, trust_of
from gateway.federation.registry import TrustFile
from gateway.transferlog.audit import audit_folder
from gateway.transfers.report_manifest import Manifest, check_manifest, read_manifest
from gateway.transfers.report_paper import Papers
from gateway.transfers.report_proof import LeafReport
from gateway.transfers.reports import DIMENSIONS, Query, Report, report, report_at

SUFFIXES = frozenset({".pdf", ".xlsx", ".csv"})
PDF_MARK = b"%PDF-"
MANIFEST_BYTES_MAX = 16_384
FILE_BYTES_MAX = 64 * 1024 * 1024
ManifestFile = Annotated[Path, typer.Argument(metavar="MANIFEST", help="随报表下载的签名清单。 / The signed manifest of the report.")]
ReportFile = Annotated[
    Path | None, typer.Option("--file", metavar="FILE", help="一并比对的 CSV、XLSX 或 PDF。 / The CSV, XLSX or PDF to compare as well.")
]
Trust = Annotated[Path | None, typer.Option("--trust", "--trust-file", metavar="FILE", help="信任文件。 / The regional trust file.")]
Registry = Annotated[
    Path | None, typer.Option("--registry-key", metavar="FILE", help="登记公钥(JWK)。 / Registry key, to check the trust file with.")
]


def make(
    manifest_file: Annotated[
        Path | None, typer.Argument(metavar="[MANIFEST]", help="按此清单重做;不给则按选项新做。 / Make that one again; else a new one.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="输出:.pdf、.xlsx 或 .csv。 / File to write.")] = None,
    period: Annotated[str, typer.Option("--period", metavar="PERIOD", help="2026-11、2026-Q4 或 2026。 / Month, quarter, year.")] = "",
    by: Annotated[str, typer.Option("--by", metavar="NAMES", help=f"分组,逗号分隔。 / Of {', '.join(DIMENSIONS)}.")] = "source,accepting",
    config: Config = None,
    data: Data = None,
    trust_file: Trust = None,
    registry_key: Registry = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Exit 6 where a manifest's report cannot be made again."""
    screen = Screen.open(as_json, no_color)
    if out is None or out.suffix not in SUFFIXES or (manifest_file is None) == (not period):
        raise CliError(
            "cli.usage", "须给 --out(.pdf、.xlsx、.csv),以及清单或 --period", "name --out (.pdf, .xlsx, .csv), and a manifest or --period"
        )
    if manifest_file is None:
        made = _read(_query(period, by), config, data)
    else:
        manifest, kid = _opened(manifest_file, trust_of(screen, config, trust_file, registry_key))
        again = _read_again(manifest, config, data)
        if again is None or not manifest.fits(again):
            _tell(screen, manifest, kid, again, None, "")
            return
        made = again
    raw = _bytes(made, out.suffix, _fonts(config, data))
    out.write_bytes(raw)
    told = {"file": str(out), "bytes": len(raw), "sha256": sha256(raw).hexdigest(), "size": made.size, "rows_sha256": made.digest}
    screen.emit(told, lambda console: console.print(facts([(name, str(value)) for name, value in told.items()])))


def _query(period: str, by: str) -> Query:
    try:
        return Query(period, tuple(by.split(",")))
    except ValueError:
        raise CliError(
            "cli.usage",
            f"--period 或 --by 不成立;--by 至多四项,按此顺序:{','.join(DIMENSIONS)}",
            f"no such --period or --by; --by takes up to four, in this order: {','.join(DIMENSIONS)}",
        ) from None


def _read(query: Query, config: Path | None, data: Path | None) -> Report:
    async def read() -> Report:
        async with open_node(config, data) as node:
            return await report(node.database, query)

    return asyncio.run(read())


def _read_again(manifest: Manifest, config: Path | None, data: Path | None) -> Report | None:
    async def read() -> Report | None:
        async with open_node(config, data) as node:
            return await report_at(node.database, manifest.query, manifest.size, bytes.fromhex(manifest.root))

    return asyncio.run(read())


def _fonts(config: Path | None, data: Path | None) -> Path | None:
    return settings_of(config).report.fonts_folder if data is None else None


def _bytes(made: Report, suffix: str, fonts: Path | None) -> bytes:
    """The file of that kind.  Raises FormatError for a PDF that cannot be made here."""
    match suffix:
        case ".pdf":
            return asyncio.run(Papers.of(load_tools().mapper, fonts).pdf(made))
        case ".xlsx":
            return made.xlsx()
        case _:
            return made.csv()


def verify(
    manifest_file: ManifestFile,
    file: ReportFile = None,
    config: Config = None,
    data: Data = None,
    trust_file: Trust = None,
    registry_key: Registry = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Exit 0 when it is the same, 6 when not, or when it cannot be made again."""
    screen = Screen.open(as_json, no_color)
    manifest, kid = _opened(manifest_file, trust_of(screen, config, trust_file, registry_key))
    _tell(screen, manifest, kid, _read_again(manifest, config, data), file, "", _fonts(config, data))


def prove(
    manifest_file: ManifestFile,
    folder: Annotated[Path | None, typer.Option("--dir", metavar="DIR", help="导出的存证日志目录。 / An exported log folder.")] = None,
    trust_file: Trust = None,
    registry_key: Registry = None,
    file: ReportFile = None,
    as_json: AsJson = False,
    no_color: NoColor = False,
) -> None:
    """Exit 0 when the leaves come to the same figures, 6 on any finding."""
    screen = Screen.open(as_json, no_color)
    if folder is None or trust_file is None:
        raise CliError("cli.usage", "须给日志目录与信任文件:--dir、--trust", "name the log folder and the trust file: --dir, --trust")
    trust = trust_of(screen, None, trust_file, registry_key)
    manifest, kid = _opened(manifest_file, trust)
    if manifest.query.of_items:
        raise CliError(
            "cli.usage",
            "分种类、地区、机构的报表不能由存证日志证明,请用 ceg report verify",
            "a report by kind or place cannot be proven, for leaves know neither: use ceg report verify",
        )
    counted = LeafReport(manifest.query, manifest.size)
    questions = LeafQuestions(trust, None, counted.take)
    earlier = [(manifest.size, bytes.fromhex(manifest.root))]
    with screen.progress("核验 Audit") as tick:
        found = audit_folder(
            lambda path: (folder / path).read_bytes(), verifiers_of(trust), check=questions, progress=tick, earlier=earlier
        )  # fmt: skip
    if found.finding is not None:
        made, wrong = None, f"{found.finding.code}: {found.finding.en}"
    else:
        made, wrong = counted.report(earlier[0][1]), ""
    _tell(screen, manifest, kid, made, file, wrong)


def _opened(path: Path, trust: TrustFile) -> tuple[Manifest, str]:
    """The manifest and who signed it.  Raises FormatError, TrustError."""
    manifest, signature = read_manifest(read_file(path, MANIFEST_BYTES_MAX))
    keys = {record.kid: record.key for record in trust.data.gateway.keys}
    return manifest, check_manifest(manifest, signature, keys.get)


def _in(file: Path, made: Report | None, fonts: Path | None) -> bool:
    """Whether the file is the report's.  Raises FormatError for a PDF where none can be made."""
    raw = read_file(file, FILE_BYTES_MAX)
    kinds = (".pdf",) if raw.startswith(PDF_MARK) else (".csv", ".xlsx")
    return made is not None and any(raw == _bytes(made, kind, fonts) for kind in kinds)


def _tell(
    screen: Screen, manifest: Manifest, kid: str, made: Report | None, file: Path | None, wrong: str, fonts: Path | None = None
) -> None:
    same = made is not None and manifest.fits(made)
    in_file = file is None or _in(file, made, fonts)
    document: dict[str, Any] = {
        "verified": same and in_file,
        "kid": kid,
        "query": manifest.query.json(),
        "size": manifest.size,
        "root": manifest.root,
        "rows_sha256": manifest.digest,
        "counted_sha256": made.digest if made is not None else None,
        "file": None if file is None else in_file,
        "finding": wrong or None,
        "rows": [list(row) for row in made.rows] if made is not None else None,
    }

    def draw(console: Console) -> None:
        console.print(_verdict(made, same, in_file, wrong), style="bold green" if same and in_file else "bold red", soft_wrap=True)
        console.print(
            facts(
                [("时段 Period", manifest.query.period), ("叶 Leaves", str(manifest.size)), ("根 Root", manifest.root), ("公钥 Key", kid)]
            )
        )
        if made is not None:
            shown = table(*made.rows[0])
            for row in made.rows[1:]:
                shown.add_row(*row)
            console.print(shown)

    screen.emit(document, draw)
    if not document["verified"]:
        raise typer.Exit(ExitCode.FINDINGS)


def _verdict(made: Report | None, same: bool, in_file: bool, wrong: str) -> str:
    if wrong:
        return f"日志副本不成立。 The copy of the log does not hold: {wrong}"
    if made is None:
        return "不能重做:日志已增长(分种类、地区),或不是这一日志。 Not to be made again: the log has grown (kinds, places), or is another."
    if not same:
        return "数字不符。 The figures are NOT those of the manifest."
    if not in_file:
        return "清单成立,所给文件不是它的。 The manifest holds, but the file is not the one."
    return "数字一致。 The figures are the same, to the byte."


_MORE_ZH = "清单须为网关签名密钥所签。给出 --file 时一并比对 CSV、XLSX 或 PDF 的字节(PDF 须同一字体)。不符时退出码 6。"
_MORE_EN = (
    "The manifest must be signed by the gateway's key. With --file the bytes of the CSV, XLSX or PDF are compared too "
    "(a PDF under the same font). Exit code 6 when it differs."
)
COMMANDS = (
    (
        "make",
        make,
        about(
            "把一份报表写成文件:PDF、XLSX 或 CSV。",
            "Write a report to a file: PDF, XLSX or CSV.",
            "ceg report make --period 2026-11 --by city --out report.pdf --config gateway.toml",
            "ceg report make report.manifest.json --out report.xlsx --config gateway.toml",
            more_zh="给出清单时按其大小处重做,与当时逐字节一致;做不到时退出码 6。PDF 需要 [pdf] 组件与中文字体。小单元格照样隐去。",
            more_en="With a manifest it is the report of that moment, to the byte; exit code 6 where that cannot be. "
            "PDF needs the [pdf] extra and a Chinese font. Small cells are hidden as ever.",
        ),
    ),
    (
        "verify",
        verify,
        about(
            "在网关数据库上按清单重做一份报表,逐字节比对。",
            "Make a report again at the node, and compare to the byte.",
            "ceg report verify report.manifest.json --config gateway.toml",
            "ceg report verify report.manifest.json --file report.csv --config gateway.toml",
            more_zh=_MORE_ZH,
            more_en=_MORE_EN,
        ),
    ),
    (
        "prove",
        prove,
        about(
            "仅由一份存证日志副本重算报表的数字,不信任网关。",
            "Recompute a report's figures from a copy of the log alone.",
            "ceg report prove report.manifest.json --dir log --trust trust.json",
            "ceg report prove report.manifest.json --dir log --trust trust.json --file report.xlsx --json",
            more_zh=_MORE_ZH + "先核验整个副本(叶、树、信封签名、清单所指大小处的根),再由叶的合计相加。",
            more_en=_MORE_EN + " The whole copy is audited first (leaves, tree, envelopes, the root at the manifest's size), "
            "then the leaves' totals are added up.",
        ),
    ),
)
