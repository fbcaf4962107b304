"""What a workbook's XML says of itself, read as a stream before any library opens it.

Counts rather than trusts: the library that reads the cells reserves a rectangle as large as the
two outermost cells span, and copies a shared string for each cell that names it, so a file of 5 KB
can ask for gigabytes.  Here every cell's place, every shared string's length and the sum over all
cells are bounded first.  DTDs are refused (ECMA-376 part 2 forbids them), encodings other than UTF-8 too.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from gateway.errors import FormatError

DEPTH_MAX: Final = 32
_REF: Final = re.compile(r"\$?([A-Z]{1,3})\$?([1-9][0-9]{0,6})", re.ASCII)
_INDEX: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_TRUE: Final = frozenset({"1", "true"})


@dataclass(frozen=True, slots=True)
class SheetLimits:
    """Rows and columns a cell may stand in, cells, merged ranges, characters of one text and of all texts of a sheet."""

    rows_max: int = 50_000
    columns_max: int = 64
    cells_max: int = 1_000_000
    merges_max: int = 20_000
    text_chars_max: int = 2_000
    total_chars_max: int = 32 * 1024 * 1024


Place = tuple[int, int]
"""Row and column, 0-based."""


@dataclass(slots=True)
class SheetFacts:
    """`filled` cells hold something; `formulas` and `faults` (`#N/A` and the like) are places; `merges` are corner pairs."""

    filled: int = 0
    formulas: set[Place] = field(default_factory=set)
    faults: set[Place] = field(default_factory=set)
    merges: list[tuple[Place, Place]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class WorkbookFacts:
    """`sheets` are the relationship ids in the workbook's order."""

    sheets: tuple[str, ...]
    epoch1904: bool


Start = Callable[[str, Mapping[str, str]], None]
End = Callable[[str, str], None]


def scan(part: bytes, start: Start, end: End, text_chars_max: int = 0) -> None:
    """Walk one part; names come without prefix.  `end` is given the element's own text, where `text_chars_max` allows any.

    Raises FormatError: `format.doctype`, `format.encoding`, `format.malformed`, `format.too_deep`, `format.cell_too_long`.
    """
    _Walk(part, start, end, text_chars_max)


