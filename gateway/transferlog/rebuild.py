"""The state of everything, from the leaves alone: cases, outcomes, and the heads of every other scope.

Fed leaf by leaf in index order, after the same leaves passed an audit.  It remembers where a scope's leaves stand and what they add up
to (about 300 bytes a scope and an outcome); what a leaf says word for word is read again from its index.
Where leaves leave two ends open (a ruling on a contested outcome, a record revoked without an item that moves) the outcome says so,
and whoever compares accepts both: nothing is guessed.  Sentences: docs/transfer-log.md, TL-50 to TL-53.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from gateway.model.transfer import ItemState, State
from gateway.transferlog.erased import SCOPE as PART
from gateway.transferlog.erased import TYPES as ERASED
from gateway.transferlog.erased import also_of
from gateway.transferlog.leaf import Leaf

KEY_BYTES: Final = 16
HOLDING: Final = frozenset({ItemState.CLAIMED, ItemState.RECOGNISED, ItemState.RECALLING})
OPENED: Final = "transfer.requested"
"""Begins the scope of what is ordered about a part's keeping."""
NOT_DONE: Final = frozenset({"transfer.late", "transfer.refused"})
"""Types of acts that changed nothing but the count of leaves."""
REVOKED: Final = "record.revoked"
_NEW_PARTS: Final = frozenset({"transfer.amended", "transfer.supplemented"})
_CONFIRMS: Final = frozenset({"transfer.confirmed", "transfer.rejected"})
_RANK: Final = {state: rank for rank, state in enumerate(("", "closed", "recalled", "refused", "claimed", "recognised", "recalling"))}


def key_of(text: str) -> bytes:
    """What a scope or an outcome is remembered by."""
    return sha256(text.encode("utf-8")).digest()[:KEY_BYTES]


@dataclass(slots=True)
class Scope:
    """One scope's leaves: how many, the first and last index, and for a case what its acts left it in.

    `case` is the last leaf that tells the case's books, `mapped` and `part` the last with a mapping or a part, all -1 where there is
    none.
    """

    first: int
    last: int = -1
    count: int = 0
    case: int = -1
    mapped: int = -1
    part: int = -1
    changed: int = -1
    ver: int = 0
    state: str = ""
    held_from: str = ""
    disputed_from: str = ""
    asks: int = 0
    amends: int = 0
    revoked: bool = False
    decided: int = -1
    posted_source: int = -1
    posted_accepting: int = -1


@dataclass(slots=True)
class Outcome:
    """One outcome: who has it, by which leaf, and every case with an item of it.  `cases` maps a scope's key to that item's state.

    `state` "" where no row need exist.  `contested`: two learners' claims met, or may have.  `void`: it may have been found void.
    """

    state: str = ""
    holder: bytes = b""
    leaf: int = -1
    cases: dict[bytes, str] = field(default_factory=dict)
    contested: bool = False
    void: bool = False

    def give_back(self) -> None:
        self.state, self.holder = "available", b""

    def take(self, state: str, holder: bytes) -> None:
        self.state, self.holder = state, holder

    def holders(self) -> frozenset[bytes]:
        """The cases whose item of it counts still."""
        return frozenset(case for case, state in self.cases.items() if state in HOLDING)


