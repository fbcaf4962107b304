"""The folders of a member that speaks in files: its messages are taken from them, the gateway's are put there.

    to-gateway/             NAME.<content> …, NAME.secrets, last NAME.jws, each renamed into place by the bank
    to-gateway/NAME.receipt the answer is written and its files are being moved; nothing of NAME is read again
    to-gateway/done/        a message that was carried out, with its receipt
    to-gateway/refused/     one that was not, with the reason in its receipt
    from-gateway/           the gateway's messages, laid down in the same way; the bank clears them away

The folders themselves are the state: the receipt is written only after the answer is durable, and from then on
only moved.  So the next round goes on wherever the last one stopped: before the receipt the message is taken
again and gets its stored answer, after it what is left is moved.  A message whose files do not all come is never
touched; after a while it is an alarm.  Sentences: docs/transports.md, TR-17 to TR-32.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog

from gateway.errors import FormatError, GatewayError, PeerError, StorageError, TransferLogError, TrustError
from gateway.federation.channels.sftp import FoundFile, SftpChannel, SftpFolders
from gateway.federation.claims import read_object
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
from gateway.federation.protocol import CONTENT_BYTES_MAX, CONTENTS_MAX, ENVELOPE_BYTES_MAX, LIFETIME_FILE_MAX, MESSAGE_BYTES_MAX
from gateway.metrics import FILE_MESSAGES, FILES_INCOMPLETE
from gateway.model.canonical import unb64url
from gateway.model.ports import Clock
from gateway.transfers.dispatch import Dispatcher, Parcel
from gateway.transfers.problems import problem_document
from gateway.transfers.receive import Reply

INBOX: Final = "to-gateway"
DONE: Final = "to-gateway/done"
REFUSED: Final = "to-gateway/refused"
OUTBOX: Final = "from-gateway"
FOLDERS: Final = (INBOX, DONE, REFUSED, OUTBOX)
NAME_PREFIX: Final = "ceg-"
"""In front of the id, so that a file's name never begins with a dash."""
RECEIPT_BYTES_MAX: Final = 8 * 1024 * 1024
log = structlog.get_logger("gateway.files")

Receive = Callable[[RawMessage, None, timedelta], Awaitable[Reply]]


@dataclass(slots=True)
class _Group:
    """The files of one NAME, by what stands behind the dot."""

    name: str
    files: dict[str, FoundFile] = field(default_factory=dict)

    @property
    def of_contents(self) -> list[FoundFile]:
        return [file for suffix, file in self.files.items() if suffix not in {SUFFIX_ENVELOPE, SUFFIX_SECRETS, SUFFIX_RECEIPT}]


