"""The console's pages and settings are told in docs/connector.md, each and no other."""

import re

from support.tree import ROOT, text_of

from gateway.settings import Console
from gateway.web.console.table import ACTS, PAGES

DOC = text_of(ROOT / "docs" / "connector.md").partition("## 9.")[2]


def test_console_when_its_section_is_read_then_each_page_is_named_and_no_other() -> None:
    told = re.findall(r"^\| (?:GET|POST|GET, POST) \| `([^`]+)` \|", DOC, re.MULTILINE)
    assert set(told) == {each.path for each in (*PAGES, *ACTS)}
    assert len(told) == len(set(told))


def test_settings_when_the_section_is_read_then_each_is_named() -> None:
    assert [name for name in Console.model_fields if not re.search(rf"(^|`|# 或 ){name}\b", DOC, re.MULTILINE)] == []
