"""`/reports`: counts of a month, quarter or year by bank, kind, city, county and institution, with small cells hidden.

The preview names the head of the transfer log it was computed at.  Its links carry the signed manifest, so every file of it is made
again as of that very head, byte for byte, whatever has been logged since; where that cannot be done, the page says that it is stale.
The PDF is an extra; where it cannot be made the page says why, and CSV, XLSX and manifest, which others compute with, do not need it.
"""

from collections.abc import Iterator
from datetime import date
from itertools import combinations
from typing import Final

from gateway.errors import FormatError, TransferError, TrustError
from gateway.model.people import Denial
from gateway.transfers.report_manifest import Manifest, write_manifest
from gateway.transfers.reports import ACCEPTING, DIMENSIONS, HIDDEN, KIND, MONTH, PLACES, SOURCE, Query, Report
from gateway.web.pages.sheet import Cell, Column, Sheet
from gateway.web.pages.visit import DeniedError, Download, Shown, Visit

MONTHS: Final = 12
FIRST_BY: Final = "source,accepting"
OTHERS: Final = tuple(name for name in DIMENSIONS if name not in PLACES)
CHOICES: Final = (
    *(",".join(each) for width in (1, 2, 3, 4) for each in combinations(OTHERS, width)),
    *(",".join((*each, place)) for place in PLACES for width in (0, 1) for each in combinations(OTHERS, width)),
)
"""What the form offers; the address takes any of up to four dimensions."""
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SIGNED: Final = ("size", "root", "digest", "sig")


async def show_reports(visit: Visit) -> Shown:
    """`?period=` and `?by=` ask anew; with `size`, `root`, `digest`, `sig` of a manifest the report of that moment is made again."""
    query, asked = _query(visit), visit.request.query
    again = any(name in asked for name in SIGNED)
    try:
        if again:
            manifest, signature = _named(visit, query), asked.get("sig", "")
            made = await _again(visit, manifest, signature)
        else:
            made, manifest, signature = await visit.site.parts.centre.report(query)
    except TransferError as no:
        return Shown("reports.html", {**_choices(visit, query), "problem": no}, status=422)
    problem, status = None, 200
    if again and (kind := asked.get("file", "")):
        try:
            return Shown("reports.html", download=await _file(visit, kind, made, manifest, signature))
        except FormatError as no:
            problem, status = no, 503
    links = {"size": manifest.size, "root": manifest.root, "digest": manifest.digest, "sig": signature}
    context = {
        **_choices(visit, query), "manifest": manifest, "links": links, "again": again and problem is None, "cli": not query.of_items,
        "problem": problem,
    }  # fmt: skip
    return Shown("reports.html", context, sheets=(_sheet(visit, made),), status=status)


def _choices(visit: Visit, query: Query) -> dict[str, object]:
    """What the form offers, and what was asked."""
    choices = dict.fromkeys((*CHOICES, ",".join(query.by)))
    return {
        "query": query, "chosen": ",".join(query.by), "periods": list(_periods(visit.site.parts.today(), query.period)),
        "choices": [(each, _by_words(visit, each)) for each in choices], "manifest": None,
    }  # fmt: skip


def _query(visit: Visit) -> Query:
    asked = visit.request.query
    try:
        return Query(asked.get("period", f"{visit.site.parts.today():%Y-%m}"), tuple(asked.get("by", FIRST_BY).split(",")))
    except ValueError:
        raise DeniedError(Denial.BAD_REQUEST) from None


def _named(visit: Visit, query: Query) -> Manifest:
    """The manifest whose members stand in the URL."""
    asked = visit.request.query
    size, root = asked.get("size", ""), asked.get("root", "")
    if not (size.isascii() and size.isdigit() and len(size) < 16 and len(root) == 64 and set(root) <= set("0123456789abcdef")):
        raise DeniedError(Denial.BAD_REQUEST)
    return Manifest(query, int(size), root, asked.get("digest", ""))


async def _again(visit: Visit, manifest: Manifest, signature: str) -> Report:
    """Only what the gateway itself signed is made again: nobody chooses heads of the log to compare counts between them."""
    try:
        made = await visit.site.parts.centre.reproduce(manifest, signature)
    except TrustError:
        raise DeniedError(Denial.BAD_REQUEST) from None
    if made is None:
        raise DeniedError(Denial.STALE)
    return made


async def _file(visit: Visit, kind: str, made: Report, manifest: Manifest, signature: str) -> Download:
    """Raises FormatError for a PDF that cannot be made here."""
    name = f"report-{made.query.period}-{'-'.join(made.query.by)}"
    match kind:
        case "csv":
            return Download(f"{name}.csv", "text/csv", made.csv())
        case "xlsx":
            return Download(f"{name}.xlsx", XLSX, made.xlsx())
        case "pdf":
            return Download(f"{name}.pdf", "application/pdf", await visit.site.parts.papers.pdf(made))
        case "manifest":
            return Download(f"{name}.manifest.json", "application/json", write_manifest(manifest, signature))
        case _:
            raise DeniedError(Denial.NOT_FOUND)


def _periods(today: date, chosen: str) -> Iterator[str]:
    """The one chosen first, if it is another than those of the last year."""
    months = [_month(today, back) for back in range(MONTHS)]
    quarters = list(dict.fromkeys(f"{each.year}-Q{(each.month + 2) // 3}" for each in months))
    offered = [f"{each:%Y-%m}" for each in months] + quarters + [str(today.year), str(today.year - 1)]
    if chosen not in offered:
        yield chosen
    yield from offered


def _month(today: date, back: int) -> date:
    months = today.year * 12 + today.month - 1 - back
    return date(months // 12, months % 12 + 1, 1)


def _by_words(visit: Visit, by: str) -> str:
    return " × ".join(visit.word(f"by.{name}") for name in by.split(","))


def _sheet(visit: Visit, made: Report) -> Sheet:
    """The rows with people's words for what stands for all and for what is hidden; the files have the codes."""
    _, width = visit._, len(made.query.by)
    head, *body = made.rows
    columns = [Column(visit.word(f"by.{name}")) for name in head[:width]] + [
        Column(visit.word(f"report.{name}"), True) for name in head[width:]
    ]
    rows: list[list[Cell]] = []
    for row in body:
        places: list[Cell] = [_place(visit, name, value) for name, value in zip(head[:width], row[:width], strict=True)]
        rows.append([*places, *(_("已隐去") if value == HIDDEN else value for value in row[width:])])
    return Sheet("report", _("报表 %(period)s") % {"period": made.query.period}, columns, rows)


def _place(visit: Visit, dimension: str, value: str) -> str:
    """A value in people's words: the name with the code, as the PDF has it."""
    if dimension == KIND and value not in {HIDDEN, ""}:
        return f"{visit.word(value)} {value}"
    if dimension in {MONTH, SOURCE, ACCEPTING} and value not in {HIDDEN, ""}:
        return value
    told = visit.site.parts.papers.names.told(dimension, value)
    return told.en if visit.english and told.en else told.zh
