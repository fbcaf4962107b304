"""Where commands read from: settings, trust file, a node's database, files, time."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gateway.app import DATABASE_FILE, load_trust
from gateway.cli.faults import CliError
from gateway.cli.screen import Screen
from gateway.crypto.keys import SigningKey, VerifyKey
from gateway.crypto.sealing import KeyEncryptionKey
from gateway.federation.registry import SIGNATURE_SUFFIX, TrustFile
from gateway.federation.trust_json import read_trust
from gateway.settings import Settings
from gateway.storage.database import load_queries
from gateway.storage.read_only import ReadOnlyDatabase
from gateway.system import SystemClock, package_folder
from gateway.transferlog.checkpoint import LOG_SIGNATURE, NoteKey
from gateway.transfers.log_reading import LogReading
from gateway.transfers.log_signer import LogSigner
from gateway.transfers.unit_of_work import Ledger

DEFAULT_CONFIG = Path("gateway.toml")
FILE_BYTES_MAX = 256 * 1024 * 1024


def settings_of(config: Path | None) -> Settings:
    """`--config`, else ./gateway.toml where there is one, else environment and defaults.  Raises SettingsError."""
    return Settings.load(config or (DEFAULT_CONFIG if DEFAULT_CONFIG.is_file() else None))


def moment(text: str) -> datetime:
    """`--at`, else now.  Raises CliError(`cli.usage`)."""
    if not text:
        return SystemClock().now()
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise CliError("cli.usage", "--at 应为带时区的 RFC 3339 时间", "--at takes an RFC 3339 time with its offset")
    return found.astimezone(UTC)


def read_file(path: Path, most: int = FILE_BYTES_MAX) -> bytes:
    """A whole file, bounded.  Raises CliError(`cli.not_found`, `cli.file_unreadable`, `cli.file_too_large`)."""
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except FileNotFoundError:
        raise CliError("cli.not_found", "没有此文件", "there is no such file", file=str(path)) from None
    except OSError as error:
        raise CliError(
            "cli.file_unreadable", "文件无法读取", "the file cannot be read", file=str(path), reason=type(error).__name__
        ) from None
    if len(data) > most:
        raise CliError("cli.file_too_large", "文件过大", "the file is over its size limit", file=str(path), limit=most)
    return data


def trust_of(screen: Screen, config: Path | None, trust_file: Path | None, registry_key: Path | None) -> TrustFile:
    """The trust file to go by.  One given by itself, without the registry's key, is read unverified, with a warning."""
    if trust_file is None:
        return load_trust(settings_of(config))
    raw = read_file(trust_file)
    if registry_key is None:
        screen.note(
            "注意:未给 --registry-key,信任文件的签名未核验。", "Note: without --registry-key the trust file's signature is not checked."
        )
        return TrustFile(read_trust(raw))
    signature = read_file(trust_file.with_name(trust_file.name + SIGNATURE_SUFFIX)).decode("ascii", "replace")
    return TrustFile.load(raw, signature, [read_public_key(registry_key)])


def read_public_key(path: Path) -> VerifyKey:
    """A public key as JWK.  Raises TrustError(`trust.bad_key`), CliError."""
    try:
        found = json.loads(read_file(path, 16 * 1024))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise CliError("cli.file_form", "不是 JWK 文件", "not a JWK file", file=str(path))
    return VerifyKey.from_jwk(found)


@dataclass(frozen=True, slots=True)
class OpenNode:
    """A node's database, opened for reading, with what reads it.  `settings` is None where only the data folder is known."""

    database: ReadOnlyDatabase
    reading: LogReading
    settings: Settings | None

    async def ledger(self) -> Ledger:
        """Signs heads and proofs as the node does, after comparing the stored tree with the stored root.

        Raises CliError(`cli.usage`) without settings, TransferLogError(`transferlog.broken_chain`).
        """
        if self.settings is None:
            raise CliError("cli.usage", "此项需要 --config(要用日志私钥)", "this needs --config: the log's own key signs it")
        key = SigningKey.load(self.settings.keys.log_key_file)
        signer = LogSigner(key, NoteKey(self.settings.log.origin, LOG_SIGNATURE, key.public_raw))
        ledger = Ledger(self.reading, SystemClock(), signer, lambda _lanes: None, lambda _agreements: None)
        await ledger.reset()
        return ledger


@asynccontextmanager
async def open_node(config: Path | None, data: Path | None, master_key: Path | None = None) -> AsyncIterator[OpenNode]:
    """The database of `--data` (folder or file) or of the settings; a running node is not disturbed.  Raises StorageError."""
    settings = None if data is not None else settings_of(config)
    path = data if settings is None else settings.node.data_folder
    assert path is not None
    file = path if path.is_file() else path / DATABASE_FILE
    key_file = master_key or (settings.keys.master_key_file if settings is not None else None)
    key = KeyEncryptionKey.load(key_file) if key_file is not None and key_file.is_file() else None
    database = ReadOnlyDatabase.open(file, load_queries(package_folder() / "storage" / "sql" / "queries.sql"), key)
    try:
        yield OpenNode(database, LogReading(database), settings)
    finally:
        await database.close()
