"""Bulk actions act on what was seen: a selection is frozen on the server, shown with its counts, and used once, or not at all.

A selection only hands out ids, in order and at most `rate` a second; each act stays an order of its own, signed by the presiding unit
whose selection it is.  To use it is to release it to that unit, who collects it where the key is (`selection_progress`); it may be
paused, go on, or be stopped meanwhile.
It is stale as soon as one of its cases has changed, as the filter would choose otherwise now, or after an hour: then nothing
is handed out.  A selection that gives things up (`cancel`) needs a second person's approval.
The filter is asked again first and the stamps are compared under the write lock, where the use is written down: of two who use one
token at once, one gets the ids.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Final, NamedTuple, TypeAlias

from gateway.model.canonical import jcs
from gateway.model.people import Person
from gateway.model.ports import Clock, IdSource
from gateway.model.transfer import Refusal
from gateway.storage.committer import Committer
from gateway.storage.database import Database
from gateway.storage.selection_row import SelectionRow
from gateway.transferlog.leaf import Fact
from gateway.transfers.acts import Presiding
from gateway.transfers.answers import Answer
from gateway.transfers.operator_acts import Acting
from gateway.transfers.status import nobody
from gateway.transfers.unit_of_work import Change
from gateway.transfers.view import View, Wants
from gateway.transfers.waiting_list import CANCEL, HELD, Sought, Waiting, case_stamp, letter_stamp, waiting

CHOSEN_MAX: Final = 1_000
RATE_MAX: Final = 50
REASON_MAX: Final = 500
LIFE: Final = timedelta(hours=1)
FROZEN, APPROVED, USED, PAUSED, STOPPED = "frozen", "approved", "used", "paused", "stopped"
RELEASED: Final = frozenset({USED, PAUSED, STOPPED})
UNKNOWN = Refusal("transfer.selection_unknown", "没有这个选择", "there is no such selection")
STALE = Refusal("transfer.selection_stale", "所选的案件已有变化,请重新选择", "what was selected has changed meanwhile; select again")
SPENT = Refusal("transfer.selection_used", "此选择已执行过", "this selection was used already")
OTHER_STATE = Refusal("transfer.selection_state", "此选择现在的状态不允许此操作", "this selection does not stand where that can be done")
NEEDS_APPROVAL = Refusal("transfer.selection_approval", "放弃须由另一人批准", "giving up needs a second person's approval")
OWN_APPROVAL = Refusal("transfer.selection_own", "不能批准自己的选择", "nobody approves a selection of his own")
UNFIT = Refusal("transfer.selection_empty", "没有选中可作此动作的内容,或过多", "nothing was selected that allows this action, or too much")
NO_REASON = Refusal("transfer.selection_reason", "须写明理由(不超过 500 字)", "a reason is needed, of at most 500 characters")


class Chosen(NamedTuple):
    """One id of a selection.  `province` is its source bank; `stamp` changes when what it is about changes; `reason` is why it waits."""

    id: str
    transfer: str
    province: str
    stamp: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the operator saw: `kind` held cases or dead letters, narrowed as `Sought` says; `ids` are those that were ticked.

    `unit` is the presiding unit that is to sign: one selection has one.
    """

    kind: str
    action: str
    member: str = ""
    reason: str = ""
    stage: str = ""
    rules: str = ""
    unit: str = ""
    ids: tuple[str, ...] = ()

    def text(self) -> str:
        """The filter as canonical JSON."""
        return jcs({**{name: getattr(self, name) for name in self.__slots__}, "ids": list(self.ids)}).decode()

    @classmethod
    def read(cls, text: str) -> "Wanted":
        found = json.loads(text)
        return cls(**{**found, "ids": tuple(found.get("ids", ()))})

    @property
    def sought(self) -> Sought:
        return Sought(self.kind, self.member, self.stage, self.reason, self.rules, self.unit, self.ids)


