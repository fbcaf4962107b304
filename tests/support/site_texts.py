"""The texts of the pages and their English: found by Babel in templates and code, compared with the catalogues, compiled.

`python tests/support/site_texts.py` compiles every `locale/en/*.po` to its `.mo`, and prints the Chinese texts that no catalogue
has and the entries that no page uses any more.  Each part of the site has a `.po` of its own; write the English there by hand.
"""

import io
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

ROOT = Path(__file__).parents[2]
WEB = ROOT / "gateway" / "web"
ENGLISH = WEB / "locale" / "en"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2.ext:babel_extract")]
KEYWORDS = {"_": None, "msg": None, "gettext": None, "ngettext": (1, 2)}
OPTIONS = {"templates/**.html": {"trimmed": "true"}}


def used() -> set[str]:
    """Every text that a page may show."""
    found = extract_from_dir(WEB, METHODS, OPTIONS, KEYWORDS)
    texts: set[str] = set()
    for _, _, message, *_ in found:
        texts |= {message} if isinstance(message, str) else set(message)
    return texts


def translated() -> Counter[str]:
    """Chinese texts that have English, and in how many catalogues."""
    found: Counter[str] = Counter()
    for file in sorted(ENGLISH.glob("*.po")):
        with file.open("rb") as opened:
            found.update(entry.id for entry in read_po(opened, "en") if entry.id and entry.string and not entry.fuzzy)
    return found


def compiled(file: Path) -> bytes:
    """What the `.mo` beside a `.po` must hold."""
    out = io.BytesIO()
    with file.open("rb") as opened:
        catalogue = read_po(opened, "en")
    catalogue.creation_date = catalogue.revision_date = LONG_AGO  # the same bytes whenever it is compiled
    write_mo(out, catalogue)
    return out.getvalue()


def main() -> None:
    for file in sorted(ENGLISH.glob("*.po")):
        file.with_suffix(".mo").write_bytes(compiled(file))
    there = translated()
    for text in sorted(used() - there.keys()):
        sys.stdout.write(f'without English:\nmsgid "{text}"\nmsgstr ""\n\n')
    for text in sorted(there.keys() - used()):
        sys.stdout.write(f"not used any more: {text}\n")


if __name__ == "__main__":
    main()
