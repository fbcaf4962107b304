"""Any catalogue that can be read comes back from every kind of file exactly; any bytes give a catalogue or a named error."""

import json
from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from support.catalogues import codes, demonstration, document, faults

from gateway.model.regional import Band
from gateway.recognition.catalogue import Table
from gateway.recognition.catalogue_files import FileForm, read_catalogue, write_catalogue
from gateway.recognition.catalogue_search import SearchIndex, fold

CHARS = st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
TEXT = st.text(CHARS, max_size=30).map(str.strip)
SPICES = ["=1+1", "+", "-", "@x", "'", "''", "＝", "x_x0041_", '"', ",", "0012", "1E5", "TRUE", "2026-01-01", "a\u3000b", "𠮷"]
SPICE = st.sampled_from(SPICES)
TITLE = st.one_of(TEXT.filter(bool), SPICE)
LONG = st.one_of(TEXT, SPICE, st.lists(TEXT.filter(bool), min_size=2, max_size=3).map("\n".join))
ITEM = TITLE.filter(lambda text: not set(text) & set(";；"))
ITEMS = st.lists(ITEM, max_size=4, unique=True)
CREDITS = st.decimals(0, 400, places=2, allow_nan=False).map(str)
DAYS = st.dates(date(2001, 1, 1), date(2099, 12, 30))


@st.composite
def course(draw: st.DrawFn, number: int) -> dict[str, Any]:
    days = sorted(draw(st.lists(DAYS, min_size=3, max_size=3)))
    return {
        "id": f"C-{number}.{draw(st.from_regex(r'[A-Za-z0-9._-]{0,8}', fullmatch=True))}", "version": draw(st.integers(1, 999)),
        "title": draw(TITLE), "title_en": draw(TEXT), "aliases": draw(ITEMS), "subject": draw(TITLE), "category": draw(TITLE),
        "stage": draw(st.sampled_from(["ASSOCIATE", "BACHELOR"])), "level": draw(st.none() | st.integers(1, 10)),
        "hours": draw(st.none() | CREDITS), "content_group": draw(st.sampled_from(["", "G-1"])), "credits": draw(CREDITS),
        "valid_from": days[0].isoformat(), "review_on": days[1].isoformat(), "valid_until": days[2].isoformat(),
        "status": draw(st.sampled_from(["draft", "suspended", "withdrawn"])), "dossier": "", "demo": False, "note": draw(LONG),
    }  # fmt: skip


@st.composite
def catalogues(draw: st.DrawFn) -> dict[str, Any]:
    tables: dict[str, Any] = {table.value: [] for table in Table}
    head = {"id": "H", "version": draw(TITLE), "title": draw(TITLE), "title_en": draw(TEXT), "issuer": draw(TITLE),
            "published_on": draw(DAYS).isoformat(), "demo": False, "note": draw(LONG)}  # fmt: skip
    tables["catalogue"] = [head]
    tables["courses"] = [draw(course(number)) for number in range(draw(st.integers(1, 3)))]
    first = tables["courses"][0]
    tables["criteria"] = [
        {
            **{name: first[name] for name in ("valid_from", "valid_until", "review_on", "status", "dossier", "demo", "credits")},
            "id": f"K-{number}", "version": 1, "title": draw(TITLE), "note": draw(LONG), "course": first["id"], "kind": "COURSE",
            "results": draw(ITEMS.filter(bool)), "sources": draw(st.lists(st.sampled_from(["CN-31", "CN-34"]), unique=True)),
            "grade_min": draw(st.none() | st.sampled_from([Band.A, Band.P])), "level_min": draw(st.none() | st.integers(1, 10)),
            "content_min": draw(st.none() | st.integers(0, 100)), "age_years_max": draw(st.none() | st.integers(0, 50)),
            "exam_required": draw(st.booleans()), "similar_group": "",
        }
        for number in range(draw(st.integers(0, 2)))
    ]  # fmt: skip
    return {"format": "ceg-catalogue-1", "demo": False, "tables": tables}


@settings(deadline=None, max_examples=60)
@given(catalogues(), st.booleans())
def test_catalogue_when_written_in_any_form_then_read_back_exactly(whole: dict[str, Any], chinese: bool) -> None:
    made = read_catalogue({"catalogue.json": json.dumps(whole).encode()}, codes())
    for form in FileForm:
        files = write_catalogue(made, form, chinese=chinese)
        again = read_catalogue(files, codes())
        assert again == made
        assert write_catalogue(again, form, chinese=chinese) == files


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(["courses.csv", "courses.xlsx", "courses.json", "dossiers.csv"]), st.binary(max_size=300))
def test_bytes_when_random_then_a_named_problem_and_nothing_else(name: str, content: bytes) -> None:
    assert faults({name: content}, demonstration())


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_csv_when_bytes_are_damaged_then_read_or_named(data: st.DataObject) -> None:
    form = data.draw(st.sampled_from([FileForm.CSV, FileForm.XLSX]))
    table = data.draw(st.sampled_from([Table.DOSSIERS, Table.PROGRAMMES]))
    ((name, content),) = write_catalogue(demonstration(), form, tables=[table]).items()
    place = data.draw(st.integers(0, len(content) - 1))
    faults({name: content[:place] + data.draw(st.binary(max_size=3)) + content[place + 1 :]}, demonstration())


KEYS = st.sampled_from(["course", "credits", "role", "members", "x"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_json_when_any_value_is_replaced_then_read_or_named(data: st.DataObject) -> None:
    whole = document()
    table = data.draw(st.sampled_from(sorted(whole["tables"])))
    each = data.draw(st.sampled_from(whole["tables"][table]))
    each[data.draw(st.sampled_from(sorted(each)))] = data.draw(JSON)
    faults({"catalogue.json": json.dumps(whole).encode()})


def spell(text: str) -> tuple[tuple[str, ...], ...]:
    """Stands in for the pinyin dictionaries, which hypothesis would only slow down."""
    return (tuple(f"p{ord(char) % 97:x}" for char in text),)


INDEX = SearchIndex(demonstration(), spell)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(sorted({entry.title for _, entry in demonstration().entries()})), st.data())
def test_title_when_any_piece_of_it_is_asked_for_then_its_entry_is_found(title: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(title) - 1))
    piece = title[start : data.draw(st.integers(start + 1, min(len(title), start + 40)))]
    if any(char.isalnum() for char in piece):
        assert title in {hit.entry.title for hit in INDEX.search(piece, limit=200)}


@settings(deadline=None, max_examples=200)
@given(st.text(min_size=1, max_size=20), st.integers(1, 5))
def test_query_when_anything_then_bounded_ordered_and_repeatable(query: str, limit: int) -> None:
    if not 1 <= len([word for word in query.split() if fold(word)]) <= 6:
        return
    hits = INDEX.search(query, limit=limit)
    assert len(hits) <= limit
    assert hits == INDEX.search(query, limit=limit)
    assert list(hits) == sorted(hits, key=lambda hit: -hit.score)
