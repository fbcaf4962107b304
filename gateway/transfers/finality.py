"""What is *final*: which checkpoints a quorum of the member banks has cosigned, and proofs under them.

A cosignature is kept for ever under the size it covers, and is believed only as long as the trust file in force names its
key: what counts is asked anew each time, so that nobody lowers a quorum by leaving an old line in a table.  Nothing here
waits for a witness; `witnessing` gathers, this file reads.
"""

from collections.abc import Callable, Sequence

from gateway.crypto.keys import verify_ed25519
from gateway.errors import TransferLogError
from gateway.federation.registry import TrustFile
from gateway.storage.database import Database
from gateway.transferlog.checkpoint import Verifier, decode_vkey, open_checkpoint, open_note
from gateway.transferlog.proof import parse_proof
from gateway.transfers.log_reading import LogReading
from gateway.transfers.unit_of_work import Ledger

SIZES_TRIED = 16
"""Checkpoints looked at, newest first: more than one only while keys of witnesses were changed since."""


def verifiers_of(trust: TrustFile) -> list[Verifier]:
    """Whose lines count on a checkpoint: the log's own key first, then each member's witness, then those retired, up to their end.

    Raises `transferlog.bad_key`.
    """
    current = [Verifier(decode_vkey(vkey), verify_ed25519) for vkey in trust.log_vkeys()]
    return current + [
        Verifier(decode_vkey(each.vkey), verify_ed25519, int(each.until.timestamp()), each.log_until) for each in trust.retired_vkeys()
    ]


class Finality:
    """Reads as of the last commit.  `trust` gives the trust file in force."""

    def __init__(self, database: Database, reading: LogReading, ledger: Ledger, trust: Callable[[], TrustFile]) -> None:
        self._database = database
        self._reading = reading
        self._ledger = ledger
        self._trust = trust
        self._known: tuple[int, int] = (-1, 0)

    async def size(self) -> int:
        """The largest size whose checkpoint has the quorum; 0 if none."""
        trust = self._trust()
        serial, known = self._known
        if serial != trust.data.serial:
            known = 0
        quorum = trust.data.gateway.witness_quorum
        rows = await self._database.fetch("cosigned_sizes", above=known, quorum=quorum, most=SIZES_TRIED)
        for (size,) in rows:
            if await self._is_final(size, trust):
                known = size
                break
        self._known = (trust.data.serial, known)
        return known

    async def note(self, size: int) -> str:
        """The log's signed note for that size with every cosignature line there is.  `size` is at most the log's."""
        note = self._ledger.note(size, await self._reading.root(size))
        return note + await self._lines(size, note)

    async def proof(self, index: int) -> tuple[str, bool]:
        """The leaf's tlog-proof text, and whether it is final: under the final size if it lies below it, else under the newest size.

        Raises TransferLogError `transferlog.leaf_missing` for an index that the log does not have.
        """
        size = final = await self.size()
        if not 0 <= index < final:
            size, _ = await self._reading.head()
        if not 0 <= index < size:
            raise TransferLogError("transferlog.leaf_missing", "存证日志中没有此叶", "the log has no such leaf", size=size)
        proof = await self._ledger.proof(index, size)
        # A proof ends with its checkpoint, and a checkpoint with its signature lines: more lines are simply put behind.
        return proof + await self._lines(size, parse_proof(proof).checkpoint), index < final

    async def _is_final(self, size: int, trust: TrustFile) -> bool:
        try:
            open_checkpoint(await self.note(size), verifiers_of(trust), cosigners_min=trust.data.gateway.witness_quorum)
        except TransferLogError:
            return False
        return True

    async def _lines(self, size: int, note: str) -> str:
        """The lines stored for that size; one that does not hold is left out, for it would spoil the note for every reader."""
        known = verifiers_of(self._trust())
        return "".join([line for (line,) in await self._database.fetch("cosignatures_at", size=size) if _holds(note + line, known)])


def _holds(note: str, known: Sequence[Verifier]) -> bool:
    try:
        open_note(note, known)
    except TransferLogError:
        return False
    return True
