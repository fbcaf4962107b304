"""What happens when nobody acts: the gateway's own acts, each only against a deadline that an earlier leaf set.

Every open state has an exit (docs/protocol.md).  The act is decided under the lock: a party that
answered in the meantime wins.  Timers fire only while the wall clock and the monotonic clock
agree within a minute; otherwise the node is not ready and says so, because a clock that jumped
would expire a region's cases at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.model.canonical import jcs_known
from gateway.model.transfer import State
from gateway.transferlog.leaf import Leaf, leaf_bytes
from gateway.transfers.acts import LEAF_TOTALS
from gateway.transfers.answers import Answer
from gateway.transfers.case import Case, utc_text
from gateway.transfers.deadlines import deadline_after
from gateway.transfers.steps import NewJti, tell
from gateway.transfers.view import LeafDraft, View, Wants

CLOCKS_APART_MAX = timedelta(seconds=60)


@dataclass(slots=True)
class ClockGuard:
    """Compares how far the wall clock and the event loop's clock went since the start."""

    wall: Callable[[], datetime]
    monotonic: Callable[[], float]
    _wall_start: datetime
    _monotonic_start: float

    @classmethod
    def start(cls, wall: Callable[[], datetime], monotonic: Callable[[], float]) -> "ClockGuard":
        return cls(wall, monotonic, wall(), monotonic())

    def apart(self) -> timedelta:
        """How far the two clocks have drifted from each other since the start; never negative."""
        walked = self.wall() - self._wall_start
        return abs(walked - timedelta(seconds=self.monotonic() - self._monotonic_start))

    def agree(self) -> bool:
        return self.apart() <= CLOCKS_APART_MAX


@dataclass(frozen=True, slots=True)
class Lapsed:
    """A transfer's deadline has passed, as far as the reader saw."""

    transfer: str
    gateway: str
    jti: str
    new_jti: NewJti

    @property
    def wants(self) -> Wants:
        return Wants(transfers=(self.transfer,))

    def apply(self, view: View) -> Answer:
        case = Case.of(view, self.transfer)
        if case is None or case.row.deadline is None or case.row.deadline > view.at_text:
            return Answer(409, b"{}", b"")
        before, cause = case.row.state, case.row.seq - 1
        type_ = self._exit(case)
        log_gateway_act(case, self.gateway, self.jti, type_, before, cause)
        case.save()
        return Answer(200, jcs_known({"type": type_}), b"")

    def _exit(self, case: Case) -> str:
        """The state's automatic exit; gives back the leaf type."""
        match case.state:
            case State.CONFIRMING | State.REVIEWING:
                return self._expire(case)
            case State.DELIVERING | State.POSTING | State.SETTLED:
                case.row = case.row._replace(held_from=case.row.state)
                case.move(State.HELD)
                return "transfer.held"
            case State.SUPPLEMENTING:
                case.cancel_owed_event("asked")
                case.resume_review()
                tell(case, "not_supplied", self.new_jti, case.row.accepting)
                return "transfer.lapsed"
            case State.HELD:
                return self._held_too_long(case)
            case _:
                return self._dispute_too_long(case)

    def _expire(self, case: Case) -> str:
        seen = case.cancel_owed("forward", "fetch")
        case.close_claimed("expired")
        case.move(State.EXPIRED)
        tell(case, "expired", self.new_jti, *sorted(seen | {case.row.facing}))
        return "transfer.expired"

    def _held_too_long(self, case: Case) -> str:
        if case.row.held_from == State.DELIVERING:
            return self._expire(case)
        case.row = case.row._replace(deadline=None, stage="escalated")
        return "transfer.escalated"

    def _dispute_too_long(self, case: Case) -> str:
        if case.row.stage == "accepting":
            case.to_presiding()
            return "transfer.escalated"
        case.stand(unresolved=True)
        tell(case, "unresolved", self.new_jti, case.row.source, case.row.accepting)
        return "transfer.lapsed"


@dataclass(frozen=True, slots=True)
class Rescheduled:
    """A deadline past the end of the holiday table was a guess; the table has grown since, and the deadline is computed again."""

    transfer: str
    gateway: str
    jti: str

    @property
    def wants(self) -> Wants:
        return Wants(transfers=(self.transfer,))

    def apply(self, view: View) -> Answer:
        case = Case.of(view, self.transfer)
        if case is None or case.row.deadline is None or not case.row.provisional:
            return Answer(409, b"{}", b"")
        deadline, provisional = deadline_after(case.row.due_days, datetime.fromisoformat(case.row.due_since))
        if provisional:
            return Answer(409, b"{}", b"")
        cause = case.row.seq - 1
        case.row = case.row._replace(deadline=utc_text(deadline), provisional=0, warned=0)
        log_gateway_act(case, self.gateway, self.jti, "transfer.rescheduled", case.row.state, cause)
        case.save()
        return Answer(200, b"{}", b"")


@dataclass(frozen=True, slots=True)
class Warned:
    """The people were told that a deadline is near; nothing else changes and no leaf is written."""

    transfer: str
    deadline: str

    @property
    def wants(self) -> Wants:
        return Wants(transfers=(self.transfer,))

    def apply(self, view: View) -> Answer:
        row = view.transfers.get(self.transfer)
        if row is None or row.deadline != self.deadline or row.warned:
            return Answer(409, b"{}", b"")
        view.put_transfer(row._replace(warned=1))
        return Answer(200, b"{}", b"")


def log_gateway_act(case: Case, gateway: str, jti: str, type_: str, before: str, cause: int) -> None:
    """A leaf of the gateway's own, naming the leaf whose deadline it acts on."""
    row, view = case.row, case.view
    totals = case.totals()
    leaf = Leaf(
        type=type_,
        at=view.at_text,
        scope=row.id,
        seq=row.seq,
        iss=gateway,
        jti=jti,
        cause=(row.id, cause),
        actor=gateway,
        role="gateway",
        state_before=before,
        state_after=row.state,
        ver=row.ver,
        deadline=row.deadline,
        totals={name: totals[name] for name in LEAF_TOTALS},
        items=tuple(sorted((item.cm, item.nf, item.state) for item in case.items)),
        facts={"awarded": totals["awarded"], "uncounted": int(totals["uncounted"])},
    )
    view.leaves.append(LeafDraft(view.next_index, row.id, row.seq, gateway, jti, 0, leaf_bytes(leaf)))
    case.row = row._replace(seq=row.seq + 1, leaf=view.next_index - 1)
