"""What a run has seen of contested outcomes, read from its leaves: how each came to be contested and how it was cleared."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from gateway.model.transfer import ItemState, State
from gateway.transferlog.leaf import Leaf

AT_OPENING: Final = "contested at opening"
AT_CONFIRM: Final = "contested at confirm"
AFTER_BOOKING: Final = "contested after booking"
FOR_ONE: Final = "cleared for one"
FOR_NONE: Final = "cleared for none"
REVERSAL: Final = "cleared after booking"
PASSED_ON: Final = "passed on after the reversal"
REJECTED: Final = "dismissed with the case's last item"
WANTED: Final = (AT_OPENING, AT_CONFIRM, AFTER_BOOKING, FOR_ONE, FOR_NONE, REVERSAL, PASSED_ON, REJECTED)
"""What there is to be reached."""
CONTESTED, CLEARED = "outcome.contested", "outcome.cleared"
JOINING = {"transfer.requested": AT_OPENING, "transfer.confirmed": AT_CONFIRM}
NOBODY: Final = "none"


def contests(leaves: Sequence[Leaf]) -> Counter[str]:
    """How often each was met."""
    met: Counter[str] = Counter()
    stood: dict[str, dict[str, str]] = {}
    for leaf in leaves:
        before, after = stood.get(leaf.scope, {}), {cm: state for cm, _, state in leaf.items}
        if leaf.type in JOINING and leaf.facts.get("contested"):
            met[JOINING[leaf.type]] += 1
        elif leaf.type == CONTESTED and leaf.state_after == State.SETTLED and ItemState.RECOGNISED in after.values():
            met[AFTER_BOOKING] += 1
        elif leaf.type == CLEARED and leaf.actor:
            met[FOR_NONE if leaf.facts["stands"] == NOBODY else FOR_ONE] += 1
        elif leaf.type == CLEARED:
            met[REVERSAL] += any(state == ItemState.RECALLING != before.get(cm) for cm, state in after.items())
            met[PASSED_ON] += leaf.cause is not None and leaf.cause[0] in stood
            met[REJECTED] += leaf.state_after == State.REJECTED != leaf.state_before
        if leaf.items:
            stood[leaf.scope] = after
    return +met
