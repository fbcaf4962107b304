"""Where is my transfer, whose turn is it, since when, until when: the reading side.

A member sees the cases it is a party of, and while it presides over one that waits for the presiding unit, that one; any
other case reads as unknown.
"""

import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.errors import TransferError
from gateway.model.transfer import State
from gateway.recognition.agreement import Agreement
from gateway.storage.database import Database
from gateway.storage.rows import AgreementRow, ItemRow, OwedRow, TransferRow
from gateway.transferlog.leaf import parse_leaf
from gateway.transfers.acts import Presiding
from gateway.transfers.agreement_view import agreements_json
from gateway.transfers.agreements import founding_row
from gateway.transfers.case import case_json, parties_of
from gateway.transfers.consent_view import consents_of
from gateway.transfers.contested import contested_outcomes
from gateway.transfers.dead_letters import is_dead
from gateway.transfers.likely import twins_of
from gateway.transfers.log_reading import LogReading
from gateway.transfers.stuck import held_json, in_order, letter_json
from gateway.transfers.turns import waiting_on

PAGE_MAX = 200
STUCK_MAX = 1000
EVERYBODY = ""


def nobody(_parties: frozenset[str]) -> None:
    """Who presides, where that is not known."""


@dataclass(frozen=True, slots=True)
class Status:
    """Reads as of the last commit."""

    database: Database
    reading: LogReading
    presiding: Presiding = nobody
    founding: Callable[[], Sequence[Agreement]] = tuple
    """The agreements of the trust file in force."""
    final_size: Callable[[], Awaitable[int]] | None = None
    """The size up to which leaves are final; None where that is not known, and then nothing is said of it."""

    async def listing(self, member: str, *, state: str = "", cursor: str = "", most: int = 50) -> dict[str, Any]:
        """Newest first.  `member` "" sees all (the centre).  `cursor` is the `next` of the page before."""
        before_at, _, before_id = cursor.partition("|") if cursor else ("9999", "", "")
        most = max(1, min(most, PAGE_MAX))
        rows = [
            TransferRow(*row)
            for row in await self.database.fetch(
                "transfers_of_member", member=member, state=state, before_at=before_at, before_id=before_id, most=most + 1
            )
        ]
        page = rows[:most]
        following = f"{page[-1].opened_at}|{page[-1].id}" if len(rows) > most else None
        final = await self._final(row.id for row in page)
        return {"transfers": [_summary(row) | final[row.id] for row in page], "next": following}

    async def show(self, transfer: str, member: str) -> dict[str, Any]:
        """One case whole: items, steps with their leaves, what is owed to whom.  Raises TransferError("transfer.unknown")."""
        ids = json.dumps([transfer])
        rows = await self.database.fetch("transfers_by_id", ids=ids)
        row = TransferRow(*rows[0]) if rows else None
        owed = [OwedRow(*each) for each in await self.database.fetch("owed_by_transfer", ids=ids)]
        if row is None or not self._may_see(member, row, owed):
            raise TransferError("transfer.unknown", "没有这个转移", "there is no such transfer")
        items = [ItemRow(*each) for each in await self.database.fetch("items_by_transfer", ids=ids)]
        return {
            **case_json(row, items),
            "opened_at": row.opened_at,
            "since": row.changed_at,
            "turn_since": row.due_since or row.changed_at,
            "programme": row.programme,
            "held_from": row.held_from,
            "stage": row.stage,
            "disputed_from": row.disputed_from,
            "unresolved": bool(row.unresolved),
            "presiding_unit": self.presiding(parties_of(row)),
            **(await self._final([transfer]))[transfer],
            "steps": [_step(seq, index, leaf) for seq, index, leaf in await self.reading.scope(transfer)],
            **await twins_of(self.database, row, items, member),
            "owed": [
                {"to": each.lane, "act": each.act, "event": each.event, "state": each.state, "attempts": each.attempts,
                 "next_at": each.next_at, "last_error": each.last_error, "message": each.jti, "created_at": each.created_at,
                 "dead_since": each.dead_since if is_dead(each) else None}
                for each in owed
            ],
        }  # fmt: skip

    async def _final(self, transfers: Iterable[str]) -> dict[str, dict[str, Any]]:
        """By transfer: whether its newest leaf is final, and up to which size leaves are."""
        wanted = list(transfers)
        if self.final_size is None:
            return {each: {} for each in wanted}
        size = await self.final_size()
        rows = await self.database.fetch("log_last_of_scopes", scopes=json.dumps(wanted))
        last: dict[str, int] = {row[0]: row[1] for row in rows}
        return {each: {"final": last.get(each, size) < size, "final_size": size} for each in wanted}

    async def stuck(self, member: str) -> dict[str, Any]:
        """Held transfers and dead letters: all of them for the centre, for a member those of its own cases and those it presides over.

        `more` is true where there are more than are shown.
        """
        held = [TransferRow(*each) for each in await self.database.fetch("transfers_held", most=STUCK_MAX + 1)]
        letters = [OwedRow(*each) for each in await self.database.fetch("owed_dead", most=STUCK_MAX + 1)]
        ids = json.dumps([row.id for row in held])
        owed: dict[str, list[OwedRow]] = {}
        for each in await self.database.fetch("owed_by_transfer", ids=ids):
            owed.setdefault(each[2], []).append(OwedRow(*each))
        ids = json.dumps(sorted({row.transfer for row in letters}))
        cases = {each[0]: TransferRow(*each) for each in await self.database.fetch("transfers_by_id", ids=ids)}
        seen = {row.id: self.presiding(parties_of(row)) for row in (*held, *cases.values())}
        mine = {row.id for row in (*held, *cases.values()) if member in {EVERYBODY, seen[row.id], row.source, row.accepting, row.facing}}
        found = [held_json(row, owed.get(row.id, ()), seen[row.id]) for row in held if row.id in mine]
        found += [
            letter_json(row, cases.get(row.transfer), seen.get(row.transfer))
            for row in letters
            if row.transfer in mine or member in {EVERYBODY, row.lane}
        ]
        return {"stuck": in_order(found), "more": max(len(held), len(letters)) > STUCK_MAX}

    async def contested(self, member: str) -> dict[str, Any]:
        """Contested outcomes that wait for this member's ruling, or everybody's for the centre."""
        return await contested_outcomes(self.database, self.reading, self.presiding, member)

    async def agreements(self, member: str) -> dict[str, Any]:
        """The agreements that a member is a party of, or everybody's for the centre; ended ones last."""
        founding = self.founding()
        rows = {row.scope: row for row in map(founding_row, founding)}
        rows |= {row[0]: AgreementRow(*row) for row in await self.database.fetch("agreements_all")}
        return {"agreements": agreements_json(founding, rows.values(), member)}

    async def consents(self, member: str, cursor: str = "") -> dict[str, Any]:
        """The consents a facing bank holds, or everybody's for the centre, a page at a time."""
        return await consents_of(self.database, member, cursor)

    async def contested_count(self) -> int:
        """How many outcomes are contested."""
        return int((await self.database.fetch("outcomes_contested_count"))[0][0])

    async def statement_counts(self) -> dict[str, int]:
        """How many statements stand in each state: issued, signed, disputed."""
        return {str(row[0]): int(row[1]) for row in await self.database.fetch("statement_counts")}

    async def dead_letter_counts(self) -> dict[str, int]:
        """How many dead letters each member's lane has."""
        return {str(row[0]): int(row[1]) for row in await self.database.fetch("dead_letter_counts")}

    def _may_see(self, member: str, row: TransferRow, owed: list[OwedRow]) -> bool:
        if member in {EVERYBODY, row.source, row.accepting, row.facing}:
            return True
        waits = row.state in {State.HELD, State.DISPUTED} or any(map(is_dead, owed))
        return waits and self.presiding(parties_of(row)) == member

    async def counts(self) -> dict[str, int]:
        """How many transfers stand in each state."""
        return {str(row[0]): int(row[1]) for row in await self.database.fetch("transfer_counts")}

    async def owed_counts(self) -> list[tuple[str, str, int]]:
        """`(lane, state, how many)`."""
        return [(str(row[0]), str(row[1]), int(row[2])) for row in await self.database.fetch("owed_counts")]


def _summary(row: TransferRow) -> dict[str, Any]:
    return {
        "transfer": row.id,
        "source": row.source,
        "accepting": row.accepting,
        "facing": row.facing,
        "state": row.state,
        "ver": row.ver,
        "opened_at": row.opened_at,
        "since": row.changed_at,
        "deadline": row.deadline,
        "waiting_on": waiting_on(row),
        "totals": json.loads(row.totals),
    }


def _step(seq: int, index: int, data: bytes) -> dict[str, Any]:
    leaf = parse_leaf(data)
    return {
        "seq": seq,
        "leaf": index,
        "type": leaf.type,
        "at": leaf.at,
        "actor": leaf.actor or leaf.iss,
        "role": leaf.role,
        "state": leaf.state_after,
        "kid": leaf.kid,
        "facts": dict(leaf.facts),
    }
