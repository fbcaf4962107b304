"""The small surface both drivers give, and named SQL.

`group` is the whole of writing: under the write lock, run the reads, hand their rows to a pure
function, run the writes it returns, commit.  So the same decisions run on SQLite (one hop to the
writer's thread per batch) and on PostgreSQL.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

Row: TypeAlias = tuple[Any, ...]
_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Read:
    """A named query with named parameters; lists are JSON texts."""

    name: str
    params: Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Write:
    """A named statement for many rows.  `hits` is how many rows it must touch in all, or None."""

    name: str
    rows: Sequence[Sequence[Any]]
    hits: int | None = None


class FencedError(Exception):
    """A write did not hit the rows it had to: the state moved under the batch.  The transaction was rolled back."""


class UnreadError(Exception):
    """A decision turned out to need rows that its plan had not named.  Nothing was written; it is planned again with them."""


Decide: TypeAlias = Callable[[Sequence[list[Row]]], Sequence[Write]]


class Database(Protocol):
    """Two implementations share one contract suite (`tests/contract`)."""

    async def group(self, reads: Sequence[Read], decide: Decide) -> None:
        """One write transaction.  Raises StorageBusyError (nothing done), FencedError (nothing done), StorageError."""
        ...

    async def fetch(self, name: str, **params: str | int) -> list[Row]:
        """One read on a reader's connection, as of the last commit."""
        ...

    async def truncate_log(self) -> bool:
        """Bring everything into the database file and empty what was written ahead of it.  False: a reader is in the way, try again."""
        ...

    async def close(self) -> None:
        """Close every connection; the database file is complete afterwards."""
        ...


def load_queries(path: Path) -> Mapping[str, str]:
    """Read a file of `-- name: x` blocks.  Comment lines inside a block are dropped."""
    pieces = _NAME.split(path.read_text("utf-8"))
    blocks = zip(pieces[1::2], pieces[2::2], strict=True)
    return {name: "\n".join(line for line in body.strip().splitlines() if not line.startswith("--")) for name, body in blocks}