class FileExchange:
    """One member's folders.  `patience`: how long a message may lie incomplete before somebody is told."""

    def __init__(
        self, member: str, channel: SftpChannel, receive: Receive, heard_from: Callable[[str], None], clock: Clock, patience: timedelta
    ) -> None:
        self.member = member
        self._channel = channel
        self._receive = receive
        self._heard_from = heard_from
        self._clock = clock
        self._patience = patience
        self._incomplete: dict[str, datetime] = {}
        self._told: set[str] = set()

    async def run(self, every_s: float) -> None:
        """Look, and look again, until cancelled.  A server that cannot be reached ends nothing."""
        while True:
            try:
                await self.look()
            except GatewayError as fault:
                log.warning("files_not_looked_at", member=self.member, code=fault.code, reason=fault.facts.get("reason"))
            await asyncio.sleep(every_s)

    async def look(self) -> int:
        """One round; how many messages were answered.  Raises PeerError, StorageError, TransferLogError; the next round goes on."""
        async with self._channel.open() as folders:
            await folders.ensure(FOLDERS)
            listed, others = await folders.listing(INBOX)
            if others:
                log.warning("file_names_refused", member=self.member, count=others)
                FILE_MESSAGES.labels(self.member, "bad_name").inc(others)
            groups: dict[str, _Group] = {}
            for file in listed:
                name, _dot, suffix = file.name.partition(".")
                groups.setdefault(name, _Group(name)).files[suffix] = file
            answered, incomplete = 0, []
            for group in groups.values():
                if SUFFIX_RECEIPT not in group.files and not await self._take(folders, group):
                    incomplete.append(group)
                    continue
                await self._put_away(folders, group)
                answered += 1
        self._watch(incomplete)
        return answered

    async def _take(self, folders: SftpFolders, group: _Group) -> bool:
        """Read and carry out a message; its receipt stands when this is True.  False: not all of it is there."""
        try:
            raw = await self._read(folders, group)
            if raw is None:
                return False
            self._check_sender(raw.token)
            reply = await self._receive(raw, None, LIFETIME_FILE_MAX)
        except (StorageError, TransferLogError, PeerError):
            raise
        except GatewayError as fault:
            await self._answer(folders, group, "refused", problem_document(fault)[1])
            log.warning("file_message_refused", member=self.member, file=group.name, code=fault.code)
            return True
        self._heard_from(reply.sender)
        result = "refused" if reply.status >= 300 else "repeated" if reply.repeated else "done"
        await self._answer(folders, group, result, marked(reply))
        return True

    async def _answer(self, folders: SftpFolders, group: _Group, result: str, receipt: bytes) -> None:
        name = f"{group.name}.{SUFFIX_RECEIPT}"
        await folders.put(INBOX, name, receipt)
        group.files[SUFFIX_RECEIPT] = FoundFile(name, len(receipt))
        FILE_MESSAGES.labels(self.member, result).inc()

    async def _read(self, folders: SftpFolders, group: _Group) -> RawMessage | None:
        """None while files are missing or still written.  Raises FormatError, TrustError for what no waiting would mend."""
        envelope, secrets = group.files.get(SUFFIX_ENVELOPE), group.files.get(SUFFIX_SECRETS)
        if envelope is None or secrets is None:
            return None
        _check_sizes(group, envelope, secrets)
        told = await folders.read(INBOX, secrets)
        token = await folders.read(INBOX, envelope)
        if told is None or token is None or not token.endswith(b"\n") or (told and not told.endswith(b"\n")):
            return None
        present = {file.name for file in group.files.values()}
        if not present.issuperset(files_wanted(group.name, told)):
            return None
        read = {envelope.name: token, secrets.name: told}
        for file in group.of_contents:
            data = await folders.read(INBOX, file)
            if data is None:
                return None
            read[file.name] = data
        return from_files(group.name, read)

    def _check_sender(self, token: str) -> None:
        """A folder holds its own member's messages only: the receipt lies where that bank reads it.  Nothing is believed here."""
        try:
            told = read_object(unb64url(token.split(".")[1])).get("iss")
        except (ValueError, IndexError, FormatError):
            return  # what is no envelope is refused by name at its own door
        if told != self.member:
            raise TrustError("trust.wrong_folder", "消息不在签发成员自己的目录中", "the message lies in another member's folder")

    async def _put_away(self, folders: SftpFolders, group: _Group) -> None:
        """The envelope first and the receipt last: while the receipt stands in the inbox, all the rest is only to be moved."""
        receipt = group.files[SUFFIX_RECEIPT]
        target = DONE if await self._was_taken(folders, receipt) else REFUSED
        suffixes = sorted(group.files, key=lambda suffix: (suffix == SUFFIX_RECEIPT, suffix != SUFFIX_ENVELOPE, suffix))
        for suffix in suffixes:
            await folders.move(group.files[suffix].name, INBOX, target)

    async def _was_taken(self, folders: SftpFolders, receipt: FoundFile) -> bool:
        data = await folders.read(INBOX, receipt) if receipt.size <= RECEIPT_BYTES_MAX else None
        try:
            body = json.loads(data or b"{}")
        except ValueError:
            return False
        return isinstance(body, dict) and "receipt" in body and "problem" not in body

    def _watch(self, incomplete: Sequence[_Group]) -> None:
        """Tell once of each message whose files have been missing for too long; forget those that came."""
        now = self._clock.now()
        self._incomplete = {group.name: self._incomplete.get(group.name, now) for group in incomplete}
        late = {name for name, since in self._incomplete.items() if now - since >= self._patience}
        for group in incomplete:
            if group.name in late - self._told:
                log.error("files_incomplete", member=self.member, file=group.name, present=sorted(group.files), since=str(now))
        self._told = late
        FILES_INCOMPLETE.labels(self.member).set(len(late))


@dataclass(frozen=True, slots=True)
class FileCarrier:
    """Lays the gateway's messages down for a member.  A message laid down again has the same name and the same contents."""

    dispatcher: Dispatcher
    channel: SftpChannel
    acknowledge_s: float

    async def carry(self, parcel: Parcel) -> None:
        """Raises PeerError, FormatError."""
        token = self.dispatcher.sign(parcel, http=None, lifetime=LIFETIME_FILE_MAX)
        async with self.channel.open() as folders:
            await folders.ensure((OUTBOX,))
            for name, data in to_files(NAME_PREFIX + parcel.row.jti, token, parcel.contents):
                await folders.put(OUTBOX, name, data)


def marked(reply: Reply) -> bytes:
    """The answer as every transport gives it; a stored one says so inside its receipt, which no digest covers."""
    if not reply.repeated:
        return reply.body
    assert reply.body.endswith(b"}}"), "an answer ends with its receipt"
    return reply.body[:-2] + b',"repeated":true}}'


def _check_sizes(group: _Group, envelope: FoundFile, secrets: FoundFile) -> None:
    """By what the listing says, before anything is read.  Raises FormatError `format.too_large`."""
    sizes = [file.size for file in group.of_contents]
    if (
        envelope.size > ENVELOPE_BYTES_MAX + 1
        or secrets.size > SECRETS_BYTES_MAX
        or len(sizes) > CONTENTS_MAX
        or sum(sizes) > MESSAGE_BYTES_MAX
        or any(size > CONTENT_BYTES_MAX for size in sizes)
    ):
        raise FormatError("format.too_large", "消息超过大小或件数上限", "the message is over a limit of size or count")
