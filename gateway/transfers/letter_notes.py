"""What people write on dead letters: who, when, what.  A note changes nothing and is never changed; writing one is a leaf."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.model.people import Person
from gateway.storage.alert_rows import NoteRow
from gateway.storage.database import Database
from gateway.transferlog.leaf import Fact
from gateway.transfers.answers import Answer
from gateway.transfers.operator_acts import Acting
from gateway.transfers.view import View, Wants

CHARS_MAX: Final = 500
NOTES_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class _Noted:
    """One note more.  `key` is its own."""

    key: str
    jti: str
    who: str
    text: str

    @property
    def wants(self) -> Wants:
        return Wants()

    def apply(self, view: View) -> Answer:
        view.add_note(self.key, (self.jti, view.at_text, self.who, self.text))
        return Answer(200, b"", b"")

    def facts(self, _view: View) -> Mapping[str, Fact]:
        return {}


@dataclass(frozen=True, slots=True)
class LetterNotes:
    """Notes by message id."""

    database: Database
    acting: Acting

    async def add(self, jti: str, person: Person, text: str) -> bool:
        """False for an empty or too long text, or one too many.  Raises StorageError."""
        text = text.strip()
        if not 0 < len(text) <= CHARS_MAX or len(await self.of(jti)) >= NOTES_MAX:
            return False
        note = _Noted(self.acting.ids.jti(), jti, person.subject, text)
        await self.acting.do(person, "letter.note", jti, text, note)
        return True

    async def of(self, jti: str) -> list[NoteRow]:
        """Oldest first."""
        return [NoteRow(*row) for row in await self.database.fetch("letter_notes", jti=jti, most=NOTES_MAX)]
