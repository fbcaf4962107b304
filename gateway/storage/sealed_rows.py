"""Personal values that stand in rows are sealed under their part's key, whoever reads or writes the row.

Papers are sealed by whoever stores them; here it is the few short values that the use cases work with: record ids, account
numbers, stored answers.  `SealedDatabase` stands in front of a driver.  A query of `READS` gives the part's wrapped key in its
last column, so a row is opened by the master key and itself; a statement of `WRITES` has its columns sealed before they reach
the driver.  A part whose key is destroyed gives empty values: nothing else has to be deleted for them to be gone.

An answer that belongs to no part gets a key of its own, made of the answer's own secret, which is then sealed under it.
"""

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from gateway.crypto.sealing import ColumnKey, KeyEncryptionKey
from gateway.model.canonical import jcs
from gateway.storage.database import Database, Decide, Read, Row, Write

MARK: Final = "\x01"
"""Begins a sealed text.  No document that a bank signs can hold this character."""
NOT_PERSONAL: Final = frozenset({"token", "collect"})
"""Acts whose answers name nobody: an assertion that was used, the ids of what a mailbox handed out."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a row's part id stands, which of its texts and bytes are sealed, and in which JSON list of lists the first value is.

    `own`: what was read of another part than the transaction's own, and may have been erased meanwhile: without a key it is not kept.
    """

    part: int
    texts: Mapping[int, str] = field(default_factory=dict)
    blobs: Mapping[int, str] = field(default_factory=dict)
    listed: Mapping[int, str] = field(default_factory=dict)
    own: bool = False


RECORD: Final = "item/record"
CLAIMS: Final = "owed/claims"
ISSUER: Final = "item/issuer"
ITEM: Final = Columns(0, {2: RECORD, 14: "item/alike", 15: ISSUER})
TRANSFER: Final = Columns(0, {21: "transfer/account"})
PROPOSAL: Final = Columns(0, {2: "proposal/items"})
DIFFERENCE: Final = Columns(2, {3: "difference/subject", 4: "difference/ours", 5: "difference/theirs"})
DISPUTED: Final = "statement/disputed"
DISPUTED_PLACE: Final = 16
"""A statement's row is of many parts: JSON, member to `[part, value, …]`, each value under the key of the part beside it."""
LINE: Final = Columns(4, {5: "content_line/text"}, own=True)
OWED: Final = Columns(2, {7: CLAIMS})
FLAG: Final = Columns(3, {4: "flag/record"})
FLAG_CONSENT: Final = Columns(0, {5: "flag_consent/records"})
MESSAGE: Final = Columns(12, blobs={7: "message/answer", 8: "message/secret"})
READS: Final[Mapping[str, Columns]] = {
    "messages_by_key": MESSAGE,
    "transfers_by_id": TRANSFER,
    "transfers_of_learner": TRANSFER,
    "items_by_transfer": ITEM,
    "items_past": Columns(0, {2: RECORD}),
    "items_alike": Columns(0, {5: RECORD, 9: "item/alike"}),
    "proposals_by_transfer": PROPOSAL,
    "owed_by_transfer": OWED,
    "owed_due": OWED,
    "transfers_state": Columns(0, listed={3: RECORD}),
    "statement_cases": Columns(1, listed={4: RECORD}),
    "recount_issuers": Columns(0, {9: ISSUER}),
    "differences_open": DIFFERENCE,
    "differences_untold": DIFFERENCE,
    "differences_of_member": DIFFERENCE,
    "content_lines": LINE,
    "flags_of_learners": FLAG,
    "flag_by_scope": FLAG,
    "flags_own": FLAG,
    "flag_consent_by_scope": FLAG_CONSENT,
    "flag_consents_held": FLAG_CONSENT,
}
WRITES: Final[Mapping[str, Columns]] = {
    "transfer_put": TRANSFER,
    "item_put": ITEM,
    "proposal_put": PROPOSAL,
    "owed_put": OWED,
    "difference_put": DIFFERENCE,
    "content_line_put": LINE,
    "flag_put": FLAG,
    "flag_consent_put": FLAG_CONSENT,
}


MANY: Final = frozenset({"statements_by_id", "statements_all"})
"""Queries of statements: their last column is JSON, the wrapped key (hex) of each part that the row names."""
RECORDS: Final = '"records"'
"""Only claims that name records are sealed: the others say which event it is, and every commit writes some."""


