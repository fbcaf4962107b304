"""The numbered sentences: each is written once, and whatever cites a number cites one that exists."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
SENTENCE = re.compile(r"^- \*\*EN-(\d+)\*\* ", re.MULTILINE)
CITED = re.compile(r"EN-(\d+)")


def test_sentences_when_numbered_then_each_number_is_used_once_and_in_order() -> None:
    numbers = [int(number) for number in SENTENCE.findall((ROOT / "docs/protocol-envelope.md").read_text("utf-8"))]
    assert numbers == sorted(set(numbers))


def test_sentences_when_cited_by_tests_then_exist() -> None:
    written = set(SENTENCE.findall((ROOT / "docs/protocol-envelope.md").read_text("utf-8")))
    cited = {number for path in (ROOT / "tests").rglob("*.py") for number in CITED.findall(path.read_text("utf-8"))}
    assert cited
    assert cited <= written


def test_sentences_when_written_then_each_is_cited_by_a_test() -> None:
    written = set(SENTENCE.findall((ROOT / "docs/protocol-envelope.md").read_text("utf-8")))
    cited = {number for path in (ROOT / "tests").rglob("*.py") for number in CITED.findall(path.read_text("utf-8"))}
    assert written <= cited
