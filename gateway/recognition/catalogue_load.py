"""What is loaded with a catalogue: the one that is shipped, and the index for searching.

Nothing here runs at start.  Whoever first asks for the index pays for the dictionaries of `catalogue_pinyin`.
"""

from importlib import import_module
from pathlib import Path
from typing import Final

from gateway.model.codes import CodeTables, read_verified
from gateway.recognition.catalogue import Catalogue
from gateway.recognition.catalogue_files import FileForm, read_catalogue
from gateway.recognition.catalogue_search import SearchIndex

DEMONSTRATION: Final = "demo-1.0"
FILES_MAX: Final = 32
_PINYIN: Final = "gateway.recognition.catalogue_pinyin"


def load_shipped(standards: Path, codes: CodeTables, version: str = DEMONSTRATION) -> Catalogue:
    """A catalogue of `standards/catalogue/<version>`, every file the one the manifest names.

    Raises StandardError (standard.bad_manifest, standard.checksum), CatalogueError (`catalogue.invalid`).
    """
    return read_catalogue(read_verified(standards, f"catalogue/{version}", ".csv"), codes)


def load_folder(folder: Path, codes: CodeTables) -> Catalogue:
    """A catalogue kept as a folder with one file (csv, xlsx or json) a table.  Raises CatalogueError, OSError."""
    wanted = {f".{form.value}" for form in FileForm}
    files = sorted(each for each in folder.iterdir() if each.suffix.lower() in wanted and not each.name.startswith("."))
    return read_catalogue({each.name: each.read_bytes() for each in files[:FILES_MAX]}, codes)


def search_index(catalogue: Catalogue) -> SearchIndex:
    """The index of a catalogue, pinyin and all."""
    return SearchIndex(catalogue, import_module(_PINYIN).readings)