class _KeysWantedError(Exception):
    """The decision writes to parts whose keys were not read."""

    def __init__(self, parts: set[str]) -> None:
        super().__init__()
        self.parts = parts


def answer_part(iss: str, jti: str) -> str:
    """The part id of an answer that belongs to no part: SHA-256 (hex) of the JCS bytes of `["ceg-answer", iss, jti]`."""
    return sha256(jcs(["ceg-answer", iss, jti])).hexdigest()


@dataclass(frozen=True, slots=True)
class Opener:
    """Opens rows.  Without the master key what is sealed is given as it is where somebody's key is gone: empty."""

    key: KeyEncryptionKey | None

    def rows(self, name: str, rows: Iterable[Row]) -> list[Row]:
        """The rows of a named query with their values open and without the key's column."""
        columns = READS.get(name)
        if name in MANY:
            return [self._statement(row) for row in rows]
        if columns is None:
            return [tuple(row) for row in rows]
        keys: dict[str, ColumnKey | None] = {}
        return [self._row(columns, row, keys) for row in rows]

    def _row(self, columns: Columns, row: Row, keys: dict[str, ColumnKey | None]) -> Row:
        *values, wrapped = row
        part = values[columns.part]
        if part not in keys:
            known = self.key is not None and wrapped is not None
            keys[part] = self.key.open_column_key(part, wrapped) if self.key is not None and known else None
        key = keys[part]
        for place, name in columns.texts.items():
            values[place] = _opened(key, name, values[place])
        for place, name in columns.blobs.items():
            if part:
                values[place] = key.open(name, values[place]) if key is not None and values[place] else b""
        for place, name in columns.listed.items():
            items = json.loads(values[place] or "[]")
            values[place] = json.dumps([[_opened(key, name, item[0]), *item[1:]] for item in items])
        return tuple(values)

    def _statement(self, row: Row) -> Row:
        *values, wrapped = row
        keys: dict[str, ColumnKey | None] = {}
        if self.key is not None:
            keys = {part: self.key.open_column_key(part, bytes.fromhex(each)) for part, each in json.loads(wrapped).items()}
        values[DISPUTED_PLACE] = _of_parts(values[DISPUTED_PLACE], lambda part, value: _opened(keys.get(part), DISPUTED, value))
        return tuple(values)


def parts_of(disputed: str) -> set[str]:
    """The parts that a statement's disputed items name."""
    return {item[0] for items in json.loads(disputed).values() for item in items}


def _of_parts(disputed: str, change: Callable[[str, str], str]) -> str:
    told = json.loads(disputed)
    return json.dumps({who: [[part, change(part, value), *more] for part, value, *more in told[who]] for who in sorted(told)})


def _opened(key: ColumnKey | None, name: str, value: Any) -> Any:
    if not isinstance(value, str) or not value.startswith(MARK):
        return value
    return key.open(name, base64.b64decode(value[1:])).decode("utf-8", "surrogatepass") if key is not None else ""


def _sealed(key: ColumnKey, name: str, value: Any) -> Any:
    """A sealed text.  What is empty, or no text, or sealed already (it was read by a query that does not open), stays as it is."""
    if not isinstance(value, str) or not value or value.startswith(MARK) or (name == CLAIMS and RECORDS not in value):
        return value
    return MARK + base64.b64encode(key.seal(name, value.encode("utf-8", "surrogatepass"))).decode("ascii")


class SealedDatabase:
    """A `Database` in front of another."""

    def __init__(self, database: Database, key: KeyEncryptionKey) -> None:
        self._database = database
        self._key = key
        self._opener = Opener(key)

    async def fetch(self, name: str, **params: str | int) -> list[Row]:
        return self._opener.rows(name, await self._database.fetch(name, **params))

    async def group(self, reads: Sequence[Read], decide: Decide) -> None:
        """As the driver's.  Where the decision turns out to write to parts whose keys it did not read, it is taken once more with them."""
        parts = {part for read in reads if read.name == "transfers_by_id" for part in json.loads(str(read.params["ids"]))}
        while True:
            try:
                await self._once(reads, decide, parts)
            except _KeysWantedError as wanted:
                parts |= wanted.parts
                continue
            return

    async def _once(self, reads: Sequence[Read], decide: Decide, parts: set[str]) -> None:
        keys = Read("part_keys_by_id", {"ids": json.dumps(sorted(parts))})

        def sealing(rows: Sequence[list[Row]]) -> Sequence[Write]:
            found = [self._opener.rows(read.name, got) for read, got in zip(reads, rows, strict=False)]
            return Sealing(self._key, dict.fromkeys(parts) | {row[0]: row[1] for row in rows[-1]}).writes(decide(found))

        await self._database.group([*reads, keys], sealing)

    async def truncate_log(self) -> bool:
        """See the driver."""
        return await self._database.truncate_log()

    async def close(self) -> None:
        await self._database.close()


