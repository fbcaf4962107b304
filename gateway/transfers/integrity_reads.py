"""A bank reads integrity flags: in a case of its own, under the learner's consent, or those it has to do with itself.

Every read is a leaf, written in the same transaction that decides the right and gathers the answer: what was read was readable then,
and nothing is told without its leaf.  The leaves of one learner's flags stand in one random scope, which the learner is shown; to
anybody else it says which bank read how many flags of somebody.  Sentences: docs/protocol.md, PR-310 to PR-316.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from gateway.errors import ConsentError, TransferError
from gateway.federation.protocol import GATEWAY_ID, status_of
from gateway.model.canonical import Json, jcs_known
from gateway.model.integrity import FlagState
from gateway.model.ports import IdSource
from gateway.model.transfer import Refusal
from gateway.storage.committer import Committer
from gateway.storage.database import Database
from gateway.storage.flag_rows import FlagConsentRow, FlagRow, FlagShelfRow
from gateway.storage.rows import TransferRow
from gateway.transferlog.leaf import Leaf, leaf_bytes
from gateway.transfers.acts import UNKNOWN, Presiding
from gateway.transfers.answers import Answer
from gateway.transfers.integrity_desk import consent_for_flags
from gateway.transfers.integrity_rights import consent_right, covered_by_consent, presiding_over_flag, readable_by_case, shown_to
from gateway.transfers.integrity_view import flag_json
from gateway.transfers.unit_of_work import Change
from gateway.transfers.view import LeafDraft, View, Wants

PAGE: Final = 50
READ_LEAF: Final = "record.read"


def log_read(view: View, learner: str, member: str, under: str, flags: int, new_jti: Callable[[], str]) -> int:
    """The leaf of one read of one learner's flags; gives back its index."""
    shelf = view.flags.shelves.get(learner) or FlagShelfRow(learner, f"reads:{new_jti()}", 0)
    index, jti = view.next_index, new_jti()
    leaf = Leaf(
        type=READ_LEAF, at=view.at_text, scope=shelf.scope, seq=shelf.seq, iss=GATEWAY_ID, jti=jti, actor=member,
        facts={"what": "integrity", "under": under, "flags": flags},
    )  # fmt: skip
    view.leaves.append(LeafDraft(index, shelf.scope, shelf.seq, GATEWAY_ID, jti, 0, leaf_bytes(leaf)))
    view.flags.put_shelf(shelf._replace(seq=shelf.seq + 1))
    return index


@dataclass(frozen=True, slots=True)
class FlagsShown:
    """Flags that go to an accepting bank with a case are read by it: that delivery is a leaf as well."""

    learner: str
    flags: int
    new_jti: Callable[[], str]

    def log(self, view: View, member: str) -> None:
        log_read(view, self.learner, member, "delivery", self.flags, self.new_jti)


@dataclass(frozen=True, slots=True)
class FlagsRead:
    """One read: decided, logged and answered at once.  What is asked by is a case, a consent or, with neither, the scopes of `own`."""

    member: str
    new_jti: Callable[[], str]
    learners: tuple[str, ...]
    case: str = ""
    permission: FlagConsentRow | None = None
    own: frozenset[str] = frozenset()

    @property
    def wants(self) -> Wants:
        consent = self.permission
        return Wants(
            transfers=(self.case,) if self.case else (),
            consents=((consent.controller, consent.id),) if consent is not None else (),
            flags=self.learners,
        )

    def apply(self, view: View) -> Answer:
        rows, under = self._readable(view)
        if isinstance(rows, Refusal):
            return Answer(status_of(rows.code), jcs_known({"code": rows.code, "zh": rows.zh, "en": rows.en}), b"")
        told = [row for row in rows if shown_to(row, self.member)]
        learners = self.learners if under != "own" else tuple(sorted({row.learner for row in told}))
        leaves: list[Json] = [
            log_read(view, learner, self.member, under, sum(row.learner == learner for row in told), self.new_jti) for learner in learners
        ]
        flags: list[Json] = [flag_json(row) for row in told]
        return Answer(200, jcs_known({"flags": flags, "outcomes": self._outcomes(view), "leaves": leaves}), b"")

    def _outcomes(self, view: View) -> dict[str, Json]:
        """By record, the keys of a case's outcomes on which the reader has a right: what a flag of its own would name."""
        case, items = view.transfers.get(self.case), view.items.get(self.case, ())
        covered = readable_by_case(case, items, self.member, view.at_text) if case is not None else frozenset()
        return {item.record: item.nf for item in items if item.nf in covered}

    def _readable(self, view: View) -> tuple[list[FlagRow] | Refusal, str]:
        rows = [row for learner in self.learners for row in view.flags.of(learner)]
        if self.case:
            case, items = view.transfers.get(self.case), view.items.get(self.case, ())
            covered = readable_by_case(case, items, self.member, view.at_text) if case is not None else frozenset()
            return ([row for row in rows if row.nf in covered] if covered else UNKNOWN), "case"
        if self.permission is not None:
            permission = self.permission
            consent = view.consents.get((permission.controller, permission.id))
            refusal = consent_right(permission, consent, self.member, view.at_text)
            return refusal or [row for row in rows if covered_by_consent(permission, row.source, row.record)], "consent"
        return [row for row in rows if row.scope in self.own and self._concerns(row)], "own"

    def _concerns(self, row: FlagRow) -> bool:
        return self.member in {row.setter, row.appealed_by} or row.state == FlagState.ESCALATED


