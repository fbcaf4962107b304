"""The demonstration catalogue as a test may spoil it."""

import json
from functools import cache
from typing import Any

from support.tree import ROOT

from gateway.errors import CatalogueError
from gateway.model.codes import CodeTables, load_code_tables
from gateway.recognition.catalogue import Catalogue
from gateway.recognition.catalogue_files import FileForm, read_catalogue, write_catalogue
from gateway.recognition.catalogue_load import load_shipped

STANDARDS = ROOT / "standards"
Document = dict[str, Any]


@cache
def codes() -> CodeTables:
    return load_code_tables(STANDARDS)


@cache
def demonstration() -> Catalogue:
    return load_shipped(STANDARDS, codes())


def document() -> Document:
    """The JSON form, as plain values."""
    (content,) = write_catalogue(demonstration(), FileForm.JSON).values()
    return json.loads(content)


def row(whole: Document, table: str, entry_id: str) -> dict[str, Any]:
    """The last row of that id."""
    return next(each for each in reversed(whole["tables"][table]) if each["id"] == entry_id)


def number(whole: Document, table: str, entry_id: str) -> int:
    """The row's number as a problem names it."""
    return next(place for place, each in reversed(list(enumerate(whole["tables"][table], 1))) if each["id"] == entry_id)


def read(whole: Document) -> Catalogue:
    return read_catalogue({"catalogue.json": json.dumps(whole, ensure_ascii=False).encode()}, codes())


def problems(whole: Document) -> set[tuple[str, str]]:
    """Place and code of everything that is wrong; empty if it can be read."""
    return faults({"catalogue.json": json.dumps(whole, ensure_ascii=False).encode()})


def faults(files: dict[str, bytes], base: Catalogue | None = None) -> set[tuple[str, str]]:
    """As `problems`, for files."""
    try:
        read_catalogue(files, codes(), base=base)
    except CatalogueError as error:
        return {(each.path, each.code) for each in error.problems} or {("", error.code)}
    return set()
