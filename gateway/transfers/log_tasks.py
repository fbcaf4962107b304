"""What a node does for its log beside writing it, where it is told to: the exported folder, and time stamps."""

from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from gateway.crypto.timestamps import Authority
from gateway.errors import SettingsError
from gateway.model.ports import Clock, IdSource
from gateway.storage.database import Database
from gateway.transfers.log_export import LogExport
from gateway.transfers.log_files import LogFiles
from gateway.transfers.stamping import Ask, Stamping

Task: TypeAlias = Callable[[], Coroutine[Any, Any, None]]


def export_tasks(files: LogFiles, folder: Path | None, every_s: float) -> tuple[Task, ...]:
    """The folder kept up to date, where one is named."""
    return (partial(LogExport(files.reading, files.checkpoint, folder).run, every_s),) if folder is not None else ()


def stamp_tasks(
    database: Database, files: LogFiles, clock: Clock, ids: IdSource, ask: Ask | None, certificate: Path | None, every_s: float
) -> tuple[Task, ...]:
    """Time stamps, where an authority is named.  Raises SettingsError(`settings.timestamp`)."""
    if ask is None:
        return ()
    return (Stamping(database, files.reading, files.ledger.note, ask, load_authority(certificate), clock, ids, every_s).run,)


def load_authority(file: Path | None) -> Authority:
    """The pinned certificate.  Raises SettingsError(`settings.timestamp`)."""
    try:
        raw = b"" if file is None else file.read_bytes()
    except OSError as error:
        raise SettingsError(
            "settings.timestamp", "时间戳机构的证书无法读取", "the authority's certificate cannot be read", reason=type(error).__name__
        ) from error
    return Authority.load(raw)
