"""Seams to the outside that the pure parts are given, never fetch.

Each has two real implementations in the tree: the system's (`gateway.system`) and the seeded
one of tests and sandbox (`gateway.simulator`).
"""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Dates come from here; durations come from the event loop."""

    def now(self) -> datetime:
        """The present moment, aware, UTC."""
        ...


class IdSource(Protocol):
    """Unguessable values."""

    def jti(self) -> str:
        """A fresh message id: 128 random bits, base64url without padding (22 characters)."""
        ...

    def secret(self) -> bytes:
        """32 fresh random bytes."""
        ...
