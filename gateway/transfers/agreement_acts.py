"""The acts on an agreement: proposed by one party, signed by the other, suspended and resumed by either, ended by either.

Each has a scope of its own (`agreement:` and a digest of direction and id), so nobody but the two banks can touch it.  Refusals are
found under the lock in the order every act has: repeat, key, role, state, document, version.  They are signed and write no leaf; what
is done writes one leaf and counts from it on, for every request and confirmation after it, in this very batch.

A version comes into force when the other party signs the digest of exactly the bytes that were proposed.  Until then the one before
stands.  Suspension is beside that: each party's counts on its own, outlives a new version, and only who suspended lifts it.
Sentences: docs/protocol.md, PR-220 to PR-229.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final, TypeAlias

from gateway.errors import GatewayError, Problem, StorageError, TransferLogError
from gateway.federation.envelope import VerifiedMessage
from gateway.mapping.documents import read
from gateway.mapping.schema import Standard
from gateway.model.canonical import jcs_known
from gateway.model.documents import AgreementSignature, AgreementTerms, Withdrawal
from gateway.model.scopes import AgreementState, agreement_scope
from gateway.model.transfer import Act, Refusal, Role
from gateway.recognition.agreement import Agreement
from gateway.storage.rows import AgreementRow, ContentRow, PartKeyRow
from gateway.transferlog.leaf import Leaf, leaf_bytes
from gateway.transfers.acts import STATUS_DONE, STATUS_OPENED, UNKNOWN, earlier_answer, keep, refuse_unlogged, signed_fields
from gateway.transfers.agreement_view import agreement_json
from gateway.transfers.agreements import day_of
from gateway.transfers.answers import Answer, head_of
from gateway.transfers.consents import MOVED
from gateway.transfers.view import LeafDraft, View, Wants

AGREEMENT_ACTS: Final = frozenset(
    {Act.AGREEMENT_PROPOSE, Act.AGREEMENT_SIGN, Act.AGREEMENT_SUSPEND, Act.AGREEMENT_RESUME, Act.AGREEMENT_END}
)
PER_DIRECTION_MAX: Final = 100
"""Agreements of one direction, ended ones included: all of them are kept in memory."""

OWN_PROPOSAL = Refusal("transfer.not_your_role", "提议须由另一方签署", "the other party signs what is proposed")
OVER = Refusal("transfer.wrong_state", "该协议已终止;请以新编号另行提议", "the agreement has ended; propose another one under a new id")
NOTHING_PROPOSED = Refusal("transfer.wrong_state", "没有待签署的提议", "nothing is proposed that waits for a signature")
NOT_SIGNED = Refusal("transfer.wrong_state", "该协议从未生效", "the agreement never was in force")
SUSPENDED_ALREADY = Refusal("transfer.wrong_state", "贵行已暂停该协议", "your bank has suspended it already")
NOT_SUSPENDED = Refusal(
    "transfer.wrong_state", "贵行没有暂停该协议;他行的暂停只由该行解除", "your bank has not suspended it; only who suspended lifts that"
)
STALE = Refusal(
    "transfer.stale_version",
    "版本号须比曾提议的最高版本大一,签署须指现有提议",
    "propose the next version; sign the one that is proposed now",
)
OTHER_TERMS = Refusal("transfer.other_terms", "所签摘要不是所提议文件的摘要", "the digest signed is not that of the bytes proposed")
BAD_TERMS = Refusal("transfer.bad_document", "协议内容不成立", "the terms do not hold together")
TOO_MANY = Refusal("transfer.too_many_agreements", "该方向的协议已达上限", "this direction has as many agreements as it may have")
PARTY_SUSPENDED = Refusal("transfer.party_suspended", "另一方现非有效成员", "the other party is no active member now")

AgreementDocument: TypeAlias = AgreementTerms | AgreementSignature | Withdrawal | Refusal
RowOf: TypeAlias = Callable[[Mapping[str, AgreementRow], str], AgreementRow | None]


def read_agreement_document(message: VerifiedMessage, standard: Standard) -> tuple[AgreementDocument, tuple[Problem, ...]]:
    """The act's document, or why it cannot be read.  Raises StorageError, TransferLogError."""
    try:
        match Act(message.act):
            case Act.AGREEMENT_PROPOSE:
                return read(message.contents["agreement"].data, AgreementTerms, standard), ()
            case Act.AGREEMENT_SIGN:
                return read(message.contents["signature"].data, AgreementSignature, standard), ()
            case _:
                return read(message.contents["reason"].data, Withdrawal, standard), ()
    except (StorageError, TransferLogError):
        raise
    except GatewayError as error:
        return Refusal(error.code, error.zh, error.en), error.problems


