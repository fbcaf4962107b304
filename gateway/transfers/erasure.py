"""Erasure of a part, and the legal holds that forbid it.

A part (a transfer or an enquiry) has one key for everything personal that is stored about it; erasing it destroys that key, and
with it the papers, the secrets that open the commitments in the leaves, the stored answers and the record ids in the rows.
Nothing of the log changes: every leaf holds salted digests, and their salts are gone.  States, credits and the outcome ledger
stay, for they hold nothing personal and others rely on them.

Orders have a scope of their own, `part:` and the part's id, so the case's own leaves and state are untouched and whoever has the
log can tell which parts were erased: a restored backup is brought to the same by that list (`storage.backup`).
A registered consent that belongs to no case is such a part too; what goes with a case is found in `part_subjects`.
Signed by the facing bank (for holds: any bank of the case) or the presiding unit.  Sentences: docs/protocol.md, PR-340 to PR-349.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final, TypeAlias

import structlog

from gateway.errors import Problem
from gateway.federation.envelope import VerifiedMessage
from gateway.federation.part_orders import ERASE_REASONS, EVENT, HOLD_REASONS, PartOrder, part_scope
from gateway.federation.protocol import status_of
from gateway.model.canonical import jcs
from gateway.model.scopes import ConsentState, EnquiryState, consent_scope
from gateway.model.transfer import CLOSED, Act, ItemState, Refusal, State
from gateway.recognition.statement import EVENT as STATEMENT
from gateway.storage.database import Database
from gateway.storage.part_rows import FateRow
from gateway.storage.rows import OwedRow, PartKeyRow
from gateway.transferlog.erased import also_facts
from gateway.transferlog.leaf import Leaf, leaf_bytes
from gateway.transfers.acts import STATUS_DONE, UNKNOWN, Presiding, earlier_answer, keep, refuse_unlogged, signed_fields
from gateway.transfers.agreements import day_of
from gateway.transfers.answers import Answer, head_of, refusal_body
from gateway.transfers.case import Case, parties_of, utc_text
from gateway.transfers.consents import MOVED
from gateway.transfers.dead_letters import may_give_up
from gateway.transfers.disputes import DISPUTABLE
from gateway.transfers.enquiry import Enquiring
from gateway.transfers.owing import OPEN_OWED, Owing
from gateway.transfers.part_subjects import Along, Consenting
from gateway.transfers.statements import Stating
from gateway.transfers.steps import NewJti
from gateway.transfers.view import LeafDraft, View, Wants

PART_ACTS: Final = frozenset({Act.ERASE, Act.LEGAL_HOLD, Act.LEGAL_RELEASE})
LEAVES: Final[Mapping[Act, str]] = {
    Act.ERASE: "erasure.done",
    Act.LEGAL_HOLD: "hold.set",
    Act.LEGAL_RELEASE: "hold.released",
}
DISPUTABLE_STATES: Final = frozenset({State.SETTLED, State.REJECTED, State.EXPIRED})
OPEN_CASE: Final = "erase.open_case"
HELD: Final = "erase.legal_hold"
GONE: Final = "erased"
ALREADY = Refusal("erase.already", "该分件已删除", "the part is erased already")
NOT_HELD = Refusal("erase.not_held", "该分件没有法定保全", "the part is not under a legal hold")
HELD_ALREADY = Refusal("erase.held_already", "该分件已在法定保全之下", "the part is under a legal hold already")
BAD_REASON = Refusal(
    "erase.bad_reason", "理由不在此命令的代码表内,或日期不成立", "the reason is not one of this order's, or the day does not hold"
)
CONSENT_USED = Refusal(
    "erase.consent_used", "该授权已由一案使用,随该案删除", "a case took this consent up; it goes when that case is erased"
)
OTHER_PART = Refusal("erase.other_part", "命令所指的分件不是其范围的分件", "the order is about another part than its scope")
Subject: TypeAlias = Case | Enquiring | Consenting
log = structlog.get_logger("gateway.erasure")


def notice_part(part: str) -> str:
    """The key that the notice of an erasure is kept under: the part's own is gone by then.  Nothing personal is under it."""
    return f"erased:{part}"


