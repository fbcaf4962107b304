"""What leaves must say of each other: an audit's second half, after the hashes.

Fed leaf by leaf in index order, it remembers about 20 bytes a leaf (acts seen) and 300 a scope and live outcome, nothing else.
It judges what the log alone can prove; who signed an envelope is the caller's `check` (see `audit`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from gateway.model.transfer import TABLE, ItemState, State
from gateway.transferlog.leaf import Leaf

KEY_BYTES: Final = 16
_REDEEMED: Final = frozenset({ItemState.RECOGNISED, ItemState.RECALLING})
_HOLDING: Final = _REDEEMED | {ItemState.CLAIMED}
_STEPS: Final[Mapping[str, frozenset[tuple[str, str]]]] = {
    "transfer.requested": frozenset({("", State.CONFIRMING), ("", State.DELIVERING)}),
    **{
        kind: frozenset((before, after) for rule in TABLE if kind in rule.leaf for before in rule.states for after in rule.to)
        for kind in sorted({kind for rule in TABLE for kind in rule.leaf})
    },
}
"""Leaf type to the steps the table of acts allows it; a leaf may also leave the state as it is."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a leaf is wrong.  A value: an audit goes on to say which index it was."""

    code: str
    zh: str
    en: str


@dataclass(slots=True)
class _Scope:
    seq: int
    state: str = ""
    ver: int = 0


class SeenActs:
    """A set of 16-byte keys at about 20 bytes each: keys with the same first two bytes stand side by side in one run."""

    def __init__(self) -> None:
        self._shards: dict[bytes, bytearray] = {}

    def add(self, key: bytes) -> bool:
        """Whether it is new."""
        if key in self:
            return False
        self._shards.setdefault(key[:2], bytearray()).extend(key)
        return True

    def __contains__(self, key: bytes) -> bool:
        shard = self._shards.get(key[:2], bytearray())
        found = shard.find(key)
        while found >= 0 and found % KEY_BYTES:
            found = shard.find(key, found + 1)
        return found >= 0


class Continuity:
    """Give it every leaf once, in order; stop at its first fault, after which its memory means nothing."""

    def __init__(self) -> None:
        self._at = ""
        self._acts = SeenActs()
        self._scopes: dict[bytes, _Scope] = {}
        self._holders: dict[bytes, tuple[bytes, bool]] = {}
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
        if not self._acts.add(_act_key(leaf.iss, leaf.jti, leaf.n)):
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
        scope = self._scopes.setdefault(key, _Scope(-1))
        if leaf.seq != scope.seq + 1:
            return Fault("transferlog.seq_broken", "范围内序号不连续或重复", "its seq is not the next one of its scope")
        scope.seq = leaf.seq
        return None

    def _state(self, leaf: Leaf) -> Fault | None:
        scope = self._scopes[_key(leaf.scope)]
        if leaf.ver is not None:
            if leaf.ver < scope.ver:
                return Fault("transferlog.ver_backwards", "版本号倒退", "its ver is below an earlier one of its scope")
            scope.ver = leaf.ver
        before, after = leaf.state_before, leaf.state_after
        if before is None or after is None:
            return None
        if before != scope.state:
            return Fault("transferlog.state_broken", "前状态与前一叶的后状态不符", "its state before is not the one its scope was left in")
        if after != before and leaf.type in _STEPS and (before, after) not in _STEPS[leaf.type]:
            return Fault("transferlog.state_illegal", "动作表不允许此状态变化", "the table of acts does not allow this change of state")
        scope.state = after
        return None

    def _outcomes(self, leaf: Leaf) -> Fault | None:
        holding = [nf for _, nf, state in leaf.items if nf and state in _HOLDING]
        if len(set(holding)) != len(holding):
            return _twice(redeemed=False)
        scope = _key(leaf.scope)
        for _, nf, state in leaf.items:
            key = _key(nf)
            holder, redeemed = self._holders.get(key, (scope, False))
            if not nf or (holder != scope and state not in _HOLDING):
                continue
            if holder != scope:
                return _twice(redeemed=redeemed and state in _REDEEMED)
            if state in _HOLDING:
                self._holders[key] = (scope, state in _REDEEMED)
            elif nf not in holding:
                self._holders.pop(key, None)
        return None


def _twice(*, redeemed: bool) -> Fault:
    if redeemed:
        return Fault("transferlog.outcome_redeemed_twice", "同一成果两次入账", "the same outcome is redeemed twice")
    return Fault("transferlog.outcome_taken_twice", "同一成果同时占用两次", "the same outcome is reserved twice at one time")


def _act_key(iss: str, jti: str, n: int) -> bytes:
    return _key(f"{iss} {jti} {n}")  # neither id may hold a space


def _key(text: str) -> bytes:
    return sha256(text.encode("utf-8")).digest()[:KEY_BYTES]
