"""The two acts of a handover: `handover`, signed by the unit that goes, and `handover-accept`, by the one that comes.

Each handover of the rota has a scope of its own (`presiding:` and a digest of both members and moments).  Refusals are found in the
order every act has: repeat, key, role, state, document; they are signed and write no leaf.  What is signed must be so when it is signed:
a list that is not the gateway's own state is refused, duty by duty, because whoever signs has only to read it again.  What has changed
between the two signatures is nobody's fault and so no refusal: the incoming unit signs it as remarks, all of them and no other.

Neither act gives or takes a power.  Sentences: docs/protocol.md, PR-352 to PR-361.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final, TypeAlias

from gateway.errors import Problem
from gateway.federation.envelope import VerifiedMessage
from gateway.federation.members import Turn
from gateway.model.canonical import jcs_known
from gateway.model.documents import Handover, HandoverAcceptance
from gateway.model.scopes import HandoverState, handover_scope
from gateway.model.transfer import Act, Refusal
from gateway.storage.handover_row import HandoverRow
from gateway.storage.rows import ContentRow, PartKeyRow
from gateway.transferlog.leaf import Leaf, leaf_bytes
from gateway.transfers.acts import STATUS_DONE, STATUS_OPENED, UNKNOWN, earlier_answer, keep, refuse_unlogged, signed_fields
from gateway.transfers.answers import Answer, head_of
from gateway.transfers.consents import MOVED
from gateway.transfers.handovers import Handing, HandoverLine, handings, handover_json, remarks_on, row_of
from gateway.transfers.view import LeafDraft, View, Wants

HANDOVER_ACTS: Final = frozenset({Act.HANDOVER, Act.HANDOVER_ACCEPT})
LEAVES: Final[Mapping[Act, str]] = {Act.HANDOVER: "presiding.handed_over", Act.HANDOVER_ACCEPT: "presiding.accepted"}
ROLES: Final[Mapping[Act, str]] = {Act.HANDOVER: "outgoing", Act.HANDOVER_ACCEPT: "incoming"}
DIFFERS: Final = "transfer.duties_differ"

NOT_IN_ROTA = Refusal(
    "transfer.not_in_rota", "轮值表中没有这样相接的两个任期", "these are no two successive turns of the rota in the trust file in force"
)
NOT_NOW = Refusal(
    "transfer.not_in_rota", "交接只在任期结束前 30 日至下一任期结束之间签署",
    "a handover is signed from 30 days before its turn ends until the next turn ends",
)  # fmt: skip
NOT_YOURS = Refusal(
    "transfer.not_your_role", "交出由卸任单位签署,会签由接任单位签署", "the unit that goes hands over, the one that comes accepts"
)
HANDED_ALREADY = Refusal("transfer.wrong_state", "该任期已经交出", "this turn has been handed over already")
NOTHING_HANDED = Refusal("transfer.wrong_state", "卸任单位尚未交出", "the unit that goes has not handed over yet")
ACCEPTED_ALREADY = Refusal("transfer.wrong_state", "该次交接已经会签", "this handover has been countersigned already")
PARTY_SUSPENDED = Refusal("transfer.party_suspended", "接任单位现非有效成员", "the unit that comes is no active member now")
UNKNOWN_HEAD = Refusal("transfer.unknown_head", "存证日志没有这个叶数与根", "the transfer log never had this size and root")
OTHER_BYTES = Refusal("transfer.other_terms", "所签摘要不是所交出文件的摘要", "the digest signed is not that of the bytes handed over")
BAD_TURNS = Refusal("transfer.bad_document", "文件与范围不是同一次交接", "the document is about another handover than its scope")
LIST_DIFFERS = Refusal(DIFFERS, "清单与网关现状不同", "the list is not the gateway's own state")
REMARKS_DIFFER = Refusal(
    DIFFERS, "备注须恰为清单与网关现状的不同之处", "the remarks must be exactly what stands otherwise now than in the list"
)

HandoverDocument: TypeAlias = Handover | HandoverAcceptance | Refusal


@dataclass(frozen=True, slots=True)
class HandoverAct:
    """One act.  `document` is what was read, or why it could not be: role and state come first.

    `found` is what was open when the message was read, `head_known` whether the log had the head that a `handover` names.
    `part_key` is there where the scope had none yet; whoever comes second has to look again.
    """

    message: VerifiedMessage
    secret: bytes
    document: HandoverDocument
    problems: tuple[Problem, ...]
    contents: tuple[ContentRow, ...]
    part_key: PartKeyRow | None
    rota: Callable[[], Sequence[Turn]]
    found: Mapping[str, int]
    head_known: bool

    @property
    def wants(self) -> Wants:
        return Wants(messages=((self.message.iss, self.message.jti),), handovers=(self.message.scp or "",))

    def apply(self, view: View) -> Answer:
        earlier = earlier_answer(view, self.message, self.secret)
        if earlier is not None:
            return earlier
        scope = self.message.scp or ""
        row = view.handovers.get(scope)
        if row is not None and self.part_key is not None:
            return MOVED
        handing = next((each for each in handings(self.rota()) if each.scope == scope), None)
        done = self._judged(view, handing, row)
        if isinstance(done, Refusal):
            told = done if row is None or done is UNKNOWN else replace(done, state=row.state, ver=row.seq)
            return refuse_unlogged(view, self.message, self.secret, told, self._places(done, handing, row))
        assert handing is not None
        return self._do(view, handing, row, done)

    def _judged(self, view: View, handing: Handing | None, row: HandoverRow | None) -> HandoverRow | Refusal:
        """The row after the act, or why it cannot be done."""
        barred = self._unasked(row) if handing is None else self._barred(view, handing, row)
        if barred is not None:
            return barred
        assert handing is not None
        match self.document:
            case Refusal() as fault:
                return fault
            case Handover() as handover:
                return self._handed(view, handing, handover)
            case HandoverAcceptance() as acceptance:
                assert row is not None
                return self._accepted(view, row, acceptance)

    def _unasked(self, row: HandoverRow | None) -> Refusal:
        """The rota has no handover of this scope: somebody's wrong turns, a rota that was changed since, or nothing at all."""
        named = isinstance(self.document, Handover) and _scope_of(self.document) == self.message.scp
        return NOT_IN_ROTA if named or row is not None else UNKNOWN

    def _barred(self, view: View, handing: Handing, row: HandoverRow | None) -> Refusal | None:
        """Whether this member may do this act now."""
        handing_over = self.message.act == Act.HANDOVER
        if self.message.iss != (handing.outgoing if handing_over else handing.incoming).member:
            return NOT_YOURS
        if not handing.open_at(view.at):
            return NOT_NOW
        if handing_over:
            return HANDED_ALREADY if row is not None else None
        if row is None:
            return NOTHING_HANDED
        return ACCEPTED_ALREADY if row.state == HandoverState.ACCEPTED else None

    def _handed(self, view: View, handing: Handing, handover: Handover) -> HandoverRow | Refusal:
        if _wrong_turns(handover, handing):
            return BAD_TURNS
        incoming = view.members.get(handing.incoming.member)
        if incoming is None or incoming.status != "active":
            return PARTY_SUSPENDED
        if not self.head_known:
            return UNKNOWN_HEAD
        if remarks_on(_counts(handover), self.found):
            return LIST_DIFFERS
        return row_of(handover, handing.scope, self.message.contents["handover"].data, view.at_text, view.next_index)

    def _accepted(self, view: View, row: HandoverRow, acceptance: HandoverAcceptance) -> HandoverRow | Refusal:
        if acceptance.digest != sha256(row.document).hexdigest():
            return OTHER_BYTES
        if _wrong_remarks(row, acceptance, self.found):
            return REMARKS_DIFFER
        return row._replace(
            state=HandoverState.ACCEPTED.value, seq=row.seq + 1, accepted_at=view.at_text, accepted_leaf=view.next_index,
            remarks=json.dumps({each.duty: each.found for each in acceptance.remarks}),
        )  # fmt: skip

    def _places(self, refusal: Refusal, handing: Handing | None, row: HandoverRow | None) -> tuple[Problem, ...]:
        """Where it is wrong, for a refusal that is about the document."""
        document = self.document
        if refusal is document:
            return self.problems
        if refusal is BAD_TURNS and isinstance(document, Handover) and handing is not None:
            return _wrong_turns(document, handing)
        if refusal is LIST_DIFFERS and isinstance(document, Handover):
            wrong = remarks_on(_counts(document), self.found)
            return tuple(_differs("handover/duties", each.duty, each.signed, each.found) for each in wrong)
        if refusal is REMARKS_DIFFER and isinstance(document, HandoverAcceptance) and row is not None:
            return _wrong_remarks(row, document, self.found)
        return ()

    def _do(self, view: View, handing: Handing, before: HandoverRow | None, row: HandoverRow) -> Answer:
        message = self.message
        body = jcs_known({**head_of(message), "handover": handover_json(HandoverLine(handing, row, view.at))})
        answer = Answer(STATUS_OPENED if before is None else STATUS_DONE, body, self.secret, view.next_index)
        leaf = self._log(view, before, row, answer)
        view.put_handover(row)
        view.put_contents(self.contents)
        if self.part_key is not None:
            view.put_part_key(self.part_key)
        return keep(view, message, replace(answer, leaf_data=leaf), row.scope)

    def _log(self, view: View, before: HandoverRow | None, row: HandoverRow, answer: Answer) -> bytes:
        """The act's one leaf: whose turns, which head, the digest of the bytes, and how much was open or had changed."""
        message, act = self.message, Act(self.message.act)
        facts: dict[str, str | int | bool] = {
            "outgoing": row.outgoing, "ended": row.ended_until, "incoming": row.incoming, "begun": row.begun_since,
            "digest": sha256(row.document).hexdigest(), "log_size": row.log_size, "log_root": row.log_root,
        }  # fmt: skip
        if isinstance(self.document, Handover):
            facts["open"] = sum(each.open for each in self.document.duties)
        if isinstance(self.document, HandoverAcceptance):
            facts["remarks"] = len(self.document.remarks)
        seq = before.seq if before is not None else 0
        leaf = Leaf(
            type=LEAVES[act], at=view.at_text, scope=row.scope, seq=seq, iss=message.iss, jti=message.jti,
            state_before=before.state if before is not None else "", state_after=row.state, facts=facts,
            **signed_fields(message, answer, ROLES[act]),
        )  # fmt: skip
        view.leaves.append(LeafDraft(view.next_index, row.scope, seq, message.iss, message.jti, 0, leaf_bytes(leaf)))
        return view.leaves[-1].data


