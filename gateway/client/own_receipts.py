"""Every leaf for which this bank's connector holds a verified receipt must still be in the log, and be the very leaf that was shown.

A receipt holds the leaf's bytes and its proof under the log's own signature: a log that no longer has that leaf there contradicts
itself, and receipt and checkpoint together convince anybody.  Reading goes on from where everything below was found, so that a look
costs what is new; what was found counts once the head it was found under is kept (`settle`), for until then the log may show another.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.client.store import Held, Store
from gateway.model.canonical import unb64url
from gateway.transferlog.continuity import Fault
from gateway.transferlog.merkle import leaf_hash

ROWS: Final = 1000


@dataclass(frozen=True, slots=True)
class Gone:
    """A receipt that the log does not bear out.  `proof` is the receipt's own, under the log's signature."""

    index: int
    fault: Fault
    proof: str


class OwnReceipts:
    """`store` is the connector's."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._settled = self._found = 0

    async def gone(self, size: int, own: Mapping[int, bytes]) -> list[Gone]:
        """What the log of `size` leaves does not show; `own`: index to leaf hash of each of our acts in it.  Raises StorageError."""
        missing: list[Gone] = []
        above, whole = self._settled, True
        self._found = above
        while rows := await self._store.receipts(above, ROWS):
            for held in rows:
                wrong = _wrong(held, size, own)
                missing += [wrong] if wrong is not None else []
                whole = whole and wrong is None and held.ended and (held.index is None or held.index < size)
                self._found = held.number if whole else self._found
            above = rows[-1].number
        return missing

    def settle(self) -> None:
        """The head under which all that was found is kept now."""
        self._settled = self._found


def _wrong(held: Held, size: int, own: Mapping[int, bytes]) -> Gone | None:
    if held.index is None or held.index >= size:
        return None
    there = own.get(held.index)
    if there == leaf_hash(unb64url(held.leaf)):
        return None
    if there is None:
        fault = Fault("transferlog.own_leaf_missing", "本行持有回执的叶不在日志中", "a leaf for which we hold a receipt is gone")
    else:
        fault = Fault("transferlog.own_leaf_changed", "日志中的叶与本行回执所示不同", "the leaf there is not the one our receipt shows")
    return Gone(held.index, fault, held.proof)
