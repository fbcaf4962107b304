"""The SFTP server of a bank that speaks in files, on loopback, for the sandbox: it shows one exchange folder to the gateway.

Keys are made on the first start and stay; the port is another one each time, so the pinned host key is written anew.
The server's faults are the bank's switches: each session is one request of its wire, and what it meets is fixed when it begins.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from os import stat_result
from pathlib import Path
from typing import Any, Final

import asyncssh

from gateway.simulator.switches import Fate, Wire, altered_bytes

USER = "ceg"
EXCHANGE = "exchange"
RECEIPT: Final = b".receipt"
ENVELOPE: Final = b".jws"
KEPT: Final = (RECEIPT, b".secrets")
"""Answers and secrets are never altered, as over HTTP."""


@dataclass(frozen=True, slots=True)
class SftpHost:
    """A listening server.  `exchange` is the folder it shows; the two files are what the gateway reaches it with."""

    endpoint: str
    exchange: Path
    login_key_file: Path
    known_hosts_file: Path


class SwitchedServer(asyncssh.SFTPServer):
    """One session.  Looking for the folders is the first thing the gateway does in each."""

    def __init__(self, channel: Any, root: Path, wire: Wire) -> None:
        super().__init__(channel, chroot=bytes(root))
        self._wire = wire
        self._fate: Fate | None = None

    @property
    def fate(self) -> Fate:
        if self._fate is None:
            self._fate = self._wire.fate()
        return self._fate

    async def stat(self, path: bytes) -> stat_result:
        """As the session's first request it waits out the delay, and fails with all of the session where nothing arrives."""
        begins = self._fate is None
        fate = self.fate
        if begins:
            await asyncio.sleep(fate.delay_s)
        if fate.lost:
            raise asyncssh.SFTPConnectionLost("switched off")
        found: Any = super().stat(path)
        assert isinstance(found, stat_result)
        return found

    def read(self, file_obj: Any, offset: int, size: int) -> bytes:
        """What the gateway reads, with one byte changed where so switched."""
        data: Any = super().read(file_obj, offset, size)
        assert isinstance(data, bytes)
        return self._arrives(file_obj.name, data)

    def write(self, file_obj: Any, offset: int, data: bytes) -> int:
        """What the gateway lays down, likewise."""
        written: Any = super().write(file_obj, offset, self._arrives(file_obj.name, data))
        assert isinstance(written, int)
        return written

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        """The last step of every message: here it is doubled, and here its answer is lost."""
        old, new = self._local(oldpath), self._local(newpath)
        if self.fate.twice and new.parent.name == "done" and newpath.endswith(RECEIPT) and b'"repeated":true' not in old.read_bytes():
            for file in sorted(new.parent.glob(f"{new.stem}.*")):  # the message lies there once more, to be taken again
                shutil.copyfile(file, old.parent / file.name)
        super().posix_rename(oldpath, newpath)
        if self.fate.answer_lost and newpath.endswith((RECEIPT, ENVELOPE)):
            raise asyncssh.SFTPConnectionLost("switched off")

    def _arrives(self, name: bytes, data: bytes) -> bytes:
        spared = not self.fate.altered or not data or any(kept in name for kept in KEPT)
        return data if spared else altered_bytes(data)

    def _local(self, path: bytes) -> Path:
        return Path(self.map_path(path).decode())


@asynccontextmanager
async def sftp_host(folder: Path, wire: Wire) -> AsyncIterator[SftpHost]:
    """Listen over `folder`/root while the body runs; nothing outside of it can be seen."""
    root = folder / "root"
    (root / EXCHANGE).mkdir(parents=True, exist_ok=True)
    login_file, known_file = folder / "login_key", folder / "known_hosts"
    own, login = _key(folder / "host_key"), _key(login_file)
    allowed = asyncssh.import_authorized_keys(login.export_public_key().decode("ascii"))

    def serve(channel: Any) -> asyncssh.SFTPServer:
        return SwitchedServer(channel, root, wire)

    server = await asyncssh.listen(
        "127.0.0.1", 0, server_host_keys=[own], authorized_client_keys=allowed, sftp_factory=serve, config=None, agent_forwarding=False
    )
    try:
        port = server.get_port()
        known_file.write_text(f"[127.0.0.1]:{port} {own.export_public_key().decode('ascii')}", "ascii")
        yield SftpHost(f"sftp://{USER}@127.0.0.1:{port}/{EXCHANGE}", root / EXCHANGE, login_file, known_file)
    finally:
        server.close()
        await server.wait_closed()


def _key(file: Path) -> asyncssh.SSHKey:
    if not file.exists():
        asyncssh.generate_private_key("ssh-ed25519").write_private_key(str(file))
        file.chmod(0o600)
    return asyncssh.read_private_key(file)