def _scope_of(handover: Handover) -> str:
    return handover_scope(handover.outgoing, handover.ended_until, handover.incoming, handover.begun_since)


def _counts(handover: Handover) -> dict[str, int]:
    return {each.duty: each.open for each in handover.duties}


def _wrong_turns(handover: Handover, handing: Handing) -> tuple[Problem, ...]:
    """Every member and moment that is not the rota's."""
    one, other = handing.outgoing, handing.incoming
    pairs = {
        "outgoing": (handover.outgoing, one.member), "incoming": (handover.incoming, other.member),
        "endedSince": (handover.ended_since, one.since), "endedUntil": (handover.ended_until, one.until),
        "begunSince": (handover.begun_since, other.since), "begunUntil": (handover.begun_until, other.until),
    }  # fmt: skip
    zh, en = "与轮值表不同", "not what the rota says"
    return tuple(Problem(f"handover/{place}", "transfer.bad_document", zh, en) for place, (named, asked) in pairs.items() if named != asked)


def _wrong_remarks(row: HandoverRow, acceptance: HandoverAcceptance, found: Mapping[str, int]) -> tuple[Problem, ...]:
    """Every duty whose remark is missing, too many or not what stands."""
    signed: dict[str, int] = json.loads(row.duties)
    right = {each.duty: each for each in remarks_on(signed, found)}
    made = {each.duty: each for each in acceptance.remarks}
    wrong = [duty for duty in signed if right.get(duty) != made.get(duty)]
    return tuple(_differs("acceptance/remarks", duty, signed[duty], found.get(duty, 0)) for duty in wrong)


def _differs(place: str, duty: str, signed: int, found: int) -> Problem:
    return Problem(f"{place}/{duty}", DIFFERS, f"清单所写 {signed} 件,现有 {found} 件", f"{signed} by the list, {found} now")