@dataclass(frozen=True, slots=True)
class Ordering:
    """An order about a part, read.  `own` is the consent that the part is, by controller and id; `along` goes with it."""

    message: VerifiedMessage
    secret: bytes
    part: str
    order: PartOrder | Refusal
    problems: tuple[Problem, ...]
    own: tuple[str, str] | None
    along: Along
    notice_key: PartKeyRow
    presiding: Presiding
    new_jti: NewJti

    @property
    def wants(self) -> Wants:
        key, along = (self.message.iss, self.message.jti), self.along
        consents = (*along.consents, *((self.own,) if self.own is not None else ()))
        parts, statement = (self.part, *along.enquiries), (along.statement,) if along.statement else ()
        fates = (*parts, *(consent_scope(*each) for each in along.consents))
        return Wants((key,), (*parts, *statement), consents=consents, enquiries=parts, fates=fates, statements=statement)

    def apply(self, view: View) -> Answer:
        earlier = earlier_answer(view, self.message, self.secret)
        if earlier is not None:
            return earlier
        act = Act(self.message.act)
        about = Case.of(view, self.part) or Enquiring.of(view, self.part) or Consenting.of(view, self.own)
        if about is None or not self._role(act, about):
            return refuse_unlogged(view, self.message, self.secret, UNKNOWN)
        order = self.order
        if isinstance(order, Refusal):
            return refuse_unlogged(view, self.message, self.secret, order, self.problems)
        fate = view.fates.get(self.part) or FateRow(self.part)
        refusal, possible = self._refusal(act, order, about, fate, view)
        if refusal is not None:
            return self._refuse(view, refusal, possible)
        if act is Act.ERASE and self.along.moved(view):
            return MOVED
        return self._do(view, act, order, about, fate)

    def _role(self, act: Act, about: Subject) -> str:
        """The role in which the sender may order this; "" for nobody's."""
        mine = self.message.iss
        if isinstance(about, Case):
            parties, facing = parties_of(about.row), about.row.facing
        elif isinstance(about, Consenting):
            parties, facing = frozenset({about.row.controller, about.row.recipient}), about.row.controller
        else:
            parties, facing = frozenset({about.row.iss, about.row.source}), about.row.iss
        if mine == self.presiding(parties):
            return "presiding"
        if mine == facing:
            return "facing"
        return "party" if mine in parties and act is not Act.ERASE else ""

    def _refusal(self, act: Act, order: PartOrder, about: Subject, fate: FateRow, view: View) -> tuple[Refusal | None, str | None]:
        """Why not, and for an erasure the day from which it is possible, where that is known."""
        today = day_of(view.at)
        held = is_held(fate, today)
        if order.part != self.part:
            return OTHER_PART, None
        if fate.erased_at:
            return ALREADY, None
        match act:
            case Act.ERASE:
                ends = [each.held_until for each in (fate, *self._fates_along(view)) if is_held(each, today)]
                return _not_erasable(order, about, ("" if "" in ends else max(ends)) if ends else None)
            case Act.LEGAL_HOLD if order.reason not in HOLD_REASONS or (order.until and order.until < today.isoformat()):
                return BAD_REASON, None
            case Act.LEGAL_HOLD:
                return (HELD_ALREADY if held else None), None
            case _ if order.reason not in HOLD_REASONS or order.until:
                return BAD_REASON, None
            case _:
                return (None if fate.held_at else NOT_HELD), None

    def _fates_along(self, view: View) -> list[FateRow]:
        """What is known of the parts that would go with it, but for rulings, about which nothing is ordered by themselves."""
        rulings = frozenset(self.along.rulings)
        return [view.fates.get(part) or FateRow(part) for part in self.along.parts(view) if part not in rulings]

    def _refuse(self, view: View, refusal: Refusal, possible: str | None) -> Answer:
        """A signed "no" without a leaf; where it is a matter of time it says from when on."""
        extra: dict[str, Any] = {} if possible is None else {"part": self.part, "possible_from": possible or None}
        body = refusal_body(self.message, refusal, (), extra)
        return keep(view, self.message, Answer(status_of(refusal.code), body, self.secret), "")

    def _do(self, view: View, act: Act, order: PartOrder, about: Subject, fate: FateRow) -> Answer:
        message, index, at = self.message, view.next_index, view.at_text
        match act:
            case Act.ERASE:
                done = fate._replace(erased_at=at, erased_by=message.iss, erased_reason=order.reason, held_at="", leaf=index)
            case Act.LEGAL_HOLD:
                done = fate._replace(held_at=at, held_by=message.iss, held_reason=order.reason, held_until=order.until)
            case _:
                done = fate._replace(held_at="", held_by="", held_reason="", held_until="")
        done = done._replace(seq=fate.seq + 1)
        role = self._role(act, about)
        if act is Act.ERASE:
            self._erase(view, about, done)
        body = jcs({**head_of(message), "part": self.part, **fate_json(done)})
        answer = Answer(STATUS_DONE, body, self.secret, index)
        leaf = self._leaf(view, act, order, fate.seq, answer, role)
        view.put_fate(done)
        return keep(view, message, replace(answer, leaf_data=leaf), part_scope(self.part))

    def _leaf(self, view: View, act: Act, order: PartOrder, seq: int, answer: Answer, role: str) -> bytes:
        facts: dict[str, str | int | bool] = {"reason": order.reason}
        if order.until:
            facts["until"] = order.until
        if act is Act.ERASE:
            facts |= also_facts(self.along.parts(view))
        scope, message = part_scope(self.part), self.message
        data = leaf_bytes(
            Leaf(
                type=LEAVES[act], at=view.at_text, scope=scope, seq=seq, iss=message.iss, jti=message.jti, facts=facts,
                **signed_fields(message, answer, role),
            )
        )  # fmt: skip
        view.leaves.append(LeafDraft(view.next_index, scope, seq, message.iss, message.jti, 0, data))
        return data

    def _erase(self, view: View, about: Subject, done: FateRow) -> None:
        """Everything personal goes; what tells of states and credits stays.  Each bank of a case is told."""
        for fate in self._fates_along(view):
            view.put_fate(fate._replace(erased_at=done.erased_at, erased_by=done.erased_by, erased_reason=done.erased_reason,
                                        held_at="", leaf=done.leaf))  # fmt: skip
        for part in (self.part, *self.along.parts(view)):
            for owed in list(view.owed.get(part, ())):
                view.put_owed(_emptied(owed))
            view.destroy(part)
        for key in (*self.along.consents, *((self.own,) if self.own is not None else ())):
            end_consent(view, key)
        if isinstance(about, Case):
            self._tell(view, about, done.leaf)

    def _tell(self, view: View, case: Case, index: int) -> None:
        """The case without what named its records; what its statement has still to tell, it tells in its next revision."""
        case.set_items({item.position: {"record": f"erased-{item.position}", "alike": "", "issuer": ""} for item in case.items})
        case.row = case.row._replace(account="")
        view.put_part_key(self.notice_key)
        for member in sorted(parties_of(case.row)):
            case.owe(self.new_jti(), member, "notify", EVENT, {"event": EVENT, "leaf": index})
        case.save()
        stating = Stating.of(view, self.along.statement)
        if stating is not None and any(owed.event == STATEMENT and owed.state in OPEN_OWED for owed in stating.owed()):
            stating.cancel_owed_event(STATEMENT)
            view.put_statement(stating.row._replace(torn=1))


