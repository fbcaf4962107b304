"""A report as a paper to print: what stands on it, as data, and the PDF of that.

A function of report, names and font alone: its date is the last day of the period, and nothing of the machine or of the moment is on
it.  So `ceg report verify` can make it again and compare the bytes, wherever the same font and the same release of typst are.
"""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from gateway.formats.paper import write_pdf
from gateway.mapping.engine import Mapper
from gateway.model.canonical import Json
from gateway.transfers.periods import Period
from gateway.transfers.report_names import COLUMNS, Both, Names
from gateway.transfers.reports import ALL, HIDDEN, Report

TITLE: Final = Both("学分转移统计报表", "Report on credit transfers")
CONCEALED: Final = Both("已隐去", "hidden")
FOOT: Final = "长三角学分互认网关 · Credit Exchange Gateway"
SMALL: Final = Both(
    "小于 {k} 的数已隐去,并再隐去足够多的数,使合计也推不出它;0 不隐。探测案件不计入。",
    "Counts below {k} are hidden, and as many others as it takes that no total gives one back; zero is shown. Probes are not counted.",
)
PLACES: Final = Both(
    "市、县按出具机构代码中的登记地(GB/T 2260),不是学习者所在地;来源只写名称而无代码的计入“未知”。",
    "City and county are where the institution is registered, by its code (GB/T 2260), not where the learner lives; "
    "an institution that the source names without a code is counted as unknown.",
)
ITEMS: Final = Both(
    "项目按现状计:所属月份为立案之月。已删除的项目按删除前最后的状态留在合计中。",
    "Items as they stand, under the month in which their case was opened. Erased ones stay as they stood last.",
)
ARRIVALS: Final = Both(
    "按到达计:同一案件再次到达同一状态再计一次;可由存证日志证明(ceg report prove)。",
    "Arrivals: a case that comes to a state once more counts once more. Provable from the transfer log (ceg report prove).",
)


def paper(report: Report, names: Names) -> dict[str, Json]:
    """What the template draws: texts alone."""
    query, width = report.query, len(report.query.by)
    head, *body = report.rows
    last = Period.named(query.period).last
    notes = [SMALL, ITEMS if query.of_items else ARRIVALS, *([PLACES] if query.of_places else [])]
    return {
        "title": TITLE.json(),
        "date": [last.year, last.month, last.day],
        "about": [
            _fact("时段", "Period", query.period),
            _fact("分组", "By", " × ".join(f"{COLUMNS[each].zh} {COLUMNS[each].en}" for each in query.by)),
        ],
        "columns": [{"name": COLUMNS[name].json(), "number": at >= width} for at, name in enumerate(head)],
        "rows": [{"cells": [each.json() for each in _cells(row, report, names)], "sum": ALL in row[:width]} for row in body],
        "notes": [Both(each.zh.format(k=query.k), each.en.format(k=query.k)).json() for each in notes],
        "proof": [
            _fact("存证日志大小", "Log size", str(report.size)),
            _fact("存证日志根", "Log root", report.root.hex()),
            _fact("各行摘要", "SHA-256 of the rows", report.digest),
        ],
        "foot": f"{FOOT} · {query.period}",
    }


def _fact(zh: str, en: str, value: str) -> dict[str, Json]:
    name: dict[str, Json] = {"zh": zh, "en": en}
    return {"name": name, "value": value}


def _cells(row: tuple[str, ...], report: Report, names: Names) -> list[Both]:
    by = report.query.by
    places = [names.told(dimension, value) for dimension, value in zip(by, row, strict=False)]
    return [*places, *(CONCEALED if value == HIDDEN else Both(value) for value in row[len(by) :])]


@dataclass(frozen=True, slots=True)
class Papers:
    """Makes PDF files, one at a time.  `fonts`: a folder to take them from instead of the system's."""

    names: Names = field(default_factory=Names)
    fonts: Path | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @classmethod
    def of(cls, mapper: Mapper, fonts: Path | None) -> Self:
        """With the names that code tables and mapping rules have."""
        return cls(Names.of(mapper.codes, (ruleset.institutions for ruleset in mapper.rulesets.values())), fonts)

    async def pdf(self, report: Report) -> bytes:
        """Raises FormatError (`formats.paper`)."""
        async with self._turn:
            return await write_pdf(paper(report, self.names), self.fonts)