class Wish(StrEnum):
    """What is done to a selection."""

    APPROVE = "approve"
    USE = "use"
    PAUSE = "pause"
    GO_ON = "go_on"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Selection:
    """A frozen selection, as the confirm page shows it."""

    token: str
    made_by: str
    made_at: datetime
    wanted: Wanted
    reason: str
    rate: int
    state: str
    approved_by: str
    ids: tuple[str, ...]
    by_province: Mapping[str, int]
    by_reason: Mapping[str, int]
    changed_at: datetime

    @property
    def digest(self) -> str:
        """What the page, the command line and the connector compare: SHA-256 over the action and the ids in order, in hex."""
        return selection_digest(self.wanted.action, self.ids)

    @property
    def count(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class HandedOut:
    """`(id, transfer)` in order, to be acted upon at most `rate` a second."""

    ids: tuple[tuple[str, str], ...]
    reason: str
    rate: int


Outcome: TypeAlias = Selection | HandedOut | Refusal


def selection_digest(action: str, ids: Sequence[str]) -> str:
    return sha256(jcs([action, *ids])).hexdigest()


def shown(row: SelectionRow) -> Selection:
    """A row as the page shows it."""
    chosen = chosen_of(row)
    return Selection(
        row.token, row.made_by, datetime.fromisoformat(row.made_at), Wanted.read(row.filter), row.reason, row.rate, row.state,
        row.approved_by, tuple(each.id for each in chosen), dict(sorted(Counter(each.province for each in chosen).items())),
        dict(sorted(Counter(each.reason for each in chosen).items())), datetime.fromisoformat(row.changed_at),
    )  # fmt: skip


def chosen_of(row: SelectionRow) -> list[Chosen]:
    return [Chosen(*each) for each in json.loads(row.chosen)]


@dataclass(frozen=True, slots=True)
class _Put:
    """Freeze one, or move it on: `apply` decides under the lock."""

    token: str
    who: str
    row: SelectionRow | None = None
    wish: Wish = Wish.USE
    chosen: tuple[Chosen, ...] = ()

    @property
    def wants(self) -> Wants:
        return Wants(selections=(self.token,), transfers=tuple(sorted({each.transfer for each in self.chosen})))

    def apply(self, view: View) -> Answer:
        if self.row is not None:
            view.put_selection(self.row._replace(made_at=view.at_text, changed_at=view.at_text))
            return _said("")
        row = view.selections.get(self.token)
        if row is None:
            return _said(UNKNOWN.code)
        refusal = _barred(row, view, self.who, self.wish)
        if refusal is not None:
            return _said(refusal.code)
        approved_by = self.who if self.wish is Wish.APPROVE else row.approved_by
        view.put_selection(row._replace(state=AFTER[self.wish], approved_by=approved_by, changed_at=view.at_text))
        return _said("")

    def facts(self, view: View) -> Mapping[str, Fact]:
        """What the leaf says of it: how many, and the digest by which whoever signs the orders recognises them."""
        row = view.selections[self.token]
        ids = [each.id for each in chosen_of(row)]
        return {"action": row.action, "n": len(ids), "digest": selection_digest(row.action, ids)}


AFTER: Final[Mapping[Wish, str]] = {
    Wish.APPROVE: APPROVED, Wish.USE: USED, Wish.PAUSE: PAUSED, Wish.GO_ON: USED, Wish.STOP: STOPPED,
}  # fmt: skip
FROM: Final[Mapping[Wish, frozenset[str]]] = {
    Wish.APPROVE: frozenset({FROZEN}),
    Wish.USE: frozenset({FROZEN, APPROVED}),
    Wish.PAUSE: frozenset({USED}),
    Wish.GO_ON: frozenset({PAUSED}),
    Wish.STOP: frozenset({FROZEN, APPROVED, USED, PAUSED}),
}


def _said(code: str) -> Answer:
    return Answer(409 if code else 200, code.encode(), b"")


def _barred(row: SelectionRow, view: View, who: str, wish: Wish) -> Refusal | None:
    """Why this may not be done now."""
    if row.state not in FROM[wish]:
        return SPENT if row.state in RELEASED else OTHER_STATE
    if wish is Wish.APPROVE:
        return OWN_APPROVAL if who == row.made_by else None
    if wish is not Wish.USE:
        return None
    if row.action == CANCEL and row.state != APPROVED:
        return NEEDS_APPROVAL
    old = view.at - datetime.fromisoformat(row.made_at) > LIFE
    return STALE if old or any(_stamp_now(view, row.kind, each) != each.stamp for each in chosen_of(row)) else None


def _stamp_now(view: View, kind: str, chosen: Chosen) -> str:
    case = view.transfers.get(chosen.transfer)
    if case is None:
        return ""
    if kind == HELD:
        return case_stamp(case)
    return next((letter_stamp(row, case) for row in view.owed.get(case.id, ()) if row.jti == chosen.id), "")


REFUSALS: Final = {each.code: each for each in (UNKNOWN, STALE, SPENT, OTHER_STATE, NEEDS_APPROVAL, OWN_APPROVAL)}


@dataclass(frozen=True, slots=True)
class Selections:
    """The use case.  Whatever a person does here is a leaf (`operator_acts`)."""

    database: Database
    committer: Committer[Change, Answer]
    clock: Clock
    ids: IdSource
    presiding: Presiding = nobody

    async def freeze(self, who: Person, wanted: Wanted, reason: str, rate: int = RATE_MAX) -> Selection | Refusal:
        """Choose and remember.  Raises StorageError."""
        if not reason.strip() or len(reason) > REASON_MAX:
            return NO_REASON
        chosen = await self._choose(wanted)
        if not 0 < len(chosen) <= CHOSEN_MAX:
            return UNFIT
        row = SelectionRow(
            self.ids.jti(), who.subject, "", wanted.kind, wanted.action, wanted.text(), reason.strip(), max(1, min(rate, RATE_MAX)),
            json.dumps(chosen), FROZEN, "", "",
        )  # fmt: skip
        await self._acting.do(who, "selection.freeze", row.token, row.reason, _Put(row.token, who.subject, row))
        return await self.find(row.token)

    async def find(self, token: str) -> Selection | Refusal:
        """As it stands."""
        row = await self.row(token)
        return shown(row) if row else UNKNOWN

    async def approve(self, who: Person, token: str) -> Selection | Refusal:
        """A second person agrees."""
        return await self.move(who, token, Wish.APPROVE)

    async def move(self, who: Person, token: str, wish: Wish) -> Selection | Refusal:
        """Anything but `use`, which hands out ids."""
        assert wish is not Wish.USE, "to use is another method"
        row = await self.row(token)
        if row is None:
            return UNKNOWN
        answer = await self._acting.do(who, f"selection.{wish}", token, row.reason, _Put(token, who.subject, wish=wish))
        return REFUSALS[answer.body.decode()] if answer.body else await self.find(token)

    async def use(self, who: Person, token: str) -> HandedOut | Refusal:
        """The ids, once; or why not, and then nothing has happened.  A conflict is `STALE` or `SPENT`."""
        row = await self.row(token)
        if row is None:
            return UNKNOWN
        chosen = tuple(chosen_of(row))
        if row.state not in RELEASED and {each.id for each in await self._choose(Wanted.read(row.filter))} != {each.id for each in chosen}:
            return STALE
        answer = await self._acting.do(who, f"selection.{Wish.USE}", token, row.reason, _Put(token, who.subject, chosen=chosen))
        if answer.body:
            return REFUSALS[answer.body.decode()]
        return HandedOut(tuple((each.id, each.transfer) for each in chosen), row.reason, row.rate)

    async def recent(self, most: int = 50) -> list[Selection]:
        """The newest first."""
        return [shown(SelectionRow(*row)) for row in await self.database.fetch("selections_recent", most=most)]

    async def listed(self, sought: Sought) -> list[Waiting]:
        """What would be chosen from, longest waiting first."""
        return await waiting(self.database, sought, CHOSEN_MAX + 1, self.presiding)

    async def row(self, token: str) -> SelectionRow | None:
        rows = await self.database.fetch("selections_by_token", tokens=json.dumps([token]))
        return SelectionRow(*rows[0]) if rows else None

    @property
    def _acting(self) -> Acting:
        return Acting(self.committer, self.ids)

    async def _choose(self, wanted: Wanted) -> list[Chosen]:
        """What the filter chooses now, longest waiting first; one more than is allowed, so that too much shows."""
        found = [one for one in await self.listed(wanted.sought) if one.may(wanted.action)]
        return [Chosen(one.id, one.transfer, one.source, one.stamp, one.reason) for one in found]
