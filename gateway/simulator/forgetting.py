"""A bank that acknowledges a message and then loses it: the fault, and whether the loss was named.

Only messages are lost whose signed answer the gateway has; the rest is simply still owed.  What a question or a correction
hangs on stays (a lost `asked` is nobody's to answer): there a person has to help, as docs/operations.md says.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from gateway.client.store import Store
from gateway.federation.state_digest import is_state_scope
from gateway.storage.connector_schema import InboxRow
from gateway.storage.database import Database, Write
from gateway.storage.rows import DifferenceRow
from gateway.transfers.reconciling import NOT_KEPT

STATEMENTS: Final = {
    "forget_message": "DELETE FROM inbox WHERE jti = ?",
    "forget_contents": "DELETE FROM held_content WHERE box = 'in' AND jti = ?",
}
"""What only a failing disk would do."""
LOSABLE: Final = frozenset({"decided", "rejected", "withdrawn", "expired", "recall"})
DIFFERENCES_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class Lost:
    """A message of the gateway that a bank has answered and has no more."""

    member: str
    number: int
    jti: str


async def choose(store: Store, chance: Random, is_open: Callable[[str], bool]) -> InboxRow | None:
    """A message that was answered for good, and whose keeping no digest has settled; None where there is none.

    What was compared once is looked for again only while its case is open.
    """
    floor = await store.floor()
    found = [row for row in await store.inbox() if row.seq is not None and row.state == "done" and not is_state_scope(row.scope)]
    found = [row for row in found if ((row.seq or 0) > floor or is_open(row.scope)) and await _losable(store, row)]
    return chance.choice(found) if found else None


async def drop(store: Store, row: InboxRow) -> None:
    """Lose it, contents and all."""
    await store.commit([Write("forget_message", [(row.jti,)]), Write("forget_contents", [(row.jti,)])])


async def is_gone(store: Store, row: InboxRow) -> bool:
    """Whether it was lost, even if it came again since."""
    found = await store.taken(row.iss, row.jti)
    return found is None or found.number != row.number


async def _losable(store: Store, row: InboxRow) -> bool:
    answers = await store.answers_to(row.jti)
    if not any(each.state == "done" for each in answers) or any(each.state == "waiting" for each in answers):
        return False
    if row.act != "notify":
        return row.act == "forward"
    return json.loads((await store.contents("in", row.jti))["notice"].data).get("event") in LOSABLE


async def differences(database: Database, members: Sequence[str]) -> list[DifferenceRow]:
    """Everything that was ever found to differ."""
    return [
        DifferenceRow(*row)
        for member in members
        for row in await database.fetch("differences_of_member", member=member, closed=1, most=DIFFERENCES_MAX)
    ]


def unnamed(lost: Sequence[Lost], found: Sequence[DifferenceRow]) -> list[str]:
    """Losses that nobody named, by member, number and message."""
    named = {(row.member, row.subject, row.jti) for row in found if row.kind == NOT_KEPT}
    return [
        f"{each.member} lost message {each.number} and nobody said so"
        for each in lost
        if (each.member, str(each.number), each.jti) not in named
    ]


def invented(lost: Sequence[Lost], found: Sequence[DifferenceRow]) -> list[str]:
    """Differences that nothing explains: a false alarm."""
    known = {(each.member, str(each.number)) for each in lost}
    return [
        f"{row.member} {row.kind} {row.transfer[:8]} {row.subject} ({row.ours} | {row.theirs}): nothing was lost there"
        for row in found
        if row.kind != NOT_KEPT or (row.member, row.subject) not in known
    ]
