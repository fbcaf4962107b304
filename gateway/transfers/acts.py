"""What every act of a party goes through, whatever it does.

Order (product rule, tested): repeat → key still valid, member active → role → state → version →
the act itself.  A stranger hears what he would hear of a transfer that does not exist.  A refusal
of a party in an open transfer is a leaf; before a transfer opened it is a signed refusal without one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, TypeAlias

from gateway.crypto.digests import salted_digest
from gateway.errors import Problem
from gateway.federation.envelope import VerifiedMessage
from gateway.federation.protocol import status_of
from gateway.federation.replay import Conflict, Repeat, Seen, judge
from gateway.model.canonical import jcs_known
from gateway.model.transfer import CLOSED, Act, Refusal, Role, Rule, State, rule_for
from gateway.storage.rows import ContentRow, MessageRow
from gateway.transferlog.leaf import Leaf, leaf_bytes
from gateway.transfers.answers import Answer, refusal_body
from gateway.transfers.case import Case, parties_of
from gateway.transfers.contests import NewJti, announce
from gateway.transfers.view import LeafDraft, View, Wants

UNKNOWN = Refusal("transfer.unknown", "没有这个转移", "there is no such transfer")
NOT_ASKED = Refusal("transfer.not_asked", "所答复的消息不存在", "this answers no message of ours")
HELD_ELSEWHERE = Refusal(
    "transfer.wrong_state", "转移被搁置在另一环节,不能作此动作", "the transfer was held at another step; this act is not possible now"
)
ERASED = Refusal("storage.erased", "该分件已被删除", "the part has been erased")
UNDECIDED = frozenset({Act.ACKNOWLEDGE, Act.WITHDRAW})
DECIDED = frozenset({Act.POSTED})
"""Acts that are possible in `held` only where the case was held before its decision; only after it."""
STATUS_DONE = 200
STATUS_OPENED = 202
LATE = frozenset({Act.CONFIRM, Act.DECLINE, Act.ACKNOWLEDGE, Act.SUPPLEMENT, Act.DECIDE, Act.POSTED})
"""What a bank may still send when the case has ended meanwhile: recorded as late, answered with the state that stands."""
LEAF_TOTALS = ("submitted", "recognised", "refused", "closed", "pending")


@dataclass(frozen=True, slots=True)
class Accepted:
    """What an act did: the leaf types it writes, in order, and what else its answer says."""

    leaves: tuple[str, ...]
    extra: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    facts: Mapping[str, str | int | bool] = field(default_factory=dict)
    rules: str = ""
    """The rules that a decision says it rests on."""


Presiding: TypeAlias = Callable[[frozenset[str]], str | None]
"""The parties of a case → the member that presides over it now: where that is a party, the next in the rota."""
Effect: TypeAlias = Callable[[Case, Rule], Accepted | Refusal]
"""Works on the case.  It finds every refusal before it changes anything."""


def earlier_answer(view: View, message: VerifiedMessage, secret: bytes) -> Answer | None:
    """The stored answer of a repeat, the refusal of a reused id, or the refusal of a key that has ceased to be valid."""
    known = known_answer(view.messages.get((message.iss, message.jti)), message, secret)
    return known if known is not None else key_refusal(view, message, secret)


def known_answer(row: MessageRow | None, message: VerifiedMessage, secret: bytes) -> Answer | None:
    """What the stored row of this message's id says to it; None for a new message."""
    seen = Seen(row.iss, row.jti, row.con, row.answer) if row else None
    match judge(seen, message):
        case Repeat():
            assert row is not None
            if not row.answer:  # its part was erased, and the answer with it: bound to the same contents, and naming the leaf that stands
                extra = {"answered": {"status": row.status, "leaf": row.leaf, "at": row.at, "scope": row.scope or None}}
                return Answer(status_of(ERASED.code), refusal_body(message, ERASED, (), extra), secret, repeated=True)
            return Answer(row.status, row.answer, row.secret, row.leaf, row.size, repeated=True)
        case Conflict() as conflict:
            error = conflict.error()
            return Answer(status_of(error.code), refusal_body(message, Refusal(error.code, error.zh, error.en)), secret)
        case _:
            return None


