"""Whose turn it is in a case, told from its row alone.  Pure."""

from collections.abc import Mapping

from gateway.model.transfer import Role, State
from gateway.storage.rows import TransferRow

WAITING_ON: Mapping[State, tuple[Role, ...]] = {
    State.CONFIRMING: (Role.SOURCE,),
    State.DELIVERING: (Role.ACCEPTING,),
    State.REVIEWING: (Role.ACCEPTING,),
    State.SUPPLEMENTING: (Role.SOURCE,),
    State.HELD: (Role.PRESIDING,),
}
PRESIDING_UNIT = "presiding"
"""Whose turn it is when it is the presiding unit's: the rota says who that is on the day."""


def waiting_on(row: TransferRow) -> list[str]:
    """The members whose turn it is."""
    state = State(row.state)
    if state is State.POSTING:
        posted = {row.source: row.posted_source, row.accepting: row.posted_accepting}
        return sorted(member for member, done in posted.items() if not done)
    if state is State.DISPUTED:
        return [row.accepting] if row.stage == "accepting" else [PRESIDING_UNIT]
    if state is State.SETTLED and row.deadline is not None:  # an open recall
        return [row.accepting]
    holders = {Role.SOURCE: row.source, Role.ACCEPTING: row.accepting, Role.PRESIDING: PRESIDING_UNIT}
    return sorted(holders[role] for role in WAITING_ON.get(state, ()) if role in holders)
