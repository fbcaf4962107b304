"""State digests under the lock: one is owed, one is answered, and what the two sides do not agree on is written down item by item.

At most one digest a member is under way.  Its answer is held against what that digest said, never against what is true by
now: whatever arrived, was answered or moved on in between is no difference.  A message that was acknowledged and not kept is
owed once more (same `jti`, contents and number) where that is still ours to send.  Nothing here raises an alarm: the
watch does, from the rows, so that a crash between commit and alarm loses none.  Sentences: docs/protocol.md, PR-203 to PR-209.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from gateway.federation.envelope import VerifiedMessage
from gateway.federation.state_digest import (
    EVENT,
    RANGES_MAX,
    Ranges,
    StateAnswer,
    StateDigest,
    TransferState,
    is_state_scope,
    numbers_in,
    ranges_of,
    read_ranges,
    scope_of,
    within,
)
from gateway.model.canonical import jcs
from gateway.model.transfer import Refusal, State
from gateway.storage.rows import DifferenceRow, OwedRow, PartKeyRow, ReconciliationRow
from gateway.transfers.acts import NOT_ASKED, STATUS_DONE, earlier_answer, keep, refuse_unlogged
from gateway.transfers.answers import Answer, head_of
from gateway.transfers.case import utc_text
from gateway.transfers.owing import OPEN_OWED, OWED_AGAIN, is_owed_again
from gateway.transfers.view import View, Wants

NOT_KEPT: Final = "acknowledged_not_kept"
UNKNOWN_NUMBER: Final = "unknown_number"
MISSING: Final = "missing_here"
LOST: Final = "lost_at_bank"
TWICE: Final = "number_twice"
UNKNOWN_TRANSFER: Final = "unknown_transfer"
AHEAD: Final = "ahead"
STATE: Final = "state"
ITEM: Final = "item"
OF_TRANSFER: Final = frozenset({UNKNOWN_TRANSFER, AHEAD, STATE, ITEM})
LACKS_MAX: Final = 500
"""Lost messages looked into for one answer; what is over is asked for again by the next digest."""
DIFFERENCES_MAX: Final = 2_000
"""Open differences kept a member."""
SOON: Final = 24
"""After something new was found the next digest comes in this part of the usual time."""
NO_MORE: Final = frozenset({State.WITHDRAWN, State.EXPIRED, State.REJECTED})
DISCLOSING: Final = frozenset({"forward", "fetch"})


@dataclass(frozen=True, slots=True)
class OweState:
    """A member's next digest is due, as far as the reader saw.  The first is due a whole cycle after the member was first seen."""

    member: str
    number: int
    jti: str
    part_key: PartKeyRow
    every: timedelta

    @property
    def wants(self) -> Wants:
        return Wants(reconciling=self.member)

    def apply(self, view: View) -> Answer:
        row = view.reconciling.get(self.member)
        if row is None:
            view.put_reconciling(ReconciliationRow(self.member, next_at=utc_text(view.at + self.every)))
            return Answer(202, b"{}", b"")
        if row.scope or row.next_at > view.at_text or row.number + 1 != self.number:
            return Answer(409, b"{}", b"")
        scope = scope_of(self.member, self.number)
        if row.number:
            view.forget(scope_of(self.member, row.number))
        view.put_part_key(self.part_key)
        view.put_owed(
            OwedRow(self.jti, self.member, scope, 1, "notify", EVENT, "", "{}", "[]", "new", 0, view.at_text, "", view.at_text)
        )  # fmt: skip
        began = row.began if row.cursor else view.at_text
        view.put_reconciling(row._replace(number=self.number, scope=scope, asked_at=view.at_text, began=began))
        return Answer(STATUS_DONE, b"{}", b"")


@dataclass(frozen=True, slots=True)
class Alarmed:
    """These differences were told to the people who watch."""

    member: str
    keys: frozenset[tuple[str, ...]]

    @property
    def wants(self) -> Wants:
        return Wants(reconciling=self.member)

    def apply(self, view: View) -> Answer:
        for row in list(view.differences.values()):
            if row[:4] in self.keys and not row.told:
                view.put_difference(row._replace(told=1))
        return Answer(STATUS_DONE, b"{}", b"")


@dataclass(frozen=True, slots=True)
class NotOurs:
    """A `noted` about a digest that is not under way with this member."""

    message: VerifiedMessage
    secret: bytes
    refusal: Refusal = NOT_ASKED

    @property
    def wants(self) -> Wants:
        return Wants(messages=((self.message.iss, self.message.jti),))

    def apply(self, view: View) -> Answer:
        earlier = earlier_answer(view, self.message, self.secret)
        return earlier if earlier is not None else refuse_unlogged(view, self.message, self.secret, self.refusal)