def key_refusal(view: View, message: VerifiedMessage, secret: bytes) -> Answer | None:
    """Under the head lock: a key revoked or a member suspended since the signature was checked counts at once.  Nothing is kept."""
    key = view.keys.get(message.kid)
    if key is None or key.member != message.iss or key.log_until is not None:
        refusal = Refusal("trust.key_not_valid", "密钥现已无效", "the key is not valid now")
    elif message.iss not in view.members or view.members[message.iss].status != "active":
        refusal = Refusal("trust.suspended", "该成员已暂停", "the member is suspended")
    else:
        return None
    return Answer(status_of(refusal.code), refusal_body(message, refusal), secret, authentic=False)


def keep(view: View, message: VerifiedMessage, answer: Answer, scope: str, part: str = "") -> Answer:
    """Store the answer under the message's id, so that a repeat gets the same; it is sealed for its scope, or for the `part` named."""
    view.add_message(
        MessageRow(
            message.iss, message.jti, message.content_digest, message.act, scope, view.at_text,
            answer.status, answer.body, answer.secret, answer.leaf, None, message.claims.get("seq"), part,
        )
    )  # fmt: skip
    return answer


def refuse_unlogged(view: View, message: VerifiedMessage, secret: bytes, refusal: Refusal, problems: tuple[Problem, ...] = ()) -> Answer:
    """An authentic message that concerns no open transfer of its sender: signed refusal, `jti` kept, no leaf."""
    return keep(view, message, Answer(status_of(refusal.code), refusal_body(message, refusal, problems), secret), "")


def refuse_logged(case: Case, message: VerifiedMessage, secret: bytes, refusal: Refusal, problems: tuple[Problem, ...] = ()) -> Answer:
    """A party's act that cannot be done: a leaf both parties can see, the transfer unchanged."""
    case.finish_owed_again(message.irt, message.iss)
    told = Refusal(refusal.code, refusal.zh, refusal.en, case.row.state, case.row.ver)
    late = refusal.code == "transfer.wrong_state" and message.act in LATE and case.state in CLOSED
    # A bank that booked what does not stand has to take it back: it is told so, and both sides end alike.
    reverse = late and message.act == Act.POSTED and case.state in {State.WITHDRAWN, State.EXPIRED, State.REJECTED, State.RECALLED}
    body = refusal_body(message, told, problems, {"transfer": case.row.id, **({"reverse": True} if reverse else {})})
    answer = Answer(status_of(refusal.code), body, secret, case.view.next_index)
    type_ = "transfer.late" if late else "transfer.refused"
    leaf = log_act(case, message, answer, (type_,), case.row.state, facts={"code": refusal.code})
    case.save()
    return keep(case.view, message, replace(answer, leaf_data=leaf), case.row.id)


@dataclass(frozen=True, slots=True)
class PartyAct:
    """A party's act on an existing transfer."""

    message: VerifiedMessage
    secret: bytes
    effect: Effect
    wants: Wants
    presiding: Presiding
    new_jti: NewJti
    contents: tuple[ContentRow, ...] = ()

    def apply(self, view: View) -> Answer:
        earlier = earlier_answer(view, self.message, self.secret)
        if earlier is not None:
            return earlier
        case = Case.of(view, self.message.scp or "")
        roles = roles_in(case, self.message.iss, self.presiding)
        if case is None or not roles:
            return refuse_unlogged(view, self.message, self.secret, UNKNOWN)
        before = case.row.state
        rule = allowed(case, self.message, roles)
        done = rule if isinstance(rule, Refusal) else self._act(case, rule)
        if isinstance(done, Refusal):
            return refuse_logged(case, self.message, self.secret, done)
        body = jcs_known(case.body(self.message, done.extra))
        answer = Answer(STATUS_DONE, body, self.secret, view.next_index)
        leaf = log_act(case, self.message, answer, done.leaves, before, reason=done.reason, facts=done.facts, rules=done.rules)
        if case.joined or case.freed or case.voided or case.stained:
            announce(case, self.message, self.new_jti)
        case.save()
        view.put_contents(self.contents)
        return keep(view, self.message, replace(answer, leaf_data=leaf), case.row.id)

    def _act(self, case: Case, rule: Rule) -> Accepted | Refusal:
        if rule.names_ver and self.message.ver != case.row.ver:
            return Refusal("transfer.stale_version", "转移已变化,请按现状重试", "the transfer has moved on; act on its present version")
        return self.effect(case, rule)


