"""One certificate number, two learners: every case concerned hears of it, in the same transaction.

A case that comes to stand in a contest tells its own banks and, where it is the one that opened the
contest, the earlier case and its banks.  A ruling (`clearing`) tells them all; where it took back what a
bank had already booked, the claim that stands gets the outcome once that reversal is booked.  And where a revocation voids what another
case of the same source bank holds, that case and its banks hear of it (`voiding`).

What a bank hears is its own: its case, its records.  Of the other claim it hears the position of a leaf,
`taken_leaf`, and the leaf in its own case names that one as its cause.  Whoever may read the log (the
members) finds there which case and which banks those are; the learner, and the record, are in no leaf.

A case that is not among the rows of the batch raises `UnreadError`: the batch is planned again with it,
so that an ordinary request reads nothing more.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from gateway.federation.envelope import VerifiedMessage
from gateway.model.integrity import FlagKind
from gateway.model.transfer import ItemState
from gateway.storage.database import UnreadError
from gateway.storage.rows import ItemRow
from gateway.transferlog.leaf import Leaf, leaf_bytes
from gateway.transferlog.leaf_form import TOTALS
from gateway.transfers.case import Case
from gateway.transfers.claims import claims_of, given_free, given_to, live_claims, written
from gateway.transfers.integrity_flags import FLAGGED_LEAF, derived_flag
from gateway.transfers.view import LeafDraft, View
from gateway.transfers.voiding import REVOKED_LEAF, void_elsewhere

NewJti: TypeAlias = Callable[[], str]
CONTESTED_LEAF: Final = "outcome.contested"
CLEARED_LEAF: Final = "outcome.cleared"
LIVE: Final = frozenset({ItemState.CLAIMED, ItemState.RECOGNISED, ItemState.RECALLING})


def loaded(view: View, transfer: str) -> Case:
    """A case that some outcome names.  Raises UnreadError where its rows were not planned for."""
    case = Case.of(view, transfer)
    if case is None:
        raise UnreadError(transfer)
    return case


def announce(case: Case, message: VerifiedMessage, new_jti: NewJti) -> None:
    """After an act's own leaves and before its case is saved: what that act means for others' claims."""
    act = ActLeaves(case.view, message)
    if case.joined:
        _contest(case, act, new_jti)
    for nf in case.freed:
        _pass_on(case.view, nf, act, new_jti)
    for transfer in sorted({holder for _, holder in case.voided}):
        _void(case, transfer, act, new_jti)
    act.flag(case, case.stained, FlagKind.REVOKED, case.row.source)


def _void(case: Case, transfer: str, act: "ActLeaves", new_jti: NewJti) -> None:
    """The case that holds what was just found void closes or recalls it."""
    other = loaded(case.view, transfer)
    before = other.row.state
    if void_elsewhere(other, (nf for nf, holder in case.voided if holder == transfer), new_jti):
        act.log(other, REVOKED_LEAF, before)
        act.flag(other, other.stained, FlagKind.REVOKED, other.row.source)
        other.save()


class ActLeaves:
    """The leaves of one act so far: further ones name its first as their cause."""

    def __init__(self, view: View, message: VerifiedMessage) -> None:
        own = [leaf for leaf in view.leaves if (leaf.iss, leaf.jti) == (message.iss, message.jti)]
        self._message = message
        self._count = len(own)
        self.cause = (own[0].scope, own[0].seq)
        self.index = own[0].index

    def log(self, case: Case, type_: str, before: str) -> None:
        """A leaf in a case that this act concerns as well."""
        row, view, totals = case.row, case.view, case.totals()
        contested = sum(item.contested for item in case.items)
        leaf = Leaf(
            type=type_,
            at=view.at_text,
            scope=row.id,
            seq=row.seq,
            iss=self._message.iss,
            jti=self._message.jti,
            n=self._count,
            cause=self.cause,
            state_before=before,
            state_after=row.state,
            ver=row.ver,
            deadline=row.deadline,
            totals={name: totals[name] for name in TOTALS},
            items=tuple(sorted((item.cm, item.nf, item.state) for item in case.items)),
            facts={"awarded": totals["awarded"], "uncounted": int(totals["uncounted"]), "contested": contested},
        )
        view.leaves.append(LeafDraft(view.next_index, row.id, row.seq, leaf.iss, leaf.jti, leaf.n, leaf_bytes(leaf)))
        case.row = row._replace(seq=row.seq + 1, leaf=view.next_index - 1)
        self._count += 1

    def flag(self, case: Case, items: Iterable[ItemRow], kind: FlagKind, setter: str) -> None:
        """The integrity flags that follow from the act, each with its leaf in a scope of its own."""
        view, message = case.view, self._message
        for item in items:
            row = derived_flag(view, case.row, item, kind, message, setter, self._count)
            if row is None:
                continue
            leaf = Leaf(
                type=FLAGGED_LEAF, at=view.at_text, scope=row.scope, seq=0, iss=message.iss, jti=message.jti, n=self._count,
                cause=self.cause, state_before="", state_after=row.state,
                facts={"kind": row.kind, "reason": row.reason, "set_by": row.setter},
            )  # fmt: skip
            view.leaves.append(LeafDraft(view.next_index, row.scope, 0, leaf.iss, leaf.jti, leaf.n, leaf_bytes(leaf)))
            view.flags.put(row)
            self._count += 1


def tell_of(case: Case, event: str, items: Iterable[ItemRow], new_jti: NewJti) -> None:
    """Owe each bank of a case a notice about some of its items.  The accepting bank hears it after the case, or not at all."""
    records = [item.record for item in items]
    members = {case.row.source, case.row.facing}
    if any(row.act == "forward" and (row.attempts or row.state != "cancelled") for row in case.owed()):
        members.add(case.row.accepting)
    for member in sorted(members):
        case.owe(new_jti(), member, "notify", event, {"event": event, "records": list(records)})


def items_of(case: Case, nfs: Sequence[str]) -> list[ItemRow]:
    """The case's items for these outcomes: the live one where an outcome has several."""
    found: dict[str, ItemRow] = {}
    for item in case.items:
        if item.nf in nfs and (item.nf not in found or item.state in LIVE):
            found[item.nf] = item
    return list(found.values())


