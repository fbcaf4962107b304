"""Rows of what is kept about the log itself, in column order (see `rows`)."""

from typing import NamedTuple


class TimestampRow(NamedTuple):
    """An RFC 3161 token over the SHA-256 of the log's own signed note of this size.  `at` is the authority's time, `asked_at` ours."""

    size: int
    at: str
    serial: str
    policy: str
    asked_at: str
    token: bytes