@dataclass(frozen=True, slots=True)
class RefusedAct:
    """An authentic message whose contents failed: the refusal of its class, after repeat and role."""

    message: VerifiedMessage
    secret: bytes
    refusal: Refusal
    problems: tuple[Problem, ...]
    wants: Wants
    presiding: Presiding

    def apply(self, view: View) -> Answer:
        earlier = earlier_answer(view, self.message, self.secret)
        if earlier is not None:
            return earlier
        if self.message.act == Act.REQUEST:
            return refuse_unlogged(view, self.message, self.secret, self.refusal, self.problems)
        case = Case.of(view, self.message.scp or "")
        roles = roles_in(case, self.message.iss, self.presiding)
        if case is None or not roles:
            return refuse_unlogged(view, self.message, self.secret, UNKNOWN)
        rule = allowed(case, self.message, roles)
        if isinstance(rule, Refusal):
            return refuse_logged(case, self.message, self.secret, rule)
        return refuse_logged(case, self.message, self.secret, self.refusal, self.problems)


def roles_in(case: Case | None, member: str, presiding: Presiding) -> frozenset[Role]:
    """The roles a member holds in a case; none in a case that does not exist."""
    if case is None:
        return frozenset()
    return case.roles_of(member, presiding(parties_of(case.row)) or "")


def allowed(case: Case, message: VerifiedMessage, roles: frozenset[Role]) -> Rule | Refusal:
    """The table's row for this act here and now.  `held` allows what the state did in which the case was held."""
    rule = rule_for(case.state, Act(message.act), roles)
    if isinstance(rule, Rule) and case.state is State.HELD and rule.act in (UNDECIDED if case.row.decision_jti else DECIDED):
        return HELD_ELSEWHERE
    return rule


def log_act(
    case: Case,
    message: VerifiedMessage,
    answer: Answer,
    types: tuple[str, ...],
    before: str,
    *,
    reason: str = "",
    facts: Mapping[str, str | int | bool] | None = None,
    rules: str = "",
) -> bytes:
    """Append the act's leaves: the first holds envelope, digests and the answer's digest, the others name it as cause.

    Gives back the first one's bytes.
    """
    first = len(case.view.leaves)
    row, view = case.row, case.view
    totals = case.totals()
    more: dict[str, str | int | bool] = {"awarded": totals["awarded"], "uncounted": int(totals["uncounted"]), **(facts or {})}
    if reason:
        more["reason"] = reason
    contested = sum(item.contested for item in case.items)
    if contested:
        more["contested"] = contested
    roles = case.roles_of(message.iss) or frozenset({Role.PRESIDING})
    for n, type_ in enumerate(types):
        seq = case.row.seq
        leaf = Leaf(
            type=type_,
            at=view.at_text,
            scope=row.id,
            seq=seq,
            iss=message.iss,
            jti=message.jti,
            n=n,
            cause=(row.id, seq - n) if n else None,
            state_before=before,
            state_after=row.state if n == len(types) - 1 else before,
            ver=row.ver,
            deadline=row.deadline,
            mapping=_mapping(row.mapping),
            rules=rules,
            totals={name: totals[name] for name in LEAF_TOTALS},
            items=tuple(sorted((item.cm, item.nf, item.state) for item in case.items)),
            facts=more,
            **(signed_fields(message, answer, role_word(roles)) if n == 0 else {}),
        )
        before = leaf.state_after or before
        view.leaves.append(LeafDraft(view.next_index, row.id, seq, message.iss, message.jti, n, leaf_bytes(leaf)))
        case.row = case.row._replace(seq=seq + 1, leaf=view.next_index - 1)
    return view.leaves[first].data


def signed_fields(message: VerifiedMessage, answer: Answer, role: str) -> dict[str, Any]:
    """The members of the leaf that holds an act: who, with which key, which bytes, and what was answered."""
    return {
        "actor": message.iss,
        "role": role,
        "kid": message.kid,
        "envelope": message.token,
        "content": tuple((entry["name"], entry["sd"], entry["length"]) for entry in message.claims["con"]),
        "answer": salted_digest(answer.secret, answer.body),
        "status": answer.status,
    }


def role_word(roles: frozenset[Role]) -> str:
    """`source.facing`: the roles the actor holds, sorted, joined by dots."""
    return ".".join(sorted(roles))


def _mapping(text: str) -> tuple[str, str] | None:
    if not text:
        return None
    identifier, _, version = text.partition("@")
    return identifier, version


LEASE = timedelta(seconds=30)
"""How long a message handed out by mailbox waits for its acknowledgement before it is handed out again."""
