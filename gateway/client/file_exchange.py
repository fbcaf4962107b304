"""A bank that speaks in files: its messages are laid into its exchange folder, the answers and the gateway's messages taken from there.

The rows of the connector's database say what is owed, the folder says how far it got, and each step may be the last:

    owed, nothing of it lies there       lay contents, secrets, last the envelope, each by rename
    envelope or receipt in to-gateway    the gateway has it, or is taking it: leave it alone
    receipt in done or refused           believe it and write it down, then clear the files away, the receipt last
    a whole message in from-gateway      keep it, then clear its files away, the envelope first

`to-gateway` is listed before `done` and `refused`, as the gateway moves things that way: what is in neither has not
been laid.  A name is made of the message's id, so nothing is ever laid under two names.  Sentences:
docs/transports.md, TR-41 to TR-48.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from gateway.client.exchange_folder import ASIDE, DONE, FROM_GATEWAY, REFUSED, TO_GATEWAY, ExchangeFolder, Groups
from gateway.client.office import Office, wait_for
from gateway.client.sender import IN_FLIGHT_MAX, Sender
from gateway.client.store import Store, moment_text
from gateway.errors import FormatError, GatewayError, StorageError, TransferLogError
from gateway.federation.channels.https import HttpAnswer
from gateway.federation.framing import (
    SECRETS_BYTES_MAX,
    SUFFIX_ENVELOPE,
    SUFFIX_RECEIPT,
    SUFFIX_SECRETS,
    RawMessage,
    files_wanted,
    from_files,
    to_files,
)
from gateway.federation.message import Content
from gateway.federation.protocol import (
    CONTENT_BYTES_MAX,
    CONTENTS_MAX,
    ENVELOPE_BYTES_MAX,
    GATEWAY_ID,
    LIFETIME_FILE_MAX,
    MESSAGE_BYTES_MAX,
)
from gateway.formats.json_safe import read_json
from gateway.model.canonical import jcs
from gateway.model.transfer import Act
from gateway.storage.connector_schema import OutboxRow

PREFIX: Final = "m-"
"""In front of the id, so that a file's name never begins with a dash."""
GATEWAY_PREFIX: Final = "ceg-"
RECEIPT_BYTES_MAX: Final = 8 * 1024 * 1024
LOOK_AGAIN: Final = timedelta(hours=1)
"""A message laid down is looked for again after this: if somebody has taken its files away, it is laid again."""
LEFTOVER: Final = timedelta(minutes=1)
"""So long a rest of a message that was taken already may still be one that is just being laid again."""
log = structlog.get_logger("gateway.connector")

Take = Callable[[RawMessage, None, None, timedelta], Awaitable[None]]


