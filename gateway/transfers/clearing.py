"""`clear`: the presiding unit says whose a contested outcome is.

The act names the outcome in `scp` (its key `nf`, which every leaf that claims it shows) and the `ver` of
the contest it has looked at, so that a claim it does not know of is never dismissed unseen.  Its leaf
stands in the outcome's own scope; each case concerned gets one that names it as cause.

The claim that stands holds the outcome from now on.  Every other one ends: a claimed item is closed, a
recognised one is recalled, exactly as after a revocation.  Where something is to be recalled the outcome
stays contested, and ruled, until the reversal is booked; then it passes on (`contests.announce`).

Who presides is a party of none of the cases: the next one in the rota.  Where four banks are all
concerned there is no such member, and the one whose turn it is rules, for somebody must.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from gateway.errors import Problem
from gateway.federation.envelope import VerifiedMessage
from gateway.model.canonical import jcs_known
from gateway.model.documents import Clearance
from gateway.model.integrity import FlagKind
from gateway.model.scopes import ruling_part
from gateway.model.transfer import BEFORE_DECISION, ItemState, Refusal, State
from gateway.storage.rows import ContentRow, OutcomeRow, PartKeyRow
from gateway.transferlog.leaf import Leaf, leaf_bytes
from gateway.transfers.acts import STATUS_DONE, UNKNOWN, Presiding, earlier_answer, keep, refuse_unlogged, signed_fields
from gateway.transfers.answers import Answer, head_of
from gateway.transfers.case import Case, parties_of
from gateway.transfers.claims import CLOSED_BY_CONTEST, NOBODY, cases_named, claims_of, given_free, given_to, live_claims, written
from gateway.transfers.contests import CLEARED_LEAF, ActLeaves, NewJti, items_of, loaded, settle, tell_of
from gateway.transfers.view import LeafDraft, View, Wants

NOT_CONTESTED = Refusal("transfer.not_contested", "该成果没有待裁定的争议", "there is no contest about this outcome to be ruled on")
STALE = Refusal("transfer.stale_version", "争议已变化,请按现状裁定", "the contest has moved on; rule on its present version")
NO_SUCH_CLAIM = Refusal("transfer.bad_document", "裁定所指的主张不在争议之中", "the ruling names no claim that is in the contest")
STANDING = frozenset({ItemState.CLAIMED, ItemState.RECOGNISED})


def presiding_over(parties: frozenset[str], presiding: Presiding) -> str | None:
    """Who rules between these banks: the next in the rota that is none of them; where all are, the one whose turn it is."""
    return presiding(parties) or presiding(frozenset())


@dataclass(frozen=True, slots=True)
class Clearing:
    """A ruling.  `fault`, with its problems, is there where the document could not be read: whoever may rule hears of it."""

    message: VerifiedMessage
    secret: bytes
    ruling: Clearance
    fault: tuple[Refusal, tuple[Problem, ...]] | None
    wants: Wants
    presiding: Presiding
    new_jti: NewJti
    contents: tuple[ContentRow, ...] = ()
    part_key: PartKeyRow | None = None

    def apply(self, view: View) -> Answer:
        earlier = earlier_answer(view, self.message, self.secret)
        if earlier is not None:
            return earlier
        found = view.outcomes.get(self.message.scp or "")
        cases = {transfer: loaded(view, transfer) for transfer in sorted(cases_named([found]))} if found is not None else {}
        parties = frozenset(party for case in cases.values() for party in parties_of(case.row))
        if found is None or presiding_over(parties, self.presiding) != self.message.iss:
            return refuse_unlogged(view, self.message, self.secret, UNKNOWN)
        refusal, problems = self._judge(found, cases)
        if refusal is not None:
            return refuse_unlogged(view, self.message, self.secret, refusal, problems)
        return self._clear(view, found, cases)

    def _judge(self, found: OutcomeRow, cases: Mapping[str, Case]) -> tuple[Refusal | None, tuple[Problem, ...]]:
        if not found.claims or found.ruled:
            return NOT_CONTESTED, ()
        if self.fault is not None:
            return self.fault
        if self.message.ver != found.ver:
            return replace(STALE, state="contested", ver=found.ver), ()
        if not self.ruling.stands:
            return None, ()
        items = [
            item
            for claim in live_claims(found)
            if claim.transfer == self.ruling.stands
            for item in items_of(cases[claim.transfer], [found.nf])
            if item.record == self.ruling.record and item.state in STANDING
        ]
        return (None, ()) if items else (NO_SUCH_CLAIM, ())

    def _clear(self, view: View, found: OutcomeRow, cases: Mapping[str, Case]) -> Answer:
        before = {transfer: case.row.state for transfer, case in cases.items()}
        awaited = {
            claim.transfer
            for claim in live_claims(found)
            if claim.transfer != self.ruling.stands and self._dismiss(cases[claim.transfer], found.nf, view.next_index)
        }
        row = self._ruled(found, cases, awaited)
        view.put_outcome(row)
        body = {**head_of(self.message), "outcome": found.nf, "ver": row.ver, "stands": self._stands(), "claims": _shown(found, cases)}
        answer = Answer(STATUS_DONE, jcs_known(body), self.secret, view.next_index)
        leaf = self._log(view, found, answer)
        act = ActLeaves(view, self.message)
        for claim in claims_of(found):
            case = cases[claim.transfer]
            act.log(case, CLEARED_LEAF, before[claim.transfer])
            tell_of(case, "cleared", items_of(case, [found.nf]), self.new_jti)
            case.save()
        if self.ruling.stands:
            for claim in live_claims(found):
                if claim.transfer != self.ruling.stands:
                    case = cases[claim.transfer]
                    act.flag(case, items_of(case, [found.nf]), FlagKind.DUPLICATE, self.message.iss)
        view.put_contents(self.contents)
        if self.part_key is not None:
            view.put_part_key(self.part_key)
        part = ruling_part(self.message.iss, self.message.jti)
        return keep(view, self.message, replace(answer, leaf_data=leaf), found.nf, part)

    def _stands(self) -> str:
        return self.ruling.stands or NOBODY

    def _ruled(self, found: OutcomeRow, cases: Mapping[str, Case], awaited: set[str]) -> OutcomeRow:
        """The outcome after the ruling; with a booking to be reversed first, that is all that is awaited still."""
        stands = self.ruling.stands
        found = found._replace(seq=found.seq + 1)
        if awaited:
            left = (claim for claim in live_claims(found) if claim.transfer in {*awaited, stands})
            return found._replace(claims=written(left), ruled=self._stands(), ver=found.ver + 1)
        if not stands:
            return given_free(found)
        settle(cases[stands], found.nf)
        made = next(claim.leaf for claim in live_claims(found) if claim.transfer == stands)
        return given_to(found, cases[stands].row, made, state=found.state if found.holder == stands else "reserved")

    def _dismiss(self, case: Case, nf: str, leaf: int) -> bool:
        """End a claim that does not stand.  True where the accepting bank must book a reversal first."""
        (item,) = items_of(case, [nf])
        lost: dict[str, Any] = {"reason": CLOSED_BY_CONTEST, "taken_leaf": leaf}
        match ItemState(item.state):
            case ItemState.CLAIMED:
                case.set_items({item.position: lost | {"state": ItemState.CLOSED.value, "contested": 0}})
                self._close(case)
                return False
            case ItemState.RECOGNISED:
                case.set_items({item.position: lost | {"state": ItemState.RECALLING.value}})
                case.start_recall()
                self._tell(case, "recall", case.row.accepting)
                return True
            case ItemState.RECALLING | ItemState.REFUSED:
                return True
            case _:
                return False

    def _close(self, case: Case) -> None:
        """An item was closed; with the last one the case is rejected."""
        if case.claimed() or not (case.state in BEFORE_DECISION or case.row.held_from == State.DELIVERING):
            case.touch()
            return
        seen = case.cancel_owed("forward", "fetch")
        case.move(State.REJECTED)
        self._tell(case, "rejected", *sorted(seen | {case.row.facing, case.row.source}))

    def _tell(self, case: Case, event: str, *members: str) -> None:
        for member in members:
            case.owe(self.new_jti(), member, "notify", event, {"event": event})

    def _log(self, view: View, found: OutcomeRow, answer: Answer) -> bytes:
        leaf = Leaf(
            type=CLEARED_LEAF,
            at=view.at_text,
            scope=found.nf,
            seq=found.seq,
            iss=self.message.iss,
            jti=self.message.jti,
            facts={"stands": self._stands(), "claims": len(claims_of(found)), "reason": self.ruling.reason},
            **signed_fields(self.message, answer, "presiding"),
        )
        view.leaves.append(LeafDraft(view.next_index, found.nf, found.seq, leaf.iss, leaf.jti, 0, leaf_bytes(leaf)))
        return view.leaves[-1].data


def _shown(found: OutcomeRow, cases: Mapping[str, Case]) -> list[dict[str, Any]]:
    """Each claim as it is now, for the presiding unit."""
    return [
        {"transfer": claim.transfer, "state": cases[claim.transfer].row.state, "item": item.state, "record": item.record}
        for claim in claims_of(found)
        for item in items_of(cases[claim.transfer], [found.nf])
    ]
