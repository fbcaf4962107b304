"""A bank's people decide: what they are shown of a case, and what becomes of what they say.

They act on what they saw: each word comes with the `Stamp` of what was shown, and where the case stands otherwise by now nothing is
done.  Several words are one commit, all of them or none.  What is said goes the same way as what a policy says (`Desk.reply`): it is
written into the outbox, and the sender signs it with the bank's key.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import TypeAlias

from gateway.client.cases import ForwardedCase
from gateway.client.desk import Desk
from gateway.client.office import Office
from gateway.client.proposed import explained
from gateway.client.store import Store
from gateway.client.todo import DECIDE, contested, words
from gateway.errors import SettingsError
from gateway.model.canonical import jcs
from gateway.model.documents import Decision, Verdict, Withdrawal
from gateway.model.transfer import Act, State
from gateway.storage.connector_schema import CaseRow
from gateway.storage.database import FencedError, Write

Reply: TypeAlias = Decision | Withdrawal
"""A decision; or a question to the source bank, in a dispute that the decision stands."""
DISPUTABLE = frozenset({State.SETTLED, State.REJECTED, State.EXPIRED})


class No(StrEnum):
    """Why nothing was done."""

    STALE = "stale"
    CONTESTED = "contested"
    """What would be recognised is contested, and waits for the presiding unit's ruling."""
    NOT_EXPLAINED = "not_explained"
    """The decision departs from the estimate and does not say why."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What was seen: the case's version, and a digest over what was delivered and is open.  A form carries both."""

    ver: int
    seen: str


@dataclass(frozen=True, slots=True)
class OpenCase:
    """A case that this bank accepts, verified, with the items that are open now."""

    row: CaseRow
    found: ForwardedCase

    @property
    def open(self) -> bool:
        """Whether the bank is to decide it now."""
        return DECIDE in words(self.row) and bool(self.found.case.items)

    @property
    def contested(self) -> set[str]:
        return contested(self.row)

    @property
    def stamp(self) -> Stamp:
        found = self.found
        items = [[item.record, item.kind, None if item.credits is None else str(item.credits)] for item in found.case.items]
        told = [found.delivered, found.part_sd, *found.mapping, found.estimate, sorted(self.contested), items]
        return Stamp(self.row.ver, sha256(jcs(told)).hexdigest())


class Casework:
    """One bank's."""

    def __init__(self, office: Office, desk: Desk) -> None:
        self._office = office
        self._desk = desk

    async def look(self, transfer: str) -> OpenCase | None:
        """None where this bank does not accept such a case, or nothing was delivered.  Raises a GatewayError of what does not hold."""
        case = await self._office.store.case(transfer)
        if case is None or case.accepting != self._office.setup.member or not case.forward_jti:
            return None
        return OpenCase(case, await self._desk.before(case))

    async def answer(self, replies: Sequence[tuple[str, Stamp, Reply]], more: Sequence[Write] = ()) -> No | None:
        """Say all of it, in one commit with `more`; or why nothing was said.  Raises a GatewayError where a case does not hold any more."""
        office, writes = self._office, list[Write]()
        async with office.books:
            for transfer, stamp, said in replies:
                opened = await self.look(transfer)
                if opened is None or not opened.open or opened.stamp != stamp:
                    return No.STALE
                reply = checked(opened, said)
                if isinstance(reply, No):
                    return reply
                writes += self._desk.reply(opened.row, opened.found, reply)
            try:
                await office.commit([*writes, *more])
            except FencedError:  # confirmed twice: the first counts
                return No.STALE
        return None

    async def dispute(self, transfer: str, ver: int, why: Withdrawal, more: Sequence[Write] = ()) -> No | None:
        """As source or facing bank: the decision is disputed."""
        office = self._office
        async with office.books:
            case = await office.store.case(transfer)
            if case is None or not may_dispute(case, office.setup.member) or case.ver != ver:
                return No.STALE
            message = office.writer.word(Act.DISPUTE, transfer, why, {}, None)
            try:
                await office.commit([*Store.send(message, office.now_text()), *more])
            except FencedError:
                return No.STALE
        return None


def checked(opened: OpenCase, said: Reply) -> Reply | No:
    """What is to be sent of what was said, or why it must not be."""
    if isinstance(said, Withdrawal):
        return said
    if recognised(said) & opened.contested:
        return No.CONTESTED
    try:
        return explained(said, opened.found.case.proposal)
    except SettingsError:
        return No.NOT_EXPLAINED


def may_dispute(case: CaseRow, member: str) -> bool:
    return case.state in DISPUTABLE and member in {case.source, case.facing}


def recognised(decision: Decision) -> set[str]:
    """The records that a decision recognises."""
    return {item.record for item in decision.items if item.verdict is Verdict.RECOGNISED}
