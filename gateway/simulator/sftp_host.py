"""The SFTP server of a bank that speaks in files, on loopback, for the sandbox: it shows one exchange folder to the gateway.

Keys are made on the first start and stay; the port is another one each time, so the pinned host key is written anew.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh

USER = "ceg"
EXCHANGE = "exchange"


@dataclass(frozen=True, slots=True)
class SftpHost:
    """A listening server.  `exchange` is the folder it shows; the two files are what the gateway reaches it with."""

    endpoint: str
    exchange: Path
    login_key_file: Path
    known_hosts_file: Path


@asynccontextmanager
async def sftp_host(folder: Path) -> AsyncIterator[SftpHost]:
    """Listen over `folder`/root while the body runs; nothing outside of it can be seen."""
    root = folder / "root"
    (root / EXCHANGE).mkdir(parents=True, exist_ok=True)
    login_file, known_file = folder / "login_key", folder / "known_hosts"
    own, login = _key(folder / "host_key"), _key(login_file)
    allowed = asyncssh.import_authorized_keys(login.export_public_key().decode("ascii"))

    def serve(channel: Any) -> asyncssh.SFTPServer:
        return asyncssh.SFTPServer(channel, chroot=bytes(root))

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