class Sealing:
    """Seals the writes of one transaction.  `wrapped`: by part id; None for a part that was looked for and has no key."""

    def __init__(self, key: KeyEncryptionKey, wrapped: dict[str, bytes | None]) -> None:
        self._key = key
        self._wrapped = wrapped
        self._open: dict[str, ColumnKey | None] = {}

    def writes(self, writes: Sequence[Write]) -> list[Write]:
        """Raises `_KeysWantedError` with every part whose key has to be looked for."""
        for write in writes:  # keys that come and go in this very transaction
            if write.name == "part_key_put":
                self._wrapped |= {row[0]: row[2] for row in write.rows}
        for write in writes:
            if write.name == "part_key_forget":
                self._wrapped |= {row[0]: None for row in write.rows}
        wanted = {part for write in writes for part in self._parts(write)} - self._wrapped.keys()
        if wanted:
            raise _KeysWantedError(wanted)
        found: list[Write] = []
        own: list[Row] = []
        for write in writes:
            if write.name == "message_add":
                found.append(Write(write.name, [self._message(row, own) for row in write.rows], write.hits))
            elif write.name == "statement_put":
                found.append(Write(write.name, [self._statement(row) for row in write.rows], write.hits))
            elif write.name in WRITES:
                found.append(Write(write.name, [self._row(WRITES[write.name], row) for row in write.rows], write.hits))
            else:
                found.append(write)
        return [*found, Write("part_key_put", own)] if own else found

    @staticmethod
    def _parts(write: Write) -> set[str]:
        if write.name == "message_add":
            return {row[MESSAGE.part] or row[4] for row in write.rows} - {""}
        if write.name == "statement_put":
            return {part for row in write.rows for part in parts_of(row[DISPUTED_PLACE])}
        return {row[WRITES[write.name].part] for row in write.rows} - {""} if write.name in WRITES else set()

    def _key_of(self, part: str) -> ColumnKey | None:
        if part not in self._open:
            wrapped = self._wrapped.get(part)
            self._open[part] = self._key.open_column_key(part, wrapped) if wrapped is not None else None
        return self._open[part]

    def _row(self, columns: Columns, row: Sequence[Any]) -> Row:
        key = self._key_of(row[columns.part])
        if key is None and not columns.own:
            return tuple(row)
        values = list(row)
        for place, name in columns.texts.items():
            values[place] = _sealed(key, name, values[place]) if key is not None else ""
        return tuple(values)

    def _statement(self, row: Sequence[Any]) -> Row:
        """What names a part without a key is not written: it is erased, or nobody's."""

        def change(part: str, value: str) -> str:
            key = self._key_of(part)
            return _sealed(key, DISPUTED, value) if key is not None else ""

        values = list(row)
        values[DISPUTED_PLACE] = _of_parts(values[DISPUTED_PLACE], change)
        return tuple(values)

    def _message(self, row: Sequence[Any], own: list[Row]) -> Row:
        """The answer under the key of the part it names, else its scope's or, where that has none, under one of its own."""
        iss, jti, _, act, scope, at, *_ = row
        if act in NOT_PERSONAL:
            return tuple(row)
        part = row[MESSAGE.part] or scope
        key = self._key_of(part) if part else None
        if key is None:
            part = answer_part(iss, jti)
            _, wrapped = self._key.new_part_key(part, sha256(b"ceg-answer-key-1\0" + row[8]).digest())
            own.append((part, "", wrapped, at))
            key = self._key.open_column_key(part, wrapped)
        values = list(row)
        for place, name in MESSAGE.blobs.items():
            values[place] = key.seal(name, values[place]) if values[place] else b""
        values[MESSAGE.part] = part
        return tuple(values)
