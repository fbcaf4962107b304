"""Code tables: a code means something only together with its code set and that set's version.

One CSV file a set (`standards/codes/<version>/<id>.csv`), columns `code,zh,en` and then the set's own.
`read_code_set` is pure; `load_code_tables` reads the folder once at start and believes only files
whose SHA-256 stands in `standards/MANIFEST.toml`.  Withdrawn codes stay in a table, with the year of the
last list that had them, because old identifiers and records keep using them.
"""

import csv
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from io import StringIO
from pathlib import Path

from gateway.errors import Problem, StandardError
from gateway.model.regional import STANDARD_VERSION

FILE_BYTES_MAX = 4 * 1024 * 1024
MANIFEST_NAME = "MANIFEST.toml"
HEADER = ("code", "zh", "en")
VALUE_CHARS_SHOWN_MAX = 12


@dataclass(frozen=True, slots=True)
class CodeEntry:
    """One row.  `en` may be "" (names of counties); `columns` holds the further columns by name ("" where empty)."""

    code: str
    zh: str
    en: str
    columns: Mapping[str, str]

    @property
    def withdrawn(self) -> bool:
        """No longer issued; still valid inside what was issued before."""
        return bool(self.columns.get("valid_until"))

    @property
    def replaced_by(self) -> str:
        """The code that took over, "" where there is none or it is not known."""
        return self.columns.get("replaced_by", "")

    def aliases(self) -> tuple[str, ...]:
        """Other spellings that mean this row and no other."""
        return tuple(self.columns.get("aliases", "").split())


