"""The pages' ground: vendored files as their manifest says, every text in English, nothing inline, the API document as the routes."""

import gzip
import re
import tomllib
from hashlib import sha256
from pathlib import Path

import pytest
from support import site_texts, vendoring
from support.tree import ROOT, text_of

from gateway.transferlog.leaf import TYPES
from gateway.web.openapi import OPERATIONS, document
from gateway.web.pages.table import ACTS, PAGES
from gateway.web.pages.words import WORDS

WEB = ROOT / "gateway" / "web"
TEMPLATES = sorted((WEB / "templates").rglob("*.html"))
INLINE = re.compile(r"<style|\sstyle\s*=|<script(?![^>]*\ssrc=)|\son\w+\s*=|hx-on|javascript:|hx-vals\s*=\s*.js:", re.IGNORECASE)
ELSEWHERE = re.compile(r"""(?:src|href|action|url)\s*[=(]\s*["']?(?:https?:)?//""", re.IGNORECASE)
ROUTE = re.compile(r'web\.(get|post)\("([^"]+)"')
VARIABLE = re.compile(r"\{(\w+):[^{}]*(?:\{[^{}]*\})?[^{}]*\}")


@pytest.mark.parametrize("folder", [vendoring.SERVED, vendoring.TESTING], ids=["served", "testing"])
def test_vendored_files_when_recomputed_then_as_the_manifest_says(folder: Path) -> None:
    told = text_of(folder / vendoring.MANIFEST)
    assert told == vendoring.manifest(folder)
    packages = {each["folder"]: each for each in tomllib.loads(told)["package"]}
    assert {path.name for path in folder.iterdir() if path.is_dir()} == packages.keys()
    for name, package in packages.items():
        there = {path.name: sha256(path.read_bytes()).hexdigest() for path in (folder / name).iterdir()}
        assert there == package["sha256"]
        assert any(each.startswith("LICENSE") for each in there), f"{name} has no licence"


def test_compressed_siblings_when_opened_then_the_files_themselves() -> None:
    found = sorted(vendoring.SERVED.rglob("*.gz"))
    assert len(found) > 5
    assert [path.name for path in found if gzip.decompress(path.read_bytes()) != path.with_suffix("").read_bytes()] == []


def test_vendored_files_when_named_in_templates_then_exist() -> None:
    named = {found for path in TEMPLATES for found in re.findall(r'"/static/([^"]+)"', text_of(path))}
    assert named
    assert [each for each in sorted(named) if not (WEB / "static" / each).is_file()] == []


def test_texts_when_looked_up_then_each_has_english_once_and_none_is_left_over() -> None:
    there, used = site_texts.translated(), site_texts.used()
    assert len(used) > 50
    assert (sorted(used - there.keys()), sorted(there.keys() - used)) == ([], [])
    assert [text for text, count in there.items() if count > 1] == []


def test_leaf_types_when_listed_then_the_document_and_the_words_of_both_languages_have_each_and_no_other() -> None:
    """A page that shows a leaf would say `erasure.lapsed` to a bank's clerk."""
    table = text_of(ROOT / "docs" / "transfer-log.md").partition("\n## 4. ")[2].partition("\n## 5. ")[0]
    told: list[str] = []
    for types in re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE):
        for name in re.findall(r"`([a-z_.]+)`", types):
            told.append(told[-1].partition(".")[0] + name if name.startswith(".") else name)
    assert sorted(told) == sorted(TYPES)
    english = site_texts.translated()
    assert [name for name in TYPES if WORDS.get(name) not in english] == []


@pytest.mark.parametrize("file", sorted(site_texts.ENGLISH.glob("*.po")), ids=lambda file: file.name)
def test_catalogue_when_compiled_anew_then_the_one_beside_it(file: Path) -> None:
    assert file.with_suffix(".mo").read_bytes() == site_texts.compiled(file)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_template_when_read_then_nothing_inline_nothing_from_elsewhere_and_nothing_marked_safe(path: Path) -> None:
    text = text_of(path)
    assert INLINE.findall(text) == []
    assert ELSEWHERE.findall(text) == []
    assert not re.search(r"\|\s*safe\b|autoescape", text)


def test_api_document_when_compared_with_the_routes_then_each_is_there_and_no_other() -> None:
    source = text_of(WEB / "routes.py").partition("def ops_app")[0]
    routes = {(method, VARIABLE.sub(r"{\1}", path)) for method, path in ROUTE.findall(source)}
    assert {(each.method, each.path) for each in OPERATIONS} == routes


def test_api_document_when_its_references_are_followed_then_each_leads_somewhere() -> None:
    made = document()
    named = set(re.findall(r"#/components/schemas/(\w+)", str(made)))
    assert named == made["components"]["schemas"].keys()
    assert made["openapi"].startswith("3.1")
    ids = [each["operationId"] for verbs in made["paths"].values() for each in verbs.values()]
    assert len(ids) == len(set(ids))


def test_pages_when_the_page_on_them_is_read_then_each_is_named_and_no_other() -> None:
    told = set(re.findall(r"^\| (?:GET|POST) \| `([^`]+)` \|", text_of(ROOT / "docs" / "pages.md"), re.MULTILINE))
    fixed = {"/live", "/sign-in/start", "/sign-in/callback", "/api/openapi.json", "/static/…"}
    assert told == {each.path for each in (*PAGES, *ACTS)} | fixed
