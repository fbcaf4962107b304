"""How long a connector keeps who signed in and did what, and who looked at which learner's case: application audit, and nothing else."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from gateway.storage.database import Database, Row, Write

AT_ONCE: Final = 500
MONTHS_MIN: Final = 6
"""The law's minimum for application audit."""
TABLES: Final = (("person_acts_before", "person_acts_forget"), ("learner_views_before", "learner_views_forget"))
"""What counts, and what deletes, the rows of each."""


class Counted(NamedTuple):
    """Rows older than the term: acts of people, and looks at learners' cases."""

    acts: int
    views: int


async def counted(database: Database, before: str) -> Counted:
    """How many there are."""
    return Counted(*[(await database.fetch(count, before=before))[0][0] for count, _ in TABLES])


async def forget(database: Database, before: str, told: Callable[[int, int], None]) -> Counted:
    """Delete them, so many at once, each batch a transaction.  `told(done, all)` hears of each.  Cut off, it is just run again."""
    found, done = await counted(database, before), 0
    for (_, statement), rows in zip(TABLES, found, strict=True):
        for first in range(0, rows, AT_ONCE):
            await database.group([], _deleting(statement, before))
            done += min(AT_ONCE, rows - first)
            told(done, sum(found))
    return found


def _deleting(statement: str, before: str) -> Callable[[Sequence[list[Row]]], Sequence[Write]]:
    return lambda _rows: [Write(statement, [(before, AT_ONCE)])]
