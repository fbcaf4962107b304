"""Opening a case: the facing bank's request, with the part (pushed) or without it (pulled).

Everything that can fail is found on the values read beforehand; the change itself decides only
what must be decided under the lock: repeat, consent reuse, and who gets an outcome.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.federation.envelope import VerifiedMessage
from gateway.model.canary import is_canary
from gateway.model.canonical import jcs_known
from gateway.model.documents import Consent, Request
from gateway.model.transfer import Refusal, State
from gateway.storage.rows import ContentRow, ItemRow, PartKeyRow, TransferRow
from gateway.transfers.acts import STATUS_OPENED, Accepted, earlier_answer, keep, log_act, refuse_unlogged
from gateway.transfers.agreements import NOT_AGREED, SUSPENDED, Standing, permitted, reserve_agreed, suspended_kind
from gateway.transfers.answers import Answer
from gateway.transfers.case import Case, utc_text
from gateway.transfers.consents import consent_fault, taken_up
from gateway.transfers.contests import NewJti, announce
from gateway.transfers.intake import Intake, item_problems, loss_fact
from gateway.transfers.view import View, Wants

ALL_CLOSED = Refusal("transfer.nothing_left", "没有一项可以继续", "not one item can go on")


@dataclass(frozen=True, slots=True)
class Opening:
    """A request whose documents were read and checked.  `intake` is None when the source bank is still to be asked."""

    message: VerifiedMessage
    secret: bytes
    request: Request
    consent: Consent
    consent_source: Consent | None
    learner: str
    items: tuple[ItemRow, ...]
    intake: Intake | None
    contents: tuple[ContentRow, ...]
    part_key: PartKeyRow
    owed_jti: str
    new_jti: NewJti
    standing: Standing
    capped: bool
    """Whether what the learner brought before may matter."""

    @property
    def wants(self) -> Wants:
        key = (self.message.iss, self.message.jti)
        return Wants(
            messages=(key,),
            outcomes=tuple(item.nf for item in self.items if item.nf),
            consents=tuple((self.message.iss, consent.consent_id) for consent in self._consents()),
            learners=((self.learner, self.request.source, self.request.accepting),) if self.capped else (),
        )

    def _consents(self) -> tuple[Consent, ...]:
        """The one for the accepting bank last: where both bear one id, that is the row kept."""
        return (self.consent_source, self.consent) if self.consent_source is not None else (self.consent,)

    def apply(self, view: View) -> Answer:
        earlier = earlier_answer(view, self.message, self.secret)
        if earlier is not None:
            return earlier
        for consent in self._consents():
            fault = consent_fault(view, self.message.iss, consent)
            if fault is not None:
                return refuse_unlogged(view, self.message, self.secret, fault)
        if not permitted(view, self.standing, self.request.source, self.request.accepting):
            return refuse_unlogged(view, self.message, self.secret, NOT_AGREED)
        case = Case(view, self._row(view), tuple(item._replace(transfer=self.part_key.transfer) for item in self.items))
        if self.intake is not None:
            reserve_agreed(case, self.standing)
        if not case.claimed():
            return refuse_unlogged(view, self.message, self.secret, ALL_CLOSED, item_problems(case.items))
        return self._open(view, case)

    def _open(self, view: View, case: Case) -> Answer:
        case.move(State.DELIVERING if self.intake is not None else State.CONFIRMING)
        extra = {"rows": self.intake.report} if self.intake is not None else {}
        answer = Answer(STATUS_OPENED, jcs_known(case.body(self.message, extra)), self.secret, view.next_index)
        facts: dict[str, str | bool] = {"source": case.row.source, "accepting": case.row.accepting}
        if is_canary(case.row.programme):
            facts["synthetic"] = True
        facts |= loss_fact(self.contents)
        leaf = log_act(case, self.message, answer, ("transfer.requested",), "", facts=facts)
        if self.intake is not None:
            case.hold_outcomes(case.row.leaf)
            case.owe(self.owed_jti, case.row.accepting, "forward", "case", {})
            if case.joined:
                announce(case, self.message, self.new_jti)
        else:
            case.owe(self.owed_jti, case.row.source, "fetch", "case", {})
        view.put_part_key(self.part_key)
        view.put_contents(self.contents)
        for consent in self._consents():
            view.put_consent(taken_up(view, self.message.iss, consent, case.row.id))
        case.save()
        return keep(view, self.message, replace(answer, leaf_data=leaf), case.row.id)

    def _row(self, view: View) -> TransferRow:
        message, request = self.message, self.request
        return TransferRow(
            id=self.part_key.transfer,
            iss=message.iss,
            jti=message.jti,
            source=request.source,
            accepting=request.accepting,
            facing=request.facing,
            state="",
            ver=0,
            seq=0,
            opened_at=view.at_text,
            changed_at=view.at_text,
            deadline=None,
            provisional=0,
            part_id=self.part_key.part_id,
            identity_sd=message.sd("identity") or "",
            part_sd=message.sd("part") or "",
            consent_id=self.consent.consent_id,
            consent_until=utc_text(self.consent.expires_at),
            delivered_sd="",
            delivered_jti="",
            mapping="@".join(self.intake.mapping) if self.intake is not None else "",
            account=request.accounts.get(request.accepting, ""),
            none_reason="",
            posted_source="",
            posted_accepting="",
            decision_jti="",
            learner=self.learner,
            programme=request.programme_code,
            totals=json.dumps({}),
            leaf=0,
        )


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What the source bank's `confirm` brings: the part, read, and what it said of each record."""

    intake: Intake
    closed: Mapping[str, str]
    contents: tuple[ContentRow, ...]
    part_sd: str
    same_person: str
    irt: str
    owed_jti: str
    consent_ends: datetime
    standing: Standing


