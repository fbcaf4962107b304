"""Where cases are read: a gateway's reading API as one member, or a node's own database as the centre."""

import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeAlias

import typer

from gateway.app import load_trust
from gateway.cli.catalogue_source import day_of, standard_codes
from gateway.cli.faults import CliError
from gateway.cli.options import AsJson, Config, Data, NoColor
from gateway.cli.screen import Screen
from gateway.cli.sources import OpenNode, open_node
from gateway.client.reading import ReadingApi
from gateway.crypto.keys import SigningKey
from gateway.errors import TransferError
from gateway.federation.channels.reading import ReadingChannel, http_session
from gateway.federation.members import Turn
from gateway.system import SystemClock, SystemIds
from gateway.transfers.finality import Finality
from gateway.transfers.presiding_board import rota_json
from gateway.transfers.registry import signed_agreements
from gateway.transfers.rule_view import RuleShelf
from gateway.transfers.status import EVERYBODY, PAGE_MAX, Status

TIMEOUT_S = 15.0
PAGES_MAX = 50
Url: TypeAlias = Annotated[str, typer.Option("--url", metavar="URL", help="网关的成员接口地址。 / The gateway's member API.")]
MemberId: TypeAlias = Annotated[str, typer.Option("--member", metavar="ID", help="本行标识,如 CN-31。 / Our member id, as CN-31.")]
KeyFile: TypeAlias = Annotated[
    Path | None, typer.Option("--key-file", metavar="FILE", help="本行签名私钥文件。 / File of our signing key.")
]


class Cases(Protocol):
    """Two ways to read, one shape."""

    async def transfers(self, *, state: str = "", cursor: str = "", most: int = 50) -> dict[str, Any]: ...

    async def transfer(self, id: str) -> dict[str, Any]: ...

    async def stuck(self) -> dict[str, Any]: ...

    async def contested(self) -> dict[str, Any]: ...

    async def agreements(self) -> dict[str, Any]: ...

    async def presiding(self) -> dict[str, Any]: ...

    async def rules(self, *, cursor: str = "") -> dict[str, Any]: ...

    async def rule_file(self, id: str, version: str, accepting: str) -> bytes: ...

    async def consents(self, *, cursor: str = "") -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class OwnCases:
    """A node's database, read as the centre may."""

    status: Status
    rota: Callable[[], Sequence[Turn]] = tuple
    """The turns of the trust file in force; none where only the data folder is known."""

    async def transfers(self, *, state: str = "", cursor: str = "", most: int = 50) -> dict[str, Any]:
        return await self.status.listing(EVERYBODY, state=state, cursor=cursor, most=most)

    async def transfer(self, id: str) -> dict[str, Any]:
        return await self.status.show(id, EVERYBODY)

    async def stuck(self) -> dict[str, Any]:
        return await self.status.stuck(EVERYBODY)

    async def contested(self) -> dict[str, Any]:
        return await self.status.contested(EVERYBODY)

    async def agreements(self) -> dict[str, Any]:
        return await self.status.agreements(EVERYBODY)

    async def presiding(self) -> dict[str, Any]:
        """The head is the one stored, and not signed anew."""
        size, root = await self.status.reading.head()
        shown = await rota_json(self.status.database, self.rota(), SystemClock().now())
        return shown | {"head": {"size": size, "root": root.hex(), "checkpoint": None}}

    async def rules(self, *, cursor: str = "") -> dict[str, Any]:
        return await self._shelf.rule_page(day_of(""), cursor=cursor, most=PAGE_MAX)

    async def rule_file(self, id: str, version: str, accepting: str) -> bytes:
        return await self._shelf.document(await self._shelf.find(id, version, accepting))

    async def consents(self, *, cursor: str = "") -> dict[str, Any]:
        return await self.status.consents(EVERYBODY, cursor)

    @property
    def _shelf(self) -> RuleShelf:
        return RuleShelf(self.status.database, standard_codes())


