"""One sandbox and one browser for all tests of the pages."""

from collections.abc import Iterator

import pytest
from support.browser import Stage, find_chromium, start


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    opened, end = start(find_chromium(), tmp_path_factory.mktemp("stage"))
    yield opened
    end()