def end_consent(view: View, key: tuple[str, str]) -> None:
    """A registered consent whose papers are gone.  Its digest is not salted: whoever guessed the document could compare it."""
    row = view.consents[key]
    view.put_consent(row._replace(digest=GONE, state=ConsentState.ERASED.value))
    view.flags.forget_consent(consent_scope(*key))


def is_held(fate: FateRow, today: date) -> bool:
    """Whether a legal hold forbids its erasure on this day."""
    return bool(fate.held_at) and (not fate.held_until or fate.held_until >= today.isoformat())


def _emptied(owed: OwedRow) -> OwedRow:
    """A message that can never be sent again, without what it would have told."""
    state = "cancelled" if owed.state in OPEN_OWED else owed.state
    return owed._replace(state=state, claims="{}")


def _not_erasable(order: PartOrder, about: Subject, held_until: str | None) -> tuple[Refusal | None, str | None]:
    """`held_until` is None where nobody holds it, "" for a hold without an end."""
    if order.reason not in ERASE_REASONS or order.until:
        return BAD_REASON, None
    if held_until is not None:
        return _not_before(HELD, "分件在法定保全之下", "the part is under a legal hold", held_until), held_until
    if isinstance(about, Consenting):
        return (CONSENT_USED if about.row.transfer else None), None
    possible, known = _possible(about)
    if known and possible <= about.view.at:
        return None, None
    day = utc_text(possible) if known else ""
    return _not_before(OPEN_CASE, "案件尚未了结或仍可提出异议", "the case is open or can still be disputed", day), day


def _not_before(code: str, zh: str, en: str, day: str) -> Refusal:
    if not day:
        return Refusal(code, f"{zh},现在不能删除", f"{en}; it cannot be erased now")
    return Refusal(code, f"{zh},{day} 起可删除", f"{en}; it can be erased from {day} on")


def _possible(about: Case | Enquiring) -> tuple[datetime, bool]:
    """From when on it may be erased, and whether that is known: not while something is still to happen."""
    changed = datetime.fromisoformat(about.row.changed_at)
    if isinstance(about, Enquiring):
        return changed, about.state is not EnquiryState.ASKED and not _owes(about)
    pending = any(item.contested or item.state in {ItemState.CLAIMED, ItemState.RECALLING} for item in about.items)
    if about.state not in CLOSED or pending or _owes(about):
        return changed, False
    return (changed + DISPUTABLE if about.state in DISPUTABLE_STATES else changed), True


def _owes(about: Owing) -> bool:
    """Whether a bank has still to hear something that it must book or take back."""
    return any(owed.state in OPEN_OWED and not may_give_up(owed) for owed in about.owed())


def fate_json(row: FateRow) -> dict[str, Any]:
    """What was ordered about a part, as its banks may see it."""
    return {
        "hold": {"at": row.held_at, "by": row.held_by, "reason": row.held_reason, "until": row.held_until or None} if row.held_at else None,
        "erased": {"at": row.erased_at, "by": row.erased_by, "reason": row.erased_reason, "leaf": row.leaf} if row.erased_at else None,
    }


async def empty_log(database: Database) -> None:
    """After an erasure: what was written ahead of the database still holds the key that is destroyed in it."""
    if not await database.truncate_log():
        log.warning("wal_not_truncated")
