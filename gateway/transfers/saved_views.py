"""Views that people saved of the list of cases: a name of their own and the filter of the URL, nothing else.

A few a person; they change nothing of the region, so they are no leaves.  Rows are written by the database's own `group`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.model.people import Person
from gateway.model.ports import Clock
from gateway.storage.database import Database, Read, Row, Write
from gateway.storage.people_rows import SavedViewRow
from gateway.transfers.case import utc_text

VIEWS_MAX: Final = 20
NAME_MAX: Final = 40
QUERY_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class SavedViews:
    """Each person's own."""

    database: Database
    clock: Clock

    async def of(self, person: Person) -> list[SavedViewRow]:
        """By name."""
        return [SavedViewRow(*row) for row in await self.database.fetch("saved_views", person=person.subject, most=VIEWS_MAX)]

    async def save(self, person: Person, name: str, query: str) -> bool:
        """One of the same name is replaced.  False for a name that is none, or one view too many.  Raises StorageError."""
        name = name.strip()
        saved: list[SavedViewRow] = []
        if not 0 < len(name) <= NAME_MAX or not name.isprintable() or len(query) > QUERY_MAX:
            return False
        row = SavedViewRow(person.subject, name, query, utc_text(self.clock.now()))

        def decide(found: Sequence[list[Row]]) -> Sequence[Write]:
            names = {each[1] for each in found[0]}
            saved[:] = [row] if name in names or len(names) < VIEWS_MAX else []
            return [Write("saved_view_put", list(saved))] if saved else []

        await self.database.group([Read("saved_views", {"person": person.subject, "most": VIEWS_MAX})], decide)
        return bool(saved)

    async def forget(self, person: Person, name: str) -> bool:
        """False where there is none of this name.  Raises StorageError."""
        there: list[Row] = []

        def decide(found: Sequence[list[Row]]) -> Sequence[Write]:
            there[:] = [each for each in found[0] if each[1] == name]
            return [Write("saved_view_forget", [(person.subject, name)])] if there else []

        await self.database.group([Read("saved_views", {"person": person.subject, "most": VIEWS_MAX})], decide)
        return bool(there)
