"""A workbook of one sheet, from typed cells: the same cells give the same bytes.

Five small parts, written as text.  A text is always stored as text (an inline string), never looked
at for what it might mean, and there is no way to write a formula.  Nothing touches the disk: a
library that builds sheets in temporary files would leave learners' records there.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

from gateway.errors import FormatError
from gateway.formats.xlsx_safe import CellKind, XlsxCell
from gateway.formats.zip_safe import repacked

_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_STYLE_TEXT, _STYLE_DATE = 1, 2  # in `_STYLES`: 49 is the built-in text format, 14 the built-in date

_CONTENT_TYPES: Final = (
    f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPE}.worksheet+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/></Types>'
)
_ROOT_LINKS: Final = (
    f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
)
_WORKBOOK_LINKS: Final = (
    f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>'
)
_STYLES: Final = (
    f'<styleSheet xmlns="{_MAIN}"><fonts count="1"><font/></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
    '<cellXfs count="3"><xf xfId="0"/><xf numFmtId="49" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="14" xfId="0" applyNumberFormat="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)
_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_ESCAPE_LIKE: Final = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")  # ECMA-376 22.9.2.19: such a text would be read as a character
_ILLEGAL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_NUMBER: Final = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,400})?|-?[0-9](?:\.[0-9]+)?E[+-][0-9]{1,3}")


def write_xlsx(rows: Sequence[Sequence[XlsxCell]], *, sheet: str = "Sheet1", epoch1904: bool = False) -> bytes:
    """Rows from A1 on.  `sheet` is a plain name.

    A number that is none, or a date a sheet cannot hold for certain (before March 1900), is written as text.
    Raises FormatError `format.character` for what XML 1.0 cannot hold.
    """
    flag = ' date1904="1"' if epoch1904 else ""
    workbook = (
        f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><workbookPr{flag}/>'
        f'<sheets><sheet name="{_escaped(sheet)}" sheetId="1" r:id="rId1"/></sheets></workbook>'
    )
    parts = {
        "[Content_Types].xml": _CONTENT_TYPES,
        "_rels/.rels": _ROOT_LINKS,
        "xl/workbook.xml": workbook,
        "xl/_rels/workbook.xml.rels": _WORKBOOK_LINKS,
        "xl/styles.xml": _STYLES,
        "xl/worksheets/sheet1.xml": _sheet(rows, epoch1904=epoch1904),
    }
    return repacked({name: (_DECLARATION + part).encode("utf-8") for name, part in parts.items()})


def text_cells(texts: Iterable[str]) -> tuple[XlsxCell, ...]:
    """A row of texts."""
    return tuple(XlsxCell(text, CellKind.TEXT if text else CellKind.EMPTY) for text in texts)


def _sheet(rows: Sequence[Sequence[XlsxCell]], *, epoch1904: bool) -> str:
    out = [f'<worksheet xmlns="{_MAIN}"><sheetData>']
    for number, row in enumerate(rows, start=1):
        out.append(f'<row r="{number}">')
        out.extend(_cell(cell, f"{_letters(column)}{number}", epoch1904=epoch1904) for column, cell in enumerate(row) if cell.text)
        out.append("</row>")
    out.append("</sheetData></worksheet>")
    return "".join(out)


def _cell(cell: XlsxCell, ref: str, *, epoch1904: bool) -> str:
    match cell.kind:
        case CellKind.NUMBER if _NUMBER.fullmatch(cell.text):
            return f'<c r="{ref}"><v>{cell.text}</v></c>'
        case CellKind.DATE if serial := _serial(cell.text, epoch1904=epoch1904):
            return f'<c r="{ref}" s="{_STYLE_DATE}"><v>{serial}</v></c>'
        case _:
            text = _escaped(cell.text)
            return f'<c r="{ref}" s="{_STYLE_TEXT}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def _serial(iso: str, *, epoch1904: bool) -> int:
    """Days since the system's day 0, or 0; before March 1900 the two readings of the 1900 system differ."""
    try:
        day = date.fromisoformat(iso)
    except ValueError:
        return 0
    serial = (day - (date(1904, 1, 1) if epoch1904 else date(1899, 12, 30))).days
    return serial if serial >= (1 if epoch1904 else 61) else 0


def _letters(column: int) -> str:
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _escaped(text: str) -> str:
    found = _ILLEGAL.search(text)
    if found:
        point = f"U+{ord(found[0]):04X}"
        raise FormatError("format.character", f"XML 1.0 不能容纳字符 {point}", f"XML 1.0 cannot hold {point}", character=point)
    return _ESCAPE_LIKE.sub("_x005F_", text).translate(_ESCAPES)
