"""The real clock, the real randomness, and where this installation's data lies.

The only file that may ask the operating system for time or chance.
"""

import gc
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from gateway.federation.protocol import JTI_BYTES, SECRET_BYTES
from gateway.model.canonical import b64url

_PACKAGE = Path(__file__).parent
_INSTALLED = _PACKAGE / "_data"


class SystemClock:
    """The machine's clock, UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 (the one place that may ask)


POOL_BYTES = 4096


class SystemIds:
    """The operating system's random bytes, fetched a page at a time: a message takes some twenty secrets.

    No byte is given twice; a forked child forgets the page it was born with.
    """

    def __init__(self) -> None:
        self._page = b""
        self._next = 0
        self._lock = Lock()
        os.register_at_fork(after_in_child=self._forget)

    def jti(self) -> str:
        return b64url(self._take(JTI_BYTES))

    def secret(self) -> bytes:
        return self._take(SECRET_BYTES)

    def _take(self, length: int) -> bytes:
        with self._lock:
            start = self._next
            if start + length > len(self._page):
                self._page, start = secrets.token_bytes(POOL_BYTES), 0
            self._next = start + length
            return self._page[start : self._next]

    def _forget(self) -> None:
        self._page, self._next, self._lock = b"", 0, Lock()


def data_folder(name: str) -> Path:
    """`standards` or `config`: beside the package in a checkout, inside it in a wheel."""
    inside = _INSTALLED / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def package_folder() -> Path:
    """Where the package's own data files (SQL, mapping rules) lie."""
    return _PACKAGE


def leave_alone() -> None:
    """Called once a long-lived process is up: what it has loaded (schemas, tables, code) stays, and is not searched for garbage again.

    Searching it stops everything for a sixth of a second each thousand submissions or so.
    """
    gc.collect()
    gc.freeze()
