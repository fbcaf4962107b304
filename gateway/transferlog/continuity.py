"""What leaves must say of each other: an audit's second half, after the hashes.

Fed leaf by leaf in index order, it remembers about 20 bytes a leaf (acts seen) and 40 a scope and live outcome, nothing else.
It judges what the log alone can prove; who signed an envelope is the caller's `check` (see `audit`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from struct import Struct
from typing import Final, NamedTuple

from gateway.model.transfer import BEFORE_DECISION, TABLE, ItemState, State
from gateway.transferlog.leaf import Leaf
from gateway.transferlog.packed import KEY_BYTES, PackedMap

_SCOPE: Final = Struct(">qIQ")
_REDEEMED_THERE: Final = b"\1"
_REDEEMED: Final = frozenset({ItemState.RECOGNISED, ItemState.RECALLING})
_HOLDING: Final = _REDEEMED | {ItemState.CLAIMED}
_STEPS: Final[Mapping[str, frozenset[tuple[str, str]]]] = {
    "transfer.requested": frozenset({("", State.CONFIRMING), ("", State.DELIVERING)}),
    **{
        kind: frozenset((before, after) for rule in TABLE if kind in rule.leaf for before in rule.states for after in rule.to)
        for kind in sorted({kind for rule in TABLE for kind in rule.leaf})
    },
    "outcome.contested": frozenset(),
    "outcome.cleared": frozenset((before, State.REJECTED) for before in BEFORE_DECISION | {State.HELD}),
}
"""Leaf type to the steps the table of acts allows it; a leaf may also leave the state as it is."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a leaf is wrong.  A value: an audit goes on to say which index it was."""

    code: str
    zh: str
    en: str


class _Scopes:
    """Where each scope stands, in twenty bytes: seq and ver, and which of the states that were met."""

    def __init__(self) -> None:
        self._rows = PackedMap(_SCOPE.size)
        self._states: dict[str, int] = {}
        self._names: list[str] = []

    def get(self, key: bytes) -> "_Scope | None":
        row = self._rows.get(key)
        if row is None:
            return None
        seq, state, ver = _SCOPE.unpack(row)
        return _Scope(seq, self._names[state], ver)

    def put(self, key: bytes, scope: "_Scope") -> None:
        number = self._states.setdefault(scope.state, len(self._states))
        if number == len(self._names):
            self._names.append(scope.state)
        self._rows.put(key, _SCOPE.pack(scope.seq, number, scope.ver))


class _Scope(NamedTuple):
    seq: int
    state: str = ""
    ver: int = 0


@dataclass(slots=True)
class _Contest:
    """Who claims one outcome, and whether it is redeemed there; `ruled` from the ruling until a claim that it does not know."""

    scopes: dict[bytes, bool]
    ruled: bool = False


