"""House rules that no linter knows: file names, lengths, marks, silenced checks, dead modules, foreign paths."""

import ast
import re
from collections import Counter
from pathlib import Path

from support.tree import ROOT, all_files, files, module_of, shown, text_of, tree_of

BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager", "core"}
LINES_MAX = 400
MARK = re.compile(r"\b(?:FIXM[E]|TOD[O]|XX[X])\b")
SILENCED = re.compile(r"#\s*noqa(?::\s*([A-Z0-9, ]+))?|#\s*type:\s*ignore(?:\[([a-z, -]+)\])?")
FOREIGN = re.compile(r"/wor[k]/|(?<![\w-])share[d]/|\.librar[y]\b|/(?:home|Users|root)/\w")

SILENCED_MAX = {
    # silenced check: (how often, why there is no other way)
    ("benches", "DTZ007"): (1, "the source's dates have no zone"),
    ("benches", "TID251"): (1, "a load runs in real time"),
    ("benches", "arg-type"): (3, "figures of a run, as read from JSON"),
    ("benches", "index"): (2, "as above"),
    ("gateway", "ARG002"): (6, "one adapter contract; a province without positions has no use for the manifest"),
    ("gateway", "BLE001"): (6, "last doors: batch, lane, request, foreign sheet reader, simulated process and run; each names the fault"),
    ("gateway", "DTZ001"): (1, "the format's moments have no zone"),
    ("gateway", "PLW2901"): (1, "a container has no value of its own while a row is read"),
    ("gateway", "S105"): (2, "names that look like passwords"),
    ("gateway", "S108"): (1, "a simulated region lives in memory; the folder in it is one of its own"),
    ("gateway", "S311"): (3, "chance that spreads retries and plays scripts and people; no secret is made of it"),
    ("gateway", "SLF001"): (2, "one hop to aiosqlite's thread a batch needs its connection"),
    ("gateway", "TID251"): (1, "the one place that may ask the real clock"),
    ("gateway", "TRY400"): (2, "a traceback could hold personal values; place and kind are logged"),
    ("gateway", "arg-type"): (3, "checked by the line above, which the types cannot see"),
    ("gateway", "misc"): (4, "Authlib ships no types"),
    ("gateway", "no-untyped-call"): (1, "aiosqlite's own hop is untyped"),
    ("tests", "DTZ001"): (1, "naive bounds are what is asked for"),
    ("tests", "TID251"): (1, "TLS judges certificates by the machine's clock"),
    ("tests", "arg-type"): (4, "a test passes what the types forbid, to see it refused"),
    ("tests", "misc"): (1, "chance picks among coroutines of one shape"),
}
"""Numbers may fall, never rise.  A new entry needs a reason that would convince a stranger."""

ENTRY_POINTS = {"gateway", "gateway.cli.main", "gateway.cli.reference", "gateway.simulator.backlog", "gateway.simulator.scenario"}
"""Imported by nobody on purpose: the package itself, what the `ceg` script calls, what a contributor runs with `python -m`."""
LOADED_BY_NAME = re.compile(
    r"gateway\.storage\.migrations(\.|$)|gateway\.adapters\.(anhui|jiangsu|shanghai|zhejiang)\.adapter$|gateway\.recognition\.catalogue_pinyin$|"
    r"gateway\.formats\.paper_typst$"
)


def test_file_names_when_read_then_none_says_nothing() -> None:
    assert [shown(path) for path in all_files() if path.stem.lower() in BANNED_NAMES] == []


def test_python_files_when_counted_then_none_is_over_the_limit() -> None:
    long = {shown(path): count for path in files(".py") if (count := text_of(path).count("\n")) > LINES_MAX}
    assert long == {}


def test_marks_of_unfinished_work_when_searched_then_none() -> None:
    found = [
        f"{shown(path)}:{number}"
        for path in all_files()
        if path.suffix in {".py", ".sql", ".toml", ".md", ".xsd", ".yaml", ".sh"} and path.parent.name not in {"good", "bad", "feed"}
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if MARK.search(line)
    ]
    assert found == []


def silenced() -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for path in files(".py", "gateway", "tests", "benches", "standards"):
        if "migrations" in path.parts or path == Path(__file__):
            continue
        for line in text_of(path).splitlines():
            for match in SILENCED.finditer(line):
                codes = (match[1] or match[2] or "without a code").replace(" ", "").split(",")
                found.update((path.relative_to(ROOT).parts[0], code) for code in codes)
    return found


def test_silenced_checks_when_counted_then_never_more_than_before() -> None:
    over = {key: count for key, count in silenced().items() if count > SILENCED_MAX.get(key, (0, ""))[0]}
    assert over == {}


def test_ceiling_of_silenced_checks_when_one_was_mended_then_it_is_lowered() -> None:
    found = silenced()
    assert {key: found[key] for key, (most, _) in SILENCED_MAX.items() if found[key] < most} == {}


def imported() -> set[str]:
    names: set[str] = set()
    for path in files(".py", "gateway"):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module)
                names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def test_modules_when_imports_are_followed_then_each_is_used_by_the_package() -> None:
    names = imported()
    dead = [
        name
        for path in files(".py", "gateway")
        if (name := module_of(path)) not in names | ENTRY_POINTS
        and not LOADED_BY_NAME.match(name)
        and not any(each.startswith(name + ".") for each in names)
        and path.stat().st_size
    ]
    assert dead == []


def test_texts_when_searched_then_no_path_of_somebodys_machine() -> None:
    found = []
    for path in all_files():
        try:
            text = text_of(path)
        except UnicodeDecodeError:
            continue
        found += [f"{shown(path)}: {match[0]}" for match in FOREIGN.finditer(text)]
    assert found == []