@dataclass(frozen=True, slots=True)
class Where:
    """What the options say; `url` "" means the node of `config` or `data`."""

    url: str
    member: str
    key_file: Path | None
    config: Path | None
    data: Path | None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Cases]:
        """Raises CliError(`cli.usage`), SettingsError, StorageError."""
        if not self.url:
            async with open_node(self.config, self.data) as node:
                settings = node.settings
                founding = (lambda: signed_agreements(load_trust(settings))) if settings is not None else tuple
                final_size = (lambda: _final_size(node)) if settings is not None else None
                rota = (lambda: load_trust(settings).data.presiding) if settings is not None else tuple
                yield OwnCases(Status(node.database, node.reading, founding=founding, final_size=final_size), rota)
            return
        member, key = self.identity()
        async with http_session() as session:
            yield ReadingApi(ReadingChannel(session, TIMEOUT_S), self.base, member, key, SystemClock(), SystemIds())

    @property
    def base(self) -> str:
        """The gateway's URL without a path."""
        if re.fullmatch(r"https?://[^/\s]+/?", self.url) is None:
            raise CliError("cli.usage", "--url 应为 http(s)://主机[:端口]", "--url is http(s)://host[:port], without a path")
        return self.url.rstrip("/")

    def identity(self) -> tuple[str, SigningKey]:
        """Who asks, and with which key."""
        if not self.member or self.key_file is None:
            raise CliError("cli.usage", "用 --url 时须给 --member 与 --key-file", "--url needs --member and --key-file")
        return self.member, SigningKey.load(self.key_file)


@dataclass(frozen=True, slots=True)
class Reader:
    """The options of whatever reads cases."""

    url: Url = ""
    member: MemberId = ""
    key_file: KeyFile = None
    config: Config = None
    data: Data = None
    as_json: AsJson = False
    no_color: NoColor = False

    def screen(self) -> Screen:
        """Where this command is shown."""
        return Screen.open(self.as_json, self.no_color)

    @property
    def where(self) -> Where:
        """A gateway, as a member, or a node's own database."""
        return Where(self.url, self.member, self.key_file, self.config, self.data)


async def _final_size(node: OpenNode) -> int:
    """As the node itself would say; its log key signs the notes that the cosignatures are about."""
    settings = node.settings
    assert settings is not None
    return await Finality(node.database, node.reading, await node.ledger(), lambda: load_trust(settings)).size()


async def find_case(cases: Cases, id: str) -> dict[str, Any]:
    """One case by its id, or by the beginning of it that no other has.  Raises TransferError(`transfer.unknown`), CliError."""
    if re.fullmatch(r"[0-9a-f]{64}", id):
        return await cases.transfer(id)
    if re.fullmatch(r"[0-9a-f]{4,63}", id) is None:
        raise CliError(
            "cli.usage", "转移号为 64 位十六进制,或其开头至少 4 位", "a transfer id has 64 hex digits; give at least its first 4"
        )
    found = [each["transfer"] async for each in all_cases(cases) if each["transfer"].startswith(id)]
    if len(found) > 1:
        raise CliError("cli.usage", "不止一个转移以此开头", "several transfers begin like this", matches=len(found))
    if not found:
        raise TransferError("transfer.unknown", "没有这个转移", "there is no such transfer")
    return await cases.transfer(found[0])


async def all_rules(cases: Cases) -> list[dict[str, Any]]:
    """Every version, newest first, page by page, at most so many pages."""
    found: list[dict[str, Any]] = []
    cursor = ""
    for _ in range(PAGES_MAX):
        page = await cases.rules(cursor=cursor)
        found += page["rules"]
        cursor = page["next"] or ""
        if not cursor:
            break
    return found


async def all_cases(cases: Cases, state: str = "", most: int = PAGE_MAX * PAGES_MAX) -> AsyncIterator[dict[str, Any]]:
    """Newest first, page by page, at most so many."""
    cursor, left = "", most
    while left > 0:
        page = await cases.transfers(state=state, cursor=cursor, most=min(PAGE_MAX, left))
        for each in page["transfers"]:
            yield each
        left -= len(page["transfers"])
        cursor = page["next"] or ""
        if not cursor:
            return
