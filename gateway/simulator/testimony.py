"""What is left of a run when it is over: what gateway, connectors and banks store, the exported log, everything anybody saw signed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from gateway.client.outgoing import sd_of
from gateway.client.receipts import Judge, Sent, VerifiedAnswer
from gateway.errors import GatewayError
from gateway.federation.message import Content
from gateway.mapping.schema import Standard
from gateway.simulator.banks import SimulatedBank
from gateway.simulator.forgetting import Lost
from gateway.simulator.people import Learner
from gateway.simulator.reckoning import Export
from gateway.storage.connector_schema import CaseRow, InboxRow, OutboxRow
from gateway.storage.rows import DifferenceRow
from gateway.transferlog.leaf import Leaf, parse_leaf


@dataclass(frozen=True, slots=True)
class BankRecord:
    """All that one connector keeps, and the bank's own system."""

    bank: SimulatedBank
    outbox: Sequence[OutboxRow]
    inbox: Sequence[InboxRow]
    cases: Mapping[str, CaseRow]
    contents: Mapping[str, Mapping[str, Content]]


@dataclass(frozen=True)
class Evidence:
    """A run when it is over.  `cases` are the gateway's own, whole; `heads` every `(size, root)` that was seen signed, in order."""

    cases: Mapping[str, Mapping[str, Any]]
    banks: Mapping[str, BankRecord]
    export: Export
    standard: Standard
    heads: Sequence[tuple[int, bytes]]
    learners: Sequence[Learner]
    logged: Sequence[Mapping[str, Any]]
    stored: bytes
    unexpected: Sequence[str]
    now: datetime
    lost: Sequence[Lost] = ()
    differences: Sequence[DifferenceRow] = ()
    jumps: Sequence[tuple[int, int]] = ()
    miscounted: Sequence[str] = ()
    differing: Sequence[str] = ()

    @cached_property
    def leaves(self) -> list[Leaf]:
        return [parse_leaf(raw) for raw in self.export.leaves]

    @cached_property
    def standing(self) -> dict[str, str]:
        """Transfer to the decision (`jti`) that stands at its end; a case sent back for decision has none until the next."""
        found: dict[str, str] = {}
        for leaf in self.leaves:
            if leaf.type == "transfer.decided":
                found[leaf.scope] = leaf.jti
            elif leaf.type == "transfer.remitted":
                found.pop(leaf.scope, None)
        return found

    @cached_property
    def answers(self) -> list[tuple[str, OutboxRow, VerifiedAnswer | GatewayError]]:
        """Every answer a bank stored, verified anew under the final trust file, or why it does not hold."""
        judge = Judge(self.export.trust)
        return [
            (member, row, _verified(judge, member, row, record.contents[row.jti], self.now))
            for member, record in self.banks.items()
            for row in record.outbox
            if row.answer is not None
        ]


def _verified(judge: Judge, member: str, row: OutboxRow, contents: Mapping[str, Content], now: datetime) -> VerifiedAnswer | GatewayError:
    assert row.answer is not None
    assert row.receipt is not None
    assert row.status is not None
    digests = tuple((each.name, sd_of(each), len(each.data)) for each in contents.values())
    body = row.answer[:-1] + b',"receipt":' + row.receipt.encode() + b"}"
    try:
        return judge.answer(Sent(member, row.jti, row.act, digests), row.status, body, now)
    except GatewayError as fault:
        return fault
