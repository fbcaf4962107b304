"""Somebody with a gateway's files and its master key: opens whatever they still open, and tries what the log commits to."""

import base64
import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.crypto.digests import salted_digest
from gateway.crypto.sealing import KeyEncryptionKey
from gateway.federation.message import Content
from gateway.storage.part_rows import ContentLineRow
from gateway.storage.rows import ContentRow, PartKeyRow
from gateway.storage.sealed_rows import DISPUTED_PLACE, MARK, MESSAGE, WRITES, Opener
from gateway.transferlog.leaf import Leaf, commit_record, leaf_bytes, parse_leaf
from gateway.transfers.shared_papers import legible
from gateway.transfers.vault import open_row

SECRET = 32


def spellings(value: str) -> set[bytes]:
    """A value as it might lie in a file: other encodings, hexadecimal, and base64 at each of its three places."""
    raw = value.encode()
    found = {raw, value.encode("gb18030"), value.encode("utf-16-le"), raw.hex().encode()}
    found |= {"".join(f"\\u{ord(each):04x}" for each in value).encode()} if not value.isascii() else set()
    for skipped in range(3):
        text = base64.b64encode(b"\0" * skipped + raw)
        found.add(text[4 if skipped else 0 : len(text) // 4 * 4 - 4])
    return {each for each in found if len(each) >= 6}


@dataclass(frozen=True)
class Burglar:
    """`files` are what he carried off; `key` the master key, kept beside them."""

    database: Path
    key: KeyEncryptionKey

    def in_clear(self, values: Iterable[str], folder: Path, but: Iterable[Path] = ()) -> list[tuple[str, str]]:
        """`(value, file)` wherever a value stands readable in any file of a folder."""
        found = []
        for file in sorted(each for each in folder.rglob("*") if each.is_file() and each not in set(but)):
            data = file.read_bytes()
            found += [(value, file.name) for value in values if any(spelling in data for spelling in spellings(value))]
        return found

    def opened(self) -> Iterator[bytes]:
        """Every byte string of the database, sealed ones opened with the keys that are left."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            keys = {row[0]: PartKeyRow(*row) for row in connection.execute("SELECT * FROM part_key")}
            tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in tables:
                for row in connection.execute(f"SELECT * FROM {table}"):
                    yield from (value.encode() if isinstance(value, str) else value for value in row if isinstance(value, str | bytes))
                    yield from self._columns(table, row, keys)
                    if table == "content" and row[4] in keys and row[8]:
                        content = open_row(self.key.open_part_key(row[4], keys[row[4]].wrapped), ContentRow(*row))
                        yield content.secret
                        yield content.data
                        if row[9]:
                            yield from self._pieced(connection, row[:3], content, keys)

    def _pieced(
        self, connection: sqlite3.Connection, paper: tuple[str, ...], rest: Content, keys: dict[str, PartKeyRow]
    ) -> Iterator[bytes]:
        """A paper about several cases, as far as the keys that are left piece it together, and what is left of its secret."""
        found = connection.execute("SELECT * FROM content_line WHERE (iss, jti, name) = (?, ?, ?)", paper)
        lines = [ContentLineRow(*row[:5], each.decode()) for row in found for each in self._columns("content_line", row, keys)]
        secret = rest.secret
        for line in lines:
            secret = bytes(a ^ b for a, b in zip(secret, bytes.fromhex(line.text[: 2 * SECRET]), strict=True))
        yield secret
        yield legible(rest, lines, b"[]")

    def _columns(self, table: str, row: tuple[Any, ...], keys: dict[str, PartKeyRow]) -> Iterator[bytes]:
        columns = MESSAGE if table == "message" else WRITES.get(f"{table}_put")
        if table == "statement":
            known = json.dumps({part: each.wrapped.hex() for part, each in keys.items()})
            yield from (str(each[DISPUTED_PLACE]).encode() for each in Opener(self.key).rows("statements_all", [(*row, known)]))
        if columns is None or row[columns.part] not in keys:
            return
        key = self.key.open_column_key(row[columns.part], keys[row[columns.part]].wrapped)
        for place, name in columns.texts.items():
            if isinstance(row[place], str) and row[place].startswith(MARK):
                yield key.open(name, base64.b64decode(row[place][1:]))
        for place, name in columns.blobs.items():
            if row[place]:
                yield key.open(name, row[place])

    def finds(self, values: Iterable[str]) -> list[str]:
        """Which values he can read."""
        everything = b"\n".join(self.opened())
        return [value for value in values if any(spelling in everything for spelling in spellings(value))]

    def secrets(self) -> set[bytes]:
        """Everything he holds that might be a secret: 32 bytes, or as many in hexadecimal or base64 in a text."""
        found: set[bytes] = set()
        for value in self.opened():
            if len(value) == SECRET:
                found.add(value)
            for word in _DIGEST.findall(value) if len(value) < 1 << 20 else ():
                found.add(bytes.fromhex(word.decode()) if len(word) == 2 * SECRET else base64.urlsafe_b64decode(word + b"="))
        return found

    def carved(self, values: Iterable[bytes], folder: Path) -> list[bytes]:
        """Which of these keys or secrets lie anywhere in any file, as bytes or as text: in a page, a freed page, the log written ahead."""
        files = [file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()]
        return [value for value in values if any(each in data for data in files for each in written_forms(value))]

    def leaves(self) -> list[Leaf]:
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            return [parse_leaf(row[0]) for row in connection.execute("SELECT leaf FROM log_entry ORDER BY idx")]

    def matches(self, records: Iterable[Mapping[str, str]], documents: Iterable[bytes]) -> set[str]:
        """The commitments of leaves that he can show to be of these records or documents, which he has guessed rightly.

        Every guess is tried with every secret he holds against every digest that any leaf, or an envelope in it, has anywhere.
        """
        records, documents, found = list(records), list(documents), set()
        for secret in self.secrets() | {bytes(SECRET)}:
            found |= {commit_record(secret, record) for record in records} | {salted_digest(secret, each) for each in documents}
        return found & self.committed()

    def committed(self) -> set[str]:
        """Every digest in any leaf: its `cm`s, its contents, its answer, its facts, and what the envelopes in it claim."""
        wanted: set[str] = set()
        for leaf in self.leaves():
            claims = leaf.envelope.split(".")[1] if leaf.envelope else ""
            for text in (leaf_bytes(leaf), base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))):
                wanted |= {each.decode() for each in _DIGEST.findall(text)}
        return wanted


def written_forms(value: bytes) -> set[bytes]:
    """A key as it might lie in a file."""
    return {value, value.hex().encode(), base64.b64encode(value).rstrip(b"="), base64.urlsafe_b64encode(value).rstrip(b"=")}


_DIGEST = re.compile(rb"(?<![\w-])(?:[0-9a-f]{64}|[\w-]{43})(?![\w-])")