class _Walk:
    def __init__(self, part: bytes, start: Start, end: End, text_chars_max: int) -> None:
        if part.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in part:
            raise FormatError("format.encoding", "表格内的 XML 须为 UTF-8", "the XML inside must be UTF-8")
        self._start, self._end, self._most = start, end, text_chars_max
        self._depth = 0
        self._text: list[str] = []
        self._chars = 0
        parser = expat.ParserCreate(encoding="UTF-8", namespace_separator=" ")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._doctype
        parser.XmlDeclHandler = self._declaration
        parser.StartElementHandler = self._open
        parser.EndElementHandler = self._close
        if text_chars_max:
            parser.CharacterDataHandler = self._data
        try:
            parser.Parse(part, True)
        except expat.ExpatError:
            raise malformed() from None

    def _doctype(self, *_: object) -> None:
        raise FormatError("format.doctype", "不接受 DOCTYPE 或实体声明", "a document type or entity declaration is not accepted")

    def _declaration(self, version: str, encoding: str | None, _standalone: int) -> None:
        if version != "1.0" or (encoding or "utf-8").lower() not in ("utf-8", "utf8", "us-ascii"):
            raise FormatError("format.encoding", "表格内的 XML 须为 UTF-8", "the XML inside must be UTF-8")

    def _open(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise FormatError("format.too_deep", "元素嵌套过深", "elements are nested too deeply", most=DEPTH_MAX)
        self._text, self._chars = [], 0
        self._start(_local(name), _plain(attributes) if attributes else attributes)

    def _close(self, name: str) -> None:
        self._depth -= 1
        self._end(_local(name), "".join(self._text))
        self._text, self._chars = [], 0

    def _data(self, text: str) -> None:
        self._chars += len(text)
        if self._chars > self._most:
            raise FormatError("format.cell_too_long", "单元格过长", "a cell is too long", most=self._most)
        self._text.append(text)


def _local(name: str) -> str:
    return name.rpartition(" ")[2]


def _plain(attributes: dict[str, str]) -> dict[str, str]:
    """Attributes without a namespace, and the relationship id: a foreign `x:r` must not hide the `r` a reader takes."""
    plain = {key: value for key, value in attributes.items() if " " not in key}
    plain.update((_local(key), value) for key, value in attributes.items() if key.endswith("/relationships id"))
    return plain


def _nothing(_name: str, _text: str) -> None:
    return None


def workbook_facts(part: bytes) -> WorkbookFacts:
    """The date system and the sheets' relationship ids.  Raises as `scan`."""
    sheets: list[str] = []
    flags: list[bool] = []

    def start(name: str, attributes: Mapping[str, str]) -> None:
        if name == "sheet":
            sheets.append(attributes.get("id", ""))
        elif name == "workbookPr":
            flags.append(attributes.get("date1904", "0").strip() in _TRUE)

    scan(part, start, _nothing)
    return WorkbookFacts(tuple(sheets), any(flags))


def relationships(part: bytes) -> dict[str, str]:
    """Relationship id to part name, below `xl/`.  Raises as `scan`, and `format.external_link`."""
    targets: dict[str, str] = {}

    def start(name: str, attributes: Mapping[str, str]) -> None:
        if name != "Relationship":
            return
        if attributes.get("TargetMode", "Internal") != "Internal":
            raise FormatError("format.external_link", "工作簿引用外部文件", "the workbook refers to an outside file")
        target = attributes.get("Target", "")
        targets[attributes.get("Id", "")] = target[1:] if target.startswith("/") else f"xl/{target}"

    scan(part, start, _nothing)
    return targets


def shared_lengths(part: bytes, limits: SheetLimits) -> list[int]:
    """Characters of each shared string.  Raises as `scan`, and `format.too_many_cells`."""
    lengths: list[int] = []
    current = 0

    def start(name: str, _attributes: Mapping[str, str]) -> None:
        nonlocal current
        if name == "si":
            current = 0

    def end(name: str, text: str) -> None:
        nonlocal current
        if name == "t":
            current += len(text)
            if current > limits.text_chars_max:
                raise FormatError("format.cell_too_long", "单元格过长", "a cell is too long", most=limits.text_chars_max)
        elif name == "si":
            lengths.append(current)
            if len(lengths) > limits.cells_max:
                raise _too_many_cells(limits)

    scan(part, start, end, limits.text_chars_max)
    return lengths


def sheet_facts(part: bytes, shared: list[int], limits: SheetLimits) -> SheetFacts:
    """Walk a sheet.  Raises as `scan`, and `format.too_many_rows`, `format.too_many_cells`, `format.cell_place`."""
    walk = _SheetWalk(shared, limits)
    scan(part, walk.start, walk.end, limits.text_chars_max)
    if (walk.last_row + 1) * (walk.last_column + 1) > limits.cells_max:
        raise _too_many_cells(limits)
    return walk.facts


class _SheetWalk:
    """One pass over a sheet; the place of a cell without a reference is the one after the last, as readers take it."""

    def __init__(self, shared: list[int], limits: SheetLimits) -> None:
        self.facts = SheetFacts()
        self._shared = shared
        self._limits = limits
        self.last_row = self.last_column = -1
        self._row = self._column = -1
        self._cells = self._chars = self._merged = 0
        self._kind = ""

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        match name:
            case "c":
                self._cell(attributes)
            case "row":
                self._next_row(attributes)
            case "f":
                self.facts.formulas.add((self._row, self._column))
            case "dimension" | "mergeCell":
                corners = self._range(attributes.get("ref", ""))
                if name == "mergeCell":
                    self._merge(*corners)
            case _:
                pass

    def end(self, name: str, text: str) -> None:
        if name not in ("v", "t"):
            return
        if name == "v" and self._kind == "s":
            if not _INDEX.fullmatch(text.strip()) or int(text) >= len(self._shared):
                raise FormatError("format.cell_place", "单元格引用了不存在的文本", "a cell names a text that is not there")
            size = self._shared[int(text)]
        else:
            size = len(text)
        self.facts.filled += size > 0
        self._chars += size
        if self._chars > self._limits.total_chars_max:
            raise FormatError("format.too_large", "文本总量过大", "there is too much text", most=self._limits.total_chars_max)

    def _next_row(self, attributes: Mapping[str, str]) -> None:
        written = attributes.get("r")
        if written is None:
            self._row += 1
        elif not _INDEX.fullmatch(written) or int(written) <= self._row + 1:
            raise FormatError("format.cell_place", "行号有误", "a row number is out of place")
        else:
            self._row = int(written) - 1
        self._column = -1
        self._bound(self._row, 0)

    def _cell(self, attributes: Mapping[str, str]) -> None:
        self._cells += 1
        if self._cells > self._limits.cells_max:
            raise _too_many_cells(self._limits)
        written = attributes.get("r")
        row, column = (self._row, self._column + 1) if written is None else self._place(written)
        if row != self._row or column <= self._column:
            raise FormatError("format.cell_place", "单元格位置有误", "a cell is out of place")
        self._bound(row, column)
        self._column = column
        self.last_row, self.last_column = row, max(self.last_column, column)
        self._kind = attributes.get("t", "n")
        if self._kind == "e":
            self.facts.faults.add((row, column))

    def _merge(self, first: Place, last: Place) -> None:
        """Ranges may overlap, so their area is bounded in sum: a caller walks it."""
        self.facts.merges.append((first, last))
        self._merged += (last[0] - first[0] + 1) * (last[1] - first[1] + 1)
        if self._merged > self._limits.cells_max or len(self.facts.merges) > self._limits.merges_max:
            raise _too_many_cells(self._limits)

    def _range(self, ref: str) -> tuple[Place, Place]:
        first, _, last = ref.partition(":")
        corners = self._place(first), self._place(last or first)
        if corners[0][0] > corners[1][0] or corners[0][1] > corners[1][1]:
            raise FormatError("format.cell_place", "单元格区域有误", "a range of cells is out of place")
        return corners

    def _place(self, ref: str) -> Place:
        found = _REF.fullmatch(ref)
        if found is None:
            raise FormatError("format.cell_place", "单元格位置有误", "a cell is out of place")
        column = 0
        for letter in found[1]:
            column = column * 26 + ord(letter) - 64
        place = int(found[2]) - 1, column - 1
        self._bound(*place)
        return place

    def _bound(self, row: int, column: int) -> None:
        if row >= self._limits.rows_max:
            raise FormatError("format.too_many_rows", "行数过多", "there are too many rows", most=self._limits.rows_max)
        if column >= self._limits.columns_max:
            raise FormatError("format.too_many_cells", "一行的单元格过多", "a row has too many cells", most=self._limits.columns_max)


def _too_many_cells(limits: SheetLimits) -> FormatError:
    return FormatError("format.too_many_cells", "单元格过多", "there are too many cells", most=limits.cells_max)


def malformed() -> FormatError:
    """The XML inside the archive is not well formed."""
    return FormatError("format.malformed", "表格内的 XML 格式不正确", "the XML inside is not well formed")