def confirm(done: Confirmed, case: Case) -> Accepted | Refusal:
    """The source bank confirms: items failing here are closed; none left → rejected.

    Raises nothing; the caller has read the documents.
    """
    row = case.row
    if done.same_person != row.identity_sd:
        return Refusal("trust.other_identity", "同一人声明不是针对本案的身份信息", "same_person is not over this case's identity block")
    if not any(owed.jti == done.irt and owed.act == "fetch" for owed in case.owed()):
        return Refusal("transfer.not_asked", "所答复的消息不存在", "this answers no message of ours")
    if done.consent_ends <= case.view.at:
        return Refusal("consent.expired", "授权已到期", "the consent has run out")
    alive = {item.record for item in case.claimed() if not done.closed[item.record]}
    if suspended_kind(case, done.standing, (item for item in done.intake.items if item.record in alive)):
        return SUSPENDED
    case.finish_owed(done.irt, row.source, "fetch")
    by_record = {item.record: item for item in done.intake.items}
    revoked = {item.record for item in case.items if item.state == "closed"}
    case.items = tuple(_confirmed(by_record[item.record], item, done.closed) for item in case.items)
    for item in case.items:
        if item.record in revoked:
            case.void(item)  # only now its outcome's key is known
    case.row = row._replace(part_sd=done.part_sd, mapping="@".join(done.intake.mapping))
    reserve_agreed(case, done.standing)
    case.view.put_contents(done.contents)
    if not case.claimed():
        case.move(State.REJECTED)
        case.owe(done.owed_jti, row.facing, "notify", "rejected", {"event": "rejected"})
        return Accepted(("transfer.rejected",), {"rows": done.intake.report}, "rejected", loss_fact(done.contents))
    case.move(State.DELIVERING)
    case.hold_outcomes(case.view.next_index)
    case.owe(done.owed_jti, row.accepting, "forward", "case", {})
    return Accepted(("transfer.confirmed",), {"rows": done.intake.report}, facts=loss_fact(done.contents))


def _confirmed(read: ItemRow, asked: ItemRow, closed: Mapping[str, str]) -> ItemRow:
    """An item as the part has it; what the source bank itself closes, stays closed with its reason."""
    row = read._replace(transfer=asked.transfer, position=asked.position)
    if asked.state == "closed":  # revoked while the source bank was still asked
        return row._replace(state="closed", reason=asked.reason)
    return row._replace(state="closed", reason=closed[asked.record]) if closed.get(asked.record) else row