class FileExchange:
    """One bank's exchange folder at work.  `patience`: how long a message may lie incomplete before somebody is told."""

    def __init__(self, office: Office, sender: Sender, take: Take, folder: ExchangeFolder, patience: timedelta) -> None:
        self._office = office
        self._sender = sender
        self._take = take
        self._folder = folder
        self._patience = patience
        self._incomplete: dict[str, datetime] = {}
        self._told: set[str] = set()

    async def run(self) -> None:
        """Look, and look again, until cancelled.  A disk that is away ends nothing."""
        office = self._office
        while True:
            office.sender_bell.clear()
            try:
                await self.look()
            except OSError as fault:
                log.warning("exchange_not_looked_at", member=office.setup.member, reason=type(fault).__name__)
            await wait_for(office.sender_bell, office.setup.pace.poll_s)

    async def look(self) -> None:
        """One round: answers, then the gateway's messages, then what is owed.  Raises OSError, StorageError."""
        await asyncio.to_thread(self._folder.prepare)
        laid = await self._groups(TO_GATEWAY)
        for place in (DONE, REFUSED):
            for name, files in (await self._groups(place)).items():
                if SUFFIX_RECEIPT in files and name.startswith(PREFIX):
                    await self._answered(place, name, files)
        await self._collect()
        await self._lay(laid)

    async def _groups(self, place: str) -> Groups:
        return await asyncio.to_thread(self._folder.groups, place)

    async def _answered(self, place: str, name: str, files: Mapping[str, int]) -> None:
        """The answer to a message of ours; to one that is over, or after it was written down, the files only go away."""
        store = self._office.store
        row = await store.message(name.removeprefix(PREFIX))
        if row is None:
            return  # somebody else's, under a name like ours
        if row.state == "waiting":
            contents = tuple((await store.contents("out", row.jti)).values())
            await self._sender.settle(row, contents, await self._receipt(place, name, files[SUFFIX_RECEIPT], row))
        order = sorted(files, key=lambda suffix: (suffix == SUFFIX_RECEIPT, suffix))
        await asyncio.to_thread(self._folder.remove, place, name, order)

    async def _receipt(self, place: str, name: str, size: int, row: OutboxRow) -> HttpAnswer:
        """The receipt as the same answer would have come over HTTP; what cannot be one is a yes that proves nothing."""
        data = None
        if size <= RECEIPT_BYTES_MAX:
            data = await asyncio.to_thread(self._folder.read, place, name, SUFFIX_RECEIPT, size)
        return as_answer(row.act, data or b"")

    async def _lay(self, laid: Groups) -> None:
        """What is owed and does not lie there yet, in the order in which it is owed."""
        office = self._office
        while due := await office.store.due(office.now_text(), IN_FLIGHT_MAX):
            for row in due:
                name = PREFIX + row.jti
                if not laid.get(name, {}).keys() & {SUFFIX_ENVELOPE, SUFFIX_RECEIPT}:
                    contents = tuple((await office.store.contents("out", row.jti)).values())
                    token = self._sender.sign(row, contents, None, LIFETIME_FILE_MAX)
                    await asyncio.to_thread(self._put, name, token, contents)
                again_at = moment_text(office.setup.clock.now() + LOOK_AGAIN)
                await office.commit([Store.tried(row, again_at, "")])

    def _put(self, name: str, token: str, contents: Sequence[Content]) -> None:
        for file_name, data in to_files(name, token, contents):
            self._folder.put(TO_GATEWAY, name, file_name.partition(".")[2], data)

    async def _collect(self) -> None:
        """The gateway's messages.  One that is not believed is put aside with the reason; the gateway lays what it owes again."""
        incomplete = []
        groups = await self._groups(FROM_GATEWAY)
        for name, files in groups.items():
            try:
                raw = await asyncio.to_thread(self._read, name, files)
                if raw is None:
                    incomplete.append(name)
                    continue
                await self._take(raw, None, None, LIFETIME_FILE_MAX)
            except (StorageError, TransferLogError):
                raise
            except GatewayError as fault:
                await asyncio.to_thread(self._put_aside, name, files, fault)
                self._tell("message_not_believed", name, code=fault.code)
                continue
            await asyncio.to_thread(self._folder.remove, FROM_GATEWAY, name, _envelope_first(files))
        await self._watch(incomplete, groups)

    def _read(self, name: str, files: Mapping[str, int]) -> RawMessage | None:
        """None while files are missing or still written.  Raises FormatError, TrustError for what no waiting would mend."""
        if not files.keys() >= {SUFFIX_ENVELOPE, SUFFIX_SECRETS}:
            return None
        _check_sizes(files)
        read = {}
        for suffix in (SUFFIX_SECRETS, *sorted(files.keys() - {SUFFIX_SECRETS})):
            data = self._folder.read(FROM_GATEWAY, name, suffix, files[suffix])
            if data is None or (suffix in {SUFFIX_ENVELOPE, SUFFIX_SECRETS} and data and not data.endswith(b"\n")):
                return None
            read[f"{name}.{suffix}"] = data
        if not read[f"{name}.{SUFFIX_ENVELOPE}"] or not read.keys() >= set(files_wanted(name, read[f"{name}.{SUFFIX_SECRETS}"])):
            return None
        return from_files(name, read)

    def _put_aside(self, name: str, files: Mapping[str, int], fault: GatewayError) -> None:
        reason = jcs({"code": fault.code, "zh": fault.zh, "en": fault.en}) + b"\n"
        self._folder.put(ASIDE, name, "problem", reason)
        self._folder.move(FROM_GATEWAY, name, _envelope_first(files), ASIDE)

    async def _watch(self, incomplete: Sequence[str], groups: Groups) -> None:
        """What stays incomplete: the rest of a message that was taken (we died clearing it away, or it was just being laid again)
        goes away; anything else is told once.
        """
        now = self._office.setup.clock.now()
        self._incomplete = {name: self._incomplete.get(name, now) for name in incomplete}
        told = set()
        for name, since in self._incomplete.items():
            if now - since >= LEFTOVER and await self._is_known(name):
                await asyncio.to_thread(self._folder.remove, FROM_GATEWAY, name, _envelope_first(groups[name]))
            elif now - since >= self._patience:
                told.add(name)
                if name not in self._told:
                    self._tell("files_incomplete", name, present=sorted(groups[name]))
        self._told = told

    def _tell(self, event: str, name: str, **facts: object) -> None:
        log.error(event, member=self._office.setup.member, file=name, **facts)

    async def _is_known(self, name: str) -> bool:
        jti = name.removeprefix(GATEWAY_PREFIX)
        return jti != name and await self._office.store.taken(GATEWAY_ID, jti) is not None


def as_answer(act: str, data: bytes) -> HttpAnswer:
    """A receipt as HTTP would have answered: with the status its leaf must name, and the mark of a repeat outside.

    The act decides the status of a yes, as over HTTP; the proof has to agree with it.
    """
    try:
        value: Any = read_json(data)
    except FormatError:
        value = None
    if not isinstance(value, dict):
        return HttpAnswer(200, b"{}", repeated=False)
    receipt = value.get("receipt")
    repeated = receipt.pop("repeated", False) is True if isinstance(receipt, dict) else False
    problem = value.get("problem", value if receipt is None else None)
    found = problem.get("status") if isinstance(problem, dict) else None
    yes = 202 if act == Act.REQUEST else 200
    return HttpAnswer(found if isinstance(found, int) else yes, jcs(value) if repeated else data, repeated)


def _envelope_first(files: Mapping[str, int]) -> list[str]:
    return sorted(files, key=lambda suffix: (suffix != SUFFIX_ENVELOPE, suffix))


def _check_sizes(files: Mapping[str, int]) -> None:
    """By what the listing says, before anything is read.  Raises FormatError `format.too_large`."""
    sizes = [size for suffix, size in files.items() if suffix not in {SUFFIX_ENVELOPE, SUFFIX_SECRETS}]
    if (
        files[SUFFIX_ENVELOPE] > ENVELOPE_BYTES_MAX + 1
        or files[SUFFIX_SECRETS] > SECRETS_BYTES_MAX
        or len(sizes) > CONTENTS_MAX
        or sum(sizes) > MESSAGE_BYTES_MAX
        or any(size > CONTENT_BYTES_MAX for size in sizes)
    ):
        raise FormatError("format.too_large", "消息超过大小或件数上限", "the message is over a limit of size or count")
