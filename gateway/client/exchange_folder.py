"""The exchange folder of a bank that speaks in files, from the bank's side of its SFTP server: plain disk operations.

    to-gateway/            this bank's messages; `done/` and `refused/` below it are what the gateway has taken
    from-gateway/          the gateway's messages; `refused/` below it is what this bank did not believe

A file appears whole or not at all: written under a temporary name (a dot in front, which no message file has),
flushed, renamed.  The gateway's login can write here too, so nothing but a regular file is ever opened, and a
name that is not of a message is never joined to a path.  Sentences: docs/transports.md, TR-17 to TR-48.
"""

import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeAlias

from gateway.federation import framing

TO_GATEWAY: Final = "to-gateway"
DONE: Final = "to-gateway/done"
REFUSED: Final = "to-gateway/refused"
FROM_GATEWAY: Final = "from-gateway"
ASIDE: Final = "from-gateway/refused"
FOLDERS: Final = (TO_GATEWAY, DONE, REFUSED, FROM_GATEWAY, ASIDE)
ENTRIES_MAX: Final = 10_000
"""Entries of one folder that are looked at in one round."""
MESSAGE_FILE: Final = re.compile(rf"({framing.FILE_NAME.pattern})\.([a-z][a-z0-9-]{{0,63}})")
Groups: TypeAlias = Mapping[str, Mapping[str, int]]
"""NAME → what stands behind the dot → size in bytes."""


class ExchangeFolder:
    """The folder `path`, which the bank's SFTP server shows to the gateway.  Every method may raise OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def prepare(self) -> None:
        """Make the folders below; the folder itself must be there, as the SFTP server shows it."""
        for name in FOLDERS:
            (self._path / name).mkdir(parents=True, exist_ok=True)

    def groups(self, folder: str) -> Groups:
        """The files of each message.  Other names, links and folders are not looked at."""
        found: dict[str, dict[str, int]] = {}
        with os.scandir(self._path / folder) as entries:
            for count, entry in enumerate(entries):
                if count == ENTRIES_MAX:
                    break
                named = MESSAGE_FILE.fullmatch(entry.name)
                if named is None or not entry.is_file(follow_symlinks=False):
                    continue
                with suppress(FileNotFoundError):  # moved while we looked
                    found.setdefault(named[1], {})[named[2]] = entry.stat(follow_symlinks=False).st_size
        return found

    def read(self, folder: str, name: str, suffix: str, size: int) -> bytes | None:
        """The bytes of a file; None where it is gone or no longer of the size that was listed (somebody still writes)."""
        try:
            opened = os.open(self._at(folder, name, suffix), os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        with os.fdopen(opened, "rb") as file:
            data = file.read(size + 1)
        return data if len(data) == size else None

    def put(self, folder: str, name: str, suffix: str, data: bytes) -> None:
        """Write under a temporary name, flush, then rename; a file of that name is replaced whole."""
        target = self._at(folder, name, suffix)
        beside = target.with_name(f".{target.name}.tmp")
        self.write(beside, data)
        self.rename(beside, target)

    def remove(self, folder: str, name: str, suffixes: Iterable[str]) -> None:
        """Take files of a message away, in this order, then whatever a broken-off writing of it has left."""
        for suffix in suffixes:
            self.unlink(self._at(folder, name, suffix))
        for left in (self._path / folder).glob(f".{name}.*.tmp"):
            self.unlink(left)

    def move(self, folder: str, name: str, suffixes: Iterable[str], target: str) -> None:
        """Into another folder, in this order, replacing; what is gone was moved before."""
        for suffix in suffixes:
            with suppress(FileNotFoundError):
                self.rename(self._at(folder, name, suffix), self._at(target, name, suffix))

    # -- the three steps everything above is made of --

    def write(self, beside: Path, data: bytes) -> None:
        """A new file, never through a link somebody has put there."""
        beside.unlink(missing_ok=True)
        with beside.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def rename(self, source: Path, target: Path) -> None:
        source.replace(target)

    def unlink(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def _at(self, folder: str, name: str, suffix: str) -> Path:
        assert MESSAGE_FILE.fullmatch(f"{name}.{suffix}"), "names come from listings and ids"
        return self._path / folder / f"{name}.{suffix}"
