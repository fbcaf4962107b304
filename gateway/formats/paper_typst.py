"""The only door to typst and fontTools: one document, made in a process of its own.

`python -m gateway.formats.paper_typst` reads a job (JSON) from its input and writes the document to its output.  A process for each,
because typst holds the interpreter's lock while it works, and so that what it takes of memory ends with it (`formats.paper` starts it).

typst draws a character that its font lacks as nothing, without a word.  So the characters are looked up in the font's own table first,
and a text that has others is refused with their numbers.  Values go in as one JSON text, never into the template.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import typst
from fontTools.ttLib import TTFont

EXIT_NO_FONT: Final = 3
EXIT_MISSING: Final = 4
MISSING_MAX: Final = 20
TEMPLATE: Final = Path(__file__).with_name("report.typ")
STANDARD: Final = "a-2a"
SIMPLIFIED: Final = "SC"
SUFFIXES: Final = frozenset({".otf", ".ttf", ".ttc", ".otc"})


@dataclass(frozen=True, slots=True)
class Face:
    """One font of a file."""

    file: Path
    index: int
    family: str

    def lacks(self, characters: frozenset[str]) -> list[str]:
        """Those of `characters` that it cannot draw, in order."""
        with TTFont(self.file, fontNumber=self.index, lazy=True) as font:
            known = font.getBestCmap() or {}
        return sorted(each for each in characters if ord(each) not in known)


def faces(place: Path) -> list[Face]:
    """The regular fonts of a file or folder, simplified Chinese ones first."""
    folder = place if place.is_dir() else place.parent
    found = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(folder)]).fonts()
    usable = [
        Face(Path(each.path), each.index, each.family)
        for each in found
        if each.path and each.weight == 400 and each.style == "normal" and (place.is_dir() or Path(each.path) == place)
    ]
    return sorted(usable, key=lambda each: (SIMPLIFIED not in each.family.split(), str(each.file), each.index))


def characters_of(value: Any) -> frozenset[str]:
    """Every character of the texts in a document, spaces apart."""
    match value:
        case str():
            return frozenset(each for each in value if not each.isspace())
        case dict():
            return frozenset().union(*map(characters_of, value.values()))
        case list():
            return frozenset().union(*map(characters_of, value))
        case _:
            return frozenset("0123456789/")


def choose(places: list[Path], characters: frozenset[str]) -> tuple[Face | None, list[str]]:
    """The first font that draws them all, else none and what the best of them lacks."""
    least: list[str] = []
    for place in places:
        for face in faces(place):
            lacking = face.lacks(characters)
            if not lacking:
                return face, []
            if not least or len(lacking) < len(least):
                least = lacking
    return None, least


def draw(document: dict[str, Any], face: Face, form: str = "pdf") -> list[bytes]:
    """The file or, as `png`, one picture a page.  The same document and font give the same bytes."""
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(face.file.parent)])
    data = json.dumps(document | {"font": face.family}, ensure_ascii=False)
    standards: Any = [STANDARD] if form == "pdf" else []
    made = typst.Compiler(input=TEMPLATE.read_bytes(), font_paths=fonts, sys_inputs={"data": data}).compile(
        format="pdf" if form == "pdf" else "png", pdf_standards=standards, ppi=110.0
    )
    return made if isinstance(made, list) else [made or b""]


def main() -> int:
    """A job is `{"fonts": [path], "document": {}}`.  Exit 3: no font at all; 4: the characters on the error output cannot be drawn."""
    job = json.load(sys.stdin.buffer)
    face, lacking = choose([Path(each) for each in job["fonts"]], characters_of(job["document"]))
    if face is None:
        sys.stderr.write(" ".join(f"U+{ord(each):04X}" for each in lacking[:MISSING_MAX]))
        return EXIT_MISSING if lacking else EXIT_NO_FONT
    sys.stdout.buffer.write(draw(job["document"], face)[0])
    return 0


if __name__ == "__main__":
    sys.exit(main())
