"""Contents at rest: every personal byte under its part's own key.

A part has one key for everything stored about it; deleting the wrapped key erases all of it at
once.  The part id is the transfer id: one learner, one case, one key.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

from gateway.crypto.digests import salted_digest
from gateway.crypto.sealing import KeyEncryptionKey, PartKey
from gateway.errors import ErasedError
from gateway.federation.message import Content
from gateway.federation.protocol import SECRET_BYTES
from gateway.model.ports import IdSource
from gateway.storage.database import Database
from gateway.storage.part_rows import ContentLineRow
from gateway.storage.rows import ContentRow, PartKeyRow
from gateway.transfers.shared_papers import cut, legible, lines_of, whole

NONCE_BYTES = 12
Naming: TypeAlias = Callable[[bytes], Sequence[tuple[str, bytes]]]
"""The stretches of some bytes that are about single parts, in their order (`shared_papers.cut`)."""
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

    def seal_named(
        self, key: PartKey, part: str, iss: str, jti: str, contents: Iterable[Content], naming: Mapping[str, Naming]
    ) -> tuple[tuple[ContentRow, ...], tuple[ContentLineRow, ...]]:
        """Like `seal`, where contents may name other parts.  `naming`, by content name: what of its bytes is about which part."""
        rows: list[ContentRow] = []
        lines: list[ContentLineRow] = []
        for content in contents:
            named = naming[content.name](content.data) if content.name in naming else ()
            if not named:
                rows.append(self._seal(key, part, iss, jti, content, None))
                continue
            found = cut(content, iss, jti, named, self._ids.secret)
            row = self._seal(key, part, iss, jti, found.rest, salted_digest(content.secret, content.data))
            rows.append(row._replace(length=len(content.data), lines=len(found.lines)))
            lines += found.lines
        return tuple(rows), tuple(lines)

    async def all_of(self, transfer: str) -> Mapping[tuple[str, str, str], Content]:
        """Everything stored about a transfer, opened, by `(iss, jti, name)`, but what names others and is not whole any more."""
        key = await self.part_key(transfer)
        rows = [ContentRow(*row) for row in await self._database.fetch("contents_by_transfer", transfer=transfer)]
        found: dict[tuple[str, str, str], Content] = {}
        for row in rows:
            try:
                found[row.iss, row.jti, row.name] = await self._opened(key, row)
            except ErasedError:
                continue
        return found

    async def some_of(self, transfer: str, keys: Sequence[tuple[str, str, str]]) -> list[Content]:
        """Named contents, in the order asked."""
        key = await self.part_key(transfer)
        rows = [ContentRow(*row) for row in await self._database.fetch("contents_by_key", keys=json.dumps(keys))]
        found = {(row.iss, row.jti, row.name): row for row in rows}
        return [await self._opened(key, found[wanted]) for wanted in keys]

    async def legible(self, transfer: str, key: tuple[str, str, str], blank: bytes) -> bytes:
        """A paper about several cases, with `blank` for what is said of those that were erased."""
        rows = [ContentRow(*row) for row in await self._database.fetch("contents_by_key", keys=json.dumps([key]))]
        found = open_row(await self.part_key(transfer), rows[0])
        return legible(found, await self._lines(rows[0]), blank) if rows[0].lines else found.data

    async def _opened(self, key: PartKey, row: ContentRow) -> Content:
        found = open_row(key, row)
        return whole(found, row.lines, await self._lines(row)) if row.lines else found

    async def _lines(self, row: ContentRow) -> list[ContentLineRow]:
        read = lines_of(row)
        return [ContentLineRow(*each) for each in await self._database.fetch(read.name, **read.params)]


def open_row(key: PartKey, row: ContentRow) -> Content:
    """Of a paper about several cases: what is left without its stretches.  Raises StorageError when the stored bytes were changed."""
    name = f"{row.iss}/{row.jti}/{row.name}"
    plain = key.open(name, row.sealed)
    return Content(row.name, plain[SECRET_BYTES:], row.media_type, plain[:SECRET_BYTES])