@dataclass(frozen=True, slots=True)
class Agreeing:
    """One act.  `document` is what was read, or why it could not be: role and state come first.

    `part_key` is there where the scope had none yet; whoever comes second has to look again.
    """

    message: VerifiedMessage
    secret: bytes
    document: AgreementDocument
    problems: tuple[Problem, ...]
    contents: tuple[ContentRow, ...]
    part_key: PartKeyRow | None
    row_of: RowOf

    @property
    def wants(self) -> Wants:
        return Wants(messages=((self.message.iss, self.message.jti),))

    def apply(self, view: View) -> Answer:
        earlier = earlier_answer(view, self.message, self.secret)
        if earlier is not None:
            return earlier
        message, scope = self.message, self.message.scp or ""
        row = self.row_of(view.agreements, scope) or self._new(scope)
        if row is None and message.act == Act.AGREEMENT_PROPOSE and isinstance(self.document, Refusal):
            return refuse_unlogged(view, message, self.secret, self.document, self.problems)
        if row is None or message.iss not in {row.source, row.accepting}:
            return refuse_unlogged(view, message, self.secret, UNKNOWN)
        if self.part_key is not None and scope in view.agreements:
            return MOVED
        done = self._judged(view, row)
        if isinstance(done, Refusal):
            problems = self.problems if done is self.document else ()
            if done is BAD_TERMS and isinstance(self.document, AgreementTerms):
                problems = tuple(_faults(self.document, row, view))
            return refuse_unlogged(view, message, self.secret, replace(done, state=row.state, ver=row.versions), problems)
        return self._do(view, row, done)

    def _new(self, scope: str) -> AgreementRow | None:
        """The row of a first proposal; None unless its document is about this very scope."""
        terms = self.document
        if not isinstance(terms, AgreementTerms) or agreement_scope(terms.source, terms.accepting, terms.agreement_id) != scope:
            return None
        return AgreementRow(scope, terms.agreement_id, terms.source, terms.accepting, "")

    def _judged(self, view: View, row: AgreementRow) -> AgreementRow | Refusal:
        """The row after the act, or why it cannot be done."""
        refusal = self._barred(row)
        if refusal is not None:
            return refusal
        match self.document:
            case Refusal() as fault:
                return fault
            case AgreementTerms() as terms:
                return self._proposed(view, row, terms)
            case AgreementSignature() as signature:
                return self._signed(view, row, signature)
            case _:
                return self._changed(row)

    def _barred(self, row: AgreementRow) -> Refusal | None:
        """Whether this party may do this act in this state."""
        act, iss = Act(self.message.act), self.message.iss
        if act is Act.AGREEMENT_SIGN and row.proposed_by == iss:
            return OWN_PROPOSAL
        if row.state == AgreementState.ENDED:
            return OVER
        mine = iss in row.suspended_by.split()
        match act:
            case Act.AGREEMENT_SIGN if not row.proposed_by:
                return NOTHING_PROPOSED
            case Act.AGREEMENT_SUSPEND | Act.AGREEMENT_RESUME if row.state != AgreementState.SIGNED:
                return NOT_SIGNED
            case Act.AGREEMENT_SUSPEND if mine:
                return SUSPENDED_ALREADY
            case Act.AGREEMENT_RESUME if not mine:
                return NOT_SUSPENDED
            case _:
                return None

    def _proposed(self, view: View, row: AgreementRow, terms: AgreementTerms) -> AgreementRow | Refusal:
        if _faults(terms, row, view):
            return BAD_TERMS
        if terms.version != row.versions + 1:
            return STALE
        pair = (row.source, row.accepting)
        if not row.state and sum((each.source, each.accepting) == pair for each in view.agreements.values()) >= PER_DIRECTION_MAX:
            return TOO_MANY
        return row._replace(
            state=row.state or AgreementState.PROPOSED.value,
            versions=terms.version,
            proposed_by=self.message.iss,
            proposed_terms=jcs_known(Agreement.from_terms(terms).to_mapping()).decode(),
            proposed_document=self.message.contents["agreement"].data,
        )

    def _signed(self, view: View, row: AgreementRow, signature: AgreementSignature) -> AgreementRow | Refusal:
        if signature.version != row.versions:
            return STALE
        if signature.digest != sha256(row.proposed_document).hexdigest():
            return OTHER_TERMS
        other = view.members.get(row.proposed_by)
        if other is None or other.status != "active":
            return PARTY_SUSPENDED
        return row._replace(
            state=AgreementState.SIGNED.value, version=row.versions, terms=row.proposed_terms, document=row.proposed_document,
            proposed_by="", proposed_terms="", proposed_document=b"",
        )  # fmt: skip

    def _changed(self, row: AgreementRow) -> AgreementRow:
        suspended = set(row.suspended_by.split())
        match Act(self.message.act):
            case Act.AGREEMENT_SUSPEND:
                return row._replace(suspended_by=" ".join(sorted(suspended | {self.message.iss})))
            case Act.AGREEMENT_RESUME:
                return row._replace(suspended_by=" ".join(sorted(suspended - {self.message.iss})))
            case _:
                return row._replace(state=AgreementState.ENDED.value, proposed_by="", proposed_terms="", proposed_document=b"")

    def _do(self, view: View, before: AgreementRow, row: AgreementRow) -> Answer:
        message = self.message
        row = row._replace(seq=before.seq + 1, changed_at=view.at_text, leaf=view.next_index)
        status = STATUS_DONE if before.state else STATUS_OPENED
        answer = Answer(status, jcs_known({**head_of(message), **agreement_json(row)}), self.secret, view.next_index)
        leaf = self._log(view, before, row, answer)
        view.put_agreement(row)
        view.put_contents(self.contents)
        if self.part_key is not None:
            view.put_part_key(self.part_key)
        return keep(view, message, replace(answer, leaf_data=leaf), row.scope)

    def _log(self, view: View, before: AgreementRow, row: AgreementRow, answer: Answer) -> bytes:
        """The act's one leaf: which agreement, which version, and the digest of the bytes it is about.

        A founding agreement's scope begins with the first act on it.
        """
        message = self.message
        role = Role.SOURCE if message.iss == row.source else Role.ACCEPTING
        proposing = message.act == Act.AGREEMENT_PROPOSE
        document = row.proposed_document if proposing else row.document
        facts: dict[str, str | int | bool] = {
            "agreement": row.id, "source": row.source, "accepting": row.accepting, "suspended_by": row.suspended_by,
            "version": row.versions if proposing else row.version, "digest": sha256(document).hexdigest() if document else "",
        }  # fmt: skip
        if isinstance(self.document, Withdrawal):
            facts["reason"] = self.document.reason
        leaf = Leaf(
            type=LEAVES[Act(message.act)], at=view.at_text, scope=row.scope, seq=before.seq,
            iss=message.iss, jti=message.jti,
            state_before=before.state if before.seq else "", state_after=row.state, facts=facts,
            **signed_fields(message, answer, role.value),
        )  # fmt: skip
        view.leaves.append(LeafDraft(view.next_index, row.scope, before.seq, message.iss, message.jti, 0, leaf_bytes(leaf)))
        return view.leaves[-1].data


