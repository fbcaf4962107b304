"""One sandbox and one browser for the tests of the pages that come one after another; it ends before any other test begins.

It lives on a thread of its own and writes log lines, which other tests of the same process would hear.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.browser import Stage, start
from support.chromium import find_chromium

HERE = Path(__file__).parent
_opened: list[tuple[Stage, Callable[[], None]]] = []


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    if not _opened:
        _opened.append(start(find_chromium(), tmp_path_factory.mktemp("stage")))
    return _opened[0][0]


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    if _opened and (nextitem is None or HERE not in nextitem.path.parents):
        _, end = _opened.pop()
        end()
