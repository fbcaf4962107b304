"""Backups of a node's database, and bringing one back.

A backup is one consistent copy of the file (SQLite's online backup, a running node is not disturbed) with a slip that says what
it is.  Part keys lie in it wrapped, so it is worth nothing without the master key, which is kept elsewhere.  What was erased
after the copy was made is still in it: `restore` therefore wants the list of all parts ever erased, which the transfer log has
and a backup cannot have, and destroys their keys in the new file before that bears the database's name.
Every file is flushed, checked and only then given its name, so that a crash leaves a whole backup or none.
"""

import json
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Final

from gateway.errors import StorageError
from gateway.model.canonical import jcs
from gateway.storage.schema import REVISIONS

FILE: Final = "gateway.db"
SLIP: Final = "backup.json"
FORM: Final = 1
PAGES_AT_ONCE: Final = 4096
NAMING_SINCE: Final = "0019"
NAMING: Final = (
    "UPDATE content_line SET text = '' WHERE part_id = ?",
    "UPDATE consent SET digest = 'erased', state = 'erased' WHERE scope = ?",
    "DELETE FROM flag_consent WHERE scope = ?",
)
"""What papers about several cases say of a part, and a consent that is the part: since that revision."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What a slip says.  `size` is the transfer log's; `master_keys` are the ids of the master keys it needs."""

    taken_at: str
    revision: str
    size: int
    root: str
    parts: int
    master_keys: tuple[str, ...]
    sha256: str


@dataclass(frozen=True, slots=True)
class Restored:
    """`destroyed` are the parts whose keys the backup still had."""

    backup: Backup
    destroyed: tuple[str, ...]


def back_up(source: Path, folder: Path, at: str) -> Backup:
    """Copy the database into a new folder.  Raises StorageError `storage.no_database`, `.backup_exists`, `.backup_broken`, `.failed`."""
    if not source.is_file():
        raise StorageError("storage.no_database", "没有此数据库文件", "there is no such database file", file=str(source))
    if (folder / SLIP).exists() or (folder / FILE).exists():
        raise StorageError("storage.backup_exists", "该目录已有备份", "the folder holds a backup already", folder=str(folder))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = folder / f"{FILE}.part"
    part.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as live, closing(sqlite3.connect(part)) as copy:
            live.backup(copy, pages=PAGES_AT_ONCE)
            copy.execute("PRAGMA journal_mode=DELETE")
            slip = _described(copy, at)
    except sqlite3.Error as error:
        raise StorageError("storage.failed", "数据库备份失败", "the database could not be copied", reason=type(error).__name__) from error
    slip = Backup(**{**asdict(slip), "sha256": _digest(part)})
    part.chmod(0o600)
    _name(part, folder / FILE)
    written = folder / f"{SLIP}.part"
    written.write_bytes(jcs({"v": FORM, **asdict(slip), "master_keys": list(slip.master_keys)}))
    _name(written, folder / SLIP)
    return slip


def read_backup(folder: Path) -> Backup:
    """The slip, after the copy was checked against it.  Raises StorageError `storage.backup_broken`, `storage.schema_too_new`."""
    try:
        told = json.loads((folder / SLIP).read_bytes())
        if told.pop("v") != FORM:
            raise ValueError
        slip = Backup(**{**told, "master_keys": tuple(told["master_keys"])})
        if _digest(folder / FILE) != slip.sha256:
            raise ValueError
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise _broken(folder) from error
    if slip.revision not in REVISIONS:
        raise StorageError(
            "storage.schema_too_new", "数据库版本比程序新", "the backup was written by a newer program", revision=slip.revision
        )
    return slip


def restore(folder: Path, target: Path, erased: Mapping[str, Mapping[str, str]]) -> Restored:
    """A checked backup as a new database file at `target`, without what was erased since.

    `erased`: by part id, `at`, `by`, `reason` of its erasure.  Raises StorageError `storage.database_exists`, and as `read_backup`.
    """
    slip = read_backup(folder)
    if target.exists() or target.with_name(target.name + "-wal").exists():
        raise StorageError(
            "storage.database_exists", "目标处已有数据库", "there is a database already; it is not replaced", file=str(target)
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    try:
        with (
            closing(sqlite3.connect(f"{(folder / FILE).absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as kept,
            closing(sqlite3.connect(part, isolation_level=None)) as made,
        ):
            kept.backup(made, pages=PAGES_AT_ONCE)
            made.execute("PRAGMA journal_mode=DELETE")
            made.execute("PRAGMA secure_delete=ON")
            if (slip.size, slip.root) != _head(made):
                raise _broken(folder)
            destroyed = _destroy(made, slip, erased)
            _check(made)
    except sqlite3.Error as error:
        raise StorageError("storage.failed", "数据库恢复失败", "the database could not be restored", reason=type(error).__name__) from error
    part.chmod(0o600)
    _name(part, target)
    return Restored(slip, destroyed)


def _destroy(connection: sqlite3.Connection, slip: Backup, erased: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
    """In one transaction: keys, sealed bytes, and the few values that no key protects any more."""
    there = {row[0] for row in connection.execute("SELECT part_id FROM part_key")}
    found = tuple(sorted(there & erased.keys()))
    connection.execute("BEGIN IMMEDIATE")
    for part in sorted(erased):
        for statement in (
            "DELETE FROM part_key WHERE part_id = ?",
            "UPDATE content SET sealed = x'' WHERE part_id = ?",
            "DELETE FROM proposal WHERE transfer = ?",
            "DELETE FROM difference WHERE transfer = ?",
            "UPDATE item SET record = 'erased-' || position, alike = '', issuer = '' WHERE transfer = ?",
            *(NAMING if slip.revision >= NAMING_SINCE else ()),
            "UPDATE transfer SET account = '' WHERE id = ?",
            "UPDATE owed SET claims = '{}', state = CASE WHEN state IN ('new', 'ready') THEN 'cancelled' ELSE state END WHERE transfer = ?",
        ):
            connection.execute(statement, (part,))
        how = erased[part]
        connection.execute(
            "INSERT INTO fate VALUES (?, 0, '', '', '', '', ?, ?, ?, -1) ON CONFLICT (part_id) DO UPDATE "
            "SET erased_at = excluded.erased_at, erased_by = excluded.erased_by, erased_reason = excluded.erased_reason, held_at = ''",
            (part, how.get("at", "") or "unknown", how.get("by", ""), how.get("reason", "")),
        )
    connection.execute("COMMIT")
    return found


def _described(connection: sqlite3.Connection, at: str) -> Backup:
    _check(connection)
    size, root = _head(connection)
    (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    keys = {row[0][1:5].hex() for row in connection.execute("SELECT wrapped FROM part_key")}
    (parts,) = connection.execute("SELECT COUNT(*) FROM part_key").fetchone()
    return Backup(at, str(revision), size, root, parts, tuple(sorted(keys)), "")


def _head(connection: sqlite3.Connection) -> tuple[int, str]:
    size, root = connection.execute("SELECT size, root FROM log_head WHERE one = 1").fetchone()
    return int(size), root.hex()


def _check(connection: sqlite3.Connection) -> None:
    if connection.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
        raise StorageError("storage.backup_broken", "备份已损坏", "the copy is damaged")


def _broken(folder: Path) -> StorageError:
    return StorageError("storage.backup_broken", "备份已损坏或不完整", "the backup is damaged or not whole", folder=str(folder))


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return file_digest(opened, "sha256").hexdigest()


def _name(made: Path, name: Path) -> None:
    """Give a flushed file its name, and flush that too."""
    for path in (made, None, name.parent):
        if path is None:
            made.replace(name)
            continue
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
