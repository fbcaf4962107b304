"""Tables for a bank's people: which rows stay behind and why, and what only they can clear up about a case.

CSV with a mark for UTF-8, so that a spreadsheet opens it as it is; Chinese first.  Each file is replaced whole, and
taken away when there is nothing left to say.  It holds rows and codes, no names and numbers: those are in the feed.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from gateway.client.feeds import HeldRow
from gateway.formats.csv_safe import write_csv

HEADING: Final = ("行号 row", "记录号 record", "位置 where", "代码 code", "原因", "reason")
DOUBT_HEADING: Final = ("记录号 record", "代码 code", "请处理", "what to do")
WHOLE: Final = "整个文件 whole file"
DOUBTS: Final[Mapping[str, tuple[str, str]]] = {
    "unknown_record": (
        "本行文件中已没有此记录,且未说明作废。仍有效请补回;作废请按本省格式写明撤销",
        "the feeds no longer show it, and nobody said it is void: put it back, or have it cancelled in your own format",
    ),
    "quarantined": ("此行损坏,已隔离;见 quarantine 目录", "its row is damaged; see the quarantine folder"),
    "mended": (
        "此记录现已完好,但不在案件内;可由学习者另具授权重新申请",
        "it is sound now, but not part of the case: the learner may apply for it again, under a new consent",
    ),
}
REFUSED: Final = ("申请或更正未被接受,代码见 docs/errors.md", "the request or correction was refused; the code is in docs/errors.md")


def held_table(rows: Iterable[HeldRow]) -> list[Sequence[str]]:
    """One line a problem, in the order of the feed."""
    return [
        (str(row.row) if row.row else WHOLE, row.record, problem.path, problem.code, problem.zh, problem.en)
        for row in rows
        for problem in row.problems
    ]


def write_quarantine(folder: Path, held: Iterable[HeldRow]) -> None:
    """One table a feed, `FEED.csv`; tables of feeds with nothing held back go away."""
    by_file: dict[str, list[HeldRow]] = {}
    for row in held:
        by_file.setdefault(row.file, []).append(row)
    for name, rows in by_file.items():
        _put(folder / f"{name}.csv", [HEADING, *held_table(sorted(rows, key=lambda row: row.row))])
    for path in folder.iterdir():
        if path.name.removesuffix(".csv") not in by_file:
            path.unlink(missing_ok=True)


def write_doubts(path: Path, records: Mapping[str, str]) -> None:
    """One table a case; none where there is no doubt."""
    if not records:
        path.unlink(missing_ok=True)
        return
    _put(path, [DOUBT_HEADING, *((record, code, *DOUBTS.get(code, REFUSED)) for record, code in sorted(records.items()))])


def _put(path: Path, rows: Sequence[Sequence[str]]) -> None:
    """Whole or not at all, and only where it says something else than before."""
    content = write_csv(rows, encoding="utf-8-sig")
    if path.exists() and path.read_bytes() == content:
        return
    beside = path.with_name(f".{path.name}.new")
    beside.write_bytes(content)
    beside.replace(path)