def _contest(case: Case, act: ActLeaves, new_jti: NewJti) -> None:
    view = case.view
    tell_of(case, "contested", items_of(case, [nf for nf, _ in case.joined]), new_jti)
    opened: dict[str, list[str]] = {}
    for nf, opens in case.joined:
        if opens:
            opened.setdefault(claims_of(view.outcomes[nf])[0].transfer, []).append(nf)
    for transfer, nfs in sorted(opened.items()):
        other = loaded(view, transfer)
        items = items_of(other, nfs)
        claimed = {nf for nf in nfs if any(claim.transfer == transfer for claim in live_claims(view.outcomes[nf]))}
        if claimed:
            _flag(other, (item for item in items if item.nf in claimed), {"contested": 1, "taken_leaf": act.index})
            other.touch()
        act.log(other, CONTESTED_LEAF, other.row.state)
        tell_of(other, "contested", items, new_jti)
        other.save()


def _pass_on(view: View, nf: str, act: ActLeaves, new_jti: NewJti) -> None:
    """A ruled outcome was let go by whom it had been taken from: the claim that stands has it now.

    A claim that came after the ruling, and is another learner's, needs a ruling of its own.
    """
    found = view.outcomes[nf]
    live = live_claims(found)
    heir = next((claim for claim in live if claim.transfer == found.ruled), None)
    if heir is None or len(live) > 1:
        contested = found._replace(ruled="", claims=written(live), ver=found.ver + 1)
        view.put_outcome(contested if live else given_free(found))
        return
    case = loaded(view, heir.transfer)
    view.put_outcome(given_to(found, case.row, heir.leaf))
    settle(case, nf)
    act.log(case, CLEARED_LEAF, case.row.state)
    tell_of(case, "cleared", items_of(case, [nf]), new_jti)
    case.save()


def settle(case: Case, nf: str) -> None:
    """The claim of this case is contested no more."""
    _flag(case, items_of(case, [nf]), {"contested": 0, "taken_leaf": None})
    case.touch()


def _flag(case: Case, items: Iterable[ItemRow], change: Mapping[str, int | None]) -> None:
    case.set_items({item.position: change for item in items})
