"""A member bank's witness: it cosigns a checkpoint only if that extends the last one it cosigned, and says so to whoever asks.

Where it mirrors, it first fetches every new leaf and checks it; where it knows its connector's receipts, no head is cosigned that
lost one of their leaves.  What it cosigned last is on the disk before the answer leaves; judging and keeping are one step under a
lock, in this process and against a second one in the same folder.
"""

import asyncio
import fcntl
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from gateway.client.mirror import Mirror, keep_evidence, read_note, write_file
from gateway.client.own_receipts import OwnReceipts
from gateway.errors import GatewayError, PeerError, SettingsError
from gateway.transferlog.checkpoint import NoteKey, Sign, Verifier, cosign, open_checkpoint
from gateway.transferlog.folder import CHECKPOINT_PATH
from gateway.transferlog.merkle import EMPTY_ROOT
from gateway.transferlog.witness import CONFLICT, OK, SIZE_MEDIA, Extends, Head, Refused, judge

log = structlog.get_logger("gateway.witness")
NOT_NOW = 503
NOT_COSIGNED = 422
TEXT_MEDIA = "text/plain"
LOCK_FILE = "lock"


@dataclass(frozen=True, slots=True)
class WitnessReply:
    """What goes back over HTTP."""

    status: int
    text: str
    media: str = TEXT_MEDIA


@dataclass(frozen=True, slots=True)
class WitnessKey:
    """The key with which a bank cosigns, under the name in the trust file."""

    key: NoteKey
    sign: Sign


class Witness:
    """One log, one folder, one key.  Make it with `open`; `close` it."""

    def __init__(
        self,
        folder: Path,
        lock: int,
        key: WitnessKey,
        log_key: Verifier,
        mirror: Mirror | None,
        now: Callable[[], datetime],
        receipts: OwnReceipts | None = None,
    ) -> None:
        self._folder = folder
        self._lock_file = lock
        self._key = key
        self._log = log_key
        self._mirror = mirror
        self._now = now
        self._receipts = receipts
        self._one = asyncio.Lock()
        self._note = read_note(folder)
        self._held = _head(self._note, log_key)

    @classmethod
    def open(
        cls,
        folder: Path,
        key: WitnessKey,
        log_key: Verifier,
        mirror: Mirror | None,
        now: Callable[[], datetime],
        receipts: OwnReceipts | None = None,
    ) -> "Witness":
        """`receipts` need a mirror to be compared with.

        Raises SettingsError `settings.witness` while another process holds the folder, TransferLogError for a damaged checkpoint.
        """
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return cls(folder, lock, key, log_key, mirror, now, receipts)
        except OSError as error:
            os.close(lock)
            raise SettingsError("settings.witness", "此目录已有见证程序在用", "another witness works in this folder") from error
        except GatewayError:
            os.close(lock)
            raise

    def close(self) -> None:
        """Let another process have the folder."""
        os.close(self._lock_file)

    @property
    def held(self) -> Head:
        """What it cosigned last; size 0 before the first."""
        return self._held

    @property
    def note(self) -> str:
        """The note of that, with its own line; "" before the first."""
        return self._note

    async def add(self, text: str) -> WitnessReply:
        """Answer to one `add-checkpoint`."""
        async with self._one:
            verdict = judge(text, self._held, self._log)
            match verdict:
                case Refused():
                    return self._refuse(verdict)
                case Extends():
                    return await self._extend(verdict)

    async def _extend(self, verdict: Extends) -> WitnessReply:
        to = Head(verdict.checkpoint.size, verdict.checkpoint.root)
        if self._mirror is not None:
            refused = await self._unfit(self._mirror, to, verdict.note)
            if refused is not None:
                return refused
        line = cosign(verdict.body, self._key.key.name, self._key.key.id, int(self._now().timestamp()), self._key.sign)
        before, note = self._held, verdict.note + line
        await asyncio.to_thread(write_file, self._folder / CHECKPOINT_PATH, note.encode("utf-8"))
        self._held, self._note = to, note
        if self._mirror is not None:
            self._mirror.tidy(before, to)
        if self._receipts is not None:
            self._receipts.settle()
        log.info("cosigned", size=to.size)
        return WitnessReply(OK, line)

    async def _unfit(self, mirror: Mirror, to: Head, note: str) -> WitnessReply | None:
        """Every new leaf, then this bank's own receipts; None when nothing stands against cosigning."""
        try:
            found = await mirror.follow(self._held, to)
            gone = await self._receipts.gone(to.size, mirror.own) if found is None and self._receipts is not None else []
        except PeerError as error:
            log.warning("leaves_not_fetched", code=error.code, reason=error.facts.get("reason"))
            return WitnessReply(NOT_NOW, f"{error.code}\n")
        except (GatewayError, OSError) as error:
            code = error.code if isinstance(error, GatewayError) else "transferlog.file_missing"
            log.warning("not_mirrored", code=code)
            return WitnessReply(NOT_NOW, f"{code}\n")
        if found is not None:
            log.error("leaf_refused", code=found.fault.code, index=found.index, size=to.size)
            return WitnessReply(NOT_COSIGNED, f"{found.fault.code}\n")
        if gone:
            first = gone[0]
            kept = keep_evidence(self._folder, self._note, note, first.proof)
            log.error("own_leaf_gone", code=first.fault.code, index=first.index, count=len(gone), size=to.size, evidence=kept)
            return WitnessReply(NOT_COSIGNED, f"{first.fault.code}\n")
        return None

    def _refuse(self, verdict: Refused) -> WitnessReply:
        if verdict.conflict or verdict.code == "transferlog.rolled_back":
            log.error("log_contradicts_itself", code=verdict.code, held=self._held.size)
        else:
            log.info("offer_refused", status=verdict.status, code=verdict.code)
        return WitnessReply(verdict.status, verdict.text, SIZE_MEDIA if verdict.status == CONFLICT else TEXT_MEDIA)


def _head(note: str, log_key: Verifier) -> Head:
    if not note:
        return Head(0, EMPTY_ROOT)
    checkpoint = open_checkpoint(note, [log_key])
    return Head(checkpoint.size, checkpoint.root)
