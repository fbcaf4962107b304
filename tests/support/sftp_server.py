"""A real SFTP server on loopback over a folder of the test, which can be told to die at a chosen step.

Each operation of the server is a step.  `die_at` makes step N fail, either before it is done or after (done,
but nobody hears so), and every step after it, until `heal`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

STEPS = ("open", "close", "read", "write", "fsync", "scandir", "posix_rename", "rename", "remove", "mkdir", "stat")


@dataclass
class Steps:
    """What was done, and where it ends."""

    done: list[str] = field(default_factory=list)
    at: int = -1
    after: bool = False
    dead: bool = False

    def die_at(self, step: int, *, after: bool) -> None:
        self.done, self.at, self.after, self.dead = [], step, after, False

    def heal(self) -> None:
        self.done, self.at, self.dead = [], -1, False


class SteppedServer(asyncssh.SFTPServer):
    """The library's own server; every operation is counted, and may be the last."""

    steps: Steps
    without: frozenset[str] = frozenset()

    def __init__(self, chan: Any, chroot: bytes, steps: Steps, without: frozenset[str]) -> None:
        super().__init__(chan, chroot=chroot)
        self.steps, self.without = steps, without


def _stepped(name: str) -> Any:
    original = getattr(asyncssh.SFTPServer, name)

    def step(self: SteppedServer, *arguments: Any) -> Any:
        steps = self.steps
        if name in self.without:
            raise asyncssh.SFTPOpUnsupported(name)
        here = len(steps.done) == steps.at
        if steps.dead or (here and not steps.after):
            steps.dead = True
            if name == "close":  # a machine that dies leaves no file open
                original(self, *arguments)
            raise asyncssh.SFTPFailure("the server is gone")
        steps.done.append(name)
        result = original(self, *arguments)
        if here:
            steps.dead = True
            if name == "open":
                result.close()
            raise asyncssh.SFTPFailure("done, and the server is gone")
        return result

    return step


for _name in STEPS:
    setattr(SteppedServer, _name, _stepped(_name))


@dataclass
class Host:
    """A running server, its folder, the two key files that reach it."""

    folder: Path
    port: int
    steps: Steps
    private_key_file: Path
    known_hosts_file: Path

    @property
    def endpoint(self) -> str:
        return f"sftp://ceg@127.0.0.1:{self.port}/exchange"

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "private_key_file": self.private_key_file, "known_hosts_file": self.known_hosts_file,
            "poll_s": 0.05, "patience_s": 60.0, "acknowledge_s": 5.0, "timeout_s": 5.0,
        }  # fmt: skip

    @property
    def exchange(self) -> Path:
        return self.folder / "exchange"


@asynccontextmanager
async def sftp_host(folder: Path, *, without: frozenset[str] = frozenset(), login: Path | None = None) -> AsyncIterator[Host]:
    """Listen over `folder`/exchange while the body runs; `login`: a login key that several hosts share."""
    (folder / "root" / "exchange").mkdir(parents=True, exist_ok=True)
    login = login or folder / "login_key"
    own, theirs = _key(folder / "host_key"), _key(login)
    steps = Steps()
    allowed = asyncssh.import_authorized_keys(theirs.export_public_key().decode())

    def serve(chan: Any) -> SteppedServer:
        return SteppedServer(chan, bytes(folder / "root"), steps, without)

    server = await asyncssh.listen("127.0.0.1", 0, server_host_keys=[own], authorized_client_keys=allowed, sftp_factory=serve, config=None)
    try:
        taken = server.get_port()
        known = folder / "known_hosts"
        known.write_text(f"[127.0.0.1]:{taken} {own.export_public_key().decode()}", "ascii")
        yield Host(folder / "root", taken, steps, login, known)
    finally:
        server.close()
        await server.wait_closed()


def _key(file: Path) -> asyncssh.SSHKey:
    if not file.exists():
        asyncssh.generate_private_key("ssh-ed25519").write_private_key(str(file))
        file.chmod(0o600)
    return asyncssh.read_private_key(file)
