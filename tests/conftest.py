"""For every test: whatever it opened is closed, since a database thread that lives on would keep the process from ending."""

import threading
from collections.abc import Iterator

import pytest

CLOSING_S = 2.0


def _database_threads() -> set[threading.Thread]:
    return {each for each in threading.enumerate() if "connection_worker" in each.name}


@pytest.fixture(autouse=True)
def every_connection_is_closed() -> Iterator[None]:
    before = _database_threads()
    yield
    for thread in _database_threads() - before:
        thread.join(CLOSING_S)  # a closed connection's thread is on its way out
    left = {each.name for each in _database_threads() - before}
    assert not left, f"the test left database connections open: {sorted(left)}"
