"""PDF: characters that the font lacks are refused, values are drawn as text whatever they say, and the bytes are the same twice."""

from pathlib import Path
from typing import Any

import pytest
from fontTools import subset
from pylopdf_fonts_zh_cn import sans_path

from gateway.errors import FormatError
from gateway.formats import paper
from gateway.formats.paper import fonts, write_pdf
from gateway.formats.paper_typst import TEMPLATE, characters_of, choose, draw, faces

HOSTILE = '"); #panic("x") $x$ *粗* _斜_ `#read("/etc/passwd")` \\ <a> @b // /* = #{ 1 + 1 } ]['
"""As an institution might call itself."""


def document(name: str, rows: int = 1) -> dict[str, Any]:
    def both(zh: str, en: str = "") -> dict[str, str]:
        return {"zh": zh, "en": en}

    return {
        "title": both("报表", "Report"), "date": [2026, 11, 30], "about": [{"name": both("时段", "Period"), "value": "2026-11"}],
        "columns": [{"name": both("出具机构", "Institution"), "number": False}, {"name": both("项数", "Items"), "number": True}],
        "rows": [{"cells": [both(name), both("12")], "sum": False}] * rows, "notes": [both(name, name)],
        "proof": [{"name": both("大小", "Size"), "value": name}], "foot": name,
    }  # fmt: skip


def font_of(folder: Path, letters: str) -> Path:
    """A folder with a font that has these letters only."""
    options = subset.Options(layout_features=[], name_IDs=["*"])
    with subset.load_font(sans_path(), options) as font:
        made = subset.Subsetter(options)
        made.populate(text=letters)
        made.subset(font)
        font.save(folder / "sparse.otf")
    return folder


async def test_pdf_when_a_name_is_written_as_markup_then_it_is_drawn_as_text_and_the_bytes_are_the_same_twice() -> None:
    hostile = document(HOSTILE)
    made = await write_pdf(hostile)
    assert made.startswith(b"%PDF-")
    face, lacking = choose(fonts(None), characters_of(hostile))
    assert (face is None, lacking) == (False, [])
    assert face is not None
    assert draw(hostile, face) == [made]
    assert b"D:20261130" in made, "its date is the period's, not the day it was made"
    # What stands in the template is its own: no value of a document is part of it.
    assert HOSTILE not in TEMPLATE.read_text("utf-8")
    assert len(draw(document("甲", rows=120), face, "png")) > 1


async def test_pdf_when_the_font_lacks_characters_then_refused_with_their_numbers_and_another_font_is_tried_first(tmp_path: Path) -> None:
    sparse = font_of(tmp_path, "".join(characters_of(document("甲"))))
    with pytest.raises(FormatError) as refused:
        await write_pdf(document("甲乙\U0002b38e"), sparse)
    assert (refused.value.code, refused.value.facts["characters"]) == ("format.pdf_characters", "U+4E59 U+2B38E")
    assert choose([sparse, sans_path()], characters_of(document("甲"))) == (faces(sparse)[0], [])
    assert choose([sparse, sans_path()], characters_of(document("甲乙"))) == (faces(sans_path())[0], [])


async def test_pdf_when_there_is_no_font_or_no_extra_then_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "not there"):
        with pytest.raises(FormatError, match=r"format\.pdf_no_font.*fonts_folder"):
            await write_pdf(document("甲"), folder)
    monkeypatch.setattr(paper, "DRAWER", "gateway.formats.no_such_drawer")
    with pytest.raises(FormatError, match=r"format\.pdf_failed"):
        await write_pdf(document("甲"))
    monkeypatch.setattr(paper, "NEEDS", ("typst_that_is_not_there",))
    with pytest.raises(FormatError, match=r"format\.pdf_not_installed.*\[pdf\]"):
        await write_pdf(document("甲"))


def test_characters_when_a_document_is_read_then_those_of_all_its_texts_and_of_its_numbers() -> None:
    assert characters_of({"a": ["b c", {"d": "\n甲"}], "n": 7, "no": None}) == frozenset("bc甲0123456789/")
