"""Anhui sheets made in a test, and what reading them gives."""

import tomllib
from pathlib import Path

from gateway.adapters.anhui.adapter import AnhuiAdapter
from gateway.adapters.anhui.settings import read_settings
from gateway.adapters.contract import Feed
from gateway.formats.csv_safe import write_csv
from gateway.model.local import LocalPart, PartManifest

ROOT = Path(__file__).parents[2]
CONFIG = tomllib.loads((ROOT / "config/regions/anhui.toml").read_text("utf-8"))["adapter"]
JUNE = PartManifest("2023-06")
HEADER = [
    "序号",
    "姓名",
    "身份证号",
    "所在单位",
    "成果名称",
    "成果类型",
    "课时(理论+实践)",
    "学分",
    "成绩",
    "发证单位",
    "证书编号",
    "取得时间",
    "备注",
]
COURSE = [
    "1",
    "陆明远",
    "340111199003072151",
    "合肥示例学院",
    "会计学基础",
    "学历课程",
    "64(48+16)",
    "3.5",
    "良好",
    "示例园区",
    "",
    "2023年6月",
    "",
]
OTHER = "340104198511021280"


def adapter(**changes: object) -> AnhuiAdapter:
    return AnhuiAdapter(read_settings(CONFIG | changes))


def manifest(rows: int) -> PartManifest:
    return PartManifest("2023-06", {row: f"AH-{row}" for row in range(1, rows + 1)})


def sheet(*rows: list[str], header: list[str] = HEADER) -> bytes:
    return write_csv([header, *rows], encoding="gb18030")


def course(**cells: str) -> list[str]:
    """The course row with some cells changed, by column."""
    names = [heading.split("(", maxsplit=1)[0] for heading in HEADER]
    return [cells.get(name, cell) for name, cell in zip(names, COURSE, strict=True)]


def read(*rows: list[str], header: list[str] = HEADER) -> LocalPart:
    return adapter().parse(sheet(*rows, header=header), manifest(len(rows)))


def codes(part: LocalPart | Feed) -> dict[int, list[str]]:
    return {row.row: [problem.code for problem in row.problems] for row in part.quarantined}
