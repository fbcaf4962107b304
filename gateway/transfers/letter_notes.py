"""What people write on dead letters: who, when, what.  A note changes nothing and is never changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.model.ports import Clock
from gateway.storage.alert_rows import NoteRow
from gateway.storage.database import Database, Write
from gateway.transfers.case import utc_text

CHARS_MAX: Final = 500
NOTES_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class LetterNotes:
    """Notes by message id."""

    database: Database
    clock: Clock

    async def add(self, jti: str, person: str, text: str) -> bool:
        """False for an empty or too long text, or one too many.  Raises StorageError."""
        text = text.strip()
        if not 0 < len(text) <= CHARS_MAX or len(await self.of(jti)) >= NOTES_MAX:
            return False
        writes = (Write("letter_note_put", [(jti, utc_text(self.clock.now()), person, text)]),)

        def decide(_rows: Sequence[object]) -> Sequence[Write]:
            return writes

        await self.database.group((), decide)
        return True

    async def of(self, jti: str) -> list[NoteRow]:
        """Oldest first."""
        return [NoteRow(*row) for row in await self.database.fetch("letter_notes", jti=jti, most=NOTES_MAX)]
