"""Files over SFTP: the gateway is the client, the folders lie on the member's server.  The only file that knows asyncssh.

A file appears whole or not at all: it is written under a temporary name (a dot in front, which no message file
has), flushed where the server can, then renamed.  The server is known by its pinned host key and by nothing
else; neither the user's SSH configuration nor an agent is looked at.  Sizes are asked for before a byte is read.
Sentences: docs/transports.md, TR-17 to TR-32.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncssh

from gateway.errors import FormatError, PeerError, PeerUnavailableError, SettingsError

ENTRIES_MAX: Final = 10_000
"""Entries of one folder that are looked at in one round."""
FILE_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}\.[a-z][a-z0-9-]{0,63}")
"""What a file of a message may be called.  Nothing that is not this is ever joined to a path."""
ENDPOINT: Final = re.compile(r"sftp://[a-z_][a-z0-9_.-]{0,31}@[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?(?:/[A-Za-z0-9_-]{1,64}){1,8}")
PRIVATE_MODES: Final = 0o077


@dataclass(frozen=True, slots=True)
class SftpPlace:
    """Where a member's folders lie.  `path` is absolute, without a final slash."""

    host: str
    port: int
    user: str
    path: str

    @classmethod
    def read(cls, endpoint: str) -> "SftpPlace":
        """From `sftp://user@host:port/path`.  Raises SettingsError `settings.sftp`."""
        url = urlsplit(endpoint)
        if ENDPOINT.fullmatch(endpoint) is None or url.hostname is None or url.username is None:
            raise SettingsError("settings.sftp", "SFTP 地址的写法不对", "an SFTP endpoint is sftp://user@host:port/path")
        return cls(url.hostname, url.port or 22, url.username, url.path)


@dataclass(frozen=True, slots=True)
class SftpKeys:
    """By file path: the gateway's own private key (OpenSSH form), and the pinned host keys in `known_hosts` form."""

    private_key_file: Path
    known_hosts_file: Path

    def check(self) -> None:
        """Both can be used, and the private one is nobody else's to read.

        Raises SettingsError `settings.sftp`, `settings.key_file_mode`.
        """
        try:
            mode = self.private_key_file.stat().st_mode
            asyncssh.read_private_key(self.private_key_file)
            asyncssh.read_known_hosts(str(self.known_hosts_file))
        except (OSError, ValueError, asyncssh.KeyImportError) as error:
            raise SettingsError(
                "settings.sftp",
                "SFTP 私钥或主机公钥文件无法使用",
                "the SFTP key or known-hosts file cannot be used",
                reason=type(error).__name__,
            ) from error
        if mode & PRIVATE_MODES:
            raise SettingsError(
                "settings.key_file_mode", "密钥文件权限过宽,应为 0600", "the key file is open to group or others; its mode must be 0600"
            )


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file in a folder."""

    name: str
    size: int


class SftpFolders:
    """An open session.  Folder names are relative to the member's path; file names must have the form of `FILE_NAME`."""

    def __init__(self, client: asyncssh.SFTPClient, path: str, timeout_s: float) -> None:
        self._client = client
        self._path = path
        self._timeout_s = timeout_s

    async def ensure(self, folders: Sequence[str]) -> None:
        """Make the folders that are missing; the member's own must be there."""
        with _faults():
            async with asyncio.timeout(self._timeout_s):
                for folder in folders:
                    if not await self._client.isdir(f"{self._path}/{folder}"):
                        await self._client.mkdir(f"{self._path}/{folder}")

    async def listing(self, folder: str) -> tuple[list[FoundFile], int]:
        """The regular files with a message file's name, in order, at most `ENTRIES_MAX`; and how many other entries stand there."""
        found: list[FoundFile] = []
        others = 0
        with _faults():
            async with asyncio.timeout(self._timeout_s):
                async for entry in self._client.scandir(f"{self._path}/{folder}"):
                    name = str(entry.filename)
                    regular = entry.attrs.type == asyncssh.FILEXFER_TYPE_REGULAR
                    if FILE_NAME.fullmatch(name) and regular and entry.attrs.size is not None:
                        found.append(FoundFile(name, entry.attrs.size))
                    elif not (name.startswith(".") and len(name) < 256 and "/" not in name) and not _is_folder(entry):
                        others += 1
                    if len(found) + others >= ENTRIES_MAX:
                        break
        return sorted(found, key=lambda file: file.name), others

    async def read(self, folder: str, file: FoundFile) -> bytes | None:
        """The bytes of a file; None where it is gone or no longer of the size that was listed (somebody still writes)."""
        with _faults():
            async with asyncio.timeout(self._timeout_s):
                try:
                    async with self._client.open(self._at(folder, file.name), "rb") as opened:
                        data: object = await opened.read(file.size + 1)
                        assert isinstance(data, bytes)
                except asyncssh.SFTPNoSuchFile:
                    return None
        return data if len(data) == file.size else None

    async def put(self, folder: str, name: str, data: bytes) -> None:
        """Write under a temporary name, then rename; a file of that name is replaced whole."""
        target = self._at(folder, name)
        beside = f"{self._path}/{folder}/.{name}.tmp"
        with _faults():
            async with asyncio.timeout(self._timeout_s):
                async with self._client.open(beside, "wb") as opened:
                    await opened.write(data)
                    await _flush(opened)
                await self._replace(beside, target)

    async def move(self, name: str, source: str, target: str) -> None:
        """From one folder to another, replacing.  A source that is gone was moved before."""
        with _faults():
            async with asyncio.timeout(self._timeout_s):
                try:
                    await self._replace(self._at(source, name), self._at(target, name))
                except asyncssh.SFTPNoSuchFile:
                    return

    async def _replace(self, source: str, target: str) -> None:
        """In one step where the server has OpenSSH's extension; else the old one goes first, and only if the new one is there."""
        try:
            await self._client.posix_rename(source, target)
        except asyncssh.SFTPOpUnsupported:
            await self._client.stat(source)
            if await self._client.exists(target):
                await self._client.remove(target)
            await self._client.rename(source, target)

    def _at(self, folder: str, name: str) -> str:
        if FILE_NAME.fullmatch(name) is None:
            raise FormatError("format.file_name", "文件名不合规定", "that is no name for a file of a message")
        return f"{self._path}/{folder}/{name}"