LEAVES: Final[Mapping[Act, str]] = {
    Act.AGREEMENT_PROPOSE: "agreement.proposed",
    Act.AGREEMENT_SIGN: "agreement.signed",
    Act.AGREEMENT_SUSPEND: "agreement.suspended",
    Act.AGREEMENT_RESUME: "agreement.resumed",
    Act.AGREEMENT_END: "agreement.ended",
}


def _faults(terms: AgreementTerms, row: AgreementRow, view: View) -> list[Problem]:
    """Everything that is wrong with the terms themselves."""
    found: list[Problem] = []

    def wrong(place: str, zh: str, en: str) -> None:
        found.append(Problem(f"agreement/{place}", "transfer.bad_document", zh, en))

    if (terms.source, terms.accepting, terms.agreement_id) != (row.source, row.accepting, row.id):
        wrong("agreementId", "文件与范围不是同一协议", "the document is about another agreement than its scope")
    if terms.source == terms.accepting:
        wrong("accepting", "转出行与接收行不能相同", "source and accepting bank differ")
    for place, member in (("source", terms.source), ("accepting", terms.accepting)):
        known = view.members.get(member)
        if known is None or known.status != "active":
            wrong(place, "不是有效成员", "not an active member of the registry")
    if terms.until < max(terms.since, day_of(view.at)):
        wrong("until", "末日早于首日或今日", "the last day is before the first, or before today")
    agreed = Agreement.from_terms(terms)
    item, year = agreed.item_credits_max, agreed.learner_year_credits_max
    if item == 0 or year == 0:
        wrong("itemCreditsMax" if item == 0 else "learnerYearCreditsMax", "上限为零则什么都不能认可", "a cap of nothing permits nothing")
    if item is not None and year is not None and item > year > 0:
        wrong("itemCreditsMax", "每项上限高于每年上限,永不起作用", "a cap per item above the cap per year never has a meaning")
    return found
