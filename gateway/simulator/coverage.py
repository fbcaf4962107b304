"""Which rows of the act table a run has walked, read from its leaves: every (act, role) in each of its states, and to each of its targets.
What is no row, a contest and its ruling, is counted beside them (`contests`).

A leaf says who acted in which role, from where to where; the envelope in it says by which act.  The
gateway's own acts have no envelope and are told by their leaf's type.
"""

import base64
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.model.transfer import TABLE, Act, Role, Rule, State
from gateway.simulator.contests import WANTED as CONTESTS
from gateway.transferlog.leaf import Leaf

OWN_ACTS: Mapping[str, Act] = {
    "transfer.expired": Act.EXPIRE, "transfer.held": Act.HOLD, "transfer.escalated": Act.ESCALATE, "transfer.lapsed": Act.LAPSE,
    "transfer.rescheduled": Act.RESCHEDULE,
}  # fmt: skip
UNDONE = frozenset({"transfer.refused", "transfer.late"})
STATES = frozenset(state.value for state in State)
"""Leaves of other scopes (consents, enquiries) have states of their own, or none."""


@dataclass(frozen=True, slots=True)
class Step:
    """One act that was done.  `leaves` are the types of all its leaves in the transfer; `index` the place of the first in the log."""

    index: int
    transfer: str
    act: Act
    roles: frozenset[Role]
    before: State
    after: State
    leaves: tuple[str, ...]
    letter: bool = False
    """Whether it is an order about a dead letter: that may be given in any state and changes none."""

    def rules(self) -> list[Rule]:
        """The rows that allow it: more than one where the actor holds two roles."""
        return [
            rule
            for rule in TABLE
            if rule.act is self.act
            and rule.role in self.roles
            and self.before in rule.states
            and self.leaves[0] in rule.leaf
            and self.letter is (rule in ABOUT_LETTERS)
            and (self.after is self.before or self.after in rule.to)
        ]


def steps_of(leaves: Sequence[Leaf]) -> list[Step]:
    """Every act done on a transfer that was open before it, in the order of the log."""
    found: dict[tuple[str, str, str], Step] = {}
    for index, leaf in enumerate(leaves):
        if leaf.type in UNDONE or leaf.state_before not in STATES or leaf.state_after not in STATES:
            continue
        key = leaf.scope, leaf.iss, leaf.jti
        known = found.get(key)
        act = known.act if known is not None else _act(leaf)
        if act is None or act is Act.REQUEST or act not in _ACTS:
            continue
        roles = known.roles if known is not None else frozenset(Role(word) for word in leaf.role.split("."))
        before = known.before if known is not None else State(leaf.state_before)
        types = (*(known.leaves if known is not None else ()), leaf.type)
        letter = known.letter if known is not None else "message" in leaf.facts
        place = known.index if known is not None else index
        found[key] = Step(place, leaf.scope, act, roles, before, State(leaf.state_after), types, letter)
    return list(found.values())


_ACTS = frozenset(rule.act for rule in TABLE)
ABOUT_LETTERS = frozenset(rule for rule in TABLE if rule.act in {Act.RETRY, Act.CANCEL} and not rule.to)
"""Orders about a single message, whatever state its transfer is in: one thing to be reached, not one for each state."""


def _act(leaf: Leaf) -> Act | None:
    if not leaf.envelope:
        return OWN_ACTS.get(leaf.type)
    claims = leaf.envelope.split(".")[1]
    return Act(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["act"])


def _named(rule: Rule) -> str:
    return f"{rule.act} {rule.role} ({rule.leaf[0]})" + (" of a dead letter" if rule in ABOUT_LETTERS else "")


def _words(rule: Rule) -> list[str]:
    if rule in ABOUT_LETTERS:
        return ["in any state"]
    return [*(f"in {state}" for state in State if state in rule.states), *(f"to {state}" for state in rule.to)]


def wanted() -> list[str]:
    """What there is to be reached: each row in each state and to each target."""
    return [*dict.fromkeys(f"{_named(rule)} {word}" for rule in TABLE for word in _words(rule))]


def reached(steps: Iterable[Step]) -> Counter[str]:
    """How often each was."""
    met: Counter[str] = Counter()
    for step in steps:
        for rule in step.rules():
            met[f"{_named(rule)} in {'any state' if rule in ABOUT_LETTERS else step.before}"] += 1
            if step.after in rule.to:
                met[f"{_named(rule)} to {step.after}"] += 1
    return met


def table(met: Mapping[str, int]) -> str:
    """For people: a line a row, each state and target with its count."""
    lines = []
    for rule in TABLE:
        name = _named(rule)
        lines.append(f"  {name}: " + " ".join(f"{word.partition(' ')[2]}:{met.get(f'{name} {word}', 0)}" for word in _words(rule)))
    missing = [name for name in wanted() if not met.get(name)]
    lines.append("  contests: " + ", ".join(f"{name}: {met.get(name, 0)}" for name in CONTESTS))
    lines.append(f"  rows: {len(wanted()) - len(missing)} of {len(wanted())} reached")
    missing += [name for name in CONTESTS if not met.get(name)]
    return "\n".join([*lines, *(f"  not reached: {each}" for each in missing)])