@dataclass(frozen=True, slots=True)
class IntegrityReads:
    """The reading side for banks.  Each method writes its leaves before it answers."""

    database: Database
    committer: Committer[Change, Answer]
    presiding: Presiding
    ids: IdSource

    async def of_case(self, member: str, transfer: str) -> dict[str, Any]:
        """`{"flags": […], "outcomes": {record: key}, "leaves": […]}`: on the outcomes of a case.

        Raises TransferError(`transfer.unknown`).
        """
        rows = await self.database.fetch("transfers_by_id", ids=json.dumps([transfer]))
        if not rows:
            raise _unknown()
        return await self._read(FlagsRead(member, self.ids.jti, (TransferRow(*rows[0]).learner,), case=transfer))

    async def under_consent(self, member: str, scope: str) -> dict[str, Any]:
        """Those on the records that a consent for this (`integrity`) names.

        Raises TransferError(`transfer.unknown`) for anybody but its recipient, ConsentError once it has ended.
        """
        permission = await consent_for_flags(self.database, scope)
        if permission is None:
            raise _unknown()
        told = await self._read(FlagsRead(member, self.ids.jti, (permission.learner,), permission=permission))
        rows = await self.database.fetch("outcomes_of_source", learner=permission.learner, source=permission.source)
        return told | {"outcomes": {record: nf for record, nf in rows if covered_by_consent(permission, permission.source, record)}}

    async def own(self, member: str, cursor: str = "") -> dict[str, Any]:
        """What the member set or appealed, and what waits for it as presiding unit; newest first, with `next` a page at a time."""
        found = [FlagRow(*row) for row in await self.database.fetch("flags_own", member=member, before=cursor, most=PAGE + 1)]
        page = found[:PAGE]
        ids = json.dumps(sorted({row.transfer for row in page}))
        cases = {row[0]: TransferRow(*row) for row in await self.database.fetch("transfers_by_id", ids=ids)}
        mine = [row for row in page if self._waits_for(row, cases[row.transfer], member)]
        read = FlagsRead(member, self.ids.jti, tuple(sorted({row.learner for row in mine})), own=frozenset(row.scope for row in mine))
        told = await self._read(read) if mine else {"flags": [], "outcomes": {}, "leaves": []}
        return told | {"next": f"{page[-1].changed_at}|{page[-1].scope}" if len(found) > PAGE else None}

    def _waits_for(self, row: FlagRow, case: TransferRow, member: str) -> bool:
        if member in {row.setter, row.appealed_by}:
            return True
        return row.state == FlagState.ESCALATED and presiding_over_flag(row, case, self.presiding) == member

    async def _read(self, change: FlagsRead) -> dict[str, Any]:
        answer = await self.committer.submit(change)
        told: dict[str, Any] = json.loads(answer.body)
        if answer.status == 200:
            return told
        kind = ConsentError if told["code"].startswith(ConsentError.branch) else TransferError
        raise kind(told["code"], told["zh"], told["en"])


def _unknown() -> TransferError:
    return TransferError(UNKNOWN.code, UNKNOWN.zh, UNKNOWN.en)
