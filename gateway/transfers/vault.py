"""Contents at rest: every personal byte under its part's own key.

A part has one key for everything stored about it; deleting the wrapped key erases all of it at
once.  The part id is the transfer id: one learner, one case, one key.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from gateway.crypto.digests import salted_digest
from gateway.crypto.sealing import KeyEncryptionKey, PartKey
from gateway.errors import ErasedError
from gateway.federation.message import Content
from gateway.federation.protocol import SECRET_BYTES
from gateway.model.ports import IdSource
from gateway.storage.database import Database
from gateway.storage.rows import ContentRow, PartKeyRow

NONCE_BYTES = 12
NOTHING_KNOWN: Mapping[str, str] = MappingProxyType({})


class Vault:
    """Seals and opens contents."""

    def __init__(self, database: Database, key: KeyEncryptionKey, ids: IdSource) -> None:
        self._database = database
        self._key = key
        self._ids = ids

    def new_part(self, transfer: str, at: str) -> tuple[PartKey, PartKeyRow]:
        """A fresh key for a transfer that is about to open."""
        key, wrapped = self._key.new_part_key(transfer, self._ids.secret())
        return key, PartKeyRow(transfer, transfer, wrapped, at)

    async def part_key(self, transfer: str) -> PartKey:
        """The key of a stored part.  Raises ErasedError("storage.erased") when it was destroyed."""
        rows = await self._database.fetch("part_key_by_id", part_id=transfer)
        if not rows:
            raise ErasedError("storage.erased", "该分件已被删除", "the part has been erased")
        return self._key.open_part_key(transfer, PartKeyRow(*rows[0]).wrapped)

    def seal(
        self, key: PartKey, transfer: str, iss: str, jti: str, contents: Iterable[Content], known: Mapping[str, str] = NOTHING_KNOWN
    ) -> tuple[ContentRow, ...]:
        """Content rows of one message.  `known`: digests by name that were just compared with these very contents."""
        return tuple(self._seal(key, transfer, iss, jti, content, known.get(content.name)) for content in contents)

    def _seal(self, key: PartKey, transfer: str, iss: str, jti: str, content: Content, sd: str | None) -> ContentRow:
        name = f"{iss}/{jti}/{content.name}"
        return ContentRow(
            iss=iss,
            jti=jti,
            name=content.name,
            transfer=transfer,
            part_id=transfer,
            media_type=content.media_type,
            sd=sd or salted_digest(content.secret, content.data),
            length=len(content.data),
            sealed=key.seal(name, content.secret + content.data, self._ids.secret()[:NONCE_BYTES]),
        )

    async def all_of(self, transfer: str) -> Mapping[tuple[str, str, str], Content]:
        """Everything stored about a transfer, opened, by `(iss, jti, name)`."""
        key = await self.part_key(transfer)
        rows = [ContentRow(*row) for row in await self._database.fetch("contents_by_transfer", transfer=transfer)]
        return {(row.iss, row.jti, row.name): open_row(key, row) for row in rows}

    async def some_of(self, transfer: str, keys: Sequence[tuple[str, str, str]]) -> list[Content]:
        """Named contents, in the order asked."""
        key = await self.part_key(transfer)
        rows = [ContentRow(*row) for row in await self._database.fetch("contents_by_key", keys=json.dumps(keys))]
        found = {(row.iss, row.jti, row.name): row for row in rows}
        return [open_row(key, found[wanted]) for wanted in keys]


def open_row(key: PartKey, row: ContentRow) -> Content:
    """Raises StorageError when the stored bytes were changed."""
    name = f"{row.iss}/{row.jti}/{row.name}"
    plain = key.open(name, row.sealed)
    return Content(row.name, plain[SECRET_BYTES:], row.media_type, plain[:SECRET_BYTES])
