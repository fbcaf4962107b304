"""The documentation says what the source says: made parts, routes, metrics, commands, links."""

import re
from pathlib import Path

import pytest
from support import generated
from support.nodes import ceg
from support.tree import ROOT, all_files, files, shown, text_of

from gateway.metrics import REGISTRY
from gateway.model.transfer import State
from gateway.transfers.deadlines import WORKING_DAYS

DOCS = ROOT / "docs"
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
ROUTE = re.compile(r'web\.(get|post|put|delete)\("([^"]+)"')
TARGET = re.compile(r"^([a-z]+):.*##", re.MULTILINE)
MAKE = re.compile(r"`make ([a-z]+)`|^make ([a-z]+)", re.MULTILINE)
COMMAND = re.compile(r"\.venv/bin/ceg ([a-z]+(?: [a-z]+(?= |$))*)", re.MULTILINE)
PAGES = [path for path in all_files() if path.suffix == ".md" and "samples" not in path.parts]


@pytest.mark.parametrize("page", generated.BLOCKS, ids=lambda page: page.name)
def test_made_parts_when_compared_with_the_source_then_equal(page: Path) -> None:
    assert text_of(page) == generated.with_blocks(text_of(page), generated.BLOCKS[page])


def test_deadlines_when_compared_then_equal() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (\d+) \|$", text_of(DOCS / "protocol.md"), re.MULTILINE))
    assert {State(state): int(days) for state, days in rows.items()} == WORKING_DAYS


def test_routes_when_compared_with_the_api_page_then_each_is_there_and_no_other() -> None:
    found = {(verb.upper(), re.sub(r"\{(\w+):[^{}]*(?:\{[^{}]*\})?[^{}]*\}", r"{\1}", path)) for verb, path in
             ROUTE.findall(text_of(ROOT / "gateway/web/routes.py"))}  # fmt: skip
    told = set(re.findall(r"^\| (GET|POST|PUT|DELETE) \| `([^`]+)` \|", text_of(DOCS / "api.md"), re.MULTILINE))
    assert found == told


def test_metrics_when_compared_with_the_operations_page_then_each_is_there_and_no_other() -> None:
    names = {name for metric in REGISTRY.collect() for name in [metric.name + ("_total" if metric.type == "counter" else "")]}
    assert names == set(re.findall(r"^\| `(ceg_\w+)` \|", text_of(DOCS / "operations.md"), re.MULTILINE))


def test_make_targets_when_named_in_pages_then_exist_and_are_phony() -> None:
    makefile = text_of(ROOT / "Makefile")
    targets = set(TARGET.findall(makefile))
    named = {first or second for page in PAGES for first, second in MAKE.findall(text_of(page))}
    assert named <= targets
    assert targets <= set(re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[0].split())


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_readme_when_read_then_the_two_commands_are_targets(page: str) -> None:
    named = {first or second for first, second in MAKE.findall(text_of(ROOT / page))}
    assert {"demo", "test"} <= named


def commands(text: str) -> list[str]:
    lines = "\n".join(FENCED.findall(text)).splitlines()
    return [line.split("#")[0].strip() for line in lines if line.startswith((".venv/bin/", "make "))]


def test_readmes_when_compared_then_same_commands_and_same_links() -> None:
    english, chinese = (text_of(ROOT / page) for page in ("README.md", "README.zh-CN.md"))
    assert commands(english) == commands(chinese)
    assert set(LINK.findall(english)) - {"README.zh-CN.md"} == set(LINK.findall(chinese)) - {"README.md"}


def test_commands_when_named_in_readme_then_exist() -> None:
    named = {tuple(found.split()) for found in COMMAND.findall(text_of(ROOT / "README.md"))}
    assert named
    for words in named:
        done = ceg(*words, "--help")
        assert done.code == 0, (words, done.err)


def anchors(page: Path) -> set[str]:
    text = FENCED.sub("", text_of(page))
    heads = {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
    return heads | set(re.findall(r'<a id="([^"]+)">', text))


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_links_when_followed_then_lead_somewhere(page: Path) -> None:
    broken = []
    for link in LINK.findall(FENCED.sub("", text_of(page))):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or not target.is_relative_to(ROOT) or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_pages_when_the_map_is_read_then_each_page_can_be_reached() -> None:
    seen: set[Path] = set()
    waiting = [DOCS / "index.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md" or not page.is_file():
            continue
        seen.add(page)
        waiting += [
            (page.parent / link.partition("#")[0]).resolve()
            for link in LINK.findall(text_of(page))
            if not link.startswith("http") and link.partition("#")[0]
        ]
    assert [shown(page) for page in files(".md", "docs") if page not in seen] == []


def test_modules_when_named_in_pages_then_exist() -> None:
    named = {
        (shown(page), found)
        for page in PAGES
        for found in re.findall(r"`((?:gateway|tests|standards|config)/[\w./-]+\.(?:py|toml|csv|xsd|sql|md))`", text_of(page))
    }
    assert [each for each in sorted(named) if not (ROOT / each[1]).exists()] == []


def test_glossary_when_its_code_words_are_looked_for_then_the_source_has_them() -> None:
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|", text_of(DOCS / "glossary.md"), re.MULTILINE)
    source = "".join(text_of(path) for path in files(".py", "gateway"))
    words = [word for row in rows for word in re.findall(r"`([^`]+)`", row[2])]
    assert len(words) > 30
    assert [word for word in words if word.split(".")[-1].rstrip("/") not in source and not (ROOT / word).exists()] == []
