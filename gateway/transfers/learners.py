"""What a learner sees of himself: his cases, the integrity flags on his outcomes, and who has read what of him.

Everything is found by the pseudonym, the keyed digest of the citizen number that intake makes (`transfer.learner`); the number that the
identity provider vouches for becomes it at once and is kept nowhere.  A case of another learner reads like one that does not exist.
His own looking is no leaf; that of banks is, and is what he is shown.  Sentences: docs/protocol.md, PR-315 and PR-381 to PR-385.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from gateway.crypto.digests import pseudonym
from gateway.model.identifiers import citizen_number
from gateway.storage.database import Database
from gateway.storage.flag_rows import FlagRow
from gateway.storage.rows import TransferRow
from gateway.transferlog.leaf import Leaf, parse_leaf
from gateway.transfers.integrity_view import flag_json, flags_of
from gateway.transfers.learner_case import Brief, LearnerCases, OneCase

CASES: Final = 20
FLAGS: Final = 20
READS: Final = 50
LOOKED_AT: Final = 200
LOOKS_MAX: Final = 10
"""A page of reads looks through so many leaves at most, `LOOKED_AT` at a time; the rest is on the next."""
FIRST: Final = 1 << 62
LATE: Final = "~"
DISCLOSED: Final = frozenset({"record.read", "transfer.delivered"})
"""Leaves that say that a bank has been given something of the learner's."""


@dataclass(frozen=True, slots=True)
class Briefs:
    """`next` is where the following page begins, "" at the end."""

    cases: tuple[Brief, ...]
    next: str


@dataclass(frozen=True, slots=True)
class OneRead:
    """One disclosure.  `what`: `case` (delivered), `evidence`, `integrity`, `asked` or `listed`; `about` is the case, "" where it is none.

    `scope` and `seq` name the leaf, whose index is `leaf`.
    """

    leaf: int
    scope: str
    seq: int
    at: datetime
    member: str
    what: str
    about: str
    under: str
    size: int | None


@dataclass(frozen=True, slots=True)
class Reads:
    """Newest first; `next` is where the following page begins, 0 at the end."""

    reads: tuple[OneRead, ...]
    next: int


class Learners:
    """Reads as of the last commit, each for one learner's pseudonym."""

    def __init__(self, database: Database, cases: LearnerCases, pseudonym_key: bytes, now: Callable[[], datetime]) -> None:
        self._database = database
        self._cases = cases
        self._key = pseudonym_key
        self._now = now

    def pseudonym_of(self, number: str) -> str:
        """As intake makes it.  Raises ValueError for what is no citizen number."""
        return pseudonym(self._key, citizen_number(number))

    async def cases(self, learner: str, cursor: str = "", most: int = CASES) -> Briefs:
        """Newest first; a cursor that is none reads as the beginning."""
        at, _, before = cursor.partition("|")
        place = {"before_at": at, "before_id": before} if before else {"before_at": LATE, "before_id": ""}
        rows = [TransferRow(*row) for row in await self._database.fetch("transfers_of_learner", learner=learner, most=most + 1, **place)]
        page = rows[:most]
        following = f"{page[-1].opened_at}|{page[-1].id}" if len(rows) > most else ""
        return Briefs(tuple(await self._cases.briefs(page, self._now())), following)

    async def case(self, learner: str, transfer: str) -> OneCase | None:
        """None for a case that does not exist, and for another learner's.  Raises StorageError, TransferLogError."""
        rows = await self._database.fetch("transfers_by_id", ids=json.dumps([transfer]))
        row = TransferRow(*rows[0]) if rows else None
        return await self._cases.whole(row, self._now()) if row is not None and learner and row.learner == learner else None

    async def flags(self, learner: str, skip: int = 0, most: int = FLAGS) -> tuple[list[dict[str, Any]], bool]:
        """Each flag as `flag_json` tells it, with its `transfer`; newest first, lifted ones included; and whether there are more."""
        rows: list[FlagRow] = (await flags_of(self._database, learner))[::-1]
        page = rows[skip : skip + most]
        return [flag_json(row) | {"transfer": row.transfer} for row in page], len(rows) > skip + most

    async def reads(self, learner: str, before: int = 0, most: int = READS) -> Reads:
        """What banks have read or been given, newest first, before a leaf's index (0: from the newest on)."""
        found: list[OneRead] = []
        end = before if before > 0 else FIRST
        for _ in range(LOOKS_MAX):
            rows = await self._database.fetch("leaves_of_learner", learner=learner, before=end, most=LOOKED_AT)
            for scope, seq, index, raw in rows:
                leaf = parse_leaf(raw)
                if leaf.type in DISCLOSED:
                    found.append(_read(scope, seq, index, leaf))
                    if len(found) > most:
                        return Reads(tuple(found[:most]), found[most - 1].leaf)
            if len(rows) < LOOKED_AT:
                return Reads(tuple(found), 0)
            end = rows[-1][2]
        return Reads(tuple(found), end)


def _read(scope: str, seq: int, index: int, leaf: Leaf) -> OneRead:
    facts, about, under, size = leaf.facts, "", "", None
    if leaf.type == "transfer.delivered":
        what, about = "case", scope
    elif "asked" in facts:
        what = "asked"
    elif "records" in facts:
        what, size = "listed", int(facts["records"])
    elif facts.get("what") == "integrity":
        what, under, size = "integrity", str(facts["under"]), int(facts["flags"])
    else:
        what, about = "evidence", scope
    return OneRead(index, scope, seq, datetime.fromisoformat(leaf.at), leaf.actor or leaf.iss, what, about, under, size)