class SftpChannel:
    """Opens sessions on one member's server, one at a time."""

    def __init__(self, place: SftpPlace, keys: SftpKeys, timeout_s: float) -> None:
        self._place = place
        self._keys = keys
        self._timeout_s = timeout_s
        self._one = asyncio.Lock()
        asyncssh.set_log_level("WARNING")

    @asynccontextmanager
    async def open(self) -> AsyncIterator[SftpFolders]:
        """A session.  Raises PeerUnavailableError (try again); PeerError `peer.host_key` or `peer.login` (tell somebody)."""
        async with self._one, AsyncExitStack() as stack:
            with _faults():
                connection = await self._connect()
                stack.push_async_callback(_close, connection)
                client = await connection.start_sftp_client(path_errors="backslashreplace")
            yield SftpFolders(client, self._place.path, self._timeout_s)

    async def _connect(self) -> asyncssh.SSHClientConnection:
        """Within the time given.

        The library's own `connect_timeout` is not used: it is `asyncio.wait_for`, which before Python 3.12 loses a cancellation
        that comes as the connection stands, and a node that is to stop would go on for ever.
        """
        async with asyncio.timeout(self._timeout_s):
            return await self._connected()

    async def _connected(self) -> asyncssh.SSHClientConnection:
        return await asyncssh.connect(
            self._place.host,
            self._place.port,
            username=self._place.user,
            client_keys=[str(self._keys.private_key_file)],
            known_hosts=str(self._keys.known_hosts_file),
            config=None,
            agent_path=None,
            preferred_auth=["publickey"],
            login_timeout=self._timeout_s,
        )


async def _close(connection: asyncssh.SSHClientConnection) -> None:
    """Without waiting for a server that no longer answers."""
    connection.abort()
    await connection.wait_closed()


async def _flush(opened: asyncssh.SFTPClientFile) -> None:
    try:
        await opened.fsync()
    except asyncssh.SFTPOpUnsupported:
        return


def _is_folder(entry: asyncssh.SFTPName) -> bool:
    return entry.attrs.type == asyncssh.FILEXFER_TYPE_DIRECTORY and FILE_NAME.fullmatch(str(entry.filename)) is None


@contextmanager
def _faults() -> Iterator[None]:
    """What the library raises, in our words."""
    try:
        yield
    except asyncssh.HostKeyNotVerifiable as error:
        raise PeerError("peer.host_key", "对方服务器的主机公钥不是已登记的", "the server's host key is not the pinned one") from error
    except asyncssh.PermissionDenied as error:
        raise PeerError("peer.login", "对方服务器不接受本网关登录", "the server does not let the gateway in") from error
    except (asyncssh.Error, OSError, TimeoutError) as error:
        raise PeerUnavailableError(
            "peer.unavailable", "对方暂时无法连接", "the other side cannot be reached now", reason=type(error).__name__
        ) from error
