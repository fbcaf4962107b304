"""The transfer log's own key with the name it signs under."""

from dataclasses import dataclass

from gateway.crypto.keys import SigningKey
from gateway.transferlog.checkpoint import NoteKey


@dataclass(frozen=True, slots=True)
class LogSigner:
    """The transfer log's own key, as notes name it."""

    key: SigningKey
    note_key: NoteKey

    @property
    def name(self) -> str:
        return self.note_key.name

    @property
    def key_id(self) -> bytes:
        return self.note_key.id

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message)
