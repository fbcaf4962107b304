"""A catalogue for people: rows, entries and findings as tables, documents for `--json`."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from rich.console import Console

from gateway.cli.catalogue_source import Source
from gateway.cli.screen import Screen, facts, table
from gateway.errors import Problem
from gateway.formats.json_safe import JsonInput
from gateway.recognition.catalogue import Catalogue, CertificateRelation, Criterion, Dossier, Entry, Evaluated, Table, place, why_not
from gateway.recognition.catalogue_cells import plain_decimal
from gateway.recognition.catalogue_columns import LAYOUTS
from gateway.recognition.catalogue_files import json_row


def label(screen: Screen, source: Source) -> None:
    """Say on stderr, every time, that made-up data is made up."""
    if source.catalogue.head.demo:
        screen.note("演示数据:目录内容是为展示而编的,不得用于认定。", "Demonstration data: this catalogue was made up and decides nothing.")


def brief(each: Table, entry: Entry, day: date) -> dict[str, Any]:
    """One line's worth."""
    why = why_not(each, entry, day)
    return {
        "table": each.value,
        "id": entry.id,
        "version": entry.version,
        "title": entry.title,
        "credits": plain_decimal(entry.credits),
        "status": entry.status.value,
        "valid_until": entry.valid_until.isoformat(),
        "review_on": entry.review_on.isoformat(),
        "demo": entry.demo,
        "usable": why is None,
        "why": None if why is None else why.code,
    }


def draw_briefs(console: Console, found: Sequence[dict[str, Any]], by: Sequence[str] = ()) -> None:
    """Lines of entries, with what matched where it was a search."""
    shown = table("编号 Id", "名称 Title", "学分", "状态 State", *(["匹配 By"] if by else []))
    shown.columns[0].no_wrap = True
    for number, each in enumerate(found):
        state = "可用 usable" if each["usable"] else str(each["why"]).removeprefix("catalogue.")
        shown.add_row(f"{each['id']}@{each['version']}\n{each['table']}", each["title"], each["credits"], state, *by[number : number + 1])
    console.print(shown)


def whole(catalogue: Catalogue, each: Table, entry: Entry, day: date) -> dict[str, Any]:
    """An entry with everything that hangs on it."""
    why = why_not(each, entry, day)
    return {
        "table": each.value,
        "entry": plain(json_row(each, entry)),
        "usable": why is None,
        "why": None if why is None else {"code": why.code, "zh": why.zh, "en": why.en},
        "dossiers": [
            {**plain(json_row(Table.DOSSIERS, found)), "carried": found.carried}
            for found in catalogue.dossiers
            if isinstance(entry, Evaluated) and found.id == entry.dossier
        ],
        "used_by": [place(other, found) for other, found in users(catalogue, each, entry)],
    }


def users(catalogue: Catalogue, each: Table, entry: Entry) -> list[tuple[Table, Entry]]:
    """Entries that name this one."""
    return [(other, found) for other, found in catalogue.entries() if _names(found, each, entry.id)]


def _names(found: Entry, each: Table, entry_id: str) -> bool:
    if each is Table.DOSSIERS:
        return isinstance(found, Evaluated) and found.dossier == entry_id
    if each is not Table.COURSES:
        return False
    match found:
        case CertificateRelation():
            return any(share.course == entry_id for share in found.courses)
        case Criterion():
            return found.course == entry_id
        case Dossier():
            return any(share.course == entry_id for share in found.targets)
        case _:
            return getattr(found, "course", "") == entry_id


def draw_whole(console: Console, document: dict[str, Any]) -> None:
    """Field by field under the Chinese headings, then the panel's word, then what rests on it."""
    each = Table(document["table"])
    why = document["why"]
    state = "可用 usable" if why is None else f"{why['code']}: {why['zh']} / {why['en']}"
    console.print(facts([("表 Table", f"{LAYOUTS[each].zh} {each.value}"), *_lines(each, document["entry"]), ("今日 On the day", state)]))
    for dossier in document["dossiers"]:
        console.rule("专家评议档案 Dossier", align="left")
        carried = "通过 carried" if dossier["carried"] else "未通过 not carried"
        console.print(facts([*_lines(Table.DOSSIERS, dossier), ("结果 Result", carried)]))
    if document["used_by"]:
        console.rule("引用此条目 Used by", align="left")
        for line in document["used_by"]:
            console.print(line)


def draw_problems(console: Console, found: Sequence[Problem]) -> None:
    """Place, code and both texts."""
    for each in found:
        console.print(f"{each.path}  {each.code}\n    {each.zh} / {each.en}")


def plain(value: JsonInput) -> Any:
    """JSON values that the standard encoder writes: a Decimal as its text."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, str | int) else str(value)


def _lines(each: Table, row: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (f"{column.zh} {column.name}", _shown(row[column.name]))
        for column in LAYOUTS[each].columns
        if row[column.name] not in (None, "", [])
    ]


def _shown(value: Any) -> str:
    match value:
        case bool():
            return "是 yes" if value else "否 no"
        case list():
            return "; ".join(" = ".join(map(str, item.values())) if isinstance(item, dict) else str(item) for item in value)
        case _:
            return str(value)