class Continuity:
    """Give it every leaf once, in order; stop at its first fault, after which its memory means nothing."""

    def __init__(self) -> None:
        self._at = ""
        self._acts = PackedMap(0)
        self._scopes = _Scopes()
        self._holders = PackedMap(KEY_BYTES + 1)
        self._contests: dict[bytes, _Contest] = {}
        self._rules: tuple[Callable[[Leaf], Fault | None], ...] = (
            self._time,
            self._act,
            self._cause,
            self._place,
            self._state,
            self._outcomes,
        )

    def check(self, leaf: Leaf) -> Fault | None:
        """The first rule that this leaf breaks."""
        for rule in self._rules:
            fault = rule(leaf)
            if fault is not None:
                return fault
        return None

    def _time(self, leaf: Leaf) -> Fault | None:
        # The form is fixed-width UTC, so text order is time order.
        if leaf.at < self._at:
            return Fault("transferlog.time_backwards", "时间早于前一叶", "its time is before the previous leaf's")
        self._at = leaf.at
        return None

    def _act(self, leaf: Leaf) -> Fault | None:
        if leaf.n and _act_key(leaf.iss, leaf.jti, leaf.n - 1) not in self._acts:
            return Fault("transferlog.act_broken", "同一动作的前一叶不存在", "the act's previous leaf is not there")
        if not self._acts.put(_act_key(leaf.iss, leaf.jti, leaf.n)):
            return Fault("transferlog.act_repeated", "同一动作(iss, jti, n)重复出现", "the same (iss, jti, n) stands in an earlier leaf")
        return None

    def _cause(self, leaf: Leaf) -> Fault | None:
        if leaf.cause is None:
            return None
        scope, seq = leaf.cause
        earlier = self._scopes.get(_key(scope))
        if earlier is None or earlier.seq < seq:
            return Fault("transferlog.cause_unknown", "所称起因不在之前的叶中", "the leaf it names as its cause is not an earlier one")
        return None

    def _place(self, leaf: Leaf) -> Fault | None:
        key = _key(leaf.scope)
        scope = self._scopes.get(key) or _Scope(-1)
        if leaf.seq != scope.seq + 1:
            return Fault("transferlog.seq_broken", "范围内序号不连续或重复", "its seq is not the next one of its scope")
        self._scopes.put(key, scope._replace(seq=leaf.seq))
        return None

    def _state(self, leaf: Leaf) -> Fault | None:
        key = _key(leaf.scope)
        scope = self._scopes.get(key)
        assert scope is not None, "`_place` has put it there"
        if leaf.ver is not None:
            if leaf.ver < scope.ver:
                return Fault("transferlog.ver_backwards", "版本号倒退", "its ver is below an earlier one of its scope")
            scope = scope._replace(ver=leaf.ver)
        before, after = leaf.state_before, leaf.state_after
        if before is not None and after is not None:
            if before != scope.state:
                return Fault(
                    "transferlog.state_broken", "前状态与前一叶的后状态不符", "its state before is not the one its scope was left in"
                )
            if after != before and leaf.type in _STEPS and (before, after) not in _STEPS[leaf.type]:
                return Fault("transferlog.state_illegal", "动作表不允许此状态变化", "the table of acts does not allow this change of state")
            scope = scope._replace(state=after)
        self._scopes.put(key, scope)
        return None

    def _outcomes(self, leaf: Leaf) -> Fault | None:
        holding = [nf for _, nf, state in leaf.items if nf and state in _HOLDING]
        if len(set(holding)) != len(holding):
            return _twice(redeemed=False)
        scope = _key(leaf.scope)
        if leaf.type == "outcome.cleared" and scope in self._contests:
            self._contests[scope].ruled = True
            self._settle(scope)
        joins = bool(leaf.facts.get("contested", 0))
        for _, nf, state in leaf.items:
            if nf:
                judge = self._claim if _key(nf) in self._contests else self._hold
                fault = judge(_key(nf), scope, state, held=nf in holding, joins=joins)
                if fault is not None:
                    return fault
        return None

    def _hold(self, key: bytes, scope: bytes, state: str, *, held: bool, joins: bool) -> Fault | None:
        """One item of an outcome that one transfer at most may hold.  `held`: by this or another item of the leaf."""
        holder, redeemed = self._holder(key, scope)
        if holder != scope and joins and state == ItemState.CLAIMED:
            self._contests[key] = _Contest({holder: redeemed, scope: False})
            self._holders.pop(key)
        elif holder != scope:
            return _twice(redeemed=redeemed and state in _REDEEMED) if state in _HOLDING else None
        elif state in _HOLDING:
            self._holders.put(key, _held(scope, redeemed=state in _REDEEMED))
        elif not held:
            self._holders.pop(key)
        return None

    def _holder(self, key: bytes, scope: bytes) -> tuple[bytes, bool]:
        """Who holds the outcome and whether it is redeemed there; `scope` itself where nobody does."""
        row = self._holders.get(key)
        return (scope, False) if row is None else (row[:KEY_BYTES], row[KEY_BYTES:] == _REDEEMED_THERE)

    def _claim(self, key: bytes, scope: bytes, state: str, *, held: bool, joins: bool) -> Fault | None:
        """One item of a contested outcome.  A leaf that says so may join the contest; nobody redeems it before the ruling."""
        contest = self._contests[key]
        redeemed = state in _REDEEMED
        if state not in _HOLDING:
            if not held:
                contest.scopes.pop(scope, None)
        elif scope not in contest.scopes:
            if redeemed or not joins:
                return _twice(redeemed=redeemed and any(contest.scopes.values()))
            contest.scopes[scope] = contest.ruled = False
        elif redeemed and not contest.scopes[scope] and not (contest.ruled and len(contest.scopes) == 1):
            return Fault(
                "transferlog.outcome_contested", "有争议的成果未经裁定即入账", "a contested outcome is redeemed before it was ruled on"
            )
        else:
            contest.scopes[scope] = redeemed
        self._settle(key)
        return None

    def _settle(self, key: bytes) -> None:
        """A ruled contest in which at most one claim is left is over."""
        contest = self._contests[key]
        if contest.ruled and len(contest.scopes) <= 1:
            del self._contests[key]
            for scope, redeemed in contest.scopes.items():
                self._holders.put(key, _held(scope, redeemed=redeemed))


class ScopeContinuity(Continuity):
    """The same questions to the leaves of one scope alone, in order: time, place, state, and causes within the scope.

    What only the whole log can answer is not asked: whether an act or an outcome stands elsewhere.
    """

    def __init__(self) -> None:
        super().__init__()
        self._rules = (self._time, self._own_act, self._own_cause, self._place, self._state)

    def _own_act(self, leaf: Leaf) -> Fault | None:
        if self._acts.put(_act_key(leaf.iss, leaf.jti, leaf.n)):
            return None
        return Fault("transferlog.act_repeated", "同一动作(iss, jti, n)重复出现", "the same (iss, jti, n) stands in an earlier leaf")

    def _own_cause(self, leaf: Leaf) -> Fault | None:
        return self._cause(leaf) if leaf.cause is not None and leaf.cause[0] == leaf.scope else None


def _twice(*, redeemed: bool) -> Fault:
    if redeemed:
        return Fault("transferlog.outcome_redeemed_twice", "同一成果两次入账", "the same outcome is redeemed twice")
    return Fault("transferlog.outcome_taken_twice", "同一成果同时占用两次", "the same outcome is reserved twice at one time")


def _held(scope: bytes, *, redeemed: bool) -> bytes:
    return scope + (_REDEEMED_THERE if redeemed else b"\0")


def _act_key(iss: str, jti: str, n: int) -> bytes:
    return _key(f"{iss} {jti} {n}")  # neither id may hold a space


def _key(text: str) -> bytes:
    return sha256(text.encode("utf-8")).digest()[:KEY_BYTES]