@dataclass(frozen=True, slots=True)
class StateAnswered:
    """A member has answered its digest.  `told` is None where it does not compare.

    `arrived`: those of its own numbers under question that are here by now.  `lacking`: the transfer of each number it lacks that
    was looked for, "" where there is no such message.
    """

    message: VerifiedMessage
    secret: bytes
    digest: StateDigest
    told: StateAnswer | None
    arrived: frozenset[int]
    lacking: Mapping[int, str]
    every: timedelta

    @property
    def wants(self) -> Wants:
        differing = (each.transfer for each in self.told.differs) if self.told is not None else ()
        return Wants(
            messages=((self.message.iss, self.message.jti),),
            transfers=(self.message.scp or "", *filter(None, self.lacking.values()), *differing),
            reconciling=self.message.iss,
        )

    def apply(self, view: View) -> Answer:
        earlier = earlier_answer(view, self.message, self.secret)
        if earlier is not None:
            return earlier
        message, scope = self.message, self.message.scp or ""
        row = view.reconciling.get(message.iss)
        asked = next((each for each in view.owed.get(scope, ()) if each.jti == message.irt and each.lane == message.iss), None)
        if row is None or row.scope != scope or asked is None or asked.state not in OPEN_OWED:
            return refuse_unlogged(view, message, self.secret, NOT_ASKED)
        view.put_owed(asked._replace(state="done"))
        news = self._compare(view) if self.told is not None else False
        view.put_reconciling(self._onwards(view, row, news=news))
        standing = sum(not each.closed_at and each.member == message.iss for each in view.differences.values())
        body = jcs({**head_of(message), "number": self.digest.number, "differences": standing})
        return keep(view, message, Answer(STATUS_DONE, body, self.secret), scope)

    def _onwards(self, view: View, row: ReconciliationRow, *, news: bool) -> ReconciliationRow:
        """What is settled by this answer, and when the next digest is due."""
        digest, sent = self.digest, self.digest.sent
        told = self.told or StateAnswer()
        floor, again = sent.to, {*numbers_in(sent.open), *(each for each in self._lacked() if not is_state_scope(self.lacking.get(each)))}
        if told.floor is not None and told.floor < sent.after:
            floor, again, news = told.floor, set(), True
        elif len(again) > RANGES_MAX:  # more than can be carried along: the same numbers are asked for anew
            floor, again = row.sent_floor, {*numbers_in(read_ranges(json.loads(row.sent_again)))}
        wait = timedelta(0) if digest.more else self.every / SOON if news else self.every
        awaited = [each for each in self._missing() if each <= digest.received.to and not within(told.given_up, each)]
        moved = row._replace(
            scope="",
            answered_at=view.at_text,
            next_at=utc_text(view.at + wait),
            sent_floor=floor,
            sent_again=_text(ranges_of(again)),
            received_floor=digest.received.to,
            awaited=_text(ranges_of(each for each in awaited if not within(told.lost, each))),
        )
        if digest.more and digest.transfers:
            return moved._replace(cursor=digest.transfers[-1].transfer)
        return moved._replace(cursor="", since=row.began)

    # -- comparing --

    def _compare(self, view: View) -> bool:
        """Write what was found, close what is no longer so; whether anything is new."""
        member, at = self.message.iss, view.at_text
        found = {row[:4]: row for row in self._found(view)}
        standing = {key: row for key, row in view.differences.items() if row.member == member and not row.closed_at}
        for key, row in standing.items():
            if key in found:
                view.put_difference(row._replace(seen_at=at, theirs=found[key].theirs, ours=found[key].ours))
            elif self._settles(row):
                view.put_difference(row._replace(closed_at=at))
        new = [row for key, row in found.items() if key not in standing]
        for row in new[: max(0, DIFFERENCES_MAX - len(standing))]:
            view.put_difference(row)
        return bool(new)

    def _settles(self, row: DifferenceRow) -> bool:
        """Whether this answer, which does not find the difference, was about it at all."""
        if row.kind in OF_TRANSFER:
            return any(each.transfer == row.transfer for each in self.digest.transfers)
        if row.kind in {NOT_KEPT, UNKNOWN_NUMBER}:
            return not within(self.digest.sent.open, int(row.subject))
        return row.kind != MISSING or (self.told is not None and not within(self.told.pending, int(row.subject)))

    def _found(self, view: View) -> Iterator[DifferenceRow]:
        told = self.told
        assert told is not None
        for number in self._lacked():
            yield from self._not_kept(view, number)
        for number in self._missing():
            if within(told.lost, number):
                yield self._row(view, LOST, "", str(number), "missing", "missing")
            elif not within(told.given_up, number) and not within(told.pending, number):
                yield self._row(view, MISSING, "", str(number), "missing", "sent")
        for number in numbers_in(self.digest.received.twice):
            yield self._row(view, TWICE, "", str(number), "two messages", "one number")
        known = {each.transfer: each for each in self.digest.transfers}
        for theirs in told.differs:
            if theirs.transfer in known:
                yield from self._differs(view, known[theirs.transfer], theirs)

    def _lacked(self) -> list[int]:
        """The numbers it lacks of those it had answered."""
        expected = set(self.digest.sent.expected())
        return [number for number in numbers_in(self.told.lacks) if number in expected] if self.told is not None else []

    def _missing(self) -> list[int]:
        """Its own numbers that are not here, as of its answer: those the digest named, and those it gave since."""
        received = self.digest.received
        asked = {*numbers_in(received.missing)}
        if self.told is not None and self.told.sent > received.to:
            asked.update(numbers_in(((received.to + 1, self.told.sent),)))
        return sorted(asked - self.arrived)

    def _not_kept(self, view: View, number: int) -> Iterator[DifferenceRow]:
        transfer = self.lacking.get(number)
        row = next((each for each in view.owed.get(transfer or "", ()) if each.lane == self.message.iss and each.seq == number), None)
        if transfer == "":
            yield self._row(view, UNKNOWN_NUMBER, "", str(number), "missing", "missing")
        elif row is not None and row.state == "done":
            what = f"{row.act} {row.event}".strip()
            yield self._row(view, NOT_KEPT, row.transfer, str(number), f"{what} done", "missing", row.jti, owe_again(view, row))

    def _differs(self, view: View, ours: TransferState, theirs: TransferState) -> Iterator[DifferenceRow]:
        at_ours, at_theirs = f"{ours.state} {ours.ver}", f"{theirs.state} {theirs.ver}"
        if not theirs.state and not theirs.ver:
            yield self._row(view, UNKNOWN_TRANSFER, ours.transfer, "", at_ours, "")
        elif theirs.ver > ours.ver:
            now = view.transfers.get(ours.transfer)
            if now is not None and theirs.ver > now.ver:
                yield self._row(view, AHEAD, ours.transfer, "", f"{now.state} {now.ver}", at_theirs)
        elif theirs.ver == ours.ver:
            if theirs.state != ours.state:
                yield self._row(view, STATE, ours.transfer, "", at_ours, at_theirs)
            left, right = _by_record(ours), _by_record(theirs)
            for record in sorted(left.keys() | right.keys()):
                if left.get(record) != right.get(record):
                    yield self._row(view, ITEM, ours.transfer, record, left.get(record, ""), right.get(record, ""))

    def _row(
        self, view: View, kind: str, transfer: str, subject: str, ours: str, theirs: str, jti: str = "", repair: str = ""
    ) -> DifferenceRow:
        return DifferenceRow(self.message.iss, kind, transfer, subject, ours, theirs, jti, repair, view.at_text, view.at_text)


def owe_again(view: View, row: OwedRow) -> str:
    """Owe a message once more, if it is still ours to send: what was done, in one word."""
    transfer = view.transfers.get(row.transfer)
    if is_owed_again(row):
        return "owed_again_before"
    if transfer is None or row.contents == "[]":
        return "none"
    if row.act in DISCLOSING or row.event == "amended":
        if State(transfer.state) in NO_MORE or (row.act == "forward" and transfer.delivered_jti != row.jti):
            return "superseded"
        if transfer.consent_until <= view.at_text or transfer.consent_withdrawn:
            return "no_consent"
    claims = json.dumps({**json.loads(row.claims), OWED_AGAIN: True})
    view.put_owed(
        row._replace(
            state="ready", attempts=0, next_at=view.at_text, last_error="", claims=claims, first_at=view.at_text, dead_since=""
        )
    )  # fmt: skip
    return OWED_AGAIN


def _by_record(each: TransferState) -> dict[str, str]:
    return {record: f"{state} {size or '-'}" for record, state, size in each.items}


def _text(ranges: Ranges) -> str:
    return json.dumps(ranges)
