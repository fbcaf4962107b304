"""One transfer while a change works on it: its row, its items, and the verbs that move them.

Every verb keeps the books: items and outcomes together, totals from the items, the deadline from
the state, `ver` with each change of state or items.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from gateway.federation.envelope import VerifiedMessage
from gateway.model.transfer import ItemState, Role, State
from gateway.storage.rows import ItemRow, OutcomeRow, TransferRow
from gateway.transfers.answers import head_of
from gateway.transfers.claims import CONTESTED, bar_to, live_claims, reserved, with_claim, without_claim
from gateway.transfers.deadlines import WORKING_DAYS, deadline_after, working_days_between
from gateway.transfers.milestones import first_reached
from gateway.transfers.owing import Owing
from gateway.transfers.turns import waiting_on
from gateway.transfers.view import View

TOTAL_OF = {
    ItemState.CLAIMED: "pending",
    ItemState.RECOGNISED: "recognised",
    ItemState.REFUSED: "refused",
    ItemState.CLOSED: "closed",
    ItemState.RECALLING: "recognised",
    ItemState.RECALLED: "closed",
}


def utc_text(moment: datetime) -> str:
    """RFC 3339, UTC, microseconds, `Z`: texts that sort as their moments do.  `moment` is aware."""
    text = (moment if moment.tzinfo is UTC else moment.astimezone(UTC)).isoformat(timespec="microseconds")
    return text[:-6] + "Z"


def totals_of(items: Iterable[ItemRow]) -> dict[str, str]:
    """Regional credits by what became of them.  Items without computed credits are counted apart, in `uncounted`."""
    sums = {name: Decimal(0) for name in ("submitted", "recognised", "refused", "closed", "pending", "awarded")}
    uncounted = 0
    for item in items:
        if item.awarded is not None:
            sums["awarded"] += Decimal(item.awarded)
        if item.credits is None:
            uncounted += 1
            continue
        sums["submitted"] += Decimal(item.credits)
        sums[TOTAL_OF[ItemState(item.state)]] += Decimal(item.credits)
    return {**{name: format(value, "f") for name, value in sums.items()}, "uncounted": str(uncounted)}


@dataclass(slots=True)
class Case(Owing):
    """A transfer open for change inside one batch.  Nothing is stored before `save`.

    `joined` are outcomes in whose contest it has just come to stand, and whether it opened that contest; `freed` those it has just
    let go after a ruling; `voided` those of another case that it has just found void, each with that case: others are to hear of all
    three (`contests.announce`).  `stained` are items whose achievement was revoked after it had been recognised: a flag follows.
    """

    view: View
    row: TransferRow
    items: tuple[ItemRow, ...]
    _summed: tuple[tuple[ItemRow, ...], dict[str, str]] | None = None
    joined: tuple[tuple[str, bool], ...] = ()
    freed: tuple[str, ...] = ()
    voided: tuple[tuple[str, str], ...] = ()
    stained: tuple[ItemRow, ...] = ()

    def totals(self) -> dict[str, str]:
        """The totals of the items as they are now; summed once for body, leaf and row."""
        if self._summed is None or self._summed[0] is not self.items:
            self._summed = (self.items, totals_of(self.items))
        return self._summed[1]

    @classmethod
    def of(cls, view: View, transfer: str) -> "Case | None":
        row = view.transfers.get(transfer)
        return cls(view, row, view.items.get(transfer, ())) if row else None

    @property
    def scope(self) -> str:
        return self.row.id

    @property
    def state(self) -> State:
        return State(self.row.state)

    def roles_of(self, member: str, presiding: str = "") -> frozenset[Role]:
        """The roles a member holds here; empty for a stranger.  `presiding` is the member that presides over this case now."""
        held = {Role.SOURCE: self.row.source, Role.ACCEPTING: self.row.accepting, Role.FACING: self.row.facing, Role.PRESIDING: presiding}
        return frozenset(role for role, holder in held.items() if holder == member)

    def move(self, state: State) -> None:
        """Enter `state` now: new `ver`, new deadline.  In an ended case an open recall is the only clock there is."""
        recalling = state is State.SETTLED and any(item.state == ItemState.RECALLING for item in self.items)
        self.row = self.row._replace(
            state=state.value,
            ver=self.row.ver + 1,
            changed_at=self.view.at_text,
            held_from=self.row.held_from if state is State.HELD else "",
        )
        self.row = first_reached(self.row, self.view.at_text)
        self.due_in(WORKING_DAYS.get(State.HELD if recalling else state, 0))

    def due_in(self, days: int) -> None:
        """The deadline is the end of the `days`-th working day from now; 0: there is none."""
        deadline, provisional = deadline_after(days, self.view.at) if days else (None, False)
        self.row = self.row._replace(
            deadline=utc_text(deadline) if deadline else None,
            provisional=int(provisional),
            warned=0,
            due_days=days,
            due_since=self.view.at_text,
        )

    def to_presiding(self) -> None:
        """The dispute is before the presiding unit now, with a term of its own."""
        self.row = self.row._replace(stage="presiding")
        self.due_in(WORKING_DAYS[State.DISPUTED])

    def ended(self) -> State:
        """Where a booked case rests: recalled, once everything that was recognised in it has been recalled."""
        states = {ItemState(item.state) for item in self.items}
        gone = ItemState.RECALLED in states and not states & {ItemState.RECOGNISED, ItemState.RECALLING}
        return State.RECALLED if gone else State.SETTLED

    def pause_review(self) -> None:
        """Stop the review's clock: remember how many of its working days are left."""
        days = working_days_between(self.view.at, datetime.fromisoformat(self.row.deadline)) if self.row.deadline else 0
        self.row = self.row._replace(days_left=max(days, 1))
        self.move(State.SUPPLEMENTING)

    def resume_review(self) -> None:
        """Go on reviewing with the working days that were left."""
        days = self.row.days_left
        self.move(State.REVIEWING)
        if days:
            self.due_in(days)
            self.row = self.row._replace(days_left=0)

    def stand(self, *, unresolved: bool) -> None:
        """End a dispute: what was decided before it stands."""
        began = State(self.row.disputed_from)
        self.move(self.ended() if began is State.SETTLED else began)
        self.row = self.row._replace(disputed_from="", stage="", unresolved=int(unresolved))

    def touch(self) -> None:
        """Items or the judge changed without a change of state: a new `ver`."""
        self.row = self.row._replace(ver=self.row.ver + 1, changed_at=self.view.at_text)

    def void(self, item: ItemRow) -> None:
        """The achievement is void: its outcome can never be claimed again, by anybody.

        Another source bank's outcome stays as it is: who sends the same certificate number cannot void it for others.  So does a
        contested one, which only loses this case's claim; a redeemed one when that is booked.
        """
        if item.contested:
            if item.state != ItemState.RECOGNISED:
                self.release([item])
            return
        new = OutcomeRow(item.nf, "revoked", item.strength, "", self.row.learner, self.row.source, self.view.next_index)
        found = self.view.outcomes.get(item.nf, new)
        if item.nf and found.source == self.row.source and not found.claims:
            if found.holder not in {"", self.row.id}:
                self.voided += ((item.nf, found.holder),)
            self.view.put_outcome(found._replace(state="revoked", holder=""))

    def start_recall(self) -> None:
        """The accepting bank has ten working days to book it; in an ended case that is the only clock."""
        self.touch()
        if self.state is State.SETTLED:
            self.due_in(WORKING_DAYS[State.HELD])

    def end_recall(self) -> None:
        """Recalls were booked: when none is open any more an ended case goes to rest, another goes on."""
        left = any(item.state == ItemState.RECALLING for item in self.items)
        if not left:
            self.cancel_owed_event("recall")
        if not left and (self.state is State.SETTLED or self.row.held_from == State.SETTLED):
            self.move(self.ended())
        else:
            self.touch()

    def reclaim(self) -> None:
        """Everything decided or closed for want of time is claimed anew, as far as its outcome can still be had."""
        changes: dict[int, dict[str, Any]] = {}
        for item in self.items:
            bar = self._bar_again(item)
            if bar is None:
                continue
            reason, leaf = bar
            if reason in {"", CONTESTED}:
                changes[item.position] = {"state": ItemState.CLAIMED.value, "reason": "", "awarded": None}
                if reason:
                    changes[item.position] |= {"contested": 1, "taken_leaf": leaf}
            elif item.state in {ItemState.RECOGNISED, ItemState.REFUSED}:
                lost = {"state": ItemState.CLOSED.value, "reason": "outcome_taken", "taken_leaf": leaf, "awarded": None}
                changes[item.position] = lost
        self.set_items(changes)
        self.hold_outcomes(self.view.next_index)

    def reclaimable(self) -> bool:
        """Whether anything would be left to decide after `reclaim`."""
        bars = (self._bar_again(item) for item in self.items)
        return bool(self.claimed()) or any(bar is not None and bar[0] in {"", CONTESTED} for bar in bars)

    def _bar_again(self, item: ItemRow) -> tuple[str, int | None] | None:
        """What keeps this item from being claimed anew, "" for nothing; None where nobody would claim it anew."""
        if item.state not in {ItemState.RECOGNISED, ItemState.REFUSED} and item.reason not in {"expired", "rejected", "no_account"}:
            return None
        found = self.view.outcomes.get(item.nf)
        mine = found is not None and found.holder == self.row.id
        return ("", None) if mine else bar_to(found, item, self.row.learner)

    def drop_recalls(self) -> None:
        """The decision stands no longer, and nothing of it stays booked: what was to be recalled is simply void."""
        gone = [item for item in self.items if item.state == ItemState.RECALLING]
        self.set_items({item.position: {"state": ItemState.CLOSED.value, "reason": "revoked", "awarded": None} for item in gone})
        for item in gone:
            self.let_go(item)
        self.cancel_owed_event("recall")

    def set_items(self, changes: Mapping[int, Mapping[str, Any]]) -> None:
        """Change items by position."""
        self.items = tuple(item._replace(**changes[item.position]) if item.position in changes else item for item in self.items)

    def claimed(self) -> tuple[ItemRow, ...]:
        return tuple(item for item in self.items if item.state == ItemState.CLAIMED)

    def close_claimed(self, reason: str) -> None:
        """Close every item still claimed and give its outcome back."""
        closing = self.claimed()
        self.set_items({item.position: {"state": ItemState.CLOSED.value, "reason": reason} for item in closing})
        self.release(closing)

    def reserve(self) -> None:
        """Take the outcome of every claimed item, or close the item: one active reservation in the whole region.

        What another learner claims as well is neither taken nor closed: the item stays claimed, contested.
        """
        lost: dict[int, dict[str, Any]] = {}
        taken: set[str] = set()
        for item in self.claimed():
            if item.nf in taken:
                lost[item.position] = {"state": ItemState.CLOSED.value, "reason": "outcome_taken", "taken_leaf": self.view.next_index}
                continue
            reason, leaf = bar_to(self.view.outcomes.get(item.nf), item, self.row.learner)
            if reason in {"", CONTESTED}:
                taken.add(item.nf)
                if reason:
                    lost[item.position] = {"contested": 1, "taken_leaf": leaf}
            else:
                lost[item.position] = {"state": ItemState.CLOSED.value, "reason": reason, "taken_leaf": leaf}
        self.set_items(lost)

    def hold_outcomes(self, leaf: int) -> None:
        """Write the reservations of the claimed items, naming the leaf that made them."""
        for item in self.claimed():
            if self._holds(item, "redeemed"):
                continue  # recognised before: spent until the accepting bank has booked that it is not
            found = self.view.outcomes.get(item.nf)
            if not item.contested:
                self.view.put_outcome(reserved(found, item, self.row, leaf))
            elif found is not None and not any(claim.transfer == self.row.id for claim in live_claims(found)):
                self.view.put_outcome(with_claim(found, self.row, leaf))
                self.joined += ((item.nf, not found.claims),)

    def release(self, items: Iterable[ItemRow]) -> None:
        self._mark(items, "available")

    def redeem(self, items: Iterable[ItemRow]) -> None:
        """Spend the outcomes; one that had been given back is taken again (`obtainable` was asked before), and is this source's again."""
        for item in items:
            found = self.view.outcomes.get(item.nf)
            if found is not None and self.obtainable(item):
                row = self.row
                self.view.put_outcome(found._replace(state="redeemed", holder=row.id, learner=row.learner, source=row.source, last=row.id))

    def obtainable(self, item: ItemRow) -> bool:
        """Whether this case holds the item's outcome or could take it now."""
        found = self.view.outcomes.get(item.nf)
        if found is None or found.claims:
            return False
        return found.state == "available" or (found.holder == self.row.id and found.state != "revoked")

    def unbooked(self) -> list[ItemRow]:
        """Items refused on second thought, whose outcome stays spent until the accepting bank has booked the reversal."""
        return [item for item in self.items if item.state == ItemState.REFUSED and self._holds(item, "redeemed")]

    def give_back_refused(self) -> None:
        """The reversal is booked: what was refused on second thought is to be had again."""
        for item in self.unbooked():
            self.let_go(item)

    def let_go(self, item: ItemRow) -> None:
        """What was spent here is spent no more.  In a contest that is ruled, it passes to the claim that stands."""
        if not self._holds(item, "redeemed"):
            return
        found = self.view.outcomes[item.nf]
        self.view.put_outcome(without_claim(found, self.row.id)._replace(state="available", holder=""))
        self.set_items({item.position: {"contested": 0}})
        if found.ruled:
            self.freed += (item.nf,)

    def _holds(self, item: ItemRow, state: str) -> bool:
        found = self.view.outcomes.get(item.nf)
        return found is not None and (found.holder, found.state) == (self.row.id, state)

    def _mark(self, items: Iterable[ItemRow], state: str) -> None:
        for item in items:
            if item.contested and not self._holds(item, "redeemed"):
                self.view.put_outcome(without_claim(self.view.outcomes[item.nf], self.row.id))
                self.set_items({item.position: {"contested": 0}})
            elif self._holds(item, "reserved"):
                self.view.put_outcome(self.view.outcomes[item.nf]._replace(state=state, holder=""))

    def body(self, message: VerifiedMessage, extra: Mapping[str, Any]) -> dict[str, Any]:
        """The answer's body: where the case stands now."""
        return {**head_of(message), **case_json(self.row, self.items, self.totals()), **extra}

    def save(self) -> None:
        self.row = self.row._replace(totals=json.dumps(self.totals(), sort_keys=True))
        self.view.put_transfer(self.row)
        self.view.put_items(self.row.id, self.items)


def parties_of(row: TransferRow) -> frozenset[str]:
    """The banks of a case: source, accepting, facing."""
    return frozenset({row.source, row.accepting, row.facing})


def case_json(row: TransferRow, items: Iterable[ItemRow], totals: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A case as its parties may see it."""
    items = tuple(items)
    return {
        "transfer": row.id,
        "source": row.source,
        "accepting": row.accepting,
        "facing": row.facing,
        "state": row.state,
        "ver": row.ver,
        "waiting_on": waiting_on(row),
        "deadline": row.deadline,
        "deadline_provisional": bool(row.provisional),
        "totals": totals if totals is not None else totals_of(items),
        "items": [item_json(item) for item in items],
    }


def item_json(item: ItemRow) -> dict[str, Any]:
    shown: dict[str, Any] = {"record": item.record, "state": item.state, "credits": item.credits, "kind": item.kind}
    if item.reason:
        shown["reason"] = item.reason
    if item.awarded is not None:
        shown["awarded"] = item.awarded
    if item.taken_leaf is not None:
        shown["taken_leaf"] = item.taken_leaf
    if item.contested:
        shown["contested"] = True
    return shown
