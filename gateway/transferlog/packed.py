"""Maps of 16-byte keys to short values of one length, at little more than their bytes: an audit of millions of leaves keeps several.

Rows whose keys begin with the same twelve bits stand side by side in one run; looking one up searches that run.  Keys are digests, so
the runs are of about equal length: some 250 rows a million, and searched in microseconds.
"""

from typing import Final

KEY_BYTES: Final = 16
RUNS: Final = 1 << 12


class PackedMap:
    """`value_bytes` may be 0: a set then."""

    __slots__ = ("_row", "_runs")

    def __init__(self, value_bytes: int) -> None:
        self._row = KEY_BYTES + value_bytes
        self._runs = [bytearray() for _ in range(RUNS)]

    def get(self, key: bytes) -> bytes | None:
        """None where there is none."""
        run = self._run(key)
        place = self._place(run, key)
        return bytes(run[place + KEY_BYTES : place + self._row]) if place >= 0 else None

    def __contains__(self, key: bytes) -> bool:
        return self._place(self._run(key), key) >= 0

    def put(self, key: bytes, value: bytes = b"") -> bool:
        """Set or replace.  Gives whether the key is new."""
        assert len(key) + len(value) == self._row
        run = self._run(key)
        place = self._place(run, key)
        if place < 0:
            run += key + value
        elif value:
            run[place + KEY_BYTES : place + self._row] = value
        return place < 0

    def pop(self, key: bytes) -> None:
        """Forget a key, if it is there: the run's last row takes its place."""
        run = self._run(key)
        place = self._place(run, key)
        if place >= 0:
            run[place : place + self._row] = run[-self._row :]
            del run[-self._row :]

    def _run(self, key: bytes) -> bytearray:
        return self._runs[(key[0] << 4) | (key[1] >> 4)]

    def _place(self, run: bytearray, key: bytes) -> int:
        found = run.find(key)
        while found >= 0 and found % self._row:  # these bytes stand across rows, or in a value
            found = run.find(key, found + 1)
        return found
