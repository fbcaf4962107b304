"""The acts on a version of a rule set: proposed with its trial, approved by members, published, withdrawn.

Each version has a scope of its own (`rule:` and a digest of accepting bank, id and version).  Whether a step is allowed is said by
`recognition.lifecycle` alone; here stands only what it means to be an act: refusals are found under the lock in the order every act
has (repeat, key, role, state, document), are signed and write no leaf; what is done is one transaction with its one leaf.
A version counts for the bytes it was proposed with, and every later word names their digest.
Sentences: docs/protocol.md, PR-260 to PR-269.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from gateway.errors import Problem
from gateway.federation.envelope import VerifiedMessage
from gateway.model.canonical import jcs_known
from gateway.model.documents import Withdrawal
from gateway.model.scopes import rule_scope
from gateway.model.transfer import Act, Refusal
from gateway.recognition import lifecycle
from gateway.recognition.lifecycle import Council, RuleState, Version
from gateway.recognition.rule_papers import TrialPaper, WordPaper
from gateway.storage.rows import ContentRow, PartKeyRow, RuleRow
from gateway.transferlog.leaf import Leaf, leaf_bytes
from gateway.transfers.acts import STATUS_DONE, STATUS_OPENED, UNKNOWN, earlier_answer, keep, refuse_unlogged, signed_fields
from gateway.transfers.agreements import day_of
from gateway.transfers.answers import Answer, head_of
from gateway.transfers.consents import MOVED
from gateway.transfers.rule_view import rule_json, version_of
from gateway.transfers.view import LeafDraft, View, Wants

RULE_ACTS: Final = frozenset({Act.RULE_PROPOSE, Act.RULE_APPROVE, Act.RULE_PUBLISH, Act.RULE_WITHDRAW})
PER_PROPOSER_MAX: Final = 500
"""Versions one member may ever propose for one accepting bank: the heads of all of them are kept in memory."""
LEAVES: Final[Mapping[Act, str]] = {
    Act.RULE_PROPOSE: "rule.proposed",
    Act.RULE_APPROVE: "rule.approved",
    Act.RULE_PUBLISH: "rule.published",
    Act.RULE_WITHDRAW: "rule.withdrawn",
}
PLACES: Final[Mapping[str, str]] = {
    lifecycle.OTHER_BYTES.code: "trial/digest",
    lifecycle.NOT_CLEAN.code: "trial/findings",
    lifecycle.NOT_SIMULATED.code: "trial/simulation",
    lifecycle.UNKNOWN_VERSION.code: "trial/restores",
    lifecycle.NOT_RESTORED.code: "trial/restores",
    lifecycle.RETROACTIVE.code: "rules/effective",
}
"""What of a proposal a refusal of the life cycle is about."""

TOO_MANY = Refusal(
    "recognition.too_many_versions",
    "贵行为该接收行提出的规则版本已达上限",
    "your bank has proposed as many versions for that accepting bank as it may",
)
OTHER_VERSION = Refusal("transfer.bad_document", "文件与范围不是同一规则版本", "the document is about another version than its scope")


@dataclass(frozen=True, slots=True)
class Proposal:
    """A rule file that could be read, and its trial.

    `findings` are the gateway's own; `restored` is False where the rules are not those of the version they are said to bring back.
    """

    draft: Version
    programmes: tuple[str, ...]
    paper: TrialPaper
    data: bytes
    findings: tuple[Problem, ...] = ()
    restored: bool = True


RuleDocument: TypeAlias = Proposal | WordPaper | Withdrawal | Refusal


@dataclass(frozen=True, slots=True)
class Ruling:
    """One act.  `document` is what was read, or why it could not be: role and state come first.

    `needed` members must approve.  `part_key` is there where the scope had none yet; whoever comes second has to look again.
    """

    message: VerifiedMessage
    secret: bytes
    document: RuleDocument
    problems: tuple[Problem, ...]
    contents: tuple[ContentRow, ...]
    part_key: PartKeyRow | None
    needed: int

    @property
    def wants(self) -> Wants:
        return Wants(messages=((self.message.iss, self.message.jti),))

    def apply(self, view: View) -> Answer:
        earlier = earlier_answer(view, self.message, self.secret)
        if earlier is not None:
            return earlier
        message = self.message
        row = view.rules.get(message.scp or "")
        if row is not None and self.part_key is not None and message.act != Act.RULE_PROPOSE:
            return MOVED
        done = self._proposed(view, row) if message.act == Act.RULE_PROPOSE else self._moved(view, row)
        if isinstance(done, Refusal):
            told = done if row is None or done is UNKNOWN else replace(done, state=row.state, ver=row.seq)
            return refuse_unlogged(view, message, self.secret, told, self._places(done))
        return self._do(view, row, done)

    def _places(self, refusal: Refusal) -> tuple[Problem, ...]:
        """Where it is wrong, for a refusal that is about the document."""
        document = self.document
        if refusal is document:
            return self.problems
        if refusal is lifecycle.NOT_CLEAN and isinstance(document, Proposal) and document.findings:
            return document.findings
        place = PLACES.get(refusal.code) if isinstance(document, Proposal) else None
        return (Problem(place, refusal.code, refusal.zh, refusal.en),) if place is not None else ()

    def _proposed(self, view: View, row: RuleRow | None) -> RuleRow | Refusal:
        if row is not None:
            return lifecycle.VERSION_TAKEN
        found = self.document
        if isinstance(found, Refusal):
            return found
        assert isinstance(found, Proposal)
        draft, trial = found.draft, found.paper.trial
        scope = rule_scope(draft.accepting, draft.id, draft.version)
        if scope != self.message.scp:
            return UNKNOWN
        council, restores = self._council(view), found.paper.restores
        history = _history(view, draft)
        begun = lifecycle.roll_back(restores, draft, history, council) if restores else lifecycle.propose(draft, history, council)
        if isinstance(begun, Refusal):
            return begun
        if trial.findings:
            return lifecycle.NOT_CLEAN
        tested = lifecycle.mark_tested(begun, trial.digest, found.findings, trial.simulation)
        if isinstance(tested, Refusal):
            return tested
        if not found.restored:
            return lifecycle.NOT_RESTORED
        if tested.effective < day_of(view.at):
            return lifecycle.RETROACTIVE
        mine = (draft.proposer, draft.accepting)
        if sum((each.proposer, each.accepting) == mine for each in view.rules.values()) >= PER_PROPOSER_MAX:
            return TOO_MANY
        return _row(scope, tested, found, view.at_text)

    def _moved(self, view: View, row: RuleRow | None) -> RuleRow | Refusal:
        """Approved, published or withdrawn: the row after it, or why not."""
        if row is None:
            return UNKNOWN
        version, council, day, iss = version_of(row), self._council(view), day_of(view.at), self.message.iss
        act, document = Act(self.message.act), self.document
        if act is Act.RULE_WITHDRAW:
            gone = lifecycle.withdraw(version, iss, council, day)
            return gone if isinstance(gone, Refusal) else document if isinstance(document, Refusal) else self._after(row, gone)
        barred = lifecycle.may_publish(version, iss) if act is Act.RULE_PUBLISH else _waits(version)
        if barred is not None:
            return barred
        if isinstance(document, Refusal):
            return document
        assert isinstance(document, WordPaper)
        if (document.id, document.version) != (row.id, row.version):
            return OTHER_VERSION
        if act is Act.RULE_APPROVE:
            done = lifecycle.approve(version, iss, document.digest, council)
        else:
            done = lifecycle.publish(version, iss, document.digest, council, day)
        return done if isinstance(done, Refusal) else self._after(row, done)

    def _after(self, row: RuleRow, version: Version) -> RuleRow:
        return row._replace(
            state=version.state.value,
            approvals=" ".join(version.approvals),
            withdrawn=version.withdrawn.isoformat() if version.withdrawn is not None else "",
        )

    def _council(self, view: View) -> Council:
        """The members as of this head: one suspended by an earlier leaf of this very batch no longer counts."""
        return Council({member.member: member.status != "active" for member in view.members.values()}, self.needed)

    def _do(self, view: View, before: RuleRow | None, row: RuleRow) -> Answer:
        message, seq = self.message, before.seq if before is not None else 0
        row = row._replace(seq=seq + 1, changed_at=view.at_text, leaf=view.next_index)
        if message.act == Act.RULE_PUBLISH:
            row = row._replace(published=view.next_index)
        status = STATUS_DONE if before is not None else STATUS_OPENED
        body = jcs_known({**head_of(message), "rule": rule_json(row, day_of(view.at))})
        answer = Answer(status, body, self.secret, view.next_index)
        leaf = self._log(view, before, row, answer)
        view.put_rule(row, self.document.data if isinstance(self.document, Proposal) else None)
        view.put_contents(self.contents)
        if self.part_key is not None:
            view.put_part_key(self.part_key)
        return keep(view, message, replace(answer, leaf_data=leaf), row.scope)

    def _log(self, view: View, before: RuleRow | None, row: RuleRow, answer: Answer) -> bytes:
        """The act's one leaf: which version, the digest of its bytes, and from when to when it is meant to hold."""
        message = self.message
        facts: dict[str, str | int | bool] = {
            "id": row.id, "version": row.version, "accepting": row.accepting, "digest": row.digest, "effective": row.effective,
            "review": row.review,
        }  # fmt: skip
        match message.act:
            case Act.RULE_PROPOSE:
                facts |= {"simulation": row.simulation, "restores": row.restores}
            case Act.RULE_WITHDRAW if isinstance(self.document, Withdrawal):
                facts["reason"] = self.document.reason
            case _:
                facts |= {"approvals": row.approvals, "needed": self.needed}
        role = "accepting" if message.iss == row.accepting else "proposer" if message.iss == row.proposer else "member"
        seq = before.seq if before is not None else 0
        leaf = Leaf(
            type=LEAVES[Act(message.act)], at=view.at_text, scope=row.scope, seq=seq, iss=message.iss, jti=message.jti,
            state_before=before.state if before is not None else "", state_after=row.state, facts=facts,
            **signed_fields(message, answer, role),
        )  # fmt: skip
        view.leaves.append(LeafDraft(view.next_index, row.scope, seq, message.iss, message.jti, 0, leaf_bytes(leaf)))
        return view.leaves[-1].data


def _waits(version: Version) -> Refusal | None:
    """Whether it still waits for words."""
    return None if version.state in (RuleState.TESTED, RuleState.APPROVED) else lifecycle.WRONG_STATE


def _history(view: View, draft: Version) -> list[Version]:
    """Every version of the same set so far."""
    return [version_of(row) for row in view.rules.values() if (row.accepting, row.id) == (draft.accepting, draft.id)]


def _row(scope: str, version: Version, found: Proposal, at: str) -> RuleRow:
    return RuleRow(
        scope, version.id, version.version, version.accepting, json.dumps(found.programmes, ensure_ascii=False), version.digest,
        version.effective.isoformat(), version.review.isoformat(), version.proposer, version.state.value,
        restores=version.restores, simulation=found.paper.trial.simulation, proposed_at=at,
    )  # fmt: skip