class Rebuild:
    """Give it every leaf once, in order."""

    def __init__(self) -> None:
        self.size = 0
        self.scopes: dict[bytes, Scope] = {}
        self.outcomes: dict[bytes, Outcome] = {}
        self._erased: set[bytes] = set()

    def take(self, index: int, leaf: Leaf) -> None:
        """The leaf at `index`."""
        assert index == self.size
        self.size += 1
        key = key_of(leaf.scope)
        scope = self.scopes.setdefault(key, Scope(index))
        scope.last, scope.count = index, scope.count + 1
        if leaf.type in ERASED:
            self._erased |= {key_of(part) for part in (leaf.scope.removeprefix(PART), *also_of(leaf.facts))}
        if leaf.type == OPENED or (scope.case >= 0 and leaf.ver is not None):
            self._case(key, scope, index, leaf)

    def scope(self, name: str) -> Scope | None:
        return self.scopes.get(key_of(name))

    def erased(self, part: str) -> bool:
        """Whether the log tells that this part was erased."""
        return key_of(part) in self._erased

    def cases(self) -> Iterator[Scope]:
        """Every scope that a request opened."""
        return (scope for scope in self.scopes.values() if scope.case >= 0)

    def _case(self, key: bytes, scope: Scope, index: int, leaf: Leaf) -> None:
        scope.case = index
        if leaf.mapping is not None:
            scope.mapped = index
        if leaf.type in NOT_DONE:
            return
        if any(name == "part" for name, _, _ in leaf.content):
            scope.part = index
        if leaf.ver is not None and leaf.ver > scope.ver:
            scope.ver, scope.changed = leaf.ver, index
        self._steps(scope, index, leaf)
        self._outcomes(key, scope, index, leaf)

    def _steps(self, scope: Scope, index: int, leaf: Leaf) -> None:
        before, after = leaf.state_before or "", leaf.state_after or ""
        if after != before:
            scope.state = after
            scope.held_from = before if after == State.HELD else ""
            opened = State.POSTING.value if before == State.HELD else before  # a decision that could not be booked, while held
            scope.disputed_from = opened if after == State.DISPUTED else ""
        roles = leaf.role.split(".")
        match leaf.type:
            case "transfer.asked":
                scope.asks += 1
            case "transfer.amended":
                scope.amends += 1
            case "transfer.decided":
                scope.decided, scope.posted_source, scope.posted_accepting = index, -1, -1
            case "transfer.remitted":
                scope.decided = scope.posted_source = scope.posted_accepting = -1
            case "transfer.posted" if "source" in roles:
                scope.posted_source = index
            case "transfer.posted" if _booked(leaf):
                scope.posted_accepting = index
            case _:
                pass

    def _outcomes(self, key: bytes, scope: Scope, index: int, leaf: Leaf) -> None:
        for nf, state in _strongest(leaf).items():
            outcome = self.outcomes.setdefault(key_of(nf), Outcome())
            before = outcome.cases.get(key, "")
            outcome.cases[key] = state
            _move(outcome, key, before, state, index, leaf)
            renewed = state not in HOLDING and before != state and (leaf.type in _NEW_PARTS or (leaf.type in _CONFIRMS and scope.revoked))
            outcome.void = outcome.void or renewed or leaf.type == REVOKED
        scope.revoked = scope.revoked or leaf.type == REVOKED


def _strongest(leaf: Leaf) -> Mapping[str, str]:
    """Each outcome the leaf names with its item's state; of several items for one, the one that counts."""
    found: dict[str, str] = {}
    for _, nf, state in leaf.items:
        if nf and _RANK.get(state, 0) >= _RANK.get(found.get(nf, ""), 0):
            found[nf] = state
    return found


def _move(outcome: Outcome, case: bytes, before: str, after: str, index: int, leaf: Leaf) -> None:
    """What one item's way from `before` to `after` means for its outcome."""
    if leaf.facts.get("contested", 0) or leaf.type.startswith("outcome."):
        outcome.contested = True
    if after != before:
        _moved(outcome, case, before, after, index, leaf)
    elif after == ItemState.REFUSED and (outcome.holder, outcome.state) == (case, "redeemed") and _booked(leaf):
        outcome.give_back()


def _booked(leaf: Leaf) -> bool:
    """Whether the accepting bank says by it that its decision is booked."""
    return leaf.type == "transfer.posted" and "accepting" in leaf.role.split(".") and "reason" not in leaf.facts


def _moved(outcome: Outcome, case: bytes, before: str, after: str, index: int, leaf: Leaf) -> None:
    mine = outcome.holder == case
    match after:
        case ItemState.CLAIMED:
            if not (mine and outcome.state == "redeemed"):  # recognised before: spent until the reversal is booked
                outcome.take("reserved", case)
                outcome.leaf = index
        case ItemState.RECOGNISED:
            outcome.take("redeemed", case)
        case ItemState.RECALLING if leaf.type == REVOKED and not outcome.contested:
            outcome.take("revoked", b"")
        case ItemState.RECALLED if mine and outcome.state == "redeemed":
            outcome.give_back()
        case ItemState.CLOSED if leaf.type == REVOKED and before == ItemState.CLAIMED and not outcome.contested:
            outcome.take("revoked", b"")
        case ItemState.CLOSED | ItemState.REFUSED if mine:
            if outcome.state == "reserved" or before == ItemState.RECALLING:
                outcome.give_back()
        case _:
            pass
