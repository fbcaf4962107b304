"""The acts on integrity flags: set, appealed, upheld, lifted, brought before the presiding unit.

Each flag has a scope of its own (`integrity:` and a digest of the act that set it).  Whether a step is allowed is said by
`recognition.integrity` alone, who has a right by `integrity_rights`; here stands what it means to be an act: refusals are found under
the lock in the order every act has (repeat, key, role, state, document), are signed and write no leaf; what is done is one
transaction with its one leaf.  The leaf names kind, reason and state; the outcome is named in the sealed paper only, so that of the
members who read the log none but the banks concerned learns about whose outcome it is.
Sentences: docs/protocol.md, PR-300 to PR-309.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from gateway.errors import Problem
from gateway.federation.envelope import VerifiedMessage
from gateway.model.canonical import jcs_known
from gateway.model.integrity import FlagKind, FlagState
from gateway.model.scopes import integrity_scope
from gateway.model.transfer import Act, ItemState, Refusal, State
from gateway.recognition.integrity import NOT_YOURS, FlagPaper, Standing, after, reason_fault
from gateway.storage.flag_rows import FlagConsentRow, FlagRow
from gateway.storage.rows import ContentRow, ItemRow, PartKeyRow, TransferRow
from gateway.transferlog.leaf import Leaf, leaf_bytes
from gateway.transfers.acts import STATUS_DONE, STATUS_OPENED, UNKNOWN, Presiding, earlier_answer, keep, refuse_unlogged, signed_fields
from gateway.transfers.answers import Answer, head_of
from gateway.transfers.case import parties_of, utc_text
from gateway.transfers.consents import MOVED
from gateway.transfers.deadlines import WORKING_DAYS, deadline_after
from gateway.transfers.integrity_flags import FLAGGED_LEAF, may_flag
from gateway.transfers.integrity_rights import consent_right, covered_by_case, covered_by_consent, presiding_over_flag, speaks_for
from gateway.transfers.integrity_view import flag_json
from gateway.transfers.view import LeafDraft, View, Wants

FLAG_ACTS: Final = frozenset({Act.FLAG, Act.FLAG_APPEAL, Act.FLAG_UPHOLD, Act.FLAG_LIFT, Act.FLAG_ESCALATE})
LEAVES: Final[Mapping[Act, str]] = {
    Act.FLAG: FLAGGED_LEAF,
    Act.FLAG_APPEAL: "integrity.appealed",
    Act.FLAG_UPHOLD: "integrity.upheld",
    Act.FLAG_LIFT: "integrity.lifted",
    Act.FLAG_ESCALATE: "integrity.escalated",
}
ANSWER_DAYS: Final = WORKING_DAYS[State.DISPUTED]
"""Working days that who set a flag has for an appeal, and the presiding unit after it."""
WAITS: Final = frozenset({FlagState.APPEALED, FlagState.ESCALATED})
BAD_REASON = Refusal("transfer.bad_document", "标记种类或原因代码不在所列之内", "kind or reason is none of the closed list")


@dataclass(frozen=True, slots=True)
class Flagging:
    """`flag`: a bank says something against an outcome.  `case` is one in which its learner brought it, "" where there is none.

    `permission` is the consent that the paper names instead of a case.
    """

    message: VerifiedMessage
    secret: bytes
    paper: FlagPaper
    case: str
    learner: str
    permission: FlagConsentRow | None
    contents: tuple[ContentRow, ...]
    part_key: PartKeyRow

    @property
    def wants(self) -> Wants:
        consent = self.permission
        return Wants(
            messages=((self.message.iss, self.message.jti),),
            transfers=(self.case,) if self.case else (),
            consents=((consent.controller, consent.id),) if consent is not None else (),
            flags=(self.learner,) if self.learner else (),
        )

    def apply(self, view: View) -> Answer:
        earlier = earlier_answer(view, self.message, self.secret)
        if earlier is not None:
            return earlier
        found = self._found(view)
        if isinstance(found, Refusal):
            return refuse_unlogged(view, self.message, self.secret, found)
        case, item = found
        fault = reason_fault(Act.FLAG, self.paper.reason, self.paper.kind)
        refusal = self._barred(view, case, item) or (BAD_REASON if fault is not None else None)
        if refusal is not None:
            problems = (fault,) if refusal is BAD_REASON and fault is not None else ()
            return refuse_unlogged(view, self.message, self.secret, refusal, problems)
        return self._set(view, case, item)

    def _found(self, view: View) -> tuple[TransferRow, ItemRow] | Refusal:
        """The case and its item for the outcome, if the signer has a right on it."""
        case, iss, nf = view.transfers.get(self.case), self.message.iss, self.paper.outcome
        items = [item for item in view.items.get(self.case, ()) if item.nf == nf]
        if self.paper.consent:
            permission = self.permission
            consent = view.consents.get((permission.controller, permission.id)) if permission is not None else None
            refusal = consent_right(permission, consent, iss, view.at_text)
            if refusal is not None:
                return refusal
            assert permission is not None
            items = [item for item in items if case is not None and covered_by_consent(permission, case.source, item.record)]
        elif case is not None and nf not in covered_by_case(case, items, iss, view.at_text):
            return UNKNOWN
        if case is None or not items:
            return UNKNOWN
        return case, next((item for item in items if item.state != ItemState.CLOSED), items[0])

    def _barred(self, view: View, case: TransferRow, item: ItemRow) -> Refusal | None:
        """Only who issued a certificate says that it is revoked."""
        outcome = view.outcomes.get(item.nf)
        if self.paper.kind == FlagKind.REVOKED and self.message.iss != (outcome.source if outcome is not None else case.source):
            return NOT_YOURS
        return may_flag(view, item.nf, self.learner, self.paper.kind)

    def _set(self, view: View, case: TransferRow, item: ItemRow) -> Answer:
        message = self.message
        row = FlagRow(
            integrity_scope(message.iss, message.jti), item.nf, self.learner, case.id, item.record, case.source, message.iss,
            self.paper.kind, self.paper.reason, FlagState.FLAGGED.value, 1, 0, view.at_text, view.at_text, leaf=view.next_index,
        )  # fmt: skip
        role = "source" if message.iss == case.source else "accepting" if message.iss == case.accepting else "recipient"
        view.put_part_key(self.part_key)
        facts = {"kind": row.kind, "reason": row.reason}
        return _done(view, message, self.secret, row, "", STATUS_OPENED, role, facts, self.contents)


@dataclass(frozen=True, slots=True)
class FlagWord:
    """A word on a flag that stands.  `reason` is what was read, or why it could not be: role and state come first.

    `part_key` is there where the scope had none yet (a derived flag); whoever comes second has to look again.
    """

    message: VerifiedMessage
    secret: bytes
    known: FlagRow
    reason: str | Refusal
    problems: tuple[Problem, ...]
    contents: tuple[ContentRow, ...]
    part_key: PartKeyRow | None
    presiding: Presiding

    @property
    def wants(self) -> Wants:
        return Wants(messages=((self.message.iss, self.message.jti),), transfers=(self.known.transfer,), flags=(self.known.learner,))

    def apply(self, view: View) -> Answer:
        earlier = earlier_answer(view, self.message, self.secret)
        if earlier is not None:
            return earlier
        message, act = self.message, Act(self.message.act)
        row = next(each for each in view.flags.of(self.known.learner) if each.scope == self.known.scope)
        case = view.transfers[row.transfer]
        who = self._standing(row, case)
        if not (who.presiding or message.iss in parties_of(case) | {row.setter}):
            return refuse_unlogged(view, message, self.secret, UNKNOWN)
        if self.part_key is not None and row.seq != self.known.seq:
            return MOVED
        leads = after(act, FlagState(row.state), who, overdue=bool(row.due) and row.due <= view.at_text)
        if isinstance(leads, Refusal):
            return self._refuse(view, row, leads)
        if isinstance(self.reason, Refusal):
            return self._refuse(view, row, self.reason, self.problems)
        fault = reason_fault(act, self.reason)
        if fault is not None:
            return self._refuse(view, row, BAD_REASON, (fault,))
        return self._move(view, row, leads, self.reason, "presiding" if who.presiding else "setter" if who.setter else "advocate")

    def _standing(self, row: FlagRow, case: TransferRow) -> Standing:
        iss = self.message.iss
        judging = row.state == FlagState.ESCALATED and presiding_over_flag(row, case, self.presiding) == iss
        return Standing(iss == row.setter, speaks_for(row, case, iss), judging)

    def _refuse(self, view: View, row: FlagRow, refusal: Refusal, problems: tuple[Problem, ...] = ()) -> Answer:
        return refuse_unlogged(view, self.message, self.secret, replace(refusal, state=row.state, ver=row.seq), problems)

    def _move(self, view: View, row: FlagRow, state: FlagState, reason: str, role: str) -> Answer:
        before, iss = row.state, self.message.iss
        until = deadline_after(ANSWER_DAYS, view.at)[0] if state in WAITS else None
        row = row._replace(
            state=state.value, seq=row.seq + 1, changed_at=view.at_text, leaf=view.next_index, due=utc_text(until) if until else ""
        )
        if state in WAITS:
            row = row._replace(appealed_by=iss, appeal_reason=reason, ruled_by="", ruling_reason="")
        else:
            row = row._replace(ruled_by=iss, ruling_reason=reason)
        if self.part_key is not None:
            view.put_part_key(self.part_key)
        return _done(view, self.message, self.secret, row, before, STATUS_DONE, role, {"reason": reason}, self.contents)


def _done(
    view: View,
    message: VerifiedMessage,
    secret: bytes,
    row: FlagRow,
    before: str,
    status: int,
    role: str,
    facts: Mapping[str, str | int | bool],
    contents: tuple[ContentRow, ...],
) -> Answer:
    """The row, its one leaf, the sealed paper and the answer."""
    answer = Answer(status, jcs_known({**head_of(message), **flag_json(row)}), secret, view.next_index)
    leaf = Leaf(
        type=LEAVES[Act(message.act)], at=view.at_text, scope=row.scope, seq=row.seq - 1, iss=message.iss, jti=message.jti,
        state_before=before, state_after=row.state, deadline=row.due or None, facts=facts, **signed_fields(message, answer, role),
    )  # fmt: skip
    data = leaf_bytes(leaf)
    view.leaves.append(LeafDraft(view.next_index, row.scope, row.seq - 1, message.iss, message.jti, 0, data))
    view.flags.put(row)
    view.put_contents(contents)
    return keep(view, message, replace(answer, leaf_data=data), row.scope, row.transfer)  # it names the case's record