@dataclass(frozen=True, slots=True)
class CodeSet:
    """A set with its version, in file order."""

    id: str
    version: str
    entries: tuple[CodeEntry, ...]
    _by_code: Mapping[str, CodeEntry] = field(init=False, repr=False, compare=False)
    _by_alias: Mapping[str, CodeEntry] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_code", {entry.code: entry for entry in self.entries})
        object.__setattr__(self, "_by_alias", {alias: entry for entry in self.entries for alias in entry.aliases()})

    def __iter__(self) -> Iterator[CodeEntry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __contains__(self, code: object) -> bool:
        return code in self._by_code

    def get(self, code: str) -> CodeEntry | None:
        """The row of `code`, or None."""
        return self._by_code.get(code)

    def require(self, code: str) -> CodeEntry:
        """The row of `code`.  Raises StandardError (standard.unknown_code)."""
        entry = self._by_code.get(code)
        if entry is None:
            # A long value in a code's place may be anything, a person's number too: it is not repeated.
            shown = code if len(code) <= VALUE_CHARS_SHOWN_MAX and code.isascii() else "?"
            raise StandardError(
                "standard.unknown_code",
                f"代码不在代码表 {self.id}({self.version})中",
                f"code not in table {self.id} ({self.version})",
                code_set=self.id,
                version=self.version,
                value=shown,
            )
        return entry

    def find(self, text: str) -> CodeEntry | None:
        """The row that has `text` among its aliases, or None.  Only whole aliases count: nothing is guessed."""
        return self._by_alias.get(text)

    def where(self, column: str, value: str) -> tuple[CodeEntry, ...]:
        """Rows with `value` in a further column (a crosswalk read backwards)."""
        return tuple(entry for entry in self.entries if entry.columns.get(column) == value)


@dataclass(frozen=True, slots=True)
class CodeTables:
    """All sets of one version of the standard."""

    version: str
    sets: Mapping[str, CodeSet]

    def __getitem__(self, set_id: str) -> CodeSet:
        """The set.  Raises StandardError (standard.unknown_code_set)."""
        found = self.sets.get(set_id)
        if found is None:
            raise StandardError(
                "standard.unknown_code_set", f"没有代码表 {set_id}", f"no code table {set_id}", code_set=set_id, version=self.version
            )
        return found

    def __contains__(self, set_id: object) -> bool:
        return set_id in self.sets

    def lookup(self, set_id: str, code: str) -> CodeEntry | None:
        """The row, or None where there is no such set or no such code."""
        found = self.sets.get(set_id)
        return None if found is None else found.get(code)

    def require(self, set_id: str, code: str) -> CodeEntry:
        """The row.  Raises StandardError (standard.unknown_code_set, standard.unknown_code)."""
        return self[set_id].require(code)


def read_code_set(set_id: str, version: str, csv_text: str) -> CodeSet:
    """Read one table.  Raises StandardError (standard.bad_table) with every bad line in `problems`."""
    lines = csv.reader(StringIO(csv_text), strict=True)
    entries: list[CodeEntry] = []
    problems: list[Problem] = []
    codes: set[str] = set()
    aliases: set[str] = set()
    try:
        header = next(lines, [])
        if tuple(header[:3]) != HEADER or len(set(header)) != len(header):
            raise _bad_table(set_id, (Problem("row 1", "standard.bad_table", "表头须以 code,zh,en 开头且不重复", "bad header"),))
        for number, cells in enumerate(lines, 2):
            if len(cells) != len(header) or not (cells[0] and cells[1]):
                problems.append(
                    Problem(f"row {number}", "standard.bad_table", "列数不对或缺代码、中文名", "wrong columns, or no code or zh")
                )
                continue
            entry = CodeEntry(cells[0], cells[1], cells[2], dict(zip(header[3:], cells[3:], strict=True)))
            if entry.code in codes:
                problems.append(Problem(f"row {number}", "standard.bad_table", "代码重复", "repeated code"))
            if not aliases.isdisjoint(entry.aliases()):
                problems.append(Problem(f"row {number}", "standard.bad_table", "别名重复", "repeated alias"))
            codes.add(entry.code)
            aliases.update(entry.aliases())
            entries.append(entry)
    except csv.Error:
        problems.append(Problem(f"row {lines.line_num}", "standard.bad_table", "不是合格的 CSV", "not well-formed CSV"))
    if problems:
        raise _bad_table(set_id, tuple(problems))
    return CodeSet(set_id, version, tuple(entries))


def _bad_table(set_id: str, problems: tuple[Problem, ...]) -> StandardError:
    return StandardError(
        "standard.bad_table", f"代码表 {set_id} 有误", f"code table {set_id} is malformed", problems=problems, code_set=set_id
    )


def read_manifest(standards: Path) -> Mapping[str, str]:
    """SHA-256 (hex) by path relative to `standards`.  Raises StandardError (standard.bad_manifest)."""
    try:
        rows = tomllib.loads((standards / MANIFEST_NAME).read_text(encoding="utf-8"))["file"]
        listed = {str(row["path"]): str(row["sha256"]) for row in rows}
        if not listed:
            raise ValueError("empty manifest")
        return listed
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StandardError("standard.bad_manifest", "标准文件清单无法读取", "the manifest of the standard cannot be read") from error


def read_verified(standards: Path, folder: str, suffix: str) -> Mapping[str, bytes]:
    """The files of one folder by file name, each the one the manifest names.

    Raises StandardError (standard.bad_manifest; standard.checksum with every file that is changed, missing or not listed).
    """
    prefix = folder + "/"
    listed = {path: digest for path, digest in read_manifest(standards).items() if path.startswith(prefix) and path.endswith(suffix)}
    found = {prefix + path.name: path for path in sorted((standards / folder).glob(f"*{suffix}"))}
    contents: dict[str, bytes] = {}
    problems: list[Problem] = []
    for path in sorted({*listed, *found}):
        raw = _bounded(found[path]) if path in found else None
        if raw is None:
            problems.append(
                Problem(path, "standard.checksum", "清单所列文件不存在、不可读或过大", "a listed file is missing, unreadable or too big")
            )
        elif path not in listed:
            problems.append(Problem(path, "standard.checksum", "文件不在清单中", "the file is not in the manifest"))
        elif sha256(raw).hexdigest() != listed[path]:
            problems.append(Problem(path, "standard.checksum", "校验和与清单不符", "the checksum differs from the manifest"))
        else:
            contents[found[path].name] = raw
    if problems or not contents:
        raise StandardError(
            "standard.checksum", "标准文件与清单不符", "files of the standard differ from the manifest", problems=tuple(problems)
        )
    return contents


def _bounded(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_BYTES_MAX + 1)
    except OSError:
        return None
    return raw if len(raw) <= FILE_BYTES_MAX else None


def load_code_tables(standards: Path, version: str = STANDARD_VERSION) -> CodeTables:
    """Read every table of `standards/codes/<version>`; `standards` is the folder that holds MANIFEST.toml.

    Raises StandardError: standard.bad_manifest, .checksum, .bad_table.
    """
    files = read_verified(standards, f"codes/{version}", ".csv")
    sets = {}
    for name, raw in files.items():
        set_id = name.removesuffix(".csv")
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise _bad_table(set_id, (Problem(name, "standard.bad_table", "不是 UTF-8", "not UTF-8"),)) from None
        sets[set_id] = read_code_set(set_id, version, text)
    return CodeTables(version, sets)
