"""A rebuild's look at the content store: what each signed act brought is there, under the digest its leaf names, or is gone by an erasure.

With the node's master key the stored bytes are opened and hashed anew, so that a changed byte is found, and each case's records are
compared with the request that named them.  Without it only digests and lengths are compared.
An order about a part's keeping is not kept as a content: its leaf's `facts` say all of it.
"""

import json
from collections.abc import Sequence

from gateway.crypto.digests import salted_digest
from gateway.crypto.sealing import KeyEncryptionKey, PartKey
from gateway.errors import GatewayError
from gateway.federation.message import Content
from gateway.mapping.documents import read as read_document
from gateway.mapping.schema import Standard
from gateway.model.documents import Request
from gateway.storage.database import Read
from gateway.storage.part_rows import ContentLineRow
from gateway.storage.read_only import ReadOnlyDatabase
from gateway.storage.rows import ContentRow, ItemRow, PartKeyRow
from gateway.transferlog.erased import SCOPE as PART
from gateway.transferlog.leaf import Leaf
from gateway.transferlog.rebuild import NOT_DONE, OPENED, Rebuild
from gateway.transfers.rebuilt import NO_ROW, Comparison
from gateway.transfers.shared_papers import lines_of, whole
from gateway.transfers.vault import open_row

LEAVES_AT_ONCE = 256


class ContentCheck:
    """Give it the leaves in order, `LEAVES_AT_ONCE` at a time; ask `end` once all were given."""

    def __init__(self, database: ReadOnlyDatabase, told: Comparison, key: KeyEncryptionKey | None, standard: Standard | None) -> None:
        self._database = database
        self._told = told
        self._key = key
        self._standard = standard
        self._waiting: list[Leaf] = []
        self._missing: list[tuple[str, str, str]] = []
        if key is not None:
            told.opened = 0

    def take(self, leaf: Leaf) -> None:
        if leaf.content and leaf.type not in NOT_DONE and not leaf.scope.startswith(PART):
            self._waiting.append(leaf)
            if len(self._waiting) >= LEAVES_AT_ONCE:
                self._compare()

    def end(self, rebuilt: Rebuild) -> None:
        """What is not there is erased, where the log tells of that, else a difference."""
        self._compare()
        for table, part, name in self._missing:
            if rebuilt.erased(part):
                self._told.erased.add(part)
            else:
                self._told.tell(table, name, "sd" if table == "content" else "part_id", "logged", NO_ROW)

    def _compare(self) -> None:
        leaves, self._waiting = self._waiting, []
        wanted = [[leaf.iss, leaf.jti, name] for leaf in leaves for name, _, _ in leaf.content]
        rows = [ContentRow(*row) for row in self._database.rows(Read("contents_by_key", {"keys": json.dumps(wanted)}))]
        found = {(row.iss, row.jti, row.name): row for row in rows}
        keys: dict[str, PartKey | None] = {}
        for leaf in leaves:
            for name, sd, length in leaf.content:
                row = found.get((leaf.iss, leaf.jti, name))
                if row is None:
                    self._lost("content", leaf.scope, f"{leaf.iss}/{leaf.jti}/{name}")
                    continue
                self._told.count("content")
                place = f"{row.iss}/{row.jti}/{row.name}"
                self._told.tell("content", place, "sd", sd, row.sd)
                self._told.tell("content", place, "length", length, row.length)
                self._open(leaf, row, place, keys)

    def _open(self, leaf: Leaf, row: ContentRow, place: str, keys: dict[str, PartKey | None]) -> None:
        if row.part_id not in keys:
            keys[row.part_id] = self._part_key(row.part_id)
        key = keys[row.part_id]
        if key is None:
            return
        try:
            content = open_row(key, row)
        except GatewayError as error:
            self._told.tell("content", place, "sealed", row.sd, error.code)
            return
        assert self._told.opened is not None
        self._told.opened += 1
        if row.lines:
            put_together = self._put_together(row, content, place)
            if put_together is None:
                return
            content = put_together
        self._told.tell("content", place, "sealed", row.sd, salted_digest(content.secret, content.data))
        if leaf.type == OPENED and row.name == "request" and self._standard is not None:
            self._records(leaf.scope, read_document(content.data, Request, self._standard).records)

    def _put_together(self, row: ContentRow, rest: Content, place: str) -> Content | None:
        """The paper with the stretches that name single cases; None where one is gone, or does not open."""
        try:
            lines = [ContentLineRow(*each) for each in self._database.rows(lines_of(row))]
            for line in lines:
                if not line.text:
                    self._lost("content_line", line.part_id, f"{place}/{line.line}")
            return whole(rest, row.lines, lines) if all(line.text for line in lines) else None
        except GatewayError as error:
            self._told.tell("content", place, "sealed", row.sd, error.code)
            return None

    def _records(self, transfer: str, records: Sequence[str]) -> None:
        """The case's items are the records its request named, in that order."""
        items = [ItemRow(*row) for row in self._database.rows(Read("items_by_transfer", {"ids": json.dumps([transfer])}))]
        for item in items:
            asked = records[item.position] if 0 <= item.position < len(records) else ""
            self._told.tell("item", f"{transfer}/{item.position}", "record", asked, item.record)

    def _part_key(self, part: str) -> PartKey | None:
        rows = self._database.rows(Read("part_key_by_id", {"part_id": part}))
        if not rows:
            self._lost("part_key", part, part)
            return None
        if self._key is None:
            return None
        try:
            return self._key.open_part_key(part, PartKeyRow(*rows[0]).wrapped)
        except GatewayError as error:
            self._told.tell("part_key", part, "wrapped", "opens", error.code)
            return None

    def _lost(self, table: str, part: str, name: str) -> None:
        if (table, part, name) not in self._missing[-LEAVES_AT_ONCE:]:
            self._missing.append((table, part, name))
