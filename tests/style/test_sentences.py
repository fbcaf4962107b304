"""Numbered MUST sentences: each number once, each cited by a test or by the code that keeps it, no citation of one that is not there.

A range (`TL-1 to TL-6`) cites all of its numbers in a test, and none in a module's head.
"""

import re

import pytest
from support.tree import ROOT, files, text_of

SERIES = {"EV": "evidence.md", "PR": "protocol.md", "EN": "protocol-envelope.md", "TL": "transfer-log.md", "TR": "transports.md"}


def numbers(series: str) -> list[int]:
    return [int(number) for number in re.findall(rf"\*\*{series}-(\d+)\*\*", text_of(ROOT / "docs" / SERIES[series]))]


def cited(series: str) -> set[int]:
    spans = re.compile(rf"{series}-(\d+)(?: to | … |–){series}-(\d+)")
    found: set[int] = set()
    for path in files(".py", "gateway", "tests", "benches"):
        if path.parent.name == "style":
            continue
        text = text_of(path)
        if path.is_relative_to(ROOT / "tests"):
            found |= {number for first, last in spans.findall(text) for number in range(int(first), int(last) + 1)}
        found |= {int(number) for number in re.findall(rf"{series}-(\d+)", spans.sub("", text))}
    return found


@pytest.mark.parametrize("series", SERIES)
def test_sentences_when_numbered_then_each_number_once_and_in_order(series: str) -> None:
    found = numbers(series)
    assert found == sorted(set(found))
    assert len(found) > 20


@pytest.mark.parametrize("series", SERIES)
def test_sentences_when_looked_for_then_each_is_cited_and_no_other(series: str) -> None:
    written, found = set(numbers(series)), cited(series)
    assert (sorted(written - found), sorted(found - written)) == ([], [])
