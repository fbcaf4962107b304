"""Where in a rule file something stands: the line of each table and of each key in it.

The TOML reader gives values without their lines, and a rule author needs the line.  Headers and keys are looked for line by line;
what stands inside a multi-line text is passed over.  A place that is not found falls back to the table around it.
"""

import re
from typing import Final, TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""`("rule", 2, "need", 0, "band_min")`; positions from 0."""

_HEADER: Final = re.compile(r"^\s*(\[\[?)\s*([A-Za-z0-9_.\-]+)\s*\]\]?")
_KEY: Final = re.compile(r"^\s*(\"[^\"]*\"|[A-Za-z0-9_\-]+)\s*=")


class Places:
    """The lines of one file."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        counts: dict[Path, int] = {}
        here: Path = ()
        inside = ""
        for number, line in enumerate(text.splitlines(), 1):
            if inside:
                inside = "" if inside in line else inside
                continue
            header = _HEADER.match(line)
            if header is not None:
                here = self._table(header[2].split("."), header[1] == "[[", counts)
                self._lines.setdefault(here, number)
            elif (key := _KEY.match(line)) is not None:
                self._lines.setdefault((*here, key[1].strip('"')), number)
            for mark in ('"""', "'''"):
                if line.count(mark) % 2:
                    inside = mark

    @staticmethod
    def _table(names: list[str], array: bool, counts: dict[Path, int]) -> Path:
        """The path of a header; each step through an array of tables means its last element."""
        path: Path = ()
        for place, name in enumerate(names, 1):
            path = (*path, name)
            if array and place == len(names):
                counts[path] = counts.get(path, 0) + 1
            if path in counts:
                path = (*path, counts[path] - 1)
        return path

    def line(self, path: Path) -> int:
        """The line of `path`, or of the nearest table around it; 1 where nothing is known."""
        while path:
            if path in self._lines:
                return self._lines[path]
            path = path[:-1]
        return 1


def shown(path: Path) -> str:
    """`rule 3.need 1.band_min`; positions from 1, as people count."""
    words: list[str] = []
    for step in path:
        if isinstance(step, int):
            words[-1] += f" {step + 1}"
        else:
            words.append(step)
    return ".".join(words)
